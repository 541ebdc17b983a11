"""A check that is broken itself: it is not built, and where it is met all the same, nobody loses a point by it."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from course import build
from course.build import BadSource, Lab
from course.cli import app
from course.grading import sandbox
from course.grading.book import gradebook
from course.grading.grader import Notebooks, Rules, open_grader
from course.grading.handin.submissions import Submission
from course.grading.judge import proof
from course.grading.result import FailedTest
from tests import tiny
from tests.labs import notebooks

SOUND = "expect(half, 5).close_to(2.5)"
BROKEN = {
    "a misspelt method": ("expect(half, 5).equal(2.5)", "no attribute 'equal'"),
    "no syntax": ("expect(half, 5).equals(2.5", "SyntaxError"),
    "a name that is none": ("expect(half, five).equals(2.5)", "five is not defined"),
    "what the solution fails": ("expect(half, 5).equals(3)", "half(5) gave 2.5; expected 3"),
    "an argument that cannot cross": ("expect(half, iter([])).raises(TypeError)", "a value of type list_iterator"),
}


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return tiny.course(tmp_path / "course")


def changed(lab: Lab, test: str) -> Lab:
    source = lab.source.read_text()
    assert SOUND in source
    lab.source.write_text(source.replace(SOUND, test))
    return lab


def handed_in(lab: Lab, answer: str) -> Path:
    """A class of one, who answers 1.2 so."""
    solution, release = build.make(lab)
    answers = {**notebooks.solved(release, solution), "1.2": answer}
    folder = lab.course / "submitted" / "ada" / lab.name
    folder.mkdir(parents=True, exist_ok=True)
    return notebooks.save(notebooks.answered(release, answers), folder, lab.name)


def run(*arguments: str, course: Path) -> Any:
    return CliRunner().invoke(app, [*arguments, "--course", str(course)])


def test_a_sound_lab_has_no_broken_check(lab: Lab) -> None:
    proof.require(lab, *build.make(lab))


@pytest.mark.parametrize("kind", [kind for kind in BROKEN if kind != "an argument that cannot cross"])
def test_a_broken_check_is_not_built(lab: Lab, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    test, told = BROKEN[kind]
    changed(lab, test)
    monkeypatch.chdir(lab.course)
    before = sorted(lab.course.rglob("*.ipynb"))
    ran = CliRunner().invoke(app, ["build", "lab01"])
    assert ran.exit_code == 2
    assert "has checks that are broken: test-1-2: the solution does not pass it" in ran.stderr and told in ran.stderr
    assert sorted(lab.course.rglob("*.ipynb")) == before


@pytest.mark.parametrize("test", ["pass", "assert callable(half)"])
def test_a_check_that_passes_without_an_answer_is_not_built(lab: Lab, test: str) -> None:
    source = lab.source.read_text().replace('### END HIDDEN TESTS\nassert half(3) == 1.5, "the worked example"', test)
    lab.source.write_text(
        source.replace(f"### BEGIN HIDDEN TESTS\nfrom course.checking import expect\n\n{SOUND}\n", "")
    )
    with pytest.raises(BadSource, match="test-1-2: it passes where nothing is answered"):
        proof.require(lab, *build.make(lab))


@pytest.mark.parametrize("kind", BROKEN)
def test_nothing_is_graded_by_a_broken_check(lab: Lab, kind: str) -> None:
    test, told = BROKEN[kind]
    build.build(changed(lab, test))
    path = handed_in(lab, "def half(x):\n    return x")
    with open_grader(Notebooks.of(lab), Rules(sandbox.probe())) as grader, pytest.raises(FailedTest) as failed:
        grader.grade(Submission("ada", path, path.parent))
    assert str(failed.value).startswith("the test itself failed: test-1-2: ") and told in str(failed.value)
    assert str(failed.value).endswith(f"; mend it in {lab.source.name}, then grade again")


def test_who_meets_a_broken_check_has_a_reason_and_no_marks_until_it_is_mended(lab: Lab) -> None:
    test, _ = BROKEN["a misspelt method"]
    build.build(changed(lab, test))
    handed_in(lab, "def half(x):\n    return x")
    ran = run("grade", "lab01", "--json", course=lab.course)
    [row] = json.loads(ran.stdout)
    assert ran.exit_code == 1 and row["reason"].startswith("the test itself failed")
    assert gradebook.marks(lab) == {}
    build.build(changed_back(lab, test))
    [row] = json.loads(run("grade", "lab01", "--json", course=lab.course).stdout)
    assert {e["id"]: e["verdict"] for e in row["exercises"]}["1.2"] == "fail"


def changed_back(lab: Lab, test: str) -> Lab:
    lab.source.write_text(lab.source.read_text().replace(test, SOUND))
    return lab


def test_the_student_is_told_that_it_is_not_their_fault(lab: Lab) -> None:
    build.build(changed(lab, "expect(half, 5).equal(2.5)"))
    ran = run("check", "lab01", "--notebook", str(handed_in(lab, "def half(x):\n    return x")), course=lab.course)
    assert ran.exit_code == 2 and ran.stderr.startswith("the test itself failed: test-1-2")


def test_a_check_that_never_ends_is_its_own_fault(lab: Lab) -> None:
    tiny.configure(lab, "c.Execute.timeout = 3")
    build.build(changed(lab, "while True: pass"))
    handed_in(lab, "def half(x):\n    return x / 2")
    [row] = json.loads(run("grade", "lab01", "--json", course=lab.course).stdout)
    assert "test-1-2: it does not end within 3 s" in row.get("reason", ""), row


ODD = {
    "nothing": "def half(x):\n    pass",
    "a text": "def half(x):\n    return 'x'",
    "no values": "def half(x):\n    return ()",
}


def test_a_sound_check_that_trips_over_an_odd_answer_costs_the_answer(lab: Lab) -> None:
    build.build(changed(lab, "low, high = [half(5) + d for d in (0, 1)]\nassert (low, high) == (2.5, 3.5)"))
    with open_grader(Notebooks.of(lab), Rules(sandbox.probe())) as grader:
        for answer in ODD.values():
            path = handed_in(lab, answer)
            lost = grader.grade(Submission("ada", path, path.parent)).result.exercises[1]
            assert lost.verdict == "error" and "TypeError" in lost.message
