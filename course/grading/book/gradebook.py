"""Marks into nbgrader's gradebook, and executed notebooks to where its formgrader looks for them.

Whatever fails here loses no result: they are in the ledger, and writing one again changes nothing more.
"""

import hashlib
import logging
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_notebook
from nbgrader.api import Grade, Gradebook, InvalidEntry, MissingEntry, SubmittedAssignment
from nbgrader.preprocessors import AssignLatePenalties
from sqlalchemy import make_url, text
from sqlalchemy.exc import DBAPIError
from tornado.log import app_log

from course import nbgrader_api
from course.build import Lab
from course.grading.book import durable_io
from course.grading.result import Exercise, Row
from course.notebook import cells

URL = "sqlite:///{}/gradebook.db"
PATIENCE_S = 30.0  # how long another program may keep the gradebook locked

_T = TypeVar("_T")
_log = logging.getLogger(__name__)


class GradebookError(Exception):
    """The gradebook, or autograded/, cannot be written; the message says why, and what to do."""


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
    _patiently(lab, lambda: _make(lab))

    def enter() -> None:
        with _opened(lab) as gradebook:
            try:
                known = gradebook.find_notebook(lab.name, lab.name)
                points = {cell.name: cell.max_score for cell in known.grade_cells}
                sources = {cell.name: cell.source for cell in known.source_cells if cell.locked}
            except MissingEntry:
                points, sources = {}, {}
        if (points, sources) != (graded, locked):
            _generate(lab, solution)

    _patiently(lab, enter)


def marks(lab: Lab) -> dict[str, Marks]:
    """What the gradebook says of the lab's submissions, by student; nothing where it does not know the lab."""

    def look() -> dict[str, Marks]:
        with _opened(lab) as gradebook:
            try:
                handed_in = gradebook.assignment_submissions(lab.name)
            except MissingEntry:
                return {}
            return {submission.student.id: _marks(submission) for submission in handed_in}

    return _patiently(lab, look) if _is_there(lab) else {}


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
    up for review, as is what only a person can judge, when it is new.
    """
    if row.result is None:
        return
    path, content = _autograded(lab, row.student), row.notebook.encode(errors="backslashreplace")
    try:
        is_new = not path.is_file() or path.read_bytes() != content
        _patiently(lab, lambda: _write(lab, row, handed_in, is_new=is_new))
        if is_new and content:
            path.parent.mkdir(parents=True, exist_ok=True)
            half = path.with_name(f".{lab.name}.part")
            half.write_bytes(content)
            os.replace(half, path)
    except OSError as error:
        raise GradebookError(_refusal(lab, f"{path}: {durable_io.reason(error)}")) from None


def _autograded(lab: Lab, student: str) -> Path:
    return lab.course / "autograded" / student / lab.name / f"{lab.name}.ipynb"


def _exercises(row: Row) -> dict[str, Exercise]:
    """The verdicts, by exercise."""
    return {exercise.id: exercise for exercise in (row.result.exercises if row.result else ())}


def _write(lab: Lab, row: Row, handed_in: datetime | None, *, is_new: bool) -> None:
    with _opened(lab) as gradebook:
        if gradebook.engine.dialect.name == "sqlite":
            gradebook.db.execute(text("BEGIN IMMEDIATE"))  # waits here if it is locked, not half-way
        gradebook.update_or_create_student(row.student)
        submission = gradebook.update_or_create_submission(lab.name, row.student, timestamp=handed_in)
        exercises = _exercises(row)
        for notebook in submission.notebooks:
            for grade in notebook.grades:
                if exercise := exercises.get(cells.exercise_of(grade.name)):
                    mark(grade, exercise, is_new=is_new)
        is_late = submission.total_seconds_late > 0 or submission.late_submission_penalty > 0
        gradebook.db.commit()
    if is_late:
        about = {"notebook": lab.name, "assignment": lab.name, "student": row.student, "db_url": _url(lab)}
        AssignLatePenalties(config=nbgrader_api.config(lab.course)).preprocess(new_notebook(), {"nbgrader": about})


def mark(grade: Grade, exercise: Exercise, *, is_new: bool) -> None:
    """Set a grade's automatic points; it is up for a manual grade where a person has to decide, or decide again."""
    is_other = grade.auto_score != exercise.points
    if is_new or is_other:
        doubtful = grade.manual_score is not None and (is_other or grade.needs_manual_grade)
        grade.needs_manual_grade = exercise.verdict in ("manual", "review") or doubtful
    grade.auto_score = exercise.points


def _make(lab: Lab) -> None:
    """Make the gradebook's file if there is none, whole or not at all."""
    if _is_there(lab):
        return
    path = Path(make_url(_url(lab)).database or "")
    half = path.with_name(f".{path.name}.part")
    for left in (half, half.with_name(f"{half.name}-journal")):
        left.unlink(missing_ok=True)
    nbgrader_api.find_scripts()
    Gradebook(f"sqlite:///{half}", _course_id(lab)).close()
    os.replace(half, path)


def _is_there(lab: Lab) -> bool:
    """Whether there is a gradebook: its file, or a server that is asked."""
    url = make_url(_url(lab))
    return url.get_backend_name() != "sqlite" or not url.database or Path(url.database).exists()


def _generate(lab: Lab, solution: NotebookNode) -> None:
    """Have nbgrader enter the lab into the gradebook."""
    with tempfile.TemporaryDirectory() as folder:
        source = Lab(lab.name, Path(folder)).solution
        source.parent.mkdir(parents=True)
        nbformat.write(solution, source)
        api = nbgrader_api.open_course(Path(folder), like=lab.course, gradebook=_url(lab))
        nbgrader_api.generate(api, lab.name)


def _patiently(lab: Lab, work: Callable[[], _T]) -> _T:
    """Do it, again and again while another program locks the gradebook, but not for ever."""
    until, has_warned = time.monotonic() + PATIENCE_S, False
    while True:
        try:
            return work()
        except OSError as error:
            raise GradebookError(_refusal(lab, durable_io.reason(error))) from None
        except (DBAPIError, InvalidEntry, nbgrader_api.NbgraderError) as error:
            if "database is locked" not in str(error):
                if isinstance(error, nbgrader_api.NbgraderError):
                    raise
                raise GradebookError(_refusal(lab, _what(error))) from None
            if time.monotonic() > until:
                raise GradebookError(_refusal(lab, "another program, such as formgrader, keeps it locked")) from None
        if not has_warned:
            _log.warning("the gradebook is locked by another program: waiting up to %.0f s for it", PATIENCE_S)
            has_warned = True
        time.sleep(0.1)


def _what(error: Exception) -> str:
    return durable_io.reason(getattr(error, "orig", None) or error).removeprefix("(sqlite3.OperationalError) ")


def _refusal(lab: Lab, why: str) -> str:
    return (
        f"the gradebook {_url(lab).removeprefix('sqlite:///')} cannot be used ({why}); no result is lost: "
        f"when that is mended, `course replay {lab.key}` writes what is in the ledger"
    )


@contextmanager
def _opened(lab: Lab) -> Iterator[Gradebook]:
    nbgrader_api.find_scripts()
    gradebook = _kept(_url(lab), _course_id(lab), _file(lab))
    app_log.disabled = True  # nbgrader's traceback, there, of what it raises anyway
    try:
        yield gradebook
    finally:
        app_log.disabled = False
        gradebook.db.remove()  # it holds no lock, and remembers no row


@lru_cache(maxsize=1)
def _kept(url: str, course_id: str, file: tuple[int, ...]) -> Gradebook:
    """The gradebook, opened once for a class: to open it, and to compile its statements anew, is half of a save."""
    return Gradebook(url, course_id)


def _file(lab: Lab) -> tuple[int, ...]:
    """What tells that a gradebook has been put in the place of another, or emptied; nothing where it is a server's."""
    url = make_url(_url(lab))
    if url.get_backend_name() != "sqlite" or not url.database or not _is_there(lab):
        return ()
    found = Path(url.database).stat()
    return found.st_dev, found.st_ino, min(found.st_size, 1)


def _course_id(lab: Lab) -> str:
    return nbgrader_api.config(lab.course).CourseDirectory.get("course_id", "")


def _url(lab: Lab) -> str:
    """The course's own gradebook: what its nbgrader_config.py says, else gradebook.db in the course's folder."""
    named = nbgrader_api.config(lab.course).CourseDirectory.get("db_url")
    return named if isinstance(named, str) and named else URL.format(lab.course)
