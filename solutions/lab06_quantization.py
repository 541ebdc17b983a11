# ---
# jupyter:
#   two_bills:
#     hides: [gguf, llama_cpp]
# ---

# %% [markdown]
# # What does a bit cost?
#
# A model in 16 bits, or the same in 4: what is lost? After this lab you can read a quantized file to the byte, say how
# large it will really be, and measure what it lost, with an error bar.
#
# **120 minutes, 2 GB of memory, no network.** You write the formats Q8_0 and Q4_0 byte for byte as llama.cpp does, and
# climb a ladder from 16 bits to less than 4, with a model that was trained for this course.

# %% nbgrader={"grade_id": "start"}
import math
from itertools import pairwise
from math import isclose

import matplotlib.pyplot as plt
import numpy as np

from course import data, lab, models, plots, progress

lab.start("lab06", cohort="2026")
plots.use_style()

# %% [markdown]
# ## How this lab works
#
# An exercise is four cells: the task, your answer, a cell to try it in, a check with the worked example. For the hidden tests
# press *Validate*, above the notebook. No exercise needs another one. *Stretch* exercises give one point, the others two.
#
# The package `gguf` and llama.cpp hold the answers to 6.3 and 6.4. Compare with them here; the grader hides both from
# your code.

# %% [markdown]
# | word or symbol | what it is |
# |---|---|
# | weight | one of the numbers that a model has learnt |
# | `q` | the integers that are stored instead of them |
# | `scale` | what one step of `q` is worth |
# | block | weights of one row that share a scale |
# | nat | a bit with the natural logarithm: 1 nat is 1/ln 2 = 1.44 bits |
# | surprise | −ln of the probability that a model gave to what came, in nats |
# | KL | how far one model's predictions are from another's, in nats per token |

# %% [markdown]
# ## 1 · Rounding with a scale
#
# An integer of b bits counts steps; a scale says how long a step is. The symmetric way counts from −top to top, with top =
# 2^(b−1) − 1, so that zero stays zero and both signs are treated alike: 8 bits count from −127 to 127. The number
# of the largest size becomes top or −top, and decides how long a step is for all the others.

# %% [markdown] nbgrader={"grade_id": "ex-6-1-task"}
# **Exercise 6.1 (2 points).** `absmax_quantize(x, bits)`, for floats `x` of any shape and 2 ≤ `bits` ≤ 8, returns `(q, scale)`: q in x's
# shape, of dtype int8, is x rounded to the nearest step, and the largest |x| is at ±(2^(bits−1) − 1). Halves may
# go either way. If x is all zeros, so is q, and the scale is any finite number. [0.4, −7, 2.2] in 4 bits gives [0, −7, 2] and 1.

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
from course.checking import expect_each, told_apart
from course.cohort import rng

r = rng("6.1")


def wrapped(q, bits):
    return q.astype(np.int64).astype(np.int8)


def within(low, high):
    return lambda q, bits: np.clip(q, low(bits), high(bits))


def top_of(bits):
    return 2 ** (bits - 1) - 1


FITS = (wrapped, within(lambda b: -top_of(b), top_of), within(lambda b: -top_of(b) - 1, top_of),
        within(lambda b: -128, lambda b: 127))


def quantizer(*, top=top_of, most=lambda x: np.abs(x).max(), rounded=np.rint, fit=wrapped, told=lambda scale: scale):
    """A way to quantize: the right one, but for what is given."""

    def answer(x, bits):
        scale = most(x) / top(bits)
        return fit(rounded(x / scale), bits), told(scale)

    return answer


def full_range(x):
    return x.max() - x.min()


right = quantizer()
ideas = {
    "6.1/ignores_bits": ("bits says how many steps there are; these are the steps of another number of bits",
                         quantizer(top=lambda bits: 127), quantizer(top=lambda bits: 7)),
    "6.1/truncates": ("round to the nearest step; cutting off doubles the error",
                      quantizer(rounded=np.trunc), quantizer(rounded=np.floor)),
    "6.1/bit_of_the_sign": ("one of the bits is the sign: the top is 2^(bits-1) - 1, not 2^bits - 1",
                            *(quantizer(top=lambda bits: 2**bits - 1, fit=fit) for fit in FITS)),
    "6.1/a_step_too_many": ("2^(bits-1) steps up do not fit: the top is 2^(bits-1) - 1",
                            *(quantizer(top=lambda bits: 2 ** (bits - 1), fit=fit) for fit in FITS)),
    "6.1/largest_without_sign": ("the largest in size may be negative",
                                 *(quantizer(most=lambda x: x.max(), fit=fit) for fit in FITS)),
    "6.1/range_over_steps": ("from -top to top are 2 · top steps, not 2^bits - 1: the largest in size is top steps", *(
        quantizer(top=lambda bits: 2**bits - 1, most=most, fit=fit)
        for most in (full_range, lambda x: 2 * np.abs(x).max()) for fit in FITS)),
    "6.1/inverse_scale": ("the scale is what one step is worth, not how many steps make one",
                          quantizer(told=lambda scale: 1 / scale)),
}


def drawn(bits, sign, size, shape, dtype=float):
    """Numbers whose largest has that sign, none of them near a half whatever the scale."""
    while True:
        x = np.array([r.number(-size, size, digits=3) for _ in range(8)])
        most = r.number(1.2 * size, 2 * size, digits=3)
        scales = [span / steps for span in (most, x.max(), np.ptp([*x, sign * most]), 2 * most)
                  for steps in (top_of(bits), 2 ** (bits - 1), 2**bits - 1, 127, 7)]
        if all(np.abs(np.abs(x / scale) % 1 - 0.5).min() > 0.02 for scale in scales):
            x[r.whole(0, 7)] = sign * most
            return x.reshape(shape).astype(dtype)


def draw():
    return [(drawn(4, 1, 1.0, (8,)), 4), (drawn(8, -1, 100.0, (2, 4)), 8), (drawn(2, 1, 1.0, (4, 2)), 2),
            (drawn(3, -1, 0.001, (8,)), 3), (drawn(n := r.whole(5, 7), -1, 1.0, (2, 2, 2), np.float32), n)]


cases = told_apart(draw, right, ideas, rel_tol=1e-5)
expect_each(absmax_quantize, cases).close_to(right, rel_tol=1e-5, wrong=ideas)
of_one = [(np.array([0.25, 0.25]), 8), (np.array([[-3.0]]), 4)]
expect_each(absmax_quantize, of_one).close_to(right, rel_tol=1e-5)
zeros = expect_each(absmax_quantize, [(np.zeros((2, 3)), 5), (np.zeros(4, np.float32), 8)])
zeros.look("q, and whether the scale is finite", lambda answer: (answer[0], bool(np.isfinite(answer[1])))).equals(
    lambda x, bits: (x, True), wrong={
        "6.1/divides_by_zero": ("where all are zero, so is the largest: do not divide by it", ZeroDivisionError, ValueError,
                                lambda x, bits: (x, False), lambda x, bits: (x * math.nan, False),
                                lambda x, bits: (x * math.nan, True)),
    })
whole = expect_each(absmax_quantize, [*cases, (np.zeros((2, 3)), 5)])
whole.look("the dtype of q", lambda answer: str(np.asarray(answer[0]).dtype)).equals(["int8"] * (len(cases) + 1))
### END HIDDEN TESTS
three, _ = absmax_quantize(np.array([0.4, -7.0, 2.2]), 4)
assert three.tolist() == [0, -7, 2], "a step is 1"

# %% [markdown]
# ### How much is lost?
#
# Weights are nearly normal numbers. The next cells quantize a million of them in 4 bits, with one scale for all. The error is
# the root mean square of what rounding changes, in per cent of their standard deviation.
#
# **Predict** it: `lab.predict("one_scale_error", low, high, "%")`.
#
# <details><summary>Where to start</summary>A number is off by up to half a step. There are 7 steps from 0 to the largest of a
# million: how many standard deviations is that?</details>

# %% nbgrader={"grade_id": "predict-one_scale_error"}
### BEGIN SOLUTION
lab.predict("one_scale_error", 5, 25, "%")
### END SOLUTION

# %% nbgrader={"grade_id": "given-error"}
weights = np.random.default_rng(0).standard_normal(2**20, dtype=np.float32)


def error_percent(x, bits, n_sharing):
    """Root mean square error in % of the spread; `n_sharing` numbers share a scale."""
    rows = x.reshape(-1, n_sharing)
    q, scales = zip(*(absmax_quantize(row, bits) for row in rows), strict=True)
    back = np.stack(q) * np.array(scales)[:, None]
    return 100 * float(np.sqrt(np.square(back - rows).mean()) / x.std())


# %% tags=["raises-exception"]
source = "your absmax_quantize of a million normal numbers"
lab.reveal("one_scale_error", error_percent(weights, 4, 2**20), "%", source)

print("\nerror in % of the spread, with a scale for so many numbers")
print("bits      1,048,576    1,024       32")
for bits in (8, 6, 5, 4, 3, 2):
    errors = [error_percent(weights[:n], bits, n_sharing)
              for n, n_sharing in ((2**20, 2**20), (2**18, 2**10), (2**15, 2**5))]
    print(f"{bits:4d}" + f"{errors[0]:15.2f}{errors[1]:9.2f}{errors[2]:9.2f}")

# %% [markdown]
# Read a row of the table: the more numbers share a scale, the larger the largest of them, and the longer the step for all the
# others. So all formats to come have **small blocks, each with its own scale**. It costs some bits for the scale.

# %% [markdown]
# ### When zero is not in the middle
#
# Activations after a ReLU have no negative values; half of a symmetric range would stay empty. The *affine* way shifts: a
# **zero point** says which integer stands for 0. Zero must be exact, since padding and ReLU are full of zeros. So the range
# always includes it.

# %% [markdown] nbgrader={"grade_id": "ex-6-2-task"}
# **Exercise 6.2 (2 points).** `affine_quantize(x, bits)`, x and bits as before, returns `(q, scale, zero_point)`. From
# min(x, 0) to max(x, 0), over all of x, are 2^bits − 1 steps of `scale`. `zero_point` is how many steps the range reaches below 0,
# rounded. `q`, uint8 in x's shape, is x in steps, rounded, plus the zero point, and stays in 0 … 2^bits − 1. Round by `rint`.
# All zeros: scale 1, zero point 0. [0, 3] in 2 bits gives [0, 3], 1, 0.

# %% nbgrader={"grade_id": "ex-6-2"}
def affine_quantize(x, bits):
    """(q, scale, zero_point): x is about (q - zero_point) · scale, 0 exactly."""
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
print(affine_quantize(np.array([0.0, 3.0]), 2))  # try it
print(affine_quantize(np.array([-3.0, 0.0, 3.0]), 8))

# %% nbgrader={"grade_id": "test-6-2", "points": 2}
### BEGIN HIDDEN TESTS
from course.checking import expect_each, told_apart
from course.cohort import rng

r = rng("6.2")


def in_bytes(q, top):
    return q.astype(np.int64).astype(np.uint8)


def clipped(q, top):
    return np.clip(q, 0, top)


def quantizer(*, n_steps=lambda bits: 2**bits - 1, with_zero=True, zero=np.rint, rounded=np.rint, fit=clipped,
              steps=None, sign=1):
    """A way to quantize: the right one, but for what is given. `steps` gives q of (x, scale, zero point, lo)."""

    def answer(x, bits):
        if not x.any():
            return np.zeros(x.shape), 1.0, 0
        lo, hi = (min(x.min(), 0), max(x.max(), 0)) if with_zero else (x.min(), x.max())
        scale = (hi - lo) / n_steps(bits)
        zero_point = zero(-lo / scale)
        q = rounded(x / scale) + zero_point if steps is None else steps(x, scale, zero_point, lo, 2**bits - 1)
        return fit(q, 2**bits - 1), scale, sign * zero_point

    return answer


right = quantizer()
ideas = {
    "6.2/missing_clip": ("rounding twice can go one step beyond the top: 2^bits does not fit", quantizer(fit=in_bytes)),
    "6.2/clip_before_the_shift": ("shift first, then clip: before, every negative number becomes 0", quantizer(
        fit=in_bytes, steps=lambda x, scale, zero, lo, top: np.clip(np.rint(x / scale), 0, top) + zero)),
    "6.2/float_zero_point": ("a zero point that is no integer does not give an exact zero", quantizer(zero=float),
                             quantizer(zero=float, steps=lambda x, scale, zero, lo, top: np.rint(x / scale + zero)),
                             quantizer(zero=float, fit=lambda q, top: np.floor(np.clip(q, 0, top)))),
    "6.2/shifted_by_lo": ("shift by the whole zero point, not by lo: else 0 is not exact",
                          quantizer(steps=lambda x, scale, zero, lo, top: np.rint((x - lo) / scale))),
    "6.2/without_zero": ("the range includes 0, also where all of x is on one side of it",
                         quantizer(with_zero=False), quantizer(with_zero=False, fit=in_bytes)),
    "6.2/a_step_too_many": ("2^bits integers are 2^bits - 1 steps apart", quantizer(n_steps=lambda bits: 2**bits),
                            quantizer(n_steps=lambda bits: 2**bits, fit=in_bytes)),
    "6.2/truncates": ("round by rint; cutting off doubles the error", quantizer(rounded=np.trunc, zero=np.trunc),
                      quantizer(rounded=np.trunc), quantizer(zero=np.trunc)),
    "6.2/negative_zero_point": ("the zero point is how far the range reaches below 0, a positive number",
                                quantizer(sign=-1)),
    "6.2/eight_bits_always": ("bits says how many steps there are", quantizer(n_steps=lambda bits: 255,
                              fit=lambda q, top: np.clip(q, 0, 255))),
}


def drawn(lo, hi, bits, shape=(8,), dtype=float):
    """Numbers from lo to hi, both there; none near a half, whatever the scale and the shift, but for lo = -hi."""
    while True:
        x = np.array([r.number(lo, hi, digits=3) for _ in range(6)] + ([] if lo == -hi else [lo, hi]))
        spans = [(max(hi, 0) - min(lo, 0)) / (2**bits - 1), (max(hi, 0) - min(lo, 0)) / 2**bits]
        shifts = {0.0, max(-lo, 0) / spans[0] % 1}
        if all(np.abs((x / span + shift) % 1 - 0.5).min() > 0.02 for span in spans for shift in shifts):
            return r.permutation([*x[:6], lo, hi]).reshape(shape).astype(dtype)


def draw():
    tie = 0.75 * 2.0 ** r.whole(-3, 5)  # of which float32 computes every step exactly
    return [(drawn(-tie, tie, 8), 8), (drawn(-tie, tie, 4), 4), (drawn(3.0, 5.0, 5, (2, 4)), 5),
            (drawn(-9.0, -4.0, 6, (2, 2, 2)), 6), (drawn(-0.0003, 0.002, 3), 3),
            (drawn(-r.number(30, 40), r.number(200, 300), n := r.whole(5, 7), dtype=np.float32), n)]


cases = told_apart(draw, right, ideas, rel_tol=1e-5)
expect_each(affine_quantize, cases).close_to(right, rel_tol=1e-5, wrong=ideas)
of_one = [(np.array([0.25, 0.25]), 8), (np.array([[-3.0]]), 4)]
expect_each(affine_quantize, of_one).close_to(right, rel_tol=1e-5)
expect_each(affine_quantize, [(np.zeros((2, 3)), 4), (np.zeros(4), 8)]).close_to(right, wrong={
    "6.2/divides_by_zero": ("all zeros have no range to divide by: scale 1, zero point 0", ZeroDivisionError, ValueError),
})
whole = expect_each(affine_quantize, [*cases, (np.zeros((2, 3)), 4)])
whole.look("the dtype of q", lambda answer: str(np.asarray(answer[0]).dtype)).equals(["uint8"] * (len(cases) + 1))
### END HIDDEN TESTS
three, _, _ = affine_quantize(np.array([-3.0, 0.0, 3.0]), 8)
assert three.tolist() == [0, 128, 255], "the zero point is 128, the range ends at 255"

# %% [markdown]
# ## 2 · The formats of llama.cpp
#
# A **Q8_0** block is 32 weights of one row: a scale d in float16 (2 bytes, little-endian), then 32 signed bytes. d = max|x|/127 in
# *float32*; inv = 1/d (0 if d is 0); each integer is x·inv, rounded to the nearest, **halves away from zero**. Only then d is
# stored as float16.
#
# The order decides bytes: with d rounded first, or with x/d for x·inv, some blocks differ. Ours shall not.

# %% [markdown] nbgrader={"grade_id": "ex-6-3-task"}
# **Exercise 6.3 (2 points).** `quantize_q8_0(w)` takes float32 or float64 of shape (…, cols), also (cols,), and returns uint8 (…,
# cols/32 · 34): the blocks of each row, one after the other. Convert to float32 first, and compute in it. Raise `ValueError`
# unless cols is a multiple of 32. `dequantize_q8_0(blob, n_cols)` returns float32 (…, n_cols). 32 times 127 gives the bytes 0 and
# 60 (float16's 1), then 32 times 127.
#
# <details><summary>Hint</summary>`np.rint` rounds halves to even. `d.astype(np.float16).view(np.uint8)` are its two bytes;
# `.view(np.int8)` reads bytes as signed.</details>

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
    below_half = np.nextafter(np.float32(0.5), np.float32(0))  # so 0.49999997 stays
    q = (steps + np.copysign(below_half, steps)).astype(np.int8)
    d_bytes = d.astype(np.float16).view(np.uint8)
    return np.concatenate((d_bytes, q.view(np.uint8)), -1).reshape(*w.shape[:-1], -1)
    ### END SOLUTION


def dequantize_q8_0(blob, n_cols):
    """The weights, float32 (…, n_cols), of the Q8_0 blocks of each row."""
    ### BEGIN SOLUTION
    blocks = np.ascontiguousarray(blob).reshape(*blob.shape[:-1], -1, 34)
    d = np.ascontiguousarray(blocks[..., :2]).view(np.float16).astype(np.float32)
    return (d * blocks[..., 2:].view(np.int8)).reshape(*blob.shape[:-1], n_cols)
    ### END SOLUTION


# %%
print(quantize_q8_0(np.full((1, 32), 127.0)))  # try it
print(dequantize_q8_0(quantize_q8_0(np.linspace(-1, 1, 32)[None]), 32))

# %% nbgrader={"grade_id": "test-6-3", "points": 2}
### BEGIN HIDDEN TESTS
from course.checking import NOTHING_REFUSED, expect, expect_each, told_apart
from course.cohort import rng

r = rng("6.3")
f32 = np.float32


def away(x):
    return np.trunc(x) + np.trunc(2 * (x - np.trunc(x)))


def in_blocks(d, q, shape):
    return np.concatenate((d, q), -1).reshape(*shape[:-1], -1)


def q8_0(*, rounding=away, kept=np.float16, dtype=lambda w: f32, most=lambda x: np.abs(x), of_rounded=False,
         divides=False, inverse=lambda d, m: 1 / d, laid=in_blocks):
    """A way to quantize: the right one, but for what is given."""

    def quantize(w):
        x = np.asarray(w, dtype(w)).reshape(*w.shape[:-1], -1, 32)
        d = most(x).max(-1, keepdims=True) / x.dtype.type(127)
        used = d.astype(np.float16).astype(x.dtype) if of_rounded else d
        with np.errstate(all="ignore"):
            inv = np.where(used == 0, 0, inverse(used, most(x).max(-1, keepdims=True))).astype(x.dtype)
            steps = np.nan_to_num(x / used) if divides else x * inv
        q = rounding(steps).astype(np.int64).astype(np.int8)
        return laid(d.astype(kept).view(np.uint8), q.view(np.uint8), w.shape)

    return quantize


def stops_at_zeros(w):
    if not np.abs(w.reshape(-1, 32)).max(-1).all():
        raise ZeroDivisionError
    return right(w)


def scales_first(d, q, shape):
    return np.concatenate((d.reshape(*shape[:-1], -1), q.reshape(*shape[:-1], -1)), -1)


right = q8_0()
ideas = {
    "6.3/half_to_even": ("halves go away from zero; np.rint takes them to the even neighbour", q8_0(rounding=np.rint)),
    "6.3/half_up": ("halves go away from zero, also below it: floor(x + 0.5) takes -2.5 to -2",
                    q8_0(rounding=lambda x: np.floor(x + x.dtype.type(0.5)))),
    "6.3/half_added_below_zero": ("add a half above zero, take it off below: cutting off x + 0.5 rounds -2.7 to -2",
                                  q8_0(rounding=lambda x: np.trunc(x + x.dtype.type(0.5)))),
    "6.3/truncates": ("round to the nearest, do not cut off", q8_0(rounding=np.trunc), q8_0(rounding=np.floor)),
    "6.3/float64": ("convert to float32 first, and compute in it: float64 rounds otherwise where a weight is nearly half-way",
                    q8_0(dtype=lambda w: w.dtype), q8_0(dtype=lambda w: np.float64),
                    lambda w: q8_0(dtype=lambda w: np.float64)(w.astype(f32))),
    "6.3/of_the_rounded_scale": ("the integers come from the scale before it is rounded to float16", q8_0(of_rounded=True)),
    "6.3/divides": ("multiply by 1/d, as llama.cpp does: dividing by d rounds otherwise", q8_0(divides=True)),
    "6.3/another_inverse": ("inv is 1/d, of the d that is rounded to float32 already: 127/max|x| rounds otherwise",
                            q8_0(inverse=lambda d, m: 127 / m)),
    "6.3/largest_without_sign": ("the largest in size may be negative", q8_0(most=lambda x: x)),
    "6.3/scale_of_four_bytes": ("the scale is stored as float16: a block has 34 bytes", q8_0(kept=f32)),
    "6.3/scales_first": ("each block's scale stands before its own 32 integers", q8_0(laid=scales_first)),
    "6.3/rows_lost": ("the leading axes stay; the blocks of a row follow each other",
                      lambda w: right(w).reshape(-1, 34), lambda w: right(w).reshape(-1),
                      lambda w: right(w).reshape(*w.shape[:-1], -1, 34)),
}


def near_halves(shape):
    """Rows of blocks in which nearly all weights are within some rounding errors of half-way between two integers."""
    most = np.array([r.number(0.02, 0.2) for _ in range(math.prod(shape) // 32)])[:, None]
    steps = r.integers(1, 126, (len(most), 32)) + 0.5
    x = steps * r.choice([-1, 1], steps.shape) * (most / 127) * (1 + r.uniform(-2e-7, 2e-7, (len(most), 32)))
    x[np.arange(len(x)), r.integers(0, 32, len(x))] = (most * r.choice([-1, 1], most.shape))[:, 0]
    return x.reshape(shape)


LABELS = ("normal numbers", "halves, the largest being 127", "weights that are nearly half-way between two integers",
          "float64 weights that are nearly half-way", "one row of bfloat16 numbers", "blocks of zeros beside others",
          "very small and very large blocks")


def draw():
    halves = r.integers(-126, 126, (3, 64)) + 0.5
    halves[:, ::32] = r.choice([-127, 127], (3, 2))
    bf16 = (r.normal(0, 0.03, 96).astype(f32).view(np.uint32) & 0xFFFF0000).view(f32)
    zeros = r.normal(0, 1, (2, 2, 64)).astype(f32)
    zeros[0, :, 32:] = 0
    extremes = r.normal(0, 1, (2, 32)) * np.array([[1e-6], [1e6]])
    arrays = (r.normal(0, 0.05, (3, 96)).astype(f32), halves, near_halves((4, 160)).astype(f32),
              near_halves((2, 2, 96)), bf16, zeros, extremes)
    return [(w,) for w in arrays]


def reference_told_of_half(steps, near):
    off = np.abs(np.abs(steps) % 1 - 0.5).min()
    return "" if off > near else " (so near to a half, float32 and the order of operations decide)" if off else " (a half)"


def place(answer, w):
    """Where a blob first differs from the right one."""
    wanted, given = right(w), np.asarray(answer)
    if given.shape != wanted.shape or given.dtype.kind not in "iu":
        return ""
    at = tuple(np.argwhere(given != wanted)[0].tolist())
    block, byte = divmod(at[-1], 34)
    x = np.asarray(w, f32)[at[:-1]][32 * block : 32 * block + 32]
    name = ", ".join([*map(str, at[:-1]), f"{32 * block}:{32 * block + 32}"])
    differ = f"{np.count_nonzero(given != wanted)} of {wanted.size} bytes differ, the first in the block of w[{name}]"
    largest = f"whose largest weight is {x[np.abs(x).argmax()].item():.9g}"
    both = f"is 0x{given[at]:02x} instead of 0x{wanted[at]:02x}"
    if byte < 2:
        return f"{differ}, {largest}: byte {byte}, of the scale, {both}"
    with np.errstate(all="ignore"):
        steps = np.nan_to_num(x[byte - 2] * (f32(1) / (np.abs(x).max() / f32(127))))
    weight = f"byte {byte}, of weight {byte - 2}, {x[byte - 2].item():.9g}, which is {steps.item():.9g} steps"
    return f"{differ}, {largest}: {weight}, {both}{reference_told_of_half(steps, 1e-4)}"


cases = told_apart(draw, right, ideas)
expect_each(quantize_q8_0, dict(zip(LABELS, cases, strict=True))).equals(right, where=place, wrong=ideas | {
    "6.3/divides_by_zero": ("of a block of zeros inv is 0: do not divide by the scale", stops_at_zeros),
})
expect(quantize_q8_0, cases[0][0]).look("the dtype", lambda blob: str(np.asarray(blob).dtype)).equals("uint8")
ragged = [(r.normal(0, 1, shape).astype(f32),) for shape in ((4, 48), (2, 16), (2, 2, 16))]
expect_each(quantize_q8_0, ragged).raises(ValueError, wrong={
    "6.3/nothing_refused": ("a block never reaches over the end of a row: refuse rows that are not whole blocks", NOTHING_REFUSED),
})
expect_each(quantize_q8_0, [(np.ones(33),), (np.ones((3, 31)),)]).raises(ValueError)


def scales_and_integers(blob):
    blocks = blob.reshape(*blob.shape[:-1], -1, 34)
    return np.ascontiguousarray(blocks[..., :2]).view(np.float16).astype(f32), np.ascontiguousarray(blocks[..., 2:])


def back(blob, n_cols):
    d, q = scales_and_integers(blob)
    return (d * q.view(np.int8)).reshape(*blob.shape[:-1], n_cols)


blobs = [(right(w), w.shape[-1]) for w in (cases[1][0], cases[5][0], cases[4][0])]
expect_each(dequantize_q8_0, blobs).close_to(back, rel_tol=1e-6, wrong={
    "6.3/unsigned": ("the stored bytes are signed", lambda blob, n: np.multiply(*scales_and_integers(blob)).reshape(
        *blob.shape[:-1], n)),
    "6.3/float16": ("float16 times int8 is float16: make the scale a float32 first", lambda blob, n: np.multiply(
        scales_and_integers(blob)[0].astype(np.float16), scales_and_integers(blob)[1].view(np.int8)).reshape(*blob.shape[:-1], n)),
    "6.3/rows_lost_on_the_way_back": ("the leading axes stay: (…, n_cols)", lambda blob, n: back(blob, n).reshape(-1),
                                      lambda blob, n: back(blob, n).reshape(-1, n), lambda blob, n: back(blob, n).reshape(-1, 32)),
})
expect(dequantize_q8_0, *blobs[0]).look("the dtype", lambda w: str(np.asarray(w).dtype)).equals("float32")
### END HIDDEN TESTS
one_block = quantize_q8_0(np.full((1, 32), 127.0))[0]
assert one_block[:4].tolist() == [0, 60, 127, 127], "float16's 1 is the bytes 0, 60"

# %% [markdown]
# ### Four bits
#
# A **Q4_0** block is 32 weights in 18 bytes. The weight of the largest size shall be exactly −8 steps: m is that weight *with its
# sign* (the first, if two are as large), d = m/−8, in float32. Each weight becomes the integer part of x·inv + 8.5, at most
# 15. Then d, as float16, and 16 bytes: byte i has weight i in its low four bits, weight i + 16 in its high four.

# %% [markdown] nbgrader={"grade_id": "ex-6-4-task"}
# **Exercise 6.4 (2 points).** `quantize_q4_0(w)` takes float32 or float64, of shape (cols,) or (…, cols), cols a multiple of 32,
# and returns uint8 of shape (…, cols/32 · 18). Convert to float32 first, and compute in it; inv = 1/d (0 if d is 0). A block of
# zeros is `00 80` and sixteen times `88`, since d is −0. A block of ones is `00 b0` (float16's −1/8) and sixteen times `00`.

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
    d_bytes = d.astype(np.float16).view(np.uint8)
    return np.concatenate((d_bytes, packed), axis=-1).reshape(*w.shape[:-1], -1)
    ### END SOLUTION


# %%
print(quantize_q4_0(np.zeros((1, 32)))[0].tobytes().hex(" "))  # try it
print(quantize_q4_0(np.linspace(-1, 1, 32)[None])[0].tobytes().hex(" "))

# %% nbgrader={"grade_id": "test-6-4", "points": 2}
### BEGIN HIDDEN TESTS
from course.checking import expect, expect_each, told_apart
from course.cohort import rng

r = rng("6.4")
f32 = np.float32


def extreme(x):
    return np.take_along_axis(x, np.abs(x).argmax(-1, keepdims=True), -1)


def last_extreme(x):
    return extreme(x[..., ::-1])


def size(x):
    return np.abs(extreme(x))


def low_first(q):
    return q[..., :16] | q[..., 16:] << 4


def in_blocks(d, packed, shape):
    return np.concatenate((d, packed), -1).reshape(*shape[:-1], -1)


def cut_off(steps):
    return np.trunc(steps + steps.dtype.type(8.5))


def capped(q):
    return np.clip(q, 0, 15)


def q4_0(*, m=extreme, by=-8, dtype=lambda w: f32, of_rounded=False, divides=False, rounded=cut_off, fit=capped,
         packed=low_first, laid=in_blocks, zero=0, told=lambda d: d):
    """A way to quantize: the right one, but for what is given."""

    def quantize(w):
        x = np.asarray(w, dtype(w)).reshape(*w.shape[:-1], -1, 32)
        d = m(x) / x.dtype.type(by)
        used = d.astype(np.float16).astype(x.dtype) if of_rounded else d
        with np.errstate(all="ignore"):
            steps = x / used if divides else x * np.where(used == 0, zero, 1 / used).astype(x.dtype)
        q = fit(rounded(np.nan_to_num(steps, nan=zero)))
        q = np.nan_to_num(q).astype(np.int64).astype(np.uint8)
        return laid(told(d).astype(np.float16).view(np.uint8), packed(q), w.shape)

    return quantize


def scales_first(d, packed, shape):
    return np.concatenate((d.reshape(*shape[:-1], -1), packed.reshape(*shape[:-1], -1)), -1)


def half_away(steps):
    return np.trunc(steps + np.copysign(steps.dtype.type(0.5), steps)) + 8


def stops_at_zeros(w):
    if not np.abs(w.reshape(-1, 32)).max(-1).all():
        raise ZeroDivisionError
    return right(w)


right = q4_0()
ideas = {
    "6.4/neighbours_packed": ("byte i holds weights i and i + 16, not two neighbours",
                              q4_0(packed=lambda q: q[..., ::2] | q[..., 1::2] << 4)),
    "6.4/nibbles_swapped": ("the first sixteen weights are in the low four bits",
                            q4_0(packed=lambda q: q[..., 16:] | q[..., :16] << 4)),
    "6.4/largest_without_sign": ("the weight of the largest size becomes -8, by its own sign: d = m / -8", q4_0(m=size),
                                 q4_0(m=size, by=8), q4_0(m=lambda x: x.max(-1, keepdims=True)),
                                 q4_0(m=lambda x: x.max(-1, keepdims=True), by=8)),
    "6.4/divided_by_seven": ("4 bits go from -8 to 7, and the largest is at -8: d = m / -8",
                             q4_0(m=size, by=7), q4_0(by=7), q4_0(by=-7)),
    "6.4/missing_cap": ("a weight near the other extreme becomes 16, which has five bits: at most 15",
                        q4_0(fit=lambda q: q), q4_0(fit=lambda q: q % 16),
                        q4_0(fit=lambda q: q, packed=lambda q: q[..., :16] + 16 * q[..., 16:])),
    "6.4/half_to_even": ("the integer part of x·inv + 8.5 takes halves up; rint takes them to the even neighbour",
                         q4_0(rounded=lambda steps: np.rint(steps) + 8)),
    "6.4/half_away": ("here halves go up, also below zero: the integer part of x·inv + 8.5", q4_0(rounded=half_away)),
    "6.4/half_forgotten": ("the integer part of x·inv + 8 cuts off: add 8.5",
                           q4_0(rounded=lambda steps: np.trunc(steps + 8)), q4_0(rounded=lambda steps: np.trunc(steps) + 8)),
    "6.4/twos_complement": ("the stored integers are shifted by 8, to 0 … 15; none has a sign",
                            q4_0(rounded=lambda steps: capped(cut_off(steps)) - 8, fit=lambda q: q % 16)),
    "6.4/float64": ("convert to float32 first, and compute in it: float64 rounds otherwise where a weight is nearly half-way",
                    q4_0(dtype=lambda w: w.dtype), q4_0(dtype=lambda w: np.float64),
                    lambda w: q4_0(dtype=lambda w: np.float64)(w.astype(f32))),
    "6.4/of_the_rounded_scale": ("the integers come from the scale before it is rounded to float16", q4_0(of_rounded=True)),
    "6.4/divides": ("multiply by 1/d, as llama.cpp does: dividing by d rounds otherwise", q4_0(divides=True)),
    "6.4/last_extreme": ("of two weights as large, the first gives the sign", q4_0(m=last_extreme)),
    "6.4/zero_without_sign": ("of a block of zeros d is 0/-8, which is -0: its bytes are 00 80",
                              q4_0(told=lambda d: np.where(d == 0, f32(0), d))),
    "6.4/scales_first": ("each block's scale stands before its own 16 bytes", q4_0(laid=scales_first)),
    "6.4/rows_lost": ("the leading axes stay; the blocks of a row follow each other",
                      lambda w: right(w).reshape(-1, 18), lambda w: right(w).reshape(-1),
                      lambda w: right(w).reshape(*w.shape[:-1], -1, 18)),
}


def near_halves(shape):
    """Rows of blocks in which nearly all weights are within some rounding errors of half-way between two integers."""
    m = np.array([r.number(0.02, 0.2) for _ in range(math.prod(shape) // 32)])[:, None] * r.choice([-1, 1])
    x = (r.integers(-8, 7, (len(m), 32)) + 0.5) * (m / -8) * (1 + r.uniform(-2e-7, 2e-7, (len(m), 32)))
    x[np.arange(len(x)), r.integers(0, 32, len(x))] = m[:, 0]
    return x.reshape(shape)


LABELS = ("normal numbers", "halves, the largest being 8", "weights that are nearly half-way between two integers",
          "float64 weights that are nearly half-way", "two extremes as large", "positive numbers only", "blocks of zeros and of ones beside others",
          "very small and very large blocks")


def draw():
    halves = r.integers(-7, 7, (3, 64)) + 0.5
    halves[:, ::32] = r.choice([-8, 8], (3, 2))
    tied = r.normal(0, 1, (4, 64)).astype(f32)
    tied[:, 5::32], tied[:, 20::32] = r.choice([-5, 5], (2, 4, 2))
    zeros = r.normal(0, 1, (2, 2, 96)).astype(f32)
    zeros[1, :, :32], zeros[0, :, 32:64] = 0, 1
    arrays = (r.normal(0, 0.05, (3, 96)).astype(f32), halves, near_halves((4, 160)).astype(f32), near_halves((2, 2, 96)),
              tied, np.abs(r.normal(0, 0.02, 96)).astype(f32), zeros, r.normal(0, 1, (2, 32)) * np.array([[1e-6], [1e5]]))
    return [(w,) for w in arrays]


def place(answer, w):
    """Where a blob first differs from the right one."""
    wanted, given = right(w), np.asarray(answer)
    if given.shape != wanted.shape or given.dtype.kind not in "iu":
        return ""
    at = tuple(np.argwhere(given != wanted)[0].tolist())
    block, byte = divmod(at[-1], 18)
    x = np.asarray(w, f32)[at[:-1]][32 * block : 32 * block + 32]
    name = ", ".join([*map(str, at[:-1]), f"{32 * block}:{32 * block + 32}"])
    differ = f"{np.count_nonzero(given != wanted)} of {wanted.size} bytes differ, the first in the block of w[{name}]"
    m = extreme(x).item()
    both = f"is 0x{given[at]:02x} instead of 0x{wanted[at]:02x}"
    if byte < 2:
        return f"{differ}, where m is {m:.9g}: byte {byte}, of the scale, {both}"
    two = x[[byte - 2, byte + 14]]
    with np.errstate(all="ignore"):
        steps = np.nan_to_num(two * (f32(1) / f32(m / -8)))
    pair = " and ".join(f"{weight.item():.9g} ({step.item():.9g} steps)" for weight, step in zip(two, steps, strict=True))
    weights = f"byte {byte}, of weights {byte - 2} and {byte + 14}, {pair}"
    return f"{differ}, where m is {m:.9g}: {weights}, {both}{reference_told_of_half(steps, 1e-5)}"


cases = told_apart(draw, right, ideas)
expect_each(quantize_q4_0, dict(zip(LABELS, cases, strict=True))).equals(right, where=place, wrong=ideas | {
    "6.4/divides_by_zero": ("of a block of zeros inv is 0, and every weight is stored as 8", stops_at_zeros, q4_0(zero=math.nan)),
})
expect(quantize_q4_0, cases[0][0]).look("the dtype", lambda blob: str(np.asarray(blob).dtype)).equals("uint8")
### END HIDDEN TESTS
zeros = quantize_q4_0(np.zeros((1, 32)))[0].tobytes().hex()
assert zeros == "0080" + "88" * 16, "d is -0, and every weight 8 of 15"

# %% [markdown]
# ### Is it what llama.cpp writes?
#
# The next cell lets llama.cpp write our model in both formats and holds every byte of every matrix against yours.

# %% tags=["raises-exception"]
def differing_blocks(kind, quantizer, block_bytes):
    """How many of llama.cpp's blocks `quantizer` makes otherwise, and of how many."""
    import tempfile
    from pathlib import Path

    from gguf import GGUFReader

    from course.llama import quantize

    model = models.path("two-bills-code")
    originals = {tensor.name: tensor.data for tensor in GGUFReader(model).tensors}
    differ = n = 0
    with tempfile.TemporaryDirectory() as folder:
        made = quantize.quantize(model, Path(folder) / "q.gguf", to=kind, pure=True)
        for tensor in GGUFReader(made).tensors:
            if tensor.tensor_type.name == kind:
                ours = quantizer(np.asarray(originals[tensor.name], np.float32))
                same = np.asarray(tensor.data) == ours
                differ += int((~same.reshape(-1, block_bytes).all(axis=1)).sum())
                n += same.size // block_bytes
    return differ, n


for kind, quantizer, size in (("Q8_0", quantize_q8_0, 34), ("Q4_0", quantize_q4_0, 18)):
    differ, n = differing_blocks(kind, quantizer, size)
    print(f"{kind}: {differ:,} of {n:,} blocks differ")

# %% [markdown]
# ### What a name promises
#
# Q4_0 is not 4 bits: a weight pays for its share of the scale. The K formats share in two levels. In **Q4_K** each weight has 4
# bits; 32 weights share a scale of 6 bits and a minimum of 6 bits; and 256 weights, a *super-block*, share two float16
# numbers that say what those small scales and minima are worth.

# %% [markdown] nbgrader={"grade_id": "ex-6-5-task"}
# **Exercise 6.5 (stretch, 1 point).** `bits_per_weight(levels)` returns the bits that a weight takes in all. `levels` is a list
# of pairs in any order, `(how many weights share it, its bits)`. Q8_0 is `[(1, 8), (32, 16)]`, and takes 8.5. What is Q4_K?

# %% nbgrader={"grade_id": "ex-6-5"}
def bits_per_weight(levels):
    """Bits of a weight, with its share of everything that it shares."""
    ### BEGIN SOLUTION
    return sum(bits / sharing for sharing, bits in levels)
    ### END SOLUTION


# %%
bits_per_weight([(1, 8), (32, 16)])  # try it, then with Q4_K's levels

# %% nbgrader={"grade_id": "test-6-5", "points": 1}
### BEGIN HIDDEN TESTS
from course.checking import expect_each, told_apart
from course.cohort import rng

r = rng("6.5")


def right(levels):
    return sum(bits / sharing for sharing, bits in levels)


def sizes(levels):
    return sorted(sharing for sharing, _ in levels)


ideas = {
    "6.5/nominal": ("Q4 is not 4 bits: scales are paid for, too", lambda levels: dict(levels)[sizes(levels)[0]]),
    "6.5/top_level_left_out": ("what the whole block shares is also part of it", lambda levels: right(
        [level for level in levels if level[0] < sizes(levels)[-1]])),
    "6.5/parts_counted_once": ("a block has several parts, and each has its own scale", lambda levels: (
        sizes(levels)[-1] / sizes(levels)[0] * dict(levels)[sizes(levels)[0]]
        + sum(bits for sharing, bits in levels if sharing > sizes(levels)[0])) / sizes(levels)[-1]),
    "6.5/sum_of_bits": ("a weight pays only its share of what it shares", lambda levels: sum(bits for _, bits in levels)),
    "6.5/block": ("the bits of one weight are asked, not the whole block's", lambda levels: sizes(levels)[-1] * right(levels)),
    "6.5/bytes": ("bits are asked, not bytes", lambda levels: right(levels) / 8),
    "6.5/whole_bits": ("a weight may take half a bit: do not round", lambda levels: round(right(levels)),
                       lambda levels: int(right(levels)), lambda levels: sum(bits // sharing for sharing, bits in levels)),
}


def drawn(*sharing):
    levels = [(n, r.whole(2, 8) if n < 5 else r.whole(4, 40)) for n in sharing]
    return ([levels[place] for place in r.permutation(len(levels)).tolist()],)


cases = told_apart(lambda: [
    drawn(1, 32), drawn(1, 16, 256), drawn(1, 32, 256), drawn(1, 8, 64, 1024), drawn(2, 24), drawn(1, 48, 96),
], right, ideas)
expect_each(bits_per_weight, cases).close_to(right, wrong=ideas)
published = [[(1, 4), (32, 16)], [(1, 5), (32, 16)], [(1, 5), (32, 32)], [(1, 2), (16, 8), (256, 32)],
             [(1, 3), (16, 6), (256, 16)], [(1, 6), (16, 8), (256, 16)], [(1, 16)]]
expect_each(bits_per_weight, [(levels,) for levels in published]).close_to([4.5, 5.5, 6.0, 2.625, 3.4375, 6.5625, 16.0])
### END HIDDEN TESTS
assert isclose(bits_per_weight([(1, 8), (32, 16)]), 8.5), "8 bits, and a 32nd of 16"

# %% nbgrader={"grade_id": "given-block"}
BLOCK = {  # type: (weights, bytes)
    "F32": (1, 4), "F16": (1, 2), "Q8_0": (32, 34), "Q5_1": (32, 24), "Q5_0": (32, 22),
    "Q4_1": (32, 20), "Q4_0": (32, 18), "Q6_K": (256, 210), "Q5_K": (256, 176),
    "Q4_K": (256, 144), "Q3_K": (256, 110), "Q2_K": (256, 84),
}
FALLBACK = {
    "Q2_K": "Q4_0", "Q3_K": "Q4_0", "Q4_K": "Q5_0", "Q5_K": "Q5_1", "Q6_K": "Q8_0",
}

# %% [markdown]
# ### What do these bits buy?
#
# The normal numbers of section 1 again, now in llama.cpp's formats, as the package `gguf` writes them. **Q4_1** stores a minimum beside the
# scale, **Q5_0** a fifth bit. The last line is your own `absmax_quantize` of blocks of 32, with a scale in float16.

# %% tags=["raises-exception"]
from gguf import GGMLQuantizationType, quants

few = weights[: 2**18]
print("format    bits per weight    error in % of the spread")
for kind in ("Q8_0", "Q5_0", "Q4_1", "Q4_0"):
    n, size = BLOCK[kind]
    known = GGMLQuantizationType[kind]
    back = quants.dequantize(quants.quantize(few, known), known)
    error = 100 * np.sqrt(np.square(back - few).mean()) / few.std()
    print(f"{kind:10s}{8 * size / n:15.1f}{error:28.2f}")
print(f"{'absmax':10s}{4 + 16 / 32:15.1f}{error_percent(few, 4, 32):28.2f}")

# %% [markdown]
# Q4_0 and the last line take the same bits. Where does the difference come from? Count the integers that each of them uses: 16 and 15.

# %% [markdown]
# ### And a whole file?
#
# A file has a *recipe*, such as **Q4_K_M**: most matrices become Q4_K, some get more bits. llama.cpp publishes the bits per weight of
# Llama 3.1 8B's files.
#
# **Predict** that of Q4_K_M: `lab.predict("q4_k_m_bits", low, high, "bit")`.

# %% nbgrader={"grade_id": "predict-q4_k_m_bits"}
### BEGIN SOLUTION
lab.predict("q4_k_m_bits", 4.5, 5.2, "bit")
### END SOLUTION

# %%
formats = data.load("quantization").set_index("type")
lab.reveal("q4_k_m_bits", formats.bits_per_weight["Q4_K_M"], "bit",
           formats.source_title["Q4_K_M"])

print("\nrecipe    mostly    bits of that    bits of the file")
for recipe in ("Q8_0", "Q6_K", "Q5_K_M", "Q4_K_M", "Q3_K_M", "Q2_K"):
    block = recipe.removesuffix("_M")
    n, size = BLOCK[block]
    of_file = formats.bits_per_weight[recipe]
    print(f"{recipe:10s}{block:6s}{8 * size / n:13.4f}{of_file:17.4f}")

# %% [markdown]
# ### Why is the file larger than expected?
#
# A row must be whole blocks. SmolLM2 is 576 wide, and 576 is no multiple of 256: there llama.cpp takes another type, the
# `FALLBACK`, and says so only in its log. Norms, the tensors with one axis, always stay F32.

# %% [markdown] nbgrader={"grade_id": "ex-6-6-task"}
# **Exercise 6.6 (2 points).** `model_size_bytes(tensors, recipe)` returns the bytes of all tensors, a list of `(name, shape)`. A
# shape has one to three axes; `shape[0]` is the length of a row. `recipe[name]` is the type asked for; a tensor with one axis
# is F32, whether the recipe names it or not. Rows that are not whole blocks take the type's `FALLBACK`; where it has none, or
# they are not whole blocks of that either, F16. Q4_K for `("a", (64, 3))` takes 132 bytes: 6 blocks of Q5_0.

# %% nbgrader={"grade_id": "ex-6-6"}
def model_size_bytes(tensors, recipe):
    """Bytes of [(name, shape), …], of the types that the recipe or their rows give."""
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
model_size_bytes([("a", (64, 3)), ("norm", (64,))], {"a": "Q4_K"})  # try it: 132 + 256

# %% nbgrader={"grade_id": "test-6-6", "points": 2}
### BEGIN HIDDEN TESTS
import re

from course.checking import expect_each, told_apart
from course.cohort import rng

r = rng("6.6")


def sized(*, row=lambda shape: shape[0], axes=3, fallback=FALLBACK, fits=False, last="F16", norm="F32", by_name=False):
    """A way to add up: the right one, but for what is given."""

    def size(tensors, recipe):
        total = 0
        for name, shape in tensors:
            kind = norm if len(shape) == 1 else recipe[name]
            if len(shape) == 1 and by_name:
                kind = recipe.get(name, "F32")
            for other in (fallback.get(kind, "F16"), last):
                if other and row(shape) % BLOCK[kind][0] and not fits:
                    kind = other
            total += math.prod(shape[:axes]) * BLOCK[kind][1] / BLOCK[kind][0]
        return total

    return size


def nominal(norm_bits):
    def size(tensors, recipe):
        bits = [(int(re.search(r"\d+", recipe[name])[0]) if len(shape) > 1 else norm_bits) * math.prod(shape)
                for name, shape in tensors]
        return sum(bits) / 8

    return size


def padded(tensors, recipe):
    total = 0
    for name, (row, *rest) in tensors:
        weights, size = BLOCK[recipe[name] if rest else "F32"]
        total += math.ceil(row / weights) * size * math.prod(rest)
    return total


right = sized()
ideas = {
    "6.6/nominal_bits": ("the digit in a name is not its bits per weight", *map(nominal, (32, 16, 4, 0))),
    "6.6/no_fallback": ("a row that is not whole blocks cannot have that type", sized(fits=True)),
    "6.6/padded": ("a row is not filled up to whole blocks: it takes another type", padded),
    "6.6/straight_to_f16": ("there is a fallback before F16", sized(fallback={})),
    "6.6/fallback_unchecked": ("the fallback's blocks must fit into a row, too; else F16", sized(last=None)),
    "6.6/two_axes": ("a tensor may have a third axis", sized(axes=2)),
    "6.6/row_is_last": ("shape[0] is the length of a row", sized(row=lambda shape: shape[-1])),
    "6.6/whole_tensor": ("a row must be whole blocks: that the whole tensor is does not help", sized(row=math.prod)),
    "6.6/norms_by_recipe": ("a tensor with one axis is F32, whatever the recipe says", sized(by_name=True)),
    "6.6/norms_in_16_bits": ("a tensor with one axis is F32", sized(norm="F16")),
}

TYPES = sorted(BLOCK)


def drawn(*shapes):
    """Tensors of these shapes, some in another order, and a recipe; one of the norms is in it."""
    tensors = [(f"t{n}", shape) for n, shape in enumerate(shapes)]
    recipe = {name: str(r.choice(TYPES)) for name, shape in tensors if len(shape) > 1}
    norms = [name for name, shape in tensors if len(shape) == 1]
    return tensors, recipe | dict.fromkeys(norms[:1], "Q4_K")


def whole(low, high, step):
    return step * r.whole(low, high)


def draw():
    return [drawn((whole(1, 7, 32), r.whole(2, 9)), (256,)),
            drawn((whole(1, 3, 256), r.whole(2, 9)), (48, whole(1, 9, 32)), (r.whole(3, 99),), (r.whole(3, 99),)),
            drawn((whole(1, 40, 32), r.whole(2, 9), r.whole(2, 5)), (whole(1, 4, 256), r.whole(2, 9), 3)),
            drawn(*((whole(1, 40, 16), r.whole(2, 99)) for _ in range(7)), (whole(1, 9, 32),))]


cases = told_apart(draw, right, ideas)
expect_each(model_size_bytes, cases).equals(right, wrong=ideas)


def llama(d, ff, kv, vocabulary, n_layers):
    """A Llama of that shape, and llama.cpp's recipe Q4_K_M for it."""
    parts = {"attn_q": (d, d), "attn_k": (d, kv), "attn_v": (d, kv), "attn_output": (d, d), "ffn_gate": (d, ff),
             "ffn_up": (d, ff), "ffn_down": (ff, d), "attn_norm": (d,), "ffn_norm": (d,)}
    tensors = [("token_embd", (d, vocabulary)), ("output_norm", (d,))]
    tensors += [(f"blk.{i}.{part}", shape) for i in range(n_layers) for part, shape in parts.items()]
    more = [i for i in range(n_layers) if i < n_layers // 8 or i >= 7 * n_layers // 8 or (i - n_layers // 8) % 3 == 2]
    recipe = {name: "Q4_K" for name, shape in tensors if len(shape) > 1} | {"token_embd": "Q6_K"}
    return tensors, recipe | {f"blk.{i}.{part}": "Q6_K" for i in more for part in ("attn_v", "ffn_down")}


known = {"SmolLM2 in Q4_K_M": llama(576, 1536, 192, 49_152, 30), "our model in Q4_K_M": llama(256, 768, 128, 4096, 4)}
expect_each(model_size_bytes, known).equals(right, wrong=ideas)
### END HIDDEN TESTS
size_of_two = model_size_bytes([("a", (64, 3)), ("norm", (64,))], {"a": "Q4_K"})
assert size_of_two == 388, "6 blocks of Q5_0, and 64 floats"

# %% [markdown]
# ### Does it reconcile?
#
# The next cell has llama.cpp's rule for Q4_K_M, and what it asks for in SmolLM2. You compute the size from that and from the shapes;
# llama.cpp makes the file, and says afterwards what each tensor really became.

# %% nbgrader={"grade_id": "given-recipe"}
from collections import Counter


def q4_k_m(tensors):
    """llama.cpp's recipe: Q6_K for the embedding, and for two parts of some layers."""
    layers = {int(name.split(".")[1]) for name, _ in tensors if name.startswith("blk.")}
    n = len(layers)
    more = [i for i in layers if i < n // 8 or i >= 7 * n // 8 or (i - n // 8) % 3 == 2]
    six = {f"blk.{i}.{part}.weight" for i in more for part in ("attn_v", "ffn_down")}
    six.add("token_embd.weight")
    matrices = [name for name, shape in tensors if len(shape) > 1]
    return {name: "Q6_K" if name in six else "Q4_K" for name in matrices}


def shapes_of(name):
    """(name, shape) of a model's tensors."""
    from course.llama import tensors

    return [(tensor.name, tensor.shape) for tensor in tensors.read(models.path(name))]


# %% tags=["raises-exception"]
recipe = q4_k_m(shapes_of("smollm2-f16"))
asked = Counter(recipe.values())
print(f"Q4_K is asked for in {asked['Q4_K']} of SmolLM2's {asked.total()} matrices")
rows = Counter(shape[0] for name, shape in shapes_of("smollm2-f16") if name in recipe)
for length, n in rows.most_common():
    print(f"  rows of {length} weights: {n} matrices")

# %% [markdown]
# **Predict** in how many matrices it is Q4_K in the end: `lab.predict("smollm2_q4_k", low, high, "matrices")`. The long rows are those
# of `ffn_down`, one matrix of each layer.

# %% nbgrader={"grade_id": "predict-smollm2_q4_k"}
### BEGIN SOLUTION
lab.predict("smollm2_q4_k", 0, 60, "matrices")
### END SOLUTION

# %% nbgrader={"grade_id": "given-made"}
def made_by_llama_cpp(name):
    """The tensors of a model in Q4_K_M, as llama.cpp really writes them."""
    import tempfile
    from pathlib import Path

    from course.llama import quantize, tensors

    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "q.gguf"
        return tensors.read(quantize.quantize(models.path(name), target, to="Q4_K_M"))


# %% tags=["raises-exception"]
made = {name: made_by_llama_cpp(name) for name in ("smollm2-f16", "two-bills-code")}
became = {name: Counter(tensor.type for tensor in made[name]) for name in made}
found = became["smollm2-f16"]["Q4_K"]
lab.reveal("smollm2_q4_k", found, "matrices", "llama.cpp's file")

for name, tensors in made.items():
    n_bytes = sum(tensor.n_bytes for tensor in tensors)
    bits = 8 * n_bytes / sum(tensor.n_weights for tensor in tensors)
    recipe = q4_k_m(shapes_of(name))
    others = sum(recipe.get(tensor.name, "F32") != tensor.type for tensor in tensors)
    print(f"\n{name} in Q4_K_M: {bits:.2f} bits per weight, {n_bytes:,} bytes")
    print("  ", ", ".join(f"{n} {kind}" for kind, n in became[name].most_common()))
    print(f"   {others} of {len(recipe)} matrices are not what the recipe asks for")

# %% tags=["raises-exception"]
for name in made:
    yours = model_size_bytes(shapes_of(name), q4_k_m(shapes_of(name)))
    theirs = sum(tensor.n_bytes for tensor in made[name])
    print(f"{name}: yours {yours:,} bytes, llama.cpp's {theirs:,}")

# %% [markdown]
# A "Q4_K_M" whose matrices are nearly all something else is called Q4_K_M all the same. Our own model has rows of 256 and 768, and gets what
# was asked for; it has more bits than Llama's file since a quarter of its weights is the embedding, in Q6_K. So before you
# compare formats, look at what the tensors are.

# %% [markdown]
# ## 3 · How do you measure what was lost?
#
# **Perplexity** is e to the mean surprise per token: "as unsure as among so many equally likely tokens". Models cut text
# into different tokens; bits per *byte* of text can be compared all the same.
#
# A **document** is one text, such as a file. A **window** is what a model reads at once, from an empty memory: here 512
# tokens, of which the second half is scored. (llama.cpp calls it a chunk.)

# %% [markdown] nbgrader={"grade_id": "ex-6-7-task"}
# **Exercise 6.7 (2 points).** Both functions get two arrays with an entry for each window: its surprise, summed over its tokens, in nats; and how
# many tokens, or bytes, those are. `perplexity(nll_nats, n_tokens)` is that of all windows together, `bits_per_byte(nll_nats, n_bytes)` what a
# byte of them takes. Surprises of [300, 40] for [100, 10] tokens: 22.0. For [100, 10] bytes: 4.46 bits per byte.

# %% nbgrader={"grade_id": "ex-6-7"}
def perplexity(nll_nats, n_tokens):
    """e to the mean surprise per token of all windows together."""
    ### BEGIN SOLUTION
    return math.exp(np.sum(nll_nats) / np.sum(n_tokens))
    ### END SOLUTION


def bits_per_byte(nll_nats, n_bytes):
    """Bits of surprise per byte of all windows together."""
    ### BEGIN SOLUTION
    return np.sum(nll_nats) / np.sum(n_bytes) / math.log(2)
    ### END SOLUTION


# %%
perplexity(np.array([300, 40]), np.array([100, 10]))  # try it

# %% nbgrader={"grade_id": "test-6-7", "points": 2}
### BEGIN HIDDEN TESTS
from course.checking import expect_each, told_apart
from course.cohort import rng

r = rng("6.7")


def rate(nll, n):
    return nll.sum() / n.sum()


def of_all(nll, n_tokens):
    return math.exp(rate(nll, n_tokens))


def per_byte(nll, n_bytes):
    return rate(nll, n_bytes) / math.log(2)


ideas = {
    "6.7/mean_of_perplexities": ("short windows count as much as long ones there: add up first",
                                 lambda nll, n: np.exp(nll / n).mean(), lambda nll, n: np.median(np.exp(nll / n))),
    "6.7/mean_of_rates": ("a window counts by its tokens: add up first", lambda nll, n: math.exp((nll / n).mean()),
                          lambda nll, n: math.exp(np.median(nll / n))),
    "6.7/base_two": ("nats go with e, not with 2", lambda nll, n: 2 ** rate(nll, n)),
    "6.7/surprise": ("that is the mean surprise; perplexity is e to it", rate),
    "6.7/per_window": ("the mean is over tokens, not over windows", lambda nll, n: np.exp(nll.sum() / len(n)),
                       lambda nll, n: np.exp(nll.mean() / n.sum())),
    "6.7/inverse": ("e to the surprise, not to its negative: that is a probability", lambda nll, n: math.exp(-rate(nll, n))),
}
of_bytes = {
    "6.7/nats_per_byte": ("bits are asked: a nat is 1/ln 2 of them", rate),
    "6.7/mean_of_bytes": ("a window counts by its bytes: add up first", lambda nll, n: (nll / n).mean() / math.log(2)),
    "6.7/less_than_a_nat": ("a nat is more than a bit: divide by ln 2", lambda nll, n: rate(nll, n) * math.log(2)),
    "6.7/bytes_of_a_nat": ("a byte has 8 bits, and its surprise may be any number of them: do not divide by 8",
                           lambda nll, n: per_byte(nll, n) / 8),
    "6.7/bytes_per_bit": ("bits per byte, not bytes per bit", lambda nll, n: 1 / per_byte(nll, n)),
    "6.7/perplexity_of_bytes": ("that is e to the power of the nats per byte: the bits themselves are asked, without a power", of_all),
}


def drawn(n_windows, low, high):
    n = np.array([r.whole(20, 600) for _ in range(n_windows)])
    return np.array([r.number(low * k, high * k, digits=4) for k in n]), n


def draw():
    return [drawn(2, 1, 3), drawn(7, 0.5, 5), drawn(5, 0.01, 0.4), drawn(1, 5, 9)]


cases = told_apart(draw, of_all, ideas, rel_tol=1e-4)
expect_each(perplexity, cases).close_to(of_all, rel_tol=1e-5, wrong=ideas)
cases = told_apart(draw, per_byte, of_bytes, rel_tol=1e-4)
expect_each(bits_per_byte, cases).close_to(per_byte, rel_tol=1e-5, wrong=of_bytes)
### END HIDDEN TESTS
of_two = perplexity(np.array([300, 40]), np.array([100, 10]))
assert isclose(of_two, math.exp(340 / 110), rel_tol=1e-6), "340 nats for 110 tokens"
in_bits = bits_per_byte(np.array([300, 40]), np.array([100, 10]))
assert isclose(in_bits, 340 / 110 / math.log(2), rel_tol=1e-6), "340 nats for 110 bytes"

# %% [markdown]
# ### Two models, one text
#
# Some texts are much harder to predict than others. But two models read the *same* texts, and what is hard for one is hard
# for the other. So take differences first, token by token: that is **pairing**.
#
# And tokens of one document are no independent draws. To see how far a mean would move with other texts, draw anew among
# the documents that you have, with all their tokens: a **bootstrap**.

# %% nbgrader={"grade_id": "given-texts"}
def two_readings(n_documents, seed):
    """Surprises by token of two made-up models on documents of many lengths: (a, b)."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(20, 400, n_documents)
    hard, hurt = rng.normal(3, 1, n_documents), rng.gamma(1, 0.05, n_documents)
    a = [np.abs(rng.normal(h, 0.8, n)) for h, n in zip(hard, lengths, strict=True)]
    b = [x + d + rng.normal(0, 0.06, len(x)) for x, d in zip(a, hurt, strict=True)]
    return a, b


# %% [markdown] nbgrader={"grade_id": "ex-6-8-task"}
# **Exercise 6.8 (2 points).** `paired_delta(nll_a, nll_b, seed, n_boot=2000)` gets two lists with an array of surprises per document
# and returns `(mean, low, high)`. The mean is that of b − a over all tokens. For low and high, `n_boot` times: draw as many documents as
# there are, with replacement, and take the mean of b − a over all *their* tokens. The 2.5th and 97.5th percentile of those means are
# low and high. `np.random.default_rng(seed)` draws, and nothing else does.

# %% nbgrader={"grade_id": "ex-6-8"}
def paired_delta(nll_a, nll_b, seed, n_boot=2000):
    """(Mean, low, high) of b - a in nats per token, documents drawn anew."""
    ### BEGIN SOLUTION
    sums = np.array([np.sum(b - a) for a, b in zip(nll_a, nll_b, strict=True)])
    counts = np.array([len(a) for a in nll_a])
    drawn = np.random.default_rng(seed).integers(0, len(sums), (n_boot, len(sums)))
    means = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return sums.sum() / counts.sum(), low, high
    ### END SOLUTION


# %%
paired_delta(*two_readings(60, 1), seed=0)  # try it

# %% nbgrader={"grade_id": "test-6-8", "points": 2}
### BEGIN HIDDEN TESTS
from course.checking import expect, expect_each, told_apart
from course.cohort import rng

r = rng("6.8")


def by_document(a, b):
    """(Summed difference, tokens) of each document."""
    return np.array([np.sum(y - x) for x, y in zip(a, b, strict=True)]), np.array([len(x) for x in a])


def mean(a, b, *_):
    sums, counts = by_document(a, b)
    return sums.sum() / counts.sum()


means = {
    "6.8/mean_of_means": ("a document counts by its tokens: the mean is over all tokens", lambda a, b, *_: (
        np.divide(*by_document(a, b)).mean())),
    "6.8/a_less_b": ("b - a is asked: positive where b is the more surprised", lambda a, b, *_: -mean(a, b)),
    "6.8/summed": ("nats per token are asked: divide by the tokens", lambda a, b, *_: by_document(a, b)[0].sum(),
                   lambda a, b, *_: by_document(a, b)[0].mean()),
    "6.8/median": ("the mean is asked", lambda a, b, *_: np.median(np.concatenate(b) - np.concatenate(a))),
}


def boot(values, counts, n=3000):
    """Means of documents drawn anew; `values` are summed over each."""
    drawn = r.integers(0, len(counts), (n, len(counts)))
    return values[drawn].sum(1) / counts[drawn].sum(1)


def width(means, low=2.5, high=97.5):
    return float(np.subtract(*np.percentile(means, [high, low])))


def right(a, b, *_):
    return width(boot(*by_document(a, b), n=8000))


def by_token(a, b, *_):
    delta = np.concatenate(b) - np.concatenate(a)
    return 2 * 1.96 * delta.std() / math.sqrt(len(delta))


def unpaired(a, b, *_):
    counts = by_document(a, b)[1]
    of_a, of_b = (np.array([x.sum() for x in side]) for side in (a, b))
    return width(boot(of_b, counts) - boot(of_a, counts))


def of_means(a, b):
    """Means drawn anew in which a document counts as much as any other."""
    by_mean = np.divide(*by_document(a, b))
    return boot(by_mean, np.ones(len(by_mean)))


widths = {
    "6.8/tokens_resampled": ("tokens of a document are no independent draws: the interval is too narrow", by_token),
    "6.8/unpaired": ("draw the same documents for both models, and take differences", unpaired),
    "6.8/one_standard_error": ("95 % is asked", lambda *args: right(*args) / 1.96, lambda *args: right(*args) / 3.92),
    "6.8/ninety_percent": ("95 % is asked: 2.5 % on each side", lambda a, b, *_: width(boot(*by_document(a, b)), 5, 95)),
    "6.8/means_resampled": ("a document counts by its tokens in each draw, too", lambda a, b, *_: width(of_means(a, b))),
}


def between(width):
    """A width as it is looked at: beside whether low is elsewhere than the mean."""
    return lambda *args: (width(*args), True)


spans = {idea: (message, *map(between, given)) for idea, (message, *given) in widths.items()} | {
    "6.8/without_replacement": ("with replacement: else all documents are drawn each time, and the mean does not move",
                                lambda *_: (0.0, False)),
    "6.8/one_draw": ("all draws are the same: make the generator once, before the first of them", lambda *_: (0.0, True)),
}


def labelled(*ns):
    """Calls of two_readings, by how a student writes them."""
    calls = {}
    for n in ns:
        which, seed = r.whole(100, 999), r.whole(0, 99)
        calls[f"(*two_readings({n}, {which}), {seed})"] = (*two_readings(n, which), seed)
    return calls


def few(odd):
    """Six documents, of which the only one of two tokens is much worse off in b than in a."""
    lengths, hurt, place = [1] * 6, [r.number(0.01, 0.05, digits=1) for _ in range(6)], r.whole(0, 5)
    lengths[place], hurt[place] = 2, odd
    a = [np.array([r.number(1, 4, digits=2) for _ in range(n)]) for n in lengths]
    return a, [np.round(x + d, 2) for x, d in zip(a, hurt, strict=True)], r.whole(0, 99)


def both_sides(means, middle):
    low, high = np.percentile(means, [2.5, 97.5])
    return middle - low, high - middle


def sides(a, b, *_):
    return both_sides(boot(*by_document(a, b), n=20_000), mean(a, b))


sided = {
    "6.8/symmetric": ("the percentiles themselves are low and high: they need not be as far from the mean", *(
        lambda a, b, *_, z=z: [z * boot(*by_document(a, b)).std()] * 2 for z in (1.96, 2.0))),
    "6.8/turned_round": ("the percentiles themselves are low and high", lambda *args: sides(*args)[::-1]),
    "6.8/means_resampled": ("a document counts by its tokens in each draw, too", lambda a, b, *_: both_sides(
        of_means(a, b), mean(a, b))),
}


def drawn():
    calls = labelled(40, 60)
    told.clear()
    told.update(calls)
    return list(calls.values())


told = {}
told_apart(drawn, mean, means, rel_tol=1e-3)
[small] = told_apart(lambda: [few(r.number(5, 9, digits=2))], sides, sided, rel_tol=0.2)
the_mean = expect_each(paired_delta, told | {"six documents": small})
the_mean.look("the mean", lambda answer: answer[0]).close_to(mean, rel_tol=1e-4, wrong=means)
told_apart(drawn, between(right), spans, rel_tol=0.15)
expect_each(paired_delta, told).look("the width high - low, and whether mean differs from low,", lambda answer: (
    round(float(answer[2] - answer[1]), 12), abs(float(answer[0] - answer[1])) > 1e-6)).close_to(
        between(right), rel_tol=0.1, wrong=spans)
expect(paired_delta, *small).look("(mean - low, high - mean)", lambda answer: (
    float(answer[0] - answer[1]), float(answer[2] - answer[0]))).close_to(sides, rel_tol=0.1, wrong=sided)
[(label, (a, b, seed))] = labelled(12).items()
once = expect_each(paired_delta, {label: (a, b, seed)})
once.repeats(idea="6.8/unseeded")
once.differs(a, b, seed + 1, why="is the generator made from seed?", idea="6.8/seed_ignored")
once.keeps_numpys_generator(idea="6.8/global_generator")
once.differs(a, b, seed, 50, why="n_boot says how many means there are", idea="6.8/n_boot_ignored")
### END HIDDEN TESTS
example_a = [np.array([2.0, 1.0]), np.array([3.0])]
shifted = paired_delta(example_a, [x + 0.5 for x in example_a], 0)
assert np.allclose(shifted, 0.5), "0.5 nats everywhere: an interval without width"

# %% [markdown]
# ### The whole distribution
#
# Surprise looks at one token of the vocabulary: the one that came. A quantized model may keep that one and ruin thousands of
# others. The **Kullback–Leibler divergence** of the 16-bit model's probabilities p and the quantized one's, q, Σ p ln(p/q), looks at all
# of them, at every position. It is 0 only if nothing changed, and paired by nature.
#
# Models give *logits*; p is their softmax: e to each, over the sum of those.

# %% [markdown] nbgrader={"grade_id": "ex-6-9-task"}
# **Exercise 6.9 (2 points).** `mean_kl_nats(logits_ref, logits_q)` gets two arrays (tokens, vocabulary) and returns the mean over tokens
# of KL(reference ‖ quantized) in nats. It is a finite number for logits of several thousand, and where they are thousands
# apart. [[0, 0]] and [[0, ln 3]] give ln 2 − ½ ln 3 = 0.1438.
#
# <details><summary>Hint</summary>A probability can be too small for a float, its logarithm cannot: write ln p from the logits, without p.
# </details>

# %% nbgrader={"grade_id": "ex-6-9"}
def mean_kl_nats(logits_ref, logits_q):
    """Mean over tokens of KL(reference ‖ quantized), in nats."""
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
from course.checking import expect_each, told_apart
from course.cohort import rng

r = rng("6.9")


def logs(z, axis=-1):
    z = np.asarray(z, float)
    z = z - z.max(axis, keepdims=True)
    return z - np.log(np.exp(z).sum(axis, keepdims=True))


def by_token(p, q):
    return (np.exp(p) * (p - q)).sum(-1)


def kl(ref, other):
    return float(by_token(logs(ref), logs(other)).mean())


def of_top(ref, other):
    p, q, top = logs(ref), logs(other), np.argmax(ref, -1)[:, None]
    return float((np.take_along_axis(p, top, -1) - np.take_along_axis(q, top, -1)).mean())


ideas = {
    "6.9/reversed": ("KL is not symmetric: the reference's probabilities weigh", lambda ref, q: kl(q, ref)),
    "6.9/both_ways": ("one way is asked, from the reference", lambda ref, q: kl(ref, q) + kl(q, ref),
                      lambda ref, q: (kl(ref, q) + kl(q, ref)) / 2),
    "6.9/top_token_only": ("all tokens of the vocabulary count, not the likeliest alone", of_top),
    "6.9/not_normalised": ("logits are not log-probabilities yet", lambda ref, q: float(
        (np.exp(logs(ref)) * (ref - q)).sum(-1).mean()), lambda ref, q: float((np.exp(ref) * (ref - q)).sum(-1).mean())),
    "6.9/cross_entropy": ("that is the cross-entropy: subtract the reference's own entropy", lambda ref, q: float(
        -(np.exp(logs(ref)) * logs(q)).sum(-1).mean())),
    "6.9/unweighted": ("each ratio counts by the reference's probability p", lambda ref, q: float(
        (logs(ref) - logs(q)).sum(-1).mean()), lambda ref, q: float((logs(ref) - logs(q)).mean())),
    "6.9/wrong_axis": ("softmax goes over the vocabulary, the last axis", lambda ref, q: float(
        by_token(logs(ref, 0), logs(q, 0)).mean()), lambda ref, q: float(by_token(logs(ref, (0, 1)), logs(q, (0, 1))).mean())),
    "6.9/base_two": ("nats are asked", lambda ref, q: kl(ref, q) / math.log(2)),
    "6.9/summed": ("the mean over tokens is asked, not the sum", lambda ref, q: kl(ref, q) * len(ref)),
    "6.9/mean_over_all": ("sum over the vocabulary; the mean is over tokens", lambda ref, q: kl(ref, q) / np.shape(ref)[1]),
}


def naive(ref, q):
    with np.errstate(all="ignore"):
        p, q = (np.exp(z) / np.exp(z).sum(-1, keepdims=True) for z in (ref, q))
        return float((p * np.log(p / q)).sum(-1).mean())


def naive_by_math(ref, q):
    p, q = ([[math.exp(z) / sum(map(math.exp, row)) for z in row] for row in logits.tolist()] for logits in (ref, q))
    rows = [sum(a * math.log(a / b) for a, b in zip(*row, strict=True)) for row in zip(p, q, strict=True)]
    return sum(rows) / len(rows)


def stable(term):
    """The mean of KL by probabilities that may be zero, each weight's term by `term`."""

    def answer(ref, q):
        with np.errstate(all="ignore"):
            return float(term(np.exp(logs(ref)), np.exp(logs(q))).sum(-1).mean())

    return answer


def math_term(p, q):
    return np.array([[a * math.log(a / b) for a, b in zip(*row, strict=True)] for row in zip(p.tolist(), q.tolist(), strict=True)])


large = {
    "6.9/overflow": ("e to some thousands is infinite: subtract the largest logit first", naive, naive_by_math),
    "6.9/underflow": ("a probability can be too small for a float, its logarithm cannot: write ln p from the logits, without p",
                      stable(lambda p, q: p * np.log(p / q)), stable(lambda p, q: p * (np.log(p) - np.log(q))),
                      stable(lambda p, q: np.where(p > 0, p * np.log(p / q), 0)), stable(math_term)),
    "6.9/small_number_added": ("a small number added before the logarithm limits how large a ratio can be", *(
        stable(lambda p, q, e=e: p * np.log((p + e) / (q + e))) for e in (1e-6, 1e-8, 1e-9, 1e-10, 1e-12, 1e-15, 1e-16))),
}


def logits(*shape, size=2.0):
    return np.array([r.whole(-int(16 * size), int(16 * size)) / 16 for _ in range(math.prod(shape))]).reshape(shape)


def moved(ref, by):
    return ref + logits(*ref.shape, size=by)


def draw():
    pairs = [(ref := logits(*shape), moved(ref, 1)) for shape in ((2, 3), (2, 4), (4, 2), (1, 6), (7, 13))]
    return [*pairs, (ref := logits(3, 2, size=1).astype(np.float32), moved(ref, 0.5).astype(np.float32))]


def draw_large():
    near = logits(2, 3)
    far = np.array([[0.0, -3000.0, 1.0], [2000.0, -1.0, 5.0]]) + logits(2, 3)
    return [(near + 4000, moved(near, 1) + 4000), (near - 4000, moved(near, 1) + 900),
            (far, far + np.array([[0, 2900, 0], [0, 0, 1500]])), (far[:, ::-1], near), (near, far)]


cases = told_apart(draw, kl, ideas, rel_tol=1e-3)
expect_each(mean_kl_nats, cases).close_to(kl, rel_tol=1e-4, wrong=ideas)
cases = told_apart(draw_large, kl, large, rel_tol=1e-3)
expect_each(mean_kl_nats, cases).close_to(kl, rel_tol=1e-4, wrong=large)
alike = logits(2, 3)
expect_each(mean_kl_nats, [(alike, alike), (alike, alike - 20)]).look(
    "the value, rounded to 5 digits after the point,", lambda kl: round(float(kl), 5)).equals([0.0, 0.0])
### END HIDDEN TESTS
of_one = mean_kl_nats(np.array([[0.0, 0.0]]), np.array([[0.0, math.log(3)]]))
assert isclose(of_one, math.log(2) - math.log(3) / 2, rel_tol=1e-5), "½ ln 2 + ½ ln ⅔"

# %% [markdown]
# ## 4 · The ladder
#
# You are about to quantize our model in seven ways and let each read 64 windows that it was never trained on, from files of
# Python's standard library. For every token KL to the 16-bit model is computed as in your 6.9. It takes half a minute on two quiet
# cores; a line tells how long it still takes.

# %% [markdown]
# **Predict** the KL of Q4_K_M in a typical window (the median of the 64): `lab.predict("ladder", low, high, "nat")`.
#
# <details><summary>Where to start</summary>A KL of 0.01 nats is what a coin of 57 % does to one who believes in 50 %. A KL of
# 1 nat: the right token's probability falls, typically, to a third.</details>

# %% nbgrader={"grade_id": "predict-ladder"}
### BEGIN SOLUTION
lab.predict("ladder", 0.002, 0.05, "nat")
### END SOLUTION

# %% tags=["raises-exception"]
N_WINDOWS = 64
TYPES = ("Q4_K_M", "Q8_0", "Q6_K", "Q5_K_M", "Q4_0", "Q3_K_M", "Q2_K")
rungs = {}


def climb():
    """KL of every window, by type; what else is known of a type goes into `rungs`."""
    from course.llama import ladder

    model, texts = models.path("two-bills-code"), models.held_out("two-bills-code")
    kl = {}
    for rung in ladder.climb(
        model, texts, TYPES, n_chunks=N_WINDOWS, report=progress.line("the ladder")
    ):
        rungs[rung.type] = rung.facts()
        kl[rung.type] = rung.kl_by_chunk()
    return {kind: kl[kind] for kind in TYPES}


lab.measure("ladder", climb, unit="nat", model="two-bills-code", rungs=rungs);

# %%
record = lab.record("ladder")
rungs, kl = record["rungs"], {kind: np.array(v) for kind, v in record["values"].items()}
order = sorted(kl, key=lambda kind: -rungs[kind]["bits_per_weight"])
bits = {kind: rung["bits_per_weight"] for kind, rung in rungs.items()}

print("          bits   perplexity   mean KL   tensors, but for norms")
for kind in ("F16", *order):
    rung, mean = rungs[kind], kl[kind].mean() if kind in kl else 0
    kinds = ", ".join(f"{n} {t}" for t, n in rung["tensors"].items() if t != "F32")
    print(f"{kind:7s}{bits[kind]:7.2f}{rung['perplexity']:11.3f}{mean:12.5f}   {kinds}")

# %% [markdown]
# ### With error bars
#
# Windows of one file are alike: the lessons of 6.8 hold for the ladder, too. So here a document is a file, and holds the
# windows of that file. Your `paired_delta` gives the intervals: of the surprise against F16's, of KL against zero.

# %% nbgrader={"grade_id": "given-documents"}
def by_document(values):
    """The windows' values as a list with an array for each file."""
    documents = np.array(rungs["F16"]["documents"])
    return [np.asarray(values)[documents == number] for number in np.unique(documents)]


def interval(values, base=0.0):
    """(Mean, low, high) by your paired_delta, of the windows' values less a base's."""
    base = np.broadcast_to(base, np.shape(values))
    return paired_delta(by_document(base), by_document(values), seed=0)


# %% tags=["raises-exception"]
f16 = np.array(rungs["F16"]["nll_nats"])
low, high = np.exp(interval(f16)[1:])
error = (high - low) / 4
ppl = {kind: rung["perplexity"] for kind, rung in rungs.items()}
print(f"perplexity of F16: {ppl['F16']:.2f}, 95 %: {low:.2f} to {high:.2f}; a standard")
print(f"error is about a quarter of that width, {error:.2f}. Types move it by")
for kind in order:
    moved = ppl[kind] - ppl["F16"]
    compared = "less" if abs(moved) < error else "more"
    print(f"  {kind:7s}{moved:+.3f}: {compared} than that")

# %% tags=["raises-exception"]
bars = {kind: interval(kl[kind]) for kind in order}
print("in nats per token, with 95 % intervals")
print("        KL to F16                      surprise, less that of F16")
for kind in order:
    mean, low, high = bars[kind]
    more, least, most = interval(rungs[kind]["nll_nats"], f16)
    print(f"{kind:7s} {mean:.5f} ({low:.5f} to {high:.5f})   "
          f"{more:+.5f} ({least:+.5f} to {most:+.5f})")
apart = sum(bars[a][2] < bars[b][1] for a, b in pairwise(order))
print(f"\nneighbours whose KL intervals do not touch: {apart} of {len(order) - 1}")

# %% [markdown]
# Compare the three ways on your own numbers. Perplexity by itself tells types apart only where it moves by more than its standard error.
# Its paired difference is on the same documents, and much sharper. KL looks at all of the vocabulary, and is the sharpest: count the neighbours that it
# tells apart.

# %% tags=["raises-exception"]
bars = {kind: interval(kl[kind]) for kind in order}
least, most = order[0], order[-1]
factor = bars[most][0] / bars[least][0]
fig, ax = plt.subplots()
means, lows, highs = (np.array([bars[kind][i] for kind in order]) for i in range(3))
ax.errorbar([bits[kind] for kind in order], means, [means - lows, highs - means],
            fmt="o", capsize=3, color=plots.BLUE)
for kind in order:
    ax.annotate(kind, (bits[kind], bars[kind][0]), (9, 0), textcoords="offset points",
                va="center")
ax.set(yscale="log", xlabel="true bits per weight", xlim=(bits[most] - 0.3, 9.6),
       ylabel="KL to the 16-bit model (nat per token)")
ax.set_title(f"From {bits[least]:.1f} to {bits[most]:.1f} bits a weight, "
             f"KL grows {factor:.0f} times")
plots.show(fig, alt="Mean KL to the 16-bit model against true bits per weight, with "
           "95 % intervals by document: the fewer bits, the larger the divergence.")

# %% [markdown]
# ### And a model two thousand times as large?
#
# llama.cpp publishes the KL of **Llama 3 8B**'s files to its F16, on English text. Ours has 4.2 million weights.
#
# **Predict** it for Q4_K_M: `lab.predict("llama3_kl", low, high, "nat")`. Is it less than ours, or more?

# %% nbgrader={"grade_id": "predict-llama3_kl"}
### BEGIN SOLUTION
lab.predict("llama3_kl", 0.002, 0.04, "nat")
### END SOLUTION

# %%
losses = data.load("quantization_loss")
losses = losses[(losses.model == "Llama-3-8B") & (losses.imatrix == "")]
losses = losses.set_index("type")
theirs = losses.loc["Q4_K_M"]
lab.reveal("llama3_kl", theirs.mean_kl_nats, "nat", theirs.source_title)

print("\n          Llama 3 8B   our model   (mean KL in nats per token)")
for kind in order:
    if kind in losses.index:
        print(f"{kind:10s}{losses.mean_kl_nats[kind]:10.4f}{kl[kind].mean():12.4f}")

# %% [markdown]
# Another text, another vocabulary, another amount of training per weight: the two columns differ for more than one reason. But "large models lose
# nothing" is not what they say. What both agree on is the order of the types; look for an exception.

# %% [markdown]
# ### And what is it worth in speed?
#
# SmolLM2 again: large enough for memory to matter. Q8_0 and Q4_0 are made from its 16-bit file with `pure`, so that *all* matrices become that
# type; without `pure` llama.cpp keeps the embedding in 8 bits, and Q4_0 is larger. Q4_1 is the file that it came in.
#
# **Predict** Q4_0's token/s with all cores: `lab.predict("smollm2_speed", low, high, "token/s")`.

# %% nbgrader={"grade_id": "predict-smollm2_speed"}
### BEGIN SOLUTION
lab.predict("smollm2_speed", 40, 300, "token/s")
### END SOLUTION

# %% tags=["raises-exception"]
beside = {}  # what the speeds are compared with: measured here, now


def decode_by_type():
    """Token/s of four types of SmolLM2 on all cores, in turns."""
    import tempfile
    from pathlib import Path

    from course.llama import quantize, speed, tensors, threads
    from course.measure import bandwidth

    beside["read_bytes_per_s"] = bandwidth.read(threads.physical_cores())
    f16 = models.path("smollm2-f16")
    with tempfile.TemporaryDirectory() as folder:
        files = {kind: quantize.quantize(f16, Path(folder) / kind, to=kind, pure=True)
                 for kind in ("Q4_0", "Q8_0")}
        files |= {"Q4_1": models.path("smollm2"), "F16": f16}
        beside["weight_bytes"] = {k: tensors.weight_bytes(f) for k, f in files.items()}
        runs = {k: speed.Run(f, "decode", n_tokens=32) for k, f in files.items()}
        return speed.in_turns(runs)


lab.measure("smollm2_speed", decode_by_type, unit="token/s", beside=beside);

# %%
speeds = lab.record("smollm2_speed")
bandwidth = np.median(speeds["beside"]["read_bytes_per_s"])
size = speeds["beside"]["weight_bytes"]
speed = {kind: np.median(values) for kind, values in speeds["values"].items()}
print(f"{lab.whose(speeds)} reads {bandwidth / 1e9:.0f} GB/s from memory\n")
print("         MB   token/s   of that bandwidth")
for kind in sorted(size, key=size.get):
    share = speed[kind] * size[kind] / bandwidth
    note = ", more than memory gives: read from a cache" if share > 1 else ""
    print(f"{kind:5s} {size[kind] / 1e6:5.0f} {speed[kind]:9.0f} {share:11.0%}{note}")

# %%
fig, ax = plt.subplots()
mb = {kind: n / 1e6 for kind, n in size.items()}
grid = np.geomspace(60, 340, 50)
ax.plot(grid, bandwidth / grid / 1e6, "-", marker="", color="grey", lw=2)
for kind, values in speeds["values"].items():
    ax.plot([mb[kind]] * len(values), values, "s", color=plots.ORANGE, alpha=0.5)
    ax.annotate(kind, (mb[kind], speed[kind]), (9, -4), textcoords="offset points")
ax.set(xscale="log", yscale="log", xlabel="weights of SmolLM2 (MB)",
       ylabel="decode (token/s)")
plots.ticks(ax.xaxis, [75, 100, 150, 200, 300])
plots.log_ticks(ax.yaxis)
plots.label_ends(ax, [(grid[-1], bandwidth / grid[-1] / 1e6, "all bandwidth", "grey")])
ratio, gain = size["F16"] / size["Q4_0"], speed["Q4_0"] / speed["F16"]
ax.set_title(f"Q4_0 has {ratio:.1f} times fewer bytes than F16, and {gain:.2g} times "
             f"its speed\n({lab.whose(speeds)})")
plots.show(fig, alt="Decode speed of SmolLM2 in four types against the megabytes of "
           "its weights, and the line of all the memory bandwidth.")

# %% [markdown]
# If bytes were all, the squares would lie on the line, or at one distance below it. Where a type of fewer bytes is further below,
# its time goes into unpacking: which type is fast depends on the processor's code for it. A choice of format is a point in both
# plots.

# %% [markdown]
# ### A trap: what was the reference?
#
# SmolLM2 comes to you in Q4_1, and its "16-bit" file is that, written out. The next cell quantizes that file to Q8_0 and *back* to Q4_1, and
# compares both with it, on six windows of Python's English help texts (a minute).
#
# **Predict** the KL of Q4_1 in a typical window: `lab.predict("smollm2_kl", low, high, "nat")`. Q8_0 has 8.5 bits, Q4_1 5.7.

# %% nbgrader={"grade_id": "predict-smollm2_kl"}
### BEGIN SOLUTION
lab.predict("smollm2_kl", 0.0001, 0.05, "nat")
### END SOLUTION

# %% tags=["raises-exception"]
N_HELP_WINDOWS = 6


def against_written_out():
    """KL of two types of SmolLM2 to its 16-bit file, by window of help texts."""
    from pydoc_data.topics import topics

    from course.llama import ladder

    f16, texts = models.path("smollm2-f16"), [*topics.values()]
    rungs = ladder.climb(f16, texts, ("Q4_1", "Q8_0"), n_chunks=N_HELP_WINDOWS,
                         report=progress.line("SmolLM2 in three types"))
    return {rung.type: rung.kl_by_chunk() for rung in rungs if rung.type != "F16"}


lab.measure("smollm2_kl", against_written_out, unit="nat");

# %%
born = {k: np.array(v) for k, v in lab.record("smollm2_kl")["values"].items()}
for kind, values in born.items():
    least, most = values.min(), values.max()
    print(f"{kind}: mean KL {values.mean():.5f}; by window {least:.5f} to {most:.5f}")
more = born["Q8_0"] - born["Q4_1"]
error = more.std(ddof=1) / math.sqrt(len(more))
print(f"Q8_0 less Q4_1, window by window: {more.mean():+.5f} ± {2 * error:.5f}"
      f" (two standard errors); larger in {(more > 0).sum()} of {len(more)} windows")

# %% [markdown]
# Do four bits beat eight? Every weight of that Q4_1 file is what the 16-bit file has: it was *born* there. What is left of its KL
# comes from arithmetic: with quantized weights llama.cpp rounds *activations* to 8 bits, too. Q8_0 pays for that and for its own
# rounding. So a ladder must start from the weights that training left. Ours does, and that is why it is ours.

# %% [markdown]
# ## 5 · Who tests the test?
#
# A well-known course tests its 8-bit quantizer by "the mean error is below 0.1". The first colleague's passes that, with 15
# steps in the place of 255. The second one's is right.

# %% nbgrader={"grade_id": "given-colleague"}
def colleagues_quantizer(x, bits):
    step = np.abs(x).max() / 7
    q = np.round(x / step) if step else np.zeros(np.shape(x))
    return q.astype("int8"), step


def another_colleagues_quantizer(x, bits):
    top, most = 2.0 ** (bits - 1) - 1, np.float32(np.abs(x).max())
    q = np.floor(x / most * top + 0.5) if most else np.zeros(np.shape(x))
    return q.astype("int8"), most / np.float32(top)


example_x = np.random.default_rng(0).uniform(-1, 1, 1000)
for quantizer in (colleagues_quantizer, another_colleagues_quantizer):
    q, scale = quantizer(example_x, 8)
    error = np.abs(q * scale - example_x)
    print(f"{quantizer.__name__}: mean error {error.mean():.4f}, up to {q.max()} steps")

# %% [markdown] nbgrader={"grade_id": "ex-6-10-task"}
# **Exercise 6.10 (stretch, 1 point).** `accepts(f)` is given somebody's `absmax_quantize(x, bits)` and returns `True` if it does what
# 6.1 asks, for all bits from 2 to 8, dtype and shape and zeros included; else `False`, also if it raises. No element may be off by
# more than half a step of the *right* scale, give or take a thousandth, since some compute in float32. It is tried on 17
# that you do not see, right and wrong; a hundred calls are enough.

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
                if np.shape(q) != given.shape or np.asarray(q).dtype != np.int8:
                    return False
                if np.abs(np.asarray(q, int)).max() != top:
                    return False
                half_a_step = np.abs(given).max() / (2 * top)
                if np.abs(q * float(scale) - given).max() > half_a_step * 1.001:
                    return False
        q, scale = f(np.zeros((2, 2)), 8)
        return bool(np.isfinite(scale) and not np.any(q))
    except Exception:
        return False
    ### END SOLUTION


# %%
accepts(colleagues_quantizer), accepts(another_colleagues_quantizer)  # False, True

# %% nbgrader={"grade_id": "test-6-10", "points": 1}
### BEGIN HIDDEN TESTS
from itertools import product

from course.checking import Bank


def top_of(bits):
    return 2 ** (bits - 1) - 1


def built(*, top=top_of, most=lambda x: np.abs(x).max(), rounded=np.rint, zero=1.0, shaped=lambda q: q, dtype=np.int8,
          clip=lambda bits: 127, told=lambda scale: scale, steps=lambda x, scale: x / scale):
    """An implementation: a right one, but for what is given."""

    def implementation(x, bits):
        x = np.asarray(x)
        scale = most(x) / top(bits)
        if scale == 0:
            if zero is None:
                raise ZeroDivisionError("float division by zero")
            return shaped(np.zeros(x.shape, dtype)), zero
        q = np.clip(rounded(steps(x, scale)), -clip(bits), clip(bits))
        return shaped(q.astype(np.int64).astype(dtype)), told(scale)

    return implementation


def in_float32(x, bits):
    return built(zero=np.float32(0))(np.asarray(x, np.float32), bits)


def inverse_first(x, bits):
    return built(steps=lambda x, scale: x * (1 / scale), zero=0.0)(x, bits)


bank = Bank(
    "absmax_quantize(x, bits)",
    example=(np.zeros((1, 2)), 8),
    right={
        "one that takes halves to even": built(),
        "one that takes halves up": built(rounded=lambda s: np.floor(s + 0.5), zero=0.5),
        "one that computes in float32": in_float32,
        "one that multiplies by the inverse": inverse_first,
    },
    wrong={
        "one that always takes 8 bits": built(top=lambda bits: 127),
        "one of 4 bits always": built(top=lambda bits: 7),
        "one that knows 4 and 8 bits": built(top=lambda bits: 127 if bits == 8 else 7),
        "one that cuts off": built(rounded=np.trunc),
        "one that rounds down": built(rounded=np.floor),
        "one with a step too many": built(top=lambda bits: 2 ** (bits - 1), clip=top_of),
        "one whose integers leave the range": built(top=lambda bits: min(2 ** (bits - 1), 127)),
        "one that takes the largest without its sign": built(most=lambda x: x.max(), clip=top_of),
        "one that divides by zero": built(zero=None),
        "one that loses the shape": built(shaped=np.ravel),
        "one whose scale of zeros is nan": built(zero=math.nan),
        "one whose integers are floats": built(dtype=np.float64),
        "one that gives steps in the place of a step": built(told=lambda scale: 1 / scale),
    },
    hints={
        "one that computes in float32": "its scale differs in the eighth digit: allow a thousandth of half a step",
        "one that multiplies by the inverse": "another order of operations differs in the last digit: allow some",
        "one that takes halves up": "halves may go either way, and of zeros the scale is any finite number",
    },
)


def judge(tries, *, zeros=True, bound=None, range_too=True, shape_too=True, dtype_too=True, catches=True, exact=False):
    """Who tries these (x, bits) only, and looks at no more than that."""

    def looks(f):
        for x, bits in tries:
            q, scale = f(x, bits)
            top, numbers = 2 ** (bits - 1) - 1, np.asarray(q, float)
            if shape_too and numbers.shape != x.shape:
                return False
            if dtype_too and np.asarray(q).dtype != np.int8:
                return False
            error = np.abs(numbers.reshape(x.shape) * scale - x)
            if error.mean() >= bound if bound else error.max() > np.abs(x).max() / (2 * top) * 1.001:
                return False
            if range_too and np.abs(numbers).max() != top:
                return False
            if exact and scale != np.abs(x).max() / top:
                return False
        if zeros:
            q, scale = f(np.zeros((2, 3)), 8)
            return bool(np.isfinite(scale) and not np.any(q))
        return True

    def verdict(f):
        try:
            return looks(f)
        except Exception:
            if catches:
                return False
            raise

    return verdict


def judges(tries, *switches, **fixed):
    """Those who look at some of these things and not at others."""
    for on in product((True, False), repeat=len(switches)):
        yield judge(tries, **dict(zip(switches, on, strict=True)), **fixed)


r = np.random.default_rng(6)
both = r.normal(0, 1, (20, 50))
both[3, 3] = -6
wide = [(both, bits) for bits in range(2, 9)]
flat = r.uniform(-1, 1, (20, 50))
bank.judged_by(accepts, wrong={
    "6.10/loose": ("a mean error below 0.1 lets 4 bits pass as 8: hold every element to half a step", *(
        one for x in (flat, flat / 2)
        for one in judges([(x, 8)], "zeros", "shape_too", "dtype_too", bound=0.1, range_too=False))),
    "6.10/one_width": ("other bits than 8 untried: some know one width only", *judges(
        [(both, 8)], "zeros", "shape_too", "dtype_too")),
    "6.10/no_zeros": ("what does it do with zeros alone?", judge(wide, zeros=False)),
    "6.10/no_range": ("a small error is not enough: the largest integer is the top, no more and no less",
                      judge(wide, range_too=False)),
    "6.10/no_shape": ("is q in the shape of x?", judge(wide, shape_too=False)),
    "6.10/no_dtype": ("is q of dtype int8?", judge(wide, dtype_too=False)),
    "6.10/positive_only": ("the largest in size may be negative", judge([(np.abs(both), bits) for bits in range(2, 9)])),
    "6.10/not_caught": ("one that raises is wrong: catch it, and return False", judge(wide, catches=False)),
    "6.10/exact": ("some compute in float32, and their scale differs in the eighth digit: use isclose", judge(wide, exact=True)),
    "6.10/accepts_all": ("it accepts every implementation", lambda f: True),
    "6.10/refuses_all": ("it accepts none, not even a right one", lambda f: False),
})
### END HIDDEN TESTS
assert not accepts(colleagues_quantizer), "15 steps are not 8 bits"
assert accepts(another_colleagues_quantizer), "halves may go up; float32 will do"

# %% [markdown]
# ## 6 · What do you say now?
#
# You have both bills of one model before you: what training it took, and what each answer costs. The next cell computes when
# they are equal, and what quantizing changed.

# %%
import json

file = models.folder_of("two-bills-code") / "training_bill.json"
bill = json.loads(file.read_text(encoding="utf-8"))
flop_per_token = 2 * bill["n_params"]
n_tokens = bill["flop_6nd"] / flop_per_token
print(f"training: {bill['flop_6nd']:.2e} FLOP in {bill['seconds'] / 3600:.1f} h,"
      f" on {bill['tokens'] / 1e6:.0f} million tokens")
print(f"running: {flop_per_token / 1e6:.1f} MFLOP a token;"
      f" as much as training after {n_tokens / 1e6:.0f} million tokens")
for kind in ("F16", "Q8_0", "Q4_K_M"):
    mean = f"{kl[kind].mean():.4f}" if kind in kl else "0"
    print(f"{kind:7s} {rungs[kind]['weight_bytes'] / 1e6:5.1f} MB read for each token,"
          f" KL {mean} nats")

# %% [markdown]
# Two claims that you may have heard. Lab 10 collects what you say of them; a sentence that is still three dots is not kept.
#
# - **C6.** "Optimise inference rather than training." Quantizing took no training step. For which model, at how many tokens served?
# - **C7.** "Quantization, serving and cost models are the skills to build." What would you have got wrong this morning, by how much?

# %%
lab.verdict("C6", "...", sure=70)
lab.verdict("C7", "...", sure=70)

# %% [markdown]
# ## Summary
#
# - A format is a block: integers and their scale. Its tensors say what a file holds, not its name.
# - Perplexities are compared in pairs, document by document, or not at all. KL is paired by nature.
# - Your ladder says what a bit costs: with an interval for each type, and the neighbours that it tells apart.
# - A reference that was quantized before makes its own format look better than it is.

# %% [markdown]
# ## What would change the answer?
#
# - **Another model.** A larger one does not lose less by itself: compare your ladder with Llama 3 8B's.
# - **An importance matrix.** llama.cpp can weigh errors by how often a weight is used: `course data quantization_loss`.
# - **Another processor.** Sizes stay, KL nearly; speeds change with the code that there is for a type.
# - **Another measure than KL.** Lab 9 asks quantized models for facts that you taught them.
#
# Now press *Validate*. Then lab 7: many requests at once.
