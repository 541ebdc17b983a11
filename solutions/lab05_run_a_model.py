# %% [markdown]
# # What limits a model on your CPU?
#
# "Generating text is memory-bound: buy bandwidth, quantize, and it gets faster in proportion." After this lab you can
# say when that holds, when it does not, and how to find out on any machine: which resource a model waits for, how fast it
# could be at best, and what a conversation's length does to it.
#
# **120 minutes, 2 GB of memory, no network.** You measure how fast your memory can be read, and SmolLM2, a language
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
from matplotlib.ticker import LogLocator

from course import data, lab, models, plots

lab.start("lab05", cohort="2026")
plots.use_style()

# %% [markdown]
# ## How this lab works
#
# An exercise is four cells: the task, your answer, a cell to try it in, and a check with the worked example. For the
# hidden tests save the notebook and type `course check lab05` in a terminal.
#
# Measure on a machine that does nothing else: close the browser's other tabs. If a measuring cell says that a model is
# missing, `course model fetch smollm2-f16` gets it. Whatever you skip is filled in from a reference machine, and says so.

# %% [markdown]
# | in code | what it is | unit |
# |---|---|---|
# | `weight_bytes` | what all weights of a model take | byte |
# | `kv_bytes_per_token` | keys and values that one token leaves behind | byte |
# | `depth` | tokens that came before the one being made | tokens |
# | `bandwidth_bytes_per_s` | how fast memory can be read | byte/s |
# | prefill (pp) | reading the prompt, all tokens at once | token/s |
# | decode (tg) | writing the answer, one token after another | token/s |
# | `ttft`, `tpot` | time to first token, per token after it | s |

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
# <details><summary>Hint</summary>`struct.unpack` with the format `"<4sIQQ"`.</details>

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
from course.checking import LONGEST_STAGED, expect, stage
from course.cohort import rng

r = rng("5.1")


def header(version, n_tensors, n_kv, magic=b"GGUF", order="<"):
    return struct.pack(f"{order}4sIQQ", magic, version, n_tensors, n_kv)


def told(version, n_tensors, n_kv, magic="GGUF"):
    return {"magic": magic, "version": version, "n_tensors": n_tensors, "n_kv": n_kv}


def swapped(number, size):
    return int.from_bytes(number.to_bytes(size, "little"), "big")


n_tensors, n_kv = int(r.integers(2**33, 2**40)), int(r.integers(5, 90))
of_big_endian = stage("big-endian.gguf", header(3, n_tensors, n_kv, order=">") + r.bytes(99))
expect(read_gguf_header, of_big_endian).raises(ValueError, wrong={
    "5.1/big_endian": ("the numbers are little-endian: the least significant byte comes first", told(3, n_tensors, n_kv)),
    "5.1/version": ("only versions 2 and 3 have this header", told(swapped(3, 4), swapped(n_tensors, 8), swapped(n_kv, 8))),
})
for version in (3, 2):
    path = stage("model.gguf", header(version, n_tensors, n_kv) + r.bytes(int(r.integers(1, 99))))
    expect(read_gguf_header, path).equals(told(version, n_tensors, n_kv), wrong={
        "5.1/big_endian": ("the numbers are little-endian: the least significant byte comes first",
                           told(swapped(version, 4), swapped(n_tensors, 8), swapped(n_kv, 8))),
        "5.1/counts_of_4_bytes": ("the two counts have 8 bytes each; 4 was version 1",
                                  told(version, n_tensors % 2**32, n_tensors >> 32)),
        "5.1/magic_in_bytes": ("the magic is asked as a string", told(version, n_tensors, n_kv, b"GGUF")),
    })
expect(read_gguf_header, stage("ggml.bin", header(3, 7, 5, b"GGML"))).raises(ValueError, wrong={
    "5.1/magic": ("a file that does not begin with GGUF is none", told(3, 7, 5, "GGML"), told(3, 7, 5, b"GGML"), told(3, 7, 5)),
})
for version in (1, 4):
    expect(read_gguf_header, stage("other.gguf", header(version, 7, 5))).raises(ValueError, wrong={
        "5.1/version": ("only versions 2 and 3 have this header", told(version, 7, 5)),
    })
for length in (23, 0):
    expect(read_gguf_header, stage("short.gguf", header(3, 7, 5)[:length])).raises(ValueError)
expect(read_gguf_header, stage("bare.gguf", header(3, 0, 0))).equals(told(3, 0, 0))
huge = stage("huge.gguf", header(3, n_tensors, n_kv), size=LONGEST_STAGED)
expect(read_gguf_header, huge).equals(told(3, n_tensors, n_kv), wrong={
    "5.1/whole_file": ("this file has a tebibyte: read the 24 bytes, not all of it", MemoryError, TimeoutError),
})
### END HIDDEN TESTS
assert read_gguf_header(models.path("two-bills-code"))["magic"] == "GGUF", "the course's own model is a GGUF file"

# %% [markdown]
# ### Bytes of weights
#
# Weights are stored in blocks. F32 and F16 are blocks of one weight. The others share a scale: in Q4_0, 32 weights take 4
# bits each and a scale of 2 bytes, 18 bytes together. A block never reaches over the end of a row. Lab 6 takes the blocks
# apart; here only their size counts.

# %% nbgrader={"grade_id": "given-block"}
BLOCK = {  # type: (weights, bytes)
    "F32": (1, 4), "F16": (1, 2), "Q8_0": (32, 34), "Q4_1": (32, 20), "Q4_0": (32, 18),
    "Q6_K": (256, 210), "Q4_K": (256, 144), "Q2_K": (256, 84),
}

# %% [markdown] nbgrader={"grade_id": "ex-5-2-task"}
# **Exercise 5.2 (2 points).** `gguf_weight_bytes(tensors)` returns the bytes of all weights. `tensors` is a list of
# `(name, type, shape)`; `shape[0]` is the length of a row (GGUF writes it first, NumPy last). Two tensors, Q4_0 of (64,
# 10) and F32 of (9,), take 396. Raise `ValueError` if a row is not a whole number of blocks.
#
# In the file each tensor begins at a multiple of 32 bytes. Leave that padding out: nobody computes with it.

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
from course.checking import expect
from course.cohort import rng

r = rng("5.2")


def size(kind, shape):
    return math.prod(shape) // BLOCK[kind][0] * BLOCK[kind][1]


def nominal(kind, shape):
    return math.prod(shape) * int(re.search(r"\d+", kind)[0])


def model(d, ff, kv, vocabulary, layers, kinds):
    parts = [(d, d), (d, kv), (d, kv), (d, d), (d, ff), (d, ff), (ff, d)]
    shapes = [(d, vocabulary), (d,)] + [(d,), (d,), *parts] * layers
    return [(f"tensor {i}", "F32" if len(s) == 1 else str(r.choice(kinds)), s) for i, s in enumerate(shapes)]


expect(gguf_weight_bytes, [("a", "Q4_0", (64, 9))]).equals(324, wrong={
    "5.2/numpy_order": ("GGUF writes the length of a row first", ValueError),
    "5.2/two_bytes": ("not every weight has two bytes: the type says", 1152),
    "5.2/nominal_bits": ("a block holds scales, too: 4 bits are really 4.5 or 5", 288),
    "5.2/padding": ("padding is not weights", 352),
})
smollm2 = model(576, 1536, 192, 49152, 30, ["F16"])
wide = model(*(256 * int(n) for n in r.integers(1, 9, 3)), int(r.integers(999, 9999)), 3, list(BLOCK))
odd = [("norm", "F32", (int(r.integers(5, 99)) * 8 + 1,)), ("a", "Q8_0", (32, 3)), ("b", "Q4_0", (96, 5, 7))]
for tensors in (smollm2, wide, odd):
    expect(gguf_weight_bytes, tensors).equals(sum(size(kind, shape) for _, kind, shape in tensors), wrong={
        "5.2/two_bytes": ("not every weight has two bytes: the type says", sum(2 * math.prod(s) for _, _, s in tensors)),
        "5.2/nominal_bits": ("a block holds scales, too: 4 bits are really 4.5 or 5",
                             sum(nominal(k, s) for _, k, s in tensors) / 8, sum(nominal(k, s) // 8 for _, k, s in tensors)),
        "5.2/padding": ("padding is not weights", sum(-(-size(k, s) // 32) * 32 for _, k, s in tensors)),
    })
for kind, shape in (("Q8_0", (48, 64)), ("Q6_K", (576, 256)), ("Q4_1", (16,))):
    n, (weights, bytes_) = math.prod(shape), BLOCK[kind]
    expect(gguf_weight_bytes, [("a", "F16", (3, 5)), ("b", kind, shape)]).raises(ValueError, wrong={
        "5.2/whole_tensor": ("each row must be whole blocks, not the tensor alone",
                             30 + n // weights * bytes_, 30 - (-n // weights) * bytes_, 30 + n / weights * bytes_),
    })
expect(gguf_weight_bytes, []).equals(0)
### END HIDDEN TESTS
assert gguf_weight_bytes([("a", "Q4_0", (64, 10)), ("b", "F32", (9,))]) == 396, "20 blocks of 18, and 9 floats of 4"

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
weights = gguf_weight_bytes([(tensor.name, tensor.type, tensor.shape) for tensor in found])
print(f"{len(found)} tensors: {begin:,} + {weights:,} + {padding} of padding = {begin + weights + padding:,}")
print(f"on the disk: {path.stat().st_size:,} bytes")

# %% [markdown]
# SmolLM2 has 30 layers, width 576 and a vocabulary of 49,152. By the same arithmetic its weights take 269 MB in 16 bits. You
# will also meet it in two formats of 4 bits. Q4_1 keeps its embedding, a fifth of the model, in 8 bits.

# %% nbgrader={"grade_id": "given-smollm2"}
SMOLLM2_BYTES = {"F16": 269_100_288, "Q4_1": 96_576_768, "Q4_0": 75_785_472}
SMOLLM2_KV = 2 * 30 * 3 * 64 * 2  # keys and values × layers × heads × width of a head × 2 bytes

# %% [markdown]
# ## 2 · How do others measure?
#
# llama.cpp comes with `llama-bench`. It times *prefill* (pp: reading `n_prompt` tokens at once) and *decode* (tg: writing
# `n_gen` tokens, one after the other), after `n_depth` tokens of context, with `n_threads` threads. `-o jsonl` makes it
# print a line a test. This log is of two busy cores; we cut the other thirty fields.

# %% nbgrader={"grade_id": "given-log"}
LOG = """
llama-bench -m SmolLM2-135M-Instruct.F16.gguf -p 256 -n 32 -pg 256,32 -t 1,2 -o jsonl
{"n_prompt": 256, "n_gen": 0, "n_depth": 0, "n_threads": 1, "avg_ts": 400.748094, "stddev_ts": 4.618695}
{"n_prompt": 0, "n_gen": 32, "n_depth": 0, "n_threads": 1, "avg_ts": 39.563219, "stddev_ts": 0.159287}
{"n_prompt": 256, "n_gen": 32, "n_depth": 0, "n_threads": 1, "avg_ts": 146.881267, "stddev_ts": 25.278311}
{"n_prompt": 256, "n_gen": 0, "n_depth": 0, "n_threads": 2, "avg_ts": 222.513146, "stddev_ts": 200.355808}
{"n_prompt": 0, "n_gen": 32, "n_depth": 0, "n_threads": 2, "avg_ts": 29.014468, "stddev_ts": 22.155435}
{"n_prompt": 256, "n_gen": 32, "n_depth": 0, "n_threads": 2, "avg_ts": 98.150077, "stddev_ts": 78.740071}
{"n_prompt": 0, "n_gen": 32, "n_depth": 512, "n_threads": 2, "avg_ts": 25.962933, "stddev_ts": 1.921392}
"""

# %% [markdown] nbgrader={"grade_id": "ex-5-3-task"}
# **Exercise 5.3 (stretch, 1 point).** `parse_bench(text)` returns a dict of five lists, in the order of the log: `phase`
# (`"pp"` where `n_gen` is 0, `"tg"` where `n_prompt` is 0), `threads`, `depth`, `tokens_per_s` (`avg_ts`) and `sd`
# (`stddev_ts`). Drop the rows that do both and lines that are not JSON. `LOG` gives five rows; the first says pp, 1, 0,
# 400.75 and 4.62.

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
from course.checking import expect
from course.cohort import rng

r = rng("5.3")


def row(n_prompt, n_gen):
    speeds = {"avg_ts": round(r.uniform(5, 900), 6), "stddev_ts": round(r.uniform(0.01, 9), 6)}
    counts = {"n_prompt": n_prompt, "n_gen": n_gen, "n_depth": int(r.integers(0, 9)) * 512, "n_threads": int(r.integers(1, 65))}
    return counts | speeds


def table(rows, *, both=None, depth=None, order=("pp", "tg")):
    kept = [one for one in rows if both or not (one["n_prompt"] and one["n_gen"])]
    phases = [both if one["n_prompt"] and one["n_gen"] else order[one["n_prompt"] == 0] for one in kept]
    return {"phase": phases, "threads": [one["n_threads"] for one in kept],
            "depth": [one["n_depth"] if depth is None else depth for one in kept],
            "tokens_per_s": [one["avg_ts"] for one in kept], "sd": [one["stddev_ts"] for one in kept]}


for noise in ([], ["build: 1 (0c1e570)", "", "{\"n_prompt\": 512, \"n_ge"]):
    n_prompt, n_gen = int(r.integers(1, 999)), int(r.integers(1, 99))
    rows = [row(*pair) for pair in [(0, 64), (512, 0), (256, 32), (0, n_gen), (n_prompt, 0), (1, 1)]]
    lines = [json.dumps(one) for one in rows]
    text = "\n".join([*noise[:2], *lines[:3], *noise[1:], *lines[3:], ""])
    sorted_ = sorted((one for one in rows if not (one["n_prompt"] and one["n_gen"])), key=lambda one: one["n_prompt"] == 0)
    expect(parse_bench, text).equals(table(rows), wrong={
        "5.3/phases_mixed_up": ("a row with n_gen = 0 has only read a prompt: that is pp", table(rows, order=("tg", "pp"))),
        "5.3/keeps_both": ("a row that reads and writes is neither pp nor tg", table(rows, both="pp"), table(rows, both="tg")),
        "5.3/depth_lost": ("n_depth is not always 0", table(rows, depth=0)),
        "5.3/sorted": ("the rows stay in the order of the log", table(sorted_)),
        "5.3/not_json": ("a log holds lines that are not JSON: drop them", *([ValueError] if noise else [])),
    })
### END HIDDEN TESTS
assert parse_bench(LOG)["phase"] == ["pp", "tg", "pp", "tg", "tg"], "the two rows that do both are dropped"

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
    """The token/s at which weights and earlier keys and values take all of the bandwidth."""
    ### BEGIN SOLUTION
    return bandwidth_bytes_per_s / (weight_bytes + kv_bytes_per_token * depth)
    ### END SOLUTION


# %%
decode_ceiling(1e9, 1e5, 10_000, 50e9)  # try it

# %% nbgrader={"grade_id": "test-5-4", "points": 2}
### BEGIN HIDDEN TESTS
from course.checking import expect
from course.cohort import rng

r = rng("5.4")
cases = [(r.uniform(1e8, 1e11), r.uniform(1e4, 1e6), int(r.integers(100, 100_000)), r.uniform(1e10, 3e12)),
         (SMOLLM2_BYTES["F16"], SMOLLM2_KV, 4096, 60.4e9), (r.uniform(1e8, 1e9), 23_040, 0, r.uniform(1e10, 1e11))]
for weights, kv, depth, rate in cases:
    right = rate / (weights + kv * depth)
    expect(decode_ceiling, weights, kv, depth, rate).close_to(right, wrong={
        "5.4/kv_ignored": ("every earlier token's keys and values are read, too", *([rate / weights] if depth else [])),
        "5.4/kv_once": ("kv_bytes_per_token is for one token: how many are there?", rate / (weights + kv)),
        "5.4/weights_per_token": ("the weights are read once for a token, whatever the depth",
                                  *([rate / ((weights + kv) * depth)] if depth else [])),
        "5.4/seconds": ("that is seconds per token; token/s are asked", 1 / right),
    })
### END HIDDEN TESTS
assert isclose(decode_ceiling(1e9, 1e5, 10_000, 50e9), 25), "2e9 bytes for a token, at 50e9 byte/s"

# %% [markdown]
# ### How fast can your memory be read?
#
# You are about to sum arrays much larger than any cache, on one core and on more. Before: a laptop's data sheet promises 40
# to 120 GB/s. One core alone seldom gets more than a third or half of it, since it can only wait for so many bytes at once.
#
# **Predict** the median with all cores: `lab.predict("read_bandwidth", low, high, "byte/s")`. 50 GB/s are `50e9`.

# %% nbgrader={"grade_id": "predict-read_bandwidth"}
### BEGIN SOLUTION
lab.predict("read_bandwidth", 15e9, 80e9, "byte/s")
### END SOLUTION

# %% nbgrader={"grade_id": "given-threads"}
from course.measure import bandwidth

THREADS = bandwidth.default_thread_counts()  # all physical cores first, then fewer, down to one


def label(n_threads, depth=0):
    """How a measurement is labelled: "2 threads", "1 thread, depth 512"."""
    return f"{n_threads} thread{'s' * (n_threads > 1)}" + f", depth {depth}" * (depth > 0)


def medians(record):
    """{(threads, depth): median} of a record that is labelled so."""
    numbers = {text: [int(number) for number in re.findall(r"\d+", text)] for text in record["values"] if "copy" not in text}
    return {(*found, 0)[:2]: float(np.median(record["values"][text])) for text, found in numbers.items()}


# %% tags=["raises-exception"]
lab.measure("read_bandwidth", bandwidth.rates, unit="byte/s");

# %%
reading = medians(lab.record("read_bandwidth"))
for (n, _), rate in reading.items():
    print(f"{label(n)}: {rate / 1e9:.1f} GB/s")

# %% tags=["raises-exception"]
for kind, size in SMOLLM2_BYTES.items():
    best = [decode_ceiling(size, SMOLLM2_KV, depth, max(reading.values())) for depth in (0, 4096)]
    print(f"SmolLM2 {kind}: at most {best[0]:.0f} token/s, {best[1]:.0f} after 4,096 tokens")

# %% [markdown]
# ### Does anybody reach the ceiling?
#
# Turn the formula round: token/s times bytes is the bandwidth that a run *must* have had. Where two formats of one model
# give the same, memory was the limit. Where the smaller file gives less, something else was. Model files are given in GiB, 2³⁰
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
from course.checking import expect
from course.cohort import rng

r = rng("5.5")
published = data.load("llama_bench")
row = published.iloc[int(r.integers(len(published)))]
for speed, gib in [(r.uniform(1, 500), r.uniform(0.1, 200)), (float(row.tokens_per_s), float(row.size_gib))]:
    expect(effective_bandwidth, speed, gib).close_to(speed * gib * 2**30, wrong={
        "5.5/gb": ("a GiB has 2^30 bytes, not 10^9", speed * gib * 1e9),
        "5.5/gib_per_s": ("byte/s are asked, not GiB/s", speed * gib),
        "5.5/divided": ("every token reads the whole model: multiply", gib * 2**30 / speed),
    })
### END HIDDEN TESTS
assert isclose(effective_bandwidth(10, 2), 21474836480), "the worked example: 20 GiB/s"

# %% [markdown]
# llama.cpp's own table of formats, Llama 3.1 8B on one GPU that it does not name. If bandwidth were the limit throughout,
# the last column would be constant.

# %% tags=["raises-exception"]
formats = data.load("quantization").set_index("type")
for kind in ("F16", "Q8_0", "Q6_K", "Q4_K_M", "Q2_K", "IQ1_S"):
    row = formats.loc[kind]
    must = effective_bandwidth(row.tg128_tokens_per_s, row.size_gib)
    print(f"{kind:7s} {row.size_gib:5.2f} GiB  {row.tg128_tokens_per_s:5.1f} token/s  {must / 1e9:4.0f} GB/s")

# %% [markdown]
# A file an eighth as large gives 2.7 times the speed. In 16 bits this GPU waits for its memory; at 2 bits it is busy
# unpacking. So *decode is memory-bound* is a finding about a format and a machine, to be measured, and no law. What about your CPU?

# %% [markdown]
# ## 4 · What does a reader wait for?
#
# Two numbers describe an answer to the one who reads it. **TTFT**, time to first token: from the request until something
# appears, mostly prefill. **TPOT**, time per output token: how fast it goes on. Loading the model comes before the request and
# belongs to neither.

# %% [markdown] nbgrader={"grade_id": "ex-5-6-task"}
# **Exercise 5.6 (2 points).** `ttft_and_tpot(events)` gets a list of `(seconds, kind)` in order of time; `kind` is `"load"`,
# `"request"` or `"token"`, and there is one request. Return `(ttft, tpot)`: from the request to the first token, and the mean
# time between tokens, `math.nan` if there is only one. Raise `ValueError` if there is none. Request at 2.0, tokens at 2.5,
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
ttft_and_tpot([(0.0, "load"), (2.0, "request"), (2.5, "token"), (2.6, "token"), (2.9, "token")])  # try it

# %% nbgrader={"grade_id": "test-5-6", "points": 2}
### BEGIN HIDDEN TESTS
from course.checking import expect
from course.cohort import rng

r = rng("5.6")


def trace(n, *, load=True):
    start = r.uniform(1, 99)
    request = start + r.uniform(1, 9)
    times = request + np.cumsum(r.uniform(0.01, 2, n))
    return [(start, "load")] * load + [(request, "request")] + [(float(t), "token") for t in times]


for events in (trace(int(r.integers(5, 20))), trace(2), trace(7, load=False)):
    start, request = events[0][0], next(t for t, kind in events if kind == "request")
    times = [t for t, kind in events if kind == "token"]
    n, ttft, rest = len(times), times[0] - request, times[-1] - times[0]
    loaded = events[0][1] == "load"
    expect(ttft_and_tpot, events).close_to((ttft, rest / (n - 1)), wrong={
        "5.6/n_gaps": ("n tokens have n - 1 gaps between them", (ttft, rest / n)),
        "5.6/load_included": ("loading the model is over when the request comes",
                              *([(times[0] - start, rest / (n - 1))] if loaded else [])),
        "5.6/from_the_request": ("the first token's wait is the TTFT; TPOT begins after it", (ttft, (times[-1] - request) / n)),
        "5.6/clock": ("the clock did not start at the request", (times[0], rest / (n - 1))),
        "5.6/median_gap": ("the mean gap is asked, not the median",
                           *([(ttft, float(np.median(np.diff(times))))] if n > 3 else [])),
    })
alone = trace(1)
ttft = alone[2][0] - alone[1][0]
expect(ttft_and_tpot, alone).close_to((ttft, math.nan), wrong={
    "5.6/one_token": ("one token has no gap: the TPOT is not a number", ZeroDivisionError, (ttft, 0.0), (ttft, ttft)),
})
expect(ttft_and_tpot, trace(0)).raises(ValueError, wrong={
    "5.6/no_token": ("without a token there is nothing to tell: say so by a ValueError",
                     IndexError, StopIteration, (math.nan, math.nan), (math.inf, math.nan), (0.0, math.nan)),
})
### END HIDDEN TESTS
assert np.allclose(
    ttft_and_tpot([(0.0, "load"), (2.0, "request"), (2.5, "token"), (2.6, "token"), (2.9, "token")]), (0.5, 0.2)
), "0.5 s to the first token, then two gaps in 0.4 s"

# %% [markdown]
# ### Ask SmolLM2
#
# You send SmolLM2, in 16 bits, seventeen capitals and a question, 145 tokens, five times, and time its answers with your function.
# **Predict** the time to the first token: `lab.predict("ttft", low, high, "s")`.
#
# <details><summary>Where to start</summary>A token takes about 2 FLOP per parameter, 0.27 GFLOP; lab 1 measured what your cores
# sustain. llama.cpp gets a third to all of it.</details>

# %% nbgrader={"grade_id": "predict-ttft"}
### BEGIN SOLUTION
lab.predict("ttft", 0.1, 1.0, "s")
### END SOLUTION

# %% nbgrader={"grade_id": "given-prompt"}
CAPITALS = {
    "Tunisia": "Tunis", "Egypt": "Cairo", "Morocco": "Rabat", "Spain": "Madrid", "Italy": "Rome", "Greece": "Athens",
    "Norway": "Oslo", "Poland": "Warsaw", "Japan": "Tokyo", "Kenya": "Nairobi", "Peru": "Lima", "Cuba": "Havana",
    "Chile": "Santiago", "Senegal": "Dakar", "Austria": "Vienna", "Ireland": "Dublin", "Sweden": "Stockholm",
}
PROMPT = "".join(f"The capital of {country} is {city}.\n" for country, city in CAPITALS.items()) + "The capital of France is"
print(PROMPT[-80:])

# %% tags=["raises-exception"]
def answer_times():
    """Five answers: seconds to the first token, seconds for each after it."""
    from course.llama import generate

    model = models.path("smollm2-f16")
    times = [ttft_and_tpot(generate.events(PROMPT, model=model, max_tokens=32)) for _ in range(6)][1:]
    print(generate.complete(PROMPT, model=model, max_tokens=32).text)
    return {"first token": [ttft for ttft, _ in times], "token after token": [tpot for _, tpot in times]}


lab.measure("ttft", answer_times, unit="s");

# %%
waiting = {text: float(np.median(values)) for text, values in lab.record("ttft")["values"].items()}
first, after = waiting["first token"], waiting["token after token"]
print(f"{first:.2f} s to the first token, then one every {after * 1e3:.0f} ms: as long as {first / after:.0f} tokens.")

# %% [markdown]
# Reading 145 tokens took no longer than writing a few dozen. They go through the model together, so that each weight is fetched
# once for all of them.
#
# The capital of France was right; what it wrote after that was not. 135 million parameters know how a list goes on, and little
# else.

# %% [markdown]
# ### Numbers that repeat
#
# These are the five repetitions behind the log's line of two threads: 12.4, 53.1, 12.6, 53.5, 13.5 token/s. Their mean,
# 29.0, is a speed that this machine never had. The course tells the **median** and the **interquartile range**, after
# dropping what only warms up: the first run fetches the file from the disk.

# %% [markdown] nbgrader={"grade_id": "ex-5-7-task"}
# **Exercise 5.7 (stretch, 1 point).** `summarise(samples, n_warmup=1)` leaves out the first `n_warmup` samples and returns
# `(median, iqr)` of the others: the iqr is the 75th less the 25th percentile, by NumPy's usual rule. [9, 1, 2, 3, 4, 50] gives (3, 2).

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

from course.checking import expect
from course.cohort import rng

r = rng("5.7")


def summary(samples):
    q25, median, q75 = np.percentile(samples, [25, 50, 75])
    return median, q75 - q25


for n, warm in ((int(r.integers(8, 12)), None), (10, 4), (8, 0), (2, 1)):
    samples = [float(x) for x in r.lognormal(3, 0.5, n)]
    samples[0] = 5 * max(samples)
    dropped = 1 if warm is None else warm
    rest, given = samples[dropped:], (samples,) if warm is None else (samples, warm)
    several = len(rest) > 1
    expect(summarise, *given).close_to(summary(rest), wrong={
        "5.7/mean": ("the mean follows every outlier: the median is asked",
                     *([(np.mean(rest), summary(rest)[1])] if several else [])),
        "5.7/warmup_kept": ("the first samples are warm-up: leave them out", *([summary(samples)] if dropped else [])),
        "5.7/sorted_first": ("leave out the first samples, not the smallest or the largest",
                             *([summary(sorted(samples)[dropped:]), summary(sorted(samples)[:n - dropped])] if several and dropped else [])),
        "5.7/one_warmup": ("n_warmup says how many samples to leave out", *([summary(samples[1:])] if dropped != 1 else [])),
        "5.7/standard_deviation": ("the interquartile range is asked, not the standard deviation",
                                   *([(np.median(rest), np.std(rest)), (np.median(rest), np.std(rest, ddof=1))] if several else [])),
        "5.7/other_quartiles": ("NumPy's usual rule is asked; statistics.quantiles has another by default",
                                *([(np.median(rest), q[2] - q[0]) for q in [statistics.quantiles(rest)]] if several else [])),
    })
### END HIDDEN TESTS
assert np.allclose(summarise([9, 1, 2, 3, 4, 50]), (3, 2)), "the median of 1, 2, 3, 4, 50 is 3; 4 - 2 = 2"

# %% [markdown]
# ## 5 · Which resource binds?
#
# A rule that needs three measurements. If decode reads, bytes × token/s, at least 0.7 of what memory can deliver to that
# many threads: **bandwidth**. If not, but the speed grew nearly in proportion to the threads: **compute**, more cores would help. Else
# **neither**: waiting for each other, another program, a kernel that does not parallelise.

# %% [markdown] nbgrader={"grade_id": "ex-5-8-task"}
# **Exercise 5.8 (2 points).** `bottleneck(tokens_per_s, bytes_per_token, read_bandwidth)`; the first and the last are dicts by
# thread count. At the largest count: `"bandwidth"` if bytes × speed is at least 0.7 of the bandwidth there; else `"compute"` if the
# speed grew, from the smallest count, at least 0.7 times as much as the number of threads; else `"neither"`. Speeds `{1: 5, 4: 9}`
# of 4e9 bytes are bandwidth where 4 threads read 45e9 byte/s.

# %% nbgrader={"grade_id": "ex-5-8"}
def bottleneck(tokens_per_s, bytes_per_token, read_bandwidth):
    """What decode waits for at the largest thread count: "bandwidth", "compute" or "neither"."""
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


def verdict(speed, size, reading, *, few=min, many=max, at=None, growth=lambda few, many: many / few, order=("bandwidth", "compute")):
    low, high = few(speed), many(speed)
    place = at(speed) if at else high
    holds = {"bandwidth": size * speed[place] >= 0.7 * reading[place],
             "compute": speed[high] / speed[low] >= 0.7 * growth(low, high)}
    return next((name for name in order if holds[name]), "neither")


def drawn(counts, share, of_the_threads):
    few, many = counts[0], counts[-1]
    growth = max(1.05, r.uniform(*of_the_threads) * many / few)
    size, top, share = r.uniform(1e8, 1e10), r.uniform(5, 200), r.uniform(*share)
    share_of_one = r.uniform(*((0.2, 0.6) if r.random() < 0.5 else (0.75, 0.95)))

    def between(low, high):
        return {n: float(low * (high / low) ** (math.log(n / few) / math.log(many / few))) for n in r.permutation(counts).tolist()}

    return between(top / growth, top), size, between(size * top / growth / share_of_one, size * top / share)


low, high = (0.1, 0.6), (0.75, 0.98)
shares = [(high, low), (high, high), (low, high), (low, low)]
counted = [(1, 2), (2, 4, 8), (1, 2, 4, 8), (4, 8, 16, 32), (1, 2, 4), (2, 4, 8, 16)]
cases = {f"ladder {i + 1}": drawn(counted[i // 4], *shares[i % 4]) for i in range(24)}
rows_of = data.load("llama_bench").groupby("phase").get_group
for phase, tokens in (("decode", 1), ("prefill", 64)):
    rows = rows_of(phase)
    speed = {int(row.n_threads): float(row.tokens_per_s) for row in rows.itertuples()}
    cases[f"llama-bench's {phase}"] = speed, float(rows.size_gib.iloc[0]) * 2**30 / tokens, dict.fromkeys(speed, 70e9)
of = list(cases.values())
expect_each(bottleneck, cases).equals([verdict(*case) for case in of], wrong={
    "5.8/always_bandwidth": ("decode is not always bound by bandwidth", ["bandwidth"] * len(of)),
    "5.8/one_thread": ("one core alone cannot use all of the bandwidth: look at the largest count", [verdict(*case, at=min) for case in of]),
    "5.8/last_entry": ("the largest count need not be the last in the dict",
                       [verdict(*case, few=lambda d: next(iter(d)), many=lambda d: [*d][-1]) for case in of],
                       [verdict(*case, many=lambda d: [*d][-1]) for case in of], [verdict(*case, at=lambda d: [*d][-1]) for case in of]),
    "5.8/compute_first": ("the bandwidth comes first: it may bind while the speed still grows",
                          [verdict(*case, order=("compute", "bandwidth")) for case in of]),
    "5.8/any_growth": ("faster is not enough: compare with the growth in threads", [
        verdict(*case, growth=lambda few, many: 1 / 0.7) for case in of], [verdict(*case, growth=lambda few, many: 1) for case in of]),
    "5.8/from_one": ("the smallest count need not be one thread", [verdict(*case, growth=lambda few, many: many) for case in of]),
})
### END HIDDEN TESTS
assert bottleneck({1: 5, 4: 9}, 4e9, {1: 22e9, 4: 45e9}) == "bandwidth", "36e9 of 45e9 byte/s are 0.8"

# %% [markdown]
# ## 6 · What does the cache of keys and values save?
#
# In each layer a token's *query* is compared with the *keys* of all tokens so far, and the answer is a mean of their *values*,
# weighted by how well the keys fit. Earlier keys and values never change. Keep them, and a new token costs one row of work
# instead of all rows again.
#
# Models save on the cache: several query heads share one head of keys and values (*grouped-query attention*).

# %% [markdown] nbgrader={"grade_id": "ex-5-9-task"}
# **Exercise 5.9 (2 points).** `attend_cached(q, k_new, v_new, k_cache, v_cache)` makes one step of decode and returns `(out,
# k_cache, v_cache)`, the caches one token longer. Torch tensors: `q` and `out` are (n_heads, d), `k_new` and `v_new` (n_kv_heads,
# d), the caches (n_kv_heads, t, d). Query head h uses kv head h // (n_heads / n_kv_heads). Weights are softmax(q · k / √d) over
# the t + 1 tokens, the new one included. Compute in the dtype you are given, and leave the given tensors as they are.

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
example_cache = torch.tensor([[[0.0, 1.0]]])  # one kv head, one token
attend_cached(torch.tensor([[0.0, 0.0], [9.0, 0.0]]), torch.tensor([[1.0, 0.0]]), torch.tensor([[8.0, 4.0]]),
              example_cache, example_cache)[0]  # try it

# %% nbgrader={"grade_id": "test-5-9", "points": 2}
### BEGIN HIDDEN TESTS
from course.checking import expect
from course.cohort import rng

r = rng("5.9")


def attended(q, k, v, *, scale=True, tiled=False):
    group = len(q) // len(k)
    k, v = (np.tile(x, (group, 1, 1)) if tiled else np.repeat(x, group, 0) for x in (k, v))
    scores = np.einsum("hd,htd->ht", q, k) / (q.shape[1] ** 0.5 if scale else 1)
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    return np.einsum("ht,htd->hd", weights / weights.sum(-1, keepdims=True), v)


for n_heads, n_kv, d, t in ((9, 3, 8, 5), (4, 1, 16, 7), (2, 2, 6, int(r.integers(2, 9)))):
    q, k, v = (r.normal(0, 2, shape) for shape in ((n_heads, d), (n_kv, t + 1, d), (n_kv, t + 1, d)))
    parts = q, k[:, -1], v[:, -1], k[:, :-1], v[:, :-1]
    right = attended(q, k, v)
    front = [np.concatenate((x[:, -1:], x[:, :-1]), 1) for x in (k, v)]
    expect(attend_cached, *(torch.tensor(part) for part in parts)).close_to((right, k, v), rel_tol=1e-6, wrong={
        "5.9/not_scaled": ("divide the products by the root of d", (attended(q, k, v, scale=False), k, v)),
        "5.9/tiled": ("neighbouring query heads share a kv head: 0, 0, 0, 1, 1, 1, not 0, 1, 0, 1",
                      *([(attended(q, k, v, tiled=True), k, v)] if 1 < n_kv < n_heads else [])),
        "5.9/new_left_out": ("a token also attends to itself", (attended(q, parts[3], parts[4]), k, v)),
        "5.9/not_extended": ("the caches come back one token longer", (right, parts[3], parts[4])),
        "5.9/in_front": ("the new token comes last in the caches", (right, *front)),
    })
n_heads, n_kv, d, t = 6, 2, 4, 5
q, k, v = (r.normal(0, 1, shape) for shape in ((t, n_heads, d), (n_kv, t, d), (n_kv, t, d)))
keys, values = (np.repeat(x, n_heads // n_kv, 0) for x in (k, v))
scores = np.where(np.tri(t, dtype=bool), np.einsum("thd,hsd->hts", q, keys) / 2, -np.inf)
weights = np.exp(scores - scores.max(-1, keepdims=True))
whole = np.einsum("hts,hsd->thd", weights / weights.sum(-1, keepdims=True), values)
for i in range(t):  # step by step, from an empty cache, it is the attention of all tokens at once
    parts = q[i], k[:, i], v[:, i], k[:, :i], v[:, :i]
    expect(attend_cached, *(torch.tensor(part) for part in parts)).close_to((whole[i], k[:, : i + 1], v[:, : i + 1]), rel_tol=1e-6)
### END HIDDEN TESTS
assert attend_cached(
    torch.tensor([[0.0, 0.0]]), torch.tensor([[1.0, 0.0]]), torch.tensor([[8.0, 4.0]]), example_cache, example_cache
)[0].tolist() == [[4.0, 2.5]], "a query of zeros weighs both tokens alike: the mean of (0, 1) and (8, 4)"

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
WEIGHTS = {name: tensor.float() for name, tensor in load_file(FOLDER / "model.safetensors").items()}
TOKENIZER = Tokenizer.from_file(str(FOLDER / "tokenizer.json"))
N_LAYERS, HEAD_DIM = CONFIG["num_hidden_layers"], CONFIG["head_dim"]


def normed(x, weight):
    """RMSNorm."""
    return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + CONFIG["rms_norm_eps"]) * weight


def turned(x, positions):
    """RoPE: halves of each head, (tokens, heads, head_dim), turned by angles that grow with the position."""
    frequencies = CONFIG["rope_theta"] ** (-torch.arange(0, HEAD_DIM, 2) / HEAD_DIM)
    angles = (positions[:, None] * frequencies)[:, None]
    (left, right), cos, sin = x.chunk(2, dim=-1), angles.cos(), angles.sin()
    return torch.cat((left * cos - right * sin, right * cos + left * sin), dim=-1)


# %% nbgrader={"grade_id": "given-forward"}
@torch.no_grad()
def forward(tokens, start, attend):
    """Logits after `tokens`, the first of which is at position `start`.

    `attend(layer, q, k, v)` gets (tokens, heads, head_dim) of each and returns the attention's output in q's shape.
    """
    n, positions = len(tokens), torch.arange(start, start + len(tokens))
    x = WEIGHTS["model.embed_tokens.weight"][tokens]
    for layer in range(N_LAYERS):
        prefix = f"model.layers.{layer}."
        w = {name.removeprefix(prefix): tensor for name, tensor in WEIGHTS.items() if name.startswith(prefix)}
        h = normed(x, w["input_layernorm.weight"])
        q, k, v = ((h @ w[f"self_attn.{part}_proj.weight"].T).view(n, -1, HEAD_DIM) for part in "qkv")
        mixed = attend(layer, turned(q, positions), turned(k, positions), v)
        x = x + mixed.reshape(n, -1) @ w["self_attn.o_proj.weight"].T
        h = normed(x, w["post_attention_layernorm.weight"])
        gate = torch.nn.functional.silu(h @ w["mlp.gate_proj.weight"].T)
        x = x + (gate * (h @ w["mlp.up_proj.weight"].T)) @ w["mlp.down_proj.weight"].T
    return normed(x[-1], WEIGHTS["model.norm.weight"]) @ WEIGHTS["model.embed_tokens.weight"].T


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
    q, k, v = q.transpose(0, 1), *(x.repeat_interleave(group, dim=1).transpose(0, 1) for x in (k, v))
    return torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(0, 1)


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


def seconds_of(tokens, start, caches=None):
    """Repetitions of one forward pass, two for warming up left out."""
    times = []
    for _ in range(9):
        attend = with_cache(list(caches)) if caches else without_cache
        begun = time.perf_counter()
        forward(tokens, start, attend)
        times.append(time.perf_counter() - begun)
    return times[2:]


def difference(tokens):
    """The largest between our logits, token by token, and those of the transformers library."""
    from transformers import AutoModelForCausalLM, logging

    logging.disable_progress_bar()
    caches = no_tokens()
    ours = [forward([token], position, with_cache(caches)) for position, token in enumerate(tokens)]
    with torch.no_grad():
        theirs = AutoModelForCausalLM.from_pretrained(FOLDER, dtype=torch.float32)(torch.tensor([tokens])).logits[0]
    return (torch.stack(ours) - theirs).abs().max().item()


# %% tags=["raises-exception"]
def times_of_one_token():
    """Seconds for one more token, by length and way; checked against transformers first."""
    tokens = TOKENIZER.encode("".join(models.held_out("two-bills-code"))[:20_000]).ids
    off = difference(tokens[:50])
    print(f"largest difference from transformers' logits: {off:.1e}")
    assert off < 1e-3, "attend_cached does not give what the model needs: mend it first"
    caches = no_tokens()
    for position in range(max(LENGTHS)):
        forward(tokens[position : position + 1], position, with_cache(caches))
    times = {}
    for n in LENGTHS:
        kept = [(k[:, : n - 1], v[:, : n - 1]) for k, v in caches]
        times[f"{n} tokens, without"] = seconds_of(tokens[:n], 0)
        times[f"{n} tokens, with"] = seconds_of(tokens[n - 1 : n], n - 1, kept)
    return times


lab.measure("kv_cache", times_of_one_token, unit="s");

# %%
times = lab.record("kv_cache")["values"]
found = {way: {int(text.split()[0]): np.array(v) * 1e3 for text, v in times.items() if text.endswith(way)}
         for way in (" without", " with")}
ns = sorted(found[" with"])
slow, fast = (np.median(found[way][ns[-1]]) for way in (" without", " with"))

fig, ax = plt.subplots()
for (way, series), colour, marker in zip(found.items(), plots.COLOURS, plots.MARKERS, strict=False):
    for n, values in series.items():
        ax.plot([n] * len(values), values, marker, color=colour, alpha=0.5)
    ax.plot(ns, [np.median(series[n]) for n in ns], "-", marker="", color=colour, lw=1)
    ax.annotate(f"{way.strip()} cache", (ns[-1], np.median(series[ns[-1]])), (8, 0), textcoords="offset points", va="center", color=colour)
ax.set(xscale="log", yscale="log", xlabel="tokens so far", ylabel="time for one more token (ms)", xlim=(ns[0] * 0.85, ns[-1] * 2.2))
ax.set_xticks(ns, [f"{n:,}" for n in ns])
ax.yaxis.set_major_formatter("{x:g}")
ax.minorticks_off()
ax.set_title(f"After {ns[-1]:,} tokens the cache makes the next one {slow / fast:.0f} times faster")
plots.show(fig, alt="Time for one more token against the tokens so far, with a cache of keys and values and without, both "
           "axes logarithmic: without it the time grows in proportion.")

# %% [markdown]
# Without a cache the time grows with the length, and a text of n tokens takes some n² of work. With it the time hardly grows: here
# it is the overhead of a hundred small calls from Python. Note the trade: the cache turns arithmetic into *memory*, which is
# read for every token. On a large model, that is the second term of your `decode_ceiling`.

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
# Two functions do the work, as llama-bench does: warm up, repeat five times, and return an object whose `tokens_per_s` holds the
# five speeds. `path` is `models.path("smollm2-f16")`.
#
# - `speed.prefill(path, n_tokens=512, n_threads=2)` reads 512 tokens at once.
# - `speed.decode(path, n_tokens=32, n_threads=2, n_depth=1024)` writes 32 after 1,024 others; between repetitions it rolls the
#   cache back to those.

# %% nbgrader={"grade_id": "given-plan"}
DEPTHS = (512, 1024, 2048, 4096)
PLAN = {"model": "smollm2-f16", "weight_bytes": SMOLLM2_BYTES["F16"], "n_prompt": 512, "n_gen": 32}
print([label(n) for n in THREADS], [label(THREADS[0], depth) for depth in DEPTHS])

# %% [markdown] nbgrader={"grade_id": "ex-5-10-task"}
# **Exercise 5.10 (2 points).** Measure `prefill` and `decode` by `lab.measure(what, function, unit="token/s", …)`. The function
# returns `{label(n): speeds}` for every n in `THREADS`, in that order; decode's also `{label(THREADS[0], depth): speeds}` for every depth in `DEPTHS`.
# Each record carries the four facts of `PLAN` and `n_depth`, a list of the depths (`[0]` for prefill), as keyword arguments.
#
# Graded together with your `read_bandwidth`: whether the records are whole and physically possible, never how fast. What looks
# impossible is looked at by a person. It takes a minute or two.

# %% nbgrader={"grade_id": "ex-5-10"}
### BEGIN SOLUTION
def prefills():
    from course.llama import speed

    return {label(n): speed.prefill(models.path("smollm2-f16"), n_tokens=512, n_threads=n).tokens_per_s for n in THREADS}


def decodes():
    from course.llama import speed

    settings = [(n, 0) for n in THREADS] + [(THREADS[0], depth) for depth in DEPTHS]
    return {
        label(n, depth): speed.decode(
            models.path("smollm2-f16"), n_tokens=32, n_threads=n, n_depth=depth
        ).tokens_per_s
        for n, depth in settings
    }


lab.measure("prefill", prefills, unit="token/s", n_depth=[0], **PLAN)
lab.measure("decode", decodes, unit="token/s", n_depth=[0, *DEPTHS], **PLAN)
### END SOLUTION

# %%
[(what, lab.measured(what)["median"]) for what in ("read_bandwidth", "prefill", "decode")]  # what you have so far

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
for record in (prefill, decode):
    missing = [key for key in ("model", "weight_bytes", "n_prompt", "n_gen", "n_depth") if key not in record]
    assert not missing, f"the record of {record['what']} does not say {' and '.join(missing)}"
read, prefilled, decoded = (medians(record) for record in (reading, prefill, decode))
counts = [n for n, depth in decoded if not depth]
assert counts, "decode lacks the speeds without depth"
assert any(depth for _, depth in decoded), "decode lacks the speeds at a depth"
for n in counts:
    for what, known in (("read_bandwidth", read), ("prefill", prefilled)):
        assert (n, 0) in known, f"{what} lacks {label(n)!r}, with which decode was measured"
weights = decode["weight_bytes"]
plausible(isinstance(weights, int) and weights > 200e6, f"{weights} bytes of weights may fit into a cache: memory is not measured")
for n in counts:
    plausible(min(read[n, 0], prefilled[n, 0], decoded[n, 0]) > 0, f"a speed of 0 with {label(n)}")
    plausible(prefilled[n, 0] > decoded[n, 0], f"with {label(n)} prefill is slower than decode, which fetches more for each token")
    share = weights * decoded[n, 0] / read[n, 0]
    plausible(share < 1.3, f"with {label(n)} decode read {share:.1f} times what memory was measured to deliver")
### END HIDDEN TESTS
assert set(PLAN) <= set(lab.measured("decode")), "the record of decode does not carry the facts of PLAN"

# %% [markdown]
# ### What limits it?
#
# Left your machine, right a 7B model in llama.cpp's own example, on up to 32 threads. Grey is the ceiling, where all of the
# bandwidth goes into weights. For the right one nobody wrote down the bandwidth: there it is the best decode.

# %%
reading, prefilled, decoded = (medians(lab.record(what)) for what in ("read_bandwidth", "prefill", "decode"))
counts = sorted(n for n, depth in decoded if depth == 0)
own = {phase: {n: found[n, 0] for n in counts} for phase, found in (("prefill", prefilled), ("decode", decoded))}
ceiling = {n: reading[n, 0] / SMOLLM2_BYTES["F16"] for n in counts}
bench = data.load("llama_bench")
theirs = {phase: rows.set_index("n_threads").tokens_per_s.to_dict() for phase, rows in bench.groupby("phase")}
best = max(theirs["decode"].values())
share = decoded[counts[-1], 0] / ceiling[counts[-1]]
print(f"decode with {label(counts[-1])}: {decoded[counts[-1], 0]:.0f} token/s; memory allows {ceiling[counts[-1]]:.0f}")

# %%
fig, axes = plt.subplots(1, 2, figsize=(9.5, 4))
for ax, series, top, name in zip(axes, (own, theirs), (ceiling, dict.fromkeys(theirs["decode"], best)),
                                 ("this machine, SmolLM2 F16", "llama-bench's README, 7B Q4_0"), strict=True):
    ax.plot(list(top), list(top.values()), "-", marker="", color="grey", lw=2)
    for phase, colour, marker in (("prefill", plots.ORANGE, "s"), ("decode", plots.BLUE, "o")):
        points = sorted(series[phase].items())
        ax.plot(*zip(*points, strict=True), "-", marker=marker, color=colour, lw=1)
        ax.annotate(phase, points[-1], (0, 9), textcoords="offset points", color=colour, ha="right")
    spoken = [*series["prefill"].values(), *series["decode"].values(), *top.values()]
    ax.set(xscale="log", yscale="log", xlabel=f"threads ({name})", ylim=(min(spoken) / 1.5, max(spoken) * 1.8))
    ax.set_xticks(list(top), list(top))
    ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ax.yaxis.set_major_formatter("{x:g}")
    ax.minorticks_off()
axes[0].set_ylabel("speed (token/s)")
axes[0].set_title(f"Decode reaches {share:.0%} of what memory allows")
plots.show(fig, alt="Token/s of prefill and decode against threads, on this machine with the ceiling that bandwidth sets, and "
           "in llama.cpp's README, where decode stops growing at 8 threads and prefill goes on.")

# %% tags=["raises-exception"]
rate = {n: reading[n, 0] for n in counts}
print("decode on this machine:", bottleneck(own["decode"], SMOLLM2_BYTES["F16"], rate))
print(f"llama-bench's machine, at its best: {effective_bandwidth(best, bench.size_gib.iloc[0]) / 1e9:.1f} GB/s of weights")
for n, speed_of in theirs["decode"].items():
    print(f"{n:3d} threads: decode {speed_of:5.2f}, prefill {theirs['prefill'][n]:5.2f} token/s")

# %% [markdown]
# On the right decode is done growing at 8 threads: 16.7 token/s × 3.56 GiB are 64 GB/s, and no thread makes memory faster. Prefill uses
# each weight for 64 tokens and grows on, up to 32 threads. On the left, what says your verdict? On two cores of a shared machine decode
# gets 40 to 65 % of the bandwidth: near the roof, not at it, and `bottleneck` often says compute or neither.

# %% [markdown]
# ### What does a long context cost?
#
# At depth n, the keys and values of n tokens are read, too: 23 KB a token, 94 MB at 4,096. By your ceiling the speed there is 0.74
# of that at the start. Attention also has to compute with them.

# %%
depths = sorted(depth for n, depth in decoded if n == max(counts))
here = [decoded[max(counts), depth] for depth in depths]
line = np.linspace(0, max(depths), 50)
allowed = here[0] / (1 + SMOLLM2_KV * line / SMOLLM2_BYTES["F16"])

fig, ax = plt.subplots()
ax.plot(line, allowed, "-", marker="", color="grey", lw=2)
ax.annotate("if the added bytes alone slowed it", (line[12], allowed[12]), (0, 8), textcoords="offset points", color="grey")
for depth in depths:
    values = lab.record("decode")["values"][label(max(counts), depth)]
    ax.plot([depth] * len(values), values, "o", color=plots.BLUE, alpha=0.5)
ax.set(xlabel="tokens before (depth)", ylabel="decode (token/s)", ylim=(0, 1.25 * max(here)))
ax.set_title(f"{max(depths):,} tokens of context leave {here[-1] / here[0]:.0%} of the speed")
plots.show(fig, alt="Decode speed against the number of tokens before, measured, and the line that the bytes of the cache "
           "alone would give.")

# %% [markdown]
# ### And in four bits?
#
# A Q4_1 file of SmolLM2 has 97 MB for 269, and a Q4_0 one 76: if bandwidth were all, decode would be 2.8 and 3.6 times as fast. The
# next cell makes the Q4_0 file and times both, and F16 again beside them. **Predict** Q4_1's token/s with all cores.

# %% nbgrader={"grade_id": "predict-decode_q4"}
### BEGIN SOLUTION
lab.predict("decode_q4", 30, 250, "token/s")
### END SOLUTION

# %% tags=["raises-exception"]
def decode_in_four_bits():
    """Token/s of Q4_1, Q4_0 and F16, on all cores."""
    import tempfile
    from pathlib import Path

    from course.llama import quantize, speed

    with tempfile.TemporaryDirectory() as folder:
        source = models.path("smollm2-f16")
        q4_0 = quantize.quantize(source, Path(folder) / "smollm2-q4_0.gguf", to="Q4_0", pure=True)
        files = {"Q4_1": models.path("smollm2"), "Q4_0": q4_0, "F16": source}
        return {kind: speed.decode(path, n_tokens=32).tokens_per_s for kind, path in files.items()}


lab.measure("decode_q4", decode_in_four_bits, unit="token/s");

# %%
speeds = lab.record("decode_q4")["values"]
sizes = np.geomspace(60, 330, 50)
top = max(reading.values())
gain = np.median(speeds["Q4_1"]) / np.median(speeds["F16"])

fig, ax = plt.subplots()
ax.plot(sizes, top / sizes / 1e6, "-", marker="", color="grey", lw=2)
ax.annotate("all of the bandwidth", (sizes[20], top / sizes[20] / 1e6), (8, 4), textcoords="offset points", color="grey")
for kind, values in speeds.items():
    ax.plot([SMOLLM2_BYTES[kind] / 1e6] * len(values), values, "o", color=plots.BLUE, alpha=0.5)
    ax.annotate(kind, (SMOLLM2_BYTES[kind] / 1e6, np.median(values)), (9, -4), textcoords="offset points")
ax.set(xscale="log", yscale="log", xlabel="weights (MB)", ylabel="decode (token/s)")
ax.set_xticks([75, 100, 150, 200, 300], ["75", "100", "150", "200", "300"])
ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
ax.yaxis.set_major_formatter("{x:g}")
ax.minorticks_off()
ax.set_title(f"2.8 times fewer bytes, {gain:.1f} times the speed")
plots.show(fig, alt="Decode speed of SmolLM2 in F16, Q4_1 and Q4_0 against the bytes of its weights, and the line of all the bandwidth.")

# %% [markdown]
# Both files of 4 bits stay far below the line: they wait for unpacking. Q4_1 is slower than Q4_0 though it is hardly larger. llama.cpp
# has rearranged weights and faster code for Q4_0 on most processors, and none for Q4_1. So which format is fast is a property of
# code and processor, found out by measuring. What four bits cost in quality is lab 6.

# %% [markdown]
# ## 8 · Who tests the test?
#
# A colleague's version of exercise 5.6. It passes whatever begins with the request.

# %% nbgrader={"grade_id": "given-colleague"}
def colleagues_times(events):
    times = [seconds for seconds, kind in events if kind == "token"]
    if len(times) == 0:
        raise ValueError("nothing was written")
    return times[0] - events[0][0], np.diff(times).mean() if len(times) > 1 else math.nan


colleagues_times([(2.0, "request"), (2.5, "token"), (2.6, "token"), (2.9, "token")])

# %% [markdown] nbgrader={"grade_id": "ex-5-11-task"}
# **Exercise 5.11 (stretch, 1 point).** `accepts(f)` is given somebody's `ttft_and_tpot(events)` and returns `True` if it does all
# that exercise 5.6 asks, `False` if not; an implementation that raises what it should not is wrong. It must refuse the colleague's and accept
# your own. It is tried on thirteen implementations that you do not see.

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
    except Exception:
        return False
    return isclose(ttft, 0.5) and isclose(tpot, 0.4) and isclose(alone, 0.5) and math.isnan(none)
    ### END SOLUTION


# %%
accepts(colleagues_times), accepts(ttft_and_tpot)  # try it: False, True

# %% nbgrader={"grade_id": "test-5-11", "points": 1}
### BEGIN HIDDEN TESTS
from course.checking import expect_each, same


def parts(events):
    tokens = [t for t, kind in events if kind == "token"]
    if not tokens:
        raise ValueError("no token")
    return next(t for t, kind in events if kind == "request"), tokens, np.diff(tokens).tolist()


def built(ttft=lambda request, tokens, events: tokens[0] - request, tpot=lambda tokens, gaps, request: sum(gaps) / len(gaps), alone=math.nan):
    def implementation(events):
        request, tokens, gaps = parts(events)
        return ttft(request, tokens, events), tpot(tokens, gaps, request) if gaps or alone is None else alone

    return implementation


def silent(events):
    return built()(events) if any(kind == "token" for _, kind in events) else (math.nan, math.nan)


def indexed(events):
    if "token" not in [kind for _, kind in events]:
        raise IndexError("list index out of range")
    return built()(events)


bank = {  # what it does: (right?, implementation)
    "one that adds up gaps": (True, built()),
    "one that goes from the first to the last token": (True, built(tpot=lambda t, gaps, _: (t[-1] - t[0]) / (len(t) - 1))),
    "one that counts from the end": (True, built(tpot=lambda t, gaps, _: (t[-1] - t[0]) / len(gaps), ttft=lambda request, t, _: min(t) - request)),
    "one that takes n gaps": (False, built(tpot=lambda t, gaps, _: (t[-1] - t[0]) / len(t))),
    "one that counts loading": (False, built(ttft=lambda request, t, events: t[0] - events[0][0])),
    "one whose clock starts at 0": (False, built(ttft=lambda request, t, events: t[0])),
    "one that times from the request": (False, built(tpot=lambda t, gaps, request: (t[-1] - request) / len(t))),
    "one that takes the first gap": (False, built(tpot=lambda t, gaps, _: gaps[0])),
    "one that takes the median gap": (False, built(tpot=lambda t, gaps, _: float(np.median(gaps)))),
    "one that says 0 for a lone token": (False, built(alone=0.0)),
    "one that divides by no gaps": (False, built(alone=None)),
    "one that says nothing of silence": (False, silent),
    "one that trips over silence": (False, indexed),
}
even = [(2.0, "load"), (4.0, "request"), *((4.25 + 0.5 * i, "token") for i in range(4))]
uneven = [(3.0, "load"), (5.0, "request"), (5.5, "token"), (5.6, "token"), (6.1, "token"), (6.7, "token")]


def outcome(f, events):
    try:
        return tuple(f(events))
    except Exception as error:
        return error


def judged(*traces):
    """The verdicts of one who tries these traces only."""

    def right(f, events):
        expected, given = outcome(built(), events), outcome(f, events)
        if isinstance(expected, Exception):
            return isinstance(given, ValueError)
        return same(given, expected, rel_tol=1e-9)

    return [all(right(f, events) for events in traces) for _, f in bank.values()]


expect_each(accepts, {name: (f,) for name, (_, f) in bank.items()}).equals([right for right, _ in bank.values()], wrong={
    "5.11/no_load": ("without a load event nobody sees whether loading is counted", judged(uneven[1:], uneven[1:3], uneven[1:2])),
    "5.11/one_token": ("what does it say of a single token?", judged(uneven, uneven[:2])),
    "5.11/no_token": ("what does it say where no token came?", judged(uneven, uneven[:3])),
    "5.11/one_trace": ("one good trace is not enough: try a single token, and none", judged(uneven)),
    "5.11/even_gaps": ("evenly spaced tokens hide which gap is taken", judged(even, even[:3], even[:2])),
    "5.11/accepts_all": ("it accepts every implementation", [True] * len(bank)),
})
### END HIDDEN TESTS
assert not accepts(colleagues_times), "the colleague's version counts loading as waiting"

# %%
# Your verdict on "generating text is memory-bound", in a sentence: for which format, on which machine, by which measurement,
# and how sure you are in per cent.
MEMORY_BOUND = "..."

# %% [markdown]
# ## Summary
#
# - A token's least time is bytes over bandwidth: all weights, and the keys and values of all tokens before.
# - In 16 bits decode comes near that, in 4 bits it does not: unpacking takes the time that reading saved.
# - Prefill uses each weight for many tokens and waits for arithmetic; decode for memory, for arithmetic, or for other threads.
# - A cache of keys and values turns n² arithmetic into n reads.

# %% [markdown]
# ## What would change the answer?
#
# - **More bandwidth for the same cores.** A laptop with unified memory reads 100 to 400 GB/s: there compute binds sooner.
# - **A larger model.** 135 million parameters leave much of the time to overhead; at 7 billion, four bits come closer to the roof.
# - **Several requests at once.** Then decode reads each weight for all of them, and turns into prefill: lab 7.
# - **A quiet or a busy machine.** In the log of part 2 two threads were slower than one.
#
# Now save and type `course check lab05`. Then lab 6: what is in four bits.
