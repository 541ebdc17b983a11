"""Execute a submission: its cells in a confined kernel, its checks before a judge.

A cell whose code ends the process costs that cell: a new kernel runs the earlier ones again, without those that did.
One clock runs over all lives of a submission.
"""

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from nbformat import NotebookNode
from nbformat.v4 import new_output

from course import checking
from course.grading.judge.referee import Referee, Times
from course.grading.kernels import fork, warm
from course.grading.kernels.job import Job
from course.grading.kernels.kernel import TIMEOUT, Died, Kernel
from course.notebook import showing
from course.notebook.cells import code_of, is_check, name_of, tags

MAX_DEATHS = 30
INSIDE = "runs-inside"  # the tag of a check that must run in the submission's own process

Judgement = dict[str, Any]  # {"passed": bool, and if not: "verdict", "misconception", "message", …}


@dataclass(frozen=True)
class Execution:
    """An executed notebook: the verdict of each check, the layers that confined it, how often its process ended, how
    many cells were not run since they only show.
    """

    notebook: NotebookNode
    verdicts: dict[str, Judgement]
    layers: list[str]
    deaths: int
    n_idle: int


class BrokenTest(Exception):
    """A test that the instructor's own answers do not pass: no verdict of it counts."""


@dataclass
class Executor:
    """Executes one notebook.

    `sound` are the tests that the instructor's answers are known to pass, and grows; without it no test is proved.
    `idle` are the cells that no mark needs: they are not run.
    """

    notebook: NotebookNode
    solution: NotebookNode
    job: Job
    template: warm.Template
    times: Times
    progress: Callable[[int, int], None] | None = None
    sound: set[str] | None = None
    idle: frozenset[int] = frozenset()
    _end: float = 0.0  # of the time for all of it
    _verdicts: dict[str, Judgement] = field(default_factory=dict)
    _layers: set[str] | None = None
    _deadly: set[int] = field(default_factory=set)  # cells that ended the process
    _last: int = 0  # the cell that the kernel has run last
    _kernel: Kernel | None = None
    _judge: warm.Child | None = None
    _referee: Referee | None = None
    _deaths: int = 0

    def run(self) -> Execution:
        """Run every cell. Raises BrokenTest, naming the test, if one is at fault itself."""
        self._end = time.monotonic() + self.times.total_s
        try:
            for index, cell in enumerate(self.notebook.cells):
                if self.progress:
                    self.progress(index + 1, len(self.notebook.cells))
                if cell.cell_type != "code":
                    continue
                cell.outputs, cell.execution_count = [], None
                if index in self.idle:
                    cell.outputs.append(new_output("stream", text=showing.NOT_RUN))
                else:
                    self._check(cell, index) if is_check(cell) else self._run(cell, index)
        finally:
            self._close()
        return Execution(self.notebook, self._verdicts, sorted(self._layers or ()), self._deaths, len(self.idle))

    def _run(self, cell: NotebookNode, index: int) -> None:
        """Run a cell of the submission."""
        if self._is_over:
            return
        try:
            kernel = self._alive(index)
            until, late = self._until()
            cell.execution_count = kernel.run(cell.source, cell.outputs, until=until, late=late)
            self._last = index
        except Died as death:
            self._lose(index, death)

    def _check(self, cell: NotebookNode, index: int) -> None:
        """Have the judge run a check."""
        name = name_of(cell) or ""
        verdict = self._verdict(cell, index)
        if verdict.pop("judge_lost", False):  # it may have been killed from outside
            verdict = self._verdict(cell, index)
            verdict.pop("judge_lost", None)
        if "broken" in verdict and self.sound is not None:
            raise BrokenTest(f"{name}: {verdict['broken']}")
        if verdict.pop("is_sound", False) and self.sound is not None:
            self.sound.add(name)
        self._verdicts[name] = verdict
        if not verdict["passed"] and not cell.outputs:
            kind = "WrongAnswer" if verdict["verdict"] == "fail" else "NoPoints"
            cell.outputs.append(_error(kind, verdict.get("message", "")))

    def _verdict(self, cell: NotebookNode, index: int) -> Judgement:
        if self._is_over:
            return _lost("timeout", self._too_long)
        verdict = None
        try:
            kernel = self._alive(index)
            if INSIDE in tags(cell):
                verdict = self._inside(cell, kernel)
            else:
                asked = kernel.serve()
                verdict = self._judged(name_of(cell) or "", cell.source, kernel)
                kernel.dismissed(asked)
            self._last = index
        except Died as death:
            self._lose(index, death)
            verdict = verdict or _lost(death.verdict, str(death))
        return verdict

    def _judged(self, name: str, source: str, kernel: Kernel) -> Judgement:
        if self._referee is None or self._referee.is_lost:
            self._referee = self._new_referee()
        is_sound = self.sound is None or name in self.sound
        return self._referee.test(name, source, kernel.child, kernel.wire, until=self._end, is_sound=is_sound)

    def _inside(self, cell: NotebookNode, kernel: Kernel) -> Judgement:
        """The verdict of a check that runs in the submission's process: passed only if it says its last word."""
        word = secrets.token_hex(16)
        until, late = self._until()
        kernel.run(f"{cell.source}\nprint({word!r})", cell.outputs, until=until, late=late)
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
                return _lost(verdict, f"{output.ename}: {output.evalue}".rstrip(": "))
        return {"passed": True} if said else _lost("error", "it did not come to its end")

    def _new_referee(self) -> Referee:
        if self._judge:
            self._judge.close()
        policy = self.job.judge_policy()
        self._judge = self.template.fork(fork.JUDGE, policy, self.job.environment(policy))
        self._note(self._judge)
        return Referee(self._judge, code_of(self.solution), times=self.times)

    def _alive(self, index: int) -> Kernel:
        """The running kernel; a new one has run the cells before `index`. Raises Died if none can."""
        if self._kernel and self._kernel.has_ended:
            self._lose(self._last, Died("the process ended after this cell had run"))
        while self._kernel is None:
            if self._deaths > MAX_DEATHS:
                raise Died(f"its process ended {self._deaths} times")
            self._kernel = Kernel(job=self.job, template=self.template, times=self.times)
            self._kernel.start()
            self._note(self._kernel.child)
            self._run_again(self._kernel, index)
        return self._kernel

    def _run_again(self, kernel: Kernel, index: int) -> None:
        """Have a new kernel run the cells before `index`; what they show now is left out."""
        for earlier, cell in enumerate(self.notebook.cells[:index]):
            left_out = is_check(cell) or earlier in self._deadly or earlier in self.idle
            if cell.cell_type == "code" and not left_out:
                if self._is_over:
                    raise Died(self._too_long, verdict="timeout")
                until, late = self._until()
                try:
                    kernel.run(cell.source, [], until=until, late=late)
                    self._last = earlier
                except Died as death:  # it lived the first time
                    self._lose(earlier, death)
                    return

    def _lose(self, index: int, death: Died) -> None:
        """Book the end of the process on the cell that has ended it."""
        if self.template.is_gone:
            raise warm.Gone("the warm process ended, and the submission's with it")
        self._deadly.add(index)
        self._deaths += 1
        if self._kernel:
            self._kernel.close()
        self._kernel = None
        cell = self.notebook.cells[index]
        if not is_check(cell):
            cell.outputs.append(_error("ProcessEnded", str(death)))

    @property
    def _is_over(self) -> bool:
        return time.monotonic() >= self._end

    @property
    def _too_long(self) -> str:
        return f"the notebook took longer than {self.times.total_s:g} s"

    def _until(self) -> tuple[float, str]:
        """Until when a cell or test may run, and what is said of a cell that does not end until then."""
        end = time.monotonic() + self.times.cell_s
        if end < self._end:
            return end, f"it did not finish within {self.times.cell_s:g} s"
        return self._end, self._too_long

    def _note(self, child: warm.Child) -> None:
        """Of several processes, the layers that confine them all."""
        self._layers = set(child.layers) if self._layers is None else self._layers & set(child.layers)

    def _close(self) -> None:
        for child in (self._kernel and self._kernel.child, self._judge):
            if child:
                child.kill()  # both, before either is waited for
        if self._kernel:
            self._kernel.close()
        if self._judge:
            self._judge.close()


def _lost(verdict: str, message: str) -> Judgement:
    return {"passed": False, "verdict": verdict, "message": message}


def _error(name: str, message: str) -> NotebookNode:
    return new_output("error", ename=name, evalue=message, traceback=[f"{name}: {message}"])
