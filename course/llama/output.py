"""Files that are written whole or not at all."""

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from course.llama.errors import LlamaError

_DISK_FULL = (errno.ENOSPC, errno.EDQUOT)


@contextmanager
def replacing(target: Path, *, n_bytes: int, overwrite: bool = False) -> Iterator[Path]:
    """A name beside `target` to write to, which becomes `target` if all goes well, and is gone otherwise.

    Raises LlamaError: a file that is there already, unless it may be overwritten, a folder, no permission, or less than
    `n_bytes` free, at the start or when the disk is full.
    """
    folder = target.absolute().parent
    try:
        check_free(target, overwrite=overwrite)
        with tempfile.TemporaryDirectory(prefix=f".{target.name}-", dir=folder) as scratch:
            check_space(target, n_bytes)
            yield Path(scratch) / target.name
            check_free(target, overwrite=overwrite)  # it may have come meanwhile
            os.replace(Path(scratch) / target.name, target)
    except OSError as error:
        if error.errno in _DISK_FULL:
            raise no_space(target, n_bytes) from error
        raise LlamaError(f"{target} cannot be written: {error.strerror}") from error


def check_free(target: Path, *, overwrite: bool) -> None:
    """Raises LlamaError where something is in the way of a file `target`."""
    if target.is_dir():
        raise LlamaError(f"{target} is a folder: name a file in it")
    if not overwrite and os.path.lexists(target):
        raise LlamaError(f"{target} is there already, and stays as it is: name another file, or give --force")


def is_same(target: Path, source: Path) -> bool:
    """Whether both name one file; not where `target` cannot be looked at."""
    return os.path.exists(target) and os.path.samefile(target, source)


def check_space(target: Path, n_bytes: int) -> None:
    """Raises LlamaError where the disk of `target` has less than `n_bytes` free."""
    if shutil.disk_usage(target.absolute().parent).free < n_bytes:
        raise no_space(target, n_bytes)


def no_space(target: Path, n_bytes: int) -> LlamaError:
    """The error of a full disk."""
    free = shutil.disk_usage(target.absolute().parent).free
    return LlamaError(f"no space for {target}: it takes {n_bytes / 1e6:.0f} MB and {free / 1e6:.0f} MB are left there")
