"""What commands print is text: it obeys no student, loses no column in a pipe, and ends no command."""

import io
import json
import os
import subprocess
import sys

import pytest
from rich.table import Table
from rich.text import Text

from course.commands.terminal import Terminal, as_json_text, harmless
from course.paths import PACKAGE

ROW = "a reason that is much longer than eighty columns, as reasons of grading often are; " * 3


def printed(renderable: object, **options: object) -> str:
    page = io.StringIO()
    Terminal(file=page, **options).print(renderable)  # type: ignore[arg-type]
    return page.getvalue()


def grid(*cells: str) -> Table:
    table = Table()
    for _ in cells:
        table.add_column(overflow="fold")
    table.add_row(*map(Text, cells))
    return table


@pytest.mark.parametrize("obeyed", ["\x1b[2J", "\x9b31m", "\x07", "\r", "\u202e", "\u2066", "\x00", "\x7f", "\x85"])
def test_no_text_is_obeyed(obeyed: str) -> None:
    shown = printed(grid(f"ada{obeyed}"), width=80)
    assert obeyed[0] not in shown and "ada" in shown
    assert harmless(f"é محمد\n\t{obeyed}") == f"é محمد\n\t{obeyed[1:]}"


@pytest.mark.parametrize("obeyed", ["\x1b[2J", "\x9b31m", "\r", "\u202e", "\u2066", "\x7f", "\x85"])
def test_json_means_the_same_and_is_not_obeyed(obeyed: str) -> None:
    row = {f"é{obeyed}": [f"محمد\n{obeyed}"]}
    text = as_json_text(row)
    assert obeyed[0] not in text and "محمد" in text
    assert json.loads(text) == row


def test_nothing_is_cut_or_folded_in_a_pipe_and_a_terminal_is_kept_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    assert ROW in printed(grid("ada", ROW))
    monkeypatch.setenv("COLUMNS", "80")
    assert max(map(len, printed(grid("ada", ROW)).splitlines())) <= 80


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
def test_no_character_ends_a_command(encoding: str) -> None:
    environment = os.environ | {"PYTHONIOENCODING": encoding, "PYTHONPATH": str(PACKAGE.parent)}
    command = [sys.executable, "-m", "course", "check", "lab01", "--notebook", "محمد → \udcff.ipynb"]
    ran = subprocess.run(command, env=environment, capture_output=True, check=False)
    assert ran.returncode == 2 and b"\xff.ipynb does not exist" in ran.stderr and b"Traceback" not in ran.stderr
