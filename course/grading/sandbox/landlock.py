"""Which paths may be read or written, enforced by the kernel, without any privilege (Linux 5.13 and newer)."""

import os
import stat
import struct
from collections.abc import Iterable, Iterator

from course.grading.sandbox import syscalls

_CREATE, _ADD_RULE, _RESTRICT = 444, 445, 446  # the numbers are the same on every architecture
_EXECUTE, _WRITE, _READ, _LIST = 1, 2, 4, 8
_MAKE_CHAR, _MAKE_BLOCK = 1 << 6, 1 << 11
_TRUNCATE, _IOCTL = 1 << 14, 1 << 15
_BASIC = (1 << 13) - 1
_NEWER = {2: 1 << 13, 3: _TRUNCATE, 5: _IOCTL}  # the version that brought each: move between folders, truncate, ioctl
_TCP = 1 | 2  # bind, connect
_SCOPE = 1 | 2  # abstract sockets, signals: only among ourselves

_READING = _EXECUTE | _READ | _LIST
_ON_A_FILE = _EXECUTE | _WRITE | _READ | _TRUNCATE | _IOCTL


def version() -> int:
    """Of the kernel's landlock. Raises OSError if there is none."""
    return syscalls.syscall("landlock_create_ruleset", _CREATE, None, 0, 1)


def scopes_signals() -> bool:
    return version() >= 6


def restrict(
    readable: Iterable[str],
    writable: Iterable[str],
    *,
    listed: Iterable[str] = (),
    hidden: Iterable[str] = (),
    tcp: bool,
) -> None:
    """Keep this process for ever to these paths, those that exist; `listed` ones show names alone.

    Nothing `hidden` below a readable path can be read. `tcp` says whether connections are somebody else's business.
    """
    abi = version()
    handled = _BASIC | sum(right for since, right in _NEWER.items() if abi >= since)
    words = (handled, 0 if tcp or abi < 4 else _TCP, _SCOPE if abi >= 6 else 0)
    attributes = struct.pack("=QQQ", *words)[: 8 if abi < 4 else 16 if abi < 6 else 24]
    rules = syscalls.syscall("landlock_create_ruleset", _CREATE, attributes, len(attributes), 0)
    try:
        shown, siblings = around(readable, hidden)
        for paths, rights in (
            ((*listed, *shown), _LIST),
            (siblings, _READING),
            (writable, handled & ~(_MAKE_CHAR | _MAKE_BLOCK | _IOCTL)),
        ):
            for path in paths:
                _allow(rules, path, rights)
        syscalls.no_new_privileges()
        syscalls.syscall("landlock_restrict_self", _RESTRICT, rules, 0)
    finally:
        os.close(rules)


def around(readable: Iterable[str], hidden: Iterable[str]) -> tuple[list[str], list[str]]:
    """Folders whose names may be listed, and paths that may be read, so that `hidden` ones cannot be.

    A rule on a folder holds for all that is in it, so each folder on the way to a hidden path gives way to its content.
    """
    out_of_reach = {os.path.realpath(path) for path in hidden}
    shown: list[str] = []
    read: list[str] = []
    for path in {os.path.realpath(path) for path in readable}:
        read += _beside(path, out_of_reach, shown)
    return shown, read


def _beside(path: str, hidden: set[str], shown: list[str]) -> Iterator[str]:
    if path in hidden or any(path.startswith(other + "/") for other in hidden):
        return
    if not any(other.startswith(path.rstrip("/") + "/") for other in hidden):
        yield path
        return
    shown.append(path)
    for entry in os.scandir(path):
        if not entry.is_symlink():  # its target has a rule of its own, or shall have none
            yield from _beside(entry.path, hidden, shown)


def _allow(rules: int, path: str, rights: int) -> None:
    try:
        there = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        if not stat.S_ISDIR(os.fstat(there).st_mode):
            rights &= _ON_A_FILE
        if rights:
            syscalls.syscall(f"landlock_add_rule {path}", _ADD_RULE, rules, 1, struct.pack("=Qi", rights, there), 0)
    finally:
        os.close(there)
