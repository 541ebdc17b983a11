"""The notebooks of every lab as a student meets them: untouched, solved, and read."""

import base64
import importlib
import inspect
import os
import pkgutil
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient
from nbformat import NotebookNode

import course
from course import lab as lab_module
from course.build import MAY_RAISE, Lab
from course.checking import same
from course.finetuning.run import NotTrained
from course.grading.grader import Grader
from course.notebook.cells import by_name, name_of
from tests.labs import notebooks

PNG = b"\x89PNG\r\n\x1a\n"
NOT_CALLED = tuple(f"course.{name}" for name in ("__main__", "cli", "commands", "setting_up", "grading"))
UNANSWERED = (NotImplementedError, lab_module.NoPrediction, lab_module.NoRecord, NotTrained)


@pytest.fixture(scope="session")
def untouched(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> NotebookNode:
    """The release, run by a student who answered nothing."""
    return run(nbformat.read(lab.release, as_version=4), tmp_path_factory.mktemp("untouched"))


@pytest.fixture(scope="session")
def solved(grader: Grader, answers: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> NotebookNode:
    """The release with all answers and predictions, measured (in short, where the lab's answers say how) and run."""
    notebook = notebooks.answered(grader.release, notebooks.solved(grader.release, grader.solution))
    for whole, short in getattr(answers, "SHORT", {}).items():
        cell = next(cell for cell in code(notebook) if whole in cell.source)
        cell.source = cell.source.replace(whole, short)
    known = by_name(grader.solution)
    for name, cell in by_name(notebook).items():
        if name.startswith("predict-"):
            cell.source = known[name].source
    return run(notebook, tmp_path_factory.mktemp("solved"))


def run(notebook: NotebookNode, folder: Path) -> NotebookNode:
    """Execute as Run All does: a cell may raise only if its tag says so. One thread measures: others may compute."""
    client = NotebookClient(notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(folder)}})
    return client.execute(env=os.environ | {"OMP_NUM_THREADS": "1"})


def code(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def raised(notebook: NotebookNode) -> set[str]:
    return {o.ename for cell in code(notebook) for o in cell.outputs if o.output_type == "error"}


def test_the_untouched_notebook_runs_to_its_end_and_raises_only_what_is_unanswered(untouched: NotebookNode) -> None:
    assert code(untouched)[-1].execution_count == len(code(untouched))
    assert raised(untouched)
    assert raised(untouched) <= {error.__name__ for error in UNANSWERED}
    assert all(issubclass(error, NotImplementedError) for error in UNANSWERED)


def test_the_solved_notebook_raises_nothing_and_writes_nothing_to_stderr(solved: NotebookNode) -> None:
    assert raised(solved) == set()
    assert [o.text for cell in code(solved) for o in cell.outputs if o.get("name") == "stderr"] == []


def test_every_plot_is_drawn_and_described(solved: NotebookNode) -> None:
    plotting = [cell for cell in code(solved) if "plots.show(" in cell.source]
    assert plotting
    for cell in plotting:
        picture = next(o for o in cell.outputs if "image/png" in o.get("data", {}))
        assert len(picture.metadata["image/png"]["alt"]) > 30
        content = base64.b64decode(picture.data["image/png"])
        assert content.startswith(PNG) and len(content) > 5_000


def test_an_exercise_is_four_cells_whose_task_tells_the_points(grader: Grader) -> None:
    cells = grader.release.cells
    for at, cell in enumerate(cells):
        name = name_of(cell) or ""
        if not (found := re.fullmatch(r"test-(\d+)-(\d+)", name)):
            continue
        lab, exercise = found.groups()
        assert name_of(cells[at - 3]) == f"ex-{lab}-{exercise}-task"
        assert name_of(cells[at - 2]) == f"ex-{lab}-{exercise}"
        assert name_of(cells[at - 1]) is None
        points = cell.metadata.nbgrader.points
        told = {
            1: f"**Exercise {lab}.{exercise} (stretch, 1 point).**",
            2: f"**Exercise {lab}.{exercise} (2 points).**",
        }
        assert cells[at - 3].source.startswith(told[points])


def test_cells_are_short_and_dollars_are_no_formulas(grader: Grader) -> None:
    for cell in grader.release.cells:
        if cell.cell_type == "code":
            assert len(cell.source.splitlines()) <= 30, cell.source
        else:
            words = [word for word in cell.source.split() if word.strip("|-")]  # a table's lines are none
            assert len(words) <= 110, cell.source
            assert cell.source.count("$") <= 1, f"MathJax takes what stands between two dollars: {cell.source}"


def test_code_is_not_wider_than_a_notebook_on_a_laptops_screen(lab: Lab) -> None:
    cells = code(nbformat.read(lab.release, as_version=4))
    assert [line for cell in cells for line in cell.source.splitlines() if len(line) > 88] == []


def test_a_cell_that_may_raise_says_so_and_no_other_is_an_exercise_to_try(grader: Grader) -> None:
    for cell in code(grader.release):
        if (name_of(cell) or "").startswith(("test-", "predict-")) or "lab.measure(" in cell.source:
            assert MAY_RAISE in cell.metadata.get("tags", []), cell.source


def test_nothing_importable_from_the_course_answers_an_exercise(answers: ModuleType) -> None:
    functions = list(importable())
    assert len(functions) > 50
    for exercise, examples in answers.EXAMPLES.items():
        giving = [f"{f.__module__}.{f.__qualname__}" for f in functions if all(gives(f, *one) for one in examples)]
        assert giving == [], f"{exercise} is answered"


def importable() -> Iterator[Callable[..., Any]]:
    """The public functions of all the package's modules, but for those that change the machine or end this process."""
    for module in pkgutil.walk_packages(course.__path__, "course."):
        if module.name.startswith(NOT_CALLED):
            continue
        loaded = importlib.import_module(module.name)
        for name, function in inspect.getmembers(loaded, inspect.isfunction):
            if function.__module__ == module.name and not name.startswith("_"):
                yield function


def gives(function: Callable[..., Any], arguments: tuple[Any, ...], expected: Any) -> bool:
    try:
        inspect.signature(function).bind(*arguments)
        return same(function(*arguments), expected, rel_tol=0.05)
    except Exception:
        return False
