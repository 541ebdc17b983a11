"""The command line of a benchmark that compares with llama.cpp's own programs or bindings."""

import argparse
from collections.abc import Callable
from typing import Any

from benchmarks import results
from course.llama import threads


def run(name: str, about: str, measure: Callable[..., dict[str, Any]], *, rounds: int) -> None:
    """Measure, print, and write results/NAME.json, but with --quick; `about` is the benchmark's docstring."""
    parser = argparse.ArgumentParser(description=about.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one round, little work: whether it works")
    parser.add_argument("--rounds", type=int, metavar="N", help=f"how often ({rounds})")
    parser.add_argument("--threads", type=int, metavar="N", help="of llama.cpp (as many as there are cores)")
    asked = parser.parse_args()
    report = measure(
        rounds=asked.rounds or (1 if asked.quick else rounds),
        n_threads=asked.threads or threads.physical_cores(),
        quick=asked.quick,
    )
    print(results.table(report))
    if not asked.quick:
        results.write(report, name)
