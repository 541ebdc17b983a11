"""What grading a submission gives: a verdict for every exercise, and what was noticed on the way."""

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Verdict = Literal["pass", "fail", "error", "timeout", "crash", "blank", "review", "manual"]


class Ungradable(Exception):
    """A submission that cannot be graded; the message says why, and what its author can do."""


@dataclass(frozen=True)
class Exercise:
    """The verdict on one exercise; `misconception` names the wrong idea that the answer holds, if it is a known one."""

    id: str
    points: float
    max_points: float
    verdict: Verdict
    misconception: str | None = None
    message: str = ""


@dataclass(frozen=True)
class Result:
    """A graded submission. `sandbox` lists the layers that confined it: none when one's own code ran unconfined."""

    lab: str
    exercises: list[Exercise]
    seconds: float
    repaired: list[str] = field(default_factory=list)
    flags: list[str] = field(default_factory=list)
    sandbox: list[str] = field(default_factory=list)

    @property
    def points(self) -> float:
        return sum(exercise.points for exercise in self.exercises)

    @property
    def max_points(self) -> float:
        return sum(exercise.max_points for exercise in self.exercises)

    @property
    def is_full(self) -> bool:
        """Full marks, apart from points that a person gives or reviews."""
        return all(e.points == e.max_points or e.verdict in ("manual", "review") for e in self.exercises)

    def as_json(self) -> dict[str, Any]:
        """The result as plain data, in the order of the command's contract."""
        return {
            "lab": self.lab,
            "points": self.points,
            "max_points": self.max_points,
            "exercises": [asdict(exercise) for exercise in self.exercises],
            "repaired": self.repaired,
            "flags": self.flags,
            "sandbox": self.sandbox,
            "seconds": round(self.seconds, 2),
        }
