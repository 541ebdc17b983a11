"""How many threads to compute with.

As many as there are physical cores is right on a quiet machine. llama.cpp's threads wait for each other by spinning, so
that on a busy one two threads can be ten times slower than one: there, use one.
"""

import os

import psutil

from course.llama.errors import LlamaError


def physical_cores() -> int:
    """Cores of this machine that this process may use, two hardware threads of one core counted once."""
    return min(psutil.cpu_count(logical=False) or 1, _usable())


def checked(n_threads: int | None) -> int:
    """`n_threads`; by default `physical_cores()`, or OMP_NUM_THREADS where that allows fewer.

    Raises LlamaError for a number that this machine cannot have.
    """
    if n_threads is None:
        allowed = os.environ.get("OMP_NUM_THREADS", "")
        return min(physical_cores(), int(allowed)) if allowed.isdecimal() and int(allowed) else physical_cores()
    if not 1 <= n_threads <= _usable():
        raise LlamaError(f"{n_threads:,} threads: this machine has 1 to {_usable()} for you")
    return n_threads


def _usable() -> int:
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return allowed or 1
