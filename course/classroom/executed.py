"""Executed notebooks of a class, from the ledger. What students' code has shown is in them: strangers' bytes."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from nbformat import NotebookNode, from_dict
from nbformat.v4.rwbase import rejoin_lines

from course.classroom.people import Person
from course.classroom.standings import Standing
from course.grading.book.durable_io import DiskError
from course.grading.book.ledger import Ledger
from course.grading.handin import intake
from course.grading.result import Ungradable
from course.measure import record
from course.measure.record import Record
from course.notebook.cells import by_name, is_answer


@dataclass(frozen=True)
class Work:
    """What a student's notebook holds: the sources of the answers, by cell, and the lab's records, oldest first."""

    person: Person
    answers: dict[str, str]
    records: list[Record]


@dataclass(frozen=True)
class Unreadable:
    """A notebook that cannot be read, and why."""

    person: Person
    reason: str


def each(book: Ledger, standings: Iterable[Standing]) -> Iterator[Work | Unreadable]:
    """The work behind each result that counts."""
    for standing in standings:
        if entry := standing.entry:
            called = Path(f"{entry.student}'s executed notebook")
            try:
                plain = intake.parse(book.executed(entry).encode(errors="backslashreplace"), called)
                yield _work(standing.person, rejoin_lines(from_dict(plain)), entry.lab)
            except (DiskError, Ungradable) as error:
                yield Unreadable(standing.person, str(error))
            except intake.MALFORMED as error:
                yield Unreadable(standing.person, f"{called} is no notebook ({error})")


def _work(person: Person, notebook: NotebookNode, lab: str) -> Work:
    answers = {name: cell.source for name, cell in by_name(notebook).items() if is_answer(cell)}
    records = [found for found in record.kept_in(notebook) if found.get("lab", lab) == lab]
    return Work(person, answers, records)
