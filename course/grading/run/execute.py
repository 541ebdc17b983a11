"""Execute a submission: its cells in a confined kernel, its checks before a judge.

A cell whose code ends the process costs that cell, and no other (see `lives`).
"""

import secrets
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
from course.grading.run.lives import Lives, error_output
from course.notebook import showing
from course.notebook.cells import code_of, is_check, name_of, tags

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
    _verdicts: dict[str, Judgement] = field(default_factory=dict)
    _judge: warm.Child | None = None
    _referee: Referee | None = None

    def __post_init__(self) -> None:
        self._lives = Lives(self.notebook.cells, self.job, self.template, self.times, self.idle)

    def run(self) -> Execution:
        """Run every cell. Raises BrokenTest, naming the test, if one is at fault itself."""
        try:
            if any(is_check(cell) and INSIDE not in tags(cell) for cell in self.notebook.cells):
                self._referee = self._new_referee()  # who reads the lab while the first cells run
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
        lives = self._lives
        return Execution(self.notebook, self._verdicts, sorted(lives.layers or ()), lives.deaths, len(self.idle))

    def _run(self, cell: NotebookNode, index: int) -> None:
        """Run a cell of the submission."""
        while not self._lives.is_over:
            try:
                kernel = self._lives.kernel(index)
                until, late = self._lives.until()
                cell.execution_count = kernel.run(cell.source, cell.outputs, until=until, late=late)
                return
            except Died as death:
                if self._lives.lose(index, death) == index:
                    return
                cell.outputs = []

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
            cell.outputs.append(error_output(kind, verdict.get("message", "")))

    def _verdict(self, cell: NotebookNode, index: int) -> Judgement:
        while not self._lives.is_over:
            verdict = None
            try:
                kernel = self._lives.kernel(index)
                if INSIDE in tags(cell):
                    verdict = self._inside(cell, kernel)
                else:
                    asked = kernel.serve()
                    verdict = self._judged(name_of(cell) or "", cell.source, kernel)
                    kernel.dismissed(asked)
                return verdict
            except Died as death:
                verdict = verdict or _lost(death.verdict, str(death))
                if self._lives.lose(index, death) == index or verdict.get("verdict") != "crash":
                    return verdict
                cell.outputs = []
        return _lost("timeout", self._lives.too_long)

    def _judged(self, name: str, source: str, kernel: Kernel) -> Judgement:
        if self._referee is None or self._referee.is_lost:
            self._referee = self._new_referee()
        is_sound = self.sound is None or name in self.sound
        return self._referee.test(name, source, kernel.child, kernel.wire, until=self._lives.end, is_sound=is_sound)

    def _inside(self, cell: NotebookNode, kernel: Kernel) -> Judgement:
        """The verdict of a check that runs in the submission's process: passed only if it says its last word."""
        word = secrets.token_hex(16)
        until, late = self._lives.until()
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
        self._lives.note(self._judge)
        return Referee(self._judge, code_of(self.solution), times=self.times)

    def _close(self) -> None:
        if self._judge:
            self._judge.kill()  # both, before either is waited for
        self._lives.close()
        if self._judge:
            self._judge.close()


def _lost(verdict: str, message: str) -> Judgement:
    return {"passed": False, "verdict": verdict, "message": message}
