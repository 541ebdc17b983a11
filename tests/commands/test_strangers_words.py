"""What strangers write (names, messages, cells, paths) reaches no terminal as something that it obeys or hides."""

import json
from pathlib import Path

import nbformat
import pytest
from typer.testing import CliRunner

from course import build
from course.build import Lab
from course.cli import app
from tests import tiny
from tests.labs import notebooks
from tests.tiny import RIGHT

EVIL = "\x1b[2J\x9b31m\u202e\u2066\u200b\u2060\ufeff\u2028\x07"
RAISES = f"def height(n, each):\n    raise ValueError({'said ' + EVIL!r})"


@pytest.fixture(scope="module")
def graded(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    lab = tiny.course(tmp_path_factory.mktemp("strangers") / "course")
    build.build(lab)
    notebook = notebooks.answered(nbformat.read(lab.release, as_version=4), {**RIGHT, "1.1": RAISES})
    stray = nbformat.v4.new_code_cell("x = 1", metadata={"nbgrader": {"grade_id": f"stray {EVIL}", "grade": False}})
    notebook.cells.append(stray)
    for student in ("ada", "bob"):
        folder = lab.course / "submitted" / student / lab.name
        folder.mkdir(parents=True)
        nbformat.write(notebook, folder / f"{lab.name}.ipynb")
    roster = lab.course / "students.csv"
    roster.write_text(f"id,name,section\nada,Ada {EVIL},A\nbob,Bob,A\neve,Eve {EVIL},B\n", encoding="utf-8")
    (lab.course / f"mine {EVIL}.ipynb").write_bytes((folder / f"{lab.name}.ipynb").read_bytes())
    said(lab, "roster", "import", str(roster), "--id", "id", "--name", "name", "--section", "section")
    said(lab, "grade", "lab01")
    return lab


def said(lab: Lab, *command: str) -> str:
    ran = CliRunner().invoke(app, [*command, "--course", str(lab.course)])
    assert ran.exit_code in (0, 1), ran.output
    return ran.output


@pytest.mark.parametrize(
    "command",
    [
        *(["roster"], ["grade", "lab01"], ["grade", "lab01", "--again", "--json"], ["history", "ada", "lab01"]),
        *(["history", "ada", "lab01", "--json"], ["mark", "lab01"], ["compare", "lab01", "--json"]),
        *(
            ["report", "lab01", "-o", "r.html"],
            ["feedback", "lab01"],
            ["export", "lab01", "--to", "csv", "-o", "m.csv"],
        ),
    ],
    ids=" ".join,
)
def test_no_command_prints_it(graded: Lab, command: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    output = said(graded, *command)
    assert output.strip() and not set(EVIL) - set("[2J31m") & set(output)
    if "--json" in command:
        json.loads(output)


def test_nor_does_a_check_of_such_a_notebook(graded: Lab) -> None:
    output = said(graded, "check", str(graded.course / f"mine {EVIL}.ipynb"))
    assert "said" in output and not set(EVIL) - set("[2J31m") & set(output)
