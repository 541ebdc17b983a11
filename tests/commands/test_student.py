"""`course check` with a lab or a notebook, and the page that it writes. What is graded how is in tests/grading/."""

import json
import os
import re
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat import NotebookNode
from typer.testing import CliRunner

from course import build
from course.build import Lab
from course.cli import app
from course.notebook import cells
from tests import tiny
from tests.labs import notebooks


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    lab = tiny.course(tmp_path_factory.mktemp("course") / "course")
    build.build(lab)
    return lab


@pytest.fixture
def half_right(lab: Lab) -> NotebookNode:
    release = nbformat.read(lab.release, as_version=4)
    return notebooks.answered(
        release, {"1.1": "def height(n, each):\n    return n + each", "1.2": "half = lambda x: x / 2"}
    )


def check(lab: Lab, *arguments: str | Path) -> Any:
    return CliRunner().invoke(app, ["check", *map(str, arguments), "--course", str(lab.course)])


def verdicts(ran: Any) -> dict[str, str]:
    return {exercise["id"]: exercise["verdict"] for exercise in json.loads(ran.stdout)["exercises"]}


EXPECTED = {"1.1": "fail", "1.2": "pass", "1.3": "blank", "1.4": "blank"}


def test_a_notebook_s_path_is_enough(
    lab: Lab, half_right: NotebookNode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = notebooks.save(half_right, tmp_path, "mine")
    monkeypatch.chdir(tmp_path)
    for named in (path, path.name):
        ran = check(lab, named, "--json")
        assert (ran.exit_code, verdicts(ran)) == (1, EXPECTED)


def test_a_lab_is_one_s_own_copy_or_the_notebook_that_is_named(
    lab: Lab, half_right: NotebookNode, tmp_path: Path
) -> None:
    elsewhere = notebooks.save(half_right, tmp_path, "mine")
    assert verdicts(check(lab, "1", "--notebook", elsewhere, "--json")) == EXPECTED
    lab.copy.parent.mkdir(parents=True)
    lab.copy.write_bytes(lab.release.read_bytes())
    assert set(verdicts(check(lab, "lab01", "--json")).values()) == {"blank"}


def test_without_its_first_cell_a_notebook_is_known_by_its_exercises(
    lab: Lab, half_right: NotebookNode, tmp_path: Path
) -> None:
    half_right.cells.remove(cells.by_name(half_right)["start"])
    ran = check(lab, notebooks.save(half_right, tmp_path, "mine"), "--json")
    assert verdicts(ran) == EXPECTED
    assert "start" in json.loads(ran.stdout)["repaired"][0]


def test_a_notebook_of_another_cohort_is_checked_and_told(lab: Lab, half_right: NotebookNode, tmp_path: Path) -> None:
    start = cells.by_name(half_right)["start"]
    start.source = start.source.replace("2026", "1999")
    ran = check(lab, notebooks.save(half_right, tmp_path, "mine"))
    assert "note: cohort 1999: graded with the numbers of 2026" in ran.stdout.splitlines()


def other_lab(notebook: NotebookNode) -> None:
    start = cells.by_name(notebook)["start"]
    start.source = start.source.replace("lab01", "lab12")


def no_lab(notebook: NotebookNode) -> None:
    notebook.cells = [nbformat.v4.new_code_cell("1 + 1")]


NOTHING_TO_CHECK = {
    "no such file": (None, "{path} does not exist"),
    "no notebook": ("hello", "{path} is broken JSON"),
    "no lab": (no_lab, "{path} is no lab's notebook: none of its cells has lab.start, or the name of an exercise"),
    "a lab that is not here": (
        other_lab,
        "{path} is a notebook of lab12, and in {course} there is no lab 'lab12'; the labs are: lab01",
    ),
}


@pytest.mark.parametrize("kind", NOTHING_TO_CHECK)
def test_what_cannot_be_checked_is_told_in_a_line(
    lab: Lab, half_right: NotebookNode, tmp_path: Path, kind: str
) -> None:
    content, told = NOTHING_TO_CHECK[kind]
    path = tmp_path / "mine.ipynb"
    if isinstance(content, str):
        path.write_text(content)
    elif content:
        content(half_right)
        notebooks.save(half_right, tmp_path, "mine")
    refused = check(lab, path)
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert refused.stderr.startswith(told.format(path=path, course=lab.course))
    assert len(refused.stderr.splitlines()) == 1


def test_two_notebooks_a_folder_and_a_wrong_lab_are_told(lab: Lab, tmp_path: Path) -> None:
    two = check(lab, "a.ipynb", "--notebook", "b.ipynb")
    assert (two.exit_code, two.stderr) == (2, "a.ipynb and --notebook b.ipynb are two notebooks: name one\n")
    assert "is a folder: name the notebook in it" in check(lab, f"{tmp_path}{os.sep}").stderr
    assert "there is no lab 'lab7'; the labs are: lab01" in check(lab, "lab7").stderr


def test_a_page_names_lab_date_and_author_and_the_wrong_idea(
    lab: Lab, half_right: NotebookNode, tmp_path: Path
) -> None:
    path, page = notebooks.save(half_right, tmp_path, "mine"), tmp_path / "mine.html"
    assert check(lab, path, "--html", page, "--name", "Zoë <b>").exit_code == 1
    text = page.read_text(encoding="utf-8")
    assert text.startswith("<!DOCTYPE html>")
    for said in ("How tall is a stack?", "Zoë &lt;b&gt;", "1 of 7 points", "boxes do not add to metres", "1.1/sum"):
        assert said in text
    assert re.search(r'<time datetime="\d{4}-\d\d-\d\dT[\d:]{8}[+-]\d\d:\d\d">', text)
    assert sorted(tmp_path.iterdir()) == [page, path]


def test_a_page_that_cannot_be_written_leaves_what_was_there(
    lab: Lab, half_right: NotebookNode, tmp_path: Path
) -> None:
    path, folder = notebooks.save(half_right, tmp_path, "mine"), tmp_path / "folder"
    folder.mkdir()
    for target, why in ((folder, "Is a directory"), (tmp_path / "none" / "a.html", "No such file or directory")):
        refused = check(lab, path, "--html", target)
        assert (refused.exit_code, refused.stderr.strip()) == (2, f"{target} cannot be written: {why}")
    assert sorted(tmp_path.iterdir()) == [folder, path]
