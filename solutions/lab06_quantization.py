# ---
# jupyter:
#   two_bills:
#     hides: [gguf, llama_cpp]
# ---

# %% [markdown]
# # What does a bit cost?
#
# A model in 16 bits, or the same in 4: the file shrinks, the speed grows, and what is lost? After this lab you can take a
# quantized file apart to the byte, say how large it will really be, and measure what it lost, with an error bar that can tell
# neighbours apart.
#
# **120 minutes, 2 GB of memory, no network.** You write the formats Q8_0 and Q4_0 yourself, byte for byte as llama.cpp does,
# and climb a ladder from 16 bits to 2 with a model that was trained for this course.

# %% nbgrader={"grade_id": "start"}
import math
from math import isclose

import matplotlib.pyplot as plt
import numpy as np

from course import data, lab, models, plots

lab.start("lab06", cohort="2026")
plots.use_style()

# %% [markdown]
# ## How this lab works
#
# An exercise is four cells: the task, your answer, a cell to try it in, and a check with the worked example. For the
# hidden tests save the notebook and type `course check lab06` in a terminal.
#
# The package `gguf` and llama.cpp hold the answers to 6.3 and 6.4. You may compare with them here; the grader hides both from
# your code, so an answer that calls them fails there.

# %% [markdown]
# | in code | what it is | unit |
# |---|---|---|
# | `q` | the stored integers | |
# | `scale` | what one step of `q` is worth | that of the weights |
# | `bits` | of one stored integer | bit |
# | `nll_nats` | surprise: −ln of the probability that the text's token had | nat |
# | KL | how far one model's predictions are from another's | nat per token |
#
# A *nat* is a bit with the natural logarithm: 1 nat is 1/ln 2 = 1.44 bit.

# %% [markdown]
# ## 1 · Rounding with a scale
#
# An integer of b bits counts steps; a scale says how long a step is. The symmetric way uses −top … top with top =
# 2^(b−1) − 1, so that zero stays zero and both signs are treated alike: 8 bits count from −127 to 127, 4 bits from −7 to 7. The
# largest |x| becomes top. Each number is off by at most half a step.

# %% [markdown] nbgrader={"grade_id": "ex-6-1-task"}
# **Exercise 6.1 (2 points).** `absmax_quantize(x, bits)` returns `(q, scale)` for 2 ≤ bits ≤ 8: `q` of dtype int8 in x's shape,
# x rounded to the nearest multiple of `scale`, the largest |x| at ±(2^(bits−1) − 1). Halves may go either way. For x all
# zeros `q` is zero and the scale is any finite number. [0.4, −7, 2.2] in 4 bits gives [0, −7, 2] and 1.

# %% nbgrader={"grade_id": "ex-6-1"}
def absmax_quantize(x, bits):
    """(q, scale): integers from -top to top, and what a step is worth."""
    ### BEGIN SOLUTION
    top = 2 ** (bits - 1) - 1
    scale = float(np.abs(x).max()) / top or 1.0
    return np.rint(x / scale).astype(np.int8), scale
    ### END SOLUTION


# %%
absmax_quantize(np.array([0.4, -7.0, 2.2]), 4)  # try it

# %% nbgrader={"grade_id": "test-6-1", "points": 2}
### BEGIN HIDDEN TESTS
from course.checking import expect
from course.cohort import rng

r = rng("6.1")


def wrapped(steps):
    return np.asarray(steps).astype(np.int64).astype(np.int8)


def drawn(bits, sign):
    """Weights whose largest has that sign, none of them near a half in any scale that matters."""
    x = r.normal(0, 1, (6, 9)).astype(np.float32)
    x[2, 3] = sign * (np.abs(x).max() + r.uniform(0.5, 2))
    for most in (np.abs(x).max(), np.abs(x.max())):
        for top in (2 ** (bits - 1) - 1, 2 ** (bits - 1), 127):
            steps = np.abs(x * (top / most)) % 1
            x[np.isclose(steps, 0.5, atol=0.02) & (np.abs(x) < most)] = 0
    return x


for bits, sign in ((4, 1), (8, -1), (2, 1), (int(r.integers(3, 8)), -1)):
    x = drawn(bits, sign)
    top, most, largest = 2 ** (bits - 1) - 1, np.abs(x).max(), x.max()
    steps, long = x / (most / top), x / (most / 2 ** (bits - 1))
    unsigned = np.rint(x / (largest / top))
    expect(absmax_quantize, x, bits).close_to((np.rint(steps), most / top), rel_tol=1e-5, wrong={
        "6.1/ignores_bits": ("bits says how many steps there are; these are 8 bits' always", (np.rint(x / (most / 127)), most / 127)),
        "6.1/truncates": ("round to the nearest step; cutting off doubles the error",
                          (np.trunc(steps), most / top), (np.floor(steps), most / top)),
        "6.1/a_step_too_many": ("2^(bits-1) steps up do not fit: the top is 2^(bits-1) - 1",
                                *((some, most / 2 ** (bits - 1)) for some in (
                                    wrapped(np.rint(long)), np.clip(np.rint(long), -top, top), np.clip(np.rint(long), -top - 1, top)))),
        "6.1/largest_without_sign": ("the largest in size may be negative", *([
            (wrapped(unsigned), largest / top), (np.clip(unsigned, -top, top), largest / top),
            (np.clip(unsigned, -top - 1, top), largest / top), (np.clip(unsigned, -128, 127), largest / top)] if sign < 0 else [])),
    })


def of_zeros(shape, bits):
    q, scale = absmax_quantize(np.zeros(shape, np.float32), bits)
    return np.asarray(q).tolist(), bool(np.isfinite(scale))


def dtype_and_shape(x, bits):
    q, _ = absmax_quantize(x, bits)
    return str(np.asarray(q).dtype), list(np.shape(q))


expect(of_zeros, (2, 3), 5).equals(([[0, 0, 0]] * 2, True), wrong={
    "6.1/divides_by_zero": ("where all are zero, so is their largest: do not divide by it", ZeroDivisionError, ValueError,
                            ([[0, 0, 0]] * 2, False), ([[math.nan] * 3] * 2, True), ([[math.nan] * 3] * 2, False)),
})
expect(dtype_and_shape, np.ones((2, 3, 4)), 6).equals(("int8", [2, 3, 4]))
### END HIDDEN TESTS
assert absmax_quantize(np.array([0.4, -7.0, 2.2]), 4)[0].tolist() == [0, -7, 2], "a step is 1 here"

# %% [markdown]
# ### How much is lost?
#
# You are about to quantize a million normal numbers, as weights nearly are, with one scale for all and with one for every 32. The
# error is told relative to their spread.

# %% tags=["raises-exception"]
weights = np.random.default_rng(0).standard_normal(2**20, dtype=np.float32)


def relative_error(x, bits):
    """Root mean square of what rounding changes; x has a spread of 1, a scale is shared along the last axis."""
    q, scales = zip(*(absmax_quantize(row, bits) for row in x), strict=True)
    back = np.stack(q) * np.array(scales)[:, None]
    return np.sqrt(np.square(back - x).mean())


print("bits   one scale   one per 32")
for bits in (8, 6, 5, 4, 3, 2):
    print(f"{bits:4d}   {relative_error(weights[None], bits):9.4f}   {relative_error(weights[:2**16].reshape(-1, 32), bits):10.4f}")

# %% [markdown]
# With one scale for a million, the largest of them decides how long a step is for all the others: at 4 bits the error is a fifth
# of the spread, and the more numbers share the scale, the worse. A scale for every 32 halves it. That is the first idea of all formats to come: **small
# blocks, each with its own scale**. It costs a few bits for the scale.

# %% [markdown]
# ### When zero is not in the middle
#
# Activations after a ReLU have no negative values; half of a symmetric range would stay empty. The *affine* way uses 0 … 2^b − 1
# and shifts: a **zero point** says which integer stands for 0. Zero must be exact, since padding and ReLU are full of zeros. So
# the range always includes it.

# %% [markdown] nbgrader={"grade_id": "ex-6-2-task"}
# **Exercise 6.2 (2 points).** `affine_quantize(x, bits)` returns `(q, scale, zero_point)`: lo = min(x, 0), hi = max(x, 0) over all x;
# scale = (hi − lo)/(2^bits − 1); zero_point = int(rint(−lo/scale)); q = rint(x/scale) + zero_point, clipped to 0 … 2^bits − 1,
# dtype uint8. x all zeros: scale 1, zero point 0. [0, 3] in 2 bits gives [0, 3], 1, 0; [−1, 1] in 8 bits has the zero point 128.

# %% nbgrader={"grade_id": "ex-6-2"}
def affine_quantize(x, bits):
    """(q, scale, zero_point): x is about (q - zero_point) · scale, and 0 is exactly that."""
    ### BEGIN SOLUTION
    top = 2**bits - 1
    lo, hi = min(float(x.min()), 0.0), max(float(x.max()), 0.0)
    if hi == lo:
        return np.zeros(x.shape, np.uint8), 1.0, 0
    scale = (hi - lo) / top
    zero_point = int(np.rint(-lo / scale))
    return np.clip(np.rint(x / scale) + zero_point, 0, top).astype(np.uint8), scale, zero_point
    ### END SOLUTION


# %%
affine_quantize(np.array([0.0, 3.0]), 2), affine_quantize(np.array([-1.0, 0.0, 1.0]), 8)  # try it

# %% nbgrader={"grade_id": "test-6-2", "points": 2}
### BEGIN HIDDEN TESTS
from course.checking import expect
from course.cohort import rng

r = rng("6.2")


def in_bytes(steps):
    return np.asarray(steps).astype(np.int64).astype(np.uint8)


def affine(x, bits, *, with_zero=True, clip="last", rounds=True):
    top = 2**bits - 1
    lo, hi = (min(x.min(), 0), max(x.max(), 0)) if with_zero else (x.min(), x.max())
    scale = (hi - lo) / top
    zero = np.rint(-lo / scale) if rounds else -lo / scale
    steps = np.rint(x / scale)
    q = {"last": np.clip(steps + zero, 0, top), "first": in_bytes(np.clip(steps, 0, top) + zero), "never": in_bytes(steps + zero),
         "late": np.clip(np.rint(x / scale + zero), 0, top), "cut": np.floor(np.clip(steps + zero, 0, top))}[clip]
    return q, scale, zero


def drawn(lo, hi, bits):
    x = r.uniform(lo, hi, (5, 7))
    x.flat[[0, 1]] = lo, hi
    for with_zero in (True, False):
        _, scale, zero = affine(x, bits, with_zero=with_zero, rounds=False)
        for shift in (0, zero):
            near = np.isclose((x / scale + shift) % 1, 0.5, atol=0.02)
            near.flat[[0, 1]] = False
            x[near] = lo
    return x


for lo, hi, bits in ((-1.0, 1.0, 8), (-1.0, 1.0, 4), (3.0, 5.0, 5), (-9.0, -4.0, 6), (-r.uniform(0.3, 0.4), r.uniform(2, 3), int(r.integers(5, 9)))):
    x = drawn(lo, hi, bits)
    expect(affine_quantize, x, bits).close_to(affine(x, bits), wrong={
        "6.2/missing_clip": ("rounding twice can go one step beyond the top: clip", affine(x, bits, clip="never")),
        "6.2/clip_before_the_shift": ("shift first, then clip: before, every negative number becomes 0", affine(x, bits, clip="first")),
        "6.2/float_zero_point": ("a zero point that is no integer does not give an exact zero",
                                 *(affine(x, bits, rounds=False, clip=clip) for clip in ("late", "last", "cut"))),
        "6.2/without_zero": ("the range must include 0, or 0 cannot be exact",
                             *([affine(x, bits, with_zero=False, clip=clip) for clip in ("last", "never")] if lo * hi > 0 else [])),
    })
expect(affine_quantize, np.zeros((2, 3)), 4).equals((np.zeros((2, 3)), 1, 0), wrong={
    "6.2/divides_by_zero": ("all zeros have no range to divide by: scale 1, zero point 0", ZeroDivisionError, ValueError),
})
### END HIDDEN TESTS
assert affine_quantize(np.array([-1.0, 0.0, 1.0]), 8)[0].tolist() == [0, 128, 255], "128 for 0; 256 does not fit"

# %% [markdown]
# ## 2 · The formats of llama.cpp
#
# A **Q8_0** block is 32 weights of one row: a scale d in float16 (2 bytes, little-endian), then 32 signed bytes. d = max|x|/127 in
# *float32*; inv = 1/d (0 if d is 0); each integer is x·inv, rounded to the nearest, **halves away from zero**. Only then d is
# stored as float16.
#
# The order decides bytes: with d rounded first, or with x/d for x·inv, some blocks differ. Ours shall not.

# %% [markdown] nbgrader={"grade_id": "ex-6-3-task"}
# **Exercise 6.3 (2 points).** `quantize_q8_0(w)` takes floats (…, cols) and returns uint8 (…, cols/32 · 34): the blocks of each row,
# one after the other. Raise `ValueError` unless cols is a multiple of 32. `dequantize_q8_0(blob, n_cols)` returns float32 (…, n_cols).
# Compute in float32. 32 times 127 gives a first byte of 0, a second of 60 (float16's 1), then 32 times 127.
#
# <details><summary>Hint</summary>`np.rint` rounds halves to even. `d.astype(np.float16).view(np.uint8)` are its two bytes; `.view(np.int8)`
# reads bytes as signed.</details>

# %% nbgrader={"grade_id": "ex-6-3"}
def quantize_q8_0(w):
    """The Q8_0 blocks of each row: uint8 (…, cols / 32 · 34)."""
    ### BEGIN SOLUTION
    if w.shape[-1] % 32:
        raise ValueError(f"rows of {w.shape[-1]} are not whole blocks of 32")
    x = np.asarray(w, np.float32).reshape(*w.shape[:-1], -1, 32)
    d = np.abs(x).max(-1, keepdims=True) / np.float32(127)
    inv = np.divide(np.float32(1), d, out=np.zeros_like(d), where=d != 0)
    steps = x * inv
    below_half = np.nextafter(np.float32(0.5), np.float32(0))  # what is just below a half stays there
    q = (steps + np.copysign(below_half, steps)).astype(np.int8)
    blocks = np.concatenate((d.astype(np.float16).view(np.uint8), q.view(np.uint8)), axis=-1)
    return blocks.reshape(*w.shape[:-1], -1)
    ### END SOLUTION


def dequantize_q8_0(blob, n_cols):
    """The weights, float32 (…, n_cols), of the Q8_0 blocks of each row."""
    ### BEGIN SOLUTION
    blocks = np.ascontiguousarray(blob).reshape(*blob.shape[:-1], -1, 34)
    d = np.ascontiguousarray(blocks[..., :2]).view(np.float16).astype(np.float32)
    return (d * blocks[..., 2:].view(np.int8)).reshape(*blob.shape[:-1], n_cols)
    ### END SOLUTION


# %%
quantize_q8_0(np.full((1, 32), 127.0)), dequantize_q8_0(quantize_q8_0(np.linspace(-1, 1, 32)[None]), 32)  # try it

# %% nbgrader={"grade_id": "test-6-3", "points": 2}
### BEGIN HIDDEN TESTS
from course.checking import expect
from course.cohort import rng

r = rng("6.3")
f32 = np.float32


def away(x):
    return np.trunc(x) + np.trunc(2 * (x - np.trunc(x)))


def q8_0(w, *, rounding=away, kept=np.float16, of_rounded=False, divides=False):
    x = np.asarray(w, f32).reshape(*w.shape[:-1], -1, 32)
    d = np.abs(x).max(-1, keepdims=True) / f32(127)
    used = d.astype(np.float16).astype(f32) if of_rounded else d
    with np.errstate(all="ignore"):
        steps = np.nan_to_num(x / used) if divides else x * np.where(used == 0, f32(0), f32(1) / used)
    q = rounding(steps).astype(np.int32).astype(np.int8)
    return np.concatenate((d.astype(kept).view(np.uint8), q.view(np.uint8)), -1).reshape(*w.shape[:-1], -1)


halves = r.integers(-126, 126, (3, 64)) + 0.5
halves[:, ::32] = 127
bf16 = (r.normal(0, 0.03, (16, 256)).astype(f32).view(np.uint32) & 0xFFFF0000).view(f32)
zeros = r.normal(0, 1, (2, 2, 64)).astype(f32)
zeros[0, :, 32:] = 0
for w in (r.normal(0, 0.05, (64, 1024)).astype(f32), bf16, halves, zeros):
    right = q8_0(w)
    expect(quantize_q8_0, w).equals(right, wrong={
        "6.3/half_to_even": ("halves go away from zero; np.rint takes them to the even neighbour", q8_0(w, rounding=np.rint)),
        "6.3/scale_of_four_bytes": ("the scale is stored as float16: a block has 34 bytes", q8_0(w, kept=f32)),
        "6.3/of_the_rounded_scale": ("the integers come from the scale before it is rounded to float16", q8_0(w, of_rounded=True)),
        "6.3/divides": ("multiply by 1/d, as ggml does: dividing by d rounds otherwise", q8_0(w, divides=True)),
        "6.3/truncates": ("round to the nearest, do not cut off", q8_0(w, rounding=np.trunc)),
        "6.3/rows_lost": ("the leading axes stay; the blocks of a row follow each other", right.reshape(-1, 34), right.reshape(-1)),
    })
    scales = right.reshape(*w.shape[:-1], -1, 34)[..., :2].copy().view(np.float16).astype(f32)
    q = right.reshape(*w.shape[:-1], -1, 34)[..., 2:]
    expect(dequantize_q8_0, right, w.shape[-1]).close_to((scales * q.view(np.int8)).reshape(w.shape), rel_tol=1e-6, wrong={
        "6.3/unsigned": ("the stored bytes are signed", (scales * q).reshape(w.shape)),
    })
ragged = r.normal(0, 1, (4, 48)).astype(f32)
flat = q8_0(ragged.reshape(-1, 32))
expect(quantize_q8_0, ragged).raises(ValueError, wrong={
    "6.3/across_rows": ("a block never reaches over the end of a row", flat, flat.reshape(-1), flat.reshape(4, -1)),
})
### END HIDDEN TESTS
assert quantize_q8_0(np.full((1, 32), 127.0))[0, :4].tolist() == [0, 60, 127, 127], "d = 1 in float16 is the bytes 0, 60"

# %% [markdown]
# ### Four bits
#
# A **Q4_0** block is 32 weights in 18 bytes. The integers go from −8 to 7, and the weight of the largest size shall be exactly −8: m
# is that weight *with its sign* (the first, if two are as large), d = m/−8, in float32. Each weight becomes the integer part of
# x·inv + 8.5, at most 15. Then d, as float16, and 16 bytes: byte i has weight i in its low four bits and weight i + 16 in its high four.

# %% [markdown] nbgrader={"grade_id": "ex-6-4-task"}
# **Exercise 6.4 (2 points).** `quantize_q4_0(w)` takes floats (…, cols), cols a multiple of 32, and returns uint8 (…, cols/32 ·
# 18). Compute in float32, inv = 1/d (0 if d is 0). A block of zeros is `00 80` and sixteen times `88`, since d is −0. A block
# of ones is `00 b0` (float16's −1/8) and sixteen times `00`.

# %% nbgrader={"grade_id": "ex-6-4"}
def quantize_q4_0(w):
    """The Q4_0 blocks of each row: uint8 (…, cols / 32 · 18)."""
    ### BEGIN SOLUTION
    x = np.asarray(w, np.float32).reshape(*w.shape[:-1], -1, 32)
    largest = np.take_along_axis(x, np.abs(x).argmax(-1, keepdims=True), axis=-1)
    d = largest / np.float32(-8)
    inv = np.divide(np.float32(1), d, out=np.zeros_like(d), where=d != 0)
    q = np.minimum((x * inv + np.float32(8.5)).astype(np.uint8), 15)
    packed = q[..., :16] | q[..., 16:] << 4
    return np.concatenate((d.astype(np.float16).view(np.uint8), packed), axis=-1).reshape(*w.shape[:-1], -1)
    ### END SOLUTION


# %%
print(quantize_q4_0(np.zeros((1, 32)))[0].tobytes().hex(" "))  # try it
print(quantize_q4_0(np.linspace(-1, 1, 32)[None])[0].tobytes().hex(" "))

# %% nbgrader={"grade_id": "test-6-4", "points": 2}
### BEGIN HIDDEN TESTS
from course.checking import expect
from course.cohort import rng

r = rng("6.4")
f32 = np.float32


def q4_0(w, *, packing="halves", extreme="first", of_rounded=False):
    x = np.asarray(w, f32).reshape(*w.shape[:-1], -1, 32)
    order = x if extreme != "last" else x[..., ::-1]
    largest = np.take_along_axis(order, np.abs(order).argmax(-1, keepdims=True), -1)
    d = np.abs(largest) / f32(7) if extreme == "absmax" else largest / f32(-8)
    used = d.astype(np.float16).astype(f32) if of_rounded else d
    with np.errstate(all="ignore"):
        inv = np.where(used == 0, f32(0), f32(1) / used)
    q = np.clip(np.trunc(x * inv + f32(8.5)), 0, 15).astype(np.uint8)
    first, second = {"halves": (q[..., :16], q[..., 16:]), "pairs": (q[..., ::2], q[..., 1::2]), "swapped": (q[..., 16:], q[..., :16])}[packing]
    return np.concatenate((d.astype(np.float16).view(np.uint8), first | second << 4), -1).reshape(*w.shape[:-1], -1)


tied = r.normal(0, 1, (8, 64)).astype(f32)
tied[:, 5::32], tied[:, 20::32] = 5.0, -5.0
zeros = r.normal(0, 1, (2, 2, 64)).astype(f32)
zeros[1, :, :32] = 0
positive = np.abs(r.normal(0, 0.02, (4, 96))).astype(f32)
for w in (r.normal(0, 0.05, (64, 1024)).astype(f32), positive, tied, zeros):
    expect(quantize_q4_0, w).equals(q4_0(w), wrong={
        "6.4/neighbours_packed": ("byte i holds weights i and i + 16, not two neighbours", q4_0(w, packing="pairs")),
        "6.4/nibbles_swapped": ("the first sixteen weights are in the low four bits", q4_0(w, packing="swapped")),
        "6.4/absmax": ("the largest weight becomes -8, by its sign: d = m / -8", q4_0(w, extreme="absmax")),
        "6.4/of_the_rounded_scale": ("the integers come from the scale before it is rounded to float16", q4_0(w, of_rounded=True)),
        "6.4/last_extreme": ("of two weights as large, the first gives the sign", q4_0(w, extreme="last")),
    })
expect(quantize_q4_0, np.zeros((1, 32), f32)).equals(np.array([[0, 0x80] + [0x88] * 16]))
### END HIDDEN TESTS
assert quantize_q4_0(np.zeros((1, 32)))[0].tobytes().hex() == "0080" + "88" * 16, "d is -0, and every weight 8 of 15"

# %% [markdown]
# ### Is it what llama.cpp writes?
#
# The next cell lets llama.cpp write our model in both formats and holds every byte of every matrix against yours. Four million
# weights are 131,072 blocks.

# %% tags=["raises-exception"]
def differing_blocks(kind, quantizer, block_bytes):
    """How many blocks of llama.cpp's file are not what `quantizer` makes of the 16-bit weights, and how many there are."""
    import tempfile
    from pathlib import Path

    from gguf import GGUFReader

    from course.llama import quantize

    source = models.path("two-bills-code")
    weights = {tensor.name: tensor.data for tensor in GGUFReader(source).tensors}
    differ = n = 0
    with tempfile.TemporaryDirectory() as folder:
        for tensor in GGUFReader(quantize.quantize(source, Path(folder) / "q.gguf", to=kind, pure=True)).tensors:
            if tensor.tensor_type.name == kind:
                ours = quantizer(np.asarray(weights[tensor.name], np.float32)).reshape(-1, block_bytes)
                differ += int((ours != np.asarray(tensor.data).reshape(-1, block_bytes)).any(axis=1).sum())
                n += len(ours)
    return differ, n


print("Q8_0: {} of {:,} blocks differ".format(*differing_blocks("Q8_0", quantize_q8_0, 34)))
print("Q4_0: {} of {:,} blocks differ".format(*differing_blocks("Q4_0", quantize_q4_0, 18)))

# %% [markdown]
# ### What a name promises
#
# A block's bits per weight are its bytes times 8 over its weights, scale included. The K formats are *super-blocks* of 256: eight
# or sixteen small blocks whose scales are themselves quantized, so that more of the bytes are weights.

# %% [markdown] nbgrader={"grade_id": "ex-6-5-task"}
# **Exercise 6.5 (stretch, 1 point).** `bits_per_weight(block_bytes, block_size)` returns what a weight takes in a block of
# `block_size` weights. Q4_0, 18 bytes for 32, takes 4.5.

# %% nbgrader={"grade_id": "ex-6-5"}
def bits_per_weight(block_bytes, block_size):
    """Bits of a weight, its share of the scales included."""
    ### BEGIN SOLUTION
    return 8 * block_bytes / block_size
    ### END SOLUTION


# %%
bits_per_weight(18, 32)  # try it

# %% nbgrader={"grade_id": "test-6-5", "points": 1}
### BEGIN HIDDEN TESTS
from course.checking import expect
from course.cohort import rng

r = rng("6.5")
for size, n in [(210, 256), (110, 256), (22, 32), (8 * int(r.integers(3, 40)) + 2, 256)]:
    expect(bits_per_weight, size, n).close_to(8 * size / n, wrong={
        "6.5/nominal": ("Q4 is not 4 bits: the scales are part of a block", 8 * size // n, round(8 * size / n)),
        "6.5/scale_left_out": ("the two bytes of the scale belong to the weights, too", 8 * (size - 2) / n),
        "6.5/bytes": ("bits are asked, not bytes", size / n),
        "6.5/weights_per_bit": ("bits per weight, not weights per bit", n / (8 * size)),
    })
### END HIDDEN TESTS
assert bits_per_weight(18, 32) == 4.5, "144 bits for 32 weights"

# %% nbgrader={"grade_id": "given-block"}
BLOCK = {  # type: (weights, bytes)
    "F32": (1, 4), "F16": (1, 2), "Q8_0": (32, 34), "Q5_1": (32, 24), "Q5_0": (32, 22), "Q4_1": (32, 20), "Q4_0": (32, 18),
    "Q6_K": (256, 210), "Q5_K": (256, 176), "Q4_K": (256, 144), "Q3_K": (256, 110), "Q2_K": (256, 84),
}
FALLBACK = {"Q2_K": "Q4_0", "Q3_K": "Q4_0", "Q4_K": "Q5_0", "Q5_K": "Q5_1", "Q6_K": "Q8_0"}

# %% [markdown]
# llama.cpp's table for Llama 3.1 8B beside yours. The names Q4_K_M and the like are *recipes*: some tensors get more bits than
# the name says, so the file has more per weight than the block.

# %% tags=["raises-exception"]
formats = data.load("quantization").set_index("type")
for recipe, kind in (("Q8_0", "Q8_0"), ("Q6_K", "Q6_K"), ("Q5_K_M", "Q5_K"), ("Q4_K_M", "Q4_K"), ("Q3_K_M", "Q3_K"), ("Q2_K", "Q2_K")):
    own = bits_per_weight(BLOCK[kind][1], BLOCK[kind][0])
    print(f"{recipe:7s} block {own:6.4f} bits   whole file {formats.loc[recipe].bits_per_weight:6.4f}")

# %% [markdown]
# ### Why is the file larger than expected?
#
# A row must be whole blocks. SmolLM2 is 576 wide, and 576 is no multiple of 256: there llama.cpp takes another type, the
# `FALLBACK`, and says so only in its log. Where a row is no multiple of 32 either, it keeps F16. Tensors with one axis, norms,
# always stay F32.

# %% [markdown] nbgrader={"grade_id": "ex-6-6-task"}
# **Exercise 6.6 (2 points).** `model_size_bytes(tensors, recipe)` returns the bytes of all tensors. `tensors` is a list of `(name,
# shape)` with `shape[0]` the length of a row; `recipe` has the type asked for each name, but for tensors with one axis, which
# are F32. Rows that are not whole blocks of a type take its `FALLBACK`; where those of the fallback, or of a type without one,
# do not fit either: F16. Q4_K for rows of 64: `[("a", (64, 3))]` takes 132 bytes, 6 blocks of Q5_0.

# %% nbgrader={"grade_id": "ex-6-6"}
def model_size_bytes(tensors, recipe):
    """Bytes of [(name, shape), …] once each is quantized as `recipe` says, or as its rows allow."""
    ### BEGIN SOLUTION
    total = 0
    for name, shape in tensors:
        kind = "F32" if len(shape) == 1 else recipe[name]
        for other in (FALLBACK.get(kind, "F16"), "F16"):
            if shape[0] % BLOCK[kind][0]:
                kind = other
        weights, size = BLOCK[kind]
        total += math.prod(shape) // weights * size
    return total
    ### END SOLUTION


# %%
model_size_bytes([("a", (64, 3)), ("norm", (64,))], {"a": "Q4_K"})  # try it: 132 and 256

# %% nbgrader={"grade_id": "test-6-6", "points": 2}
### BEGIN HIDDEN TESTS
import re

from course.checking import expect
from course.cohort import rng

r = rng("6.6")


def more_bits(layer, n_layers):
    return layer < n_layers // 8 or layer >= 7 * n_layers // 8 or (layer - n_layers // 8) % 3 == 2


def model(d, ff, kv, vocabulary, n_layers):
    """A Llama of that shape, and llama.cpp's recipe Q4_K_M for it."""
    parts = {"attn_q": (d, d), "attn_k": (d, kv), "attn_v": (d, kv), "attn_output": (d, d), "ffn_gate": (d, ff), "ffn_up": (d, ff),
             "ffn_down": (ff, d), "attn_norm": (d,), "ffn_norm": (d,)}
    tensors = [("token_embd", (d, vocabulary)), ("output_norm", (d,))]
    tensors += [(f"blk.{i}.{part}", shape) for i in range(n_layers) for part, shape in parts.items()]
    recipe = {name: "Q4_K" for name, shape in tensors if len(shape) > 1} | {"token_embd": "Q6_K"}
    recipe |= {f"blk.{i}.{part}": "Q6_K" for i in range(n_layers) if more_bits(i, n_layers) for part in ("attn_v", "ffn_down")}
    return tensors, recipe


def size(tensors, recipe, *, fallback=FALLBACK, always_fits=False):
    total = 0
    for name, shape in tensors:
        kind = "F32" if len(shape) == 1 else recipe[name]
        for other in (fallback.get(kind, "F16"), "F16"):
            if shape[0] % BLOCK[kind][0] and not always_fits:
                kind = other
        total += math.prod(shape) * BLOCK[kind][1] / BLOCK[kind][0]
    return total


def nominal(tensors, recipe, norm_bits):
    bits = [(int(re.search(r"\d+", recipe[name])[0]) if len(shape) > 1 else norm_bits) * math.prod(shape) for name, shape in tensors]
    return sum(bits) / 8


smollm2, ours = model(576, 1536, 192, 49_152, 30), model(256, 768, 128, 4096, 4)
narrow = [(f"t{i}", (32 * int(r.integers(1, 40)), int(r.integers(1, 99)))) for i in range(9)] + [("odd", (48, 5)), ("n", (33,))]
mixed = narrow, {name: str(r.choice(["Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K", "Q8_0", "F16"])) for name, _ in narrow} | {"odd": "Q8_0"}
for tensors, recipe in (smollm2, ours, mixed):
    expect(model_size_bytes, tensors, recipe).equals(size(tensors, recipe), wrong={
        "6.6/nominal_bits": ("the digit in a name is not its bits per weight", *(nominal(tensors, recipe, bits) for bits in (32, 4, 16))),
        "6.6/no_fallback": ("a row that is not whole blocks cannot have that type", size(tensors, recipe, always_fits=True)),
        "6.6/straight_to_f16": ("there is a fallback before F16", size(tensors, recipe, fallback={})),
    })
### END HIDDEN TESTS
assert model_size_bytes([("a", (64, 3)), ("norm", (64,))], {"a": "Q4_K"}) == 388, "6 blocks of Q5_0, and 64 floats"

# %% [markdown]
# ### Does it reconcile?
#
# llama.cpp makes SmolLM2 in Q4_K_M, and says afterwards what each tensor really became. You compute the same from the shapes and the
# recipe: which tensors get more bits is llama.cpp's rule, and given.

# %% tags=["raises-exception"]
def q4_k_m(tensors):
    """llama.cpp's recipe: Q6_K for the embedding and, in half of the layers, for attn_v and ffn_down; else Q4_K."""
    n = 1 + max(int(name.split(".")[1]) for name, _ in tensors if name.startswith("blk."))
    more = [i for i in range(n) if i < n // 8 or i >= 7 * n // 8 or (i - n // 8) % 3 == 2]
    six = {f"blk.{i}.{part}.weight" for i in more for part in ("attn_v", "ffn_down")} | {"token_embd.weight"}
    return {name: "Q6_K" if name in six else "Q4_K" for name, _ in tensors}


def reconcile(name):
    """Your size of a model in Q4_K_M beside llama.cpp's, and what its tensors became."""
    import tempfile
    from pathlib import Path

    from course.llama import quantize, tensors

    shapes = [(tensor.name, tensor.shape) for tensor in tensors.read(models.path(name))]
    print(f"{name}: yours {model_size_bytes(shapes, q4_k_m(shapes)):,} bytes")
    with tempfile.TemporaryDirectory() as folder:
        made = quantize.quantize(models.path(name), Path(folder) / "q.gguf", to="Q4_K_M")
        print(f"  llama.cpp's {tensors.weight_bytes(made):,}, {tensors.bits_per_weight(made):.2f} bits a weight: {tensors.types(made)}")


reconcile("two-bills-code")
reconcile("smollm2-f16")

# %% [markdown]
# Four of SmolLM2's five matrices are no Q4_K: its "Q4_K_M" has 6.2 bits. Our model, 256 wide, gets what was asked for; its 5.3 bits
# come from the embedding, a quarter of its weights in Q6_K. So before you compare formats, look at what the tensors are.

# %% [markdown]
# ## 3 · How do you measure what was lost?
#
# A language model gives every token of a text a probability. Its **surprise** is −ln of that, summed over the text. Perplexity is e to the
# mean surprise per token: "as unsure as among so many equally likely tokens". Tokens differ between models; bits per *byte* of text do not.
#
# Texts come in chunks. A mean over all tokens is not the mean over chunks.

# %% [markdown] nbgrader={"grade_id": "ex-6-7-task"}
# **Exercise 6.7 (2 points).** Both functions get arrays, an entry a chunk: the summed surprise, and the chunk's tokens or bytes.
# `perplexity(nll_nats, n_tokens)` is that of the whole text, `bits_per_byte(nll_nats, n_bytes)` the bits that a byte of it
# takes. Surprises of [300, 40] nat for [100, 10] tokens: 22.0. For [100, 10] bytes: 4.46 bits per byte.

# %% nbgrader={"grade_id": "ex-6-7"}
def perplexity(nll_nats, n_tokens):
    """e to the mean surprise per token of all chunks together."""
    ### BEGIN SOLUTION
    return math.exp(np.sum(nll_nats) / np.sum(n_tokens))
    ### END SOLUTION


def bits_per_byte(nll_nats, n_bytes):
    """Bits of surprise per byte of all chunks together."""
    ### BEGIN SOLUTION
    return np.sum(nll_nats) / np.sum(n_bytes) / math.log(2)
    ### END SOLUTION


# %%
perplexity(np.array([300, 40]), np.array([100, 10])), bits_per_byte(np.array([300, 40]), np.array([100, 10]))  # try it

# %% nbgrader={"grade_id": "test-6-7", "points": 2}
### BEGIN HIDDEN TESTS
from course.checking import expect
from course.cohort import rng

r = rng("6.7")
for n in (np.array([100, 10]), r.integers(20, 600, 7)):
    nll = n * r.uniform(1, 5, len(n))
    rate = nll.sum() / n.sum()
    expect(perplexity, nll, n).close_to(math.exp(rate), wrong={
        "6.7/mean_of_perplexities": ("short chunks count as much as long ones there: add up first", np.exp(nll / n).mean()),
        "6.7/mean_of_rates": ("a chunk's rate counts by its tokens: add up first", math.exp((nll / n).mean())),
        "6.7/base_two": ("nats go with e, not with 2", 2**rate),
        "6.7/surprise": ("that is the surprise; perplexity is e to it", rate),
    })
    n_bytes = n * 3 + r.integers(1, 99, len(n))
    per_byte = nll.sum() / n_bytes.sum() / math.log(2)
    expect(bits_per_byte, nll, n_bytes).close_to(per_byte, wrong={
        "6.7/nats_per_byte": ("bits are asked: a nat is 1/ln 2 of them", per_byte * math.log(2)),
        "6.7/mean_of_bytes": ("a chunk counts by its bytes: add up first", (nll / n_bytes).mean() / math.log(2)),
        "6.7/less_than_a_nat": ("a nat is more than a bit: divide by ln 2", per_byte * math.log(2) ** 2),
    })
### END HIDDEN TESTS
assert isclose(perplexity(np.array([300, 40]), np.array([100, 10])), math.exp(340 / 110)), "340 nat for 110 tokens"

# %% [markdown]
# ### Two models, one text
#
# On 64 chunks our model has a perplexity of 6.5, give or take 0.6. Four bits change it by 0.07. Is that noise? The chunks
# differ from *each other* by much, since some code is hard to predict. But both models read the *same* chunks, and what is hard for
# one is hard for the other. Take differences first, token by token: that is **pairing**.
#
# Tokens of one document are no independent draws. So documents are resampled, not tokens.

# %% [markdown] nbgrader={"grade_id": "ex-6-8-task"}
# **Exercise 6.8 (2 points).** `paired_delta(nll_a, nll_b, seed, n_boot=2000)` gets two lists with an array of surprises per document,
# token by token, and returns `(mean, low, high)`: the mean of b − a over all tokens, and a 95 % interval by bootstrap: `n_boot` times
# draw as many documents as there are, with replacement, and take the mean of b − a over all *their* tokens; low and high are the 2.5th and
# 97.5th percentile. `np.random.default_rng(seed)` draws.

# %% nbgrader={"grade_id": "ex-6-8"}
def paired_delta(nll_a, nll_b, seed, n_boot=2000):
    """(Mean, low, high) of b - a in nat per token, documents resampled."""
    ### BEGIN SOLUTION
    sums = np.array([np.sum(b - a) for a, b in zip(nll_a, nll_b, strict=True)])
    counts = np.array([len(a) for a in nll_a])
    drawn = np.random.default_rng(seed).integers(0, len(sums), (n_boot, len(sums)))
    means = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return sums.sum() / counts.sum(), low, high
    ### END SOLUTION


# %%
example_rng = np.random.default_rng(0)
example_a = [example_rng.gamma(2, 1, n) for n in (30, 80, 200)]
paired_delta(example_a, [a + 0.1 for a in example_a], 0)  # try it: 0.1 everywhere, so an interval without width

# %% nbgrader={"grade_id": "test-6-8", "points": 2}
### BEGIN HIDDEN TESTS
from course.checking import expect
from course.cohort import rng

r = rng("6.8")


def texts(n_documents):
    """Documents of many lengths, some hard for both models, some of them hurt more than others."""
    lengths = r.integers(20, 400, n_documents)
    hard, hurt = r.normal(3, 1, n_documents), r.normal(0.05, 0.04, n_documents)
    a = [np.maximum(r.normal(h, 0.8, n), 0.01) for h, n in zip(hard, lengths, strict=True)]
    return a, [x + d + r.normal(0, 0.06, len(x)) for x, d in zip(a, hurt, strict=True)]


def width(sums, counts, n=4000):
    drawn = r.integers(0, len(sums), (n, len(sums)))
    return np.subtract(*np.percentile(sums[drawn].sum(1) / counts[drawn].sum(1), [97.5, 2.5]))


def interval(a, b, seed):
    """(Width, how far its middle is from the mean, in widths and added to 1) of the student's interval."""
    mean, low, high = paired_delta(a, b, seed)
    return float(high - low), 1 + ((low + high) / 2 - mean) / max(high - low, 1e-12)


def mean_of(a, b, seed):
    answer = paired_delta(a, b, seed, 200)
    return answer[0] if isinstance(answer, tuple | list) else answer


for n_documents in (60, 90):
    a, b = texts(n_documents)
    counts = np.array([len(x) for x in a])
    sums = np.array([np.sum(y - x) for x, y in zip(a, b, strict=True)])
    mean, seed = sums.sum() / counts.sum(), int(r.integers(1000))
    expect(mean_of, a, b, seed).close_to(mean, rel_tol=1e-7, wrong={
        "6.8/mean_of_means": ("a document counts by its tokens", (sums / counts).mean()),
        "6.8/a_less_b": ("b - a is asked: positive where b is the more surprised", -mean),
    })
    one_by_one = np.concatenate([y - x for x, y in zip(a, b, strict=True)])
    of_a, of_b = (np.array([x.sum() for x in side]) for side in (a, b))
    both = [r.integers(0, n_documents, (4000, n_documents)) for _ in range(2)]
    apart = of_b[both[0]].sum(1) / counts[both[0]].sum(1) - of_a[both[1]].sum(1) / counts[both[1]].sum(1)
    by_token = 2 * 1.959964 * one_by_one.std() / math.sqrt(len(one_by_one))
    expect(interval, a, b, seed).close_to((width(sums, counts), 1), rel_tol=0.1, wrong={
        "6.8/tokens_resampled": ("tokens of a document are no independent draws: the interval is too narrow", (by_token, 1)),
        "6.8/unpaired": ("draw the same documents for both models, and take differences", (np.subtract(*np.percentile(apart, [97.5, 2.5])), 1)),
        "6.8/one_standard_error": ("95 % is asked", (width(sums, counts) / 1.96, 1), (width(sums, counts) / 3.92, 1)),
    })
a, b = texts(12)
expect(paired_delta, a, b, 7).equals(paired_delta(a, b, 7))
### END HIDDEN TESTS
assert np.allclose(paired_delta(example_a, [a + 0.1 for a in example_a], 0), 0.1), "0.1 nat everywhere, without any doubt"

# %% [markdown]
# ### The whole distribution
#
# Surprise looks at one token of the vocabulary: the one that came. A quantized model may keep that one and ruin the other 4,095. The
# **Kullback–Leibler divergence** of the 16-bit model's probabilities p and the quantized one's, q, Σ p ln(p/q), looks at all of
# them, at every position. It is 0 only if nothing changed, and paired by nature.
#
# Models give *logits*: p is their softmax. Subtract the largest logit first, or e to a large number is infinite.

# %% [markdown] nbgrader={"grade_id": "ex-6-9-task"}
# **Exercise 6.9 (2 points).** `mean_kl_nats(logits_ref, logits_q)` gets two arrays (tokens, vocabulary) and returns the mean over tokens
# of KL(reference ‖ quantized) in nat. Logits of several thousand must not overflow. [[0, 0]] and [[0, ln 3]] give ln 2 − ½ ln 3
# = 0.1438.

# %% nbgrader={"grade_id": "ex-6-9"}
def mean_kl_nats(logits_ref, logits_q):
    """Mean over tokens of KL(reference ‖ quantized), in nat."""
    ### BEGIN SOLUTION
    def log_softmax(z):
        z = z - z.max(axis=-1, keepdims=True)
        return z - np.log(np.exp(z).sum(axis=-1, keepdims=True))

    log_p, log_q = log_softmax(logits_ref), log_softmax(logits_q)
    return float((np.exp(log_p) * (log_p - log_q)).sum(axis=-1).mean())
    ### END SOLUTION


# %%
mean_kl_nats(np.array([[0.0, 0.0]]), np.array([[0.0, math.log(3)]]))  # try it

# %% nbgrader={"grade_id": "test-6-9", "points": 2}
### BEGIN HIDDEN TESTS
from course.checking import expect
from course.cohort import rng

r = rng("6.9")


def log_p(z):
    z = z - z.max(-1, keepdims=True)
    return z - np.log(np.exp(z).sum(-1, keepdims=True))


def kl(p, q):
    return float((np.exp(p) * (p - q)).sum(-1).mean())


for spread, shift, seen in ((2, 0, True), (1, 5, True), (0.5, 4000, False)):
    ref = r.normal(0, spread, (6, 11))
    quantized = ref + r.normal(0, 0.7, ref.shape)
    p, q = log_p(ref), log_p(quantized)
    given, other = ref + shift, quantized + 3 * shift
    tops = p.argmax(-1)[:, None]
    expect(mean_kl_nats, given, other).close_to(kl(p, q), rel_tol=1e-6, wrong={
        "6.9/reversed": ("KL is not symmetric: the reference's probabilities weigh", kl(q, p)),
        "6.9/top_token_only": ("all tokens of the vocabulary count, not the likeliest alone",
                               float((np.take_along_axis(p, tops, -1) - np.take_along_axis(q, tops, -1)).mean())),
        "6.9/not_normalised": ("logits are not log-probabilities yet", float((np.exp(p) * (given - other)).sum(-1).mean())),
        "6.9/base_two": ("nats are asked", kl(p, q) / math.log(2)),
        "6.9/summed": ("the mean over tokens is asked, not the sum", kl(p, q) * len(ref)),
        "6.9/mean_over_all": ("sum over the vocabulary; the mean is over tokens", kl(p, q) / ref.shape[1]),
        "6.9/overflow": ("e to 4,000 is infinite: subtract the largest logit first", *([] if seen else [math.nan, math.inf])),
    })
same_logits = r.normal(0, 3, (4, 9))
expect(lambda ref, shifted: abs(mean_kl_nats(ref, shifted)) < 1e-9, same_logits, same_logits - 20).equals(True)
### END HIDDEN TESTS
assert isclose(mean_kl_nats(np.array([[0.0, 0.0]]), np.array([[0.0, math.log(3)]])), math.log(2) - math.log(3) / 2), "½ ln 2 + ½ ln ⅔"

# %% [markdown]
# ## 4 · The ladder
#
# You are about to quantize our model in seven ways and let each read 64 windows of 512 tokens that it was never trained on: files of
# Python's standard library, held out. For every token KL to the 16-bit model is computed as in your 6.9, in the same chunks for all.
# It takes about half a minute.

# %% [markdown]
# **Predict** the mean KL of Q4_K_M, in nat per token: `lab.predict("ladder", low, high, "nat")`.
#
# <details><summary>Where to start</summary>A KL of 0.01 nat is what a coin of 57 % does to one who believes in 50 %. A KL of 1 nat: the
# right token's probability falls, typically, to a third.</details>

# %% nbgrader={"grade_id": "predict-ladder"}
### BEGIN SOLUTION
lab.predict("ladder", 0.002, 0.05, "nat")
### END SOLUTION

# %% nbgrader={"grade_id": "given-types"}
TYPES = ("Q4_K_M", "Q8_0", "Q6_K", "Q5_K_M", "Q4_0", "Q3_K_M", "Q2_K")

# %% tags=["raises-exception"]
facts = {}


def climb():
    """Mean KL of every chunk, by type; what else is known of a type goes into `facts`."""
    from course.llama import ladder

    name = "two-bills-code"
    rungs = {}
    for rung in ladder.climb(models.path(name), models.held_out(name), TYPES):
        facts[rung.type] = rung.facts()
        rungs[rung.type] = rung.kl_by_chunk()
        print(f"{rung.type:7s} {rung.bits_per_weight:5.2f} bits   perplexity {rung.scores.perplexity:.3f}   {rung.tensors}")
    return {kind: rungs[kind] for kind in TYPES}


lab.measure("ladder", climb, unit="nat", model="two-bills-code", rungs=facts);

# %%
record = lab.record("ladder")
rungs = record["rungs"]
kl = {kind: (np.mean(chunks), np.std(chunks, ddof=1) / math.sqrt(len(chunks))) for kind, chunks in record["values"].items()}
order = sorted(kl, key=lambda kind: -rungs[kind]["bits_per_weight"])
print(f"F16     {rungs['F16']['bits_per_weight']:5.2f} bits   perplexity {rungs['F16']['perplexity']:.3f}")
for kind in order:
    mean, error = kl[kind]
    print(f"{kind:7s} {rungs[kind]['bits_per_weight']:5.2f} bits   perplexity {rungs[kind]['perplexity']:.3f}   KL {mean:.5f} ± {2 * error:.5f}")

# %% [markdown]
# Read the table by columns. Perplexity hardly moves until the last rungs, by less than its own standard error. KL rises by a factor
# of hundreds, in the order of the bits, and the error bars of neighbours do not touch.
#
# Your `paired_delta` says the same of the surprise; each chunk is a document here.

# %% tags=["raises-exception"]
base = [np.array([x]) for x in rungs["F16"]["nll_nats"]]
spread = np.std(rungs["F16"]["nll_nats"], ddof=1) / math.sqrt(len(base))
print(f"surprise of F16: {np.mean(rungs['F16']['nll_nats']):.3f} ± {2 * spread:.3f} nat: each type lies in that interval, but")
for kind in order:
    mean, low, high = paired_delta(base, [np.array([x]) for x in rungs[kind]["nll_nats"]], seed=0)
    print(f"{kind:7s} {mean:+.5f} nat more than F16, 95 %: {low:+.5f} to {high:+.5f}")

# %% [markdown]
# ### And what is it worth in speed?
#
# SmolLM2 again, which you may know from lab 5: large enough for memory to matter. Q8_0 and Q4_0 are made from its 16-bit file; Q4_1 is the file
# it came in. **Predict** Q4_0's token/s with all cores: `lab.predict("smollm2_speed", low, high, "token/s")`.

# %% nbgrader={"grade_id": "predict-smollm2_speed"}
### BEGIN SOLUTION
lab.predict("smollm2_speed", 40, 300, "token/s")
### END SOLUTION

# %% tags=["raises-exception"]
sizes = {}


def decode_by_type():
    """Token/s of four types of SmolLM2, on all cores; their bytes go into `sizes`."""
    import tempfile
    from pathlib import Path

    from course.llama import quantize, speed, tensors

    source = models.path("smollm2-f16")
    with tempfile.TemporaryDirectory() as folder:
        made = {kind: quantize.quantize(source, Path(folder) / kind, to=kind) for kind in ("Q4_0", "Q8_0")}
        files = made | {"Q4_1": models.path("smollm2"), "F16": source}
        sizes.update({kind: tensors.weight_bytes(file) for kind, file in files.items()})
        return {kind: speed.decode(file, n_tokens=32).tokens_per_s for kind, file in files.items()}


lab.measure("smollm2_speed", decode_by_type, unit="token/s", weight_bytes=sizes);

# %%
speeds = lab.record("smollm2_speed")
reading = lab.record("read_bandwidth")  # lab 5's
bandwidth = float(np.median(next(iter(reading["values"].values()))))
bits = {kind: rungs[kind]["bits_per_weight"] for kind in order}

fig, (left, right) = plt.subplots(1, 2, figsize=(10, 4.2))
left.errorbar([bits[k] for k in order], [kl[k][0] for k in order], [2 * kl[k][1] for k in order], fmt="o", color=plots.BLUE)
for kind in order:
    left.annotate(kind, (bits[kind], kl[kind][0]), (7, 4), textcoords="offset points", fontsize=9)
left.set(yscale="log", xlabel="true bits per weight", ylabel="mean KL to F16 (nat per token)", xlim=(3, 10))
left.set_title(f"From 8 bits to 2: {kl['Q2_K'][0] / kl['Q8_0'][0]:.0f} times the divergence")
grid = np.geomspace(70, 330, 50)
right.plot(grid, bandwidth / grid / 1e6, "-", marker="", color="grey", lw=2)
right.annotate("all of the bandwidth", (grid[24], bandwidth / grid[24] / 1e6), (6, 5), textcoords="offset points", color="grey", fontsize=9)
for kind, values in speeds["values"].items():
    mb = speeds["weight_bytes"][kind] / 1e6
    right.plot([mb] * len(values), values, "s", color=plots.ORANGE, alpha=0.6)
    right.annotate(kind, (mb, np.median(values)), (8, -9 if kind == "Q4_1" else 0), textcoords="offset points", fontsize=9)
right.set(xscale="log", yscale="log", xlabel="weights of SmolLM2 (MB)", ylabel="decode (token/s)")
right.set_xticks([80, 100, 150, 200, 300], ["80", "100", "150", "200", "300"])
right.set_yticks([30, 50, 100, 200, 400], ["30", "50", "100", "200", "400"])
right.minorticks_off()
right.set_title("What the bytes buy in speed")
plots.show(fig, alt="Left: mean KL to the 16-bit model against true bits per weight, rising steeply below 5 bits. Right: decode speed "
           "of SmolLM2 in four types against megabytes, below the line that memory bandwidth allows.")

# %% [markdown]
# Left: from 8 to 5 bits next to nothing is lost, at 4 it begins, at 2 it is a different model. Right: fewer bytes buy speed, but less than in
# proportion; which type is fast depends on the processor's code for it. A choice of format is a point on both panels.

# %% [markdown]
# ### A trap: what was the reference?
#
# SmolLM2 comes to you in Q4_1; its "16-bit" file is that, written out. So quantizing it *back* to Q4_1 restores what was there, while 8 bits round anew.

# %% tags=["raises-exception"]
def against_written_out():
    """Mean KL of two types of SmolLM2 to its 16-bit file, on English help texts of Python."""
    from pydoc_data.topics import topics

    from course.llama import ladder

    for rung in ladder.climb(models.path("smollm2-f16"), [*topics.values()], ("Q8_0", "Q4_1"), n_chunks=3):
        if rung.type != "F16":
            print(f"{rung.type:5s} {rung.bits_per_weight:5.2f} bits   KL {rung.scores.mean_kl:.5f}")


against_written_out()

# %% [markdown]
# Q4_1 in 5.7 bits comes out nearer to the reference than Q8_0 in 8.5. That says nothing of Q4_1: *it was born there*. A ladder must start from the
# weights that training left. That is why ours does, and why it is ours.

# %% [markdown]
# ## 5 · Who tests the test?
#
# A well-known course tests its 8-bit quantizer by "the mean error is below 0.1". This one passes it. Its answer has 15 steps instead of 255.

# %% nbgrader={"grade_id": "given-colleague"}
def colleagues_quantizer(x, bits):
    step = np.abs(x).max() / 7
    return np.round(x / step).astype("int8") if step else np.zeros(x.shape, "int8"), step


example_x = np.random.default_rng(0).uniform(-1, 1, 1000)
example_q, example_scale = colleagues_quantizer(example_x, 8)
print(f"mean error {np.abs(example_q * example_scale - example_x).mean():.3f}, the largest integer is {example_q.max()}")

# %% [markdown] nbgrader={"grade_id": "ex-6-10-task"}
# **Exercise 6.10 (stretch, 1 point).** `accepts(f)` is given somebody's `absmax_quantize(x, bits)` and returns `True` if it does what
# exercise 6.1 asks, `False` if not; one that raises is wrong. Know the bound: no element may be off by more than half a step of
# the *right* scale, and the largest integer is the top, neither less nor more. It is tried on thirteen implementations that you do
# not see; the colleague's is wrong, your own is right.

# %% nbgrader={"grade_id": "ex-6-10"}
def accepts(f):
    """Whether `f` is a right absmax_quantize."""
    ### BEGIN SOLUTION
    x = np.random.default_rng(1).normal(0, 1, (4, 50))
    x[0, 0] = -6.0
    try:
        for bits in range(2, 9):
            top = 2 ** (bits - 1) - 1
            for given in (x, x * 1000):
                q, scale = f(given, bits)
                if np.shape(q) != given.shape or np.asarray(q).dtype != np.int8 or np.abs(np.asarray(q, int)).max() != top:
                    return False
                if np.abs(q * float(scale) - given).max() > np.abs(given).max() / (2 * top) * (1 + 1e-5):
                    return False
        q, scale = f(np.zeros((2, 2)), 8)
        return bool(np.isfinite(scale) and not np.any(q))
    except Exception:
        return False
    ### END SOLUTION


# %%
accepts(colleagues_quantizer), accepts(absmax_quantize)  # try it: False, True

# %% nbgrader={"grade_id": "test-6-10", "points": 1}
### BEGIN HIDDEN TESTS
from course.checking import expect_each


def built(top=lambda bits: 2 ** (bits - 1) - 1, most=lambda x: np.abs(x).max(), rounded=np.rint, zero=1.0, shaped=lambda q, x: q, clip=None):
    def implementation(x, bits):
        scale = float(most(x)) / top(bits)
        if scale == 0:
            if zero is None:
                raise ZeroDivisionError("float division by zero")
            scale = zero
        with np.errstate(all="ignore"):
            q = rounded(x / scale)
        q = q if clip is None else np.clip(q, -clip(bits), clip(bits))
        return shaped(q.astype(np.int64).astype(np.int8), x), scale

    return implementation


def own_top(bits):
    return 2 ** (bits - 1) - 1


bank = {  # what it does: (right?, implementation)
    "one that takes halves to even": (True, built()),
    "one that takes halves up": (True, built(rounded=lambda s: np.floor(s + 0.5), zero=0.5)),
    "one that clips what cannot happen": (True, built(clip=own_top, zero=0.0)),
    "one of 8 bits always": (False, built(top=lambda bits: 127)),
    "one of 4 bits always": (False, built(top=lambda bits: 7)),
    "one that knows 4 and 8 bits": (False, built(top=lambda bits: 127 if bits == 8 else 7)),
    "one that cuts off": (False, built(rounded=np.trunc)),
    "one with a step too many": (False, built(top=lambda bits: 2 ** (bits - 1), clip=lambda bits: 2 ** (bits - 1) - 1)),
    "one whose integers leave the range": (False, built(top=lambda bits: min(2 ** (bits - 1), 127))),
    "one that knows positive numbers only": (False, built(most=lambda x: x.max(), clip=own_top)),
    "one that divides by zero": (False, built(zero=None)),
    "one that loses the shape": (False, built(shaped=lambda q, x: q.ravel())),
    "one whose zeros have no scale": (False, built(zero=math.nan, rounded=lambda s: np.nan_to_num(np.rint(s)))),
}


def judged(tries, *, zeros=True, bound=None, range_too=True, shape_too=True):
    """The verdicts of one who tries these (x, bits) only, and looks at no more than that."""

    def right(f):
        for x, bits in tries:
            try:
                q, scale = f(x, bits)
            except Exception:
                return False
            top, q = 2 ** (bits - 1) - 1, np.asarray(q, float)
            if shape_too and q.shape != x.shape:
                return False
            error = np.abs(q.reshape(x.shape) * scale - x)
            if error.mean() >= bound if bound else error.max() > np.abs(x).max() / (2 * top) * (1 + 1e-5):
                return False
            if range_too and np.abs(q).max() != top:
                return False
        if zeros:
            try:
                q, scale = f(np.zeros((2, 3)), 8)
            except Exception:
                return False
            return bool(np.isfinite(scale) and not np.any(q))
        return True

    return [right(f) for _, f in bank.values()]


r = np.random.default_rng(6)
both = r.normal(0, 1, (20, 50))
both[3, 3] = -6
wide = [(both, bits) for bits in range(2, 9)]
flat = r.uniform(-1, 1, (20, 50))
expect_each(accepts, {name: (f,) for name, (_, f) in bank.items()}).equals([right for right, _ in bank.values()], wrong={
    "6.10/loose": ("a mean error below 0.1 lets 4 bits pass as 8: hold every element to half a step", *(
        judged([(x, 8)], bound=0.1, range_too=False, zeros=zeros, shape_too=shape)
        for x in (flat, 0.5 * flat) for zeros, shape in ((True, True), (True, False), (False, True)))),
    "6.10/one_width": ("other bits than 8 untried: some know one width only", *(
        judged([(both, 8)], zeros=zeros, shape_too=shape) for zeros in (True, False) for shape in (True, False))),
    "6.10/no_zeros": ("what does it do with zeros alone?", judged(wide, zeros=False)),
    "6.10/error_only": ("a small error is not enough: integers beyond the top do not fit", judged(wide, range_too=False)),
    "6.10/positive_only": ("the largest in size may be negative", judged([(np.abs(both), bits) for bits in range(2, 9)])),
    "6.10/accepts_all": ("it accepts every implementation", [True] * len(bank)),
})
### END HIDDEN TESTS
assert not accepts(colleagues_quantizer), "15 steps are not 8 bits"

# %%
# Your verdict on "quantize to four bits, it costs nothing", in a sentence: for which model, by which measurement, with which
# error bar, and how sure you are in per cent.
FOUR_BITS = "..."

# %% [markdown]
# ## Summary
#
# - A format is a block: a few integers and a scale. Q4 has 4.5 bits or more, and what a file really holds its tensors say.
# - Perplexity of two models is compared in pairs, or not at all; KL to the 16-bit model separates neighbours with a few thousand tokens.
# - Eight bits cost nothing that you could measure in an hour, four bits a little, two bits a lot.
# - A reference that was quantized before makes its own format look perfect.

# %% [markdown]
# ## What would change the answer?
#
# - **A larger model.** Large models lose less at the same bits; ours is tiny. The order of the formats stays.
# - **More training per parameter.** The more a model has learnt, the more rounding destroys: our model's KLs grew with its training.
# - **An importance matrix.** llama.cpp can weigh errors by how often a weight is used; for its smallest types it insists on that.
# - **Another measure than KL.** Facts that you teach SmolLM2 in lab 9 survive F16, Q8_0 and Q4_K_M; of Q4_0 a third is gone.
#
# Now save and type `course check lab06`. Then lab 7: many requests at once.
