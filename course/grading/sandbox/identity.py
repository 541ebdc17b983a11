"""Who the confined process is: nobody, without groups and capabilities."""

import os
import stat
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from course.grading.sandbox import syscalls
from course.grading.sandbox.work import Owner

_NOBODY = 65534
_FIRST = 2_000_000_000  # above the users of any machine; what is added is the keeper's pid, below 2^22
_DAC_OVERRIDE, _DAC_READ_SEARCH = 1 << 1, 1 << 2


def stranger() -> Owner:
    """A user for one confined process alone, so that two cannot touch each other; nobody, where users are scarce."""
    uid = _FIRST + os.getpid()
    both = (Path("/proc/self/uid_map"), Path("/proc/self/gid_map"))
    return Owner(uid, uid) if all(_maps(table, uid) for table in both) else Owner(_NOBODY, _NOBODY)


def _maps(table: Path, number: int) -> bool:
    ranges = (map(int, line.split()) for line in table.read_text().splitlines())
    return any(first <= number < first + count for first, _, count in ranges)


def on_the_way(paths: Iterable[str]) -> set[str]:
    """The folders above `paths`."""
    return {str(parent) for path in paths for parent in Path(path).resolve().parents}


def any_closed(folders: Iterable[str]) -> bool:
    """Whether some of `folders` is closed to strangers."""
    return any(not os.stat(folder).st_mode & stat.S_IXOTH for folder in folders if os.path.isdir(folder))


def reading_capability() -> int:
    """The weakest of root's capabilities that opens closed folders; 0 if it has none."""
    permitted = _capabilities()
    return next((one for one in (_DAC_READ_SEARCH, _DAC_OVERRIDE) if permitted & one), 0)


def become(owner: Owner, *, keep: int = 0) -> None:
    """Stop being root. `keep` is the mask of the capabilities that stay, in programs that are started, too."""
    _forget_bounds(keep)
    if keep:
        syscalls.prctl("keepcaps", syscalls.PR_SET_KEEPCAPS, 1)
    os.setgroups([])
    os.setresgid(owner.gid, owner.gid, owner.gid)
    os.setresuid(owner.uid, owner.uid, owner.uid)
    _hold(keep)


def renounce() -> None:
    """Give up what a user is master of in a namespace of its own."""
    _forget_bounds(0)
    _hold(0)


def _hold(capabilities: int) -> None:
    syscalls.capset(capabilities)
    for number in range(32):
        if capabilities >> number & 1:
            syscalls.prctl("ambient", syscalls.PR_CAP_AMBIENT, syscalls.PR_CAP_AMBIENT_RAISE, number)
    syscalls.prctl("dumpable", syscalls.PR_SET_DUMPABLE, 1)  # or /proc/self would be root's


def _forget_bounds(keep: int) -> None:
    """Capabilities that cannot be had again by any program; only one who may do that needs to."""
    with suppress(OSError):
        for number in range(64):
            if not keep >> number & 1:
                syscalls.prctl("bounds", syscalls.PR_CAPBSET_DROP, number)


def _capabilities() -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("CapPrm")).split()[1], 16)
