"""What each student of a class has in a lab: the ledger's result, the gradebook's own marks, and who was missing."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from course.build import Lab
from course.classroom import people
from course.classroom.people import Person
from course.grading.book import gradebook, marks
from course.grading.book.gradebook import Marks
from course.grading.book.ledger import Entry, Ledger
from course.grading.result import Exercise, Result, Row

Status = Literal["graded", "not graded", "absent"]


class NoClass(Exception):
    """A lab of which nothing has been graded; the message says so, and the way out."""


@dataclass(frozen=True)
class Standing:
    """A student in a lab. Points are those of the gradebook: a person's where one gave them, before any penalty.

    `person` has an id alone where the roster does not know the student, or is missing.
    """

    person: Person
    is_in_roster: bool
    entry: Entry | None = None  # of the result that counts
    reason: str = ""  # why what was handed in last has none
    marks: Marks = field(default_factory=lambda: Marks({}, None))

    @property
    def status(self) -> Status:
        """Absent: nothing was handed in, which is neither a verdict nor a reason."""
        return "graded" if self.entry else "not graded" if self.reason else "absent"

    @property
    def result(self) -> Result | None:
        """The verdicts that count."""
        return self.entry.result if self.entry else None

    @property
    def exercises(self) -> list[Exercise]:
        """The verdicts that count, in the lab's order."""
        return self.result.exercises if self.result else []

    def points_of(self, exercise: Exercise) -> float:
        """The points of an exercise: a person's in the place of the grader's."""
        return self.marks.by_hand.get(exercise.id, exercise.points)

    @property
    def waiting(self) -> list[str]:
        """The exercises whose points a person has still to give, or to look at."""
        known = {exercise.id for exercise in self.exercises}
        return [name for name in self.marks.waiting if name in known]

    @property
    def points(self) -> float | None:
        """The sum, before the penalty; None without a result."""
        return sum(map(self.points_of, self.exercises)) if self.result else None

    @property
    def max_points(self) -> float | None:
        """What could be reached, points by hand included; None without a result."""
        return sum(exercise.max_points for exercise in self.exercises) if self.result else None

    @property
    def notes(self) -> list[str]:
        """What a person, or lateness, has changed about the points."""
        given = [f"{name}: {points:g} by hand" for name, points in self.marks.by_hand.items()]
        return given + ([f"{self.marks.penalty:g} points less: late"] if self.marks.penalty else [])

    @property
    def mark(self) -> float | None:
        """The points after the penalty for lateness; None without a result."""
        return None if self.points is None else max(0.0, self.points - self.marks.penalty)


def told(standing: Standing, row: Row | None) -> dict[str, Any]:
    """A row of `course grade --json`: what became of a submission, and what the gradebook makes of its result.

    `row` is None for who has handed in nothing.
    """
    if row is None:
        return {"student": standing.person.id, "name": standing.person.name, "status": "absent"}
    status: Status = "graded" if row.result else "not graded"
    plain = {**row.to_json(), "name": standing.person.name, "status": status}
    if row.result is None:
        return plain
    marks = standing.marks
    return {
        **plain,
        **{"by_hand": marks.by_hand, "waiting": standing.waiting, "penalty": marks.penalty, "mark": standing.mark},
    }


def of(lab: Lab) -> list[Standing]:
    """A standing for each student of the roster, in its order, and then for each other who has handed in.

    Raises RosterError, DiskError or GradebookError for what cannot be read.
    """
    roster, entries, noted = people.read(lab.course), Ledger(lab.course).entries(lab), gradebook.marks(lab)
    counting, last = marks.counts(entries), {entry.student: entry for entry in entries}
    others = sorted(last.keys() - roster.keys())
    found = []
    for person in [*roster.values(), *(Person(student) for student in others)]:
        entry, newest = counting.get(person.id), last.get(person.id)
        reason = newest.reason if newest else ""
        found.append(Standing(person, person.id in roster, entry, reason, noted.get(person.id, Marks({}, None))))
    return found


def graded(lab: Lab, standings: Sequence[Standing]) -> list[Standing]:
    """The standings that have a result. Raises NoClass if there are none."""
    found = [one for one in standings if one.result]
    if not found:
        raise NoClass(f"nothing of {lab.key} has been graded: `course grade {lab.key}` comes first")
    return found


def by_section(standings: Sequence[Standing]) -> dict[str, list[Standing]]:
    """The standings by section, in the sections' alphabetical order; "" is for those who have none."""
    found: dict[str, list[Standing]] = {}
    for one in sorted(standings, key=lambda one: one.person.section):
        found.setdefault(one.person.section, []).append(one)
    return found
