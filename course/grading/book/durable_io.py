"""Writing that survives kills and power cuts: a file is there whole or not at all, a line likewise. One writer."""

import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO


class DiskError(Exception):
    """Something cannot be read or written; the message says what, why, and what to do."""


@contextmanager
def reported(path: Path) -> Iterator[None]:
    """Turn a refusal of the system into a DiskError."""
    try:
        yield
    except OSError as error:
        raise DiskError(
            f"{path} cannot be written ({reason(error)}): nothing is lost; mend that, and run it again"
        ) from None


def reason(error: Exception) -> str:
    """What went wrong, in a line."""
    return (getattr(error, "strerror", None) or str(error) or type(error).__name__).splitlines()[0]


@contextmanager
def lock(path: Path) -> Iterator[None]:
    """Be the only process inside, until this one ends in whatever way. Raises DiskError that says who is there."""
    with reported(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        with reported(path):
            if not _take(file):
                holder = os.read(file, 300).decode(errors="replace").strip() or "another process"
                raise DiskError(f"{path.parent} is being written by {holder}: let it end, or stop it")
            os.ftruncate(file, 0)
            os.write(file, f"process {os.getpid()} on {socket.gethostname()}\n".encode())
        yield
    finally:
        os.close(file)


@contextmanager
def new(folder: Path) -> Iterator[IO[bytes]]:
    """A file to write, in a folder with one writer; gone afterwards, unless `keep` has given it its name."""
    part = folder / ".part"
    with reported(folder):
        folder.mkdir(parents=True, exist_ok=True)
        try:
            with open(part, "w+b") as file:
                yield file
        finally:
            part.unlink(missing_ok=True)


def keep(part: IO[bytes], path: Path) -> None:
    """Put a new file in its place, whole."""
    part.flush()
    os.fsync(part.fileno())
    part.close()
    os.replace(part.name, path)
    _sync(path.parent)


def write(path: Path, content: bytes) -> None:
    """Write a file in the place of an old one, whole or not at all."""
    with reported(path), new(path.parent) as part:
        part.write(content)
        keep(part, path)


def append(path: Path, line: bytes) -> None:
    """Add a line, and return when it is on the disk; where that fails, the file is as it was."""
    with reported(path), open(path, "ab", buffering=0) as file:
        size = os.fstat(file.fileno()).st_size
        try:
            rest = line + b"\n"
            while rest:
                rest = rest[file.write(rest) :]
            os.fsync(file.fileno())
        except OSError:
            file.truncate(size)
            raise
        _sync(path.parent)


def set_aside_torn(path: Path, aside: Path) -> None:
    """Move what follows the last line end of a file, if anything does, to the end of another."""
    with reported(path), suppress(FileNotFoundError), open(path, "r+b") as file:
        size = file.seek(0, os.SEEK_END)
        if size == 0 or _byte(file, size - 1) == b"\n":
            return
        file.seek(0)
        content = file.read()
        whole = content.rfind(b"\n") + 1
        append(aside, content[whole:])
        file.truncate(whole)
        os.fsync(file.fileno())


def _byte(file: IO[bytes], place: int) -> bytes:
    file.seek(place)
    return file.read(1)


def _sync(folder: Path) -> None:
    """Have a folder's new names on the disk."""
    if sys.platform == "win32":
        return  # it has no way to
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _take(file: int) -> bool:
    """Lock an open file, until it is closed or this process ends; whether it was free."""
    try:
        if sys.platform == "win32":
            import msvcrt

            os.lseek(file, 1 << 20, os.SEEK_SET)  # beyond what it says: nobody could read what is locked there
            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
            os.lseek(file, 0, os.SEEK_SET)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    return True
