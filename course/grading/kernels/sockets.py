"""A kernel's sockets: they listen before there is the kernel, which gets them open, and cannot write where they lie.

A system takes 107 bytes of their paths (unix(7)), and a user's TMPDIR may be longer.
"""

import os
import socket
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

_LONGEST = 60  # bytes of a folder's path: below it stand a job, a process and a socket
_NOT_IN = ("/usr", "/lib", "/bin", "/etc", "/opt", "/sys", sys.prefix, sys.base_prefix)  # a box shows them, or may
_SHORT = ("/tmp", "/var/tmp", "/dev/shm")


def folder() -> str:
    """The folder for temporary files; if its path is too long, or lies where a box shows it, another one."""
    usual = tempfile.gettempdir()
    for place in (usual, *_SHORT):
        is_apart = not any(f"{os.path.realpath(place)}/".startswith(f"{shown}/") for shown in _NOT_IN)
        if is_apart and len(os.fsencode(place)) <= _LONGEST and os.access(place, os.W_OK | os.X_OK):
            return place
    return usual


def listening(place: Path, numbers: Iterable[int]) -> list[socket.socket]:
    """A socket for each number at `place`-number, where nobody but this user can connect."""
    opened = []
    for number in numbers:
        one = socket.socket(socket.AF_UNIX)
        one.bind(f"{place}-{number}")
        os.chmod(f"{place}-{number}", 0o600)
        one.listen()
        one.setblocking(False)
        opened.append(one)
    return opened


def adopt(opened: Iterable[int]) -> None:
    """From now on ZeroMQ's sockets that are bound to the address of an open one are that one."""
    import zmq

    by_address = {f"ipc://{os.fsdecode(_address(fd))}": fd for fd in opened}
    bind = zmq.Socket.bind

    def adopted(self: zmq.Socket[Any], address: str) -> Any:
        if address in by_address:
            self.setsockopt(zmq.USE_FD, by_address[address])
        return bind(self, address)

    zmq.Socket.bind = adopted  # type: ignore[assignment,method-assign]


def _address(fd: int) -> str | bytes:
    borrowed = socket.socket(fileno=fd)
    try:
        address: str | bytes = borrowed.getsockname()
        return address
    finally:
        borrowed.detach()
