# ---
# jupyter:
#   two_bills:
#     hides: [scipy, statsmodels]
# ---

# %% [markdown]
# # Is it good enough?
#
# A file of a third of the bytes answers nearly as many questions. Nearly? After this lab you put an error bar on a
# benchmark, see when that bar is too short, and decide by a number whether a cheaper model will do.
#
# **90 minutes, 1 GB of memory, no network.** One model, in 16 and in 4 bits, answers 200 questions in three ways, and
# later new ones (some three minutes of computing).

# %% nbgrader={"grade_id": "start"}
import math
from math import isclose

import matplotlib.pyplot as plt
import numpy as np

from course import data, lab, models, plots, progress
from course.quantiles import t_quantile, z_quantile

lab.start("lab08", cohort="2026")
plots.use_style()

# %% [markdown]
# ## How this lab works
#
# An exercise is four cells: task, answer, a cell to try it in, a check with the worked example. For the hidden tests
# press *Validate*, above the notebook. No exercise needs another one. *Stretch* exercises give one point, others two.
# What you do not measure is filled in from a reference machine, and says so.
#
# `scipy` holds the answers to 8.2 and 8.4. Compare with it here; the grader hides it from your code. In its place you
# have `t_quantile(p, df)` and `z_quantile(p)`.

# %% [markdown]
# | word | what it is |
# |---|---|
# | item | a question with two to four choices, one right |
# | template | the pattern of an item: "What is … + …?" |
# | prompt | what the model reads around an item |
# | log-probability | natural logarithm of a probability: −2.3 is one in ten |
# | 95 % interval | made in this way, 95 of 100 hold the truth |
# | F16 | weights of 16 bits |
# | Q4_0 | weights of about 4.5 bits; the embedding keeps 8.5 |

# %% [markdown]
# ## 1 · What did it answer?
#
# The course has 200 items, ten of each of 20 templates, made by a program (`datasets/evaluation`). Guessing is right
# for a quarter of them.

# %% nbgrader={"grade_id": "given-items"}
ITEMS = data.load("evaluation_items")


def items_of(seed):
    """The items that the program made from this seed, one template after another."""
    return list(ITEMS[ITEMS.seed == seed].itertuples())


def choices_of(item):
    """The two to four choices of an item, in order."""
    offered = (item.choice_0, item.choice_1, item.choice_2, item.choice_3)
    return [choice for choice in offered if choice]


OLD = items_of(2026)
guessing = float(np.mean([1 / len(choices_of(item)) for item in OLD]))
for item in OLD[5::20]:
    print(f"{item.template:16s} {item.question}\n{'':16s} {choices_of(item)}")
print(f"\n{len(OLD)} items; guessing is right for {100 * guessing:.0f} %")

# %% [markdown]
# The usual way to ask: show the choices as `A)` to `D)`, say "Answer with one letter", let the model write, and read
# its letter. The table `evaluation_answers` has the first three tokens that SmolLM2-135M wrote. Here are some.

# %% nbgrader={"grade_id": "given-letters"}
RECORDED = data.load("evaluation_answers")
LABELS = dict(zip(ITEMS.id, ITEMS.label, strict=True))
letters = RECORDED[RECORDED.prompt == "letters"]
for answer in letters.iloc[3::17].itertuples():
    print(f"{answer.text!r:20} right is {'ABCD'[LABELS[answer.item]]}")

# %% [markdown]
# You can read most of these at once. A program must do it by rules, and the rules are part of the result.
#
# **Predict** in how many per cent of the items the letter that this model writes is right, by an interval that you are
# 80 % sure of: `lab.predict("letters_right", low, high, "%")`.

# %% nbgrader={"grade_id": "predict-letters_right"}
### BEGIN SOLUTION
lab.predict("letters_right", 15, 45, "%")
### END SOLUTION

# %% [markdown]
# The rules speak of a *lone* letter: one of a to d, small or capital, with no letter, digit or apostrophe right beside
# it.
#
# <details><summary>Tools for 8.1</summary>`re.search`, with two patterns: `(?<![\w'])` asks for no letter, digit or
# apostrophe before, `(?![\w'])` for none after (`_`, which `\w` has too, does not come); with `re.MULTILINE`, `$` is the end of every line.</details>

# %% [markdown] nbgrader={"grade_id": "ex-8-1-task"}
# **Exercise 8.1 (2 points).** `extract_choice(text)` returns `"A"`, `"B"`, `"C"`, `"D"` or `None`:
#
# 1. The first lone letter that follows a word "answer" (any case, not always the first one) with nothing between but
#    spaces, line ends, "is" and any of `: ( [ *`.
# 2. Else the first lone letter before one of `) . : , * ]` or the end of its line, perhaps with spaces between.
# 3. Else `None`.
#
# `"A) is wrong. The answer is c"` gives `"C"`; `"a dog"` gives `None`.

# %% nbgrader={"grade_id": "ex-8-1"}
def extract_choice(text):
    """The letter that a text chooses, or None."""
    ### BEGIN SOLUTION
    import re

    said = re.search(r"\banswer(?:\s|\bis\b|[:(\[*])*(?<![\w'])([A-D])(?![\w'])", text, re.I)
    alone = re.search(r"(?<![\w'])([A-D])(?=[ \t]*(?:[).:,*\]]|$))", text, re.I | re.M)
    found = said or alone
    return found[1].upper() if found else None
    ### END SOLUTION


# %%
extract_choice("A) is wrong. The answer is c"), extract_choice("a dog")  # try it

# %% nbgrader={"grade_id": "test-8-1", "points": 2}
### BEGIN HIDDEN TESTS
import re

from course.checking import expect_each, told_apart
from course.cohort import rng

r = rng("8.1")

AFTER_ANSWER = r"\banswer(?:\s|\bis\b|[:(\[*])*(?<![\w'])([a-dA-D])(?![\w'])"
MARKED = r"(?<![\w'])([a-dA-D])(?=[ \t]*(?:[).:,*\]]|$))"
ALONE = r"(?<![\w'])([a-dA-D])(?![\w'])"
CAPITAL = {AFTER_ANSWER: AFTER_ANSWER.replace("[a-dA-D]", "[A-D]"), MARKED: MARKED.replace("[a-dA-D]", "[A-D]")}


def reader(*patterns, flags=re.M, at=0, told=str.upper, otherwise=None):
    """The first (or last) letter of the first pattern that is found."""

    def answer(text):
        for pattern in patterns:
            pattern = pattern.replace(r"\banswer", r"\b(?i:answer)").replace(r"\bis", r"\b(?i:is)")
            if found := re.findall(pattern, text, flags):
                return told(found[at])
        return otherwise

    return answer


right = reader(AFTER_ANSWER, MARKED)
ideas = {
    "8.1/last_letter": ("the first such letter counts, not the last",
                        *(reader(*p, at=-1) for p in ((AFTER_ANSWER, MARKED), (MARKED,), (ALONE,), (AFTER_ANSWER, ALONE)))),
    "8.1/any_letter_alone": ("a word of one letter is no choice: look at what follows it",
                             reader(ALONE), reader(AFTER_ANSWER, ALONE)),
    "8.1/answer_ignored": ("the letter after the word \"answer\" goes before all others", reader(MARKED)),
    "8.1/letters_of_words": ("a letter inside a word is no choice",
                             *(reader(*p, pattern) for p in ((), (AFTER_ANSWER,)) for pattern in ("([A-D])", "([a-dA-D])"))),
    "8.1/capitals_only": ("a small letter is a choice, too",
                          reader(CAPITAL[AFTER_ANSWER], CAPITAL[MARKED]), reader(CAPITAL[MARKED])),
    "8.1/as_written": ("return a capital, also for a small letter", reader(AFTER_ANSWER, MARKED, told=str)),
    "8.1/guesses": ("a text that chooses nothing gives None: a guess is no answer", *(
        reader(AFTER_ANSWER, MARKED, otherwise=letter) for letter in ("A", ""))),
    "8.1/end_of_text_only": ("the end of any line will do, not only of the last", reader(AFTER_ANSWER, MARKED, flags=0)),
}


def draw():
    a, b, c, d = ("ABCD"[i] for i in r.permutation(4))
    small = c.lower()
    return [(text,) for text in (
        f"{a}", f"{small})", f"({small}) Paris", f"{a}) Paris, not {b}.", f"The answer is {d}.", f"{a}) is wrong. The answer is {small}",
        "I am not sure.", "a dog and a cat", f"**{b}**", f"{b}. No: the ANSWER: ({a})", "e) none", "", "Because it is cold", "Dogs bark",
        f"A cat. {b} is wrong", f"Let's see\n{c}\nor so", f"it's {small}.", f"{a}, {b} or {c}?", f"The answer is not {d}), my answer: **{a}**",
        f"Vitamin {a}12, {b}4. Room 3{c}) and I'{d}: no", f"[{d}] I say", f"{b} : yes", f"I'd say {a} \nor not", "The answer changes daily",
        f"answer {c} or {d})", f"Cab 4{a}\n{d}", f"Answer is: [{b}], not {a}:", f"{b}) no. Answer:\n{a} I say",
    )]


expect_each(extract_choice, told_apart(draw, right, ideas)).equals(right, wrong=ideas)
### END HIDDEN TESTS
assert extract_choice("A) is wrong. The answer is c") == "C", "\"answer\" goes first"
assert extract_choice("a dog") is None, "a word is no choice"

# %% tags=["raises-exception"]
read = [extract_choice(text) for text in letters.text]
hits = [letter is not None and "ABCD".index(letter) == LABELS[item]
        for letter, item in zip(read, letters.item, strict=True)]
source = "your extract_choice of the recorded texts"
lab.reveal("letters_right", 100 * float(np.mean(hits)), "%", source)
for letter in ("A", "B", "C", "D", None):
    print(f"{letter!s:4s} is read from {read.count(letter):3d} of {len(read)} texts")
likeliest = letters[[f"logprob_{i}" for i in range(4)]].to_numpy().argmax(1)
print(f"To the model A is likeliest in {(likeliest == 0).sum()} of {len(read)}")

# %% [markdown]
# A model that is right less often than a guess is measured by the wrong instrument: this one likes the letter A,
# whatever stands behind it. It is too small for the *form*. What it knows shows otherwise.

# %% [markdown]
# ## 2 · Ask for probabilities
#
# Let it write nothing. After the question, add up the log-probabilities of the tokens of each choice, and take the
# choice with the largest sum. Nothing has to be read from a text, and every item gets an answer.
#
# The same item can still be asked in many ways. These are three.

# %% nbgrader={"grade_id": "given-prompts"}
SHOWN = [
    ("What is 3 + 1?", "4"),
    ("Tom has a gray coat. Sue has a purple coat. What color is the coat of Sue?",
     "purple"),
    ("Which of these is a vegetable: chair, carrot, river, cloud?", "carrot"),
]
ASKED = "Question: {}\nAnswer:"


def turn(role, text):
    """A turn of a chat, as this model was taught it."""
    return f"<|im_start|>{role}\n{text}<|im_end|>\n"


examples = "".join(f"{ASKED.format(q)} {answer}\n\n" for q, answer in SHOWN)
turns = turn("system", "Answer with one word or one number.") + "".join(
    turn("user", question) + turn("assistant", answer) for question, answer in SHOWN)
PROMPTS = {  # what comes before all items, around each, and before each choice
    "examples": (examples, ASKED, " "),
    "zero-shot": ("", ASKED, " "),
    "chat": (turns, turn("user", "{}") + "<|im_start|>assistant\n", ""),
}
print(examples + ASKED.format(OLD[0].question))

# %% [markdown]
# **Predict** in how many per cent of the items the 16-bit model gives the right choice the largest sum, with the worked
# examples before it: `lab.predict("right_answers", low, high, "%")`. Guessing gives a quarter.
#
# Then the next cell asks 200 items in three ways of two types: some two minutes on two quiet cores. If your machine is
# slow, set `EVERY = 2`: every other item of each template.

# %% nbgrader={"grade_id": "predict-right_answers"}
### BEGIN SOLUTION
lab.predict("right_answers", 40, 75, "%")
### END SOLUTION

# %% nbgrader={"grade_id": "given-asking"}
def chosen_by(file, config, items):
    """Which choice has the largest sum, item by item: "3120…"."""
    from course.llama import choices

    before, around, space = PROMPTS[config.split(", ")[1]]
    asked = [
        choices.Question(around.format(item.question),
                         tuple(space + choice for choice in choices_of(item)))
        for item in items
    ]
    told = progress.line(config)
    sums = [[sum(choice) for choice in scores]
            for scores in choices.score(file, asked, before=before, report=told)]
    return "".join(str(of_item.index(max(of_item))) for of_item in sums)


def is_right(chosen, items):
    """Item by item whether the choice is the right one."""
    return np.array([int(c) == i.label for c, i in zip(chosen, items, strict=True)])


# %%
def ask_both(items, prompts):
    """What F16 and Q4_0 choose under each prompt, and the bytes of their weights."""
    import tempfile
    from pathlib import Path

    from course.llama import quantize, tensors

    f16, found, sizes = models.path("smollm2-f16"), {}, {}
    with tempfile.TemporaryDirectory() as folder:
        q4 = quantize.quantize(f16, Path(folder) / "q4.gguf", to="Q4_0")
        for kind, file in (("F16", f16), ("Q4_0", q4)):
            sizes[kind] = tensors.weight_bytes(file)
            for prompt in prompts:
                config = f"{kind}, {prompt}"
                found[config] = chosen_by(file, config, items)
    return found, sizes


# %% tags=["raises-exception"]
EVERY = 1
chosen, sizes = {}, {}


def ask_old():
    """Per cent right of both types under each prompt; the choices go into `chosen`."""
    found, bytes_of = ask_both(OLD[::EVERY], PROMPTS)
    chosen.update(found)
    sizes.update(bytes_of)
    return {config: [100 * is_right(each, OLD[::EVERY]).mean()]
            for config, each in found.items()}


lab.measure("right_answers", ask_old, unit="%", chosen=chosen,
            every=EVERY, weight_bytes=sizes);

# %% nbgrader={"grade_id": "given-answers"}
answers = lab.record("right_answers")
these = OLD[::answers["every"]]
templates = [item.template for item in these]
correct = {config: is_right(each, these) for config, each in answers["chosen"].items()}

print(f"of {len(these)} items, on {lab.whose(answers)}:\n")
print("              F16   Q4_0")
for prompt in PROMPTS:
    shares = [100 * correct[f"{kind}, {prompt}"].mean() for kind in ("F16", "Q4_0")]
    print(f"{prompt:10s} {shares[0]:4.1f} % {shares[1]:4.1f} %")
ratio = answers["weight_bytes"]["F16"] / answers["weight_bytes"]["Q4_0"]
print(f"\nQ4_0 has {ratio:.1f} times fewer bytes.")

# %% [markdown]
# Compare the two directions of your table. Down a column one model answers the same items, and only the words around
# them change; along a row the words stay, and the model loses most of its bits. A benchmark's figure belongs to its
# prompt as much as to its model.

# %% [markdown]
# ## 3 · How far is that from the truth?
#
# Other items would have given another figure. Let p be the share of *all* such items that the model gets right; you saw
# k of n. The textbook's interval, Wald's, is k/n ± 1.96·√(k/n·(1 − k/n)/n). For 0 of 10 that is 0 ± 0: never right, and
# sure of it.
#
# Wilson keeps every p to which k of n is no surprise: |k/n − p| ≤ z·√(p(1 − p)/n).

# %% [markdown] nbgrader={"grade_id": "ex-8-2-task"}
# **Exercise 8.2 (2 points).** `wilson_interval(k, n, z=1.96)` returns `(low, high)`: the two p for which |k/n − p| is
# exactly z·√(p(1 − p)/n), give or take a last digit. For k = 0 low is 0, for k = n high is 1. Raise `ValueError` unless
# n ≥ 1 and 0 ≤ k ≤ n. 3 of 20 give about (0.0524, 0.3604).
#
# <details><summary>Hint</summary>Square both sides, and sort by powers of p.</details>

# %% nbgrader={"grade_id": "ex-8-2"}
def wilson_interval(k, n, z=1.96):
    """(low, high) for the share of which k of n were seen."""
    ### BEGIN SOLUTION
    if n < 1 or not 0 <= k <= n:
        raise ValueError(f"{k} of {n}: k goes from 0 to n, and n is at least 1")
    share, shrink = k / n, 1 + z**2 / n
    middle = (share + z**2 / (2 * n)) / shrink
    half = z / shrink * math.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return max(0.0, middle - half), min(1.0, middle + half)
    ### END SOLUTION


# %%
wilson_interval(3, 20), wilson_interval(0, 10)  # try it

# %% nbgrader={"grade_id": "test-8-2", "points": 2}
### BEGIN HIDDEN TESTS
from course.checking import NOTHING_REFUSED, expect_each, told_apart
from course.cohort import rng

r = rng("8.2")


def wald(k, n, z=1.96):
    p = k / n
    half = z * math.sqrt(p * (1 - p) / n)
    return p - half, p + half


def agresti_coull(k, n, z=1.96):
    return wald(k + z**2 / 2, n + z**2, z)


def wilson(k, n, z=1.96, *, centre=True, corner=True, shrink=True, n_of_half=1):
    p, c = k / n, 1 + z**2 / n if shrink else 1
    middle = (p + z**2 / (2 * n)) / c if centre else p
    half = z / c * math.sqrt(p * (1 - p) / n + (z**2 / (4 * n**2) if corner else 0)) * n_of_half
    return middle - half, middle + half


def right(k, n, z=1.96):
    if n < 1 or not 0 <= k <= n:
        raise ValueError(k)
    return wilson(k, n, z)


def also_clipped(body):
    return body, lambda *a: tuple(min(1.0, max(0.0, p)) for p in body(*a))


ideas = {
    "8.2/wald": ("that is Wald's interval: the spread is to be that of p, not of k/n", *also_clipped(wald)),
    "8.2/agresti_coull": ("that is Agresti and Coull's: near, but not the two p of the task", *also_clipped(agresti_coull)),
    "8.2/centre_not_moved": ("the middle of the two p is not k/n: it lies nearer to one half",
                             *also_clipped(lambda *a: wilson(*a, centre=False))),
    "8.2/not_shrunk": ("the factor of p² is 1 + z²/n: divide by it", *also_clipped(lambda *a: wilson(*a, shrink=False))),
    "8.2/z_ignored": ("z says how sure: it is not always 1.96", *also_clipped(lambda k, n, z=1.96: wilson(k, n))),
    "8.2/half_width": ("low and high are asked, not the middle and the half width",
                       lambda *a: (sum(wilson(*a)) / 2, (wilson(*a)[1] - wilson(*a)[0]) / 2)),
    "8.2/percent": ("shares are asked, not per cent", lambda *a: tuple(100 * p for p in wilson(*a))),
}


def draw():
    n = r.whole(15, 40)
    return [(r.whole(2, 5), n), (n - r.whole(2, 5), n, r.number(2.3, 3.1)), (r.whole(90, 160), 200), (r.whole(300, 900), 1000, r.number(1.0, 1.7)),
            (1, r.whole(2, 4)), (r.whole(1, 3), r.whole(300, 900), r.number(1.5, 2.5))]


expect_each(wilson_interval, told_apart(draw, right, ideas)).close_to(right, wrong=ideas)
edges = [(0, r.whole(8, 12)), (n := r.whole(8, 30), n), (0, 1), (1, 1, r.number(1.2, 2.8)), (0, r.whole(100, 900), 1.0)]
rounded = expect_each(wilson_interval, edges).look("the interval, rounded to 10 digits,", lambda pair: [round(float(p), 10) for p in pair])
rounded.close_to(lambda *a: [round(p, 10) for p in right(*a)], rel_tol=1e-7, wrong={
    idea: (message, *(lambda *a, body=body: [round(p, 10) for p in body(*a)] for body in bodies)) for idea, (message, *bodies) in ideas.items()
})
nonsense = [(0, 0), (-1, 10), (11, 10), (3, -5), (1, 0)]
expect_each(wilson_interval, nonsense).raises(ValueError, wrong={
    "8.2/nothing_refused": ("a k below 0 or above n, and an n below 1, are refused by a ValueError", NOTHING_REFUSED),
})
### END HIDDEN TESTS
low, high = wilson_interval(3, 20)
assert isclose(low, 0.0524, abs_tol=1e-4), "the worked example"
assert isclose(high, 0.3604, abs_tol=1e-4), "the worked example"

# %% [markdown]
# Who else says so? The next cell asks scipy, and puts Wald's interval beside.

# %% tags=["raises-exception"]
from scipy.stats import binomtest

seen = correct["F16, examples"]
for k, n in ((int(seen.sum()), len(seen)), (124, 200), (3, 20), (0, 10)):
    wald = 1.96 * math.sqrt(k / n * (1 - k / n) / n)
    theirs = binomtest(k, n).proportion_ci(method="wilson")
    mine = wilson_interval(k, n)
    print(f"{k} of {n}: yours {mine[0]:.4f} to {mine[1]:.4f}, "
          f"scipy's {theirs.low:.4f} to {theirs.high:.4f}, "
          f"Wald's {k / n - wald:.4f} to {k / n + wald:.4f}")

# %% [markdown]
# With hundreds of items and a share near the middle every formula says the same. They part where little was seen, or
# where nearly all is right: where benchmarks end up.

# %% [markdown]
# ## 4 · What was assumed?
#
# That each item is a new trial, independent of the others. Look at your answers template by template.

# %%
seen = {config: correct[config] for config in ("F16, examples", "Q4_0, examples")}
names = list(dict.fromkeys(templates))
of_template = {name: np.array([t == name for t in templates]) for name in names}
print(f"{'right of each template':24s}  F16  Q4_0")
for name, here in of_template.items():
    counts = [f"{each[here].sum():4d}" for each in seen.values()]
    print(f"{name:24s} {'  '.join(counts)}  of {here.sum()}")

# %% [markdown]
# If items were independent, each template would be right about as often as all are. Templates that are always right, or
# hardly ever, hold one piece of knowledge each: their second item tells little that the first did not. How many trials
# did you really see: as many as there are items, or 20?

# %% [markdown]
# Measure the spread between *templates* instead. Items of one template may then be as alike as they like.
#
# Let x be 1 for a right answer and 0 for a wrong one, p the mean of all n, and d the sum of x − p over the items of one
# template. A template that is like the others has a d near 0.

# %% [markdown] nbgrader={"grade_id": "ex-8-3-task"}
# **Exercise 8.3 (2 points).** `clustered_interval(results)` returns the ends p ∓ t·√(G/(G − 1)·Σd²)/n, low and high,
# with t = `t_quantile(0.975, G − 1)`. `results` lists n pairs (template, x) in any order; x is 0 or 1, or in a
# comparison −1, 0 or 1. The G templates may differ in size. The ends may leave 0 … 1. Raise `ValueError` if G < 2. The
# worked example in the next cells gives about (−0.7421, 1.7421).

# %% nbgrader={"grade_id": "ex-8-3"}
def clustered_interval(results):
    """(low, high) for the mean, by the spread between templates."""
    ### BEGIN SOLUTION
    mean = sum(x for _, x in results) / len(results) if results else 0.0
    sums = {}
    for template, x in results:
        sums[template] = sums.get(template, 0.0) + x - mean
    if len(sums) < 2:
        raise ValueError(f"items of at least 2 templates are needed, got {len(sums)}")
    n_templates, n = len(sums), len(results)
    squares = sum(d * d for d in sums.values())
    error = math.sqrt(n_templates / (n_templates - 1) * squares) / n
    half = t_quantile(0.975, n_templates - 1) * error
    return mean - half, mean + half
    ### END SOLUTION


# %%
clustered_interval(  # try it
    [("a", 1), ("a", 1), ("b", 0), ("b", 1), ("c", 0), ("c", 0)])

# %% nbgrader={"grade_id": "test-8-3", "points": 2}
### BEGIN HIDDEN TESTS
from itertools import groupby

from course.checking import NOTHING_REFUSED, expect, expect_each, told_apart
from course.cohort import rng

r = rng("8.3")


def by_template(results):
    groups = {}
    for template, x in results:
        groups.setdefault(template, []).append(float(x))
    return list(groups.values())


def by_run(results):
    return [[float(x) for _, x in run] for _, run in groupby(results, key=lambda pair: pair[0])]


def t_of(groups, n):
    return t_quantile(0.975, len(groups) - 1)


def clustered(results, *, grouped=by_template, factor=lambda G: G / (G - 1), quantile=t_of, told=lambda low, high: (low, high)):
    groups, n = grouped(results), len(results)
    p = sum(map(sum, groups)) / n
    error = math.sqrt(factor(len(groups)) * sum(sum(x - p for x in group) ** 2 for group in groups)) / n
    half = quantile(groups, n) * error
    return told(p - half, p + half)


def by_means(results, *, middle_of_means=True):
    groups = by_template(results)
    means = np.array([np.mean(group) for group in groups])
    middle = means.mean() if middle_of_means else np.mean([x for _, x in results])
    half = t_of(groups, len(results)) * means.std(ddof=1) / math.sqrt(len(means))
    return middle - half, middle + half


def independent(results, *, ddof=1, quantile=lambda n: 1.96):
    x = np.array([x for _, x in results], float)
    half = quantile(len(x)) * x.std(ddof=ddof) / math.sqrt(len(x))
    return float(x.mean() - half), float(x.mean() + half)


def within(results):
    groups, n = by_template(results), len(results)
    p = sum(map(sum, groups)) / n
    half = t_of(groups, n) * math.sqrt(sum(sum((x - sum(g) / len(g)) ** 2 for x in g) for g in groups)) / n
    return p - half, p + half


def squared_first(results, *, factor=True):
    groups, n = by_template(results), len(results)
    G, p = len(groups), sum(map(sum, groups)) / n
    half = t_of(groups, n) * math.sqrt((G / (G - 1) if factor else 1) * sum((x - p) ** 2 for g in groups for x in g)) / n
    return p - half, p + half


def wilson_of_all(results):
    k, n, z = sum(x for _, x in results), len(results), 1.96
    p, c = k / n, 1 + z**2 / n
    half = z / c * math.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    return (p + z**2 / (2 * n)) / c - half, (p + z**2 / (2 * n)) / c + half


def right(results):
    if len(by_template(results)) < 2:
        raise ValueError("one template")
    return clustered(results)


NORMAL = [lambda *_: 1.96, lambda *_: z_quantile(0.975), lambda *_: 2.0]
ideas = {
    "8.3/independent": ("that takes every item for a trial of its own: add up x - p over a template before you square", wilson_of_all, *(
        lambda results, ddof=ddof, q=q: independent(results, ddof=ddof, quantile=q)
        for ddof in (0, 1) for q in (*NORMAL, lambda n: t_quantile(0.975, n - 1)))),
    "8.3/squared_first": ("add up x - p over the items of a template, then square: not the other way round",
                          squared_first, lambda results: squared_first(results, factor=False)),
    "8.3/normal_quantile": ("G templates have G - 1 degrees of freedom: t is larger than 1.96",
                            *(lambda results, q=q: clustered(results, quantile=q) for q in NORMAL)),
    "8.3/factor_left_out": ("where is G/(G - 1)?", lambda results: clustered(results, factor=lambda G: 1.0)),
    "8.3/factor_of_items": ("the factor is of the templates, G/(G - 1), not of the items",
                            lambda results: clustered(results, factor=lambda G: len(results) / (len(results) - 1))),
    "8.3/mean_of_means": ("p is the mean over all items: templates are not equally large",
                          by_means, lambda results: by_means(results, middle_of_means=False)),
    "8.3/items_as_freedom": ("the degrees of freedom are of the templates, G - 1, not of the items",
                             lambda results: clustered(results, quantile=lambda groups, n: t_quantile(0.975, n - 1))),
    "8.3/one_freedom_too_many": ("the degrees of freedom are G - 1",
                                 lambda results: clustered(results, quantile=lambda groups, n: t_quantile(0.975, len(groups)))),
    "8.3/one_sided": ("95 % between low and high leave 2.5 % on each side",
                      lambda results: clustered(results, quantile=lambda groups, n: t_quantile(0.95, len(groups) - 1))),
    "8.3/neighbours_only": ("items of a template need not stand together: collect them first", lambda results: clustered(results, grouped=by_run)),
    "8.3/within": ("x - p is the distance from the mean of all, not from the template's own", within),
    "8.3/clipped": ("low and high are not cut off at 0 and 1", lambda results: clustered(
        results, told=lambda low, high: (max(0.0, low), min(1.0, high)))),
    "8.3/half_width": ("low and high are asked", lambda results: clustered(results, told=lambda low, high: ((low + high) / 2, (high - low) / 2))),
}


def mixed(sizes, values, *, prefix="t", together=False):
    """Items of templates that are unlike each other, in no order, or template by template."""
    results = []
    for number, size in enumerate(sizes):
        likely = r.dirichlet([0.5] * len(values))
        results += [(f"{prefix}{number}", values[int(r.choice(len(values), p=likely))]) for _ in range(size)]
    return results if together else [results[i] for i in r.permutation(len(results))]


def draw(values):
    def once():
        return [(mixed([3, r.whole(2, 3), r.whole(1, 2)], values),),  # as long as a message shows whole
                (mixed([r.whole(1, 7) for _ in range(r.whole(4, 6))], values),), (mixed([r.whole(6, 9), r.whole(2, 4)], values, prefix="in "),),
                (mixed([4] * r.whole(5, 8), values, together=True),), (mixed([r.whole(1, 12) for _ in range(20)], values),)]

    return once


expect_each(clustered_interval, cases := told_apart(draw([0, 1]), right, ideas, rel_tol=1e-6)).close_to(right, wrong=ideas, rel_tol=1e-6)
of_pairs = {idea: given for idea, given in ideas.items() if idea != "8.3/independent"}
expect_each(clustered_interval, told_apart(draw([-1, 0, 1]), right, of_pairs, rel_tol=1e-6)).close_to(right, wrong=of_pairs, rel_tol=1e-6)
expect_each(clustered_interval, [(mixed([5], [0, 1]),), ([("only", 1)],)]).raises(ValueError, wrong={
    "8.3/nothing_refused": ("one template has no spread between templates: raise a ValueError", NOTHING_REFUSED),
})
expect(clustered_interval, *cases[0]).keeps_arguments()
### END HIDDEN TESTS
low, high = clustered_interval(
    [("a", 1), ("a", 1), ("b", 0), ("b", 1), ("c", 0), ("c", 0)])
assert isclose(low, -0.7421, abs_tol=1e-4), "the worked example: d is 1, 0 and -1"
assert isclose(high, 1.7421, abs_tol=1e-4), "the worked example: d is 1, 0 and -1"

# %% [markdown]
# ### Which interval keeps its promise?
#
# Only where the truth is known can you count how often an interval holds it. So make 400 sets of 20 templates with 10
# items, of a model that is right for 60 % of all. Each template has its own difficulty; its items correlate with 0.3.
#
# **Predict** in how many per cent of the sets *Wilson's* 95 % interval holds 60 %:
# `lab.predict("wilson_coverage", low, high, "%")`.

# %% nbgrader={"grade_id": "predict-wilson_coverage"}
### BEGIN SOLUTION
lab.predict("wilson_coverage", 55, 90, "%")
### END SOLUTION

# %% nbgrader={"grade_id": "given-simulated"}
def simulated(n_sets, n_templates, n_each, share, correlation):
    """Sets of (template, x), of a model that is right in `share` of all items."""
    rng = np.random.default_rng(8)
    firmness = (1 - correlation) / correlation
    for _ in range(n_sets):
        easy = rng.beta(share * firmness, (1 - share) * firmness, n_templates)
        x = rng.random((n_templates, n_each)) < easy[:, None]
        yield [(number, int(hit)) for number, row in enumerate(x) for hit in row]


def holding(intervals, truth):
    """In how many per cent of the intervals the truth is."""
    return 100 * float(np.mean([low <= truth <= high for low, high in intervals]))


# %% tags=["raises-exception"]
source = "your wilson_interval on 400 simulated sets"
sets = list(simulated(400, 20, 10, 0.6, 0.3))
plain = [wilson_interval(sum(x for _, x in each), len(each)) for each in sets]
lab.reveal("wilson_coverage", holding(plain, 0.6), "%", source)
by_template = [clustered_interval(each) for each in sets]
print(f"by template: {holding(by_template, 0.6):.0f} %")
few = list(simulated(400, 10, 20, 0.6, 0.3))
plain = [wilson_interval(sum(x for _, x in each), len(each)) for each in few]
by_template = [clustered_interval(each) for each in few]
print(f"10 templates with 20 items each: {holding(plain, 0.6):.0f} %"
      f" and {holding(by_template, 0.6):.0f} %")

# %% [markdown]
# An interval that should miss in one of twenty sets misses in every third. By template it nearly keeps its promise, at
# a price: it is wider. The **design effect** is how many times the variance is larger. A set of 200 with a design
# effect of 4 is worth 50 independent items.
#
# Now your own answers.

# %% nbgrader={"grade_id": "given-effect"}
def width(interval):
    return interval[1] - interval[0]


def as_if_independent(x):
    """The 95 % interval of a mean whose items are independent."""
    half = z_quantile(0.975) * x.std(ddof=1) / math.sqrt(len(x))
    return x.mean() - half, x.mean() + half


def two_intervals(hits):
    """Wilson's, and the one by template."""
    by_template = clustered_interval(list(zip(templates, map(int, hits), strict=True)))
    return wilson_interval(int(hits.sum()), len(hits)), by_template


# %% tags=["raises-exception"]
for config, hits in correct.items():
    wilson, by_template = two_intervals(hits)
    effect = (width(by_template) / width(wilson)) ** 2
    print(f"{config:15s} {100 * hits.mean():4.1f} %; design effect {effect:4.1f}:"
          f" worth {len(hits) / max(effect, 0.01):.0f} independent items")

# %% tags=["raises-exception"]
both = {config: two_intervals(hits) for config, hits in correct.items()}
fig, ax = plt.subplots(figsize=(8, 4.4))
for row, (config, (wilson, by_template)) in enumerate(both.items()):
    mean = 100 * correct[config].mean()
    for ends, look in ((wilson, {"color": plots.BLUE, "lw": 8, "alpha": 0.5}),
                       (by_template, {"color": plots.ORANGE, "lw": 2})):
        ax.plot(100 * np.array(ends), [row, row], "-", marker="", **look)
    ax.plot(mean, row, "o", color=plots.BLACK)
first = 100 * np.array(both["F16, examples"])
ax.annotate("by template", (first[1][1], 0), (6, -4), textcoords="offset points",
            color=plots.ORANGE)
ax.annotate("Wilson", (first[0].mean(), 0), (0, 10), textcoords="offset points",
            ha="center", color=plots.BLUE)
ax.axvline(100 * guessing, color="grey", lw=1, ls="-", marker="")
ax.annotate("guessing", (100 * guessing, 5.75), (4, 0), textcoords="offset points",
            color="grey")
ax.set(xlabel="right answers (%)", ylim=(5.9, -0.9), yticks=range(6))
ax.set_yticklabels(both)
ax.grid(axis="y", visible=False)
ax.margins(x=0.25)
times = [width(t) / width(w) for w, t in both.values()]
ax.set_title(f"By template, intervals are {min(times):.1f} to {max(times):.1f} times "
             f"as wide ({lab.whose(answers)})")
plots.show(fig, alt="For two types and three prompts the share of right answers, with "
           "Wilson's interval and the one by template, and the share of a guess.")

# %% [markdown]
# Each black dot is a share of right answers. Do two rows differ? That their intervals overlap is no answer, however
# long they are: all rows answered *the same items*.

# %% [markdown]
# ## 5 · The same items: compare in pairs
#
# An item that both types get right, or both wrong, says nothing of their difference. What counts are the items that
# only one gets right: b of them only F16, c only Q4_0. If neither is better, each of these fell to its side like a fair
# coin. This is McNemar's test, in its exact form.

# %% [markdown] nbgrader={"grade_id": "ex-8-4-task"}
# **Exercise 8.4 (2 points).** `mcnemar_p(b, c)` returns twice the probability that of b + c throws of a fair coin at
# most min(b, c) show heads; at most 1. Each of b and c is a whole number from 0 to 250. 5 and 15 give about 0.04139; no
# items at all give 1.
#
# <details><summary>Hint</summary>`math.comb(n, i) / 2**n` is the probability of exactly i heads.</details>

# %% nbgrader={"grade_id": "ex-8-4"}
def mcnemar_p(b, c):
    """How often fair coins are as uneven as b against c, or more so."""
    ### BEGIN SOLUTION
    n = b + c
    ways = sum(math.comb(n, heads) for heads in range(min(b, c) + 1))
    return min(1.0, 2 * ways / 2**n)
    ### END SOLUTION


# %%
mcnemar_p(5, 15), mcnemar_p(0, 0)  # try it

# %% nbgrader={"grade_id": "test-8-4", "points": 2}
### BEGIN HIDDEN TESTS
from statistics import NormalDist

from course.checking import expect, expect_each, told_apart
from course.cohort import rng

r = rng("8.4")


def at_most(k, n):
    return sum(math.comb(n, i) for i in range(k + 1)) / 2**n


def of_z(z):
    return 2 * (1 - NormalDist().cdf(z)) if z >= 0 else 1.0


def right(b, c):
    return min(1.0, 2 * at_most(min(b, c), b + c))


def chi(b, c, *, less=0, floor=True):
    gap = abs(b - c) - less
    return of_z((max(0, gap) if floor else abs(gap)) / math.sqrt(b + c))


ideas = {
    "8.4/one_sided": ("that is one side: it could have been as uneven the other way", lambda b, c: at_most(min(b, c), b + c)),
    "8.4/above_one": ("twice the smaller half may be more than 1: a probability is not", lambda b, c: 2 * at_most(min(b, c), b + c)),
    "8.4/chi_square": ("that is the normal approximation: count the throws exactly", chi, lambda b, c: math.erfc(abs(b - c) / math.sqrt(2 * (b + c)))),
    "8.4/continuity": ("that is the approximation with a continuity correction: count the throws exactly",
                       lambda b, c: chi(b, c, less=1), lambda b, c: chi(b, c, less=1, floor=False), lambda b, c: chi(b, c, less=0.5)),
    "8.4/mid_p": ("that counts half of the outcome that was seen: all of it is asked",
                  lambda b, c: 2 * at_most(min(b, c), b + c) - math.comb(b + c, b) / 2 ** (b + c)),
    "8.4/tail_of_b": ("the smaller of b and c decides, whichever it is",
                      lambda b, c: min(1.0, 2 * at_most(b, b + c)), lambda b, c: min(1.0, 2 * at_most(c, b + c))),
    "8.4/exactly": ("as uneven *or more so*: add up all outcomes from 0 on",
                    lambda b, c: min(1.0, 2 * math.comb(b + c, b) / 2 ** (b + c)), lambda b, c: 2 * math.comb(b + c, b) / 2 ** (b + c)),
    "8.4/below": ("at most min(b, c): that one counts, too",
                  *(lambda b, c, most=most: min(most, 2 * at_most(min(b, c) - 1, b + c)) for most in (1.0, math.inf))),
}


def draw():
    small, large, even = r.whole(4, 9), r.whole(16, 25), r.whole(3, 9)
    return [(small, large), (r.whole(28, 45), r.whole(10, 20)), (even, even), (0, r.whole(4, 7)), (r.whole(3, 5), 0), (r.whole(180, 215), r.whole(216, 250)),
            (even, even + 1)]


expect_each(mcnemar_p, told_apart(draw, right, ideas)).close_to(right, wrong=ideas)
expect(mcnemar_p, 0, 0).close_to(1.0, wrong={
    "8.4/no_throws": ("no items at all: nothing is uneven, p is 1", ZeroDivisionError, ValueError, math.nan, 0.0, 2.0),
})
### END HIDDEN TESTS
assert isclose(mcnemar_p(5, 15), 0.04139, abs_tol=1e-5), "the worked example"
assert mcnemar_p(0, 0) == 1, "nothing seen, nothing shown"

# %% nbgrader={"grade_id": "given-pairs"}
def pairs(correct, prompt):
    """b, c, and for each item F16 less Q4_0: 1, 0 or -1."""
    f16, q4 = (correct[f"{kind}, {prompt}"].astype(int) for kind in ("F16", "Q4_0"))
    return int((f16 > q4).sum()), int((q4 > f16).sum()), f16 - q4


def points(interval):
    """An interval in percentage points."""
    return f"{100 * interval[0]:+5.1f} to {100 * interval[1]:+5.1f}"


# %% tags=["raises-exception"]
print("F16 less Q4_0, in percentage points\n")
print("            only  only           McNemar         independent")
print("             F16  Q4_0   points        p               items      by template")
for prompt in PROMPTS:
    b, c, less = pairs(correct, prompt)
    wide = clustered_interval(list(zip(templates, less, strict=True)))
    print(f"{prompt:12s} {b:3d} {c:5d} {100 * less.mean():8.1f} {mcnemar_p(b, c):8.3f} "
          f"{points(as_if_independent(less)):>19s} {points(wide):>16s}")

# %% tags=["raises-exception"]
b, c, less = pairs(correct, "examples")
p, wide = mcnemar_p(b, c), clustered_interval(list(zip(templates, less, strict=True)))
low, high = wide
excludes_zero = low > 0 or high < 0
side = "below" if p < 0.05 else "not below"
print(f"With examples: McNemar's p is {p:.3f}, {side} 0.05.")
print("The interval by template", "leaves 0 out." if excludes_zero else "holds 0.")
by_name = {name: int(less[here].sum()) for name, here in of_template.items()}
worst = sorted(by_name, key=by_name.get)[::-1][:3]
print("Q4_0 loses most in", ", ".join(f"{name} ({by_name[name]:+d})" for name in worst))

# %% [markdown]
# McNemar's test compares pairs, and still takes every *item* for a trial of its own. Where its p is small and the
# interval by template holds 0, both are right, of different questions. McNemar: is Q4_0 worse on items from *these*
# templates? By template: would it be worse on *other* templates?
#
# Look at where Q4_0 loses most. If one kind of item carries the difference, you learnt something of that kind, and
# little of the model.

# %% [markdown]
# ## 6 · How many items would do?
#
# Let δ be the true difference, and p_d the share of items that only one of the two gets right. The difference that is
# seen in n items has variance (p_d − δ²)/n; if there is none, p_d/n.
#
# A two-sided test at 5 % finds it with probability `power` if |δ| is at least z(0.975) standard errors *without* a
# difference plus z(power) standard errors *with* it, z being `z_quantile`.

# %% [markdown] nbgrader={"grade_id": "ex-8-5-task"}
# **Exercise 8.5 (stretch, 1 point).** `items_needed(delta, p_discordant, power)` returns the least whole n for which
# |δ| is at least that sum. `delta` may be negative. Raise `ValueError` unless 0 < |δ| ≤ p_d ≤ 1 and 0 < power < 1;
# powers below one half are not tried. A difference of 0.05, with 0.2 of the items discordant, is found with power 0.8
# in 626 items.

# %% nbgrader={"grade_id": "ex-8-5"}
def items_needed(delta, p_discordant, power):
    """Items for a paired comparison to find a difference of delta."""
    ### BEGIN SOLUTION
    if not (0 < abs(delta) <= p_discordant <= 1 and 0 < power < 1):
        raise ValueError(f"no test of a difference of {delta} with {p_discordant} discordant and power {power}")
    without = z_quantile(0.975) * math.sqrt(p_discordant)
    with_it = z_quantile(power) * math.sqrt(p_discordant - delta**2)
    return math.ceil((without + with_it) ** 2 / delta**2)
    ### END SOLUTION


# %%
items_needed(0.05, 0.2, 0.8)  # try it

# %% nbgrader={"grade_id": "test-8-5", "points": 1}
### BEGIN HIDDEN TESTS
from course.checking import NOTHING_REFUSED, expect_each, told_apart
from course.cohort import rng

r = rng("8.5")


def raw(delta, p_d, power, *, alpha=0.975, at_zero=lambda d, p: p, at_delta=lambda d, p: p - d * d, z=z_quantile):
    return (z(alpha) * math.sqrt(at_zero(delta, p_d)) + z(power) * math.sqrt(at_delta(delta, p_d))) ** 2 / delta**2


def digits(n):
    return lambda p: round(z_quantile(p), n)


def needed(**changed):
    return lambda *a: math.ceil(raw(*a, **changed))


def summed(delta, p_d, power):
    return math.ceil((z_quantile(0.975) ** 2 * p_d + z_quantile(power) ** 2 * (p_d - delta**2)) / delta**2)


def right(delta, p_d, power):
    if not (0 < abs(delta) <= p_d <= 1 and 0 < power < 1):
        raise ValueError(delta)
    return math.ceil(raw(delta, p_d, power))


def half(delta, p_d):
    return 0.25


ideas = {
    "8.5/one_proportion": ("that is for one share near one half: a pair's variance is p_d", needed(at_zero=half, at_delta=half)),
    "8.5/two_samples": ("that is for two samples that share no items", needed(at_zero=lambda d, p: 0.5, at_delta=lambda d, p: 0.5)),
    "8.5/discordant_only": ("those are the discordant ones alone: all items are asked",
                            lambda d, p, w: math.ceil(p * raw(d, p, w)), lambda d, p, w: math.ceil(p * right(d, p, w))),
    "8.5/one_sided": ("a two-sided test at 5 % leaves 2.5 % on each side: z(0.975)", needed(alpha=0.95)),
    "8.5/power_ignored": ("power says how surely it is to be found", lambda d, p, w: math.ceil(z_quantile(0.975) ** 2 * p / d**2)),
    "8.5/one_variance": ("with a difference the variance is p_d less its square", needed(at_delta=lambda d, p: p)),
    "8.5/smaller_variance": ("without a difference the variance is p_d", needed(at_zero=lambda d, p: p - d * d)),
    "8.5/squares_added": ("the standard errors add up, and then their sum is squared", summed),
    "8.5/rounded_down": ("the least whole n that is enough: round up", lambda *a: math.floor(raw(*a)), lambda *a: round(raw(*a))),
    "8.5/not_whole": ("items come whole", raw),
    "8.5/rounded_quantiles": ("1.96 and 0.84 are rounded: use z_quantile",
                              *(needed(z=digits(n)) for n in (2, 3)), needed(z=lambda p: 1.96 if p == 0.975 else z_quantile(p)),
                              needed(z=lambda p: 1.96 if p == 0.975 else round(z_quantile(p), 4))),
    "8.5/delta_not_squared": ("n stands under a root: it goes with the square of 1/delta", lambda d, p, w: math.ceil(raw(d, p, w) * abs(d))),
}


def fair(calls):
    """Whether no right n hangs on the last digits."""
    return all(abs(n - round(n)) > 1e-4 for n in (raw(*call) for call in calls))


def draw():
    while True:
        p = r.number(0.1, 0.4, digits=2)
        calls = [(r.number(0.04, 0.09, digits=2), p, 0.8), (-r.number(0.03, 0.08, digits=2), r.number(0.2, 0.5, digits=2), 0.9),
                 (r.number(0.002, 0.009, digits=2), r.number(0.1, 0.3, digits=2), 0.8), (r.number(0.2, 0.4, digits=2), 0.9, 0.5), (0.3, r.number(0.4, 0.8, digits=2), 0.99),
                 (-p, p, 0.7), (0.004, r.number(0.2, 0.6, digits=3), 0.95)]
        if fair(calls):
            return calls


expect_each(items_needed, told_apart(draw, right, ideas, rel_tol=1e-12)).close_to(right, rel_tol=1e-12, wrong=ideas)
expect_each(items_needed, [(1, 1, 0.8), (-0.5, 0.5, 0.9)]).equals(right)
nonsense = [(0, 0.2, 0.8), (0.3, 0.2, 0.8), (-0.3, 0.2, 0.8), (0.1, 1.2, 0.8), (0.1, 0.2, 1), (0.1, 0.2, 0), (0.1, 0.2, 80)]
expect_each(items_needed, nonsense).raises(ValueError, wrong={
    "8.5/nothing_refused": ("a delta of 0, a delta above p_discordant and a power outside 0 to 1 are refused by a ValueError", NOTHING_REFUSED),
})
### END HIDDEN TESTS
assert items_needed(0.05, 0.2, 0.8) == 626, "the worked example"

# %% tags=["raises-exception"]
b, c, less = pairs(correct, "examples")
delta, p_d = float(less.mean()), (b + c) / len(less)
wide = clustered_interval(list(zip(templates, less, strict=True)))
effect = (width(wide) / max(width(as_if_independent(less)), 1e-9)) ** 2
print(f"seen: a difference of {100 * delta:+.1f} points, {100 * p_d:.0f} % discordant, "
      f"design effect {effect:.1f}\n")
for wanted in (abs(delta), 0.05, 0.02, 0.01):
    if 0 < wanted <= p_d:
        n = items_needed(wanted, p_d, 0.8)
        print(f"{100 * wanted:4.1f} points: {n:7,d} independent items, "
              f"{math.ceil(n * max(1, effect)):7,d} like these")

# %% [markdown]
# Half the difference, four times the items. The formula is a normal approximation: McNemar's exact test wants a few per
# cent more. And items "like these" help only as far as new *templates* come with them: a thousand sums more are still
# sums.

# %% [markdown]
# ## 7 · Does the scoring decide?
#
# A sum of log-probabilities falls with each token: long choices start behind. So some divide by the number of tokens,
# others by bytes, which every tokenizer counts alike. Three scores, three "winners".

# %% [markdown] nbgrader={"grade_id": "ex-8-6-task"}
# **Exercise 8.6 (2 points).** `loglik_choice(token_logprobs, texts, norm)` returns the number (from 0) of the choice
# with the largest score; of equals, the first. `token_logprobs` has a list of log-probabilities for each choice,
# `texts` its text. The score is their sum for `norm` "sum"; for "token" it is divided by the number of tokens, for
# "byte" by the length of the text in UTF-8. `[[-1.0, -1.0], [-1.5]]` and `["four", "4"]` give 1, 0 and 0.

# %% nbgrader={"grade_id": "ex-8-6"}
def loglik_choice(token_logprobs, texts, norm):
    """The number of the choice with the largest score."""
    ### BEGIN SOLUTION
    sizes = {
        "sum": [1 for _ in texts],
        "token": [len(logprobs) for logprobs in token_logprobs],
        "byte": [len(text.encode()) for text in texts],
    }[norm]
    scores = [sum(logprobs) / size for logprobs, size in zip(token_logprobs, sizes, strict=True)]
    return scores.index(max(scores))
    ### END SOLUTION


# %%
for norm in ("sum", "token", "byte"):  # try it
    print(norm, loglik_choice([[-1.0, -1.0], [-1.5]], ["four", "4"], norm))

# %% nbgrader={"grade_id": "test-8-6", "points": 2}
### BEGIN HIDDEN TESTS
from course.checking import expect, expect_each, told_apart
from course.cohort import rng

r = rng("8.6")

SIZES = {
    "sum": lambda logprobs, text: 1,
    "token": lambda logprobs, text: len(logprobs),
    "byte": lambda logprobs, text: len(text.encode()),
}


def scored(*, sizes=SIZES, total=sum, best=max, last=False):
    def answer(token_logprobs, texts, norm):
        scores = [total(each) / sizes[norm](each, text) for each, text in zip(token_logprobs, texts, strict=True)]
        found = best(scores)
        return len(scores) - 1 - scores[::-1].index(found) if last else scores.index(found)

    return answer


right = scored()
always = {size: {norm: SIZES[size] for norm in SIZES} for size in SIZES}
ideas = {
    "8.6/characters": ("bytes of UTF-8 are asked, not characters", scored(sizes={**SIZES, "byte": lambda each, text: len(text)})),
    "8.6/bytes_plus_space": ("the text as it is given, no space before it", scored(sizes={**SIZES, "byte": lambda each, text: len(text.encode()) + 1})),
    "8.6/first_token": ("all tokens of a choice count, not the first alone",
                        scored(total=lambda each: each[0]), scored(total=lambda each: each[0], sizes=always["sum"])),
    "8.6/norm_ignored": ("norm says what to divide by", *(scored(sizes=sizes) for sizes in always.values())),
    "8.6/token_for_byte": ("for \"token\" divide by tokens, for \"byte\" by bytes",
                           scored(sizes={**SIZES, "token": SIZES["byte"], "byte": SIZES["token"]})),
    "8.6/smallest": ("log-probabilities are negative: the largest is the likeliest", scored(best=min),
                     scored(total=lambda each: -sum(each))),
    "8.6/probabilities": ("the score is of the log-probabilities, not of the probabilities",
                          scored(total=lambda each: sum(map(math.exp, each))), scored(total=lambda each: math.exp(sum(each)))),
    "8.6/from_one": ("the first choice is number 0", lambda *a: right(*a) + 1),
    "8.6/largest_score": ("the number of the choice is asked, not its score",
                          lambda token_logprobs, texts, norm: max(sum(each) / SIZES[norm](each, text) for each, text in zip(token_logprobs, texts, strict=True))),
    "8.6/text": ("the number of the choice is asked, not its text", lambda logprobs, texts, norm: texts[right(logprobs, texts, norm)]),
}
WORDS = ["no", "4", "hello you", "abcde", "السلام", "été", "دار", "a", "ⴰⵣⵓⵍ", "seventeen", "Zürich", "to the left"]


def asked():
    """Choices whose scores are far apart by every norm."""
    while True:
        texts = [WORDS[i] for i in r.permutation(len(WORDS))[: r.whole(3, 5)]]
        logprobs = [[-r.number(0.1, 3, digits=2) for _ in range(r.whole(1, 4))] for _ in texts]
        tops = [sorted(sum(each) / size(each, text) for each, text in zip(logprobs, texts, strict=True))[-2:] for size in SIZES.values()]
        if all(second < first - 1e-3 for second, first in tops):
            return logprobs, texts


def draw():
    return [(*asked(), norm) for norm, n in (("sum", 5), ("token", 5), ("byte", 14)) for _ in range(n)]


expect_each(loglik_choice, cases := told_apart(draw, right, ideas)).equals(right, wrong=ideas)
equal = [([[-1.0, -0.5], [-0.5, -1.0], [-4.0]], ["left", "west", "up"], "sum"), ([[-3.0], [-0.5], [-0.25, -0.75]], ["north", "ab", "cd"], "token"),
         ([[-2.0], [-1.0], [-4.0]], ["abcd", "ab", "é"], "byte")]
expect_each(loglik_choice, equal).equals(right, wrong={"8.6/last_of_equals": ("of equals, the first", scored(last=True))})
expect(loglik_choice, *cases[0]).keeps_arguments()
### END HIDDEN TESTS
assert [
    loglik_choice([[-1.0, -1.0], [-1.5]], ["four", "4"], norm)
    for norm in ("sum", "token", "byte")
] == [1, 0, 0], "-2 and -1.5; -1 and -1.5; -0.5 and -1.5"

# %% [markdown]
# What does it change? The table `evaluation_answers` has sums and numbers of tokens of each choice, from one machine.
# Its prompts are yours. Its processor is not: F16 comes out as in section 2, Q4_0 may differ by a few items. So compare
# inside this table.

# %% nbgrader={"grade_id": "given-norms"}
BY_ID = {item.id: item for item in ITEMS.itertuples()}
NORMS = ("sum", "token", "byte")


def recorded(kind, prompt, seed):
    """(item, log-probabilities of each choice): each token gets an equal part."""
    rows = RECORDED[(RECORDED.type == kind) & (RECORDED.prompt == prompt)]
    for row in rows[rows.item.str.startswith(str(seed))].itertuples():
        item = BY_ID[row.item]
        sums = [row.logprob_0, row.logprob_1, row.logprob_2, row.logprob_3]
        counts = [row.n_tokens_0, row.n_tokens_1, row.n_tokens_2, row.n_tokens_3]
        n_choices = len(choices_of(item))
        yield item, [[total / n] * int(n)
                     for total, n in list(zip(sums, counts, strict=True))[:n_choices]]


# %% tags=["raises-exception"]
print("right, of 200 items       sum   token    byte")
picks = {}
for kind in ("F16", "Q8_0", "Q4_0"):
    for prompt in ("zero-shot", "examples"):
        found = list(recorded(kind, prompt, 2026))
        labels = np.array([item.label for item, _ in found])
        line = f"{kind + ', ' + prompt:22s}"
        for norm in NORMS:
            numbers = np.array([loglik_choice(logprobs, choices_of(item), norm)
                                for item, logprobs in found])
            picks[kind, prompt, norm] = numbers
            line += f"{100 * (numbers == labels).mean():6.1f} %"
        print(line)
plain = picks["F16", "examples", "sum"]
for norm in ("token", "byte"):
    moved = (picks["F16", "examples", norm] != plain).sum()
    print(f'F16, examples: "{norm}" moves {moved} of {len(plain)} choices')

# %% [markdown]
# The words around an item, what is divided by: each moves a figure by several points, as fewer bits do. So a figure
# that is to be compared names its prompt, its scoring, its items and its software, and is compared with one that has
# the same.

# %% [markdown]
# ## 8 · New items
#
# Your first items suggested a difference, or its absence. The honest test of a suggestion is new items, and a guess
# written down before. The same program makes others from another seed. But are they new? Training data has the same
# question: has the model *seen* the benchmark? The usual check looks for runs of n words.

# %% [markdown] nbgrader={"grade_id": "ex-8-7-task"}
# **Exercise 8.7 (stretch, 1 point).** `contamination_overlap(item, corpus, n=8)`: of the *different* runs of n words in
# the text `item`, the share that also occur inside one of the texts in `corpus`. A word is letters and digits (of any
# alphabet) in a row; all else separates. Compare after `str.casefold()`. Raise `ValueError` if the item has fewer than
# n words. In the worked example below "a red cat" and "red cat sat" occur, "cat sat a" and "sat a red" do not.

# %% nbgrader={"grade_id": "ex-8-7"}
def contamination_overlap(item, corpus, n=8):
    """Share of the item's runs of n words that the corpus has, too."""
    ### BEGIN SOLUTION
    import re

    def runs(text):
        words = re.findall(r"[^\W_]+", text.casefold())
        return {tuple(words[i : i + n]) for i in range(len(words) - n + 1)}

    own = runs(item)
    if not own:
        raise ValueError(f"the item has fewer than {n} words: {item!r}")
    return len(own & set().union(*map(runs, corpus))) / len(own)
    ### END SOLUTION


# %%
corpus = ["One red cat; sat", "red", "a RED cat"]
contamination_overlap("A red cat sat. A red cat!", corpus, 3)  # try it

# %% nbgrader={"grade_id": "test-8-7", "points": 1}
### BEGIN HIDDEN TESTS
import re

from course.checking import NOTHING_REFUSED, expect_each, told_apart
from course.cohort import rng

r = rng("8.7")


def words_of(text):
    return re.findall(r"[^\W_]+", text.casefold())


def runs_of(things, n):
    return [tuple(things[i : i + n]) for i in range(len(things) - n + 1)]


def overlap(item, corpus, n=8, *, words=words_of, kept=set, corpus_of=lambda corpus, words, n: {
        run for text in corpus for run in runs_of(words(text), n)}):
    own = kept(runs_of(words(item), n))
    if not own:
        raise ValueError(item)
    theirs = corpus_of(corpus, words, n)
    return sum(run in theirs for run in own) / len(own)


def in_text(*, apart):
    """Looks for the run as a piece of text."""

    def answer(item, corpus, n=8):
        own = set(runs_of(words_of(item), n))
        texts = [" ".join(words_of(text)) for text in corpus]
        texts = texts if apart else [" ".join(texts)]
        return sum(any(" ".join(run) in text for text in texts) for run in own) / len(own)

    return answer


def joined(corpus, words, n):
    return set(runs_of([word for text in corpus for word in words(text)], n))


def characters(item, corpus, n=8):
    return overlap(item, corpus, n, words=lambda text: text.casefold())


def of_both(item, corpus, n=8):
    own, theirs = set(runs_of(words_of(item), n)), {run for text in corpus for run in runs_of(words_of(text), n)}
    return len(own & theirs) / len(own | theirs)


def by(words):
    return lambda *a: overlap(*a, words=words)


def right(item, corpus, n=8):
    return overlap(item, corpus, n)


ideas = {
    "8.7/substring": ("a run is of whole words: the end of another word is none", in_text(apart=True), in_text(apart=False)),
    "8.7/documents_joined": ("a run lies inside one text: the end of one and the beginning of the next make none",
                             lambda *a: overlap(*a, corpus_of=joined)),
    "8.7/case_kept": ("compare words after casefold", by(lambda text: re.findall(r"[^\W_]+", text))),
    "8.7/punctuation_kept": ("what is no letter and no digit only separates: it belongs to no word",
                             by(lambda text: text.casefold().split()), by(str.split)),
    "8.7/ascii_only": ("letters of all alphabets are letters", by(lambda text: re.findall(r"[a-z0-9]+", text.casefold()))),
    "8.7/digits_left_out": ("a number is a word, too", by(lambda text: re.findall(r"[^\W\d_]+", text.casefold()))),
    "8.7/repeats_counted": ("each different run counts once", lambda *a: overlap(*a, kept=list)),
    "8.7/single_words": ("runs of n words are asked, not words", lambda item, corpus, n=8: overlap(item, corpus, 1)),
    "8.7/characters": ("runs of words are asked, not of characters", characters),
    "8.7/any": ("which share of the runs, not whether there is one", lambda *a: float(right(*a) > 0), lambda *a: right(*a) > 0),
    "8.7/of_both": ("the share is of the item's runs, however large the corpus is", of_both),
    "8.7/count": ("the share of the runs is asked, not their number", lambda item, corpus, n=8: round(right(item, corpus, n) * len(set(runs_of(words_of(item), n))))),
    "8.7/clean_share": ("the share that occurs, not the rest", lambda *a: 1 - right(*a)),
}
PLAIN = ["brown", "grey", "quick", "slow", "small", "fox", "dog", "cat", "hen", "bird", "jumps", "runs", "log", "hill", "river", "over", "near", "lazy"]
OTHER = ["été", "où", "سوق", "كبير", "بيت", "Ελλάδα", "größer", "ⴰⵣⵓⵍ", "naïve", "Öl"]


def draw():
    a, b, c, d, e, f, g, h = (PLAIN[i] for i in r.permutation(len(PLAIN))[:8])
    x, y, z, w = (OTHER[i] for i in r.permutation(len(OTHER))[:4])
    n, m = r.whole(10, 99), r.whole(100, 999)
    fox = (f"The {a} {b} {c.title()} {d} {e} a {f}; the {a} {b} {c}.",
           [f"Bathe {a} {b} {c}es often", f"A {a} {b} {c} {d} {e} a", f"{f}: the {a}", f"{b.title()} {c} {d} ({e}) it"], 3)
    abroad = (f"{x} {y} {z}: {w}, {n} {a}?", [f"- {x} {y} -", f"{z} {w} {n}", f"({y}) {a} {z}!"], 2)
    long = (f"{a} {b} {c} {d} {e} {f} {g} {h} {n} {m}", [f"{x} {a} {b} {c} {d} {e} {f} {g} {h}, {m}", f"{b} {c} {d} {e}", f"{f} {g} {h} {n}"])
    numbers = (f"Is {n} + {m} {a}?", [f"This {n}", f"{m} {a}", f"is {a} of {b}"], 2)
    words = (f"{a} {b}, {A}" if (A := a.upper()) else "", [f"no {a}", f"{c}"], 1)
    return [fox, abroad, long, numbers, words, (f"{a} {b} {c}", [], 2), (f"{a} {b} {c}", [f"{d} {e} {f}"], 2)]


expect_each(contamination_overlap, told_apart(draw, right, ideas)).close_to(right, wrong=ideas)
expect_each(contamination_overlap, [("In der STRASSE liegt Eis", ["in der Straße liegt Schnee"], 3)]).close_to(right, wrong={
    "8.7/lower": ("casefold, not lower: STRASSE and Straße are one word", by(lambda text: re.findall(r"[^\W_]+", text.lower()))),
})
short = [("two words", ["two words, three"], 3), ("one two three four five six seven", ["one two three four five six seven eight"]), ("?!", ["?!"], 1), ("a-b", [], 3)]
expect_each(contamination_overlap, short).raises(ValueError, wrong={
    "8.7/nothing_refused": ("an item of fewer than n words has no run: raise a ValueError", NOTHING_REFUSED),
})
### END HIDDEN TESTS
cats = ["One red cat; sat", "red", "a RED cat"]
assert isclose(
    contamination_overlap("A red cat sat. A red cat!", cats, 3), 0.5
), "two of four different runs"

# %% nbgrader={"grade_id": "given-fresh"}
known = {item.question for item in OLD}
NEW = items_of(2027)
FRESH = [item for item in NEW if item.question not in known]
print(f"{len(NEW) - len(FRESH)} of {len(NEW)} new items are among the old ones")

# %% tags=["raises-exception"]
texts, runs = [item.question for item in OLD], {}
for item in FRESH:
    share = contamination_overlap(item.question, texts, 4)
    runs.setdefault(item.template, []).append(share)
print("of the others, the mean share of known runs of four words:")
for name in sorted(runs, key=lambda name: -np.mean(runs[name])):
    print(f"{name:18s} {np.mean(runs[name]):4.0%}  of {len(runs[name])} items")

# %% [markdown]
# The repeated ones must go: they would say what they said before. The others are new, and yet a check by runs of words
# flags some templates more than others: it sees the pattern's words. A question in other words it does not see at all.
#
# **Predict** how many percentage points F16 is above Q4_0 on the fresh items, with examples; below is negative:
# `lab.predict("loss_on_new", low, high, "points")`.

# %% nbgrader={"grade_id": "predict-loss_on_new"}
### BEGIN SOLUTION
lab.predict("loss_on_new", -3, 13, "points")
### END SOLUTION

# %% tags=["raises-exception"]
new_chosen = {}


def ask_new():
    """F16 less Q4_0 on the fresh items, in points; the choices go into `new_chosen`."""
    found, _ = ask_both(FRESH[::EVERY], ["examples"])
    new_chosen.update(found)
    f16, q4 = (is_right(each, FRESH[::EVERY]) for each in found.values())
    return {"F16 less Q4_0": [100 * (f16.mean() - q4.mean())]}


lab.measure("loss_on_new", ask_new, unit="points", chosen=new_chosen,
            every=EVERY);

# %% nbgrader={"grade_id": "given-rounds"}
old, new = lab.together("right_answers", "loss_on_new")
ROUNDS = {}  # the templates of the items, and item by item F16 less Q4_0
for name, found, items in (("the first items", old, OLD), ("fresh items", new, FRESH)):
    these = items[::found["every"]]
    hits = {config: is_right(found["chosen"][config], these)
            for config in ("F16, examples", "Q4_0, examples")}
    ROUNDS[name] = [item.template for item in these], pairs(hits, "examples")[2]
(one, x), (other, y) = ROUNDS.values()
ROUNDS["both"] = one + other, np.concatenate([x, y])

# %% tags=["raises-exception"]
print("F16 less Q4_0       items  points   McNemar's p   by template")
for name, (of_items, x) in ROUNDS.items():
    by_template = clustered_interval(list(zip(of_items, x, strict=True)))
    p = mcnemar_p(int((x > 0).sum()), int((x < 0).sum()))
    print(f"{name:18s} {len(x):6d} {100 * x.mean():+7.1f} {p:13.4f}   "
          f"{points(by_template)}")

# %% [markdown]
# Did the fresh items say what the first ones did? A difference that chance had made shrinks in the second round: the
# first figure was the one that made you look. Both rounds together have more items, and still the same 20 templates.

# %% [markdown]
# ## 9 · Good enough for what?
#
# "No significant difference" is no answer: with few items nothing is significant. Turn it round. Say *before* how many
# points you would give for a file a third as large: your margin. Good enough is what is surely not worse than that. You
# have seen the figures by now: set what you would have set this morning.

# %%
MARGIN = 5  # points: set your own


def decided(low, high):
    """What an interval of the loss, in points, says of the margin."""
    if high < MARGIN:
        return "good enough"
    return "not good enough" if low > MARGIN else "these items cannot tell"


# %% tags=["raises-exception"]
intervals = [
    (as_if_independent(x), clustered_interval(list(zip(of_items, x, strict=True))))
    for of_items, x in ROUNDS.values()
]
fig, ax = plt.subplots(figsize=(8, 3.4))
ends = 100 * np.array(intervals)
for row, (plain, by_template) in enumerate(ends):
    ax.plot(plain, [row, row], "-", marker="", color=plots.BLUE, lw=8, alpha=0.5)
    ax.plot(by_template, [row, row], "-", marker="", color=plots.ORANGE, lw=2)
    ax.plot(plain.mean(), row, "o", color=plots.BLACK)
ax.annotate("by template", (ends[0, 1, 1], 0), (6, -4), textcoords="offset points",
            color=plots.ORANGE)
ax.annotate("as if items were independent", (ends[0, 0].mean(), 0), (0, 10),
            textcoords="offset points", ha="center", color=plots.BLUE,
            bbox={"fc": "white", "ec": "none", "pad": 1})
for at, text in ((0, "no loss"), (MARGIN, "your margin")):
    ax.axvline(at, color="grey", lw=1, ls="-", marker="")
    ax.annotate(text, (at, 2.75), (4, 0), textcoords="offset points", color="grey")
ax.set(xlabel="F16 less Q4_0 (percentage points)", ylim=(2.95, -0.9), yticks=range(3))
ax.set_yticklabels(ROUNDS)
ax.grid(axis="y", visible=False)
ax.margins(x=0.25)
answer = decided(*ends[-1, 1])
ax.set_title(f"Is Q4_0 within {MARGIN} points of F16? By template: {answer}")
plots.show(fig, alt="The difference between F16 and Q4_0 on the first items, the "
           "fresh ones and both, with two kinds of intervals, and your margin.")

# %% [markdown]
# Change `MARGIN` and run the cell again: how large must it be for a clear answer? If these items cannot tell, more
# *templates* can, of the kind that your use has. A benchmark stands for a use as far as its templates do.

# %% [markdown]
# ## 10 · Who tests the test?
#
# A colleague wrote a `clustered_interval`, too. It gives an interval for the worked example of 8.3, and the mean is
# inside.

# %% nbgrader={"grade_id": "given-colleague"}
def colleagues_interval(results):
    values = [x for _, x in results]
    mean, n = np.mean(values), len(values)
    error = np.std(values, ddof=1) / np.sqrt(n)
    reach = t_quantile(0.975, n - 1) * error
    return float(mean - reach), float(mean + reach)


print(colleagues_interval([("a", 1), ("a", 1), ("b", 0), ("b", 1), ("c", 0), ("c", 0)]))

# %% [markdown] nbgrader={"grade_id": "ex-8-8-task"}
# **Exercise 8.8 (stretch, 1 point).** `accepts(f)` is given somebody's `clustered_interval(results)` and returns `True`
# if it does what 8.3 asks, the `ValueError` for a single template included; else `False`, also if it raises where it
# should not. Right ones may differ in the last digits. It is tried on 17 that you do not see, right and wrong; a
# hundred calls are enough.

# %% nbgrader={"grade_id": "ex-8-8"}
def accepts(f):
    """Whether `f` is a right clustered_interval."""
    ### BEGIN SOLUTION
    def by_hand(results):
        names = {template for template, _ in results}
        mean = sum(x for _, x in results) / len(results)
        d = [sum(x - mean for template, x in results if template == name) for name in names]
        error = math.sqrt(len(d) / (len(d) - 1) * sum(each**2 for each in d)) / len(results)
        return [mean + side * t_quantile(0.975, len(d) - 1) * error for side in (-1, 1)]

    mixed = [("a", 1), ("b", 0), ("a", 1), ("c", 0), ("b", 1), ("a", 1), ("c", 0), ("d", 1)]
    paired = [("b", -1), ("a", 1), ("b", 0), ("c", -1), ("a", 1), ("b", -1), ("e", 1)]
    try:
        if not all(np.allclose(list(f(each)), by_hand(each)) for each in (mixed, paired)):
            return False
    except Exception:
        return False
    try:
        f([("a", 1), ("a", 0)])
    except ValueError:
        return True
    except Exception:
        return False
    return False
    ### END SOLUTION


# %%
accepts(colleagues_interval)  # try it: False; of your own clustered_interval: True

# %% nbgrader={"grade_id": "test-8-8", "points": 1}
### BEGIN HIDDEN TESTS
from itertools import groupby

from course.checking import Bank


def by_template(results):
    groups = {}
    for template, x in results:
        groups.setdefault(template, []).append(float(x))
    return list(groups.values())


def by_run(results):
    return [[float(x) for _, x in run] for _, run in groupby(results, key=lambda pair: pair[0])]


def built(*, grouped=by_template, factor=lambda G: G / (G - 1), df=lambda G, n: G - 1, told=lambda low, high: (low, high), refuses=True,
          quantile=lambda df: t_quantile(0.975, df), seen=lambda x: x, kept=lambda group: True, error=ValueError):
    """An implementation: a right one, but for what is given."""

    def implementation(results):
        groups = [[seen(x) for x in group] for group in grouped(results) if kept(group)]
        n, G = sum(map(len, groups)), len(groups)
        if G < 2:
            if refuses:
                raise error("one template")
            return told(sum(map(sum, groups)) / n, sum(map(sum, groups)) / n)
        p = sum(map(sum, groups)) / n
        half = quantile(df(G, n)) * math.sqrt(factor(G) * sum(sum(x - p for x in group) ** 2 for group in groups)) / n
        return told(p - half, p + half)

    return implementation


def in_arrays(results):
    names, place = np.unique([str(t) for t, _ in results], return_inverse=True)
    x = np.array([x for _, x in results], float)
    if len(names) < 2:
        raise ValueError("one")
    sums = np.bincount(place, weights=x - x.mean())
    half = t_quantile(0.975, len(names) - 1) * np.sqrt(np.cov(sums, ddof=1) * len(names)) / len(x)
    return np.array([x.mean() - half, x.mean() + half])


def by_counts(results):
    sums, sizes = {}, {}
    for template, x in reversed(results):
        sums[template], sizes[template] = sums.get(template, 0) + x, sizes.get(template, 0) + 1
    if len(sums) < 2:
        raise ValueError("one")
    n, G, total = len(results), len(sums), sum(sums.values())
    p = total / n
    squares = (n * n * sum(s * s for s in sums.values()) - 2 * n * total * sum(sums[t] * sizes[t] for t in sums)
               + total * total * sum(m * m for m in sizes.values()))  # whole numbers: nothing cancels
    half = t_quantile(0.975, G - 1) * (G / (G - 1) * squares) ** 0.5 / n**2
    return [p - half, p + half]


def independent(results):
    x = np.array([x for _, x in results], float)
    if len({t for t, _ in results}) < 2:
        raise ValueError("one")
    p, half = x.mean(), t_quantile(0.975, len(x) - 1) * x.std(ddof=1) / math.sqrt(len(x))
    return p - half, p + half


def of_means(results):
    means = np.array([np.mean(group) for group in by_template(results)])
    if len(means) < 2:
        raise ValueError("one")
    half = t_quantile(0.975, len(means) - 1) * means.std(ddof=1) / math.sqrt(len(means))
    return means.mean() - half, means.mean() + half


bank = Bank(
    "clustered_interval(results)",
    example=([("a", 1), ("b", 0)],),
    right={
        "one that goes template by template": built(),
        "one that computes with arrays": in_arrays,
        "one that multiplies the squares out": by_counts,
    },
    wrong={
        "one that takes items for trials": independent,
        "one with the normal quantile": built(quantile=lambda df: z_quantile(0.975)),
        "one that leaves G/(G - 1) out": built(factor=lambda G: 1.0),
        "one that takes the mean of the templates' means": of_means,
        "one with the items' degrees of freedom": built(df=lambda G, n: n - 1),
        "one with a degree of freedom too many": built(df=lambda G, n: G),
        "one that collects neighbours only": built(grouped=by_run),
        "one that cuts off at 0 and 1": built(told=lambda low, high: (max(0.0, low), min(1.0, high))),
        "one that gives middle and half width": built(told=lambda low, high: ((low + high) / 2, (high - low) / 2)),
        "one that drops templates of one item": built(kept=lambda group: len(group) > 1),
        "one that takes -1 for 0": built(seen=lambda x: max(x, 0.0)),
        "one that is 90 % sure": built(quantile=lambda df: t_quantile(0.95, df)),
        "one that refuses nothing": built(refuses=False),
        "one that raises KeyError for one template": built(error=KeyError),
    },
    hints={
        "one that computes with arrays": "it gives an array, and differs in the last digits: compare with isclose",
        "one that multiplies the squares out": "another order of operations differs in the last digits: compare with isclose",
    },
)


def alike(given, wanted):
    return all(isclose(a, b, rel_tol=1e-6, abs_tol=1e-12) for a, b in zip(map(float, given), map(float, wanted), strict=True))


def judge(*tries, one=True, catches=True, any_error=False):
    """Who tries these results only, and looks at no more than that."""

    def verdict(f):
        try:
            if not all(alike(f(results), built()(results)) for results in tries):
                return False
        except Exception:
            return False
        if not one:
            return True
        try:
            f([("a", 1), ("a", 0)])
        except ValueError:
            return True
        except Exception:
            if catches:
                return any_error
            raise
        return False

    return verdict


def inside(results):
    def verdict(f):
        try:
            low, high = f(results)
            return bool(low <= sum(x for _, x in results) / len(results) <= high)
        except Exception:
            return False

    return verdict


orderly = [(t, x) for t, row in zip("abcdef", ((1, 1, 1), (0, 1, 0), (1, 0, 1), (1, 1, 0), (1, 1, 1), (0, 1, 1)), strict=True) for x in row]
extreme = [(t, x) for t, row in zip("abcd", ((1, 1, 1), (1, 1, 1), (1, 0, 1), (0, 0, 0)), strict=True) for x in row]
unequal = [("a", 1), ("a", 1), ("a", 1), ("a", 0), ("b", 0), ("b", 0), ("c", 1), ("d", 0), ("d", 1), ("d", 1), ("d", 1)]
shuffled = [unequal[i] for i in (4, 0, 7, 1, 5, 8, 2, 9, 6, 3, 10)]
paired = [("b", -1), ("a", 1), ("b", 0), ("c", -1), ("a", 1), ("b", -1), ("e", 1), ("d", 0), ("e", 0)]
bank.judged_by(accepts, wrong={
    "8.8/equal_sizes": ("try templates of different sizes", *(judge(*tries, one=one) for one in (True, False) for tries in ([orderly], [orderly, extreme], [extreme]))),
    "8.8/in_order": ("try templates whose items do not stand together",
                     judge(unequal, paired[1:2] + paired[4:5] + paired[0:1] + paired[2:3] + paired[5:6] + paired[3:4] + paired[7:8] + paired[6:7] + paired[8:])),
    "8.8/shares_only": ("try differences: x may be -1", judge(shuffled), judge(shuffled, unequal), judge(shuffled, extreme)),
    "8.8/no_refusal": ("what does it do with a single template?", judge(shuffled, paired, extreme, one=False), judge(shuffled, paired, one=False)),
    "8.8/any_error": ("for a single template it is a ValueError that is asked", judge(shuffled, paired, extreme, any_error=True)),
    "8.8/mean_inside": ("that the mean lies inside says nothing of the ends", inside(orderly)),
    "8.8/not_caught": ("whatever one raises but a ValueError is wrong, too: catch it", judge(shuffled, paired, extreme, catches=False)),
    "8.8/accepts_all": ("it accepts every implementation", lambda f: True),
    "8.8/refuses_all": ("it accepts none, not even a right one", lambda f: False),
})
### END HIDDEN TESTS
assert not accepts(colleagues_interval), "an item is no trial of its own"

# %% [markdown]
# ## 11 · What do you say now?
#
# - **C7.** "Quantization, serving and cost models are the skills to build." You have just tried to decide whether a
#   file of a third of the bytes will do. Which skill did that take? What would a table of accuracies without intervals
#   have made you do?
#
# Lab 10 collects what you say; a sentence that is still three dots is not kept.

# %%
lab.verdict("C7", "...", sure=70)

# %% [markdown]
# ## Summary
#
# - How an answer is read and scored is a part of the result, as the prompt is.
# - Items of one template are alike: what counts is how many *templates* there are.
# - Models that answer the same items are compared in pairs. A p-value per item and an interval by template answer
#   different questions.
# - Good enough is a margin, set before, and an interval that stays inside it.

# %% [markdown]
# ## What would change the answer?
#
# - **Other templates.** The interval speaks of templates like these twenty, and of no others.
# - **Another processor.** llama.cpp has other code for quantized weights there: some choices change, and with them a p
#   near 0.05.
# - **A larger model.** It may write its letter, and lose less in 4 bits: measure.
# - **Your use.** Without arithmetic in it, a loss in arithmetic is none.
#
# Now press *Validate*. Then lab 9: what it takes to teach a model.
