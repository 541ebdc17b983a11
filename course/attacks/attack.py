"""What an attack is, and what became of one."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nbformat import NotebookNode

from course.attacks import exercises

Edit = Callable[[NotebookNode], None]  # of the submitted notebook
HandIn = Callable[[Path, Path], None]  # of what is handed in: the submission's folder, the class's folder


@dataclass(frozen=True)
class Attack:
    """A hostile or odd submission. In its code and files `@NAME@` stands for what it is after (see `lures`).

    name      of the submission's folder
    tries     what, in a line
    cell      code of a cell of its own, right after the lab's first
    answers   sources by exercise; the others are right if `solved`, else unanswered
    fair      the exercises that deserve their points: without it, the right answers
    files     what lies beside the notebook
    edit      changes the notebook
    hand_in   changes the folder
    refused   words of the reason for which it is rightly not graded
    """

    name: str
    tries: str
    cell: str = ""
    answers: Mapping[str, str] = field(default_factory=dict)
    solved: bool = False
    fair: tuple[str, ...] | None = None
    files: Mapping[str, str | bytes] = field(default_factory=dict)
    edit: Edit | None = None
    hand_in: HandIn | None = None
    refused: str = ""

    @property
    def deserved(self) -> tuple[str, ...]:
        """The exercises that deserve their points."""
        if self.fair is not None:
            return self.fair
        return tuple(e for e in exercises.POINTS if self.solved and not self.refused and e not in self.answers)


def right_besides(name: str, tries: str, cell: str) -> Attack:
    """A hostile cell among right answers."""
    return Attack(name, tries, cell=cell, solved=True)


def undeserved(name: str, tries: str, cell: str) -> Attack:
    """A cell that does something for marks, without a right answer."""
    handed_on = {
        exercise: f"{exercises.function(exercise)} = {exercises.function(exercise)}\n" for exercise in exercises.POINTS
    }
    return Attack(name, tries, cell=cell, answers=handed_on)


@dataclass(frozen=True)
class Outcome:
    """What an attack got.

    points, fair   as marked, and as deserved
    undeserved     points that it should not have
    withheld       points that it should have
    wrong          exercises with another mark than is fair, with their verdicts
    lost           it has no verdict for every exercise, nor the reason that is right
    leaks          what it saw, reached or changed outside
    strays         processes that outlived its grading
    """

    attack: Attack
    points: float
    undeserved: float
    withheld: float
    wrong: list[str]
    lost: bool
    leaks: list[str]
    strays: list[str]
    seconds: float

    @property
    def fair(self) -> float:
        return sum(exercises.POINTS[exercise] for exercise in self.attack.deserved)

    @property
    def is_clean(self) -> bool:
        return not (self.wrong or self.lost or self.leaks or self.strays)

    def to_json(self) -> dict[str, Any]:
        """The row of `course attack-suite --json`."""
        return {
            "attack": self.attack.name,
            "tries": self.attack.tries,
            "fair": self.fair,
            "points": self.points,
            "undeserved": self.undeserved,
            "withheld": self.withheld,
            "wrong": self.wrong,
            "lost": self.lost,
            "leaks": self.leaks,
            "strays": self.strays,
            "seconds": round(self.seconds, 2),
            "is_clean": self.is_clean,
        }
