"""Measure the reference machine: the records that a lab falls back to when a student has none of their own.

    python datasets/measured/programs/reference_machine.py [NAME …]

Run it on a quiet machine. It measures what is named, or everything, and writes `reference_machine/measurements.json`,
in which all other records stay. The predictions are their author's, written here before the first run.
"""

import argparse
import linecache
import os
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from course import build, models, paths
from course.finetuning import run
from course.finetuning.recipe import EVERYTHING, FLOAT32, Recipe
from course.llama.threads import physical_cores
from course.measure import bandwidth, matmul, record
from course.measure.schema import MEASURED, SCHEMAS
from course.notebook.cells import by_name

FOLDER = Path(__file__).parents[1] / "reference_machine"


@dataclass(frozen=True)
class Measurement:
    """What `lab.measure` gets of a student: the function, the unit, the prediction, and the exercise's extra keys."""

    measure: Callable[[], record.Values]
    unit: str
    predicted: tuple[float, float]
    extra: Callable[[], Mapping[str, Any]] = dict
    threads: Callable[[], int] = physical_cores


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
        return {k: v for k, v in lab_records(lab)[name].items() if k not in SCHEMAS[MEASURED]["properties"]}

    return Measurement(
        lambda: lab_records(lab)[name]["values"], unit, predicted, extra, lambda: lab_records(lab)[name]["threads"]
    )


def brought_to_train() -> dict[str, Any]:
    """What lab 9's solution brings to a run of training."""
    cells = by_name(build.instructor_notebook(build.find(paths.PACKAGE.parent, "lab09")))
    scope: dict[str, Any] = {}
    for name in ("ex-9-2", "ex-9-6"):
        source = cells[name].source
        linecache.cache[name] = len(source), None, source.splitlines(keepends=True), name  # as IPython does
        exec(compile(source, name, "exec"), scope)
    functions = {name: scope[name] for name in ("lora_forward", "mask_prompt_labels")}
    return {"model": models.path("smollm2-f16"), **functions}


@cache
def large_trials() -> dict[str, run.Run]:
    """Two steps each of the settings of lab 9 that take more memory than a lab may."""
    settings: dict[str, dict[str, Any]] = {
        "all eight at a time": {"micro": 8},
        "all parameters": {"trains": EVERYTHING},
    }
    return {
        label: run.trial(Recipe(numbers=FLOAT32, **changed), **brought_to_train())
        for label, changed in settings.items()
    }


def _told(made: run.Run) -> dict[str, Any]:
    return {"n_trainable": made.n_trainable, "bare_bytes": made.bare_bytes, "losses": made.losses}


MEASUREMENTS = {
    "matmul": Measurement(matmul.rates, "FLOP/s", (100e9, 400e9)),
    "read_bandwidth": Measurement(bandwidth.rates, "byte/s", (30e9, 80e9)),  # another machine, of two cores, had 60e9
    "layer_seconds": in_lab("lab02", "layer_seconds", "s", (0.05, 0.6)),
    "tiny_runs": in_lab("lab03", "tiny_runs", "nat", (1.2, 2.2)),
    "copy_seconds": in_lab("lab04", "copy_seconds", "s", (0.01, 0.1)),
    "toy_step": in_lab("lab04", "toy_step", "s", (0.008, 0.04)),
    "language_tokens": in_lab("lab04", "language_tokens", "token", (3000, 9000)),
    "ttft": in_lab("lab05", "ttft", "s", (0.1, 1.0)),
    "kv_cache": in_lab("lab05", "kv_cache", "s", (0.02, 0.3)),
    "prefill": in_lab("lab05", "prefill", "token/s", (150, 1500)),
    "decode": in_lab("lab05", "decode", "token/s", (20, 200)),
    "decode_q4": in_lab("lab05", "decode_q4", "token/s", (30, 250)),
    "ladder": in_lab("lab06", "ladder", "nat", (0.002, 0.05)),
    "smollm2_speed": in_lab("lab06", "smollm2_speed", "token/s", (40, 300)),
    "smollm2_kl": in_lab("lab06", "smollm2_kl", "nat", (0.0001, 0.05)),
    "serving_speed": in_lab("lab07", "serving_speed", "token/s", (60, 500)),
    "serving_wait": in_lab("lab07", "serving_wait", "ms", (50, 1500)),
    "right_answers": in_lab("lab08", "right_answers", "%", (40, 75)),
    "loss_on_new": in_lab("lab08", "loss_on_new", "points", (-3, 13)),
    "lora_memory_large": Measurement(
        lambda: {label: [made.peak_bytes] for label, made in large_trials().items()},
        "byte",
        (2e9, 5e9),
        lambda: {"settings": {label: _told(made) for label, made in large_trials().items()}},
    ),
    "lora_flop": in_lab("lab09", "lora_flop", "%", (30, 80)),
    "lora_memory": in_lab("lab09", "lora_memory", "byte", (0.8e9, 2e9)),
    "lora_step": in_lab("lab09", "lora_step", "s", (0.5, 6)),
    "lora_wrong_rows": in_lab("lab09", "lora_wrong_rows", "facts", (0, 15)),
    "lora_recall": in_lab("lab09", "lora_recall", "facts", (10, 28)),
}


def measured(name: str) -> record.Record:
    """A new record of what is called `name`, with the load that the machine had before."""
    found, load = MEASUREMENTS[name], os.getloadavg()[0]
    values = found.measure()
    extra = {"load_before": round(load, 2), **found.extra()}
    return record.new(name, values, unit=found.unit, predicted=found.predicted, threads=found.threads(), extra=extra)


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
