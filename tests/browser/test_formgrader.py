"""nbgrader's formgrader in a real browser, on a graded class: what a person gives there stays."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from nbgrader.api import Gradebook
from playwright.sync_api import Page, expect
from typer.testing import CliRunner

from course import build
from course.build import Lab
from course.cli import app
from tests import tiny
from tests.browser.conftest import running
from tests.labs import notebooks
from tests.tiny import RIGHT

MEMO = '\n# %% [markdown] nbgrader={"grade_id": "memo-1-4", "points": 10}\n# What the instructor would write.\n'
WORDS = "Half of the boxes, since the lift carries no more."
ATTACK = "<script>document.title = 'taken'</script><img src=x onerror=\"document.title = 'taken'\">"
PORT = 18082


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    lab = tiny.course(tmp_path / "course", source=tiny.SOURCE + MEMO)
    build.build(lab)
    notebook = notebooks.answered(nbformat.read(lab.release, as_version=4), RIGHT)
    memo = next(cell for cell in notebook.cells if cell.metadata.get("nbgrader", {}).get("grade_id") == "memo-1-4")
    memo.source = f"{WORDS} {ATTACK}"
    notebook.cells.append(nbformat.v4.new_code_cell(f"from IPython.display import HTML\nHTML({ATTACK!r})"))
    folder = lab.course / "submitted" / "ada" / lab.name
    folder.mkdir(parents=True)
    notebooks.save(notebook, folder, lab.name)
    grade(lab)
    return lab


def grade(lab: Lab, *options: str) -> dict[str, object]:
    ran = CliRunner().invoke(app, ["grade", "lab01", "--json", *options, "--course", str(lab.course)])
    assert ran.exit_code == 0, ran.output
    return json.loads(ran.stdout)[0]


@pytest.fixture
def formgrader(lab: Lab, tmp_path: Path) -> Iterator[str]:
    command = ["jupyterlab", "--no-browser", "--port", str(PORT), "--ip", "127.0.0.1", "--allow-root"]
    env = {**os.environ, "JUPYTER_CONFIG_DIR": str(tmp_path / "jupyter")}
    with running(command, cwd=lab.course, log=tmp_path / "formgrader.log", env=env) as url:
        yield url


def test_points_that_a_person_gives_there_survive_grading_again(lab: Lab, formgrader: str, page: Page) -> None:
    with Gradebook(f"sqlite:///{lab.course / 'gradebook.db'}", "two-bills") as gradebook:
        submission = gradebook.find_submission_notebook(lab.name, lab.name, "ada").id
    page.goto(formgrader)  # as the server prints it: with its token, which the browser keeps
    pages = f"http://127.0.0.1:{PORT}/formgrader"
    page.goto(f"{pages}/manage_submissions/{lab.name}")
    expect(page.get_by_role("gridcell", name="needs manual grading")).to_be_visible()
    page.goto(f"{pages}/submissions/{submission}/")
    expect(page.get_by_text(WORDS)).to_be_visible()
    expect(page.get_by_text("not run for the mark: this cell only shows").first).to_be_visible()
    score = page.locator("input#memo-1-4")
    with page.expect_response(lambda answer: "/formgrader/api/grade/" in answer.url and answer.request.method == "PUT"):
        score.fill("7.5")
        score.press("Tab")
    assert page.title() != "taken"
    again = grade(lab, "--again")
    assert (again["points"], again["by_hand"], again["waiting"]) == (5, {"memo-1-4": 7.5}, [])
