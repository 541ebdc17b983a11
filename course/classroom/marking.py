"""Answers that a person marks, question by question: in an order that tells no name, and as a table for a spreadsheet.

A mark is of one answer: where another is handed in meanwhile, the table's row is of nobody, and is listed.
"""

import hashlib
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from course.build import Lab
from course.classroom import executed, sheets
from course.classroom.executed import Unreadable
from course.classroom.people import Person
from course.classroom.sheets import Sheet, SheetError
from course.classroom.standings import Standing
from course.grading.book.by_hand import Given
from course.grading.book.ledger import Ledger
from course.grading.result import Exercise
from course.notebook.rubric import Part

LONGEST = 32_000  # characters of an answer that are shown; a spreadsheet's cell holds 32,767
COLUMNS = ("code", "exercise", "answer", "found", "max_points", "points", "comment")
_LETTERS = str.maketrans("0123456789", "ghijklmnop")  # a spreadsheet takes digits with an e for a number


class MarkError(Exception):
    """Points that cannot be given; the message says which, and what can be."""


@dataclass(frozen=True)
class Answer:
    """A student's answer to an exercise, what the grader says of it, and what a person has said."""

    person: Person
    exercise: Exercise
    text: str
    waits: bool
    points: float | None = None  # a person's
    comment: str = ""

    @property
    def code(self) -> str:
        """What names this text of this student, and says no name."""
        what = "\0".join((self.exercise.id, self.person.id, self.text))
        return hashlib.sha256(what.encode(errors="backslashreplace")).hexdigest()[:12].translate(_LETTERS)

    @property
    def shown(self) -> str:
        """The text, cut where it is too long for a person or a spreadsheet."""
        return self.text if len(self.text) <= LONGEST else f"{self.text[:LONGEST]}\n… ({len(self.text)} characters)"


def answers(
    lab: Lab, standings: Iterable[Standing], *, exercise: str = "", every: bool = False
) -> tuple[list[Answer], list[Unreadable]]:
    """By exercise, the answers that wait for a person, or `every` one that is not blank; and notebooks that none reads.

    Raises DiskError.
    """
    by_id = {one.person.id: one for one in standings}
    wanted = [one for one in by_id.values() if any(_is_wanted(one, e, exercise, every) for e in one.exercises)]
    found, unreadable = [], []
    for work in executed.each(Ledger(lab.course), wanted):
        if isinstance(work, Unreadable):
            unreadable.append(work)
            continue
        standing = by_id[work.person.id]
        for one in standing.exercises:
            if _is_wanted(standing, one, exercise, every):
                name = one.id if one.is_by_hand else f"ex-{one.id.replace('.', '-')}"
                given = standing.marks.by_hand.get(one.id), standing.marks.comments.get(one.id, "")
                waits = one.id in standing.waiting
                found.append(Answer(work.person, one, work.answers.get(name, ""), waits, *given))
    order = {e.id: place for one in by_id.values() for place, e in enumerate(one.exercises)}
    return sorted(found, key=lambda one: (order[one.exercise.id], one.code)), unreadable


def _is_wanted(standing: Standing, one: Exercise, exercise: str, every: bool) -> bool:
    return is_asked(one, exercise) and (one.id in standing.waiting or (every and one.verdict != "blank"))


def is_asked(one: Exercise, exercise: str) -> bool:
    """Whether a teacher means it: by its id, by "10.12" for "memo-10-12", or by nothing."""
    return not exercise or one.id in (exercise, f"memo-{exercise.replace('.', '-')}")


def points_in(text: str, most: float, parts: Sequence[Part] = ()) -> tuple[float, str]:
    """The points that a person typed: a sum, or one number for each part; and the parts in words.

    Raises MarkError for what is none, or too much.
    """
    numbers = [_number(one) for one in text.split()]
    if len(numbers) == 1:
        limits = [(most, "points")]
    elif numbers and len(numbers) == len(parts):
        limits = [(part.points, part.name) for part in parts]
    else:
        each = f", or {len(parts)} numbers, one for each part" if parts else ""
        raise MarkError(f"{text!r} is not a number of points{each}")
    for number, (limit, name) in zip(numbers, limits, strict=True):
        if not 0 <= number <= limit:
            raise MarkError(f"{number:g} {name}: it must be from 0 to {limit:g}")
    words = ", ".join(f"{name} {n:g}/{limit:g}" for n, (limit, name) in zip(numbers, limits, strict=True))
    return sum(numbers), words if len(numbers) > 1 else ""


def _number(text: str) -> float:
    try:
        number = float(text.replace(",", "."))
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise MarkError(f"{text!r} is not a number of points")
    return number


def table(found: Sequence[Answer], path: Path, *, names: bool = False) -> Sheet:
    """The answers as a table, whose points and comments are to be filled in."""
    rows = [(*COLUMNS, *(("student", "name") if names else ()))]
    for one in found:
        seen = "" if one.exercise.is_by_hand else f"{one.exercise.verdict}: {one.exercise.message}"
        points = "" if one.points is None else f"{one.points:g}"
        texts = (sheets.harmless(text) for text in (one.shown, seen))
        who = (one.person.id, one.person.name) if names else ()
        rows.append((one.code, one.exercise.id, *texts, f"{one.exercise.max_points:g}", points,
                     sheets.harmless(one.comment), *map(sheets.harmless, who)))  # fmt: skip
    return Sheet(path, tuple(rows), "utf-8-sig")


@dataclass(frozen=True)
class FromTable:
    """What a filled table gives, without what stands already; and its rows whose answer is nobody's now."""

    given: tuple[Given, ...]
    unknown: tuple[str, ...]


def read(sheet: Sheet, found: Sequence[Answer]) -> FromTable:
    """What a person has filled in. Raises SheetError, naming the row, for what is no mark: then nothing counts."""
    if missing := [name for name in ("code", "points", "comment") if name not in sheet.header]:
        raise SheetError(f"{sheet.path} has no column {missing[0]}: take the table that `course mark --csv` writes")
    by_code, seen = {one.code: one for one in found}, set()
    given, unknown = [], []
    for number, row in enumerate(sheet.rows[1:], start=2):
        cell = dict(zip(sheet.header, row, strict=True))
        code, where = cell["code"].strip(), f"{sheet.path}, row {number}"
        if code in seen:
            raise SheetError(f"{where}: {code} stands there a second time: keep one row of each answer")
        seen.add(code)
        if not cell["points"].strip():
            if cell["comment"].strip():
                raise SheetError(f"{where}: it has a comment, and no points: give both, or neither")
            continue
        if (answer := by_code.get(code)) is None:
            unknown.append(f"row {number}")
            continue
        comment = sheets.unharmed(cell["comment"]).strip()
        try:
            if not answer.waits and (_number(cell["points"]), comment) == (answer.points, answer.comment):
                continue
            points, _ = points_in(cell["points"], answer.exercise.max_points)
        except MarkError as error:
            raise SheetError(f"{where}: {error}") from None
        given.append(Given(answer.person.id, answer.exercise.id, points, comment))
    if unknown and len(unknown) == len(seen):
        raise SheetError(f"{sheet.path} holds no answer of this lab: is it another lab's?")
    return FromTable(tuple(given), tuple(unknown))
