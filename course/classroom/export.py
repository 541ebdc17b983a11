"""Marks into the files that learning platforms take: what a teacher has downloaded is filled in, and nothing else in it
is touched.

    Moodle   the offline grading worksheet, in any language: its columns are known by their names or by what is in them
    Canvas   the gradebook's export
    csv      everything, for whoever has neither
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from course.classroom.people import folded
from course.classroom.sheets import Sheet, SheetError, harmless
from course.classroom.standings import Standing

# Moodle's "Maximum grade", as its language packs have it.
_MAXIMUM = {
    *("maximum grade", "note maximale", "الدرجة القصوى", "أعلى درجة", "bestwertung", "calificación máxima"),
    *("valutazione massima", "nota máxima", "maximumcijfer", "maksimum not", "maksymalna ocena"),
}
# What Moodle writes below "Grade can be changed".
_YES = {"yes", "oui", "نعم", "ja", "sí", "si", "sì", "sim", "evet", "tak"}
_NO = {"no", "non", "لا", "nein", "não", "nee", "hayır", "nie"}
_LAB = re.compile(r"(?<![a-z])lab[\s_-]*0*(\d+)", re.IGNORECASE)
_POSSIBLE = "points possible"
_CANVAS = ("student", "id", "section")


@dataclass(frozen=True)
class Filled:
    """A sheet with marks: how many, whose rows no mark is for, and which graded students have no row."""

    sheet: Sheet
    n_marks: int
    rows: Mapping[str, tuple[str, str]]  # by student, the first two cells of the row: Moodle's identifier and name
    unknown: tuple[str, ...] = ()  # rows of nobody, or of one of several
    missing: tuple[str, ...] = ()  # graded, and in no row
    closed: tuple[str, ...] = ()  # graded, and the platform lets nobody change the grade
    kept: tuple[str, ...] = ()  # without a mark, and the file holds a grade of theirs: it stays
    scale: tuple[float, float] | None = None  # the lab's points, and the sheet's, where they differ


@dataclass(frozen=True)
class Places:
    """Where a sheet holds what: the column of the mark, those that name a student, its rows of students."""

    mark: int
    names: Sequence[int]
    rows: Sequence[int]
    maximum: float
    decimal: str = "."
    closed: frozenset[int] = frozenset()  # rows whose mark must not change


def moodle(sheet: Sheet, standings: Sequence[Standing], *, lab: str) -> Filled:
    """Fill a lab's ("lab01") grading worksheet. Raises SheetError if it is none, or by its name another lab's."""
    named_after = _labs_in(sheet.path.stem)
    if named_after and _labs_in(lab).isdisjoint(named_after):
        raise SheetError(
            f"{sheet.path} is by its name the worksheet of lab {min(named_after)}, not of {lab}: take the "
            "other assignment's, or, if it is the right one, give the file another name"
        )
    body = sheet.rows[1:]
    named = [place for place, name in enumerate(sheet.header) if folded(name) in _MAXIMUM]
    alike = [place for place in range(1, len(sheet.header)) if len({row[place] for row in body}) == 1]
    likely = named or [place for place in alike if _number(body[0][place]) is not None]
    identified = all(re.fullmatch(r"\D*\d+", row[0].strip()) for row in body)
    if len(likely) != 1 or likely[0] < 2 or not identified:
        raise SheetError(
            f"{sheet.path} is no grading worksheet of Moodle: in the assignment, switch on the offline grading "
            "worksheet, and take “Download grading worksheet”"
        )
    (maximum,) = likely
    text = body[0][maximum]
    most = _number(text)
    if not most:
        raise SheetError(f"{sheet.path}, row 2: {text!r} is no maximum grade: give the assignment points in Moodle")
    rows = range(1, len(sheet.rows))
    may_change = [
        place for place in range(maximum + 1, len(sheet.header)) if {folded(row[place]) for row in body} <= _YES | _NO
    ]
    closed = frozenset(n for n in rows if may_change and folded(sheet.rows[n][may_change[0]]) in _NO)
    places = Places(maximum - 1, range(1, maximum - 1), rows, most, _decimal(text), closed)
    return _filled(sheet, places, standings)


def canvas(sheet: Sheet, standings: Sequence[Standing], *, lab: str, column: str = "") -> Filled:
    """Fill the column of a lab ("lab01") in a gradebook's export, or the one that is named. Raises SheetError."""
    header = [folded(name) for name in sheet.header]
    if any(name not in header for name in _CANVAS):
        raise SheetError(f"{sheet.path} is no export of Canvas' gradebook: it needs the columns Student, ID, Section")
    first = header.index("section") + 1
    likely = [
        place
        for place, name in enumerate(sheet.header)
        if place >= first and (name == column if column else _labs_in(lab) & _labs_in(name))
    ]
    if len(likely) != 1:
        others = ", ".join(sheet.header[first:]) or "none"
        raise SheetError(
            f"{sheet.path} has {len(likely)} columns of {column or lab}: name one with --column ({others})"
        )
    possible = next((row for row in sheet.rows[1:] if folded(row[0]) == _POSSIBLE), None)
    text = possible[likely[0]] if possible else ""
    most = _number(text)
    if not most:
        raise SheetError(f"{sheet.path} says no “Points Possible” for {sheet.header[likely[0]]}: export it again")
    rows = [
        number
        for number, row in enumerate(sheet.rows)
        if number and row is not possible and folded(row[0]) not in ("", "student, test")
    ]
    return _filled(sheet, Places(likely[0], range(first - 1), rows, most, _decimal(text)), standings)


def everything(standings: Sequence[Standing]) -> list[list[str]]:
    """A table of all that is known, its header first; no text in it is one that a spreadsheet would run."""
    exercises = list(dict.fromkeys(exercise.id for one in standings for exercise in one.exercises))
    header = ["student", "name", "section", "email", "status", "points", "penalty", "mark", "max_points", "handed_in"]
    rows = [[*header, *exercises, "waiting", "flags", "reason"]]
    for one in standings:
        points = {exercise.id: one.points_of(exercise) for exercise in one.exercises}
        who = [harmless(text) for text in (one.person.id, one.person.name, one.person.section, one.person.email)]
        sums = [_shown(value) for value in (one.points, one.marks.penalty if one.result else None, one.mark)]
        when = one.entry.handed_in if one.entry else ""
        flags = "; ".join(one.result.flags) if one.result else ""
        each = [_shown(points.get(name)) for name in exercises]
        rows.append([*who, one.status, *sums, _shown(one.max_points), when, *each,
                     " ".join(one.waiting), harmless(flags), harmless(one.reason)])  # fmt: skip
    return rows


def _filled(sheet: Sheet, places: Places, standings: Sequence[Standing]) -> Filled:
    """The sheet with the marks of those whom a row names, and no other."""
    whose = _whose(sheet, places, standings)
    by_id = {one.person.id: one for one in standings}
    cells: dict[tuple[int, int], str] = {}
    found: dict[str, tuple[str, str]] = {}
    unknown, closed, kept = [], [], []
    for number in places.rows:
        row, student = sheet.rows[number], whose.get(number)
        if student is None:
            unknown.append(_named(row, places))
            continue
        found[student] = row[0], row[1]
        if (mark := by_id[student].mark) is None:
            if row[places.mark].strip("- "):
                kept.append(f"{_named(row, places)}: {row[places.mark]}")
        elif number in places.closed:
            closed.append(_named(row, places))
        else:
            scaled = mark * places.maximum / (by_id[student].max_points or 1)
            cells[number, places.mark] = _shown(round(scaled, 5)).replace(".", places.decimal)
    if not found:
        raise SheetError(f"{sheet.path} names nobody of this class: is it another course's, or another class's?")
    graded = [one for one in standings if one.result]
    missing = tuple(one.person.id for one in graded if one.person.id not in found)
    most = next((one.max_points for one in graded if one.max_points), None)
    scale = (most, places.maximum) if most and most != places.maximum else None
    return Filled(sheet.filled(cells), len(cells), found, tuple(unknown), missing, tuple(closed), tuple(kept), scale)


def _labs_in(text: str) -> set[int]:
    """The numbers of the labs that a text names."""
    return {int(number) for number in _LAB.findall(text)}


def _named(row: Sequence[str], places: Places) -> str:
    """A row's student, in the file's own words."""
    return " ".join(row[place] for place in places.names if row[place].strip("- "))


def _whose(sheet: Sheet, places: Places, standings: Sequence[Standing]) -> dict[int, str]:
    """By row, the one student whom it names; of several rows of one student, the row that does so in most cells."""
    known: dict[str, set[str]] = {}
    for one in standings:
        for name in one.person.known_as:
            known.setdefault(name, set()).add(one.person.id)
    claims: dict[str, Counter[int]] = {}
    for number in places.rows:
        named = [known.get(folded(sheet.rows[number][place]), set()) for place in places.names]
        whom = set().union(*(ids for ids in named if len(ids) == 1))
        if len(whom) == 1:
            (student,) = whom
            claims.setdefault(student, Counter())[number] = sum(student in ids for ids in named)
    found = {}
    for student, cells in claims.items():
        best = [number for number, n_cells in cells.items() if n_cells == max(cells.values())]
        if len(best) == 1:
            found[best[0]] = student
    return found


def _decimal(text: str) -> str:
    """How the file writes a decimal point."""
    return "," if "," in text else "."


def _shown(value: float | None) -> str:
    return "" if value is None else f"{value:.10g}"


def _number(text: str) -> float | None:
    try:
        return float(text.strip().replace(",", "."))
    except ValueError:
        return None
