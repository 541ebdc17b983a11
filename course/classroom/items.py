"""How an exercise went in a class: which share of its points was reached, and whether who does well has it right."""

import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from course.classroom.standings import Standing
from course.grading.result import Exercise

ENOUGH = 10  # students, below whom a correlation says nothing

Outcome = Literal["right", "a known wrong idea", "another wrong answer", "stopped", "blank", "for a person"]
OUTCOMES: tuple[Outcome, ...] = (
    *("right", "for a person", "a known wrong idea", "another wrong answer"),
    *("stopped", "blank"),
)


@dataclass(frozen=True)
class Item:
    """An exercise in a class of `n` results.

    `share` of its points is reached on average, None while a person has still to give them all. `discrimination` is
    the correlation of its points with the sum of all others', over `n_marked` students; None below ENOUGH of them, or
    where one of the two is the same for all.
    """

    exercise: str
    n: int
    n_marked: int
    share: float | None
    discrimination: float | None
    outcomes: Counter[Outcome]


def of(standings: Sequence[Standing]) -> list[Item]:
    """The exercises of a class, in the lab's order."""
    graded = [one for one in standings if one.result]
    found: dict[str, list[tuple[Standing, Exercise]]] = {}
    for standing in graded:
        for exercise in standing.exercises:
            found.setdefault(exercise.id, []).append((standing, exercise))
    return [_item(name, seen) for name, seen in found.items()]


def outcome(exercise: Exercise) -> Outcome:
    """What became of an answer, in a word that a teacher counts by."""
    if exercise.verdict == "pass":
        return "right"
    if exercise.verdict == "blank":
        return "blank"
    if exercise.verdict in ("review", "manual"):
        return "for a person"
    if exercise.misconception:
        return "a known wrong idea"
    return "another wrong answer" if exercise.verdict == "fail" else "stopped"


def _item(name: str, seen: Sequence[tuple[Standing, Exercise]]) -> Item:
    marked = [(one, exercise) for one, exercise in seen if name not in one.waiting and exercise.max_points]
    points = [one.points_of(exercise) for one, exercise in marked]
    rest = [(one.points or 0.0) - own for (one, _), own in zip(marked, points, strict=True)]
    share = sum(points) / sum(exercise.max_points for _, exercise in marked) if marked else None
    counts = Counter(outcome(exercise) for _, exercise in seen)
    return Item(name, len(seen), len(marked), share, _correlation(points, rest), counts)


def _correlation(ones: Sequence[float], others: Sequence[float]) -> float | None:
    if len(ones) < ENOUGH or len(set(ones)) == 1 or len({round(other, 9) for other in others}) == 1:
        return None
    return statistics.correlation(ones, others)
