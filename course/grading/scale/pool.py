"""Several workers on one machine: each a process with a grader of its own; they share one warm process.

A worker takes one submission at a time and gives back a row. One that dies takes nothing with it: its submission goes
to another worker, and after three tries becomes a row that says so.
"""

import multiprocessing
import signal
import socket
import sys
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from multiprocessing.reduction import recv_handle, send_handle

import nbformat

from course.grading import grader, self_check
from course.grading.grader import Grader, Notebooks, Rules
from course.grading.handin.submissions import Submission
from course.grading.result import Row, Ungradable
from course.grading.self_check import Unconfined

TRIES = 3


def grade(by: Grader | Unconfined, submission: Submission) -> Row:
    """Grade one submission; whatever happens, there is a row."""
    try:
        graded = by.grade(submission)
    except Ungradable as error:
        return Row(submission.student, reason=str(error))
    except Exception as error:  # ours, not the student's: the class goes on, and the row says what to report
        return Row(submission.student, reason=f"the grader failed on it ({type(error).__name__}: {error})")
    return Row(submission.student, graded.result, nbformat.writes(graded.notebook))


def grade_here(
    notebooks: Notebooks, rules: Rules, found: Sequence[Submission], *, workers: int = 1
) -> Generator[Row, None, None]:
    """Grade all submissions on this machine, and give each row as soon as it is there."""
    with self_check.open_grader(notebooks, rules) as opened:
        if workers > 1 and isinstance(opened, Grader):
            yield from _shared_out(found, opened, workers)
        else:
            yield from (grade(opened, submission) for submission in found)


def _shared_out(found: Sequence[Submission], by: Grader, workers: int) -> Iterator[Row]:
    """Rows by workers of the grader's kind."""
    waiting, tried = deque(found), dict.fromkeys((submission.student for submission in found), 0)
    team = [_Worker() for _ in range(min(workers, len(found)))]
    graded: list[Row] = []
    try:
        for worker in team:
            worker.begin(by)  # all import what they need, meanwhile
        while waiting or any(worker.task for worker in team):
            for worker in team:
                if worker.task is None and waiting:
                    worker.give(waiting.popleft())
            yield from graded  # now that no worker waits for what is done with them
            graded = []
            for worker in _ready(team):
                submission = worker.task
                assert submission is not None
                row = worker.take()
                if row is None:
                    worker.replace(by)
                    tried[submission.student] += 1
                    if tried[submission.student] < TRIES:
                        waiting.append(submission)
                        continue
                    row = Row(submission.student, reason=f"the worker that graded it died, {TRIES} times")
                graded.append(row)
        yield from graded
    finally:
        for worker in team:
            worker.close()


def _ready(team: list["_Worker"]) -> list["_Worker"]:
    """The workers that have a row, or have died."""
    busy = {worker.line: worker for worker in team if worker.task}
    return [busy[line] for line in wait(list(busy)) if isinstance(line, Connection)]


class _Worker:
    """A worker process, seen from outside."""

    def __init__(self) -> None:
        self.task: Submission | None = None
        self._start()

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.line, theirs = context.Pipe()
        self._process: SpawnProcess = context.Process(target=_work, args=(theirs,), daemon=True)
        self._process.start()
        theirs.close()

    def begin(self, by: Grader) -> None:
        """Have it grade as this grader does, with forks of the same warm process."""
        control = by.template.line()
        with suppress(OSError):  # it has died: `take` finds out
            self.line.send((by.notebooks, by.rules, by.hidden, control is not None))
            if control:
                send_handle(self.line, control.fileno(), self._process.pid)
        if control:
            control.close()

    def give(self, submission: Submission) -> None:
        self.task = submission
        with suppress(OSError):  # it has died: `take` finds out
            self.line.send(submission)

    def take(self) -> Row | None:
        """The row of its task; None if it has died instead."""
        self.task = None
        try:
            return self.line.recv()
        except (EOFError, OSError):
            return None

    def replace(self, by: Grader) -> None:
        """Put a new process in the place of a dead one."""
        self.close()
        self._start()
        self.begin(by)

    def close(self) -> None:
        self.line.close()
        self._process.terminate()
        self._process.join()


def _work(line: Connection) -> None:
    """A worker's life: until its line closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for who gives us work
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # with the folders of what it was grading
    with suppress(EOFError):
        notebooks, rules, hidden, shares = line.recv()
        control = socket.socket(fileno=recv_handle(line)) if shares else None  # to the warm process that all share
        with grader.open_grader(notebooks, rules, line=control, hidden=hidden) as opened:
            while True:
                line.send(grade(opened, line.recv()))
