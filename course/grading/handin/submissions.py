"""Find what was handed in, whatever its wrapping: a row for every student, with a notebook or with the reason why not.

    place                                       student
    <student>/<lab>/<lab>.ipynb                 ada/…           nbgrader's submitted/
    <student>/….ipynb                           ada/mine.ipynb
    <student>.ipynb, <student>.zip              ada.ipynb, ada.zip
    <lab>.ipynb or <lab>/, and no one else's    the place's own name: it is one student's folder
    a zip of any of these; a notebook           the file's name
    a learning platform's download, or folder   as `platforms` says

What may be in it, and how much, `files` says; which of a student's notebooks counts, `choosing`.
"""

import logging
import os
import re
import tempfile
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from course import nbgrader_api
from course.build import Lab
from course.grading.handin import choosing, files, platforms
from course.grading.handin.files import LIMITS, Limits
from course.grading.handin.platforms import Layout, Parts
from course.grading.result import Ungradable

TIMESTAMP = "timestamp.txt"  # nbgrader's: when it was handed in, which is not what
_log = logging.getLogger(__name__)
_A_LAB = re.compile(r"lab\d\d_\w+(\.ipynb)?$")


@dataclass(frozen=True)
class Submission:
    """What a student handed in; `files` is the folder that the notebook came in, None if it came alone."""

    student: str
    notebook: Path | None
    files: Path | None
    reason: str = ""  # why there is no notebook, and the way out
    notes: tuple[str, ...] = ()  # what was decided on the way: which of two notebooks counts
    earlier: tuple["Submission", ...] = ()  # attempts before this one, which do not count
    when: datetime | None = None  # it was handed in, in UTC, by who received it: never by what is in it


@dataclass(frozen=True)
class HandedIn:
    """A class's submissions, by student; the platform whose download it is, if any; what in it is no student's.

    `names` are the full names that the platform says, by student; `is_class` tells a class's from a single notebook.
    """

    submissions: list[Submission]
    platform: str = ""
    others: tuple[str, ...] = ()
    names: Mapping[str, str] = field(default_factory=dict)
    is_class: bool = True


@dataclass(frozen=True)
class _Wrapped:
    """Something that was handed in, not looked into yet, or with the fault for which it was not unpacked."""

    student: str
    path: Path
    fault: str = ""


def find(place: Path, lab: Lab, *, unpack: Path, limits: Limits = LIMITS) -> HandedIn:
    """The submissions at `place`, by student; zips are unpacked below the folder `unpack`.

    What is wrong with one of them is the reason in its row. Raises Ungradable if there are none at all.
    """
    unpack.mkdir(parents=True, exist_ok=True)
    try:
        place = Path(os.path.realpath(place, strict=True))
        if layout := _layout(place):
            return _downloaded(place, layout, lab, unpack, limits)
        if place.is_dir():
            wrapped = _in_folder(place, lab)
        elif place.suffix.lower() == ".zip":
            wrapped = _in_zip(place, lab, unpack=unpack, limits=limits)
        else:
            wrapped = [_Wrapped(place.stem, place)]
    except OSError as error:
        raise Ungradable(f"{place} cannot be read: {error.strerror}") from None
    if not wrapped:
        raise Ungradable(f"{place} holds no submissions: it needs <student>/ folders, <student>.ipynb or <student>.zip")
    by_student: dict[str, list[_Wrapped]] = {}
    for one in wrapped:
        by_student.setdefault(one.student, []).append(one)
    rows = [_row(student, ones, lab, unpack, limits) for student, ones in by_student.items()]
    is_class = place.is_dir() or place.suffix.lower() == ".zip"
    return HandedIn(sorted(rows, key=lambda row: row.student), is_class=is_class)


def _layout(place: Path) -> Layout | None:
    """Whose download a folder or zip is; None if it is no platform's."""
    if place.is_dir():
        return platforms.layout(files.places_in(place))
    if place.suffix.lower() == ".zip":
        with files.open_zip(place) as archive:
            return platforms.layout([parts for parts, _ in files.entries_of(archive)])
    return None


def _downloaded(place: Path, layout: Layout, lab: Lab, unpack: Path, limits: Limits) -> HandedIn:
    """The submissions in a platform's download: a student's newest attempt counts."""
    rows = []
    for student, attempts in layout.attempts.items():
        found = [
            _row(student, [_laid_out(student, place, attempt, unpack, limits)], lab, unpack, limits)
            for attempt in attempts
        ]
        *before, newest = found
        earlier = tuple(one for one in before if one.notebook)
        more = (f"{len(found)} attempts: the newest counts",) if before else ()
        when = _in_utc(layout.time(student), lab)
        rows.append(replace(newest, notes=(*more, *newest.notes), earlier=earlier, when=when))
    others = tuple(files.shown("/".join(parts)) for parts in layout.others)
    names = {row.student: layout.name(row.student) for row in rows}
    return HandedIn(sorted(rows, key=lambda row: row.student), layout.platform, others, names)


def _in_utc(local: datetime | None, lab: Lab) -> datetime | None:
    """A moment that a platform writes in the course's own time: `c.TwoBills.zone`, UTC without it."""
    if local is None:
        return None
    is_configured = (lab.course / nbgrader_api.CONFIG).is_file()
    zone = nbgrader_api.config(lab.course).TwoBills.get("zone", "UTC") if is_configured else "UTC"
    try:
        return local.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    except (OSError, KeyError, ValueError):
        raise Ungradable(f"c.TwoBills.zone is {zone!r}, and no time zone: write Africa/Algiers, say") from None


def _laid_out(student: str, place: Path, attempt: Mapping[Parts, Parts], unpack: Path, limits: Limits) -> _Wrapped:
    """An attempt's files in a folder of their own, called as the student called them."""
    folder = Path(tempfile.mkdtemp(dir=unpack))
    try:
        if place.is_dir():
            files.copy({place.joinpath(*parts): folder.joinpath(*inner) for inner, parts in attempt.items()}, limits)
        else:
            called = {parts: inner for inner, parts in attempt.items()}
            with files.open_zip(place) as archive:
                entries = [(called[parts], info) for parts, info in files.entries_of(archive) if parts in called]
                files.extract(archive, entries, folder, limits)
    except Ungradable as error:
        return _Wrapped(student, folder, str(error))
    except OSError as error:
        return _Wrapped(student, folder, f"cannot be unpacked ({error.strerror}): hand it in again")
    return _Wrapped(student, folder)


def stage(submission: Submission, target: Path, *, limits: Limits = LIMITS) -> None:
    """Copy what came with the notebook into the folder `target`: all but notebooks, databases and hidden folders.

    Raises Ungradable if that holds a link, or more than the limits.
    """
    if submission.files is None:
        return
    try:
        for path in files.below(submission.files, limits):
            if path.suffix.lower() not in (".ipynb", ".db"):
                with open(path, "rb", opener=files.no_link) as source:
                    files.save(source, target / path.relative_to(submission.files))
    except OSError as error:
        raise Ungradable(f"the files of {submission.student} cannot be copied: {error.strerror}") from None


def _row(student: str, wrapped: Sequence[_Wrapped], lab: Lab, unpack: Path, limits: Limits) -> Submission:
    """The student's submission, or why there is none."""
    try:
        if files.is_odd(student) or student in (".", "..") or "\\" in student or len(os.fsencode(student)) > 200:
            raise Ungradable("this name cannot be a folder's: rename the file or folder, by the student's name")
        known = [
            one for one in wrapped if one.fault or one.path.suffix.lower() in (".ipynb", ".zip") or one.path.is_dir()
        ]
        if len(known) > 1:
            raise Ungradable(f"handed in as {' and '.join(files.shown(one.path.name) for one in known)}: keep one")
        return _look(*(known or wrapped[:1]), lab=lab, unpack=unpack, limits=limits)
    except Ungradable as error:
        return Submission(files.shown(student), None, None, str(error))
    except OSError as error:
        return Submission(files.shown(student), None, None, f"cannot be read ({error.strerror}): hand it in again")


def _look(wrapped: _Wrapped, *, lab: Lab, unpack: Path, limits: Limits) -> Submission:
    """Unwrap one submission. Raises Ungradable, saying what is wrong with it."""
    path = wrapped.path
    if wrapped.fault:
        raise Ungradable(wrapped.fault)
    if path.is_symlink():
        raise Ungradable(f"{files.shown(path.name)} is a link: hand in the file itself")
    if path.is_dir():
        found = _in_folder_of(wrapped.student, path, lab, limits)
        return replace(found, when=_noted(path / lab.name, wrapped.student))
    if path.suffix.lower() == ".zip":
        folder = Path(tempfile.mkdtemp(dir=unpack))
        with files.open_zip(path) as archive:
            files.extract(archive, files.entries_of(archive), folder, limits)
        return _in_folder_of(wrapped.student, folder, lab, limits)
    if path.suffix.lower() != ".ipynb" or not path.is_file():
        raise Ungradable(
            f"{files.shown(path.name)} is no notebook, no zip and no folder: hand in the .ipynb file itself"
        )
    files.require_size(path, limits)
    return Submission(wrapped.student, path, None)


def _in_folder_of(student: str, folder: Path, lab: Lab, limits: Limits) -> Submission:
    notebook, notes = choosing.notebook(folder, lab, limits)
    return Submission(student, notebook, notebook.parent, notes=notes)


def _noted(folder: Path, student: str) -> datetime | None:
    """When nbgrader collected what is in `submitted/<student>/<lab>`, if it says so."""
    noted = folder / TIMESTAMP
    if not noted.is_file() or noted.is_symlink():
        return None
    from nbgrader.utils import parse_utc  # where there is a time to read: nbgrader's import takes half a second

    try:
        with open(noted, "rb", opener=files.no_link) as file:
            return parse_utc(file.read(100).decode(errors="replace").strip()).replace(tzinfo=UTC)
    except (ValueError, OverflowError, OSError):
        _log.warning("%s: its %s is no time, so that it counts as in time", student, TIMESTAMP)
        return None


def _in_folder(folder: Path, lab: Lab) -> list[_Wrapped]:
    paths = [path for path in folder.iterdir() if not files.is_junk(path.name)]
    if _is_one(files.places_in(folder), lab):
        return [_Wrapped(folder.name, folder)]
    return [_Wrapped(path.name if path.is_dir() else path.stem, path) for path in sorted(paths)]


def _in_zip(place: Path, lab: Lab, *, unpack: Path, limits: Limits) -> list[_Wrapped]:
    """Unpack a class's zip, each student's part for itself, so that a fault is that student's alone."""
    folder = Path(tempfile.mkdtemp(dir=unpack))
    wrapped = []
    with files.open_zip(place) as archive:
        for parts, (student, entries) in _by_student(files.entries_of(archive), lab, place.stem).items():
            fault = ""
            try:
                files.extract(archive, entries, folder, limits)
            except Ungradable as error:
                fault = str(error)
            except OSError as error:
                fault = f"cannot be unpacked ({error.strerror}): hand it in again"
            wrapped.append(_Wrapped(student, folder.joinpath(*parts), fault))
    return wrapped


def _by_student(entries: Sequence[files.Entry], lab: Lab, stem: str) -> dict[Parts, tuple[str, list[files.Entry]]]:
    """By where it will lie, what each student handed in: its name, and its files in the zip `stem`."""
    level = _class_level(entries, lab)
    if _is_one([parts[level:] for parts, _ in entries], lab):
        above = entries[0][0][:level]
        return {above: (above[0] if above else stem, list(entries))}
    found: dict[Parts, tuple[str, list[files.Entry]]] = {}
    for entry in entries:
        top, *inner = entry[0][level:]
        found.setdefault(entry[0][: level + 1], (top if inner else Path(top).stem, []))[1].append(entry)
    return found


def _class_level(entries: Sequence[files.Entry], lab: Lab) -> int:
    """1 if a zip's only folder is the class's, or holds the lab's own files; 0 if its top level is the class."""
    tops = {parts[0] for parts, _ in entries}
    if len(tops) != 1 or lab.name in tops or any(len(parts) == 1 for parts, _ in entries):
        return 0
    handed_in = [parts for parts, _ in entries if Path(parts[-1]).suffix.lower() in (".ipynb", ".zip")]
    return int(len(handed_in) > 1 or _is_one([parts[1:] for parts, _ in entries], lab))


def _is_one(places: Collection[Parts], lab: Lab) -> bool:
    """Whether a folder of these files is one student's: it holds the lab itself, and nothing that others handed in."""
    own = {lab.name, f"{lab.name}.ipynb"}
    if own.isdisjoint(parts[0] for parts in places):
        return False
    return not any(
        parts[0] not in own and not _A_LAB.match(parts[0]) and parts[-1].lower().endswith((".ipynb", ".zip"))
        for parts in places
    )
