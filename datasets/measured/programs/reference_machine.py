"""Measure the reference machine: the records that a lab falls back to when a student has none of their own.

    python datasets/measured/programs/reference_machine.py [NAME …]

Run it on a quiet machine. It measures what is named, or everything, and writes `reference_machine/measurements.json`,
in which all other records stay. The predictions are their author's, written here before the first run.
"""

import argparse
import os
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from course import build, paths
from course.llama.threads import physical_cores
from course.measure import bandwidth, matmul, record

FOLDER = Path(__file__).parents[1] / "reference_machine"


@dataclass(frozen=True)
class Measurement:
    """What `lab.measure` gets of a student: the function, the unit, the prediction, and the exercise's extra keys."""

    measure: Callable[[], record.Values]
    unit: str
    predicted: tuple[float, float]
    extra: Callable[[], Mapping[str, Any]] = dict


@cache
def lab_records(lab: str) -> dict[str, record.Record]:
    """What the lab's solved notebook measures here, by name: some measurements are a notebook's own code."""
    from nbclient import NotebookClient

    load = {"load_before": round(os.getloadavg()[0], 2)}
    notebook = build.instructor_notebook(build.find(paths.PACKAGE.parent, lab))
    with tempfile.TemporaryDirectory() as folder:
        NotebookClient(notebook, timeout=900, resources={"metadata": {"path": folder}}).execute()
        return {found["what"]: found | load for found in record.read(Path(folder))}


def in_lab(lab: str, name: str, unit: str, predicted: tuple[float, float]) -> Measurement:
    """A measurement by the lab's solved notebook; all that are asked for together come from one run."""

    def extra() -> Mapping[str, Any]:
        return {k: v for k, v in lab_records(lab)[name].items() if k not in record.SCHEMA["required"]}

    return Measurement(lambda: lab_records(lab)[name]["values"], unit, predicted, extra)


MEASUREMENTS = {
    "matmul": Measurement(matmul.rates, "FLOP/s", (100e9, 400e9)),
    "read_bandwidth": Measurement(bandwidth.rates, "byte/s", (30e9, 80e9)),  # another machine, of two cores, had 60e9
    "ttft": in_lab("lab05", "ttft", "s", (0.1, 1.0)),
    "kv_cache": in_lab("lab05", "kv_cache", "s", (0.02, 0.3)),
    "prefill": in_lab("lab05", "prefill", "token/s", (150, 1500)),
    "decode": in_lab("lab05", "decode", "token/s", (20, 200)),
    "decode_q4": in_lab("lab05", "decode_q4", "token/s", (30, 250)),
    "ladder": in_lab("lab06", "ladder", "nat", (0.002, 0.05)),
    "smollm2_speed": in_lab("lab06", "smollm2_speed", "token/s", (40, 300)),
}


def measured(name: str) -> record.Record:
    """A new record of what is called `name`, with the load that the machine had before."""
    found, load = MEASUREMENTS[name], os.getloadavg()[0]
    values = found.measure()
    extra = {"load_before": round(load, 2), **found.extra()}
    return record.new(name, values, unit=found.unit, predicted=found.predicted, threads=physical_cores(), extra=extra)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of: {', '.join(MEASUREMENTS)}")
    names = parser.parse_args().names or list(MEASUREMENTS)
    if unknown := [name for name in names if name not in MEASUREMENTS]:
        parser.error(f"there is nothing called {unknown[0]!r} to measure; there are: {', '.join(MEASUREMENTS)}")
    FOLDER.mkdir(exist_ok=True)
    for name in names:
        made = measured(name)
        kept = [found for found in record.read(FOLDER) if found["what"] != name]
        record.write(FOLDER, record.merge(kept, [made]))
        print(f"{name}: {made['median']:.4g} {made['unit']}, load before: {made['load_before']}")


if __name__ == "__main__":
    main()
