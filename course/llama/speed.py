"""How fast a model reads a prompt and writes an answer, measured as llama-bench does it.

Which tokens they are does not matter to the speed: they are drawn at random, as llama-bench's are. The first run of
each kind warms up and is not counted.
"""

import statistics
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from course.llama import session, threads
from course.llama.errors import LlamaError
from course.llama.session import Batch, Session
from course.measure import turns

PHASES = ("prefill", "decode")


@dataclass(frozen=True)
class Run:
    """What is timed: `n_tokens` read at once ("prefill"), or written one by one ("decode").

    `n_depth` tokens are in the cache when the clock starts. Without `n_threads` they are as many as `threads` says.
    """

    model: Path
    phase: str
    _: KW_ONLY
    n_tokens: int
    n_threads: int | None = None
    n_depth: int = 0


@dataclass(frozen=True)
class Speed:
    """One rate for each repetition."""

    tokens_per_s: tuple[float, ...]
    n_threads: int
    n_depth: int  # tokens in the cache when the clock starts
    n_tokens: int  # read or written while it runs

    @property
    def median(self) -> float:
        return statistics.median(self.tokens_per_s)


def in_turns(runs: Mapping[str, Run], *, repetitions: int = 5) -> dict[str, list[float]]:
    """Token/s of runs that are to be compared, measured in turns: {label: one rate for each repetition}.

    A model is loaded once, whatever number of runs it has. What lies before a run is read once. Raises LlamaError.
    """
    for run in runs.values():
        _check(run, repetitions)
    with ExitStack() as opened:
        models = {path: opened.enter_context(session.loaded(path)) for path in {run.model for run in runs.values()}}
        once = {label: _once(run, models[run.model], opened) for label, run in runs.items()}
        return turns.take(once, repetitions=repetitions)


def prefill(
    model: Path, *, n_tokens: int = 512, n_threads: int | None = None, n_depth: int = 0, repetitions: int = 5
) -> Speed:
    """Read `n_tokens` at once, `n_depth` tokens being in the cache already. Raises LlamaError."""
    return _alone(Run(model, "prefill", n_tokens=n_tokens, n_threads=n_threads, n_depth=n_depth), repetitions)


def decode(
    model: Path, *, n_tokens: int = 64, n_threads: int | None = None, n_depth: int = 0, repetitions: int = 5
) -> Speed:
    """Write `n_tokens` one by one, `n_depth` tokens being in the cache at the start. Raises LlamaError."""
    return _alone(Run(model, "decode", n_tokens=n_tokens, n_threads=n_threads, n_depth=n_depth), repetitions)


def _alone(run: Run, repetitions: int) -> Speed:
    [rates] = in_turns({"": run}, repetitions=repetitions).values()
    return Speed(tuple(rates), threads.checked(run.n_threads), run.n_depth, run.n_tokens)


def _check(run: Run, repetitions: int) -> None:
    if run.phase not in PHASES:
        raise LlamaError(f"a run is one of {', '.join(PHASES)}; got {run.phase!r}")
    if min(run.n_tokens, repetitions) < 1 or run.n_depth < 0:
        raise LlamaError(f"{run.n_tokens} tokens at depth {run.n_depth}, {repetitions} times: at least 1, 0 and 1")
    threads.checked(run.n_threads)
    session.check(run.model, n_context=run.n_depth + run.n_tokens)


def _once(run: Run, model: Any, opened: ExitStack) -> Callable[[], float]:
    """A function that makes one repetition and gives its token/s; the run is warm, and at its depth."""
    n_context = run.n_depth + run.n_tokens
    running = opened.enter_context(session.context(model, n_context=n_context, n_threads=run.n_threads))
    tokens = np.random.default_rng(0).integers(running.vocabulary.n_tokens, size=n_context, dtype=np.int32)
    before, measured = np.split(tokens, [run.n_depth])
    parts = [measured] if run.phase == "prefill" else np.split(measured, run.n_tokens)
    batches = [Batch.of(part) for part in parts]

    def repetition() -> float:
        running.roll_back(run.n_depth)
        started = time.perf_counter()
        _compute(running, batches)
        return run.n_tokens / (time.perf_counter() - started)

    _compute(running, batches[:1])  # warms up
    running.forget()
    if run.n_depth:
        _compute(running, [Batch.of(before)])
    return repetition


def _compute(running: Session, batches: list[Batch]) -> None:
    for batch in batches:
        running.decode(batch)
        running.wait()
