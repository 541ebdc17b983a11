"""Stock nbgrader in a course of its own, unconfined: where the engine cannot run (macOS, Windows).

Tests run in the submission's own process here, and a process that dies costs the whole notebook.
"""

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbgrader.apps.api import NbGraderAPI

from course import build, stock
from course.build import Lab
from course.grading import intake, repair, verdicts
from course.grading.desk import Graded, Progress
from course.grading.result import Result, Ungradable
from course.grading.submissions import Submission
from course.measure import record


@dataclass
class Desk:
    """A lab laid out in a course folder of its own, for stock nbgrader to grade one notebook after the other."""

    lab: Lab
    root: Path
    solution: NotebookNode
    _begun: list[NotebookNode] = field(default_factory=list)  # the cells that the running notebook has begun
    _progress: Progress | None = None

    def __post_init__(self) -> None:
        source = Lab(self.lab.name, self.root).solution
        source.parent.mkdir(parents=True)
        nbformat.write(self.solution, source)

        def on_cell(cell: NotebookNode, cell_index: int) -> None:
            self._begin(cell, cell_index)  # a method would be copied with all of this desk: traitlets copies settings

        self.api: NbGraderAPI = stock.open_course(self.root, like=self.lab.course, on_cell=on_cell)
        self.release = nbformat.read(stock.generate(self.api, self.lab.name), as_version=4)

    def grade(self, submission: Submission, *, progress: Progress | None = None) -> Graded:
        """Grade one submission. Raises Ungradable, saying why it cannot be."""
        if submission.notebook is None:
            raise Ungradable(submission.reason)
        started = time.monotonic()
        self._progress = progress
        handed_in = intake.read(submission.notebook)
        intake.require_lab(handed_in, self.release, lab=self.lab, path=submission.notebook)
        notebook, repaired = repair.repair(handed_in, self.release)
        executed, points = self._run(notebook, submission)
        judged = {
            name: verdicts.of_outputs(cell.outputs, full=points[name] >= cell.metadata.nbgrader.points)
            for name, cell in intake.by_name(executed).items()
            if cell.metadata.nbgrader.grade
        }
        result = Result(
            lab=self.lab.key,
            exercises=verdicts.exercises(notebook, self.release, judged),
            seconds=time.monotonic() - started,
            repaired=repaired,
            flags=intake.flags(handed_in, self.release, self.solution),
        )
        return Graded(result, executed)

    def _run(self, notebook: NotebookNode, submission: Submission) -> tuple[NotebookNode, dict[str, float]]:
        """Submit, execute, score: the executed notebook, and the points of each check cell."""
        name, coursedir = self.lab.name, self.api.coursedir
        submitted = Path(coursedir.format_path(coursedir.submitted_directory, submission.student, name))
        submitted.mkdir(parents=True)
        nbformat.write(notebook, submitted / f"{name}.ipynb")
        if submission.files and (records := submission.files / record.FILE).is_file():
            shutil.copy(records, submitted / record.FILE)
        self._begun.clear()
        try:
            executed = nbformat.read(stock.autograde(self.api, name, submission.student), as_version=4)
        except stock.StockError as error:
            raise Ungradable(_reason(str(error), self._begun)) from error
        return executed, stock.scores(self.api, name, submission.student)

    def _begin(self, cell: NotebookNode, cell_index: int) -> None:
        self._begun.append(cell)
        if self._progress:
            self._progress(cell_index + 1, len(self.solution.cells))


@contextmanager
def open_desk(lab: Lab) -> Iterator[Desk]:
    """A desk in a temporary folder."""
    with tempfile.TemporaryDirectory(prefix="course-check-") as folder:
        yield Desk(lab, Path(folder), build.instructor_notebook(lab))


def _reason(log: str, begun: list[NotebookNode]) -> str:
    """Why nbgrader gave up, and in which cell."""
    if begun and ("DeadKernelError" in log or "unresponsive" in log):
        cell = begun[-1]
        fate = "died" if "DeadKernelError" in log else "ran out of time and could not be stopped"
        lines = cell.source.splitlines()
        shown = "\n".join(f"    {line}" for line in [*lines[:12], *(["…"] if len(lines) > 12 else [])])
        return f"the kernel {fate} in cell {intake.name_of(cell) or cell.id}; mend it, then check again:\n{shown}"
    return f"nbgrader could not grade it:\n{log}"
