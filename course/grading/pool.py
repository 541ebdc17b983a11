"""Several workers on one machine: each a process with a desk of its own; they share one warm process.

A worker takes one submission at a time and gives back a row. One that dies takes nothing with it: its submission goes
to another worker, and after three tries becomes a row that says so.
"""

import multiprocessing
import signal
import socket
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Any

import nbformat

from course.build import Lab
from course.grading import desk, hiding, unconfined, warm
from course.grading.desk import Desk, Rules
from course.grading.result import Result, Ungradable
from course.grading.submissions import Submission

TRIES = 3


@dataclass(frozen=True)
class Row:
    """What became of a submission: a result and the executed notebook (its JSON), or the reason why there is none."""

    student: str
    result: Result | None = None
    notebook: str = ""
    reason: str = ""

    def as_json(self) -> dict[str, Any]:
        """The row of `course grade --json`."""
        body = self.result.as_json() if self.result else {"reason": self.reason}
        return {"student": self.student, **body}


def grade(at: Desk | unconfined.Desk, submission: Submission) -> Row:
    """Grade one submission; whatever happens, there is a row."""
    try:
        graded = at.grade(submission)
    except Ungradable as error:
        return Row(submission.student, reason=str(error))
    except Exception as error:  # ours, not the student's: the class goes on, and the row says what to report
        return Row(submission.student, reason=f"the grader failed on it ({type(error).__name__}: {error})")
    return Row(submission.student, graded.result, nbformat.writes(graded.notebook))


def grade_all(at: Desk | unconfined.Desk, found: Sequence[Submission], *, workers: int) -> Iterator[Row]:
    """Grade all submissions, and give each row as soon as it is there."""
    if workers == 1 or isinstance(at, unconfined.Desk):
        yield from (grade(at, submission) for submission in found)
        return
    context = multiprocessing.get_context("spawn")
    waiting, tried = deque(found), dict.fromkeys((submission.student for submission in found), 0)
    team = [_Worker(at.lab, at.rules, at.template, context) for _ in range(min(workers, len(found)))]
    graded: list[Row] = []
    try:
        while waiting or any(worker.task for worker in team):
            for worker in team:
                if worker.task is None and waiting:
                    worker.give(waiting.popleft())
            yield from graded  # now that no worker waits for what is done with them
            graded = []
            for worker in _heard(team):
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


def _heard(team: list["_Worker"]) -> list["_Worker"]:
    """The workers that have something to say, or have died."""
    busy = {worker.line: worker for worker in team if worker.task}
    return [busy[line] for line in wait(list(busy)) if isinstance(line, Connection)]


class _Worker:
    """A worker process, seen from outside."""

    def __init__(self, lab: Lab, rules: Rules, template: warm.Renewed, context: Any) -> None:
        self._lab, self._rules, self._template, self._context = lab, rules, template, context
        self.task: Submission | None = None
        self._start()

    def _start(self) -> None:
        self.line, theirs = self._context.Pipe()
        control = self._template.line()
        arguments = (theirs, self._lab, self._rules, control)
        self._process: SpawnProcess = self._context.Process(target=_work, args=arguments, daemon=True)
        self._process.start()
        theirs.close()
        if control:
            control.close()

    def give(self, submission: Submission) -> None:
        self.task = submission
        with suppress(OSError):  # it has died: `take` will tell
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


def _work(line: Connection, lab: Lab, rules: Rules, control: socket.socket | None) -> None:
    """A worker's life: until its line closes. `control` leads to the warm process that all share, if they do."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for who gives us work
    solution = desk.build.instructor_notebook(lab)
    template = warm.Warm(control, None, hiding.hidden_packages(solution)) if control else None
    with desk.open_desk(lab, rules, template=template) as at, suppress(EOFError):
        while True:
            line.send(grade(at, line.recv()))
