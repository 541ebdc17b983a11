"""A text that a person grades: it is built, told, kept apart from the points, and up for a person in the gradebook."""

from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from nbgrader.api import Gradebook
from typer.testing import CliRunner

from course import build
from course.build import BadSource, Lab
from course.cli import app
from course.grading import sandbox, self_check
from course.grading.grader import Notebooks, Rules, open_grader
from course.grading.handin.submissions import Submission
from course.grading.result import Exercise, Result
from course.measure import record
from course.notebook.cells import by_name
from tests import tiny
from tests.labs import notebooks
from tests.tiny import RIGHT

MEMO = """
# %% [markdown] nbgrader={"grade_id": "memo-1-4", "points": 10}
# What the instructor would write.
"""
WORDS = "Half of the boxes, since the lift carries no more."


def course_of(folder: Path, memo: str = MEMO) -> Lab:
    return tiny.course(folder, source=tiny.SOURCE + memo)


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    lab = course_of(tmp_path / "course")
    build.build(lab)
    return lab


def handed_in(lab: Lab, student: str, memo: str | None) -> Submission:
    notebook = notebooks.answered(nbformat.read(lab.release, as_version=4), RIGHT)
    if memo is not None:
        by_name(notebook)["memo-1-4"].source = memo
    folder = lab.course / "submitted" / student / lab.name
    folder.mkdir(parents=True)
    record.write(folder, [record.new("stack", [1.5], unit="s", predicted=(1, 2), threads=1)])
    return Submission(student, notebooks.save(notebook, folder, lab.name), folder)


def by_engine(lab: Lab, submission: Submission) -> Result:
    with open_grader(Notebooks.of(lab), Rules(sandbox.probe())) as grader:
        return grader.grade(submission).result


def by_nbgrader(lab: Lab, submission: Submission) -> Result:
    with self_check.unconfined(Notebooks.of(lab)) as grader:
        return grader.grade(submission).result


def test_a_release_asks_for_the_text_and_does_not_show_the_instructors(lab: Lab) -> None:
    memo = by_name(nbformat.read(lab.release, as_version=4))["memo-1-4"]
    assert memo.source == "YOUR ANSWER HERE"
    assert dict(memo.metadata.nbgrader) | {"checksum": ""} == {
        "grade": True, "grade_id": "memo-1-4", "locked": False, "schema_version": 3, "solution": True, "task": False,
        "points": 10, "cell_type": "markdown", "checksum": "",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("memo", "told"),
    [
        (MEMO.replace(', "points": 10', ""), "memo-1-4 has no points"),
        (MEMO.replace(" [markdown]", ""), "a markdown cell"),
    ],
)
def test_a_memo_without_points_or_in_code_is_refused(tmp_path: Path, memo: str, told: str) -> None:
    with pytest.raises(BadSource, match=told):
        build.build(course_of(tmp_path / "course", memo))


@pytest.mark.parametrize("grade", [by_engine, by_nbgrader])
def test_a_written_memo_waits_for_a_person_and_its_points_are_apart(
    lab: Lab, grade: Callable[[Lab, Submission], Result]
) -> None:
    result = grade(lab, handed_in(lab, "ada", WORDS))
    assert result.exercises[-1] == Exercise("memo-1-4", 0, 10, "manual", None, "a person reads it")
    assert (result.points, result.max_points, result.is_full) == (7, 7, True)


def test_an_unwritten_memo_is_blank_and_costs_no_automatic_point(lab: Lab) -> None:
    result = by_engine(lab, handed_in(lab, "ada", None))
    assert result.exercises[-1].verdict == "blank"
    assert result.is_full


def test_the_gradebook_asks_a_person_and_keeps_what_the_person_says(lab: Lab) -> None:
    handed_in(lab, "ada", WORDS)
    handed_in(lab, "eve", None)
    grade = ["grade", "lab01", "--course", str(lab.course)]
    assert CliRunner().invoke(app, grade).exit_code == 0

    def waiting(gradebook: Gradebook) -> dict[str, bool]:
        students = ("ada", "eve")
        return {s: gradebook.find_grade("memo-1-4", lab.name, lab.name, s).needs_manual_grade for s in students}

    with Gradebook(f"sqlite:///{lab.course / 'gradebook.db'}", "two-bills") as gradebook:
        assert waiting(gradebook) == {"ada": True, "eve": False}
        found = gradebook.find_grade("memo-1-4", lab.name, lab.name, "ada")
        found.manual_score, found.needs_manual_grade = 8, False
        gradebook.db.commit()
    assert CliRunner().invoke(app, grade).exit_code == 0
    with Gradebook(f"sqlite:///{lab.course / 'gradebook.db'}", "two-bills") as gradebook:
        assert waiting(gradebook)["ada"] is False
        assert gradebook.find_submission(lab.name, "ada").score == 15


def test_a_mark_by_hand_waits_again_only_for_another_text(lab: Lab) -> None:
    submission = handed_in(lab, "ada", WORDS)
    grade = ["grade", "lab01", "--course", str(lab.course)]

    def graded(*more: str) -> tuple[bool, float | None]:
        assert CliRunner().invoke(app, [*grade, *more]).exit_code == 0
        with Gradebook(f"sqlite:///{lab.course / 'gradebook.db'}", "two-bills") as gradebook:
            found = gradebook.find_grade("memo-1-4", lab.name, lab.name, "ada")
            return found.needs_manual_grade, found.manual_score

    def hand_in_anew(name: str, source: str) -> None:
        notebook = nbformat.read(submission.notebook, as_version=4)
        by_name(notebook)[name].source = source
        nbformat.write(notebook, submission.notebook)

    assert graded() == (True, None)
    with Gradebook(f"sqlite:///{lab.course / 'gradebook.db'}", "two-bills") as gradebook:
        found = gradebook.find_grade("memo-1-4", lab.name, lab.name, "ada")
        found.manual_score, found.needs_manual_grade = 8, False
        gradebook.db.commit()
    assert graded("--again") == (False, 8)
    hand_in_anew("ex-1-1", "def height(n, each):\n    return 0 + n * each")
    assert graded() == (False, 8)
    hand_in_anew("memo-1-4", "All of the boxes.")
    assert graded() == (True, 8)
