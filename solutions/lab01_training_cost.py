# %% [markdown]
# # What did GPT-4 cost?
#
# "It took 25,000 A100s a hundred days and cost over $100 million." Which part of that is arithmetic, which a leak,
# and which does not say what it counts? After this lab you can put an interval on the price of any training run.
#
# An A100 is NVIDIA's training chip of 2020. *The leak* is an article by SemiAnalysis of July 2023, never confirmed.
#
# **110 minutes, 1 GB of memory, no network.** You measure your machine's matrix products.

# %% nbgrader={"grade_id": "start"}
from math import isclose

import matplotlib.pyplot as plt
import numpy as np

from course import data, lab, plots

lab.start("lab01", cohort="2026")
plots.use_style()

# %% [markdown]
# ## How this lab works
#
# An exercise is four cells: the task, your answer, a cell to try it in, and a check, which holds the worked example
# only. For the hidden tests press *Validate*, above the notebook: it saves, and says how many points you have, and
# which known wrong idea an answer holds.
#
# Each answer can be written without the others. *Stretch* exercises are worth one point, the others two.

# %% [markdown]
# **Predictions.** Before a number that you did not compute is shown, you say what you expect:
# `lab.predict(what, low, high, unit)`, an interval that you are 80 % sure of. It is locked when the number is shown.
#
# Nobody is graded for being right. Lab 10 shows you how often you were: at 80 % sure, one in five should be outside.

# %% [markdown]
# | symbol | in code | what it is | unit |
# |---|---|---|---|
# | N | `n_active_params` | parameters that each token passes through | parameter |
# | D | `n_tokens` | tokens that the model is trained on | token |
# | C | `train_flop` | operations of the whole run | FLOP |
# | P | `peak_flop_per_s` | what a device computes at best: dense, in 16 bits | FLOP/s |
# | MFU | `mfu` | the share of P that the model's own arithmetic gets | between 0 and 1 |
# | h | `device_hours` | devices × hours | h |
#
# Each lab begins with its words and symbols; `course data symbols` shows those of all.

# %% [markdown]
# ## 1 · What is one operation?
#
# A language model is mostly matrices. A *layer* multiplies the row of numbers that stands for a token by a matrix; the
# row that comes out goes into the next layer. Its number j is x₁·w₁ⱼ + x₂·w₂ⱼ + …, over the row that went in.
#
# Papers disagree by a factor of two on what "one FLOP" is. Here a multiplication and its addition count as **2**.

# %% [markdown] nbgrader={"grade_id": "ex-1-1-task"}
# **Exercise 1.1 (2 points).** `layers_flop(n_tokens, widths)` returns the FLOP of sending `n_tokens` tokens through
# layers. `widths` are the lengths of the rows: two or more, the first goes in, the last comes out. Layers add no
# constants. Three tokens through `[5, 7, 2]`, a 5×7 matrix and then a 7×2 one, take 294.

# %% nbgrader={"grade_id": "ex-1-1"}
def layers_flop(n_tokens, widths):
    """FLOP of n_tokens tokens going through layers, 2 per multiply-add."""
    ### BEGIN SOLUTION
    n_weights = sum(widths[i] * widths[i + 1] for i in range(len(widths) - 1))
    return 2 * n_tokens * n_weights
    ### END SOLUTION


# %%
layers_flop(3, [5, 7, 2])  # try it

# %% nbgrader={"grade_id": "test-1-1", "points": 2}
### BEGIN HIDDEN TESTS
from itertools import pairwise

from course.checking import expect_each
from course.cohort import rng

r = rng("1.1")


def added_up(flop):
    """A function of the exercise's arguments: `flop(n_tokens, d_in, d_out)`, added up over the layers."""
    return lambda n, widths: sum(flop(n, d_in, d_out) for d_in, d_out in pairwise(widths))


def distinct(n, most):
    return r.choice(np.arange(2, most), n, replace=False).tolist()


cases = [  # one layer, one token, wider and narrower, large
    (3, [5, 7]),
    (1, distinct(4, 99)),
    (r.whole(2, 99), distinct(3, 999)),
    (r.whole(10**4, 10**5), distinct(5, 9999)),
]
expect_each(layers_flop, cases).equals(added_up(lambda n, d_in, d_out: 2 * n * d_in * d_out), wrong={
    "1.1/multiply_add": ("a multiply-add counts as 2 FLOP here, not as 1", added_up(lambda n, i, o: n * i * o)),
    "1.1/last_addition": ("the convention counts as many additions as multiplications, not one fewer",
                          added_up(lambda n, i, o: n * o * (2 * i - 1))),
    "1.1/square": ("a matrix need not be square: what comes out may have another width than what goes in",
                   added_up(lambda n, i, o: 2 * n * i * i), added_up(lambda n, i, o: 2 * n * o * o)),
    "1.1/one_token": ("each token goes through the layers: where is n_tokens?", added_up(lambda n, i, o: 2 * i * o)),
    "1.1/ends": ("what goes in and what comes out last is not all: each layer has its matrix",
                 lambda n, widths: 2 * n * widths[0] * widths[-1]),
    "1.1/one_layer": ("that is one layer: add up all of them",
                      lambda n, widths: 2 * n * widths[0] * widths[1],
                      lambda n, widths: 2 * n * widths[-2] * widths[-1]),
    "1.1/product": ("layers follow one another: their operations add up, they do not multiply",
                    lambda n, widths: 2 * n * np.prod(widths, dtype=object)),
})
### END HIDDEN TESTS
assert layers_flop(3, [5, 7, 2]) == 294, "the worked example: 210 for 5×7, 84 for 7×2"

# %% [markdown]
# ## 2 · From layers to a training run
#
# A token costs 2 FLOP for each weight that it meets. That is the *forward* pass. To learn, the *backward* pass makes
# two more products for each matrix, of the same size: one says how each weight should change, the other how the row
# that went in should have been different.
#
# Left out: attention between tokens, and what is computed twice to save memory. Lab 2 counts them.

# %% [markdown] nbgrader={"grade_id": "ex-1-2-task"}
# **Exercise 1.2 (2 points).** `train_flop(n_active_params, n_tokens)` returns the FLOP of a training run. 1e9
# parameters and 2e10 tokens take 1.2e20.
#
# *Active*: a mixture of experts has many more parameters than a token meets. It is sent through a few experts only, and
# the parameters that it does meet are the active ones.

# %% nbgrader={"grade_id": "ex-1-2"}
def train_flop(n_active_params, n_tokens):
    """FLOP of forward and backward passes over all tokens."""
    ### BEGIN SOLUTION
    return 6 * n_active_params * n_tokens
    ### END SOLUTION


# %%
train_flop(1e9, 2e10)  # try it

# %% nbgrader={"grade_id": "test-1-2", "points": 2}
### BEGIN HIDDEN TESTS
from course.checking import expect, expect_each
from course.cohort import rng

r = rng("1.2")
cases = [(r.number(1e8, 1e12), r.number(1e9, 2e13)), (r.whole(10**6, 10**7), 1)]
expect_each(train_flop, cases).close_to(lambda n, d: 6 * n * d, wrong={
    "1.2/forward_only": ("that is the forward pass alone; training also goes backward", lambda n, d: 2 * n * d),
    "1.2/backward_only": ("that is the backward pass alone; it follows a forward pass", lambda n, d: 4 * n * d),
    "1.2/multiply_add": ("that counts multiply-adds; each is 2 FLOP here", lambda n, d: 3 * n * d),
    "1.2/recompute": ("that computes the forward pass twice, to save memory; here each operation counts once",
                      lambda n, d: 8 * n * d),
})
published = data.load("training_runs").set_index("name")
for name in ("GPT-3 175B", "Llama 3.1 405B"):
    n, d, flop = published.loc[name, ["n_active_params", "n_tokens", "flop_published"]].tolist()
    expect(train_flop, n, d).close_to(flop, rel_tol=0.01)
### END HIDDEN TESTS
assert isclose(train_flop(1e9, 2e10), 1.2e20), "the worked example: 1.2e20 FLOP"

# %% [markdown]
# ### Does it reconcile?
#
# This is the course's first formula, C = 6ND. Three papers print the operations of their run. GPT-3's and Llama's were
# counted in the same way, so agreeing with them says that you share a convention. PaLM's paper also counts attention.

# %% tags=["raises-exception"]
runs = data.load("training_runs").set_index("name")
for name in ("GPT-3 175B", "PaLM 540B", "Llama 3.1 405B"):
    run = runs.loc[name]
    yours, theirs = train_flop(run.n_active_params, run.n_tokens), run.flop_published
    print(f"{name:14s} theirs {theirs:.2e}, yours {yours:.2e}: {yours / theirs:.3f}")

# %% [markdown]
# ## 3 · How fast is your machine?
#
# You are about to multiply n×n matrices in 32 bits, n from 4096 down to 256, five times each, on all cores. It takes
# up to half a minute.
#
# **Predict** the median of the five at n = 4096: `lab.predict("matmul", low, high, "GFLOP/s")`.
#
# <details><summary>Where to start</summary>Cores × 3e9 to 4e9 cycles per second × floats per vector (8 or 16) × 2
# vector units × 2 operations (a multiply-add). What a busy laptop sustains is less.</details>

# %% nbgrader={"grade_id": "predict-matmul"}
### BEGIN SOLUTION
lab.predict("matmul", 50, 500, "GFLOP/s")
### END SOLUTION

# %% tags=["raises-exception"]
from course.measure import matmul

lab.measure("matmul", matmul.rates, unit="FLOP/s");

# %% [markdown]
# The record, with your processor and all repetitions, is in this notebook's output and in `measurements.json` beside
# it. If you skipped the measurement, the lab goes on with a reference machine's record and says so.

# %%
record = lab.record("matmul")
machine = "this machine" if lab.is_own("matmul") else "the reference machine"
own_rate = record["median"]  # at n = 4096; the lab goes on with it

fig, ax = plt.subplots()
sizes = [int(label.split()[-1]) for label in record["values"]]
for n, rates in zip(sizes, record["values"].values(), strict=True):
    ax.plot([n] * len(rates), np.array(rates) / 1e9, "o", color=plots.BLUE, alpha=0.6)
ax.set(xscale="log", xlabel="matrix size n", ylabel="speed (GFLOP/s)")
ax.set_ylim(bottom=0)
ax.set_xticks(sizes, [str(n) for n in sizes], minor=False)
ax.minorticks_off()
ax.set_title(f"{machine.capitalize()}: {own_rate / 1e9:.0f} GFLOP/s at n = 4096")
plots.show(fig, alt="Measured GFLOP/s of square matrix products against their size, "
           "five repetitions each.")

# %%
accelerators = data.load("accelerators").set_index("name")
h100 = accelerators.loc["H100 SXM", "dense_flop_per_s"]

# %%
small = np.median(record["values"]["n = 256"])
print(f"One product of n = 256 takes {2e3 * 256**3 / small:.2g} ms, "
      f"at {small / own_rate:.2f} of the speed of n = 4096.")
print(f"An H100's data sheet promises {h100 / 1e12:.0f} TFLOP/s, in 16 bits: "
      f"{h100 / own_rate:,.0f} times {machine}, in 32.")

# %% [markdown]
# Is your smallest size much slower than the largest? Memory is not the reason: three matrices of n = 256 take 0.8 MB,
# which stays in a cache. But all cores are woken for each product, and it ends when the last of them has: for so little
# work that takes longer than the work.
#
# Repetitions of one size that lie far apart are other work on the machine. It moves a median less than a mean.

# %% [markdown]
# ## 4 · What share of the peak does a run get?
#
# A data sheet's peak is a promise. Memory, network, restarts and waiting eat the rest. The **model FLOP utilisation**
# (MFU) of a whole run compares the operations that its model needed with those that its devices could have done in all
# the hours for which they were taken.

# %% [markdown] nbgrader={"grade_id": "ex-1-3-task"}
# **Exercise 1.3 (2 points).** `mfu_of_run(run, device)` returns the MFU of a whole run. `run` has the keys
# `params_total`, `params_active`, `tokens`, `device_hours`. `device` has `dense_flop_per_s`, its peak for ordinary
# matrices, and `sparse_flop_per_s`, for matrices half of whose numbers are zero (None where its maker prints none).
# Return what comes out, as a fraction, neither rounded nor cut off. The example below gives 1/3.

# %% nbgrader={"grade_id": "ex-1-3"}
def mfu_of_run(run, device):
    """Utilisation of a whole run, as a fraction of the peak."""
    ### BEGIN SOLUTION
    flop = 6 * run["params_active"] * run["tokens"]
    return flop / (run["device_hours"] * 3600 * device["dense_flop_per_s"])
    ### END SOLUTION


# %%
example_run = {"params_total": 1e9, "params_active": 1e9, "tokens": 2e10,
               "device_hours": 1000}
example_device = {"dense_flop_per_s": 1e14, "sparse_flop_per_s": None}
mfu_of_run(example_run, example_device)  # try it

# %% nbgrader={"grade_id": "test-1-3", "points": 2}
### BEGIN HIDDEN TESTS
from course.checking import expect_each
from course.cohort import rng

r = rng("1.3")
chips = data.load("accelerators").set_index("name")[["dense_flop_per_s", "sparse_flop_per_s"]].to_dict("index")


def mfu(run, device, params="params_active", peak="dense_flop_per_s"):
    return 6 * run[params] * run["tokens"] / (run["device_hours"] * 3600 * device[peak])


def possible(run, device):
    if (share := mfu(run, device)) > 1:
        raise ValueError(share)
    return share


def drawn(chip, hours):
    total = r.number(2e11, 2e12)
    return {"params_total": total, "params_active": r.number(total / 20, total / 4), "tokens": r.number(5e12, 2e13),
            "device_hours": hours}, chips[chip]


def published(name):
    row = data.load("training_runs").set_index("name").loc[name].to_dict()
    return {"params_total": row["n_params"], "params_active": row["n_active_params"], "tokens": row["n_tokens"],
            "device_hours": row["device_hours"]}, chips[row["device"]]


cases = [  # possible, impossible (more than 1), nearly nothing
    drawn("H100 SXM", r.number(1e8, 2e8)), drawn("A100 80GB", r.number(1e4, 1e5)), drawn("H100 SXM", 1e13),
    published("GPT-4 (leak)"), published("Llama 2 70B"),
]
expect_each(mfu_of_run, cases).close_to(mfu, wrong={
    "1.3/total": ("a token meets only the active parameters", lambda *a: mfu(*a, params="params_total")),
    "1.3/sparse": ("a model's matrices are ordinary ones, without zeros in half of their places: take the dense peak",
                   lambda *a: mfu(*a, peak="sparse_flop_per_s")),
    "1.3/hours": ("device_hours are hours; the peak is per second", lambda *a: mfu(*a) * 3600),
    "1.3/hours_divided": ("more hours make the share smaller: 3600 goes below the line, with them",
                          lambda *a: mfu(*a) * 3600**2),
    "1.3/percent": ("a fraction is asked, not per cent", lambda *a: mfu(*a) * 100),
    "1.3/cut_off": ("an impossible share is worth knowing: return what comes out",
                    lambda *a: min(1, mfu(*a)), possible),
})
### END HIDDEN TESTS
assert isclose(
    mfu_of_run(
        {"params_total": 1e9, "params_active": 1e9, "tokens": 2e10,
         "device_hours": 1000},
        {"dense_flop_per_s": 1e14, "sparse_flop_per_s": None},
    ),
    1 / 3,
), "the worked example: 1.2e20 FLOP in 3.6e6 s at 1e14 FLOP/s"

# %% [markdown]
# ### A number that cannot be
#
# Now the run that this lab is about, as the leak has it.

# %% nbgrader={"grade_id": "given-leak"}
claims = data.load("gpt4_claims")
said = claims[claims.who == "SemiAnalysis"].set_index("quantity")
days = said.loc["days", ["low", "high"]].mean().mean()
leak, a100 = runs.loc["GPT-4 (leak)"], accelerators.loc["A100 40GB"].to_dict()


def as_run(row, hours):
    """A row of the table with the keys of exercise 1.3."""
    return {"params_total": row.n_params, "params_active": row.n_active_params,
            "tokens": row.n_tokens, "device_hours": hours}


print(f"{leak.n_params:.3g} parameters, {leak.n_active_params:.3g} of them active, "
      f"{leak.n_tokens:.3g} tokens, {leak.device_hours:.3g} hours of A100s")

# %% tags=["raises-exception"]
run = as_run(leak, leak.device_hours)
all_params = {**run, "params_active": run["params_total"]}
half_zeros = {**a100, "dense_flop_per_s": a100["sparse_flop_per_s"]}
print(f"your MFU of GPT-4's leak:      {mfu_of_run(run, a100):.2f}")
print(f"with all parameters as active: {mfu_of_run(all_params, a100):.2f}")
print(f"with the sparse peak:          {mfu_of_run(run, half_zeros):.2f}")

# %% [markdown]
# Is the first number of yours above 1, and equal to the second? Then your function takes parameters that no token
# meets. No chip does more than its peak, so that mistake gives itself away: **an impossible number is a cheap test**.
#
# The sparse peak is about twice the dense one, and training does not use it. Who takes it gets half: wrong, and quite
# possible. What nothing contradicts needs a second source.

# %% [markdown]
# ### What do published runs get?
#
# The table holds runs whose device-hours are published or follow from what is. Grade A means that all inputs are
# explicit. Your function gives the MFU of every one of them. (A TPU is Google's training chip; H800 is the H100 with
# slower links, for export.)

# %%
graded = runs[runs.grade == "A"]
device_of = accelerators.to_dict("index")


def whole_run_mfu(devices):
    """Your MFU of each grade A run on devices of this name ("A100|H100": either)."""
    chosen = graded[graded.device.str.contains(devices)]

    def mfu(row):
        return mfu_of_run(as_run(row, row.device_hours), device_of[row.device])

    return chosen.apply(mfu, axis=1)

# %% tags=["raises-exception"]
utilisation = whole_run_mfu("")
low, mid, high = utilisation.quantile([0.1, 0.5, 0.9])
print(f"{len(utilisation)} runs: median {mid:.2f}, middle 80 % {low:.2f} to {high:.2f}")

# %% tags=["raises-exception"]
utilisation = whole_run_mfu("")
fig, ax = plt.subplots(figsize=(8, 3.8))
named = {"A100": "LLaMA-13B", "H100|H800": "DeepSeek-V2", "TPU": "PaLM 540B"}
above = {"xytext": (0, 9), "textcoords": "offset points", "ha": "center"}
for row, (family, example) in enumerate(named.items()):
    own = 100 * whole_run_mfu(family)
    look = {"color": plots.COLOURS[row], "alpha": 0.7}
    ax.plot(own, [row] * len(own), plots.MARKERS[row], **look)
    ax.annotate(example, (own[example], row), **above)
for n, side in zip(said.loc["devices", "value"], ("right", "left"), strict=True):
    share = 100 * mfu_of_run(as_run(leak, n * days * 24), a100)
    ax.plot(share, 3, "D", color=plots.BLACK, markerfacecolor="none")
    ax.annotate(f"  {n:,.0f} A100s  ", (share, 3), ha=side, va="center")
ax.set(xlabel="utilisation (% of the dense 16-bit peak)", ylim=(3.5, -0.7))
ax.set_xlim(left=0, right=112 * utilisation.max())
ax.set_yticks(range(4), [*(name.replace("|", ", ") for name in named), "GPT-4's leak"])
ax.set_title(f"Published runs got {utilisation.min():.0%} to {utilisation.max():.0%} "
             "of what the data sheet promises")
plots.show(fig, alt="Utilisation of the grade A runs by family of chips, "
           "and of GPT-4 by the leak's two numbers of A100s.")

# %% [markdown]
# ### Which MFU?
#
# Training goes in *steps*, each over a batch of tokens. Your function divides by all the hours for which PaLM's chips
# were taken. Its paper prints another MFU: that of the steps alone, from one step's tokens and seconds.
#
# **Predict** the printed one, in per cent: `lab.predict("palm_mfu", low, high, "%")`.

# %% nbgrader={"grade_id": "predict-palm"}
### BEGIN SOLUTION
lab.predict("palm_mfu", 32, 50, "%")
### END SOLUTION

# %%
palm = runs.loc["PaLM 540B"]
lab.reveal("palm_mfu", 100 * palm.mfu_published, "%", palm.source_title);

# %% tags=["raises-exception"]
print(f"PaLM's whole run, by your function: {whole_run_mfu('TPU')[palm.name]:.1%}")

# %% [markdown]
# Both are right. The difference is restarts, repeated work and waiting, and you pay for those too. When somebody quotes
# an MFU, ask which one: a price needs the whole run's.

# %% [markdown]
# ## 5 · Hours and money
#
# Turn the definition around and you can price a run that has not happened yet: take the MFU that similar runs got, and
# read off the hours. Whether 1,000 devices run for a month or 100 for ten, the device-hours are the same.

# %% [markdown] nbgrader={"grade_id": "ex-1-4-task"}
# **Exercise 1.4 (2 points).** `device_hours(flop, peak_flop_per_s, mfu)` returns device-hours. 3.6e15 FLOP at a peak of
# 1e12 FLOP/s and 50 % utilisation take 2 device-hours. Raise `ValueError` unless 0 < mfu ≤ 1.

# %% nbgrader={"grade_id": "ex-1-4"}
def device_hours(flop, peak_flop_per_s, mfu):
    """Device-hours; independent of how many devices share the work."""
    ### BEGIN SOLUTION
    if not 0 < mfu <= 1:
        raise ValueError(f"mfu is a fraction in (0, 1], got {mfu}")
    return flop / (peak_flop_per_s * mfu) / 3600
    ### END SOLUTION


# %%
device_hours(3.6e15, 1e12, 0.5)  # try it

# %% nbgrader={"grade_id": "test-1-4", "points": 2}
### BEGIN HIDDEN TESTS
from course.checking import NOTHING_REFUSED, expect, expect_each
from course.cohort import rng

r = rng("1.4")


def hours(flop, peak, mfu):
    return flop / (peak * mfu) / 3600


def refusing(is_refused, percent=1):
    """The hours of who refuses some mfu, and divides those above 1 by `percent`."""

    def answer(flop, peak, mfu):
        if is_refused(mfu):
            raise ValueError(mfu)
        return hours(flop, peak, mfu / percent if mfu > 1 else mfu)

    return answer


cases = [  # large, small, at the edge of the domain
    (r.number(1e20, 1e24), r.number(1e14, 1e15), r.number(0.2, 0.6)),
    (r.number(1, 9), r.number(1e14, 1e15), r.number(0.001, 0.01)),
    (r.number(1e20, 1e24), r.number(1e14, 1e15), 1),
]
expect_each(device_hours, cases).close_to(hours, wrong={
    "1.4/seconds": ("that is in seconds; hours are asked", lambda *a: hours(*a) * 3600),
    "1.4/minutes": ("that is in minutes; hours are asked", lambda *a: hours(*a) * 60),
    "1.4/times_3600": ("there are fewer hours than seconds: divide by 3600", lambda *a: hours(*a) * 3600**2),
    "1.4/peak": ("that is the time at peak speed: where is mfu?", lambda flop, peak, mfu: hours(flop, peak, 1)),
    "1.4/multiplied": ("a lower utilisation takes longer: divide by mfu",
                       lambda flop, peak, mfu: hours(flop, peak, 1) * mfu),
})
llama = data.load("training_runs").set_index("name").loc["Llama 3.1 405B"]
peak = data.load("accelerators").set_index("name").dense_flop_per_s[llama.device].item()
share = 6 * llama.n_active_params * llama.n_tokens / (llama.device_hours * 3600 * peak)
expect(device_hours, llama.flop_published, peak, share).close_to(llama.device_hours, rel_tol=0.01)

nonsense = [(3.6e15, 1e12, mfu) for mfu in (40, 1.01, 0, -0.1)]
expect_each(device_hours, nonsense).raises(ValueError, wrong={
    "1.4/nothing_refused": ("an mfu that is no fraction is refused by a ValueError", NOTHING_REFUSED),
    "1.4/percent": ("an mfu of 40 is no fraction: refuse it, do not take it for 40 %",
                    refusing(lambda mfu: False, percent=100), refusing(lambda mfu: mfu <= 0, percent=100)),
    "1.4/above_one": ("no run gets more than the peak: refuse an mfu above 1, too", refusing(lambda mfu: mfu <= 0)),
    "1.4/not_positive": ("at an mfu of 0 a run never ends, and no mfu is below 0: refuse both by a ValueError",
                         refusing(lambda mfu: mfu > 1), refusing(lambda mfu: mfu < 0 or mfu > 1)),
})
### END HIDDEN TESTS
assert isclose(device_hours(3.6e15, 1e12, 0.5), 2), "the worked example: 2 device-hours"

# %% [markdown]
# ### A prediction, and a round trip
#
# Llama 3.1 405B's own MFU is computed *from* its hours: to put it back in and find the hours is a round trip, and
# tests nothing. A prediction takes what *other* runs got.
#
# **Predict** Llama 3.1 405B's device-hours on H100s: `lab.predict("llama_405b_hours", low, high, "million h")`. The
# next cell takes what the others got: the middle 80 %, and their median.

# %% tags=["raises-exception"]
llama = runs.loc["Llama 3.1 405B"]
flop = train_flop(llama.n_active_params, llama.n_tokens)
for share in whole_run_mfu("").drop(llama.name).quantile([0.1, 0.5, 0.9]):
    print(f"at {share:.2f}: {device_hours(flop, h100, share) / 1e6:5.1f} million hours")

# %% nbgrader={"grade_id": "predict-llama"}
### BEGIN SOLUTION
lab.predict("llama_405b_hours", 24, 43, "million h")
### END SOLUTION

# %%
llama = runs.loc["Llama 3.1 405B"]
million_h = llama.device_hours / 1e6
lab.reveal("llama_405b_hours", million_h, "million h", llama.source_title);

# %% [markdown]
# ### A bill to the second
#
# The course trained a small model of its own, for Python code, on two threads of a processor, and kept the bill. (Labs
# 2, 5 and 6 take the model apart.) You get N, D, and how fast such a machine multiplies matrices in 16 bits and in 32.
#
# **Predict** how long it took: `lab.predict("two_bills_code_time", low, high, "s")`. Which peak does the run's MFU
# belong to, and which MFU do you expect?

# %%
import json

from course import models

folder = models.folder_of("two-bills-code")
bill = json.loads((folder / "training_bill.json").read_text())
trained_on = json.loads((folder / "training_machine.json").read_text())
peaks = trained_on["matmul_flop_per_s"]
n_params, n_tokens = bill["n_params"], bill["tokens"]
print(f"N = {n_params:,} parameters, D = {n_tokens:,} tokens, {bill['device']}")
print(f"its arithmetic: {bill['arithmetic']}")
for name, rate in peaks.items():
    print(f"matrix products of such a machine in {name}: {rate / 1e9:.0f} GFLOP/s")

# %% tags=["raises-exception"]
flop = train_flop(n_params, n_tokens)
for name, rate in peaks.items():
    for share in (0.25, 0.5, 1):
        seconds = 3600 * device_hours(flop, rate, share)
        print(f"at {share:.2f} of the {name} peak: {seconds:7,.0f} s")

# %% nbgrader={"grade_id": "predict-code"}
### BEGIN SOLUTION
lab.predict("two_bills_code_time", 6000, 14000, "s")
### END SOLUTION

# %%
lab.reveal("two_bills_code_time", bill["seconds"], "s", "the bill of the run itself");

# %% tags=["raises-exception"]
flop = train_flop(n_params, n_tokens)
for name, rate in peaks.items():
    print(f"share of the {name} peak: {flop / bill['seconds'] / rate:.2f}")
print(f"at the speed of {machine}, all else alike: "
      f"{bill['seconds'] * peaks['float32'] / own_rate / 3600:.1f} h")

# %% [markdown]
# One run, two shares, one twice the other. The run multiplied in 16 bits, so the first is its MFU; the second compares
# it with a peak that it never used. Chips have a peak for each number of bits. **Always ask: of which peak?**

# %% [markdown]
# ### Own instead of rent
#
# Who owns devices pays for the part of their life that a run takes, and for electricity, which is sold by the kWh, a
# kilowatt for an hour. The building draws more than its devices, for cooling and conversion: the factor is the **PUE**
# (power usage effectiveness). 1.1 means 10 % on top.

# %% [markdown] nbgrader={"grade_id": "ex-1-5-task"}
# **Exercise 1.5 (stretch, 1 point).** `owned_cost_usd(n_devices, usd_per_device, life_h, used_h, power_kw, pue,
# usd_per_kwh)` returns what a run costs its owner: the part of the purchase that it uses up, and its electricity.
# `used_h` are hours on the clock, and `power_kw` is what one device draws. `(8, 30000, 35040, 8760, 0.7, 1.2, 0.10)`
# costs $65,886.72. Raise `ValueError` if `used_h` is more than `life_h`.

# %% nbgrader={"grade_id": "ex-1-5"}
def owned_cost_usd(
    n_devices, usd_per_device, life_h, used_h, power_kw, pue, usd_per_kwh
):
    """USD for using n_devices of one's own for used_h hours of their life of life_h."""
    ### BEGIN SOLUTION
    if used_h > life_h:
        raise ValueError(f"{used_h} h are more than the device's life of {life_h} h")
    purchase = n_devices * usd_per_device * used_h / life_h
    electricity = n_devices * power_kw * used_h * pue * usd_per_kwh
    return purchase + electricity
    ### END SOLUTION


# %%
owned_cost_usd(8, 30000, 35040, 8760, 0.7, 1.2, 0.10)  # try it

# %% nbgrader={"grade_id": "test-1-5", "points": 1}
### BEGIN HIDDEN TESTS
from course.checking import NOTHING_REFUSED, expect_each
from course.cohort import rng

r = rng("1.5")


def bought(n, usd, life, used, kw, pue, kwh):
    return n * usd * used / life


def power(n, usd, life, used, kw, pue, kwh):
    return n * kw * used * pue * kwh


def owner(used_h):
    """What an owner pays for so many hours, n > 1 and PUE > 1, so that nothing drops out."""
    return (r.whole(2, 5000), r.number(1e4, 4e4), 35040, used_h, r.number(0.3, 1.4), r.number(1.05, 1.6),
            r.number(0.03, 0.3))


cases = [owner(r.whole(100, 20000)), owner(r.number(0.01, 1)), owner(35040)]  # some, hardly any, all of its life
expect_each(owned_cost_usd, cases).close_to(lambda *a: bought(*a) + power(*a), wrong={
    "1.5/full_purchase": ("the devices outlive this run: charge only the part used",
                          lambda n, usd, *a: n * usd + power(n, usd, *a)),
    "1.5/no_hours": ("kW times a price per kWh is no money: multiply by the hours",
                     lambda n, usd, life, used, *a: bought(n, usd, life, used, *a) + power(n, usd, life, 1, *a)),
    "1.5/life": ("electricity is paid for the hours used, not for the whole life",
                 lambda n, usd, life, used, *a: bought(n, usd, life, used, *a) + power(n, usd, life, life, *a)),
    "1.5/pue_ignored": ("the building draws more than the devices: where is the PUE?",
                        lambda *a: bought(*a) + power(*a) / a[5]),
    "1.5/pue_twice": ("the PUE counts once", lambda *a: bought(*a) + power(*a) * a[5]),
    "1.5/pue_on_purchase": ("the PUE is about electricity, not about the purchase",
                            lambda *a: bought(*a) * a[5] + power(*a)),
    "1.5/one_device": ("n_devices are bought, and n_devices draw power: count all in both",
                       lambda *a: bought(*a) + power(*a) / a[0], lambda *a: bought(*a) / a[0] + power(*a)),
    "1.5/watts": ("power_kw is in kW already", lambda *a: bought(*a) + power(*a) / 1000),
})
nonsense = [(8, 30000, 35040, used, 0.7, 1.2, 0.1) for used in (35041, 70080)]
expect_each(owned_cost_usd, nonsense).raises(ValueError, wrong={
    "1.5/nothing_refused": ("more hours than the devices live are refused by a ValueError", NOTHING_REFUSED),
})
### END HIDDEN TESTS
assert isclose(
    owned_cost_usd(8, 30000, 35040, 8760, 0.7, 1.2, 0.10), 65886.72
), "the worked example: 60,000 of the purchase, and 5,886.72 of electricity"

# %% [markdown] nbgrader={"grade_id": "ex-1-6-task"}
# **Exercise 1.6 (stretch, 1 point).** `energy_mwh(device_hours, watts, pue)` returns the energy that a run draws from
# the grid. 2e6 device-hours at 500 W and a PUE of 1 are 1,000 MWh. Mind the prefixes: W·h, kWh, MWh.

# %% nbgrader={"grade_id": "ex-1-6"}
def energy_mwh(device_hours, watts, pue):
    """MWh drawn by devices of `watts` each, and by the building around them."""
    ### BEGIN SOLUTION
    return device_hours * watts * pue / 1e6
    ### END SOLUTION


# %%
energy_mwh(2e6, 500, 1)  # try it

# %% nbgrader={"grade_id": "test-1-6", "points": 1}
### BEGIN HIDDEN TESTS
from course.checking import expect, expect_each
from course.cohort import rng

r = rng("1.6")


def mwh(hours, watts, pue):
    return hours * watts * pue / 1e6


cases = [  # usual, hardly any with a wasteful building, no overhead at all
    (r.number(1e3, 1e7), r.whole(200, 1200), r.number(1.05, 1.6)),
    (r.number(0.01, 1), r.whole(200, 1200), r.number(1.6, 2.5)),
    (r.number(1e3, 1e7), r.whole(200, 1200), 1),
]
expect_each(energy_mwh, cases).close_to(mwh, wrong={
    "1.6/watt_hours": ("that is in W·h: a MWh is a million W·h", lambda *a: mwh(*a) * 1e6),
    "1.6/kwh": ("that is in kWh, or takes W·h for kWh: a MWh is a million W·h", lambda *a: mwh(*a) * 1e3),
    "1.6/gwh": ("that is in GWh: a MWh is a million W·h", lambda *a: mwh(*a) / 1e3),
    "1.6/joules": ("device_hours are hours already, and W times hours are W·h", lambda *a: mwh(*a) * 3600,
                   lambda *a: mwh(*a) / 3600),
    "1.6/pue_ignored": ("the building draws more than the devices: where is the PUE?",
                        lambda hours, watts, pue: mwh(hours, watts, 1)),
    "1.6/pue_divides": ("the building draws more, not less: the PUE multiplies",
                        lambda hours, watts, pue: mwh(hours, watts, 1 / pue)),
    "1.6/overhead": ("that is the building's part alone: devices draw power, too",
                     lambda hours, watts, pue: mwh(hours, watts, pue - 1)),
    "1.6/pue_added": ("a PUE of 1.1 is 1.1 times as much, not 110 % more",
                      lambda hours, watts, pue: mwh(hours, watts, 1 + pue)),
})
llama = data.load("training_runs").set_index("name").loc["LLaMA-65B"]
watts = data.load("accelerators").set_index("name").tdp_w[llama.device].item()
pue = data.load("energy").set_index("name").value["LLaMA (assumed)"].item()
expect(energy_mwh, llama.device_hours, watts, pue).close_to(llama.energy_mwh, rel_tol=0.01)
### END HIDDEN TESTS
assert isclose(energy_mwh(2e6, 500, 1), 1000), "the worked example: 1e9 W·h"

# %% [markdown]
# Is that the bill? Compare the electricity of two runs, at a price for industry and a PUE of 1.1, with what renting
# the devices would cost at 2 dollars an hour. The watts are an eighth of a machine of eight: a chip's share of
# everything in the box, which is more than the chip.

# %% tags=["raises-exception"]
energy = data.load("energy").set_index("name").value
for name, box, chip in (("Llama 3.1 405B", "DGX H100, maximum", "H100 SXM"),
                        ("GPT-4 (leak)", "DGX A100, maximum", "A100 40GB")):
    hours, watts = runs.loc[name, "device_hours"], energy[box] / 8
    drawn = energy_mwh(hours, watts, 1.1)
    usd = drawn * 1e3 * energy["USA, industrial"]
    alone = device_of[chip]["tdp_w"]
    print(f"{name}: {watts:,.0f} W each (the chip alone {alone:.0f}), {drawn:,.0f} MWh")
    print(f"  million dollars: electricity {usd / 1e6:.1f}, rent {hours * 2 / 1e6:.0f}")

# %% [markdown]
# ## 6 · Audit a press release
#
# A release prints what it rests on, and four numbers that follow, each from the *other printed* numbers: operations
# from parameters and tokens; utilisation from the printed operations, devices and days; energy from devices, days,
# watts and PUE; cost from devices, days and price. At most one of the four is wrong.

# %% nbgrader={"grade_id": "given-devices"}
peaks_of = accelerators[["dense_flop_per_s", "sparse_flop_per_s"]]
DEVICES = {name: peaks_of.loc[name].to_dict() for name in ("A100 80GB", "H100 SXM")}
RELEASE = {
    "params_total": 70e9, "params_active": 70e9, "tokens": 2e12,
    "device": "A100 80GB", "n_devices": 2000, "days": 36,
    "watts": 400, "pue": 1.1, "usd_per_hour": 2.0,
    "flop": 8.4e23, "mfu": 0.433, "energy_mwh": 760_000, "cost_usd": 3.46e6,
}
DEVICES

# %% [markdown] nbgrader={"grade_id": "ex-1-7-task"}
# **Exercise 1.7 (2 points).** `audit_release(claim)` returns the one of `"flop"`, `"mfu"`, `"energy_mwh"`, `"cost_usd"`
# that does not follow from the other printed numbers, or `None`. `claim` has the keys of `RELEASE` above; its device is
# in `DEVICES`. Numbers are rounded: a right one is within 3 % of what follows, a wrong one off by 15 % or more.

# %% nbgrader={"grade_id": "ex-1-7"}
def audit_release(claim):
    """The derived field that does not follow from the others, or None."""
    ### BEGIN SOLUTION
    hours = claim["n_devices"] * claim["days"] * 24
    peak = DEVICES[claim["device"]]["dense_flop_per_s"]
    derived = {
        "flop": 6 * claim["params_active"] * claim["tokens"],
        "mfu": claim["flop"] / (hours * 3600 * peak),
        "energy_mwh": hours * claim["watts"] * claim["pue"] / 1e6,
        "cost_usd": hours * claim["usd_per_hour"],
    }
    for field, value in derived.items():
        if abs(claim[field] / value - 1) > 0.10:
            return field
    return None
    ### END SOLUTION


# %%
audit_release(RELEASE)  # try it

# %% nbgrader={"grade_id": "test-1-7", "points": 2}
### BEGIN HIDDEN TESTS
from course.checking import expect_each
from course.cohort import rng

r = rng("1.7")
FIELDS = ("flop", "mfu", "energy_mwh", "cost_usd")


def following(claim, params="params_active", peak="dense_flop_per_s", mfu=1, day_h=24, has_pue=1, mwh=1e6):
    """What follows from the printed numbers; the keywords are what is done otherwise by who has a wrong idea."""
    hours = claim["n_devices"] * claim["days"] * day_h
    return {
        "flop": 6 * claim[params] * claim["tokens"],
        "mfu": mfu * claim["flop"] / (hours * 3600 * DEVICES[claim["device"]][peak]),
        "energy_mwh": hours * claim["watts"] * claim["pue"] ** has_pue / mwh,
        "cost_usd": hours * claim["usd_per_hour"],
    }


def audit(tolerance=0.1, **slip):
    def verdict(claim):
        values = following(claim, **slip)
        return next((f for f in FIELDS if abs(claim[f] - values[f]) > tolerance * values[f]), None)

    return verdict


def printed(value, digits=3):
    return float(f"{value:.{digits}g}")


def release(wrong=None, slip=None, *, is_round=False):
    """A release whose field `wrong` was computed by a slip, or else is off by a factor.

    The number of devices is such that the MFU is usual, by the printed operations even where these are wrong: nothing
    is impossible but what is wrong.
    """
    digits = 1 if is_round else 3  # so that 6ND can be printed as it is
    total = r.number(3e10, 9e11, digits=digits)
    is_mixture = slip or r.random() < 0.5
    claim = {
        "params_total": total, "params_active": printed(total * r.uniform(0.1, 0.3), digits) if is_mixture else total,
        "tokens": r.number(1e12, 9e12, digits=digits), "device": str(r.choice(list(DEVICES))),
        "n_devices": 1, "days": r.whole(10, 120), "watts": r.whole(300, 1200),
        "pue": r.choice([1.25, 1.3, 1.4] if slip else [1.02, 1.04, 1.25, 1.4]).item(),  # a wrong one shows; not all do
        "usd_per_hour": r.number(0.8, 4.5, digits=3), "flop": 0,
    }
    for field in FIELDS:
        done_otherwise = (slip or {}) if field == wrong else {}
        if field == "mfu":
            claim["n_devices"] = round(following(claim)["mfu"] / r.uniform(0.25, 0.5))
        value = following(claim, **done_otherwise)[field]
        if field == wrong and not slip:
            value *= r.choice([r.uniform(0.6, 0.8), r.uniform(1.25, 1.8)])
        claim[field] = value if is_round and field == "flop" else printed(value * r.uniform(0.98, 1.02))
    return claim


TOTAL, SPARSE, SECONDS, PERCENT = {"params": "params_total"}, {"peak": "sparse_flop_per_s"}, {"mfu": 3600}, {"mfu": 100}
HOURS, KWH, NO_PUE = {"day_h": 1}, {"mwh": 1e3}, {"has_pue": 0}
releases = [  # each slip in one of them at least, so that who has it calls that one right, and no other slip does
    *[release(is_round=is_round) for is_round in (True, False) * 5],
    *[release("flop", slip) for slip in (TOTAL, TOTAL, TOTAL, None, None, None)],
    *[release("mfu", slip) for slip in (SPARSE, SPARSE, SPARSE, HOURS, SECONDS, PERCENT, None, None)],
    *[release("energy_mwh", slip) for slip in (KWH, KWH, KWH, NO_PUE, NO_PUE, HOURS, None, None)],
    *[release("cost_usd", slip) for slip in (HOURS, HOURS, HOURS, None, None, None, None, None)],
]
cases = [(releases[i],) for i in r.permutation(len(releases))]
expect_each(audit_release, cases).equals(audit(), wrong={
    "1.7/total": ("a token meets only the active parameters", audit(**TOTAL)),
    "1.7/sparse": ("a model's matrices are ordinary ones: divide by the dense peak", audit(**SPARSE)),
    "1.7/kwh": ("a MWh is a million W·h", audit(**KWH)),
    "1.7/days": ("a day has 24 hours", audit(**HOURS)),
    "1.7/seconds": ("the peak is per second: an hour has 3600", audit(**SECONDS)),
    "1.7/percent": ("the printed mfu is a fraction, not per cent", audit(**PERCENT)),
    "1.7/no_pue": ("the building draws more than the devices: where is the PUE?", audit(**NO_PUE)),
    "1.7/suspects_everything": ("rounding is no error: a right number may be off by 3 %",
                                *(audit(tolerance) for tolerance in (0, 1e-9, 1e-6, 1e-3, 0.01))),
    "1.7/suspects_nothing": ("it finds nothing wrong with any release", lambda claim: None),
    "1.7/list": ("one name is asked, or None: not a list of names",
                 lambda claim: [audit()(claim)] if audit()(claim) else []),
})
### END HIDDEN TESTS
assert audit_release(RELEASE) == "energy_mwh", "760 MWh were printed as 760,000"

# %% [markdown]
# ## 7 · A price is an interval
#
# Nobody outside OpenAI knows GPT-4's operations, utilisation or price per hour. So say what you do know: a range for
# each. Draw each from its range, compute the cost, repeat ten thousand times, and see where the middle 90 % lie.
#
# If you know hardly more than the order of magnitude, let equal *factors* be equally likely, 1 to 2 as 5 to 10: the
# *logarithm* is uniform, *log-uniform* for short. It is a choice.

# %% [markdown] nbgrader={"grade_id": "ex-1-8-task"}
# **Exercise 1.8 (2 points).** `cost_interval(seed, ranges, n=10_000)` returns the 5th, 50th and 95th percentile of `n`
# drawn costs in USD. `ranges` has `flop`, `mfu`, `usd_per_hour`, each `(low, high)`, possibly equal: draw each
# log-uniformly, independently, by a generator of your own, `numpy.random.default_rng(seed)`. Another seed draws
# others; n = 1 gives one cost, three times. The peak is 312e12 FLOP/s.
#
# For the ranges below the median is about $166 million. (`device_hours` takes single numbers, not arrays.)

# %% nbgrader={"grade_id": "ex-1-8"}
def cost_interval(seed, ranges, n=10_000):
    """(p5, p50, p95) of a run's cost in USD on devices of 312e12 FLOP/s."""
    ### BEGIN SOLUTION
    rng = np.random.default_rng(seed)
    flop, mfu, usd_per_hour = (
        np.exp(rng.uniform(np.log(low), np.log(high), n))
        for low, high in (ranges["flop"], ranges["mfu"], ranges["usd_per_hour"])
    )
    usd = flop / (312e12 * mfu) / 3600 * usd_per_hour
    return tuple(np.percentile(usd, [5, 50, 95]).tolist())
    ### END SOLUTION


# %%
example = {"flop": (2e25, 2e25), "mfu": (0.34, 0.34), "usd_per_hour": (1, 10)}
cost_interval(0, example)  # try it

# %% nbgrader={"grade_id": "test-1-8", "points": 2}
### BEGIN HIDDEN TESTS
from course.checking import expect, expect_each
from course.cohort import rng

r = rng("1.8")
DRAWS = 200_000  # of what is expected: its own error is a third of a per cent
dice = np.random.default_rng(r.whole(0, 10**6))


def log_uniform(low, high):
    return low * (high / low) ** dice.random(DRAWS)


def uniform(low, high):
    return dice.uniform(low, high, DRAWS)


def bell(widths):
    """A normal distribution, in which the range is so many standard deviations wide."""
    return lambda low, high: dice.normal((low + high) / 2, (high - low) / widths, DRAWS)


def usd(flop, mfu, usd_per_hour):
    return flop / (312e12 * mfu) / 3600 * usd_per_hour


def interval(draw=log_uniform, cost=usd, percentiles=(5, 50, 95), middle=None):
    """The answer of who draws, reckons and sums up so."""

    def answer(seed, ranges, n):
        costs = cost(**{name: draw(low, high) for name, (low, high) in ranges.items()})
        low, mid, high = np.percentile(costs, percentiles)
        return low, middle(costs) if middle else mid, high

    return answer


shares = dice.random(DRAWS)


def same_share(low, high):
    return low * (high / low) ** shares


def from_ends(middle):
    """The answer of who takes the cheapest and the dearest case for the percentiles."""

    def answer(seed, ranges, n):
        (flop, most_flop), (mfu, most_mfu), (price, most_price) = ranges["flop"], ranges["mfu"], ranges["usd_per_hour"]
        low, high = usd(flop, most_mfu, price), usd(most_flop, mfu, most_price)
        return low, middle(low, high), high

    return answer


def from_percentiles(seed, ranges, n):
    """The answer of who reckons with the percentiles of the inputs, the highest mfu for the lowest cost."""
    (flop, most_flop), (mfu, most_mfu), (price, most_price) = ranges["flop"], ranges["mfu"], ranges["usd_per_hour"]
    return tuple(
        usd(flop * (most_flop / flop) ** q, most_mfu * (mfu / most_mfu) ** q, price * (most_price / price) ** q)
        for q in (0.05, 0.5, 0.95)
    )


def up_to(low, factor):
    return low, float(f"{low * factor:.4g}")


flop, mfu, price = r.number(1e24, 2e25), r.number(0.2, 0.4), r.number(0.5, 2)
wide = {"flop": up_to(flop, 4), "mfu": up_to(mfu, 1.5), "usd_per_hour": up_to(price, 8)}
price_only = {"flop": (flop, flop), "mfu": (mfu, mfu), "usd_per_hour": up_to(price, 20)}
seed = r.whole(1, 10**6)
cases = [(seed, price_only, 60_000), (seed + 1, wide, 60_000)]
expect_each(cost_interval, cases).close_to(interval(), rel_tol=0.05, wrong={
    "1.8/uniform": ("draw the logarithm uniformly, not the number", interval(uniform)),
    "1.8/normal": ("a range says nothing of a bell: draw the logarithm uniformly",
                   *(interval(bell(widths)) for widths in (3.29, 4, 6))),
    "1.8/times_mfu": ("a lower utilisation costs more: divide by mfu",
                      interval(cost=lambda flop, mfu, usd_per_hour: usd(flop, 1 / mfu, usd_per_hour))),
    "1.8/seconds": ("the price is per hour, of 3600 seconds",
                    interval(cost=lambda flop, mfu, usd_per_hour: 3600 * usd(flop, mfu, usd_per_hour))),
    "1.8/together": ("three inputs are rarely low together: draw each anew, and take the percentiles of the costs",
                     interval(same_share), from_percentiles),
    "1.8/ends": ("the ends of the ranges are not the 5th and 95th percentile: draw",
                 from_ends(lambda low, high: (low * high) ** 0.5), from_ends(lambda low, high: (low + high) / 2)),
    "1.8/mean": ("the 50th percentile is the median, not the mean", interval(middle=np.mean)),
    "1.8/other_percentiles": ("the 5th and the 95th percentile are asked", interval(percentiles=(2.5, 50, 97.5)),
                              interval(percentiles=(10, 50, 90))),
})
fixed = {"flop": (flop, flop), "mfu": (mfu, mfu), "usd_per_hour": (price, price)}
expect(cost_interval, seed, fixed).close_to((usd(flop, mfu, price),) * 3)

drawn = expect(cost_interval, seed, wide)
drawn.repeats(idea="1.8/unseeded")
drawn.differs(seed + 1, wide, why="is the generator made from seed?", idea="1.8/seed_ignored")
drawn.keeps_numpys_generator(idea="1.8/global_generator")

one = expect(cost_interval, seed, wide, 1).look("the number of different costs", lambda three: len({float(c) for c in three}))
one.equals(1, wrong={"1.8/n_ignored": ("with n = 1 there is one cost: draw n", 3)})
### END HIDDEN TESTS
assert isclose(
    cost_interval(
        0, {"flop": (2e25, 2e25), "mfu": (0.34, 0.34), "usd_per_hour": (1, 10)}
    )[1],
    165.6e6,
    rel_tol=0.05,
), "the worked example: $166 million, ± 5 % from drawing"

# %% [markdown]
# ## 8 · Who tests the test?
#
# A wrong cost model with a test that cannot fail looks exactly like a right one. Here are two colleagues' versions of
# exercise 1.6. Both pass its worked example; the second one is right.

# %% nbgrader={"grade_id": "given-colleagues"}
def first_colleagues(device_hours, watts, pue):
    return device_hours * watts / 1e6


def second_colleagues(device_hours, watts, pue):
    devices_mwh = device_hours * watts / 1e6
    return devices_mwh + devices_mwh * (pue - 1)


first_colleagues(2e6, 500, 1), second_colleagues(2e6, 500, 1)

# %% [markdown] nbgrader={"grade_id": "ex-1-9-task"}
# **Exercise 1.9 (stretch, 1 point).** `accepts(f)` is given somebody's implementation of `energy_mwh(device_hours,
# watts, pue)` and returns `True` if it is right, `False` if it is wrong. It is tried on some that you do not see. Those
# that are wrong go wrong with ordinary inputs, hundreds of watts and a PUE from 1 to 2, but not with all of them. A
# hundred calls of `f` are enough.

# %% nbgrader={"grade_id": "ex-1-9"}
def accepts(f):
    """Whether `f` computes energy_mwh rightly."""
    ### BEGIN SOLUTION
    cases = [((2e6, 500, 1), 1000.0), ((1e6, 400, 1.8), 720.0), ((12.5, 330, 1.1), 0.0045375)]
    return all(isclose(f(*inputs), right, rel_tol=1e-9) for inputs, right in cases)
    ### END SOLUTION


# %%
accepts(first_colleagues), accepts(second_colleagues)  # try it: False, True

# %% nbgrader={"grade_id": "test-1-9", "points": 1}
### BEGIN HIDDEN TESTS
from course.checking import Bank

bank = Bank(
    "energy_mwh(device_hours, watts, pue)",
    example=(2e6, 500, 1),
    right={
        "one that multiplies": lambda h, w, pue: h * w * pue / 1e6,
        "one that goes by kW": lambda h, w, pue: h * (w / 1000) * pue / 1000,
        "one that adds the overhead": lambda h, w, pue: (h * w + h * w * (pue - 1)) * 1e-6,
    },
    wrong={
        "one that ignores the PUE": lambda h, w, pue: h * w / 1e6,
        "one that divides by the PUE": lambda h, w, pue: h * w / pue / 1e6,
        "one that takes the PUE twice": lambda h, w, pue: h * w * pue**2 / 1e6,
        "one that counts the overhead only": lambda h, w, pue: h * w * (pue - 1) / 1e6,
        "one that gives kWh": lambda h, w, pue: h * w * pue / 1e3,
        "one that gives whole MWh": lambda h, w, pue: h * w * pue // 1e6,
        "one with a PUE of its own": lambda h, w, pue: h * w * 1.1 / 1e6,
        "one that never goes below a PUE of 1.2": lambda h, w, pue: h * w * max(pue, 1.2) / 1e6,
        "one that believes no PUE above 1.5": lambda h, w, pue: h * w * min(pue, 1.5) / 1e6,
        "one that takes 500 W for all": lambda h, w, pue: h * 500 * pue / 1e6,
    },
    hints=dict.fromkeys(
        ["one that goes by kW", "one that adds the overhead"],
        "another order of operations differs in the last digit: compare with isclose",
    ),
)


def at(watts, *pues, factor=1e-6):
    """The judgement of who tries so many watts, and these PUEs."""
    return lambda f: all(isclose(f(1000.5, watts, pue), 1000.5 * watts * pue * factor) for pue in pues)


bank.judged_by(accepts, wrong={
    "1.9/pue_one": ("a test with a PUE of 1 cannot see what happens to the PUE", at(500, 1), at(400, 1),
                    lambda f: isclose(f(2e6, 500, 1), 1000)),
    "1.9/one_pue": ("one PUE is not enough: try a low one and a high one",
                    *(at(watts, pue) for watts in (400, 500) for pue in (1.1, 1.15, 1.2, 1.3, 1.4, 1.5, 1.8, 2))),
    "1.9/accepts_all": ("it accepts every implementation", lambda f: True),
    "1.9/refuses_all": ("it refuses every implementation", lambda f: False),
    "1.9/kwh": ("what it expects is in kWh, not in MWh", at(400, 1.15, 1.6, factor=1e-3)),
})
### END HIDDEN TESTS
assert not accepts(first_colleagues), "the first colleague forgets the PUE"
assert accepts(second_colleagues), "the second colleague is right: compare with isclose"

# %% [markdown]
# ## 9 · Would you have known?
#
# A forecast is worth what it says of runs that it has not seen. So leave each published run out in turn, show the
# others, and ask for an interval that is 80 % sure. Its **score**: the width, plus ten times what the truth lies
# outside, both in the logarithm of the hours. Too wide costs, and so does too sure; less is better.

# %% nbgrader={"grade_id": "given-history"}
KEYS = {"org": "org", "year": "year", "device": "device", "tokens": "n_tokens",
        "params_active": "n_active_params", "device_hours": "device_hours"}
HISTORY = [
    {key: row[column] for key, column in KEYS.items()}
    | {"dense_flop_per_s": float(device_of[row["device"]]["dense_flop_per_s"])}
    for row in graded.to_dict("records")
]


def interval_score(forecast, hours):
    """Of an 80 % interval (low, mid, high): less is better."""
    low, _, high = np.log(np.array(forecast, dtype=float))
    outside = max(0, low - np.log(hours), np.log(hours) - high)
    return high - low + 10 * outside


HISTORY[0]

# %% [markdown] nbgrader={"grade_id": "ex-1-10-task"}
# **Exercise 1.10 (stretch, 1 point).** `forecast_hours(run, history)` returns `(low, mid, high)` in device-hours,
# low ≤ mid ≤ high: an 80 % interval and its middle. `history` is a list of dicts like the one above, in any order;
# `run` is another, without `device_hours`. Over the grade A runs, each left out in turn, the mean score is **at most
# 1.0**, and a quarter to three quarters of them take more than `mid`. If all past runs got one MFU, `mid` is what the
# run takes at that.
#
# The hidden test multiplies parameters, tokens and all hours by factors that you do not know: read history.

# %% nbgrader={"grade_id": "ex-1-10"}
def forecast_hours(run, history):
    """(low, mid, high) of the run's device-hours: an 80 % interval, and its middle."""
    ### BEGIN SOLUTION
    def seconds_at_peak(run):
        return 6 * run["params_active"] * run["tokens"] / run["dense_flop_per_s"]

    mfus = [seconds_at_peak(past) / (3600 * past["device_hours"]) for past in history]
    shares = np.quantile(mfus, [0.9, 0.5, 0.1])  # the best share takes the fewest hours
    return tuple((seconds_at_peak(run) / shares / 3600).tolist())
    ### END SOLUTION


# %%
run = {key: value for key, value in HISTORY[0].items() if key != "device_hours"}
forecast_hours(run, HISTORY[1:])  # try it

# %% nbgrader={"grade_id": "test-1-10", "points": 1}
### BEGIN HIDDEN TESTS
from course.checking import expect_each
from course.cohort import rng

r = rng("1.10")
TIMES = r.number(0.6, 0.7), r.number(1.4, 1.9)  # all hours, once so and once so: a constant MFU fits one of them at most
ACTIVE, TOKENS = r.number(0.5, 2), r.number(0.5, 2)


def scaled(past, times):
    hours = past["device_hours"] * ACTIVE * TOKENS * times
    changed = {"params_active": past["params_active"] * ACTIVE, "tokens": past["tokens"] * TOKENS, "device_hours": hours}
    return {**past, **{key: float(f"{value:.5g}") for key, value in changed.items()}}


cases, truths = {}, []
for times in TIMES:
    runs_then = [scaled(past, times) for past in HISTORY]
    for i, run in enumerate(runs_then):
        truths.append(run["device_hours"])
        asked = {key: value for key, value in run.items() if key != "device_hours"}
        others = [runs_then[j] for j in r.permutation(len(runs_then)) if j != i]
        cases[f"a run of {run['org']} on {run['device']}, {run['year']}, number {len(truths)}"] = asked, others


def numbers(forecast):
    return [float(hours) for hours in forecast]


def count(forecast):
    return 1 if isinstance(forecast, int | float) else len(numbers(forecast))


def order(forecast):
    low, mid, high = numbers(forecast)
    if 0 < low <= mid <= high < np.inf:
        return "rising from above 0"
    return "falling" if 0 < high <= mid <= low < np.inf else f"{low:g}, {mid:g}, {high:g}"


def mean_score(forecasts):
    return float(np.mean([interval_score(forecast, hours) for forecast, hours in zip(forecasts, truths, strict=True)]))


def ignores_history(forecasts):
    return np.allclose(forecasts[: len(HISTORY)], forecasts[len(HISTORY) :], rtol=1e-6, atol=0)


def has_no_width(forecasts):
    return not ignores_history(forecasts) and all(isclose(low, high) for low, _, high in forecasts)


def coverage(forecasts):
    n = sum(low <= hours <= high for (low, _, high), hours in zip(forecasts, truths, strict=True))
    return f"{100 * n / len(truths):.0f} % of the runs are inside, 80 % should be"


def above_mid(forecasts):
    return float(np.mean([hours > mid for (_, mid, _), hours in zip(forecasts, truths, strict=True)]))


def are_shares(forecasts):
    return all(high < 2 for _, _, high in forecasts)  # no run took so few hours


def ignores_run(forecasts):
    mids = [mid for _, mid, _ in forecasts[: len(HISTORY)]]
    return max(mids) < 3 * min(mids) and not are_shares(forecasts) and not ignores_history(forecasts)


def ignores_peak(forecasts):
    def per_flop(run, past):
        return past["device_hours"] / past["params_active"] / past["tokens"] * run["params_active"] * run["tokens"]

    medians = [np.median([per_flop(run, past) for past in others]) for run, others in cases.values()]
    return np.allclose([mid for _, mid, _ in forecasts], medians, rtol=1e-3)


answers = expect_each(forecast_hours, cases)
answers.look("the count of numbers", count).equals([3] * len(cases))
answers.look("the order of low, mid, high", order).equals(["rising from above 0"] * len(cases), wrong={
    "1.10/turned": ("a low MFU takes many hours, and a high one few", ["falling"] * len(cases)),
})
forecasts = answers.look("the interval", numbers)
forecasts.scores(mean_score, at_most=1.0, called="the mean score", wrong={
    "1.10/history_ignored": ("it forecasts the same whatever history says: an MFU from elsewhere, perhaps one of "
                             "steps, is not that of these runs: what did the runs in history get?", ignores_history),
    "1.10/no_width": ("an interval without width is wrong each time: how far apart are the runs in history?", has_no_width),
    "1.10/mfu": ("those are shares of the peak: hours are asked", are_shares),
    "1.10/run_ignored": ("it forecasts about the same hours for every run: how much is there to compute?", ignores_run),
    "1.10/peak_ignored": ("an H100 needs fewer hours than an A100 for the same operations: where is dense_flop_per_s?",
                          ignores_peak),
}, told=coverage)
forecasts.scores(lambda all_of_them: abs(above_mid(all_of_them) - 0.5), at_most=0.25,
                 called="the distance between one half and the share of runs above mid", wrong={
    "1.10/no_middle": ("mid is an end of the interval: half of the runs should take more hours, half fewer",
                       lambda all_of_them: all(mid in (low, high) for low, mid, high in all_of_them)),
}, told=lambda all_of_them: f"{100 * above_mid(all_of_them):.0f} % of the runs take more hours than mid")
### END HIDDEN TESTS
run = {"org": "A", "year": 2023, "device": "A100 80GB", "dense_flop_per_s": 1e12,
       "params_active": 1_000_000, "tokens": 1.2e9}
past = [{**run, "params_active": n, "device_hours": n / 250_000}
        for n in (500_000, 700_000, 900_000)]  # each at an MFU of one half
_, mid, _ = forecast_hours(run, past)
assert isclose(mid, 4, rel_tol=0.1), "the worked example: 4 hours at the others' MFU"

# %% [markdown]
# How good is it on the published runs themselves? Each dot is a forecast that never saw its run.

# %% tags=["raises-exception"]
forecasts = []
for i, past in enumerate(HISTORY):
    run = {key: value for key, value in past.items() if key != "device_hours"}
    forecasts.append(forecast_hours(run, HISTORY[:i] + HISTORY[i + 1:]))
low, mid, high = np.array(forecasts, dtype=float).T
hours = np.array([past["device_hours"] for past in HISTORY])
inside = (low <= hours) & (hours <= high)
score = np.mean([interval_score(*pair) for pair in zip(forecasts, hours, strict=True)])
print(f"mean score {score:.2f}; {inside.sum()} of {len(hours)} inside, 80 % would be "
      f"{0.8 * len(hours):.0f}")

fig, ax = plt.subplots(figsize=(8, 3.8))
for chosen, colour, marker in ((inside, plots.BLUE, "o"), (~inside, plots.ORANGE, "s")):
    x = hours[chosen]
    ax.vlines(x, low[chosen] / x, high[chosen] / x, color=colour, lw=3, alpha=0.3)
    ax.plot(x, mid[chosen] / x, marker, color=colour)
ax.axhline(1, color="grey", lw=1, ls="-", marker="", zorder=0)
ax.set(xscale="log", yscale="log", xlabel="published device-hours (h)")
ax.set_ylabel("forecast / published hours")
ticks = [0.25, 0.5, 1, 2, 4]
ax.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
ax.minorticks_off()
ax.set_title(f"{inside.sum()} of {len(hours)} published runs are inside their forecast "
             "(dots)")
plots.show(fig, alt="Forecast by published hours of each run, with 80 % intervals; "
           "squares are outside.")

# %% [markdown]
# ### And an interval like that of 1.8?
#
# For GPT-4 you are about to draw the MFU log-uniformly between two ends, the 10th and the 90th percentile of what
# published A100 runs got. You would be 80 % sure of the middle 80 % of such draws. **Predict** the share of the
# published runs whose MFU is in it: `lab.predict("mfu_inside_80", low, high, "%")`.

# %% nbgrader={"grade_id": "predict-inside"}
### BEGIN SOLUTION
lab.predict("mfu_inside_80", 55, 85, "%")
### END SOLUTION

# %% tags=["raises-exception"]
shares = whole_run_mfu("")
low, high = whole_run_mfu("A100").quantile([0.1, 0.9])
inside = shares.between(low * (high / low) ** 0.1, low * (high / low) ** 0.9)
lab.reveal("mfu_inside_80", 100 * inside.mean(), "%",
           f"of {len(shares)} published runs");

# %% [markdown]
# Is it less than 80 %? The ends held the middle 80 % already, and the middle 80 % of the draws between them leaves out
# more. The range of an input has to reach as far as the input can: for GPT-4 you take the lowest and the highest.

# %% [markdown]
# ## 10 · Devices and days
#
# Now the claims. **C1**: about 25,000 A100s for 90 to 100 days. Who says what, when, and where does it come from?
# *Derived* is what others computed from the leak.

# %%
def shown(number):
    return f"{number:,.0f}" if 10 <= number < 1e6 else f"{number:.3g}"


def figure(value, low, high):
    """What a claim says: a value, a range, or a least."""
    if value > 0:
        return shown(value)
    return f"{shown(low)} to {shown(high)}" if high > 0 else f"over {shown(low)}"


claims["year"] = claims.source_date.str[:4]
claims["figure"] = [figure(c.value, c.low, c.high) for c in claims.itertuples()]
columns = ["who", "year", "quantity", "figure", "unit", "origin"]
print(claims.loc[claims.claim == "C1", columns].to_string(index=False))

# %% [markdown]
# Do so many devices, for so many days, fit the leak's own parameters and tokens? Your function says which MFU that
# takes, for either number of devices. The leak also prints a bill, "at about a dollar" an hour.

# %% tags=["raises-exception"]
for devices in said.loc["devices", "value"]:
    spent = devices * days * 24
    print(f"{devices:,.0f} A100s for {days:.0f} days: {spent / 1e6:.1f} million hours, "
          f"MFU {mfu_of_run(as_run(leak, spent), a100):.3f}")
bill_usd = said.loc["usd", "value"]
print(f"the leak's bill of {bill_usd / 1e6:.0f} million dollars "
      f"is ${bill_usd / leak.device_hours:.2f} for each of the first hours")
on_a100 = whole_run_mfu("A100")
print(f"published A100 runs: MFU {on_a100.min():.2f} to {on_a100.max():.2f}, "
      f"median {on_a100.median():.2f}")

# %% [markdown]
# Both numbers of devices are possible: one needs the middle of what published runs got, the other their upper end.
# Arithmetic refutes neither. And that the leak's figures agree with each other confirms nothing, since operations,
# devices and days all come from the same leak.

# %%
# Your verdict on C1, so far. Replace the dots by a sentence that says what you computed
# and from whose numbers, and the 70 by how sure you are, in per cent.
lab.verdict("C1", "...", sure=70)

# %% [markdown]
# ## 11 · Over 100 million dollars?
#
# **C2**: asked whether training GPT-4 had cost that much, Sam Altman, OpenAI's head, said that it was more. Others
# estimated what renting the devices of the final run would have cost, Epoch AI among them, who collect such figures.
#
# **Predict** Epoch AI's estimate of that rent: `lab.predict("gpt4_rent", low, high, "million $")`.

# %% nbgrader={"grade_id": "predict-gpt4"}
### BEGIN SOLUTION
lab.predict("gpt4_rent", 40, 200, "million $")
### END SOLUTION

# %%
epoch = claims[claims.who == "Epoch AI"].set_index(["quantity", "bill"]).sort_index()
rent = epoch.loc[("usd", "rental")].iloc[0]
lab.reveal("gpt4_rent", rent.value / 1e6, "million $", rent.source_title);

# %% [markdown]
# Three kinds of bill are about. *Rental* is hours times a price; *amortised* charges the part of owned hardware's life
# that the run took; *purchase* buys the whole cluster.

# %%
costs = claims[claims.quantity == "usd"].copy()
altman = costs[costs.value.isna()].iloc[0]  # the only one who says "over"
costs["million"] = [figure(c.value / 1e6, c.low / 1e6, 0) for c in costs.itertuples()]
print(costs[["who", "year", "bill", "million", "origin"]].to_string(index=False))

# %% [markdown]
# ### Your own estimate
#
# Put a range on each input: Epoch AI's 90 % interval for the operations; the lowest to the highest MFU that published
# A100 runs got, by your function; prices from the leak's assumption to Amazon's list price of 2021, on demand.

# %%
flop = epoch.loc["flop"].iloc[0]
assumed = said.loc["usd_per_gpu_hour", "value"]
prices = data.load("gpu_hour_prices").set_index(["provider", "date", "price_type"])
listed = prices.usd_per_gpu_hour["AWS", "2021-06-15", "on-demand"].item()


def ranges(**known):
    """The range of each input; those that you give take the place of these."""
    mfu = whole_run_mfu("A100")
    return {"flop": (flop.low, flop.high), "mfu": (mfu.min(), mfu.max()),
            "usd_per_hour": (assumed, listed), **known}

# %% tags=["raises-exception"]
for name, (low, high) in ranges().items():
    print(f"{name:12s} {low:.3g} to {high:.3g}")

# %% [markdown]
# How likely is more than Altman's figure? With n = 1 your function gives one drawn cost, so two thousand seeds give two
# thousand costs to count.

# %%
def estimates():
    """By price: your interval, and the share of 2,000 costs above Altman's figure."""
    found = {}
    for low, high in ((assumed, listed), (assumed, assumed), (listed, listed)):
        to = f" to ${high:.2f}" if low < high else ""
        name = f"yours: rental at ${low:.2f}{to}"
        drawn = ranges(usd_per_hour=(low, high))
        above = [cost_interval(seed, drawn, 1)[1] > altman.low for seed in range(2000)]
        found[name] = cost_interval(4, drawn), np.mean(above)
    return found

# %% tags=["raises-exception"]
for name, (usd, share) in estimates().items():
    p5, p50, p95 = np.array(usd) / 1e6
    print(f"{name:29s} {p5:4.0f} to {p95:3.0f}, middle {p50:3.0f} million; "
          f"above {altman.low / 1e6:.0f}: {share:.0%}")

# %% tags=["raises-exception"]
run_only = costs[costs.bill != "purchase"].fillna(0).drop_duplicates(["who", "bill"])
others = {f"{c.who}: {c.bill or 'scope not said'}": [max(c.value, c.low)] * 3
          for c in run_only[::-1].itertuples() if c.who != "AI Index 2024"}  # as Epoch
found = estimates()
rows = {**{name: usd for name, (usd, _) in found.items()}, **others}
likely = [share for _, share in found.values()]
low, mid, high = np.array(list(rows.values())).T / 1e6
over, last = altman.low / 1e6, len(rows) - 1

fig, ax = plt.subplots(figsize=(8, 3.8))
names = [name.replace("$", r"\$") for name in rows]
plots.intervals(ax, names, low=low, mid=mid, high=high)
ax.axvline(over, color="grey", lw=1, ls="-", marker="", zorder=0)
beside = {"xytext": (8, 0), "textcoords": "offset points", "va": "center"}
for row, share in enumerate(likely):
    ax.annotate(f"{share:.0%} above {over:.0f}", (high[row], row), **beside)
ax.annotate("or more", (mid[last], last), **beside)
ax.set_xlim(right=2.5 * max(high))
ax.set_xticks([20, 50, 100, 200, 500], ["20", "50", "100", "200", "500"])
ax.minorticks_off()
ax.set_xlabel(r"what GPT-4's final run cost (million \$)")
_, at_assumed, at_listed = likely
ax.set_title(f"Over {over:.0f} million for the run alone: "
             rf"{at_assumed:.0%} likely at \${assumed:.2f} an hour, "
             rf"{at_listed:.0%} at \${listed:.2f}", fontsize=11)
plots.show(fig, alt="Three 90 % intervals of the run's cost by price, each with its "
           "share above Altman's figure; estimates of others; Altman's, as a least.")

# %% [markdown]
# ### Which bill?
#
# At which price is it as likely as not that the run alone passes Altman's figure? The cost is proportional to the
# price, so one division tells.

# %% tags=["raises-exception"]
_, at_one_dollar, _ = cost_interval(4, ranges(usd_per_hour=(1, 1)))
print(f"Half of the costs are above {altman.low / 1e6:.0f} million "
      f"at ${altman.low / at_one_dollar:.2f} an hour.")

# %% [markdown]
# What Altman counted he did not say. If it was the *programme*, with staff, failed runs, experiments and evaluation,
# nothing conflicts with the estimates of the *final run*, which is what you and the others priced. If it was the final
# run, an hour probably cost about as much as you just computed, or more.
#
# "The run" and "the programme" are two bills: say which.

# %% [markdown]
# ### What makes the interval wide?
#
# The logarithm of the cost is a sum of three independent ones, so their variances add. Each input's share of the whole
# says how much of the width is its own. And pretend that you learn one of them exactly, at the middle of its range.

# %% tags=["raises-exception"]
variances = {name: np.log(high / low) ** 2 / 12 for name, (low, high) in
             ranges().items()}
p5, _, p95 = cost_interval(4, ranges())
print(f"from the 5th to the 95th percentile: a factor of {p95 / p5:.1f}")
for name, (low, high) in ranges().items():
    middle = (low * high) ** 0.5
    p5, _, p95 = cost_interval(4, ranges(**{name: (middle, middle)}))
    share = variances[name] / sum(variances.values())
    print(f"{name:12s} {share:4.0%} of the variance; if known, a factor {p95 / p5:.1f}")

# %%
# Your verdict on C2, so far: a sentence that says which bill you mean.
lab.verdict("C2", "...", sure=70)

# %% [markdown]
# ### And on your machine?
#
# A bill at one dollar an hour is a count of hours, so your function gives the time, too. An H100 and the A100s get the
# MFU that published runs got. The machine of section 3 gets its measured speed, in 32 bits and with nothing lost: its
# time is the least that it would take.

# %%
n_devices, a100_rate = said.loc["devices", "value"].iloc[0], a100["dense_flop_per_s"]
speeds = {f"{machine}\n({own_rate / 1e9:.0f} GFLOP/s)": own_rate, "one H100": h100,
          f"{n_devices:,.0f} A100s": n_devices * a100_rate}


def years(rate, **known):
    """The interval of the time to train GPT-4, at so many FLOP/s."""
    hours = cost_interval(4, ranges(usd_per_hour=(1, 1), **known))
    return [h * a100_rate / rate / (24 * 365.25) for h in hours]


def span(years):
    """A time in words, two digits of it."""
    if years < 1:
        return f"{365.25 * years:.0f} days"
    if years < 1e6:
        return f"{float(f'{years:.2g}'):,.0f} years"
    return f"{float(f'{years / 1e6:.2g}'):,.0f} million years"

# %% tags=["raises-exception"]
own, *others = speeds.values()
low, mid, high = np.array([years(own, mfu=(1, 1)), *map(years, others)]).T
fig, ax = plt.subplots(figsize=(8, 3.2))
plots.intervals(ax, list(speeds), low=low, mid=mid, high=high)
above = {"xytext": (0, 10), "textcoords": "offset points", "ha": "center"}
for row, middle in enumerate(mid):
    ax.annotate(span(middle), (middle, row), **above)
ax.set(xlabel="time to train GPT-4 (years)", xlim=(low.min() / 10, high.max() * 10))
ax.set_ylim(2.4, -0.8)
ax.set_title(f"{span(mid[2])} on {n_devices:,.0f} A100s, {span(mid[0])} on {machine}")
plots.show(fig, alt=f"Time to train GPT-4 on {machine}, one H100 and {n_devices:,.0f} "
           "A100s, with 90 % intervals, in years.")

# %% [markdown]
# ## Summary
#
# - A run costs 6ND operations; its hours are operations / (peak × utilisation); its price is hours × dollars.
# - Whole published runs get a fifth to a half of the dense peak. Stepping speed is not whole-run speed.
# - Some wrong units show, as a utilisation above 1 does. Others need a second source.
# - GPT-4's final run: tens of millions to a few hundred million dollars, by assumptions that you can name.

# %% [markdown]
# ## What would change the answer?
#
# - **The operations**: the largest share of the width, and one leak behind all of it.
# - **The price per hour**: the next largest. Utilisation counts least.
# - **The shape of the ranges**: log-uniform inside hard ends is a choice.
# - **What counts as the run**: add failed starts and trial runs, and it becomes a programme.
#
# Now press *Validate*. Then lab 2: where the 6 in 6ND comes from, and when it is wrong.
