"""The floor under any grader's time: what a mark needs of the submissions' code, warm, without Jupyter, box or judge.

    python -m benchmarks.floor IMPORTS FOLDER ...

IMPORTS is JSON, a list of import statements; a FOLDER holds a submission with its checks. Prints the seconds of each.
"""

import json
import os
import sys
import time
from functools import partial
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from benchmarks import cost
from benchmarks.classroom import Classroom
from course.grading.kernels import template, warm
from course.notebook import showing
from course.notebook.cells import code_of, is_check, name_of
from course.notebook.names import imports

LONGEST_S = 60


def seconds(room: Classroom, place: Path) -> list[float]:
    """Of each submission, in a fork of a process that has imported and drawn before."""
    checks = {name_of(cell): cell.source for cell in room.solution.cells if is_check(cell)}

    def with_checks(notebook: NotebookNode) -> NotebookNode:
        for cell in notebook.cells:
            cell.source = checks.get(name_of(cell), cell.source)
        idle = showing.idle(notebook, showing.marked(room.solution))
        notebook.cells = [cell for index, cell in enumerate(notebook.cells) if index not in idle]
        return notebook

    for student in room.answers:
        room.hand_in(student, place / student, convert=with_checks)
    folders = [str(place / student) for student in room.answers]
    needed = json.dumps(imports(cell.source for cell in code_of(room.solution)))
    spent = cost.of([[sys.executable, "-m", "benchmarks.floor", needed, *folders]], cwd=Path(__file__).parents[1])
    return json.loads(spent.output)


def main() -> None:
    """Time the folders' notebooks, each in a fork."""
    os.environ |= {"MPLBACKEND": warm.BACKEND, "NBGRADER_EXECUTION": "autograde", **warm.threads()}
    needed, *folders = sys.argv[1:]
    template.prepare(json.loads(needed))
    found = [template.in_a_fork(partial(_run, Path(folder)), seconds=LONGEST_S) for folder in folders]
    if None in found:
        sys.exit(f"no end within {LONGEST_S} s: {folders[found.index(None)]}")
    print(json.dumps(found))


def _run(folder: Path) -> float:
    from IPython.core.interactiveshell import InteractiveShell

    [path] = folder.glob("*.ipynb")
    cells = nbformat.read(path, as_version=4).cells
    os.chdir(folder)
    shell = InteractiveShell.instance()
    began = time.monotonic()
    for cell in cells:
        if cell.cell_type == "code":
            shell.run_cell(cell.source)
    return time.monotonic() - began


if __name__ == "__main__":
    main()
