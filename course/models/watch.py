"""How much of a download has arrived, for whoever waits for it."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from course.models.model import Report


@contextmanager
def watching(scratch: Path, total_bytes: int, report: Report) -> Iterator[None]:
    """Report ten times a second how much of `total_bytes` lies below `scratch`."""
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.1):
            report(min(_size(scratch), total_bytes), total_bytes)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()
    report(total_bytes, total_bytes)


def _size(folder: Path) -> int:
    """Bytes of the files below `folder`; those that vanish meanwhile count nothing."""
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                total += os.path.getsize(os.path.join(parent, name))
    return total
