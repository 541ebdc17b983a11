"""How much memory a process and all that it started hold together, where no control group counts it."""

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

_COUNTED = ("Pss_Anon", "Pss_Shmem")  # what is shared, by parts: forks of the warm process share most of theirs


def exceeds(processes: Iterable[int], most: int) -> bool:
    """Whether these processes hold more than `most` bytes, beside files. What has ended holds nothing."""
    known = list(processes)
    return sum(map(_at_most, known)) > most and sum(map(_held, known)) > most


def own() -> int:
    """What this process holds."""
    return _at_most(os.getpid())


def _at_most(process: int) -> int:
    """Quick to know, with all that it shares."""
    return _sum(Path(f"/proc/{process}/status"), ("RssAnon", "RssShmem"))


def _held(process: int) -> int:
    """Its part. Of a process that keeps others from looking at it, all that it could be."""
    try:
        return _sum(Path(f"/proc/{process}/smaps_rollup"), _COUNTED)
    except PermissionError:
        return _at_most(process)


def _sum(file: Path, names: tuple[str, ...]) -> int:
    total = 0
    with suppress(FileNotFoundError, ProcessLookupError):
        for line in file.read_text().splitlines():
            name, _, value = line.partition(":")
            if name in names:
                total += int(value.split()[0]) << 10
    return total
