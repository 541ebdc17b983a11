"""A step of LoRA on SmolLM2, ours against that of the package `peft`: interleaved, each run in a process of its own.

    python -m benchmarks.finetuning [--rounds N] [--threads N]

Prints a table, and writes results/finetuning.json and ../RESULTS.md. Both train the same 8 × 64 tokens, two examples at
a time, in 32 bits; `peft` has to be installed. The losses must be the same, or there is nothing to compare.
"""

import argparse
import math
import os
import statistics
from pathlib import Path
from typing import Any

from benchmarks import results
from course import models
from course.finetuning import run
from course.finetuning.recipe import FLOAT32, LORA, PEFT, Recipe

STEPS = 4  # of a run, of which the first warms up


class Differs(Exception):
    """The two do not train the same."""


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="how often (3)")
    parser.add_argument("--threads", type=int, default=1, metavar="N", help="of the training (1)")
    asked = parser.parse_args()
    report = measure(models.path("smollm2-f16"), Recipe(numbers=FLOAT32), asked.rounds, n_threads=asked.threads)
    print(results.table(report))
    results.write(report, "finetuning")


def measure(model: Path, recipe: Recipe, rounds: int, *, n_threads: int) -> dict[str, Any]:
    """The report: rows in the shape of `results`. Raises Differs."""
    seconds: dict[str, list[float]] = {LORA: [], PEFT: []}
    memory: dict[str, list[float]] = {LORA: [], PEFT: []}
    loads = [os.getloadavg()[0]]
    for _ in range(rounds):
        losses = {}
        for trains in (LORA, PEFT):
            made = _trained(model, recipe, trains, n_threads)
            seconds[trains].append(statistics.median(made.cpu_s[1:]))
            memory[trains].append(made.peak_bytes / 2**20)
            losses[trains] = made.losses
            loads.append(os.getloadavg()[0])
        if not all(math.isclose(*pair, rel_tol=1e-3) for pair in zip(losses[LORA], losses[PEFT], strict=True)):
            raise Differs(f"the losses differ: {losses}")
    group = f"LoRA on SmolLM2, a step of {recipe.batch} × {recipe.length} tokens"
    return results.report(
        [
            results.compared(group, "CPU seconds", seconds[LORA], "peft", seconds[PEFT], unit="s"),
            results.compared(group, "most memory of the process", memory[LORA], "peft", memory[PEFT], unit="MiB"),
        ],
        packages=("torch", "transformers", "peft"),
        versions={},
        machine={"threads": n_threads, "load": {"least": min(loads), "most": max(loads)}},
        notes=["LoRA: the median CPU seconds of three steps, in each of the rounds; both give the same losses"],
    )


def _trained(model: Path, recipe: Recipe, trains: str, n_threads: int) -> run.Run:
    from tests.finetuning import brought

    functions = {"lora_forward": brought.lora_forward, "mask_prompt_labels": brought.mask_prompt_labels}
    changed = Recipe(**{**vars(recipe), "trains": trains})
    return run.trial(changed, steps=STEPS, model=model, n_threads=n_threads, **functions)


if __name__ == "__main__":
    main()
