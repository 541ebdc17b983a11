"""Comments that are used again: `class/comments.csv` in the course, one a line, which may be edited by hand."""

from collections.abc import Sequence
from pathlib import Path

from course.classroom import sheets
from course.classroom.sheets import Sheet

_HEADER = ("exercise", "comment")


def path(course: Path) -> Path:
    """The comments' file."""
    return course / "class" / "comments.csv"


def read(course: Path) -> list[tuple[str, str]]:
    """Each exercise and comment, in the file's order; nothing without one. Raises SheetError for what is no table."""
    if not path(course).exists():
        return []
    return [(row[0].strip(), sheets.unharmed(row[1]).strip()) for row in sheets.read(path(course)).rows[1:]]


def add(course: Path, exercise: str, comment: str) -> None:
    """Keep a comment, unless it is there. Raises SheetError or DiskError."""
    known = read(course)
    if (exercise, comment) not in known:
        rows = [(name, sheets.harmless(text)) for name, text in [*known, (exercise, comment)]]
        sheets.write(Sheet(path(course), (_HEADER, *rows)), path(course))


def chosen(text: str, known: Sequence[str]) -> list[str]:
    """What a person typed for a comment: the numbers of known ones, from 1, or a new one; nothing for nothing."""
    numbers = text.replace(",", " ").split()
    if numbers and all(one.isdecimal() and 0 < int(one) <= len(known) for one in numbers):
        return [known[int(one) - 1] for one in numbers]
    return [text.strip()] if text.strip() else []
