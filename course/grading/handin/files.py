"""Strangers' files: only copied, never followed, opened or run.

Links, special files, names with control characters and zips that lead out of their folder or swell beyond all measure
are refused with an Ungradable that says what to do. Hidden files and folders and systems' junk are passed over.
"""

import os
import re
import stat
import unicodedata
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from shutil import copyfileobj
from typing import IO

from course.grading.handin import intake
from course.grading.result import Ungradable


@dataclass(frozen=True)
class Limits:
    """The most that one submission may be: bytes, and counts. `swelling` is the bytes that a packed byte may become."""

    notebook: int = intake.LIMIT
    whole: int = 512 << 20
    files: int = 2000  # and folders
    depth: int = 20
    swelling: int = 200


LIMITS = Limits()

_JUNK = {"__macosx", "__pycache__", "thumbs.db", "desktop.ini"}
_DEVICE = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?|[a-z]:.*", re.IGNORECASE)  # what Windows keeps for itself
_JOINERS = "\u200c\u200d"  # Persian and Indian names need them
_PACKED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # the others may ask for any amount of memory
_FREE = 64 << 20  # bytes that even a small zip may become
_ENTRIES = 100_000  # of a zip, before its junk is passed over: each takes memory
_SAYS_UTF8 = 0x800  # the flag of an entry whose name is
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError)

Entry = tuple[tuple[str, ...], zipfile.ZipInfo]  # the parts of its path, and what the zip says of it


def below(root: Path, limits: Limits) -> list[Path]:
    """All files below a folder, but not hidden ones and junk. Raises Ungradable for links, oddities and too much."""
    found, whole, n_entries, folders = [], 0, 0, [(root, 1)]
    while folders:
        folder, depth = folders.pop()
        with os.scandir(folder) as entries:
            for entry in entries:
                name = shown(entry.name)
                if is_junk(entry.name):
                    continue
                if entry.is_symlink():
                    raise Ungradable(f"{name} is a link: put the file itself there")
                if is_odd(entry.name):
                    raise Ungradable(f"{name} has characters in its name that cannot be shown: rename it")
                if entry.is_dir(follow_symlinks=False):
                    folders.append((Path(entry.path), depth + 1))
                elif entry.is_file(follow_symlinks=False):
                    found.append(Path(entry.path))
                    whole += entry.stat(follow_symlinks=False).st_size
                else:
                    raise Ungradable(f"{name} is no ordinary file: leave it out")
                n_entries += 1
                _require_little(n_entries, whole, depth, limits)
    return sorted(found)


def places_in(root: Path) -> list[tuple[str, ...]]:
    """The paths below a folder of all that is in it but folders, hidden things and junk. Links are not followed."""
    found: list[tuple[str, ...]] = []
    folders: list[tuple[str, ...]] = [()]
    while folders and len(found) < _ENTRIES:
        inside = folders.pop()
        with suppress(PermissionError), os.scandir(root.joinpath(*inside)) as entries:
            for entry in entries:
                if not is_junk(entry.name):
                    is_folder = entry.is_dir(follow_symlinks=False)
                    (folders if is_folder else found).append((*inside, entry.name))
    return sorted(found)


def copy(paths: Mapping[Path, Path], limits: Limits) -> None:
    """Copy files, {from: to}. Raises Ungradable if one is none, or they are too much."""
    for path in paths:
        if path.is_symlink() or not path.is_file():
            raise Ungradable(f"{shown(path.name)} is no ordinary file: put the file itself there")
    _require_little(len(paths), sum(path.stat().st_size for path in paths), 1, limits)
    for path, target in paths.items():
        with open(path, "rb", opener=no_link) as source:
            save(source, target)


def require_size(notebook: Path, limits: Limits) -> None:
    """Raise Ungradable if the notebook is larger than one may be."""
    if notebook.stat().st_size > limits.notebook:
        raise Ungradable(f"{notebook.name} is larger than {limits.notebook >> 20} MiB: clear its outputs, then save it")


def _require_little(n_files: int, whole: int, depth: int, limits: Limits) -> None:
    if n_files > limits.files:
        raise Ungradable(f"more than {limits.files} files: hand in the notebook and what it needs")
    if whole > limits.whole:
        raise Ungradable(f"larger than {limits.whole >> 20} MiB: hand in the notebook and what it needs")
    if depth > limits.depth:
        raise Ungradable(f"folders more than {limits.depth} deep: hand in the notebook and what it needs")


def open_zip(path: Path) -> zipfile.ZipFile:
    """Open a zip. Raises Ungradable if it is none, or lists more files than the memory should hold."""
    if not path.is_file():
        raise Ungradable(f"{path.name} is no ordinary file: hand in the zip itself")
    with open(path, "rb", opener=no_link) as file:
        if sum(block.count(b"PK\1\2") for block in iter(lambda: file.read(1 << 20), b"")) > _ENTRIES:
            raise Ungradable(f"{path.name} lists more than {_ENTRIES} files: unpack it, and hand in what is needed")
    try:
        return zipfile.ZipFile(path)
    except _BROKEN as error:
        raise Ungradable(f"{path.name} is no whole zip ({shown(str(error))}): zip it again") from None


def entries_of(archive: zipfile.ZipFile) -> list[Entry]:
    """The files in a zip, but not hidden ones and junk."""
    entries = []
    for info in archive.infolist():
        name = _name(info).replace("\\", "/")  # as some systems write it
        parts = tuple(part for part in name.split("/") if part not in ("", "."))
        if parts and not name.endswith("/") and not any(is_junk(part) for part in parts):
            entries.append((parts, info))
    return entries


def _name(info: zipfile.ZipInfo) -> str:
    """The name in a zip. macOS writes it in UTF-8, accents apart, and does not say so: others would read "Jose╠ü"."""
    name = info.orig_filename
    if not info.flag_bits & _SAYS_UTF8:
        with suppress(UnicodeError):
            name = name.encode("cp437").decode()
    return unicodedata.normalize("NFC", name)


def extract(archive: zipfile.ZipFile, entries: Sequence[Entry], folder: Path, limits: Limits) -> None:
    """Unpack some of a zip's files. Raises Ungradable, before anything is written, if one would do harm."""
    whole = sum(info.file_size for _, info in entries)
    packed = min(sum(info.compress_size for _, info in entries), os.path.getsize(archive.filename or ""))
    _require_little(len(entries), whole, max((len(parts) for parts, _ in entries), default=0), limits)
    if whole > max(_FREE, limits.swelling * packed):
        raise Ungradable(f"the zip swells to {whole >> 20} MiB: hand in the notebook and what it needs")
    if len({parts for parts, _ in entries}) < len(entries):
        raise Ungradable("the zip holds two files of one name: zip it again")
    for parts, info in entries:
        _require_harmless(parts, info)
    for parts, info in entries:
        try:
            with archive.open(info) as source:
                save(source, folder.joinpath(*parts))
        except _BROKEN as error:
            raise Ungradable(
                f"{parts[-1]} cannot be unpacked ({shown(str(error))}): zip it again, without a password"
            ) from None


def _require_harmless(parts: Sequence[str], info: zipfile.ZipInfo) -> None:
    """Raise Ungradable for what is no file, has no decent name in its folder, or takes much memory to unpack."""
    name = shown("/".join(parts))
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind not in (0, stat.S_IFREG):
        raise Ungradable(f"{name} is {'a link' if kind == stat.S_IFLNK else 'no ordinary file'}: put a file there")
    if info.orig_filename[0] in "/\\" or ".." in parts:
        raise Ungradable(f"{name} leads out of the zip: zip it again, from its own folder")
    if any(is_odd(part) or _DEVICE.fullmatch(part) or len(os.fsencode(part)) > 255 for part in parts):
        raise Ungradable(f"{name[:80]} cannot be a file's name everywhere: rename it")
    if info.compress_type not in _PACKED:
        raise Ungradable(f"{name} is packed in a rare way: zip it again with the system's own zip")


def save(source: IO[bytes], path: Path) -> None:
    """Write a new file. Raises FileExistsError if something is there, even a link."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "xb", opener=no_link) as target:
        copyfileobj(source, target)


def no_link(path: str, flags: int) -> int:
    """Open without following a link, or waiting at a pipe."""
    return os.open(path, flags | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0), 0o644)


def is_junk(name: str) -> bool:
    """Whether a file or folder is hidden, or some system's own."""
    return (name.startswith(".") and name != "..") or name.lower() in _JUNK


def is_odd(name: str) -> bool:
    """Whether a name holds what cannot be seen: control characters, line ends, marks that turn the direction of text
    around, characters of no width (but those that join letters, or keep them apart), bytes of no known encoding."""
    return any(
        unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp") and character not in _JOINERS
        for character in name
    )


def shown(name: str) -> str:
    """The name in one line that can be printed."""
    return repr(name)[1:-1] if is_odd(name) else name
