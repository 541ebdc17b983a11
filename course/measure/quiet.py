"""Whether the machine is quiet enough to measure: what share of a core a thread gets.

Asked of the threads themselves, since the load of a machine says nothing of the two cores that a container may use, and
goes down a minute too late.
"""

import hashlib
import os
import time
from concurrent.futures import ThreadPoolExecutor

ENOUGH = 0.85
PATIENCE_S = 6.0
_BLOCK = bytes(2**20)  # hashing it takes about a millisecond, without the interpreter


def share(n_threads: int, *, seconds: float = 0.2) -> float:
    """The least share of a core that one of `n_threads` threads gets, all computing for `seconds`: near 1 if quiet.

    More threads than there are cores for this process are not tried.
    """
    n = min(n_threads, _usable())
    with ThreadPoolExecutor(n) as pool:
        return min(pool.map(_share_of_one, [seconds] * n))


def wait(n_threads: int, *, patience_s: float | None = None) -> float:
    """The share of a core that `n_threads` threads get, as soon as it is `ENOUGH`; after `patience_s`, the last one."""
    until = time.monotonic() + (PATIENCE_S if patience_s is None else patience_s)
    while (found := share(n_threads)) < ENOUGH and time.monotonic() < until:
        time.sleep(0.5)
    return found


def _share_of_one(seconds: float) -> float:
    began, used = time.perf_counter(), time.thread_time()
    while time.perf_counter() - began < seconds:
        hashlib.sha256(_BLOCK)
    return (time.thread_time() - used) / (time.perf_counter() - began)


def _usable() -> int:
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return allowed or 1
