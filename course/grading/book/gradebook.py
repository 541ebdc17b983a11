"""Marks into nbgrader's gradebook, and executed notebooks to where its formgrader looks for them.

Whatever fails here loses no result: they are in the ledger, and writing one again changes nothing more.
"""

import hashlib
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import nbformat
from nbformat import NotebookNode, from_dict
from nbformat.v4.rwbase import rejoin_lines
from nbgrader.api import Grade, MissingEntry, SubmittedAssignment
from sqlalchemy import text

from course import nbgrader_api
from course.build import Lab
from course.grading.book import connection, durable_io, lateness
from course.grading.book.connection import GradebookError
from course.grading.handin import intake
from course.grading.result import Exercise, Row, Ungradable
from course.notebook import cells

__all__ = ["GradebookError", "Marks", "enrol", "is_written", "mark", "marks", "prepare", "save"]


@dataclass(frozen=True)
class Marks:
    """What the gradebook says of a submission: the automatic points of each exercise, and when it was handed in.

    `by_hand` are the points of exercises that a person has given, extra credit included, in the place of the automatic
    ones; `waiting` are those that a person has still to look at. `due` is the student's own due date, in UTC.
    """

    points: dict[str, float | None]
    handed_in: datetime | None
    by_hand: dict[str, float] = field(default_factory=dict)
    comments: dict[str, str] = field(default_factory=dict)
    waiting: tuple[str, ...] = ()
    penalty: float = 0.0
    seconds_late: float = 0.0
    due: datetime | None = None


def prepare(lab: Lab, solution: NotebookNode) -> None:
    """See that the gradebook knows the lab as it is now. Raises NbgraderError with nbgrader's reason if it cannot."""
    named = cells.by_name(solution)
    graded = {name: cell.metadata.nbgrader.points for name, cell in named.items() if cell.metadata.nbgrader.grade}
    locked = {name: cell.source for name, cell in named.items() if cell.metadata.nbgrader.locked}
    connection.patiently(lab.course, lambda: connection.make(lab.course))

    def enter() -> None:
        with connection.opened(lab.course) as gradebook:
            try:
                known = gradebook.find_notebook(lab.name, lab.name)
                points = {cell.name: cell.max_score for cell in known.grade_cells}
                sources = {cell.name: cell.source for cell in known.source_cells if cell.locked}
            except MissingEntry:
                points, sources = {}, {}
        if (points, sources) != (graded, locked):
            _generate(lab, solution)

    connection.patiently(lab.course, enter)


def marks(lab: Lab) -> dict[str, Marks]:
    """What the gradebook says of the lab's submissions, by student; nothing where it does not know the lab."""

    def look() -> dict[str, Marks]:
        with connection.opened(lab.course) as gradebook:
            try:
                handed_in = gradebook.assignment_submissions(lab.name)
            except MissingEntry:
                return {}
            return {submission.student.id: _marks(submission) for submission in handed_in}

    return connection.patiently(lab.course, look) if connection.is_there(lab.course) else {}


def _marks(submission: SubmittedAssignment) -> Marks:
    grades = {cells.exercise_of(g.name): g for notebook in submission.notebooks for g in notebook.grades}
    comments = [comment for notebook in submission.notebooks for comment in notebook.comments]
    return Marks(
        points={name: grade.auto_score for name, grade in grades.items()},
        handed_in=submission.timestamp,
        by_hand={
            name: grade.score
            for name, grade in grades.items()
            if grade.manual_score is not None or grade.extra_credit is not None
        },
        comments={cells.exercise_of(c.name): c.manual_comment for c in comments if c.manual_comment},
        waiting=tuple(name for name, grade in grades.items() if grade.needs_manual_grade),
        penalty=float(submission.late_submission_penalty or 0),
        seconds_late=float(submission.total_seconds_late),
        due=submission.duedate if submission.assignment.duedate else None,  # an extension alone is none
    )


def is_written(lab: Lab, row: Row, executed: str, handed_in: datetime | None, seen: Marks | None) -> bool:
    """Whether `save` of this row, with an executed notebook of this hash, would change nothing."""
    path = _autograded(lab, row.student)
    return (
        seen is not None
        and seen.handed_in == handed_in
        and all(seen.points.get(name) == exercise.points for name, exercise in _exercises(row).items())
        and path.is_file()
        and hashlib.sha256(path.read_bytes()).hexdigest() == executed
    )


def save(lab: Lab, row: Row, *, handed_in: datetime | None = None) -> None:
    """Write a graded submission's marks and its executed notebook. Manual marks and comments stay.

    The notebook comes last: where it is there, the marks are. A manual mark whose automatic points are now others is
    up for review, as is what only a person can judge, when it is another answer than the one that was marked.
    """
    if row.result is None:
        return
    path, content = _autograded(lab, row.student), row.notebook.encode(errors="backslashreplace")
    try:
        before = path.read_bytes() if path.is_file() else None
        same = _same(before, content)
        connection.patiently(lab.course, lambda: _write(lab, row, handed_in, is_new=before != content, same=same))
        if before != content and content:
            path.parent.mkdir(parents=True, exist_ok=True)
            half = path.with_name(f".{lab.name}.part")
            half.write_bytes(content)
            os.replace(half, path)
    except OSError as error:
        raise GradebookError(connection.refusal(lab.course, f"{path}: {durable_io.reason(error)}")) from None


def _autograded(lab: Lab, student: str) -> Path:
    return lab.course / "autograded" / student / lab.name / f"{lab.name}.ipynb"


def _exercises(row: Row) -> dict[str, Exercise]:
    """The verdicts, by exercise."""
    return {exercise.id: exercise for exercise in (row.result.exercises if row.result else ())}


def _same(before: bytes | None, after: bytes) -> frozenset[str]:
    """The exercises that two notebooks answer alike; outputs are others whenever something was measured."""
    if before is None or before == after:
        return frozenset()
    answers, now = _answers(before), _answers(after)
    return frozenset(exercise for exercise, answer in now.items() if answers.get(exercise) == answer)


def _answers(content: bytes) -> dict[str, str]:
    """By exercise, what an executed notebook answers; nothing where it is none."""
    try:
        notebook = rejoin_lines(from_dict(intake.parse(content, Path("autograded"))))
        named = cells.by_name(notebook)
        return {cells.exercise_of(name): cell.source for name, cell in named.items() if cells.is_answer(cell)}
    except (Ungradable, *intake.MALFORMED):
        return {}


def _write(lab: Lab, row: Row, handed_in: datetime | None, *, is_new: bool, same: frozenset[str]) -> None:
    with connection.opened(lab.course) as gradebook:
        if gradebook.engine.dialect.name == "sqlite":
            gradebook.db.execute(text("BEGIN IMMEDIATE"))  # waits here if it is locked, not half-way
        gradebook.update_or_create_student(row.student)
        submission = gradebook.update_or_create_submission(lab.name, row.student, timestamp=handed_in)
        exercises = _exercises(row)
        for notebook in submission.notebooks:
            for grade in notebook.grades:
                if exercise := exercises.get(cells.exercise_of(grade.name)):
                    mark(grade, exercise, is_new=is_new, is_same=exercise.id in same)
        is_late = submission.total_seconds_late > 0 or submission.late_submission_penalty > 0
        gradebook.db.commit()
    if is_late:
        lateness.penalise(lab, row.student)


def mark(grade: Grade, exercise: Exercise, *, is_new: bool, is_same: bool = False) -> None:
    """Set a grade's automatic points; it is up for a manual grade where a person has to decide, or decide again.

    `is_new` is a notebook that was not there; `is_same` is an answer in it that stood in the one before.
    """
    is_other, is_given = grade.auto_score != exercise.points, grade.manual_score is not None
    if is_new or is_other:
        is_open = exercise.verdict in ("manual", "review") and not (is_same and is_given)
        grade.needs_manual_grade = is_open or (is_given and (is_other or grade.needs_manual_grade))
    grade.auto_score = exercise.points


def _generate(lab: Lab, solution: NotebookNode) -> None:
    """Have nbgrader enter the lab into the gradebook."""
    with tempfile.TemporaryDirectory() as folder:
        source = Lab(lab.name, Path(folder)).solution
        source.parent.mkdir(parents=True)
        nbformat.write(solution, source)
        api = nbgrader_api.open_course(Path(folder), like=lab.course, gradebook=connection.url(lab.course))
        nbgrader_api.generate(api, lab.name)


def enrol(course: Path, students: Sequence[tuple[str, str, str]]) -> None:
    """Have the gradebook know students by id, full name and e-mail, as formgrader shows them. Raises GradebookError."""

    def enter() -> None:
        connection.make(course)
        with connection.opened(course) as gradebook:
            for student, name, email in students:
                first, _, last = name.rpartition(" ")
                gradebook.update_or_create_student(student, first_name=first, last_name=last, email=email)

    connection.patiently(course, enter)
