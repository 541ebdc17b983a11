"""What grading a submission gives: a verdict for every exercise, and what was noticed on the way."""

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Verdict = Literal["pass", "fail", "error", "timeout", "crash", "blank", "review", "manual"]

TEST_FAILED = "the test itself failed"  # how a reason begins that is no submission's: it is graded again


class Ungradable(Exception):
    """A submission that cannot be graded; the message says why, and what its author can do."""


class FailedTest(Ungradable):
    """Nothing can be graded with a test that the instructor's own answers do not pass."""


@dataclass(frozen=True)
class Exercise:
    """The verdict on one exercise; `misconception` names the wrong idea that the answer holds, if it is a known one.

    The `id` is "1.4"; of a text that a person grades it is its cell's name, "memo-1-4".
    """

    id: str
    points: float
    max_points: float
    verdict: Verdict
    misconception: str | None = None
    message: str = ""

    @property
    def is_by_hand(self) -> bool:
        """Whether a person gives its points, which count in nbgrader's gradebook alone."""
        return self.id.startswith("memo-")


@dataclass(frozen=True)
class Result:
    """A graded submission. `sandbox` lists the layers that confined it: none when one's own code ran unconfined.

    `not_run` cells only show, and no mark needed them.
    """

    lab: str
    exercises: list[Exercise]
    seconds: float
    repaired: list[str] = field(default_factory=list)
    flags: list[str] = field(default_factory=list)
    sandbox: list[str] = field(default_factory=list)
    not_run: int = 0

    @property
    def points(self) -> float:
        return sum(exercise.points for exercise in self.exercises if not exercise.is_by_hand)

    @property
    def max_points(self) -> float:
        return sum(exercise.max_points for exercise in self.exercises if not exercise.is_by_hand)

    @property
    def is_full(self) -> bool:
        """Full marks, apart from points that a person gives or reviews."""
        by_machine = [e for e in self.exercises if not e.is_by_hand and e.verdict not in ("manual", "review")]
        return all(e.points == e.max_points for e in by_machine)

    def to_json(self) -> dict[str, Any]:
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

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Result":
        """The result that `to_json` made the data of; the sums are made anew, what else is in it is left out."""
        fields = {name: data[name] for name in ("lab", "seconds", "repaired", "flags", "sandbox")}
        exercises = [Exercise(**exercise) for exercise in data["exercises"]]
        return cls(exercises=exercises, not_run=data.get("not_run", 0), **fields)  # older lines have none


@dataclass(frozen=True)
class Row:
    """What became of a submission: a result and the executed notebook (its JSON), or the reason why there is none."""

    student: str
    result: Result | None = None
    notebook: str = ""
    reason: str = ""

    def to_json(self) -> dict[str, Any]:
        """The row of `course grade --json`: the notebook is not in it."""
        if self.result is None:
            return {"student": self.student, "reason": self.reason}
        return {"student": self.student, **self.result.to_json(), "not_run": self.result.not_run}

    @classmethod
    def from_json(cls, data: dict[str, Any], *, notebook: str = "") -> "Row":
        """The row that `to_json` made the data of, with its notebook if that is given."""
        if reason := data.get("reason"):
            return cls(data["student"], reason=reason)
        return cls(data["student"], Result.from_json(data) if "exercises" in data else None, notebook)
