"""The course's data package: published and measured figures as tables, checked when loaded, and parallel texts."""

import csv
import json
import math
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd

from course import paths

NUMBERS = {
    "integer": (re.compile(r"[+-]?\d+"), "is not an integer"),
    "number": (re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?"), "is not a number"),
}
EVIDENCE = ("primary", "quoted", "measured")


class DataError(ValueError):
    """A table or text that is unknown, missing or breaks its schema; the message names file, row, column and value."""


@dataclass(frozen=True)
class Table:
    """What one table of the package holds: rows by kind of evidence, and how many documents they rest on."""

    name: str
    title: str
    path: str
    rows: int
    sources: int  # 0 where rows have no source of their own: what was measured or made for the course
    evidence: dict[str, int]  # rows that are primary, quoted, measured; empty where a row is no finding
    shown: tuple[str, ...]  # the columns worth a terminal's width
    origin: str  # where all rows come from, if they have no source of their own


def tables() -> list[Table]:
    """Every table of the package, in its order. Raises DataError if one breaks its schema."""
    return [table(resource["name"]) for resource in _package()["resources"]]


def table(name: str) -> Table:
    """The description of one table. Raises DataError if it is unknown or breaks its schema."""
    resource, frame = _resource(name), load(name)
    rests_on = frame["evidence"] if "source_title" in frame else [resource.get("evidence")] * len(frame)
    counts = pd.Series(rests_on, dtype="object").value_counts()
    return Table(
        name=name,
        title=resource["title"],
        path=f"datasets/{resource['path']}",
        rows=len(frame),
        sources=len({*frame["source_url"]} - {""}) if "source_title" in frame else 0,
        evidence={kind: int(counts.get(kind, 0)) for kind in EVIDENCE} if len(counts) else {},
        shown=tuple(resource["shown"]),
        origin=resource.get("sources", [{"title": ""}])[0]["title"],
    )


def load(name: str) -> pd.DataFrame:
    """One table: numbers as float64 (NaN where empty; int64 for integers without gaps), text as str ("" where empty).

    Columns, their meaning and units: datasets/datapackage.json. Raises DataError if the table is unknown or
    breaks its schema.
    """
    folder = paths.datasets()
    files = sorted([*folder.rglob("*.csv"), *folder.glob("datapackage.json")])
    return _loaded(name, tuple((file, file.stat().st_mtime_ns) for file in files)).copy()


def row(reference: str) -> pd.Series:
    """The row that is cited as "table/id", such as "training_runs/gpt-3-175b".

    Raises DataError if the reference does not have that form, or if there is no such table or row.
    """
    name, slash, wanted = reference.partition("/")
    if not slash:
        raise DataError(f"{reference!r} does not have the form table/id")
    rows = load(name)
    found = rows[rows["id"] == wanted] if "id" in rows else rows[:0]
    if found.empty:
        raise DataError(f"no row is called {wanted!r} in datasets/{_resource(name)['path']}, column id")
    return found.iloc[0]


def text(name: str) -> str:
    """A parallel text, such as "arabic": the same document in each language of the table `texts`.

    Raises DataError if it is unknown, missing, or not as long as the table says.
    """
    known = {one["id"]: one for one in load("texts").to_dict("records")}
    if name not in known:
        raise DataError(f"no text is called {name!r}; there are: {', '.join(known)}")
    path, expected = known[name]["path"], known[name]["n_bytes"]
    try:
        found = (paths.datasets() / path).read_text(encoding="utf-8").removesuffix("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"datasets/{path} cannot be read: {error}") from error
    if (size := len(found.encode())) != expected:
        raise DataError(f"datasets/{path} has {size} bytes, datasets/texts.csv says {expected}")
    return found


@cache
def _loaded(name: str, files: tuple[tuple[Path, int], ...]) -> pd.DataFrame:
    """The table as it is in `files` of that age: read again when one of them has changed."""
    resource = _resource(name)
    columns, lines = _read(resource)
    for key in resource["schema"].get("foreignKeys", []):
        target, column = key["reference"], key["fields"]
        known = set(_read(_resource(target["resource"]))[0][target["fields"]])
        for line, cell in zip(lines, columns[column], strict=True):
            if cell and cell not in known:
                where = f"is not in {target['resource']}, column {target['fields']}"
                raise _fault(resource, line, column, f"{cell!r} {where}")
    _check_key(resource, columns, lines)
    fields = resource["schema"]["fields"]
    return pd.DataFrame({field["name"]: _typed(columns[field["name"]], field["type"]) for field in fields})


def _check_key(resource: dict[str, Any], columns: dict[str, list[str]], lines: list[int]) -> None:
    """Raises DataError if two rows have the same primary key, where that is of several columns."""
    key = resource["schema"].get("primaryKey")
    if not isinstance(key, list):
        return
    seen = set()
    for line, *cells in zip(lines, *(columns[name] for name in key), strict=True):
        if tuple(cells) in seen:
            raise _fault(resource, line, ", ".join(key), f"{', '.join(cells)!r} is there twice")
        seen.add(tuple(cells))


def _package() -> dict[str, Any]:
    path = paths.datasets() / "datapackage.json"
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"datasets/datapackage.json cannot be read: {error}") from error


def _resource(name: str) -> dict[str, Any]:
    known = {resource["name"]: resource for resource in _package()["resources"]}
    if name not in known:
        raise DataError(f"no table is called {name!r}; there are: {', '.join(known)}")
    return known[name]


def _fault(resource: dict[str, Any], line: int, column: str, what: str) -> DataError:
    return DataError(f"datasets/{resource['path']}, row {line}, column {column}: {what}")


def _read(resource: dict[str, Any]) -> tuple[dict[str, list[str]], list[int]]:
    """The table's cells by column, each checked against its field, and each row's line in the file."""
    file, fields = f"datasets/{resource['path']}", resource["schema"]["fields"]
    columns: dict[str, list[str]] = {field["name"]: [] for field in fields}
    lines = [1]
    try:
        with (paths.datasets() / resource["path"]).open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.reader(stream, strict=True)
            header = next(reader, [])
            for name in columns:
                if name not in header:
                    raise _fault(resource, 1, name, "is missing")
            for name in header:
                if name not in columns or header.count(name) > 1:
                    raise _fault(resource, 1, name, "is not in the schema, or there twice")
            for row in reader:
                if len(row) != len(header):
                    raise DataError(f"{file}, row {reader.line_num}: {len(row)} cells for {len(header)} columns")
                cells = dict(zip(header, row, strict=True))
                for field in fields:
                    name = field["name"]
                    if what := _wrong(cells[name], field, columns[name]):
                        raise _fault(resource, reader.line_num, name, what)
                    columns[name].append(cells[name])
                lines.append(reader.line_num)
    except csv.Error as error:
        raise DataError(f"{file}, row {lines[-1] + 1}: {error}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{file} cannot be read: {error}") from error
    return columns, lines[1:]


def _wrong(cell: str, field: dict[str, Any], above: list[str]) -> str | None:
    """What is wrong with a cell by its field's type and constraints, or None; `above`: the cells of earlier rows."""
    rules = field.get("constraints", {})
    if not cell:
        return "is empty" if rules.get("required") else None
    if field["type"] in NUMBERS:
        form, complaint = NUMBERS[field["type"]]
        if not form.fullmatch(cell):
            return f"{cell!r} {complaint}"
        low, high = rules.get("minimum", -math.inf), rules.get("maximum", math.inf)
        if not low <= float(cell) <= high:
            return f"{cell} is not between {low:g} and {high:g}"
    if "enum" in rules and cell not in rules["enum"]:
        return f"{cell!r} is not one of: {', '.join(rules['enum'])}"
    if "pattern" in rules and not re.fullmatch(rules["pattern"], cell):
        return f"{cell!r} does not have the form {rules['pattern']}"
    if rules.get("unique") and cell in above:
        return f"{cell!r} is there twice"
    return None


def _typed(cells: list[str], kind: str) -> pd.Series:
    if kind == "integer" and all(cells):
        return pd.Series([int(cell) for cell in cells], dtype="int64")
    if kind in NUMBERS:
        return pd.Series([float(cell) if cell else math.nan for cell in cells], dtype="float64")
    return pd.Series(cells, dtype="object")
