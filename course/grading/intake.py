"""A submission comes in: is it a notebook, is it this lab's, and are its graded cells where they belong?

Nothing is repaired here: a fault is named, with the way out.
"""

import json
import re
from collections import Counter
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from course.build import Lab
from course.grading.result import Ungradable

_START = re.compile(r"""lab\.start\(\s*["'](\w+)["']\s*,\s*cohort\s*=\s*["']([^"']*)["']""")


def read(path: Path) -> NotebookNode:
    """The notebook at `path`. Raises Ungradable if it is none, saying what it is instead."""
    if path.is_dir():
        raise Ungradable(f"{path} is a folder: name the notebook in it")
    if not path.exists():
        raise Ungradable(f"{path} does not exist")
    content = path.read_bytes()
    if not content.strip():
        raise Ungradable(f"{path} is empty: take your copy from before it was emptied, or start from a new one")
    if content.startswith(b"%PDF"):
        raise Ungradable(f"{path} is a PDF: hand in the .ipynb file itself")
    try:
        plain = json.loads(content.decode())
    except UnicodeDecodeError:
        raise Ungradable(f"{path} is no text, so no notebook: hand in the .ipynb file itself") from None
    except (ValueError, RecursionError) as error:
        raise Ungradable(
            f"{path} is broken JSON ({error}): save it again in JupyterLab, or take the last copy in .ipynb_checkpoints"
        ) from None
    if not isinstance(plain, dict) or "nbformat" not in plain:
        raise Ungradable(f"{path} is JSON but no notebook: it has no nbformat")
    if plain["nbformat"] != 4:
        raise Ungradable(
            f"{path} is of notebook format {plain['nbformat']}; format 4 is needed: open and save it in JupyterLab"
        )
    invalid: dict[str, Exception] = {}
    try:
        notebook = nbformat.reads(content.decode(), as_version=4, capture_validation_error=invalid)
    except (AssertionError, AttributeError, KeyError, TypeError, nbformat.ValidationError) as error:
        invalid["ValidationError"] = error
    if invalid:
        reason = next(iter(str(invalid["ValidationError"]).splitlines()), "its format is unknown")
        raise Ungradable(f"{path} is no valid notebook ({reason}): save it again in JupyterLab")
    return notebook


def names(notebook: NotebookNode) -> list[str]:
    """The names (grade_id) of a notebook's cells, in order, of those that have one."""
    return [name for cell in notebook.cells if (name := name_of(cell))]


def name_of(cell: NotebookNode) -> str | None:
    """A cell's name (grade_id), if it has one."""
    nbgrader = cell.metadata.get("nbgrader")
    name = nbgrader.get("grade_id") if isinstance(nbgrader, dict) else None
    return name if isinstance(name, str) else None


def by_name(notebook: NotebookNode) -> dict[str, NotebookNode]:
    """The named cells of a notebook."""
    return {name: cell for cell in notebook.cells if (name := name_of(cell))}


def started(notebook: NotebookNode) -> tuple[str, str] | None:
    """(lab, cohort) of the notebook's `lab.start` line; None without one."""
    for cell in notebook.cells:
        if cell.cell_type == "code" and (found := _START.search(cell.source)):
            return found[1], found[2]
    return None


def require_lab(notebook: NotebookNode, release: NotebookNode, *, lab: Lab, path: Path) -> None:
    """Raise Ungradable if the notebook is another lab's, or has nothing to grade."""
    start = started(notebook)
    if start and start[0] != lab.key:
        raise Ungradable(f"{path} is a notebook of {start[0]}, not of {lab.key}: `course check {start[0]}` checks it")
    if not set(names(notebook)) & set(names(release)):
        raise Ungradable(f"{path} has no graded cells of {lab.key}: work in the copy that `course lab {lab.key}` makes")


def require_cells(notebook: NotebookNode, release: NotebookNode, *, path: Path) -> None:
    """Raise Ungradable, naming every fault, if named cells are missing, doubled or of another type."""
    counts = Counter(names(notebook))
    cells, given = by_name(notebook), by_name(release)
    missing = [name for name in given if name not in counts]
    doubled = [name for name in given if counts[name] > 1]
    retyped = [
        f"{name} (is {cells[name].cell_type}, was {given[name].cell_type})"
        for name in given
        if name in cells and cells[name].cell_type != given[name].cell_type
    ]
    faults = [
        f"{what}: {', '.join(which)}"
        for what, which in (
            ("missing cells", missing),
            ("doubled cells", doubled),
            ("cells of another type", retyped),
        )
        if which
    ]
    if faults:
        raise Ungradable(
            f"{path} was rearranged; {'; '.join(faults)}. Put them back as in the release, or begin a new copy"
        )


def flags(notebook: NotebookNode, release: NotebookNode, solution: NotebookNode) -> list[str]:
    """What an instructor should know though it does not stop grading: another cohort, locked cells edited or older."""
    noticed = []
    start, ours = started(notebook), started(solution)
    if start and ours and start[1] != ours[1]:
        noticed.append(f"cohort {start[1]}: graded with the numbers of {ours[1]}")
    cells, known = by_name(notebook), by_name(solution)
    edited = [
        name
        for name, cell in by_name(release).items()
        if cell.metadata.nbgrader.locked
        and cells[name].source not in (cell.source, known[name].source)
        and name != "start"
    ]
    if edited:
        noticed.append(f"other than in today's release, whose cells are used instead: {', '.join(edited)}")
    return noticed
