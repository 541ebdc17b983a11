"""Longer for one lab: given by command or by hand, and known to nbgrader's gradebook."""

import json
from datetime import datetime
from typing import Any

import pytest
from nbgrader.api import Gradebook
from typer.testing import CliRunner

from course import build
from course.build import Lab
from course.classroom import dates, extensions, people
from course.classroom.people import Person, RosterError
from course.cli import app
from course.grading.book import gradebook
from tests import tiny

CAME = datetime(2026, 10, 3, 10)  # a day and 23 hours after the due date, in UTC
CONFIGURED = """
c.TwoBills.due = {"lab01": "2026-10-01 12:00 Africa/Algiers"}
c.TwoBills.late = {"per_day": 0.1}
"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    """A lab in a gradebook, and three students' work, handed in at one time; all points were given."""
    lab = tiny.course(tmp_path_factory.mktemp("extensions") / "course")
    build.build(lab)
    gradebook.prepare(lab, build.instructor_notebook(lab))
    with opened(lab) as book:
        for student in ("ada", "bob", "eve"):
            book.update_or_create_student(student)
            submission = book.update_or_create_submission(lab.name, student, timestamp=CAME)
            for grade in submission.notebooks[0].grades:
                grade.auto_score = grade.max_score
        book.db.commit()
    return lab


@pytest.fixture(autouse=True)
def fresh(lab: Lab) -> None:
    extensions.path(lab.course).unlink(missing_ok=True)
    with opened(lab) as book:
        book.find_assignment(lab.name).duedate = None
        for submission in book.assignment_submissions(lab.name):
            submission.extension = None
        book.db.commit()
    people.write(
        lab.course, [Person("ada", "Ada Lovelace", extra_days=1.0), Person("bob"), Person("b2", aliases=("bo",))]
    )


def opened(lab: Lab) -> Gradebook:
    return Gradebook(f"sqlite:///{lab.course / 'gradebook.db'}", "two-bills")


def course(lab: Lab, *arguments: str) -> Any:
    return CliRunner().invoke(app, [*arguments, "--course", str(lab.course)])


def penalties(lab: Lab) -> dict[str, float]:
    with opened(lab) as book:
        return {one.student.id: one.late_submission_penalty for one in book.assignment_submissions(lab.name)}


def test_extra_days_without_a_due_date_cost_nothing_and_stop_nothing(lab: Lab) -> None:
    assert not dates.apply(lab)
    assert penalties(lab) == {"ada": 0, "bob": 0, "eve": 0}


def test_an_extension_is_for_one_lab_beside_the_days_for_all(lab: Lab) -> None:
    config = lab.course / "nbgrader_config.py"
    plain = config.read_text()
    config.write_text(plain + CONFIGURED)
    try:
        dates.apply(lab)
        assert penalties(lab) == {"ada": pytest.approx(0.7), "bob": pytest.approx(1.4), "eve": pytest.approx(1.4)}
        for student, days in (("ada lovelace", "1"), ("bob", "1.5")):
            ran = course(lab, "roster", "extend", student, "1", days)
            assert ran.exit_code == 0, ran.output
        assert extensions.read(lab.course) == {("ada", "lab01"): 1.0, ("bob", "lab01"): 1.5}
        dates.apply(lab)
        assert penalties(lab) == {"ada": 0, "bob": pytest.approx(0.7), "eve": pytest.approx(1.4)}
        assert course(lab, "roster", "extend", "bob", "1", "0").exit_code == 0
        dates.apply(lab)
        assert penalties(lab) == {"ada": 0, "bob": pytest.approx(1.4), "eve": pytest.approx(1.4)}
    finally:
        config.write_text(plain)


def test_what_replaces_an_extension_leaves_the_others(lab: Lab) -> None:
    for days in ("1", "3"):
        assert course(lab, "roster", "extend", "ada", "lab01", days).exit_code == 0
    assert course(lab, "roster", "extend", "bo", "lab01", "2").exit_code == 0
    assert extensions.read(lab.course) == {("ada", "lab01"): 3.0, ("b2", "lab01"): 2.0}
    assert course(lab, "roster", "extend", "ada", "lab01", "0").exit_code == 0
    assert extensions.read(lab.course) == {("b2", "lab01"): 2.0}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("dan", "1", "2"), "the roster has no dan"),
        (("ada", "9", "2"), "there is no lab '9'; the labs are: lab01"),
        (("ada", "1", "two"), "DAYS is 'two', and must be a number of days from 0"),
        (("ada", "1", "inf"), "DAYS is 'inf', and must be a number of days from 0"),
    ],
)
def test_a_wrong_extension_changes_nothing(lab: Lab, given: tuple[str, ...], said: str) -> None:
    extensions.grant(lab.course, "ada", "lab01", 1.0)
    ran = course(lab, "roster", "extend", *given)
    assert ran.exit_code == 2 and said in ran.output
    assert extensions.read(lab.course) == {("ada", "lab01"): 1.0}


def test_two_of_one_name_are_told_apart_by_id(lab: Lab) -> None:
    people.write(lab.course, [Person("ada", "Ada Lovelace"), Person("a2", "Ada Lovelace")])
    ran = course(lab, "roster", "extend", "Ada Lovelace", "1", "2")
    assert ran.exit_code == 2 and "could be ada or a2: say which id" in ran.output


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("student,lab,days\n,lab01,2", "row 2: it has no student"),
        ("student,lab,days\nada,lab1,2", "row 2: there is no lab 'lab1'; the labs are: lab01"),
        ("student,lab,days\nada,lab01,nan", "row 2: days is 'nan', and must be a number"),
        ("student,lab,days\nada,lab01,1\nada,lab01,2", "row 3: ada has one for lab01 already"),
    ],
)
def test_a_row_by_hand_that_is_wrong_is_named(lab: Lab, rows: str, said: str) -> None:
    extensions.path(lab.course).write_text(rows)
    with pytest.raises(RosterError, match=f"extensions.csv, {said}"):
        extensions.read(lab.course)


def test_extensions_are_shown_with_the_roster(lab: Lab) -> None:
    extensions.grant(lab.course, "ada", "lab01", 2.0)
    assert "1, lab01 +2" in course(lab, "roster").output
    shown = json.loads(course(lab, "roster", "--json").stdout)
    assert [one["extensions"] for one in shown] == [{"lab01": 2.0}, {}, {}]
