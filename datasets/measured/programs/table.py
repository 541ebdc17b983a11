"""What the programs of this folder share: rows written as the data package's tables, figures without noise digits."""

import csv
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def write(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Write rows of the same keys as CSV, beside `path` first, then in its place."""
    part = path.with_suffix(".part")
    with part.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys(), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    part.replace(path)


def figure(value: float) -> str:
    """Six significant digits: more than any of these measurements has."""
    return re.sub(r"e\+?(-?)0*", r"e\1", f"{value:.6g}")


def slug(text: str) -> str:
    """The part of a name that can stand in a row's id."""
    return re.sub(r"[^a-z0-9.]+", "-", text.lower()).strip("-")
