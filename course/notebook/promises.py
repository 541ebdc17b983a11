"""What a lab's source must keep to: each name once, and the points that a task's text promises."""

import re
from collections import Counter

from nbformat import NotebookNode

from course.notebook.cells import by_name, names

_POINTS = re.compile(r"\*\*Exercise (\d+)\.(\d+) \((?:stretch, )?(\d+(?:\.\d+)?) points?\)")


def broken(notebook: NotebookNode) -> list[str]:
    """What an instructor's notebook does not keep to, a sentence each."""
    twice = [f"{count} cells are called {name}" for name, count in Counter(names(notebook)).items() if count > 1]
    checks = by_name(notebook)
    other = []
    for cell in notebook.cells:
        for lab, number, promised in _POINTS.findall(cell.source if cell.cell_type == "markdown" else ""):
            check = checks.get(f"test-{lab}-{number}")
            gives = float(check.metadata.nbgrader.points) if check else 0.0
            if gives != float(promised):
                other.append(f"exercise {lab}.{number} promises {promised} points in its text, and gives {gives:g}")
    return twice + other
