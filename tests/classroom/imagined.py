"""A class that was never graded by any engine: its ledger and gradebook, written from what the test says of each."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import nbformat
from nbformat.v4 import new_output

from course import build
from course.build import Lab
from course.classroom import people
from course.classroom.people import Person
from course.grading.book import marks
from course.grading.book.ledger import Entry, Ledger
from course.grading.result import Exercise, Result, Row
from course.measure import record
from course.measure.record import Record
from tests.labs import notebooks

MACHINE = {"cpu": "Imagined 9000", "cores": 8, "memory_bytes": 16 << 30, "system": "Linux x86_64"}


@dataclass(frozen=True)
class Student:
    """Whom the ledger is to have: verdicts (none: not graded, for `reason`), answers by exercise, records."""

    id: str
    exercises: tuple[Exercise, ...] = ()
    answers: dict[str, str] = field(default_factory=dict)
    records: tuple[Record, ...] = ()
    handed_in: str = ""
    repaired: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    reason: str = ""


def write(lab: Lab, students: Iterable[Student], roster: Iterable[Person] = ()) -> None:
    """The course's ledger, gradebook and roster, as if these had been graded."""
    solution = build.instructor_notebook(lab)
    release = nbformat.writes(build.student_notebook(lab, solution))
    if roster := list(roster):
        people.write(lab.course, roster)
    with Ledger(lab.course).writing() as book:
        for one in students:
            result = Result(lab.key, list(one.exercises), 1.0, list(one.repaired), list(one.flags))
            row = Row(one.id, reason=one.reason) if one.reason else Row(one.id, result)
            entry = Entry(lab.key, one.id, "a" * 64, "t", one.handed_in, "", row.to_json())
            book.append(entry, "" if one.reason else executed(release, one))
        for _ in marks.replay(book, lab, solution=solution, entries=book.entries(lab)):
            pass


def executed(release: str, student: Student) -> str:
    """The release with a student's answers, whose first code cell shows the records."""
    notebook = notebooks.answered(nbformat.reads(release, as_version=4), student.answers)
    first = next(cell for cell in notebook.cells if cell.cell_type == "code")
    first.outputs = [new_output("display_data", {record.MIME: list(student.records), "text/plain": "records"})]
    return nbformat.writes(notebook)


def measured(what: str, values: list[float], **more: Any) -> Record:
    """A measurement of an imagined machine."""
    made = {
        **{"what": what, "unit": "s", "predicted": [1.0, 2.0], "values": values, "median": sorted(values)[len(values) // 2]},
        **{"machine": MACHINE, "versions": {}, "threads": 8, "date": "2026-10-01T10:00:00+00:00", "lab": "lab01"},
    }  # fmt: skip
    return {**made, **more}


def renamed(student: Student, name: str) -> Student:
    """The same work of somebody else."""
    return replace(student, id=name)
