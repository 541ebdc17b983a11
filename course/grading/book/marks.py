"""From what a class handed in to its marks. Everything is stored first, what is known is not graded again, and each
result is in the ledger before its marks are in the gradebook. Killed at any point and run again, it goes on from there.
"""

import os
import tempfile
import unicodedata
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from nbformat import NotebookNode

from course.build import Lab
from course.grading.book import gradebook
from course.grading.book.durable_io import DiskError
from course.grading.book.fingerprint import fingerprint
from course.grading.book.ledger import Entry, Ledger
from course.grading.grader import Notebooks, Rules
from course.grading.handin.submissions import Submission
from course.grading.result import Row, Ungradable

# Grades submissions, and gives each row as soon as it is there: on this machine, or on others.
Engine = Callable[[Notebooks, Rules, Sequence[Submission]], Generator[Row, None, None]]


@dataclass(frozen=True)
class Task:
    """A stored submission, and what is known of it: `known` is the newest result of the same, under the same tests."""

    submission: Submission
    entry: Entry  # of what is to be graded: without a row
    known: Entry | None


@dataclass(frozen=True)
class Batch:
    """What a class handed in for a lab, stored; and what the ledger knew of the class until then."""

    book: Ledger
    notebooks: Notebooks
    tasks: list[Task]
    entries: list[Entry]

    @property
    def n_known(self) -> int:
        """How many submissions need not be graded."""
        return sum(task.known is not None for task in self.tasks)


def take_in(
    book: Ledger, notebooks: Notebooks, rules: Rules, found: Sequence[Submission], *, again: bool = False
) -> Batch:
    """Store all that was handed in, and find what is known of it; nothing is known where it is to be graded again."""
    lab, tests, entries = notebooks.lab, fingerprint(notebooks, rules), book.entries(notebooks.lab)
    known = {_about(entry): entry for entry in entries if entry.is_settled and not again}
    tasks = []
    for submission in _apart(lab, found):
        try:
            key = book.store(submission)
            for earlier in submission.earlier:
                book.store(earlier)
        except Ungradable as error:
            submission, key = Submission(submission.student, None, None, str(error)), ""
        row = Row(submission.student, reason=submission.reason).to_json()
        entry = Entry(lab.key, submission.student, key, tests, _handed_in(submission), "", row)
        tasks.append(Task(submission, entry, known.get(_about(entry))))
    return Batch(book, notebooks, tasks, entries)


def grade(batch: Batch, rules: Rules, engine: Engine) -> Iterator[Row]:
    """A row for each task, when its result is in the ledger and its marks are in the gradebook."""
    book, lab = batch.book, batch.notebooks.lab
    gradebook.prepare(lab, batch.notebooks.solution)
    last = {entry.student: entry for entry in batch.entries}
    counting, seen = counts(batch.entries), gradebook.marks(lab)

    def settle(entry: Entry) -> Row:
        if entry.result:
            counting[entry.student] = entry
        if entry.student in counting:
            _write(book, lab, counting[entry.student], seen.get(entry.student))
        return entry.graded

    for task in batch.tasks:
        if task.known:
            again = replace(task.known, handed_in=task.entry.handed_in)
            is_last = again == last[again.student]
            yield settle(again if is_last else book.append(again))  # it counts again: another came between
        elif task.submission.notebook is None:
            yield settle(book.append(task.entry))
    waiting = {t.submission.student: t for t in batch.tasks if not t.known and t.submission.notebook}
    if not waiting:
        return
    with tempfile.TemporaryDirectory(prefix="course-grade-") as scratch:
        copies = [
            book.copy(task.submission, task.entry.submission, Path(scratch, student))
            for student, task in waiting.items()
        ]
        with closing(engine(batch.notebooks, rules, copies)) as rows:
            for row in rows:
                here = f"{Path(scratch, row.student)}{os.sep}"  # a folder that goes: its path is no help
                row = replace(row, reason=row.reason.replace(here, ""))
                task = waiting[row.student]
                if row.result and task.submission.notes:
                    row = replace(row, result=replace(row.result, flags=[*task.submission.notes, *row.result.flags]))
                entry = replace(task.entry, row=row.to_json())
                yield settle(book.append(entry, row.notebook))


def counts(entries: Sequence[Entry]) -> dict[str, Entry]:
    """By student, the result that counts: of the newest submission that has verdicts."""
    return {entry.student: entry for entry in entries if entry.result}


def _write(book: Ledger, lab: Lab, entry: Entry, seen: gradebook.Marks | None) -> None:
    """Write a result into the gradebook, unless it is what is there."""
    if not gradebook.is_written(lab, entry.graded, entry.executed, _time(entry), seen):
        gradebook.save(lab, replace(entry.graded, notebook=book.executed(entry)), handed_in=_time(entry))


def replay(book: Ledger, lab: Lab, *, solution: NotebookNode, entries: Sequence[Entry]) -> Iterator[tuple[Entry, str]]:
    """Write all results that count into the gradebook, old or new; each with what is wrong with it, if anything.

    Where the executed notebook is damaged, the marks are written all the same.
    """
    gradebook.prepare(lab, solution)
    for entry in counts(entries).values():
        notebook = fault = ""
        try:
            notebook = book.executed(entry)
        except DiskError as error:
            fault = str(error)
        gradebook.save(lab, replace(entry.graded, notebook=notebook), handed_in=_time(entry))
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
    found = [cause for cause, holds in causes.items() if holds] or ["graded again"]
    verdicts = {e.id: e.verdict for e in before.result.exercises} if before.result else {}
    for exercise in after.result.exercises if after.result else ():
        was = verdicts.get(exercise.id, "nothing")
        if was != exercise.verdict and verdicts:
            found.append(f"{exercise.id} {was} → {exercise.verdict}")
    return found


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
    apart = []
    for one in found:
        others = alike[_folded(one.student)] - {one.student}
        reason = (
            f"it differs from {' and '.join(sorted(others))} in case, or in how accents are written, and no more; "
            "on many systems that is one folder: keep one of them, here and in autograded/"
        )
        apart.append(Submission(one.student, None, None, reason) if others else one)
    return apart


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def _handed_in(submission: Submission) -> str:
    """When it was handed in, in UTC, if who received it has noted that."""
    return submission.when.astimezone(UTC).replace(tzinfo=None).isoformat() if submission.when else ""


def _time(entry: Entry) -> datetime | None:
    return datetime.fromisoformat(entry.handed_in) if entry.handed_in else None
