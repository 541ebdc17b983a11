"""Tables that people download and upload again: read in whatever encoding, written as they were."""

import csv
import io
from dataclasses import dataclass, replace
from pathlib import Path

from course.grading.book import durable_io

_ENCODINGS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
_KEPT = "surrogateescape"  # bytes that an encoding lacks are written again as they were
_LONGEST_CELL = 2**17  # characters
_RUN = ("=", "+", "-", "@", "\t", "\r")  # a spreadsheet runs a text that begins so


class SheetError(Exception):
    """A table that cannot be used; the message names the file, the row and the way out."""


@dataclass(frozen=True)
class Sheet:
    """A table with its header first, and how it was written."""

    path: Path
    rows: tuple[tuple[str, ...], ...]
    encoding: str = "utf-8"
    delimiter: str = ","
    line_end: str = "\n"

    @property
    def header(self) -> tuple[str, ...]:
        """The names of the columns, without spaces around them."""
        return tuple(name.strip() for name in self.rows[0])

    def filled(self, cells: dict[tuple[int, int], str]) -> "Sheet":
        """The same with other texts in some cells, by row and column."""
        rows = [
            tuple(cells.get((number, place), cell) for place, cell in enumerate(row))
            for number, row in enumerate(self.rows)
        ]
        return replace(self, rows=tuple(rows))


def read(path: Path) -> Sheet:
    """The table in a CSV file. Raises SheetError if there is none, or a row has not as many cells as the header."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise SheetError(f"{path} cannot be read: {error.strerror}") from None
    encoding = next((name for mark, name in _ENCODINGS.items() if raw.startswith(mark)), "utf-8")
    try:
        text = raw.decode(encoding)
    except UnicodeError:
        encoding, text = "cp1252", raw.decode("cp1252", errors=_KEPT)
    first = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=first.count)
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    # The limit is the whole process's, and other libraries raise it.
    others = csv.field_size_limit(_LONGEST_CELL)
    try:
        rows = tuple(tuple(row) for row in lines if row)
    except csv.Error as error:
        raise SheetError(f"{path}, line {lines.line_num} cannot be read ({error}): download it again, as CSV") from None
    finally:
        csv.field_size_limit(others)
    if len(rows) < 2 or len(rows[0]) < 2:
        raise SheetError(f"{path} is no table with a header and rows: download it from the platform again, as CSV")
    for number, row in enumerate(rows[1:], start=2):
        if len(row) != len(rows[0]):
            raise SheetError(
                f"{path}, row {number} has {len(row)} cells, and the header has {len(rows[0])}: download it again"
            )
    return Sheet(path, rows, encoding, delimiter, "\r\n" if "\r\n" in text else "\n")


def write(sheet: Sheet, path: Path) -> None:
    """Write the table in its own encoding, whole or not at all. Raises DiskError if it cannot be written."""
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=sheet.delimiter, lineterminator=sheet.line_end).writerows(sheet.rows)
    durable_io.write(path, text.getvalue().encode(sheet.encoding, errors=_KEPT))


def harmless(text: str) -> str:
    """A text that no spreadsheet runs: a person wrote it."""
    return f"'{text}" if text.startswith(_RUN) else text


def unharmed(text: str) -> str:
    """The text that `harmless` was given."""
    return text[1:] if text.startswith("'") and text[1:].startswith(_RUN) else text
