"""The README's picture: the figure of lab 1 that compares its intervals with what others claim.

    python -m tests.labs.picture

draws it anew, by the lab's own cell and functions, and writes into the file's metadata what it shows.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import matplotlib as mpl
from matplotlib.figure import Figure

from course import build, plots
from course.grading.judge import proof
from course.grading.judge.instructor_names import Globals, InstructorNames
from tests.labs import prose, rehearsal

FILE = Path(prose.CHECKOUT, ".github", "gpt4_cost.png")
DRAWS = "names = [name.replace("  # stands in the cell that draws it, and in no other of the lab


@contextmanager
def names_of(key: str) -> Iterator[Callable[[str], Any]]:
    """What a lab's instructor notebook gives a name to."""
    with _notebook(key) as heard:
        yield lambda name: heard.find(name, before=len(heard.cells))


@contextmanager
def _notebook(key: str) -> Iterator[InstructorNames]:
    with proof.answered(rehearsal.begun(build.find(prose.CHECKOUT, key), "2026")) as heard:
        yield heard


def drawn() -> Figure:
    """Lab 1's figure, by the instructor's answers."""
    with _notebook("lab01") as heard, mock.patch.object(plots, "show"):
        [place] = (n for n, cell in enumerate(heard.cells) if DRAWS in cell.source)
        names = Globals(heard, before=place)
        exec(heard.cells[place].source, names)
        return names["fig"]


def shown(figure: Figure) -> dict[str, str]:
    """What a reader of the figure reads: its title and, row by row, the ends of the bars in millions of dollars."""
    [axes] = figure.axes
    bars = [segment[:, 0] for segment in axes.collections[0].get_segments()]
    labels = [label.get_text() for label in axes.get_yticklabels()]
    rows = [f"{label}: {low:.0f} to {high:.0f}" for label, (low, high) in zip(labels, bars, strict=True)]
    told = {"Title": axes.get_title("left"), "Description": "; ".join(rows)}
    return {key: text.replace(r"\$", "$") for key, text in told.items()}


def main() -> None:
    """Draw and write the picture."""
    mpl.use("agg")
    figure = drawn()
    figure.savefig(FILE, metadata=shown(figure))


if __name__ == "__main__":
    main()
