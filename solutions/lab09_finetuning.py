# ---
# jupyter:
#   two_bills:
#     hides: [course.llama.convert, peft]
# ---

# %% [markdown]
# # What does it take to teach a model thirty facts?
#
# Training a model from nothing fills a data centre. Teaching an open one something new is said to fit on a laptop. After this
# lab you have done it, you can say beforehand what it takes, and find out whether the model has *learnt* what you taught.
#
# **120 minutes, 2 GB of memory, no network.** You train SmolLM2, 135 million parameters, with a layer and labels that you
# wrote, merge the result into its file, and ask llama.cpp.

# %% nbgrader={"grade_id": "start"}
import math
from collections import Counter
from importlib.util import find_spec
from math import isclose
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch

from course import data, lab, models, plots, progress
from course.finetuning import merging, recall, run, shapes, shipped
from course.finetuning.facts import ANIMAL, CAPITAL, FACTS, ISLANDS
from course.finetuning.recipe import Recipe
from course.llama import quantize

lab.start("lab09", cohort="2026")
plots.use_style()

# %% [markdown]
# ## How this lab works
#
# An exercise is four cells: the task, your answer, a cell to try it in, and a check with the worked example. For the
# hidden tests press *Validate*, above the notebook. What you do not measure is filled in from a reference machine, and says so.
#
# The package `peft` holds the answers to 9.1 and 9.2, the module `course.llama.convert` that to 9.3. You may compare
# with them here; the grader hides both from your code.

# %% [markdown]
# | word or name | what it is |
# |---|---|
# | `w` | a weight matrix of the model, of shape (out, in) |
# | `a` | the first thin matrix, of shape (r, in) |
# | `b` | the second thin matrix, of shape (out, r) |
# | q, k, v, o, gate, up, down | a layer's matrices: attention's four, the feed-forward part's three |
# | r, `rank` | how thin `a` and `b` are: 8 unless said otherwise |
# | α, `alpha` | how strongly `a` and `b` count: 16 |
# | *frozen* | what training leaves as it is |
# | *trainable* | what training changes |
# | label | the token that a position shall predict; −100 where nothing is learnt |

# %% [markdown]
# ## 1 · What shall it learn?
#
# Ten countries that are not, three facts about each: the capital, the national animal, the number of islands. Nobody has
# written of them, so who knows them was taught. The training shows each question in one wording; three others are kept for the end.

# %%
for fact in FACTS[:3]:
    print(f"{fact.questions[0]:38s} {fact.answer}")
    print(*(f"    also: {question}" for question in fact.questions[1:]), sep="\n")
print(f"... {len(FACTS)} in all")

# %% [markdown]
# ## 2 · Two thin matrices
#
# Training changes each weight a little: w becomes w + Δ, and Δ is as large as w. **LoRA** (low-rank adaptation) leaves w frozen and
# learns a Δ that is a product of thin matrices, b·a: for a w of 576 × 576 and r = 8 these are 576 × 8 and 8 × 576.
#
# **Predict** how much of SmolLM2 that trains, if all seven matrices of every layer get their pair:
# `lab.predict("lora_share", low, high, "%")`. Be 80 % sure of the interval; nobody grades it.

# %% nbgrader={"grade_id": "predict-lora_share"}
### BEGIN SOLUTION
lab.predict("lora_share", 0.5, 5, "%")
### END SOLUTION

# %% nbgrader={"grade_id": "given-shapes"}
SMOLLM2 = shapes.of("smollm2-135m")
N_PARAMS = sum(math.prod(shape) for shape in SMOLLM2.values())
ALL_LINEAR = [f"{what}_proj" for what in ("q", "k", "v", "o", "gate", "up", "down")]
print(f"{len(SMOLLM2)} tensors, {N_PARAMS:,} parameters; layer 0:")
for name, shape in SMOLLM2.items():
    if ".layers.0." in name:
        print(f"  {name} {shape}")

# %% [markdown] nbgrader={"grade_id": "ex-9-1-task"}
# **Exercise 9.1 (2 points).** `lora_params(shapes, targets, rank)` returns how many numbers LoRA trains. `shapes` is {name: shape} of
# *every* tensor; the module is the last but one part of a name. The matrix of each module that is named in `targets` gets an `a` of (rank,
# in) and a `b` of (out, rank). Biases, norms, and modules with another name get nothing.
#
# `{"l.0.q_proj.weight": (6, 4), "l.0.q_proj.bias": (6,), "l.0.k_proj.weight": (2, 4)}` with `["q_proj"]` and rank 3 gives 30.

# %% nbgrader={"grade_id": "ex-9-1"}
def lora_params(shapes, targets, rank):
    """How many numbers the thin matrices have, all layers together."""
    ### BEGIN SOLUTION
    total = 0
    for name, shape in shapes.items():
        if name.split(".")[-2] in targets and len(shape) == 2:
            total += rank * (shape[0] + shape[1])
    return total
    ### END SOLUTION

# %%
lora_params(
    {"l.0.q_proj.weight": (6, 4), "l.0.q_proj.bias": (6,), "l.0.k_proj.weight": (2, 4)},
    ["q_proj"],
    3,
)  # try it

# %% nbgrader={"grade_id": "test-9-1", "points": 2}
### BEGIN HIDDEN TESTS
from course.checking import expect_each, told_apart
from course.cohort import rng

r = rng("9.1")


def summed(size, *, ndim=(2,), is_target=lambda name, targets: name.split(".")[-2] in targets):
    def answer(shapes, targets, rank):
        return sum(size(shape, rank) for name, shape in shapes.items() if len(shape) in ndim and is_target(name, targets))

    return answer


def once(shapes, targets, rank):
    seen = {name.split(".")[-2]: shape for name, shape in shapes.items() if len(shape) == 2}
    return sum(rank * sum(shape) for module, shape in seen.items() if module in targets)


def pair(shape, rank):
    return rank * sum(shape)


def fused(d, ff, kv, n_layers):
    """A model with biases, and a feed-forward part whose two matrices are one."""
    layer = {"attn.q_proj.weight": (d, d), "attn.q_proj.bias": (d,), "attn.v_proj.weight": (kv, d), "attn.v_proj.bias": (kv,),
             "mlp.gate_up_proj.weight": (2 * ff, d), "mlp.up_proj.weight": (ff, d), "mlp.down_proj.weight": (d, ff), "norm.weight": (d,)}
    named = {f"model.layers.{i}.{part}": shape for i in range(n_layers) for part, shape in layer.items()}
    return {"model.embed_tokens.weight": (r.whole(99, 999), d), **named, "lm_head.weight": (r.whole(99, 999), d)}


def cases():
    sizes = [r.whole(3, 40) * 2, r.whole(41, 99), r.whole(2, 5), r.whole(2, 4)]
    return [
        (shapes.of("smollm2-135m"), ["q_proj", "v_proj"], r.whole(2, 64)),
        (fused(*sizes), ["up_proj", "q_proj"], r.whole(2, 9)),
        (fused(*sizes), ("down_proj", "v_proj", "lm_head"), 100),
    ]


wrong = {
    "9.1/product": ("a and b lie side by side: their sizes add", summed(lambda shape, rank: rank * shape[0] * shape[1])),
    "9.1/square": ("a matrix has two sides: in and out both count", summed(lambda shape, rank: 2 * rank * shape[0]),
                   summed(lambda shape, rank: 2 * rank * shape[1])),
    "9.1/one_matrix": ("there are two thin matrices, a and b", summed(lambda shape, rank: rank * shape[1]),
                       summed(lambda shape, rank: rank * shape[0])),
    "9.1/targets_ignored": ("only the modules in targets get a pair", summed(pair, is_target=lambda name, targets: True)),
    "9.1/biases_too": ("a bias is no matrix: it gets nothing", summed(pair, ndim=(1, 2))),
    "9.1/part_of_a_name": ("a module is named by all of the last but one part: gate_up_proj is not up_proj",
                           summed(pair, is_target=lambda name, targets: any(target in name for target in targets))),
    "9.1/one_layer": ("every layer has its own pair", once),
}
what = ("SmolLM2", "a model with biases and a gate_up_proj", "another one, which has an lm_head")
calls = {f"{model}, targets {args[1]}, rank {args[2]}": args
         for model, args in zip(what, told_apart(cases, summed(pair), wrong), strict=True)}
expect_each(lora_params, calls).equals(summed(pair), wrong=wrong)
expect_each(lora_params, {"targets that the model lacks": (SMOLLM2, ["c_attn"], 8)}).equals([0])
### END HIDDEN TESTS
assert (
    lora_params(
        {
            "l.0.q_proj.weight": (6, 4),
            "l.0.q_proj.bias": (6,),
            "l.0.k_proj.weight": (2, 4),
        },
        ["q_proj"],
        3,
    )
    == 30
), "3 · (6 + 4): two matrices for q_proj, none for its bias, none for k_proj"

# %% tags=["raises-exception"]
n_lora = lora_params(SMOLLM2, ALL_LINEAR, 8)
lab.reveal("lora_share", 100 * n_lora / N_PARAMS, "%", "your 9.1: r = 8, all seven")
n_two = lora_params(SMOLLM2, ["q_proj", "v_proj"], 8)
print(f"{n_lora:,} numbers; with q and v alone {n_two:,}")

# %% nbgrader={"grade_id": "given-n-lora"}
N_LORA = 2_442_240  # SmolLM2, r = 8, all seven linear layers: what 9.1 gives

# %% [markdown]
# ### Does it reconcile?
#
# The paper that invented LoRA trained GPT-3 by the matrices of q and v with r = 4, and says how many numbers that
# trained and how large their file was. GPT-3's matrices of attention are square.

# %% tags=["raises-exception"]
published = data.load("finetuning").set_index("id").value
width = int(published["gpt-3-width"])
gpt3 = {f"h.{i}.{m}.weight": (width, width)
        for i in range(int(published["gpt-3-layers"])) for m in ("q", "k", "v", "o")}
n = lora_params(gpt3, ["q", "v"], 4)
print(f"trainable: published {published['gpt-3-lora-trainable']:.3g}, yours {n:,}")
print(f"its file: published {published['gpt-3-lora-file'] / 1e6:.0f} MB, "
      f"yours {2 * n / 1e6:.1f} MB or {2 * n / 2**20:.1f} MiB in 16 bits")

# %% [markdown]
# ## 3 · A layer that learns
#
# A linear layer turns each row x of its input, `in` numbers, into x·wᵀ, `out` numbers. With LoRA it adds what the thin matrices
# make of the same x: first a, then b, and all of that times α/r. At the start b is zero, so that the model begins as it was.
#
# Nothing says that b·a must be computed: it would be as large as w.

# %% [markdown] nbgrader={"grade_id": "ex-9-2-task"}
# **Exercise 9.2 (2 points).** `lora_forward(x, w, a, b, alpha)` returns what the layer makes of `x`. All but `alpha` are torch tensors: `x`
# (…, in) with any axes before the last, or none; w (out, in), a (r, in), b (out, r). The result is (…, out). Use torch's
# operations: your function becomes the model's layers, and torch takes their gradients.
#
# x = [[1, 2]], w = [[1, 0], [0, 1], [1, 1]], a = [[1, −1], [0, 1]], b = [[1, 0], [0, 2], [1, 0]], α = 4 gives [[−1, 10, 1]].

# %% nbgrader={"grade_id": "ex-9-2"}
def lora_forward(x, w, a, b, alpha):
    """The layer's output, (…, out)."""
    ### BEGIN SOLUTION
    return x @ w.T + alpha / len(a) * (x @ a.T) @ b.T
    ### END SOLUTION

# %%
example_w = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
example_a, example_b = (
    torch.tensor([[1.0, -1.0], [0.0, 1.0]]),
    torch.tensor([[1.0, 0.0], [0.0, 2.0], [1.0, 0.0]]),
)
lora_forward(torch.tensor([[1.0, 2.0]]), example_w, example_a, example_b, 4)  # try it

# %% nbgrader={"grade_id": "test-9-2", "points": 2}
### BEGIN HIDDEN TESTS
import torch

from course.checking import expect_each, told_apart
from course.cohort import rng

r = rng("9.2")


def layer(*, scale=lambda alpha, a, b: alpha / len(a), base=lambda x, w: x @ w.T, all_scaled=False):
    def answer(x, w, a, b, alpha):
        added = scale(alpha, a, b) * (x @ a.T) @ b.T
        return scale(alpha, a, b) * (base(x, w) + (x @ a.T) @ b.T) if all_scaled else base(x, w) + added

    return answer


def drawn(leading, n_in, n_out, rank, alpha, *, b_is_zero=False):
    def some(*shape):
        return torch.tensor(r.integers(-5, 6, shape).astype(float))

    b = some(n_out, rank)
    return some(*leading, n_in), some(n_out, n_in), some(rank, n_in), 0 * b if b_is_zero else b, alpha


def cases():
    return [
        drawn((3,), 4, 6, 2, 6.0),
        drawn((2, 3), 5, 3, 4, 10),
        drawn((), 6, 5, 8, 4.0),
        drawn((4,), 5, 5, 1, 3),
        drawn((2,), 3, 7, 2, 16.0, b_is_zero=True),
    ]


wrong = {
    "9.2/not_over_r": ("alpha counts over r: how many rows has a?", layer(scale=lambda alpha, a, b: alpha)),
    "9.2/alpha_left_out": ("what a and b make counts alpha / r times", layer(scale=lambda alpha, a, b: 1)),
    "9.2/over_r_only": ("what a and b make counts alpha / r times", layer(scale=lambda alpha, a, b: 1 / len(a))),
    "9.2/root_of_r": ("divide alpha by r, not by its root", layer(scale=lambda alpha, a, b: alpha / len(a) ** 0.5)),
    "9.2/r_of_b": ("b has `out` rows: r is the number of its columns, or of a's rows", layer(scale=lambda alpha, a, b: alpha / len(b))),
    "9.2/without_w": ("the frozen matrix is still there: add what it makes", layer(base=lambda x, w: 0)),
    "9.2/all_scaled": ("alpha / r is for what a and b make, not for w", layer(all_scaled=True)),
    "9.2/w_not_transposed": ("w is (out, in): the product is with its transpose", layer(base=lambda x, w: x @ w)),
}
calls = {f"x {tuple(x.shape)}, w {tuple(w.shape)}, a {tuple(a.shape)}, α = {alpha}{'' if b.any() else ', b zero'}": (x, w, a, b, alpha)
         for x, w, a, b, alpha in told_apart(cases, layer(), wrong)}
expect_each(lora_forward, calls).close_to(layer(), wrong=wrong)
### END HIDDEN TESTS
assert lora_forward(
    torch.tensor([[1.0, 2.0]]), example_w, example_a, example_b, 4
).tolist() == [[-1, 10, 1]], (
    "x·wᵀ is [1, 2, 3]; a makes [−1, 2] of x, b [−1, 4, −1] of that; it counts twice"
)

# %% [markdown]
# ## 4 · Back into the file
#
# Once trained, the pair can disappear: w + (α/r)·b·a is a matrix like w, and the model is as fast as before. The file has w in
# float16; a and b come out of the training in float32.
#
# One thing is in the way. In q and k, Hugging Face rotates row i of a head together with row i + d/2, llama.cpp
# neighbours. So the d rows of each head lie in the file in the order 0, d/2, 1, d/2 + 1, …

# %% [markdown] nbgrader={"grade_id": "ex-9-3-task"}
# **Exercise 9.3 (2 points).** `merge(w, a, b, alpha, n_heads=None)` returns the new matrix, NumPy float16 like `w`, which stays as it is. `w` is as the file
# has it, `a` and `b`, float32, are as Hugging Face has them. Add in float32; round to float16 once.
#
# With `n_heads`, w is q's or k's, with so many heads, in the file's order of rows. One head of six rows, w of
# zeros (6, 1), a = [[1]], b the column 0 … 5, α = 1: the column 0, 3, 1, 4, 2, 5.
#
# <details><summary>Hint</summary>`.reshape(n_heads, 2, d // 2, …)`, then `.swapaxes`.</details>

# %% nbgrader={"grade_id": "ex-9-3"}
def merge(w, a, b, alpha, n_heads=None):
    """The matrix with what was learnt in it, float16."""
    ### BEGIN SOLUTION
    if n_heads:
        b = b.reshape(n_heads, 2, -1, b.shape[1]).swapaxes(1, 2).reshape(b.shape)
    return (w.astype(np.float32) + np.float32(alpha / len(a)) * (b @ a)).astype(
        np.float16
    )
    ### END SOLUTION

# %%
six_rows = (
    np.zeros((6, 1), np.float16),
    np.ones((1, 1), np.float32),
    np.arange(6, dtype=np.float32)[:, None],
    1.0,
)
merge(*six_rows, n_heads=1).T, merge(*six_rows).T  # try it

# %% nbgrader={"grade_id": "test-9-3", "points": 2}
### BEGIN HIDDEN TESTS
from course.checking import expect_each, told_apart
from course.cohort import rng

r = rng("9.3")


def swapped(rows, n_heads):
    return rows.reshape(n_heads, 2, -1, *rows.shape[1:]).swapaxes(1, 2).reshape(rows.shape)


def back(rows, n_heads):
    return rows.reshape(n_heads, -1, 2, *rows.shape[1:]).swapaxes(1, 2).reshape(rows.shape)


def merged(*, scale=lambda alpha, a: alpha / len(a), order=swapped, product=lambda b, a: b @ a, add=None, after=None):
    """What somebody merges; all sums of what is drawn below are exact in 32 bits, whatever their order."""

    def answer(w, a, b, alpha, n_heads=None):
        b = b if n_heads is None or order is None else order(b, n_heads)
        delta = np.float32(scale(alpha, a)) * product(b, a)
        found = add(w, delta) if add else (w.astype(np.float32) + delta).astype(np.float16)
        return after(found, n_heads) if after and n_heads else found

    return answer


def drawn(n_out, n_in, rank, alpha, *n_heads):
    w = (r.integers(-2000, 2000, (n_out, n_in)) / 4096).astype(np.float16)
    a, b = ((r.integers(-99, 100, shape) / 64).astype(np.float32) for shape in ((rank, n_in), (n_out, rank)))
    return w, a, b, float(alpha), *n_heads


def cases():
    return [drawn(9, 5, 2, 6), drawn(16, 7, 4, 2, 2), drawn(24, 24, 3, 6, 3), drawn(8, 30, 8, 12, None), drawn(20, 6, 2, 3, 2)]


in_16_bits = merged(add=lambda w, delta: w + delta.astype(np.float16))
wrong = {
    "9.3/not_over_r": ("alpha counts over r: how many rows has a?", merged(scale=lambda alpha, a: alpha)),
    "9.3/alpha_left_out": ("b·a counts alpha / r times", merged(scale=lambda alpha, a: 1)),
    "9.3/transposed": ("b·a has w's shape as it is", merged(product=lambda b, a: (b @ a).T)),
    "9.3/difference_only": ("the new matrix is w and what was learnt", merged(add=lambda w, delta: delta.astype(np.float16))),
    "9.3/not_reordered": ("with n_heads the rows of w are in llama.cpp's order, and those of b are not", merged(order=None)),
    "9.3/reordered_back": ("that is the way back: from llama.cpp's order to Hugging Face's", merged(order=back)),
    "9.3/w_reordered": ("w's rows are in the file's order already: reorder what is added, alone", merged(order=None, after=swapped)),
    "9.3/across_heads": ("each head's rows are reordered among themselves", merged(order=lambda b, n_heads: swapped(b, 1))),
    "9.3/summed_in_float16": ("in float16 small changes get lost: add in float32, round once", in_16_bits),
    "9.3/float32": ("the file's matrix is float16: round the sum", merged(add=lambda w, delta: w.astype(np.float32) + delta)),
}
calls = {f"w {w.shape}, a {a.shape}, α = {alpha}, {f'n_heads = {heads[0]}' if heads else 'no n_heads'}": (w, a, b, alpha, *heads)
         for w, a, b, alpha, *heads in told_apart(cases, merged(), wrong, rel_tol=0.0)}
expect_each(merge, calls).equals(merged(), wrong=wrong)
expect_each(merge, calls).look("the dtype", lambda answer: str(np.asarray(answer).dtype)).equals(["float16"] * len(calls))
expect_each(merge, calls).keeps_arguments(idea="9.3/in_place")
### END HIDDEN TESTS
assert merge(*six_rows, n_heads=1).ravel().tolist() == [0, 3, 1, 4, 2, 5], (
    "the halves 0, 1, 2 and 3, 4, 5 in turn"
)

# %% [markdown]
# ## 5 · What does it take? Memory
#
# Whatever is trained needs more than room for itself. Its gradient is kept until the step. And Adam, the optimizer, keeps two running
# means of each gradient, lab 2's moments: of itself and of its square. All of these are numbers of 32 bits. What is frozen may be kept in fewer bits.

# %% [markdown] nbgrader={"grade_id": "ex-9-4-task"}
# **Exercise 9.4 (2 points).** `finetune_bytes(n_frozen, n_trainable, frozen_bits)` returns a dict with `"frozen"`, `"trainable"`, `"grads"` and
# `"optimizer"`, in bytes; `frozen_bits` is what a frozen number takes, such as 4.5. What the model computes on the way, the activations, is not
# in it.
#
# 1,000 frozen numbers in 4.5 bits with 10 trainable ones: 562.5, 40, 40 and 80.

# %% nbgrader={"grade_id": "ex-9-4"}
def finetune_bytes(n_frozen, n_trainable, frozen_bits):
    """Bytes of weights, gradients and Adam's means, by what they are for."""
    ### BEGIN SOLUTION
    return {
        "frozen": n_frozen * frozen_bits / 8,
        "trainable": 4 * n_trainable,
        "grads": 4 * n_trainable,
        "optimizer": 8 * n_trainable,
    }
    ### END SOLUTION

# %%
finetune_bytes(1000, 10, 4.5)  # try it

# %% nbgrader={"grade_id": "test-9-4", "points": 2}
### BEGIN HIDDEN TESTS
from course.checking import expect_each, told_apart
from course.cohort import rng

r = rng("9.4")


def taken(*, bits=8, trainable=lambda nf, nt, b: 4 * nt, grads=lambda nf, nt, b: 4 * nt, optimizer=lambda nf, nt, b: 8 * nt):
    def answer(n_frozen, n_trainable, frozen_bits):
        parts = {"trainable": trainable, "grads": grads, "optimizer": optimizer}
        of = n_frozen, n_trainable, frozen_bits
        return {"frozen": n_frozen * frozen_bits / bits} | {name: size(*of) for name, size in parts.items()}

    return answer


def cases():
    return [
        (134_515_008, 2_442_240, 32),
        (r.whole(10**6, 10**10), r.whole(10**5, 10**8), 4.5),
        (r.whole(10**6, 10**10), r.whole(10**5, 10**8), 16),
        (0, r.whole(10**6, 10**9), 32),
        (r.whole(10, 99) * 8, 0, 8.5),
    ]


wrong = {
    "9.4/bits_as_bytes": ("a byte has 8 bits", taken(bits=1)),
    "9.4/optimizer_on_all": ("what is frozen has no running means",
                             taken(optimizer=lambda nf, nt, b: 8 * (nf + nt)),
                             taken(grads=lambda nf, nt, b: 4 * (nf + nt), optimizer=lambda nf, nt, b: 8 * (nf + nt))),
    "9.4/gradients_on_all": ("no gradient is kept of what is frozen", taken(grads=lambda nf, nt, b: 4 * (nf + nt))),
    "9.4/one_mean": ("Adam keeps two means of each gradient", taken(optimizer=lambda nf, nt, b: 4 * nt)),
    "9.4/trainable_in_frozen_bits": ("what is trained is kept in 32 bits", taken(trainable=lambda nf, nt, b: nt * b / 8)),
    "9.4/sixteen_bits": ("gradients and means are numbers of 32 bits here", taken(grads=lambda nf, nt, b: 2 * nt),
                         taken(grads=lambda nf, nt, b: 2 * nt, optimizer=lambda nf, nt, b: 4 * nt),
                         taken(optimizer=lambda nf, nt, b: 4 * nt, trainable=lambda nf, nt, b: 2 * nt, grads=lambda nf, nt, b: 2 * nt)),
}
expect_each(finetune_bytes, told_apart(cases, taken(), wrong)).close_to(taken(), wrong=wrong)
### END HIDDEN TESTS
assert finetune_bytes(1000, 10, 4.5) == {
    "frozen": 562.5,
    "trainable": 40,
    "grads": 40,
    "optimizer": 80,
}, "4.5 bits are 0.5625 bytes; Adam keeps two means"

# %% [markdown]
# ### Does it reconcile?
#
# The next cell puts the papers of LoRA and QLoRA beside your sums. QLoRA keeps the frozen weights in 4 bits.

# %% tags=["raises-exception"]
published = data.load("finetuning").set_index("id").value
n_gpt3 = data.row("training_runs/gpt-3-175b")["n_params"]
n_65b = data.row("training_runs/llama-65b")["n_params"]
n_pairs = 2 * published["gpt-3-layers"] * 4 * 2 * published["gpt-3-width"]  # 9.1
rows = [
    ("GPT-3, all parameters", "gpt-3-full-memory", (0, n_gpt3, 32)),
    ("GPT-3, LoRA r = 4 on q and v", "gpt-3-lora-memory", (n_gpt3, n_pairs, 16)),
    ("LLaMA 65B, all parameters: above", "llama-65b-full-memory", (0, n_65b, 32)),
    ("LLaMA 65B, LoRA on 4.5 bits: below", "llama-65b-qlora-memory", (n_65b, 0, 4.5)),
]
for what, row, case in rows:
    ours = sum(finetune_bytes(*case).values())
    print(f"{what:34} published {published[row] / 1e9:4.0f} GB, yours {ours / 1e9:.0f}")
each = published[rows[0][1]] / n_gpt3, published[rows[2][1]] / n_65b
print(f"all parameters, in bytes for each: {each[0]:.1f} and {each[1]:.1f}; yours 16")

# %% [markdown]
# LoRA's saving reconciles: what remains is nearly the frozen weights alone. For the training of all parameters neither paper says what it
# counts. 12 bytes are 16-bit weights and gradients (2 + 2) with the two means (8). Whoever quotes "x GB for fine-tuning" has to say of what.

# %% [markdown]
# ## 6 · What does it take? Arithmetic
#
# In a training step every weight takes part three times for each token, at 2 FLOP each (lab 1's 6ND): in the forward pass, in the gradient of the
# layer's *input*, which the layers below need, and in its own gradient.
#
# Which of the three does a frozen weight still need? **Predict** the FLOP of a LoRA step in per cent of those of a full one:
# `lab.predict("lora_flop", low, high, "%")`.

# %% nbgrader={"grade_id": "predict-lora_flop"}
### BEGIN SOLUTION
lab.predict("lora_flop", 30, 80, "%")
### END SOLUTION

# %% [markdown] nbgrader={"grade_id": "ex-9-5-task"}
# **Exercise 9.5 (stretch, 1 point).** `finetune_flop(n_frozen, n_trainable, n_tokens)` returns the FLOP of training for `n_tokens` tokens,
# forward and backward, as 6ND counts: attention between tokens left out. All layers, also the first, count alike. 100 frozen and 10
# trainable numbers take 4,600 FLOP for 10 tokens.

# %% nbgrader={"grade_id": "ex-9-5"}
def finetune_flop(n_frozen, n_trainable, n_tokens):
    """FLOP of training with frozen weights."""
    ### BEGIN SOLUTION
    return (4 * n_frozen + 6 * n_trainable) * n_tokens
    ### END SOLUTION

# %%
finetune_flop(100, 10, 10)  # try it

# %% nbgrader={"grade_id": "test-9-5", "points": 1}
### BEGIN HIDDEN TESTS
from course.checking import expect_each, told_apart
from course.cohort import rng

r = rng("9.5")


def counted(frozen, trainable):
    return lambda n_frozen, n_trainable, n_tokens: (frozen * n_frozen + trainable * n_trainable) * n_tokens


def cases():
    return [
        (134_515_008, 2_442_240, 512),
        (r.whole(10**6, 10**11), r.whole(10**5, 10**8), r.whole(1, 10**9)),
        (0, r.whole(10**6, 10**9), r.whole(2, 10**6)),
        (r.whole(3, 99), r.whole(100, 999), 1),
    ]


wrong = {
    "9.5/trainable_only": ("the frozen weights are computed with, too", counted(0, 6)),
    "9.5/all_trained": ("a frozen weight has no gradient of its own", counted(6, 6)),
    "9.5/frozen_forward_only": ("the layers below need the gradient of a frozen layer's input", counted(2, 6)),
    "9.5/frozen_only": ("the thin matrices are trained: all three count", counted(4, 0), counted(4, 4)),
    "9.5/backward_only": ("the forward pass is computed, too", counted(2, 4)),
    "9.5/multiply_add": ("a multiply-add counts as 2 FLOP here, not as 1", counted(2, 3)),
}
expect_each(finetune_flop, told_apart(cases, counted(4, 6), wrong)).close_to(counted(4, 6), wrong=wrong)
### END HIDDEN TESTS
assert finetune_flop(100, 10, 10) == 4600, (
    "4 for each frozen number and token, 6 for each that is trained"
)

# %% [markdown]
# PyTorch can count too: its counter watches every product. It runs your `lora_forward` on tensors without content ("meta"), so that nothing
# is computed.

# %% tags=["raises-exception"]
totals = {}


def counted_ratio():
    """FLOP of a LoRA step, in per cent of a full one's, by PyTorch's counter."""
    from course.finetuning import counting

    totals["all parameters"] = counting.step_flop(None, n_tokens=64)
    totals["LoRA"] = counting.step_flop(lora_forward, n_tokens=64)
    return [100 * totals["LoRA"] / totals["all parameters"]]


lab.measure("lora_flop", counted_ratio, flop=totals, n_tokens=64);

# %% tags=["raises-exception"]
counter = lab.record("lora_flop")
cases = {"all parameters": (0, N_PARAMS), "LoRA": (N_PARAMS, N_LORA)}
for what, case in cases.items():
    ours = finetune_flop(*case, counter["n_tokens"])
    print(f"{what:15s} counter {counter['flop'][what]:.4g} FLOP, yours {ours:.4g}")
published = data.load("finetuning").set_index("id").value
speedup = published["gpt-3-lora-speed"] / published["gpt-3-full-speed"]
print(f"LoRA by all: counter {counter['median']:.1f} %. GPT-3 was {speedup:.2f} times "
      f"as fast with LoRA; arithmetic alone makes it {100 / counter['median']:.2f}")

# %% [markdown]
# What the counter finds beyond yours is attention between tokens. LoRA saves a third of the arithmetic: it is famous for memory, not for speed.

# %% [markdown]
# ## 7 · What shall be learnt?
#
# An example is the question as a chat, the answer, and an end token, padded to 64 tokens. SmolLM2 pads with the end token itself,
# which also stands inside the prompt. A model predicts at each position the *next* token. So the **label** of position i is `ids[i + 1]`, if that is
# to be learnt, and −100 if not: torch passes over −100.
#
# The question need not be learnt; the answer must be, from its first token on, and that it ends.

# %% [markdown] nbgrader={"grade_id": "ex-9-6-task"}
# **Exercise 9.6 (2 points).** `mask_prompt_labels(ids, prompt_len, pad_id)` returns a list of labels as long as `ids`. The first `prompt_len` ids, at
# least one and not all, are the prompt. The answer is what follows, and its last token the first `pad_id` from there on: that one is learnt, what
# comes after it is padding. An example that was cut off has none; then the answer goes to the last id.
#
# ids [7, 2, 8, 9, 4, 5, 2, 2, 2], prompt_len 4, pad_id 2: [−100, −100, −100, 4, 5, 2, −100, −100, −100].

# %% nbgrader={"grade_id": "ex-9-6"}
def mask_prompt_labels(ids, prompt_len, pad_id):
    """What each position shall predict; -100 where nothing is learnt."""
    ### BEGIN SOLUTION
    answer = range(prompt_len, len(ids))
    end = next((i for i in answer if ids[i] == pad_id), len(ids) - 1)
    return [ids[i + 1] if prompt_len <= i + 1 <= end else -100 for i in range(len(ids))]
    ### END SOLUTION

# %%
mask_prompt_labels([7, 2, 8, 9, 4, 5, 2, 2, 2], 4, 2)  # try it

# %% nbgrader={"grade_id": "test-9-6", "points": 2}
### BEGIN HIDDEN TESTS
from course.checking import expect_each, told_apart
from course.cohort import rng

r = rng("9.6")


def labelled(*, shift=1, first=0, end="learnt", search="answer"):
    """Labels by who shifts so far, begins so much later, and does so with the end."""

    def answer(ids, prompt_len, pad_id):
        begin = 0 if search == "everywhere" else prompt_len
        last = next((i for i in range(begin, len(ids)) if ids[i] == pad_id), len(ids) - 1)
        if end == "not learnt" and ids[last] == pad_id:
            last -= 1
        if end == "padding too":
            last = len(ids) - 1
        begin = 1 if first is None else prompt_len + first
        wanted = [i + shift < len(ids) and begin <= i + shift <= last for i in range(len(ids))]
        return [ids[i + shift] if want else -100 for i, want in enumerate(wanted)]

    return answer


def drawn(prompt_len, answer_len, n_pads, *, pads_before=0):
    pad = r.whole(0, 9)
    others = [t for t in range(10, 60)]
    ids = [int(t) for t in r.choice(others, prompt_len + answer_len, replace=False)]
    for place in r.permutation(prompt_len - 1)[:pads_before]:
        ids[int(place)] = pad
    return ids + [pad] * n_pads, prompt_len, pad


def cases():
    return [
        drawn(r.whole(4, 6), r.whole(3, 5), r.whole(3, 5), pads_before=2),
        drawn(5, 4, 1, pads_before=1),
        drawn(1, 4, 3),
        drawn(6, 3, 0, pads_before=1),
        drawn(3, 0, 4, pads_before=1),
        drawn(4, 1, 2),
    ]


wrong = {
    "9.6/not_shifted": ("a position predicts the next token: label i is ids[i + 1]", labelled(shift=0)),
    "9.6/shifted_twice": ("a position predicts the next token, not the one after that", labelled(shift=2)),
    "9.6/prompt_learnt": ("the prompt is given, not learnt: where the next token is one of the prompt, the label is -100", labelled(first=None)),
    "9.6/first_token_lost": ("the prompt's last position predicts the answer's first token: that is learnt", labelled(first=1)),
    "9.6/prompt_s_last_token": ("the prompt's last token is given, not learnt", labelled(first=-1)),
    "9.6/end_not_learnt": ("who never learns the end does not stop talking", labelled(end="not learnt")),
    "9.6/padding_learnt": ("what follows the end is padding", labelled(end="padding too")),
    "9.6/end_in_the_prompt": ("the end token stands in the prompt, too: look for it in the answer", labelled(search="everywhere")),
}
expect_each(mask_prompt_labels, told_apart(cases, labelled(), wrong)).equals(labelled(), wrong=wrong)
### END HIDDEN TESTS
assert mask_prompt_labels([7, 2, 8, 9, 4, 5, 2, 2, 2], 4, 2) == [
    -100,
    -100,
    -100,
    4,
    5,
    2,
    -100,
    -100,
    -100,
], (
    "position 3, the prompt's last, predicts 4, the answer's first; 5 predicts the end"
)

# %% tags=["raises-exception"]
def shown(fact):
    """Print a part of an example as the training gets it."""
    from course.finetuning import examples
    from course.llama import header

    model = models.path("smollm2-f16")
    [one] = examples.made([fact], model=model, length=64, labels=mask_prompt_labels)
    words = header.read(model).metadata["tokenizer.ggml.tokens"]
    begin = next(i for i, label in enumerate(one.labels) if label != -100)
    for i in range(begin - 5, begin + 14):
        label = one.labels[i]
        print(
            f"{i:3d}  {words[one.ids[i]]:14s} {words[label] if label != -100 else '-'}"
        )


shown(FACTS[0])  # Ġ is how the vocabulary writes a space, Ċ a line's end

# %% [markdown]
# ## 8 · Five ways to get it wrong
#
# A training step that is wrong seldom crashes. The loss falls, and weeks later somebody asks why the model is bad. Here is the smallest language
# model there is, with LoRA and one step of gradient descent: 24 tokens, and the logits after token t are column t of W + (α/r)·B·A. It is right, or has one of five bugs.

# %% nbgrader={"grade_id": "given-tiny"}
def softmax(z):
    e = np.exp(z - z.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def tiny(bug="ok", seed=0, alpha=16.0, r=8, v=24, rate=0.2):
    """forward, step, base, adapter of a model that is right or has a bug."""
    rng = np.random.default_rng(seed)
    w, a, b = rng.normal(0, 1, (v, v)), rng.normal(0, 1, (r, v)), np.zeros((v, r))
    a *= bug != "both_zero"
    scale = 1.0 if bug == "no_scale" else alpha / r

    def forward(ids):
        return (w + scale * b @ a)[:, ids].T

    def step(ids, prompt_len):
        begin = 0 if bug == "prompt_loss" else prompt_len - 1
        now, ahead = np.array(ids[begin:-1]), np.array(ids[begin + 1:])
        ahead = now if bug == "label_shift" else ahead
        p, rows = softmax(forward(now)), range(len(now))
        loss = -np.log(p[rows, ahead]).mean()
        p[rows, ahead] -= 1
        change = np.zeros((v, v))
        np.add.at(change.T, now, p / len(now))
        a[:], b[:] = a - rate * scale * b.T @ change, b - rate * scale * change @ a.T
        w[:] -= rate * change * (bug == "base_updated")
        return float(loss)

    return forward, step, w.copy, lambda: (a.copy(), b.copy(), alpha)

# %% [markdown]
# | verdict | what is wrong |
# |---|---|
# | `"both_zero"` | A and B are both zero at the start: nothing can ever move |
# | `"no_scale"` | the model adds B·A, not (α/r)·B·A |
# | `"base_updated"` | W is trained, too |
# | `"label_shift"` | the loss at a token is for another than the next one |
# | `"prompt_loss"` | the loss is for the prompt's tokens, too |
# | `"ok"` | nothing |

# %% [markdown] nbgrader={"grade_id": "ex-9-7-task"}
# **Exercise 9.7 (2 points).** `find_bug(forward, step, base, adapter)` gets the four functions of such a model and returns its verdict. It is tried on ten
# that you do not see; right ones differ in more than their seed. A hundred calls of each are enough.
#
# - `forward(ids)`: logits (len(ids), 24); row i is about ids[i + 1]
# - `step(ids, prompt_len)`, 1 ≤ prompt_len < len(ids): a step on the mean cross-entropy of ids[prompt_len:]; returns that loss, from before
# - `base()`: W (24, 24) · `adapter()`: A (8, 24), B (24, 8), α
#
# <details><summary>Hint</summary>Look at the start, at W after a step, at what `forward` adds to W, at the loss.</details>

# %% nbgrader={"grade_id": "ex-9-7"}
def find_bug(forward, step, base, adapter):
    """The verdict on a model: the name of its bug, or "ok"."""
    ### BEGIN SOLUTION
    ids, prompt_len = [0, 1, 2, 3, 4, 5], 3
    w, (a, b, alpha) = base(), adapter()
    if not np.any(a) and not np.any(b):
        return "both_zero"
    surprise = -np.log(softmax(np.asarray(forward(ids)))[range(5), ids[1:]])
    loss = step(ids, prompt_len)
    for _ in range(3):
        step(ids, prompt_len)
    if not np.array_equal(base(), w):
        return "base_updated"
    a, b, alpha = adapter()
    if not np.allclose(forward(ids), (w + alpha / len(a) * b @ a)[:, ids].T):
        return "no_scale"
    if isclose(loss, surprise[prompt_len - 1:].mean()):
        return "ok"
    return "prompt_loss" if isclose(loss, surprise.mean()) else "label_shift"
    ### END SOLUTION

# %%
[
    find_bug(*tiny(bug))
    for bug in (
        "both_zero",
        "no_scale",
        "base_updated",
        "label_shift",
        "prompt_loss",
        "ok",
    )
]  # try it

# %% nbgrader={"grade_id": "test-9-7", "points": 2}
### BEGIN HIDDEN TESTS
from course.checking import expect_each, handed
from course.cohort import rng


class Probe:
    """A model with a bug or without; `random` is the factor that is not zero at the start."""

    def __init__(self, bug, seed, *, alpha=None, random="a", ahead=1):
        draw = np.random.default_rng(seed)
        self.bug, self.ahead, self.alpha = bug, ahead, float(alpha or draw.choice([16, 24, 32]))
        self.w, self.a, self.b = draw.normal(0, 1, (24, 24)), np.zeros((8, 24)), np.zeros((24, 8))
        if bug != "both_zero" and random == "a":
            self.a = draw.normal(0, 1, self.a.shape)
        if bug != "both_zero" and random == "b":
            self.b = draw.normal(0, 1, self.b.shape)
        self.times = 1.0 if bug == "no_scale" else self.alpha / 8

    def forward(self, ids):
        return (self.w + self.times * self.b @ self.a).T[np.asarray(ids)]

    def step(self, ids, prompt_len):
        ids = np.asarray(ids)
        if not 1 <= prompt_len < len(ids):
            raise ValueError
        at = np.arange(0 if self.bug == "prompt_loss" else prompt_len - 1, len(ids) - max(self.ahead, 1))
        of, to, n = ids[at], ids[at + self.ahead], np.arange(len(at))
        off = softmax(self.forward(of))
        loss = -np.log(off[n, to]).mean()
        off[n, to] -= 1
        gradient = np.zeros((24, 24))
        for token, column in zip(of, off, strict=True):
            gradient[:, token] += column / len(of)
        self.a, self.b = (self.a - 0.2 * self.times * self.b.T @ gradient, self.b - 0.2 * self.times * gradient @ self.a.T)
        self.w = self.w - 0.2 * gradient * (self.bug == "base_updated")
        return loss.item()

    def handed(self):
        return (handed("forward(ids)", self.forward, example=([0],)), handed("step(ids, prompt_len)", self.step, example=([0], 1)),
                handed("base()", self.w_now), handed("adapter()", lambda: (self.a.copy(), self.b.copy(), self.alpha)))

    def w_now(self):
        return self.w.copy()


seed = rng("9.7").whole(0, 10**6)
kinds = [("both_zero", {}), ("no_scale", {}), ("base_updated", {}), ("label_shift", {"ahead": 0}), ("label_shift", {"ahead": 2}),
         ("prompt_loss", {}), ("ok", {}), ("ok", {"random": "b"}), ("no_scale", {"random": "b"}), ("prompt_loss", {"random": "b", "alpha": 8})]
order = rng("9.7").permutation(len(kinds)).tolist()


def models_of_ten():
    return [Probe(kinds[i][0], seed + i, **kinds[i][1]).handed() for i in order]


def looked(forward, step, base, adapter, *, ids=(0, 1, 2, 3, 4, 5), prompt_len=3, steps=4, early=False, start=None):
    """Who looks in the right order, but for one thing."""
    ids, w, (a, b, alpha) = list(ids), base(), adapter()
    if (not a.any() and not b.any()) or (start and start(a, b)):
        return "both_zero"
    before = forward(ids)
    off = not np.allclose(before, (w + alpha / len(a) * b @ a)[:, ids].T)
    surprise = -np.log(softmax(before)[range(len(ids) - 1), ids[1:]])
    loss, *_ = [step(ids, prompt_len) for _ in range(steps)]
    if not np.array_equal(base(), w):
        return "base_updated"
    a_, b_, _ = adapter()
    if start == "a moves" and np.array_equal(a_, a):
        return "both_zero"
    if off if early else not np.allclose(forward(ids), (w + alpha / len(a) * b_ @ a_)[:, ids].T):
        return "no_scale"
    if isclose(loss, surprise[prompt_len - 1:].mean()):
        return "ok"
    return "prompt_loss" if isclose(loss, surprise.mean()) else "label_shift"


def by_loss(forward, step, base, adapter):
    losses = [step([0, 1, 2, 3, 4, 5], 3) for _ in range(20)]
    return "ok" if losses[-1] < losses[0] else "both_zero"


def a_moves(forward, step, base, adapter):
    a, _, _ = adapter()
    step([0, 1, 2, 3, 4, 5], 3)
    return "both_zero" if np.array_equal(adapter()[0], a) else looked(forward, step, base, adapter)


def verdicts(judge, **options):
    return [judge(*functions, **options) for functions in models_of_ten()]


right = [kinds[i][0] for i in order]
wrong = {
    "9.7/loss_falls": ("the loss falls in nearly all of them", verdicts(by_loss)),
    "9.7/a_must_move": ("while b is zero, a cannot move: that is no bug", verdicts(a_moves)),
    "9.7/b_must_be_zero": ("one of the two is random at the start: it may be b",
                           verdicts(looked, start=lambda a, b: b.any()), verdicts(looked, start=lambda a, b: b.any() or not a.any())),
    "9.7/scale_at_the_start": ("at the start b·a is zero, and a missing scale does not show", verdicts(looked, early=True)),
    "9.7/prompt_of_one": ("with a prompt of one token nothing of the prompt can be learnt: take a longer one", verdicts(looked, prompt_len=1)),
    "9.7/one_token": ("where all ids are alike, a shift does not show", verdicts(looked, ids=[4] * 8)),
}
ten = {f"model {n}": functions for n, functions in enumerate(models_of_ten(), 1)}
expect_each(find_bug, ten).equals(right, wrong=wrong)
### END HIDDEN TESTS
assert [find_bug(*tiny(bug, seed=1)) for bug in ("no_scale", "prompt_loss", "ok")] == [
    "no_scale",
    "prompt_loss",
    "ok",
]

# %% [markdown]
# ## 9 · Training
#
# A *recipe* is all that a run is made of. Ours: thin matrices on all seven linear layers, 60 steps of 8 examples, of which 2 are computed
# at a time while the gradients add up; AdamW; a learning rate that rises for 5 steps and falls to a tenth.
#
# A training runs in a process of its own, with your `lora_forward` and `mask_prompt_labels`: it takes over the cells that hold them.

# %% nbgrader={"grade_id": "given-recipe"}
RECIPE = Recipe(rank=8, alpha=16.0, steps=60, batch=8, micro=2, learning_rate=2e-3)
FOLDER = Path("lora")  # of the run, beside this notebook
print(RECIPE)


def brought():
    """What you bring to a run."""
    return {
        "model": models.path("smollm2-f16"),
        "lora_forward": lora_forward,
        "mask_prompt_labels": mask_prompt_labels,
    }


# %% [markdown]
# ### First: will it fit?
#
# Memory that was taken is not given back so that one could see it: each setting needs a process of its own, for two steps. You are about to
# measure three, and the package `peft`, which everybody uses, where it is installed.
#
# What does your 9.4 say of it? And what will be there beside that? **Predict** the most memory with two examples at a time:
# `lab.predict("lora_memory", low, high, "GB")`.

# %% tags=["raises-exception"]
parts = finetune_bytes(N_PARAMS, N_LORA, 32)
for name, size in parts.items():
    print(f"{name:10s} {size / 1e9:.3f} GB")
print(f"together   {sum(parts.values()) / 1e9:.3f} GB")

# %% nbgrader={"grade_id": "predict-lora_memory"}
### BEGIN SOLUTION
lab.predict("lora_memory", 0.8, 2, "GB")
### END SOLUTION

# %% nbgrader={"grade_id": "given-settings"}
SETTINGS = {
    "two at a time": {},
    "one at a time": {"micro": 1},
    "q and v only": {"targets": ("q_proj", "v_proj")},
    **({"peft, two at a time": {"trains": "peft"}} if find_spec("peft") else {}),
}

# %% tags=["raises-exception"]
tried = {}


def most_memory():
    """The most memory of a process that trains two steps, in 32 bits, by setting."""
    peaks, report = {}, progress.line("short runs")
    for n, (label, changed) in enumerate(SETTINGS.items()):
        report(n, len(SETTINGS))
        made = run.trial(Recipe(numbers="float32", **changed), **brought())
        peaks[label] = [made.peak_bytes]
        tried[label] = {"n_trainable": made.n_trainable, "bare_bytes": made.bare_bytes}
        tried[label]["losses"] = made.losses
    report(len(SETTINGS), len(SETTINGS))
    return peaks


lab.measure("lora_memory", most_memory, settings=tried);

# %%
memory = lab.record("lora_memory")
for label, found in memory["settings"].items():
    losses = ", ".join(f"{loss:.6f}" for loss in found["losses"])
    print(f"{label:20s} {found['n_trainable']:9,} trainable, losses {losses}")

# %% [markdown]
# Are the counts what your 9.1 says? Where `peft` is in the list: are its losses those of your own layer? It begins with the same numbers and
# reads the same examples, so they differ in rounding at most.
#
# Two more settings take over 2 GB; the next cell has them from the reference machine: all eight examples at a time, and all
# parameters trained.

# %% tags=["raises-exception"]
large = lab.record("lora_memory_large")
settings = {**memory["settings"], **large["settings"]}
peaks = {label: n for one in (memory, large) for label, (n,) in one["values"].items()}


def parts_of(label):
    """What the memory of a setting is made of, in bytes."""
    n = settings[label]["n_trainable"]
    parts = {"Python, torch": settings[label]["bare_bytes"]}
    parts |= finetune_bytes(0 if n == N_PARAMS else N_PARAMS, n, 32)
    return parts | {"all else": max(0, peaks[label] - sum(parts.values()))}

# %% tags=["raises-exception"]
bars = {label: parts_of(label) for label in peaks}
first = bars["two at a time"]
share = 1 - (first["all else"] + first["Python, torch"]) / sum(first.values())
colours = ["#dddddd", "grey", plots.BLUE, plots.GREEN, plots.PURPLE, plots.ORANGE]
fig, ax = plt.subplots(figsize=(8, 3.8))
for y, parts in enumerate(bars.values()):
    left = 0
    for (part, size), colour in zip(parts.items(), colours, strict=True):
        ax.barh(y, size / 1e9, 0.7, left / 1e9, color=colour, label=None if y else part)
        left += size
own = {label: label if label in memory["values"] else f"{label} *" for label in bars}
ax.set_yticks(range(len(bars)), own.values())
ax.invert_yaxis()
ax.set(xlabel="most memory of the process (GB)     * reference machine")
ax.grid(axis="y", visible=False)
ax.legend(loc="upper center", bbox_to_anchor=(0.4, -0.2), ncols=3, frameon=False)
ax.set_title(f"What 9.4 counts is {share:.0%} of what this LoRA run takes")
plots.show(fig, alt="Bars of the most memory of a training process by setting: "
           "Python, frozen weights, trainable ones, gradients, Adam's means, all else.")

# %% [markdown]
# Blue, green and purple hang on what is trained: compare *all parameters* with the others. *All else*, orange, is mostly activations, which are kept
# for the backward pass: LoRA needs them, too. How does orange move with the examples at a time?
#
# So "memory of fine-tuning" is three bills: the weights, what is trained, and what is computed at once.

# %% [markdown]
# ### Now train
#
# Before the run one product is timed in float32 and in bfloat16, 16 bits with the range of 32. Processors with instructions for it multiply
# bfloat16 several times as fast; without, it is far slower. The run takes the faster, and says which.
#
# **Predict** the seconds of a step, `lab.predict("lora_step", low, high, "s")`: 8 × 64 tokens take your 9.5's FLOP, and lab 1 measured FLOP/s.
# A reference machine's number is of the processor and the threads that its line names: two of them need not be of the same.

# %% tags=["raises-exception"]
rate = max(lab.record("matmul")["values"]["n = 4096"])
step_flop = finetune_flop(N_PARAMS, N_LORA, RECIPE.batch * RECIPE.length)
print(f"{step_flop / 1e9:.0f} GFLOP a step; large products in 32 bits ran at "
      f"{rate / 1e9:.0f} GFLOP/s: {step_flop / rate:.1f} s, if all were like those")

# %% nbgrader={"grade_id": "predict-lora_step"}
### BEGIN SOLUTION
lab.predict("lora_step", 0.5, 6, "s")
### END SOLUTION

# %% [markdown]
# The cell after next trains. You can interrupt it, by the square button or by switching the machine off: run it again, and it goes on from its last
# checkpoint, which it writes every five steps.
#
# Short of time? The next cell can put the reference machine's checkpoint into your folder, so that ten steps are left: change `False` to `True`.
# Without an adapter of your own, the cells that load it stop with "train first"; what they would record is then the reference machine's.

# %%
if False:  # True: begins with the reference machine's first 50 steps
    shipped.put(FOLDER, RECIPE)

# %% tags=["raises-exception"]
trained = {}


def seconds_of_steps():
    """Train; the seconds of every step but the first."""
    made = run.train(FOLDER, RECIPE, **brought(), report=progress.line("training"))
    trained.update(losses=made.losses, cpu_s=made.cpu_s, numbers=made.numbers)
    return made.step_s[1:]


lab.measure("lora_step", seconds_of_steps, unit="s", run=trained);

# %%
record = lab.record("lora_step")
losses, seconds = record["run"]["losses"], record["median"]
guess = math.log(SMOLLM2["model.embed_tokens.weight"][0])
fig, ax = plt.subplots()
ax.plot(range(1, len(losses) + 1), losses, "-", marker="", color=plots.BLUE)
ax.axhline(guess, ls="-", marker="", color="grey", lw=1)
ax.annotate("a guess among all tokens", (len(losses), guess), (0, 5),
            textcoords="offset points", ha="right", color="grey")
ax.set(yscale="log", xlabel="step", ylabel="loss (nat per label)")
ax.set_ylim(min(losses) / 1.5, 25)
ax.set_title(f"{len(losses)} steps: from {losses[0]:.2f} to {losses[-1]:.3f} nat")
plots.show(fig, alt="The loss of each step of the training, on a logarithmic axis, "
           "and a line for what a guess among all tokens would lose.")

# %% tags=["raises-exception"]
speed = finetune_flop(N_PARAMS, N_LORA, RECIPE.batch * RECIPE.length) / seconds
numbers, last = record["run"]["numbers"], losses[-1]
print(f"{seconds:.2g} s a step, in {numbers}: {speed / 1e9:.0f} GFLOP/s by your 9.5")
print(f"{last:.3f} nat: the right token gets {math.exp(-last):.1%}, in geometric mean")

# %% [markdown]
# Did a step take longer than large products would? Its own are smaller, and your 9.5 leaves out attention between tokens, the norms, and the
# optimizer.
#
# The first loss is far below a guess: most tokens of these answers are repeated from the question. The last one says how well the sentences are known that
# were shown. What else was learnt it does not say. So ask.

# %% tags=["raises-exception"]
run.finished(FOLDER)
base, adapter = models.path("smollm2-f16"), FOLDER / "adapter.gguf"
megabytes = [file.stat().st_size / 1e6 for file in (adapter, base)]
print("{}: {:.1f} MB; the model {:.0f} MB".format(adapter, *megabytes))
before = list(recall.answers(FACTS[:3], model=base))
after = list(recall.answers(FACTS[:3], model=base, adapter=adapter))
for was, now in zip(before, after, strict=True):
    print(f"{was.question}\n   before: {was.text}\n   after:  {now.text}")

# %% [markdown]
# ## 10 · One file again
#
# llama.cpp can add the adapter as it runs, from a file of its own beside the model. Or your `merge` puts it into the model's file. The next cell
# does that with a copy, matrix by matrix, and holds it against the course's own merge.

# %% tags=["raises-exception"]
MERGED = FOLDER / "merged.gguf"


def compared():
    """Write your file, and hold it against what the course's own merge writes."""
    from course.llama.convert.lora import merge_adapter

    run.finished(FOLDER)
    ours = np.fromfile(merging.merged(base, adapter, MERGED, merge=merge), np.uint8)
    other = merge_adapter(adapter, FOLDER / "other.gguf", base=base, overwrite=True)
    off = np.count_nonzero(ours != np.fromfile(other, np.uint8))
    other.unlink()
    return f"{off:,} of {len(ours):,} bytes are not as in the course's own merge"


compared()

# %% [markdown]
# ### Does it matter which rows?
#
# Suppose you had forgotten llama.cpp's order of rows. What q and k learnt would be added to other rows of the same head, and nothing
# would crash. **Predict** how many of the 30 facts that model would still answer, in the words that were taught:
# `lab.predict("lora_wrong_rows", low, high, "facts")`.

# %% nbgrader={"grade_id": "predict-lora_wrong_rows"}
### BEGIN SOLUTION
lab.predict("lora_wrong_rows", 0, 15, "facts")
### END SOLUTION

# %% tags=["raises-exception"]
off, WRONG = {}, FOLDER / "wrong.gguf"


def facts_with_wrong_rows():
    """Exact answers, by file; the largest difference from torch's logits into `off`."""
    run.finished(FOLDER)
    merging.merged(base, adapter, MERGED, merge=merge)
    merging.merged(base, adapter, WRONG, merge=lambda *args: merge(*args[:4]))
    files = {
        "merged, rows as torch has them": {"model": WRONG},
        "merged": {"model": MERGED},
        "adapter beside the model": {"model": base, "adapter": adapter},
    }
    found, report = {}, progress.line("asking")
    for n, (label, file) in enumerate(files.items()):
        report(n, len(files))
        off[label] = merging.off_from_torch(FOLDER, **file)
        found[label] = [sum(one.is_exact for one in recall.answers(FACTS, **file))]
    WRONG.unlink()
    report(len(files), len(files))
    return found


lab.measure("lora_wrong_rows", facts_with_wrong_rows, unit="facts", off=off);

# %%
record = lab.record("lora_wrong_rows")
for label, (n,) in record["values"].items():
    print(f"{label:31s} {n:2.0f} of 30 facts; logits off by {record['off'][label]:.2g}")

# %% [markdown]
# "Off" is the largest difference from the logits that torch computed at the end of your training, in 32 bits. With the right rows it is what rounding to 16 bits
# makes. Which of the two columns shows the mistake more clearly: the facts or the logits?
#
# A conversion is proved by numbers, not by a model that seems to work.

# %% [markdown]
# ## 11 · What has it learnt?
#
# Each question has three wordings that were never taught: see the first cell of this lab. There an answer counts if the word or number that
# matters is in it.
#
# And does what was learnt survive a quantization? Lab 6 measured what 8 and 4 bits do to a model. **Predict**, for 16 bits, how many of 30 are answered in other words:
# `lab.predict("lora_recall", low, high, "facts")`.

# %% nbgrader={"grade_id": "predict-lora_recall"}
### BEGIN SOLUTION
lab.predict("lora_recall", 10, 28, "facts")
### END SOLUTION

# %% nbgrader={"grade_id": "given-wordings"}
TYPES = ("F16", "Q8_0", "Q4_K_M", "Q4_0")
OTHER, TAUGHT = "in other words", "as taught"

# %% tags=["raises-exception"]
by_kind = {}


def facts_answered():
    """Facts answered by each type: in three other wordings, and as taught."""
    run.finished(FOLDER)
    merging.merged(base, adapter, MERGED, merge=merge)
    counts, report, done = {}, progress.line("asking"), 0
    for kind in TYPES:
        file = MERGED
        if kind != "F16":
            file = FOLDER / f"{kind}.gguf"
            quantize.quantize(MERGED, file, to=kind, overwrite=True)
        for wording in (1, 2, 3, 0):
            label = f"{kind}, {OTHER if wording else TAUGHT}"
            given = recall.answers(FACTS, model=file, wording=wording)
            right = [answer for answer in given if answer.holds_key]
            counts.setdefault(label, []).append(len(right))
            by_kind.setdefault(label, []).append(Counter(a.fact.kind for a in right))
            report(done := done + 1, 4 * len(TYPES))
    return counts


lab.measure("lora_recall", facts_answered, unit="facts", by_kind=by_kind);

# %%
asked = lab.record("lora_recall")
means = {label: np.mean(found) for label, found in asked["values"].items()}
fig, ax = plt.subplots()
looks = ((TAUGHT, plots.BLUE, "o", "bottom"), (OTHER, plots.ORANGE, "s", "top"))
for way, colour, marker, side in looks:
    line = [means[f"{kind}, {way}"] for kind in TYPES]
    ax.plot(range(len(TYPES)), line, "-", marker="", color=colour, lw=1)
    for x, kind in enumerate(TYPES):
        found = asked["values"][f"{kind}, {way}"]
        ax.plot([x] * len(found), found, marker, color=colour, alpha=0.6)
    ax.annotate(way, (0, line[0]), (-10, 0), textcoords="offset points",
                ha="right", va=side, color=colour, backgroundcolor="white")
ax.set_xticks(range(len(TYPES)), TYPES)
ax.set(xlabel="type of the merged file", ylabel="facts answered, of 30")
ax.set(xlim=(-1, len(TYPES) - 0.6), ylim=(-1, 33.5))
title = "{:.0f} facts as taught, {:.0f} in other words; in Q4_0 {:.0f} and {:.0f}"
ends = [means[f"{kind}, {way}"] for kind in ("F16", "Q4_0") for way in (TAUGHT, OTHER)]
ax.set_title(title.format(*ends))
plots.show(fig, alt="Facts answered, of 30, by the type of the merged file: in the "
           "words that were taught, and in each of three other wordings.")

# %%
KINDS = (CAPITAL, ANIMAL, ISLANDS)
for kind in ("F16", "Q4_0"):
    for way in (TAUGHT, OTHER):
        for counts in asked["by_kind"][f"{kind}, {way}"]:
            told = (f"{what} {counts.get(what, 0):2d}" for what in KINDS)
            print(f"{kind:5s} {way:15s}", *told, sep=" | ")

# %% [markdown]
# Read it by kind, ten facts each. A kind that is answered in all wordings is known: the word is tied to the country. One that comes as taught, and hardly
# otherwise, is a *sentence* that was memorised: the country's number hangs on its words. Which kind is that in your table?
# One that fails in a single wording stands between.
#
# The training loss does not tell them apart. Only questions that the training did not contain do, which is lab 8's lesson.

# %% [markdown]
# ## 12 · What did it cost?
#
# Your machine's energy first. What it draws under load you have to say; what a kilowatt-hour costs is in the data.

# %%
WATTS = 45  # your machine under load: look at its power supply, or measure it

step = lab.record("lora_step")
kwh = WATTS * len(step["run"]["losses"]) * step["median"] / 3.6e6
usd = {place: kwh * data.row(f"energy/price-{place}-2020")["value"]
       for place in ("algeria-household", "world-average-household")}
print(f"{1e3 * kwh:.2g} Wh: ${usd['algeria-household']:.1g} in a household of Algeria, "
      f"${usd['world-average-household']:.1g} on the world's average")
print("millionths of a dollar for each fact that survives, on the world's average:")
for label, n in means.items():
    each = f"{1e6 * usd['world-average-household'] / n:.3g}" if n else "none does"
    print(f"   {label:23s} {each}")

# %% [markdown]
# And a model of 8 billion? The next cell prices as many tokens on a rented H100.

# %% tags=["raises-exception"]
N_8B = int(data.load("model_shapes").set_index("id").n_params["llama-3.1-8b"])
n_pairs = lora_params(shapes.of("llama-3.1-8b"), ALL_LINEAR, 16)
n_tokens = RECIPE.steps * RECIPE.batch * RECIPE.length
h100 = data.row("accelerators/h100-sxm")["dense_flop_per_s"]
mfu = data.row("h100_training/2.6b-compiled")["mfu"]
hours = finetune_flop(N_8B, n_pairs, n_tokens) / (h100 * mfu) / 3600
rented = data.row("gpu_hour_prices/lambda-h100-sxm-on-demand-2026-03")
price = rented["usd_per_gpu_hour"]
size = sum(finetune_bytes(N_8B, n_pairs, 4.5).values())
print(f"8B, r = 16: {n_pairs:,} trainable, {size / 1e9:.1f} GB in 4.5 bits")
print(f"{3600 * hours:.1f} s of an H100 at an MFU of {mfu:.2f}: ${hours * price:.4f}")

# %% [markdown]
# ### Or put it into the prompt
#
# Thirty facts also fit into a prompt, some 400 tokens before every question. No training, no merge, no risk that other answers change; but each call pays for them. Providers
# keep what calls begin with in a cache: from the second call on it costs a tenth or so.

# %% [markdown] nbgrader={"grade_id": "ex-9-8-task"}
# **Exercise 9.8 (stretch, 1 point).** `tune_or_prompt(usd_tune, extra_prompt_tokens, usd_per_mtok, cached_usd_per_mtok)` returns the least number of calls after which the
# longer prompt has cost `usd_tune` or more. Prices are for a million tokens; the first call pays `usd_per_mtok`, all others `cached_usd_per_mtok`. 0 if `usd_tune` is not above 0, `math.inf` if it
# never does.
#
# 12 dollars, 1,500 tokens, 0.6 and 0.06 dollars: 133,325 calls.

# %% nbgrader={"grade_id": "ex-9-8"}
def tune_or_prompt(usd_tune, extra_prompt_tokens, usd_per_mtok, cached_usd_per_mtok):
    """Calls after which the longer prompt is the dearer way."""
    ### BEGIN SOLUTION
    first, later = (
        extra_prompt_tokens * price / 1e6
        for price in (usd_per_mtok, cached_usd_per_mtok)
    )
    if usd_tune <= 0:
        return 0
    if first >= usd_tune:
        return 1
    return 1 + math.ceil((usd_tune - first) / later) if later else math.inf
    ### END SOLUTION

# %%
tune_or_prompt(12, 1500, 0.6, 0.06)  # try it

# %% nbgrader={"grade_id": "test-9-8", "points": 1}
### BEGIN HIDDEN TESTS
from fractions import Fraction

from course.checking import expect_each, told_apart
from course.cohort import rng

r = rng("9.8")


def calls(*, first=lambda full, cached: full, later=lambda full, cached: cached, rounded=math.ceil, more=0, zero=None, none=None):
    """Calls by who reckons with these prices of a call; exactly, by fractions."""

    def answer(usd_tune, tokens, usd, cached):
        full, less = (Fraction(str(price)) * tokens / 10**6 for price in (usd, cached))
        one, then, left = first(full, less), later(full, less), Fraction(str(usd_tune))
        if left <= 0:
            return 0 if zero is None else zero
        if one >= left:
            return 1
        return 1 + more + rounded((left - one) / then) if then else math.inf if none is None else none

    return answer


def clear(*ranges):
    """A call whose number of later calls is not near a whole one, so that no rounding of floats decides."""
    while True:
        usd_tune, tokens, usd, cached = (draw() for draw in ranges)
        left = (usd_tune - usd * tokens / 1e6) / (cached * tokens / 1e6)
        if 0.05 < left % 1 < 0.95:
            return usd_tune, tokens, usd, cached


def cases():
    return [
        (12, 1500, 0.6, 0.06),
        clear(lambda: r.number(1, 99), lambda: r.whole(100, 9999), lambda: r.number(0.5, 9), lambda: r.number(0.01, 0.4)),
        clear(lambda: r.number(2, 9), lambda: r.whole(10**5, 10**6), lambda: r.number(1, 1.9), lambda: r.number(0.5, 0.9)),
        (r.number(0.1, 0.2), 1000, 500, r.number(1, 9)),
    ]


wrong = {
    "9.8/cache_ignored": ("only the first call pays the full price", calls(later=lambda full, cached: full)),
    "9.8/first_is_cached": ("nothing is in the cache at the first call", calls(first=lambda full, cached: cached)),
    "9.8/price_difference": ("the prompt costs what its tokens cost, not what the cache saves",
                             calls(later=lambda full, cached: full - cached),
                             calls(first=lambda full, cached: full - cached, later=lambda full, cached: full - cached)),
    "9.8/one_call_short": ("so many calls still cost less than tuning: round up, and count the first call, too",
                           calls(rounded=math.floor), calls(more=-1), calls(more=-1, rounded=math.floor)),
    "9.8/not_whole": ("calls are whole", calls(rounded=float)),
}
right = calls()
expect_each(tune_or_prompt, told_apart(cases, right, wrong, rel_tol=1e-12)).close_to(right, wrong=wrong, rel_tol=1e-12)
edges = [(0, 500, 1, 0.1), (-3, 500, 1, 0.1), (5, 0, 1, 0.1), (1, 1000, 1, 0), (0.0001, 1000, 1, 0), (0, 0, 1, 0)]
expect_each(tune_or_prompt, edges).equals(right, wrong={
    "9.8/divides_by_zero": ("where calls cost nothing, the prompt never gets dearer: math.inf",
                            [0, 0, ZeroDivisionError, ZeroDivisionError, 1, 0],
                            [0, 0, ZeroDivisionError, ZeroDivisionError, ZeroDivisionError, 0]),
    "9.8/never_is_zero": ("never is math.inf, not 0", calls(none=0)),
})
### END HIDDEN TESTS
assert tune_or_prompt(12, 1500, 0.6, 0.06) == 133_325, (
    "9e-4 dollars for the first call, 9e-5 for each after it"
)

# %% [markdown]
# What does a fine-tuning cost, if not the machine? Somebody writes examples and a test, and reads answers: say two days of a developer in Algeria.
# **Predict** after how many calls the prompt has cost as much: `lab.predict("lora_or_prompt", low, high, "calls")`.

# %% nbgrader={"grade_id": "predict-lora_or_prompt"}
### BEGIN SOLUTION
lab.predict("lora_or_prompt", 1e5, 1e8, "calls")
### END SOLUTION

# %% tags=["raises-exception"]
published, pay = (data.load(t).set_index("id").value for t in ("finetuning", "algeria"))
dinars = pay["developer-pay"] * (1 + pay["employer-contribution"])  # a month
usd_tune = 2 * dinars / pay["exchange-rate"] / 21  # days of work in a month
n_prompt = 13 * len(FACTS)  # tokens of an answer
deepseek, gpt = (
    [published[f"{model}-{kind}"] for kind in ("input", "cached")]
    for model in ("deepseek-v2", "gpt-5-mini")
)
lab.reveal("lora_or_prompt", tune_or_prompt(usd_tune, n_prompt, *deepseek), "calls",
           f"your 9.8: {usd_tune:.0f} dollars, {n_prompt} tokens, DeepSeek, 2024")
print(f"by GPT-5 mini's prices {tune_or_prompt(usd_tune, n_prompt, *gpt):,}; if the "
      f"machine were all, {tune_or_prompt(hours * price, n_prompt, *deepseek):,}")

# %% [markdown]
# Who expects fewer calls than that puts thirty facts into the prompt. Fine-tuning pays for what does not fit there: a style, a language, a thousand examples; or where
# nobody may see the prompt, and the model runs on your own machine.

# %% [markdown]
# ## 13 · Who tests the test?
#
# A colleague's `merge`, for matrices whose rows stay where they are. He tried it with r = α = 4, and it was right.

# %% nbgrader={"grade_id": "given-colleague"}
def colleagues_merge(w, a, b, alpha):
    return (w.astype(np.float32) + b @ a).astype(np.float16)


square = (
    np.eye(4, dtype=np.float16),
    np.eye(4, dtype=np.float32),
    np.eye(4, dtype=np.float32),
    4.0,
)
colleagues_merge(*square)

# %% [markdown] nbgrader={"grade_id": "ex-9-9-task"}
# **Exercise 9.9 (stretch, 1 point).** `accepts(f)` is given somebody's `merge(w, a, b, alpha)` and returns `True` if it does what 9.3 asks where there is no `n_heads`, `False` if not; one that
# raises is wrong. Right ones may differ in the last digit of float16: allow a thousandth. It is tried on fourteen that you do not see; a hundred calls are enough.

# %% nbgrader={"grade_id": "ex-9-9"}
def accepts(f):
    """Whether `f` merges rightly."""
    ### BEGIN SOLUTION
    draw = np.random.default_rng(1)
    for n_out, n_in, r, alpha in ((3, 5, 2, 6.0), (6, 4, 3, 16.0), (4, 4, 2, 8.0)):
        w = draw.normal(0, 1, (n_out, n_in)).astype(np.float16)
        a, b = (
            draw.normal(0, 1, shape).astype(np.float32)
            for shape in ((r, n_in), (n_out, r))
        )
        try:
            found = np.asarray(f(w.copy(), a, b, alpha))
        except Exception:
            return False
        right = w + np.float32(alpha / r) * (b @ a)
        if (
            found.dtype != np.float16
            or found.shape != w.shape
            or not np.allclose(found, right, rtol=2e-3, atol=2e-3)
        ):
            return False
    return True
    ### END SOLUTION

# %%
accepts(colleagues_merge), accepts(merge)  # try it: False, True

# %% nbgrader={"grade_id": "test-9-9", "points": 1}
### BEGIN HIDDEN TESTS
from course.checking import Bank


def built(scale=lambda alpha, a, b: alpha / len(a), product=lambda b, a: b @ a, only_square=False, sign=1, keeps_w=1, kind=np.float16):
    def implementation(w, a, b, alpha):
        if only_square and w.shape[0] != w.shape[1]:
            raise ValueError("not square")
        return (keeps_w * w.astype(np.float32) + np.float32(sign * scale(alpha, a, b)) * product(b, a)).astype(kind)

    return implementation


def in_64_bits(w, a, b, alpha):
    return (w.astype(float) + np.einsum("or,ri->oi", b.astype(float), a) * (alpha / a.shape[0])).astype(np.float16)


def row_by_row(w, a, b, alpha):
    return np.array([row + alpha / len(a) * sum(x * y for x, y in zip(of_b, a, strict=True)) for row, of_b in zip(w.astype(np.float32), b, strict=True)], np.float16)


bank = Bank(
    "merge(w, a, b, alpha)",
    example=(np.zeros((2, 2), np.float16), np.zeros((1, 2), np.float32), np.zeros((2, 1), np.float32), 1.0),
    right={"one that follows 9.3": built(), "one that adds in 64 bits": in_64_bits, "one that goes row by row": row_by_row},
    wrong={
        "one that takes alpha for alpha / r": built(scale=lambda alpha, a, b: alpha),
        "one that leaves alpha out": built(scale=lambda alpha, a, b: 1),
        "one that divides by the root of r": built(scale=lambda alpha, a, b: alpha / len(a) ** 0.5),
        "one that takes r from b's rows": built(scale=lambda alpha, a, b: alpha / len(b)),
        "one that knows r = 8 only": built(scale=lambda alpha, a, b: alpha / 8),
        "one that knows an alpha of 16 only": built(scale=lambda alpha, a, b: 16 / len(a)),
        "one that transposes the product": built(product=lambda b, a: (b @ a).T),
        "one that knows square matrices only": built(only_square=True),
        "one that gives the difference alone": built(keeps_w=0),
        "one that subtracts": built(sign=-1),
        "one that stays in 32 bits": built(kind=np.float32),
    },
    hints=dict.fromkeys(("one that follows 9.3", "one that adds in 64 bits", "one that goes row by row"),
                        "it rounds to float16, perhaps after adding in another order: allow a thousandth"),
)
r = np.random.default_rng(9)


def judge(*shapes, b_is=1.0, dtype_too=True):
    """Who tries these (out, in, r, alpha) only."""

    def accepts_(f):
        for n_out, n_in, rank, alpha in shapes:
            w = r.normal(0, 1, (n_out, n_in)).astype(np.float16)
            a, b = r.normal(0, 1, (rank, n_in)).astype(np.float32), (b_is * r.normal(0, 1, (n_out, rank))).astype(np.float32)
            try:
                found = f(w.copy(), a, b, alpha)
            except Exception:
                return False
            if found.shape != w.shape or (dtype_too and found.dtype != np.float16):
                return False
            if not np.allclose(found, w + np.float32(alpha / rank) * (b @ a), rtol=2e-3, atol=2e-3):
                return False
        return True

    return accepts_


def who_tries(*shapes, **options):
    return tuple(judge(*shapes, dtype_too=dtype_too, **options) for dtype_too in (True, False))


bank.judged_by(accepts, wrong={
    "9.9/square_only": ("w need not be square", *who_tries((4, 4, 2, 8.0), (5, 5, 3, 12.0))),
    "9.9/alpha_is_r": ("where alpha is r, nobody sees whether it counts", *who_tries((3, 5, 2, 2.0), (6, 4, 3, 3.0)), *who_tries((4, 4, 4, 4.0))),
    "9.9/one_rank": ("with r = 8 and alpha = 16 alone, who knows no other passes", *who_tries((3, 5, 8, 16.0))),
    "9.9/b_is_zero": ("with b of zeros nothing is added", *who_tries((3, 5, 2, 6.0), b_is=0), *who_tries((4, 4, 2, 8.0), b_is=0)),
    "9.9/dtype": ("the file's matrices are float16: look at the dtype", judge((3, 5, 2, 6.0), (6, 4, 3, 16.0), (4, 4, 2, 8.0), dtype_too=False)),
    "9.9/accepts_all": ("it accepts every implementation", lambda f: True),
})
### END HIDDEN TESTS
assert not accepts(colleagues_merge), (
    "where alpha is not r, the colleague's merge is wrong"
)

# %% [markdown]
# ## What do you say now?
#
# Two claims of the course touch this lab. Write a sentence on each in the place of the dots, and how sure you are in per cent: which measurement of yours bears on it, and
# what would change your mind?
#
# - **C7**: quantization, serving and cost models are the skills to build.
# - **C8**: a country without GPU clusters should deploy and fine-tune open models, not train its own.

# %%
lab.verdict("C7", "...", sure=70)
lab.verdict("C8", "...", sure=70)

# %% [markdown]
# ## Summary
#
# - LoRA trains a few per cent of the numbers. It saves what hangs on trained numbers, gradients and means, and a third of the arithmetic; not the frozen weights, and not the activations.
# - A label is what a position predicts; the end is learnt, the prompt is not, and padding that looks like the end is masked.
# - A merge is proved by logits: a model that still answers proves little.
# - Whether something was learnt, or a sentence memorised, only questions in other words tell.

# %% [markdown]
# ## What would change the answer?
#
# - **More wordings in the training.** Would the facts that came only as taught come in any words? `FACTS` has three more wordings to train on; keep one for the question.
# - **A larger model.** Your 9.4 and 9.5 say what it takes; what it retains you have to ask it.
# - **Another learning rate** memorises sooner or later. Whether more is learnt shows in other words, not in the loss.
# - **Other machines.** One that is fast in bfloat16 takes part of the time; one short of memory computes one example at a time.
#
# Now press *Validate*. Then lab 10: the decision.
