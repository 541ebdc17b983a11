"""A class that was never graded by any engine: its ledger and gradebook, written from what the test says of each."""

from collections.abc import Iterable
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import nbformat
from nbformat import NotebookNode
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
from course.notebook.cells import by_name, exercise_of, is_answer

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
    if roster := list(roster):
        people.write(lab.course, roster)
    with Ledger(lab.course).writing() as book:
        for one in students:
            book.append(entry(one, lab.key), "" if one.reason else executed(solution, one))
        for _ in marks.replay(book, lab, solution=solution, entries=book.entries(lab)):
            pass


def entry(student: Student, lab: str = "lab01") -> Entry:
    """The ledger's line about a student."""
    result = Result(lab, list(student.exercises), 1.0, list(student.repaired), list(student.flags))
    row = Row(student.id, reason=student.reason) if student.reason else Row(student.id, result)
    return Entry(lab, student.id, "a" * 64, "t", student.handed_in, "", row.to_json())


def executed(solution: NotebookNode, student: Student) -> str:
    """The lab with a student's answers and no others, whose first code cell shows the records."""
    notebook = deepcopy(solution)
    for name, cell in by_name(notebook).items():
        if is_answer(cell):
            cell.source = student.answers.get(exercise_of(name), "").strip("\n")
    first = next(cell for cell in notebook.cells if cell.cell_type == "code")
    first.outputs = [new_output("display_data", {record.MIME: list(student.records), "text/plain": "records"})]
    return nbformat.writes(notebook)


def measured(what: str, values: list[float], **more: Any) -> Record:
    """A measurement of an imagined machine."""
    median = sorted(values)[len(values) // 2]
    made = {
        **{"what": what, "unit": "s", "predicted": [1.0, 2.0], "values": values, "median": median},
        **{"machine": MACHINE, "versions": {}, "threads": 8, "date": "2026-10-01T10:00:00+00:00", "lab": "lab01"},
    }
    return {**made, **more}
