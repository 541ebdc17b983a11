# %% [markdown]
# # Train a sovereign model, or deploy open ones?
#
# A ministry, a university and a company ask you the same question: train a language model of our own, continue an open
# one, deploy an open one, or buy answers by the token? You leave with a plan that another person can audit, and with
# what would reverse it.
#
# **180 minutes, 1 GB of memory, no network.** No measurement is recorded here: the lab collects what you measured in labs 1
# to 9, and takes the reference machine's records where you have none. For the hidden tests press *Validate*, above the notebook.

# %% nbgrader={"grade_id": "start"}
import json
from math import ceil, inf, isclose, isfinite

import matplotlib.pyplot as plt
import numpy as np

from course import data, lab, models, panel, plots
from course.llama import speed

lab.start("lab10", cohort="2026")
plots.use_style()

# %% [markdown]
# ## 1 · Both bills of one model
#
# The course's own model, two-bills-code, was trained on two threads of an AMD EPYC, without a GPU. Training
# takes 6N operations a token, serving 2N (labs 1 and 4). **Predict** after how many served tokens the second bill, in operations, is as large as the
# first: `lab.predict("two_bills_even", low, high, "Mtok")`. A million tokens are 1 Mtok.

# %%
folder = models.folder_of("two-bills-code")
bill = json.loads((folder / "training_bill.json").read_text())
flop = 6 * bill["n_params"] * bill["tokens"]
print(f"N = {bill['n_params']:,} parameters, D = {bill['tokens']:,} tokens")
print(f"training: {flop:.3g} FLOP in {bill['seconds']:,.0f} s")

# %% nbgrader={"grade_id": "predict-two_bills_even"}
### BEGIN SOLUTION
lab.predict("two_bills_even", 50, 300, "Mtok")
### END SOLUTION

# %%
even = 3 * bill["tokens"]
lab.reveal("two_bills_even", even / 1e6, "Mtok", "6ND over 2N, its training bill");

# %% [markdown]
# That is a bill in operations. In time it is another. Both run on processors, so count the seconds that threads are busy: one
# price for a thread would cancel out. (The training's threads were another machine's than yours.) The cell times 64 tokens for one reader on one thread; nothing is kept.

# %%
machine = json.loads((folder / "training_machine.json").read_text())
trained = machine["threads"] * bill["seconds"]
file = models.path("two-bills-code")
timed = speed.decode(file, n_tokens=64, n_threads=1, repetitions=3)
rate = float(np.median(timed.tokens_per_s))
print(f"training: {trained / 3600:.1f} hours of a thread")
print(f"a million tokens at {rate:,.0f} token/s: {1e6 / rate / 3600:.2f} hours of one")
print(f"as long as the training: {trained * rate / 1e6:.1f} million tokens")
print(f"as many operations as the training: {even / 1e6:.0f} million tokens")

# %% [markdown]
# Two units, two answers. Where time says fewer tokens than operations do, the reason is lab 5's: a reader who is served alone waits
# for weights to be read, and most of the processor idles; training takes thousands of tokens at once. A fleet that answers many
# together comes nearer to the operations. **A bill needs a unit**, and a load.

# %% [markdown]
# ## 2 · What you predicted, and what came
#
# You were asked for intervals that you are 80 % sure of. Here they are, from all labs. Who knows their own doubt has the
# truth inside in about eight of ten.

# %%
kept = lab.collect()
seen = [r for r in kept if "predicted" in r and not r.get("reference")]
truth = [r.get("median", r.get("value")) for r in seen]
inside = [r["predicted"][0] <= t <= r["predicted"][1]
          for r, t in zip(seen, truth, strict=True)]
by_lab, by_unit = {}, {}
for r, hit in zip(seen, inside, strict=True):
    by_lab.setdefault(r.get("lab", "?"), []).append(hit)
    by_unit.setdefault(r["unit"], []).append(hit)
for name, hits in sorted(by_unit.items()):
    print(f"in {name}: {sum(hits)} of {len(hits)} inside")

# %%
def wilson(hits, z=1.28):
    """Middle and half width of Wilson's 80 % interval of a share (lab 8)."""
    n, share = len(hits), sum(hits) / max(1, len(hits))
    wide = 1 + z**2 / n
    half = z * (share * (1 - share) / n + z**2 / 4 / n**2) ** 0.5 / wide
    return (share + z**2 / 2 / n) / wide, half


fig, ax = plt.subplots(figsize=(8, 1.6 + 0.3 * len(by_lab)))
rows = [*sorted(by_lab.items()), ("all", inside)]
for row, (_, hits) in enumerate(rows):
    if hits:
        mid, half = wilson(hits)
        ends = 100 * (mid - half), 100 * (mid + half)
        ax.hlines(row, *ends, color=plots.BLUE, lw=6, alpha=0.35)
        ax.plot(100 * sum(hits) / len(hits), row, "o", color=plots.BLUE)
    ax.annotate(f"{sum(hits)} of {len(hits)}", (103, row), va="center",
                annotation_clip=False)
ax.axvline(80, color="grey", lw=1, ls="-", marker="", zorder=0)
ax.set(xlim=(0, 101), ylim=(len(rows) - 0.5, -0.5),
       xlabel="predictions with the truth inside (%), and what chance leaves open")
ax.set_yticks(range(len(rows)), [name for name, _ in rows])
ax.set_title(f"{sum(inside)} of {len(inside)} truths lay inside intervals of 80 %")
plots.show(fig, alt="For each lab the share of predictions whose interval held the "
           "truth, with Wilson's 80 % interval, against the line at 80 per cent.")

# %% [markdown]
# Left of the line your intervals were too narrow; right of it, wider than you needed. A bar that reaches the line is no
# evidence of either: with few predictions chance does much. Keep your own figure in mind in section 9, where you say how
# wide each assumption is. Nobody grades this.

# %% [markdown]
# ## 3 · A table of assumptions
#
# A plan rests on 41 numbers. Each has a value, a low and a high, a unit, and a *kind*: `sourced` from published figures,
# `measured` for this course, `judgement` with a reason, or `given` by the exercise. Three cases are ready: Algeria, which is
# worked through below, a university department and a company.
#
# Exercises stand in the order in which you need them; their numbers do not.

# %% nbgrader={"grade_id": "given-case"}
def plain_number(given):
    """A whole number as an int: years can be counted."""
    return int(given) if float(given).is_integer() else float(given)


def case(name):
    """A table of assumptions: "algeria", "university", "company" or "blank"."""
    table = {}
    for row in data.load(f"case_{name}").to_dict("records"):
        table[row["key"]] = {
            **{name: plain_number(row[name]) for name in ("value", "low", "high")},
            **{column: row[column] for column in ("unit", "kind", "date")},
            "source": row["reason"] if row["kind"] == "judgement" else row["source"],
        }
    return table


def values(table):
    """The value of each key."""
    return {key: row["value"] for key, row in table.items()}


ALGERIA = case("algeria")
KEYS = data.load("case_keys").set_index("key")
UNITS = KEYS.unit.to_dict()
LIMITS = {key: (float(row.least), float(row.most)) for key, row in KEYS.iterrows()}
TODAY = "2026-11-28"

# %%
kinds = [row["kind"] for row in ALGERIA.values()]
print({kind: kinds.count(kind) for kind in sorted(set(kinds))})
for key in ("users", "peak_factor", "decode_tokens_per_s", "usd_per_mtok_output"):
    row = ALGERIA[key]
    three = f"{row['low']:>9g} {row['value']:>9g} {row['high']:>9g}"
    print(f"{key:20s} {three} {row['unit']:10s} {row['kind']:9s} {KEYS.meaning[key]}")

# %% [markdown]
# What is wrong with a source or a date? *Source*: of the kinds `sourced` and `measured`, that it is empty or blanks; of `judgement`,
# that the reason has fewer than 20 characters without the blanks around it; of `given` nothing is asked; any other kind is a problem.
# *Date*: asked of `sourced` alone; it is not YYYY, YYYY-MM or YYYY-MM-DD of a real day, or begins after `today`.

# %% [markdown] nbgrader={"grade_id": "ex-10-1-task"}
# **Exercise 10.1 (2 points).** `audit_table(table, units, limits, today)` returns `[(key, problem)]`, sorted by key. A key
# has at most one problem, the first that applies: `"missing"` (in `units`, not in the table), `"unknown"` (not in `units`),
# `"unit"` (not `units[key]`), `"range"` (not low ≤ value ≤ high, or one is not finite), `"impossible"` (one of the three is
# outside `limits[key]`; both ends are allowed), then `"source"` and `"date"`, as the cell above says.

# %% nbgrader={"grade_id": "ex-10-1"}
def audit_table(table, units, limits, today):
    """(key, problem) for each row that a reader would not accept."""
    ### BEGIN SOLUTION
    from datetime import date

    def day(text):
        parts = text.split("-")
        if [len(part) for part in parts] not in ([4], [4, 2], [4, 2, 2]):
            return None
        try:
            return date(*map(int, [*parts, "01", "01"][:3]))
        except ValueError:
            return None

    def problem(key):
        if key not in table:
            return "missing"
        if key not in units:
            return "unknown"
        row, kind, source = table[key], table[key]["kind"], table[key]["source"].strip()
        numbers = row["low"], row["value"], row["high"]
        if row["unit"] != units[key]:
            return "unit"
        if not all(map(isfinite, numbers)) or list(numbers) != sorted(numbers):
            return "range"
        if not all(limits[key][0] <= number <= limits[key][1] for number in numbers):
            return "impossible"
        shortest = {"sourced": 1, "measured": 1, "judgement": 20, "given": 0}
        if kind not in shortest or len(source) < shortest[kind]:
            return "source"
        began = day(row["date"])
        if kind == "sourced" and (began is None or began > date.fromisoformat(today)):
            return "date"
        return None

    return [(key, problem(key)) for key in sorted({*table, *units}) if problem(key)]
    ### END SOLUTION


# %%
SMALL = {"pue": {**ALGERIA["pue"], "source": " "}, "cats": {**ALGERIA["pue"]}}
audit_table(SMALL, {"pue": "1", "users": "people"}, LIMITS, TODAY)  # try it

# %% nbgrader={"grade_id": "test-10-1", "points": 2}
### BEGIN HIDDEN TESTS
import re
from datetime import date

from course.checking import expect_each
from course.cohort import rng

r = rng("10.1")


def reference_began(text):
    if not re.fullmatch(r"\d{4}(-\d\d){0,2}", text):
        return None
    try:
        return date.fromisoformat(text + "-01-01"[len(text) - 4:] if len(text) < 10 else text)
    except ValueError:
        return None


def reference_audit(table, units, limits, today, *, strict=False, missing=True, unit=True, judged=True,
                    blanks=True, dates=True, possible=True, ordered=True, ends=True, unknown=True):
    found = []
    for key in sorted({*table, *units} if missing else table):
        row = table.get(key)
        if row is None:
            found.append((key, "missing"))
            continue
        if key not in units:
            if unknown:
                found.append((key, "unknown"))
            continue
        low, value, high = three = row["low"], row["value"], row["high"]
        source = row["source"].strip() if blanks else row["source"]
        least, most = limits[key]
        enough = {"sourced": 1, "measured": 1, "judgement": 20 if judged else 0, "given": 0}.get(row["kind"], 10**9)
        began = reference_began(row["date"])
        problems = {
            "unit": unit and row["unit"] != units[key],
            "range": any(abs(x) == inf or x != x for x in three)
            or (ordered and not ((low < value < high) if strict else (low <= value <= high))),
            "impossible": possible and any(not (least <= x <= most if ends else least < x < most) for x in three),
            "source": len(source) < enough,
            "date": dates and row["kind"] == "sourced" and (began is None or began > date.fromisoformat(today)),
        }
        first = next((name for name, holds in problems.items() if holds), None)
        if first:
            found.append((key, first))
    return found


def reference_row(r, kind=None):
    low, value, high = sorted(r.number(2, 900) for _ in range(3))
    kind = kind or str(r.choice(["sourced", "measured", "judgement", "given"]))
    source = {"sourced": "a yearly report", "measured": "one machine", "judgement": "asked three people who run one", "given": ""}[kind]
    dated = {"sourced": str(r.choice(["2024", "2025-06", "2026-02-28", "2026-11", "2026"]))}.get(kind, "")
    return {"value": value, "low": low, "high": high, "unit": str(r.choice(["USD", "1", "kW"])), "kind": kind, "source": source, "date": dated}


def drawn(faults):
    keys = [str(key) for key in r.choice(["pue", "users", "price", "load", "growth", "years", "staff", "power"], 7, replace=False)]
    kinds = {"judgement": ("judgement", "judgement_blank", "judgement_short"), "sourced": ("blank", "empty", "date", "future", "no_day")}
    table, wanted = {}, dict(zip(keys, faults, strict=False))
    for key in keys:
        kind = next((kind for kind, named in kinds.items() if wanted.get(key) in named), None)
        table[key] = reference_row(r, kind)
    units = {key: row["unit"] for key, row in table.items()}
    limits = {key: (1, 1000) for key in keys}
    for key, fault in wanted.items():
        row = table[key]
        changed = {
            "fixed": {"low": row["value"], "high": row["value"]}, "edge": {"low": 1, "high": 1000}, "unit": {"unit": "m"},
            "low": {"low": row["value"] + 1}, "high": {"high": row["value"] - 1}, "infinite": {"high": inf}, "nan": {"value": float("nan")},
            "impossible": {"high": 1000.5}, "impossible_low": {"low": 0.5}, "blank": {"source": "  "}, "empty": {"source": ""},
            "judgement": {"source": "a reason"}, "judgement_blank": {"source": ""}, "judgement_short": {"source": "nineteen characters  "},
            "kind": {"kind": "guess"}, "date": {"date": "last year"}, "future": {"date": "2026-11-29"}, "no_day": {"date": "2025-02-30"},
        }.get(fault, {})
        table[key] = {**row, **changed}
        if fault == "missing":
            del table[key]
        if fault == "unknown":
            del units[key]
        if fault == "two":
            table[key] |= {"unit": "m", "high": row["low"] - 1}
    return table, units, limits, "2026-11-28"


sets = [[], ["fixed", "edge"], ["missing", "unknown", "unit", "two"], ["low", "high", "infinite", "nan"], ["impossible", "impossible_low", "kind"],
        ["blank", "empty", "judgement", "judgement_blank"], ["date", "future", "no_day", "judgement_short"], ["fixed", "missing", "judgement", "date", "kind", "unit"], []]


def seen_by(**how):
    return lambda *args: reference_audit(*args, **how)


expect_each(audit_table, {f"a table with {', '.join(faults) or 'no fault'}": drawn(faults) for faults in sets}).equals(reference_audit, wrong={
    "10.1/strict": ("low, value and high may be the same: a fixed number is allowed", seen_by(strict=True)),
    "10.1/missing_unseen": ("a key that is in units and not in the table is missing: walk over both", seen_by(missing=False)),
    "10.1/unknown_unseen": ("a key that is not in units is unknown", seen_by(unknown=False)),
    "10.1/unit_ignored": ("the unit must be that of units", seen_by(unit=False)),
    "10.1/judgement_free": ("a judgement needs a reason of 20 characters", seen_by(judged=False)),
    "10.1/blanks_pass": ("blanks are no source: strip them", seen_by(blanks=False)),
    "10.1/dates_ignored": ("a sourced row needs a date of a real day, not after today", seen_by(dates=False)),
    "10.1/limits_ignored": ("value, low and high must be inside limits[key]", seen_by(possible=False)),
    "10.1/limits_open": ("both ends of limits[key] are allowed", seen_by(ends=False)),
})
### END HIDDEN TESTS
assert audit_table({}, {"pue": "1"}, {"pue": (1, 10)}, "2026-11-28") == [
    ("pue", "missing")
], "an empty table lacks what units has"

# %% tags=["raises-exception"]
faulty = audit_table(ALGERIA, UNITS, LIMITS, TODAY)
print(f"Algeria's table as it is shipped has {len(faulty)} problems:")
print({problem for _, problem in faulty}, "of", faulty[0][0], "and others")

# %% [markdown]
# The shipped judgements have no reason, on purpose: a table that nobody has thought about is no plan. You write reasons in
# section 9. Until then Algeria's numbers serve as an example.

# %% [markdown]
# ## 4 · Money at different times
#
# A dollar that is due next year can lie in a bank until then: it weighs less today. The *net present value* of payments
# c₀, c₁, … at a rate r is Σ c_t / (1+r)^t. Year 0 is now.

# %% [markdown] nbgrader={"grade_id": "ex-10-2-task"}
# **Exercise 10.2 (2 points).** `npv(cashflows, rate)` returns the net present value; no cash flows are worth 0. −100, 60 and
# 60 at 0.1 are 4.1322. The rate may be 0 or negative. Raise `ValueError` if it is −1 or less.

# %% nbgrader={"grade_id": "ex-10-2"}
def npv(cashflows, rate):
    """What yearly payments, the first of them now, are worth today."""
    ### BEGIN SOLUTION
    if rate <= -1:
        raise ValueError(f"a rate is above -1, got {rate}")
    return sum(cash / (1 + rate) ** year for year, cash in enumerate(cashflows))
    ### END SOLUTION


# %%
npv([-100, 60, 60], 0.1)  # try it

# %% nbgrader={"grade_id": "test-10-2", "points": 2}
### BEGIN HIDDEN TESTS
from math import exp

from course.checking import NOTHING_REFUSED, expect_each
from course.cohort import rng

r = rng("10.2")


def reference_npv(cashflows, rate):
    return sum(c / (1 + rate) ** t for t, c in enumerate(cashflows))


def flows(n):
    return [r.number(10, 900) * float(r.choice([-1, 1, 1])) for _ in range(n)]


cases = [(flows(5), r.number(0.02, 0.2)), (flows(3), -r.number(0.05, 0.6)), (flows(4), 0), (flows(2), 1.5), (flows(1), 0.08), ([], 0.1)]
expect_each(npv, cases).close_to(reference_npv, wrong={
    "10.2/year_0_discounted": ("year 0 is now: its payment counts in full", lambda c, r: sum(x / (1 + r) ** (t + 1) for t, x in enumerate(c))),
    "10.2/not_discounted": ("later payments weigh less", lambda c, r: sum(c)),
    "10.2/simple_interest": ("interest bears interest: (1+r)^t", lambda c, r: sum(x / (1 + r * t) for t, x in enumerate(c))),
    "10.2/continuous": ("interest is added once a year: (1+r)^t", lambda c, r: sum(x * exp(-r * t) for t, x in enumerate(c))),
    "10.2/compounded": ("that makes later payments weigh more", lambda c, r: sum(x * (1 + r) ** t for t, x in enumerate(c))),
    "10.2/linear_discount": ("a year divides by 1 + r; to multiply by 1 - r is not the same", lambda c, r: sum(x * (1 - r) ** t for t, x in enumerate(c))),
})
expect_each(npv, [([1, 2], -1), (flows(3), -r.number(1.1, 3)), ([], -2)]).raises(ValueError, wrong={
    "10.2/nothing_refused": ("a rate of -1 or less has no meaning: refuse it by a ValueError", NOTHING_REFUSED),
})
### END HIDDEN TESTS
assert isclose(
    npv([-100, 60, 60], 0.1), 4.132231404958678
), "60 in a year are 54.55 today, in two years 49.59"

# %% [markdown]
# A colleague tests with payments that all fall in year 0. What does that test not see?

# %% nbgrader={"grade_id": "given-colleague"}
def colleagues_npv(cashflows, rate):
    if not rate > -1:
        raise ValueError("rate")
    return sum(cash / (1 + rate * year) for year, cash in enumerate(cashflows))


colleagues_npv([100], 0.1), colleagues_npv([0, 110], 0.1)

# %% [markdown] nbgrader={"grade_id": "ex-10-11-task"}
# **Exercise 10.11 (stretch, 1 point).** `accepts(f)` is given somebody's `npv(cashflows, rate)` and returns `True` if it is
# right, with what it must refuse, else `False`. It must refuse the colleague's and accept your own. It is tried on
# implementations that you do not see; a hundred calls are enough. Right ones may add in another order.

# %% nbgrader={"grade_id": "ex-10-11"}
def accepts(f):
    """Whether `f` computes npv rightly."""
    ### BEGIN SOLUTION
    cases = [([], 0.1, 0.0), ([7.0], 0.3, 7.0), ([-100, 60, 60], 0.1, 500 / 121), ([1, 2, 3, 4], 0.0, 10.0),
             ([5, 8, 4, 2], -0.5, 5 + 16 + 16 + 16), ([1, 4, 16, 64, 256], 3.0, 5.0)]
    for cashflows, rate, right in cases:
        try:
            given = f(cashflows, rate)
        except Exception:
            return False
        if not isclose(given, right, rel_tol=1e-9, abs_tol=1e-9):
            return False
    for rate in (-1, -1.5):
        try:
            f([1, 2, 3], rate)
        except ValueError:
            continue
        except Exception:
            return False
        return False
    return True
    ### END SOLUTION


# %%
accepts(colleagues_npv)  # try it: False

# %% nbgrader={"grade_id": "test-10-11", "points": 1}
### BEGIN HIDDEN TESTS
from functools import reduce
from itertools import accumulate, repeat
from math import exp

import numpy as np

from course.checking import Bank, same


def refusing(function):
    def whole(cashflows, rate):
        if rate <= -1:
            raise ValueError(rate)
        return function(list(cashflows), rate)

    return whole


def discounted(factor):
    return refusing(lambda c, r: sum(x * factor(r, t) for t, x in enumerate(c)))


right = discounted(lambda r, t: (1 + r) ** -t)
bank = Bank("npv(cashflows, rate)", right={
    "one that divides by powers": refusing(lambda c, r: sum(x / (1 + r) ** t for t, x in enumerate(c))),
    "one that goes from the end": refusing(lambda c, r: reduce(lambda after, x: x + after / (1 + r), reversed(c), 0.0)),
    "one of NumPy's powers": refusing(lambda c, r: float((np.array(c, float) / (1.0 + r) ** np.arange(len(c))).sum())),
    "one that multiplies on": refusing(lambda c, r: sum(x * f for x, f in zip(c, accumulate(repeat(1 / (1 + r), len(c)), lambda a, b: a * b, initial=1.0), strict=False))),
}, wrong={
    "one that discounts year 0": discounted(lambda r, t: (1 + r) ** -(t + 1)),
    "one that does not discount": discounted(lambda r, t: 1),
    "one with simple interest": discounted(lambda r, t: 1 / (1 + r * t)),
    "one with continuous interest": discounted(lambda r, t: exp(-r * t)),
    "one that forgets the last year": refusing(lambda c, r: sum(x / (1 + r) ** t for t, x in enumerate(c[:-1]))),
    "one that takes per cent": discounted(lambda r, t: (1 + r / 100) ** -t),
    "one that drops the sign of the rate": discounted(lambda r, t: (1 + abs(r)) ** -t),
    "one that sees three years": refusing(lambda c, r: sum(x / (1 + r) ** t for t, x in enumerate(c[:3]))),
    "one that rounds to cents": refusing(lambda c, r: round(sum(x / (1 + r) ** t for t, x in enumerate(c)), 2)),
    "one that refuses nothing": lambda c, r: sum(x / (1 + r) ** t for t, x in enumerate(c)) if r != -1 else 0.0,
}, example=([1.0], 0.1), hints={
    "one that goes from the end": "sums in another order differ in the last digit: compare with isclose",
    "one of NumPy's powers": "sums in another order differ in the last digit: compare with isclose",
})


def trying(*calls, refusals=()):
    def judge(f):
        try:
            good = all(same(f(*call), right(*call), rel_tol=1e-9) for call in calls)
        except Exception:
            return False
        for call in refusals:
            try:
                f(*call)
            except ValueError:
                continue
            return False
        return good

    return judge


BAD = ([1.0, 2.0], -1)
bank.judged_by(accepts, wrong={
    "10.11/rate_zero": ("at a rate of 0 nothing is discounted: nearly every mistake passes", trying(([1, 2, 3], 0)), trying(([1, 2, 3, 4, 5], 0)), trying(([1, 2, 3], 0), refusals=[BAD])),
    "10.11/one_cash_flow": ("one payment in year 0 shows nothing of the years after", trying(([100], 0.1)), trying(([100], 0.1), refusals=[BAD]), trying(([100], 0.1), ([50], 0.2))),
    "10.11/one_example": ("one example of three years at a tenth is not enough", trying(([-100, 60, 60], 0.1)), trying(([-100, 60, 60], 0.1), refusals=[BAD])),
    "10.11/refusals_untested": ("what must be refused is a part of the task", trying(([1, 2, 3.456, 4, 5], 0.1), ([7.125, 1, 2, 3, 4], -0.3))),
    "10.11/accepts_all": ("it accepts every implementation", lambda f: True),
})
### END HIDDEN TESTS
assert not accepts(colleagues_npv), "110 in a year are 100 today, and 121 in two"

# %% [markdown]
# ## 5 · Tokens
#
# Languages are compared by what they need for the *same content*. A *content word* is a word of the English text;
# `tokens_per_word[l]` is what a tokenizer makes of the text in language l, over the English words. A model with a vocabulary
# of its own (Mistral's Tekken stands in for it) needs fewer.

# %% nbgrader={"grade_id": "given-tokens"}
LANGUAGES = {"arabic": "arabic", "french": "french", "tamazight": "tamazight-latin",
             "english": "english"}


def per_content_word(tokenizer):
    """Tokens of each language for the content of an English word."""
    counted = data.load("tokens_per_language").set_index(["tokenizer", "text"]).n_tokens
    n_words = data.row("texts/english").n_words
    return {name: float(counted[tokenizer, text] / n_words)
            for name, text in LANGUAGES.items()}


OPEN, OWN = per_content_word("Llama 3"), per_content_word("Mistral Tekken")
TOKENS = {"train": OWN, "continue": OWN, "deploy": OPEN, "api": OPEN}
OPTIONS = tuple(TOKENS)

# %%
for name, tokens in (("Llama 3", OPEN), ("Tekken", OWN)):
    print(f"{name:8s}", {language: round(n, 3) for language, n in tokens.items()})

# %% [markdown]
# A session has T turns (T need not be whole: it is a mean). Each prompt has p content words, each answer q. A model
# remembers nothing: with each turn the earlier prompts and answers are sent again (lab 4). So the words that go in are
# T·p + (p+q)·T(T−1)/2, those that come out T·q.

# %% [markdown] nbgrader={"grade_id": "ex-10-3-task"}
# **Exercise 10.3 (2 points).** `demand_tokens(a, tokens_per_word)` returns `{"input": […], "output": […]}`, tokens in each year
# 0 … years−1. `a` has the keys `years`, `users`, `growth_per_year` (the users of year 0 are `users`), `sessions_per_user_day`,
# `turns_per_session`, `words_per_prompt`, `words_per_answer`, `share_arabic`, `share_french`, `share_tamazight`. What the shares leave
# is English. A year has 365 days. The example has 922,537,500 tokens of input in year 0.

# %% nbgrader={"grade_id": "ex-10-3"}
def demand_tokens(a, tokens_per_word):
    """Tokens of prompts, with the history, and of answers, in each year."""
    ### BEGIN SOLUTION
    shares = {name: a[f"share_{name}"] for name in ("arabic", "french", "tamazight")}
    shares["english"] = 1 - sum(shares.values())
    per_word = sum(share * tokens_per_word[name] for name, share in shares.items())
    turns, asked, said = (a[key] for key in ("turns_per_session", "words_per_prompt", "words_per_answer"))
    words = {"input": turns * asked + (asked + said) * turns * (turns - 1) / 2, "output": turns * said}
    sessions = [a["users"] * (1 + a["growth_per_year"]) ** year * a["sessions_per_user_day"] * 365
                for year in range(int(a["years"]))]
    return {side: [n * words[side] * per_word for n in sessions] for side in words}
    ### END SOLUTION


# %%
EXAMPLE = {
    "years": 3, "users": 1000, "growth_per_year": 0.1, "sessions_per_user_day": 2,
    "turns_per_session": 3, "words_per_prompt": 50, "words_per_answer": 150,
    "share_arabic": 0.6, "share_french": 0.3, "share_tamazight": 0.05,
}
PER_WORD = {"arabic": 1.6, "french": 1.8, "tamazight": 2.5, "english": 1.2}
demand_tokens(EXAMPLE, PER_WORD)  # try it

# %% nbgrader={"grade_id": "test-10-3", "points": 2}
### BEGIN HIDDEN TESTS
from course.checking import expect_each, told_apart
from course.cohort import rng

r = rng("10.3")


def reference_demand(a, tokens, *, history=True, answers=True, prompts=True, last=False, language="mix", rest=True, later=0, grows=True, days=365):
    T, p, q = a["turns_per_session"], a["words_per_prompt"], a["words_per_answer"]
    again = (p if prompts else 0) + (q if answers else 0)
    into = T * p + (again * (T - 1 if last else T * (T - 1) / 2) if history else 0)
    shares = {name: a["share_" + name] for name in ("arabic", "french", "tamazight")}
    shares["english"] = 1 - sum(shares.values()) if rest else 0
    mixed = {"mix": sum(shares[name] * tokens[name] for name in shares), "english": tokens["english"], "mean": sum(tokens.values()) / 4, "words": 1}[language]
    n = [a["users"] * ((1 + a["growth_per_year"]) ** (t + later) if grows else 1) * a["sessions_per_user_day"] * days * mixed for t in range(int(a["years"]))]
    return {"input": [x * into for x in n], "output": [x * T * q for x in n]}


def drawn(*, turns=None, english=None):
    parts = r.dirichlet([5, 3, 1, 2])
    shares = [float(f"{part:.3f}") for part in parts[:3]]
    if english == 0:
        shares = [0.625, 0.25, 0.125]
    a = {"years": r.whole(3, 5), "users": r.whole(300, 90_000), "growth_per_year": r.number(0.05, 0.5), "sessions_per_user_day": r.number(0.5, 6),
         "turns_per_session": turns or r.number(1.5, 5), "words_per_prompt": r.whole(20, 300), "words_per_answer": r.whole(60, 700),
         **dict(zip(("share_arabic", "share_french", "share_tamazight"), shares, strict=True))}
    return a, {name: r.number(1.1, 3.5) for name in ("arabic", "french", "tamazight", "english")}


def by(**how):
    return lambda a, tokens: reference_demand(a, tokens, **how)


ideas = {
    "10.3/english_for_all": ("each language has its own tokens a word", by(language="english")),
    "10.3/history_not_resent": ("each turn sends the whole history again", by(history=False)),
    "10.3/answers_not_resent": ("answers are a part of the history, too", by(answers=False)),
    "10.3/prompts_not_resent": ("prompts are a part of the history, too", by(prompts=False)),
    "10.3/last_turn_only": ("the whole history is sent again, not the turn before alone", by(last=True)),
    "10.3/mean_of_languages": ("languages weigh by their shares", by(language="mean")),
    "10.3/english_forgotten": ("what the three shares leave is English", by(rest=False)),
    "10.3/words_for_tokens": ("those are words; tokens are asked", by(language="words")),
    "10.3/growth_in_year_0": ("year 0 has the users of the table; growth comes after it", by(later=1)),
    "10.3/growth_ignored": ("users grow from year to year", by(grows=False)),
}
cases = told_apart(lambda: [drawn(), drawn(turns=1), drawn(english=0), drawn(turns=r.whole(2, 4))], reference_demand, ideas)
expect_each(demand_tokens, cases).close_to(reference_demand, wrong=ideas)
### END HIDDEN TESTS
assert isclose(
    demand_tokens(EXAMPLE, PER_WORD)["input"][0], 922_537_500
), "750 words in for each session of 3 turns, 1.685 tokens a word"

# %% [markdown]
# ## 6 · Machines
#
# A device reads `prefill_tokens_per_s` of prompts, or writes `decode_tokens_per_s` of answers. *busy* = (input/prefill +
# output/decode) / (365·86,400) is how many devices would be busy if people asked evenly, day and night. They do not.
# **Predict** how many H100s Algeria's plan needs in year 0, with 3.6 million users: `lab.predict("algeria_devices", low, high,
# "devices")`.

# %% nbgrader={"grade_id": "predict-algeria_devices"}
### BEGIN SOLUTION
lab.predict("algeria_devices", 5, 200, "devices")
### END SOLUTION

# %% [markdown] nbgrader={"grade_id": "ex-10-4-task"}
# **Exercise 10.4 (2 points).** `devices_needed(a, demand)` returns a list of whole numbers, one for each year of `demand`
# (`{"input": […], "output": […]}`, tokens a year). At the busiest hour the load is `peak_factor` times the mean, and a device may be
# loaded to `max_load`, a share, at most. There are never fewer than `min_devices`. `a` also has `prefill_tokens_per_s` and
# `decode_tokens_per_s`. The example gives 21 and 42.

# %% nbgrader={"grade_id": "ex-10-4"}
def devices_needed(a, demand):
    """Devices in each year, enough for the busiest hour."""
    ### BEGIN SOLUTION
    needed = []
    for read, written in zip(demand["input"], demand["output"], strict=True):
        seconds = read / a["prefill_tokens_per_s"] + written / a["decode_tokens_per_s"]
        busy = seconds / (365 * 86_400)
        needed.append(max(int(a["min_devices"]), ceil(a["peak_factor"] * busy / a["max_load"])))
    return needed
    ### END SOLUTION


# %%
PLAN = {"prefill_tokens_per_s": 33_207, "decode_tokens_per_s": 10_792, "peak_factor": 3,
        "max_load": 0.7, "min_devices": 2}
devices_needed(PLAN, {"input": [2e12, 4e12], "output": [1e12, 2e12]})  # try it

# %% nbgrader={"grade_id": "test-10-4", "points": 2}
### BEGIN HIDDEN TESTS
from math import ceil, floor

from course.checking import expect_each, told_apart
from course.cohort import rng

r = rng("10.4")


def reference_load(a, i, o, *, peak=True, load="divided", prompts="read", days=365):
    speed = {"read": a["prefill_tokens_per_s"], "free": float("inf"), "decode": a["decode_tokens_per_s"]}[prompts]
    x = (i / speed + o / a["decode_tokens_per_s"]) / (days * 86_400) * (a["peak_factor"] if peak else 1)
    return {"divided": x / a["max_load"], "forgotten": x, "multiplied": x * a["max_load"]}[load]


def reference_devices(a, demand, *, whole=ceil, least=True, **how):
    needed = [whole(reference_load(a, i, o, **how)) for i, o in zip(demand["input"], demand["output"], strict=True)]
    return [max(int(a["min_devices"]), n) if least else n for n in needed]


def drawn(*, least=None):
    while True:
        a = {"prefill_tokens_per_s": r.whole(15_000, 60_000), "decode_tokens_per_s": r.whole(3000, 14_000), "peak_factor": r.number(2, 6),
             "max_load": r.number(0.4, 0.9), "min_devices": least or r.whole(1, 2)}
        n = r.whole(2, 5)
        demand = {"input": [r.number(5e11, 6e12) for _ in range(n)], "output": [r.number(5e11, 4e12) for _ in range(n)]}
        loads = [reference_load(a, i, o) for i, o in zip(demand["input"], demand["output"], strict=True)]
        if all(abs(x - round(x)) > 1e-3 for x in loads) and (least is None or min(loads) < least < max(loads)):
            return a, demand


def by(**how):
    return lambda a, demand: reference_devices(a, demand, **how)


ideas = {
    "10.4/mean": ("capacity is for the busiest hour, not for the mean", by(peak=False)),
    "10.4/no_headroom": ("a device may be loaded to max_load only", by(load="forgotten")),
    "10.4/headroom_multiplied": ("a lower max_load takes more devices, not fewer", by(load="multiplied")),
    "10.4/prompts_free": ("prompts keep devices busy, too", by(prompts="free")),
    "10.4/prompts_at_decode_speed": ("prompts are read at prefill_tokens_per_s", by(prompts="decode")),
    "10.4/floor": ("a part of a device takes a device", by(whole=floor)),
    "10.4/rounded": ("a part of a device takes a device, also one below a half", by(whole=round)),
    "10.4/min_ignored": ("there are never fewer than min_devices", by(least=False)),
    "10.4/one_more": ("min_devices is the least number, not one that is added", lambda a, d: [n + int(a["min_devices"]) for n in reference_devices(a, d, least=False)]),
}
cases = told_apart(lambda: [drawn(), drawn(least=r.whole(20, 60)), drawn(), drawn()], reference_devices, ideas)
expect_each(devices_needed, cases).equals(reference_devices, wrong=ideas)
### END HIDDEN TESTS
assert list(
    devices_needed(PLAN, {"input": [2e12, 4e12], "output": [1e12, 2e12]})
) == [21, 42], "4.85 devices busy at an even load: 3 times that, over 0.7"

# %% tags=["raises-exception"]
a = values(ALGERIA)
n_devices = devices_needed(a, demand_tokens(a, OPEN))
lab.reveal("algeria_devices", n_devices[0], "devices", "your formula, Algeria's table")
flat = {**a, "peak_factor": 1, "max_load": 1}
mean_only = devices_needed(flat, demand_tokens(a, OPEN))
power_mw = [n * a["device_kw"] * a["pue"] / 1e3 for n in n_devices]
print(f"devices {n_devices}; for the mean alone {mean_only}")
print(f"power in the last year: {power_mw[-1]:.2f} MW")

# %% [markdown]
# What does the fleet cost? A device lives `device_life_years`: one bought in year t serves in the years t, t+1, … and is gone in
# year t + life. In each year you buy what is missing. Every device that stands costs upkeep, a share of its price, and
# electricity, all 8,760 hours, busy or idle. None is sold.

# %% [markdown] nbgrader={"grade_id": "ex-10-5-task"}
# **Exercise 10.5 (2 points).** `fleet_usd(a, devices)` returns the dollars of each year, `devices` being how many are needed in each.
# `a` has `usd_per_device`, `device_life_years`, `upkeep_per_year` (share of the price), `device_kw`, `pue`, `usd_per_kwh`. If fewer are
# needed than stand, all that stand go on costing. Each year buys for that year alone: max(0, need − those that stand). The
# example gives 89,576.8 in year 0 and 139,153.6 in year 3, when the first two are replaced.

# %% nbgrader={"grade_id": "ex-10-5"}
def fleet_usd(a, devices):
    """USD of purchases, upkeep and electricity in each year."""
    ### BEGIN SOLUTION
    bought, usd, life = [], [], int(a["device_life_years"])
    yearly = a["upkeep_per_year"] * a["usd_per_device"] + a["device_kw"] * a["pue"] * 8760 * a["usd_per_kwh"]
    for year, needed in enumerate(devices):
        standing = sum(bought[max(0, year - life + 1) : year])
        bought.append(max(0, needed - standing))
        usd.append(bought[-1] * a["usd_per_device"] + (standing + bought[-1]) * yearly)
    return usd
    ### END SOLUTION


# %%
FLEET = {"usd_per_device": 40_000, "device_life_years": 3, "upkeep_per_year": 0.1,
         "device_kw": 1.2, "pue": 1.5, "usd_per_kwh": 0.05}
fleet_usd(FLEET, [2, 3, 3, 4, 6])  # try it

# %% nbgrader={"grade_id": "test-10-5", "points": 2}
### BEGIN HIDDEN TESTS
from course.checking import expect_each, told_apart
from course.cohort import rng

r = rng("10.5")


def reference_fleet(a, devices, *, lives=0, at_once=False, anew=False, pue=True, upkeep="all", hours=8760, spread=False, surplus=True, sold=False):
    price, life = a["usd_per_device"], int(a["device_life_years"]) + lives
    kwh = a["device_kw"] * (a["pue"] if pue else 1) * hours * a["usd_per_kwh"]
    bought, usd = [], []
    for t, need in enumerate(devices):
        since = (t // life) * life if at_once else max(0, t - life + 1)
        standing = 0 if anew else sum(bought[since:t])
        new = need - standing if sold else max(0, need - standing)
        bought.append(new)
        stand = need if spread or not surplus else standing + new
        kept = {"all": stand, "new": new, "none": 0}[upkeep]
        usd.append((need / a["device_life_years"] if spread else new) * price + kept * price * a["upkeep_per_year"] + stand * kwh)
    return usd


def drawn(devices, life):
    return {"usd_per_device": r.whole(9_000, 60_000), "device_life_years": life, "upkeep_per_year": r.number(0.03, 0.2), "device_kw": r.number(0.4, 2),
            "pue": r.number(1.1, 1.9), "usd_per_kwh": r.number(0.03, 0.3)}, devices


def by(**how):
    return lambda a, devices: reference_fleet(a, devices, **how)


def needs(n, *, falls=False):
    steps = [r.whole(1, 9) for _ in range(n)]
    risen = [sum(steps[: k + 1]) for k in range(n)]
    return risen[::-1] if falls else risen


ideas = {
    "10.5/never_replaced": ("after device_life_years a device is gone, and replaced", by(lives=99)),
    "10.5/one_year_more": ("one of year t is gone in year t + life", by(lives=1)),
    "10.5/all_at_once": ("each device dies at its own age, not all together", by(at_once=True)),
    "10.5/bought_every_year": ("what stands is not bought again", by(anew=True)),
    "10.5/no_pue": ("the data centre draws PUE times what its machines draw", by(pue=False)),
    "10.5/upkeep_of_new_only": ("upkeep is for every device that stands", by(upkeep="new")),
    "10.5/no_upkeep": ("upkeep is a share of the price in every year", by(upkeep="none")),
    "10.5/power_as_energy": ("kW times hours is energy: a year has 8,760 hours", by(hours=1)),
    "10.5/spread_over_life": ("a purchase is paid in the year it is made", by(spread=True)),
    "10.5/surplus_free": ("devices that stand cost, needed or not", by(surplus=False)),
    "10.5/sold": ("no device is sold when fewer are needed", by(sold=True)),
}
cases = told_apart(
    lambda: [drawn(needs(5), 3), drawn(needs(4, falls=True), 2), drawn([r.whole(5, 9), r.whole(1, 3), r.whole(8, 12), 2, r.whole(3, 15), 7], r.whole(3, 4)), drawn(needs(3), 1), drawn(needs(3), 5)],
    reference_fleet, ideas,
)
expect_each(fleet_usd, cases).close_to(reference_fleet, wrong=ideas)
### END HIDDEN TESTS
assert isclose(
    fleet_usd(FLEET, [2, 3, 3, 4, 6])[0], 89_576.8
), "two devices bought, their upkeep, and 31,536 kWh"

# %% [markdown]
# ## 7 · Four options
#
# **train** a model from nothing, **continue** the training of an open one, **deploy** an open one as it is, or buy its answers by
# **api**. Only *cost* is compared, not quality: the API's price is for the same open weights, hosted by somebody else. Who
# compares with a better model buys something else.
#
# **Predict** how many times as much train costs as deploy, for Algeria, over five years, at today's value:
# `lab.predict("train_over_deploy", low, high, "times")`.

# %% nbgrader={"grade_id": "predict-train_over_deploy"}
### BEGIN SOLUTION
lab.predict("train_over_deploy", 2, 50, "times")
### END SOLUTION

# %% [markdown]
# A training is 6 · `n_params` · `tokens_OPTION` operations by devices that reach the share `mfu` of `peak_flop_per_s`, at
# `usd_per_device_hour`; all of it times `development_factor`, for the trial runs before the last one.

# %% [markdown] nbgrader={"grade_id": "ex-10-6-task"}
# **Exercise 10.6 (2 points).** `option_usd(a, option, demand, fleet)` returns the dollars of each year of `demand`. `fleet` has those of the
# machines. Raise `ValueError` for another option. `a` has the table's 41 keys. In every year:
#
# - all: `staff_OPTION` × `usd_per_staff_year`
# - api: tokens of input and output at `usd_per_mtok_input` and `usd_per_mtok_output`, dollars per *million*, times
#   (1+`api_price_change_per_year`)^t; no machines
# - the others: the machines; and in the years t with t % `refresh_years` = 0, `evaluation_usd`
# - continue and train: in those years also a training, as above, and `data_usd_OPTION`
#
# The example's options cost in year 0: 9,490,876, 1,834,139, 1,270,000 and 426,000.

# %% nbgrader={"grade_id": "ex-10-6"}
def option_usd(a, option, demand, fleet):
    """USD of an option in each year."""
    ### BEGIN SOLUTION
    if option not in ("train", "continue", "deploy", "api"):
        raise ValueError(f"no option {option!r}")
    staff = a[f"staff_{option}"] * a["usd_per_staff_year"]
    once = a["evaluation_usd"]
    if option in ("train", "continue"):
        flop = a["development_factor"] * 6 * a["n_params"] * a[f"tokens_{option}"]
        hours = flop / (a["peak_flop_per_s"] * a["mfu"] * 3600)
        once += hours * a["usd_per_device_hour"] + a[f"data_usd_{option}"]
    usd = []
    for year, (read, written) in enumerate(zip(demand["input"], demand["output"], strict=True)):
        if option == "api":
            tokens = read * a["usd_per_mtok_input"] + written * a["usd_per_mtok_output"]
            usd.append(staff + tokens / 1e6 * (1 + a["api_price_change_per_year"]) ** year)
        else:
            usd.append(staff + fleet[year] + (once if year % int(a["refresh_years"]) == 0 else 0))
    return usd
    ### END SOLUTION


# %%
FOUR_YEARS = {"input": [1e12] * 4, "output": [1e12] * 4}
RUNNING = [1e6, 2e5, 2e5, 2e5]
[option_usd(values(ALGERIA), o, FOUR_YEARS, RUNNING) for o in OPTIONS]  # try it

# %% nbgrader={"grade_id": "test-10-6", "points": 2}
### BEGIN HIDDEN TESTS
from course.checking import NOTHING_REFUSED, expect_each, told_apart
from course.cohort import rng

r = rng("10.6")


def reference_training(a, option, *, develops=True):
    flop = (a["development_factor"] if develops else 1) * 6 * a["n_params"] * a["tokens_" + option]
    return flop / (a["peak_flop_per_s"] * a["mfu"] * 3600) * a["usd_per_device_hour"]


def reference_option(a, option, demand, fleet, *, develops=True, refresh="some", staff=True, evaluated=True, data=True, moved=0, moves=True, api_fleet=False, million=1e6, hours=3600):
    people = a["staff_" + option] * a["usd_per_staff_year"] if staff else 0
    sides = list(zip(demand["input"], demand["output"], strict=True))
    if option == "api":
        return [people + (fleet[t] if api_fleet else 0) + (i * a["usd_per_mtok_input"] + o * a["usd_per_mtok_output"]) / million
                * ((1 + a["api_price_change_per_year"]) ** (t + moved) if moves else 1) for t, (i, o) in enumerate(sides)]
    once = a["evaluation_usd"] if evaluated else 0
    if option != "deploy":
        once += reference_training(a, option, develops=develops) * 3600 / hours + (a["data_usd_" + option] if data else 0)
    every = {"some": int(a["refresh_years"]), "first": 10**6, "all": 1}[refresh]
    return [people + fleet[t] + (once if t % every == 0 else 0) for t in range(len(sides))]


def reference_assumptions(r):
    """A plan's 41 numbers near Algeria's, within their limits."""
    a = {}
    for key, value in values(ALGERIA).items():
        low, high = LIMITS[key]
        a[key] = min(max(float(f"{value * 2 ** r.uniform(-1, 1):.4g}"), low), high)
    shares = [float(f"{part:.3f}") for part in r.dirichlet([5, 3, 1, 2])[:3]]
    a |= dict(zip(("share_arabic", "share_french", "share_tamazight"), shares, strict=True))
    a |= {"growth_per_year": r.number(0, 0.5), "api_price_change_per_year": r.number(-0.5, 0.1)}
    return a | {"years": 4, "min_devices": r.whole(1, 5), "device_life_years": r.whole(1, 5), "refresh_years": r.whole(2, 3)}


def drawn(option):
    a = reference_assumptions(r)
    demand = {side: [r.number(2e11, 9e12) for _ in range(4)] for side in ("input", "output")}
    return a, option, demand, [r.whole(10_000, 3_000_000) for _ in range(4)]


def by(**how):
    return lambda *args: reference_option(*args, **how)


ideas = {
    "10.6/one_final_run": ("before the final run there are others: times development_factor", by(develops=False)),
    "10.6/trained_once": ("a model is made or chosen anew every refresh_years", by(refresh="first")),
    "10.6/every_year": ("only the years t with t % refresh_years = 0 refresh", by(refresh="all")),
    "10.6/no_staff": ("every option has its people", by(staff=False)),
    "10.6/no_evaluation": ("a new model is evaluated, also one that is deployed as it is", by(evaluated=False)),
    "10.6/data_free": ("data for a training costs, too", by(data=False)),
    "10.6/price_moved_from_year_0": ("year 0 pays the table's price", by(moved=1)),
    "10.6/price_stands": ("an API's prices change from year to year", by(moves=False)),
    "10.6/api_pays_machines": ("who buys by API has no machines", by(api_fleet=True)),
    "10.6/per_thousand": ("prices are for a million tokens", by(million=1e3)),
    "10.6/seconds": ("a price per hour takes hours", by(hours=1)),
}
cases = told_apart(lambda: [drawn(option) for option in (*OPTIONS, "train", "continue", "api")], reference_option, ideas)
expect_each(option_usd, {f"the option {args[1]}, plan {n}": args for n, args in enumerate(cases, 1)}).close_to(reference_option, wrong=ideas)
expect_each(option_usd, {f"the option {name}": (cases[0][0], name, *cases[0][2:]) for name in ("rent", "Train", "")}).raises(ValueError, wrong={
    "10.6/nothing_refused": ("there are four options; another raises ValueError", NOTHING_REFUSED),
})
### END HIDDEN TESTS
assert isclose(
    option_usd(values(ALGERIA), "api", FOUR_YEARS, [1e6, 2e5, 2e5, 2e5])[0], 426_000
), "three people, and two million Mtok at 0.18"

# %% [markdown]
# Together your functions are a plan: `yearly_usd` below calls them. Whenever you call them, keep `years`, `min_devices`,
# `device_life_years` and `refresh_years` whole: no function has to expect half of one.

# %% nbgrader={"grade_id": "given-plan"}
def yearly_usd(a, option):
    """USD of an option in each year, by your functions."""
    demand = demand_tokens(a, TOKENS[option])
    return option_usd(a, option, demand, fleet_usd(a, devices_needed(a, demand)))


def cost(option):
    """A function of the assumptions: the option's net present value in USD."""
    return lambda a: npv(yearly_usd(a, option), a["discount_rate"])


def written(read):
    """What an answer holds, as `written(lambda: TABLE)`; says so if it is not there."""
    try:
        return read()
    except NameError as missing:
        raise NotImplementedError(f"Needs {missing.name}, not written yet.") from None


def own_table():
    """Your own table, or Algeria's until you have written it."""
    try:
        return TABLE
    except NameError:
        print("TABLE (section 9) is not written yet: these are Algeria's numbers.")
        return ALGERIA

# %% tags=["raises-exception"]
now = {option: cost(option)(a) for option in OPTIONS}
for option, usd in now.items():
    print(f"{option:9s} {usd / 1e6:6.2f} million USD in five years, today's value")
times = now["train"] / now["deploy"]
lab.reveal("train_over_deploy", times, "times", "your model, Algeria's table");

# %% tags=["raises-exception"]
final = 6 * a["n_params"] * a["tokens_train"] / (a["peak_flop_per_s"] * a["mfu"]) / 3600
meta = data.row("training_runs/llama-3.1-8b")
first = devices_needed(a, demand_tokens(a, OPEN))[0]
kwh = first * a["device_kw"] * a["pue"] * 8760
print(f"final run: {final / 1e6:.2f} million device-hours; "
      f"Meta reports {meta.device_hours / 1e6:.2f}")
print(f"with the runs before it: {final * a['development_factor'] / 1e6:.2f} million")
bill_usd = kwh * a["usd_per_kwh"]
print(f"electricity of the fleet, year 0: {kwh / 1e6:.2f} GWh, {bill_usd:,.0f} USD")

# %% [markdown]
# ### Does it reconcile?
#
# The same model on as many tokens: the plan's hours are far fewer than Meta's figure, which implies a utilisation that no
# other run of its kind had, and very likely counts more than the final run (lab 1 keeps it out of its anchors). Whoever took Meta's
# hours as the price of one run would also count development twice.

# %% [markdown]
# ## 8 · When does it turn?
#
# More users make machines worth buying. The difference of two options is a sawtooth, since devices come whole: it may cross
# zero more than once, and only after the *last* crossing is a choice safe.

# %% [markdown] nbgrader={"grade_id": "ex-10-7-task"}
# **Exercise 10.7 (2 points).** `breakeven(users, usd_x, usd_y)` returns the users at the last change of sign of x − y, on a straight
# line between the two grid points, or `None` if the sign never changes. `users` ascends, not evenly. No grid point is an exact tie. The
# example gives 3.5.

# %% nbgrader={"grade_id": "ex-10-7"}
def breakeven(users, usd_x, usd_y):
    """Users at which two options change places for the last time, or None."""
    ### BEGIN SOLUTION
    last = None
    gap = [x - y for x, y in zip(usd_x, usd_y, strict=True)]
    for n in range(1, len(users)):
        if gap[n - 1] * gap[n] < 0:
            last = users[n - 1] + (users[n] - users[n - 1]) * gap[n - 1] / (gap[n - 1] - gap[n])
    return last
    ### END SOLUTION


# %%
breakeven([0, 1, 2, 3, 4, 5], [0, 2, 4, 6, 8, 10], [3, 3, 3, 7, 7, 7])  # try it

# %% nbgrader={"grade_id": "test-10-7", "points": 2}
### BEGIN HIDDEN TESTS
from course.checking import expect_each, told_apart
from course.cohort import rng

r = rng("10.7")


def crossings(u, x, y):
    d = [a - b for a, b in zip(x, y, strict=True)]
    return [n for n in range(1, len(u)) if d[n - 1] * d[n] < 0], d


def between(u, d, n):
    return u[n - 1] + (u[n] - u[n - 1]) * d[n - 1] / (d[n - 1] - d[n])


def reference_breakeven(u, x, y, *, which=-1, at="line", otherwise=None):
    found, d = crossings(u, x, y)
    if at == "ends":
        return u[0] + (u[-1] - u[0]) * d[0] / (d[0] - d[-1]) if d[0] * d[-1] < 0 else None
    if not found:
        return between(u, d, len(u) - 1) if otherwise == "line" else otherwise
    n = found[which]
    exact = between(u, d, n)
    return {"line": exact, "left": u[n - 1], "right": u[n], "middle": (u[n - 1] + u[n]) / 2, "nearest": min(u[n - 1], u[n], key=lambda v: abs(v - exact))}[at]


def drawn(signs):
    u, x, y = [], [], []
    for n, sign in enumerate(signs):
        u.append((u[-1] if u else 0) + r.whole(3, 90))
        y.append(r.whole(100, 900))
        x.append(y[-1] + sign * r.whole(5, 90) if n % 2 else y[-1] + sign * r.number(5, 90))
    return u, x, y


def by(**how):
    return lambda *args: reference_breakeven(*args, **how)


ideas = {
    "10.7/first_crossing": ("the last change of sign is asked: the difference goes up and down", by(which=0)),
    "10.7/line_through_ends": ("the line goes between the two grid points of the change", by(at="ends")),
    "10.7/grid_point": ("the crossing lies between two grid points: take the straight line", by(at="left"), by(at="right"), by(at="nearest"), by(at="middle")),
    "10.7/extrapolates": ("where the sign never changes there is None", by(otherwise="line")),
    "10.7/no_crossing": ("where the sign never changes there is None", by(otherwise=0), by(otherwise=float("inf"))),
}
patterns = [(1, 1, -1, -1, -1), (-1, -1, 1, -1, 1, 1), (1, -1, 1, 1), (-1, 1, 1, -1, -1, 1, -1), (1, 1, 1), (-1, -1, -1, -1)]
cases = told_apart(lambda: [drawn(pattern) for pattern in patterns], reference_breakeven, ideas)
expect_each(breakeven, cases).close_to(reference_breakeven, wrong=ideas)
### END HIDDEN TESTS
assert isclose(
    breakeven([0, 1, 2, 3, 4, 5], [0, 2, 4, 6, 8, 10], [3, 3, 3, 7, 7, 7]), 3.5
), "x is dearer from 1.5 to 2.5, cheaper, and dearer for good from 3.5"

# %% nbgrader={"grade_id": "given-costs"}
def costs_at(a, grid):
    """Million USD of each option at each number of users."""
    return {o: [cost(o)({**a, "users": float(n)}) / 1e6 for n in grid] for o in OPTIONS}

# %% nbgrader={"grade_id": "given-turn"}
def draw_turn(**changed):
    """Cost against users, with some of your table's values changed."""
    a = {**values(own_table()), **changed}
    grid = np.geomspace(max(1, a["users"] / 100), min(a["users"] * 100, 1e9), 60)
    usd = costs_at(a, grid)
    turn = breakeven(grid.tolist(), usd["deploy"], usd["api"])
    fig, ax = plt.subplots()
    ax.set(xscale="log", yscale="log", xlim=(grid[0], grid[-1] * 6))
    ax.set(xlabel="users in year 0", ylabel="cost, today's value (million USD)")
    ax.set_ylim(min(map(min, usd.values())) / 2, 4 * max(map(max, usd.values())))
    ends = []
    for n, option in enumerate(OPTIONS):
        ax.plot(grid, usd[option], "-", marker="", color=plots.COLOURS[n], lw=2)
        ends.append((grid[-1], usd[option][-1], option, plots.COLOURS[n]))
    plots.label_ends(ax, ends)
    ax.axvline(a["users"], color="grey", lw=1, ls="-", marker="", zorder=0)
    ax.annotate("the plan's users ", (a["users"], 0.02), ha="right", color="dimgrey",
                xycoords=("data", "axes fraction"))
    if turn:
        ax.axvline(turn, color="grey", lw=1, ls="--", marker="", zorder=0)
    where = f"cross last at {turn:,.0f} users" if turn else "do not cross in this range"
    ax.set_title(f"At these prices deploy and api {where}")
    return fig

# %% tags=["raises-exception"]
plots.show(draw_turn(), alt="Net present value of four options against the number of "
           "users; the plan's users and the last crossing are marked.")

# %% [markdown]
# Move the sliders: they redraw the picture by your functions. Which of the four moves the crossing into sight? The price is that of a
# million tokens, in or out.

# %% tags=["raises-exception"]
def redrawn(users, usd_per_mtok, max_load, peak_factor):
    paid = {"usd_per_mtok_input": usd_per_mtok, "usd_per_mtok_output": usd_per_mtok}
    return draw_turn(users=users, max_load=max_load, peak_factor=peak_factor, **paid)


chosen = values(own_table())
plots.show(redrawn(chosen["users"], 1.0, chosen["max_load"], chosen["peak_factor"]),
           alt="Cost of the options against users, as the sliders begin.")
panel.sliders(redrawn, {
    "users": (chosen["users"] / 100, chosen["users"], chosen["users"] * 100),
    "usd_per_mtok": (0.05, 1.0, 20.0),
    "max_load": (0.1, max(0.1, chosen["max_load"]), 1.0),
    "peak_factor": (1.0, min(chosen["peak_factor"], 10.0), 10.0),
})

# %% tags=["raises-exception"]
grid = np.geomspace(chosen["users"] / 100, chosen["users"] * 100, 60)
PRICED = ("together-llama-3.1-8b-instruct-turbo", "openai-gpt-4o-mini",
          "openai-gpt-5-mini")
for name in PRICED:
    price = data.row(f"api_prices/{name}")
    paid = {f"usd_per_mtok_{side}": float(price[f"usd_per_mtok_{side}"])
            for side in ("input", "output")}
    usd = costs_at({**chosen, **paid}, grid)
    at = breakeven(grid.tolist(), usd["deploy"], usd["api"])
    found = f"last crossing {at:,.0f} users" if at else "no crossing in this range"
    print(f"{price.model:30s} {found}")

# %% [markdown]
# Those are not the same goods: a larger model answers better. **Say what you compare with** before you say what is cheaper.
#
# Now change one assumption at a time, from its low to its high, and look how far a result moves. Sorted, the bars make a
# *tornado*. What matters for a choice is not how far one option's cost moves, but how far the *difference* of the two best
# does, and whether it changes its sign.

# %% [markdown] nbgrader={"grade_id": "ex-10-8-task"}
# **Exercise 10.8 (2 points).** `tornado(cost, table)` returns `[(key, at_low, at_high)]`. `cost` is a function of `{key: number}`; `table` has rows
# with `value`, `low`, `high`. For each key `cost` is taken at its low and at its high, all others at their value. Rows with low = high are left
# out. The widest, by |at_high − at_low|, comes first; there are no ties. The example gives z, then x, then y.

# %% nbgrader={"grade_id": "ex-10-8"}
def tornado(cost, table):
    """(key, cost at its low, cost at its high), the widest first."""
    ### BEGIN SOLUTION
    at_value = {key: row["value"] for key, row in table.items()}
    bars = [
        (key, cost({**at_value, key: row["low"]}), cost({**at_value, key: row["high"]}))
        for key, row in table.items()
        if row["low"] != row["high"]
    ]
    return sorted(bars, key=lambda bar: -abs(bar[2] - bar[1]))
    ### END SOLUTION


# %%
THREE = {"x": {"value": 2, "low": 1, "high": 4},
         "y": {"value": 3, "low": 2, "high": 4},
         "z": {"value": 1, "low": 0, "high": 20},
         "w": {"value": 5, "low": 5, "high": 5}}
tornado(lambda a: a["x"] * a["y"] + a["z"], THREE)  # try it

# %% nbgrader={"grade_id": "test-10-8", "points": 2}
### BEGIN HIDDEN TESTS
from course.checking import expect_each, handed, told_apart
from course.cohort import rng

r = rng("10.8")


def reference_tornado(cost, table, *, resets=True, tenth=False, fixed=False, order="width", jointly=False):
    start = {key: row["value"] for key, row in table.items()}
    bars = []
    for key, row in table.items():
        if row["low"] == row["high"] and not fixed:
            continue
        low, high = (0.9 * row["value"], 1.1 * row["value"]) if tenth else (row["low"], row["high"])
        around = (({**start, **{k: v[end] for k, v in table.items() if k != key}} for end in ("low", "high")) if jointly else (start, start))
        before, after = around
        at_low = cost({**before, key: low})
        if not resets:
            start[key] = high
        at_high = cost({**after, key: high})
        bars.append((key, at_low, at_high))
    keys = {"width": lambda bar: -abs(bar[2] - bar[1]), "signed": lambda bar: -(bar[2] - bar[1]), "narrow": lambda bar: abs(bar[2] - bar[1]),
            "name": lambda bar: bar[0], "table": lambda bar: 0, "high": lambda bar: -bar[2]}
    return sorted(bars, key=keys[order])


def drawn():
    k, m = r.number(0.5, 5), r.number(0.5, 5)
    cost = handed("cost(a)", lambda a: a["load"] * a["price"] + k * a["power"] - m * a["life"] * a["load"] + a["rate"])
    table = {}
    for key in (str(key) for key in r.permutation(["load", "price", "power", "life", "rate"])):
        low, value, high = sorted(r.number(1, 30) for _ in range(3))
        table[key] = {"value": value, "low": value if key == "rate" else low, "high": value if key == "rate" else high}
    return cost, table


def by(**how):
    return lambda cost, table: reference_tornado(cost, table, **how)


ideas = {
    "10.8/not_reset": ("only one is changed at a time: the others go back to their value", by(resets=False)),
    "10.8/ten_percent": ("from low to high, not a tenth down and up", by(tenth=True), by(tenth=True, fixed=True)),
    "10.8/by_sign": ("a bar is as wide downward as upward: sort by the absolute width", by(order="signed")),
    "10.8/narrowest_first": ("the widest comes first", by(order="narrow")),
    "10.8/unsorted": ("sorted by width, not as the table or the alphabet has them", by(order="table"), by(order="name")),
    "10.8/all_together": ("one at a time, the others at their value", by(jointly=True)),
    "10.8/fixed_kept": ("rows with low = high are left out", by(fixed=True)),
}
cases = told_apart(lambda: [drawn(), drawn()], reference_tornado, ideas)
expect_each(tornado, {f"a table of {', '.join(table)}": (cost, table) for cost, table in cases}).close_to(reference_tornado, wrong=ideas)
### END HIDDEN TESTS
assert [bar[0] for bar in tornado(lambda a: a["x"] * a["y"] + a["z"], THREE)] == list(
    "zxy"
), "z moves it by 20, x by 9, y by 4"

# %% tags=["raises-exception"]
table = own_table()
ranked = sorted(OPTIONS, key=lambda option: cost(option)(values(table)))
best, second = ranked[:2]


def gap(a):
    """What the second best costs more than the best, in USD."""
    return cost(second)(a) - cost(best)(a)


whole = tornado(gap, table)
bars = whole[:9]
fig, ax = plt.subplots(figsize=(8, 4.4))
for row, (_, low, high) in enumerate(bars):
    ax.barh(row, (high - low) / 1e6, left=low / 1e6, height=0.6,
            color=plots.ORANGE if low * high < 0 else plots.BLUE)
ax.axvline(gap(values(table)) / 1e6, color="grey", lw=1, ls="-", marker="", zorder=3)
ax.axvline(0, color="black", lw=1, ls="-", marker="", zorder=3)
ax.set_yticks(range(len(bars)), [key for key, *_ in bars])
ax.set_ylim(len(bars) - 0.5, -0.5)
ax.set_xlabel(f"cost of {second} less that of {best} (million USD)")
flips = [key for key, low, high in whole if min(low, high) < 0]
few = ", ".join(flips) if len(flips) < 3 else f"each of {len(flips)} assumptions"
ax.set_title(f"{few} alone can reverse it" if flips else "No row alone reverses it")
plots.show(fig, alt="The nine assumptions that move the difference of the two best "
           "options most, from low to high; those that change its sign are orange.")

# %% [markdown]
# Now all at once: draw every assumption, price the options, count how often each is the cheapest. **Predict** for Algeria how often
# api is: `lab.predict("api_cheapest", low, high, "%")`.

# %% nbgrader={"grade_id": "predict-api_cheapest"}
### BEGIN SOLUTION
lab.predict("api_cheapest", 30, 90, "%")
### END SOLUTION

# %% [markdown] nbgrader={"grade_id": "ex-10-9-task"}
# **Exercise 10.9 (2 points).** `decision(costs, table, seed, n=1000)` returns `{option: share}`: in which share of `n` draws each option of `costs`,
# `{option: function of {key: number}}`, is the cheapest; a tie goes to the first. Each key is drawn from NumPy's *triangular*
# distribution with its low, value and high, or is its value if low = high. `years`, `min_devices`, `device_life_years` and `refresh_years`
# are rounded to whole numbers. All options are priced in the same world. The same seed gives the same answer.

# %% nbgrader={"grade_id": "ex-10-9"}
def decision(costs, table, seed, n=1000):
    """In which share of the draws each option is the cheapest."""
    ### BEGIN SOLUTION
    rng = np.random.default_rng(seed)
    whole = ("years", "min_devices", "device_life_years", "refresh_years")
    wins = dict.fromkeys(costs, 0)
    for _ in range(n):
        a = {}
        for key, row in table.items():
            fixed = row["low"] == row["high"]
            x = row["value"] if fixed else float(rng.triangular(row["low"], row["value"], row["high"]))
            a[key] = round(x) if key in whole else x
        usd = {option: price(a) for option, price in costs.items()}
        wins[min(usd, key=usd.get)] += 1
    return {option: won / n for option, won in wins.items()}
    ### END SOLUTION


# %%
TRIANGLE = {"x": {"value": 0.1, "low": 0, "high": 1}}
RIVALS = {"a": lambda a: a["x"], "b": lambda a: a["x"] + 0.001, "c": lambda a: 0.45}
decision(RIVALS, TRIANGLE, 4)  # try it: about 0.667, 0 and 0.333

# %% nbgrader={"grade_id": "test-10-9", "points": 2}
### BEGIN HIDDEN TESTS
import numpy as np

from course.checking import expect, expect_each, handed
from course.cohort import rng

r = rng("10.9")
def reference_worlds(table, seed, n, *, shape="triangular"):
    g, rounded = np.random.default_rng(seed), ("years", "min_devices", "device_life_years", "refresh_years")
    worlds = {}
    for key, row in table.items():
        low, value, high = row["low"], row["value"], row["high"]
        if low == high or shape == "value":
            worlds[key] = np.full(n, float(value))
        elif shape == "triangular":
            worlds[key] = g.triangular(low, value, high, n)
        elif shape == "uniform":
            worlds[key] = g.uniform(low, high, n)
        elif shape == "ends":
            worlds[key] = g.choice([low, high], n)
        elif shape == "three":
            worlds[key] = g.choice([low, value, high], n)
        if key in rounded:
            worlds[key] = np.round(worlds[key])
    return [dict(zip(worlds, map(float, world), strict=True)) for world in zip(*worlds.values(), strict=True)]


def reference_decision(costs, table, seed, n=1000, *, shape="triangular", alone=False, dearest=False):
    same = reference_worlds(table, seed, n, shape=shape)
    worlds = [reference_worlds(table, seed + 7919 * k, n, shape=shape) if alone else same for k in range(len(costs))]
    usd = np.array([[price(a) for a in own] for price, own in zip(costs.values(), worlds, strict=True)])
    won = (usd.argmax(0) if dearest else usd.argmin(0)).tolist()
    return {option: won.count(k) / n for k, option in enumerate(costs)}


def rivals(mode, level):
    size = r.number(2, 50)
    table = {"x": {"value": mode * size, "low": 0, "high": size}, "y": {"value": 3, "low": 3, "high": 3}}
    bodies = {"own": lambda a: a["x"] + a["y"], "dearer": lambda a: a["x"] + a["y"] + 0.001 * size, "flat": lambda a: level * size + a["y"]}
    return {name: handed("cost(a)", body) for name, body in bodies.items()}, table, r.whole(1, 9999)


def by(**how):
    return lambda costs, table, seed, n=1000: reference_decision(costs, table, seed, 20_000, **how)


calls = {"one that is mostly low": rivals(0.1, 0.2), "one that is mostly high": rivals(0.9, 0.6)}
expect_each(decision, calls).close_to(by(), rel_tol=0.2, wrong={
    "10.9/independent_draws": ("the options are compared in the same world: one draw for all of them", by(alone=True)),
    "10.9/uniform": ("triangular: values near `value` are likelier", by(shape="uniform")),
    "10.9/at_the_values": ("assumptions vary: draw them", by(shape="value")),
    "10.9/ends_only": ("between low and high everything is possible", by(shape="ends")),
    "10.9/dearest": ("the cheapest wins", by(dearest=True)),
})
six = {f"at {k}": handed("cost(a)", lambda a, k=k: abs(a["x"] - k / 6)) for k in range(7)}
table = {"x": {"value": 0.5, "low": 0, "high": 1}}
one = expect(decision, six, table, r.whole(1, 9999), 200)
one.repeats(idea="10.9/seed_ignored")
one.differs(six, table, 10_000 + r.whole(1, 9999), 200, why="another seed draws other worlds")
one.keeps_numpys_generator(idea="10.9/global_generator")
few = expect(decision, six, table, 3, 7)
few.look("whether each share is a whole number of sevenths,", lambda shares: all(abs(7 * s - round(7 * s)) < 1e-6 for s in shares.values())).equals(True, wrong={
    "10.9/n_ignored": ("n is how many worlds are drawn", False),
})
ties = {name: handed("cost(a)", lambda a: 1.0) for name in ("z", "m", "a")}
expect(decision, ties, table, 5, 20).close_to({"z": 1.0, "m": 0.0, "a": 0.0}, wrong={
    "10.9/tie_to_the_last": ("a tie goes to the first option of costs", {"z": 0.0, "m": 0.0, "a": 1.0}),
    "10.9/tie_to_all": ("a tie goes to the first option alone", {"z": 1.0, "m": 1.0, "a": 1.0}),
})
WHOLE = ("years", "min_devices", "device_life_years", "refresh_years")
uneven = {key: {"value": 2.2, "low": 1, "high": 4} for key in WHOLE}
whole = {"whole": handed("cost(a)", lambda a: 0 if all(a[key] == round(a[key]) for key in WHOLE) else 2), "else": handed("cost(a)", lambda a: 1)}
expect(decision, whole, uneven, 8, 60).close_to({"whole": 1.0, "else": 0.0}, wrong={
    "10.9/not_rounded": ("years, min_devices, device_life_years and refresh_years are rounded", {"whole": 0.0, "else": 1.0}),
})
low_end = {"low": handed("cost(a)", lambda a: 0 if a["years"] == 1 else 2), "else": handed("cost(a)", lambda a: 1)}
expect(decision, low_end, {"years": {"value": 1.9, "low": 1.6, "high": 1.95}}, 8, 40).close_to({"low": 0.0, "else": 1.0}, wrong={
    "10.9/cut_off": ("rounded, not cut off", {"low": 1.0, "else": 0.0}),
})
### END HIDDEN TESTS
assert isclose(
    sum(decision(RIVALS, TRIANGLE, 4).values()), 1
), "in each world one option is the cheapest"

# %% tags=["raises-exception"]
drawn_shares = decision({option: cost(option) for option in OPTIONS}, ALGERIA, 1)
percent = 100 * drawn_shares["api"]
lab.reveal("api_cheapest", percent, "%", "your model, Algeria's table, n = 1000")
at_home = decision({option: cost(option) for option in OPTIONS[:3]}, ALGERIA, 1)
print("all four:", drawn_shares)
print("if data must stay in the country:", at_home)

# %% [markdown]
# Say n with such a figure: other seeds at n = 1,000 move it by some hundredths. And the shape is a choice, too. What no draw shows is
# what nobody put into the table: an embargo, a leak, a language that the open model speaks badly.

# %% [markdown]
# ## 9 · Your own case
#
# Take Algeria, the university, the company, or start from `case("blank")`. The cell below prints the rows of your case
# that lack a reason, each under the note that came with it. Copy them into your answer and write why *you* take that value.

# %%
MY_CASE = "algeria"  # or "university", "company"
for row in data.load(f"case_{MY_CASE}").itertuples():
    if row.kind == "judgement":
        three = f"{row.value:g} ({row.low:g} to {row.high:g})"
        print(f'    # {row.note}\n    "{row.key}": "",  # {three}')

# %% nbgrader={"grade_id": "given-with-reasons"}
def with_reasons(table, reasons):
    """The table, with your reasons as the source of its judgements."""
    return {key: {**row, "source": reasons.get(key, row["source"])}
            for key, row in table.items()}

# %% [markdown] nbgrader={"grade_id": "ex-10-14-task"}
# **Exercise 10.14 (2 points).** `TABLE` is your own table of assumptions, `{key: row}` with all 41 keys, such as `with_reasons(case("university"),
# {"users": "the students and staff who …", …})`. Where you know better, change a row: `TABLE["users"].update(value=…, low=…, high=…,
# kind="judgement", source="…")`. It must be clean by the audit of 10.1 (UNITS, LIMITS and TODAY above), the four keys that are rounded
# must have whole values, and the three shares' highs must sum to 1 at most, so that English is never negative. Which numbers you take
# is yours.

# %% nbgrader={"grade_id": "ex-10-14"}
### BEGIN SOLUTION
REASONS = {
    "discount_rate": "between a central bank's rate and what a ministry's fund asks for",
    "users": "a tenth of the country's internet users, as of the world's adults",
    "growth_per_year": "use of such services has grown, and the country's users are few yet",
    "share_arabic": "most written exchange with the state is in Arabic script",
    "share_french": "universities and firms write French",
    "share_tamazight": "official, spoken by many and written by few",
    "peak_factor": "a day of ten waking hours with an evening peak gives about three",
    "max_load": "lab 7: above it the waiting time rises steeply",
    "min_devices": "two sites, and one to spare at each of them",
    "device_life_years": "makers' support and the pace of new devices",
    "upkeep_per_year": "a support contract and spare parts, by offers for servers",
    "staff_api": "one for the contract, two for the application",
    "staff_deploy": "two shifts that keep two sites running, and their leads",
    "staff_continue": "those who deploy, and a team that trains and evaluates",
    "staff_train": "what open projects of this size name as their authors",
    "tokens_continue": "between the two projects of the region whose counts are known",
    "data_usd_train": "licences and cleaning for a corpus of three languages",
    "data_usd_continue": "cleaning and checking a corpus of one tenth of that",
    "evaluation_usd": "two annotators for half a year, with lab 8's sample sizes",
    "refresh_years": "open models of this family were overtaken within two years",
    "api_price_change_per_year": "the price of the same weights fell by a tenth in a year",
}
TABLE = with_reasons(case("algeria"), REASONS)
### END SOLUTION

# %%
audit_table(written(lambda: TABLE), UNITS, LIMITS, TODAY)  # try it: an empty list

# %% nbgrader={"grade_id": "test-10-14", "points": 2}
### BEGIN HIDDEN TESTS
from course.checking.verdict import fail


def reference_faults(table):
    """What is wrong with a student's table, in words; "" if nothing is."""
    columns = {"value": float, "low": float, "high": float, "unit": str, "kind": str, "source": str, "date": str}
    if not isinstance(table, dict):
        return f"TABLE must be a dict of rows, not {type(table).__name__}"
    for key, row in table.items():
        if not isinstance(row, dict) or set(columns) - set(row):
            return f"the row {key!r} needs the columns {', '.join(columns)}"
        for column, kind in columns.items():
            if kind is str and not isinstance(row[column], str):
                return f"{key}: {column} must be a text"
            if kind is float and (isinstance(row[column], bool) or not hasattr(row[column], "__float__")):
                return f"{key}: {column} must be a number"
    problems = reference_audit(table, UNITS, LIMITS, TODAY)
    if problems:
        key, problem = problems[0]
        return f"the audit finds {len(problems)} problem{'s' if len(problems) > 1 else ''}, the first: {key} ({problem})"
    for key in ("years", "min_devices", "device_life_years", "refresh_years"):
        if float(table[key]["value"]) % 1:
            return f"the value of {key} must be a whole number, not {table[key]['value']}"
    highs = sum(float(table["share_" + name]["high"]) for name in ("arabic", "french", "tamazight"))
    return f"the shares' highs sum to {highs:g}: English would be negative" if highs > 1 + 1e-9 else ""


fault = reference_faults(TABLE)
if fault:
    unthought = isinstance(TABLE, dict) and fault.startswith("the audit") and len(reference_audit(TABLE, UNITS, LIMITS, TODAY)) == sum(
        row["kind"] == "judgement" for row in TABLE.values()) and {p for _, p in reference_audit(TABLE, UNITS, LIMITS, TODAY)} == {"source"}
    fail(f"TABLE: {fault}", idea="10.14/no_reasons" if unthought else None)
### END HIDDEN TESTS
assert set(written(lambda: TABLE)) == set(UNITS), "your table has all 41 keys"

# %% [markdown]
# ## 10 · Eight claims
#
# Eight claims run through the course. A *verdict* compares evidence with what is claimed, on the same quantity: a share of revenue
# says nothing on a share of computing.

# %% nbgrader={"grade_id": "given-claims"}
def bound(number, otherwise):
    return float(number) if number == number else otherwise


claims = data.load("claims").set_index("id")
SAID = {
    name: {"quantity": c.quantity,
           "low": bound(c.low, -inf), "high": bound(c.high, inf)}
    for name, c in claims.iterrows()
}

# %%
for name, c in claims.iterrows():
    between = f"{SAID[name]['low']:g} to {SAID[name]['high']:g}"
    print(f"{name} {c.claim}\n     {between}, {c.quantity}")

# %% [markdown] nbgrader={"grade_id": "ex-10-10-task"}
# **Exercise 10.10 (2 points).** `verdict(claim, evidence)`: `claim` has `quantity`, `low`, `high` (which may be infinite), `evidence` is a list of
# such dicts. Only evidence on the claim's quantity counts. With none, the verdict is `"not comparable"`; if all of it lies inside the claim's
# interval, ends included, `"confirmed"`; if all of it lies wholly outside (no point in common), `"contradicted"`; else `"depends"`.

# %% nbgrader={"grade_id": "ex-10-10"}
def verdict(claim, evidence):
    """What evidence says of a claim."""
    ### BEGIN SOLUTION
    found = [one for one in evidence if one["quantity"] == claim["quantity"]]
    if not found:
        return "not comparable"
    if all(claim["low"] <= one["low"] and one["high"] <= claim["high"] for one in found):
        return "confirmed"
    if all(one["high"] < claim["low"] or claim["high"] < one["low"] for one in found):
        return "contradicted"
    return "depends"
    ### END SOLUTION


# %%
share = "share of AI compute"
verdict({"quantity": share, "low": 0.5, "high": 1},
        [{"quantity": share, "low": 0.45, "high": 0.55},
         {"quantity": "share of revenue", "low": 0.4, "high": 0.4}])  # try it: depends

# %% nbgrader={"grade_id": "test-10-10", "points": 2}
### BEGIN HIDDEN TESTS
from math import inf

from course.checking import expect_each, told_apart
from course.cohort import rng

r = rng("10.10")


def reference_verdict(claim, evidence, *, any_quantity=False, some=False, overlap=False, middle=False, touching=True, disjoint_some=False):
    found = [e for e in evidence if any_quantity or e["quantity"] == claim["quantity"]]
    if not found:
        return "not comparable"
    low, high = claim["low"], claim["high"]
    if middle:
        found = [{"low": (e["low"] + e["high"]) / 2, "high": (e["low"] + e["high"]) / 2} for e in found]
    inside = [low <= e["low"] and e["high"] <= high for e in found]
    apart = [(e["high"] < low or high < e["low"]) if touching else (e["high"] <= low or high <= e["low"]) for e in found]
    agree = [not one for one in apart] if overlap else inside
    if (any if some else all)(agree):
        return "confirmed"
    return "contradicted" if (any if disjoint_some else all)(apart) else "depends"


def drawn(*where, other=()):
    low, high = r.whole(20, 40), r.whole(65, 80)
    ends = {"in": lambda: (r.number(low, (low + high) / 2), r.number((low + high) / 2, high)), "below": lambda: (r.number(1, 9), r.number(10, low - 1)),
            "above": lambda: (r.number(high + 1, 90), r.number(90, 99)), "across": lambda: (r.number(low - 15, low - 1), r.number(low + 20, high)),
            "around": lambda: (r.number(1, low - 1), r.number(high + 1, 99)), "touch": lambda: (r.number(1, 9), low), "edge": lambda: (low, high), "over": lambda: (r.number(high - 5, high - 1), high + 9)}
    claim = {"quantity": "share of compute", "low": low, "high": high}
    evidence = [{"quantity": "share of compute" if n < len(where) else "share of revenue", "low": a, "high": b} for n, (a, b) in enumerate(ends[w]() for w in (*where, *other))]
    return claim, [evidence[k] for k in r.permutation(len(evidence))]


def by(**how):
    return lambda *args: reference_verdict(*args, **how)


plans = [dict(where=("in",)), dict(where=("in", "edge")), dict(where=("below", "above")), dict(where=("in", "below")), dict(where=("across",)), dict(where=("around",)), dict(where=("touch",)),
         dict(where=("touch", "below")), dict(where=(), other=("in",)), dict(where=("in",), other=("below",)), dict(where=("below",), other=("in",)), dict(where=()), dict(where=("across", "above")), dict(where=("over", "in")),
         dict(where=("in", "across")), dict(where=("above",))]
ideas = {
    "10.10/middle": ("evidence is an interval: its middle says too much", by(middle=True)),
    "10.10/any_quantity": ("evidence on another quantity does not count", by(any_quantity=True)),
    "10.10/one_suffices": ("one source that agrees is not all of them", by(some=True)),
    "10.10/overlap": ("an interval that only overlaps the claim's does not confirm it", by(overlap=True)),
    "10.10/touching": ("an interval that touches the claim's has a point in common with it", by(touching=False)),
    "10.10/one_contradicts": ("one source outside is not all of them", by(disjoint_some=True)),
}
cases = told_apart(lambda: [drawn(*plan["where"], other=plan.get("other", ())) for plan in plans], reference_verdict, ideas)
opened = [({**claim, "high": inf}, evidence) for claim, evidence in cases[2:5]] + [({**claim, "low": -inf}, evidence) for claim, evidence in cases[2:5]]
expect_each(verdict, [*cases, *opened]).equals(reference_verdict, wrong=ideas)
### END HIDDEN TESTS
assert (
    verdict({"quantity": "q", "low": 0, "high": 1}, []) == "not comparable"
), "without evidence on the quantity there is nothing to compare"

# %% [markdown]
# What did you write on each claim at the ends of the labs?

# %%
for r in kept:
    if r.get("kind") == "verdict":
        print(f"{r.get('lab', '?')} {r['claim']} ({r['sure']:.0f} % sure): {r['text']}")
if not any(r.get("kind") == "verdict" for r in kept):
    print("No sentence is kept yet: labs 1 and 3 to 9 ask for them.")

# %% [markdown]
# Now the audit. For each claim compute the number that is asked, give evidence as an interval in the claim's own quantity, and say
# what it rests on. The numbers (*your table* is `TABLE`, at its values; NPV by your functions):

# %% [markdown]
# - **C1** utilisation of the leak's run: 6 · active parameters · tokens over 25,000 × 95 d at an A100's dense peak
#   (`training_runs/gpt-4-leak`, `accelerators/a100-40gb`)
# - **C2** dollars an hour at which those 25,000 × 95 d, in hours, cost 1e8
# - **C3** inference's share of the world's AI computing in 2025 (`inference_share`)

# %% [markdown]
# - **C4** share of the rows of `api_prices` of 2025 and 2026 whose blended price, (3·input + output)/4, lies in 10 to 60, ends included
# - **C5** NPV of deploy with twice the users, over NPV of deploy
# - **C6** tokens of all years, in and out, by the tokenizer of train, over 3 · `tokens_train`
# - **C7** devices in year 0 over those without a peak (`peak_factor` 1), deploy
# - **C8** NPV of train over NPV of deploy

# %% [markdown] nbgrader={"grade_id": "ex-10-15-task"}
# **Exercise 10.15 (2 points).** `CLAIMS` is `{"C1": {"computed", "quantity", "low", "high", "rows", "verdict", "confidence", "because"}, … "C8": …}`. `low` to `high` is
# your evidence in `quantity` (that of `SAID`); for C3 and C5 to C8 it holds `computed`. `rows` lists what it rests on, one row at least: `"table/id"` of
# the data, or `"TABLE/key"`. `verdict` follows by 10.10 from that one interval; C7, which has no bounds, is yours to judge, with one of the four words.
# `confidence` is above 0 and below 1, `because` has 20 characters at least.

# %% nbgrader={"grade_id": "ex-10-15"}
### BEGIN SOLUTION
at = values(TABLE)
leak, gpu = data.row("training_runs/gpt-4-leak"), data.row("accelerators/a100-40gb")
leak_hours = 25_000 * 95 * 24
prices = data.load("api_prices").query("year >= 2025")
blended = (3 * prices.usd_per_mtok_input + prices.usd_per_mtok_output) / 4
deploys, trains = cost("deploy")(at), cost("train")(at)
all_tokens = sum(map(sum, demand_tokens(at, OWN).values()))
peaked, flat = (devices_needed({**at, **no}, demand_tokens(at, OPEN))[0] for no in ({}, {"peak_factor": 1}))
COMPUTED = {
    "C1": 6 * leak.n_active_params * leak.n_tokens / (leak_hours * 3600 * gpu.dense_flop_per_s),
    "C2": 1e8 / leak_hours,
    "C3": data.row("inference_share/deloitte-2025").value,
    "C4": blended.between(10, 60).mean(),
    "C5": cost("deploy")({**at, "users": 2 * at["users"]}) / deploys,
    "C6": all_tokens / (3 * at["tokens_train"]),
    "C7": peaked / flat,
    "C8": trains / deploys,
}
EVIDENCE = {  # low, high, what it rests on
    "C1": (4.56e7, 6e7, ["training_runs/gpt-4-leak"]), "C2": (leak_hours * 1.0, leak_hours * 4.1, ["training_runs/gpt-4-leak"]),
    "C3": (0.45, 0.55, ["inference_share/deloitte-2025"]), "C4": (blended.min(), blended.max(), ["api_prices/openai-gpt-5-mini"]),
    "C5": (0.95 * COMPUTED["C5"], 1.05 * COMPUTED["C5"], ["TABLE/users"]), "C6": (COMPUTED["C6"] / 3, 3 * COMPUTED["C6"], ["TABLE/tokens_train"]),
    "C7": (1.0, 5.0, ["TABLE/peak_factor"]), "C8": (COMPUTED["C8"] / 3, 2 * COMPUTED["C8"], ["TABLE/tokens_train", "TABLE/staff_train"]),
}
CLAIMS = {
    name: {
        "computed": float(COMPUTED[name]), "quantity": SAID[name]["quantity"], "low": float(low), "high": float(high), "rows": rows,
        "verdict": verdict(SAID[name], [{"quantity": SAID[name]["quantity"], "low": low, "high": high}]),
        "confidence": 0.8, "because": f"computed {COMPUTED[name]:.3g}, and evidence from {low:.3g} to {high:.3g}",
    }
    for name, (low, high, rows) in EVIDENCE.items()
}
### END SOLUTION

# %%
{name: c["verdict"] for name, c in written(lambda: CLAIMS).items()}  # try it

# %% nbgrader={"grade_id": "test-10-15", "points": 2}
### BEGIN HIDDEN TESTS
from course import data
from course.checking import expect
from course.checking.verdict import fail

WORDS = ("confirmed", "contradicted", "depends", "not comparable")


def reference_cost(a, option):
    demand = reference_demand(a, TOKENS[option])
    return reference_npv(reference_option(a, option, demand, reference_fleet(a, reference_devices(a, demand))), a["discount_rate"])


def reference_values(table):
    return {key: float(row["value"]) for key, row in table.items()}


def reference_claims(a):
    """Claim: (what is right, {idea: (message, what it gives)})."""
    leak, a100 = data.row("training_runs/gpt-4-leak"), data.row("accelerators/a100-40gb")
    hours = 25_000 * 95 * 24
    prices = data.load("api_prices")
    recent = prices[prices.year >= 2025]
    mixed = (3 * recent.usd_per_mtok_input + recent.usd_per_mtok_output) / 4
    mfu = 6 * leak.n_active_params * leak.n_tokens / (hours * 3600 * a100.dense_flop_per_s)
    demand = reference_demand(a, TOKENS["deploy"])
    own = sum(map(sum, reference_demand(a, TOKENS["train"]).values()))
    deploy = reference_cost(a, "deploy")
    twice = reference_cost({**a, "users": 2 * a["users"]}, "deploy")
    return {
        "C1": (mfu, {"10.15/total_parameters": ("a token meets only the active parameters", mfu * leak.n_params / leak.n_active_params)}),
        "C2": (1e8 / hours, {"10.15/leaks_price": ("that is the leak's own price; asked is the one at which the hours cost 1e8", 1.0)}),
        "C3": (data.row("inference_share/deloitte-2025").value, {"10.15/another_year": ("that is another year's share; the claim is of 2025", *(
            data.row(f"inference_share/deloitte-{year}").value for year in (2023, 2026)))}),
        "C4": (float(((mixed >= 10) & (mixed <= 60)).mean()), {"10.15/per_thousand": ("prices are per million tokens, as the claim's bounds are", float(((mixed >= 0.01) & (mixed <= 0.06)).mean()))}),
        "C5": (twice / deploy, {"10.15/linear_assumed": ("that assumes what the claim says; compute both", 2.0)}),
        "C6": (own / (3 * a["tokens_train"]), {"10.15/six_over_two": ("a token of training takes three times the operations of one served", own / a["tokens_train"])}),
        "C7": (reference_devices(a, demand)[0] / reference_devices({**a, "peak_factor": 1}, demand)[0], {}),
        "C8": (reference_cost(a, "train") / deploy, {"10.15/upside_down": ("train over deploy, not deploy over train", deploy / reference_cost(a, "train"))}),
    }


claims = CLAIMS
if not isinstance(claims, dict) or set(claims) != set(SAID):
    fail(f"CLAIMS must have the keys {', '.join(SAID)}")
fields = {"computed", "quantity", "low", "high", "rows", "verdict", "confidence", "because"}
for name, c in claims.items():
    if not isinstance(c, dict) or fields - set(c):
        fail(f"CLAIMS[{name!r}] needs the fields {', '.join(sorted(fields))}")
try:
    table = TABLE
except NameError:  # that answer failed
    fail("C5 to C8 are computed from TABLE, exercise 10.14, which is not written yet")
if reference_faults(table):
    fail(f"C5 to C8 are computed from TABLE, and {reference_faults(table)}")
for name, (right, ideas) in reference_claims(reference_values(table)).items():
    def computed_of(claim, name=name):
        return claims[claim]["computed"]

    computed_of.__name__ = "computed of CLAIMS"

    # Where a student's table makes an idea right, it is no idea.
    expect(computed_of, name).close_to(float(right), rel_tol=0.01, wrong={
        idea: told for idea, told in ideas.items() if all(abs(x / right - 1) > 0.02 for x in told[1:])
    })
for name, c in claims.items():
    low, high = c["low"], c["high"]
    if not low <= high:
        fail(f"{name}: the evidence goes from {low} to {high}")
    if name not in ("C1", "C2", "C4") and not low - 1e-9 <= c["computed"] <= high + 1e-9:
        fail(f"{name}: the evidence, {low} to {high}, does not hold what you computed, {c['computed']}")
    if c["quantity"] != SAID[name]["quantity"]:
        fail(f"{name}: evidence on {c['quantity']!r} says nothing about {SAID[name]['quantity']!r}", idea="10.15/another_quantity")
    follows = WORDS if name == "C7" else (reference_verdict(SAID[name], [{"quantity": c["quantity"], "low": low, "high": high}]),)
    if c["verdict"] not in follows:
        fail(f"{name}: {c['verdict']!r} does not follow from {low:.6g} to {high:.6g} against the claim's {SAID[name]['low']:.6g} to {SAID[name]['high']:.6g}")
    if not c["rows"]:
        fail(f"{name}: rows must name at least one row that the evidence rests on")
    for cited in c["rows"]:
        table, _, key = str(cited).partition("/")
        if table == "TABLE":
            if key not in UNITS:
                fail(f"{name}: TABLE has no row {key!r}")
            continue
        try:
            data.row(str(cited))
        except data.DataError as error:
            fail(f"{name}: {error}")
    if not 0 < c["confidence"] < 1:
        fail(f"{name}: confidence must lie between 0 and 1, above 0 and below 1; yours is {c['confidence']}", idea="10.15/percent" if 1 < c["confidence"] < 100 else None)
    if len(str(c["because"]).strip()) < 20:
        fail(f"{name}: because must have at least 20 characters")
### END HIDDEN TESTS
assert set(written(lambda: CLAIMS)) == set(SAID), "eight claims, C1 to C8"

# %% [markdown]
# ## 11 · The decision
#
# A memo that nobody can check is an opinion. Yours rests on eight numbers that follow from your table, and names what would reverse it.

# %% [markdown] nbgrader={"grade_id": "ex-10-12-task"}
# **Exercise 10.12 (2 points).** `MEMO` is a dict, all from `TABLE`. `choice`: the option that you recommend, for whatever reason; `runner_up`: the
# cheapest of the others; `npv_usd` and `runner_up_npv_usd` at the values; `usd_per_user_year`: the choice's NPV over Σ users_t/(1+r)^t, users_t
# as in 10.3; `probability`: the share of draws, by any seed, in which the choice is the cheapest of all four; `reversed_by`: a key whose low or high, alone,
# changes which of the two is cheaper, or `None` if there is none; `reversal_value`: the value of it at which that happens, to a
# fiftieth of its range (whole numbers: to 1), or `None`.

# %% nbgrader={"grade_id": "ex-10-12"}
### BEGIN SOLUTION
def total(option):
    """What `cost` gives, by the functions above alone."""
    def usd(a):
        tokens = demand_tokens(a, TOKENS[option])
        return npv(option_usd(a, option, tokens, fleet_usd(a, devices_needed(a, tokens))), a["discount_rate"])

    return usd


at = values(TABLE)
totals = {option: total(option)(at) for option in OPTIONS}
choice, runner_up = sorted(OPTIONS, key=totals.get)[:2]
user_years = npv([at["users"] * (1 + at["growth_per_year"]) ** year for year in range(int(at["years"]))], at["discount_rate"])


def dearer(key, value):
    """Whether the choice is the dearer one if one key has another value."""
    there = {**at, key: value}
    return total(choice)(there) > total(runner_up)(there)


reversed_by = reversal_value = None
for key, row in TABLE.items():
    for end in ("low", "high"):
        if reversed_by is None and dearer(key, row[end]):
            near, far = row["value"], row[end]
            for _ in range(60):
                middle = (near + far) / 2
                near, far = (near, middle) if dearer(key, middle) else (middle, far)
            reversed_by, reversal_value = key, far
MEMO = {
    "choice": choice, "runner_up": runner_up, "npv_usd": totals[choice], "runner_up_npv_usd": totals[runner_up],
    "usd_per_user_year": totals[choice] / user_years,
    "probability": decision({option: total(option) for option in OPTIONS}, TABLE, 1, 200)[choice],
    "reversed_by": reversed_by, "reversal_value": reversal_value,
}
### END SOLUTION

# %%
written(lambda: MEMO)  # try it

# %% nbgrader={"grade_id": "test-10-12", "points": 2}
### BEGIN HIDDEN TESTS
from numbers import Real

from course.checking import expect
from course.checking.verdict import fail


def reference_memo(table, choice):
    a = reference_values(table)
    totals = {option: reference_cost(a, option) for option in OPTIONS}
    users = [a["users"] * (1 + a["growth_per_year"]) ** t for t in range(int(a["years"]))]
    other = min((option for option in OPTIONS if option != choice), key=totals.get)
    return {"choice": choice, "runner_up": other, "npv_usd": totals[choice], "runner_up_npv_usd": totals[other],
            "usd_per_user_year": totals[choice] / reference_npv(users, a["discount_rate"])}


def reference_share(table, choice, *, n=2000):
    rows = {key: {column: float(row[column]) for column in ("low", "value", "high")} for key, row in table.items()}
    return reference_decision({option: lambda a, option=option: reference_cost(a, option) for option in OPTIONS}, rows, 11, n)[choice]


def reference_flips(table, choice, other):
    """Keys whose low or high changes which of two options is cheaper."""
    a = reference_values(table)

    def is_dearer(key, value):
        return reference_cost({**a, key: value}, choice) > reference_cost({**a, key: value}, other)

    now = is_dearer("users", a["users"])
    return [key for key, row in table.items() if any(is_dearer(key, float(row[end])) != now for end in ("low", "high"))], is_dearer


memo = MEMO
try:
    table = TABLE
except NameError:  # that answer failed
    fail("MEMO follows from TABLE, exercise 10.14, which is not written yet")
fields = ("choice", "runner_up", "npv_usd", "runner_up_npv_usd", "usd_per_user_year", "probability", "reversed_by", "reversal_value")
if not isinstance(memo, dict) or set(memo) != set(fields):
    fail(f"MEMO must have exactly the fields {', '.join(fields)}")
if reference_faults(table):
    fail(f"MEMO follows from TABLE, and {reference_faults(table)}")
if memo["choice"] not in OPTIONS:
    fail(f"choice must be one of {', '.join(OPTIONS)}, not {memo['choice']!r}")
right = reference_memo(table, memo["choice"])
a = reference_values(table)
plain_users = sum(a["users"] * (1 + a["growth_per_year"]) ** t for t in range(int(a["years"])))


def figure(name):
    return memo[name]


figure.__name__ = "MEMO"


totals = {option: reference_cost(a, option) for option in OPTIONS}
undiscounted = {**a, "discount_rate": 0.0}
expect(figure, "runner_up").equals(right["runner_up"])
for name, option in (("npv_usd", memo["choice"]), ("runner_up_npv_usd", right["runner_up"])):
    plain = reference_cost(undiscounted, option)
    expect(figure, name).close_to(right[name], rel_tol=0.01, wrong={
        "10.12/not_discounted": ("that is the plain sum; today's value is asked", plain),
        "10.12/million": ("in USD, not in millions", right[name] / 1e6),
    })
expect(figure, "usd_per_user_year").close_to(right["usd_per_user_year"], rel_tol=0.01, wrong={
    "10.12/users_not_discounted": ("users are discounted as money is: Σ users_t/(1+r)^t", right["npv_usd"] / plain_users),
    "10.12/users_of_year_0": ("users of all years, not of year 0 alone", right["npv_usd"] / a["users"]),
})
share = reference_share(table, memo["choice"])
if not isinstance(memo["probability"], Real) or not abs(memo["probability"] - share) <= 0.08:
    fail(f"probability is {memo['probability']}; by the grader's draws {memo['choice']} is the cheapest in {share:.2f} of them, a share between 0 and 1",
         idea="10.12/percent" if isinstance(memo["probability"], Real) and share > 0.1 and abs(memo["probability"] / 100 - share) <= 0.08 else None)
flips, is_dearer = reference_flips(table, memo["choice"], right["runner_up"])
key, value = memo["reversed_by"], memo["reversal_value"]
if key is None:
    if flips:
        fail("reversed_by is None, but at the low or high of at least one row the choice changes", idea="10.12/nothing_reverses")
elif key not in table:
    fail(f"reversed_by is {key!r}, which is no key of TABLE")
elif key not in flips:
    fail(f"{key} alone reverses nothing, neither at its low nor at its high")
elif not isinstance(value, Real):
    fail(f"reversal_value is {value!r}; the value of {key} at which the order changes is asked")
else:
    near = 0.02 * (float(table[key]["high"]) - float(table[key]["low"]))
    whole = key in ("years", "min_devices", "device_life_years", "refresh_years")
    ends = [round(value - max(0.51, near)), round(value + max(0.51, near))] if whole else [value - near, value + near]
    if is_dearer(key, ends[0]) == is_dearer(key, ends[1]):
        fail(f"from {ends[0]:g} to {ends[1]:g} of {key} the order of {memo['choice']} and {right['runner_up']} does not change")
### END HIDDEN TESTS
assert len(written(lambda: MEMO)) == 8, "eight fields, as the task names them"

# %% [markdown]
# ### The radar
#
# Seven fields that a decision maker asks for, each with one number of the option that is the cheapest at your table's values (*the
# cheapest*):

# %% [markdown]
# - `relevance`: its NPV in USD a user-year (as in `MEMO`)
# - `infrastructure`: years that one training takes, with development (`tokens_train`), on deploy's fleet of year 0, 8,760 h a year
# - `skills`: share of people in its NPV
# - `timeline`: first year in which deploy's running total (not discounted) is at most api's, or `None`
# - `stakeholders`: share of machines (`fleet_usd`) in deploy's NPV
# - `decision_type`: its cost of year 0 over its NPV
# - `quick_take`: the share of draws in which it is the cheapest

# %% [markdown] nbgrader={"grade_id": "ex-10-13-task"}
# **Exercise 10.13 (2 points).** `RADAR` is `{field: number}` with the seven fields above, computed from `TABLE`.

# %% nbgrader={"grade_id": "ex-10-13"}
### BEGIN SOLUTION
def total(option):
    """What `cost` gives, by the functions above alone."""
    def usd(a):
        tokens = demand_tokens(a, TOKENS[option])
        return npv(option_usd(a, option, tokens, fleet_usd(a, devices_needed(a, tokens))), a["discount_rate"])

    return usd


at = values(TABLE)
totals = {option: total(option)(at) for option in OPTIONS}
cheapest, rate = min(totals, key=totals.get), at["discount_rate"]
served = npv([at["users"] * (1 + at["growth_per_year"]) ** year for year in range(int(at["years"]))], rate)
fleet_now = devices_needed(at, demand_tokens(at, OPEN))
run_hours = at["development_factor"] * 6 * at["n_params"] * at["tokens_train"] / (at["peak_flop_per_s"] * at["mfu"] * 3600)
running = {option: np.cumsum(yearly_usd(at, option)) for option in ("deploy", "api")}
RADAR = {
    "relevance": totals[cheapest] / served,
    "infrastructure": run_hours / (fleet_now[0] * 8760),
    "skills": npv([at[f"staff_{cheapest}"] * at["usd_per_staff_year"]] * int(at["years"]), rate) / totals[cheapest],
    "timeline": next((n for n in range(int(at["years"])) if running["deploy"][n] <= running["api"][n]), None),
    "stakeholders": npv(fleet_usd(at, fleet_now), rate) / totals["deploy"],
    "decision_type": yearly_usd(at, cheapest)[0] / totals[cheapest],
    "quick_take": decision({option: total(option) for option in OPTIONS}, TABLE, 1, 200)[cheapest],
}
### END SOLUTION

# %%
written(lambda: RADAR)  # try it

# %% nbgrader={"grade_id": "test-10-13", "points": 2}
### BEGIN HIDDEN TESTS
from itertools import accumulate
from numbers import Real

from course.checking import expect
from course.checking.verdict import fail


def reference_radar(a):
    """Each field's number but the last one's, which is drawn; and the cheapest option."""
    totals = {option: reference_cost(a, option) for option in OPTIONS}
    best, years, rate = min(totals, key=totals.get), range(int(a["years"])), a["discount_rate"]

    def yearly(option):
        demand = reference_demand(a, TOKENS[option])
        return reference_option(a, option, demand, reference_fleet(a, reference_devices(a, demand)))

    devices = reference_devices(a, reference_demand(a, TOKENS["deploy"]))
    hours = reference_training(a, "train") / a["usd_per_device_hour"] if a["usd_per_device_hour"] else reference_training({**a, "usd_per_device_hour": 1}, "train")
    ahead = [d <= p for d, p in zip(accumulate(yearly("deploy")), accumulate(yearly("api")), strict=True)]
    users = [a["users"] * (1 + a["growth_per_year"]) ** t for t in years]
    return {
        "relevance": totals[best] / reference_npv(users, rate),
        "infrastructure": hours / (devices[0] * 8760),
        "skills": reference_npv([a["staff_" + best] * a["usd_per_staff_year"] for _ in years], rate) / totals[best],
        "timeline": ahead.index(True) if True in ahead else None,
        "stakeholders": reference_npv(reference_fleet(a, devices), rate) / totals["deploy"],
        "decision_type": yearly(best)[0] / totals[best],
    }, best


radar = RADAR
try:
    table = TABLE
except NameError:  # that answer failed
    fail("RADAR follows from TABLE, exercise 10.14, which is not written yet")
if reference_faults(table):
    fail(f"RADAR follows from TABLE, and {reference_faults(table)}")
a = reference_values(table)
right, best = reference_radar(a)
if not isinstance(radar, dict) or set(radar) != {*right, "quick_take"}:
    fail(f"RADAR must have the fields {', '.join(right)} and quick_take, and no other")


def field(name):
    return radar[name]


field.__name__ = "RADAR"


plain = sum(a["users"] * (1 + a["growth_per_year"]) ** t for t in range(int(a["years"])))
ideas = {
    "relevance": {"10.13/users_not_discounted": ("users are discounted as money is", reference_cost(a, best) / plain)},
    "infrastructure": {"10.13/one_final_run": ("with development: times development_factor", right["infrastructure"] / a["development_factor"]),
                       "10.13/hours": ("that is in hours; years are asked", right["infrastructure"] * 8760)},
    "skills": {"10.13/people_not_discounted": ("what staff cost and what all costs, both by their present values", a["staff_" + best] * a["usd_per_staff_year"] * int(a["years"]) / reference_cost(a, best))},
    "decision_type": {"10.13/mean_year": ("the cost of year 0, not of the mean year", 1 / int(a["years"]))},
}
for name, number in right.items():
    told = {} if number is None else {
        idea: say for idea, say in ideas.get(name, {}).items() if number and abs(say[1] / number - 1) > 0.02
    }
    expect(field, name).close_to(number, rel_tol=0.0 if name == "timeline" else 0.01, wrong=told)
share = reference_share(table, best)
if isinstance(radar["quick_take"], bool) or not isinstance(radar["quick_take"], Real) or not abs(radar["quick_take"] - share) <= 0.08:
    fail(f"quick_take is {radar['quick_take']}; by the grader's draws {best} is the cheapest in {share:.2f} of them")
### END HIDDEN TESTS
assert len(written(lambda: RADAR)) == 7, "seven fields"

# %% tags=["raises-exception"]
memo, radar = written(lambda: MEMO), written(lambda: RADAR)
percent = {field: f"{100 * number:.0f} %" for field, number in radar.items()
           if number is not None}
TOLD = {
    "relevance": f"${radar['relevance']:.3g} a user and year",
    "infrastructure": f"a training is {radar['infrastructure']:.3g} fleet-years",
    "skills": f"{percent['skills']} of the cost is people",
    "timeline": "deploy never catches up with api" if radar["timeline"] is None
    else f"deploy has caught up with api in year {radar['timeline']}",
    "stakeholders": f"{percent['stakeholders']} of deploy's cost is machines",
    "decision type": f"{percent['decision_type']} of the cost comes in year 0",
    "quick take": f"{percent['quick_take']} of the draws; memo: {memo['choice']}",
}
page, ax = plt.subplots(figsize=(8, 4))
ax.axis("off")
for row, (field, sentence) in enumerate(TOLD.items()):
    ax.text(0, -row, field, weight="bold", va="center")
    ax.text(2.4, -row, sentence.replace("$", r"\$"), va="center")
reversal = ("nothing in the table alone reverses it" if memo["reversed_by"] is None
            else f"reversed at {memo['reversed_by']} = {memo['reversal_value']:.3g}")
ax.text(0, -7, reversal, va="center", color=plots.ORANGE)
ax.set(xlim=(0, 10), ylim=(-7.5, 0.5))
ax.set_title(f"{memo['choice']} before {memo['runner_up']}: the decision on a page")
page.savefig("decision_radar.pdf")
plots.show(page, alt="The decision radar: seven fields, each with one number, and what "
           "would reverse the decision.")

# %% tags=["raises-exception"]
from html import escape
from pathlib import Path

memo, radar = written(lambda: MEMO), written(lambda: RADAR)
fields = "".join(f"<tr><th>{k}</th><td>{escape(v)}</td></tr>" for k, v in TOLD.items())
rows = "".join(
    f"<tr><th>{key}</th><td>{row['low']:g}</td><td>{row['value']:g}</td>"
    f"<td>{row['high']:g}</td><td>{row['unit']}</td><td>{row['kind']}</td>"
    f"<td>{escape(row['source'])}</td></tr>"
    for key, row in own_table().items()
)
Path("decision_radar.html").write_text(
    "<!doctype html><meta charset='utf-8'><title>Decision radar</title>"
    "<style>body{font:14px sans-serif;max-width:60em;margin:2em auto}"
    "th{text-align:left}td,th{padding:2px 8px;vertical-align:top}</style>"
    f"<h1>{memo['choice']} before {memo['runner_up']}</h1><table>{fields}</table>"
    f"<p>{reversal}</p><h2>Assumptions: low, value, high</h2><table>{rows}</table>",
    encoding="utf-8",
)
print("written beside this notebook: decision_radar.pdf, decision_radar.html")

# %% [markdown]
# ### The memo
#
# Two pages to whoever decides, in the cell below. A person reads it and gives up to 10 points, beside those of the checks: 2 for the
# **claim** (which option, against which), 3 for the **evidence** (which numbers, from which rows, how sure), 3 for what would **reverse**
# it (at which value, and how you would notice), 2 for a **risk** that no row holds. No points where its numbers do not follow from
# `TABLE`, or where `MEMO` does not pass.

# %% [markdown] nbgrader={"grade_id": "memo-10-12", "points": 10}
# **Claim.** Buy answers by API for the next two years; do not deploy an 8B model on machines of our own yet, and do not train one.
#
# **Evidence.** Over five years, at 8 %, the API costs 2.87 million USD and deploying 4.75 million, 0.116 and 0.193 USD a user and year. The
# API is the cheapest in about six of ten draws of all 41 assumptions. Training costs 27 million and is the cheapest in none. 21 rows are
# judgements: users, growth and the peak move the difference most after the API's price.
#
# **Reversal.** At 0.44 USD a million output tokens deploying is cheaper; we read the price list each quarter. If data must stay in the
# country, the API is not on the list, and deploying is the cheapest in nearly nine of ten draws: that costs 0.08 USD a user and year.
#
# **Risk.** No row holds an embargo, or how well the open model writes Darija. Evaluate 500 questions of users before the contract.

# %% tags=["raises-exception"]
for name, c in written(lambda: CLAIMS).items():
    lab.verdict(name, f"{c['verdict']}: {c['because']}", sure=100 * c["confidence"])

# %% [markdown]
# ## Summary
#
# - A plan is a table of assumptions, each with a source or a reason, and arithmetic that anybody can repeat.
# - Capacity follows from the busiest hour; tokens from turns, history and language; a training from more than its final run.
# - What decides is the difference of the two best options, in the same drawn world.
# - A claim without a quantity cannot be checked. With one, evidence confirms it, contradicts it, or does neither.

# %% [markdown]
# ## What would change the answer?
#
# - **What you compare with.** A better model by API costs more; a smaller open one less.
# - **Where data may go.** If it must stay, api is not on the list, and the question is deploy or continue.
# - **Server software.** A fleet that decodes two or three times as fast is two or three times smaller.
# - **Languages.** A tokenizer that serves yours costs a training, and is paid back by tokens.
#
# Now press *Validate*. This was the last lab: the two bills are yours to write.
