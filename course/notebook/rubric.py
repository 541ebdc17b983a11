"""What a person looks for in a text: the parts of a rubric, as the cell above the text says them in a sentence.

gives up to 10 points: 2 for the **claim** (which option), 3 for the **evidence** (which numbers), …
"""

import re
from dataclasses import dataclass

from nbformat import NotebookNode

from course.notebook import cells

_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z])")
_PART = re.compile(r"(?P<points>\d+(?:\.\d+)?) for (?P<what>.*?)(?=,? (?:and )?\d+(?:\.\d+)? for |$)")
_NAME = re.compile(r"\*\*(.+?)\*\*")


@dataclass(frozen=True)
class Part:
    """A part of a rubric: its points, its name, and what is asked for, in plain text."""

    points: float
    name: str
    what: str


@dataclass(frozen=True)
class Question:
    """What was asked, in Markdown, and the parts that its points are made of; none where it names none."""

    text: str
    parts: tuple[Part, ...] = ()


def of(notebook: NotebookNode, exercise: str) -> Question:
    """The question of an exercise ("1.4", "memo-1-4"): its task, or the cell above a text that a person grades."""
    named = cells.by_name(notebook)
    if not cells.MEMO.match(exercise):
        task = named.get(f"ex-{exercise.replace('.', '-')}-task")
        return Question(task.source if task else "")
    place = next((place for place, cell in enumerate(notebook.cells) if cells.name_of(cell) == exercise), 0)
    above = notebook.cells[place - 1] if place else None
    if above is None or above.cell_type != "markdown":
        return Question("")
    points = float(named[exercise].metadata.nbgrader.points)
    return Question(above.source, _parts(above.source, points))


def _parts(text: str, points: float) -> tuple[Part, ...]:
    """The parts that one sentence names, if they sum to the points."""
    for sentence in _SENTENCE.split(" ".join(text.split())):
        found = tuple(_part(one["points"], one["what"].rstrip(" .,;")) for one in _PART.finditer(sentence))
        if len(found) > 1 and sum(part.points for part in found) == points:
            return found
    return ()


def _part(points: str, what: str) -> Part:
    name = _NAME.search(what)
    return Part(float(points), name[1] if name else what, what.replace("**", "").replace("`", ""))
