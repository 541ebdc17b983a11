# %% [markdown]
# # Scaling laws: how big, how long?
#
# A budget of computing buys a large model that reads little, or a small one that reads much. After this lab you can say
# which size a budget is best spent on, how sure you are of it, and why a model that many people will use should be smaller
# than that.
#
# **120 minutes, 1 GB of memory, no network.** You train fifteen tiny models on one core, find the law in them, and in thirty
# runs that were made for this course on one H100.

# %% nbgrader={"grade_id": "start"}
import math
from math import isclose

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from scipy import optimize

from course import data, lab, plots, progress
from course.measure import tiny_runs

lab.start("lab03", cohort="2026")
plots.use_style()

# %% [markdown]
# ## How this lab works
#
# An exercise is four cells: the task, your answer, a cell to try it in, and a check with the worked example. For the
# hidden tests press *Validate*, above the notebook.
#
# Exercises stand in the order in which you need them; their numbers do not. Each answer can be written without the others.
# Exercises marked *stretch* are worth one point, the others two.
#
# Your own training runs, in section 2, take some minutes of one core. Whatever you skip is filled in from a reference machine,
# and says so.

# %% [markdown]
# | in code | on paper | what it is | unit |
# |---|---|---|---|
# | `n_params` | N | parameters that take part in matrix products | parameter |
# | `n_tokens` | D | tokens that the model is trained on | token |
# | `flop` | C | operations of the whole run | FLOP |
# | `loss` | L | surprise: mean of −ln of the probability that the next token had | nat |
# | `n_opt` | N_opt | the size with the lowest loss for a budget | parameter |
#
# C = 6ND: lab 2 says where the 6 is from. `ln` is the natural logarithm, in Python `np.log`.

# %% [markdown]
# ## 1 · One budget, several sizes
#
# With C = 6ND, whoever fixes the budget and chooses N has chosen D, too. Here are five runs of 3e15 FLOP. They differ in
# size, and so in what they had time to read; wide ones learn at a lower rate, too. `n_embedding` is the part of N in the
# embedding, which serves as the output head, so it is multiplied, too.

# %% nbgrader={"grade_id": "given-sweep"}
SWEEP = data.load("isoflop").query("in_sweep == 'yes'")
COLUMNS = ["n_params", "n_embedding", "n_tokens", "budget_flop", "loss_nats"]
SWEEP[SWEEP.budget_flop == 3e15][COLUMNS]

# %% [markdown]
# Too small a model has no room for what it read; too large a one has not read enough. Between them the loss has a valley.
# Over ln N it is close to a parabola, at least near its bottom. The bottom of the parabola need not be one of the sizes
# that were trained.

# %% [markdown] nbgrader={"grade_id": "ex-3-1-task"}
# **Exercise 3.1 (2 points).** `isoflop_optimum(n_params, loss)` takes two lists, in any order, and lays a parabola through
# loss against ln N by least squares. It returns the bottom: `(n_opt, loss_min)`. Sizes [1e6, 4e6, 16e6] with losses
# [3, 2.5, 3] give 4e6 and 2.5.
#
# Raise `ValueError` if there are fewer than three different sizes, or if the parabola opens downward.

# %% nbgrader={"grade_id": "ex-3-1"}
def isoflop_optimum(n_params, loss):
    """The size and the loss at the bottom of a parabola in ln N."""
    ### BEGIN SOLUTION
    if len(set(n_params)) < 3:
        raise ValueError(f"a parabola needs three sizes, got {sorted(set(n_params))}")
    x = np.log(n_params)
    a, b, c = np.polyfit(x - x.mean(), loss, 2)
    if a <= 0:
        raise ValueError("the parabola opens downward: there is no lowest loss")
    return float(np.exp(x.mean() - b / (2 * a))), float(c - b**2 / (4 * a))
    ### END SOLUTION


# %%
isoflop_optimum([1e6, 4e6, 16e6], [3, 2.5, 3])  # try it

# %% nbgrader={"grade_id": "test-3-1", "points": 2}
### BEGIN HIDDEN TESTS
from course.checking import NOTHING_REFUSED, expect_each, told_apart
from course.cohort import rng

r = rng("3.1")


def bottom(a, b, c):
    if a <= 0:
        raise ValueError(a)
    return -b / (2 * a), c - b**2 / (4 * a)


def in_ln(n_params, loss, *, half=2.0):
    x = np.log(n_params)
    a, b, c = np.polyfit(x - x.mean(), loss, 2)
    if a <= 0:
        raise ValueError(a)
    return math.exp(x.mean() - b / (half * a)), c - b**2 / (4 * a)


def in_n(n_params, loss):
    return bottom(*np.polyfit(np.array(n_params) / 1e6, loss, 2))[0] * 1e6, bottom(*np.polyfit(np.array(n_params) / 1e6, loss, 2))[1]


def best_run(n_params, loss):
    at = int(np.argmin(loss))
    return n_params[at], loss[at]


def mixed(n_params, loss, log=np.log10, back=np.exp):
    x, least = bottom(*np.polyfit(log(n_params), loss, 2))
    return float(back(x)), least


def runs(k, *, noise):
    low = r.number(2e3, 2e9)
    sizes = sorted({float(f"{low * q:.4g}") for q in np.cumprod(r.uniform(1.5, 3, k))})
    at, curvature, least = r.uniform(1, k - 2), r.uniform(0.05, 0.4), r.number(1.5, 4)
    x = np.log(sizes)
    middle = np.interp(at, range(len(x)), x)
    loss = [round(float(least + curvature * (one - middle) ** 2 + noise * r.standard_normal()), 4) for one in x]
    order = r.permutation(len(sizes))
    return [sizes[i] for i in order], [loss[i] for i in order]


wrong = {
    "3.1/best_run": ("that is the best of the runs; the bottom of the parabola lies between them", best_run),
    "3.1/best_loss": ("the size is the parabola's, the loss is that of the best run",
                      lambda n, loss: (in_ln(n, loss)[0], min(loss))),
    "3.1/parabola_in_n": ("the parabola goes through loss against ln N, not against N", in_n),
    "3.1/bases_mixed": ("the logarithm and the power back have different bases: np.exp undoes np.log, 10** undoes np.log10",
                        mixed, lambda n, loss: mixed(n, loss, np.log, lambda x: 10.0**x)),
    "3.1/logarithm_returned": ("that is ln N, or log10 N: the size itself is asked", lambda n, loss: (math.log(in_ln(n, loss)[0]), in_ln(n, loss)[1]),
                               lambda n, loss: (math.log10(in_ln(n, loss)[0]), in_ln(n, loss)[1])),
}


def draw():
    return [runs(5, noise=0), runs(7, noise=0.02), runs(4, noise=0.01), runs(6, noise=0.02)]


cases = told_apart(draw, in_ln, wrong, rel_tol=1e-6)
expect_each(isoflop_optimum, cases).close_to(in_ln, wrong=wrong, rel_tol=1e-6)
expect_each(isoflop_optimum, [([r.number(1e5, 1e7)], [2.0]), ([1e6, 3e6], [2.0, 2.25]), ([], [])]).raises(ValueError, wrong={
    "3.1/nothing_refused": ("a parabola through fewer than three sizes is not determined: refuse by a ValueError", NOTHING_REFUSED),
})
expect_each(isoflop_optimum, [([1e6, 1e6, 4e6, 4e6], [2.0, 2.01, 2.2, 2.21]), ([3e7, 9e7, 3e7], [2.0, 2.2, 2.1])]).raises(ValueError, wrong={
    "3.1/runs_counted": ("three runs of two sizes do not determine a parabola: count different sizes", NOTHING_REFUSED),
})
humps = [([1e6, 2e6, 4e6, 8e6], [2.0, 2.3, 2.35, 2.1]), ([9e8, 1e8, 3e8], [2.0, 2.1, 2.5])]
expect_each(isoflop_optimum, humps).raises(ValueError, wrong={
    "3.1/downward": ("this parabola opens downward: its turning point is the worst size, not the best", NOTHING_REFUSED),
})
### END HIDDEN TESTS
assert isclose(isoflop_optimum([1e6, 4e6, 16e6], [3, 2.5, 3])[0], 4e6), "it is at 4e6"

# %% [markdown]
# ### Why not take the best run?
#
# It is quicker, and often done. But the best of five sizes can only be one of those five, however fine the truth is. Here are both
# answers for each of the H100's budgets, with the tokens per parameter that they mean.

# %% tags=["raises-exception"]
print("budget    best run          bottom of the parabola")
for budget, runs in SWEEP.groupby("budget_flop"):
    best = runs.n_params[runs.loss_nats.idxmin()]
    n, _ = isoflop_optimum(list(runs.n_params), list(runs.loss_nats))
    ratios = [budget / 6 / size**2 for size in (best, n)]
    print(f"{budget:.0e}   {best / 1e6:5.2f} M, {ratios[0]:4.1f}     "
          f"{n / 1e6:5.2f} M, {ratios[1]:4.1f} tokens per parameter")

# %% [markdown]
# ## 2 · Train your own
#
# Small Llamas of characters: 4,608 to 104,448 parameters, an alphabet of 96 signs, Python code to read. Each of five sizes is
# trained with three budgets: fifteen runs, two to three minutes on a quiet core.
#
# Who guesses one of 96 signs blindly has a loss of ln 96 = 4.56 nats. **Predict** the lowest loss of the fifteen:
# `lab.predict("tiny_runs", low, high, "nat")`.

# %% nbgrader={"grade_id": "predict-tiny_runs"}
### BEGIN SOLUTION
lab.predict("tiny_runs", 1.2, 2.2, "nat")
### END SOLUTION

# %%
SHARE = 1  # of each budget: less of it is faster, and says little


def train_them():
    """The loss of each run, and the best first."""
    runs = tiny_runs.planned(share=SHARE)
    return tiny_runs.losses(runs, report=progress.line("training"))


lab.measure("tiny_runs", train_them, unit="nat", threads=1);

# %%
losses = lab.record("tiny_runs")["values"]
runs = tiny_runs.planned(share=SHARE if lab.is_own("tiny_runs") else 1)
TINY = pd.DataFrame({
    "budget_flop": [run.budget_flop for run in runs],
    "n_params": [run.n_params for run in runs],
    "n_tokens": [run.n_tokens for run in runs],
    "loss_nats": [losses[run.name][0] for run in runs],
})
TINY.pivot(index="n_params", columns="budget_flop", values="loss_nats").round(3)

# %%
def bottoms(runs):
    """Budget, N_opt and lowest loss, a row for each budget that has a valley."""
    rows = []
    for budget, group in runs.groupby("budget_flop"):
        try:
            found = isoflop_optimum(list(group.n_params), list(group.loss_nats))
        except ValueError as error:
            print(f"{budget:.0e} FLOP: {error}")
        else:
            rows.append((budget, *found))
    return np.array(rows)


# %% tags=["raises-exception"]
for budget, n, _ in bottoms(TINY):
    print(f"{budget:.0e} FLOP: best are {n:6,.0f} parameters, "
          f"{budget / 6 / n**2:.0f} characters per parameter")

# %% tags=["raises-exception"]
valleys, ends = bottoms(TINY), []
fig, ax = plt.subplots()
budgets = TINY.groupby("budget_flop")
for colour, (budget, group) in zip(plots.COLOURS, budgets, strict=False):
    parabola = np.poly1d(np.polyfit(np.log(group.n_params), group.loss_nats, 2))
    line = np.geomspace(group.n_params.min(), group.n_params.max(), 99)
    ax.plot(line, parabola(np.log(line)), "-", marker="", color=colour, lw=1)
    ax.plot(group.n_params, group.loss_nats, "o", color=colour)
    ends.append((line[-1], parabola(np.log(line[-1])), f"{budget:.0e} FLOP", colour))
within = [(n, least) for _, n, least in valleys if line[0] <= n <= line[-1]]
ax.plot(*np.array(within).reshape(-1, 2).T, "k*", ms=11)
ax.set(xscale="log", xlabel="parameters", ylabel="loss (nat per character)")
ax.set_title(f"{len(within)} of {len(ends)} valleys have a bottom in sight")
plots.label_ends(ax, ends)
plots.show(fig, alt="Loss of tiny models against their size: a parabola for "
           "each budget, stars at their bottoms.")

# %% [markdown]
# Five seeds put the smallest budget's bottom between 6,400 and 13,100: within a factor of 1.5 of their middle.
#
# Are your characters per parameter above the H100's tokens per parameter, in section 1? A character holds less than a token, which
# is some three of them. And models as small as these lose more to few steps of training than to little text: with the smallest
# budget the largest takes a hundred steps, the smallest two thousand.

# %% [markdown]
# ### What an IsoFLOP hides
#
# Seven of the thirty H100 runs repeat sizes and budgets of the sweep with a larger batch: the same computing in fewer, larger
# steps. The last column is what that cost. A valley is honest only if each of its runs was trained as well as the others.

# %%
every = data.load("isoflop")
swept, larger = (every[every.in_sweep == answer] for answer in ("yes", "no"))
same = ["n_layers", "d_model", "budget_flop"]
both = larger.merge(swept, on=same, suffixes=("", "_sweep"))
both["nats_worse"] = both.loss_nats - both.loss_nats_sweep
both[["budget_flop", "n_params", "steps_sweep", "steps", "nats_worse"]]

# %% [markdown]
# ## 3 · From budget to size
#
# Five bottoms at five budgets ask for a line: over ln C, ln N_opt is nearly straight. Straight in both logarithms means a
# *power law*, y = coef · c^exponent. An exponent of 0.5 says that ten times the budget should buy a model √10 times as
# large, and √10 times as much text.

# %% [markdown] nbgrader={"grade_id": "ex-3-2-task"}
# **Exercise 3.2 (2 points).** `fit_power_law(c, y)` takes two lists of positive numbers and returns `(coef, exponent)` of
# y = coef · c^exponent, by least squares in ln y against ln c. c = [1, 100, 10000] with y = [3, 30, 300] gives 3 and 0.5.

# %% nbgrader={"grade_id": "ex-3-2"}
def fit_power_law(c, y):
    """Coefficient and exponent of a power law, by least squares in both logarithms."""
    ### BEGIN SOLUTION
    exponent, intercept = np.polyfit(np.log(c), np.log(y), 1)
    return float(np.exp(intercept)), float(exponent)
    ### END SOLUTION


# %%
fit_power_law([1, 100, 10000], [3, 30, 300])  # try it

# %% nbgrader={"grade_id": "test-3-2", "points": 2}
### BEGIN HIDDEN TESTS
from course.checking import expect_each, told_apart
from course.cohort import rng

r = rng("3.2")


def in_logarithms(c, y):
    x, z = np.log(c), np.log(y)
    slope = float(((x - x.mean()) * (z - z.mean())).sum() / ((x - x.mean()) ** 2).sum())
    return math.exp(z.mean() - slope * x.mean()), slope


def on_raw_scale(c, y):
    """Least squares in y itself: for an exponent the coefficient follows, so that one number is searched."""
    c, y = np.array(c), np.array(y)
    scale = c[np.argmax(y)]

    def left(exponent):
        power = (c / scale) ** exponent
        return ((y - power * (power @ y) / (power @ power)) ** 2).sum() / (y**2).sum()

    guess = in_logarithms(c, y)[1]
    grid = np.linspace(guess - 1, guess + 1, 801)
    at = grid[np.argmin([left(one) for one in grid])]
    exponent = optimize.minimize_scalar(left, bounds=(at - 0.005, at + 0.005), method="bounded", options={"xatol": 1e-10}).x
    power = (c / scale) ** exponent
    return float(power @ y / (power @ power)) / scale**exponent, float(exponent)


def through_ends(c, y):
    (low, at_low), *_, (high, at_high) = sorted(zip(c, y, strict=True))
    exponent = math.log(at_high / at_low) / math.log(high / low)
    return at_low / low**exponent, exponent


def other_way(c, y):
    coef, exponent = in_logarithms(y, c)
    return coef ** (-1 / exponent), 1 / exponent


def law(exponent, low, high, k=13, noise=0.05):
    coef = r.number(0.01, 9000)
    c = [float(f"{one:.4g}") for one in r.permutation(np.geomspace(low, high, k))]
    return c, [float(f"{coef * one**exponent * math.exp(noise * r.standard_normal()):.5g}") for one in c]


ideas = {
    "3.2/raw_scale": ("least squares in y itself sees nothing but the largest values: fit ln y against ln c", on_raw_scale),
    "3.2/through_the_ends": ("that is the line through the first and the last point: all points count", through_ends),
    "3.2/other_way_round": ("that line is for c, given y: the errors are in y", other_way),
}


def apart(calls):
    return all(abs(on_raw_scale(*call)[1] / in_logarithms(*call)[1] - 1) > 0.02 for call in calls)


def draw():
    while not apart(calls := [law(0.5, 1e12, 1e24), law(r.number(0.3, 0.8), 1e-3, 1e9), law(-r.number(0.1, 0.3), 1e15, 1e24, 9)]):
        pass
    return calls


cases = told_apart(draw, in_logarithms, ideas, rel_tol=1e-3)
of_exponent = {idea: (message, lambda c, y, body=body: body(c, y)[1]) for idea, (message, body) in ideas.items()}
expect_each(fit_power_law, cases).look("the exponent", lambda answer: answer[1]).close_to(
    lambda c, y: in_logarithms(c, y)[1], rel_tol=1e-3, wrong=of_exponent | {
        "3.2/order": ("the coefficient comes first, then the exponent", lambda c, y: in_logarithms(c, y)[0]),
        "3.2/inverse": ("that is the exponent of c against y", lambda c, y: 1 / in_logarithms(c, y)[1]),
    })
expect_each(fit_power_law, cases).close_to(in_logarithms, rel_tol=1e-6, wrong={
    "3.2/logarithm_returned": ("the coefficient is e to the power of the line's intercept",
                               lambda c, y: (math.log(in_logarithms(c, y)[0]), in_logarithms(c, y)[1]),
                               lambda c, y: (math.log10(in_logarithms(c, y)[0]), in_logarithms(c, y)[1])),
    "3.2/bases_mixed": ("the logarithm and the power back have different bases",
                        lambda c, y: (math.exp(math.log10(in_logarithms(c, y)[0])), in_logarithms(c, y)[1]),
                        lambda c, y: (10 ** math.log(in_logarithms(c, y)[0]), in_logarithms(c, y)[1])),
    "3.2/at_the_middle": ("that is y in the middle of the points; the coefficient is y at c = 1",
                          lambda c, y: (math.exp(np.log(y).mean()), in_logarithms(c, y)[1])),
})
### END HIDDEN TESTS
assert isclose(fit_power_law([1, 100, 10000], [3, 30, 300])[1], 0.5), "100 c, 10 y"

# %% [markdown]
# **Predict** the exponent of N_opt against budget in the H100's 23 runs: `lab.predict("size_exponent", low, high, "as exponent")`.
# The cell after it puts your parabolas and your power law to work, on them and on the tiny models.

# %% nbgrader={"grade_id": "predict-size_exponent"}
### BEGIN SOLUTION
lab.predict("size_exponent", 0.4, 0.7, "as exponent")
### END SOLUTION

# %% tags=["raises-exception"]
points, valleys = bottoms(SWEEP), bottoms(TINY)
exponent = fit_power_law(points[:, 0], points[:, 1])[1]
lab.reveal("size_exponent", exponent, "as exponent", "your fit to the H100's runs")
for row in ("chinchilla-2-n-exponent", "refit-n-exponent"):
    found = data.row(f"scaling_laws/{row}")
    print(f"{found.law}: {found.value:g}")
whose = "your" if lab.is_own("tiny_runs") else "the reference machine's"
tiny = fit_power_law(valleys[:, 0], valleys[:, 1])[1]
print(f"{whose} tiny models: {tiny:.2f}, from {len(valleys)} budgets")

# %% [markdown]
# ## 4 · What counts as a parameter?
#
# In 2020 Kaplan and others found another exponent. The next cell prints it, with the first thing to look at: which parameters they
# count. Below it, the share of the embedding in the smallest and in the largest model of our sweep.

# %%
for row in ("kaplan-n-exponent", "chinchilla-2-n-exponent"):
    found = data.row(f"scaling_laws/{row}")
    print(f"{found.law}: {found.value:g} ({found.applies_to})")
share = SWEEP.n_embedding / SWEEP.n_params
print(f"embedding in our sweep: {share.max():.0%} to {share.min():.0%} of a model")

# %% nbgrader={"grade_id": "given-example-runs"}
EXAMPLE_RUNS = {
    "budget_flop": [1e15, 1e15, 1e15, 4e15, 4e15, 4e15],
    "n_total": [2e6, 5e6, 17e6, 3e6, 9e6, 33e6],
    "n_embedding": [1e6, 1e6, 1e6, 1e6, 1e6, 1e6],
    "loss": [3.0, 2.5, 3.0, 2.8, 2.3, 2.8],
}  # without the embedding: 1, 4, 16 and 2, 8, 32 million, so the exponent is 0.5
EXAMPLE_DRAWS = {"flop": EXAMPLE_RUNS["budget_flop"], "loss": EXAMPLE_RUNS["loss"],
                 "n": [1e6, 4e6, 16e6, 2e6, 8e6, 32e6]}  # the same, for exercise 3.7

# %% [markdown] nbgrader={"grade_id": "ex-3-5-task"}
# **Exercise 3.5 (2 points).** `scaling_exponent(runs, count)` returns the exponent of N_opt against budget: a parabola for each
# budget, then a power law, as in 3.1 and 3.2. `runs` is a dict of lists, a run at each place, in any order: `budget_flop`, the
# group that a run belongs to; `n_total`; `n_embedding`, the part of it in the embedding; `loss`. With `count` `"total"` N is
# `n_total`, with `"non_embedding"` what is left of it without the embedding. Budgets stay as they are.

# %% nbgrader={"grade_id": "ex-3-5"}
def scaling_exponent(runs, count):
    """The exponent of N_opt against budget; count is "total" or "non_embedding"."""
    ### BEGIN SOLUTION
    budgets = np.array(runs["budget_flop"])
    sizes = np.array(runs["n_total"], dtype=float)
    if count == "non_embedding":
        sizes -= runs["n_embedding"]
    points = []
    for budget in np.unique(budgets):
        here = budgets == budget
        a, b, _ = np.polyfit(np.log(sizes[here]), np.array(runs["loss"])[here], 2)
        points.append((np.log(budget), -b / (2 * a)))
    return float(np.polyfit(*zip(*points, strict=True), 1)[0])
    ### END SOLUTION


# %%
scaling_exponent(EXAMPLE_RUNS, "non_embedding")  # try it: 0.5

# %% nbgrader={"grade_id": "test-3-5", "points": 2}
### BEGIN HIDDEN TESTS
from course.checking import expect_each, told_apart
from course.cohort import rng

r = rng("3.5")


def exponent_of(runs, sizes, *, best=False, budgets=None, inverted=False):
    group, sizes, loss = (np.array(one, dtype=float) for one in (runs["budget_flop"], sizes, runs["loss"]))
    points = []
    for budget in np.unique(group):
        here = group == budget
        x = np.log(sizes[here])
        a, b, _ = np.polyfit(x - x.mean(), loss[here], 2)
        at = np.log(budget) if budgets is None else np.log(budgets(np.array(runs["budget_flop"])[here], here))
        points.append((float(at), float(x[np.argmin(loss[here])] if best else x.mean() - b / (2 * a))))
    x, y = zip(*points, strict=True)
    return float(1 / np.polyfit(y, x, 1)[0] if inverted else np.polyfit(x, y, 1)[0])


def counted(runs, count):
    total, embedding = np.array(runs["n_total"], dtype=float), np.array(runs["n_embedding"], dtype=float)
    return total - embedding if count == "non_embedding" else total


def right(runs, count):
    return exponent_of(runs, counted(runs, count))


def budget_too(runs, count, *, mean):
    share = counted(runs, count) / np.array(runs["n_total"])
    return exponent_of(runs, counted(runs, count), budgets=lambda group, here: mean(group * share[here]))


def geometric(values):
    return np.exp(np.log(values).mean())


def through_all(runs, count):
    """One power law through all runs."""
    return float(np.polyfit(np.log(runs["budget_flop"]), np.log(counted(runs, count)), 1)[0])


ideas = {
    "3.5/count_ignored": ("the count is ignored: every N is the total", lambda runs, count: exponent_of(runs, runs["n_total"]),
                          lambda runs, count: exponent_of(runs, counted(runs, "non_embedding"))),
    "3.5/budget_too": ("the embedding is taken out of the budget, too: budgets stay as they are",
                       lambda runs, count: budget_too(runs, count, mean=geometric),
                       lambda runs, count: budget_too(runs, count, mean=np.mean)),
    "3.5/best_run": ("that goes through the best runs, not through the bottoms of the parabolas",
                     lambda runs, count: exponent_of(runs, counted(runs, count), best=True)),
    "3.5/tokens": ("that is the exponent of the tokens, not of the size", lambda runs, count: 1 - right(runs, count)),
    "3.5/other_way_round": ("that line is for the budget, given the size", lambda runs, count: exponent_of(runs, counted(runs, count), inverted=True)),
    "3.5/inverse": ("that is the exponent of the budget against N", lambda runs, count: 1 / right(runs, count)),
    "3.5/no_parabolas": ("that is a line through all runs: first find the best size of each budget", through_all),
}


def synthetic():
    """Runs whose N counts without the embedding, with a truth of their own and noise."""
    a, at = r.uniform(0.35, 0.7), r.uniform(5e5, 5e6)
    rows = []
    for budget in np.cumprod([1e14, *r.uniform(3, 12, int(r.integers(2, 5)))]):
        budget = float(f"{budget:.3g}")
        for place in np.linspace(-1.2, 1.2, int(r.integers(4, 8))) + r.uniform(-0.3, 0.3):
            bare = at * (budget / 1e14) ** a * math.exp(place)
            embedding = 4096 * round(4 * bare ** (1 / 3))
            rows.append((budget, round(bare) + embedding, embedding, round(float(2 + 0.12 * place**2 + 0.01 * r.standard_normal()), 5)))
    return dict(zip(("budget_flop", "n_total", "n_embedding", "loss"), map(list, zip(*r.permutation(rows).tolist(), strict=True)), strict=True))


def draw():
    own = [synthetic() for _ in range(2)]
    return [(runs, count) for runs in own for count in ("total", "non_embedding")]


def upward(runs, count):
    groups = [np.flatnonzero(np.array(runs["budget_flop"]) == budget) for budget in set(runs["budget_flop"])]
    return all(np.polyfit(np.log(counted(runs, count)[here]), np.array(runs["loss"])[here], 2)[0] > 0.02 for here in groups)


swept = {key: SWEEP[column].tolist() for key, column in
         {"budget_flop": "budget_flop", "n_total": "n_params", "n_embedding": "n_embedding", "loss": "loss_nats"}.items()}
cases = told_apart(draw, right, ideas, rel_tol=1e-5)
while not all(upward(*call) for call in cases):
    cases = told_apart(draw, right, ideas, rel_tol=1e-5)
labelled = {f'made-up runs {i // 2 + 1}, "{count}"': (runs, count) for i, (runs, count) in enumerate(cases)}
labelled |= {f'the sweep, "{count}"': (swept, count) for count in ("total", "non_embedding")}
expect_each(scaling_exponent, labelled).close_to(right, rel_tol=1e-6, wrong=ideas)
expect_each(scaling_exponent, [(swept, "non_embedding")]).keeps_arguments()
### END HIDDEN TESTS
assert isclose(scaling_exponent(EXAMPLE_RUNS, "non_embedding"), 0.5), "it is 0.5"

# %% tags=["raises-exception"]
runs = {"budget_flop": SWEEP.budget_flop.tolist(), "n_total": SWEEP.n_params.tolist(),
        "n_embedding": SWEEP.n_embedding.tolist(), "loss": SWEEP.loss_nats.tolist()}
for count in ("total", "non_embedding"):
    print(f"our sweep, N counted as {count}: {scaling_exponent(runs, count):.3f}")
print(f"Kaplan 2020: {data.row('scaling_laws/kaplan-n-exponent').value:g}")

# %% [markdown]
# The same runs, and the exponent moves a good part of the way to Kaplan's: in small models the embedding is a large share, which
# shrinks as models grow. Counting it or not bends the line. Porian and others (arXiv 2406.19146, 2024)
# trained Kaplan's way again and found two more reasons: a warm-up too long for small models, and an optimizer not set by
# size. When two laws disagree, ask first whether they count the same thing.

# %% [markdown]
# ## 5 · How sure?
#
# An exponent from five bottoms has an error, and nobody will train the sweep again to see it. The *bootstrap* asks the
# runs that there are. Draw runs at random, with repeats, as many as there are; fit again; do this a few hundred times. Between the
# 2.5th and the 97.5th percentile lie 95 % of the exponents.

# %% [markdown] nbgrader={"grade_id": "ex-3-7-task"}
# **Exercise 3.7 (2 points).** `bootstrap_exponent(runs, seed, n=200)` returns `(low, high)`, the 2.5th and 97.5th percentile of `n`
# exponents of N_opt against budget. `runs` is a dict of lists: `flop` (a run's budget), `n` and `loss`. For each of them, draw *runs*
# (not residuals) with repeats, within every budget as many as it has; draw a budget's again while 3.1 would refuse it: fewer than three
# different sizes, or a parabola that opens downward. Then fit as in 3.5.
#
# The same seed gives the same answer; NumPy's global generator stays untouched. Where all runs lie on their parabolas, low and
# high are the exponent itself.

# %% nbgrader={"grade_id": "ex-3-7"}
def bootstrap_exponent(runs, seed, n=200):
    """A 95 % interval of the exponent, by drawing runs within each budget."""
    ### BEGIN SOLUTION
    generator = np.random.default_rng(seed)
    budgets, x, loss = np.array(runs["flop"]), np.log(runs["n"]), np.array(runs["loss"])
    groups = [np.flatnonzero(budgets == budget) for budget in np.unique(budgets)]
    exponents = []
    for _ in range(n):
        bottoms = []
        for group in groups:
            a = 0
            while a <= 0:
                drawn = generator.choice(group, len(group))
                if len(set(x[drawn])) >= 3:
                    a, b, _ = np.polyfit(x[drawn] - x[group].mean(), loss[drawn], 2)
            bottoms.append(x[group].mean() - b / (2 * a))
        exponents.append(np.polyfit(np.log(np.unique(budgets)), bottoms, 1)[0])
    low, high = np.percentile(exponents, [2.5, 97.5])
    return float(low), float(high)
    ### END SOLUTION


# %%
bootstrap_exponent(EXAMPLE_DRAWS, 0, 20)  # try it: 0.5, 0.5

# %% nbgrader={"grade_id": "test-3-7", "points": 2}
### BEGIN HIDDEN TESTS
from course.checking import expect, expect_each
from course.cohort import rng

r = rng("3.7")
N_SETS, N_DRAWS = 20, 120


def made_up(sizes=5):
    """Five budgets, so many sizes each, on parabolas in ln N, with noise that differs from budget to budget."""
    a, flop, n, loss = r.uniform(0.4, 0.6), [], [], []
    for i, budget in enumerate(np.geomspace(3e14, 3e16, 5)):
        noise = 0.01 * r.uniform(0.5, 2)
        for place in np.linspace(-1.1, 1.1, sizes) + r.uniform(-0.25, 0.25):
            flop.append(float(f"{budget:.4g}"))
            n.append(float(f"{2e6 * (budget / 3e14) ** a * math.exp(place):.5g}"))
            loss.append(round(float(2.2 - 0.17 * i + 0.12 * place**2 + noise * r.standard_normal()), 5))
    order = r.permutation(len(n))
    return {"flop": [flop[i] for i in order], "n": [n[i] for i in order], "loss": [loss[i] for i in order]}


def parabolas(x, y):
    """Middles in ln N, and parabolas around them by least squares: x and y are (many, runs)."""
    middle = x.mean(1, keepdims=True)
    powers = (x - middle)[..., None] ** np.arange(3)
    c = np.linalg.solve(np.einsum("mki,mkj->mij", powers, powers), np.einsum("mki,mk->mi", powers, y)[..., None])[..., 0]
    return middle[:, 0], c


def vertices(x, y):
    """The turning points, in ln N, of parabolas by least squares."""
    middle, c = parabolas(x, y)
    return middle - c[:, 1] / (2 * c[:, 2])


def grouped(runs):
    flop = np.array(runs["flop"])
    groups = [flop == budget for budget in np.unique(flop)]
    return np.log(np.unique(flop)), [(np.log(runs["n"])[here], np.array(runs["loss"])[here]) for here in groups]


def interval(log_budgets, bottoms, ends=(2.5, 97.5)):
    centred = log_budgets - log_budgets.mean()
    return np.percentile(centred @ np.array(bottoms) / (centred @ centred), ends)


def draws_of(generator, x, y, n):
    """Draws that 3.1 would not refuse."""
    drawn = np.empty((0, len(x)), dtype=int)
    while len(drawn) < n:
        more = generator.integers(0, len(x), (2 * n, len(x)))
        more = more[(np.diff(np.sort(x[more])) > 0).sum(1) >= 2]
        drawn = np.concatenate((drawn, more[parabolas(x[more], y[more])[1][:, 2] > 0]))
    return drawn[:n]


def of_runs(runs, *, seed=1, n=400, only_last=False, ends=(2.5, 97.5)):
    generator, (log_budgets, groups), bottoms = np.random.default_rng(seed), grouped(runs), []
    for i, (x, y) in enumerate(groups):
        drawn = draws_of(generator, x, y, n)
        if only_last and i < len(groups) - 1:
            drawn = np.tile(np.arange(len(x)), (n, 1))
        bottoms.append(vertices(x[drawn], y[drawn]))
    return interval(log_budgets, bottoms, ends)


def of_residuals(runs, *, last=False, inflated=False, seed=1, n=400):
    generator, (log_budgets, groups) = np.random.default_rng(seed), grouped(runs)
    fitted = [np.polyval(np.polyfit(x - x.mean(), y, 2), x - x.mean()) for x, y in groups]
    left = [(y - fit) * (math.sqrt(len(y) / (len(y) - 3)) if inflated else 1) for (_, y), fit in zip(groups, fitted, strict=True)]
    return interval(log_budgets, [
        vertices(np.tile(x, (n, 1)), fit + generator.choice(left[-1] if last else own, (n, len(x))))
        for (x, _), fit, own in zip(groups, fitted, left, strict=True)
    ])


def of_bottoms(runs, *, seed=1, n=400):
    """The five bottoms drawn, the runs left as they are."""
    generator, (log_budgets, groups) = np.random.default_rng(seed), grouped(runs)
    bottoms, exponents = np.array([vertices(x[None], y[None])[0] for x, y in groups]), []
    while len(exponents) < n:
        drawn = generator.integers(0, len(bottoms), len(bottoms))
        if len(set(drawn)) > 1:
            exponents.append(np.polyfit(log_budgets[drawn], bottoms[drawn], 1)[0])
    return np.percentile(exponents, [2.5, 97.5])


sets = [made_up() for _ in range(N_SETS)]
reference = np.array([of_runs(one, n=1000) for one in sets])


def distance(answers, truth):
    """How far the ends lie from the truth's, in its widths: the median over the sets of the farther end."""
    width = truth[:, 1] - truth[:, 0]
    return float(np.median(np.abs(np.array(answers, dtype=float) - truth).max(1) / width))


def stretch(answers, truth):
    """How much wider or narrower the intervals are than the truth's: the size of the logarithm of the median ratio."""
    widths, right = (np.diff(np.array(one, dtype=float))[:, 0] for one in (answers, truth))
    return float(abs(np.median(np.log(widths / right))))


def like(idea, *, within=0.12, stretched=math.inf):
    def is_of(answers):
        truth = np.array([idea(one) for one in sets])
        return distance(answers, truth) <= within and stretch(answers, truth) <= stretched

    return is_of


first = expect(bootstrap_exponent, sets[0], 7, N_DRAWS)
first.look("how many numbers", len).equals(2)
first.repeats()
first.differs(sets[0], 8, N_DRAWS, why="the seed changes nothing", idea="3.7/seed_ignored")
first.differs(sets[0], 7, N_DRAWS // 2, why="n changes nothing", idea="3.7/n_ignored")
first.keeps_numpys_generator(idea="3.7/global_generator")
first.keeps_arguments()
answers = expect_each(bootstrap_exponent, {f"set {i + 1}": (one, 100 + i, N_DRAWS) for i, one in enumerate(sets)})
answers.look("the order of low and high", lambda answer: answer[0] < answer[1]).equals([True] * N_SETS)
known = {
    "3.7/residuals": ("residuals are drawn there: draw runs, each with its size and loss", like(of_residuals)),
    "3.7/residuals_of_one_budget": ("residuals of one budget serve for all: draw runs, within every budget",
                                    like(lambda runs: of_residuals(runs, last=True))),
    "3.7/one_budget": ("the runs of one budget only are drawn: draw in every budget", like(lambda runs: of_runs(runs, only_last=True))),
    "3.7/bottoms": ("the bottoms are drawn there: draw runs, and fit the parabolas again", like(of_bottoms, within=0.2)),
    "3.7/percentiles": ("those are other percentiles: 2.5 and 97.5 are asked",
                        like(lambda runs: of_runs(runs, ends=(5, 95)), within=0.3, stretched=0.15)),
}
for score, at_most, called in (
    (distance, 0.15, "the distance of low and high from where they should be, in widths of the interval"),
    (stretch, 0.12, "how far the intervals are from their width, as the logarithm of the ratio"),
):
    answers.scores(lambda given, score=score: score(given, reference), at_most=at_most,
                   called=f"{called} (the median of {N_SETS} sets of runs)", wrong=known)
exact = {"flop": [1e15] * 4 + [8e15] * 4, "n": [1e6, 2e6, 4e6, 4e6, 4e6, 8e6, 16e6, 4e6],
         "loss": [2.0 + 0.1 * math.log(q) ** 2 for q in (0.5, 1, 2, 2, 0.5, 1, 2, 0.5)]}  # a size may be there twice
expect(bootstrap_exponent, exact, 3, 60).close_to([2 / 3, 2 / 3], rel_tol=1e-6)
### END HIDDEN TESTS
assert np.allclose(bootstrap_exponent(EXAMPLE_DRAWS, 0, 20), 0.5), "there is no noise"

# %% [markdown]
# ### The valleys, the line, and a model of ours
#
# `two-bills-code`, which this course ships, was trained on Python, too, on two threads of a processor. Its vocabulary is as large as the
# sweep's, its text is another. The cell prints what it took, beside the sweep's runs of about that budget.

# %%
import json

from course import models

file = models.folder_of("two-bills-code") / "training_bill.json"
bill = json.loads(file.read_text(encoding="utf-8"))
OUR_FLOP, OUR_N, OUR_D = bill["flop_6nd"], bill["n_params"], bill["tokens"]
print(f"{OUR_FLOP:.2g} FLOP, {OUR_N:,} parameters, {OUR_D / OUR_N:.1f} tokens for each")
SWEEP[SWEEP.budget_flop == 1e15][["n_params", "loss_nats"]]

# %% [markdown]
# **Predict** its loss per token on text that it had never seen: `lab.predict("two_bills_code_loss", low, high, "nat")`.

# %% nbgrader={"grade_id": "predict-two_bills_code_loss"}
### BEGIN SOLUTION
lab.predict("two_bills_code_loss", 1.85, 2.2, "nat")
### END SOLUTION

# %%
OUR_LOSS = bill["held_out_nats_per_token"]
lab.reveal("two_bills_code_loss", OUR_LOSS, "nat", "its training bill");

# %%
def of_the_sweep():
    """The sweep's budgets and best sizes, their power law, its exponent's interval."""
    points = bottoms(SWEEP)[:, :2]
    draws = {"flop": SWEEP.budget_flop.tolist(), "n": SWEEP.n_params.tolist(),
             "loss": SWEEP.loss_nats.tolist()}
    return points, fit_power_law(*points.T), bootstrap_exponent(draws, 0, 400)


# %% tags=["raises-exception"]
points, (coef, exponent), (low, high) = of_the_sweep()
print(f"exponent {exponent:.3f}, bootstrap {low:.3f} to {high:.3f}")
fewer = [np.delete(points, i, axis=0) for i in range(len(points))]
without = [fit_power_law(*rest.T)[1] for rest in fewer]
print(f"without one of the budgets: {min(without):.3f} to {max(without):.3f}")

# %% tags=["raises-exception"]
points, (coef, exponent), interval = of_the_sweep()
fig, (left, right) = plt.subplots(1, 2, figsize=(10, 4.2))
groups, ends = SWEEP.groupby("budget_flop"), []
for colour, (budget, group) in zip(plots.COLOURS, groups, strict=False):
    parabola = np.poly1d(np.polyfit(np.log(group.n_params), group.loss_nats, 2))
    line = np.geomspace(group.n_params.min(), group.n_params.max(), 99)
    left.plot(line / 1e6, parabola(np.log(line)), "-", marker="", color=colour, lw=1)
    left.plot(group.n_params / 1e6, group.loss_nats, "o", color=colour, ms=4)
    ends.append((line[-1] / 1e6, parabola(np.log(line[-1])), f"{budget:.0e}", colour))
left.plot(OUR_N / 1e6, OUR_LOSS, "k*", ms=12)
left.set(xscale="log", xlim=(0.6, 200), xlabel="parameters (million)",
         ylabel="loss (nat per token)")
plots.ticks(left.xaxis, [1, 3, 10, 30, 100])
plots.label_ends(left, ends)
left.set_title("Each budget has its valley")
budgets = np.geomspace(1e14, 1e17, 50)
middle = np.exp(np.log(points).mean(0))
fan = [middle[1] * (budgets / middle[0]) ** end / 1e6 for end in interval]
right.fill_between(budgets, *fan, color=plots.BLUE, alpha=0.2, lw=0)
right.plot(budgets, coef * budgets**exponent / 1e6, "-", marker="", color=plots.BLUE)
right.plot(points[:, 0], points[:, 1] / 1e6, "o", color=plots.BLUE)
ours = (OUR_FLOP, OUR_N / 1e6)
right.plot(*ours, "k*", ms=12)
plots.label(right, "two-bills-code", ours, shift=(-4, 9), side="right")
plots.label(right, "95 % of the draws", (9e16, 3.6), side="right")
right.set(xscale="log", yscale="log", xlabel="C (FLOP)", ylabel="best size (million)")
plots.ticks(right.yaxis, [0.3, 1, 3, 10, 30])
right.set_title(f"The best size grows as C to the {exponent:.2f}")
plots.show(fig, alt="Left, loss against size with parabolas, our model a star; right, "
           "best size against budget, with a line and a band.")

# %% [markdown]
# This interval is rough. It is more than twice as wide as the runs' scatter around their parabolas asks: with four or five runs in
# a valley, a draw often keeps three sizes, and a parabola through three noisy points swings. And yet one budget less can move the
# exponent out of it: no draw knows whether a whole valley lies wrong.
#
# The star read other text than the sweep, so its height is no test of a law. Its place on the right says what 6ND alone can say: whether it
# was larger or smaller than best for its budget.

# %% [markdown]
# ## 6 · A law for every size and length
#
# Chinchilla's authors also fitted one formula to all of their runs:
#
# L(N, D) = E + A / N^alpha + B / D^beta
#
# E is what no model of this kind can learn. A / N^alpha is the price of a finite model, B / D^beta that of finite
# text. Their five constants were printed rounded; later Besiroglu and others fitted the published points again: the *refit*.

# %% nbgrader={"grade_id": "given-laws"}
def law_of(name):
    value = data.load("scaling_laws").set_index("id").value
    symbols = ("E", "A", "B", "alpha", "beta")
    return {symbol: float(value[f"{name}-{symbol.lower()}"]) for symbol in symbols}


CHINCHILLA, REFIT = law_of("chinchilla-3"), law_of("refit")
EVEN = {"E": 1, "A": 100, "B": 100, "alpha": 0.5, "beta": 0.5}  # for examples
pd.DataFrame({"Chinchilla 2022, rounded": CHINCHILLA, "refit 2024": REFIT})

# %% [markdown] nbgrader={"grade_id": "ex-3-3-task"}
# **Exercise 3.3 (stretch, 1 point).** `chinchilla_loss(n, d, law)` returns the loss of the formula above. `law` is a dict with the
# keys `E`, `A`, `B`, `alpha` and `beta`. `n` and `d` are numbers or NumPy arrays that broadcast. With the even law, E = 1, A = B = 100
# and alpha = beta = 0.5, ten thousand parameters and a million tokens give 2.1.

# %% nbgrader={"grade_id": "ex-3-3"}
def chinchilla_loss(n, d, law):
    """Loss in nats per token of a model of n parameters after d tokens."""
    ### BEGIN SOLUTION
    return law["E"] + law["A"] / n ** law["alpha"] + law["B"] / d ** law["beta"]
    ### END SOLUTION


# %%
chinchilla_loss(1e4, 1e6, EVEN)  # try it

# %% nbgrader={"grade_id": "test-3-3", "points": 1}
### BEGIN HIDDEN TESTS
from course.checking import expect_each, told_apart
from course.cohort import rng

r = rng("3.3")


def formula(n, d, law, *, e="E", a="A", b="B", alpha="alpha", beta="beta", sign=-1):
    law = law | {"none": 0.0}
    return law[e] + law[a] * np.asarray(n, dtype=float) ** (sign * law[alpha]) + law[b] * np.asarray(d, dtype=float) ** (sign * law[beta])


def drawn_law():
    return {key: float(f"{value * r.uniform(0.9, 1.1):.4g}") for key, value in REFIT.items()}


ideas = {
    "3.3/exponents_exchanged": ("alpha belongs to the size, beta to the tokens", lambda n, d, law: formula(n, d, law, alpha="beta", beta="alpha")),
    "3.3/one_exponent": ("size and tokens have exponents of their own", lambda n, d, law: formula(n, d, law, beta="alpha"),
                         lambda n, d, law: formula(n, d, law, alpha="beta")),
    "3.3/coefficients_exchanged": ("A belongs to the size, B to the tokens", lambda n, d, law: formula(n, d, law, a="B", b="A")),
    "3.3/no_e": ("E is missing: what no model can learn", lambda n, d, law: formula(n, d, law, e="none")),
    "3.3/multiplied": ("both terms are divided by a power, not multiplied", lambda n, d, law: formula(n, d, law, sign=1)),
}


def draw():
    return [
        (r.number(1e8, 1e11), r.number(1e9, 1e13), drawn_law()),
        (r.number(1e3, 1e6), r.number(1e4, 1e7), drawn_law()),
        (r.number(1e3, 1e5), r.number(1e12, 1e14), drawn_law()),
        (np.array([r.number(1e6, 1e9) for _ in range(4)]), r.number(1e8, 1e12), CHINCHILLA),
        (np.array([[1e6], [r.number(1e7, 1e9)], [1e10]]), np.array([1e8, r.number(1e9, 1e12)]), REFIT),
        (r.number(1e6, 1e9), np.array([r.number(1e8, 1e12) for _ in range(3)]), drawn_law()),
        (1e60, 1e60, drawn_law()),
    ]


cases = told_apart(draw, formula, ideas)
expect_each(chinchilla_loss, cases).close_to(formula, wrong=ideas)
expect_each(chinchilla_loss, cases[3:5]).keeps_arguments()
### END HIDDEN TESTS
assert isclose(chinchilla_loss(1e4, 1e6, EVEN), 2.1), "1 + 1 + 0.1"

# %% [markdown]
# ### Which size does the law want?
#
# A budget C leaves D = C / (6N), so the loss is a function of N alone. It is lowest where a little more size gains as much as the text
# that it costs: set the derivative to zero, and N stands alone on one side.

# %% [markdown] nbgrader={"grade_id": "ex-3-4-task"}
# **Exercise 3.4 (2 points).** `compute_optimal(flop, law)` returns `(n, d)` with the lowest loss by the law of section 6 and
# 6·n·d = `flop`. With A = B = 100 and alpha = beta = 0.5, 6e6 FLOP give 1,000 and 1,000. Both are compared to 1e-4, 6·n·d to 1e-6.
#
# <details><summary>Hint</summary>alpha·A / N^alpha = beta·B / D^beta at the best N. Put D = C / (6N) in, and solve for N.</details>

# %% nbgrader={"grade_id": "ex-3-4"}
def compute_optimal(flop, law):
    """Parameters and tokens with the lowest loss that a budget can buy."""
    ### BEGIN SOLUTION
    alpha, beta = law["alpha"], law["beta"]
    scale = (alpha * law["A"] / (beta * law["B"])) ** (1 / (alpha + beta))
    n = scale * (flop / 6) ** (beta / (alpha + beta))
    return n, flop / (6 * n)
    ### END SOLUTION


# %%
compute_optimal(6e6, EVEN)  # try it

# %% nbgrader={"grade_id": "test-3-4", "points": 2}
### BEGIN HIDDEN TESTS
from course.checking import expect_each, told_apart
from course.cohort import rng

r = rng("3.4")


def closed(flop, law, *, six=6, exchanged=False, slopes=True, upside_down=False):
    alpha, beta = law["alpha"], law["beta"]
    ratio = (alpha * law["A"] / (beta * law["B"])) if slopes else law["A"] / law["B"]
    power = (alpha if exchanged else beta) / (alpha + beta)
    n = (1 / ratio if upside_down else ratio) ** (1 / (alpha + beta)) * (flop / six) ** power
    return n, flop / six / n


def twenty(flop, law):
    return math.sqrt(flop / 120), 20 * math.sqrt(flop / 120)


def half(flop, law):
    alpha, beta = law["alpha"], law["beta"]
    n = (alpha * law["A"] / (beta * law["B"])) ** (1 / (alpha + beta)) * math.sqrt(flop / 6)
    return n, flop / 6 / n


ideas = {
    "3.4/twenty_to_one": ("20 tokens per parameter are one law's answer at one budget: this law has its own", twenty),
    "3.4/exponents_exchanged": ("the exponents are exchanged: N grows as C to the power of beta / (alpha + beta)",
                                lambda flop, law: closed(flop, law, exchanged=True)),
    "3.4/equal_terms": ("that makes both terms equal; at the best size their slopes are, so alpha and beta stand beside A and B",
                        lambda flop, law: closed(flop, law, slopes=False)),
    "3.4/upside_down": ("the ratio of A and B stands upside down: the more a small model loses (a larger A), the larger N is",
                        lambda flop, law: closed(flop, law, upside_down=True)),
    "3.4/no_six": ("a budget is 6·n·d, not n·d", lambda flop, law: closed(flop, law, six=1)),
    "3.4/square_root": ("N grows as the square root of the budget only if alpha is beta", half),
    "3.4/tokens_first": ("parameters come first, then tokens", lambda flop, law: closed(flop, law)[::-1]),
}


def drawn_law(spread):
    return {key: float(f"{value * math.exp(r.uniform(-spread, spread)):.4g}") for key, value in REFIT.items()}


def draw():
    return [(r.number(1e17, 1e26), drawn_law(0.1)), (r.number(1e17, 1e26), drawn_law(0.4)), (r.number(1e6, 1e9), drawn_law(0.3)),
            (r.number(1e21, 1e24), CHINCHILLA), (r.number(1e21, 1e24), REFIT),
            (r.number(1e18, 1e22), {"E": r.number(0, 2), "A": r.number(1, 9), "B": r.number(1e4, 1e6), "alpha": 0.2, "beta": 0.7})]


cases = told_apart(draw, closed, ideas, rel_tol=1e-3)
expect_each(compute_optimal, cases).close_to(closed, rel_tol=1e-4, wrong=ideas)
expect_each(compute_optimal, cases).look("6·n·d", lambda answer: 6 * answer[0] * answer[1]).close_to(
    lambda flop, law: flop, rel_tol=1e-6)
### END HIDDEN TESTS
assert np.allclose(compute_optimal(6e6, EVEN), 1000), "a law without sides"

# %% [markdown]
# ### Does it reconcile?
#
# The model Chinchilla was trained as its authors' laws told them. The ratio in the next cell is the rule of thumb that the whole
# field quotes.

# %%
chinchilla = data.row("training_runs/chinchilla-70b")
CHINCHILLA_FLOP = 6 * chinchilla.n_active_params * chinchilla.n_tokens
ratio = chinchilla.n_tokens / chinchilla.n_active_params
print(f"{chinchilla.n_active_params:.3g} parameters, {chinchilla.n_tokens:.3g} tokens, "
      f"{ratio:.0f} for each: {CHINCHILLA_FLOP:.3g} FLOP")

# %% [markdown]
# **Predict** the tokens per parameter that the *constants of its own paper* ask for at that budget:
# `lab.predict("chinchilla_ratio", low, high, "tokens per parameter")`.

# %% nbgrader={"grade_id": "predict-chinchilla_ratio"}
### BEGIN SOLUTION
lab.predict("chinchilla_ratio", 15, 40, "tokens per parameter")
### END SOLUTION

# %% tags=["raises-exception"]
n, d = compute_optimal(CHINCHILLA_FLOP, CHINCHILLA)
unit = "tokens per parameter"
lab.reveal("chinchilla_ratio", d / n, unit, "3.4 with the constants as printed")
for name, law in {"as printed": CHINCHILLA, "refit": REFIT}.items():
    n, d = compute_optimal(CHINCHILLA_FLOP, law)
    power = law["beta"] / (law["alpha"] + law["beta"])
    print(f"{name}: {n / 1e9:.1f} billion parameters, {d / 1e12:.2f} trillion tokens, "
          f"{d / n:4.1f} for each; N grows as C to the {power:.2f}")

# %% [markdown]
# The headline and the printed constants of one paper contradict each other; the refit to the same runs finds the headline again. A second
# decimal of an exponent decides billions of parameters. Never copy a law without trying it on the model that it is named
# after.

# %% [markdown]
# ### Fit it yourself
#
# Fits of this law use a *Huber* loss: half the square of a small error, and only in proportion to a large one, so that one failed run
# does not bend the law. The errors are in ln L.

# %% nbgrader={"grade_id": "given-huber"}
def huber(error, delta=1e-3):
    """Half a square up to delta, then a straight line."""
    size = np.abs(error)
    return np.where(size <= delta, error**2 / 2, delta * (size - delta / 2))


SWEPT = {"n": SWEEP.n_params.tolist(), "d": SWEEP.n_tokens.tolist(),
         "loss": SWEEP.loss_nats.tolist()}
huber(np.array([0.0005, 0.001, 0.1]))

# %% [markdown] nbgrader={"grade_id": "ex-3-6-task"}
# **Exercise 3.6 (stretch, 1 point).** `fit_parametric(runs)` returns a law, a dict as in 3.3, that makes the sum of `huber(ln L̂ − ln L)`
# as small as it gets: within 1 % of the lowest known. `runs` is a dict of lists: `n`, `d` and `loss`. A call may take 20 seconds.
#
# <details><summary>Hint</summary>`optimize.minimize` over ln E, a, b, alpha and beta, with A / N^alpha = exp(a − alpha·(ln N − its mean)),
# likewise for D: so a and alpha hardly pull at each other. Start near the refit. A method may stop early: begin again
# where it stopped, with "BFGS" or "Nelder-Mead", and compare.</details>

# %% nbgrader={"grade_id": "ex-3-6"}
def fit_parametric(runs):
    """The law with the least Huber loss in ln L."""
    ### BEGIN SOLUTION
    ln_n, ln_d, ln_loss = (np.log(runs[key]) for key in ("n", "d", "loss"))
    mid_n, mid_d = ln_n.mean(), ln_d.mean()

    def total(p):
        terms = [p[0] + 0 * ln_n, p[1] - p[3] * (ln_n - mid_n), p[2] - p[4] * (ln_d - mid_d)]
        return 1e4 * huber(np.logaddexp.reduce(terms) - ln_loss).sum()

    p = [0.6, 6.2 - 0.35 * mid_n, 7.6 - 0.37 * mid_d, 0.35, 0.37]
    for method, options in (("BFGS", {}), ("Nelder-Mead", {"maxiter": 4000, "fatol": 1e-9, "xatol": 1e-9})):
        p = optimize.minimize(total, p, method=method, options=options).x
    e, a, b = np.exp([p[0], p[1] + p[3] * mid_n, p[2] + p[4] * mid_d])
    return {"E": float(e), "A": float(a), "B": float(b), "alpha": float(p[3]), "beta": float(p[4])}
    ### END SOLUTION


# %%
fit_parametric(SWEPT)  # try it

# %% nbgrader={"grade_id": "test-3-6", "points": 1}
### BEGIN HIDDEN TESTS
from course.checking import expect
from course.cohort import rng

r = rng("3.6")


def off_by(law, runs):
    n, d, loss = (np.array(runs[key], dtype=float) for key in ("n", "d", "loss"))
    return np.log(law["E"] + law["A"] * n ** -law["alpha"] + law["B"] * d ** -law["beta"]) - np.log(loss)


def minimal(total, runs, start):
    """The law with the least total, from a start that is near. Over logarithms from their means, it is well conditioned."""
    x, y = np.log(runs["n"]).mean(), np.log(runs["d"]).mean()

    def of(p):
        values = [*np.exp([p[0], p[1] + p[3] * x, p[2] + p[4] * y]), *p[3:]]
        return dict(zip(("E", "A", "B", "alpha", "beta"), values, strict=True))

    alpha, beta = start["alpha"], start["beta"]
    p = [math.log(start["E"]), math.log(start["A"]) - alpha * x, math.log(start["B"]) - beta * y, alpha, beta]
    for method in ("BFGS", "Nelder-Mead", "BFGS", "Nelder-Mead"):
        options = {"maxiter": 4000, "maxfev": 4000, "xatol": 1e-10, "fatol": 1e-12} if method == "Nelder-Mead" else {"gtol": 1e-8}
        p = optimize.minimize(lambda q: 1e4 * total(of(q)), p, method=method, options=options).x
    return of(p)


def huber_of(runs):
    return lambda law: float(huber(off_by(law, runs)).sum())


def squares_of(runs):
    return lambda law: float((off_by(law, runs) ** 2).sum())


def raw_of(runs):
    loss = np.array(runs["loss"])
    return lambda law: float(huber(loss * (np.exp(off_by(law, runs)) - 1)).sum())


def with_outliers():
    truth = {key: value * r.uniform(0.95, 1.05) for key, value in REFIT.items()}
    n, d = (np.exp(r.uniform(math.log(low), math.log(high), 64)) for low, high in ((3e7, 1e10), (1e9, 1e12)))
    loss = np.exp(off_by(truth, {"n": n, "d": d, "loss": np.ones(64)}) + 0.001 * r.standard_normal(64))
    failed = r.choice(64, 4, replace=False)
    loss[failed] *= np.exp(r.uniform(0.05, 0.2, 4))
    return {"n": n.tolist(), "d": d.tolist(), "loss": loss.tolist()}, truth


def is_least(law, total, runs, start):
    return isclose(total(law), total(minimal(total, runs, start)), rel_tol=1e-3)


near = {"E": 1.2115, "A": 500.0, "B": 2000.0, "alpha": 0.4, "beta": 0.4}
made_up, truth = with_outliers()
for name, runs, start in (("the sweep", SWEPT, near), ("64 made-up runs, four of them failed", made_up, truth)):
    best = minimal(huber_of(runs), runs, start)
    least = huber_of(runs)(best)
    answer = expect(fit_parametric, runs)
    answer.look("the keys", lambda law: sorted(law)).equals(["A", "B", "E", "alpha", "beta"], wrong={
        "3.6/no_e": ("E is missing: what no model can learn", ["A", "B", "alpha", "beta"]),
    })
    answer.scores(
        lambda laws, runs=runs, least=least: huber_of(runs)(laws[0]) / least, at_most=1.01,
        called=f"with {name}, the sum of huber over the lowest known",
        wrong={
            "3.6/squares": ("those are least squares: every failed run pulls at the law",
                            lambda laws, runs=runs, start=start: is_least(laws[0], squares_of(runs), runs, start)),
            "3.6/raw_losses": ("the errors are in ln L, not in L",
                               lambda laws, runs=runs, start=start: is_least(laws[0], raw_of(runs), runs, start)),
            "3.6/no_e": ("E is missing: what no model can learn", lambda laws: abs(laws[0]["E"]) < 0.01),
        },
    )
answer.look("E", lambda law: law["E"]).close_to(best["E"], rel_tol=0.01)
### END HIDDEN TESTS
assert 1.0 < fit_parametric(SWEPT)["E"] < 1.4, "E of the sweep lies near 1.2"

# %% [markdown]
# ### Who tests the test?
#
# A colleague's version of exercise 3.4. Its budget is exact.

# %% nbgrader={"grade_id": "given-colleague"}
def colleagues_optimal(flop, law):
    n = (flop / 120) ** 0.5
    return n, 20 * n


colleagues_optimal(6e6, EVEN)

# %% [markdown] nbgrader={"grade_id": "ex-3-10-task"}
# **Exercise 3.10 (stretch, 1 point).** `accepts(f)` is given somebody's `compute_optimal(flop, law)` and returns `True` if its
# answers are right to a tenth of a per cent, `False` if not. It must refuse the colleague's and accept your own. It is tried on
# thirteen that you do not see; a hundred calls are enough.

# %% nbgrader={"grade_id": "ex-3-10"}
def accepts(f):
    """Whether `f` computes compute_optimal rightly."""
    ### BEGIN SOLUTION
    # alpha·A / n^alpha = beta·B / d^beta at the optimum: choose n and d, and a law that fits them.
    for n, d, alpha, beta, a in ((1e4, 1e6, 0.3, 0.5, 50.0), (1e8, 1e7, 0.6, 0.2, 900.0), (2e9, 5e10, 0.35, 0.36, 400.0)):
        b = alpha * a / n**alpha * d**beta / beta
        law = {"E": 1.7, "A": a, "B": b, "alpha": alpha, "beta": beta}
        if not np.allclose(f(6 * n * d, law), (n, d), rtol=1e-3, atol=0):
            return False
    return True
    ### END SOLUTION


# %%
accepts(colleagues_optimal), accepts(compute_optimal)  # try it: False, True

# %% nbgrader={"grade_id": "test-3-10", "points": 1}
### BEGIN HIDDEN TESTS
from course.checking import Bank


def by_formula(*, six=6.0, exchanged=False, slopes=True, upside_down=False, of=None, power=None):
    def implementation(flop, law):
        law = of or law
        alpha, beta = law["alpha"], law["beta"]
        ratio = alpha * law["A"] / (beta * law["B"]) if slopes else law["A"] / law["B"]
        exponent = power or (alpha if exchanged else beta) / (alpha + beta)
        n = (1 / ratio if upside_down else ratio) ** (1 / (alpha + beta)) * (flop / six) ** exponent
        return n, flop / 6 / n

    return implementation


def by_search(flop, law):
    def loss(x):
        return law["A"] * math.exp(-law["alpha"] * x) + law["B"] * (flop / 6 * math.exp(-x)) ** -law["beta"]

    low, high = -40.0, 120.0
    while high - low > 1e-5:
        third = (high - low) / 3
        low, high = (low, high - third) if loss(low + third) < loss(high - third) else (low + third, high)
    n = math.exp((low + high) / 2)
    return n, flop / 6 / n


def tokens_first(flop, law):
    alpha, beta = law["alpha"], law["beta"]
    d = (beta * law["B"] / (alpha * law["A"])) ** (1 / (alpha + beta)) * (flop / 6) ** (alpha / (alpha + beta))
    return flop / 6 / d, d


def coarse(flop, law):
    sizes = 10 ** (np.arange(-200, 400) / 10)
    losses = law["A"] / sizes ** law["alpha"] + law["B"] / (flop / 6 / sizes) ** law["beta"]
    n = float(sizes[np.argmin(losses)])
    return n, flop / 6 / n


bank = Bank(
    "compute_optimal(flop, law)",
    example=(6e6, EVEN),
    right={"one that takes the formula": by_formula(), "one that finds the tokens first": tokens_first,
           "one that searches for the lowest loss": by_search},
    wrong={
        "one that takes 20 tokens per parameter": colleagues_optimal,
        "one that exchanges the exponents": by_formula(exchanged=True),
        "one that makes both terms equal": by_formula(slopes=False),
        "one that has the ratio upside down": by_formula(upside_down=True),
        "one that forgets the 6 on the way": by_formula(six=1.0),
        "one that knows one law only": by_formula(of={"E": 1.8, "A": 482.0, "B": 2085.4, "alpha": 0.3478, "beta": 0.3658}),
        "one that takes the square root": by_formula(power=0.5),
        "one that gives tokens first": lambda flop, law: by_formula()(flop, law)[::-1],
        "one that spends six times the budget": lambda flop, law: (by_formula()(flop, law)[0], flop / by_formula()(flop, law)[0]),
        "one that tries ten sizes a decade": coarse,
    },
    hints={"one that searches for the lowest loss": "what is searched for is off in the sixth digit: a tenth of a per cent is allowed"},
)


def tried(flop, law, *, budget_only=False):
    n, d = by_formula()(flop, law)

    def judge(f):
        given = f(flop, law)
        if budget_only:
            return isclose(6 * given[0] * given[1], flop, rel_tol=1e-3)
        return isclose(given[0], n, rel_tol=1e-3) and isclose(given[1], d, rel_tol=1e-3)

    return judge


uneven = {"E": 1, "A": 100, "B": 900, "alpha": 0.5, "beta": 0.5}
bank.judged_by(accepts, wrong={
    "3.10/budget_only": ("that 6·n·d is the budget says nothing of n: nearly all of these spend it", tried(1e20, REFIT, budget_only=True)),
    "3.10/even_law": ("with A = B and alpha = beta size and tokens are alike: nobody sees who exchanges them", tried(6e6, EVEN)),
    "3.10/even_exponents": ("with alpha = beta nobody sees which exponent stands where", tried(6e6, uneven), tried(1e20, uneven)),
    "3.10/accepts_all": ("it accepts every implementation", lambda f: True),
    "3.10/refuses_all": ("it accepts none, right ones included", lambda f: False),
})
### END HIDDEN TESTS
assert not accepts(colleagues_optimal), "the colleague's version reads no law"

# %% [markdown]
# ## 7 · Spend a budget
#
# Now the law is unknown. You have 1e18 FLOP for small runs, and must say what is best at a hundred times as much, where nobody can afford
# a second try. It is what every large training run is planned by.
#
# You play ten games, each with a law of its own near the refit, and losses that are off by 0.2 %. At the end you say the best size at 1e20
# FLOP, and its loss. A game is won if the size is right within a factor of 1.25, the loss within 10 %.

# %% [markdown] nbgrader={"grade_id": "ex-3-8-task"}
# **Exercise 3.8 (stretch, 1 point).** Two functions. `next_run(runs, budget_left_flop)` returns the next run as `(n, d)`, or `None` to stop;
# 6·n·d may not exceed what is left. `runs` is what came of the runs so far, a dict of lists `n`, `d`, `flop` and `loss`, at first empty.
# After `None`, or 60 runs, `predict(runs, flop)` returns `(n_opt, loss)` at `flop`. Win eight games of ten.
#
# <details><summary>Hint</summary>The same range of sizes around √(C/120) at every budget, budgets far apart. The lowest losses follow
# E + k / C^γ, not a pure power law.</details>

# %% nbgrader={"grade_id": "ex-3-8"}
def next_run(runs, budget_left_flop):
    """Parameters and tokens of the next run, or None."""
    ### BEGIN SOLUTION
    total = budget_left_flop + sum(runs["flop"])
    sizes, shares = 7, np.array([1, 4, 17, 70, 300])
    budgets = 0.999 * total * shares / shares.sum() / sizes
    place = len(runs["n"])
    if place == sizes * len(budgets):
        return None
    budget = budgets[place // sizes]
    n = math.sqrt(budget / 120) * 10 ** np.linspace(-1, 1, sizes)[place % sizes]
    return float(n), float(budget / 6 / n)
    ### END SOLUTION


def predict(runs, flop):
    """The best size at `flop`, and its loss."""
    ### BEGIN SOLUTION
    budgets, x, loss = np.array(runs["flop"]), np.log(runs["n"]), np.array(runs["loss"])
    groups = np.unique(np.round(np.log(budgets), 6))
    bottoms, lowest = [], []
    for group in groups:
        here = np.isclose(np.log(budgets), group, atol=1e-5)
        a, b, c = np.polyfit(x[here], loss[here], 2)
        bottoms.append(-b / (2 * a))
        lowest.append(c - b**2 / (4 * a))
    slope, at_zero = np.polyfit(groups, bottoms, 1)
    fits = []
    for gamma in np.linspace(0.08, 0.3, 45):  # lowest loss = E + k / C^gamma
        table = np.stack([np.ones(len(groups)), np.exp(-gamma * (groups - groups[0]))], axis=1)
        (e, k), left, *_ = np.linalg.lstsq(table, lowest, rcond=None)
        fits.append((float(left.sum()), float(e + k * np.exp(-gamma * (np.log(flop) - groups[0])))))
    return float(np.exp(at_zero + slope * np.log(flop))), min(fits)[1]
    ### END SOLUTION


# %% tags=["raises-exception"]
def game(seed, budget_flop=1e18, target_flop=1e20):
    """Play with a law near the refit: both answers over the truth."""
    r = np.random.default_rng(seed)
    law = {key: value * r.uniform(0.9, 1.1) for key, value in REFIT.items()}
    runs, left = {"n": [], "d": [], "flop": [], "loss": []}, budget_flop
    while len(runs["n"]) < 60 and (asked := next_run(runs, left)) is not None:
        n, d = asked
        loss = chinchilla_loss(n, d, law) * math.exp(0.002 * r.standard_normal())
        for key, value in zip(runs, (n, d, 6 * n * d, loss), strict=True):
            runs[key].append(value)
        left -= 6 * n * d
    n_opt, loss = predict(runs, target_flop)
    n, d = compute_optimal(target_flop, law)
    return round(n_opt / n, 3), round(loss / chinchilla_loss(n, d, law), 3)


[game(seed) for seed in range(5)]  # try it: all near 1, 1

# %% nbgrader={"grade_id": "test-3-8", "points": 1}
### BEGIN HIDDEN TESTS
from course.checking import expect_each
from course.cohort import rng

r = rng("3.8")
BUDGET, TARGET, MOST = 1e18, 1e20, 60


def loss_of(n, d, law):
    return law["E"] + law["A"] * n ** -law["alpha"] + law["B"] * d ** -law["beta"]


def best_of(flop, law):
    alpha, beta = law["alpha"], law["beta"]
    n = (alpha * law["A"] / (beta * law["B"])) ** (1 / (alpha + beta)) * (flop / 6) ** (beta / (alpha + beta))
    return n, flop / 6 / n


def pair(answer):
    """Two numbers, or None."""
    try:
        one, other = (float(number) for number in answer)
    except (TypeError, ValueError):
        return None
    return one, other


def played(law, noise):
    """A whole game: the runs, what is refused of the answers, and the prediction."""
    runs, left = {"n": [], "d": [], "flop": [], "loss": []}, BUDGET
    while len(runs["n"]) < MOST:
        asked = next_run({key: list(values) for key, values in runs.items()}, left)
        if asked is None:
            break
        if (run := pair(asked)) is None:
            return {"runs": runs, "refused": f"next_run returns {asked!r:.60}, neither (n, d) nor None"}
        n, d = run
        flop = 6 * n * d
        if not (n > 0 and d > 0 and flop <= left * (1 + 1e-9)):
            return {"runs": runs, "refused": f"next_run returns n = {n:.6g}, d = {d:.6g} with {left:.6g} FLOP left"}
        for key, value in zip(runs, (n, d, flop, loss_of(n, d, law) * math.exp(noise[len(runs["n"])])), strict=True):
            runs[key] += [value]
        left -= flop
    answer = predict({key: list(values) for key, values in runs.items()}, TARGET)
    if (predicted := pair(answer)) is None:
        return {"runs": runs, "refused": f"predict returns {answer!r:.60}, not (n_opt, loss)"}
    return {"runs": runs, "refused": "", "n_opt": predicted[0], "loss": predicted[1]}


played.__name__ = "next_run and predict"
laws = [{key: value * r.uniform(0.9, 1.1) for key, value in REFIT.items()} for _ in range(10)]
games = expect_each(played, {f"game {i + 1}": (law, [float(e) for e in 0.002 * r.standard_normal(MOST)]) for i, law in enumerate(laws)})
games.look("what is refused", lambda answer: answer["refused"]).equals([""] * 10, where=lambda refused, *game: refused)


def is_lost(answer, law):
    n, d = best_of(TARGET, law)
    return not (1 / 1.25 <= answer["n_opt"] / n <= 1.25 and abs(answer["loss"] / loss_of(n, d, law) - 1) <= 0.1)


def extrapolated(runs):
    """N at the target by a power law through the best run of each budget."""
    budgets = np.round(np.log(runs["flop"]), 3)
    best = [min((loss, n) for loss, n, one in zip(runs["loss"], runs["n"], budgets, strict=True) if one == budget)[1] for budget in np.unique(budgets)]
    return math.exp(np.polyval(np.polyfit(np.unique(budgets), np.log(best), 1), math.log(TARGET))) if len(best) > 1 else math.nan


games.scores(
    lambda answers: sum(is_lost(answer, law) for answer, law in zip(answers, laws, strict=True)), at_most=2,
    called="the number of games that are lost, of ten,",
    wrong={
        "3.8/one_run": ("one run says nothing of other sizes: make runs of several sizes and compare",
                        lambda answers: all(len(answer["runs"]["n"]) == 1 for answer in answers)),
        "3.8/no_runs": ("published constants are those of another law: make runs to learn this game's law",
                        lambda answers: all(len(answer["runs"]["n"]) == 0 for answer in answers)),
        "3.8/one_size": ("all runs have one size: to see which size is best, compare several",
                         lambda answers: all(len(set(answer["runs"]["n"])) == 1 < len(answer["runs"]["n"]) for answer in answers)),
        "3.8/best_run": ("that goes through the best run of each budget: the bottom of the parabola lies between runs",
                         lambda answers: all(isclose(answer["n_opt"], extrapolated(answer["runs"]), rel_tol=0.01) for answer in answers)),
        "3.8/power_law_of_the_loss": ("the loss is too low everywhere: it does not fall to zero, but to E",
                                      lambda answers: all(answer["loss"] < 0.97 * loss_of(*best_of(TARGET, law), law) and
                                                          1 / 1.25 <= answer["n_opt"] / best_of(TARGET, law)[0] <= 1.25
                                                          for answer, law in zip(answers, laws, strict=True))),
    },
)
### END HIDDEN TESTS
first = next_run({"n": [], "d": [], "flop": [], "loss": []}, 1e18)
assert first is not None, "without a run nothing is known"

# %% [markdown]
# ## 8 · And who pays for running it?
#
# A model that is trained once and used by many has a second bill: about 2N FLOP for each token that it reads or writes (lab 2), against 6N
# for each token of training. Which model reaches a certain loss with the least of *both*?

# %% [markdown] nbgrader={"grade_id": "ex-3-9-task"}
# **Exercise 3.9 (2 points).** `lifetime_optimal(loss_target, n_inference_tokens, law)` returns `(n, d)` with the loss `loss_target` by the
# law of section 6, and the least 6·n·d + 2·n·`n_inference_tokens`; n and d within 0.1 %. With E = 1, A = B = 100 and alpha = beta = 0.5, a target
# of 1.2 and 6.75e6 tokens give 562,500 and 2,250,000. Raise `ValueError` if the target is not above E.
#
# <details><summary>Hint</summary>The target makes d a function of n. Then one number is searched: ln n, by `optimize.minimize_scalar`.</details>

# %% nbgrader={"grade_id": "ex-3-9"}
def lifetime_optimal(loss_target, n_inference_tokens, law):
    """Parameters and training tokens with the least FLOP in all."""
    ### BEGIN SOLUTION
    room = loss_target - law["E"]
    if room <= 0:
        raise ValueError(f"no model has a loss of {loss_target}: E is {law['E']}")
    smallest = math.log(law["A"] / room) / law["alpha"]

    def tokens(x):
        return (law["B"] / (room - law["A"] * math.exp(-law["alpha"] * x))) ** (1 / law["beta"])

    def ln_flop(x):
        return x + math.log(6 * tokens(x) + 2 * n_inference_tokens)

    bounds = (smallest + 1e-6, smallest + 12 / law["alpha"])
    x = optimize.minimize_scalar(ln_flop, bounds=bounds, method="bounded", options={"xatol": 1e-9}).x
    return math.exp(x), tokens(x)
    ### END SOLUTION


# %%
lifetime_optimal(1.2, 6.75e6, EVEN)  # try it

# %% nbgrader={"grade_id": "test-3-9", "points": 2}
### BEGIN HIDDEN TESTS
from course.checking import NOTHING_REFUSED, expect_each, told_apart
from course.cohort import rng

r = rng("3.9")


def least(target, served, law, *, per_token=2.0):
    """By bisection: at the least FLOP, 6d + per_token·served = 6d · (d's elasticity in n)."""
    room = target - law["E"]
    if room <= 0:
        raise ValueError(target)
    alpha, beta = law["alpha"], law["beta"]
    low, high = 1e-12, 1 - 1e-12  # the share of the room that A / n^alpha takes

    def point(share):
        return (law["A"] / (room * share)) ** (1 / alpha), (law["B"] / (room * (1 - share))) ** (1 / beta)

    for _ in range(200):
        share = (low + high) / 2
        _, d = point(share)
        gain = 6 * d * alpha * share / (beta * (1 - share)) - (6 * d + per_token * served)
        low, high = (share, high) if gain < 0 else (low, share)
    return point((low + high) / 2)


def twenty(target, served, law):
    low, high = 0.0, 400.0
    for _ in range(200):
        x = (low + high) / 2
        n = math.exp(x)
        loss = law["E"] + law["A"] * n ** -law["alpha"] + law["B"] * (20 * n) ** -law["beta"]
        low, high = (x, high) if loss > target else (low, x)
    return math.exp(low), 20 * math.exp(low)


def refused(body):
    def checked(target, served, law):
        if target <= law["E"]:
            raise ValueError(target)
        return body(target, served, law)

    return checked


ideas = {
    "3.9/training_optimal": ("that is the least FLOP of training alone: what is served counts, too",
                             lambda target, served, law: least(target, 0, law)),
    "3.9/served_as_trained": ("a token that is served costs 2n, not 6n: nothing goes backward", lambda *a: least(*a, per_token=6.0)),
    "3.9/served_once": ("a token that is served costs 2n: multiply and add", lambda *a: least(*a, per_token=1.0)),
    "3.9/twenty_to_one": ("20 tokens per parameter reach the loss, but are not the cheapest way to it", refused(twenty)),
    "3.9/target_ignored": ("the loss is that of the example, not the one that is asked",
                           lambda target, served, law: least(1.2, served, law), lambda target, served, law: least(1.973882, served, law),
                           lambda target, served, law: least(law["E"] + 0.2, served, law)),
}


def drawn_law(spread):
    return {key: float(f"{value * math.exp(r.uniform(-spread, spread)):.4g}") for key, value in REFIT.items()}


def call(law, room, served):
    return round(law["E"] + room, 4), served, law


def draw():
    return [
        call(drawn_law(0.1), r.number(0.1, 0.4), r.number(1e11, 1e13)), call(drawn_law(0.1), r.number(0.3, 1), r.number(1e9, 1e12)),
        call(REFIT, r.number(0.15, 0.3), r.number(1e12, 1e14)),
        call({"E": 0.5, "A": r.number(50, 200), "B": r.number(500, 2000), "alpha": 0.3, "beta": 0.5}, r.number(0.5, 1.5), r.number(1e5, 1e9)),
    ]


cases = told_apart(draw, least, ideas, rel_tol=2e-3)
expect_each(lifetime_optimal, cases).close_to(least, rel_tol=1e-3, wrong=ideas)
nothing_served = [call(drawn_law(0.1), r.number(0.1, 0.5), 0), call(CHINCHILLA, r.number(0.2, 0.4), 0)]
expect_each(lifetime_optimal, nothing_served).close_to(least, rel_tol=1e-3, wrong={
    "3.9/twenty_to_one": ("20 tokens per parameter reach the loss, but are not the cheapest way to it", twenty)})
expect_each(lifetime_optimal, [(REFIT["E"], 1e12, REFIT), (REFIT["E"] - 0.2, 1e12, REFIT), (1.0, 0, CHINCHILLA)]).raises(ValueError, wrong={
    "3.9/nothing_refused": ("no model reaches a loss of E or below: refuse by a ValueError", NOTHING_REFUSED),
})
### END HIDDEN TESTS
n, d = lifetime_optimal(1.2, 6.75e6, EVEN)
assert isclose(n, 562_500, rel_tol=1e-3), f"562,500 parameters are best, not {n:,.0f}"

# %% [markdown]
# ### How small should it be?
#
# The loss of Chinchilla by the refit is the target. The more tokens will be served, the smaller the model that
# should reach it, and the longer it trains. Grey lines are published models: what each of their parameters has read.

# %%
def cheapest(served):
    """(n, d) of the cheapest model of Chinchilla's loss, for each number of tokens."""
    target = chinchilla_loss(*compute_optimal(CHINCHILLA_FLOP, REFIT), REFIT)
    return np.array([lifetime_optimal(target, tokens, REFIT) for tokens in served])


# %% tags=["raises-exception"]
for tokens in (0, 1e12, 1e13):
    n, d = cheapest([tokens])[0]
    print(f"{tokens:.0e} tokens served: {n / 1e9:5.1f} billion parameters, "
          f"{d / n:5.0f} training tokens per parameter")

# %% tags=["raises-exception"]
served = np.geomspace(1e11, 1e15, 41)
n, d = cheapest(served).T
fig, ax = plt.subplots()
ax.plot(served, d / n, "-", marker="", color=plots.BLUE)
for name in ("chinchilla-70b", "llama-3.1-405b", "llama-3.1-8b"):
    run = data.row(f"training_runs/{name}")
    ratio = run.n_tokens / run.n_active_params
    ax.axhline(ratio, color="grey", ls="-", lw=0.8, marker="")
    low = ratio < np.median(d / n)
    at, side = (served[-1], "right") if low else (served[0], "left")
    text = f"{run['name']}: {ratio:,.0f}"
    plots.label(ax, text, (at, ratio), shift=(0, 3), side=side)
ax.set(xscale="log", yscale="log", xlabel="tokens served in the model's life",
       ylabel="training tokens per parameter")
ax.set_title("The more a model is used, the longer it should be trained")
plots.show(fig, alt="Training tokens per parameter of the cheapest model, against "
           "tokens that it will serve; grey lines are published models.")

# %% [markdown]
# "Optimise inference rather than training." Where nothing is served, the least training FLOP are the least FLOP; with ten
# trillion tokens served, the best model is less than half as large. So the claim is about a number: the tokens that will
# be served, against three times those of training, since 6ND = 2N · 3D.
#
# Your verdict, in a sentence: for whom does it hold?

# %%
lab.verdict("C6", "...", sure=70)

# %% [markdown]
# ## Summary
#
# - A budget has a best size: the bottom of a valley, found by a parabola in ln N, not by taking the best run.
# - Best size and best length grow alike, each about as the root of the budget. The exponent depends on what is counted and on how well
#   each run was trained.
# - A law is constants with errors: a bootstrap shows them, and a test on a known model shows a wrong one.
# - Who serves a model should train a smaller one, for longer, than who only trains it.

# %% [markdown]
# ## What would change the answer?
#
# - **Text that runs out.** Nine runs of our sweep read their text more than once. Repeats teach less than new text.
# - **Other text, other tokens.** E, A and B belong to a kind of text and a vocabulary; exponents travel better.
# - **Hardware.** 6ND counts FLOP; a small model on a large machine waits for memory and for launches, as lab 4 shows.
#
# Now press *Validate*. Then lab 4: what a token costs.
