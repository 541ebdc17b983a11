"""Marks into nbgrader's gradebook, and executed notebooks to where its formgrader looks for them."""

import os
import tempfile
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbgrader.api import Gradebook, MissingEntry

from course import stock
from course.build import Lab
from course.grading.execute import is_check
from course.grading.intake import by_name
from course.grading.pool import Row
from course.grading.result import Exercise

URL = "sqlite:///{}/gradebook.db"


def prepare(lab: Lab, solution: NotebookNode) -> None:
    """See that the gradebook knows the lab as it is now. Raises StockError with nbgrader's reason if it cannot."""
    with closing(_open(lab)) as gradebook:
        try:
            known = {cell.name: cell.max_score for cell in gradebook.find_notebook(lab.name, lab.name).grade_cells}
        except MissingEntry:
            known = {}
    checks = {name: cell.metadata.nbgrader.points for name, cell in by_name(solution).items() if is_check(cell)}
    if known == checks:
        return
    with tempfile.TemporaryDirectory() as folder:
        source = Lab(lab.name, Path(folder)).solution
        source.parent.mkdir(parents=True)
        nbformat.write(solution, source)
        api = stock.open_course(Path(folder), like=lab.course, gradebook=_url(lab))
        stock.generate(api, lab.name)


def save(lab: Lab, row: Row) -> None:
    """Write a graded submission's marks and its executed notebook. Manual marks and comments stay."""
    if row.result is None:
        return
    folder = lab.course / "autograded" / row.student / lab.name
    folder.mkdir(parents=True, exist_ok=True)
    half = folder / f".{lab.name}.part"
    half.write_text(row.notebook)
    os.replace(half, folder / f"{lab.name}.ipynb")
    with closing(_open(lab)) as gradebook:
        gradebook.update_or_create_student(row.student)
        submission = gradebook.update_or_create_submission(lab.name, row.student)
        submission.timestamp = submission.timestamp or datetime.now(UTC).replace(tzinfo=None)
        verdicts = {f"test-{e.id.replace('.', '-')}": e for e in row.result.exercises}
        for notebook in submission.notebooks:
            for grade in notebook.grades:
                if grade.name in verdicts:
                    _mark(grade, verdicts[grade.name])
        gradebook.db.commit()


def _mark(grade: object, exercise: Exercise) -> None:
    grade.auto_score = exercise.points  # type: ignore[attr-defined]
    grade.needs_manual_grade = exercise.verdict in ("manual", "review")  # type: ignore[attr-defined]


def _open(lab: Lab) -> Gradebook:
    stock.find_scripts()
    return Gradebook(_url(lab), stock.config(lab.course).CourseDirectory.get("course_id", ""))


def _url(lab: Lab) -> str:
    """The course's own gradebook: what its nbgrader_config.py says, else gradebook.db in the course's folder."""
    named = stock.config(lab.course).CourseDirectory.get("db_url")
    return named if isinstance(named, str) and named else URL.format(lab.course)
