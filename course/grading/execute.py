"""Execute a submission: its cells in a confined kernel, its checks before a judge.

A cell whose code ends the process costs that cell: a new kernel runs the earlier ones again, without those that killed.
"""

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_output

from course import checking
from course.grading import fork, judge, warm
from course.grading.intake import name_of
from course.grading.job import Job
from course.grading.kernel import TIMEOUT, Died, Kernel
from course.grading.referee import Referee, Times

MAX_DEATHS = 30
INSIDE = "runs-inside"  # the tag of a check that must run in the submission's own process


@dataclass(frozen=True)
class Execution:
    """An executed notebook: the verdict of each check, the layers that confined it, how often its process ended."""

    notebook: NotebookNode
    verdicts: dict[str, dict[str, Any]]
    layers: list[str]
    deaths: int


@dataclass
class Executor:
    """Executes one notebook. Use `execute`."""

    notebook: NotebookNode
    solution: NotebookNode
    job: Job
    template: warm.Template
    times: Times
    progress: Callable[[int, int], None] | None = None
    verdicts: dict[str, dict[str, Any]] = field(default_factory=dict)
    layers: set[str] | None = None
    _killers: set[int] = field(default_factory=set)
    _kernel: Kernel | None = None
    _referee: Referee | None = None
    _deaths: int = 0

    async def run(self) -> Execution:
        began = time.monotonic()
        try:
            for index, cell in enumerate(self.notebook.cells):
                if self.progress:
                    self.progress(index + 1, len(self.notebook.cells))
                if cell.cell_type != "code":
                    continue
                if time.monotonic() - began > self.times.total_s:
                    self._give_up(cell, "timeout", f"the notebook took longer than {self.times.total_s:g} s")
                elif is_check(cell):
                    await self._hear(cell, index)
                else:
                    await self._run(cell, index)
        finally:
            await self._close()
        return Execution(self.notebook, self.verdicts, sorted(self.layers or ()), self._deaths)

    async def _run(self, cell: NotebookNode, index: int) -> None:
        """Run a cell of the submission."""
        cell.outputs, cell.execution_count = [], None
        try:
            await (await self._ready(index)).run(cell, index)
        except Died as death:
            await self._buried(index)
            cell.outputs.append(_error("ProcessEnded", str(death)))

    async def _hear(self, cell: NotebookNode, index: int, *, again: bool = False) -> None:
        """Let the judge run a check."""
        name, cell.outputs, cell.execution_count = name_of(cell) or "", [], None
        try:
            kernel = await self._ready(index)
            if INSIDE in cell.metadata.get("tags", []):
                self.verdicts[name] = await _inside(cell, index, kernel)
            else:
                await self._judged(name, cell.source, kernel)
        except Died as death:
            await self._buried(index)
            self.verdicts.setdefault(name, {"passed": False, "verdict": death.verdict, "message": str(death)})
        verdict = self.verdicts[name]
        if verdict.pop("judge_lost", False) and not again:
            del self.verdicts[name]
            await self._hear(cell, index, again=True)  # it may have been killed from outside
            return
        if not verdict["passed"] and not cell.outputs:
            cell.outputs.append(_error("WrongAnswer", verdict.get("message", "")))

    async def _judged(self, name: str, source: str, kernel: Kernel) -> None:
        if self._referee is None or self._referee.is_lost:
            self._referee = self._new_referee()
        request = await kernel.serve()
        self.verdicts[name] = self._referee.hear(name, source, kernel.child, kernel.wire)
        await kernel.dismissed(request)

    def _new_referee(self) -> Referee:
        if self._referee:
            self._referee.judge.close()
        policy = self.job.judge_policy()
        child = self.template.fork(fork.JUDGE, policy, self.job.environment(policy))
        self._note(child)
        return Referee(child, cells_of(self.solution), times=self.times)

    async def _ready(self, index: int) -> Kernel:
        """The running kernel; a new one has run the cells before `index`."""
        while self._kernel is None:
            if self._deaths > MAX_DEATHS:
                raise Died(f"its process ended {self._deaths} times")
            kernel = Kernel(self.notebook, job=self.job, template=self.template, times=self.times)
            self._kernel = kernel
            await kernel.start()
            self._note(kernel.child)
            for earlier, cell in enumerate(self.notebook.cells[:index]):
                if cell.cell_type == "code" and earlier not in self._killers and not is_check(cell):
                    again = new_code_cell(cell.source)
                    try:
                        await kernel.run(again, earlier)
                    except Died:  # it lived the first time
                        await self._buried(earlier)
                        break
        return self._kernel

    async def _buried(self, index: int) -> None:
        if self.template.is_gone:
            raise warm.Gone("the warm process ended, and the submission's with it")
        self._killers.add(index)
        self._deaths += 1
        if self._kernel:
            await self._kernel.close()
        self._kernel = None

    def _note(self, child: warm.Child) -> None:
        """Of several processes, the layers that confine them all."""
        self.layers = set(child.layers) if self.layers is None else self.layers & set(child.layers)

    def _give_up(self, cell: NotebookNode, verdict: str, message: str) -> None:
        cell.outputs, cell.execution_count = [], None
        if is_check(cell):
            self.verdicts[name_of(cell) or ""] = {"passed": False, "verdict": verdict, "message": message}
            cell.outputs.append(_error("NotRun", message))

    async def _close(self) -> None:
        if self._kernel:
            await self._kernel.close()
        if self._referee:
            self._referee.judge.close()


def is_check(cell: NotebookNode) -> bool:
    """Whether a cell is a check: a locked cell with points."""
    nbgrader = cell.metadata.get("nbgrader", {})
    return cell.cell_type == "code" and bool(nbgrader.get("grade")) and not nbgrader.get("solution")


def cells_of(solution: NotebookNode) -> list[list[str]]:
    """The instructor's code cells as the judge wants them: [name, role, source]."""

    def role(cell: NotebookNode) -> str:
        if is_check(cell):
            return judge.CHECK
        return judge.ANSWER if cell.metadata.get("nbgrader", {}).get("solution") else judge.GIVEN

    return [[name_of(cell) or "", role(cell), cell.source] for cell in solution.cells if cell.cell_type == "code"]


async def _inside(cell: NotebookNode, index: int, kernel: Kernel) -> dict[str, Any]:
    """The verdict of a check that runs in the submission's process: passed only if it says its last word."""
    word, source = secrets.token_hex(16), cell.source
    cell.source = f"{source}\nprint({word!r})"
    try:
        await kernel.run(cell, index)
    finally:
        cell.source = source
    said = [output for output in cell.outputs if output.get("name") == "stdout" and word in output.text]
    for output in said:
        output.text = output.text.replace(f"{word}\n", "")
    for output in cell.outputs:
        bundle = output.get("data", {}).get(checking.MIME)
        if isinstance(bundle, dict):
            return {"passed": False, **bundle}
    for output in reversed(cell.outputs):
        if output.output_type == "error":
            verdict = "timeout" if output.ename == TIMEOUT else "error"
            return {"passed": False, "verdict": verdict, "message": f"{output.ename}: {output.evalue}".rstrip(": ")}
    return {"passed": True} if said else {"passed": False, "verdict": "error", "message": "it did not come to its end"}


def _error(name: str, message: str) -> NotebookNode:
    return new_output("error", ename=name, evalue=message, traceback=[f"{name}: {message}"])
