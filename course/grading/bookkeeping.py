"""What happens around the grading of a class: everything is stored first, what is known is not graded again, and each
result is in the ledger before its marks are in the gradebook. Killed at any point and run again, it goes on from there.
"""

import hashlib
import logging
import os
import tempfile
import unicodedata
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import nbformat
from nbgrader.utils import parse_utc

import course
from course import build
from course.build import Lab
from course.grading import check, gradebook, pool
from course.grading.desk import Rules
from course.grading.disk import DiskError
from course.grading.ledger import TIMESTAMP, Entry, Ledger
from course.grading.pool import Row
from course.grading.result import Ungradable
from course.grading.submissions import Submission

_log = logging.getLogger(__name__)

Engine = Callable[[Lab, Rules, Sequence[Submission]], Generator[Row, None, None]]  # each row as soon as it is there


@dataclass(frozen=True)
class Task:
    """A stored submission, and what is known of it: `known` is the newest result of the same, under the same tests."""

    submission: Submission
    entry: Entry  # of what is to be graded: without a row
    known: Entry | None


def tests_of(lab: Lab, rules: Rules) -> str:
    """A hash of what a verdict depends on beside the submission: the lab's notebooks, the times, this package."""
    release = lab.release.read_text() if lab.release.is_file() else ""
    parts = (nbformat.writes(build.instructor_notebook(lab)), release, repr(rules.times), course.__version__)
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def take_in(book: Ledger, lab: Lab, found: Sequence[Submission], tests: str, *, again: bool = False) -> list[Task]:
    """Store all that was handed in, and find what is known of it; nothing is known where it is to be graded again."""
    known = {_about(entry): entry for entry in book.entries(lab) if entry.is_settled and not again}
    tasks = []
    for submission in _apart(lab, found):
        try:
            key = book.store(submission)
        except Ungradable as error:
            submission, key = Submission(submission.student, None, None, str(error)), ""
        row = Row(submission.student, reason=submission.reason).as_json()
        entry = Entry(lab.key, submission.student, key, tests, _handed_in(submission), "", row)
        tasks.append(Task(submission, entry, known.get(_about(entry))))
    return tasks


def grade(book: Ledger, lab: Lab, tasks: Sequence[Task], rules: Rules, engine: Engine) -> Iterator[Row]:
    """A row for each task, when its result is in the ledger and its marks are in the gradebook."""
    gradebook.prepare(lab, build.instructor_notebook(lab))
    entries = book.entries(lab)
    last, counting, seen = {entry.student: entry for entry in entries}, counts(entries), gradebook.marks(lab)

    def settle(entry: Entry) -> Row:
        if entry.result:
            counting[entry.student] = entry
        if entry.student in counting:
            _write(book, lab, counting[entry.student], seen.get(entry.student))
        return entry.as_row()

    for task in tasks:
        if task.known:
            again = replace(task.known, handed_in=task.entry.handed_in)
            is_last = again == last[again.student]
            yield settle(again if is_last else book.append(again))  # it counts again: another came between
        elif task.submission.notebook is None:
            yield settle(book.append(task.entry))
    waiting = {t.submission.student: t for t in tasks if not t.known and t.submission.notebook}
    if not waiting:
        return
    with tempfile.TemporaryDirectory(prefix="course-grade-") as scratch:
        copies = [
            book.copy(task.submission, task.entry.submission, Path(scratch, student))
            for student, task in waiting.items()
        ]
        with closing(engine(lab, rules, copies)) as rows:
            for row in rows:
                told = replace(row, reason=row.reason.replace(f"{Path(scratch, row.student)}{os.sep}", ""))
                entry = replace(waiting[row.student].entry, row=told.as_json())
                yield settle(book.append(entry, row.notebook))


def grade_here(lab: Lab, rules: Rules, found: Sequence[Submission], *, workers: int = 1) -> Generator[Row, None, None]:
    """The engine that is this machine, whose processors the workers share."""
    threads = max(1, (os.cpu_count() or 1) // workers)  # more would wait for each other, spinning
    with check.open_desk(lab, replace(rules, threads=threads)) as at:
        yield from pool.grade_all(at, found, workers=workers)


def counts(entries: Sequence[Entry]) -> dict[str, Entry]:
    """By student, the result that counts: of the newest submission that has verdicts."""
    return {entry.student: entry for entry in entries if entry.result}


def _write(book: Ledger, lab: Lab, entry: Entry, seen: gradebook.Marks | None) -> None:
    """Write a result into the gradebook, unless it is what is there."""
    if not gradebook.is_written(lab, entry.as_row(), entry.executed, _time(entry), seen):
        gradebook.save(lab, entry.as_row(book.executed(entry)), handed_in=_time(entry))


def replay(book: Ledger, lab: Lab) -> Iterator[tuple[Entry, str]]:
    """Write all results that count into the gradebook, be it a new one; each with what is wrong with it, if anything.

    Where the executed notebook is damaged, the marks are written all the same.
    """
    gradebook.prepare(lab, build.instructor_notebook(lab))
    for entry in counts(book.entries(lab)).values():
        notebook = fault = ""
        try:
            notebook = book.executed(entry)
        except DiskError as error:
            fault = str(error)
        gradebook.save(lab, entry.as_row(notebook), handed_in=_time(entry))
        yield entry, fault


def changes(before: Entry | None, after: Entry) -> list[str]:
    """What is other in a result than in the one before it: why it was graded, and which verdicts changed."""
    if before is None:
        return ["the first"]
    causes = {
        "another submission": before.submission != after.submission or (not after.submission and before != after),
        "other tests": before.tests != after.tests,
        "handed in at another time": before.handed_in != after.handed_in,
    }
    told = [cause for cause, holds in causes.items() if holds] or ["graded again"]
    verdicts = {e.id: e.verdict for e in before.result.exercises} if before.result else {}
    for exercise in after.result.exercises if after.result else ():
        was = verdicts.get(exercise.id, "nothing")
        if was != exercise.verdict and verdicts:
            told.append(f"{exercise.id} {was} → {exercise.verdict}")
    return told


def _about(entry: Entry) -> tuple[str, str, str, str]:
    """What it is the result of; of what could not be read, all that is known is why."""
    return entry.student, entry.submission, entry.tests, "" if entry.submission else entry.reason


def _apart(lab: Lab, found: Sequence[Submission]) -> list[Submission]:
    """The submissions, with a reason for those whose names differ in case only: on many systems that is one folder."""
    graded = lab.course / "autograded"
    names = {one.student for one in found} | {path.name for path in (graded.iterdir() if graded.is_dir() else ())}
    alike: dict[str, set[str]] = {}
    for name in names:
        alike.setdefault(_folded(name), set()).add(name)
    told = []
    for one in found:
        others = alike[_folded(one.student)] - {one.student}
        reason = (
            f"it differs from {' and '.join(sorted(others))} in case, or in how accents are written, and no more; "
            "on many systems that is one folder: keep one of them, here and in autograded/"
        )
        told.append(Submission(one.student, None, None, reason) if others else one)
    return told


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def _handed_in(submission: Submission) -> str:
    """When it was handed in, in UTC, if nbgrader has noted that beside it."""
    noted = submission.files / TIMESTAMP if submission.files else None
    if noted is None or not noted.is_file():
        return ""
    try:
        return parse_utc(noted.read_text(errors="replace").strip()).isoformat()
    except (ValueError, OverflowError, OSError):
        _log.warning("%s: its %s is no time, so that it counts as in time", submission.student, TIMESTAMP)
        return ""


def _time(entry: Entry) -> datetime | None:
    return datetime.fromisoformat(entry.handed_in) if entry.handed_in else None
