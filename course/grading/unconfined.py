"""Stock nbgrader in a course of its own: one's own code, unconfined, where the engine cannot run (macOS, Windows).

Tests run in the submission's own process here, and a process that dies costs the whole notebook.
"""

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbgrader.apps.api import NbGraderAPI

from course import build, stock
from course.build import Lab
from course.grading import intake, repair, verdicts
from course.grading.result import Result, Ungradable
from course.measure import record

Progress = Callable[[int, int], None]  # cells begun, cells in all


@dataclass(frozen=True)
class Desk:
    """A lab laid out in a course folder of its own, for stock nbgrader to grade one notebook after the other."""

    lab: Lab
    api: NbGraderAPI
    solution: NotebookNode
    release: NotebookNode
    begun: list[NotebookNode]  # the cells that the running notebook has begun


def lay_out(lab: Lab, root: Path, *, progress: Progress | None = None) -> Desk:
    """Prepare the empty folder `root` for grading the lab."""
    solution = build.instructor_notebook(lab)
    source = Lab(lab.name, root).solution
    source.parent.mkdir(parents=True)
    nbformat.write(solution, source)
    begun: list[NotebookNode] = []

    def on_cell(cell: NotebookNode, cell_index: int) -> None:
        begun.append(cell)
        if progress:
            progress(cell_index + 1, len(solution.cells))

    api = stock.open_course(root, like=lab.course, on_cell=on_cell)
    release = nbformat.read(stock.generate(api, lab.name), as_version=4)
    return Desk(lab, api, solution, release, begun)


def grade(desk: Desk, notebook: Path, *, student: str = "you") -> Result:
    """Grade one notebook at the desk. Raises Ungradable, saying why it cannot be."""
    started = time.monotonic()
    handed_in = intake.read(notebook)
    intake.require_lab(handed_in, desk.release, lab=desk.lab, path=notebook)
    submission, repaired = repair.repair(handed_in, desk.release)
    executed, points = _run(desk, submission, notebook.parent, student)
    judged = {
        name: verdicts.of_outputs(cell.outputs, full=points[name] >= cell.metadata.nbgrader.points)
        for name, cell in intake.by_name(executed).items()
        if cell.metadata.nbgrader.grade
    }
    return Result(
        lab=desk.lab.key,
        exercises=verdicts.exercises(submission, desk.release, judged),
        seconds=time.monotonic() - started,
        repaired=repaired,
        flags=intake.flags(handed_in, desk.release, desk.solution),
    )


def _run(desk: Desk, submission: NotebookNode, beside: Path, student: str) -> tuple[NotebookNode, dict[str, float]]:
    """Submit, execute, score: the executed notebook, and the points of each check cell."""
    name, coursedir = desk.lab.name, desk.api.coursedir
    submitted = Path(coursedir.format_path(coursedir.submitted_directory, student, name))
    submitted.mkdir(parents=True)
    nbformat.write(submission, submitted / f"{name}.ipynb")
    if (records := beside / record.FILE).exists():
        shutil.copy(records, submitted / record.FILE)
    desk.begun.clear()
    try:
        executed = nbformat.read(stock.autograde(desk.api, name, student), as_version=4)
    except stock.StockError as error:
        raise Ungradable(_reason(str(error), desk.begun)) from error
    return executed, stock.scores(desk.api, name, student)


def _reason(log: str, begun: list[NotebookNode]) -> str:
    """Why nbgrader gave up, and in which cell."""
    if begun and ("DeadKernelError" in log or "unresponsive" in log):
        cell = begun[-1]
        fate = "died" if "DeadKernelError" in log else "ran out of time and could not be stopped"
        lines = cell.source.splitlines()
        shown = "\n".join(f"    {line}" for line in [*lines[:12], *(["…"] if len(lines) > 12 else [])])
        return f"the kernel {fate} in cell {intake.name_of(cell) or cell.id}; mend it, then check again:\n{shown}"
    return f"nbgrader could not grade it:\n{log}"
