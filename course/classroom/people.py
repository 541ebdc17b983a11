"""Who is in the class: `class/roster.csv` in the course, a line for each student, which may be edited by hand."""

import csv
import io
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path

from course.grading.book import durable_io

APART = " | "  # between the aliases of a student


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
    try:
        text = path(course).read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeError) as error:
        raise RosterError(f"{path(course)} cannot be read: {error}") from None
    found: dict[str, Person] = {}
    for number, row in enumerate(csv.DictReader(io.StringIO(text)), start=2):
        where = f"{path(course)}, row {number}"
        person = _person(row, where)
        if person.id in found:
            raise RosterError(f"{where}: {person.id} stands there a second time: keep one row of each student")
        found[person.id] = person
    return found


def _person(row: Mapping[str, str | None], where: str) -> Person:
    known = {field.name: (row.get(field.name) or "").strip() for field in fields(Person)}
    if not known["id"]:
        raise RosterError(f"{where}: it has no id")
    try:
        days = float(known["extra_days"] or 0)
    except ValueError:
        raise RosterError(f"{where}: extra_days is {known['extra_days']!r}, and must be a number") from None
    aliases = tuple(one.strip() for one in known["aliases"].split(APART.strip()) if one.strip())
    return Person(known["id"], known["name"], known["email"], known["section"], days, aliases)


def write(course: Path, people: Iterable[Person]) -> None:
    """Put the roster in the place of the old one, whole or not at all."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([field.name for field in fields(Person)])
    for one in people:
        writer.writerow([one.id, one.name, one.email, one.section, f"{one.extra_days:g}", APART.join(one.aliases)])
    with durable_io.new(path(course).parent) as part:
        part.write(text.getvalue().encode())
        durable_io.keep(part, path(course))
