"""The floor under any grader's time: the submissions' own code and checks, warm, without Jupyter, box or judge.

    python -m benchmarks.floor IMPORTS FOLDER ...

IMPORTS is JSON, a list of import statements; a FOLDER holds a submission with its checks. Prints the seconds of each.
"""

import contextlib
import io
import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from benchmarks import cost
from benchmarks.classroom import Classroom
from course.grading import desk, intake, template, warm
from course.grading.execute import is_check
from tests.labs import notebooks


def seconds(room: Classroom, place: Path) -> list[float]:
    """Of each submission, in a fork of a process that has imported and drawn before."""
    checks = {intake.name_of(cell): cell.source for cell in room.solution.cells if is_check(cell)}
    folders = [str(place / student) for student in room.answers]
    for student in room.answers:
        notebook = room.notebook(student)
        for cell in notebook.cells:
            cell.source = checks.get(intake.name_of(cell), cell.source)
        room.hand_in(student, place / student)
        notebooks.save(notebook, place / student, room.lab.name)
    imports = json.dumps(desk.imports(room.solution))
    spent = cost.of([[sys.executable, "-m", "benchmarks.floor", imports, *folders]], cwd=Path(__file__).parents[1])
    return json.loads(spent.output)


def main() -> None:
    """Time the folders' notebooks, each in a fork."""
    os.environ |= {"MPLBACKEND": warm.BACKEND, "NBGRADER_EXECUTION": "autograde"}
    imports, *folders = sys.argv[1:]
    template.prepare(json.loads(imports))
    print(json.dumps([_in_a_fork(Path(folder)) for folder in folders]))


def _in_a_fork(folder: Path) -> float:
    [path] = folder.glob("*.ipynb")
    cells = nbformat.read(path, as_version=4).cells
    reading, writing = os.pipe()
    if not (pid := os.fork()):
        os.close(reading)
        os.chdir(folder)
        os.write(writing, json.dumps(_run(cells)).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as answer:
        said = answer.read()
    os.waitpid(pid, 0)
    return json.loads(said)


def _run(cells: Sequence[NotebookNode]) -> float:
    from IPython.core.interactiveshell import InteractiveShell

    shell = InteractiveShell.instance()
    began = time.monotonic()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        for cell in cells:
            if cell.cell_type == "code":
                shell.run_cell(cell.source)
    return time.monotonic() - began


if __name__ == "__main__":
    main()
