# %% [markdown]
# # What does a token cost?
#
# "A thousand tokens cost one to six cents, and the bill grows linearly with use." After this lab you can derive the
# price of a token from what a machine reads and computes, say what a batch, a long conversation or another language
# makes of it, and find the wrong line of an invoice.
#
# **120 minutes, 1 GB of memory, no network.** You measure one core of your machine and count tokens with a real model.
# The large machine, an H100, was measured for this course.

# %% nbgrader={"grade_id": "start"}
import math
import time
from math import isclose

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import LogLocator, NullLocator

from course import data, lab, models, plots

lab.start("lab04", cohort="2026")
plots.use_style()

# %% [markdown]
# ## How this lab works
#
# An exercise is four cells: the task, your answer, a cell to try it in, and a check with the worked example. For the
# hidden tests press *Validate*, above the notebook. Each answer can be written without the others. Exercises marked
# *stretch* are worth one point, the others two.
#
# Whatever you do not measure is filled in from a reference machine, and says so. What lab 1 measured is used again, and
# so is lab 5's memory: the reference machine's, if you have not been there yet.

# %% [markdown]
# | word or name | what it is | unit |
# |---|---|---|
# | prefill | reading a prompt, all tokens at once | token/s |
# | decode | writing an answer, one token after another | token/s |
# | `batch` | conversations that are decoded together | |
# | `context` | tokens of each that came before | token |
# | keys and values (KV) | what each token leaves behind for those after it | byte |
# | `peak_flop_per_s` | what a device computes at best: dense, in 16 bits | FLOP/s |
# | `bytes_per_s` | what a device reads from its memory at best | byte/s |
# | `usd_per_mtok` | price of a million tokens | USD/Mtok |

# %% [markdown]
# ## 1 · How fast do bytes come?
#
# To write one token, a model uses every weight once, and a large model's weights are in memory, not in the processor.
# So the first question of a price is how fast memory is. You are about to copy an array of 2²⁵ numbers of 8 bytes, 268
# MB, seven times with one core.
#
# **Predict** how long a copy takes, with an interval that you are 80 % sure of: `lab.predict("copy_seconds", low, high,
# "s")`.
#
# <details><summary>Where to start</summary>Memory moves tens of GB in a second, and one core gets a part of
# that.</details>

# %% nbgrader={"grade_id": "predict-copy_seconds"}
### BEGIN SOLUTION
lab.predict("copy_seconds", 0.01, 0.1, "s")
### END SOLUTION

# %% nbgrader={"grade_id": "given-copied"}
N_COPIED = 2**25  # numbers of 8 bytes

# %% tags=["raises-exception"]
def copying():
    """Seconds of seven copies; the first of them apart."""
    source, target = np.ones(N_COPIED), np.empty(N_COPIED)
    seconds = []
    for _ in range(7):
        start = time.perf_counter()
        np.copyto(target, source)
        seconds.append(time.perf_counter() - start)
    return {"after the first": seconds[1:], "the first": seconds[:1]}


lab.measure("copy_seconds", copying, unit="s", threads=1);

# %%
timings = lab.record("copy_seconds")["values"]
copies = [*timings["the first"], *timings["after the first"]]
print("milliseconds:", ", ".join(f"{1e3 * seconds:.0f}" for seconds in copies))
times = copies[0] / np.median(copies[1:])
print(f"The first took {times:.1f} times as long as the others (their median).")

# %% [markdown]
# The first copy is another thing than the rest: `np.empty` only promises memory, and the system hands it over, page by
# page, when it is first written to. Anything that is timed has such a first time. The others differ by what else your
# machine did.

# %% [markdown] nbgrader={"grade_id": "ex-4-1-task"}
# **Exercise 4.1 (2 points).** `copy_bandwidth(n, itemsize, seconds)` returns the byte/s that went through memory while
# `n` numbers of `itemsize` bytes were copied. `seconds` lists the times of two copies or more. The first only warms up;
# take the median of the others. A million numbers of 8 bytes in `[9.0, 0.004, 0.002, 0.008]` make 4e9 byte/s. Leave
# `seconds` as it is.

# %% nbgrader={"grade_id": "ex-4-1"}
def copy_bandwidth(n, itemsize, seconds):
    """Byte/s that went through memory during the median copy."""
    ### BEGIN SOLUTION
    return 2 * n * itemsize / float(np.median(seconds[1:]))
    ### END SOLUTION


# %%
copy_bandwidth(10**6, 8, [9.0, 0.004, 0.002, 0.008])  # try it

# %% nbgrader={"grade_id": "test-4-1", "points": 2}
### BEGIN HIDDEN TESTS
import statistics

from course.checking import expect, expect_each
from course.cohort import rng

r = rng("4.1")


def rate(n, size, seconds, *, of=statistics.median, warm=1, moved=2):
    return moved * n * size / of(seconds[warm:])


def timed(n, first):
    """Seconds of n copies after a first one, one of them far too long; neither in order nor even."""
    rest = [r.number(0.01, 0.03) for _ in range(n - 1)] + [r.number(0.2, 0.5)] if n > 2 else [r.number(0.01, 0.5) for _ in range(n)]
    return [first, *(rest[i] for i in r.permutation(n))]


cases = [
    (r.whole(10**6, 10**8), 8, timed(6, r.number(1, 3))),
    (r.whole(10**3, 10**6), 4, timed(5, r.number(1e-4, 9e-4))),
    (r.whole(1, 9), 1, timed(7, r.number(0.5, 0.9))),
    (r.whole(10**8, 10**9), 2, timed(1, r.number(1, 9))),
]
expect_each(copy_bandwidth, cases).close_to(rate, wrong={
    "4.1/one_array": ("a copy reads every byte and writes it: both go through memory", lambda *a: rate(*a, moved=1)),
    "4.1/three_arrays": ("one array is read, one is written", lambda *a: rate(*a, moved=3)),
    "4.1/warmup_kept": ("the first time only warms up: leave it out", lambda *a: rate(*a, warm=0)),
    "4.1/mean": ("the mean follows every outlier: the median is asked", lambda *a: rate(*a, of=statistics.fmean)),
    "4.1/fastest": ("the best of all is luck: the median is asked", lambda *a: rate(*a, of=min)),
    "4.1/eight_bytes": ("itemsize says how many bytes a number has", lambda n, size, s: rate(n, 8, s)),
    "4.1/sorted_first": ("leave out the first of the times, not the smallest or the largest",
                         lambda n, size, s: rate(n, size, sorted(s)), lambda n, size, s: rate(n, size, sorted(s)[::-1])),
})
expect(copy_bandwidth, *cases[0]).keeps_arguments()
### END HIDDEN TESTS
assert isclose(
    copy_bandwidth(10**6, 8, [9.0, 0.004, 0.002, 0.008]), 4e9
), "16 MB through memory in 4 ms"

# %% [markdown]
# ### Your memory
#
# Lab 5 measures memory by threads; its record, yours or the reference machine's, stands above your own figure. If one
# core gets less than two together, it is not memory that holds it up: a core can only wait for so many bytes at once.

# %% tags=["raises-exception"]
for label, rates in lab.record("read_bandwidth")["values"].items():
    print(f"{label}: {np.median(rates) / 1e9:.1f} GB/s")
print(f"yours, one core copying: {copy_bandwidth(N_COPIED, 8, copies) / 1e9:.1f} GB/s")

# %% [markdown]
# ## 2 · What does a byte have to do?
#
# In a step of decode each weight is multiplied once for each conversation in the batch and added up: 2 FLOP. A weight
# of 4 bytes in a batch of 8 does 16 FLOP, 4 per byte. Do more per byte, and memory matters less. A machine never
# computes faster than its peak, nor faster than byte/s times FLOP per byte. The lower of the two is its **roofline**.

# %% [markdown]
# You are about to time a toy: four layers of 4096 × 4096 numbers of 4 bytes, 67 million weights, 268 MB, on one core,
# in batches of 1 to 256; and how long it takes only to read them. What labs 1 and 5 measured is where to start.

# %%
matmul, reading = lab.record("matmul"), lab.record("read_bandwidth")["values"]
one_core = np.median(reading["1 thread, read"])
print(f"lab 5: one core reads {one_core / 1e9:.0f} GB/s")
products = max(matmul["values"]["n = 4096"])
print(f"lab 1: {matmul['threads']} threads multiply at {products / 1e9:.0f} GFLOP/s")

# %% [markdown]
# **Predict** the seconds of a step for a batch of 1, the lower end first: `lab.predict("toy_step", low, high, "s")`.
# And make a guess for yourself: how much longer will 4 take, and 256?

# %% nbgrader={"grade_id": "predict-toy_step"}
### BEGIN SOLUTION
lab.predict("toy_step", 0.008, 0.04, "s")
### END SOLUTION

# %% tags=["raises-exception"]
from course.measure import layers

lab.measure("toy_step", layers.step_seconds, unit="s", threads=1);

# %% nbgrader={"grade_id": "given-toy"}
TOY_WEIGHTS = 4 * 4096**2
TOY_BYTES = 4 * TOY_WEIGHTS

# %%
record = lab.record("toy_step")
toy = {label: float(np.median(values)) for label, values in record["values"].items()}
read_s = toy.pop("read")
steps = {int(label.split()[1]): seconds for label, seconds in toy.items()}
speeds = {batch: 2 * batch * TOY_WEIGHTS / seconds for batch, seconds in steps.items()}
top, memory = max(speeds.values()), TOY_BYTES / read_s
print(f"reading all weights: {1e3 * read_s:.1f} ms, {memory / 1e9:.1f} GB/s")
for batch, speed in speeds.items():
    allowed = min(top, memory * batch / 2)
    print(f"batch {batch:3d}: {1e3 * steps[batch]:6.1f} ms, {speed / 1e9:4.1f} GFLOP/s "
          f"where the roofline allows {allowed / 1e9:5.1f}")

# %%
whose = "this machine" if lab.is_own("toy_step") else "the reference machine"
work = np.geomspace(0.1, 300, 200)
roof = np.minimum(top, memory * work)
bend = top / memory
fig, ax = plt.subplots()
ax.plot(work, roof / 1e9, "-", marker="", color="grey", lw=2)
for batch, speed in speeds.items():
    place = (batch / 2, speed / 1e9)
    ax.plot(*place, "o", color=plots.BLUE)
    plots.label(ax, f"batch {batch}", place, shift=(7, -13), colour=plots.BLUE)
ax.set(xscale="log", yscale="log", xlim=(0.05, 700))
ax.set(xlabel="work (FLOP per byte of weights)", ylabel="speed of one core (GFLOP/s)")
ax.set_ylim(min(*speeds.values(), roof[0]) / 2e9, 3 * top / 1e9)
slope = (0.1 * bend) ** 0.5
plots.label(ax, "memory", (slope, memory * slope / 1e9), shift=(-8, 4), side="right")
plots.label(ax, "arithmetic", (bend, top / 1e9), shift=(0, 8))
plots.ticks(ax.xaxis, [0.1, 1, 10, 100])
ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
ax.yaxis.set_major_formatter("{x:g}")
ax.yaxis.set_minor_locator(NullLocator())
most = max(speeds)
gain = speeds[most] / speeds[1]
ax.set_title(f"Batch {most}: {gain:.0f} times the FLOP/s of batch 1 on {whose}")
plots.show(fig, alt="Speed of the toy model by batch, against FLOP per byte, with the "
           "roofline of one core: sloping where memory is the limit, flat "
           "where arithmetic is.")

# %% [markdown]
# The grey line is an upper limit made of two measurements; its flat part is your own fastest batch. Where points lie
# under it, something else takes time too: rearranging numbers for a product of few rows, or another program. A point
# *above* the slope says that reading was measured too slowly.
#
# Left of the bend a larger batch should cost nothing. Did it, on this core? Keep the answer in mind for the H100.

# %% [markdown]
# ## 3 · What does a conversation occupy?
#
# Weights are shared by all conversations. Keys and values are not: in each layer each token leaves one key and one
# value of `head_dim` numbers for each KV head, and all of them are read for each new token.

# %% [markdown] nbgrader={"grade_id": "ex-4-2-task"}
# **Exercise 4.2 (2 points).** `kv_bytes_per_token(n_layers, n_kv_heads, head_dim, bytes_per_elem)` returns the bytes
# that one token leaves behind. Numbers may have 4, 2, 1 or half a byte each. Two layers, 3 KV heads of 64 and 2 bytes
# take 1,536.

# %% nbgrader={"grade_id": "ex-4-2"}
def kv_bytes_per_token(n_layers, n_kv_heads, head_dim, bytes_per_elem):
    """Bytes of one token's keys and values in all layers."""
    ### BEGIN SOLUTION
    return 2 * n_layers * n_kv_heads * head_dim * bytes_per_elem
    ### END SOLUTION


# %%
kv_bytes_per_token(2, 3, 64, 2)  # try it

# %% nbgrader={"grade_id": "test-4-2", "points": 2}
### BEGIN HIDDEN TESTS
from course import data
from course.checking import expect_each
from course.cohort import rng

r = rng("4.2")


def kv(n_layers, n_kv_heads, head_dim, size):
    return 2 * n_layers * n_kv_heads * head_dim * size


cases = [(r.whole(20, 130), r.whole(2, 40), 8 * r.whole(5, 32), size) for size in (2, 1, 4, 0.5)] + [(1, 1, r.whole(3, 9), 2)]
expect_each(kv_bytes_per_token, cases).close_to(kv, wrong={
    "4.2/keys_only": ("a token leaves a key and a value", lambda *a: kv(*a) / 2),
    "4.2/two_bytes": ("bytes_per_elem says how many bytes a number has", lambda n, heads, d, size: kv(n, heads, d, 2)),
    "4.2/bits": ("bytes_per_elem is in bytes, not in bits", lambda *a: kv(*a) / 8),
    "4.2/one_layer": ("every layer has keys and values of its own", lambda n, heads, d, size: kv(1, heads, d, size)),
})
# What the tables of this course have: the caches that were timed, and a textbook's.
cached = data.load("h100_decode").query("batch == 1 and context == 512").set_index("model").kv_bytes
served = data.load("h100_models").set_index("id").loc[cached.index]
known = {(int(s.n_layers), int(s.n_kv_heads), int(s.head_dim), 2): cached[s.Index] / 512 for s in served.itertuples()}
book, llama = data.load("step_times").iloc[0], data.row("model_shapes/llama-2-13b")
known[int(llama.n_layers), int(llama.n_kv_heads), int(llama.head_dim), 2] = book.kv_bytes_per_token
expect_each(kv_bytes_per_token, list(known)).close_to([float(value) for value in known.values()])
### END HIDDEN TESTS
assert isclose(
    kv_bytes_per_token(2, 3, 64, 2), 1536
), "a key and a value of 3 · 64 numbers in each of 2 layers"

# %% nbgrader={"grade_id": "given-machines"}
SHAPES = data.load("model_shapes").set_index("name")
ACCELERATORS = data.load("accelerators").set_index("name")
SIZES = ["n_params", "n_layers", "n_heads", "n_kv_heads", "head_dim"]


def config_of(name):
    """A model's sizes, everything in 16 bits."""
    sizes = {key: int(SHAPES.loc[name, key]) for key in SIZES}
    return {**sizes, "bytes_per_param": 2, "kv_bytes_per_elem": 2}


def hardware(name, devices=1):
    """What so many devices compute and read at best, by the data sheet."""
    device = ACCELERATORS.loc[name]
    return {"peak_flop_per_s": devices * float(device.dense_flop_per_s),
            "bytes_per_s": devices * float(device.bandwidth_bytes_per_s)}


LLAMA_8B, H100 = config_of("Llama 3.1 8B"), hardware("H100 SXM")
H100_GIB = float(ACCELERATORS.loc["H100 SXM", "memory_bytes"]) / 2**30
print(LLAMA_8B, H100, sep="\n")

# %% tags=["raises-exception"]
for name in ("SmolLM2-135M", "Llama 3.1 8B", "Llama 2 13B", "Llama 3.1 405B"):
    c = config_of(name)
    each = kv_bytes_per_token(c["n_layers"], c["n_kv_heads"], c["head_dim"], 2)
    print(f"{name:15s} {each:9,.0f} bytes a token; "
          f"{2 * c['n_params'] / each:9,.0f} tokens weigh as much as the model")
print(f"An H100's box says {H100_GIB:.0f} GB of memory.")

# %% [markdown]
# Llama 2 13B leaves more bytes a token than a model thirty times its size: it keeps keys and values for all of its
# heads, where the others let several heads share one (`n_kv_heads` below `n_heads`).
#
# **Predict** how many conversations of 8,192 tokens fit on one H100 beside the weights of Llama 3.1 8B in 16 bits:
# `lab.predict("conversations", low, high, "conversations")`. The cell above says how much it has.

# %% nbgrader={"grade_id": "predict-conversations"}
### BEGIN SOLUTION
lab.predict("conversations", 30, 80, "conversations")
### END SOLUTION

# %% [markdown] nbgrader={"grade_id": "ex-4-3-task"}
# **Exercise 4.3 (2 points).** `max_batch(mem_bytes, weight_bytes, kv_bytes_per_token, context)` returns how many
# conversations of `context` tokens fit into memory beside the weights: a whole number, 0 where not even the weights
# fit. 1,000 bytes of memory, 300 of weights, 2 a token and a context of 100 leave room for 3.

# %% nbgrader={"grade_id": "ex-4-3"}
def max_batch(mem_bytes, weight_bytes, kv_bytes_per_token, context):
    """Conversations whose keys and values fit beside the weights."""
    ### BEGIN SOLUTION
    return max(0, int((mem_bytes - weight_bytes) // (kv_bytes_per_token * context)))
    ### END SOLUTION


# %%
max_batch(1000, 300, 2, 100)  # try it

# %% nbgrader={"grade_id": "test-4-3", "points": 2}
### BEGIN HIDDEN TESTS
from course import data
from course.checking import expect, expect_each
from course.cohort import rng

r = rng("4.3")


def room(memory, weights, each, context):
    return (memory - weights) / (each * context)


def fit(*a):
    return max(0, math.floor(room(*a)))


def drawn(n, rest):
    """Memory for n conversations and a part of another."""
    weights, each, context = r.whole(10**9, 10**11), 1024 * r.whole(20, 900), 2 ** r.whole(9, 15)
    return weights + int((n + rest) * each * context), weights, each, context


cases = [drawn(r.whole(9, 90), 0.8), drawn(r.whole(100, 900), 0.3), drawn(r.whole(2, 5), 0), drawn(0, 0.9)]
expect_each(max_batch, cases).equals(fit, wrong={
    "4.3/rounds": ("a part of a conversation is no conversation: round down", lambda *a: round(room(*a)), lambda *a: math.ceil(room(*a))),
    "4.3/no_weights": ("the weights take their share of the memory", lambda m, w, k, c: int(m // (k * c))),
    "4.3/one_token": ("a conversation has as many tokens as its context", lambda m, w, k, c: (m - w) // k),
    "4.3/not_whole": ("a whole number of conversations is asked", room),
})
too_small = [(r.whole(10**9, 10**10), 16 * 10**9, 131_072, 2048), (8 * 10**9, 8 * 10**9, 2048, 128), (10**9, 10**12, 131_072, 512)]
expect_each(max_batch, too_small).equals(fit, wrong={
    "4.3/negative": ("there are never fewer than 0 conversations: give 0 where the weights do not fit",
                     lambda *a: math.floor(room(*a)), lambda *a: int(room(*a)), lambda *a: round(room(*a))),
})
# One H100 beside Llama 3.1 8B: 80 GB, and 80 GiB.
memory, llama = data.row("accelerators/h100-sxm").memory_bytes, data.row("h100_models/llama-3.1-8b")
kv = 4 * llama.n_layers * llama.n_kv_heads * llama.head_dim
for size in (int(memory / 2**30 * 1e9), int(memory)):
    expect(max_batch, size, int(llama.weight_bytes), int(kv), 8192).equals(fit(size, llama.weight_bytes, kv, 8192))
### END HIDDEN TESTS
assert max_batch(1000, 300, 2, 100) == 3, "700 bytes, 200 for each"

# %% tags=["raises-exception"]
cached = data.row("h100_decode/llama-3.1-8b-b1-c512")
each, weights = cached.kv_bytes / cached.context, 2 * LLAMA_8B["n_params"]
fits = {}
for unit, size in (("GB", 1e9), ("GiB", 2**30)):
    fits[unit] = max_batch(H100_GIB * size, weights, each, 8192)
    print(f"{H100_GIB:.0f} {unit}: {fits[unit]} conversations")
source = "your formula, and the memory in `accelerators`"
lab.reveal("conversations", fits["GiB"], "conversations", source);

# %% [markdown]
# The box says GB and the chip has GiB, 2³⁰ bytes: a tenth more conversations by the choice of a letter. A server leaves
# some of it for other things than keys and values; how many conversations *really* fit is for lab 7.

# %% [markdown]
# ## 4 · How long does a step take?
#
# Weights are read once for the whole batch, and work grows with the batch. So from some batch on arithmetic takes
# longer than reading: the bend of the roofline, told as a batch.

# %% [markdown] nbgrader={"grade_id": "ex-4-4-task"}
# **Exercise 4.4 (stretch, 1 point).** `critical_batch(peak_flop_per_s, bandwidth, bytes_per_param)` returns the batch
# at which multiplying with all weights takes as long as reading them; it need not be whole. 1e14 FLOP/s, 1e12 byte/s
# and 4 bytes a weight give 200.

# %% nbgrader={"grade_id": "ex-4-4"}
def critical_batch(peak_flop_per_s, bandwidth, bytes_per_param):
    """The batch at which arithmetic takes as long as reading the weights."""
    ### BEGIN SOLUTION
    return peak_flop_per_s * bytes_per_param / (2 * bandwidth)
    ### END SOLUTION


# %%
critical_batch(1e14, 1e12, 4)  # try it

# %% nbgrader={"grade_id": "test-4-4", "points": 1}
### BEGIN HIDDEN TESTS
from course import data
from course.checking import expect_each
from course.cohort import rng

r = rng("4.4")


def critical(peak, rate, size):
    return peak * size / rate / 2


h100 = data.row("accelerators/h100-sxm")
cases = [(r.number(1e13, 9e14), r.number(1e11, 9e12), size) for size in (1, 0.5, 4)] + [(r.number(1e9, 9e9), r.number(1e10, 9e10), 2)]
cases += [(float(h100.dense_flop_per_s), float(h100.bandwidth_bytes_per_s), size) for size in (2, 1)]
expect_each(critical_batch, cases).close_to(critical, wrong={
    "4.4/no_two": ("a weight takes a multiplication and an addition: 2 FLOP", lambda *a: 2 * critical(*a)),
    "4.4/two_bytes": ("weights of fewer bytes are read faster: where is bytes_per_param?", lambda peak, rate, size: peak / rate),
    "4.4/bytes_divide": ("more bytes a weight take longer to read: a larger batch has that time",
                         lambda peak, rate, size: peak / (2 * rate * size)),
    "4.4/upside_down": ("the batch is the peak over what the bandwidth feeds, not the inverse", lambda *a: 1 / critical(*a)),
})
### END HIDDEN TESTS
assert isclose(
    critical_batch(1e14, 1e12, 4), 200
), "4 ps to read a weight, 0.02 ps to use it once"

# %% [markdown]
# ### A model of a step
#
# A step of decode has two parts. In the layers' products the weights are read *while* the machine computes, so that the
# slower of both decides. Attention reads the keys and values of every conversation in the batch. They come on top:
# nothing is computed meanwhile. The FLOP of attention are few, and left out.

# %% [markdown] nbgrader={"grade_id": "ex-4-5-task"}
# **Exercise 4.5 (2 points).** `decode_step_s(batch, context, config, hw)` returns the seconds of one step by the model
# above. `config` has the keys of `LLAMA_8B`, `hw` those of `H100`. All `n_params` are multiplied and read. At a batch
# of 1, Llama 3.1 8B on an H100 takes 4.794 ms without any context and 4.874 ms with 2,048 tokens.

# %% nbgrader={"grade_id": "ex-4-5"}
def decode_step_s(batch, context, config, hw):
    """Seconds of a step of decode: keys and values, then products or weights."""
    ### BEGIN SOLUTION
    c = config
    kv_bytes = 2 * c["n_layers"] * c["n_kv_heads"] * c["head_dim"] * c["kv_bytes_per_elem"]
    compute_s = 2 * c["n_params"] * batch / hw["peak_flop_per_s"]
    weights_s = c["n_params"] * c["bytes_per_param"] / hw["bytes_per_s"]
    return batch * context * kv_bytes / hw["bytes_per_s"] + max(compute_s, weights_s)
    ### END SOLUTION


# %%
[1e3 * decode_step_s(1, context, LLAMA_8B, H100) for context in (0, 2048)]  # try it

# %% nbgrader={"grade_id": "test-4-5", "points": 2}
### BEGIN HIDDEN TESTS
from course.checking import expect, expect_each
from course.cohort import rng

r = rng("4.5")


def step(batch, context, c, hw, *, heads="n_kv_heads", kv_of=None, join=max, weights_of=1, halves=1, hidden=False):
    kv = 2 * c["n_layers"] * c[heads] * c["head_dim"] * c["kv_bytes_per_elem"] * context * (kv_of or batch) / hw["bytes_per_s"]
    compute = 2 * halves * c["n_params"] * batch / hw["peak_flop_per_s"]
    weights = c["n_params"] * c["bytes_per_param"] * weights_of / hw["bytes_per_s"]
    return max(compute, weights + kv) if hidden else kv + join(compute, weights)


def drawn(of_critical, context):
    """A model and a machine, and a batch that is so many times the critical one; at 0 it is 1."""
    size, kv_heads = float(r.choice([0.5, 1, 4])), r.whole(2, 9)
    c = {"n_params": r.whole(10**9, 9 * 10**10), "n_layers": r.whole(20, 99), "n_heads": kv_heads * r.whole(2, 8), "n_kv_heads": kv_heads,
         "head_dim": 16 * r.whole(3, 12), "bytes_per_param": size, "kv_bytes_per_elem": int(r.choice([1, 4]))}
    hw = {"peak_flop_per_s": r.number(1e14, 9e14), "bytes_per_s": r.number(1e12, 5e12)}
    critical = hw["peak_flop_per_s"] * size / (2 * hw["bytes_per_s"])
    return max(1, round(of_critical * critical)), context, c, hw


cases = [drawn(r.number(0.2, 0.8), r.whole(500, 9000)), drawn(r.number(1.5, 4), r.whole(500, 9000)), drawn(r.number(1.2, 3), 0), drawn(0, 4096),
         drawn(0, 0)]
expect_each(decode_step_s, cases).close_to(step, wrong={
    "4.5/sum": ("weights are read while the machine computes: the slower decides, not the sum", lambda *a: step(*a, join=lambda x, y: x + y)),
    "4.5/kv_of_one": ("every conversation of the batch has keys and values of its own", lambda *a: step(*a, kv_of=1)),
    "4.5/all_heads": ("keys and values are kept for the KV heads only", lambda *a: step(*a, heads="n_heads")),
    "4.5/weights_for_each": ("the weights are read once for the whole batch", lambda *a: step(*a, weights_of=a[0])),
    "4.5/kv_hidden": ("keys and values come on top: they do not hide behind the products", lambda *a: step(*a, hidden=True)),
    "4.5/work_of_one": ("every conversation of the batch takes its work", lambda b, n, c, hw: step(b, n, c, hw, halves=1 / b)),
    "4.5/no_two": ("a weight takes a multiplication and an addition: 2 FLOP", lambda *a: step(*a, halves=0.5)),
})
for context in (0, 2048):
    expect(decode_step_s, 64, context, LLAMA_8B, H100).close_to(step(64, context, LLAMA_8B, H100))
### END HIDDEN TESTS
assert isclose(
    decode_step_s(1, 0, LLAMA_8B, H100), 4.794e-3, rel_tol=1e-3
), "the bytes of all weights over the bandwidth"

# %% [markdown]
# ### Does it reconcile?
#
# A textbook works the same model out for Llama 2 13B on eight TPUs that share the work, each conversation with 8,192
# tokens. It rounds the bandwidth; the data sheet's is used here.

# %% tags=["raises-exception"]
for row in data.load("step_times").itertuples():
    hw = hardware(row.device, row.devices)
    ours = decode_step_s(row.batch, row.context, config_of(row.model), hw)
    print(f"batch {row.batch:3d}: the book {1e3 * row.step_s:6.2f} ms, "
          f"yours {1e3 * ours:6.2f} ms, ratio {ours / row.step_s:.4f}")

# %% [markdown]
# ### Reading the prompt
#
# In prefill all tokens of a prompt go through the layers together: one pass over the weights, work for each token.
# Attention adds a little, which the next exercise leaves out.

# %% [markdown] nbgrader={"grade_id": "ex-4-6-task"}
# **Exercise 4.6 (stretch, 1 point).** `prefill_s(n_prompt, config, hw)` returns the seconds in which one prompt is
# read: the slower of computing with all `n_params` for each token and reading them. Keys as in 4.5. Llama 3.1 8B on an
# H100: 4.794 ms for 1 token, 133.03 ms for 8,192.

# %% nbgrader={"grade_id": "ex-4-6"}
def prefill_s(n_prompt, config, hw):
    """Seconds for reading a prompt of n_prompt tokens at once."""
    ### BEGIN SOLUTION
    compute_s = 2 * config["n_params"] * n_prompt / hw["peak_flop_per_s"]
    return max(compute_s, config["n_params"] * config["bytes_per_param"] / hw["bytes_per_s"])
    ### END SOLUTION


# %%
[1e3 * prefill_s(n, LLAMA_8B, H100) for n in (1, 8192)]  # try it

# %% nbgrader={"grade_id": "test-4-6", "points": 1}
### BEGIN HIDDEN TESTS
from course.checking import expect_each
from course.cohort import rng

r = rng("4.6")


def parts(n, c, hw):
    return 2 * c["n_params"] * n / hw["peak_flop_per_s"], c["n_params"] * c["bytes_per_param"] / hw["bytes_per_s"]


def prompt(of_critical):
    """A prompt so many times as long as the critical batch, but one token at least."""
    c = {**LLAMA_8B, "n_params": r.whole(10**9, 9 * 10**10), "bytes_per_param": float(r.choice([0.5, 1, 4]))}
    hw = {"peak_flop_per_s": r.number(1e14, 9e14), "bytes_per_s": r.number(1e12, 5e12)}
    return max(1, round(of_critical * hw["peak_flop_per_s"] * c["bytes_per_param"] / (2 * hw["bytes_per_s"]))), c, hw


cases = [prompt(r.number(2, 30)), prompt(r.number(0.2, 0.8)), prompt(0), (1, LLAMA_8B, H100), (8192, LLAMA_8B, H100)]
expect_each(prefill_s, cases).close_to(lambda *a: max(parts(*a)), wrong={
    "4.6/one_by_one": ("the tokens of a prompt go through together: the weights are read once", lambda n, c, hw: n * max(parts(1, c, hw))),
    "4.6/sum": ("weights are read while the machine computes: the slower decides, not the sum", lambda *a: sum(parts(*a))),
    "4.6/compute_only": ("a short prompt takes as long as reading the weights", lambda *a: parts(*a)[0]),
    "4.6/read_only": ("a long prompt takes as long as computing", lambda *a: parts(*a)[1]),
    "4.6/no_two": ("a weight takes a multiplication and an addition: 2 FLOP", lambda *a: max(parts(*a)[0] / 2, parts(*a)[1])),
})
### END HIDDEN TESTS
assert isclose(
    prefill_s(8192, LLAMA_8B, H100), 133.03e-3, rel_tol=1e-3
), "the FLOP of 8,192 tokens over the peak"

# %% [markdown]
# ### Ask the machine
#
# For this course an H100 was timed with four models, from 135 million to 8 billion parameters, and plain PyTorch. Your
# formula gives a step of the 8B with a batch of 64 and a context of 2,048. **Predict** what was measured:
# `lab.predict("h100_step", low, high, "s")`.

# %% tags=["raises-exception"]
print(f"by your formula: {1e3 * decode_step_s(64, 2048, LLAMA_8B, H100):.2f} ms")

# %% nbgrader={"grade_id": "predict-h100_step"}
### BEGIN SOLUTION
lab.predict("h100_step", 0.010, 0.020, "s")
### END SOLUTION

# %%
timed = data.load("h100_decode")
shapes = data.load("h100_models").set_index("id")
STEP, ONE = (data.row(f"h100_decode/llama-3.1-8b-b{batch}-c2048") for batch in (64, 1))
lab.reveal(
    "h100_step", float(STEP.step_s), "s", f"measured on an {STEP.device}, {STEP.date}"
);

# %% [markdown]
# First the roofline, with all that was timed of the smallest and the largest model. Work is counted as above: 2 FLOP
# for each weight and token. Bytes are what a step has to read: weights, keys and values.

# %%
ceilings = data.load("h100_ceilings").groupby("unit").rate.max()
OWN = {"peak_flop_per_s": ceilings["FLOP/s"], "bytes_per_s": ceilings["byte/s"]}
prefilled = data.load("h100_prefill")


def roof(work, hw):
    """The FLOP/s that so many FLOP per byte allow."""
    return np.minimum(hw["peak_flop_per_s"], hw["bytes_per_s"] * work)


def points(model):
    """(FLOP per byte, FLOP/s) of all that was timed of a model, by phase."""
    s = shapes.loc[model]
    d, p = timed[timed.model == model], prefilled[prefilled.model == model]
    n = 2 * s.n_matmul_params
    return {"decode": (d.flop_per_s * d.step_s / d.read_bytes, d.flop_per_s),
            "prefill": (n * p.n_prompt / s.read_weight_bytes, n * p.tokens_per_s)}


# %%
fig, ax = plt.subplots(figsize=(8, 4.6))
x = np.geomspace(0.5, 20_000, 300)
for hw, style in ((H100, "-"), (OWN, ":")):
    ax.plot(x, roof(x, hw) / 1e12, style, marker="", color="grey", lw=2)
places = {"decode, 8B": (0.7, 12), "decode, 135M": (0.7, 0.07),
          "prefill, 8B": (700, 230), "prefill, 135M": (220, 1.3)}
for model, size, marker in (("llama-3.1-8b", "8B", "o"), ("smollm2-135m", "135M", "s")):
    for phase, (work, speed) in points(model).items():
        colour = plots.BLUE if phase == "decode" else plots.ORANGE
        ax.plot(work, speed / 1e12, marker, color=colour, alpha=0.7, ms=5)
        plots.label(ax, f"{phase}, {size}", places[f"{phase}, {size}"], colour=colour)
ax.set(xscale="log", yscale="log", xlim=(0.5, 20_000), ylim=(0.05, 2000))
ax.set(xlabel="work (FLOP per byte read)", ylabel="speed (TFLOP/s)")
work, speed = points("llama-3.1-8b")["decode"]
share = speed / roof(work, H100)
low, high = share.min(), share.max()
ax.set_title(f"Decode of the 8B gets {low:.0%} to {high:.0%} of what the roof allows")
plots.show(fig, alt="The H100's roofline by its data sheet and by what was measured, "
           "with decode and prefill of models of 8 billion and of 135 "
           "million parameters.")

# %% [markdown]
# Solid: the data sheet. Dotted: the fastest product and the fastest copy that were measured. Nothing lies above: a roof
# for the speed is a **floor for the time**. The 8B's decode runs along the slope. The 135M is mostly far below it.

# %%
for model in ("llama-3.1-8b", "smollm2-135m"):
    p = prefilled[prefilled.model == model]
    for row in p.itertuples():
        ms = 1e3 * row.seconds
        print(f"{model:12s} reads {row.n_prompt:5,} tokens in {ms:5.1f} ms")

# %% [markdown]
# The small model takes as long for the shortest prompt as for one 64 times as long. (That 128 tokens take the large one
# as long as 512 is how it was measured: what came first was slow.) Something else than bytes and FLOP takes its time.

# %% [markdown]
# ### Where does the floor fail?
#
# Two questions. Is `max()` right: does a larger batch cost nothing until the critical batch? And what does the small
# model wait for? Here is the 8B with 512 tokens of context, the time for its keys and values taken off.

# %% tags=["raises-exception"]
d = timed[(timed.model == "llama-3.1-8b") & (timed.context == 512)]
products = 1e3 * (d.step_s - d.kv_bytes / H100["bytes_per_s"])
batches = np.geomspace(1, 512, 100)
floor = [1e3 * decode_step_s(b, 0, LLAMA_8B, H100) for b in batches]
weights_ms = 1e3 * decode_step_s(0, 0, LLAMA_8B, H100)
one_ms = decode_step_s(10**6, 0, LLAMA_8B, H100) / 1e3  # a batch so large only computes

fig, ax = plt.subplots()
ax.plot(d.batch, products, "o", color=plots.BLUE)
for y, style in ((floor, "-"), (weights_ms + batches * one_ms, "--")):
    ax.plot(batches, y, style, marker="", color="grey", lw=2)
plots.label(ax, "max(): the floor", (1, weights_ms), shift=(0, -16))
plots.label(ax, "first reading, then computing", (2, weights_ms), shift=(0, 24))
plots.label(ax, "measured", (1, products.iloc[0]), shift=(0, 9), colour=plots.BLUE)
ax.set(xscale="log", xlabel="batch", ylim=(0, 15))
ax.set_ylabel("step, without keys and values (ms)")
plots.ticks(ax.xaxis, [1, 4, 16, 64, 256])
rise = products.iloc[-1] / products.iloc[0] - 1
first, last = (decode_step_s(b, 0, LLAMA_8B, H100) for b in (1, 256))
flat = last / first - 1
ax.set_title(f"Batch 256 costs {rise:.0%} more than 1; the floor says {flat:.0%}")
plots.show(fig, alt="A step of the 8B by batch: measured it rises from the first "
           "batch on, while the floor is flat up to its critical batch.")

# %% [markdown]
# The floor is flat up to the critical batch. The measurement starts far above it and rises from the first batch on,
# little at first, about as much as the dashed line, where nothing overlaps. So `max()` is a promise: reading and
# computing *can* go on at once. How far they do is up to the programs that run on the chip.

# %% [markdown]
# Now all four models, and both roofs.

# %%
N_LAYERS = shapes.loc[timed.model, "n_layers"].to_numpy()


def floors(hw, n_params):
    """Your floor for each measurement, with that column of the shapes as n_params."""
    bits = {"bytes_per_param": 2, "kv_bytes_per_elem": 2}
    configs = {
        name: {**s.to_dict(), **bits, "n_params": s[n_params]}
        for name, s in shapes.iterrows()
    }
    return np.array(
        [
            decode_step_s(row.batch, row.context, configs[row.model], hw)
            for row in timed.itertuples()
        ]
    )


# %% tags=["raises-exception"]
for source, hw in (("the data sheet", H100), ("what we measured", OWN)):
    print(f"measured / floor by {source}:")
    off = (timed.step_s / floors(hw, "n_params")).groupby(timed.model, sort=False)
    for model, (low, high) in off.agg(["min", "max"]).iterrows():
        print(f"  {shapes.loc[model, 'name']:15s} {low:.2f} to {high:.2f}")

# %%
s = shapes.loc["llama-3.1-8b"]
print(f"8B, batch 1: {1e3 * ONE.step_s:.2f} ms")
for what, size in (("all", s.weight_bytes), ("without embedding", s.read_weight_bytes)):
    rate = (size + ONE.kv_bytes) / ONE.step_s
    print(f"weights, {what:17s}: {size / 1e9:.2f} GB, read at {rate / 1e12:.2f} TB/s")

# %% [markdown]
# Which bytes? The 8B has an embedding table beside its output head. A step looks up one row of it for each token, and
# does not read the rest: who counts it claims a bandwidth that nobody had. From here on the floor reads what decode
# reads.
#
# A layer is a series of small programs, *kernels*, one after the other. Suppose that each layer takes a fixed time on
# top, whatever it computes: the median, over all measurements, of what is left above the floor per layer.

# %%
def with_layers(floor_s):
    """The floor and a constant for each layer; the constant."""
    per_layer_s = np.median((timed.step_s - floor_s) / N_LAYERS)
    return floor_s + per_layer_s * N_LAYERS, per_layer_s


# %% tags=["raises-exception"]
floor_s = floors(OWN, "n_matmul_params")
layered_s, per_layer_s = with_layers(floor_s)
print(f"the constant: {1e6 * per_layer_s:.0f} µs a layer")
for what, computed_s in (("the floor", floor_s), ("floor and layers", layered_s)):
    off = timed.step_s / computed_s
    low, high = off.quantile([0.1, 0.9])
    print(f"measured / {what:16s}: {off.min():.2f} to {off.max():.2f}, "
          f"the middle 80 % {low:.2f} to {high:.2f}")

# %% tags=["raises-exception"]
floor_s = floors(OWN, "n_matmul_params")
layered_s, per_layer_s = with_layers(floor_s)
by_model = timed[timed.context == 2048].groupby("model", sort=False)
fig, axes = plt.subplots(1, 2, figsize=(9.5, 4), sharey=True)
for ax, computed_s in zip(axes, (floor_s, layered_s), strict=True):
    for n, (model, d) in enumerate(by_model):
        off, colour = d.step_s / computed_s[d.index], plots.COLOURS[n]
        ax.plot(d.batch, off, "-", marker=plots.MARKERS[n], color=colour, lw=1)
        if ax is axes[0]:
            size, shift = model.split("-")[-1].upper(), (2, -16 if n == 3 else 8)
            plots.label(ax, size, (1, off.iloc[0]), shift=shift, colour=colour)
    ax.axhline(1, color="grey", lw=1, ls="-", marker="", zorder=0)
    ax.set(xscale="log", yscale="log", ylim=(0.5, 30), xlabel="batch")
    plots.ticks(ax.xaxis, [1, 4, 16, 64, 256])
    plots.ticks(ax.yaxis, [0.5, 1, 2, 5, 10, 20])
axes[0].set_ylabel("measured / computed")
most = (timed.step_s / floor_s).max()
axes[0].set_title(f"The floor: up to {most:.0f} times too low")
axes[1].set_title(f"… and {1e6 * per_layer_s:.0f} µs for each layer")
plots.show(fig, alt="Measured over computed step time by batch for four models: far "
           "off against the floor alone, near one with a constant for each "
           "layer.")

# %% [markdown]
# One constant, fitted on these same measurements, turns a floor that is far off into an estimate that is mostly close.
# That it is about the same for models so different in size speaks for kernels and the gaps between them; a profiler
# would prove it. A small model's step is little else: **launch-bound**, as one says.

# %% [markdown]
# ## 5 · From seconds to dollars
#
# A rented machine costs the same every hour, busy or not. *Utilisation* is the share of the paid time in which it
# serves, at the speed that is given.

# %% [markdown] nbgrader={"grade_id": "ex-4-7-task"}
# **Exercise 4.7 (2 points).** `usd_per_mtok(usd_per_hour, tokens_per_s, utilisation)` returns the price of a million
# tokens in USD. At 1.8 USD an hour, 1,000 token/s and a utilisation of 0.5 a million tokens cost 1 USD.

# %% nbgrader={"grade_id": "ex-4-7"}
def usd_per_mtok(usd_per_hour, tokens_per_s, utilisation):
    """USD per million tokens of a machine that serves in a share of the paid time."""
    ### BEGIN SOLUTION
    return usd_per_hour / (3600 * tokens_per_s * utilisation) * 1e6
    ### END SOLUTION


# %%
usd_per_mtok(1.8, 1000, 0.5)  # try it

# %% nbgrader={"grade_id": "test-4-7", "points": 2}
### BEGIN HIDDEN TESTS
from course import data
from course.checking import expect_each
from course.cohort import rng

r = rng("4.7")


def price(usd, speed, share):
    return usd / 3600 / speed / share * 1e6


step = data.row("h100_decode/llama-3.1-8b-b64-c2048")
cases = [
    (r.number(0.5, 90), r.number(10, 90_000), r.number(0.2, 0.9)),
    (r.number(0.01, 0.4), r.number(0.5, 9), r.number(0.01, 0.1)),
    (r.number(2, 9), float(step.tokens_per_s), 1),
]
expect_each(usd_per_mtok, cases).close_to(price, wrong={
    "4.7/multiplied": ("a machine that stands idle makes its tokens dearer: divide by the utilisation",
                       lambda usd, speed, share: price(usd, speed, 1) * share),
    "4.7/ignored": ("idle time is paid, too: where is the utilisation?", lambda usd, speed, share: price(usd, speed, 1)),
    "4.7/thousand": ("that is the price of a thousand tokens", lambda *a: price(*a) / 1000),
    "4.7/one_token": ("that is the price of one token; a million is asked", lambda *a: price(*a) / 1e6),
    "4.7/hour": ("the price is per hour, the speed per second", lambda *a: price(*a) * 3600),
    "4.7/minutes": ("an hour has 3,600 seconds", lambda *a: price(*a) * 60),
})
### END HIDDEN TESTS
assert isclose(usd_per_mtok(1.8, 1000, 0.5), 1), "1.8 USD for 1.8 million tokens"

# %% nbgrader={"grade_id": "given-rent"}
RENT = data.row("gpu_hour_prices/lambda-h100-sxm-on-demand-2026-03")
HOSTED = data.row("api_prices/together-llama-3.1-8b-instruct-turbo")
usd_per_hour = float(RENT.usd_per_gpu_hour)
print(f"{RENT.device}, {RENT.provider}, {RENT.date}: {usd_per_hour} USD an hour")

# %% [markdown]
# **Predict** how many times cheaper a token of the 8B gets from a batch of 1 to one of 64, as measured, 2,048 tokens of
# context each: `lab.predict("batch_gain", low, high, "times")`. And how many times later does each token come?

# %% nbgrader={"grade_id": "predict-batch_gain"}
### BEGIN SOLUTION
lab.predict("batch_gain", 15, 60, "times")
### END SOLUTION

# %%
gain = float(STEP.tokens_per_s / ONE.tokens_per_s)
slower = STEP.step_s / ONE.step_s
lab.reveal("batch_gain", gain, "times", "measured token/s of both")
print(f"A step takes {slower:.2f} times as long: that is what each reader notices.")

# %% tags=["raises-exception"]
steps_8b = timed[timed.model == "llama-3.1-8b"].groupby("context")
series = [(f"{context:,}", [*d.batch], [*d.step_s]) for context, d in steps_8b]
batches = [2**n for n in range(8)]
floor = [decode_step_s(b, 2048, LLAMA_8B, H100) for b in batches]
fig, axes = plt.subplots(1, 2, figsize=(9.5, 4))
for n, (name, xs, seconds) in enumerate([*series, ("", batches, floor)]):
    pairs = zip(xs, seconds, strict=True)
    usd = [usd_per_mtok(usd_per_hour, batch / step_s, 1) for batch, step_s in pairs]
    marker, colour = (plots.MARKERS[n], plots.COLOURS[n]) if name else ("", "grey")
    for ax, y in zip(axes, (usd, [1e3 * s for s in seconds]), strict=True):
        ax.plot(xs, y, "-", marker=marker, color=colour, lw=1 if name else 2)
        plots.label(ax, name, (xs[-1], y[-1]), shift=(7, -4), colour=colour)
for ax in axes:
    ax.set(xscale="log", xlabel="batch (label: tokens of context)", xlim=(0.8, 700))
    plots.ticks(ax.xaxis, [1, 4, 16, 64, 256])
axes[0].axhline(HOSTED.usd_per_mtok_output, color="black", lw=1, ls=":", marker="")
place = (0.9, HOSTED.usd_per_mtok_output)
plots.label(axes[0], f"{HOSTED.provider}, {HOSTED.year}", place, shift=(0, -14))
plots.label(axes[1], "floor for 2,048", (1, 3.2))
axes[0].set(yscale="log", ylabel="price, fully used (USD/Mtok)")
plots.ticks(axes[0].yaxis, [0.05, 0.1, 0.2, 0.5, 1, 2, 5])
axes[1].set(ylabel="time from token to token (ms)", ylim=(0, 25))
axes[0].set_title(f"64 for 1 at 2,048: {gain:.0f} times cheaper")
axes[1].set_title(f"… and {slower:.1f} times slower for each")
plots.show(fig, alt="Price of a million tokens of the 8B and time per token against "
           "the batch, for three contexts, with the floor for 2,048 tokens "
           "and an API's price.")

# %% [markdown]
# The grey line is your floor for 2,048 tokens of context. A batch is a trade: the owner's price for the reader's
# patience. It ends where keys and values, which no batch shares, take most of the time: the curve of the longest
# context flattens first.
#
# The prices assume that the machine is never idle and always has so many conversations at hand.

# %% tags=["raises-exception"]
for share in (1, 0.5, 0.2, 0.05):
    usd = usd_per_mtok(usd_per_hour, STEP.tokens_per_s, share)
    print(f"used {share:4.0%} of the time: {usd:5.2f} USD/Mtok, "
          f"{usd / 1000:.5f} USD per 1,000 tokens")
hours = data.load("gpu_hour_prices").set_index(["device", "date"]).usd_per_gpu_hour
asked = hours[RENT.device, RENT.date]
print(f"(others asked {asked.min()} to {asked.max()} USD an hour in that month)")

# %% tags=["raises-exception"]
read = data.row("h100_prefill/llama-3.1-8b-p2048")
reading = usd_per_mtok(usd_per_hour, read.tokens_per_s, 1)
writing = usd_per_mtok(usd_per_hour, STEP.tokens_per_s, 1)
prices = data.load("api_prices")
ratio = (prices.usd_per_mtok_output / prices.usd_per_mtok_input)[prices.year >= 2025]
print(f"A token that is read costs {reading:.3f} USD/Mtok, "
      f"one that is written {writing / reading:.1f} times as much;")
print(f"in price lists since 2025 it is {ratio.median():.1f} times (their median).")

# %% [markdown]
# ## 6 · Is the bill linear in use?
#
# Claim **C5**. An API's price list is linear by its nature: so much for each token. But is *use* a number of tokens? A
# model remembers nothing: with each turn of a chat the whole history is sent again and billed as input. Some providers
# bill what they have just seen at a lower price, as *cached* input.
#
# **Predict**: a chat of 30 turns costs how many times as much as 30 questions that have nothing to do with each other?
# Nothing is billed as cached; lengths and prices are below. `lab.predict("chat_30", low, high, "times")`.

# %%
use = data.load("chat_usage").set_index("id").value
turn = (float(use["lmsys-prompt-tokens"]), float(use["lmsys-answer-tokens"]))
listed = data.row("api_prices/openai-gpt-4o-2024-08-06")
usd_in, usd_out = float(listed.usd_per_mtok_input), float(listed.usd_per_mtok_output)
half = usd_in / 2  # an assumption
price = {"input": usd_in, "cached_input": half, "output": usd_out}
print(f"messages of {turn[0]:.1f} tokens, answers of {turn[1]:.1f}")
print(f"{listed.model}: {price}")

# %% nbgrader={"grade_id": "predict-chat_30"}
### BEGIN SOLUTION
lab.predict("chat_30", 2, 10, "times")
### END SOLUTION

# %% [markdown] nbgrader={"grade_id": "ex-4-8-task"}
# **Exercise 4.8 (2 points).** `conversation_usd(turns, prices, cached)` returns what a chat costs. `turns` is a list of
# `(user, answer)` in tokens. Each turn sends the history, all earlier messages and answers, and the new message; the
# answer is output. `prices` are USD per million: `input`, `cached_input`, `output`. If `cached`, the history is billed
# at `cached_input`. Two turns of (100, 200) at 2, 1 and 8: 0.0042, and 0.0039 if cached. Leave `turns` as it is.

# %% nbgrader={"grade_id": "ex-4-8"}
def conversation_usd(turns, prices, cached):
    """USD of a chat whose history is sent again with each turn."""
    ### BEGIN SOLUTION
    history, usd = 0, 0.0
    for user, answer in turns:
        usd += history * prices["cached_input" if cached else "input"]
        usd += user * prices["input"] + answer * prices["output"]
        history += user + answer
    return usd / 1e6
    ### END SOLUTION


# %%
PRICES = {"input": 2, "cached_input": 1, "output": 8}
TWO_TURNS = [(100, 200), (100, 200)]
[conversation_usd(TWO_TURNS, PRICES, cached) for cached in (False, True)]  # try it

# %% nbgrader={"grade_id": "test-4-8", "points": 2}
### BEGIN HIDDEN TESTS
from course.checking import expect, expect_each
from course.cohort import rng

r = rng("4.8")


def chat(turns, p, cached, *, again=lambda past: sum(u + a for u, a in past), history=None, new="input"):
    kind = history or ("cached_input" if cached else "input")
    billed = [again(turns[:n]) * p.get(kind, 0) + u * p[new] + a * p["output"] for n, (u, a) in enumerate(turns)]
    return sum(billed) / 1e6


def drawn(n, cached):
    low, mid, high = sorted(r.number(0.05, 30) for _ in range(3))
    prices = {"input": mid, "cached_input": low, "output": high} if n % 2 else {"output": mid, "input": high, "cached_input": low}
    return [(r.whole(5, 900), r.whole(5, 2000)) for _ in range(n)], prices, cached


linear = ("the history is sent again with each turn, and billed", lambda *a: chat(*a, again=lambda past: 0))
at_full_price = [drawn(n, False) for n in (r.whole(9, 30), 3, 2, 1, 0)]
expect_each(conversation_usd, at_full_price).close_to(chat, wrong={
    "4.8/linear": linear,
    "4.8/answers_not_resent": ("answers are a part of the history, too", lambda *a: chat(*a, again=lambda past: sum(u for u, _ in past))),
    "4.8/messages_not_resent": ("messages are a part of the history, not only answers", lambda *a: chat(*a, again=lambda past: sum(x for _, x in past))),
    "4.8/last_turn": ("the whole history is sent again, not the turn before alone", lambda *a: chat(*a, again=lambda past: sum(past[-1]) if past else 0)),
    "4.8/always_cached": ("the history is at the cached price only if cached is true", lambda *a: chat(*a, history="cached_input")),
})
expect_each(conversation_usd, [drawn(n, True) for n in (r.whole(9, 30), 3, 2, 1, 0)]).close_to(chat, wrong={
    "4.8/all_cached": ("the new message is seen for the first time: it is billed in full", lambda *a: chat(*a, new="cached_input")),
    "4.8/cached_ignored": ("if cached, the history is billed at cached_input", lambda *a: chat(*a, history="input")),
    "4.8/cached_is_free": ("what is cached is cheaper, not free", lambda *a: chat(*a, history="nothing")),
})
expect(conversation_usd, *at_full_price[0]).keeps_arguments()
### END HIDDEN TESTS
assert isclose(
    conversation_usd(
        [(100, 200)] * 2, {"input": 2, "cached_input": 1, "output": 8}, False
    ),
    0.0042,
), "200 new and 300 old tokens of input at 2, 400 of output at 8"

# %% tags=["raises-exception"]
alone = conversation_usd([turn], price, False)
factor = float(conversation_usd([turn] * 30, price, False) / (30 * alone))
lab.reveal("chat_30", factor, "times", "your formula, lengths of LMSYS-Chat-1M");

# %% tags=["raises-exception"]
turns = [1, 2, 4, 8, 15, 30, 60, 120]
alone = 100 * conversation_usd([turn], price, False)
fig, ax = plt.subplots()
ax.set(xscale="log", yscale="log", xlim=(0.9, 700))
for n, name in enumerate(("history sent again", "cached, half price")):
    cached = n == 1
    cents = [100 * conversation_usd([turn] * t, price, cached) for t in turns]
    colour, marker = plots.COLOURS[n], plots.MARKERS[n]
    ax.plot(turns, cents, "-", marker=marker, color=colour, lw=1)
    plots.label(ax, name, (turns[-1], cents[-1]), shift=(8, 1 - 8 * n), colour=colour)
ax.plot(turns, [t * alone for t in turns], "-", marker="", color="grey", lw=2)
plots.label(ax, "single questions", (turns[-1], turns[-1] * alone), shift=(8, -4))
ax.set(xlabel="turns", ylabel="price of the chat (US cents)")
plots.ticks(ax.xaxis, turns)
ax.yaxis.set_major_formatter("{x:g}")
ax.yaxis.set_minor_locator(NullLocator())
factor = 100 * conversation_usd([turn] * 30, price, False) / (30 * alone)
ax.set_title(f"30 turns cost {factor:.1f} times what 30 questions do")
plots.show(fig, alt="Price of a chat against its turns, with the history billed in "
           "full and at half price, and of as many single questions.")

# %% [markdown]
# Twice the turns cost nearly four times as much once the history is most of the bill: the sum of 1, 2, 3 … grows with
# the square. Caching lowers the curve and does not straighten it.

# %% [markdown]
# ### And for who owns the machine?
#
# An owner pays a fixed sum a day, used or not, and a little for each token, the *marginal* cost, such as electricity.
# An API costs nothing unless it is used. Somewhere the lines cross, if the marginal cost is below the API's price.

# %% [markdown] nbgrader={"grade_id": "ex-4-9-task"}
# **Exercise 4.9 (2 points).** `breakeven_tokens_per_day(fixed_usd_per_day, own_usd_per_mtok, api_usd_per_mtok)` returns
# the tokens a day from which owning is cheaper; `own_usd_per_mtok` is the marginal cost. `math.inf` where that never
# happens, also if both prices are the same. 48 USD a day, 0.02 of one's own and 0.10 by API: 6e8.

# %% nbgrader={"grade_id": "ex-4-9"}
def breakeven_tokens_per_day(fixed_usd_per_day, own_usd_per_mtok, api_usd_per_mtok):
    """Tokens a day at which owning costs as much as the API."""
    ### BEGIN SOLUTION
    saved = api_usd_per_mtok - own_usd_per_mtok
    return fixed_usd_per_day / saved * 1e6 if saved > 0 else math.inf
    ### END SOLUTION


# %%
[breakeven_tokens_per_day(48, own, 0.10) for own in (0.02, 0.2)]  # try it

# %% nbgrader={"grade_id": "test-4-9", "points": 2}
### BEGIN HIDDEN TESTS
from course.checking import expect_each
from course.cohort import rng

r = rng("4.9")


def tokens(fixed, own, api):
    return fixed / (api - own) * 1e6 if api > own else math.inf


cases = [(r.number(5, 900), r.number(0.01, 0.3), r.number(0.4, 9)), (r.number(1e4, 9e5), r.number(3, 9), r.number(10, 90)),
         (r.number(0.1, 2), 0, r.number(0.01, 0.2))]
expect_each(breakeven_tokens_per_day, cases).close_to(tokens, wrong={
    "4.9/fixed_over_api": ("each own token costs something, too: only the difference pays for the machine", lambda f, own, api: f / api * 1e6),
    "4.9/added": ("what is saved by a token is the difference of the prices", lambda f, own, api: f / (api + own) * 1e6),
    "4.9/millions": ("that is in millions of tokens", lambda *a: tokens(*a) / 1e6),
    "4.9/per_second": ("tokens a day are asked", lambda *a: tokens(*a) / 86400),
})
dearer = [(r.number(5, 900), r.number(0.4, 9), r.number(0.01, 0.3)), (r.number(5, 900), 0.25, 0.25)]
expect_each(breakeven_tokens_per_day, dearer).close_to(tokens, wrong={
    "4.9/negative": ("where each own token costs more than the API's, owning never pays: that is inf", lambda f, own, api: f / (api - own) * 1e6),
    "4.9/not_equal": ("at the same price nothing is saved, and the fixed cost is never paid back",
                      lambda f, own, api: f / (api - own) * 1e6 if api >= own else math.inf),
})
### END HIDDEN TESTS
assert isclose(
    breakeven_tokens_per_day(48, 0.02, 0.10), 6e8
), "0.08 USD saved by each million: 600 million pay for 48"

# %% [markdown]
# Own one H100 and serve the 8B. The price is that of a server's share, spread over four years (an assumption);
# electricity is what the device draws at most, times the building's overhead (PUE). The API is somebody else's 8B.

# %% tags=["raises-exception"]
bought = data.row("device_prices/h100-sxm-2022-09-29-server")
fixed = bought.usd_per_device / (4 * 365)
energy = data.load("energy").set_index("id").value
kw = ACCELERATORS.loc["H100 SXM", "tdp_w"] / 1000 * energy["pue-uptime-2025"]
power_usd = kw * energy["price-usa-industrial-2023"]
marginal = usd_per_mtok(power_usd, STEP.tokens_per_s, 1)
api = HOSTED.usd_per_mtok_output
least = breakeven_tokens_per_day(fixed, marginal, api)
print(f"own: {fixed:.2f} USD a day and {marginal:.4f} USD/Mtok; API: {api:.2f}")
print(f"owning pays from {least:.3g} tokens a day on, {least / 86400:,.0f} a second; "
      f"one H100 writes {STEP.tokens_per_s:,.0f}:")
print(f"it has to be used for {least / 86400 / STEP.tokens_per_s:.0%} of the time")
idle = energy["inference-energy-bloom-idle-2022"]
print(f"BLOOM's API spent {idle:.0%} of its energy on keeping the model loaded")

# %% [markdown]
# So what is linear? The price list is. The chat is not, the owner's cost is nearly flat until a second machine is
# needed, and a batch makes the tokens of a busy machine cheaper than those of an idle one. Keep your own sentence:
# linear for whom, in what? Put your confidence in per cent.

# %%
lab.verdict("C5", "...", sure=50)

# %% [markdown]
# ## 7 · What does the same page cost in another language?
#
# Everybody is billed by the token, and a tokenizer cuts what it saw often into few pieces. The Universal Declaration of
# Human Rights says the same in each language. You are about to count its tokens with the real tokenizer of SmolLM2,
# which was made for English.

# %%
texts = data.load("texts").set_index("id")
counted_before = data.load("tokens_per_language")
tokens = counted_before.pivot(index="text", columns="tokenizer", values="n_tokens")
for language in ("english", "arabic"):
    text = texts.loc[language]
    print(f"{text.title}, {text.language}: "
          f"{text.n_words:,} words, {text.n_bytes:,} bytes")
print(f"In English it is {tokens.loc['english', 'SmolLM2']:,} tokens of SmolLM2.")
print(data.text("arabic")[:150])

# %% [markdown]
# **Predict** the tokens of the Arabic text: `lab.predict("language_tokens", low, high, "token")`.

# %% nbgrader={"grade_id": "predict-language_tokens"}
### BEGIN SOLUTION
lab.predict("language_tokens", 3000, 9000, "token")
### END SOLUTION

# %% tags=["raises-exception"]
LANGUAGES = ("arabic", "english", "french", "tamazight-latin", "tamazight-tifinagh")


def counted():
    """Tokens of the Declaration in each language."""
    from course.llama import session

    with session.vocabulary(models.path("smollm2")) as vocabulary:
        return {
            language: [len(vocabulary.tokens(data.text(language)))]
            for language in LANGUAGES
        }


lab.measure("language_tokens", counted, unit="token", threads=1);

# %%
counts = lab.record("language_tokens")["values"]
others = {"GPT-4": "cl100k_base (GPT-4)", "GPT-4o": "o200k_base (GPT-4o)",
          "Tekken": "Mistral Tekken"}
print(f"{'':18s} tokens | times English: {'  '.join(['SmolLM2', *others])}")
for language, [n] in counts.items():
    ratios = [n / counts["english"][0]]
    for name in others.values():
        ratios.append(tokens.loc[language, name] / tokens.loc["english", name])
    told = "  ".join(f"{ratio:6.2f}" for ratio in ratios)
    print(f"{language:18s} {n:6,.0f} |               {told}")


# %% [markdown]
# It is not the language that is dear, it is the tokenizer: two of these cut Arabic nearly as well as English. Tifinagh,
# a script of Tamazight, is cut almost into single bytes by all four; in Latin script the same language is not. Whoever
# chooses a model for a country chooses this factor too: in price, in time, and in how much fits into a context.

# %% nbgrader={"grade_id": "given-m"}
M = [
    {"name": "A", "usd_per_mtok": 0.2, "tokens": {"english": 1000, "arabic": 3000}},
    {"name": "B", "usd_per_mtok": 0.4, "tokens": {"english": 1100, "arabic": 1000}},
    {"name": "C", "usd_per_mtok": 0.1, "tokens": {"english": 900}},
]

# %% [markdown] nbgrader={"grade_id": "ex-4-10-task"}
# **Exercise 4.10 (2 points).** `cheapest_for(language, models)` returns a list of `(name, usd_per_document)`, the
# cheapest first. `models` is a list of dicts with `name`, `usd_per_mtok` and `tokens`, a dict of how many tokens the
# document takes by language. Leave out a model that does not have the language, and leave `models` as they are. No two
# documents in the tests cost the same.
#
# `M` above gives `[("B", 0.0004), ("A", 0.0006)]` for Arabic.

# %% nbgrader={"grade_id": "ex-4-10"}
def cheapest_for(language, models):
    """[(name, USD for the document), …] of the models that have the language."""
    ### BEGIN SOLUTION
    usd = [(m["name"], m["usd_per_mtok"] * m["tokens"][language] / 1e6) for m in models if language in m["tokens"]]
    return sorted(usd, key=lambda pair: pair[1])
    ### END SOLUTION


# %%
cheapest_for("arabic", M)  # try it

# %% nbgrader={"grade_id": "test-4-10", "points": 2}
### BEGIN HIDDEN TESTS
from course.checking import expect, expect_each
from course.cohort import rng

r = rng("4.10")


def usd(m, n):
    return m["usd_per_mtok"] * n / 1e6


def ranked(language, models, *, by=None, count=lambda m, language: m["tokens"][language], kept=lambda m, language: language in m["tokens"]):
    found = [(m["name"], usd(m, count(m, language)), m["usd_per_mtok"]) for m in models if kept(m, language)]
    return [pair[:2] for pair in sorted(found, key=by or (lambda pair: pair[1]))]


def english(m, language):
    return m["tokens"]["english"]


def offers(n, languages):
    """n models: the cheaper a token, the more of them a text takes, but not in English. Names say nothing."""
    made, names = [], [str(name) for name in r.permutation(list("KLMNPQRS"))]
    for i in r.permutation(n):
        counts = {language: round(2000 * (2 ** (n - i) if language != "english" else 1) * r.uniform(0.9, 1.1)) for language in languages}
        made.append({"name": f"model {names[i]}", "usd_per_mtok": r.number(0.1 * 1.4**i, 0.1 * 1.4 ** (i + 0.2), digits=3), "tokens": counts})
    return made


def without(models, language, places):
    """The models, some of which do not have the language."""
    return [{**m, "tokens": {k: n for k, n in m["tokens"].items() if k != language or place not in places}}
            for place, m in enumerate(models)]


four = ("english", "french", "arabic", "hausa")
whole = [("arabic", offers(5, four)), ("english", offers(4, four)), ("hausa", offers(2, ("english", "hausa"))), ("french", offers(1, four))]
expect_each(cheapest_for, whole).close_to(ranked, wrong={
    "4.10/by_token_price": ("the cheapest token is not the cheapest document: rank by what the document costs",
                            lambda *a: ranked(*a, by=lambda pair: pair[2])),
    "4.10/english_tokens": ("each language has a number of tokens of its own", lambda *a: ranked(*a, count=english)),
    "4.10/dearest_first": ("the cheapest comes first", lambda *a: ranked(*a)[::-1]),
    "4.10/not_sorted": ("the cheapest comes first", lambda *a: ranked(*a, by=lambda pair: [m["name"] for m in a[1]].index(pair[0]))),
    "4.10/million": ("usd_per_mtok is for a million tokens", lambda *a: [(name, 1e6 * price) for name, price in ranked(*a)]),
})
lacking = [("hausa", without(offers(5, four), "hausa", (0, 3))), ("arabic", without(offers(3, four), "arabic", (1,)))]
expect_each(cheapest_for, lacking).close_to(ranked, wrong={
    "4.10/missing_is_free": ("a model without the language has no price for it: leave it out",
                             lambda *a: ranked(*a, count=lambda m, language: m["tokens"].get(language, 0), kept=lambda m, _: True)),
    "4.10/missing_raises": ("a model without the language is left out, and the others stay", [KeyError] * 2),
    "4.10/missing_as_english": ("a model without the language is left out; English stands for no other",
                                lambda *a: ranked(*a, count=lambda m, lang: m["tokens"].get(lang, english(m, lang)), kept=lambda m, _: True)),
})
expect(cheapest_for, "amharic", offers(3, four)).equals([])
expect(cheapest_for, *whole[0]).keeps_arguments()
### END HIDDEN TESTS
assert [name for name, _ in cheapest_for("arabic", M)] == [
    "B", "A"
], "A's tokens are cheaper, and three times as many"

# %% [markdown]
# Four real offers, each with the tokenizer of its model, for reading the Declaration once.

# %% tags=["raises-exception"]
OFFERS = {  # name: row of api_prices, tokenizer
    "GPT-4": ("openai-gpt-4-0314", "cl100k_base (GPT-4)"),
    "GPT-4o": ("openai-gpt-4o-2024-08-06", "o200k_base (GPT-4o)"),
    "Mistral 7B": ("mistral-7b", "Mistral 7B v0.1"),
    "Llama 3 8B": ("together-llama-3-8b-chat", "Llama 3"),
}
offers = [
    {
        "name": name,
        "usd_per_mtok": float(data.row(f"api_prices/{price}").usd_per_mtok_input),
        "tokens": tokens[tokenizer].to_dict(),
    }
    for name, (price, tokenizer) in OFFERS.items()
]
for language in LANGUAGES:
    ranking = cheapest_for(language, offers)
    print(
        f"{language:18s}",
        ", ".join(f"{name} {100 * usd:.4f} cents" for name, usd in ranking),
    )

# %% tags=["raises-exception"]
pages = {"english": "English", "french": "French", "arabic": "Arabic",
         "tamazight-latin": "Tamazight,\nLatin script",
         "tamazight-tifinagh": "Tamazight,\nTifinagh"}
fig, ax = plt.subplots(figsize=(8, 4.4))
ax.set(xscale="log", xlim=(0.007, 150), ylim=(4.4, -0.6))
for n, offer in enumerate(offers):
    name, colour = offer["name"], plots.COLOURS[n]
    cents = [100 * dict(cheapest_for(language, offers))[name] for language in pages]
    ax.plot(cents, range(len(pages)), "-", marker=plots.MARKERS[n], color=colour, lw=1)
    dx, side = (-5, "right") if name == "Llama 3 8B" else (5, "left")
    plots.label(ax, name, (cents[0], 0), shift=(dx, 9), colour=colour, side=side)
ax.set_xlabel("price of reading the page (US cents)")
ax.set_yticks(range(len(pages)), pages.values())
ax.xaxis.set_major_formatter("{x:g}")
arabic = tokens.loc["arabic"]
more = arabic["cl100k_base (GPT-4)"] / arabic["o200k_base (GPT-4o)"]
ax.set_title(f"The same page in Arabic takes GPT-4 {more:.1f} times GPT-4o's tokens")
plots.show(fig, alt="Price of reading the Universal Declaration in five languages by "
           "four offers: each grows with the tokens that its tokenizer makes "
           "of the language.")

# %% [markdown]
# Look for the two cheapest in Tifinagh: the order is another than in English. And from GPT-4 to GPT-4o a token got
# cheaper, and the Arabic page more so.
#
# Claim **C8**: a country without GPU clusters should deploy and fine-tune open models, not train its own. So far
# you have one part of the cost. What does the tokenizer do to it? Labs 9 and 10 go on.

# %%
lab.verdict("C8", "...", sure=50)

# %% [markdown]
# ## 8 · Who tests the test?
#
# A colleague's version of exercise 4.7. It passes for a machine that is never idle.

# %% nbgrader={"grade_id": "given-colleague"}
def colleagues_usd_per_mtok(usd_per_hour, tokens_per_s, utilisation):
    return usd_per_hour / 3600 / tokens_per_s * 1e6


# %% [markdown] nbgrader={"grade_id": "ex-4-11-task"}
# **Exercise 4.11 (stretch, 1 point).** `accepts(f)` is given somebody's `usd_per_mtok(usd_per_hour, tokens_per_s,
# utilisation)` and returns `True` if its prices are right, `False` if not. It must refuse the colleague's and accept
# your own. It is tried on eleven that you do not see, with a utilisation above 0 and up to 1; a hundred calls are
# enough.

# %% nbgrader={"grade_id": "ex-4-11"}
def accepts(f):
    """Whether `f` computes usd_per_mtok rightly."""
    ### BEGIN SOLUTION
    known = [((1.8, 1000, 0.5), 1.0), ((3.6, 100, 0.2), 50.0), ((36.0, 5, 0.8), 2500.0), ((9.0, 10_000, 1), 0.25)]
    return all(isclose(f(*arguments), price) for arguments, price in known)
    ### END SOLUTION


# %%
accepts(colleagues_usd_per_mtok), accepts(usd_per_mtok)  # try it: False, True

# %% nbgrader={"grade_id": "test-4-11", "points": 1}
### BEGIN HIDDEN TESTS
from fractions import Fraction

from course.checking import Bank

bank = Bank(
    "usd_per_mtok(usd_per_hour, tokens_per_s, utilisation)",
    example=(1.8, 1000, 0.5),
    right={
        "one that divides once": lambda usd, speed, share: usd * 1e6 / (3600 * speed * share),
        "one that goes step by step": lambda usd, speed, share: usd / 3600 / share / speed * 1e6,
        "one that computes with fractions": lambda usd, speed, share: float(Fraction(usd) / 3600 / Fraction(speed) / Fraction(share) * 10**6),
    },
    wrong={
        "one that forgets the utilisation": lambda usd, speed, share: usd / 3600 / speed * 1e6,
        "one that multiplies by the utilisation": lambda usd, speed, share: usd / 3600 / speed * share * 1e6,
        "one that takes half for all": lambda usd, speed, share: usd / 3600 / speed * 2e6,
        "one that believes no utilisation above 0.6": lambda usd, speed, share: usd / 3600 / speed / min(share, 0.6) * 1e6,
        "one that takes 0.4 for any utilisation below it": lambda usd, speed, share: usd / 3600 / speed / max(share, 0.4) * 1e6,
        "one that gives the price of a thousand": lambda usd, speed, share: usd / 3600 / speed / share * 1e3,
        "one that takes an hour for a minute": lambda usd, speed, share: usd / 60 / speed / share * 1e6,
        "one that rounds to whole dollars": lambda usd, speed, share: float(round(usd / 3600 / speed / share * 1e6)),
    },
    hints=dict.fromkeys(
        ("one that divides once", "one that goes step by step", "one that computes with fractions"),
        "another order of operations differs in the last digit: compare with isclose",
    ),
)


def tries(*shares):
    """Who tries these utilisations only, at prices that are no whole numbers, and judges rightly by them."""
    return lambda f: all(isclose(f(2.5, 700, share), 2.5e6 / 3600 / 700 / share) for share in shares)


bank.judged_by(accepts, wrong={
    "4.11/never_idle": ("a machine that is never idle hides what happens to the utilisation", tries(1)),
    "4.11/one_utilisation": ("one utilisation is not enough: try a low one and a high one", tries(0.5), tries(0.45)),
    "4.11/low_only": ("try a high utilisation, too", tries(0.2, 0.5), tries(0.2, 0.3)),
    "4.11/high_only": ("try a low utilisation, too", tries(0.5, 0.8), tries(0.8, 1)),
    "4.11/accepts_all": ("it accepts every implementation", lambda f: True),
    "4.11/refuses_all": ("it refuses the right ones, too: in another order of operations the last digit differs, so compare with isclose",
                         lambda f: False),
})
### END HIDDEN TESTS
assert not accepts(
    colleagues_usd_per_mtok
), "the colleague's version forgets the utilisation"

# %% [markdown]
# ## 9 · What do others charge?
#
# Claim **C4**: inference costs 0.01 to 0.06 USD per 1,000 tokens. The table `api_prices` holds list prices of six
# years. To compare one with a single number, input and output are *blended*: three tokens of input to one of output, a
# common custom.
#
# **Predict** the share, in per cent, of the list prices of 2025 and 2026 that lie in the claim's band:
# `lab.predict("in_the_band", low, high, "%")`.

# %% nbgrader={"grade_id": "predict-in_the_band"}
### BEGIN SOLUTION
lab.predict("in_the_band", 5, 40, "%")
### END SOLUTION

# %% nbgrader={"grade_id": "given-prices"}
COLUMNS = ("year", "usd_per_mtok_input", "usd_per_mtok_output")
LISTED = {column: data.load("api_prices")[column].tolist() for column in COLUMNS}
for column, values in LISTED.items():
    print(f"{column}: {values[:5]} … {len(values)} rows")
TWO = {"year": [2020] * 2, "usd_per_mtok_input": [8, 4], "usd_per_mtok_output": [16, 4]}

# %% [markdown] nbgrader={"grade_id": "ex-4-12-task"}
# **Exercise 4.12 (stretch, 1 point).** `share_inside(prices, low_per_1k, high_per_1k, year)` returns the share, between
# 0 and 1, of that year's rows whose blend of 3 input to 1 output lies in the band, both ends inside; `math.nan` if the
# year has no row. The band is in USD per 1,000 tokens, `prices` has the keys of `LISTED`, USD per million. With `TWO`,
# which holds (2020, 8, 16) and (2020, 4, 4), a band of 0.01 to 0.06 gives 0.5.

# %% nbgrader={"grade_id": "ex-4-12"}
def share_inside(prices, low_per_1k, high_per_1k, year):
    """Share of a year's price rows whose blend lies in a band."""
    ### BEGIN SOLUTION
    rows = zip(prices["year"], prices["usd_per_mtok_input"], prices["usd_per_mtok_output"], strict=True)
    blends = [(3 * given + made) / 4 for when, given, made in rows if when == year]
    inside = [low_per_1k <= blend / 1000 <= high_per_1k for blend in blends]
    return sum(inside) / len(inside) if inside else math.nan
    ### END SOLUTION


# %%
share_inside(TWO, 0.01, 0.06, 2020), share_inside(TWO, 0.01, 0.06, 1999)  # try it

# %% nbgrader={"grade_id": "test-4-12", "points": 1}
### BEGIN HIDDEN TESTS
from course import data
from course.checking import expect_each
from course.cohort import rng

r = rng("4.12")


def share(prices, low, high, year, *, weights=(3, 1), scale=1000, strict=(False, False), every=False):
    x = np.array([prices[column] for column in COLUMNS], float)
    blend = (weights[0] * x[1] + weights[1] * x[2]) / sum(weights)
    low, high = round(low * 1000, 9) * scale / 1000, round(high * 1000, 9) * scale / 1000
    inside = (blend > low if strict[0] else blend >= low) & (blend < high if strict[1] else blend <= high)
    chosen = inside if every else inside[x[0] == year]
    return float(chosen.mean()) if len(chosen) else math.nan


def drawn(low, high):
    """Rows of three years around a band; in the first, both ends are met exactly."""
    rows = [(2031, 1000 * low, 1000 * low), (2031, 1000 * high, 1000 * high), (2031, 1000 * low - 4, 1000 * low - 4)]
    rows += [(r.whole(2031, 2033), r.number(100 * low, 3000 * high), r.number(100 * low, 9000 * high)) for _ in range(60)]
    order = r.permutation(len(rows))
    return {column: [rows[i][n] for i in order] for n, column in enumerate(COLUMNS)}


listed = data.load("api_prices")
real = {column: listed[column].tolist() for column in COLUMNS}
said = data.row("claims/C4")
band = float(said.low) / 1000, float(said.high) / 1000
cases = [(real, *band, year) for year in range(2022, 2027)]  # in 2021 a price is 0.06 to the digit, which 60 / 1e6 * 1e3 is not
for ends in ((0.02, 0.05), (0.01, 0.08)):  # the same number per thousand and per million, in every way of computing it
    cases += [(table, *ends, year) for table in [drawn(*ends)] for year in (2031, 2032, 2033)]
expect_each(share_inside, cases).close_to(share, wrong={
    "4.12/per_million": ("the band is per 1,000 tokens, the prices are per million", lambda *a: share(*a, scale=1)),
    "4.12/input_only": ("output is billed, too: blend 3 input to 1 output", lambda *a: share(*a, weights=(1, 0))),
    "4.12/output_only": ("input is billed, too: blend 3 input to 1 output", lambda *a: share(*a, weights=(0, 1))),
    "4.12/plain_mean": ("three tokens of input to one of output, not one to one", lambda *a: share(*a, weights=(1, 1))),
    "4.12/other_way": ("three tokens of input to one of output, not the other way", lambda *a: share(*a, weights=(1, 3))),
    "4.12/ends_outside": ("both ends of the band are inside", *(
        lambda *a, ends=ends: share(*a, strict=ends) for ends in ((True, True), (True, False), (False, True)))),
    "4.12/all_years": ("only the rows of that year count", lambda *a: share(*a, every=True)),
    "4.12/count": ("the share is asked, between 0 and 1, not how many", lambda prices, low, high, year: (
        share(prices, low, high, year) * prices["year"].count(year))),
})
empty = [(real, *band, 1999), ({column: [] for column in COLUMNS}, 0.01, 0.06, 2025)]
expect_each(share_inside, empty).close_to(share, wrong={
    "4.12/no_rows": ("of a year without rows there is no share: math.nan", [ZeroDivisionError] * 2, [0] * 2, [None] * 2),
})
### END HIDDEN TESTS
assert isclose(
    share_inside(TWO, 0.01, 0.06, 2020), 0.5
), "10 USD per million is 0.01 per thousand, the lower end; 4 is below"

# %%
prices = data.load("api_prices")
listed = prices[["usd_per_mtok_input", "usd_per_mtok_output"]]
prices["blend"] = np.average(listed, axis=1, weights=[3, 1])
CLAIM = data.row("claims/C4")
ROWS = {year: LISTED["year"].count(year) for year in sorted(set(LISTED["year"]))}


def in_the_band():
    """By year: how many of its rows your function finds inside the claim's band."""
    low, high = CLAIM.low / 1000, CLAIM.high / 1000
    shares = {year: share_inside(LISTED, low, high, year) for year in ROWS}
    return {year: round(ROWS[year] * share) for year, share in shares.items()}


# %% tags=["raises-exception"]
inside = in_the_band()
for year, n in ROWS.items():
    middle = prices.blend[prices.year == year].median()
    print(f"{year}: {inside[year]:2d} of {n:2d} inside, median {middle:6.2f} USD/Mtok")
recent = prices.blend[prices.year >= 2025]
print(f"since 2025, of {len(recent)}: {(recent < CLAIM.low).sum()} below, "
      f"{(recent < CLAIM.low / 10).sum()} by ten times or more; "
      f"{(recent > CLAIM.high).sum()} above")
share = 100 * (inside[2025] + inside[2026]) / len(recent)
lab.reveal("in_the_band", share, "%", "your formula on `api_prices`, 2025 and 2026");

# %% tags=["raises-exception"]
def when(row):
    """A row's place on the axis: the middle of the year if no month is known."""
    year = int(row.date[:4])
    return year + ((int(row.date[5:7]) - 0.5) / 12 if len(row.date) > 4 else 0.5)


# %% tags=["raises-exception"]
inside = in_the_band()
blend = (3 * reading + writing) / 4  # as the lists': three tokens in, one out
square = (when(RENT), blend)
fig, ax = plt.subplots(figsize=(8, 4.6))
ax.set(yscale="log", xlim=(2020.7, 2027.3), ylim=(0.01, 900))
ax.axhspan(CLAIM.low, CLAIM.high, color=plots.ORANGE, alpha=0.15, lw=0)
middle = (CLAIM.low * CLAIM.high) ** 0.5
plots.label(ax, "claim C4", (2020.7, middle), shift=(4, -4), colour=plots.ORANGE)
at = [when(row) for row in prices.itertuples()]
ax.plot(at, prices.blend, "o", color=plots.BLUE, alpha=0.6)
ax.plot(*square, "s", color=plots.BLACK)
for n, line in enumerate(("our H100,", "batch 64")):
    plots.label(ax, line, square, shift=(0, -17 - 13 * n), side="center")
for year, n in ROWS.items():
    plots.label(ax, f"{inside[year]} of {n}", (year + 0.5, 500), side="center")
    ax.axvline(year, color="grey", lw=0.5, ls="-", marker="", zorder=0)
ax.set_ylabel("blended list price (USD/Mtok)")
ax.set_xticks([year + 0.5 for year in ROWS], list(ROWS))
ax.yaxis.set_major_formatter("{x:g}")
ax.grid(axis="x", visible=False)
share = (inside[2025] + inside[2026]) / (ROWS[2025] + ROWS[2026])
ax.set_title(f"Of the list prices since 2025, {share:.0%} lie in the claim's band")
plots.show(fig, alt="Blended list prices from 2021 to 2026 on a logarithmic axis with "
           "the claim's band, and how many of each year lie in it.")

# %% [markdown]
# The one list of 2021 and the one of 2022 lie in the band, and so do the GPT-4 models of 2023, though not most lists of
# that year. Later lists reach over several orders of magnitude: "what a token costs" is a question about a model and a
# year. And a list price is no cost: compare the square, one rented H100 with a small model, well used. Of what is the
# claim true? Keep your sentence, and how sure you are.

# %%
lab.verdict("C4", "...", sure=50)

# %% [markdown]
# ## 10 · Read the invoice
#
# Providers count differently. Cached tokens may be contained in the number of input tokens or stand beside it; the same
# for *reasoning* tokens, which a model writes for itself before it answers, and output. Each token is billed once:
# cached at the cached price, reasoning as output.

# %% nbgrader={"grade_id": "given-invoice"}
LIST = {"input": 2.0, "cached_input": 0.5, "output": 8.0}  # USD per million tokens
INVOICE = {
    "input_tokens": 100_000,
    "cached_input_tokens": 40_000, "cached_is_inside_input": True,
    "output_tokens": 20_000,
    "reasoning_tokens": 15_000, "reasoning_is_inside_output": True,
    "input_usd": 0.12, "cached_input_usd": 0.02, "output_usd": 0.28, "total_usd": 0.42,
}

# %% [markdown] nbgrader={"grade_id": "ex-4-13-task"}
# **Exercise 4.13 (stretch, 1 point).** `wrong_line(invoice, prices)` returns the one of `"input_usd"`,
# `"cached_input_usd"`, `"output_usd"`, `"total_usd"` that is off by more than 1 %, or `None`. Keys as in `INVOICE` and
# `LIST`. If `cached_is_inside_input`, the input tokens contain the cached ones, else these come on top;
# `reasoning_is_inside_output` says the same of reasoning and output. `total_usd` follows from the *printed* lines above
# it. At most one is wrong, by 3 % or more; the others are rounded to four significant digits. Counts may be 0.

# %% nbgrader={"grade_id": "ex-4-13"}
def wrong_line(invoice, prices):
    """The line of an invoice that does not follow, or None."""
    ### BEGIN SOLUTION
    new = invoice["input_tokens"] - invoice["cached_is_inside_input"] * invoice["cached_input_tokens"]
    written = invoice["output_tokens"] + (not invoice["reasoning_is_inside_output"]) * invoice["reasoning_tokens"]
    right = {
        "input_usd": new * prices["input"] / 1e6,
        "cached_input_usd": invoice["cached_input_tokens"] * prices["cached_input"] / 1e6,
        "output_usd": written * prices["output"] / 1e6,
        "total_usd": invoice["input_usd"] + invoice["cached_input_usd"] + invoice["output_usd"],
    }
    return next((line for line, usd in right.items() if abs(invoice[line] - usd) > 0.01 * usd), None)
    ### END SOLUTION


# %%
wrong_line(INVOICE, LIST)  # try it

# %% nbgrader={"grade_id": "test-4-13", "points": 1}
### BEGIN HIDDEN TESTS
from course.checking import expect_each
from course.cohort import rng

r = rng("4.13")
LINES = ("input_usd", "cached_input_usd", "output_usd")


def lines(i, p, *, cached_inside=None, reasoning_inside=None, cached_price="cached_input"):
    inside = i["cached_is_inside_input"] if cached_inside is None else cached_inside
    within = i["reasoning_is_inside_output"] if reasoning_inside is None else reasoning_inside
    tokens = (i["input_tokens"] - (i["cached_input_tokens"] if inside else 0), i["cached_input_tokens"],
              i["output_tokens"] + (0 if within else i["reasoning_tokens"]))
    rates = p["input"], p[cached_price], p["output"]
    return {line: n * rate / 1e6 for line, n, rate in zip(LINES, tokens, rates, strict=True)}


def found(i, p, *, tol=0.01, divides=False, **flags):
    right = lines(i, p, **flags)
    right["total_usd"] = sum(i[line] for line in LINES)
    return next((line for line, usd in right.items()
                 if (abs(i[line] / usd - 1) > tol if divides else abs(i[line] - usd) > tol * usd)), None)


def rounded(usd):
    return float(f"{usd:.4g}")


def invoice(kind, *, empty=()):
    """An invoice whose wrong line is of a kind: a line's name, "reasoning" counted twice, "cached" billed in full, or None.

    Half of them are of round numbers, which are printed in full.
    """
    digits, unit = (2, 10_000) if r.random() < 0.5 else (4, 7)
    p = {kind: r.number(*ends, digits=digits) for kind, ends in {"input": (0.5, 15), "cached_input": (0.05, 0.4), "output": (16, 90)}.items()}
    n = [unit * r.whole(low // unit, high // unit) for low, high in ((300_000, 900_000), (90_000, 250_000), (50_000, 400_000), (20_000, 40_000))]
    i = {"input_tokens": n[0], "cached_input_tokens": n[1], "cached_is_inside_input": bool(r.random() < 0.5),
         "output_tokens": n[2], "reasoning_tokens": n[3], "reasoning_is_inside_output": bool(r.random() < 0.5)}
    i |= {"cached": {"cached_is_inside_input": True}, "reasoning": {"reasoning_is_inside_output": True}}.get(kind, {})
    i |= dict.fromkeys(empty, 0)
    slip = {"cached": {"cached_inside": False}, "reasoning": {"reasoning_inside": False}}.get(kind, {})
    i |= {line: rounded(usd) for line, usd in lines(i, p, **slip).items()}
    if kind in LINES:
        i[kind] = rounded(i[kind] * float(r.choice([r.uniform(0.6, 0.96), r.uniform(1.04, 1.8)])))
    i["total_usd"] = rounded(sum(i[line] for line in LINES) * (float(r.choice([0.8, 0.95, 1.05, 1.3])) if kind == "total_usd" else 1))
    return i, p


def told(line):
    return "no line" if line is None else line


def line(**how):
    """What is told by who checks an invoice in some way."""
    return lambda i, p: told(found(i, p, **how))


kinds = [None] * 10 + ["reasoning", "cached", "output_usd", "input_usd", "cached_input_usd", "total_usd"] * 5
cases = [invoice(kinds[n]) for n in r.permutation(40)]
inside, outside = ({f"{kind}_inside": truth for kind in ("cached", "reasoning")} for truth in (True, False))
expect_each(wrong_line, cases).look("the line", told).equals(line(), wrong={
    "4.13/reasoning_twice": ("where reasoning is inside the output it is counted already", line(reasoning_inside=False)),
    "4.13/reasoning_free": ("where reasoning comes on top of the output it is billed, too", line(reasoning_inside=True)),
    "4.13/cached_in_full": ("where cached tokens are inside the input they are not billed there again", line(cached_inside=False)),
    "4.13/cached_price": ("cached tokens are billed at the cached price", line(cached_price="input")),
    "4.13/cached_subtracted": ("where cached tokens come on top of the input there is nothing to subtract", line(cached_inside=True)),
    "4.13/flags_ignored": ("the two flags say how the tokens are counted", line(**inside), line(**outside),
                           line(**{**inside, "reasoning_inside": False}), line(**{**outside, "reasoning_inside": True})),
    "4.13/suspects_everything": ("rounding is no error: allow 1 %", *(line(tol=tol) for tol in (0, 1e-12, 1e-9, 1e-6))),
    "4.13/suspects_nothing": ("it finds nothing wrong with any invoice", lambda *a: "no line"),
})
bare = [invoice(kind, empty=empty) for kind in (None, "output_usd", "total_usd") for empty in (("cached_input_tokens",), ("reasoning_tokens", "cached_input_tokens"))]
bare += [invoice(None, empty=[key for key in INVOICE if key.endswith("_tokens")])]
expect_each(wrong_line, bare).look("the line", told).equals(line(), wrong={
    "4.13/divides_by_zero": ("a line of no tokens costs nothing: compare differences, not ratios", line(divides=True)),
})
### END HIDDEN TESTS
assert (
    wrong_line(INVOICE, LIST) == "output_usd"
), "20,000 tokens at 8 are 0.16: the reasoning is inside, and was billed twice"

# %% [markdown]
# ## 11 · Training or inference: who measures what?
#
# Claim **C3**: by 2025 inference consumes more computing than training. One firm has published an estimate for the
# world. **Predict** its share of inference in the world's AI computing of 2025, in per cent:
# `lab.predict("inference_2025", low, high, "%")`.

# %% nbgrader={"grade_id": "predict-inference_2025"}
### BEGIN SOLUTION
lab.predict("inference_2025", 40, 80, "%")
### END SOLUTION

# %%
shares = data.load("inference_share")
world = shares[(shares.quantity == "share of AI compute") & (shares.year == 2025)]
[value], [who], [date] = world.value, world.who, world.source_date
lab.reveal("inference_2025", 100 * value, "%", f"{who}, {date}");

# %%
told = []
for s in shares.itertuples():
    ends = [s.value] if s.value > 0 else [s.low, s.high]
    told.append(" to ".join(f"{100 * end:.0f}" for end in ends) + " %")
columns = ["year", "who", "quantity", "share", "kind"]
print(shares.assign(share=told).sort_values("year")[columns].to_string(index=False))
print(f"{len(shares)} figures of {shares.quantity.nunique()} quantities")

# %% [markdown]
# Only one series is about the claim's quantity and the claim's scope, and for 2025 it says neither more nor less. The
# others do not contradict it and do not support it: a share of revenue is no share of computing, and one company's
# energy is not the world's.

# %% [markdown]
# What you can compute yourself is one product. A token that is served takes 2N operations, one that is trained on 6N
# (lab 1). So serving has taken as much as training after three times as many tokens, whatever N is.

# %%
use = data.load("chat_usage").set_index("id").value
messages = use["chatgpt-messages"] / 7
per_day = messages * (use["lmsys-prompt-tokens"] + use["lmsys-answer-tokens"])
leak = data.row("training_runs/gpt-4-leak")
print(f"{messages:.3g} messages a day; with LMSYS-Chat's lengths {per_day:.2g} tokens")
print(f"{leak['name']}: trained on {leak.n_tokens:.3g} tokens, "
      f"three times as many are served in {3 * leak.n_tokens / per_day:.0f} days")

# %% [markdown]
# That is for one product with very many users, by a leak, by chats of 2023 and with one model for all. It speaks of
# *one served model*; the world's sum also holds those that are trained and never served, and all experiments. Your
# verdict: of what is the claim true, and what would decide it?

# %%
lab.verdict("C3", "...", sure=50)

# %% [markdown]
# ## Summary
#
# - A step of decode reads all weights, and the keys and values of each conversation. Bytes over bandwidth is its floor.
# - The floor misses what does not overlap, and a constant for each layer, which for a small model is nearly everything.
# - A batch makes tokens many times cheaper, and each reader wait longer. Idle hours make them dearer.
# - A chat that sends its history grows with the square. A tokenizer decides what a language costs.
# - "A token costs …" needs a model, a year, a batch, a utilisation and a language.

# %% [markdown]
# ## What would change the answer?
#
# - **Server software.** Fewer, larger kernels and 8-bit weights: the H100 here ran plain PyTorch in 16 bits.
# - **More devices.** A model that does not fit on one is read by several at once; then the links between them count, too.
# - **Long contexts.** There keys and values decide, and with them the number of KV heads.
# - **Demand.** All prices above are for a machine that has a full batch waiting. Lab 7 lets requests come when they want.
#
# Now press *Validate*. Then lab 5: the same questions on your own processor.
