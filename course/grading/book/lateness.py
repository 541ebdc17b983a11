"""When a lab is due, for whom later, and what lateness costs, in nbgrader's gradebook and by its own mechanism."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import partial

from nbformat.v4 import new_notebook
from nbgrader.api import MissingEntry
from nbgrader.preprocessors import AssignLatePenalties

from course import nbgrader_api
from course.build import Lab
from course.grading.book import connection


def penalise(lab: Lab, student: str) -> None:
    """Have nbgrader reckon anew what a student's lateness costs."""
    about = {"notebook": lab.name, "assignment": lab.name, "student": student, "db_url": connection.url(lab.course)}
    AssignLatePenalties(config=nbgrader_api.config(lab.course)).preprocess(new_notebook(), {"nbgrader": about})


def set_dates(lab: Lab, due: datetime | None, longer: Mapping[str, timedelta | None]) -> None:
    """Set when the lab is due, in UTC, and whom it is due later, and reckon penalties anew. Raises GradebookError.

    Without a due date the gradebook's own stays, and so does the extension of who is not in `longer`. Where there is
    none at all, nobody in `longer` has an extension: nbgrader adds it to the due date, whether there is one or not.
    """

    def enter() -> list[str]:
        with connection.opened(lab.course) as gradebook:
            try:
                assignment = gradebook.find_assignment(lab.name)
            except MissingEntry:
                return []
            if due is not None:
                assignment.duedate = due
            moved = set()
            for submission in assignment.submissions:
                student = submission.student.id
                extension = longer.get(student) if assignment.duedate else None
                if student in longer and submission.extension != extension:
                    submission.extension = extension
                    moved.add(student)
            gradebook.db.commit()
            return [
                one.student.id
                for one in gradebook.assignment_submissions(lab.name)
                if (due is not None or one.student.id in moved)
                and (one.total_seconds_late > 0 or one.late_submission_penalty > 0)
            ]

    if connection.is_there(lab.course):
        for student in connection.patiently(lab.course, enter):
            connection.patiently(lab.course, partial(penalise, lab, student))
