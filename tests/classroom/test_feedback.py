"""A page for each student: a person's points and comments, penalties, and of hidden tests what the policy shows."""

from pathlib import Path
from typing import Any

import pytest
from nbgrader.apps.api import NbGraderAPI
from nbgrader.utils import notebook_hash
from typer.testing import CliRunner

from course import build, nbgrader_api
from course.build import Lab
from course.classroom import feedback, standings
from course.classroom.people import Person
from course.classroom.standings import Standing
from course.cli import app
from course.grading.book.gradebook import Marks
from course.grading.book.ledger import Entry
from course.grading.result import Exercise, Result, Row
from tests import tiny

HOSTILE = "<script>document.title = 'mine'</script>"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    lab = tiny.course(tmp_path_factory.mktemp("feedback") / "course")
    build.build(lab)
    return lab


@pytest.fixture
def ada(monkeypatch: pytest.MonkeyPatch) -> Standing:
    """Graded, with points and a comment by a person, late; Bob was absent."""
    exercises = [
        Exercise("1.1", 0, 2, "fail", "1.1/sum", f"boxes do not add to metres {HOSTILE}"),
        Exercise("1.2", 1, 1, "pass"),
        Exercise("memo-1-9", 0, 10, "manual"),
    ]
    row = Row("ada", Result("lab01", exercises, 1.0, repaired=["the check of 1.2 was put back"]))
    entry = Entry("lab01", "ada", "s", "t", "", "2026-11-29T10:00:00+00:00", row.to_json())
    given = Marks({}, None, by_hand={"1.1": 1.5, "memo-1-9": 8}, comments={"1.1": f"nearly {HOSTILE}"}, penalty=2.0)
    found = [Standing(Person("ada", "Ada Lovelace"), True, entry, "", given), Standing(Person("bob"), True)]
    monkeypatch.setattr(standings, "of", lambda _: found)
    return found[0]


def run(lab: Lab, *arguments: str) -> Any:
    return CliRunner().invoke(app, ["feedback", "1", *arguments, "--course", str(lab.course)])


def page(lab: Lab) -> str:
    return feedback.place(lab, "ada").read_text()


def test_the_page_says_what_the_grader_and_what_a_person_found(lab: Lab, ada: Standing) -> None:
    ran = run(lab)
    assert ran.exit_code == 0 and "pages of 1 students" in ran.output
    told = page(lab)
    assert "Ada Lovelace" in told and "8.5 of 13 points, 2 less for being late" in told
    assert "1.5 of 2" in told and "8 of 10" in told and told.count("A person gave these points") == 2
    assert "1.1/sum" in told and "the check of 1.2 was put back" in told
    assert "nearly &lt;script&gt;" in told and "<script" not in told
    assert not (Path(lab.course) / "feedback" / "bob").exists()


@pytest.mark.parametrize(
    ("policy", "is_there", "is_not"),
    [("none", "", "expect("), ("line", "1.1/sum", "worked example"), ("whole", "worked example", "expect(half")],
)
def test_of_hidden_tests_a_page_shows_what_the_policy_says(
    lab: Lab, ada: Standing, policy: str, is_there: str, is_not: str
) -> None:
    assert run(lab, "--tests", policy).exit_code == 0
    told = page(lab)
    assert ("Its hidden test" in told) == (policy != "none")
    assert is_there in told and is_not not in told


def test_who_has_no_result_has_no_page(lab: Lab, ada: Standing) -> None:
    ran = run(lab, "bob")
    assert ran.exit_code == 2 and "nothing of bob has been graded in lab01" in ran.output


def test_nbgrader_releases_the_page_of_what_its_exchange_has_collected(lab: Lab, ada: Standing, tmp_path: Path) -> None:
    collected = lab.course / "submitted" / "ada" / lab.name
    collected.mkdir(parents=True)
    (collected / "timestamp.txt").write_text("2026-10-01 10:00:00 UTC")
    (collected / "submission_secret.txt").write_text("of ada")
    assert run(lab).exit_code == 0
    settings = nbgrader_api.config(lab.course)
    settings.Exchange.root = str(tmp_path)
    released = NbGraderAPI(config=settings).release_feedback(lab.name)
    assert released["success"], released
    (page,) = (tmp_path / "two-bills" / "feedback").iterdir()
    assert page.stem == notebook_hash(secret="of ada", notebook_id=lab.name)
    assert page.read_text() == feedback.place(lab, "ada").read_text()
