"""Make lab 8's questions: 20 templates, 10 items each, from a seed.

    python bank.py OUT [--seeds 2026 2027] [--per-template 10]

OUT gets the table items.csv. An item is a question with two to four choices, one of them right, all words or numbers.
Of Python's generator only random() is used, whose numbers Python promises to keep: every Python makes the same items.
"""

import argparse
import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from dice import Dice
from words import (
    CITIES,
    COLORS,
    DAYS,
    FRUITS,
    JOBS,
    NUMBERS,
    OPPOSITES,
    PAST,
    PEOPLE,
    PLURAL_FRUITS,
    PLURALS,
    THINGS,
    WORDS,
)

Question = tuple[str, str, list[str]]  # the question, its answer, the other choices
MOST_TRIES = 2000  # draws in a row that give no new question


def _of_number(d: Dice, question: str, n: int) -> Question:
    return question, str(n), [str(x) for x in d.near(n)]


# Arithmetic


def addition(d: Dice) -> Question:
    a, b = d.within(2, 9), d.within(2, 9)
    return _of_number(d, f"What is {a} + {b}?", a + b)


def addition_of_tens(d: Dice) -> Question:
    a, b = d.within(11, 49), d.within(11, 49)
    n = a + b
    return f"What is {a} + {b}?", str(n), [str(x) for x in d.draw([n - 10, n + 10, n - 1, n + 1, n + 9], 3)]


def product(d: Dice) -> Question:
    a, b = d.within(3, 9), d.within(3, 9)
    n = a * b
    others = [n - a, n + a, n - 1] if a == b else d.draw([n - a, n + a, n - 1, n + 2, n + b], 3)
    return f"What is {a} times {b}?", str(n), [str(x) for x in others]


def story(d: Dice) -> Question:
    who, a, b = d.pick(PEOPLE), d.within(6, 12), d.within(2, 5)
    what = d.pick(PLURAL_FRUITS)
    return _of_number(d, f"{who} has {a} {what} and eats {b} of them. How many {what} are left?", a - b)


def largest(d: Dice) -> Question:
    numbers = [str(x) for x in d.draw(range(11, 99), 4)]
    answer = max(numbers, key=int)
    return f"Which of these numbers is the largest: {', '.join(numbers)}?", answer, _without(numbers, answer)


# Order


def day_after(d: Dice) -> Question:
    i, step = d.below(7), d.pick([1, -1])
    others = [DAYS[(i + k * step) % 7] for k in (2, 3, 6)]
    return f"Which day comes {'after' if step > 0 else 'before'} {DAYS[i]}?", DAYS[(i + step) % 7], others


def digits_of(d: Dice) -> Question:
    i = d.below(12)
    others = d.draw([x for x in range(1, 13) if x != i + 1], 3)
    return f"Write the number {NUMBERS[i]} in digits.", str(i + 1), [str(x) for x in others]


# Reading


def colour_of(d: Dice) -> Question:
    p, c, t = d.draw(PEOPLE, 3), d.draw(COLORS, 4), d.draw(THINGS, 3)
    i = d.below(3)
    told = " ".join(f"{who} has a {color} {thing}." for who, color, thing in zip(p, c[:3], t, strict=True))
    return f"{told} What color is the {t[i]}?", c[i], _without(c, c[i])


def year_of(d: Dice) -> Question:
    who, years = d.pick(PEOPLE), sorted(d.draw(range(1901, 1999), 4))
    told = f"{who}'s shop opened in {years[0]}, moved in {years[1]} and closed in {years[2]}."
    return f"{told} In which year did it close?", str(years[2]), [str(years[i]) for i in (0, 1, 3)]


def order_number(d: Dice) -> Question:
    n, c = [str(x) for x in d.draw(range(1000, 9999), 4)], d.draw(CITIES, 2)
    told = f"Order {n[0]} goes to {c[0]}. Order {n[1]} goes to {c[1]}."
    return f"{told} What is the number of the order to {c[1]}?", n[1], [n[0], n[2], n[3]]


def mail_of(d: Dice) -> Question:
    p, c = d.draw(PEOPLE, 2), d.draw([city.lower() for city in CITIES], 4)
    told = f"Write to {p[0]} at {c[0]}@mail.org or to {p[1]} at {c[1]}@mail.org."
    others = [f"{c[i]}@mail.org" for i in (0, 2, 3)]
    return f"{told} What is the address of {p[1]}?", f"{c[1]}@mail.org", others


def job_of(d: Dice) -> Question:
    p, j = d.draw(PEOPLE, 3), d.draw(JOBS, 4)
    i = d.below(3)
    told = " ".join(f"{who} is a {job}." for who, job in zip(p, j[:3], strict=True))
    return f"{told} What is the job of {p[i]}?", j[i], _without(j, j[i])


def taller(d: Dice) -> Question:
    p = d.draw(PEOPLE, 4)
    more, most = d.pick([("taller", "tallest"), ("older", "oldest"), ("faster", "fastest")])
    return f"{p[0]} is {more} than {p[1]}. {p[1]} is {more} than {p[2]}. Who is the {most}?", p[0], p[1:]


def is_taller(d: Dice) -> Question:
    p, more, same = d.draw(PEOPLE, 2), d.pick(["taller", "older", "faster"]), d.below(2)
    answers = ("yes", "no") if same else ("no", "yes")
    return f"{p[0]} is {more} than {p[1]}. Is {p[1 - same]} {more} than {p[same]}?", answers[0], [answers[1]]


# Words


def opposite(d: Dice) -> Question:
    (word, answer), *rest = d.draw(OPPOSITES, 4)
    return f"What is the opposite of {word}?", answer, [pair[d.below(2)] for pair in rest]


def past_of(d: Dice) -> Question:
    return _of_pairs(d, PAST, "What is the past tense of {}?")


def plural_of(d: Dice) -> Question:
    return _of_pairs(d, PLURALS, "What is the plural of {}?")


def _of_pairs(d: Dice, pairs: Sequence[tuple[str, str]], question: str) -> Question:
    (word, answer), *rest = d.draw(pairs, 8)
    return question.format(word), answer, [other for _, other in rest[:3]]


# Code


def code_print(d: Dice) -> Question:
    w = d.draw(WORDS, 4)
    code = f"a = '{w[0]}'; b = '{w[1]}'; print(b)"
    return f"What does this Python code print? {code}", w[1], [w[0], w[2], w[3]]


def code_min(d: Dice) -> Question:
    numbers = [str(x) for x in d.draw(range(1, 60), 4)]
    answer = min(numbers, key=int)
    code = f"print(min({', '.join(numbers)}))"
    return f"What does this Python code print? {code}", answer, _without(numbers, answer)


def code_index(d: Dice) -> Question:
    words = d.draw(FRUITS, 4)
    i = d.below(3)
    return f"What does this Python code print? x = {words!r}; print(x[{i}])", words[i], _without(words, words[i])


def _without(things: Sequence[str], one: str) -> list[str]:
    return [thing for thing in things if thing != one]


TEMPLATES: list[Callable[[Dice], Question]] = [
    addition, addition_of_tens, product, story, largest, day_after, digits_of, colour_of, year_of, order_number,
    mail_of, job_of, taller, is_taller, opposite, past_of, plural_of, code_print, code_min, code_index,
]  # fmt: skip


@dataclass(frozen=True)
class Item:
    """A question, the choices in the order shown, and where the right one is."""

    template: str
    question: str
    choices: tuple[str, ...]
    label: int


def items(seed: int, *, per_template: int = 10) -> list[Item]:
    """The items of a seed, template by template; no question twice.

    Raises ValueError if `seed` is negative, or if a template has no `per_template` different questions.
    """
    if seed < 0 or per_template < 1:
        raise ValueError(f"seed is at least 0 and per_template at least 1, got {seed} and {per_template}")
    made = []
    for number, template in enumerate(TEMPLATES):
        seen: set[str] = set()
        d, tries = Dice(seed * 1000 + number), 0
        while len(seen) < per_template:
            question, answer, others = template(d)
            if question in seen or len({answer, *others}) <= len(others):  # asked before, or two choices the same
                if (tries := tries + 1) > MOST_TRIES:
                    raise ValueError(f"{template.__name__} has no {per_template} different questions")
                continue
            tries = 0
            seen.add(question)
            label = d.below(1 + len(others))
            made.append(Item(template.__name__, question, (*others[:label], answer, *others[label:]), label))
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="the folder for the table")
    parser.add_argument("--seeds", type=int, nargs="+", default=[2026, 2027])
    parser.add_argument("--per-template", type=int, default=10)
    args = parser.parse_args()
    try:
        made = [(seed, items(seed, per_template=args.per_template)) for seed in args.seeds]
    except ValueError as error:
        parser.error(str(error))
    args.out.mkdir(parents=True, exist_ok=True)
    with (args.out / "items.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["id", "seed", "template", "question", *(f"choice_{i}" for i in range(4)), "label"])
        for seed, some in made:
            for number, item in enumerate(some):
                choices = [*item.choices, "", ""][:4]
                writer.writerow([f"{seed}-{number:03}", seed, item.template, item.question, *choices, item.label])
    print(f"{sum(len(some) for _, some in made)} items in {args.out / 'items.csv'}")


if __name__ == "__main__":
    main()
