"""What the labs say outside of their code, as one line of text each, so that phrases are found."""

import re
from functools import cache
from pathlib import Path

from course import build, paths
from course.build import Lab
from course.notebook.cells import name_of

CHECKOUT = paths.PACKAGE.parent
CARDS = ("README.md", "datasets/README.md", "datasets/evaluation/README.md", "datasets/models/two-bills-code/README.md")


@cache
def cells(lab: Lab) -> tuple[str, ...]:
    """The lab's texts, one for each markdown cell, as they are in the source."""
    notebook = build.instructor_notebook(lab)
    return tuple(cell.source for cell in notebook.cells if cell.cell_type == "markdown")


@cache
def exercises(lab: Lab) -> tuple[str, ...]:
    """The lab's exercises, such as "1.4", in the order of their tasks."""
    names = [name_of(cell) or "" for cell in build.instructor_notebook(lab).cells]
    found = (re.fullmatch(r"ex-(\d+)-(\d+)-task", name) for name in names)
    return tuple(f"{one[1]}.{one[2]}" for one in found if one)


@cache
def of(lab: Lab) -> str:
    """All of the lab's texts."""
    return unwrapped("\n".join(cells(lab)))


@cache
def everywhere() -> dict[str, str]:
    """The texts of all labs, by key, and of the cards, by path."""
    labs = {lab.key: of(lab) for lab in build.labs(CHECKOUT)}
    return labs | {card: unwrapped(Path(CHECKOUT, card).read_text(encoding="utf-8")) for card in CARDS}


def unwrapped(text: str) -> str:
    return re.sub(r"\s+", " ", text)
