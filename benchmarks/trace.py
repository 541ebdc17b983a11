"""A class while it is graded: results, processor seconds and memory against time."""

import os
import subprocess
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks import cost

EVERY_S = 0.5


@dataclass(frozen=True)
class Moment:
    """So long after the start: results in the ledger; of all processes: seconds of processors, memory, load."""

    s: float
    n_results: int
    cpu_s: float  # of those that have ended, too
    mib: float  # shared pages once
    load: float


@dataclass(frozen=True)
class Trace:
    """What `course grade` printed, and the moments of its run, one after the other."""

    output: str
    moments: list[Moment]

    @property
    def wall_s(self) -> float:
        return self.moments[-1].s

    @property
    def cpu_s(self) -> float:
        return self.moments[-1].cpu_s

    def at(self, n_results: int) -> Moment:
        """The first moment with so many results."""
        return next(moment for moment in self.moments if moment.n_results >= n_results)

    def between(self, first: int, last: int) -> list[Moment]:
        """The moments from one number of results to another."""
        return self.moments[self.moments.index(self.at(first)) : self.moments.index(self.at(last)) + 1]

    def each(self, what: str, first: int, last: int) -> float:
        """Seconds of a submission from one number of results to another; `what` is "s" or "cpu_s"."""
        begin, end = self.at(first), self.at(last)
        return (getattr(end, what) - getattr(begin, what)) / (end.n_results - begin.n_results)


def of(command: Sequence[str], course: Path, *, beside: Sequence[int] = (), is_weighed: bool = True) -> Trace:
    """Run a command that grades in a course folder, and look at it; `beside`: others that work for it, by process id.

    Where it is not weighed, memory is 0: that takes time from what is measured. Raises Failed if the command does.
    """
    others = [psutil.Process(pid) for pid in beside]
    before = sum(map(_cpu_s, others))
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        began = time.monotonic()
        grader = psutil.Popen(command, cwd=course, stdin=subprocess.DEVNULL, stdout=out, stderr=err)
        moments = []
        while True:
            is_over = _is_over(grader)  # not waited for: its last seconds are still told
            roots = [grader, *others]
            mib = sum(map(cost.tree_mib, roots)) if is_weighed and not is_over else 0.0
            spent = sum(map(_cpu_s, roots)) - before
            seconds = time.monotonic() - began
            moments.append(Moment(seconds, _n_results(course), spent, mib, os.getloadavg()[0]))
            if is_over:
                break
            time.sleep(EVERY_S)
        code = grader.wait()
        out.seek(0)
        err.seek(0)
        if code:
            raise cost.Failed(f"{command!r} ended with exit code {code}: {(err.read() or out.read())[-2000:]}")
        return Trace(out.read(), moments)


def _is_over(process: psutil.Popen) -> bool:
    return process.status() == psutil.STATUS_ZOMBIE


def _n_results(course: Path) -> int:
    with suppress(FileNotFoundError):
        return (course / "ledger" / "results.jsonl").read_bytes().count(b"\n")
    return 0


def _cpu_s(process: psutil.Process) -> float:
    """The seconds of a process, its descendants, and those of them that have ended."""
    seconds = 0.0
    for one in (process, *process.children(recursive=True)):
        with suppress(psutil.NoSuchProcess):
            seconds += sum(one.cpu_times()[:4])
    return seconds
