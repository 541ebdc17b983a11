"""A result in words: a page of its own for one notebook, and the inside of a dialog.

Everything is escaped, and a page runs no script and loads nothing: what a student's code says is shown, and no more.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from nbformat import NotebookNode

from course.grading.result import Result, Verdict
from course.notebook import cells
from course.pages import templates

WORDS: dict[Verdict, str] = {
    "pass": "right",
    "fail": "wrong",
    "error": "stopped by an error",
    "timeout": "took too long",
    "crash": "Python crashed",
    "blank": "blank",
    "review": "a person will look at it",
    "manual": "a person gives the points",
}
_TITLE = re.compile(r"^# +(.+)$", re.MULTILINE)
_TASK = re.compile(r"ex-(\d+)-(\d+)-task")
_LABEL = re.compile(r"^\*\*.+?\*\*\s*")  # "**Exercise 1.4 (2 points).** "
_SENTENCE = re.compile(r"(?:`[^`]*`|[^`])*?(?=[.:;](?:\s|$)|$)")  # code in backticks has ends of its own


@dataclass(frozen=True)
class Outline:
    """What a lab asks: its title, and the first sentence of each task, in Markdown, by exercise ("1.4")."""

    title: str
    tasks: Mapping[str, str]


@dataclass(frozen=True)
class ByHand:
    """What a person has added: points in the place of the grader's, and comments; and a penalty for lateness."""

    points: Mapping[str, float] = field(default_factory=dict)
    comments: Mapping[str, str] = field(default_factory=dict)
    penalty: float = 0.0


def outline(notebook: NotebookNode) -> Outline:
    """The outline of a lab, from any of its notebooks."""
    prose = [cell for cell in notebook.cells if cell.cell_type == "markdown"]
    title = next((found[1] for cell in prose if (found := _TITLE.search(cell.source))), "")
    names = ((_TASK.fullmatch(cells.name_of(cell) or ""), cell.source) for cell in prose)
    return Outline(title, {f"{name[1]}.{name[2]}": _first_sentence(source) for name, source in names if name})


def page(
    result: Result,
    *,
    outline: Outline,
    when: datetime,
    who: str = "",
    notebook: str = "",
    tests: Mapping[str, str] | None = None,
    by_hand: ByHand | None = None,
) -> str:
    """A page for who wrote the notebook: points, and each exercise with its verdict and the idea behind it.

    `when` has a time zone; `notebook` is the address of the notebook, if it has one. `tests` is what to show of hidden
    tests, by exercise: the caller's policy, which is nothing by default. `by_hand` is what a person has added.
    """
    given = by_hand or ByHand()
    told = {"outline": outline, "when": when, "who": who, "notebook": notebook, "tests": tests or {}, "given": given}
    return _render("feedback.html", _with_points(result, given.points), **told)


def dialog(result: Result) -> str:
    """What is not full, and what else was noticed, to be shown inside nbgrader's dialog below the points."""
    return _render("dialog.html", result)


def points(result: Result, given: ByHand | None = None) -> str:
    """The sum, in words."""
    given = given or ByHand()
    counted = [e for e in result.exercises if not e.is_by_hand or e.id in given.points]
    most = sum(e.max_points for e in counted)
    mark = max(0.0, sum(e.points for e in counted) - given.penalty)
    late = f", {given.penalty:g} less for being late" if given.penalty else ""
    return f"{mark:g} of {most:g} points{late}"


def _with_points(result: Result, given: Mapping[str, float]) -> Result:
    """The result with a person's points in the place of the grader's; points of a text count once they are given."""
    exercises = [replace(e, points=given.get(e.id, e.points)) for e in result.exercises]
    return replace(result, exercises=exercises)


def _render(template: str, result: Result, **told: Any) -> str:
    told["points"] = points(result, told.get("given"))
    return templates.render(template, result=result, words=WORDS, **told)


def _first_sentence(task: str) -> str:
    text = " ".join(_LABEL.sub("", task).split())
    found = _SENTENCE.match(text)
    return found[0] if found else text
