# %% [markdown]
# # What limits a model on your CPU?
#
# "Generating text is memory-bound: buy bandwidth, quantize, and it gets faster in proportion." After this lab you can
# say when that holds, when it does not, and how to find out on any machine: which resource a model waits for, how fast it
# could be at best, and what a conversation's length does to it.

# %% [markdown]
# **135 minutes, 2 GB of memory, no network.** You measure how fast your memory can be read, and SmolLM2, a language
# model of 135 million parameters, on your own cores. Then your own attention runs a model that was trained for this course.

# %% nbgrader={"grade_id": "start"}
import json
import math
import re
import struct
import time
from math import isclose

import matplotlib.pyplot as plt
import numpy as np
import torch

from course import data, lab, models, plots

lab.start("lab05", cohort="2026")
plots.use_style()

# %% [markdown]
# ## How this lab works
#
# An exercise is four cells: the task, your answer, a cell to try it in, and a check with the worked example. For the
# hidden tests press *Validate*, above the notebook.

# %% [markdown]
# Before it measures, `lab.measure` waits some seconds for a quiet machine. If it says that yours is busy, close what you can,
# and run the cell once more with `again=True`. Whatever you skip is filled in from a reference machine, and says so. If a
# model is missing, `course model fetch smollm2-f16` gets it.

# %% [markdown]
# | word or name | what it is | unit |
# |---|---|---|
# | `weight_bytes` | what all weights of a model take | byte |
# | `kv_bytes_per_token` | keys and values that one token leaves behind | byte |
# | `depth` | tokens that came before the one being made | token |
# | `bandwidth_bytes_per_s` | how fast memory can be read | byte/s |
# | prefill | reading a prompt, all tokens at once | token/s |
# | decode | writing an answer, one token after another | token/s |
# | TTFT, `ttft` | time to the first token | s |
# | TPOT, `tpot` | time per token after the first | s |

# %% [markdown]
# ## 1 · What is in the file?
#
# A model for llama.cpp is one file, GGUF: a header, then facts as keys and values, then the tensors. The first 24 bytes
# are fixed: the letters `GGUF`, a version (4 bytes), the number of tensors and the number of key-value pairs (8 bytes
# each), all unsigned and *little-endian*: the least significant byte comes first.

# %%
with open(models.path("two-bills-code"), "rb") as file:
    print(file.read(24))

# %% [markdown] nbgrader={"grade_id": "ex-5-1-task"}
# **Exercise 5.1 (2 points).** `read_gguf_header(path)` returns a dict with `magic` (the string `"GGUF"`), `version`,
# `n_tensors` and `n_kv`. Raise `ValueError` if the file is shorter than the header, if the magic is another, or if the
# version is not 2 or 3. Models are files of many gigabytes: do not read more than you need.
#
# <details><summary>Hint</summary>`struct.unpack` with the format `"<4sIQQ"`; what it raises is no `ValueError`.</details>

# %% nbgrader={"grade_id": "ex-5-1"}
def read_gguf_header(path):
    """The fixed part of a GGUF file's header."""
    ### BEGIN SOLUTION
    with open(path, "rb") as file:
        content = file.read(24)
    if len(content) < 24:
        raise ValueError(f"{path} ends after {len(content)} bytes: a header has 24")
    magic, version, n_tensors, n_kv = struct.unpack("<4sIQQ", content)
    if magic != b"GGUF" or version not in (2, 3):
        raise ValueError(f"{path} begins with {magic} and version {version}")
    return {"magic": "GGUF", "version": version, "n_tensors": n_tensors, "n_kv": n_kv}
    ### END SOLUTION


# %%
read_gguf_header(models.path("two-bills-code"))  # try it

# %% nbgrader={"grade_id": "test-5-1", "points": 2}
### BEGIN HIDDEN TESTS
from course.checking import LONGEST_STAGED, NOTHING_REFUSED, expect, expect_each, stage
from course.cohort import rng

r = rng("5.1")


def header(version, n_tensors, n_kv, *, magic=b"GGUF", order="<"):
    return struct.pack(f"{order}4sIQQ", magic, version, n_tensors, n_kv)


def reader(layout="<4sIQQ", *, refuses=lambda version: version not in (2, 3), magic=True, short=ValueError, told=bytes.decode):
    """Somebody's read_gguf_header, but for what is said."""
    def read(path):
        with open(path, "rb") as file:
            content = file.read(struct.calcsize(layout))
        if len(content) < struct.calcsize(layout):
            raise short
        begin, version, n_tensors, n_kv = struct.unpack(layout, content)
        if (magic and begin != b"GGUF") or refuses(version):
            raise ValueError(begin, version)
        return {"magic": told(begin), "version": version, "n_tensors": n_tensors, "n_kv": n_kv}

    return read


def any_version(version):
    return False


n_tensors, n_kv = r.whole(2**33, 2**40), r.whole(5, 90)
whole = {
    "of version 3": header(3, n_tensors, n_kv) + r.bytes(r.whole(1, 99)),
    "of version 2": header(2, r.whole(2**9, 2**31), r.whole(2**33, 2**40)) + r.bytes(r.whole(1, 99)),
    "that is a header and no more": header(3, 0, 0),
}
expect_each(read_gguf_header, {f"a file {what}": (stage(f"{i}.gguf", content),) for i, (what, content) in enumerate(whole.items())}).equals(
    reader(), wrong={
        "5.1/big_endian": ("the numbers are little-endian: the least significant byte comes first",
                           reader(">4sIQQ"), reader(">4sIQQ", refuses=any_version)),
        "5.1/counts_of_4_bytes": ("the two counts have 8 bytes each; 4 was version 1", reader("<4sIII")),
        "5.1/magic_in_bytes": ("the magic is asked as a string", reader(told=bytes)),
    })
nonsense = {
    "of 23 bytes": header(3, 7, 5)[:23],
    "of 4 bytes": b"GGUF",
    "that is empty": b"",
    "that begins with GGML": header(3, 7, 5, magic=b"GGML"),
    "that begins with gguf": header(3, 7, 5, magic=b"gguf"),
    "of version 1": header(1, 7, 5),
    "of version 4": header(4, 7, 5),
    "of a big-endian machine": header(3, 7, 5, order=">"),
}
expect_each(read_gguf_header, {f"a file {what}": (stage(f"no {i}.gguf", content),) for i, (what, content) in enumerate(nonsense.items())}).raises(
    ValueError, wrong={
        "5.1/nothing_refused": ("a file that is no GGUF of version 2 or 3 is refused by a ValueError", NOTHING_REFUSED,
                                reader(refuses=any_version, magic=False, short=Exception)),
        "5.1/short": ("a file that is too short is refused by a ValueError; a struct.error is not one", reader(short=Exception)),
        "5.1/version": ("only versions 2 and 3 have this header: refuse the others by a ValueError", reader(refuses=any_version),
                        reader(refuses=lambda version: version < 2), reader(refuses=lambda version: version > 3)),
        "5.1/magic": ("a file that does not begin with GGUF is refused by a ValueError", reader(magic=False), reader(magic=False, told=bytes),
                      reader(magic=False, told=lambda begin: "GGUF")),
    })
huge = stage("huge.gguf", header(3, n_tensors, n_kv), size=LONGEST_STAGED)
expect(read_gguf_header, huge).equals(reader(), wrong={
    "5.1/whole_file": ("this file has a tebibyte: read the 24 bytes, not all of it", MemoryError, TimeoutError),
})
### END HIDDEN TESTS
given = read_gguf_header(models.path("two-bills-code"))
assert given["magic"] == "GGUF", "the course's own model is a GGUF file"

# %% [markdown]
# ### Bytes of weights
#
# A type's name says how many bits a weight takes, nearly: weights are stored in blocks. F32 and F16 are blocks of one weight. The
# others share a scale: in Q4_0, 32 weights take 4 bits each and a scale of 2 bytes, 18 bytes together. A block never reaches
# over the end of a row. Lab 6 takes the blocks apart; here only their size counts.

# %% nbgrader={"grade_id": "given-block"}
BLOCK = {  # type: (weights, bytes)
    "F32": (1, 4), "F16": (1, 2), "Q8_0": (32, 34), "Q4_1": (32, 20), "Q4_0": (32, 18),
    "Q6_K": (256, 210), "Q4_K": (256, 144), "Q2_K": (256, 84),
}

# %% [markdown] nbgrader={"grade_id": "ex-5-2-task"}
# **Exercise 5.2 (2 points).** `gguf_weight_bytes(tensors)` returns the bytes of all weights. `tensors` is a list of
# `(name, type, shape)`, perhaps empty; a shape has one to three numbers, of which `shape[0]` is the length of a row (GGUF writes
# it first, NumPy last). Leave out the padding up to the next multiple of 32 bytes, at which a file begins each tensor. Two
# tensors, Q4_0 of (64, 10) and F32 of (9,), take 396. Raise `ValueError` if a row is not a whole number of blocks.

# %% nbgrader={"grade_id": "ex-5-2"}
def gguf_weight_bytes(tensors):
    """Bytes of all weights of [(name, type, shape), …], padding left out."""
    ### BEGIN SOLUTION
    total = 0
    for name, kind, shape in tensors:
        weights, size = BLOCK[kind]
        if shape[0] % weights:
            raise ValueError(f"{name}: rows of {shape[0]} are not whole blocks of {weights}")
        total += math.prod(shape) // weights * size
    return total
    ### END SOLUTION


# %%
gguf_weight_bytes([("a", "Q4_0", (64, 10)), ("b", "F32", (9,))])  # try it

# %% nbgrader={"grade_id": "test-5-2", "points": 2}
### BEGIN HIDDEN TESTS
from course.checking import NOTHING_REFUSED, expect_each
from course.cohort import rng

r = rng("5.2")


def size(kind, shape):
    return math.prod(shape) // BLOCK[kind][0] * BLOCK[kind][1]


def nominal(kind, shape):
    return math.prod(shape) * int(re.search(r"\d+", kind)[0]) / 8


def summed(size=size, *, checked=lambda shape: shape[0]):
    """Somebody's gguf_weight_bytes, which holds some number of each shape to whole blocks."""
    def total(tensors):
        for name, kind, shape in tensors:
            if checked(shape) % BLOCK[kind][0]:
                raise ValueError(name)
        return sum(size(kind, shape) for _, kind, shape in tensors)

    return total


def model(d, ff, kv, vocabulary, layers, kinds):
    parts = [(d, d), (d, kv), (d, kv), (d, d), (d, ff), (d, ff), (ff, d)]
    shapes = [(d, vocabulary), (d,)] + [(d,), (d,), *parts] * layers
    return [(f"tensor {i}", "F32" if len(s) == 1 else str(r.choice(kinds)), s) for i, s in enumerate(shapes)]


d, ff, kv = (256 * int(n) for n in r.choice(np.arange(1, 9), 3, replace=False))
cases = {
    "a Q4_0 of (64, 9)": [("a", "Q4_0", (64, 9))],
    "SmolLM2 in F16": model(576, 1536, 192, 49152, 30, ["F16"]),
    "a model of all types": model(d, ff, kv, r.whole(999, 9999), 3, list(BLOCK)),
    "an F32 of odd length, a Q8_0 and a Q4_0 of three dimensions": [
        ("norm", "F32", (r.whole(5, 99) * 8 + 1,)), ("a", "Q8_0", (32, 3)), ("b", "Q4_0", (96, 5, 7))],
    "an empty list": [],
}
expect_each(gguf_weight_bytes, {label: (tensors,) for label, tensors in cases.items()}).equals(summed(), wrong={
    "5.2/numpy_order": ("GGUF writes the length of a row first", summed(checked=lambda shape: shape[-1])),
    "5.2/two_bytes": ("not every weight has two bytes: the type says",
                      lambda tensors: sum(2 * math.prod(shape) for _, _, shape in tensors)),
    "5.2/nominal_bits": ("a block holds scales, too: 4 bits are really 4.5 or 5",
                         summed(nominal), summed(lambda kind, shape: int(nominal(kind, shape)))),
    "5.2/padding": ("padding is not weights", summed(lambda kind, shape: -(-size(kind, shape) // 32) * 32)),
})
partial_rows = [[("a", "F16", (3, 5)), ("b", *tensor)] for tensor in (("Q8_0", (48, 64)), ("Q6_K", (576, 256)), ("Q4_1", (16,)))]
expect_each(gguf_weight_bytes, [(tensors,) for tensors in partial_rows]).raises(ValueError, wrong={
    "5.2/nothing_refused": ("a row that is no whole number of blocks is refused by a ValueError", NOTHING_REFUSED),
    "5.2/whole_tensor": ("each row must be whole blocks, not the tensor alone", summed(checked=math.prod)),
})
### END HIDDEN TESTS
assert gguf_weight_bytes([("a", "Q4_0", (64, 10)), ("b", "F32", (9,))]) == 396, (
    "20 blocks of 18, and 9 floats of 4")

# %% [markdown]
# ### Does it reconcile?
#
# A file is its header, up to the first tensor, and the tensors, each rounded up to 32 bytes. Put your sum beside the size
# that the disk reports.

# %% tags=["raises-exception"]
from course.llama import tensors

path = models.path("two-bills-code")
found = tensors.read(path)
begin = min(tensor.offset for tensor in found)
padding = sum(-tensor.n_bytes % 32 for tensor in found)
yours = gguf_weight_bytes([(each.name, each.type, each.shape) for each in found])
print(f"{len(found)} tensors: {begin:,} + {yours:,} of yours + {padding} of padding")
print(f"sum: {begin + yours + padding:,}; on the disk: {path.stat().st_size:,} bytes")

# %% [markdown]
# SmolLM2 has 30 layers, width 576 and a vocabulary of 49,152. By the same arithmetic its weights take 269 MB in 16 bits. You
# will also meet it in two formats of 4 bits. Q4_1 keeps its embedding, a fifth of the model, in 8 bits.

# %% nbgrader={"grade_id": "given-smollm2"}
SMOLLM2_BYTES = {"F16": 269_100_288, "Q4_1": 96_576_768, "Q4_0": 75_785_472}
SMOLLM2_KV = 2 * 30 * 3 * 64 * 2  # keys and values × layers × heads × width × bytes

# %% [markdown]
# ## 2 · How do others measure?
#
# llama.cpp comes with `llama-bench`. It times *prefill* (pp: reading `n_prompt` tokens at once) and *decode* (tg: writing
# `n_gen` tokens, one after the other), after `n_depth` tokens of context, with `n_threads` threads. `-o jsonl` makes it
# print a line a test. This log is of two busy cores; we cut the other thirty fields.

# %% nbgrader={"grade_id": "given-log"}
LOG = """
llama-bench -m SmolLM2-135M-Instruct.F16.gguf -p 256 -n 32 -pg 256,32 -t 1,2 -o jsonl
{"n_prompt": 256, "n_gen": 0, "n_depth": 0, "n_threads": 1,
 "avg_ts": 400.748094, "stddev_ts": 4.618695}
{"n_prompt": 0, "n_gen": 32, "n_depth": 0, "n_threads": 1,
 "avg_ts": 39.563219, "stddev_ts": 0.159287}
{"n_prompt": 256, "n_gen": 32, "n_depth": 0, "n_threads": 1,
 "avg_ts": 146.881267, "stddev_ts": 25.278311}
{"n_prompt": 256, "n_gen": 0, "n_depth": 0, "n_threads": 2,
 "avg_ts": 222.513146, "stddev_ts": 200.355808}
{"n_prompt": 0, "n_gen": 32, "n_depth": 0, "n_threads": 2,
 "avg_ts": 29.014468, "stddev_ts": 22.155435}
{"n_prompt": 256, "n_gen": 32, "n_depth": 0, "n_threads": 2,
 "avg_ts": 98.150077, "stddev_ts": 78.740071}
{"n_prompt": 0, "n_gen": 32, "n_depth": 512, "n_threads": 2,
 "avg_ts": 25.962933, "stddev_ts": 1.921392}
""".replace(",\n ", ", ")  # a line a test, cut here to fit

# %% [markdown] nbgrader={"grade_id": "ex-5-3-task"}
# **Exercise 5.3 (stretch, 1 point).** `parse_bench(text)` returns a dict of five lists, in the order of the log: `phase`
# (`"pp"` where `n_gen` is 0, `"tg"` where `n_prompt` is 0), `threads`, `depth`, `tokens_per_s` (`avg_ts`) and `sd`
# (`stddev_ts`), all digits as they are in the log. Drop the rows that do both, and lines that are not JSON, such as a row cut
# off. `LOG` gives five rows; the first says pp, 1, 0, 400.748094 and 4.618695.

# %% nbgrader={"grade_id": "ex-5-3"}
def parse_bench(text):
    """The prefill and decode rows of a llama-bench log in jsonl."""
    ### BEGIN SOLUTION
    table = {"phase": [], "threads": [], "depth": [], "tokens_per_s": [], "sd": []}
    for line in text.splitlines():
        try:
            row = json.loads(line)
        except json.JSONDecodeError:
            continue
        if row["n_prompt"] and row["n_gen"]:
            continue
        table["phase"].append("pp" if row["n_gen"] == 0 else "tg")
        table["threads"].append(row["n_threads"])
        table["depth"].append(row["n_depth"])
        table["tokens_per_s"].append(row["avg_ts"])
        table["sd"].append(row["stddev_ts"])
    return table
    ### END SOLUTION


# %%
parse_bench(LOG)  # try it

# %% nbgrader={"grade_id": "test-5-3", "points": 1}
### BEGIN HIDDEN TESTS
from course.checking import expect_each
from course.cohort import rng

r = rng("5.3")


def line(n_prompt, n_gen):
    row = {"build_number": 1, "n_threads": r.whole(1, 64), "n_prompt": n_prompt, "n_gen": n_gen, "n_depth": 512 * r.whole(1, 8),
           "avg_ts": r.number(5, 900, digits=7), "stddev_ts": r.number(0.01, 9, digits=7)}
    return json.dumps(row)


def parsed(*, phases=("pp", "tg"), both=None, depth=lambda row: row["n_depth"], digits=12, order=None, strict=False):
    """Somebody's parse_bench."""
    def parse(text):
        rows = []
        for one in text.splitlines():
            try:
                rows.append(json.loads(one))
            except json.JSONDecodeError:
                if strict:
                    raise ValueError from None
        rows = [row for row in rows if both or not (row["n_prompt"] and row["n_gen"])]
        rows = sorted(rows, key=order) if order else rows
        return {"phase": [both if row["n_prompt"] and row["n_gen"] else phases[row["n_prompt"] == 0] for row in rows],
                "threads": [row["n_threads"] for row in rows], "depth": [depth(row) for row in rows],
                "tokens_per_s": [round(row["avg_ts"], digits) for row in rows], "sd": [round(row["stddev_ts"], digits) for row in rows]}

    return parse


lines = [line(*pair) for pair in ((0, 64), (512, 0), (256, 32), (0, r.whole(1, 99)), (r.whole(1, 999), 0), (1, 1), (0, 1))]
logs = {
    "a log of rows alone": "\n".join(lines),
    "a log with other lines": "\n".join(["build: 1 (0c1e570)", "", *lines[:3], '{"n_prompt": 512, "n_ge', *lines[3:], ""]),
    "a log without rows": "llama-bench: no such file\n",
}
expect_each(parse_bench, {label: (text,) for label, text in logs.items()}).equals(parsed(), wrong={
    "5.3/phases_mixed_up": ("a row with n_gen = 0 has only read a prompt: that is pp", parsed(phases=("tg", "pp"))),
    "5.3/keeps_both": ("a row that reads and writes is neither pp nor tg", parsed(both="pp"), parsed(both="tg")),
    "5.3/depth_lost": ("n_depth is not always 0", parsed(depth=lambda row: 0)),
    "5.3/sorted": ("the rows stay in the order of the log", parsed(order=lambda row: row["n_prompt"] == 0)),
    "5.3/not_json": ("a log holds lines that are not JSON: drop them", parsed(strict=True)),
    "5.3/rounded": ("the digits stay as they are in the log", parsed(digits=2)),
})
### END HIDDEN TESTS
assert parse_bench(LOG)["phase"] == ["pp", "tg", "pp", "tg", "tg"], (
    "rows that do both are dropped")

# %% [markdown]
# Two threads were *slower* than one: 29 against 40 token/s, with a standard deviation of 22. Another program held one of the
# cores. llama.cpp's threads wait for each other after every layer, and they wait by spinning, so that one thread without a
# core holds up all. Keep this trap in mind when your own numbers look odd: measure on a quiet machine, or with one thread.

# %% [markdown]
# ## 3 · How fast could it be?
#
# To make one token, every weight is used once, and with it the keys and values of all tokens before. None of that fits in a
# processor's cache, so all of it comes from memory, again for every token. Bytes over bandwidth is the least time that a
# token can take.

# %% [markdown] nbgrader={"grade_id": "ex-5-4-task"}
# **Exercise 5.4 (2 points).** `decode_ceiling(weight_bytes, kv_bytes_per_token, depth, bandwidth_bytes_per_s)` returns the
# token/s that decode cannot exceed after `depth` tokens. 1e9 bytes of weights and 1e5 bytes a token, read at 50e9 byte/s, allow
# 25 token/s at a depth of 10,000.

# %% nbgrader={"grade_id": "ex-5-4"}
def decode_ceiling(weight_bytes, kv_bytes_per_token, depth, bandwidth_bytes_per_s):
    """The token/s at which weights and earlier keys and values take all bandwidth."""
    ### BEGIN SOLUTION
    return bandwidth_bytes_per_s / (weight_bytes + kv_bytes_per_token * depth)
    ### END SOLUTION


# %%
decode_ceiling(1e9, 1e5, 10_000, 50e9)  # try it

# %% nbgrader={"grade_id": "test-5-4", "points": 2}
### BEGIN HIDDEN TESTS
from course.checking import expect_each
from course.cohort import rng

r = rng("5.4")
cases = [
    (r.number(1e9, 1e11), r.number(1e4, 1e6), r.whole(100, 100_000), r.number(1e10, 3e12)),
    (SMOLLM2_BYTES["F16"], SMOLLM2_KV, 4096, 60.4e9),
    (r.number(1e8, 1e9), r.number(1e5, 1e6), r.whole(50_000, 200_000), r.number(1e9, 1e10)),  # slower than a token a second
    (r.number(1e6, 1e7), 23_040, 1, r.number(1e11, 3e12)),
    (r.number(1e8, 1e9), 23_040, 0, r.number(1e10, 1e11)),
]
expect_each(decode_ceiling, cases).close_to(lambda weights, kv, depth, rate: rate / (weights + kv * depth), wrong={
    "5.4/kv_ignored": ("every earlier token's keys and values are read, too", lambda weights, kv, depth, rate: rate / weights),
    "5.4/kv_once": ("kv_bytes_per_token is for one token: how many are there?",
                    lambda weights, kv, depth, rate: rate / (weights + kv)),
    "5.4/weights_per_token": ("the weights are read once for a token, whatever the depth",
                              lambda weights, kv, depth, rate: rate / max(1, depth) / (weights + kv),
                              lambda weights, kv, depth, rate: rate / ((weights + kv) * depth)),
    "5.4/seconds": ("that is seconds per token; token/s are asked", lambda weights, kv, depth, rate: (weights + kv * depth) / rate),
})
### END HIDDEN TESTS
assert isclose(decode_ceiling(1e9, 1e5, 10_000, 50e9), 25), "2e9 bytes at 50e9 byte/s"

# %% [markdown]
# ### How fast can your memory be read?
#
# You are about to sum arrays much larger than any cache, on one core and on more. **Predict** the median with all cores:
# `lab.predict("read_bandwidth", low, high, "GB/s")`. And does one core alone get all of it?
#
# <details><summary>Where to start</summary>A memory module's name says how many million times a second it moves 8 bytes:
# DDR5-4800 moves 4,800 million. A laptop usually has two channels of them, and no program gets all of it.</details>

# %% nbgrader={"grade_id": "predict-read_bandwidth"}
### BEGIN SOLUTION
lab.predict("read_bandwidth", 15, 80, "GB/s")
### END SOLUTION

# %% nbgrader={"grade_id": "given-threads"}
from course.measure import bandwidth

THREADS = bandwidth.default_thread_counts()  # all physical cores first, then fewer


def label(n_threads, depth=0):
    """How a measurement is labelled: "2 threads", "1 thread, depth 512"."""
    threads = f"{n_threads} thread{'s' * (n_threads > 1)}"
    return threads + f", depth {depth}" * (depth > 0)


def medians(record):
    """{(threads, depth): median} of a record that is labelled so."""
    found = {}
    for text, values in record["values"].items():
        if "copy" not in text:
            numbers = [int(number) for number in re.findall(r"\d+", text)]
            found[(*numbers, 0)[:2]] = float(np.median(values))
    return found


# %% tags=["raises-exception"]
lab.measure("read_bandwidth", bandwidth.rates, unit="byte/s");

# %%
reading = medians(lab.record("read_bandwidth"))
most = max(reading.values())
for (n, _), rate in reading.items():
    print(f"{label(n)}: {rate / 1e9:.1f} GB/s, {rate / most:.0%} of the most")

# %% tags=["raises-exception"]
for kind, size in SMOLLM2_BYTES.items():
    top = [decode_ceiling(size, SMOLLM2_KV, depth, most) for depth in (0, 4096)]
    print(f"SmolLM2 {kind}: at most {top[0]:.0f} token/s, {top[1]:.0f} after 4,096")

# %% [markdown]
# ### Does anybody reach the ceiling?
#
# Turn your formula round: a run's token/s and the size of its file tell the bandwidth that it *must* have had. Where two
# formats of one model give the same, memory was the limit. Where the smaller file gives less, something else was. Model files are given in GiB, 2³⁰
# bytes; bandwidth in GB/s, 10⁹.

# %% [markdown] nbgrader={"grade_id": "ex-5-5-task"}
# **Exercise 5.5 (stretch, 1 point).** `effective_bandwidth(tokens_per_s, size_gib)` returns the byte/s at which the weights
# were read. 10 token/s of a model of 2 GiB are 21.47e9 byte/s.

# %% nbgrader={"grade_id": "ex-5-5"}
def effective_bandwidth(tokens_per_s, size_gib):
    """Byte/s of reading `size_gib` GiB for every token."""
    ### BEGIN SOLUTION
    return tokens_per_s * size_gib * 2**30
    ### END SOLUTION


# %%
effective_bandwidth(10, 2)  # try it

# %% nbgrader={"grade_id": "test-5-5", "points": 1}
### BEGIN HIDDEN TESTS
from course import data
from course.checking import expect_each
from course.cohort import rng

r = rng("5.5")
published = data.load("llama_bench")
row = published.iloc[r.whole(0, len(published) - 1)]
cases = [(r.number(1, 500), r.number(0.1, 200)), (r.number(0.01, 0.9), r.number(200, 900)),
         (float(row.tokens_per_s), float(row.size_gib))]
expect_each(effective_bandwidth, cases).close_to(lambda speed, gib: speed * gib * 2**30, wrong={
    "5.5/gb": ("a GiB has 2^30 bytes, not 10^9", lambda speed, gib: speed * gib * 1e9),
    "5.5/other_unit": ("byte/s are asked", lambda speed, gib: speed * gib, lambda speed, gib: speed * gib * 2**30 / 1e9),
    "5.5/divided": ("every token reads the whole model: multiply", lambda speed, gib: gib * 2**30 / speed),
})
### END HIDDEN TESTS
assert isclose(effective_bandwidth(10, 2), 21474836480), "the worked example: 20 GiB/s"

# %% [markdown]
# llama.cpp's own table of formats is of Llama 3.1 8B on one GPU, which it does not name. Here are the sizes of two files.
# **Predict** how many times the token/s of F16 the smaller one decodes:
# `lab.predict("iq1_s_gain", low, high, "times")`.

# %%
formats = data.load("quantization").set_index("type")
big, small = formats.loc["F16"], formats.loc["IQ1_S"]
print(f"F16 {big.size_gib} GiB, IQ1_S {small.size_gib} GiB: "
      f"{big.size_gib / small.size_gib:.1f} times fewer bytes")

# %% nbgrader={"grade_id": "predict-iq1_s_gain"}
### BEGIN SOLUTION
lab.predict("iq1_s_gain", 3, 8, "times")
### END SOLUTION

# %%
gain = small.tg128_tokens_per_s / big.tg128_tokens_per_s
lab.reveal("iq1_s_gain", gain, "times", big.source_title);

# %% [markdown]
# If bandwidth were the limit throughout, the last column would be constant.

# %% tags=["raises-exception"]
for kind in ("F16", "Q8_0", "Q6_K", "Q4_K_M", "Q2_K", "IQ1_S"):
    row = formats.loc[kind]
    must = effective_bandwidth(row.tg128_tokens_per_s, row.size_gib) / 1e9
    print(f"{kind:7s}{row.size_gib:6.2f} GiB {row.tg128_tokens_per_s:6.1f} token/s"
          f" {must:5.0f} GB/s")

# %% [markdown]
# In 16 bits this GPU reads as fast as it ever does, so it waits for its memory. The fewer bits, the lower the bandwidth that it
# needs: there it is busy unpacking. So *decode is memory-bound* is a finding about a format and a machine, to be measured, and
# no law. What about your CPU?

# %% [markdown]
# ## 4 · What does a reader wait for?
#
# Two numbers describe an answer to the one who reads it. **TTFT**, time to first token: from the request until something
# appears, mostly prefill. **TPOT**, time per output token: how fast it goes on. Loading the model comes before the request and
# belongs to neither.

# %% [markdown] nbgrader={"grade_id": "ex-5-6-task"}
# **Exercise 5.6 (2 points).** `ttft_and_tpot(events)` gets a list of `(seconds, kind)` in order of time: perhaps a `"load"`,
# then one `"request"`, then each `"token"`. Return `(ttft, tpot)`: from the request to the first token, and the mean time from a
# token to the next, `math.nan` if there is only one token. Raise `ValueError` if no token came. Request at 2.0, tokens at 2.5,
# 2.6, 2.9: (0.5, 0.2).

# %% nbgrader={"grade_id": "ex-5-6"}
def ttft_and_tpot(events):
    """(Time to first token, time per output token) in seconds."""
    ### BEGIN SOLUTION
    request = next(t for t, kind in events if kind == "request")
    tokens = [t for t, kind in events if kind == "token"]
    if not tokens:
        raise ValueError("no token ever came")
    gaps = len(tokens) - 1
    return tokens[0] - request, (tokens[-1] - tokens[0]) / gaps if gaps else math.nan
    ### END SOLUTION


# %%
ttft_and_tpot([(0.0, "load"), (2.0, "request"),
               (2.5, "token"), (2.6, "token"), (2.9, "token")])  # try it

# %% nbgrader={"grade_id": "test-5-6", "points": 2}
### BEGIN HIDDEN TESTS
from course.checking import NOTHING_REFUSED, expect_each
from course.cohort import rng

r = rng("5.6")


def trace(n, *, load=True, slow=2.0):
    start = r.number(1, 99)
    request = round(start + r.number(1, 9), 3)
    times = np.round(request + np.cumsum(r.uniform(0.01, slow, n)), 3).tolist()
    return [(start, "load")] * load + [(request, "request")] + [(t, "token") for t in times]


def answered(ttft=lambda times, request, events: times[0] - request, tpot=lambda times, request: (times[-1] - times[0]) / (len(times) - 1),
             alone=lambda times, request: math.nan):
    """Somebody's ttft_and_tpot."""
    def answer(events):
        request = next(t for t, kind in events if kind == "request")
        times = [t for t, kind in events if kind == "token"]
        return ttft(times, request, events), (tpot if len(times) > 1 else alone)(times, request)

    return answer


traces = [trace(r.whole(6, 9)), trace(5, slow=90), trace(2), trace(7, load=False)]
expect_each(ttft_and_tpot, [(events,) for events in traces]).close_to(answered(), wrong={
    "5.6/n_gaps": ("n tokens have n - 1 gaps between them", answered(tpot=lambda times, request: (times[-1] - times[0]) / len(times))),
    "5.6/load_included": ("loading the model is over when the request comes",
                          answered(ttft=lambda times, request, events: times[0] - events[0][0])),
    "5.6/from_the_request": ("the first token's wait is the TTFT; TPOT begins after it",
                             answered(tpot=lambda times, request: (times[-1] - request) / len(times))),
    "5.6/clock": ("the clock started before the request: subtract the time of the request", answered(ttft=lambda times, request, events: times[0])),
    "5.6/median_gap": ("the mean gap is asked, not the median",
                       answered(tpot=lambda times, request: float(np.median(np.diff(times))))),
    "5.6/rate": ("that is token/s; the seconds from a token to the next are asked",
                 answered(tpot=lambda times, request: (len(times) - 1) / (times[-1] - times[0]))),
})
expect_each(ttft_and_tpot, [(trace(1),), (trace(1, load=False),)]).close_to(answered(), wrong={
    "5.6/one_token": ("one token has no gap: the TPOT is not a number",
                      *(answered(alone=alone) for alone in (lambda times, request: 0.0, lambda times, request: times[0] - request,
                                                            lambda times, request: math.inf, lambda times, request: 1 / 0))),
})
expect_each(ttft_and_tpot, [(trace(0),), (trace(0, load=False),)]).raises(ValueError, wrong={
    "5.6/nothing_refused": ("without a token there is nothing to tell: say so by a ValueError", NOTHING_REFUSED),
})
### END HIDDEN TESTS
assert np.allclose(
    ttft_and_tpot([(0.0, "load"), (2.0, "request"),
                   (2.5, "token"), (2.6, "token"), (2.9, "token")]), (0.5, 0.2)
), "0.5 s to the first token, then two gaps in 0.4 s"

# %% [markdown]
# ### Ask SmolLM2
#
# You send SmolLM2, in 16 bits, seventeen capitals and a question, 145 tokens, five times, and time its answers with your function.
# **Predict** the time to the first token: `lab.predict("ttft", low, high, "s")`.
#
# <details><summary>Where to start</summary>A token takes about 2 FLOP per parameter, 0.27 GFLOP; lab 1 measured what your cores
# sustain. llama.cpp gets some part of it.</details>

# %% nbgrader={"grade_id": "predict-ttft"}
### BEGIN SOLUTION
lab.predict("ttft", 0.1, 1.0, "s")
### END SOLUTION

# %% nbgrader={"grade_id": "given-prompt"}
CAPITALS = {
    "Tunisia": "Tunis", "Egypt": "Cairo", "Morocco": "Rabat", "Spain": "Madrid",
    "Italy": "Rome", "Greece": "Athens", "Norway": "Oslo", "Poland": "Warsaw",
    "Japan": "Tokyo", "Kenya": "Nairobi", "Peru": "Lima", "Cuba": "Havana",
    "Chile": "Santiago", "Senegal": "Dakar", "Austria": "Vienna",
    "Ireland": "Dublin", "Sweden": "Stockholm",
}
LINES = [f"The capital of {country} is {city}.\n" for country, city in CAPITALS.items()]
PROMPT = "".join(LINES) + "The capital of France is"
print(PROMPT[-80:])

# %% tags=["raises-exception"]
def answer_times():
    """Five answers: seconds to the first token, and from each to the next."""
    from course.llama import generate

    model = models.path("smollm2-f16")
    print(generate.complete(PROMPT, model=model, max_tokens=32).text)
    asked = {"model": model, "max_tokens": 32}
    times = [ttft_and_tpot(generate.events(PROMPT, **asked)) for _ in range(5)]
    return {"first token": [ttft for ttft, _ in times],
            "token after token": [tpot for _, tpot in times]}


lab.measure("ttft", answer_times, unit="s");

# %%
waits = lab.record("ttft")["values"]
first, after = (np.median(waits[text]) for text in ("first token", "token after token"))
print(f"{first:.2f} s to the first token, then one every {after * 1e3:.0f} ms.")
print(f"Reading 145 tokens took as long as writing {first / after:.0f}.")

# %% [markdown]
# If that is far below 145, here is why: the tokens of a prompt go through the model together, so that each weight is fetched once
# for all of them.
#
# And the answer? 135 million parameters know how a list goes on, and little else.

# %% [markdown]
# ### Numbers that repeat
#
# Five repetitions lie behind the log's line of two threads. The course reports the **median** and the **interquartile range** (from
# the 25th percentile to the 75th), after dropping what only warms up: the first run fetches the file from the disk.

# %%
repetitions = [12.4, 53.1, 12.6, 53.5, 13.5]  # token/s
print(f"their mean, {np.mean(repetitions):.1f}, is a speed that it never had")

# %% [markdown] nbgrader={"grade_id": "ex-5-7-task"}
# **Exercise 5.7 (stretch, 1 point).** `summarise(samples, n_warmup=1)` leaves out the first `n_warmup` samples of a list and
# returns `(median, iqr)` of the others, of which there is at least one: the iqr is the 75th percentile less the 25th, by NumPy's
# usual rule. The list itself stays as it is. [9, 1, 2, 3, 4, 50] gives (3, 2).

# %% nbgrader={"grade_id": "ex-5-7"}
def summarise(samples, n_warmup=1):
    """(Median, interquartile range) of what follows the warm-up."""
    ### BEGIN SOLUTION
    q25, median, q75 = np.percentile(samples[n_warmup:], [25, 50, 75])
    return median, q75 - q25
    ### END SOLUTION


# %%
summarise([9, 1, 2, 3, 4, 50])  # try it

# %% nbgrader={"grade_id": "test-5-7", "points": 1}
### BEGIN HIDDEN TESTS
import statistics

from course.checking import expect_each
from course.cohort import rng

r = rng("5.7")


def drop(samples, n_warmup=1):
    return samples[n_warmup:]


def iqr(rest):
    q25, q75 = np.percentile(rest, [25, 75])
    return q75 - q25


def quantiles(rest):
    q25, _, q75 = statistics.quantiles(rest)
    return q75 - q25


def summary(rest=drop, middle=np.median, spread=iqr):
    """Somebody's summarise."""
    def told(samples, *n_warmup):
        kept = rest(samples, *n_warmup)
        return middle(kept), spread(kept) if len(kept) > 1 else 0.0

    return told


def drawn(n):
    samples = [float(f"{x:.4g}") for x in r.lognormal(3, 0.5, n)]
    return [round(5 * max(samples), 2), *samples[1:]]


cases = [(drawn(2 * r.whole(4, 6)),), (drawn(9),), (drawn(10), 4), (drawn(9), 1), (drawn(8), 0), (drawn(4), 2), (drawn(2), 1)]
tried = expect_each(summarise, cases)
tried.close_to(summary(), wrong={
    "5.7/mean": ("the mean follows every outlier: the median is asked", summary(middle=np.mean)),
    "5.7/upper_middle": ("of an even number two are in the middle: the median is their mean",
                         summary(middle=lambda rest: sorted(rest)[len(rest) // 2]),
                         summary(middle=lambda rest: sorted(rest)[(len(rest) - 1) // 2])),
    "5.7/warmup_kept": ("the first samples are warm-up: leave them out", summary(lambda samples, n=1: samples)),
    "5.7/sorted_first": ("leave out the first samples, not the smallest or the largest",
                         summary(lambda samples, n=1: sorted(samples)[n:]),
                         summary(lambda samples, n=1: sorted(samples)[: len(samples) - n])),
    "5.7/one_warmup": ("n_warmup says how many samples to leave out", summary(lambda samples, n=1: samples[1:])),
    "5.7/standard_deviation": ("the interquartile range is asked, not the standard deviation",
                               summary(spread=np.std), summary(spread=lambda rest: np.std(rest, ddof=1))),
    "5.7/other_quartiles": ("NumPy's usual rule is asked; statistics.quantiles has another by default", summary(spread=quantiles)),
})
tried.keeps_arguments()
### END HIDDEN TESTS
assert np.allclose(summarise([9, 1, 2, 3, 4, 50]), (3, 2)), "of 1, 2, 3, 4, 50; 4 - 2"

# %% [markdown]
# ## 5 · Which resource binds?
#
# A rule that needs three measurements. If decode reads, bytes × token/s, at least 0.7 of what memory can deliver to that
# many threads: **bandwidth**. If not, but the speed grew nearly in proportion to the threads: **compute**, more cores would help. Else
# **neither**: waiting for each other, another program, a kernel that does not parallelise.

# %% [markdown] nbgrader={"grade_id": "ex-5-8-task"}
# **Exercise 5.8 (2 points).** `bottleneck(tokens_per_s, bytes_per_token, read_bandwidth)`; the first and the last are dicts by
# thread count, of the same two or more counts in any order. At the largest count: `"bandwidth"` if bytes × speed is at least 0.7
# of the bandwidth there; else `"compute"` if the speed grew, from the smallest count, at least 0.7 times as much as the number of
# threads; else `"neither"`. Speeds `{1: 5, 4: 9}` of 4e9 bytes are bandwidth where 4 threads read 45e9 byte/s.

# %% nbgrader={"grade_id": "ex-5-8"}
def bottleneck(tokens_per_s, bytes_per_token, read_bandwidth):
    """What decode waits for at the largest thread count."""
    ### BEGIN SOLUTION
    few, many = min(tokens_per_s), max(tokens_per_s)
    if bytes_per_token * tokens_per_s[many] >= 0.7 * read_bandwidth[many]:
        return "bandwidth"
    if tokens_per_s[many] / tokens_per_s[few] >= 0.7 * many / few:
        return "compute"
    return "neither"
    ### END SOLUTION


# %%
bottleneck({1: 5, 4: 9}, 4e9, {1: 22e9, 4: 45e9})  # try it

# %% nbgrader={"grade_id": "test-5-8", "points": 2}
### BEGIN HIDDEN TESTS
from course import data
from course.checking import expect_each
from course.cohort import rng

r = rng("5.8")


def first(counted):
    return next(iter(counted))


def last(counted):
    return [*counted][-1]


def fastest(speeds):
    return max(speeds, key=speeds.get)


def judged(*, few=min, many=max, at=None, growth=lambda few, many: many / few, least=0.7, order=("bandwidth", "compute"), over=0.0):
    """Somebody's bottleneck."""
    def judge(speed, size, reading):
        low, high = few(speed), many(speed)
        place = at(speed) if at else high
        holds = {"bandwidth": size * speed[place] >= (0.7 + over) * reading[place],
                 "compute": speed[high] / speed[low] >= (least + over) * growth(low, high)}
        return next((name for name in order if holds[name]), "neither")

    return judge


def between(counts, low, high):
    """A ladder from `low` at the fewest to `high` at the most threads, its counts in no order."""
    few, span = counts[0], math.log(counts[-1] / counts[0])
    return {n: float(f"{low * (high / low) ** (math.log(n / few) / span):.4g}") for n in r.permutation(counts).tolist()}


def drawn(counts, share, of_the_threads):
    growth = r.uniform(*of_the_threads) * counts[-1] / counts[0]
    size, top, share = r.number(1e8, 1e10), r.uniform(5, 200), r.uniform(*share)
    share_of_one = r.uniform(*((0.2, 0.6) if r.random() < 0.5 else (0.75, 0.95)))
    return between(counts, top / growth, top), size, between(counts, size * top / growth / share_of_one, size * top / share)


def falling(counts, share):
    """The most threads are the slowest."""
    top, size = r.uniform(5, 50), r.number(1e8, 1e10)
    slow = top * r.uniform(0.2, 0.8)
    return between(counts, top, slow), size, between(counts, size * top / r.uniform(0.75, 0.95), size * slow / r.uniform(*share))


low, high = (0.1, 0.6), (0.75, 0.98)
shares = [(high, low), (high, high), (low, high), (low, low)]
counted = [(1, 2), (2, 4, 8), (1, 2, 4, 8), (4, 8, 16, 32), (1, 2, 4), (2, 4, 8, 16)]
cases = [drawn(counted[i // 4], *shares[i % 4]) for i in range(24)]
cases += [falling(counts, share) for counts, share in zip(counted, [low, high] * 3, strict=True)]
cases += [
    ({2: 0.9, 1: 0.5}, 1e10, {1: 2e10, 2: 4e10}),  # a model slower than a token a second
    ({2: 7, 1: 6}, 1e9, {1: 2e10, 2: 1e10}),  # 0.7 of the bandwidth
    ({2: 14, 1: 10}, 1e9, {1: 5e10, 2: 1e11}),  # 0.7 of the growth
]
rows_of = data.load("llama_bench").groupby("phase").get_group
for phase, tokens in (("decode", 1), ("prefill", 64)):
    rows = rows_of(phase)
    speed = {int(row.n_threads): float(row.tokens_per_s) for row in rows.itertuples()}
    cases.append((speed, float(rows.size_gib.iloc[0]) * 2**30 / tokens, dict.fromkeys(speed, 70e9)))
expect_each(bottleneck, cases).equals(judged(), wrong={
    "5.8/always_bandwidth": ("decode is not always bound by bandwidth", lambda speed, size, reading: "bandwidth"),
    "5.8/one_thread": ("one core alone cannot use all of the bandwidth: look at the largest count", judged(at=min)),
    "5.8/last_entry": ("the largest count need not be the last in the dict",
                       judged(few=first, many=last), judged(many=last), judged(at=last)),
    "5.8/fastest": ("more threads may be slower: the largest count is asked, not the fastest",
                    judged(many=fastest), judged(at=fastest)),
    "5.8/compute_first": ("the bandwidth comes first: it may bind while the speed still grows", judged(order=("compute", "bandwidth"))),
    "5.8/any_growth": ("faster is not enough: compare with the growth in threads",
                       judged(growth=lambda few, many: 1 / 0.7 + 1e-9), judged(growth=lambda few, many: 1)),
    "5.8/all_growth": ("0.7 times the growth in threads is enough", judged(least=1)),
    "5.8/from_one": ("the smallest count need not be one thread", judged(growth=lambda few, many: many)),
    "5.8/more_than": ("at least 0.7: 0.7 itself is enough", judged(over=1e-9)),
})
### END HIDDEN TESTS
assert bottleneck({1: 5, 4: 9}, 4e9, {1: 22e9, 4: 45e9}) == "bandwidth", "36e9 of 45e9"

# %% [markdown]
# ## 6 · What does the cache of keys and values save?
#
# In each layer a token's *query* is compared with the *keys* of all tokens so far, and the answer is a mean of their *values*,
# weighted by how well the keys fit. Earlier keys and values never change. Keep them, and a new token costs one row of work
# instead of all rows again.

# %% [markdown]
# Models save on the cache: several query heads share one head of keys and values (*grouped-query attention*).
#
# Sections 6 and 7 take an hour together: a good place for a break.

# %% [markdown] nbgrader={"grade_id": "ex-5-9-task"}
# **Exercise 5.9 (2 points).** `attend_cached(q, k_new, v_new, k_cache, v_cache)` makes one step of decode and returns `(out,
# k_cache, v_cache)`, the caches one token longer. Torch tensors: `q`, `out` (n_heads, d); `k_new`, `v_new` (n_kv_heads, d);
# caches (n_kv_heads, t, d), t perhaps 0. Head h uses kv head h // (n_heads / n_kv_heads). Weights are softmax(q · k / √d) over
# all t + 1 tokens, however large the products. Compute in the given dtype, float32 or float64; leave the given tensors as they
# are.

# %% nbgrader={"grade_id": "ex-5-9"}
def attend_cached(q, k_new, v_new, k_cache, v_cache):
    """One step of grouped-query attention: (out, k_cache, v_cache)."""
    ### BEGIN SOLUTION
    k_cache = torch.cat((k_cache, k_new[:, None]), dim=1)
    v_cache = torch.cat((v_cache, v_new[:, None]), dim=1)
    n_kv_heads, _, d = k_cache.shape
    grouped = q.view(n_kv_heads, -1, d)
    weights = torch.softmax(grouped @ k_cache.transpose(1, 2) / math.sqrt(d), dim=-1)
    return (weights @ v_cache).reshape(q.shape), k_cache, v_cache
    ### END SOLUTION


# %%
cache = torch.tensor([[[0.0, 1.0]]])  # one kv head, one token
q, k_new = torch.tensor([[0.0, 0.0], [9.0, 0.0]]), torch.tensor([[1.0, 0.0]])
attend_cached(q, k_new, torch.tensor([[8.0, 4.0]]), cache, cache)[0]  # try it

# %% nbgrader={"grade_id": "test-5-9", "points": 2}
### BEGIN HIDDEN TESTS
from course.checking import expect_each
from course.cohort import rng

r = rng("5.9")


def attended(q, k, v, *, scale=True, tiled=False, naive=False):
    group = len(q) // len(k)
    k, v = (np.tile(x, (group, 1, 1)) if tiled else np.repeat(x, group, 0) for x in (k, v))
    scores = np.einsum("hd,htd->ht", q, k) / (q.shape[1] ** 0.5 if scale else 1)
    with np.errstate(over="ignore", invalid="ignore"):
        weights = np.exp(scores - (0 if naive else scores.max(-1, keepdims=True)))
        return np.einsum("ht,htd->hd", weights / weights.sum(-1, keepdims=True), v)


def step(*, new=True, extended=True, front=False, **how):
    """Somebody's attend_cached, in NumPy."""
    def made(q, k_new, v_new, k_cache, v_cache):
        pairs = ((np.asarray(cache), np.asarray(one)[:, None]) for cache, one in ((k_cache, k_new), (v_cache, v_new)))
        k, v = (np.concatenate(pair[::-1] if front else pair, 1) for pair in pairs)
        seen = (k, v) if new else (np.asarray(k_cache), np.asarray(v_cache))
        return attended(np.asarray(q), *seen, **how), *((k, v) if extended else (np.asarray(k_cache), np.asarray(v_cache)))

    return made


def drawn(n_heads, n_kv, d, t, dtype=torch.float64, size=2):
    shapes = (n_heads, d), (n_kv, d), (n_kv, d), (n_kv, t, d), (n_kv, t, d)
    return tuple(torch.tensor(r.normal(0, size, shape), dtype=dtype) for shape in shapes)


def dtypes(answer):
    return [str(part.dtype).removeprefix("torch.") for part in answer]


of_both = {f"tensors of {dtype}": drawn(4, 2, 6, 3, dtype) for dtype in (torch.float32, torch.float64)}
expect_each(attend_cached, of_both).look("the dtypes of the result", dtypes).equals([["float32"] * 3, ["float64"] * 3], wrong={
    "5.9/dtype": ("compute in the dtype that you are given", [["float32"] * 3] * 2, [["float64"] * 3] * 2,
                  [["float32"] * 3, ["float32", "float64", "float64"]], [["float64", "float32", "float32"], ["float64"] * 3]),
})
steps = {f"{n_heads} heads, {n_kv} of keys and values, width {d}, {t} tokens before": drawn(n_heads, n_kv, d, t)
         for n_heads, n_kv, d, t in ((9, 3, 8, 5), (4, 1, 16, 7), (6, 2, 4, 1), (2, 2, 6, r.whole(2, 9)))}
tried = expect_each(attend_cached, steps)
tried.close_to(step(), rel_tol=1e-6, wrong={
    "5.9/not_scaled": ("divide the products by the root of d", step(scale=False)),
    "5.9/tiled": ("neighbouring query heads share a kv head: 0, 0, 0, 1, 1, 1, not 0, 1, 0, 1", step(tiled=True)),
    "5.9/new_left_out": ("a token also attends to itself", step(new=False)),
    "5.9/not_extended": ("the caches come back one token longer", step(extended=False)),
    "5.9/in_front": ("the new token comes last in the caches", step(front=True)),
})
tried.keeps_arguments()
expect_each(attend_cached, {"no tokens before": drawn(6, 2, 4, 0), "no tokens before, one head": drawn(1, 1, 4, 0)}).close_to(
    step(), rel_tol=1e-6)
expect_each(attend_cached, {"queries and keys a hundred times as large": drawn(4, 2, 8, 3, size=200)}).close_to(step(), rel_tol=1e-6, wrong={
    "5.9/overflow": ("exp of a large product is infinite: take the largest off first, or use torch.softmax", step(naive=True)),
})
n_heads, n_kv, d, t = 6, 2, 4, 5
q, k, v = (r.normal(0, 1, shape) for shape in ((t, n_heads, d), (n_kv, t, d), (n_kv, t, d)))
keys, values = (np.repeat(x, n_heads // n_kv, 0) for x in (k, v))
scores = np.where(np.tri(t, dtype=bool), np.einsum("thd,hsd->hts", q, keys) / 2, -np.inf)
weights = np.exp(scores - scores.max(-1, keepdims=True))
whole = np.einsum("hts,hsd->thd", weights / weights.sum(-1, keepdims=True), values)
one_by_one = {f"token {i + 1} of {t}": tuple(map(torch.tensor, (q[i], k[:, i], v[:, i], k[:, :i], v[:, :i]))) for i in range(t)}
expect_each(attend_cached, one_by_one).close_to(  # step by step it is the attention of all tokens at once
    [(whole[i], k[:, : i + 1], v[:, : i + 1]) for i in range(t)], rel_tol=1e-6)
### END HIDDEN TESTS
assert attend_cached(
    torch.tensor([[0.0, 0.0]]), torch.tensor([[1.0, 0.0]]), torch.tensor([[8.0, 4.0]]),
    torch.tensor([[[0.0, 1.0]]]), torch.tensor([[[0.0, 1.0]]]),
)[0].tolist() == [[4.0, 2.5]], "a query of zeros weighs both values alike"

# %% [markdown]
# ### A language model in forty lines
#
# `two-bills-code` was trained for this course, on Python: 4 layers of width 256, shaped like Llama. These two cells run it by
# hand, and every piece is one that you know or can read: RMSNorm evens out sizes, rotary embedding (RoPE) turns queries and keys by
# their position, SwiGLU is the feed-forward net. Only `attend` is left open. You fill it in.

# %% nbgrader={"grade_id": "given-weights"}
from safetensors.torch import load_file
from tokenizers import Tokenizer

FOLDER = models.folder_of("two-bills-code")
CONFIG = json.loads((FOLDER / "config.json").read_text(encoding="utf-8"))
STORED = load_file(FOLDER / "model.safetensors")
WEIGHTS = {name: tensor.float() for name, tensor in STORED.items()}
TOKENIZER = Tokenizer.from_file(str(FOLDER / "tokenizer.json"))
N_LAYERS, HEAD_DIM = CONFIG["num_hidden_layers"], CONFIG["head_dim"]


def normed(x, weight):
    """RMSNorm."""
    size = x.square().mean(-1, keepdim=True) + CONFIG["rms_norm_eps"]
    return x * torch.rsqrt(size) * weight


def turned(x, positions):
    """RoPE: halves of each head of x, (tokens, heads, head_dim), turned by position."""
    frequencies = CONFIG["rope_theta"] ** (-torch.arange(0, HEAD_DIM, 2) / HEAD_DIM)
    angles = (positions[:, None] * frequencies)[:, None]
    (left, right), cos, sin = x.chunk(2, dim=-1), angles.cos(), angles.sin()
    return torch.cat((left * cos - right * sin, right * cos + left * sin), dim=-1)


# %% nbgrader={"grade_id": "given-forward"}
@torch.no_grad()
def forward(tokens, start, attend):
    """Logits after `tokens`, the first of which is at position `start`.

    `attend(layer, q, k, v)` gets (tokens, heads, head_dim) of each; it gives q's shape.
    """
    n, positions = len(tokens), torch.arange(start, start + len(tokens))
    x = WEIGHTS["model.embed_tokens.weight"][tokens]
    for layer in range(N_LAYERS):
        begins = f"model.layers.{layer}."
        w = {name.removeprefix(begins).removesuffix(".weight"): tensor
             for name, tensor in WEIGHTS.items() if name.startswith(begins)}
        h = normed(x, w["input_layernorm"])
        q, k, v = ((h @ w[f"self_attn.{part}_proj"].T).view(n, -1, HEAD_DIM)
                   for part in "qkv")
        mixed = attend(layer, turned(q, positions), turned(k, positions), v)
        x = x + mixed.reshape(n, -1) @ w["self_attn.o_proj"].T
        h = normed(x, w["post_attention_layernorm"])
        gate = torch.nn.functional.silu(h @ w["mlp.gate_proj"].T)
        x = x + (gate * (h @ w["mlp.up_proj"].T)) @ w["mlp.down_proj"].T
    last = normed(x[-1], WEIGHTS["model.norm.weight"])
    return last @ WEIGHTS["model.embed_tokens.weight"].T


# %% [markdown]
# ### Two ways to attend
#
# With the cache, one token goes in and your function gets its query, key and value with what is kept of the others.
# Without it, all tokens go in again, and each attends to those before it. This is what a decoder without a cache must do for
# every new token.

# %% nbgrader={"grade_id": "given-attend"}
def no_tokens():
    """Caches of all layers, empty."""
    empty = torch.empty(CONFIG["num_key_value_heads"], 0, HEAD_DIM)
    return [(empty, empty)] * N_LAYERS


def with_cache(caches):
    """One token at a time, through your attend_cached; `caches` grow."""

    def attend(layer, q, k, v):
        out, *caches[layer] = attend_cached(q[0], k[0], v[0], *caches[layer])
        return out[None]

    return attend


def without_cache(layer, q, k, v):
    """All tokens at once, each attending to itself and to those before it."""
    group = q.shape[1] // k.shape[1]
    k, v = (x.repeat_interleave(group, dim=1).transpose(0, 1) for x in (k, v))
    out = torch.nn.functional.scaled_dot_product_attention(
        q.transpose(0, 1), k, v, is_causal=True)
    return out.transpose(0, 1)


# %% tags=["raises-exception"]
def written(prompt, n_tokens):
    """The prompt and its greedy continuation, by way of your cache."""
    tokens, caches = TOKENIZER.encode(prompt).ids, no_tokens()
    for position in range(len(tokens) + n_tokens - 1):
        logits = forward(tokens[position : position + 1], position, with_cache(caches))
        if position == len(tokens) - 1:
            tokens.append(int(logits.argmax()))
    return TOKENIZER.decode(tokens)


print(written("def test_", 42))

# %% [markdown]
# It writes like Python and means little, as one would expect of 4 million parameters. It is your attention that it writes with.
#
# How much does the cache save? You are about to time one new token after 64 to 1,024 others (the model was trained on 512; beyond,
# only the time counts). **Predict** the seconds that one token takes *without* a cache at 1,024: `lab.predict("kv_cache", low, high,
# "s")`. The model has 4.2 million parameters, 2 FLOP each per token.

# %% nbgrader={"grade_id": "predict-kv_cache"}
### BEGIN SOLUTION
lab.predict("kv_cache", 0.02, 0.3, "s")
### END SOLUTION

# %% nbgrader={"grade_id": "given-times"}
LENGTHS = (1024, 512, 256, 128, 64)


def timed(tokens, start, caches=None):
    """A function that makes one forward pass and gives its seconds; it is warm."""
    def once():
        attend = with_cache(list(caches)) if caches else without_cache
        begun = time.perf_counter()
        forward(tokens, start, attend)
        return time.perf_counter() - begun

    once()
    return once


def difference(tokens):
    """The largest between our logits, token by token, and those of transformers."""
    from transformers import AutoModelForCausalLM, logging

    logging.disable_progress_bar()
    caches = no_tokens()
    ours = [forward([token], at, with_cache(caches)) for at, token in enumerate(tokens)]
    theirs = AutoModelForCausalLM.from_pretrained(FOLDER, dtype=torch.float32)
    with torch.no_grad():
        logits = theirs(torch.tensor([tokens])).logits[0]
    return (torch.stack(ours) - logits).abs().max().item()


# %% [markdown]
# What is compared is measured in turns, one repetition of each and then the next round: whatever else your machine does then slows
# all of them alike. First your attention is held against the transformers library.

# %% tags=["raises-exception"]
def times_of_one_token():
    """Seconds for one more token, by length and way; checked first."""
    from course.measure import turns

    text = "".join(models.held_out("two-bills-code"))[:20_000]
    tokens = TOKENIZER.encode(text).ids
    off = difference(tokens[:50])
    print(f"largest difference from transformers' logits: {off:.1e}")
    assert off < 1e-3, "attend_cached does not give what the model needs: mend it"
    caches = no_tokens()
    for at in range(max(LENGTHS)):
        forward(tokens[at : at + 1], at, with_cache(caches))
    ways = {}
    for n in LENGTHS:
        kept = [(k[:, : n - 1], v[:, : n - 1]) for k, v in caches]
        ways[f"{n} tokens, without"] = timed(tokens[:n], 0)
        ways[f"{n} tokens, with"] = timed(tokens[n - 1 : n], n - 1, kept)
    return turns.take(ways, repetitions=7)


lab.measure("kv_cache", times_of_one_token, unit="s");

# %%
record = lab.record("kv_cache")
found = {"without": {}, "with": {}}
for text, values in record["values"].items():
    found[text.split()[-1]][int(text.split()[0])] = np.array(values) * 1e3
longest = max(found["with"])
slow, fast = (np.median(found[way][longest]) for way in ("without", "with"))

# %%
fig, ax = plt.subplots()
ends = []
for (way, series), colour, marker in zip(
        found.items(), plots.COLOURS, plots.MARKERS, strict=False):
    middle = {n: np.median(series[n]) for n in sorted(series)}
    for n, values in series.items():
        ax.plot([n] * len(values), values, marker, color=colour, alpha=0.5)
    ax.plot(*zip(*middle.items(), strict=True), "-", marker="", color=colour, lw=1)
    ends.append((longest, middle[longest], f"{way} cache", colour))
ax.set(xscale="log", yscale="log", xlabel="tokens so far",
       ylabel="time for one more token (ms)")
ax.set_xticks(list(middle), [f"{n:,}" for n in middle])
ax.minorticks_off()
plots.log_ticks(ax.yaxis)
plots.label_ends(ax, ends)
ax.set_title(f"One more token after {longest:,}: {slow:.3g} ms without a cache, "
             f"{fast:.3g} ms with it\n({lab.whose(record)})")
plots.show(fig, alt="Time for one more token against the tokens so far, with a cache "
           "of keys and values and without, both axes logarithmic.")

# %% [markdown]
# Without a cache all tokens are computed again, and a text of n tokens takes some n² of work. With it one token is: where that hardly
# grows with the length, it is the overhead of a hundred small calls from Python. Note the trade: the cache turns arithmetic into
# *memory*, which is read for every token. On a large model, that is the second term of your `decode_ceiling`.

# %% [markdown]
# ## 7 · The experiment
#
# Now SmolLM2 in 16 bits, through llama.cpp. Its 269 MB fit into no laptop's cache, so that what you learn about memory is about
# memory. **Predict** decode and prefill in token/s, with all cores, from your ceiling and the time to the first token.

# %% nbgrader={"grade_id": "predict-speed"}
### BEGIN SOLUTION
lab.predict("decode", 20, 200, "token/s")
lab.predict("prefill", 150, 1500, "token/s")
### END SOLUTION

# %% [markdown]
# `speed.Run(path, phase, n_tokens=…, n_threads=…, n_depth=…)` says what is timed: `n_tokens` read at once (`"prefill"`) or written
# one by one (`"decode"`), after `n_depth` others (0 unless said). `speed.in_turns({label: run, …})` warms each up, times all in
# turns, five times, and returns `{label: [token/s, …]}`. Between repetitions the cache is rolled back to `n_depth`. `path` is
# `models.path("smollm2-f16")`.
#
# A person looks at a record that seems impossible; no point is lost for it.

# %% nbgrader={"grade_id": "given-plan"}
from course.llama import speed

DEPTHS = (512, 1024, 2048, 4096)
PLAN = {"model": "smollm2-f16", "weight_bytes": SMOLLM2_BYTES["F16"],
        "n_prompt": 512, "n_gen": 32}
print([label(n) for n in THREADS], [label(THREADS[0], depth) for depth in DEPTHS])

# %% [markdown] nbgrader={"grade_id": "ex-5-10-task"}
# **Exercise 5.10 (2 points).** Measure `prefill` (512 tokens) and `decode` (32) by `lab.measure(what, function, unit="token/s",
# …)`. The function returns what `speed.in_turns` gives for the labels `label(n)`, n in `THREADS`, in that order; for decode also
# `label(THREADS[0], depth)`, depth in `DEPTHS`. Each record carries, as keyword arguments, the facts of `PLAN` and, as `n_depth`,
# the list of its depths: `[0]` for prefill.
#
# Graded with your `read_bandwidth`: are they whole, of one machine, possible? Never how fast. It takes a minute or two.

# %% nbgrader={"grade_id": "ex-5-10"}
### BEGIN SOLUTION
def prefills():
    path = models.path("smollm2-f16")
    return speed.in_turns({label(n): speed.Run(path, "prefill", n_tokens=512, n_threads=n) for n in THREADS})


def decodes():
    path = models.path("smollm2-f16")
    settings = [(n, 0) for n in THREADS] + [(THREADS[0], depth) for depth in DEPTHS]
    return speed.in_turns({
        label(n, depth): speed.Run(path, "decode", n_tokens=32, n_threads=n, n_depth=depth) for n, depth in settings
    })


lab.measure("prefill", prefills, unit="token/s", n_depth=[0], **PLAN)
lab.measure("decode", decodes, unit="token/s", n_depth=[0, *DEPTHS], **PLAN);
### END SOLUTION

# %%
for what in ("read_bandwidth", "prefill", "decode"):  # what you have so far
    print(f"{what}: {lab.measured(what)['median']:.4g}")

# %% nbgrader={"grade_id": "test-5-10", "points": 2}
### BEGIN HIDDEN TESTS
from course.checking import plausible

reading, prefill, decode = (lab.measured(what) for what in ("read_bandwidth", "prefill", "decode"))
for record, unit in ((reading, "byte/s"), (prefill, "token/s"), (decode, "token/s")):
    what = record["what"]
    assert record["unit"] == unit, f"{what} is asked in {unit}, not in {record['unit']}"
    assert isinstance(record["values"], dict), f"{what} is asked as a dict by label, such as {label(2)!r}"
    few = [text for text, values in record["values"].items() if len(values) < 5]
    assert not few, f"{what} has less than five repetitions at {few[0]!r}"
    strange = [text for text in record["values"] if not re.match(r"[1-9]\d* threads?(, (read|copy|depth [1-9]\d*))?$", text)]
    assert not strange, f"{what} is labelled {strange[0]!r}; label(n) says how"
read, prefilled, decoded = (medians(record) for record in (reading, prefill, decode))
known = [n for n, _ in read]
for record, depths in ((prefill, []), (decode, list(DEPTHS))):
    what = record["what"]
    lacking = [text for text in map(label, known) if text not in record["values"]]
    assert not lacking, f"{what} lacks {lacking[0]!r}, with which read_bandwidth was measured"
    assert next(iter(record["values"])) == label(max(known)), f"{what} begins with {label(max(known))!r}: what is first is its median"
    lacking = [text for text in (label(max(known), depth) for depth in depths) if text not in record["values"]]
    assert not lacking, f"{what} lacks {lacking[0]!r}"
    for key, asked in {**PLAN, "n_depth": [0, *depths]}.items():
        assert key in record, f"the record of {what} does not say {key}: it is asked as a keyword argument of lab.measure"
        assert record[key] == asked, f"the record of {what} says that {key} is {record[key]!r}; {asked!r} is asked"
machines = {(record["machine"]["cpu"], record["machine"]["cores"]) for record in (reading, prefill, decode)}
plausible(len(machines) == 1, f"the three records come from {len(machines)} machines: what is compared comes from one")
for n in known:
    plausible(min(read[n, 0], prefilled[n, 0], decoded[n, 0]) > 0, f"a speed of 0 with {label(n)}")
    plausible(prefilled[n, 0] > decoded[n, 0], f"with {label(n)} prefill is slower than decode, which fetches more for each token")
    share = PLAN["weight_bytes"] * decoded[n, 0] / read[n, 0]
    plausible(share < 1.3, f"with {label(n)} decode read {share:.1f} times what memory was measured to deliver")
### END HIDDEN TESTS
assert set(PLAN) <= set(lab.measured("decode")), "decode carries the facts of PLAN"

# %% [markdown]
# ### What limits it?
#
# What is compared comes from one machine: where one of your three records is missing, all are the reference machine's.

# %%
reading, prefill, decode = lab.together("read_bandwidth", "prefill", "decode")
who = lab.whose(decode)
read, prefilled, decoded = medians(reading), medians(prefill), medians(decode)
counts = sorted(n for n, depth in decoded if not depth)
ceiling = {n: read[n, 0] / SMOLLM2_BYTES["F16"] for n in counts}
share = {n: decoded[n, 0] / ceiling[n] for n in counts}
print(f"{who}, {decode['machine']['cpu']}:")
for n in counts:
    print(f"{label(n)}: memory allows {ceiling[n]:.0f} token/s, decode made "
          f"{decoded[n, 0]:.0f}, {share[n]:.0%}")
if max(share.values()) > 1.1:
    print("More than memory delivers: one of the two was measured on a busy machine,\n"
          "or a cache holds the weights. Measure both again before you believe a plot.")

# %%
bench = data.load("llama_bench")
by_threads = bench.set_index("n_threads")
theirs = {phase: by_threads[by_threads.phase == phase].tokens_per_s.to_dict()
          for phase in ("prefill", "decode")}
best = max(theirs["decode"], key=theirs["decode"].get)
own = {"prefill": {n: prefilled[n, 0] for n in counts},
       "decode": {n: decoded[n, 0] for n in counts}, "all bandwidth": ceiling}
theirs["best decode"] = dict.fromkeys(theirs["decode"], theirs["decode"][best])
panels = [
    (own, f"Decode: {share[counts[-1]]:.0%} of what memory allows", who, "F16"),
    (theirs, f"Decode is best with {best} threads", "llama-bench's", "7B Q4_0")]

# %%
looks = ((plots.ORANGE, "s", 1), (plots.BLUE, "o", 1), ("grey", "_", 2))
fig, axes = plt.subplots(1, 2, figsize=(10.5, 4), layout="constrained")
for ax, (series, title, machine, kind) in zip(axes, panels, strict=True):
    ends = []
    for (name, points), (colour, marker, width) in zip(
            series.items(), looks, strict=True):
        ax.plot(*zip(*sorted(points.items()), strict=True), "-", marker=marker,
                color=colour, lw=width)
        ends.append((max(points), points[max(points)], name, colour))
    ax.set(xscale="log", yscale="log", xlabel=f"threads ({machine}, {kind})")
    ax.set_title(title)
    ax.set_xticks(list(points), list(points))
    ax.minorticks_off()
    plots.log_ticks(ax.yaxis)
    plots.label_ends(ax, ends)
axes[0].set_ylabel("speed (token/s)")
plots.show(fig, alt="Token/s of prefill and decode against threads, measured with the "
           "ceiling that bandwidth sets, and in llama.cpp's README, where decode stops "
           "growing at 8 threads and prefill goes on.")

# %% tags=["raises-exception"]
if len(counts) > 1:
    rate = {n: read[n, 0] for n in counts}
    waits_for = bottleneck(own["decode"], SMOLLM2_BYTES["F16"], rate)
    print(f"decode on {who} waits for: {waits_for}")
must = effective_bandwidth(theirs["decode"][best], bench.size_gib.iloc[0]) / 1e9
print(f"llama-bench's machine, with {best} threads: {must:.0f} GB/s of weights")
for n, tokens_per_s in theirs["decode"].items():
    print(f"{n:3d} threads: decode {tokens_per_s:5.2f}, "
          f"prefill {theirs['prefill'][n]:5.2f} token/s")

# %% [markdown]
# On the right nobody wrote down the bandwidth. But decode gains nothing beyond the best count, for no thread makes memory
# faster; prefill uses each weight for 64 tokens and grows on.
#
# On the left, *bandwidth* says that only faster memory or fewer bytes would help, *compute* that more cores would, *neither* that
# threads wait for each other or for somebody else's. The reference machine's one thread gets all of its roof (and 3 % more: so far
# apart are two measurements), its two get three fifths of theirs.

# %% [markdown]
# ### What does a long context cost?
#
# At depth n, the keys and values of n tokens are read, too: 23 kB a token, 94 MB at 4,096, beside 269 MB of weights. **Predict**
# which share of the first token's speed is left at 4,096: `lab.predict("left_at_4096", low, high, "of the speed")`. Your
# `decode_ceiling` says what the bytes allow.

# %% nbgrader={"grade_id": "predict-left_at_4096"}
### BEGIN SOLUTION
lab.predict("left_at_4096", 0.5, 0.8, "of the speed")
### END SOLUTION

# %%
many = max(counts)
depths = sorted(depth for n, depth in decoded if n == many)
here = {depth: decoded[many, depth] for depth in depths}
left = here[depths[-1]] / here[0]
allowed = 1 / (1 + SMOLLM2_KV * depths[-1] / SMOLLM2_BYTES["F16"])
lab.reveal("left_at_4096", left, "of the speed", f"decode on {who}")
print(f"by bytes alone: {allowed:.2f}")

# %%
line = np.linspace(0, depths[-1], 50)
bytes_alone = here[0] / (1 + SMOLLM2_KV * line / SMOLLM2_BYTES["F16"])

fig, ax = plt.subplots()
ax.plot(line, bytes_alone, "-", marker="", color="grey", lw=2)
for depth in depths:
    values = decode["values"][label(many, depth)]
    ax.plot([depth] * len(values), values, "o", color=plots.BLUE, alpha=0.5)
ax.set(xlabel="tokens before (depth)", ylabel="decode (token/s)")
ax.set_ylim(0)
plots.label_ends(ax, [(line[-1], bytes_alone[-1], "by bytes alone", "grey"),
                      (depths[-1], here[depths[-1]], "measured", plots.BLUE)])
ax.set_title(f"{depths[-1]:,} tokens of context leave {left:.0%} of the speed\n"
             f"(F16, {label(many)}, {who})")
plots.show(fig, alt="Decode speed against the number of tokens before, measured, and "
           "the line that the bytes of the cache alone would give.")

# %% [markdown]
# ### Where does the rest go?
#
# Ask as before: what *must* memory or arithmetic have done in the time that was added? For each earlier token, layer and query
# head there are two products of 64 numbers: one with its key, one with its value.

# %%
added_s = 1 / here[depths[-1]] - 1 / here[0]
added_bytes = SMOLLM2_KV * depths[-1]
added_flop = 2 * 2 * 64 * 9 * 30 * depths[-1]  # 9 query heads, 30 layers
prefill_flop_per_s = prefilled[many, 0] * SMOLLM2_BYTES["F16"]  # 2 FLOP in 2 bytes
shares = []
print(f"{added_s * 1e3:.0f} ms more for a token")
for what, amount, top in (("GB/s read", added_bytes, read[many, 0]),
                          ("GFLOP/s computed", added_flop, prefill_flop_per_s)):
    shares.append(amount / added_s / top)
    print(f"{amount / added_s / 1e9:.1f} {what} in that time; it can {top / 1e9:.0f}")
if added_s <= 0:
    print("No slower after a long context: was the machine busy at the start?")
elif max(shares) < 0.3:
    print("It waits for neither memory nor the cores' arithmetic.")
else:
    print("That comes near a limit: bytes or arithmetic explain a good part of it.")

# %% [markdown]
# Does it wait for neither? Then it is the code. For one new token llama.cpp goes through the cache row by row: a product of 64
# numbers, an exponential, a sum of 64 numbers, for each head and each earlier token. At 4,096 that is a million steps, each too
# short to keep a core's arithmetic busy; and the three heads that share a row each fetch it for themselves. A prompt goes through
# it in tiles.

# %% [markdown]
# So a third resource limits decode: how well its code uses the other two.

# %% [markdown]
# ### And in four bits?
#
# A Q4_1 file of SmolLM2 has 97 MB for 269, and a Q4_0 one 76: if bandwidth were all, decode would be 2.8 and 3.6 times as fast. The
# next cell makes the Q4_0 file and times both, in turns with F16. **Predict** Q4_1's token/s with all cores.

# %% nbgrader={"grade_id": "predict-decode_q4"}
### BEGIN SOLUTION
lab.predict("decode_q4", 30, 250, "token/s")
### END SOLUTION

# %% tags=["raises-exception"]
def decode_in_four_bits():
    """Token/s of Q4_1, Q4_0 and F16, on all cores."""
    import tempfile
    from pathlib import Path

    from course.llama import quantize

    with tempfile.TemporaryDirectory() as folder:
        source, q4_0 = models.path("smollm2-f16"), Path(folder) / "smollm2-q4_0.gguf"
        quantize.quantize(source, q4_0, to="Q4_0", pure=True)
        files = {"Q4_1": models.path("smollm2"), "Q4_0": q4_0, "F16": source}
        runs = {kind: speed.Run(path, "decode", n_tokens=32, n_threads=THREADS[0])
                for kind, path in files.items()}
        return speed.in_turns(runs)


lab.measure("decode_q4", decode_in_four_bits, unit="token/s");

# %%
reading, four = lab.together("read_bandwidth", "decode_q4")
who, speeds = lab.whose(four), four["values"]
top = max(medians(reading).values())
typical = {kind: np.median(values) for kind, values in speeds.items()}
for kind, tokens_per_s in typical.items():
    part = tokens_per_s * SMOLLM2_BYTES[kind] / top
    print(f"{kind}: {tokens_per_s:.0f} token/s, {part:.0%} of what memory allows"
          + (": more than it delivers, measure again" if part > 1 else ""))

# %%
sizes = np.geomspace(60, 330, 50)
gain = typical["Q4_1"] / typical["F16"]

fig, ax = plt.subplots()
ax.plot(sizes, top / sizes / 1e6, "-", marker="", color="grey", lw=2)
for kind, values in speeds.items():
    size = SMOLLM2_BYTES[kind] / 1e6
    ax.plot([size] * len(values), values, "o", color=plots.BLUE, alpha=0.5)
    ax.annotate(kind, (size, typical[kind]), (9, -4), textcoords="offset points")
ax.set(xscale="log", yscale="log", xlabel="weights (MB)", ylabel="decode (token/s)")
ax.set_xticks([75, 100, 150, 200, 300], ["75", "100", "150", "200", "300"])
ax.minorticks_off()
plots.log_ticks(ax.yaxis)
plots.label_ends(ax, [(sizes[-1], top / sizes[-1] / 1e6, "all bandwidth", "grey")])
ax.set_title(f"Q4_1 has {SMOLLM2_BYTES['F16'] / SMOLLM2_BYTES['Q4_1']:.1f} times fewer "
             f"bytes than F16, and {gain:.2g} times its speed\n({who})")
plots.show(fig, alt="Decode speed of SmolLM2 in F16, Q4_1 and Q4_0 against the bytes "
           "of its weights, and the line of all the bandwidth.")

# %% [markdown]
# The farther below the line, the more a format waits for something else: for unpacking. Q4_1 is hardly larger than Q4_0, and yet
# slower on all three machines that we tried: llama.cpp has rearranged weights and faster code for Q4_0 on most processors, and none for Q4_1. So which
# format is fast is a property of code and processor, found out by measuring. What four bits cost in quality is lab 6.

# %% [markdown]
# ### What does a token cost here?
#
# "Inference costs 1 to 6 cents per 1,000 tokens", people said (claim C4). Yours costs electricity. How much power would your
# machine have to draw for 1,000 tokens in F16 to cost **one** cent of it? **Predict** the watts:
# `lab.predict("watts_for_a_cent", low, high, "W")`. Your charger says what a laptop draws at most.

# %% nbgrader={"grade_id": "predict-watts_for_a_cent"}
### BEGIN SOLUTION
lab.predict("watts_for_a_cent", 100, 20_000, "W")
### END SOLUTION

# %%
[decode] = lab.together("decode")
energy = data.load("energy")
household = energy[(energy.kind == "electricity price") & (energy.place == "world")]
price = household.set_index("name").loc["World average, household"]
joules_for_a_cent = 0.01 / price.value * 3.6e6  # a kWh has 3.6e6 J
seconds = 1000 / decode["median"]
source = (f"{decode['median']:.0f} token/s on {lab.whose(decode)}, "
          f"{price.value} {price.unit}, {price.source_title}, {price.year}")
lab.reveal("watts_for_a_cent", joules_for_a_cent / seconds, "W", source);

# %% [markdown]
# If your machine draws a hundredth of that, its electricity is a hundredth of the claim's lower end. What this leaves out: the machine
# itself, the hours in which it serves nobody, and that this model is far smaller than those that the claim speaks of. Lab 4
# priced them, lab 7 fills the hours.

# %% [markdown]
# ## 8 · Who tests the test?
#
# A colleague's version of exercise 5.6. It passes whatever begins with the request.

# %% nbgrader={"grade_id": "given-colleague"}
def colleagues_times(events):
    times = [seconds for seconds, kind in events if kind == "token"]
    if len(times) == 0:
        raise ValueError("nothing was written")
    tpot = np.diff(times).mean() if len(times) > 1 else math.nan
    return times[0] - events[0][0], tpot


colleagues_times([(2.0, "request"), (2.5, "token"), (2.6, "token"), (2.9, "token")])

# %% [markdown] nbgrader={"grade_id": "ex-5-11-task"}
# **Exercise 5.11 (stretch, 1 point).** `accepts(f)` is given somebody's `ttft_and_tpot(events)` and returns `True` if it does all
# that exercise 5.6 asks, `False` if not; one that raises what it should not is wrong. It must refuse the colleague's and accept
# your own. It is tried on seventeen that you do not see, some of them twice; a hundred calls of each are enough.

# %% nbgrader={"grade_id": "ex-5-11"}
def accepts(f):
    """Whether `f` computes (ttft, tpot) rightly."""
    ### BEGIN SOLUTION
    trace = [(3.0, "load"), (5.0, "request"), (5.5, "token"), (5.6, "token"), (6.1, "token"), (6.7, "token")]
    try:
        f(trace[:2])
    except ValueError:
        pass
    except Exception:
        return False
    else:
        return False
    try:
        (ttft, tpot), (alone, none) = f(trace), f(trace[:3])
        return isclose(ttft, 0.5) and isclose(tpot, 0.4) and isclose(alone, 0.5) and math.isnan(none)
    except Exception:
        return False
    ### END SOLUTION


# %%
accepts(colleagues_times), accepts(ttft_and_tpot)  # try it: False, True

# %% nbgrader={"grade_id": "test-5-11", "points": 1}
### BEGIN HIDDEN TESTS
from course.checking import Bank, same


def built(ttft=lambda times, request, events: times[0] - request, tpot=lambda times, request: sum(np.diff(times).tolist()) / (len(times) - 1),
          alone=lambda ttft: math.nan, silent=ValueError):
    """Somebody's ttft_and_tpot."""
    def implementation(events):
        times = [t for t, kind in events if kind == "token"]
        request = next((t for t, kind in events if kind == "request"), None)
        if not times and isinstance(silent, type):
            raise silent
        if not times:
            return silent
        first = ttft(times, request, events)
        return first, tpot(times, request) if len(times) > 1 else alone(first)

    return implementation


def last_less_first(times, request):
    return (times[-1] - times[0]) / (len(times) - 1)


bank = Bank(
    "ttft_and_tpot(events)",
    example=([(3.0, "load"), (5.0, "request")],),
    right={
        "one that adds up gaps": built(),
        "one that goes from the first to the last token": built(tpot=last_less_first),
        "one that takes the earliest token": built(ttft=lambda times, request, _: min(times) - request, tpot=last_less_first),
        "one that returns NumPy's numbers": built(tpot=lambda times, _: np.diff(times).mean(), alone=lambda _: np.float64("nan")),
    },
    wrong={
        "one that takes n gaps": built(tpot=lambda times, _: (times[-1] - times[0]) / len(times)),
        "one that counts loading": built(ttft=lambda times, request, events: times[0] - events[0][0]),
        "one whose clock starts at 0": built(ttft=lambda times, request, _: times[0]),
        "one that times from the request": built(tpot=lambda times, request: (times[-1] - request) / len(times)),
        "one that takes the first gap": built(tpot=lambda times, _: times[1] - times[0]),
        "one that takes the last gap": built(tpot=lambda times, _: times[-1] - times[-2]),
        "one that takes the median gap": built(tpot=lambda times, _: float(np.median(np.diff(times)))),
        "one that says 0 for a lone token": built(alone=lambda ttft: 0.0),
        "one that repeats the TTFT for a lone token": built(alone=lambda ttft: ttft),
        "one that divides by no gaps": built(alone=lambda ttft: 1 / 0),
        "one that gives nan where no token came": built(silent=(math.nan, math.nan)),
        "one that gives 0 for silence": built(silent=(0.0, 0.0)),
        "one that trips over silence": built(silent=IndexError),
    },
    hints={
        "one that goes from the first to the last token": "its last digit is not that of one that adds up gaps: is yours compared with isclose?",
        "one that adds up gaps": "its last digit is not that of one that goes from first to last: is yours compared with isclose?",
    },
)
assert len(bank) == 17
even = [(2.0, "load"), (4.0, "request"), *((4.25 + 0.5 * i, "token") for i in range(4))]
uneven = [(3.0, "load"), (5.0, "request"), (5.5, "token"), (5.6, "token"), (6.1, "token"), (6.7, "token")]


def outcome(f, events):
    try:
        return tuple(f(events))
    except Exception as error:
        return error


def trying(*traces):
    """Who tries these traces only."""
    def judge(f):
        for events in traces:
            expected, given = outcome(built(), events), outcome(f, events)
            if isinstance(expected, Exception) or isinstance(given, Exception):
                if not (isinstance(expected, ValueError) and isinstance(given, ValueError)):
                    return False
            elif not same(given, expected, rel_tol=1e-9):
                return False
        return True

    return judge


bank.judged_by(accepts, wrong={
    "5.11/no_load": ("without a load event nobody sees whether loading is counted", trying(uneven[1:], uneven[1:3], uneven[1:2])),
    "5.11/one_token": ("what does it say of a single token?", trying(uneven, uneven[:2])),
    "5.11/no_token": ("what does it say where no token came?", trying(uneven, uneven[:3])),
    "5.11/one_trace": ("one good trace is not enough: try a single token, and none", trying(uneven)),
    "5.11/even_gaps": ("evenly spaced tokens hide which gap is taken", trying(even, even[:3], even[:2])),
    "5.11/accepts_all": ("it accepts every implementation", lambda f: True),
    "5.11/refuses_all": ("it accepts none, and some are right", lambda f: False),
})
### END HIDDEN TESTS
assert not accepts(colleagues_times), "the colleague's counts loading as waiting"

# %% [markdown]
# ## Your verdicts
#
# Three sentences are kept for lab 10. Put yours in the place of the dots, and how sure you are of it in per cent.

# %% [markdown]
# - **memory-bound**: "Generating text is memory-bound." For which format, on which machine, by which measurement?
# - **C4**: "Inference costs 1 to 6 cents per 1,000 tokens." What does your own machine say to it?
# - **C7**: "Quantization, serving and cost models are the skills to build." What did four bits bring here, and did you know it
#   without measuring?

# %%
lab.verdict("memory-bound", "...", sure=70)
lab.verdict("C4", "...", sure=70)
lab.verdict("C7", "...", sure=70)

# %% [markdown]
# ## Summary
#
# - A token's least time is bytes over bandwidth: all weights, and the keys and values of all tokens before.
# - Bandwidth, arithmetic, or code that uses neither well: what limits decode is a finding about a format, a machine and a program.
# - Prefill uses each weight for many tokens and waits for arithmetic.
# - A cache turns n² arithmetic into n reads.
# - What is compared is measured in turns, on one quiet machine.

# %% [markdown]
# ## What would change the answer?
#
# - **More bandwidth for the same cores**: then compute binds sooner.
# - **A larger model**: less of the time is overhead.
# - **Other code.** The same bytes and arithmetic, in another order, take another time.
# - **Several requests at once.** Then decode reads each weight for all of them, and turns into prefill: lab 7.
# - **A busy machine.** In the log of section 2 two threads were slower than one.

# %% [markdown]
# Now press *Validate*. Then lab 6: what is in four bits.
