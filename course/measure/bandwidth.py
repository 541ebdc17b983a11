"""Sustained bandwidth of main memory: what a decoder, which reads all weights for each token, is held up by.

A machine's own word on its last-level cache is not asked: a virtual machine repeats its host's. An array of 512 MiB is
several times what any laptop has. Where memory is short it is an eighth of what is free.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import psutil

from course.llama import threads
from course.measure import turns

ARRAY_BYTES = 512 * 2**20
LEAST_ARRAY_BYTES = 128 * 2**20


def rates(
    thread_counts: Sequence[int] | None = None, *, repetitions: int = 5, seconds: float = 0.1
) -> dict[str, list[float]]:
    """Bandwidth in byte/s: {"2 threads, read": one rate per repetition, "1 thread, read": …, "2 threads, copy": …}.

    All are measured in turns. Without `thread_counts` they are `default_thread_counts()`, so that the reading of all
    physical cores comes first. Errors: see `read`.
    """
    counts = default_thread_counts() if thread_counts is None else thread_counts
    asked = {f"{count} thread{'s' if count > 1 else ''}, {kind}": (kind, count) for kind in _WORK for count in counts}
    return _rates(asked, repetitions, seconds)


def default_thread_counts() -> list[int]:
    """All physical cores, then the powers of two below them, largest first: [6, 4, 2, 1] of six.

    OMP_NUM_THREADS may allow fewer, as it does to llama.cpp and PyTorch.
    """
    cores = threads.checked(None)
    return [cores, *(2**power for power in reversed(range((cores - 1).bit_length())))]


def read(n_threads: int, *, repetitions: int = 5, seconds: float = 0.1) -> list[float]:
    """Byte/s at which `n_threads` threads together read an array from end to end: one rate per repetition.

    The threads reduce their parts by bitwise or, which a core does several times faster than its memory delivers. One
    pass warms up; a repetition goes on for at least `seconds`. Raises ValueError for a number of threads that this
    machine does not have, less than one repetition, or too little free memory.
    """
    return _rates({"": ("read", n_threads)}, repetitions, seconds)[""]


def copy(n_threads: int, *, repetitions: int = 5, seconds: float = 0.1) -> list[float]:
    """Byte/s at which `n_threads` threads together copy one array into another; repetitions and errors as for `read`.

    Each byte copied counts as 2: one read and one written. A cache that first reads what is about to be overwritten
    moves a third one, which is not counted.
    """
    return _rates({"": ("copy", n_threads)}, repetitions, seconds)[""]


# What a thread does to its part of each of so many arrays.
_WORK: dict[str, tuple[int, Callable[..., object]]] = {
    "read": (1, lambda part: np.bitwise_or.reduce(part)),
    "copy": (2, lambda source, target: np.copyto(target, source)),
}


def _rates(asked: Mapping[str, tuple[str, int]], repetitions: int, seconds: float) -> dict[str, list[float]]:
    """The rates of {label: (kind of work, threads)}, in turns."""
    most = max(threads.checked(n_threads) for _, n_threads in asked.values())
    size = _array_bytes() // 8
    arrays = [np.empty(size, np.int64) for _ in range(max(_WORK[kind][0] for kind, _ in asked.values()))]
    with ThreadPoolExecutor(most) as pool:  # NumPy lets go of the interpreter while it works
        for array in arrays:  # writing to it is what takes the memory
            list(pool.map(lambda piece: piece.fill(1), np.array_split(array, most)))
        once = {label: _once(pool, arrays, *work, seconds) for label, work in asked.items()}
        return turns.take(once, repetitions=repetitions)


def _once(
    pool: ThreadPoolExecutor, arrays: Sequence[np.ndarray], kind: str, n_threads: int, seconds: float
) -> Callable[[], float]:
    """A function that makes one repetition and gives its rate; one pass has warmed up."""
    n_arrays, work = _WORK[kind]
    used = arrays[:n_arrays]
    parts = [np.array_split(array, n_threads) for array in used]
    moved_bytes = sum(array.nbytes for array in used)

    def repetition() -> float:
        passes, start = 0, time.perf_counter()
        while (elapsed := time.perf_counter() - start) < seconds or not passes:
            list(pool.map(work, *parts))
            passes += 1
        return moved_bytes * passes / elapsed

    list(pool.map(work, *parts))
    return repetition


def _array_bytes() -> int:
    free_bytes = psutil.virtual_memory().available
    if free_bytes < 8 * LEAST_ARRAY_BYTES:
        raise ValueError(
            f"{free_bytes / 2**20:,.0f} MiB of memory are free, and bandwidth is measured with at least "
            f"{8 * LEAST_ARRAY_BYTES / 2**20:,.0f} MiB: close what you do not need"
        )
    return min(ARRAY_BYTES, free_bytes // 8)
