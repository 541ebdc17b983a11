"""Points and comments that a person gives, into nbgrader's gradebook, as its formgrader writes them."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from nbgrader.api import MissingEntry
from sqlalchemy import text

from course.build import Lab
from course.grading.book import connection, lateness
from course.grading.book.connection import GradebookError
from course.notebook import cells


@dataclass(frozen=True)
class Given:
    """What a person gives a student for an exercise ("1.4", "memo-1-4"); an empty comment takes none away."""

    student: str
    exercise: str
    points: float
    comment: str = ""


def write(lab: Lab, given: Sequence[Given]) -> None:
    """Write all of it or nothing; what is given waits no more, and penalties are reckoned anew.

    Raises GradebookError, for a student or an exercise that the gradebook does not know, too.
    """

    def enter() -> set[str]:
        with connection.opened(lab.course) as book:
            if book.engine.dialect.name == "sqlite":
                book.db.execute(text("BEGIN IMMEDIATE"))  # waits here if it is locked, not half-way
            late = set()
            for one in given:
                try:
                    notebook = book.find_submission_notebook(lab.name, lab.name, one.student)
                except MissingEntry:
                    raise GradebookError(_unknown(lab, one)) from None
                grade = next((g for g in notebook.grades if cells.exercise_of(g.name) == one.exercise), None)
                if grade is None:
                    raise GradebookError(_unknown(lab, one))
                grade.manual_score, grade.needs_manual_grade = one.points, False
                for comment in notebook.comments:
                    if one.comment and cells.exercise_of(comment.name) == one.exercise:
                        comment.manual_comment = one.comment
                submission = notebook.assignment
                if submission.total_seconds_late > 0 or submission.late_submission_penalty > 0:
                    late.add(one.student)
            book.db.commit()
            return late

    for student in sorted(connection.patiently(lab.course, enter)):
        connection.patiently(lab.course, partial(lateness.penalise, lab, student))


def _unknown(lab: Lab, one: Given) -> str:
    return (
        f"the gradebook has no {one.exercise} of {one.student} in {lab.key}: "
        f"`course replay {lab.key}` writes what has been graded"
    )
