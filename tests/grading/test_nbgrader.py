"""Stock nbgrader, unmodified, with our kernels and our executor by configuration alone."""

import asyncio
import shutil
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from nbgrader.api import Gradebook
from nbgrader.apps.api import NbGraderAPI
from typer.testing import CliRunner

from course import build, stock
from course.build import Lab
from course.cli import app
from course.grading import intake, provisioner
from course.measure import record
from tests import tiny
from tests.grading.test_check import RIGHT
from tests.labs import notebooks

SPY = """def half(x):
    import os
    walks = [os.walk(top) for top in ('.', '/tmp', '/home', '/root', '/submission')]
    seen = [file for walk in walks for _, _, files in walk for file in files if file == 'lab01_stack.ipynb']
    return seen or x / 2"""


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    lab = tiny.course(tmp_path / "course")
    build.build(lab)
    return lab


@pytest.fixture
def api(lab: Lab) -> Iterator[NbGraderAPI]:
    opened = stock.open_course(lab.course, like=lab.course)
    stock.generate(opened, lab.name)
    yield opened


def hand_in(lab: Lab, student: str, answers: dict[str, str]) -> None:
    folder = lab.course / "submitted" / student / lab.name
    folder.mkdir(parents=True)
    notebooks.save(notebooks.answered(nbformat.read(lab.release, as_version=4), answers), folder, lab.name)
    record.write(folder, [record.new("stack", [1.5], unit="s", predicted=(1, 2), threads=1)])


def test_autograde_judges_as_the_engine_does(lab: Lab, api: NbGraderAPI) -> None:
    hand_in(lab, "ada", RIGHT)
    hand_in(lab, "eve", {**RIGHT, "1.1": "def height(n, each):\n    return n + each", "1.2": SPY})
    hand_in(
        lab,
        "cheat",
        {
            "1.1": "import ast\nclass T(ast.NodeTransformer):\n    def visit_Assert(self, n):\n"
            "        return ast.Pass()\nget_ipython().ast_transformers.append(T())"
        },
    )
    for student in ("ada", "eve", "cheat"):
        stock.autograde(api, lab.name, student)
    assert stock.scores(api, lab.name, "ada") == {"test-1-1": 2, "test-1-2": 1, "test-1-3": 2, "test-1-4": 2}
    assert stock.scores(api, lab.name, "eve") == {"test-1-1": 0, "test-1-2": 1, "test-1-3": 2, "test-1-4": 2}
    assert stock.scores(api, lab.name, "cheat") == dict.fromkeys(("test-1-1", "test-1-2", "test-1-3", "test-1-4"), 0)


def test_a_failed_check_says_why_in_the_executed_notebook(lab: Lab, api: NbGraderAPI) -> None:
    hand_in(lab, "eve", {**RIGHT, "1.1": "def height(n, each):\n    return n + each"})
    executed = intake.by_name(nbformat.read(stock.autograde(api, lab.name, "eve"), as_version=4))
    (error,) = executed["test-1-1"].outputs
    assert "boxes do not add to metres" in error.evalue
    assert executed["test-1-2"].outputs == []


def test_nbgraders_own_executor_takes_our_kernels(lab: Lab) -> None:
    tiny.configure(
        lab,
        'c.Execute.kernel_name = "two-bills"\n'
        "c.Autograde.autograde_preprocessors = [*(f'nbgrader.preprocessors.{name}' for name in "
        "('Execute', 'IgnorePattern', 'SaveAutoGrades', 'CheckCellMetadata'))]",
    )
    api = stock.open_course(lab.course, like=lab.course)
    stock.generate(api, lab.name)
    hand_in(lab, "ada", {**RIGHT, "1.2": SPY})
    hand_in(lab, "ben", {"1.1": RIGHT["1.1"]})
    for student in ("ada", "ben"):
        stock.autograde(api, lab.name, student)
    assert stock.scores(api, lab.name, "ada") == {"test-1-1": 2, "test-1-2": 1, "test-1-3": 2, "test-1-4": 2}
    assert stock.scores(api, lab.name, "ben") == {"test-1-1": 2, "test-1-2": 0, "test-1-3": 0, "test-1-4": 0}
    assert provisioner.shared_template(["import numpy, pandas, matplotlib.pyplot"])


def auto_scores(lab: Lab) -> dict[tuple[str, str], float | None]:
    with Gradebook(f"sqlite:///{lab.course / 'gradebook.db'}", "two-bills") as gradebook:
        grades = [
            (submission.student.id, grade)
            for submission in gradebook.assignment_submissions(lab.name)
            for notebook in submission.notebooks
            for grade in notebook.grades
        ]
        return {(student, grade.name): grade.auto_score for student, grade in grades}


def test_a_class_graded_either_way_has_the_same_gradebook_and_feedback(
    lab: Lab, api: NbGraderAPI, tmp_path: Path
) -> None:
    hand_in(lab, "ada", RIGHT)
    hand_in(lab, "eve", {**RIGHT, "1.1": "def height(n, each):\n    return n + each"})
    twin = Lab(lab.name, tmp_path / "twin")
    shutil.copytree(lab.course, twin.course, ignore=shutil.ignore_patterns("gradebook.db"))
    for student in ("ada", "eve"):
        stock.autograde(api, lab.name, student)
    ran = CliRunner().invoke(app, ["grade", "lab01", "--course", str(twin.course)])
    assert ran.exit_code == 0, ran.output
    assert auto_scores(twin) == auto_scores(lab) != {}
    for course in (lab, twin):
        opened = stock.open_course(course.course, like=course.course)
        assert opened.generate_feedback(lab.name, "eve")["success"]
        page = (course.course / "feedback" / "eve" / lab.name / f"{lab.name}.html").read_text()
        assert "boxes do not add to metres" in page


def test_formgraders_button_grades_inside_a_running_loop(lab: Lab, api: NbGraderAPI) -> None:
    hand_in(lab, "ada", RIGHT)

    async def pressed() -> dict[str, object]:
        return api.autograde(lab.name, "ada")

    assert asyncio.run(pressed())["success"]
    assert stock.scores(api, lab.name, "ada")["test-1-1"] == 2
