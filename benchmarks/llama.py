"""llama.cpp from Python against llama.cpp's own programs; the quantizers of lab 6 in NumPy against the gguf package's.

    python benchmarks/llama.py [--quick] [--rounds N] [--threads N]

Prints a table, and writes results/llama.json and ../RESULTS.md. Each run is a process of its own, ours and the
peer's in turn. The programs are compiled first, once (minutes). It stops if results differ: perplexities in any
printed digit, a quantized file in any byte.
"""

import filecmp
import json
import os
import pydoc_data.topics
import re
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import command, cost, llama_tools, numpy_quantizers, results
from course import models, paths
from course.llama import tensors

OURS = "two-bills-code"
ROOT = paths.PACKAGE.parent
TYPES = ("Q8_0", "Q6_K", "Q5_K_M", "Q5_0", "Q4_K_M", "Q4_1", "Q4_0", "Q3_K_M", "Q2_K")
IDENTICAL = "every quantized file is byte for byte the one that llama-quantize writes"
DIGITS = "perplexities equal llama-perplexity's after every chunk, in all digits that it prints"


@dataclass
class Contest:
    """Two ways to do the same; each gives its seconds, or milliseconds a token, and whatever can be compared."""

    group: str
    what: str
    ours: Callable[[], tuple[float, Any]]
    peer_name: str
    peer: Callable[[], tuple[float, Any]]
    unit: str
    agree: Callable[[Any, Any], bool] = lambda mine, theirs: True
    found: dict[str, list[float]] = field(default_factory=lambda: {"ours": [], "peer": []})

    def round(self, number: int) -> None:
        """Run both, in an order that turns. Raises Failed if they disagree."""
        outcomes = {}
        for who in ("ours", "peer") if number % 2 == 0 else ("peer", "ours"):
            spent, outcomes[who] = getattr(self, who)()
            self.found[who].append(spent)
        if not self.agree(outcomes["ours"], outcomes["peer"]):
            raise cost.Failed(f"{self.what}: {outcomes['ours']} is not {self.peer_name}'s {outcomes['peer']}")

    def row(self) -> dict[str, Any]:
        return results.compared(
            self.group, self.what, self.found["ours"], self.peer_name, self.found["peer"], unit=self.unit
        )


def main() -> None:
    """Measure, print, write."""
    command.run("llama", __doc__ or "", measure, rounds=3)


def measure(*, rounds: int, n_threads: int, quick: bool = False) -> dict[str, Any]:
    """The report: rows in the shape of `results`. Raises cost.Failed where results differ."""
    tools = llama_tools.folder()
    loads = [os.getloadavg()[0]]
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        place = Path(folder)
        smol = models.path("smollm2-f16")
        contests = [
            *_perplexities(tools, place, smol, n_threads=n_threads, n_chunks=2 if quick else 12),
            *_quantizations(tools, place, smol, n_threads=n_threads, types=TYPES[:1] if quick else TYPES),
            *_speeds(tools, place, smol, n_threads=n_threads, types=("F16",) if quick else ("F16", "Q8_0", "Q4_0")),
        ]
        for number in range(rounds):
            for contest in contests:
                contest.round(number)
                loads.append(os.getloadavg()[0])
                print(f"round {number + 1}: {contest.what}: {contest.found}", flush=True)
        rows = [contest.row() for contest in contests]
        rows += numpy_quantizers.rows(place, rounds=rounds, n_weights=2**20 if quick else 2**25)
    return results.report(
        rows,
        packages=("gguf",),
        versions={},
        machine={"load": {"least": min(loads), "most": max(loads)}},
        notes=[
            f"{rounds} interleaved rounds, {n_threads} threads; medians, with the least and the most",
            "llama.cpp's programs are compiled from the source that this llama-cpp-python carries, with its flags; "
            "a run is a process of its own, and its seconds are all of it, Python's start included",
            DIGITS,
            IDENTICAL,
            numpy_quantizers.IDENTICAL,
        ],
    )


def _perplexities(tools: Path, place: Path, smol: Path, *, n_threads: int, n_chunks: int) -> Iterator[Contest]:
    english, python = place / "english.txt", place / "python.txt"
    topics = pydoc_data.topics.topics
    english.write_text("\n\n".join(topics[name] for name in sorted(topics)))
    python.write_text("\n\n".join(models.held_out(OURS)))
    for model, text, n, title in (
        (smol, english, n_chunks, "SmolLM2 F16, English"),
        (models.path(OURS), python, 27 * n_chunks, f"{OURS} F16, held-out Python"),  # with 12, all of it but two
    ):
        program = tools / "llama-perplexity"
        asked = ["-m", model, "-f", text, "-c", 512, "--chunks", n, "-t", n_threads, "-tb", n_threads]
        yield Contest(
            "Perplexity, whole processes",
            f"{title}, {n} chunks of 512",
            partial(_seconds, _own("score", model, text, n, n_threads), _numbers),
            "llama-perplexity",
            partial(_seconds, [str(one) for one in (program, *asked)], _printed),
            "s",
            _same_digits,
        )


def _quantizations(
    tools: Path, place: Path, smol: Path, *, n_threads: int, types: tuple[str, ...]
) -> Iterator[Contest]:
    for model, title, kinds in ((models.path(OURS), OURS, types), (smol, "SmolLM2", ("Q8_0", "Q4_K_M"))):
        for kind in kinds:
            mine, theirs = place / "ours.gguf", place / "peer.gguf"
            command = [str(tools / "llama-quantize"), str(model), str(theirs), kind, str(n_threads)]
            yield Contest(
                "Quantize, whole processes",
                f"{title} F16 to {kind}",
                partial(_seconds, _own("write", model, mine, kind, n_threads), lambda _, made=mine: made),
                "llama-quantize",
                partial(_seconds, command, lambda _, made=theirs: made),
                "s",
                lambda mine, theirs: filecmp.cmp(mine, theirs, shallow=False),
            )


def _speeds(tools: Path, place: Path, smol: Path, *, n_threads: int, types: tuple[str, ...]) -> Iterator[Contest]:
    from course.llama import quantize

    for kind in types:
        file = smol if kind == "F16" else quantize.quantize(smol, place / f"speed-{kind}.gguf", to=kind)
        bench = [str(tools / "llama-bench"), "-m", str(file), "-t", str(n_threads), "-r", "5", "-o", "jsonl"]
        name = f"SmolLM2 {kind}, {tensors.weight_bytes(file) / 1e6:.0f} MB"
        for what, task, options in (
            (f"{name}: read a token of 512", _own("prefill", file, 512, n_threads), ["-p", "512", "-n", "0"]),
            (f"{name}: write a token of 64", _own("decode", file, 64, n_threads, 0), ["-p", "0", "-n", "64"]),
        ):
            yield Contest(
                "Speed of a token",
                what,
                partial(_ms_per_token, task, _numbers),
                "llama-bench",
                partial(_ms_per_token, [*bench, *options], _samples),
                "ms",
            )


def _own(*arguments: Any) -> list[str]:
    return [sys.executable, "-m", "benchmarks.llama_ours", *map(str, arguments)]


def _seconds(command: list[str], read: Callable[[str], Any]) -> tuple[float, Any]:
    """Wall seconds of a process, and what it says."""
    spent = cost.of([command], cwd=ROOT)
    return spent.wall_s, read(spent.output)


def _ms_per_token(command: list[str], read: Callable[[str], list[float]]) -> tuple[float, Any]:
    """The median of the repetitions within one process."""
    rates = read(cost.of([command], cwd=ROOT).output)
    return 1000 / statistics.median(rates), rates


def _numbers(output: str) -> list[float]:
    return json.loads(output)


def _samples(output: str) -> list[float]:
    return json.loads(output.splitlines()[-1])["samples_ts"]


def _printed(output: str) -> list[str]:
    """llama-perplexity's running estimates, digit by digit."""
    return re.findall(r"\[\d+\](\d+\.\d+)", output)


def _same_digits(ours: list[float], printed: list[str]) -> bool:
    return len(ours) == len(printed) and [f"{one:.4f}" for one in ours] == printed


if __name__ == "__main__":
    main()
