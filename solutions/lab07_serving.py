# %% [markdown]
# # How many people can one model serve?
#
# A server that answers one request at a time is fast for one person and hopeless for ten. After this lab you can say what a
# server can promise: how much answering several at once brings, how long the unlucky wait at a given load, where the queue
# takes over, and how many servers a promise needs.

# %% [markdown]
# **120 minutes, 2 GB of memory, no network.** A server of this course gives SmolLM2 to many clients at once, on your own
# machine; you are the clients. Two measurements, of half a minute and of about three, then everything is reckoned from what
# came back when. What you do not measure is filled in from a reference machine, and says so.
#
# An exercise is four cells: task, answer, a cell to try it in, a check with the worked example. For the hidden tests press
# *Validate*, above the notebook. *Stretch* exercises give one point, others two.

# %% nbgrader={"grade_id": "start"}
import math
import statistics
from math import isclose
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from course import data, lab, plots
from course.measure import serving

lab.start("lab07", cohort="2026")
plots.use_style()

# %% [markdown]
# | word | what it is |
# |---|---|
# | slot | a place for a request that is being answered |
# | step | one pass through the model: a token for every request in a slot |
# | closed loop | clients who send their next request when they have the answer to the last |
# | open loop | requests come when they come, whatever the server does |
# | TTFT | time to the first token (lab 5) |
# | TPOT | time per token after the first (lab 5) |
# | SLO | service level objective: what is promised, such as "a TTFT of at most 1 s" |

# %% [markdown]
# ## 1 · One client, or eight?
#
# To write a token the model reads all its weights (lab 5). Read once, they can serve a token of *every* request that is in a
# slot. `course serve` does so. Its loop is a page of Python, `course/llama/serving/batching.py`: read its first lines now, or
# later.

# %% [markdown]
# Here 1, 2, 4 and 8 clients in a closed loop use a server of eight slots. One thread computes for each core but one: the
# clients need theirs. `SECONDS` is how long an open loop lasts; a closed one takes a third. With 30 the curves are smoother,
# and you wait 8 minutes in place of 4.

# %%
SECONDS = 12

# %% nbgrader={"grade_id": "given-load"}
THREADS = serving.threads_beside_clients()
CLIENTS = (1, 2, 4, 8)
SLOTS = (1, 2, 4)


def offered(run):
    """How a run is labelled."""
    found = run.trace
    if found["loop"] == "closed":
        return f"{found['clients']} client{'s' * (found['clients'] > 1)}"
    slots = f"{found['slots']} slot{'s' * (found['slots'] > 1)}"
    return f"{slots}, {found['rate']:.2f} requests/s"


def made(kind, **plan):
    """Runs by a plan, kept in the folder runs beside this notebook."""
    runs = []
    for run in serving.sweep(seconds=SECONDS, n_threads=THREADS, **plan):
        runs.append(run)
        last = run.trace["requests"]["last"]
        n = sum(t is not None for t in last)
        print(f"{offered(run)}: {n} of {len(last)} answered")
    serving.keep(runs, Path("runs", kind))
    return runs


# %% [markdown]
# **Predict** the token/s of all eight clients together: `lab.predict("serving_speed", low, high, "token/s")`. If you have
# done lab 5, you know what one gets.

# %% nbgrader={"grade_id": "predict-serving_speed"}
### BEGIN SOLUTION
lab.predict("serving_speed", 60, 500, "token/s")
### END SOLUTION

# %% tags=["raises-exception"]
def closed_loops():
    """Token/s of all clients together, the most clients first."""
    runs = made("closed", slots=(), clients=CLIENTS)
    ended = {offered(run): run.trace["requests"] for run in reversed(runs)}
    return {
        label: [sum(asked["tokens"]) / max(t for t in asked["last"] if t is not None)]
        for label, asked in ended.items()
    }


lab.measure("serving_speed", closed_loops, unit="token/s", threads=THREADS);

# %%
found = lab.record("serving_speed")
who = lab.whose(found)
speed = {int(label.split()[0]): values[0] for label, values in found["values"].items()}
for n in CLIENTS:
    print(f"{n} at once: {speed[n]:5.0f} token/s together, "
          f"{speed[n] / n:5.1f} for each")

# %%
fig, ax = plt.subplots()
x, y = ([speed[n] / n for n in CLIENTS], [speed[n] for n in CLIENTS])
ax.plot(x, y, "o-", color=plots.BLUE)
for n in CLIENTS:
    text = f"{n} client{'s' * (n > 1)}"
    plots.label(ax, text, (speed[n] / n, speed[n]), shift=(8, 5))
ax.set(xlim=(0, 1.3 * max(x)), ylim=(0, 1.2 * max(y)))
ax.set(xlabel="for each client (token/s)", ylabel="all clients together (token/s)")
gain = speed[8] / speed[1]
ax.set_title(f"Eight at once: {gain:.1f} times the tokens of one in all, "
             f"{gain / 8:.2f} for each\n({who})")
plots.show(fig, alt="Tokens per second of all clients together against tokens "
           "per second of each, for 1, 2, 4 and 8 clients.")

# %% [markdown]
# There is the bargain of batching. Who runs the server looks up: more tokens from the same machine. Who waits looks to the
# left: their own answer comes more slowly. If eight got less than 1.5 times what one gets, your machine was busy, or it waits
# for arithmetic rather than for memory. Some processors take longer for two at once than for one after the other. This server
# tries it out at its start, and lets two take turns there: together they get hardly more than one.

# %% [markdown]
# ## 2 · How many are there at a time?
#
# People do not wait for each other before they ask. So the second measurement is an open loop: requests come at random, by a
# Poisson process, at 0.4, 0.8 and 1.2 times what a server of four slots answered when eight clients kept it busy. Then
# servers of two slots and of one meet the *same* three rates.

# %% [markdown]
# How long until the first token? The clock starts when the plan says that a request is sent. **Predict** the median wait in
# milliseconds, at four slots and 0.8 of the capacity: `lab.predict("serving_wait", low, high, "ms")`. A prompt has about
# 15 to 40 tokens. This takes 3 minutes or more.

# %% nbgrader={"grade_id": "predict-serving_wait"}
### BEGIN SOLUTION
lab.predict("serving_wait", 50, 1500, "ms")
### END SOLUTION

# %% tags=["raises-exception"]
def open_loops():
    """Milliseconds to each first token; four slots near their capacity come first."""
    runs = made("open", slots=SLOTS, clients=())
    runs = [run for run in runs if run.trace["loop"] == "open"]
    waits = {}
    for run in [runs[1], runs[0], *runs[2:]]:
        times = run.trace["requests"]
        pairs = zip(times["scheduled"], times["first"], strict=True)
        came = [1000 * (first - plan) for plan, first in pairs if first is not None]
        if came:
            waits[offered(run)] = came
    return waits


lab.measure("serving_wait", open_loops, unit="ms", threads=THREADS);

# %% [markdown]
# Here are the runs themselves, with what the server said of itself meanwhile. A *trace* is a dict of lists with a place for
# each request: when the plan says that it is sent (`scheduled`), when it was `sent`, when its `first` and its `last` token
# came, in seconds from the start of the run, and how many `tokens`. `None`: it never came.

# %% nbgrader={"grade_id": "given-runs"}
def open_runs():
    """(The open runs, whose machine they are of): yours if there are any."""
    own = Path("runs", "open")
    runs = serving.recorded(own if own.exists() else None)
    whose = "this machine" if own.exists() else "the reference machine"
    return [run for run in runs if run.trace["loop"] == "open"], whose


RUNS, WHOSE = open_runs()
ONE_RUN = next(run for run in RUNS if run.trace["slots"] == 4)
print(f"{len(RUNS)} runs of {WHOSE}; the first request at {offered(ONE_RUN)}:")
print({name: column[0] for name, column in ONE_RUN.trace["requests"].items()})

# %% [markdown]
# ### What does a queue cost?
#
# Somebody looks at the server now and then and counts who is in it, waiting or being answered: on average L. Somebody else
# stands at the door and writes down who comes and when they leave: so many a second, W seconds each. Do these two know of
# each other?

# %% [markdown] nbgrader={"grade_id": "ex-7-1-task"}
# **Exercise 7.1 (2 points).** `mean_in_system(requests, start, end)` returns `(L, rate, W)`. `requests`: `(arrival,
# departure)` in any order; `None` is still there. L: how many are in the system, averaged over the time from `start` to
# `end`. rate: arrivals per second, `start` included, `end` not. W: mean time in the system of *these arrivals* that have a
# departure, even after `end`; `math.nan` if none has. Raise `ValueError` unless end > start. `[(0, 4), (1, None), (2, 9), (3,
# 5), (6, 12)]` from 2 to 8 gives (3.0, 0.5, 5.0).
#
# <details><summary>Hint</summary>Each request adds the seconds that it spends inside the window.</details>

# %% nbgrader={"grade_id": "ex-7-1"}
def mean_in_system(requests, start, end):
    """(Mean number in the system, arrivals per second, mean seconds in the system)."""
    ### BEGIN SOLUTION
    if not end > start:
        raise ValueError(f"a window ends after it starts, not {start} to {end}")
    inside = sum(
        max(0.0, min(end, math.inf if left is None else left) - max(start, came))
        for came, left in requests
    )
    arrived = [(came, left) for came, left in requests if start <= came < end]
    times = [left - came for came, left in arrived if left is not None]
    mean = sum(times) / len(times) if times else math.nan
    return inside / (end - start), len(arrived) / (end - start), mean
    ### END SOLUTION


# %%
mean_in_system([(0, 4), (1, None), (2, 9), (3, 5), (6, 12)], 2, 8)  # try it

# %% nbgrader={"grade_id": "test-7-1", "points": 2}
### BEGIN HIDDEN TESTS
from course.checking import NOTHING_REFUSED, expect_each, told_apart
from course.cohort import rng

r = rng("7.1")


def held(requests, start, end, *_):
    return sum(max(0, min(end, math.inf if d is None else d) - max(start, a)) for a, d in requests) / (end - start)


def completed(requests, start, end, *_):
    return held([(a, d) for a, d in requests if d is not None], start, end)


def seen(requests, start, end, *_, itself=False):
    """The mean of what arrivals see."""
    counts = [sum((b < a or (itself and b == a)) and (d is None or d > a) for b, d in requests) for a, _ in requests if start <= a < end]
    return statistics.fmean(counts) if counts else math.nan


def uncut(requests, start, end, *_, whole=False):
    """The window cuts off nothing before it (nor after it)."""
    spans = [(a, d) for a, d in requests if a < end and (d is None or d > start)]
    return sum((end if d is None else d if whole else min(end, d)) - a for a, d in spans) / (end - start)


def newcomers(requests, start, end, *_, cut=True):
    spans = [(a, d) for a, d in requests if start <= a < end]
    return sum((end if d is None else min(end, d) if cut else d) - a for a, d in spans) / (end - start)


def until_end(came, end):
    return [(end if d is None else d) - a for a, d in came]


def counted(number=held, times=lambda came, end: [d - a for a, d in came if d is not None], middle=statistics.fmean, *,
            nobody=math.nan, refused=lambda start, end: not end > start, finished=False):
    """Somebody's mean_in_system."""
    def answer(requests, start, end):
        if refused(start, end):
            raise ValueError(start, end)
        came = [(a, d) for a, d in requests if start <= a < end]
        rate = len([1 for _, d in came if d is not None or not finished]) / (end - start)
        waited = times(came, end)
        w = middle(waited) if waited else nobody
        if isinstance(w, type):
            raise w
        return number(requests, start, end, rate, w), rate, w

    return answer


def drawn():
    start, length = r.whole(5, 15), r.whole(10, 20)
    end = start + length
    arrivals = [start, end, *(round(float(x), 1) for x in r.uniform(0, end + 3, 10))]
    requests = [(a, None if r.random() < 0.25 else round(a + r.uniform(0.5, 9), 1)) for a in arrivals]
    requests += [(round(start - r.uniform(0.5, 4), 1), round(end + r.uniform(0.5, 4), 1))]
    return [requests[i] for i in r.permutation(len(requests))], start, end


wrong = {
    "7.1/completed_only": ("who is still there is in the system, too", counted(completed), counted(completed, finished=True),
                           counted(finished=True)),
    "7.1/seen_by_arrivals": ("L is averaged over time, not over arrivals", counted(seen),
                             counted(lambda *args: seen(*args, itself=True))),
    "7.1/median": ("W is a mean, not a median", counted(middle=statistics.median)),
    "7.1/window_does_not_cut": ("only the seconds inside the window count", counted(uncut),
                                counted(lambda *args: uncut(*args, whole=True))),
    "7.1/newcomers_only": ("who came before the window and is still there is in it, too", counted(newcomers),
                           counted(lambda *args: newcomers(*args, cut=False))),
    "7.1/rate_times_w": ("L is to be counted, not to be reckoned from the other two", counted(lambda *args: args[3] * args[4])),
    "7.1/unfinished_until_end": ("who has not departed has no time in the system yet: W is of the others", counted(times=until_end)),
    "7.1/departed_inside": ("who arrives in the window and departs after it has a W, too",
                            counted(times=lambda came, end: [d - a for a, d in came if d is not None and d <= end])),
}
calls = told_apart(lambda: [drawn(), drawn(), drawn()], counted(), wrong)
expect_each(mean_in_system, calls).close_to(counted(), wrong=wrong)
empty = [([(1, 20), (2, None)], 5, 9), ([(5, None), (6.5, None), (1, 3)], 4, 8), ([], 0, 2.5), ([(7, 8)], 2, 7)]
expect_each(mean_in_system, empty).close_to(counted(), wrong={
    "7.1/no_nan": ("of nobody there is no mean time: W is math.nan",
                   *(counted(nobody=nobody) for nobody in (0.0, None, ZeroDivisionError, statistics.StatisticsError))),
})
turned = [([(0, 4), (1, 3)], 2, 2), ([(0, 4), (1, 3)], 3, 2), ([], 1.5, 1.5)]
expect_each(mean_in_system, turned).raises(ValueError, wrong={
    "7.1/nothing_refused": ("a window that does not end after its start is refused by a ValueError", NOTHING_REFUSED),
    "7.1/empty_window": ("a window of no length is refused by a ValueError, too", [ZeroDivisionError, ValueError, ZeroDivisionError]),
})
### END HIDDEN TESTS
assert np.allclose(
    mean_in_system([(0, 4), (1, None), (2, 9), (3, 5), (6, 12)], 2, 8), (3, 0.5, 5)
), (
    "18 seconds in 6, 3 arrivals in 6 seconds, (7 + 2 + 6) / 3")

# %% [markdown]
# ### Does it add up?
#
# Little's law says L = rate × W, whatever arrives and however it is served. For a whole run, from nobody to nobody, it is
# arithmetic: your two numbers agree whatever was measured. A third witness was inside: the server counts who waits and who is
# answered, ten times a second. And in a window cut out of the middle the law has to prove itself.

# %% tags=["raises-exception"]
def witnesses(run):
    """L, rate × W and the mean gauge of the whole run; L and rate × W inside."""
    times, gauge = run.trace["requests"], run.gauge
    requests = list(zip(times["sent"], times["last"], strict=True))
    end = max(t for t in [*times["last"], 0.1] if t is not None)
    looks = zip(gauge.seconds, gauge.processing, gauge.deferred, strict=True)
    inside = [running + waiting for t, running, waiting in looks if t <= end]
    found, rate, w = mean_in_system(requests, 0, end)
    cut, cut_rate, cut_w = mean_in_system(requests, 0.1 * end, 0.9 * end)
    return found, rate * w, np.mean(inside or [0]), cut, cut_rate * cut_w


print(f"{WHOSE:24s}  whole run:  L   rate × W   gauge   inside:  L   rate × W")
for run in RUNS:
    found, product, gauge, cut, cut_product = witnesses(run)
    print(f"{offered(run):24s} {found:13.2f} {product:10.2f} {gauge:7.2f}"
          f" {cut:11.2f} {cut_product:10.2f}")

# %% [markdown]
# If the gauge is within 5 % of rate × W, two clocks that know nothing of each other tell one story, and you may trust both; if
# it is not, one of them counts what the other does not, such as a request on its way. Inside, L and rate × W may drift
# apart where a run is short or the queue still grows: the law is about a long time, in which what comes in also goes out.

# %% [markdown]
# ### How long do the unlucky wait?
#
# A mean hides the unlucky. A service promises a *percentile*: "95 of 100 requests wait less than this". By the rule of the
# *nearest rank* it is always one of the waits that really happened.

# %% [markdown] nbgrader={"grade_id": "ex-7-2-task"}
# **Exercise 7.2 (stretch, 1 point).** `percentile_nearest_rank(x, q)`: of the n values of a list in ascending order, return
# number ⌈q·n/100⌉, counted from 1, and number 1 for q = 0. ⌈y⌉ is y rounded up; for q = 7 and n = 100 it is 7. The list stays
# as it is. Raise `ValueError` if it is empty, or if q is not from 0 to 100. Of `[5, 1, 4, 2, 9, 7, 3, 8]` the 50th percentile
# is 4, the 95th 9.

# %% nbgrader={"grade_id": "ex-7-2"}
def percentile_nearest_rank(x, q):
    """The smallest value that at least q % of the values do not exceed."""
    ### BEGIN SOLUTION
    if not len(x) or not 0 <= q <= 100:
        raise ValueError(f"the {q}th percentile of {len(x)} values")
    return sorted(x)[max(1, math.ceil(q * len(x) / 100)) - 1]
    ### END SOLUTION


# %%
[percentile_nearest_rank([5, 1, 4, 2, 9, 7, 3, 8], q) for q in (50, 95)]  # try it

# %% nbgrader={"grade_id": "test-7-2", "points": 1}
### BEGIN HIDDEN TESTS
from course.checking import NOTHING_REFUSED, expect_each, told_apart
from course.cohort import rng

r = rng("7.2")


def ranked(rank=lambda q, n: max(1, math.ceil(q * n / 100)), order=sorted, refused=lambda x, q: not x or not 0 <= q <= 100):
    """Somebody's percentile_nearest_rank, by the rank from 1."""
    def percentile(x, q):
        if refused(x, q):
            raise ValueError(q)
        return order(x)[max(0, min(rank(q, len(x)), len(x)) - 1)]

    return percentile


def from_the_end(x, q):
    return sorted(x)[math.ceil(q * len(x) / 100) - 1]


def values(n):
    return [r.number(1, 900) for _ in range(n)]


wrong = {
    "7.2/interpolates": ("one of the values is asked, none between two", lambda x, q: float(np.percentile(x, q))),
    "7.2/off_by_one": ("ranks count from 1, places in a list from 0", ranked(lambda q, n: int(q * n / 100) + 1)),
    "7.2/not_sorted": ("the values come in any order", ranked(order=list)),
    "7.2/rounds": ("the rank is rounded up", ranked(lambda q, n: max(1, round(q * n / 100))),
                   ranked(lambda q, n: round(q / 100 * (n - 1)) + 1)),
    "7.2/falls": ("in ascending order", ranked(order=lambda x: sorted(x, reverse=True))),
}


def drawn():
    cases = [(values(r.whole(5, 24)), q) for q in (50, 95, r.whole(1, 40), r.number(60, 99.9, digits=3), 100)]
    return [*cases, ([r.number(1, 9)] * 3, 50), (values(1), r.whole(1, 99)), (values(20), 95), ([7.5, 7.5, *values(6), 7.5], 25)]


tried = expect_each(percentile_nearest_rank, told_apart(drawn, ranked(), wrong))
tried.close_to(ranked(), wrong=wrong)
tried.keeps_arguments(idea="7.2/sorts_in_place")
expect_each(percentile_nearest_rank, [(values(9), 0), (values(2), 0)]).close_to(ranked(), wrong={
    "7.2/rank_zero": ("for q = 0 the first is asked; place -1 of a list is its last", from_the_end),
})
exact = [(values(100), 7), (values(100), 14), (values(100), 28), (values(50), 14), (values(200), 7)]
expect_each(percentile_nearest_rank, exact).close_to(ranked(), wrong={
    "7.2/divides_first": ("7 / 100 * 100 is more than 7 in floating point: multiply before you divide",
                          ranked(lambda q, n: max(1, math.ceil(q / 100 * n)))),
})
nonsense = [([], 50), ([], 0), (values(3), -1), (values(3), 100.5), (values(3), 5000)]
expect_each(percentile_nearest_rank, nonsense).raises(ValueError, wrong={
    "7.2/nothing_refused": ("no values, or a q outside 0 to 100, is refused by a ValueError", NOTHING_REFUSED),
})
### END HIDDEN TESTS
assert percentile_nearest_rank([5, 1, 4, 2, 9, 7, 3, 8], 50) == 4, "number 4 of 8"

# %% [markdown]
# Now your runs: the median and the 95th percentile of the wait for the first token, from the *scheduled* time. Of fewer than
# 20 waits the 95th percentile is the longest: one request decides it. A longer `SECONDS` brings more.

# %% nbgrader={"grade_id": "given-waits"}
def first_waits(run):
    """Seconds from the scheduled time to the first token; inf if it never came."""
    times = run.trace["requests"]
    pairs = zip(times["scheduled"], times["first"], strict=True)
    return [math.inf if first is None else first - plan for plan, first in pairs]


# %% tags=["raises-exception"]
for run in RUNS:
    waits = first_waits(run)
    half, most = (percentile_nearest_rank(waits, q) for q in (50, 95))
    print(f"{offered(run):24s} of {len(waits):3d} half wait {half:6.2f} s or more, "
          f"one in twenty {most:6.2f} s")

# %% [markdown]
# ## 3 · Why do they wait?
#
# Requests of one batch begin and end together: that is a **static** batch, the oldest way to share weights. Everybody in it
# waits for the longest answer, and whoever comes a moment later for all of it. You write it as a simulation: no model, only a
# clock and the seconds that a step takes.

# %% [markdown] nbgrader={"grade_id": "ex-7-3-task"}
# **Exercise 7.3 (2 points).** `simulate_static(requests, batch, step_s)` returns when each request is completed, in the order
# of `requests`: a list of `(arrival, n_tokens)` by arrival. A free server takes at once, in order, up to `batch` of those
# that have arrived; it never waits for more. These k run for as many steps as the longest of them has tokens, each of
# `step_s[k - 1]` seconds, and complete together. Then the server is free. `[(0, 1), (0, 3), (0.5, 2)]`, 2, `[1, 1.5]` gives
# [4.5, 4.5, 6.5].

# %% nbgrader={"grade_id": "ex-7-3"}
def simulate_static(requests, batch, step_s):
    """Seconds at which each request of a server of static batches is completed."""
    ### BEGIN SOLUTION
    completed, now = [], 0
    while len(completed) < len(requests):
        rest = requests[len(completed):]
        now = max(now, rest[0][0])
        taken = [n_tokens for arrival, n_tokens in rest[:batch] if arrival <= now]
        now += max(taken) * step_s[len(taken) - 1]
        completed += [now] * len(taken)
    return completed
    ### END SOLUTION


# %%
simulate_static([(0, 1), (0, 3), (0.5, 2)], 2, [1, 1.5])  # try it

# %% nbgrader={"grade_id": "test-7-3", "points": 2}
### BEGIN HIDDEN TESTS
from course.checking import expect_each, told_apart
from course.cohort import rng

r = rng("7.3")


def static(*, fills=False, shrinks=False, early=False, size=lambda taken, batch: len(taken), steps=max, start=lambda now, group: max(now, group[0][0])):
    """Somebody's simulate_static."""
    def simulate(requests, batch, step_s):
        completed, now = [], 0
        while len(completed) < len(requests):
            rest = requests[len(completed):]
            now = start(now, rest[:batch] if fills else rest)
            taken = [n for arrival, n in rest[:batch] if fills or arrival <= now] or [rest[0][1]]
            step = step_s[size(taken, batch) - 1]
            began, n_steps = now, steps(taken)
            for i in range(n_steps):
                now += step_s[sum(n > i for n in taken) - 1] if shrinks else step
            completed += [began + n * step for n in taken] if early else [now] * len(taken)
        return completed

    return simulate


def durations(requests, batch, step_s):
    return [done - arrival for done, (arrival, _) in zip(static()(requests, batch, step_s), requests, strict=True)]


def queue(n, *, batch, idle=True):
    """n requests, two of them at once, and some after everything is done; a step by how many are in it."""
    times = sorted([0.0, 0.0, *(r.whole(0, 64 * 12) / 64 for _ in range(n - 4))])
    times += [r.whole(64 * 300, 64 * 310) / 64 for _ in range(2)] if idle else [12.5, 12.75]
    grows = np.cumsum([r.whole(12, 20) / 16, *(r.whole(2, 9) / 16 for _ in range(batch - 1))]).tolist()
    return [(t, r.whole(1, 9)) for t in sorted(times)], batch, grows


wrong = {
    "7.3/released_early": ("a static batch completes together, when its longest answer is done", static(early=True)),
    "7.3/waits_to_fill": ("a free server takes who is there, and never waits for more", static(fills=True, start=lambda now, group: max(now, group[-1][0]))),
    "7.3/arrival_ignored": ("who has not arrived when the batch begins is not in it",
                            static(fills=True), static(fills=True, start=lambda now, group: now)),
    "7.3/shrinks": ("who is done keeps its place in the batch: the step stays as long", static(shrinks=True)),
    "7.3/full_step": ("a step is of as many as are in the batch, which need not be full", static(size=lambda taken, batch: batch)),
    "7.3/step_of_one": ("a step takes longer for several: step_s[k - 1] is of k", static(size=lambda taken, batch: 1)),
    "7.3/one_after_another": ("tokens of one batch are computed together: it takes as long as its longest", static(steps=sum)),
    "7.3/durations": ("when it is completed is asked, not how long it took", durations),
}
calls = told_apart(lambda: [queue(9, batch=2), queue(11, batch=3), queue(10, batch=4, idle=False)], static(), wrong)
calls += [([], 2, [1.0, 1.5]), ([(3.25, 4)], 3, [0.5, 0.75, 1.0]), queue(6, batch=1), ([(0.0, 2), (2.0, 1), (2.0, 3)], 2, [1.0, 1.25])]
expect_each(simulate_static, calls).close_to(static(), wrong=wrong)
### END HIDDEN TESTS
assert np.allclose(
    simulate_static([(0, 1), (0, 3), (0.5, 2)], 2, [1, 1.5]), [4.5, 4.5, 6.5]
), (
    "three steps of 1.5 for the first two, then two steps of 1 for the third")

# %% [markdown]
# **Continuous** batching makes the batch anew for every step: between two steps the finished leave, and who waits takes the
# free slot.

# %% [markdown] nbgrader={"grade_id": "ex-7-4-task"}
# **Exercise 7.4 (2 points).** `simulate_continuous(requests, slots, step_s)` returns when each request is completed, in the
# order of `requests`, as in 7.3. Before each step, those that have arrived, at this moment or earlier, take free slots in
# order. The step takes `step_s[k - 1]` seconds, k being how many are in a slot, and gives each of them one token; who has all
# leaves at its end. With nobody there, the server sleeps until the next arrival. Reading prompts costs nothing here. The
# example of 7.3 gives [1.5, 4.5, 4.5].

# %% nbgrader={"grade_id": "ex-7-4"}
def simulate_continuous(requests, slots, step_s):
    """Seconds at which each request of a server of continuous batches is completed."""
    ### BEGIN SOLUTION
    completed = [0] * len(requests)
    waiting, running = list(range(len(requests))), {}
    now = 0
    while waiting or running:
        if not running:
            now = max(now, requests[waiting[0]][0])
        while waiting and len(running) < slots and requests[waiting[0]][0] <= now:
            taken = waiting.pop(0)
            running[taken] = requests[taken][1]
        now += step_s[len(running) - 1]
        running = {i: left - 1 for i, left in running.items()}
        for i in [i for i, left in running.items() if left == 0]:
            completed[i] = now
            del running[i]
    return completed
    ### END SOLUTION


# %%
simulate_continuous([(0, 1), (0, 3), (0.5, 2)], 2, [1, 1.5])  # try it

# %% nbgrader={"grade_id": "test-7-4", "points": 2}
### BEGIN HIDDEN TESTS
import operator

from course.checking import expect_each, told_apart
from course.cohort import rng

r = rng("7.4")


def shortest(waiting, requests):
    return min(range(len(waiting)), key=lambda place: (requests[waiting[place]][1], place))


def newest(waiting, requests):
    """Of those who came last, the first: a stable sort, newest first."""
    return [requests[i][0] for i in waiting].index(requests[waiting[-1]][0])


def continuous(choose=lambda waiting, requests: 0, *, places=lambda slots: slots, barrier=False, size=lambda k, slots: k,
               came=operator.le, wakes=lambda now, arrival, step: max(now, arrival), longer=0):
    """Somebody's simulate_continuous."""
    def simulate(requests, slots, step_s):
        completed, now, waiting, running, i = [0] * len(requests), 0, [], {}, 0
        while i < len(requests) or waiting or running:
            if not running and not waiting:
                now = wakes(now, requests[i][0], step_s[0])
                waiting, i = [i], i + 1
            while i < len(requests) and came(requests[i][0], now):
                waiting, i = [*waiting, i], i + 1
            is_open = not (barrier and running)
            while is_open and waiting and len(running) < places(slots):
                taken = waiting.pop(choose(waiting, requests))
                running[taken] = requests[taken][1] + longer
            now += step_s[min(size(len(running), slots), len(step_s)) - 1]
            for k in [*running]:
                running[k] -= 1
                if running[k] == 0:
                    completed[k] = now
                    del running[k]
        return completed

    return simulate


def own_clocks(size):
    """Each slot has a clock of its own, and a step of some size."""
    def simulate(requests, slots, step_s):
        ends, clocks = [], dict.fromkeys(range(slots), 0)
        for arrival, n in requests:
            slot = min(clocks, key=clocks.get)
            clocks[slot] = max(arrival, clocks[slot]) + n * step_s[size(slots) - 1]
            ends.append(clocks[slot])
        return ends

    return simulate


def reference_static(requests, batch, step_s):
    completed, now = [], 0.0
    while len(completed) < len(requests):
        rest = requests[len(completed):]
        now = max(now, rest[0][0])
        taken = [n for arrival, n in rest[:batch] if arrival <= now]
        now += max(taken) * step_s[len(taken) - 1]
        completed += [now] * len(taken)
    return completed


def queue(n, *, slots, idle=True):
    """n requests: two of them at once, one at the end of a step, some after everything is done."""
    grows = np.cumsum([r.whole(12, 20) / 16, *(r.whole(2, 9) / 16 for _ in range(slots - 1))]).tolist()
    times = [0.0, 0.0, grows[min(slots, 2) - 1], *(r.whole(0, 64 * 12) / 64 for _ in range(n - 5))]
    times += [r.whole(64 * 300, 64 * 310) / 64 for _ in range(2)] if idle else [12.5, 12.75]
    return [(t, r.whole(1, 9)) for t in sorted(times)], slots, grows


wrong = {
    "7.4/barrier": ("a free slot is taken before the next step, not when all are done", continuous(barrier=True)),
    "7.4/static": ("that is a static batch: here who has all tokens leaves at once, and lets another in", reference_static),
    "7.4/newest_first": ("who has waited longest goes first", continuous(newest), continuous(lambda waiting, requests: -1)),
    "7.4/shortest_first": ("slots are taken in order of arrival, short or long", continuous(shortest)),
    "7.4/no_limit": ("no more than `slots` requests run at once", continuous(places=lambda slots: math.inf)),
    "7.4/full_step": ("a step takes as long as its own number asks: not all slots are always taken", continuous(size=lambda k, slots: slots)),
    "7.4/step_of_one": ("a step takes longer for several: step_s[k - 1] is of k", continuous(size=lambda k, slots: 1)),
    "7.4/own_clocks": ("slots have no clocks of their own: all take part in the same steps, which get longer by it",
                       own_clocks(lambda slots: slots), own_clocks(lambda slots: 1)),
    "7.4/too_late": ("who arrives at the moment when a step ends takes part in the next", continuous(came=operator.lt)),
    "7.4/ticks": ("the server sleeps until the next arrival: its next step begins there, whatever the clock of the steps before",
                  continuous(wakes=lambda now, arrival, step: now + step * math.ceil(max(0, arrival - now) / step))),
    "7.4/durations": ("when it is completed is asked, not how long it took",
                      lambda requests, slots, step_s: [t - a for t, (a, _) in zip(continuous()(requests, slots, step_s), requests, strict=True)]),
}
calls = told_apart(lambda: [queue(9, slots=2), queue(12, slots=3), queue(11, slots=4, idle=False)], continuous(), wrong)
calls += [([], 2, [1.0, 1.5]), ([(3.25, 4)], 3, [0.5, 0.75, 1.0]), queue(6, slots=1), ([(0.0, 2), (2.0, 1), (2.0, 3)], 2, [1.0, 1.25])]
expect_each(simulate_continuous, calls).close_to(continuous(), wrong=wrong)
### END HIDDEN TESTS
assert np.allclose(
    simulate_continuous([(0, 1), (0, 3), (0.5, 2)], 2, [1, 1.5]), [1.5, 4.5, 4.5]
), (
    "the first leaves after a step of 1.5, and the third takes its slot")

# %% [markdown]
# ### How much is it?
#
# Take the seconds of a step as they were measured on a server of four slots, and the requests as they came at the middle
# rate. **Predict** a request's mean time in the system under static batching, divided by that under continuous:
# `lab.predict("static_penalty", low, high, "times")`.

# %% nbgrader={"grade_id": "predict-static_penalty"}
### BEGIN SOLUTION
lab.predict("static_penalty", 1.1, 4, "times")
### END SOLUTION

# %% nbgrader={"grade_id": "given-steps"}
def steps_of(runs):
    """Mean seconds of a step with 1, 2, … requests in it, reading prompts or not."""
    steps = [step for run in runs for step in run.gauge.steps]
    most = max(run.trace["slots"] for run in runs)
    n, total = np.zeros(most + 1), np.zeros(most + 1)
    for step in steps:
        n[step.sequences] += step.n
        total[step.sequences] += step.seconds
    [known] = np.nonzero(n)  # what never happened lies between its neighbours
    sizes = np.arange(1, most + 1)
    return np.interp(sizes, known, total[known] / n[known]).tolist()


def asked_for(run):
    """(Arrival, steps) of each request; its first step reads the prompt."""
    times = run.trace["requests"]
    return [
        (plan, max(1, tokens))
        for plan, tokens in zip(times["scheduled"], times["tokens"], strict=True)
    ]


FOUR = [run for run in RUNS if run.trace["slots"] == 4]
STEP_S = steps_of(FOUR)
for k, seconds in enumerate(STEP_S, 1):
    print(f"with {k} in it a step takes {1e3 * seconds:4.0f} ms: "
          f"{k / seconds:5.1f} token/s together")

# %% tags=["raises-exception"]
run = FOUR[1]
asked = asked_for(run)
arrivals = np.array([plan for plan, _ in asked])
static, continuous = (
    np.mean(simulate(asked, 4, STEP_S) - arrivals)
    for simulate in (simulate_static, simulate_continuous)
)
print(f"{offered(run)}: static {static:.2f} s, continuous {continuous:.2f} s")
lab.reveal("static_penalty", static / continuous, "times",
           f"your simulations, {WHOSE}");

# %% [markdown]
# Above 1, continuous batching is ahead on average: nobody waits for the longest. Below 1, look at the steps: sharing pays only
# while a step for k takes less than k steps for one, and continuous batching shares more often. For a single request it can be
# worse in any case: whoever would have had a static batch alone may now share every step. What everybody gains on average is
# not promised to each.

# %% [markdown]
# ### Does the simulation know your server?
#
# Your simulation has a queue, slots and step times, and nothing else: no network, no Python, and a step that reads a prompt
# takes as long as any other. Its step times are from these very runs; when a request is done, it has to find out. Compare the
# 95th percentiles of the time in the system, from the scheduled time to the last token. **Predict** measured over simulated,
# at the middle rate: `lab.predict("serving_simulated", low, high, "times")`.

# %% nbgrader={"grade_id": "predict-serving_simulated"}
### BEGIN SOLUTION
lab.predict("serving_simulated", 0.7, 2, "times")
### END SOLUTION

# %% nbgrader={"grade_id": "given-p95"}
def p95(values):
    """The 95th percentile, by the nearest rank."""
    return float(np.percentile(values, 95, method="inverted_cdf"))


# %% tags=["raises-exception"]
measured, simulated = {}, {}
for run in FOUR:
    asked, ended = asked_for(run), run.trace["requests"]["last"]
    label, times = offered(run), simulate_continuous(asked, 4, STEP_S)
    rows = [
        (t - plan, last - plan)
        for t, (plan, _), last in zip(times, asked, ended, strict=True)
        if last is not None
    ]
    simulated[label], measured[label] = map(p95, zip(*rows, strict=True))
    print(f"{label}: one in twenty takes {measured[label]:.2f} s or more, "
          f"simulated {simulated[label]:.2f} s")
label = offered(FOUR[1])
lab.reveal("serving_simulated", measured[label] / simulated[label], "times",
           f"{label}, {WHOSE}");

# %% [markdown]
# Near 1, a page of code is enough to plan with: try another rate or more slots in it before you buy anything. Well above 1,
# something takes time that the simulation does not know: the clients on the same cores, or other programs.

# %% [markdown]
# ## 4 · How many fit into memory?
#
# A slot needs more than its share of a step: keys and values of each token, `kv_bytes_per_token` (lab 4). How long an answer
# gets, nobody knows beforehand. A careful server *reserves* memory for the longest that was asked for; another gives it out
# *on demand*, and must turn somebody out when it runs short. Both give it in **blocks** of some number of tokens, so that
# nothing has to be moved together.

# %% [markdown] nbgrader={"grade_id": "ex-7-5-task"}
# **Exercise 7.5 (2 points).** `kv_admission(free_bytes, requests, kv_bytes_per_token, block, reserve)` returns how many of
# `requests`, a list of `(prompt, max_new)` tokens, are admitted. Memory is divided into whole blocks of `block` tokens. From
# the front, each request takes as many blocks as its tokens need: prompt and `max_new` if `reserve` is true, the prompt alone
# if not. A block belongs to one request. The first that does not fit ends it: nobody overtakes. 1,000 bytes of 10 a token, in
# blocks of 16: of `[(40, 9), (10, 30), (5, 4)]`, 1 is admitted with `reserve`, 3 without.

# %% nbgrader={"grade_id": "ex-7-5"}
def kv_admission(free_bytes, requests, kv_bytes_per_token, block, reserve):
    """How many requests, from the front, get their blocks of the KV cache."""
    ### BEGIN SOLUTION
    left = free_bytes // (block * kv_bytes_per_token)
    for admitted, (prompt, max_new) in enumerate(requests):
        tokens = prompt + max_new if reserve else prompt
        left -= math.ceil(tokens / block)
        if left < 0:
            return admitted
    return len(requests)
    ### END SOLUTION


# %%
WAITING = [(40, 9), (10, 30), (5, 4)]
[kv_admission(1000, WAITING, 10, 16, reserve) for reserve in (True, False)]  # try it

# %% nbgrader={"grade_id": "test-7-5", "points": 2}
### BEGIN HIDDEN TESTS
from course.checking import expect_each, told_apart
from course.cohort import rng

r = rng("7.5")


def up(tokens, block):
    return -(-tokens // block)


def admission(blocks=up, *, there=lambda free, kv, block: free // (block * kv), parts=lambda p, m, reserve: [p + m if reserve else p],
              overtakes=False, fits=lambda taken, left: taken <= left):
    """Somebody's kv_admission; `parts` of a request get blocks of their own."""
    def admit(free, requests, kv, block, reserve):
        left, admitted = there(free, kv, block), 0
        for p, m in requests:
            taken = sum(blocks(part, block) for part in parts(p, m, reserve))
            if fits(taken, left):
                left, admitted = left - taken, admitted + 1
            elif not overtakes:
                break
        return admitted

    return admit


def as_the_longest(free, requests, kv, block, reserve):
    longest = max((p + m for p, m in requests), default=0)
    return admission()(free, [(longest, 0)] * len(requests), kv, block, reserve)


def one_by_one(tokens, block):
    return tokens


def bytes_of(free, kv, block):
    return free // kv


wrong = {
    "7.5/no_blocks": ("memory is given in whole blocks", admission(one_by_one, there=bytes_of)),
    "7.5/rounds_down": ("a block that is needed in part is needed", admission(lambda tokens, block: tokens // block)),
    "7.5/one_more_block": ("tokens that fill their last block need no other", admission(lambda tokens, block: tokens // block + 1)),
    "7.5/half_blocks": ("what is left at the end is not a whole block", admission(there=lambda free, kv, block: up(free, block * kv)),
                        admission(there=lambda free, kv, block: round(free / (block * kv)))),
    "7.5/longest_for_each": ("each takes its own blocks, not those of the longest", as_the_longest),
    "7.5/overtakes": ("the first that does not fit ends it: nobody overtakes", admission(overtakes=True)),
    "7.5/rounded_apart": ("prompt and answer share a block: round up their sum", admission(parts=lambda p, m, reserve: [p, m] if reserve else [p])),
    "7.5/always_reserves": ("without `reserve` only the prompt needs its blocks", admission(parts=lambda p, m, reserve: [p + m])),
    "7.5/never_reserves": ("with `reserve` the answer needs its blocks, too", admission(parts=lambda p, m, reserve: [p])),
    "7.5/not_quite_full": ("the last block may be taken, too", admission(fits=lambda taken, left: taken < left)),
}


def drawn(reserve):
    n, kv, block = r.whole(8, 12), r.whole(2, 60) * 512, int(r.choice([8, 16, 32]))
    requests = [(r.whole(1, 200), r.whole(1, 150)) for _ in range(n)]
    free = r.whole(400, 900) // block * block * kv + r.whole(1, block * kv - 1)
    return free, requests, kv, block, reserve


def full(reserve):
    """Memory that the first five fill to the last block, and some of these blocks to the last token."""
    _, requests, kv, block, _ = drawn(reserve)
    requests = [(block * up(p, block), block * up(m, block)) if r.random() < 0.4 else (p, m) for p, m in requests]
    blocks = sum(up(p + m if reserve else p, block) for p, m in requests[:5])
    return blocks * block * kv, requests, kv, block, reserve


calls = told_apart(lambda: [draw(reserve) for draw in (drawn, drawn, drawn, drawn, full) for reserve in (True, False)], admission(), wrong)
calls += [(10**9, [(99, 1), (7, 7)], 23_040, 16, True), (16 * 23_040 - 1, [(1, 1), (1, 1)], 23_040, 16, False), (10**9, [], 512, 16, True)]
expect_each(kv_admission, calls).equals(admission(), wrong=wrong)
### END HIDDEN TESTS
assert [
    kv_admission(1000, WAITING, 10, 16, reserve) for reserve in (True, False)
] == [1, 3], (
    "6 blocks: the first two need 4 and 3 with their answers, 3 and 1 without")

# %% [markdown]
# ### SmolLM2's memory, and a large model's
#
# Chats of LMSYS-Chat-1M have prompts and answers of these mean lengths. How many such requests fit beside a model, if each
# may get an answer of 2,048 tokens?

# %% tags=["raises-exception"]
use = data.load("chat_usage").set_index("id").value
prompt, answer = (round(use[f"lmsys-{what}-tokens"]) for what in ("prompt", "answer"))
queue = [(prompt, 2048)] * 5000
FREE = 4 * 10**9  # bytes
print(f"prompts of {prompt} tokens, answers of {answer}; in 4 GB for keys and values:")
for shape in ("smollm2-135m", "llama-3.1-8b"):
    s = data.row(f"model_shapes/{shape}")
    kv_bytes = int(2 * s.n_layers * s.n_kv_heads * s.head_dim * 2)
    longest = kv_admission(FREE, queue, kv_bytes, 16, True)
    mean = kv_admission(FREE, [(prompt, answer)] * 5000, kv_bytes, 16, True)
    start = kv_admission(FREE, queue, kv_bytes, 16, False)
    print(f"{s['name']:14s} {longest:5,} reserved, {start:5,} on demand at first, "
          f"{mean:5,} when all have a mean answer")

# %% [markdown]
# Reserving for the longest wastes what nobody writes. Giving on demand admits the most, and many of them will not find room
# for their answers. Between the two lies what real servers do: blocks on demand, and somebody sent back into the queue when
# they run out.

# %% [markdown]
# ## 5 · What was promised, and kept?
#
# Throughput counts answers that came too late to matter. **Goodput** counts, per second, the requests that kept what was
# promised: the first token in time, *and* the rest fast enough.

# %% nbgrader={"grade_id": "given-trace"}
TRACE = {
    "scheduled": [0, 1, 2, 3, 4.9, 5],
    "sent": [0, 1, 2, 3.6, 5, 5],
    "first": [0.5, 1.9, 2.3, 4.0, 5.2, 5.1],
    "last": [2.5, 2.9, 6.3, 5.5, 5.2, None],
    "tokens": [21, 11, 21, 16, 1, 4],
}

# %% [markdown] nbgrader={"grade_id": "ex-7-6-task"}
# **Exercise 7.6 (2 points).** `goodput(trace, seconds, ttft_slo, tpot_slo)`: requests per second, of the `seconds` in which
# they were offered, whose time from `scheduled` to `first` is at most `ttft_slo` and whose time per token, from `first` to
# `last`, is at most `tpot_slo`. n tokens have n - 1 gaps; one token has none, and keeps that part. Who is unfinished (`last`
# is `None`) keeps nothing, whatever came before. `trace` is a dict of lists, as above. `TRACE` in 8 s, with 0.5 and 0.1 s,
# gives 0.25.

# %% nbgrader={"grade_id": "ex-7-6"}
def goodput(trace, seconds, ttft_slo, tpot_slo):
    """Requests per second that kept both promises."""
    ### BEGIN SOLUTION
    kept = 0
    columns = (trace[name] for name in ("scheduled", "first", "last", "tokens"))
    for scheduled, first, last, tokens in zip(*columns, strict=True):
        if last is None or first - scheduled > ttft_slo:
            continue
        kept += tokens == 1 or (last - first) / (tokens - 1) <= tpot_slo
    return kept / seconds
    ### END SOLUTION


# %%
goodput(TRACE, 8, 0.5, 0.1)  # try it

# %% nbgrader={"grade_id": "test-7-6", "points": 2}
### BEGIN HIDDEN TESTS
from course.checking import expect_each, told_apart
from course.cohort import rng

r = rng("7.6")


def good(*, since="scheduled", gaps=lambda n: n - 1, both=lambda ttft, tpot: ttft and tpot, unfinished=lambda ttft: False, lone=True,
         over=lambda seconds, finished, offered: seconds, most=lambda value, slo: value <= slo):
    """Somebody's goodput."""
    def answer(trace, seconds, ttft_slo, tpot_slo):
        kept = finished = 0
        for start, first, last, tokens in zip(trace[since], trace["first"], trace["last"], trace["tokens"], strict=True):
            ttft = first is not None and most(first - start, ttft_slo)
            finished += last is not None
            if last is None:
                kept += unfinished(ttft)
            else:
                tpot = most((last - first) / gaps(tokens), tpot_slo) if gaps(tokens) else lone
                kept += both(ttft, tpot)
        return kept / over(seconds, finished, len(trace["sent"]))

    return answer


def whole(*values):
    return float(r.choice(values))


def request(at):
    """Times are multiples of 1/64 s, so that what equals a limit equals it exactly; limits are 0.5 and 0.0625 s."""
    sent = at + whole(0, 0, 0, 0.25, 0.75)
    first = sent + whole(0.125, 0.25, 0.375, 0.5, 0.5, 0.625)
    tokens = int(whole(1, 5, 9, 17, 33))
    last = first if tokens == 1 else first + (tokens - 1) * whole(0.03125, 0.046875, 0.0625, 0.0625, 0.078125)
    if tokens > 1 and r.random() < 0.2:
        last = first + tokens * 0.0625  # a gap is longer than is promised, a token is not
    fate = r.random()
    if fate < 0.2:
        return at, sent, first, None, tokens - (tokens > 1)
    return (at, sent, None, None, 0) if fate < 0.3 else (at, sent, first, last, tokens)


def trace(n):
    rows = [request(at) for at in np.sort(r.integers(0, 64 * 20, n) / 64).tolist()]
    columns = {name: [row[i] for row in rows] for i, name in enumerate(("scheduled", "sent", "first", "last", "tokens"))}
    return columns | {"prompt_tokens": [r.whole(20, 50) for _ in rows],
                      "error": [None if row[3] is not None else "no answer by the end of the run" for row in rows]}


wrong = {
    "7.6/either": ("both promises must be kept", good(both=lambda ttft, tpot: ttft or tpot)),
    "7.6/first_only": ("the tokens after the first are promised, too", good(both=lambda ttft, tpot: ttft)),
    "7.6/rest_only": ("the first token is promised, too", good(both=lambda ttft, tpot: tpot)),
    "7.6/throughput": ("that is throughput: who came too late is no goodput", good(both=lambda ttft, tpot: True)),
    "7.6/from_sent": ("the wait begins at the scheduled time, not when the request was sent", good(since="sent")),
    "7.6/unfinished_counted": ("a request that is not finished keeps no promise", good(unfinished=lambda ttft: ttft), good(unfinished=lambda ttft: True)),
    "7.6/gaps_by_n": ("n tokens have n - 1 gaps between them", good(gaps=lambda n: n)),
    "7.6/one_token": ("a single token has no gap, and keeps that part", good(lone=False), good(gaps=lambda n: n - 1 or math.nan)),
    "7.6/share": ("requests per second of the time offered are asked, no share",
                  good(over=lambda seconds, finished, offered: finished or 1), good(over=lambda seconds, finished, offered: offered)),
    "7.6/less_than": ("at most: what equals the limit keeps it", good(most=lambda value, slo: value < slo)),
}
calls = told_apart(lambda: [(trace(25), 20.0, 0.5, 0.0625), (trace(12), 21, 0.375, 0.046875)], good(), wrong)
never = {"scheduled": [0.5], "sent": [0.5], "first": [None], "last": [None], "tokens": [0], "prompt_tokens": [None], "error": ["broke off"]}
lone = {"scheduled": [0.5], "sent": [0.5], "first": [0.75], "last": [0.75], "tokens": [1], "prompt_tokens": [9], "error": [None]}
calls += [(never, 5.0, 0.5, 0.1), (lone, 4.0, 0.25, 0.0625)]
expect_each(goodput, calls).close_to(good(), wrong=wrong)
### END HIDDEN TESTS
assert isclose(goodput(TRACE, 8, 0.5, 0.1), 0.25), (
    "the first and the single token, in 8 s")

# %% [markdown]
# Here are your runs with a promise of your own. Change it, and see who keeps it.

# %%
TTFT_SLO, TPOT_SLO = 1.0, 0.2  # s

# %% tags=["raises-exception"]
for run in RUNS:
    asked = run.trace["requests"]
    came = sum(last is not None for last in asked["last"]) / run.trace["seconds"]
    kept = goodput(asked, run.trace["seconds"], TTFT_SLO, TPOT_SLO)
    print(f"{offered(run):24s} {came:5.2f} answered, {kept:5.2f} as promised")

# %% [markdown]
# A row's name has the planned rate; by chance somewhat fewer or more requests came. "Answered" also counts what was answered
# after the end of the offer. Look at the rows whose rate is more than their server can do: it is busy all the time, everything
# may be answered in the end, and few of the answers in time.

# %% [markdown]
# ### Where is the knee?
#
# Up to some rate the wait grows slowly; beyond it the queue grows as long as the load lasts. Many load generators miss it.
# One that waits for an answer before it sends the next request sends *late* when the server is slow, and then starts its
# clock late, too. Whoever would have come meanwhile is not measured. Only the scheduled time knows.

# %% [markdown] nbgrader={"grade_id": "ex-7-7-task"}
# **Exercise 7.7 (stretch, 1 point).** `saturation_rate(runs, ttft_slo)`: the highest `rate` such that in its run, and in
# those of all lower rates, the 95th percentile (nearest rank, 7.2) of `first - scheduled` is at most `ttft_slo`; 0 if the
# lowest fails already. `runs` is a list, in any order, of dicts with `rate` and the lists `scheduled`, `sent` and `first`; a
# `first` of `None` is an infinite wait. Raise `ValueError` if a `scheduled` is `None`: a closed loop has no schedule, and no
# knee. Its `rate` is `None`, too.

# %% nbgrader={"grade_id": "ex-7-7"}
def saturation_rate(runs, ttft_slo):
    """The highest rate up to which 95 of 100 first tokens come in time."""
    ### BEGIN SOLUTION
    if any(plan is None for run in runs for plan in run["scheduled"]):
        raise ValueError("a closed loop has no schedule")
    best = 0
    for run in sorted(runs, key=lambda run: run["rate"]):
        pairs = zip(run["scheduled"], run["first"], strict=True)
        waits = sorted(math.inf if first is None else first - plan for plan, first in pairs)
        if waits[math.ceil(95 * len(waits) / 100) - 1] > ttft_slo:
            break
        best = run["rate"]
    return best
    ### END SOLUTION


# %%
saturation_rate([
    {"rate": 2, "scheduled": [0, 0.5], "sent": [0, 0.5], "first": [0.3, 1.5]},
    {"rate": 1, "scheduled": [0, 1], "sent": [0, 1], "first": [0.3, 1.4]},
], 0.5)  # try it: 1

# %% nbgrader={"grade_id": "test-7-7", "points": 1}
### BEGIN HIDDEN TESTS
from course.checking import NOTHING_REFUSED, expect_each, told_apart
from course.cohort import rng

r = rng("7.7")


def p95(waits):
    return sorted(waits)[math.ceil(95 * len(waits) / 100) - 1]


def knee(value=p95, *, since="scheduled", lost=math.inf, order=lambda runs: sorted(runs, key=lambda run: run["rate"]), stops=True,
         fails=False, refused=lambda runs: any(t is None for run in runs for t in run["scheduled"])):
    """Somebody's saturation_rate."""
    def found(runs, slo):
        if refused(runs):
            raise ValueError
        best = 0
        for run in order(runs):
            waits = [lost if f is None else f - s for s, f in zip(run[since], run["first"], strict=True)]
            waits = [w for w in waits if w is not None]
            if waits and value(waits) <= slo:
                best = run["rate"]
            elif stops:
                return run["rate"] if fails else best
        return best

    return found


def linear(waits):
    return float(np.percentile(waits, 95)) if math.inf not in waits else math.inf


def run(rate, n, service, *, lost=0):
    """A sender that waits for each answer before it sends the next."""
    free, rows = 0.0, []
    for i in range(n):
        plan = round(i / rate, 4)
        sent = max(plan, free)
        free = round(sent + r.uniform(*service), 4)
        rows.append((plan, round(sent, 4), free))
    places = set(r.choice(n, lost, replace=False).tolist())
    return {"rate": rate, "scheduled": [row[0] for row in rows], "sent": [row[1] for row in rows],
            "first": [None if i in places else row[2] for i, row in enumerate(rows)]}


def one_late(rate, seconds):
    """Twenty requests, of which one waits longer: number 19 of 20 is the 95th percentile."""
    made = run(rate, 20, (0.1, 0.2))
    made["first"][r.whole(3, 15)] += seconds
    return made


def lost_and_late(rate):
    """Forty requests: eight are lost, and two of the others wait very long."""
    made = run(rate, 40, (0.1, 0.2), lost=8)
    for i in [i for i, first in enumerate(made["first"]) if first is not None][:2]:
        made["first"][i] += 60
    return made


def some_late(rate):
    """Forty requests, of which four wait a second more."""
    made = run(rate, 40, (0.1, 0.2))
    for i in r.choice(40, 4, replace=False).tolist():
        made["first"][i] += 1
    return made


def shuffled(runs):
    return [runs[i] for i in r.permutation(len(runs))]


def drawn():
    rates = [float(f"{r.uniform(low, high):.3g}") for low, high in ((0.8, 1.2), (1.6, 2.2), (2.6, 3.1), (3.6, 4), (5, 7))]
    busy, quick = (0.2, 0.24), (0.1, 0.2)
    steep = [run(rate, 40, busy) for rate in rates]
    lossy = [run(rate, 40, busy, lost=4 * (rate == rates[2])) for rate in rates[:4]]
    late = [run(rates[0], 40, quick), one_late(rates[1], 60), run(rates[2], 40, quick, lost=2), run(rates[4], 40, (0.6, 0.7))]
    hopeless = [run(rate, 30, (0.7, 0.9)) for rate in rates[:3]]
    dip = [run(rates[0], 40, quick), run(rates[1], 40, (0.55, 0.6)), run(rates[2], 40, quick), run(rates[3], 40, quick, lost=5)]
    mixed = [run(rates[0], 40, quick), lost_and_late(rates[1])]
    hardly = [one_late(rates[0], 0.8), run(rates[1], 40, (0.55, 0.6))]
    unlucky = [run(rates[0], 40, quick), some_late(rates[1]), run(rates[2], 40, (0.4, 0.6))]
    return [(shuffled(runs), 0.5) for runs in (steep, lossy, late, hopeless, dip, mixed, unlucky, hardly)]


wrong = {
    "7.7/from_sent": ("the clock starts at the scheduled time: a sender that is held up hides the wait", knee(since="sent")),
    "7.7/lost_dropped": ("an answer that never came is an infinite wait", knee(lost=None)),
    "7.7/lost_is_no_wait": ("an answer that never came is an infinite wait, not none", knee(lost=0)),
    "7.7/median": ("the median says nothing of the unlucky: the 95th percentile is asked", knee(statistics.median)),
    "7.7/mean": ("a mean is no percentile", knee(statistics.fmean)),
    "7.7/other_percentile": ("the percentile by nearest rank is asked: number ⌈95·n/100⌉ in order", knee(linear), knee(max),
                             knee(lambda waits: sorted(waits)[int(0.95 * len(waits))])),
    "7.7/higher_that_meets": ("all lower rates must keep it, too", knee(stops=False),
                              lambda runs, slo: max([run["rate"] for run in runs if knee()([run], slo)], default=0)),
    "7.7/unsorted": ("the runs come in any order", knee(order=list)),
    "7.7/first_that_fails": ("the last rate that keeps it is asked, not the first that does not", knee(fails=True)),
}
calls = told_apart(drawn, knee(), wrong)
exact = {"rate": 2.5, "scheduled": [0.0, 0.5], "sent": [0.0, 0.5], "first": [0.25, 1.0]}
expect_each(saturation_rate, [*calls, ([exact], 0.5)]).close_to(knee(), wrong=wrong)
closed = {"rate": None, "scheduled": [None, None], "sent": [0.0, 0.5], "first": [0.5, 0.75]}
expect_each(saturation_rate, [([closed], 0.5), ([exact, closed], 0.5), ([closed, exact], 2.0)]).raises(ValueError, wrong={
    "7.7/nothing_refused": ("a run without a schedule is refused by a ValueError", NOTHING_REFUSED),
})
### END HIDDEN TESTS
assert saturation_rate([
    {"rate": 2, "scheduled": [0, 0.5], "sent": [0, 0.5], "first": [0.3, 1.5]},
    {"rate": 1, "scheduled": [0, 1], "sent": [0, 1], "first": [0.3, 1.4]},
], 0.5) == 1, "at 2 requests/s one of two waits 1 s"

# %% [markdown]
# Three rates are few to find a knee. If you have the time, write `shares=(0.4, 0.8, 1.2, 0.6, 1)` into the call of `made` in
# section 2, new shares last, and measure with `again=True`. Here is what yours say.

# %% tags=["raises-exception"]
KNEES = {}
for slots in SLOTS:
    own = [run.trace for run in RUNS if run.trace["slots"] == slots]
    flat = [{"rate": found["rate"], **found["requests"]} for found in own]
    KNEES[slots] = saturation_rate(flat, TTFT_SLO)
    print(f"slots: {slots}, up to {KNEES[slots]} requests/s of the {len(own)} tried")

# %%
LONGEST = 100  # s, where what never came is drawn
fig, ax = plt.subplots()
ends = []
for place, slots in enumerate(SLOTS):
    colour, text = plots.COLOURS[place], f"{slots} slot{'s' * (slots > 1)}"
    own = sorted((run for run in RUNS if run.trace["slots"] == slots),
                 key=lambda run: run.trace["rate"])
    rates = [run.trace["rate"] * 1.015**place for run in own]  # side by side
    waits = [np.minimum(first_waits(run), LONGEST) for run in own]
    half = [np.median(one) for one in waits]
    most = [p95(one) for one in waits]
    ax.plot(rates, most, "-", marker=plots.MARKERS[place], color=colour)
    ax.vlines(rates, half, most, color=colour, lw=5, alpha=0.3)
    ends.append((rates[-1], most[-1], text, colour))
ax.hlines(TTFT_SLO, rates[0], rates[-1], color="grey", ls="--", lw=1)
ends.append((rates[-1], TTFT_SLO, "your promise", "dimgrey"))
ax.set(yscale="log", xlabel="offered (requests/s)")
ax.set_ylabel("time to first token (s)")
plots.log_ticks(ax.yaxis)
plots.label_ends(ax, ends)
one, *_, four = ([run for run in RUNS if run.trace["slots"] == n][1] for n in SLOTS)
ax.set_title(f"At {one.trace['rate']:.1f} requests/s one in twenty waits "
             f"{p95(first_waits(one)):.2g} s or more\nwith one slot, "
             f"{p95(first_waits(four)):.2g} s with four ({WHOSE})")
plots.show(fig, alt="Time to the first token against offered requests per second, "
           "from the median to the 95th percentile, for 1, 2 and 4 slots.")

# %% [markdown]
# Points are the 95th percentile, bars reach down to the median, what never came stands at 100 s; several slots are drawn a
# little to the right. Where even the median is far above that of the lowest rate, the queue has taken over: from there on the
# wait is decided by how long the load lasts, not by the model. If more slots give more token/s (section 3), they move that place
# to the right. They do not remove it. If two slots are hardly better than one, a step for two takes as long as two steps for
# one: then only many slots help, or none.

# %% [markdown]
# ## 6 · How many servers?
#
# One server (a *replica*) keeps its promise up to its goodput. Demand has a peak, and a day. Whoever wants to keep the
# promise at the peak, when a replica fails, and when the forecast was too low, owns replicas that stand still at night.

# %% [markdown] nbgrader={"grade_id": "ex-7-8-task"}
# **Exercise 7.8 (2 points).** `replicas_needed(rps_by_hour, goodput_per_replica, headroom, spares)` returns `(n,
# utilisation)`. In the busiest hour each replica is loaded to at most the share 1 - `headroom` of its goodput; `spares`
# replicas more stand by. `utilisation` is the mean demand as a share of what all n, spares included, could serve. `[6, 4, 3,
# 9, 27, 39.7, 31, 12]`, 1.7, 0.3, 2 gives (36, 0.2690).

# %% nbgrader={"grade_id": "ex-7-8"}
def replicas_needed(rps_by_hour, goodput_per_replica, headroom, spares):
    """(Replicas, mean share of their goodput that is used)."""
    ### BEGIN SOLUTION
    n = math.ceil(max(rps_by_hour) / (goodput_per_replica * (1 - headroom))) + spares
    mean = sum(rps_by_hour) / len(rps_by_hour)
    return n, mean / (n * goodput_per_replica)
    ### END SOLUTION


# %%
replicas_needed([6, 4, 3, 9, 27, 39.7, 31, 12], 1.7, 0.3, 2)  # try it

# %% nbgrader={"grade_id": "test-7-8", "points": 2}
### BEGIN HIDDEN TESTS
from course.checking import expect_each, told_apart
from course.cohort import rng

r = rng("7.8")


def sized(n=lambda peak, good, headroom: math.ceil(peak / (good * (1 - headroom))), *, of=max, spares=lambda s: s,
          used=lambda rps, n, spares, good, headroom: statistics.fmean(rps) / (n * good)):
    """Somebody's replicas_needed."""
    def answer(rps, good, headroom, s):
        replicas = n(of(rps), good, headroom) + spares(s)
        return replicas, used(rps, replicas, spares(s), good, headroom) if replicas else math.nan

    return answer


def whole_or_more(draw, low):
    """A day whose peak needs no whole number of replicas, by far enough that rounding cannot matter."""
    while True:
        rps, good, headroom, spares = draw()
        exact = max(rps) / (good * (1 - headroom))
        if 0.02 < exact % 1 < 0.98 and exact > low:
            return rps, good, headroom, spares


def day(hours, low, high):
    def draw():
        rps = [r.number(low, high, digits=3) for _ in range(hours)]
        return rps, r.number(1, 3, digits=3), r.number(0.1, 0.4, digits=2), r.whole(2, 4)

    return draw


wrong = {
    "7.8/daily_mean": ("in the busiest hour the promise holds, too: size by the peak, not by the mean", sized(of=statistics.fmean)),
    "7.8/rounds": ("a part of a replica is a replica more", sized(lambda peak, good, headroom: math.floor(peak / (good * (1 - headroom)))),
                   sized(lambda peak, good, headroom: round(peak / (good * (1 - headroom))))),
    "7.8/headroom_added": ("a replica is loaded to 1 - headroom of its goodput: divide by that; times 1 + headroom gives fewer",
                           sized(lambda peak, good, headroom: math.ceil(peak * (1 + headroom) / good))),
    "7.8/no_headroom": ("a replica is not loaded to all of its goodput", sized(lambda peak, good, headroom: math.ceil(peak / good))),
    "7.8/no_spares": ("spares are replicas, too: add them", sized(spares=lambda s: 0)),
    "7.8/used_at_the_peak": ("the mean demand is asked, not the peak's", sized(used=lambda rps, n, s, good, headroom: max(rps) / (n * good))),
    "7.8/spares_not_paid": ("spares are paid for: they are among what could serve",
                            sized(used=lambda rps, n, s, good, headroom: statistics.fmean(rps) / ((n - s) * good))),
    "7.8/headroom_not_paid": ("what all could serve is their goodput, headroom and all",
                              sized(used=lambda rps, n, s, good, headroom: statistics.fmean(rps) / (n * good * (1 - headroom)))),
    "7.8/used_in_percent": ("a share is asked, no per cent",
                            sized(used=lambda rps, n, s, good, headroom: 100 * statistics.fmean(rps) / (n * good))),
}
calls = told_apart(lambda: [whole_or_more(day(24, 1, 40), 5), whole_or_more(day(8, 5, 60), 5), whole_or_more(day(24, 30, 50), 5)], sized(), wrong)
calls += [([r.number(0.05, 0.4, digits=2) for _ in range(24)], 1.7, 0.3, 1), ([3.3], 2.5, 0.0, 0), ([900, 0, 0, 0], 0.35, 0.2, 3)]
expect_each(replicas_needed, calls).close_to(sized(), wrong=wrong)
### END HIDDEN TESTS
assert np.allclose(
    replicas_needed([6, 4, 3, 9, 27, 39.7, 31, 12], 1.7, 0.3, 2), (36, 131.7 / 8 / 61.2)
), "39.7 / (1.7 × 0.7) is 33.4, so 34 and 2 spares"

# %% [markdown]
# ### What does a token cost an owner?
#
# A day of a small service, made up: requests/s by the hour, quiet at night, with a peak in the evening. Change it if you know
# a real one. Served by a model of 8 billion parameters on rented H100s, with a fifth of headroom and one spare. Its goodput is
# not measured: take all that an H100 writes in a batch of 64, which promises nothing of the wait. **Predict** the
# utilisation, in per cent: `lab.predict("serving_utilisation", low, high, "%")`.

# %% nbgrader={"grade_id": "predict-serving_utilisation"}
### BEGIN SOLUTION
lab.predict("serving_utilisation", 20, 60, "%")
### END SOLUTION

# %% tags=["raises-exception"]
DAY = [6, 4, 2, 2, 2, 3, 6, 14, 30, 48, 60, 64,
       58, 52, 56, 60, 62, 66, 78, 92, 96, 70, 34, 14]  # requests/s
RENT = data.row("gpu_hour_prices/lambda-h100-sxm-on-demand-2026-03")
ONE, MANY = (data.row(f"h100_decode/llama-3.1-8b-b{n}-c2048") for n in (1, 64))
answer = data.load("chat_usage").set_index("id").value["lmsys-answer-tokens"]
n, used = replicas_needed(DAY, MANY.tokens_per_s / answer, 0.2, 1)
print(f"{MANY.tokens_per_s:,.0f} token/s in a batch of 64, "
      f"{answer:.0f} tokens an answer: {n} replicas")
lab.reveal("serving_utilisation", 100 * used, "%", "your formula, this made-up day");

# %% tags=["raises-exception"]
said = data.row("claims/C4")
print(f"C4 says {said.low:.0f} to {said.high:.0f} USD per million tokens; "
      f"at {RENT.usd_per_gpu_hour} USD an hour:")
for batch, speed_of_it in ((64, MANY.tokens_per_s), (1, ONE.tokens_per_s)):
    n, used = replicas_needed(DAY, speed_of_it / answer, 0.2, 1)
    never_idle = RENT.usd_per_gpu_hour / 3600 / speed_of_it * 1e6
    print(f"  batch of {batch:2d}: {never_idle:5.2f} never idle, "
          f"{never_idle / used:5.2f} on your day, with {n} replicas")

# %% [markdown]
# The same model on the same machine: batching and the hours of a day decide the price of a token. What is left out: reading
# prompts, which takes time from writing, and everything that is not rent. And your own machine? Put in what it draws at most;
# its charger says.

# %%
WATTS = 50  # W
energy = data.load("energy")
world = energy[(energy.kind == "electricity price") & (energy.place == "world")]
price = world.set_index("name").loc["World average, household"]
speeds = lab.record("serving_speed")["values"]
for label in ("1 client", "8 clients"):
    joules = WATTS / speeds[label][0] * 1e6
    print(f"SmolLM2 for {label}: {joules / 3.6e6 * price.value:.2f} USD of electricity "
          f"per million tokens ({price.value} {price.unit})")

# %% [markdown]
# Claim **C5**: "the cost of inference grows linearly with its use". A provider's price list does. Your own bill for a fixed number of
# replicas does not move with usage at all, until another replica is needed; and what a token costs you falls as usage fills
# the batch and the hours.

# %% [markdown]
# ### A larger model, if you like
#
# Optional, with a network and 8 GB of memory: a Mistral or Llama of 7 to 8 billion parameters as a GGUF of four bits. Does it
# fit, and how fast will it be? Predict its token/s from lab 5's bandwidth; the cell below says what it may reach at best. Then
# find such a file on the Hugging Face hub, and run it in a terminal:
#
#     course model fetch OWNER/NAME:FILE.gguf --name large
#     course serve large --slots 2

# %%
s = data.row("model_shapes/llama-3.1-8b")
reading = lab.record("read_bandwidth")
read = {label: v for label, v in reading["values"].items() if "copy" not in label}
most = max(map(np.median, read.values()))
weights = s.n_params * 4.5 / 8  # bytes, at 4.5 bits each as in Q4_0
print(f"{s['name']}: {weights / 1e9:.1f} GB of weights, at {most / 1e9:.0f} GB/s "
      f"at most {most / weights:.1f} token/s for one")

# %% [markdown]
# ## 7 · Who tests the test?
#
# A colleague's version of exercise 7.4. It gives the worked example, and yet it is not the same server.

# %% nbgrader={"grade_id": "given-colleague"}
def colleagues_server(requests, slots, step_s):
    free, departures = [0] * slots, []
    for arrival, n_tokens in requests:
        place = free.index(min(free))
        free[place] = max(arrival, free[place]) + n_tokens * step_s[slots - 1]
        departures.append(free[place])
    return departures


colleagues_server([(0, 1), (0, 3), (0.5, 2)], 2, [1, 1.5])

# %% [markdown] nbgrader={"grade_id": "ex-7-9-task"}
# **Exercise 7.9 (stretch, 1 point).** `accepts(f)` is given somebody's `simulate_continuous(requests, slots, step_s)` and
# returns `True` if it does what exercise 7.4 asks, `False` if not; one that raises is wrong. Right ones may differ in the last
# digits, and then a request that comes just when a step ends may be taken a step later: try times that a float holds exactly,
# such as 0.25. It is tried on fourteen that you do not see, some of them twice; a hundred calls of each are enough.

# %% nbgrader={"grade_id": "ex-7-9"}
def accepts(f):
    """Whether `f` simulates a server of continuous batches rightly."""
    ### BEGIN SOLUTION
    requests = [(0.0, 4), (0.0, 1), (0.5, 3), (0.75, 1), (1.0, 1), (30.25, 2)]
    try:
        answer = f(requests, 2, [1.0, 1.5])
        return len(answer) == 6 and all(map(isclose, answer, [6, 1.5, 6, 7.5, 7.5, 32.25]))
    except Exception:
        return False
    ### END SOLUTION


# %% tags=["raises-exception"]
accepts(colleagues_server), accepts(simulate_continuous)  # try it: False, True

# %% nbgrader={"grade_id": "test-7-9", "points": 1}
### BEGIN HIDDEN TESTS
from course.checking import Bank, same


def server(choose=lambda waiting, requests: 0, *, places=lambda slots: slots, barrier=False, size=lambda k, slots: k, told=lambda now, requests, i: now):
    """Somebody's simulate_continuous."""
    def simulate(requests, slots, step_s):
        completed, now, waiting, running, i = [0.0] * len(requests), 0.0, [], {}, 0
        while i < len(requests) or waiting or running:
            if not running and not waiting:
                now = max(now, requests[i][0])
            while i < len(requests) and requests[i][0] <= now:
                waiting, i = [*waiting, i], i + 1
            is_open = not (barrier and running)
            while is_open and waiting and len(running) < places(slots):
                taken = waiting.pop(choose(waiting, requests))
                running[taken] = requests[taken][1]
            now += step_s[min(size(len(running), slots), len(step_s)) - 1]
            for k in [*running]:
                running[k] -= 1
                if running[k] == 0:
                    completed[k] = told(now, requests, k)
                    del running[k]
        return completed

    return simulate


def in_whole_steps(requests, slots, step_s):
    """Counts the steps of each size since the server last woke, and multiplies: the last digit differs."""
    from collections import Counter, deque

    completed, woke, steps, left, queue = [0.0] * len(requests), 0.0, Counter(), {}, deque(range(len(requests)))
    while queue or left:
        now = woke + sum(n * step_s[k - 1] for k, n in steps.items())
        if not left and requests[queue[0]][0] > now:
            woke, steps = float(requests[queue[0]][0]), Counter()
            now = woke
        while queue and len(left) < slots and requests[queue[0]][0] <= now:
            taken = queue.popleft()
            left[taken] = requests[taken][1]
        steps[len(left)] += 1
        now = woke + sum(n * step_s[k - 1] for k, n in steps.items())
        for i in [i for i in left if left[i] == 1]:
            completed[i] = now
        left = {i: n - 1 for i, n in left.items() if n > 1}
    return completed


def as_array(requests, slots, step_s):
    return np.array(server()(requests, slots, step_s))


bank = Bank(
    "simulate_continuous(requests, slots, step_s)",
    example=([(0.0, 2)], 2, [1.0, 1.5]),
    right={
        "one that goes from step to step": server(),
        "one that counts the steps of each size": in_whole_steps,
        "one that returns an array": as_array,
    },
    wrong={
        "one that lets nobody in until all are done": server(barrier=True),
        "one of static batches": reference_static,
        "one that takes the newest first": server(lambda waiting, requests: -1),
        "one that takes the shortest first": server(lambda waiting, requests: min(range(len(waiting)), key=lambda at: requests[waiting[at]][1])),
        "one without a limit": server(places=lambda slots: math.inf),
        "one with a slot more": server(places=lambda slots: slots + 1),
        "one with a slot less": server(places=lambda slots: max(1, slots - 1)),
        "one whose step is always that of a full house": server(size=lambda k, slots: slots),
        "one whose slots have clocks of their own": colleagues_server,
        "one that sorts its answer": lambda requests, slots, step_s: sorted(server()(requests, slots, step_s)),
        "one that gives durations": server(told=lambda now, requests, i: now - requests[i][0]),
    },
    hints={"one that counts the steps of each size": "its last digit is not that of one that adds step to step: compare with isclose"},
)
assert len(bank) == 14


def trying(*calls, look=lambda answer: answer):
    """Who looks at these calls only."""
    def judge(f):
        try:
            return all(same(look(f(*call)), look(server()(*call)), rel_tol=1e-9) for call in calls)
        except Exception:
            return False

    return judge


def never_later(f):
    """No request is completed later than by static batches, at a step that is always the same."""
    call = ([(0.0, 4), (0.0, 1), (1.0, 3), (1.0, 1), (30.0, 2)], 2, [1.0, 1.0])
    return all(x <= y for x, y in zip(f(*call), reference_static(*call), strict=True))


EXAMPLE = ([(0, 1), (0, 3), (0.5, 2)], 2, [1, 1.5])
MANY_OF_THEM = ([(0.0, 4), (0.0, 1), (0.5, 3), (0.75, 1), (1.0, 1), (30.25, 2)], 2, [1.0, 1.5])
bank.judged_by(accepts, wrong={
    "7.9/no_queue": ("one request alone, or a last one long after all others, meets no queue: look at those who wait",
                     trying(([(0.0, 3)], 2, [1.0, 1.5])), trying(([(1.0, 3)], 2, [1.0, 1.5])), trying(MANY_OF_THEM, look=max)),
    "7.9/example_only": ("the worked example alone lets several pass: let more of them wait", trying(EXAMPLE)),
    "7.9/same_step": ("a step that is always the same hides what a full server costs", trying((MANY_OF_THEM[0], 2, [1.0, 1.0]))),
    "7.9/accepts_all": ("it accepts every implementation: being never later than static batches, say, tells none of them apart",
                        lambda f: True, never_later),
    "7.9/refuses_all": ("it accepts none, and some are right", lambda f: False),
})
### END HIDDEN TESTS
assert not accepts(colleagues_server), (
    "the colleague's slots have clocks of their own, and steps that are always full")

# %% [markdown]
# ## Your verdicts
#
# Three sentences are kept for lab 10. Put yours in the place of the dots, and how sure you are of it in per cent.

# %% [markdown]
# - **C4**: "Inference costs 1 to 6 cents per 1,000 tokens." What do batching and the hours of a day make of it?
# - **C5**: "The cost of inference grows linearly with its use." For whom does it, and for whom not?
# - **C7**: "Quantization, serving and cost models are the skills to build." What did you decide here that a price list would
#   not have told you?

# %%
lab.verdict("C4", "...", sure=50)
lab.verdict("C5", "...", sure=50)
lab.verdict("C7", "...", sure=50)

# %% [markdown]
# ## Summary
#
# - Weights that are read once serve all who are in a slot: more tokens together, fewer for each. How many more, the seconds of
#   a step tell.
# - L = rate × W ties what is in a server to how long it takes, whatever it does inside. On a whole run it tests nothing.
# - A percentile from the scheduled time tells what people waited. From the sent time it tells what the load generator did.
# - Goodput, not throughput, is what a replica is worth.
# - Replicas are sized by the peak and paid for all day.

# %% [markdown]
# ## What would change the answer?
#
# - **Longer prompts.** Reading them takes steps from those who write.
# - **Prompts that begin alike.** A server that keeps their keys and values reads them once.
# - **A larger model.** Then a step waits for memory up to larger batches: more people share it nearly for free.
# - **Other people.** Arrivals in bursts make longer queues than a Poisson process at the same rate.
#
# Now press *Validate*. Then lab 8: is a cheaper model good enough?

