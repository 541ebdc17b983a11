# %% [markdown]
# # What did GPT-4 cost?
#
# "It took 25,000 A100s a hundred days and cost over $100 million." After this lab you can say which part of that
# sentence is arithmetic, which is a leak, and which does not say what it counts; and you can put an interval on the
# price of any training run.
#
# An A100 is NVIDIA's training chip of 2020. *The leak* is a paid article by SemiAnalysis of July 2023, never confirmed.
#
# **110 minutes, 1 GB of memory, no network.** You measure one thing: how fast your machine multiplies matrices.

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
# only. For the hidden tests save the notebook, open a terminal (File, New, Terminal) and type `course check lab01`: it
# says how many points you have, and which wrong idea an answer holds, if it is a known one.
#
# Each answer can be written without the others; one that calls an earlier function stands or falls with it. Exercises
# marked *stretch* are worth one point, the others two.

# %% [markdown]
# | symbol | in code | what it is | unit |
# |---|---|---|---|
# | N | `n_active_params` | parameters that each token passes through | parameters |
# | D | `n_tokens` | tokens the model is trained on | tokens |
# | C | `train_flop` | operations of the whole run | FLOP |
# | P | `peak_flop_per_s` | what one device could do, dense, 16 bit | FLOP/s |
# | MFU | `mfu` | the share of P that the model's own arithmetic gets | between 0 and 1 |
# | h | `device_hours` | devices × hours | h |

# %% [markdown]
# ## 1 · What is one operation?
#
# Nearly all of a language model's arithmetic is matrix products. An element of the product of an m×k matrix by a k×n
# matrix is a sum of k products: k multiplications and k additions.
#
# Papers disagree on what "one FLOP" is, by a factor of two. This course counts **2 per multiply-add**, as hardware
# makers do.

# %% [markdown] nbgrader={"grade_id": "ex-1-1-task"}
# **Exercise 1.1 (2 points).** `matmul_flop(m, k, n)` returns the operations in the product of an m×k matrix by a
# k×n matrix. 3×5 by 5×7 takes 210.

# %% nbgrader={"grade_id": "ex-1-1"}
def matmul_flop(m, k, n):
    """FLOP of an m×k by k×n product, 2 per multiply-add."""
    ### BEGIN SOLUTION
    return 2 * m * k * n
    ### END SOLUTION


# %%
matmul_flop(3, 5, 7)  # try it

# %% nbgrader={"grade_id": "test-1-1", "points": 2}
### BEGIN HIDDEN TESTS
from course.checking import expect
from course.cohort import rng

r = rng("1.1")
for m, k, n in [r.choice(np.arange(2, 999), 3, replace=False).tolist(), (1, 64, 5)]:
    expect(matmul_flop, m, k, n).equals(2 * m * k * n, wrong={
        "1.1/multiply_add": ("a multiply-add counts as 2 FLOP here, not as 1", m * k * n),
        "1.1/square": ("the matrices need not be square: all three sizes count", 2 * m**3, 2 * k**3, 2 * n**3),
        "1.1/last_addition": ("the convention counts k additions, not k - 1", m * n * (2 * k - 1)),
    })
m, k, n, b = r.integers(2, 99, 4).tolist()
expect(matmul_flop, b * m, k, n).equals(b * 2 * m * k * n)
### END HIDDEN TESTS
assert matmul_flop(3, 5, 7) == 210, "the worked example: 2 · 3 · 5 · 7"

# %% [markdown]
# ## 2 · From products to a training run
#
# In the forward pass each weight takes part in one multiply-add per token: 2 FLOP. The backward pass makes two
# products of the same size, one for the gradient of the weights and one for the gradient of the inputs: 4 FLOP. That
# is 6 per parameter and token.
#
# It leaves out attention between tokens, and anything done twice to save memory. Lab 2 says how much that matters.

# %% [markdown] nbgrader={"grade_id": "ex-1-2-task"}
# **Exercise 1.2 (2 points).** `train_flop(n_active_params, n_tokens)` returns the FLOP of a training run. 1e9
# parameters and 2e10 tokens take 1.2e20.
#
# A mixture of experts has more parameters than a token ever meets. The ones it meets are the *active* ones.

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
from course import data
from course.checking import expect
from course.cohort import rng

r = rng("1.2")
for n, d in [(r.uniform(1e8, 1e12), r.uniform(1e9, 2e13)), (r.uniform(1e6, 1e7), 1)]:
    expect(train_flop, n, d).close_to(6 * n * d, wrong={
        "1.2/forward_only": ("that is the forward pass alone; training also goes backward", 2 * n * d),
        "1.2/backward_only": ("that is the backward pass alone; it follows a forward pass", 4 * n * d),
        "1.2/recompute": ("that counts recomputed activations; here each operation counts once", 8 * n * d),
    })
gpt3 = data.load("training_runs").set_index("name").loc["GPT-3 175B"]
expect(train_flop, gpt3.n_active_params, gpt3.n_tokens).close_to(gpt3.flop_published, rel_tol=0.01)
### END HIDDEN TESTS
assert isclose(train_flop(1e9, 2e10), 1.2e20), "the worked example: 6 · 1e9 · 2e10"

# %% [markdown]
# ### Does it reconcile?
#
# Three papers print the operations of their run. GPT-3's and Llama's were counted with 6ND too, so agreeing with them
# says that you share a convention. PaLM's paper also counts attention.

# %% tags=["raises-exception"]
runs = data.load("training_runs").set_index("name")
for name in ("GPT-3 175B", "PaLM 540B", "Llama 3.1 405B"):
    run = runs.loc[name]
    ours = train_flop(run.n_active_params, run.n_tokens)
    print(f"{name:16s} published {run.flop_published:.2e}   yours {ours:.2e}   ratio {ours / run.flop_published:.3f}")

# %% [markdown]
# ## 3 · How fast is your machine?
#
# The other half of the bill is speed. You are about to multiply n×n matrices in 32 bits, n from 4096 down to 256, five
# times each, on all cores, and count FLOP/s. It takes up to half a minute.

# %% [markdown]
# **First predict.** Replace the line below by `lab.predict("matmul", low, high, "FLOP/s")` with an interval for the
# median at n = 4096 that you are 80 % sure of. Nobody grades it for being right; lab 10 shows you how often you were.
#
# <details><summary>Where to start</summary>Cores × 3e9 to 4e9 cycles per second × floats per vector (8 or 16) × 2
# vector units × 2 operations (a multiply-add). What a busy laptop sustains is less.</details>

# %% nbgrader={"grade_id": "predict-matmul"}
### BEGIN SOLUTION
lab.predict("matmul", 50e9, 500e9, "FLOP/s")
### END SOLUTION

# %% tags=["raises-exception"]
from course.measure import matmul

lab.measure("matmul", matmul.rates, unit="FLOP/s");

# %% [markdown]
# The prediction is locked now. The record, with your processor and all repetitions, is in this notebook's output and in
# `measurements.json` beside it. If you skipped the measurement, the lab goes on with a reference machine's record and
# says so.

# %%
record = lab.record("matmul")
sizes = [int(label.split()[-1]) for label in record["values"]]
own_rate = max(record["values"]["n = 4096"])  # the best of five: what this machine can do when left alone

fig, ax = plt.subplots()
for n, rates in zip(sizes, record["values"].values(), strict=True):
    ax.plot([n] * len(rates), np.array(rates) / 1e9, "o", color=plots.BLUE, alpha=0.6)
ax.set(xscale="log", xlabel="matrix size n", ylabel="speed (GFLOP/s)", ylim=(0, 1.1 * own_rate / 1e9))
ax.set_xticks(sizes, [str(n) for n in sizes], minor=False)
ax.set_title(f"One machine, five sizes: up to {own_rate / 1e9:.0f} GFLOP/s")
ax.minorticks_off()
plots.show(fig, alt="Measured GFLOP/s of square matrix products against their size, five repetitions each.")

# %% [markdown]
# A product of size n does 2n³ operations on 3n² numbers: the larger n, the more often each number is used once it
# has been fetched. A spread between repetitions is other work on your machine.
#
# An H100's data sheet promises 989 TFLOP/s, in 16 bits where you measured 32. How many of your machine is that?

# %%
accelerators = data.load("accelerators").set_index("name")
h100 = accelerators.loc["H100 SXM", "dense_flop_per_s"]
print(f"One H100 is {h100 / own_rate:,.0f} of this machine ({own_rate / 1e9:.0f} GFLOP/s).")

# %% [markdown]
# ## 4 · What share of the peak does a run get?
#
# A data sheet's peak is a promise. Memory, network, restarts and waiting eat the rest. The **model FLOP utilisation**
# of a whole run is C / (device-hours × 3600 × peak).
#
# Two traps sit in the inputs. A mixture of experts computes with its *active* parameters. And makers print a second,
# doubled peak "with sparsity", which training does not use.

# %% [markdown] nbgrader={"grade_id": "ex-1-3-task"}
# **Exercise 1.3 (2 points).** `mfu_of_run(run, device)` returns the utilisation of a whole run. `run` has the keys
# `params_total`, `params_active`, `tokens`, `device_hours`; `device` has `dense_flop_per_s` and `sparse_flop_per_s`.
# 1e9 active of 4e9 parameters, 2e10 tokens and 1,000 hours at a dense peak of 1e14 FLOP/s give 1/3.

# %% nbgrader={"grade_id": "ex-1-3"}
def mfu_of_run(run, device):
    """Utilisation of a whole run, as a fraction of the dense peak."""
    ### BEGIN SOLUTION
    flop = 6 * run["params_active"] * run["tokens"]
    return flop / (run["device_hours"] * 3600 * device["dense_flop_per_s"])
    ### END SOLUTION


# %%
example_run = {"params_total": 4e9, "params_active": 1e9, "tokens": 2e10, "device_hours": 1000}
example_device = {"dense_flop_per_s": 1e14, "sparse_flop_per_s": 2e14}
mfu_of_run(example_run, example_device)  # try it

# %% nbgrader={"grade_id": "test-1-3", "points": 2}
### BEGIN HIDDEN TESTS
from course import data
from course.checking import expect
from course.cohort import rng

r = rng("1.3")
peaks = data.load("accelerators").set_index("name")[["dense_flop_per_s", "sparse_flop_per_s"]]
published = data.load("training_runs").set_index("name")
cases = [
    (r.uniform(2e11, 2e12), r.uniform(1e10, 1e11), r.uniform(1e12, 2e13), r.uniform(1e6, 1e8), "H100 SXM"),
    *(
        (run.n_params, run.n_active_params, run.n_tokens, run.device_hours, device)
        for run, device in ((published.loc["GPT-4 (leak)"], "A100 80GB"), (published.loc["Llama 2 70B"], "A100 80GB"))
    ),
]
for total, active, tokens, hours, name in cases:
    device = peaks.loc[name].to_dict()
    run = {"params_total": total, "params_active": active, "tokens": tokens, "device_hours": hours}
    right = 6 * active * tokens / (hours * 3600 * device["dense_flop_per_s"])
    expect(mfu_of_run, run, device).close_to(right, wrong={
        "1.3/total": ("a token meets only the active parameters", right * total / active),
        "1.3/sparse": ("that is the peak with sparsity, which training does not use",
                       right * device["dense_flop_per_s"] / device["sparse_flop_per_s"]),
        "1.3/hours": ("device_hours are hours; the peak is per second", right * 3600),
        "1.3/percent": ("a fraction between 0 and 1 is asked, not per cent", right * 100),
    })
### END HIDDEN TESTS
assert isclose(
    mfu_of_run(
        {"params_total": 4e9, "params_active": 1e9, "tokens": 2e10, "device_hours": 1000},
        {"dense_flop_per_s": 1e14, "sparse_flop_per_s": 2e14},
    ),
    1 / 3,
), "the worked example: 1.2e20 FLOP in 3.6e6 s at 1e14 FLOP/s"

# %% [markdown]
# ### What do published runs get?
#
# The table holds runs whose device-hours are published or follow from what is. Grade A means that all inputs are
# explicit. You now compute the utilisation of every one of them.

# %%
def as_run(row, hours):
    """A row of the table with the keys of exercise 1.3."""
    return {"params_total": row.n_params, "params_active": row.n_active_params, "tokens": row.n_tokens,
            "device_hours": hours}


graded = runs[runs.grade == "A"]
leak = runs.loc["GPT-4 (leak)"]
a100 = accelerators.loc["A100 80GB"].to_dict()

# %% tags=["raises-exception"]
utilisation = graded.apply(
    lambda row: mfu_of_run(as_run(row, row.device_hours), accelerators.loc[row.device].to_dict()), axis=1
)
low, high = utilisation.quantile([0.1, 0.9])
print(f"{len(utilisation)} runs: the middle 80 % from {low:.2f} to {high:.2f}, median {utilisation.median():.2f}")

fig, ax = plt.subplots(figsize=(8, 3.4))
named = {"A100": "LLaMA-13B", "H100, H800": "Llama 3.1 405B", "TPU": "PaLM 540B"}
for row, (family, example) in enumerate(named.items()):
    own = utilisation[graded.device.str.contains(family.replace(", ", "|"))]
    ax.plot(100 * own, [row] * len(own), plots.MARKERS[row], color=plots.COLOURS[row], alpha=0.7)
    ax.annotate(example, (100 * own[example], row), (0, 10), textcoords="offset points", ha="center", fontsize=9)
for n, side, label in ((25_000, "right", "GPT-4's leak, 25,000 A100s "), (20_000, "left", " 20,000 A100s")):
    share = 100 * mfu_of_run(as_run(leak, n * 95 * 24), a100)
    ax.axvline(share, color="grey", lw=1, ls="-", marker="", zorder=0)
    ax.annotate(label, (share, 2.4), ha=side, fontsize=9, color="dimgrey")
ax.set(xlim=(0, 60), ylim=(2.5, -0.7), xlabel="utilisation (% of dense 16-bit peak)")
ax.set_yticks(range(3), list(named))
ax.set_title("Published runs get a fifth to a half of what the data sheet promises")
plots.show(fig, alt="Utilisation of the grade A runs by accelerator family: most lie between 20 and 50 per cent, and so do "
           "both accounts of GPT-4.")

# %% [markdown]
# PaLM's paper prints 46 %, measured while the machines were stepping. Its chip-hours give 30 %. Both are right: the
# difference is restarts and repeated work, and you pay for those too. When somebody quotes an MFU, ask which one.
#
# The grey lines are GPT-4's leak: 280 of 1,800 billion parameters active, 95 days. With all of them the utilisation would
# be 2.2, more than the chip can do. An impossible number is a cheap test.

# %% [markdown]
# ## 5 · Hours and money
#
# Turn the definition around and you can price a run that has not happened yet: choose a utilisation that similar runs
# got, and read off the hours. Whether 1,000 devices run for a month or 100 for ten, the device-hours are the same.

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
from course import data
from course.checking import expect
from course.cohort import rng

r = rng("1.4")
for flop, peak, mfu in [
    (r.uniform(1e20, 1e24), r.choice([312e12, 989e12]).item(), r.uniform(0.2, 0.6)),
    (r.uniform(1e20, 1e24), 312e12, 1),
]:
    expect(device_hours, flop, peak, mfu).close_to(flop / peak / mfu / 3600, wrong={
        "1.4/seconds": ("that is in seconds; device-hours are asked", flop / peak / mfu),
        "1.4/peak": ("that is the time at peak speed: where is mfu?", flop / peak / 3600),
        "1.4/multiplied": ("a lower utilisation takes longer: divide by mfu", flop / peak * mfu / 3600),
    })
llama = data.load("training_runs").set_index("name").loc["Llama 3.1 405B"]
peak = data.load("accelerators").set_index("name").loc[llama.device, "dense_flop_per_s"]
mfu = 6 * llama.n_active_params * llama.n_tokens / (llama.device_hours * 3600 * peak)
expect(device_hours, llama.flop_published, peak, mfu).close_to(llama.device_hours, rel_tol=0.01)
expect(device_hours, 3.6e15, 1e12, 40).raises(ValueError, wrong={
    "1.4/percent": ("mfu = 40 is no fraction: refuse it", 3.6e15 / 1e12 / 40 / 3600, 3.6e15 / 1e12 / 0.4 / 3600),
})
for nonsense in (0, -0.1, 1.01):
    expect(device_hours, 3.6e15, 1e12, nonsense).raises(ValueError)
### END HIDDEN TESTS
assert isclose(device_hours(3.6e15, 1e12, 0.5), 2.0), "the worked example: 2 device-hours"

# %% [markdown]
# ### A prediction, and a round trip
#
# Llama 3.1 405B's own utilisation, 0.35, was computed *from* its hours: putting it back in and finding the hours is a round
# trip. A prediction uses what *other* runs got. Is the published figure inside?

# %% tags=["raises-exception"]
llama = runs.loc["Llama 3.1 405B"]
for mfu in (0.25, 0.32, 0.44):  # the middle 80 % of published runs, and their median
    print(f"at {mfu:.2f}: {device_hours(llama.flop_published, h100, mfu) / 1e6:5.1f} million hours")
print(f"published: {llama.device_hours / 1e6:.1f} million hours")

# %% [markdown]
# ### A bill to the second
#
# The course trained a small code model of its own, on two cores of a processor, and kept the bill. (Lab 6 takes that model
# apart.) Do N, D and a rate give the time? The rate that the bill prints was itself computed from the time: a round trip. A
# prediction takes what such a machine gets out of products of 16-bit matrices, and the share that published runs got.

# %%
import json

from course import models

folder = models.folder_of("two-bills-code")
bill = json.loads((folder / "training_bill.json").read_text())
machine = json.loads((folder / "training_machine.json").read_text())
machine_peak = machine["matmul_flop_per_s"]["bfloat16"]
print(f"N = {bill['n_params']:,} parameters, D = {bill['tokens']:,} tokens, {bill['device']}, {bill['seconds']:,.0f} s")

# %% tags=["raises-exception"]
flop = train_flop(bill["n_params"], bill["tokens"])
print(f"operations: yours {flop:,} FLOP, the bill {bill['flop_6nd']:,}")
seconds = 3600 * device_hours(flop, bill["flop_6nd_per_s"], 1)
print(f"round trip, at the bill's {bill['flop_6nd_per_s'] / 1e9:.1f} GFLOP/s: {seconds:,.0f} s")
for mfu in (0.25, 0.32, 0.44):  # the published runs, as above
    seconds = 3600 * device_hours(flop, machine_peak, mfu)
    print(f"prediction, {mfu:.2f} of {machine_peak / 1e9:.0f} GFLOP/s: {seconds:6,.0f} s")
spent = bill["seconds"]
print(f"the bill: {spent:,.0f} s or {spent * machine['threads'] / 3600:.1f} core-hours, "
      f"{flop / spent / machine_peak:.2f} of the peak")

# %%
share = bill["n_layers"] * bill["d_model"] * bill["context"] / bill["n_params"]
print(f"attention: the bill {bill['flop_attention'] / bill['flop_6nd']:.1%} of 6ND, L · d · T / N {share:.1%}")
print(f"at this machine's {own_rate / 1e9:.0f} GFLOP/s, used as well: "
      f"{bill['flop_6nd'] / own_rate * machine_peak / bill['flop_6nd_per_s'] / 3600:.1f} h")

# %% [markdown]
# The round trip misses by 0.03 %: two steps that compile are in D and not in the seconds. The prediction spans a factor of
# 1.8, and the run lies inside. Of the 32-bit peak, half as high, it got twice the share: always ask *of which peak*.
#
# Attention is left out of 6ND. Per token it takes 6 · L · d · T operations, for T tokens of context: an eighth of 6ND
# here. N grows with the square of the width d, so wide models spend less on it. Lab 2 counts it.

# %% [markdown]
# ### Own instead of rent
#
# Owners pay for the share of a device's life that a run uses, and for electricity: kW × hours = kWh. The building draws
# more than the devices, for cooling and conversion. The factor is the **PUE**: 1.1 means 10 % on top.

# %% [markdown] nbgrader={"grade_id": "ex-1-5-task"}
# **Exercise 1.5 (stretch, 1 point).** `owned_cost_usd(n_devices, usd_per_device, life_h, used_h, power_kw, pue,
# usd_per_kwh)` returns the share of the purchase that the run uses up, plus its electricity. `power_kw` is per device.
# `(8, 30000, 35040, 8760, 0.7, 1.2, 0.10)` costs $65,886.72. Raise `ValueError` if `used_h` is more than `life_h`.

# %% nbgrader={"grade_id": "ex-1-5"}
def owned_cost_usd(n_devices, usd_per_device, life_h, used_h, power_kw, pue, usd_per_kwh):
    """USD for using `n_devices` of one's own for `used_h` hours of their life of `life_h`."""
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
from course.checking import expect
from course.cohort import rng

r = rng("1.5")
for n, used in ((int(r.integers(2, 5000)), r.uniform(100, 20000)), (3, 35040)):
    usd, life, kw, pue, kwh = r.uniform(1e4, 4e4), 35040, r.uniform(0.3, 1.4), r.uniform(1.05, 1.6), r.uniform(0.03, 0.3)
    bought, power = n * usd * used / life, n * kw * used * pue * kwh
    expect(owned_cost_usd, n, usd, life, used, kw, pue, kwh).close_to(bought + power, wrong={
        "1.5/full_purchase": ("the devices outlive this run: charge only the share used", n * usd + power),
        "1.5/kw": ("kW times a price per kWh is no money: multiply by the hours", bought + n * kw * pue * kwh),
        "1.5/pue_twice": ("the PUE counts once", bought + power * pue),
        "1.5/pue_on_purchase": ("the PUE is about electricity, not about the purchase", bought * pue + power),
        "1.5/one_device": ("power_kw is per device", bought + power / n),
    })
expect(owned_cost_usd, 8, 30000, 35040, 35041, 0.7, 1.2, 0.1).raises(ValueError)
### END HIDDEN TESTS
assert isclose(owned_cost_usd(8, 30000, 35040, 8760, 0.7, 1.2, 0.10), 65886.72), "60,000 and 5,886.72"

# %% [markdown] nbgrader={"grade_id": "ex-1-6-task"}
# **Exercise 1.6 (stretch, 1 point).** `energy_mwh(device_hours, watts, pue)` returns the energy that a run draws from
# the grid. 30.84e6 device-hours at 700 W and a PUE of 1 are 21,588 MWh. Mind the prefix: W·h, kWh, MWh.

# %% nbgrader={"grade_id": "ex-1-6"}
def energy_mwh(device_hours, watts, pue):
    """MWh drawn by devices of `watts` each, and by the building around them."""
    ### BEGIN SOLUTION
    return device_hours * watts * pue / 1e6
    ### END SOLUTION


# %%
energy_mwh(30.84e6, 700, 1)  # try it

# %% nbgrader={"grade_id": "test-1-6", "points": 1}
### BEGIN HIDDEN TESTS
from course import data
from course.checking import expect
from course.cohort import rng

r = rng("1.6")
for hours, watts, pue in [(r.uniform(1e3, 1e7), r.uniform(200, 1200), r.uniform(1.05, 1.6)), (1e6, 300, 1.58)]:
    right = hours * watts * pue / 1e6
    expect(energy_mwh, hours, watts, pue).close_to(right, wrong={
        "1.6/kwh": ("W·h are divided by 1e6 to give MWh; that took them for kWh, or gave kWh", right * 1e3),
        "1.6/pue_ignored": ("the building draws more than the devices: where is the PUE?", right / pue),
        "1.6/pue_divides": ("the building draws more, not less: the PUE multiplies", right / pue**2),
    })
llama = data.load("training_runs").set_index("name").loc["LLaMA-65B"]
expect(energy_mwh, llama.device_hours, 400, 1.1).close_to(llama.energy_mwh, rel_tol=0.01)
### END HIDDEN TESTS
assert isclose(energy_mwh(30.84e6, 700, 1), 21588), "the worked example: 21,588 MWh"

# %% [markdown]
# Is that the bill? Compare the electricity of two runs, at a price for industry, with what renting the devices would cost
# at 2 dollars an hour.

# %% tags=["raises-exception"]
energy = data.load("energy").set_index("name")
usd_per_kwh = energy.loc["USA, industrial", "value"]
a100_w = energy.loc["DGX A100, maximum", "value"] / 8  # a machine of eight, its share of everything in the box
for name, watts in (("Llama 3.1 405B", 700), ("GPT-4 (leak)", a100_w)):
    drawn = energy_mwh(runs.loc[name, "device_hours"], watts, 1.1)
    print(f"{name}: {drawn:,.0f} MWh, ${drawn * 1e3 * usd_per_kwh / 1e6:.1f} M of electricity, "
          f"${runs.loc[name, 'device_hours'] * 2 / 1e6:,.0f} M of rent")

# %% [markdown]
# ## 6 · Audit a press release
#
# A release prints inputs and four numbers that follow from them, each from the *other printed* numbers: operations (6ND)
# from parameters and tokens; utilisation from the printed operations, devices and days; energy from devices, days, watts
# and PUE (1e6 W·h are 1 MWh); cost from devices, days and price. At most one of the four is wrong.

# %% nbgrader={"grade_id": "given-devices"}
DEVICES = {
    name: accelerators.loc[name, ["dense_flop_per_s", "sparse_flop_per_s"]].to_dict()
    for name in ("A100 80GB", "H100 SXM")
}
RELEASE = {
    "params_total": 70e9, "params_active": 70e9, "tokens": 2e12,
    "device": "A100 80GB", "n_devices": 2000, "days": 36, "watts": 400, "pue": 1.1, "usd_per_hour": 2.0,
    "flop": 8.4e23, "mfu": 0.433, "energy_mwh": 760_000, "cost_usd": 3.46e6,
}

# %% [markdown] nbgrader={"grade_id": "ex-1-7-task"}
# **Exercise 1.7 (2 points).** `audit_release(claim)` returns the one of `"flop"`, `"mfu"`, `"energy_mwh"`, `"cost_usd"`
# that is off by more than 10 %, or `None`. `claim` has the keys of `RELEASE` above, and some models are mixtures of
# experts; look the device up in `DEVICES`. Printed numbers are rounded to within 3 %; wrong ones are off by 15 % or more.

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
from course import data
from course.checking import expect_each
from course.cohort import rng

r = rng("1.7")
table = data.load("accelerators").set_index("name")
FIELDS = ("flop", "mfu", "energy_mwh", "cost_usd")


def derive(claim, params="params_active", peak="dense_flop_per_s", mwh=1e-6, day_h=24, has_pue=1):
    hours = claim["n_devices"] * claim["days"] * day_h
    used = hours * 3600 * table.loc[claim["device"], peak]
    mwh = hours * claim["watts"] * claim["pue"] ** has_pue * mwh
    return {"flop": 6 * claim[params] * claim["tokens"], "mfu": claim["flop"] / used,
            "energy_mwh": mwh, "cost_usd": hours * claim["usd_per_hour"]}


def verdict(claim, tol=0.10, **slip):
    return next((f for f, value in derive(claim, **slip).items() if abs(claim[f] / value - 1) > tol), None)


def release(slip):
    total = float(f"{10 ** r.uniform(10, 12):.3g}")
    active = float(f"{total * r.uniform(0.05, 0.4):.3g}") if slip == "params" or r.random() < 0.5 else total
    device = str(r.choice(["A100 80GB", "H100 SXM"]))
    claim = {"params_total": total, "params_active": active, "tokens": float(f"{r.uniform(1e12, 1.5e13):.3g}"),
             "device": device, "n_devices": int(r.integers(64, 4000)) * 8,
             "watts": {"A100 80GB": 400, "H100 SXM": 700}[device], "pue": round(r.uniform(1.05, 1.4), 2),
             "usd_per_hour": round(r.uniform(0.8, 4.5), 2)}
    flop, peak = 6 * active * claim["tokens"], table.loc[device, "dense_flop_per_s"]
    claim["days"] = float(f"{flop / (r.uniform(0.25, 0.5) * peak * claim['n_devices'] * 86400):.3g}")
    broken = {"params": {"params": "params_total"}, "peak": {"peak": "sparse_flop_per_s"}, "mwh": {"mwh": 1e-3},
              "days": {"day_h": 1}}
    field = {"params": "flop", "peak": "mfu", "mwh": "energy_mwh", "days": "cost_usd"}.get(slip)
    for name in FIELDS:
        value = derive({**claim, "flop": claim.get("flop", flop)}, **(broken.get(slip, {}) if name == field else {}))[name]
        if slip == name:
            value *= r.choice([r.uniform(0.6, 0.85), r.uniform(1.2, 1.8)])
        claim[name] = float(f"{value * r.uniform(0.98, 1.02):.3g}")
    return claim


slips = [None] * 10 + ["params", "peak", "mwh", "days"] * 4 + list(FIELDS) * 3 + ["cost_usd", "mfu"]
claims = [release(slips[i]) for i in r.permutation(40)]
answers = [verdict(claim) for claim in claims]
expect_each(audit_release, [(claim,) for claim in claims]).equals(answers, wrong={
    "1.7/total": ("a token meets only the active parameters", [verdict(c, params="params_total") for c in claims]),
    "1.7/sparse": ("the dense peak is the one to divide by", [verdict(c, peak="sparse_flop_per_s") for c in claims]),
    "1.7/kwh": ("W·h divided by 1e6 are MWh; by 1e3 they are kWh", [verdict(c, mwh=1e-3) for c in claims]),
    "1.7/days": ("a day has 24 hours", [verdict(c, day_h=1) for c in claims]),
    "1.7/no_pue": ("the building draws more than the devices: where is the PUE?", [verdict(c, has_pue=0) for c in claims]),
    "1.7/suspects_everything": ("rounding is no error: allow 10 %", *([verdict(c, tol=t) for c in claims]
                                                                     for t in (0, 1e-9, 1e-6, 1e-3, 0.01))),
    "1.7/suspects_nothing": ("it finds nothing wrong with any release", [None] * 40),
})
### END HIDDEN TESTS
assert audit_release(RELEASE) == "energy_mwh", "760 MWh were printed as 760,000: W·h taken for kWh"

# %% [markdown]
# ## 7 · A price is an interval
#
# Nobody outside OpenAI knows GPT-4's operations, its utilisation or its price per hour. So say what you do know: a
# range for each. Draw each from its range, compute the cost, repeat ten thousand times, and read off where the middle 90 % lie.
#
# If you know little more than the order of magnitude, let equal *factors* be equally likely, 1 to 2 as likely as 5 to 10:
# draw the *logarithm* uniformly. It is a choice; the summary says what hangs on it.

# %% [markdown] nbgrader={"grade_id": "ex-1-8-task"}
# **Exercise 1.8 (2 points).** `cost_interval(seed, ranges, n=10_000)` returns the 5th, 50th and 95th percentile of the
# cost in USD. `ranges` has `flop`, `mfu`, `usd_per_hour`, each `(low, high)`, possibly equal; draw each independently and
# log-uniformly with `numpy.random.default_rng(seed)`. Work on arrays of `n` draws; `device_hours` is made for single
# numbers. The peak is 312e12 FLOP/s. With `flop` 2e25, `mfu` 0.34 and 1 to
# 10 dollars an hour the median is about $166 million.

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
    return tuple(np.percentile(usd, [5, 50, 95]))
    ### END SOLUTION


# %%
cost_interval(0, {"flop": (2e25, 2e25), "mfu": (0.34, 0.34), "usd_per_hour": (1, 10)})  # try it

# %% nbgrader={"grade_id": "test-1-8", "points": 2}
### BEGIN HIDDEN TESTS
from course.checking import expect
from course.cohort import rng

r = rng("1.8")
flop, mfu, usd, seed = r.uniform(1e24, 9e25), r.uniform(0.2, 0.6), r.uniform(0.5, 2), int(r.integers(1e6))
base = flop / (312e12 * mfu) / 3600
fixed = {"flop": (flop, flop), "mfu": (mfu, mfu)}
for low in (usd, 2 * usd):
    middle, sigma = 5.5 * low, 9 * low
    normal = [tuple(base * (middle + z * sigma / w) for z in (-1.645, 0, 1.645)) for w in (4, 6)]
    expect(cost_interval, seed, {**fixed, "usd_per_hour": (low, 10 * low)}).close_to(
        tuple(base * low * 10**q for q in (0.05, 0.5, 0.95)),
        rel_tol=0.05,
        wrong={
            "1.8/uniform": ("draw the logarithm uniformly, not the number", tuple(base * low * (1 + 9 * q) for q in (0.05, 0.5, 0.95))),
            "1.8/normal": ("a range says nothing of a bell: draw the logarithm uniformly", *normal),
            "1.8/times_mfu": ("a lower utilisation costs more: divide by mfu",
                              tuple(base * mfu**2 * low * 10**q for q in (0.05, 0.5, 0.95))),
            "1.8/ends": ("the ends of the ranges are not the 5th and 95th percentile: sample",
                         (base * low, base * low * 10**0.5, base * low * 10), (base * low, base * low * 5.5, base * low * 10)),
        },
    )
wide = {"flop": (flop, 4 * flop), "mfu": (mfu, 1.5 * mfu), "usd_per_hour": (usd, 8 * usd)}
u = np.random.default_rng(int(r.integers(1e6))).random((3, 400_000))


def percentiles(a, b, c):
    return tuple(base * usd * np.percentile(4**a / 1.5**b * 8**c, [5, 50, 95]))


expect(cost_interval, seed, wide).close_to(percentiles(*u), rel_tol=0.05, wrong={
    "1.8/one_draw": ("the three are independent: draw each anew", percentiles(u[0], u[0], u[0])),
})
expect(cost_interval, seed, wide).equals(cost_interval(seed, wide))
expect(cost_interval, seed, {**fixed, "usd_per_hour": (usd, usd)}).close_to((base * usd,) * 3)
### END HIDDEN TESTS
assert isclose(
    cost_interval(0, {"flop": (2e25, 2e25), "mfu": (0.34, 0.34), "usd_per_hour": (1, 10)})[1], 165.6e6, rel_tol=0.05
), "the worked example: $166 million, ± 5 % from sampling"

# %% [markdown]
# ## 8 · Who tests the test?
#
# A wrong cost model with a test that cannot fail looks exactly like a right one. Here is a colleague's version of
# exercise 1.6. It passes the worked example of that exercise.

# %% nbgrader={"grade_id": "given-colleague"}
def colleagues_energy_mwh(device_hours, watts, pue):
    return device_hours * watts / 1e6


colleagues_energy_mwh(30.84e6, 700, 1)

# %% [markdown] nbgrader={"grade_id": "ex-1-9-task"}
# **Exercise 1.9 (stretch, 1 point).** `accepts(f)` is given somebody's implementation of `energy_mwh(device_hours,
# watts, pue)` and returns `True` if it is right, `False` if it is wrong. It must refuse the colleague's above and accept
# your own. It is tried on ten implementations that you do not see.

# %% nbgrader={"grade_id": "ex-1-9"}
def accepts(f):
    """Whether `f` computes energy_mwh rightly."""
    ### BEGIN SOLUTION
    cases = [((30.84e6, 700, 1), 21588.0), ((1e6, 400, 1.8), 720.0), ((12.5, 330, 1.1), 0.0045375)]
    return all(isclose(f(*inputs), right, rel_tol=1e-9) for inputs, right in cases)
    ### END SOLUTION


# %%
accepts(colleagues_energy_mwh), accepts(energy_mwh)  # try it: False, True

# %% nbgrader={"grade_id": "test-1-9", "points": 1}
### BEGIN HIDDEN TESTS
from course.checking import expect_each

bank = {  # what it does: (right?, implementation)
    "one that multiplies": (True, lambda h, w, pue: h * w * pue / 1e6),
    "one that goes by kW": (True, lambda h, w, pue: h * (w / 1000) * pue / 1000),
    "one that adds the overhead": (True, lambda h, w, pue: (h * w + h * w * (pue - 1)) * 1e-6),
    "one that ignores the PUE": (False, lambda h, w, pue: h * w / 1e6),
    "one that divides by the PUE": (False, lambda h, w, pue: h * w / pue / 1e6),
    "one that takes the PUE twice": (False, lambda h, w, pue: h * w * pue**2 / 1e6),
    "one that counts the overhead only": (False, lambda h, w, pue: h * w * (pue - 1) / 1e6),
    "one that gives kWh": (False, lambda h, w, pue: h * w * pue / 1e3),
    "one that gives whole MWh": (False, lambda h, w, pue: h * w * pue // 1e6),
    "one with a PUE of its own": (False, lambda h, w, pue: h * w * 1.1 / 1e6),
    "one that never goes below a PUE of 1.2": (False, lambda h, w, pue: h * w * max(pue, 1.2) / 1e6),
    "one that believes no PUE above 1.5": (False, lambda h, w, pue: h * w * min(pue, 1.5) / 1e6),
}
at_pue_one = [isclose(f(30.84e6, 700, 1), 21588) for _, f in bank.values()]
expect_each(accepts, {label: (f,) for label, (_, f) in bank.items()}).equals([right for right, _ in bank.values()], wrong={
    "1.9/pue_one": ("a test with a PUE of 1 cannot see what happens to the PUE", at_pue_one),
    "1.9/one_pue": ("one PUE is not enough: try a low one and a high one", *(
        [isclose(f(1000, 500, pue), 0.5 * pue) for _, f in bank.values()] for pue in (1.1, 1.2, 1.3, 1.4, 1.5, 1.8, 2)
    )),
    "1.9/accepts_all": ("it accepts every implementation", [True] * len(bank)),
    "1.9/kwh": ("what it expects is in kWh, not in MWh", [label == "one that gives kWh" for label in bank]),
})
### END HIDDEN TESTS
assert not accepts(colleagues_energy_mwh), "the colleague's version forgets the PUE"

# %% [markdown]
# ## 9 · What did GPT-4 cost?
#
# Now the claims. **C1**: about 25,000 A100s for 90 to 100 days. Who says what, when, and where does it come from? *Derived*
# is what others computed from the leak.

# %%
def shown(number):
    return f"{number:,.0f}" if 10 <= number < 1e6 else f"{number:.3g}"


claims = data.load("gpt4_claims")
claims["year"] = claims.source_date.str[:4]
claims["figure"] = [
    shown(c.value) if c.value > 0 else f"{shown(c.low)} to {shown(c.high)}" if c.high > 0 else f"over {shown(c.low)}"
    for c in claims.itertuples()
]
print(claims.loc[claims.claim == "C1", ["who", "year", "quantity", "figure", "unit", "origin"]].to_string(index=False))

# %% [markdown]
# Does 25,000 × 95 days fit the leak's own model, 280 billion active parameters and 13 trillion tokens? Your formula says
# which utilisation that takes. A year later the same author wrote of about 20,000. The leak also prints a bill of 63 million
# dollars, "at about a dollar" an hour.

# %% tags=["raises-exception"]
for devices in (25_000, 20_000):
    spent = devices * 95 * 24
    print(f"{devices:,} A100s for 95 days: {spent / 1e6:.1f} million hours (and dollars, at $1), "
          f"utilisation {mfu_of_run(as_run(leak, spent), a100):.3f}")

# %% [markdown]
# Both are possible: 0.34 is the middle of the published runs, 0.43 near their upper end. Arithmetic cannot tell which is
# true. And that the figures agree confirms nothing: operations, devices and days all come from the same leak. Its own bill
# is off by a tenth: 63 million need 1.10 dollars an hour, or 105 days.

# %% [markdown]
# ### C2: over 100 million dollars?
#
# Put a range on each input: Epoch AI's 90 % interval for the operations, what published A100 runs got, and prices from the
# leak's assumption of $1 an hour to the list price on demand of 2021. Then compare with what others say. *Rental* is hours
# times a price; *amortised* charges the run's share of owned hardware; *purchase* buys the whole cluster.

# %% nbgrader={"grade_id": "given-ranges"}
epoch = claims[(claims.who == "Epoch AI") & (claims.quantity == "flop")].iloc[0]
assumed = claims[claims.quantity == "usd_per_gpu_hour"].value.item()
prices = data.load("gpu_hour_prices").set_index(["provider", "date", "price_type"]).usd_per_gpu_hour
listed = prices["AWS", "2021-06-15", "on-demand"].item()
RANGES = {"flop": (float(epoch.low), float(epoch.high)), "mfu": (0.25, 0.45), "usd_per_hour": (assumed, listed)}
print(RANGES)

costs = claims[claims.quantity == "usd"].copy()
costs["million_usd"] = [f"over {c.low / 1e6:.0f}" if c.low > 0 else f"{c.value / 1e6:.0f}" for c in costs.itertuples()]
print(costs[["who", "year", "bill", "million_usd", "origin"]].to_string(index=False))

# %% tags=["raises-exception"]
yours = {}
for low, high in (RANGES["usd_per_hour"], (assumed, assumed), (listed, listed)):
    name = f"yours: rental at ${low:.2f}" + (f" to ${high:.2f}" if low < high else "")
    yours[name] = [usd / 1e6 for usd in cost_interval(4, {**RANGES, "usd_per_hour": (low, high)})]
run_only = costs[(costs.bill != "purchase") & (costs.who != "AI Index 2024")].drop_duplicates(["who", "bill"])[::-1]
said = {f"{c.who}: {c.bill or 'scope not said'}": (c.value if c.value > 0 else c.low) / 1e6
        for c in run_only.itertuples()}
rows = {**yours, **{name: [usd] * 3 for name, usd in said.items()}}
for name, (low, mid, high) in yours.items():
    print(f"{name:29s} {low:4.0f} to {high:3.0f}, middle {mid:3.0f} million dollars")

fig, ax = plt.subplots(figsize=(8, 3.8))
low, mid, high = zip(*rows.values(), strict=True)
plots.intervals(ax, [name.replace("$", r"\$") for name in rows], low=low, mid=mid, high=high)
ax.axvline(100, color="grey", lw=1, ls="-", marker="", zorder=0)
ax.annotate("→ or more", (100, len(rows) - 1), (8, 0), textcoords="offset points", va="center")
ax.set_xticks([20, 50, 100, 200, 500], ["20", "50", "100", "200", "500"])
ax.minorticks_off()
ax.set_xlabel(r"what GPT-4's final run cost (million \$)")
ax.set_title("Over 100 million for the run alone is possible: the price decides")
plots.show(fig, alt="Three 90 % intervals of the run's cost by price, three estimates of others between 41 and 79 million "
           "dollars, and Altman's more than 100.")

# %% [markdown]
# ### Which bill?
#
# Asked whether training cost $100 million, Altman said more; what he counted he did not say. If he meant the *programme*,
# with staff, failed runs, experiments and evaluation, nothing conflicts with the estimates of the *final run*. If he meant
# the final run, your interval says at which price that holds. "The run" and "the programme" are two bills: say which.

# %% [markdown]
# ### What makes the interval wide?
#
# Pretend that you learn one input exactly, at the middle of its range, and look at what is left.

# %% tags=["raises-exception"]
for name, (low, high) in {"nothing": (0, 0), **RANGES}.items():
    known = {} if name == "nothing" else {name: ((low * high) ** 0.5,) * 2}
    p5, _, p95 = cost_interval(4, {**RANGES, **known})
    print(f"{name:12s} known: from the 5th to the 95th percentile a factor of {p95 / p5:.1f}")

# %% [markdown]
# ### And on your machine?
#
# A bill at $1 an hour is a count of hours, so the same function gives the time. An H100 and the A100s lose what published
# runs lose. For your machine take the speed that you measured, 32 bits and nothing lost: a lower bound.

# %% tags=["raises-exception"]
machines = {f"this machine\n({own_rate / 1e9:.0f} GFLOP/s)": (own_rate, (1, 1)), "one H100": (h100, RANGES["mfu"]),
            "25,000 A100s": (25_000 * 312e12, RANGES["mfu"])}
years = np.array([
    [h / 8766 * 312e12 / speed for h in cost_interval(4, {**RANGES, "mfu": mfu, "usd_per_hour": (1, 1)})]
    for speed, mfu in machines.values()
])

fig, ax = plt.subplots(figsize=(8, 3.2))
plots.intervals(ax, list(machines), low=years[:, 0], mid=years[:, 1], high=years[:, 2])
for row, (_, mid, _) in enumerate(years):
    text = f"{float(f'{mid:.2g}'):,.0f} years" if mid > 1 else f"{365.25 * mid:.0f} days"
    ax.annotate(text, (mid, row), (0, 10), textcoords="offset points", ha="center")
ax.set(xlabel="time to train GPT-4 (years)", xlim=(0.03, 1e8), ylim=(2.4, -0.8))
ax.set_title(f"A season on 25,000 A100s is {years[0, 1] / 1e6:.2g} million years on this machine")
plots.show(fig, alt="Time to train GPT-4 on this machine, one H100 and 25,000 A100s, with 90 % intervals, in years.")

# %%
# Your verdict so far on C1 and C2, in a sentence each: what you computed, from whose numbers, and how sure you are in
# per cent. You will meet these lines again in lab 10.
C1 = "..."
C2 = "..."

# %% [markdown]
# ## Summary
#
# - A run costs 6ND operations; its hours are operations / (peak × utilisation); its price is hours × dollars.
# - Whole published runs get 0.2 to 0.5 of the dense peak, and stepping speed is not whole-run speed.
# - Wrong units show: a utilisation of 2, a release that eats a power station.
# - GPT-4's final run: tens of millions to a few hundred million dollars, by assumptions that you can name.

# %% [markdown]
# ## What would change the answer?
#
# - **The operations.** Epoch's interval spans a factor of 5.4: it is most of the width. One leak stands behind all of it.
# - **The price per hour.** From 1 to 4.10 dollars is a factor of four, nearly as much.
# - **The shape of the ranges.** Log-uniform inside hard ends is a choice; a 90 % interval has tails.
# - **What counts as the run.** Add failed starts and smaller trial runs, and the run becomes a programme.
#
# Now save and type `course check lab01`. Then lab 2: where the 6 in 6ND comes from, and when it is wrong.
