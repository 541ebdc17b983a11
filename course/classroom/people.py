"""Who is in the class: `class/roster.csv` in the course, a line for each student, which may be edited by hand."""

import csv
import io
import math
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

from course.grading.book import durable_io
from course.grading.handin.submissions import Submission

APART = " | "  # between the aliases of a student
_MOST_DAYS = 1000


class RosterError(Exception):
    """A roster that cannot be used; the message names the file, the row and the way out."""


@dataclass(frozen=True)
class Person:
    """A student. `id` is the submission's folder and nbgrader's student; `aliases` are a learning platform's names."""

    id: str
    name: str = ""
    email: str = ""
    section: str = ""
    extra_days: float = 0.0  # for every assignment
    aliases: tuple[str, ...] = ()

    @property
    def known_as(self) -> frozenset[str]:
        """All that names the student, folded."""
        return frozenset(folded(one) for one in (self.id, self.name, self.email, *self.aliases) if one)


def folded(text: str) -> str:
    """The text with one way of writing accents, of spaces and of capitals, to be compared."""
    return " ".join(unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold()).split())


def path(course: Path) -> Path:
    """The roster's file."""
    return course / "class" / "roster.csv"


def read(course: Path) -> dict[str, Person]:
    """The roster by id, in its file's order; empty without one. Raises RosterError, naming the row that is wrong."""
    found: dict[str, Person] = {}
    for where, row in records(path(course)):
        person = _person(row, where)
        if person.id in found:
            raise RosterError(f"{where}: {person.id} stands there a second time: keep one row of each student")
        found[person.id] = person
    return found


def records(file: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """Where each row of a table stands, and its cells by column; nothing without the file. Raises RosterError."""
    try:
        text = file.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return
    except (OSError, UnicodeError) as error:
        raise RosterError(f"{file} cannot be read: {error}") from None
    for number, row in enumerate(csv.DictReader(io.StringIO(text), restval=""), start=2):
        yield f"{file}, row {number}", {name: (row.get(name) or "").strip() for name in row if name}


def save(file: Path, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Put a table in the place of the old one, whole or not at all. Raises DiskError."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([header, *rows])
    durable_io.write(file, text.getvalue().encode())


def _person(row: Mapping[str, str], where: str) -> Person:
    known = {field.name: row.get(field.name, "") for field in fields(Person)}
    if not known["id"]:
        raise RosterError(f"{where}: it has no id")
    longer = days(known["extra_days"] or "0", f"{where}: extra_days")
    aliases = tuple(one.strip() for one in known["aliases"].split(APART.strip()) if one.strip())
    return Person(known["id"], known["name"], known["email"], known["section"], longer, aliases)


def days(text: str, where: str) -> float:
    """The days that a text says; `where` begins the message of the RosterError if it says none."""
    try:
        found = float(text)
    except ValueError:
        found = math.nan
    if not 0 <= found <= _MOST_DAYS:
        raise RosterError(f"{where} is {text!r}, and must be a number of days from 0 to {_MOST_DAYS}")
    return found


def one(roster: Mapping[str, Person], called: str) -> Person:
    """Who of the roster is called that: by id, else by name, e-mail or alias. Raises RosterError unless it is one."""
    if called in roster:
        return roster[called]
    found = [person for person in roster.values() if folded(called) in person.known_as]
    if len(found) > 1:
        raise RosterError(f"{called} could be {' or '.join(person.id for person in found)}: say which id")
    if not found:
        raise RosterError(f"the roster has no {called}; `course roster` shows who is in it")
    return found[0]


def write(course: Path, people: Iterable[Person]) -> None:
    """Put the roster in the place of the old one, whole or not at all. Raises DiskError."""
    rows = [(p.id, p.name, p.email, p.section, f"{p.extra_days:g}", APART.join(p.aliases)) for p in people]
    save(path(course), [field.name for field in fields(Person)], rows)


def identified(found: Sequence[Submission], names: Mapping[str, str], roster: Mapping[str, Person]) -> list[Submission]:
    """The submissions under the ids of the roster; `names` are full names that a platform says, by its student.

    Whoever the roster does not know is graded all the same, with a note. What could be two people's, or comes twice
    from one, is graded for nobody: its reason says why. Without a roster all stay as they are.
    """
    if not roster:
        return list(found)
    known: dict[str, list[Person]] = {}
    for person in roster.values():
        for alias in person.known_as:
            known.setdefault(alias, []).append(person)
    by_student: dict[str, list[Submission]] = {}
    for one in found:
        called = (one.student, names.get(one.student, ""))
        people = next((known[folded(name)] for name in called if folded(name) in known), [])
        renamed = _renamed(one, people)
        by_student.setdefault(renamed.student, []).append(renamed)
    return sorted((_only(student, ones) for student, ones in by_student.items()), key=lambda one: one.student)


def _renamed(one: Submission, people: Sequence[Person]) -> Submission:
    if len(people) == 1:
        earlier = tuple(replace(before, student=people[0].id) for before in one.earlier)
        return replace(one, student=people[0].id, earlier=earlier)
    if not people:
        return replace(one, notes=(*one.notes, "not in the roster"))
    ids = " and ".join(sorted(person.id for person in people))
    return Submission(
        one.student,
        None,
        None,
        f"{ids} of the roster are both called that: put each one's work into a folder of that id",
    )


def _only(student: str, ones: Sequence[Submission]) -> Submission:
    if len(ones) == 1:
        return ones[0]
    places = " and ".join(sorted(one.notebook.name if one.notebook else "what is no notebook" for one in ones))
    return Submission(student, None, None, f"handed in {len(ones)} times, under several names ({places}): keep one")
