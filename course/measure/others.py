"""How busy other work keeps this machine's processors while we measure."""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import psutil


@dataclass
class Others:
    """Processors that others kept busy, on average: 1.0 is one of them wholly. nan until the block has ended."""

    busy: float = float("nan")


@contextmanager
def watched() -> Iterator[Others]:
    """Watch them while the block runs. Ours are this process and its descendants, which live until the block ends."""
    found = Others()
    started, before = time.perf_counter(), _all_s() - _ours_s()
    yield found
    found.busy = max(0.0, (_all_s() - _ours_s() - before) / (time.perf_counter() - started))


def wait_for_quiet(*, most_busy: float = 0.1, seconds: float = 3, patience_s: float = 600) -> bool:
    """Wait until others keep less than `most_busy` processors busy for `seconds`; whether they do at the end."""
    end = time.monotonic() + patience_s
    while time.monotonic() < end:
        with watched() as others:
            time.sleep(seconds)
        if others.busy < most_busy:
            return True
    return False


def _all_s() -> float:
    """Seconds that all processors have worked."""
    times = psutil.cpu_times()._asdict()
    return sum(
        seconds for name, seconds in times.items() if name not in ("idle", "iowait", "steal", "guest", "guest_nice")
    )


def _ours_s() -> float:
    """Seconds that this process and its descendants have."""
    total = 0.0
    own = psutil.Process()
    for process in [own, *own.children(recursive=True)]:
        with suppress(psutil.Error):
            times = process.cpu_times()
            total += times.user + times.system
    return total
