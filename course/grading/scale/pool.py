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
from typing import Any

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
        yield from grade_all(opened, found, workers=workers)


def grade_all(by: Grader | Unconfined, found: Sequence[Submission], *, workers: int) -> Iterator[Row]:
    """Grade all submissions with a grader that is open, by it alone or by several workers of its kind."""
    if workers == 1 or isinstance(by, Unconfined):
        yield from (grade(by, submission) for submission in found)
        return
    context = multiprocessing.get_context("spawn")
    waiting, tried = deque(found), dict.fromkeys((submission.student for submission in found), 0)
    team = [_Worker(by, context) for _ in range(min(workers, len(found)))]
    graded: list[Row] = []
    try:
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
                    worker.replace()
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

    def __init__(self, by: Grader, context: Any) -> None:
        self._grader, self._context = by, context
        self.task: Submission | None = None
        self._start()

    def _start(self) -> None:
        self.line, theirs = self._context.Pipe()
        control = self._grader.template.line()
        arguments = (theirs, self._grader.notebooks, self._grader.rules, control)
        self._process: SpawnProcess = self._context.Process(target=_work, args=arguments, daemon=True)
        self._process.start()
        theirs.close()
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

    def replace(self) -> None:
        """Put a new process in the place of a dead one."""
        self.close()
        self._start()

    def close(self) -> None:
        self.line.close()
        self._process.terminate()
        self._process.join()


def _work(line: Connection, notebooks: Notebooks, rules: Rules, control: socket.socket | None) -> None:
    """A worker's life: until its line closes. `control` leads to the warm process that all share, if they do."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for who gives us work
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # with the folders of what it was grading
    with grader.open_grader(notebooks, rules, line=control) as opened, suppress(EOFError):
        while True:
            line.send(grade(opened, line.recv()))
