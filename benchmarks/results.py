"""Results of benchmarks: their shape on disk, a table of them, and RESULTS.md.

python benchmarks/results.py        writes RESULTS.md from benchmarks/results/*.json
"""

import json
import os
import statistics
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from itertools import groupby
from pathlib import Path
from typing import Any

from course.grading import sandbox
from course.measure import record

FOLDER = Path(__file__).resolve().parent / "results"
PAGE = FOLDER.parent.parent / "RESULTS.md"
INTRODUCTION = """# Results

What this project claims about speed, measured against the tools that people use today, and how good its forecasts are.
Written by `python benchmarks/results.py` from `benchmarks/results/*.json`; `make bench` measures again. A ratio says
how many times as much the other tool takes. In brackets: the least and the most of the rounds.
"""


def compared(
    group: str, what: str, ours: Sequence[float], peer_name: str, peer: Sequence[float], *, unit: str
) -> dict[str, Any]:
    """A row: medians of rounds, ours and the peer's, with the least and the most; `ratio` is peer's over ours."""
    mine, theirs = statistics.median(ours), statistics.median(peer)
    return {
        "group": group,
        "what": what,
        "ours": _rounded(mine),
        "ours_spread": [_rounded(min(ours)), _rounded(max(ours))],
        "peer": _rounded(theirs),
        "peer_spread": [_rounded(min(peer)), _rounded(max(peer))],
        "peer_name": peer_name,
        "unit": unit,
        "ratio": _rounded(theirs / mine) if mine else None,
    }


def alone(group: str, what: str, ours: float, unit: str) -> dict[str, Any]:
    """A row of something that has no counterpart."""
    none = {"peer": None, "peer_name": None, "ratio": None}
    return {"group": group, "what": what, "ours": _rounded(ours), "unit": unit, **none}


def report(
    rows: Sequence[dict[str, Any]],
    *,
    packages: Iterable[str],
    versions: Mapping[str, str],
    machine: Mapping[str, Any],
    notes: Sequence[str],
    picture: str = "",
) -> dict[str, Any]:
    """A benchmark's result as it is kept: the machine without its name, versions, what to know, rows.

    `picture` says what is to be seen on the picture beside it, results/NAME.png, if there is one.
    """
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": {**record.machine(), **machine},
        "versions": {**record.versions(), **{name: version(name) for name in packages}, **versions},
        "notes": list(notes),
        **({"picture": picture} if picture else {}),
        "rows": list(rows),
    }


def confined() -> dict[str, Any]:
    """As whom strangers' code is graded here, and what confines it."""
    return {"user": "root" if os.geteuid() == 0 else "ordinary", "sandbox": list(sandbox.probe())}


def write(found: Mapping[str, Any], name: str) -> None:
    """Keep a benchmark's result, and bring RESULTS.md up to date."""
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / f"{name}.json").write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")
    PAGE.write_text(page())


def page(folder: Path = FOLDER) -> str:
    """RESULTS.md: a part for each result in the folder, by name."""
    parts = [INTRODUCTION]
    for path in sorted(folder.glob("*.json")):
        found = json.loads(path.read_text())
        parts += [f"## {path.stem.capitalize()}\n", _circumstances(found)]
        if "picture" in found:
            parts.append(f"![{found['picture']}](benchmarks/results/{path.stem}.png)\n")
        parts.append(table(found))
    return "\n".join(parts).rstrip() + "\n"


def table(found: Mapping[str, Any]) -> str:
    """The rows as Markdown, a table for each group."""
    parts = []
    for group, rows in groupby(found["rows"], key=lambda row: row["group"]):
        lines = [_compared(row) if row["peer"] is not None else _alone(row) for row in rows]
        pair = len(lines[0]) == 5
        heading = ["what", "", "against", "", "ratio"] if pair else ["what", ""]
        ruler = ["---", "---:", "---", "---:", "---:"] if pair else ["---", "---:"]
        parts += [f"### {group}\n", *(f"| {' | '.join(line)} |" for line in (heading, ruler, *lines)), ""]
    return "\n".join(parts)


def _compared(row: Mapping[str, Any]) -> list[str]:
    ours, peer = (f"{_shown(row[who])} {row['unit']}{_spread(row[f'{who}_spread'])}" for who in ("ours", "peer"))
    return [row["what"], ours, row["peer_name"], peer, f"×{row['ratio']:g}"]


def _alone(row: Mapping[str, Any]) -> list[str]:
    return [row["what"], f"{_shown(row['ours'])} {row['unit']}".rstrip()]


def _spread(least_and_most: Sequence[float]) -> str:
    least, most = least_and_most
    return f" ({_shown(least)}–{_shown(most)})" if least != most else ""


def _shown(value: float) -> str:
    """A number as people write it: 13,400 rather than 1.34e+04."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:g}"


def _circumstances(found: Mapping[str, Any]) -> str:
    machine = found["machine"]
    where = (
        f"{machine['cpu']}, {machine['cores']} cores, {machine['memory_bytes'] / 2**30:.0f} GiB, {machine['system']}"
    )
    loads = (
        f" · load {machine['load']['least']:.1f} to {machine['load']['most']:.1f} while measuring"
        if "load" in machine
        else ""
    )
    confined = (
        f" · as {machine['user']} user, confined by {', '.join(machine['sandbox'])}" if "sandbox" in machine else ""
    )
    versions = ", ".join(f"{name} {number}" for name, number in found["versions"].items())
    lines = [f"{found['date']} · {where}{confined}{loads}.", versions + ".", *(f"{n}." for n in found["notes"])]
    return "".join(f"- {line[0].upper()}{line[1:]}\n" for line in lines)


def _rounded(value: float) -> float:
    """Three digits."""
    return float(f"{value:.3g}")


if __name__ == "__main__":
    PAGE.write_text(page())
