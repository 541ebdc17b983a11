"""What a student waits for and what fits on a laptop: each solved lab, measured as a student runs it; the set-up.

    python benchmarks/labs.py [LAB ...] [--rounds N] [--no-setup]

Prints a table, and writes results/labs.json and ../RESULTS.md. There is no other tool to compare with. A lab runs in
an empty folder: every measurement is made, none replayed. The set-up starts from a fresh clone of the last commit.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import nbformat

from benchmarks import cost, results
from course import build, paths
from course.build import Lab

ROOT = paths.PACKAGE.parent
BARE = Path(sys.base_prefix, "bin", "python3")  # without packages: with them, set-up makes no environment


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("labs", nargs="*", metavar="LAB", help="lab01 … (all)")
    parser.add_argument("--rounds", type=int, default=2, metavar="N", help="how often (2)")
    parser.add_argument("--no-setup", action="store_true", help="leave the set-up out: it compiles for minutes")
    asked = parser.parse_args()
    report = measure(asked.labs, rounds=asked.rounds, setup=not asked.no_setup)
    print(results.table(report))
    if not asked.labs:
        results.write(report, "labs")


def measure(labs: Sequence[str] = (), *, rounds: int, setup: bool) -> dict[str, Any]:
    """The report: rows in the shape of `results`. Raises cost.Failed if a solved lab has an error."""
    loads = [os.getloadavg()[0]]
    rows = []
    for lab in [build.find(ROOT, name) for name in labs] or build.labs(ROOT):
        rows += _solved(lab, rounds)
        loads.append(os.getloadavg()[0])
    rows.sort(key=lambda row: row["group"])  # a table for seconds, one for memory
    if setup:
        rows += _setups()
    return results.report(
        rows,
        packages=("nbclient",),
        versions={},
        machine={"load": {"least": min(loads), "most": max(loads)}},
        notes=[
            f"solved labs: the longest and the largest of {rounds} runs, each in an empty folder",
            "where peft is installed, as by setup --dev, lab 9 tries it, too: that is then its most memory",
        ],
    )


def _solved(lab: Lab, rounds: int) -> Iterator[dict[str, Any]]:
    build.build(lab)
    runs = [run(lab) for _ in range(rounds)]
    yield results.alone(
        "A solved lab, measurements included: seconds", lab.name, max(wall_s for wall_s, _ in runs), "s"
    )
    yield results.alone(
        "A solved lab: the most memory of notebook and kernel", lab.name, max(mib for _, mib in runs), "MiB"
    )


def run(lab: Lab) -> tuple[float, float]:
    """Wall seconds and peak MiB (shared pages once) of the solved lab, executed by nbclient. Raises cost.Failed."""
    with tempfile.TemporaryDirectory(prefix="lab-") as folder:
        notebook = Path(folder, f"{lab.name}.ipynb")
        notebook.write_bytes(lab.solution.read_bytes())
        command = [sys.executable, "-m", "jupyter", "execute", "--inplace", "--timeout=600", notebook.name]
        began = time.monotonic()
        mib = cost.peak_mib([command], cwd=Path(folder))
        wall_s = time.monotonic() - began
        cells = [cell for cell in nbformat.read(notebook, as_version=4).cells if cell.cell_type == "code"]
    if not all(cell.execution_count for cell in cells):
        raise cost.Failed(f"{lab.name} did not run to its end")
    for cell in cells:
        for output in cell.outputs:
            if output.output_type == "error":
                raise cost.Failed(f"{lab.name}: {output.ename}: {output.evalue} in {cell.source!r}")
    return wall_s, mib


def _setups() -> Iterator[dict[str, Any]]:
    """The set-up of a fresh clone: with an empty cache, pip's included, and once more with what it has kept."""
    with tempfile.TemporaryDirectory(prefix="setup-") as folder:
        place = Path(folder)
        caches = {"TWO_BILLS_CACHE": str(place / "cache"), "PIP_CACHE_DIR": str(place / "pip")}
        for title in ("from nothing, llama.cpp compiled", "again in another clone"):
            clone = place / title.split()[0]
            subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
            spent = cost.of([[str(BARE), "-m", "course", "setup"]], cwd=clone, env=os.environ | caches)
            if not (clone / ".venv").is_dir():
                raise cost.Failed(f"the set-up of a fresh clone made no .venv: {spent.output}")
            yield results.alone("The set-up of a fresh clone", title, spent.wall_s, "s")


if __name__ == "__main__":
    main()
