"""Measure the reference machine: the records that a lab falls back to when a student has none of their own.

    python datasets/measured/programs/reference_machine.py [NAME …]

Run it on a quiet machine. It measures what is named, or everything, and writes `reference_machine/measurements.json`,
in which all other records stay. The predictions are their author's, written here before the first run.
"""

import argparse
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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


MEASUREMENTS = {
    "matmul": Measurement(matmul.rates, "FLOP/s", (100e9, 400e9)),
    "read_bandwidth": Measurement(bandwidth.rates, "byte/s", (30e9, 80e9)),  # another machine, of two cores, had 60e9
}


def measured(name: str) -> record.Record:
    """A new record of what is called `name`, with the load that the machine had before."""
    found, load = MEASUREMENTS[name], os.getloadavg()[0]
    values = found.measure()
    extra = {**found.extra(), "load_before": round(load, 2)}
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
