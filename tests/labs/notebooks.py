"""Submissions made from a lab's release: the answers given, everything else as a student gets it."""

from pathlib import Path

import nbformat
from nbformat import NotebookNode

from course.notebook.cells import by_name, names


def answered(release: NotebookNode, answers: dict[str, str]) -> NotebookNode:
    """The release with the source of some answers, by exercise ("1.4")."""
    notebook = nbformat.from_dict(release)
    cells = by_name(notebook)
    for exercise, source in answers.items():
        cells[f"ex-{exercise.replace('.', '-')}"].source = source.strip("\n")
    return notebook


def solved(release: NotebookNode, solution: NotebookNode) -> dict[str, str]:
    """The instructor's answers, by exercise."""
    known = by_name(solution)
    answers = [name for name in names(release) if name.startswith("ex-") and not name.endswith("-task")]
    return {name.removeprefix("ex-").replace("-", "."): known[name].source for name in answers}


def save(notebook: NotebookNode, folder: Path, name: str) -> Path:
    """Write the notebook as `folder/name.ipynb`."""
    path = folder / f"{name}.ipynb"
    nbformat.write(notebook, path)
    return path
