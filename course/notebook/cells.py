"""The cells of a lab's notebook: what each is called, and which role it has.

A graded cell has a name, nbgrader's `grade_id`. The name tells the role: `ex-1-4-task` is a task, `ex-1-4` and
`predict-what` are answers, `test-1-4` is a check, `memo-1-4` a text that a person grades, any other is a given. In a
built notebook nbgrader's own data say so.
"""

import re
from typing import Literal, NamedTuple

from nbformat import NotebookNode

Role = Literal["answer", "check", "given"]

ANSWER = re.compile(r"^(ex-\d+-\d+|predict-[\w-]+)$")
CHECK = re.compile(r"^test-\d+-\d+$")
MEMO = re.compile(r"^memo-\d+-\d+$")


class Cell(NamedTuple):
    """A code cell of the instructor's notebook; without a name it is called ""."""

    name: str
    role: Role
    source: str


def name_of(cell: NotebookNode) -> str | None:
    """A cell's name, if it has one."""
    nbgrader = cell.metadata.get("nbgrader")
    name = nbgrader.get("grade_id") if isinstance(nbgrader, dict) else None
    return name if isinstance(name, str) else None


def names(notebook: NotebookNode) -> list[str]:
    """The names of a notebook's cells, in order, of those that have one."""
    return [name for cell in notebook.cells if (name := name_of(cell))]


def by_name(notebook: NotebookNode) -> dict[str, NotebookNode]:
    """The named cells of a notebook."""
    return {name: cell for cell in notebook.cells if (name := name_of(cell))}


def is_check(cell: NotebookNode) -> bool:
    """Whether a cell is a check: it gives points, and is no answer."""
    nbgrader = cell.metadata.get("nbgrader", {})
    return cell.cell_type == "code" and bool(nbgrader.get("grade")) and not nbgrader.get("solution")


def is_answer(cell: NotebookNode) -> bool:
    """Whether a cell is an answer: its source is the student's."""
    return bool(cell.metadata.get("nbgrader", {}).get("solution"))


def tags(cell: NotebookNode) -> list[str]:
    """A cell's tags."""
    return cell.metadata.get("tags", [])


def code_of(notebook: NotebookNode) -> list[Cell]:
    """The code cells of an instructor's notebook."""

    def role(cell: NotebookNode) -> Role:
        return "check" if is_check(cell) else "answer" if is_answer(cell) else "given"

    return [Cell(name_of(cell) or "", role(cell), cell.source) for cell in notebook.cells if cell.cell_type == "code"]


def exercise_of(name: str) -> str:
    """What a cell is about: "1.4" of "ex-1-4-task", "ex-1-4", "test-1-4"; a text that a person grades is itself one."""
    if MEMO.match(name):
        return name
    return name.partition("-")[2].removesuffix("-task").replace("-", ".")


def answer_to(check: str) -> str:
    """The name of the answer that a check is about: "ex-1-4" of "test-1-4"."""
    return f"ex-{check.partition('-')[2]}"
