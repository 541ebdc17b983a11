"""What each student has in a lab, as `course grade` and `course history` tell it: by hand, late, absent."""

import json
import zipfile
from typing import Any

import nbformat
import pytest
from nbgrader.api import Gradebook
from typer.testing import CliRunner

from course import build
from course.build import Lab
from course.classroom import people, standings
from course.classroom.people import Person
from course.cli import app
from course.commands.terminal import console
from course.grading import sandbox
from tests import tiny
from tests.labs import notebooks
from tests.tiny import RIGHT

pytestmark = pytest.mark.skipif(not sandbox.is_supported(), reason="the engine runs on Linux")

PEOPLE = [Person("b1", "Ada Lovelace"), Person("b2", "Bob O'Neil"), Person("b3", "Chloé Kaci")]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    """A class of three, of whom two and a stranger have handed in, graded; and a person has looked at one mark."""
    folder = tmp_path_factory.mktemp("class")
    lab = tiny.course(folder / "course")
    build.build(lab)
    people.write(lab.course, PEOPLE)
    solved = nbformat.writes(notebooks.answered(nbformat.read(lab.release, as_version=4), RIGHT))
    with zipfile.ZipFile(folder / "moodle.zip", "w") as archive:
        for number, name in enumerate(("Ada Lovelace", "Bob O'Neil", "Eve Nobody"), start=301):
            content = solved if name != "Bob O'Neil" else solved[:100]
            archive.writestr(f"{name}_{number}_assignsubmission_file/mine.ipynb", content)
    first = course(lab, "grade", "1", str(folder / "moodle.zip"), "--json")
    assert first.exit_code == 1, first.output
    with Gradebook(f"sqlite:///{lab.course / 'gradebook.db'}", "two-bills") as gradebook:
        grade = gradebook.find_grade("test-1-1", lab.name, lab.name, "b1")
        grade.manual_score, grade.needs_manual_grade = 0.5, False
        (notebook,) = gradebook.find_submission(lab.name, "b1").notebooks
        notebook.late_submission_penalty = 1.0
        gradebook.db.commit()
    return lab


def course(lab: Lab, *arguments: str) -> Any:
    return CliRunner().invoke(app, [*arguments, "--course", str(lab.course)])


def test_the_roster_says_who_is_who_and_who_was_absent(lab: Lab) -> None:
    by_id = {one.person.id: one for one in standings.of(lab)}
    assert list(by_id) == ["b1", "b2", "b3", "Eve Nobody"]
    assert [one.status for one in by_id.values()] == ["graded", "not graded", "absent", "graded"]
    assert [one.is_in_roster for one in by_id.values()] == [True, True, True, False]
    assert "broken JSON" in by_id["b2"].reason and by_id["b3"].points is None
    assert by_id["Eve Nobody"].result and "not in the roster" in by_id["Eve Nobody"].result.flags


def test_a_persons_points_stand_in_the_place_of_the_graders_and_the_penalty_beside_them(lab: Lab) -> None:
    ada = next(one for one in standings.of(lab) if one.person.id == "b1")
    assert ada.result and (ada.result.points, ada.max_points) == (5, 7)
    assert (ada.points, ada.marks.penalty, ada.mark) == (3.5, 1.0, 2.5)


@pytest.mark.parametrize("wanted", ["--json", ""])
def test_grade_tells_them_again_from_the_ledger(lab: Lab, wanted: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console, "_width", 200)  # no column is folded
    ran = course(lab, "grade", "1", str(lab.course.parent / "moodle.zip"), *([wanted] if wanted else []))
    assert ran.exit_code == 1  # of Bob's, not of who is absent
    if wanted:
        rows = {row["student"]: row for row in json.loads(ran.stdout)}
        assert rows["b3"] == {"student": "b3", "name": "Chloé Kaci", "status": "absent"}
        assert (rows["b1"]["points"], rows["b1"]["by_hand"], rows["b1"]["penalty"], rows["b1"]["mark"]) == (
            *(5, {"1.1": 0.5}, 1.0, 2.5),
        )
        assert rows["b2"]["status"] == "not graded" and rows["Eve Nobody"]["status"] == "graded"
    else:
        assert "2.5/7" in ran.stdout and "1.1: 0.5 by hand" in ran.stdout and "1 points less: late" in ran.stdout
        assert "2 graded, 1 failed" in ran.stdout and "1 absent" in ran.stdout


def test_history_tells_them_too(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console, "_width", 200)
    told = course(lab, "history", "b1", "1")
    assert "counts, 1.1: 0.5 by hand, 1 points less: late" in " ".join(told.stdout.split())
    (line,) = json.loads(course(lab, "history", "b1", "1", "--json").stdout)
    assert (line["by_hand"], line["penalty"]) == ({"1.1": 0.5}, 1.0)
