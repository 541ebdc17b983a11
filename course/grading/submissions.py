"""Find what was handed in, whatever its wrapping: a row for every student, with a notebook or with the reason why not.

    place                                       student
    <student>/<lab>/<lab>.ipynb                 ada/…           nbgrader's submitted/
    <student>/….ipynb                           ada/mine.ipynb
    <student>.ipynb, <student>.zip              ada.ipynb, ada.zip
    <lab>.ipynb or <lab>/ with other files      the place's own name: it is one student's folder
    a zip of any of these; a notebook           the file's name

What may be in it, and how much, `files` says.
"""

import os
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from course.build import Lab
from course.grading import files, intake
from course.grading.files import LIMITS, Limits
from course.grading.result import Ungradable


@dataclass(frozen=True)
class Submission:
    """What a student handed in; `files` is the folder that the notebook came in, None if it came alone."""

    student: str
    notebook: Path | None
    files: Path | None
    reason: str = ""  # why there is no notebook, and the way out


@dataclass(frozen=True)
class _Wrapped:
    """Something that was handed in, not looked into yet, or with the fault for which it was not unpacked."""

    student: str
    path: Path
    fault: str = ""


_Parts = tuple[str, ...]  # of a path


def find(place: Path, lab: Lab, *, unpack: Path, limits: Limits = LIMITS) -> list[Submission]:
    """The submissions at `place`, by student; zips are unpacked below the folder `unpack`.

    What is wrong with one of them is the reason in its row. Raises Ungradable if there are none at all.
    """
    unpack.mkdir(parents=True, exist_ok=True)
    try:
        place = Path(os.path.realpath(place, strict=True))
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
    return sorted(rows, key=lambda row: row.student)


def stage(submission: Submission, target: Path, *, limits: Limits = LIMITS) -> None:
    """Copy what came with the notebook into the folder `target`, save notebooks, databases and hidden folders.

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
        return _in_students_folder(wrapped.student, path, lab, limits)
    if path.suffix.lower() == ".zip":
        folder = Path(tempfile.mkdtemp(dir=unpack))
        with files.open_zip(path) as archive:
            files.extract(archive, files.entries_of(archive), folder, limits)
        return _in_students_folder(wrapped.student, folder, lab, limits)
    if path.suffix.lower() != ".ipynb" or not path.is_file():
        raise Ungradable(
            f"{files.shown(path.name)} is no notebook, no zip and no folder: hand in the .ipynb file itself"
        )
    files.require_size(path, limits)
    return Submission(wrapped.student, path, None)


def _in_folder(folder: Path, lab: Lab) -> list[_Wrapped]:
    paths = [path for path in folder.iterdir() if not files.is_junk(path.name)]
    if _is_one([path.name for path in paths], lab):
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


def _by_student(entries: Sequence[files.Entry], lab: Lab, stem: str) -> dict[_Parts, tuple[str, list[files.Entry]]]:
    """By where it will lie, what each student handed in: its name, and its files in the zip `stem`."""
    level = _class_level(entries, lab)
    if _is_one([parts[level] for parts, _ in entries], lab):
        above = entries[0][0][:level]
        return {above: (above[0] if above else stem, list(entries))}
    found: dict[_Parts, tuple[str, list[files.Entry]]] = {}
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
    return int(len(handed_in) > 1 or _is_one([parts[1] for parts, _ in entries], lab))


def _is_one(names: Iterable[str], lab: Lab) -> bool:
    """Whether a folder of these names is one student's, since it holds the lab itself."""
    return not {lab.name, f"{lab.name}.ipynb"}.isdisjoint(names)


def _in_students_folder(student: str, folder: Path, lab: Lab, limits: Limits) -> Submission:
    inner = folder / lab.name
    root = inner if inner.is_dir() and not inner.is_symlink() else folder
    notebooks = [path for path in files.below(root, limits) if path.suffix.lower() == ".ipynb"]
    notebook = _the_labs(notebooks, root, lab)
    files.require_size(notebook, limits)
    return Submission(student, notebook, notebook.parent)


def _the_labs(notebooks: Sequence[Path], root: Path, lab: Lab) -> Path:
    """The one notebook that is the lab's: by its place, its name or its first cell."""
    if len(notebooks) == 1:
        return notebooks[0]
    name = f"{lab.name}.ipynb"
    if root / name in notebooks:
        return root / name
    likely = [path for path in notebooks if path.name == name] or [path for path in notebooks if _is_of(path, lab)]
    if len(likely) == 1:
        return likely[0]
    found = (
        f"{len(likely)} notebooks" if likely else f"{len(notebooks)} notebooks, none" if notebooks else "no notebook"
    )
    raise Ungradable(f"{found} of {lab.key}: hand in one, called {name}")


def _is_of(notebook: Path, lab: Lab) -> bool:
    try:
        return (intake.started(intake.read(notebook)) or ("",))[0] == lab.key
    except Ungradable:
        return False
