"""Sustained bandwidth of main memory: what a decoder, which reads all weights for each token, is held up by.

A machine's own word on its last-level cache is not asked: a virtual machine repeats its host's. An array of 512 MiB is
several times what any laptop has. Where memory is short it is an eighth of what is free.
"""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import psutil

from course.llama import threads

ARRAY_BYTES = 512 * 2**20
LEAST_ARRAY_BYTES = 128 * 2**20


def rates(
    thread_counts: Sequence[int] | None = None, *, repetitions: int = 5, seconds: float = 0.1
) -> dict[str, list[float]]:
    """Bandwidth in byte/s: {"2 threads, read": one rate per repetition, "1 thread, read": …, "2 threads, copy": …}.

    Without `thread_counts` it is measured at `default_thread_counts()`, so that the reading of all physical cores comes
    first. Errors: see `read`.
    """
    counts = default_thread_counts() if thread_counts is None else thread_counts
    return {
        f"{count} thread{'s' if count > 1 else ''}, {name}": measured(count, repetitions=repetitions, seconds=seconds)
        for name, measured in (("read", read), ("copy", copy))
        for count in counts
    }


def default_thread_counts() -> list[int]:
    """All physical cores, then the powers of two below them, largest first: [6, 4, 2, 1] of six."""
    cores = threads.physical_cores()
    return [cores, *(2**power for power in reversed(range((cores - 1).bit_length())))]


def read(n_threads: int, *, repetitions: int = 5, seconds: float = 0.1) -> list[float]:
    """Byte/s at which `n_threads` threads together read an array from end to end: one rate per repetition.

    The threads reduce their parts by bitwise or, which a core does several times faster than its memory delivers. One
    pass warms up; a repetition goes on for at least `seconds`. Raises ValueError for a number of threads that this
    machine does not have, less than one repetition, or too little free memory.
    """
    return _rates(lambda part: np.bitwise_or.reduce(part), 1, n_threads, repetitions, seconds)


def copy(n_threads: int, *, repetitions: int = 5, seconds: float = 0.1) -> list[float]:
    """Byte/s at which `n_threads` threads together copy one array into another; repetitions and errors as for `read`.

    Each byte copied counts as 2: one read and one written. A cache that first reads what is about to be overwritten
    moves a third one, which is not counted.
    """
    return _rates(lambda source, target: np.copyto(target, source), 2, n_threads, repetitions, seconds)


def _rates(work: Callable[..., object], n_arrays: int, n_threads: int, repetitions: int, seconds: float) -> list[float]:
    threads.checked(n_threads)
    if repetitions < 1:
        raise ValueError(f"repetitions are positive; got {repetitions}")
    arrays = [np.empty(_array_bytes() // 8, np.int64) for _ in range(n_arrays)]
    parts = [np.array_split(array, n_threads) for array in arrays]
    moved_bytes, rates = sum(array.nbytes for array in arrays), []
    with ThreadPoolExecutor(n_threads) as pool:  # NumPy lets go of the interpreter while it works
        for part in parts:
            list(pool.map(lambda piece: piece.fill(1), part))  # writing to it is what takes the memory
        list(pool.map(work, *parts))
        for _ in range(repetitions):
            passes, start = 0, time.perf_counter()
            while (elapsed := time.perf_counter() - start) < seconds or not passes:
                list(pool.map(work, *parts))
                passes += 1
            rates.append(moved_bytes * passes / elapsed)
    return rates


def _array_bytes() -> int:
    free_bytes = psutil.virtual_memory().available
    if free_bytes < 8 * LEAST_ARRAY_BYTES:
        raise ValueError(
            f"{free_bytes / 2**20:,.0f} MiB of memory are free, and bandwidth is measured with at least "
            f"{8 * LEAST_ARRAY_BYTES / 2**20:,.0f} MiB: close what you do not need"
        )
    return min(ARRAY_BYTES, free_bytes // 8)
