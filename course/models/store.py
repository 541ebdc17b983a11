"""The folder in which fetched models are kept, and what is asked of it: space, scratch folders, checksums."""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from course.models.model import Model, ModelError
from course.paths import cache_folder


def folder() -> Path:
    """Where models are kept; created when missing. Raises ModelError if that is not possible."""
    try:
        kept = cache_folder() / "models"
        kept.mkdir(exist_ok=True)
    except OSError as error:
        raise no_place(error) from error
    return kept


def no_place(error: OSError) -> ModelError:
    """The error of a folder that cannot be made or written to."""
    return ModelError(
        f"{error.filename}: {error.strerror}; models are kept there: "
        "set TWO_BILLS_CACHE to a folder that can be written to"
    )


def is_whole(model: Model, file: Path) -> bool:
    """Whether `file` is the model's, byte for byte."""
    return file.stat().st_size == model.size_bytes and sha256(file) == model.sha256


def sha256(file: Path) -> str:
    """The checksum of a file, in hexadecimal."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def check_space(name: str, needed_bytes: int) -> None:
    """Raises ModelError where the disk has less than `needed_bytes` left."""
    if shutil.disk_usage(folder()).free < needed_bytes:
        raise no_space(name, needed_bytes)


def no_space(name: str, needed_bytes: int) -> ModelError:
    """The error of a full disk."""
    free = shutil.disk_usage(folder()).free
    return ModelError(
        f"no space for {name}: it takes {needed_bytes / 1e6:.0f} MB and {folder()} has {free / 1e6:.0f} MB left; "
        "make room, or set TWO_BILLS_CACHE to a folder on another disk"
    )


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder that goes away, this time or, if this process is killed, at the next fetch."""
    for leftover in folder().glob(".fetch-*"):
        if not psutil.pid_exists(int(leftover.name.split("-")[1])):
            shutil.rmtree(leftover, ignore_errors=True)
    try:
        made = tempfile.TemporaryDirectory(prefix=f".fetch-{os.getpid()}-", dir=folder())
    except OSError as error:
        raise no_place(error) from error
    with made as place:
        yield Path(place)
