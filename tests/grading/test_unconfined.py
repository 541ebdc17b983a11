"""Where nothing can be confined: stock nbgrader, which tells a dead kernel by its cell."""

import json
from pathlib import Path

import nbformat
import pytest
from typer.testing import CliRunner

from course import build
from course.build import Lab
from course.cli import app
from course.grading import sandbox, self_check
from course.grading.grader import Notebooks
from course.grading.handin.submissions import Submission
from course.grading.result import Ungradable
from tests import tiny
from tests.labs import notebooks
from tests.tiny import RIGHT


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lab:
    lab = tiny.course(tmp_path / "course")
    tiny.configure(lab, "c.Execute.timeout = 5")
    stock = "[*(f'nbgrader.preprocessors.{name}' for name in ('Execute', 'IgnorePattern', 'SaveAutoGrades'))]"
    tiny.configure(lab, f"c.Autograde.autograde_preprocessors = {stock}")
    build.build(lab)
    monkeypatch.setattr(sandbox, "is_supported", lambda: False)
    return lab


def hand_in(lab: Lab, answers: dict[str, str]) -> Path:
    folder = lab.course / "submitted" / "ada" / lab.name
    folder.mkdir(parents=True)
    return notebooks.save(notebooks.answered(nbformat.read(lab.release, as_version=4), answers), folder, lab.name)


def test_check_goes_on_and_says_that_nothing_confined_it(lab: Lab) -> None:
    wrong = {**RIGHT, "1.1": "def height(n, each):\n    return n + each", "1.3": "def boxes(h):\n    while True: pass"}
    result = self_check.check(lab, hand_in(lab, wrong))
    assert result.sandbox == []
    told = {e.id: (e.verdict, e.misconception) for e in result.exercises}
    assert told == {"1.1": ("fail", "1.1/sum"), "1.2": ("pass", None), "1.3": ("timeout", None), "1.4": ("blank", None)}


def test_a_kernel_that_dies_is_told_with_its_cell(lab: Lab) -> None:
    path = hand_in(lab, {**RIGHT, "1.2": "import os\nos._exit(7)"})
    died = r"died in cell ex-1-2(?s:.*)os\._exit\(7\)"
    with self_check.unconfined(Notebooks.of(lab)) as by, pytest.raises(Ungradable, match=died):
        by.grade(Submission("ada", path, None))


def test_a_class_needs_the_risk_to_be_accepted(lab: Lab) -> None:
    hand_in(lab, RIGHT)
    command = ["grade", "lab01", "--json", "--course", str(lab.course)]
    refused = CliRunner().invoke(app, command)
    assert refused.exit_code == 2 and "--unsafe-no-sandbox" in refused.stderr
    accepted = CliRunner().invoke(app, [*command, "--unsafe-no-sandbox"])
    (row,) = json.loads(accepted.stdout)
    assert (row["student"], row["points"], row["sandbox"]) == ("ada", 5, [])
