"""nbgrader as it is, with this grader by configuration alone: the same marks as `course grade` gives."""

import asyncio
import shutil
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell
from nbgrader.api import Gradebook
from nbgrader.apps.api import NbGraderAPI
from typer.testing import CliRunner

from course import build, nbgrader_api
from course.build import Lab
from course.cli import app
from course.grading.kernels import provisioner
from course.measure import record
from course.notebook.cells import by_name
from tests import tiny
from tests.labs import notebooks
from tests.tiny import RIGHT

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
    opened = nbgrader_api.open_course(lab.course, like=lab.course)
    nbgrader_api.generate(opened, lab.name)
    yield opened


def hand_in(lab: Lab, student: str, answers: dict[str, str]) -> Path:
    folder = lab.course / "submitted" / student / lab.name
    folder.mkdir(parents=True)
    record.write(folder, [record.new("stack", [1.5], unit="s", predicted=(1, 2), threads=1)])
    return notebooks.save(notebooks.answered(nbformat.read(lab.release, as_version=4), answers), folder, lab.name)


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
        nbgrader_api.autograde(api, lab.name, student)
    assert nbgrader_api.scores(api, lab.name, "ada") == {"test-1-1": 2, "test-1-2": 1, "test-1-3": 2, "test-1-4": 2}
    assert nbgrader_api.scores(api, lab.name, "eve") == {"test-1-1": 0, "test-1-2": 1, "test-1-3": 2, "test-1-4": 2}
    assert set(nbgrader_api.scores(api, lab.name, "cheat").values()) == {0}


def test_a_failed_check_says_why_in_the_executed_notebook(lab: Lab, api: NbGraderAPI) -> None:
    hand_in(lab, "eve", {**RIGHT, "1.1": "def height(n, each):\n    return n + each"})
    executed = by_name(nbformat.read(nbgrader_api.autograde(api, lab.name, "eve"), as_version=4))
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
    api = nbgrader_api.open_course(lab.course, like=lab.course)
    nbgrader_api.generate(api, lab.name)
    hand_in(lab, "ada", {**RIGHT, "1.2": SPY})
    hand_in(lab, "ben", {"1.1": RIGHT["1.1"]})
    for student in ("ada", "ben"):
        nbgrader_api.autograde(api, lab.name, student)
    assert nbgrader_api.scores(api, lab.name, "ada") == {"test-1-1": 2, "test-1-2": 1, "test-1-3": 2, "test-1-4": 2}
    assert nbgrader_api.scores(api, lab.name, "ben") == {"test-1-1": 2, "test-1-2": 0, "test-1-3": 0, "test-1-4": 0}
    assert provisioner.shared_template(["import numpy, pandas, matplotlib.pyplot"])


def saved(lab: Lab) -> dict[tuple[str, str], tuple[float | None, bool]]:
    """What the gradebook has of each check: its automatic points, and whether a person has to look."""
    with Gradebook(f"sqlite:///{lab.course / 'gradebook.db'}", "two-bills") as gradebook:
        return {
            (submission.student.id, grade.name): (grade.auto_score, grade.needs_manual_grade)
            for submission in gradebook.assignment_submissions(lab.name)
            for notebook in submission.notebooks
            for grade in notebook.grades
        }


def test_a_class_graded_either_way_has_the_same_gradebook_and_feedback(
    lab: Lab, api: NbGraderAPI, tmp_path: Path
) -> None:
    hand_in(lab, "ada", RIGHT)
    hand_in(lab, "eve", {**RIGHT, "1.1": "def height(n, each):\n    return n + each"})
    twin = Lab(lab.name, tmp_path / "twin")
    shutil.copytree(lab.course, twin.course, ignore=shutil.ignore_patterns("gradebook.db"))
    for student in ("ada", "eve"):
        nbgrader_api.autograde(api, lab.name, student)
    ran = CliRunner().invoke(app, ["grade", "lab01", "--course", str(twin.course)])
    assert ran.exit_code == 0, ran.output
    assert saved(twin) == saved(lab) != {}
    for course in (lab, twin):
        opened = nbgrader_api.open_course(course.course, like=course.course)
        assert opened.generate_feedback(lab.name, "eve")["success"]
        page = (course.course / "feedback" / "eve" / lab.name / f"{lab.name}.html").read_text()
        assert "boxes do not add to metres" in page


def damaged(notebook: NotebookNode) -> NotebookNode:
    """A check gone, one twice, one no code any more, one emptied; a task that says it is worth a hundred points."""
    named = by_name(notebook)
    notebook.cells.remove(named["test-1-1"])
    notebook.cells.append(deepcopy(named["test-1-2"]))
    named["test-1-3"].cell_type = "raw"
    del named["test-1-3"]["outputs"], named["test-1-3"]["execution_count"]
    named["test-1-4"].source = "pass"
    named["test-1-4"].metadata.nbgrader.points = 100
    return notebook


def with_two_answers_in_one_cell(notebook: NotebookNode) -> NotebookNode:
    named = by_name(notebook)
    named["ex-1-1"].source += "\n\n" + named["ex-1-2"].source
    notebook.cells.remove(named["ex-1-2"])
    return notebook


def with_a_cell_that_ends_the_process(notebook: NotebookNode) -> NotebookNode:
    notebook.cells.insert(len(notebook.cells) // 2, new_code_cell("import os\nos._exit(1)"))
    return notebook


PHYSICS = """### BEGIN HIDDEN TESTS
from course.checking import plausible

plausible(lab.measured("stack")["median"] < 1, "slower than can be")
### END HIDDEN TESTS
"""
ODD = {
    "damaged": damaged,
    "merged": with_two_answers_in_one_cell,
    "deadly": with_a_cell_that_ends_the_process,
    "plain": lambda notebook: notebook,
}


def test_odd_submissions_get_the_same_marks_either_way(tmp_path: Path) -> None:
    lab = tiny.course(tmp_path / "course", tiny.SOURCE + PHYSICS)
    build.build(lab)
    for student, change in ODD.items():
        path = hand_in(lab, student, RIGHT)
        notebooks.save(change(nbformat.read(path, as_version=4)), path.parent, lab.name)
    twin = Lab(lab.name, tmp_path / "twin")
    shutil.copytree(lab.course, twin.course)
    api = nbgrader_api.open_course(lab.course, like=lab.course)
    nbgrader_api.generate(api, lab.name)
    for student in ODD:
        nbgrader_api.autograde(api, lab.name, student)
    assert CliRunner().invoke(app, ["grade", "lab01", "--course", str(twin.course)]).exit_code == 0
    assert saved(lab) == saved(twin)
    assert {saved(lab)[student, "test-1-4"] for student in ODD} == {(2, True)}  # for review: no points are lost
    assert {saved(lab)[student, "test-1-2"] for student in ODD} == {(1, False)}


def test_formgraders_button_grades_inside_a_running_loop(lab: Lab, api: NbGraderAPI) -> None:
    hand_in(lab, "ada", RIGHT)

    async def pressed() -> dict[str, object]:
        return api.autograde(lab.name, "ada")

    assert asyncio.run(pressed())["success"]
    assert nbgrader_api.scores(api, lab.name, "ada")["test-1-1"] == 2
