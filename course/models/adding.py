"""Add any model to the cache: a GGUF file, a folder saved by transformers, a repository of the hub.

A name keeps what it was first made from: another content under it is refused, and a damaged file is made anew from the
same. A new kind of origin is a new class with `label`, `is_settled` and `take`.
"""

import errno
import os
import re
import shutil
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from course.models import added, hub, store
from course.models.added import Added
from course.models.catalogue import MODELS, ON_HUB
from course.models.model import ModelError, Progress, Report

_DISK_FULL = (errno.ENOSPC, errno.EDQUOT)
_ON_HUB = re.compile(r"(?P<repository>[\w.-]+/[\w.-]+)(:(?P<file>.+\.gguf))?")


@dataclass(frozen=True)
class Taken:
    """A GGUF file or a folder saved by transformers, and the commit it is of."""

    path: Path
    commit: str | None = None


@dataclass(frozen=True)
class Local:
    """A file or folder of this machine."""

    path: Path

    @property
    def label(self) -> str:
        return str(self.path)

    def is_settled(self, kept: Added) -> bool:
        return False  # it may have changed

    def take(self, scratch: Path, kept: Added | None, report: Report) -> Taken:
        return Taken(self.path)


@dataclass(frozen=True)
class Hub:
    """A repository of the hub, or one file of it, in the state `revision` (by default the newest)."""

    repository: str
    file: str | None = None
    revision: str | None = None

    @property
    def label(self) -> str:
        return f"{self.repository}:{self.file}" if self.file else self.repository

    def is_settled(self, kept: Added) -> bool:
        return self.revision in (None, kept.revision)

    def take(self, scratch: Path, kept: Added | None, report: Report) -> Taken:
        wanted = self.revision or (kept.revision if kept else None)
        found = hub.resolve(self.repository, file=self.file, revision=wanted)
        if kept and kept.revision != found.commit:
            raise ModelError(
                f"{kept.name} is of revision {kept.revision}, and {wanted} is now {found.commit}: "
                "give that one another --name"
            )
        folder = scratch / "hub"
        folder.mkdir()
        hub.download(found, folder, report)
        (first, *others) = found.files
        return Taken(folder if others else folder / first, found.commit)


def add(
    what: str,
    *,
    name: str | None = None,
    revision: str | None = None,
    sha256: str | None = None,
    to: str | None = None,
    progress: Progress | None = None,
) -> Path:
    """Take a model into the cache as `name`, and return its file; one that is there, whole, is left alone.

    `what` is a GGUF file, a folder saved by transformers, a name of ON_HUB, or OWNER/NAME or OWNER/NAME:FILE.gguf on
    the hub. What transformers saved is converted to type `to`, in any case (default: F16). `sha256` is that of its
    file of weights. Raises ModelError; nothing is kept then.
    """
    if known := ON_HUB.get(what):
        what, name, to = known.repository, name or known.name, to or known.to
    origin = _origin(what, revision)
    name = _checked(name or _own_name(what))
    kept = added.find(name)
    if kept and kept.origin != origin.label:
        raise ModelError(f"{name} is here already, from {kept.origin}: give this one another --name")
    if kept and origin.is_settled(kept) and kept.state == "ready":
        _check(kept.sources, sha256)
        return kept.file
    report = partial(progress, name) if progress else _say_nothing
    with store.scratch() as scratch:
        taken = origin.take(scratch, kept, report)
        converted_to = _type(taken.path, to)
        sources = _sources(taken.path)
        _check(sources, sha256)
        if kept:
            _check_same(kept, sources, converted_to)
            if kept.state == "ready":
                return kept.file
        part = scratch / f"{name}.gguf"
        _make(taken.path, part, converted_to)
        made = Added(
            name=name,
            origin=origin.label,
            revision=taken.commit,
            sources=sources,
            converted_to=converted_to,
            size_bytes=part.stat().st_size,
            sha256=store.sha256(part),
        )
        try:
            return added.keep(part, made)
        except OSError as error:
            raise store.no_place(error) from error


def _origin(what: str, revision: str | None) -> Local | Hub:
    path = Path(what).expanduser()
    if path.exists():
        if revision:
            raise ModelError(f"{what} is a file or folder here: only what is on the hub has revisions")
        return Local(path.resolve())
    if (named := _ON_HUB.fullmatch(what)) and not named["repository"].endswith(".gguf"):
        return Hub(named["repository"], named["file"], revision)
    raise ModelError(
        f"there is no model {what!r}; the models are: {', '.join([*MODELS, *ON_HUB])}; "
        "a GGUF file, a folder saved by transformers, or OWNER/NAME on the hub can be fetched too"
    )


def _own_name(what: str) -> str:
    path = Path(what).expanduser()
    return (path.resolve() if path.exists() else path).name.rpartition(":")[2].removesuffix(".gguf")


def _checked(name: str) -> str:
    if name in MODELS:
        raise ModelError(f"{name} is a model that the course knows: give this one another --name")
    if not added.is_name(name):
        raise ModelError(f"{name!r} cannot name a model: give it a --name of letters, digits, dots and dashes")
    return name


def _type(path: Path, to: str | None) -> str | None:
    """What is to be converted to, where there is something to convert."""
    from course.llama import quantize
    from course.llama.errors import LlamaError

    if path.is_dir():
        try:
            return quantize.checked(to or "F16")
        except LlamaError as error:
            raise ModelError(str(error)) from error
    if to:
        raise ModelError(f"{path.name} is a GGUF file already: `course model quantize` makes one of another type of it")
    return None


def _sources(path: Path) -> dict[str, str]:
    """The files of weights, with their checksums."""
    files = sorted(path.glob("*.safetensors")) if path.is_dir() else [path]
    try:
        return {file.name: store.sha256(file) for file in files}
    except OSError as error:
        raise ModelError(f"{error.filename}: {error.strerror}") from error


def _check(sources: dict[str, str], sha256: str | None) -> None:
    if sha256 is None:
        return
    if len(sources) != 1:
        raise ModelError(f"--sha256 is that of one file, and the weights are in {len(sources)}: pin a --revision")
    ((file, found),) = sources.items()
    if found != sha256.lower():
        raise ModelError(f"{file} has the checksum {found}, not {sha256}: it is another file than you expect")


def _check_same(kept: Added, sources: dict[str, str], converted_to: str | None) -> None:
    if kept.sources != sources:
        raise ModelError(f"{kept.origin} holds other weights than {kept.name} was made from: give them another --name")
    if kept.converted_to != converted_to:
        raise ModelError(f"{kept.name} is here as {kept.converted_to}: give the one in {converted_to} another --name")


def _make(path: Path, part: Path, converted_to: str | None) -> None:
    """Make the file `part`, of which the header has been read. Raises ModelError."""
    from course.llama import convert, header
    from course.llama.errors import LlamaError

    try:
        if converted_to:
            convert.convert(path, part, to=converted_to)
        elif header.read(path).metadata.get("split.count", 1) > 1:
            raise ModelError(f"{path.name} is one of several parts of a model: join them with llama.cpp's gguf-split")
        else:
            _link(path, part)
    except LlamaError as error:
        raise ModelError(str(error)) from error


def _link(path: Path, part: Path) -> None:
    """A second name for a file of the same disk, else a copy."""
    try:
        os.link(path.resolve(), part)
        return
    except OSError:
        store.check_space(part.name, path.stat().st_size)
    try:
        shutil.copyfile(path, part)
    except OSError as error:
        full = error.errno in _DISK_FULL
        raise store.no_space(part.name, path.stat().st_size) if full else ModelError(str(error)) from error


def _say_nothing(done_bytes: int, total_bytes: int) -> None:
    pass
