"""Who is enrolled, from the lists that learning platforms and registries export: columns are known by their names.

What a student is called in several columns (an id, a login, a full name) becomes aliases, so that a submission is found
under any of them. Columns that are not known are named once, and remembered in `class/columns.json`.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from course.classroom import people
from course.classroom.people import Person, RosterError, folded
from course.classroom.sheets import Sheet
from course.grading.book import durable_io

FIELDS = ("id", "name", "first", "last", "email", "section", "extra_days")
# Names of columns in exports of Moodle, Canvas, Blackboard, Brightspace, Gradescope; English, French, Arabic.
_KNOWN = {
    "id": "id number|sis login id|sis user id|username|orgdefinedid|student id|sid|login|matricule|"
    "matriculation number|"
    "numéro d'identification|numéro d’identification|nom d'utilisateur|nom d’utilisateur|رقم التعريف|اسم المستخدم|id",
    "name": "name|full name|student|student name|nom complet|الاسم الكامل|الاسم",
    "first": "first name|prénom|الاسم الأول",
    "last": "last name|surname|nom|nom de famille|اللقب|اسم العائلة",
    "email": "email|email address|e-mail|mail|adresse de courriel|courriel|عنوان البريد الإلكتروني|البريد الإلكتروني",
    "section": "section|sections|group|groups|groupe|groupes|المجموعة|المجموعات",
    "extra_days": "extra_days|extra days",
}
_ALIASES = "id|sis user id|sis login id|username|orgdefinedid|student id|id number|canvas|user id|login"
_NOBODY = ("points possible", "student, test")  # rows of Canvas' gradebook that are no student's


@dataclass(frozen=True)
class Imported:
    """A roster with a list taken in, and what is to be said of it."""

    people: dict[str, Person]
    n_new: int
    n_changed: int
    n_kept: int  # not in the list
    said: tuple[str, ...] = ()


def columns(sheet: Sheet, course: Path, given: Mapping[str, str]) -> dict[str, int]:
    """Where what stands: by what is given, else remembered for such a header, else known. Raises RosterError.

    What is given is remembered.
    """
    header = list(sheet.header)
    remembered = _remembered(course)
    key = "|".join(header)
    chosen = {**remembered.get(key, {}), **{what: name for what, name in given.items() if name}}
    found: dict[str, int] = {}
    for what, name in chosen.items():
        if name not in header:
            raise RosterError(f"{sheet.path} has no column {name!r}; it has: {', '.join(header)}")
        found[what] = header.index(name)
    plain = [folded(name.lstrip("#")) for name in header]
    for what, names in _KNOWN.items():
        place = next((plain.index(name) for name in names.split("|") if name in plain), None)
        if what not in found and place is not None and place not in found.values():
            found[what] = place
    if "id" not in found and "email" in found:
        found["id"] = found["email"]
    if "id" not in found:
        raise RosterError(f"{sheet.path}: which column is the student's id? Say --id COLUMN: {', '.join(header)}")
    if given:
        _remember(course, {**remembered, key: chosen})
    return found


def listed(sheet: Sheet, places: Mapping[str, int]) -> list[Person]:
    """The students of a list. Raises RosterError for a row without an id, and for an id that comes twice."""
    aliases = [place for place, name in enumerate(sheet.header) if folded(name.lstrip("#")) in _ALIASES.split("|")]
    found: dict[str, int] = {}
    people_ = []
    for number, row in enumerate(sheet.rows[1:], start=2):
        if folded(row[0]) in _NOBODY:
            continue
        one = _person(sheet, number, {what: row[place].strip().lstrip("#") for what, place in places.items()})
        if one.id in found:
            raise RosterError(
                f"{sheet.path}, rows {found[one.id]} and {number}: {one.id} stands there twice: keep one row"
            )
        found[one.id] = number
        other = [row[place].strip().lstrip("#") for place in aliases]
        people_.append(replace(one, aliases=tuple(dict.fromkeys(name for name in other if name and name != one.id))))
    return people_


def _person(sheet: Sheet, number: int, cells: Mapping[str, str]) -> Person:
    if not cells["id"]:
        raise RosterError(f"{sheet.path}, row {number}: it has no id")
    if "/" in cells["id"] or cells["id"] in (".", ".."):
        raise RosterError(f"{sheet.path}, row {number}: {cells['id']!r} cannot be a folder's name: say --id COLUMN")
    name = cells.get("name", "")
    if cells.get("first") or cells.get("last"):
        name = f"{cells.get('first', '')} {cells.get('last', '')}".strip()
    elif name.count(",") == 1:  # "Lovelace, Ada"
        name = " ".join(part.strip() for part in reversed(name.split(",")))
    longer = people.days(cells.get("extra_days") or "0", f"{sheet.path}, row {number}: extra_days")
    return Person(cells["id"], name, cells.get("email", ""), cells.get("section", ""), longer)


def taken_in(
    roster: Mapping[str, Person], found: Sequence[Person], places: Mapping[str, int], *, is_all: bool
) -> Imported:
    """The roster with a list taken in. What the list does not say of a student stays, and who is not in it, unless
    `is_all`.
    """
    merged: dict[str, Person] = {} if is_all else dict(roster)
    n_new = n_changed = 0
    for one in found:
        if before := roster.get(one.id):
            kept = {
                "name": one.name or before.name,
                "email": one.email if "email" in places else before.email,
                "section": one.section if "section" in places else before.section,
                "extra_days": one.extra_days if "extra_days" in places else before.extra_days,
                "aliases": tuple(dict.fromkeys([*before.aliases, *one.aliases])),
            }
            one = replace(one, **kept)  # type: ignore[arg-type]
            n_changed += one != before
        else:
            n_new += 1
        merged[one.id] = one
    return Imported(merged, n_new, n_changed, len(merged.keys() - {one.id for one in found}), _namesakes(merged))


def _namesakes(roster: Mapping[str, Person]) -> tuple[str, ...]:
    """A line for each name that two share: a download that says names alone cannot tell them apart."""
    by_name: dict[str, list[Person]] = {}
    for one in roster.values():
        if one.name:
            by_name.setdefault(folded(one.name), []).append(one)
    return tuple(
        f"{' and '.join(one.id for one in ones)} are both called {ones[0].name}: what comes by name is nobody's"
        for ones in by_name.values()
        if len(ones) > 1
    )


def _remembered(course: Path) -> dict[str, dict[str, str]]:
    path = people.path(course).with_name("columns.json")
    try:
        read = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError):
        raise RosterError(f"{path} cannot be read: delete it, and name the columns again") from None
    return read if isinstance(read, dict) else {}


def _remember(course: Path, columns: dict[str, dict[str, str]]) -> None:
    path = people.path(course).with_name("columns.json")
    durable_io.write(path, json.dumps(columns, indent=1, ensure_ascii=False).encode())
