"""A lab's grader: it takes one submission after the other from the notebook that came in to its verdicts."""

import copy
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

import nbformat
from nbformat import NotebookNode

from course import build, nbgrader_api
from course.build import Lab
from course.grading import sandbox
from course.grading.handin import intake, measurements, records, repair, submissions, suspicion
from course.grading.handin.submissions import Submission
from course.grading.judge.referee import Times
from course.grading.kernels import warm
from course.grading.kernels.job import Job
from course.grading.result import TEST_FAILED, FailedTest, Result, Ungradable
from course.grading.run import active_content, hiding, privacy, verdicts
from course.grading.run.execute import INSIDE, BrokenTest, Execution, Executor
from course.measure import record
from course.measure.record import Record
from course.notebook import cells, showing
from course.notebook.names import imports

Progress = Callable[[int, int], None]  # cells begun, cells in all


@dataclass(frozen=True)
class Graded:
    """A result, and the executed notebook that it was read from."""

    result: Result
    notebook: NotebookNode


@dataclass(frozen=True)
class Rules:
    """How submissions are confined and how long they may take. No layers: unconfined."""

    layers: tuple[str, ...]
    limits: sandbox.Limits = field(default_factory=sandbox.Limits)
    times: Times = field(default_factory=Times)
    private: tuple[Path, ...] = ()  # folders that no submission may read, beside the course's own
    all_cells: bool = False  # also those that only show, which no mark needs

    @classmethod
    def of(
        cls, course: Path, layers: tuple[str, ...], *, private: tuple[Path, ...] = (), all_cells: bool = False
    ) -> "Rules":
        """The course's own: a cell gets the seconds of its nbgrader_config.py, `c.Execute.timeout`."""
        seconds = nbgrader_api.config(course).Execute.get("timeout")
        times = Times(cell_s=float(seconds)) if seconds else Times()
        return cls(layers, times=times, private=private, all_cells=all_cells)


@dataclass(frozen=True)
class Notebooks:
    """A lab's two notebooks: the instructor's, as its source gives it, and the one that students were given."""

    lab: Lab
    solution: NotebookNode
    release: NotebookNode

    @classmethod
    def of(cls, lab: Lab) -> "Notebooks":
        """Build them. A release that has not the cells of today's source is built anew."""
        is_built = not lab.source.is_file()  # nbgrader's courses have no source
        solution = nbformat.read(lab.solution, as_version=4) if is_built else build.instructor_notebook(lab)
        if lab.release.is_file():
            release = nbformat.read(lab.release, as_version=4)
            if cells.names(release) == cells.names(solution):
                return cls(lab, solution, release)
        return cls(lab, solution, build.student_notebook(lab, solution))


@dataclass(frozen=True)
class Grader:
    """A lab ready to be graded: its notebooks, a warm process with its imports, the rules. Close it at the end."""

    notebooks: Notebooks
    template: warm.Template
    rules: Rules
    hidden: tuple[str, ...]  # paths that a submission cannot read
    sound: set[str] = field(default_factory=set)  # tests that the instructor's answers are known to pass
    shown: frozenset[str] = frozenset()  # the sources of the cells that only show

    @property
    def lab(self) -> Lab:
        return self.notebooks.lab

    @property
    def solution(self) -> NotebookNode:
        return self.notebooks.solution

    @property
    def release(self) -> NotebookNode:
        return self.notebooks.release

    def __enter__(self) -> "Grader":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.template.close()

    def grade(self, submission: Submission, *, progress: Progress | None = None) -> Graded:
        """Grade one submission.

        Raises Ungradable, saying why it cannot be, FailedTest if a test is broken, NoFork if it gets no process.
        """
        began = time.monotonic()
        if submission.notebook is None:
            raise Ungradable(submission.reason)
        handed_in = intake.read(submission.notebook)
        intake.require_lab(handed_in, self.release, lab=self.lab, path=submission.notebook)
        notebook, repaired = repair.repair(handed_in, self.release)
        flags = [
            *intake.flags(handed_in, self.release, self.solution),
            *suspicion.signs(handed_in, self.release),
            *self._less_sure(),
        ]
        execution, kept = self._execute(submission, handed_in, self._with_tests(notebook), progress)
        result = Result(
            lab=self.lab.key,
            exercises=verdicts.exercises(execution.notebook, self.release, execution.verdicts),
            seconds=time.monotonic() - began,
            repaired=repaired,
            flags=[*flags, *measurements.doubts(kept)],
            sandbox=execution.layers,
            not_run=execution.n_idle,
        )
        executed = active_content.without(execution.notebook, self.release)
        executed.metadata[record.KEPT] = kept  # the cells that show them need not have run
        return Graded(result, executed)

    def _execute(
        self, submission: Submission, handed_in: NotebookNode, notebook: NotebookNode, progress: Progress | None
    ) -> tuple[Execution, list[Record]]:
        """Execute it, and keep its records.

        Once more, on a new warm process, if the old one ended on the way: no submission can end it.
        """
        try:
            try:
                return self._executed(submission, handed_in, notebook, progress)
            except warm.Gone:
                return self._executed(submission, handed_in, copy.deepcopy(notebook), progress)
        except BrokenTest as broken:
            raise FailedTest(f"{TEST_FAILED}: {broken}; mend it in {self.lab.source.name}, then grade again") from None

    def _executed(
        self, submission: Submission, handed_in: NotebookNode, notebook: NotebookNode, progress: Progress | None
    ) -> tuple[Execution, list[Record]]:
        job = self._job()
        try:
            if submission.files:
                submissions.stage(submission, job.files)
            kept = records.save(handed_in, job.files)
            job.share_records()
            idle = frozenset() if self.rules.all_cells else frozenset(showing.idle(notebook, self.shown))
            executor = Executor(
                notebook, self.solution, job, self.template, self.rules.times, progress, self.sound, idle
            )
            return executor.run(), kept
        finally:
            job.close()

    def _job(self) -> Job:
        hidden = (*self.hidden, *privacy.to_hide(self._private))
        return Job(self.rules.layers, self.rules.limits, hidden)

    @property
    def _private(self) -> tuple[Path, ...]:
        return (self.lab.course, *self.rules.private)

    def require_privacy(self) -> None:
        """Raise Ungradable if a submission could read what it must not."""
        job = self._job()
        try:
            if found := privacy.exposed(job, self._private):
                where = ", ".join(found[:3])
                raise Ungradable(f"a submission could read {where}: move it out of the system's and Python's folders")
        finally:
            job.close()

    def _less_sure(self) -> list[str]:
        """A flag for each check that its author has run in the submission's own process, where it can be cheated."""
        inside = [cell for cell in self.solution.cells if cells.is_check(cell) and INSIDE in cells.tags(cell)]
        return [f"lower assurance: {cells.name_of(cell)} ran in the submission's own process" for cell in inside]

    def _with_tests(self, notebook: NotebookNode) -> NotebookNode:
        """The submission, of the instructor's: roles, points, tags and locked cells, with hidden tests. No outputs."""
        ours, whole = cells.by_name(self.solution), copy.deepcopy(notebook)
        for cell in whole.cells:
            if known := ours.get(cells.name_of(cell) or ""):
                given = cell.metadata.nbgrader  # nbgrader's own checksum of it is in there
                cell.metadata = copy.deepcopy(known.metadata)
                cell.metadata.nbgrader = NotebookNode({**given, **known.metadata.nbgrader})
                if known.metadata.nbgrader.locked:
                    cell.source = known.source
            if cell.cell_type == "code":
                cell.outputs, cell.execution_count = [], None
        return whole


def open_grader(
    notebooks: Notebooks, rules: Rules, *, line: socket.socket | None = None, hidden: tuple[str, ...] | None = None
) -> Grader:
    """A lab's grader. It starts a warm process with what the lab imports, or takes one at the end of a line; the paths
    that a submission cannot read are looked for unless they are given, which takes a while.

    Raises Ungradable if this machine allows less than a submission is to get, which would be no student's fault, or
    more: that it reads what it must not.
    """
    if short := sandbox.shortage(rules.limits):
        raise Ungradable(f"{short}; raise it, then run this again")
    hides = hiding.hidden_packages(notebooks.solution)
    needed = imports((cell.source for cell in cells.code_of(notebooks.solution)), without=hides)
    opened = Grader(
        notebooks,
        warm.start(needed, hidden=hides, line=line),
        rules,
        hiding.paths_of(hides) if hidden is None else hidden,
        shown=frozenset(showing.marked(notebooks.solution)),
    )
    if line is None and sandbox.confine(rules.layers):
        try:
            opened.require_privacy()
        except Ungradable:
            opened.template.close()
            raise
    return opened
