"""A desk at which submissions of one lab are graded, one after the other."""

import ast
import asyncio
import copy
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

import nbformat
from nbformat import NotebookNode

from course import build, stock
from course.build import Lab
from course.grading import hiding, intake, records, repair, sandbox, submissions, suspicion, verdicts, warm
from course.grading.execute import INSIDE, Execution, Executor, is_check
from course.grading.job import Job
from course.grading.referee import Times
from course.grading.result import Result
from course.grading.submissions import Submission

Progress = Callable[[int, int], None]  # cells begun, cells in all


@dataclass(frozen=True)
class Graded:
    """A result, and the executed notebook that it was read from."""

    result: Result
    notebook: NotebookNode


@dataclass(frozen=True)
class Rules:
    """How submissions are confined, how long they may take, and on how many threads each computes (None: all)."""

    layers: tuple[str, ...]
    limits: sandbox.Limits = field(default_factory=sandbox.Limits)
    times: Times = field(default_factory=Times)
    threads: int | None = None

    @classmethod
    def of(cls, course: Path, layers: tuple[str, ...]) -> "Rules":
        """The course's own: a cell gets the seconds of its nbgrader_config.py, `c.Execute.timeout`."""
        seconds = stock.config(course).Execute.get("timeout")
        return cls(layers, times=Times(cell_s=float(seconds)) if seconds else Times())


@dataclass(frozen=True)
class Desk:
    """A lab ready to be graded: its two notebooks, a warm process with its imports, the rules. Close it at the end."""

    lab: Lab
    solution: NotebookNode
    release: NotebookNode
    template: warm.Renewed
    rules: Rules
    hidden: tuple[str, ...]

    def __enter__(self) -> "Desk":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.template.close()

    def grade(self, submission: Submission, *, progress: Progress | None = None) -> Graded:
        """Grade one submission. Raises Ungradable, saying why it cannot be; NoFork if the machine gives no process."""
        began = time.monotonic()
        if submission.notebook is None:
            raise intake.Ungradable(submission.reason)
        handed_in = intake.read(submission.notebook)
        intake.require_lab(handed_in, self.release, lab=self.lab, path=submission.notebook)
        notebook, repaired = repair.repair(handed_in, self.release)
        flags = [*intake.flags(handed_in, self.release, self.solution), *suspicion.signs(handed_in), *self._less_sure()]
        execution = self._execute(submission, handed_in, self._with_tests(notebook), progress)
        result = Result(
            lab=self.lab.key,
            exercises=verdicts.exercises(notebook, self.release, execution.verdicts),
            seconds=time.monotonic() - began,
            repaired=repaired,
            flags=flags,
            sandbox=execution.layers,
        )
        return Graded(result, execution.notebook)

    def _execute(
        self, submission: Submission, handed_in: NotebookNode, notebook: NotebookNode, progress: Progress | None
    ) -> Execution:
        """Execute it; once more, on a new warm process, if that ended on the way: it was none of the submission's."""
        try:
            return self._executed(submission, handed_in, notebook, progress)
        except warm.Gone:
            return self._executed(submission, handed_in, copy.deepcopy(notebook), progress)

    def _executed(
        self, submission: Submission, handed_in: NotebookNode, notebook: NotebookNode, progress: Progress | None
    ) -> Execution:
        job = Job(self.rules.layers, self.rules.limits, self.hidden)
        try:
            if submission.files:
                submissions.stage(submission, job.files)
            records.save(handed_in, job.files)
            job.share_records()
            executor = Executor(notebook, self.solution, job, self.template, self.rules.times, progress)
            return asyncio.run(executor.run())
        finally:
            job.close()

    def _less_sure(self) -> list[str]:
        """A flag for each check that its author has run in the submission's own process, where it can be cheated."""
        inside = [cell for cell in self.solution.cells if is_check(cell) and INSIDE in cell.metadata.get("tags", [])]
        return [f"lower assurance: {intake.name_of(cell)} ran in the submission's own process" for cell in inside]

    def _with_tests(self, notebook: NotebookNode) -> NotebookNode:
        """The submission with the instructor's locked cells, hidden tests among them, and without outputs."""
        ours, whole = intake.by_name(self.solution), copy.deepcopy(notebook)
        for cell in whole.cells:
            name = intake.name_of(cell)
            if name in ours and cell.metadata.nbgrader.locked:
                cell.source = ours[name].source
            if cell.cell_type == "code":
                cell.outputs, cell.execution_count = [], None
        return whole


def open_desk(lab: Lab, rules: Rules, *, template: warm.Template | None = None) -> Desk:
    """Build the lab, and start a warm process with what it imports unless one is given."""
    return lay_out(lab, *notebooks(lab), rules=rules, template=template)


def notebooks(lab: Lab) -> tuple[NotebookNode, NotebookNode]:
    """A lab's two notebooks: the instructor's, as its source gives it, and the one that students were given."""
    solution = build.instructor_notebook(lab)
    if lab.release.is_file():
        return solution, nbformat.read(lab.release, as_version=4)
    return solution, build.student_notebook(lab, solution)


def lay_out(
    lab: Lab, solution: NotebookNode, release: NotebookNode, *, rules: Rules, template: warm.Template | None = None
) -> Desk:
    """A desk for a lab of which no more than its notebooks need be here."""
    hides = hiding.hidden_packages(solution)
    needed = tuple(imports(solution, without=hides))
    started = template or warm.start(needed, hidden=hides, threads=rules.threads)
    warmed = warm.Renewed(needed, hides, rules.threads, started)
    return Desk(lab, solution, release, warmed, rules, hiding.paths_of(hides))


def imports(notebook: NotebookNode, *, without: tuple[str, ...] = ()) -> list[str]:
    """The import statements in a notebook's cells, but for those of the packages `without`."""
    found: set[str] = set()
    for cell in notebook.cells:
        try:
            nodes = ast.walk(ast.parse(cell.source if cell.cell_type == "code" else ""))
        except SyntaxError:
            continue
        for node in nodes:
            if isinstance(node, ast.Import):
                found.update(f"import {alias.name}" for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found.update(f"from {node.module} import {alias.name}" for alias in node.names)
    return sorted(statement for statement in found if statement.split()[1].split(".")[0] not in without)
