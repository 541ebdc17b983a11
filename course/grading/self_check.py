"""Check one's own notebook: by the grader, confined as far as this machine can; where it cannot, by nbgrader alone.

nbgrader alone (macOS, Windows) runs tests in the submission's own process, where a process that dies costs the whole
notebook.
"""

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from course import build, nbgrader_api
from course.build import Lab
from course.grading import grader, sandbox
from course.grading.grader import Graded, Grader, Notebooks, Progress, Rules
from course.grading.handin import intake, repair
from course.grading.handin.submissions import Submission
from course.grading.result import Result, Ungradable
from course.grading.run import active_content, verdicts
from course.measure import record
from course.notebook import cells


def lab_of(notebook: Path, course: Path) -> Lab:
    """The lab of the course that a notebook names. Raises Ungradable if it names none, or one that is not there."""
    named = intake.lab_named(intake.read(notebook))
    if named is None:
        raise Ungradable(
            f"{notebook} is no lab's notebook: none of its cells has lab.start, or the name of an exercise"
        )
    try:
        return build.find(course, named)
    except build.BadSource as unknown:
        raise Ungradable(f"{notebook} is a notebook of {named}, and in {course} {unknown}") from None


def check(lab: Lab, notebook: Path, *, progress: Progress | None = None) -> Result:
    """Grade the notebook with the lab's hidden tests. Raises Ungradable, saying why it cannot be."""
    intake.read(notebook)  # before the lab is built: a file that is no notebook is refused at once
    with (
        tempfile.TemporaryDirectory(prefix="course-check-") as beside,
        open_grader(Notebooks.of(lab), Rules.of(lab.course, sandbox.probe())) as opened,
    ):
        for needed in (notebook.parent / record.FILE, *notebook.parent.glob("*.py")):
            if needed.is_file():
                shutil.copy(needed, beside)
        return opened.grade(Submission("you", notebook, Path(beside)), progress=progress).result


def open_grader(notebooks: Notebooks, rules: Rules) -> "AbstractContextManager[Grader | Unconfined]":
    """The best grader that this system has."""
    return grader.open_grader(notebooks, rules) if sandbox.is_supported() else unconfined(notebooks)


@dataclass
class Unconfined:
    """A lab in a course folder of its own, where nbgrader grades one notebook after the other."""

    notebooks: Notebooks
    root: Path
    _begun: list[NotebookNode] = field(default_factory=list)  # the cells that the running notebook has begun
    _progress: Progress | None = None

    def __post_init__(self) -> None:
        lab = self.notebooks.lab
        source = Lab(lab.name, self.root).solution
        source.parent.mkdir(parents=True)
        nbformat.write(self.notebooks.solution, source)

        def on_cell(cell: NotebookNode, cell_index: int) -> None:
            self._begin(cell, cell_index)  # a method would be copied with all of this object: traitlets copies settings

        self.api = nbgrader_api.open_course(self.root, like=lab.course, on_cell=on_cell)
        nbgrader_api.generate(self.api, lab.name)

    def grade(self, submission: Submission, *, progress: Progress | None = None) -> Graded:
        """Grade one submission. Raises Ungradable, saying why it cannot be."""
        if submission.notebook is None:
            raise Ungradable(submission.reason)
        began = time.monotonic()
        self._progress = progress
        lab, solution, release = self.notebooks.lab, self.notebooks.solution, self.notebooks.release
        handed_in = intake.read(submission.notebook)
        intake.require_lab(handed_in, release, lab=lab, path=submission.notebook)
        notebook, repaired = repair.repair(handed_in, release)
        executed, points = self._run(notebook, submission)
        judged = {
            name: verdicts.of_outputs(cell.outputs, full=points[name] >= cell.metadata.nbgrader.points)
            for name, cell in cells.by_name(executed).items()
            if cells.is_check(cell)
        }
        result = Result(
            lab=lab.key,
            exercises=verdicts.exercises(notebook, release, judged),
            seconds=time.monotonic() - began,
            repaired=repaired,
            flags=intake.flags(handed_in, release, solution),
        )
        return Graded(result, active_content.without(executed, release))

    def _run(self, notebook: NotebookNode, submission: Submission) -> tuple[NotebookNode, dict[str, float]]:
        """Submit, execute, score: the executed notebook, and the points of each check cell."""
        name, coursedir = self.notebooks.lab.name, self.api.coursedir
        submitted = Path(coursedir.format_path(coursedir.submitted_directory, submission.student, name))
        submitted.mkdir(parents=True)
        nbformat.write(notebook, submitted / f"{name}.ipynb")
        if submission.files and (records := submission.files / record.FILE).is_file():
            shutil.copy(records, submitted / record.FILE)
        self._begun.clear()
        try:
            executed = nbformat.read(nbgrader_api.autograde(self.api, name, submission.student), as_version=4)
        except nbgrader_api.NbgraderError as error:
            raise Ungradable(_reason(str(error), self._begun)) from error
        return executed, nbgrader_api.scores(self.api, name, submission.student)

    def _begin(self, cell: NotebookNode, cell_index: int) -> None:
        self._begun.append(cell)
        if self._progress:
            self._progress(cell_index + 1, len(self.notebooks.solution.cells))


@contextmanager
def unconfined(notebooks: Notebooks) -> Iterator[Unconfined]:
    """nbgrader alone, in a temporary folder."""
    with tempfile.TemporaryDirectory(prefix="course-check-") as folder:
        yield Unconfined(notebooks, Path(folder))


def _reason(log: str, begun: list[NotebookNode]) -> str:
    """Why nbgrader gave up, and in which cell."""
    if begun and ("DeadKernelError" in log or "unresponsive" in log):
        cell = begun[-1]
        fate = "died" if "DeadKernelError" in log else "ran out of time and could not be stopped"
        lines = cell.source.splitlines()
        shown = "\n".join(f"    {line}" for line in [*lines[:12], *(["…"] if len(lines) > 12 else [])])
        return f"the kernel {fate} in cell {cells.name_of(cell) or cell.id}; mend it, then check again:\n{shown}"
    return f"nbgrader could not grade it:\n{log}"
