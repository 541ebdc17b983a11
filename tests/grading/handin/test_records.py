"""Records survive stock nbgrader, which wipes the outputs that carry them."""

import json
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode

from course import build, nbgrader_api
from course.build import Lab
from course.grading.handin import records
from course.measure import record
from tests import tiny
from tests.labs import notebooks
from tests.tiny import RIGHT

MADE = record.new("stack", [1.5, 1.5], unit="s", predicted=(1, 2), threads=1)


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    lab = tiny.course(tmp_path / "course")
    build.build(lab)
    return lab


def with_record(notebook: NotebookNode) -> NotebookNode:
    """The notebook as a student saves it after measuring: the record is in a cell's output."""
    cell = next(cell for cell in notebook.cells if "lab.measure(" in cell.source)
    cell.outputs = [nbformat.v4.new_output("display_data", {record.MIME: [MADE], "text/plain": "1.5 s"})]
    return notebook


def submit(lab: Lab, student: str, notebook: NotebookNode) -> Path:
    folder = lab.course / "submitted" / student / lab.name
    folder.mkdir(parents=True)
    return notebooks.save(notebook, folder, lab.name)


def nbgrader(lab: Lab, *arguments: str) -> None:
    """Stock nbgrader as an instructor types it, in the course's folder."""
    scripts = sysconfig.get_path("scripts")
    env = os.environ | {"PATH": os.pathsep.join([scripts, os.environ["PATH"]])}
    command = [sys.executable, "-m", "nbgrader", *arguments]
    ran = subprocess.run(command, cwd=lab.course, env=env, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr


def test_stock_nbgrader_grades_by_the_submitted_record_and_measures_nothing(lab: Lab) -> None:
    release = nbformat.read(lab.release, as_version=4)
    submit(lab, "ada", with_record(notebooks.answered(release, RIGHT)))
    submit(lab, "bob", notebooks.answered(release, RIGHT))
    nbgrader(lab, "generate_assignment", lab.name, "--force")
    nbgrader(lab, "autograde", lab.name)

    api = nbgrader_api.open_course(lab.course, like=lab.course)
    assert nbgrader_api.scores(api, lab.name, "ada") == {"test-1-1": 2, "test-1-2": 1, "test-1-3": 2, "test-1-4": 2}
    assert nbgrader_api.scores(api, lab.name, "bob") == {"test-1-1": 2, "test-1-2": 1, "test-1-3": 2, "test-1-4": 0}
    graded = lab.course / "autograded" / "ada" / lab.name
    assert json.loads((graded / record.FILE).read_text()) == [MADE]
    assert record.in_outputs(nbformat.read(graded / f"{lab.name}.ipynb", as_version=4).cells) == [MADE]
    assert not list((lab.course / "autograded").rglob("it-ran"))


def test_records_of_the_file_and_of_the_outputs_are_kept_once_each(tmp_path: Path) -> None:
    older = {**MADE, "date": "2020-01-01T00:00:00+00:00"}
    record.write(tmp_path, [older, MADE])
    notebook = with_record(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("lab.measure('stack', f)")]))
    assert records.save(notebook, tmp_path) == [older, MADE]
    assert record.read(tmp_path) == [older, MADE]


def test_an_unreadable_file_is_put_aside_and_the_notebooks_records_are_kept(tmp_path: Path) -> None:
    (tmp_path / record.FILE).write_text("{broken")
    notebook = with_record(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("lab.measure('stack', f)")]))
    assert records.save(notebook, tmp_path) == [MADE]
    assert (tmp_path / f"unreadable-1-{record.FILE}").read_text() == "{broken"


def test_a_notebook_without_records_leaves_no_file(tmp_path: Path) -> None:
    assert records.save(nbformat.v4.new_notebook(), tmp_path) == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "content", ["[" * 100_000, None, "[1" + ", 1" * record.MOST + "]"], ids=["deep", "folder", "many"]
)
def test_hostile_records_are_put_aside_too(tmp_path: Path, content: str | None) -> None:
    for _ in range(2):
        if content is None:
            (tmp_path / record.FILE).mkdir()
        else:
            (tmp_path / record.FILE).write_text(content)
        assert records.save(nbformat.v4.new_notebook(), tmp_path) == []
    assert {path.name for path in tmp_path.iterdir()} == {f"unreadable-{n}-{record.FILE}" for n in (1, 2)}


def test_a_record_with_half_a_character_is_written(tmp_path: Path) -> None:
    odd = record.new("matmul", [1.0], unit="FLOP/s", predicted=(1, 2), threads=1, extra={"note": "\ud800"})
    record.write(tmp_path, [odd])
    assert record.read(tmp_path) == [odd]
