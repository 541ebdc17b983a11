"""The lives of a submission: its process, and those that follow when one has ended.

A cell whose code ends the process costs that cell: a new process runs the earlier ones again, without those that did.
Where an earlier cell may have ended it, by a thread say, further processes tell which. One clock runs over all lives.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from nbformat import NotebookNode
from nbformat.v4 import new_output

from course.grading.judge.referee import Times
from course.grading.kernels import warm
from course.grading.kernels.job import Job
from course.grading.kernels.kernel import Died, Kernel
from course.notebook.cells import is_check

MAX_DEATHS = 30
LATE_S = 2.0  # so much later a cell may still end the process, and be found to be the one that did
_AFTER = "the process ended after this cell had run"


@dataclass
class Lives:
    """The kernel of a submission's cells, whichever process it is. `idle` cells are not run. Close it at the end."""

    cells: Sequence[NotebookNode]
    job: Job
    template: warm.Template
    times: Times
    idle: frozenset[int]
    deaths: int = 0
    layers: set[str] | None = None
    running: Kernel | None = None
    _deadly: set[int] = field(default_factory=set)  # cells that ended the process
    _last: int = 0  # the cell that was asked for last
    _began: float = 0.0  # the life of the running kernel

    def __post_init__(self) -> None:
        self.end = time.monotonic() + self.times.total_s  # of the time for all of them

    def kernel(self, index: int) -> Kernel:
        """The kernel, for the cell `index`; a new one has run the cells before. Raises Died if none can."""
        if self.running and self.running.has_ended:
            self.lose(self._last, Died(_AFTER, is_sudden=True))
        while self.running is None:
            if self.deaths > MAX_DEATHS:
                raise Died(f"its process ended {self.deaths} times")
            try:
                self.running = self._new(index)
            except Died as death:
                if self.is_over:
                    raise
                self.lose(self._last, death)
        self._last = index
        return self.running

    def lose(self, index: int, death: Died) -> int:
        """Book the end of the process, while the cell `index` ran, on the cell that has ended it; which one that is."""
        if self.template.is_gone:
            raise warm.Gone("the warm process ended, and the submission's with it")
        lived_s = time.monotonic() - self._began
        self.deaths += 1
        if self.running:
            self.running.close()
        self.running = None
        culprit = self._culprit(index, 1.2 * min(LATE_S, lived_s)) if death.is_sudden else index
        self._deadly.add(culprit)
        if not is_check(self.cells[culprit]):
            message = str(death) if culprit == index else _AFTER
            self.cells[culprit].outputs.append(error_output("ProcessEnded", message))
        return culprit

    def note(self, child: warm.Child) -> None:
        """Of several processes, the layers that confine them all."""
        self.layers = set(child.layers) if self.layers is None else self.layers & set(child.layers)

    def until(self) -> tuple[float, str]:
        """Until when a cell or test may run, and what is said of a cell that does not end until then."""
        end = time.monotonic() + self.times.cell_s
        if end < self.end:
            return end, f"it did not finish within {self.times.cell_s:g} s"
        return self.end, self.too_long

    @property
    def is_over(self) -> bool:
        return time.monotonic() >= self.end

    @property
    def too_long(self) -> str:
        return f"the notebook took longer than {self.times.total_s:g} s"

    def close(self) -> None:
        """End the process that runs."""
        if self.running:
            self.running.close()

    def _new(self, index: int) -> Kernel:
        """A new kernel that has run the cells before `index`; what they show now is left out.

        Raises Died if it ends on the way, in the cell that was asked for last.
        """
        kernel = Kernel(job=self.job, template=self.template, times=self.times)
        self._began = time.monotonic()
        try:
            kernel.start()
            self.note(kernel.child)
            for earlier in filter(self._runs, range(index)):
                if self.is_over:
                    raise Died(self.too_long, verdict="timeout")
                until, late = self.until()
                self._last = earlier
                kernel.run(self.cells[earlier].source, [], until=until, late=late)
        except BaseException:
            kernel.close()
            raise
        return kernel

    def _culprit(self, index: int, wait_s: float) -> int:
        """The cell that ended the process: an earlier one if without `index` a new one ends as well in that time."""
        earlier = [place for place in range(index) if self._runs(place)]
        if not earlier or not self._ends_before(index, wait_s):
            return index
        fine, bad = (
            0,
            len(earlier),
        )  # of the earlier cells the first `fine` let a process live on, the first `bad` do not
        while bad - fine > 1:
            middle = (fine + bad) // 2
            fine, bad = (fine, middle) if self._ends_before(earlier[middle], wait_s) else (middle, bad)
        return index if self.is_over else earlier[fine]

    def _runs(self, index: int) -> bool:
        """Whether a new process runs the cell, to have what it defines."""
        cell = self.cells[index]
        return cell.cell_type == "code" and not is_check(cell) and index not in self._deadly | self.idle

    def _ends_before(self, index: int, wait_s: float) -> bool:
        """Whether a new process that runs the cells before `index` ends, then or in that time."""
        try:
            kernel = self._new(index)
        except Died:
            return True
        try:
            return kernel.ends_within(wait_s)
        finally:
            kernel.close()


def error_output(name: str, message: str) -> NotebookNode:
    """A cell's output that says that it ended in an error."""
    return new_output("error", ename=name, evalue=message, traceback=[f"{name}: {message}"])
