"""How fast a model reads a prompt and writes an answer, measured as llama-bench does it.

Which tokens they are does not matter to the speed: they are drawn at random, as llama-bench's are. The first run of
each kind warms up and is not counted.
"""

import statistics
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from course.llama import session
from course.llama.errors import LlamaError
from course.llama.session import Batch, Session


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


def prefill(
    model: Path, *, n_tokens: int = 512, n_threads: int | None = None, n_depth: int = 0, repetitions: int = 5
) -> Speed:
    """Read `n_tokens` at once, `n_depth` tokens being in the cache already. Raises LlamaError."""
    return _measure(model, n_tokens, n_threads, n_depth, repetitions, at_once=True)


def decode(
    model: Path, *, n_tokens: int = 64, n_threads: int | None = None, n_depth: int = 0, repetitions: int = 5
) -> Speed:
    """Write `n_tokens` one by one, `n_depth` tokens being in the cache at the start. Raises LlamaError."""
    return _measure(model, n_tokens, n_threads, n_depth, repetitions, at_once=False)


def _measure(
    model: Path, n_tokens: int, n_threads: int | None, n_depth: int, repetitions: int, *, at_once: bool
) -> Speed:
    if min(n_tokens, repetitions) < 1 or n_depth < 0:
        raise LlamaError(f"{n_tokens} tokens at depth {n_depth}, {repetitions} times: at least 1, 0 and 1")
    with session.opened(model, n_context=n_depth + n_tokens, n_threads=n_threads) as running:
        tokens = np.random.default_rng(0).integers(running.vocabulary.n_tokens, size=n_depth + n_tokens, dtype=np.int32)
        before, measured = np.split(tokens, [n_depth])
        batches = [Batch.of(part) for part in ([measured] if at_once else np.split(measured, n_tokens))]
        _compute(running, batches[:1])  # warms up
        running.forget()
        if n_depth:
            _compute(running, [Batch.of(before)])
        rates = []
        for _ in range(repetitions):
            running.roll_back(n_depth)
            started = time.perf_counter()
            _compute(running, batches)
            rates.append(n_tokens / (time.perf_counter() - started))
        return Speed(tuple(rates), running.n_threads, n_depth, n_tokens)


def _compute(running: Session, batches: list[Batch]) -> None:
    for batch in batches:
        running.decode(batch)
        running.wait()
