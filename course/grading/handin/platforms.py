"""What a learning platform's download says of each file: whose it is, when it was handed in, what it was called.

    platform      a file in its zip
    Moodle        Ada Lovelace_301_assignsubmission_file/mine.ipynb, with a last _ before 4.1
                  Ada Lovelace_301_assignsubmission_file_mine.ipynb, without folders
    Canvas        lovelaceada_LATE_1002_2002_mine-1.ipynb, anon_x1y2z_2002_mine.ipynb
    Blackboard    Lab 1_alovelace_attempt_2026-10-01-10-00-00_mine.ipynb
    Brightspace   1234-5678 - Ada Lovelace - Oct 1, 2026 1000 AM/mine.ipynb
    Gradescope    assignment_99_export/submission_1/mine.ipynb
    ILIAS         Lab 1/Lovelace_Ada_alovelace_77/mine.ipynb

A student has one id, whatever the attempt: the platform's where it is the same in every assignment, and otherwise the
full name (Moodle's participant numbers are an assignment's own).
"""

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

Parts = tuple[str, ...]  # of a path


@dataclass(frozen=True)
class File:
    """A file of an attempt: `inner` is its path in what the student handed in.

    The newest attempt is the one of the last `when`; of files with one path in it, the one with the largest `again`.
    """

    student: str
    inner: Parts
    when: datetime | None = None
    again: int = 0
    name: str = ""  # the student's, as the platform writes it
    number: str = ""  # the platform's, of the student in this assignment


@dataclass(frozen=True)
class Layout:
    """A download whose layout is known: each file's place in it, and what it says; and what is no student's."""

    platform: str
    files: Mapping[Parts, File]
    others: Sequence[Parts] = field(default_factory=tuple)

    @property
    def attempts(self) -> dict[str, list[dict[Parts, Parts]]]:
        """By student, each attempt's files, as {inner: place}, the newest attempt last."""
        found: dict[str, dict[tuple[datetime, int], dict[Parts, Parts]]] = {}
        newest: dict[tuple[str, datetime | None, Parts], int] = {}
        for file in self.files.values():
            key = file.student, file.when, file.inner
            newest[key] = max(newest.get(key, 0), file.again)
        for place, file in self.files.items():
            n_later = newest[file.student, file.when, file.inner] - file.again
            found.setdefault(file.student, {}).setdefault((file.when or datetime.min, -n_later), {})[file.inner] = place
        return {student: [by_time[key] for key in sorted(by_time)] for student, by_time in found.items()}

    def time(self, student: str) -> datetime | None:
        """When the newest attempt was handed in, in the platform's local time, where the platform says it."""
        return max((file.when for file in self.files.values() if file.student == student and file.when), default=None)

    def name(self, student: str) -> str:
        """The student's full name, where the platform says it."""
        return next((file.name for file in self.files.values() if file.student == student), "")


def layout(places: Sequence[Parts]) -> Layout | None:
    """The layout of a download's files, None if it is no platform's that is known.

    All that could be handed in must be called as the platform does it. A folder around all of it may be there or not.
    """
    tops = {place[0] for place in places}
    depths = (0, 1) if len(tops) == 1 and all(len(place) > 1 for place in places) else (0,)
    for depth in depths:
        for platform, read in _READERS.items():
            found = {place: file for place in places if (file := read(place[depth:]))}
            others = [place for place in places if place not in found]
            if found and not any(_is_submission(place) for place in others):
                return Layout(platform, _apart(found), others)
    return None


def _is_submission(place: Parts) -> bool:
    return place[-1].lower().endswith((".ipynb", ".zip"))


def _apart(files: Mapping[Parts, File]) -> dict[Parts, File]:
    """The files with their students' numbers in the ids of those who share a name."""
    numbers: dict[str, set[str]] = {}
    for file in files.values():
        numbers.setdefault(file.student, set()).add(file.number)
    return {
        place: replace(file, student=f"{file.student} {file.number}") if len(numbers[file.student]) > 1 else file
        for place, file in files.items()
    }


_MOODLE = re.compile(r"(?P<name>.+)_(?P<number>\d+)_assignsubmission_(?P<plugin>[a-z]+)(?:_(?P<file>.*))?")
_CANVAS = re.compile(
    r"(?:anon_(?P<anonymous>[^_]+)|(?P<name>[^_]+))(?P<late>_LATE)?(?(anonymous)|_(?P<user>\d+))(?:_LATE)?_\d+_(?P<file>.+)"
)
_AGAIN = re.compile(r"(?P<stem>.+)-(?P<again>\d+)(?P<ending>\.\w+)")
_BLACKBOARD = re.compile(r".+?_(?P<user>[^_]+)_attempt_(?P<when>\d{4}(?:-\d\d){5})(?:_(?P<file>.+)|\.txt)")
_BRIGHTSPACE = re.compile(r"(?P<user>\d+)-\d+ - (?P<name>.+) - (?P<when>[A-Z][a-z]{2,8} \d{1,2}, \d{4} \d{3,4} [AP]M)")
_ILIAS = re.compile(r"(?P<last>[^_]+)_(?P<first>[^_]+)_(?P<user>[^_]+)_\d{2,}")


def _moodle(place: Parts) -> File | None:
    if not (found := _MOODLE.fullmatch(place[0])):
        return None
    name, number = unicodedata.normalize("NFC", found["name"]), found["number"]
    student = number if name == "Participant" else name
    inner = (*([found["file"]] if found["file"] and len(place) == 1 else []), *place[1:])
    return File(student, inner, name=name, number=number) if inner else None


def _canvas(place: Parts) -> File | None:
    found = _CANVAS.fullmatch(place[0]) if len(place) == 1 else None
    if not found:
        return None
    user, named, again = found["user"] or found["anonymous"], found["file"], 0
    if numbered := _AGAIN.fullmatch(named):
        named, again = numbered["stem"] + numbered["ending"], int(numbered["again"])
    return File(user, (named,), again=again, name=found["name"] or "")


def _blackboard(place: Parts) -> File | None:
    found = _BLACKBOARD.fullmatch(place[0]) if len(place) == 1 else None
    if not found or not (when := _time(found["when"], "%Y-%m-%d-%H-%M-%S")):
        return None
    return File(found["user"], (found["file"] or "attempt.txt",), when)


def _brightspace(place: Parts) -> File | None:
    found = _BRIGHTSPACE.fullmatch(place[0]) if len(place) > 1 else None
    if not found:
        return None
    day, hours, half = found["when"].rsplit(" ", 2)
    when = _time(f"{day[:3]}{day[day.index(' ') :]} {hours:0>4} {half}", "%b %d, %Y %I%M %p")
    return File(found["user"], place[1:], when, name=found["name"]) if when else None


def _gradescope(place: Parts) -> File | None:
    is_one = len(place) > 1 and re.fullmatch(r"submission_\d+", place[0])
    return File(place[0], place[1:]) if is_one else None


def _ilias(place: Parts) -> File | None:
    found = _ILIAS.fullmatch(place[0]) if len(place) > 1 else None
    return File(found["user"], place[1:], name=f"{found['first']} {found['last']}") if found else None


_READERS: dict[str, Callable[[Parts], File | None]] = {
    "Moodle": _moodle,
    "Blackboard": _blackboard,
    "Brightspace": _brightspace,
    "Gradescope": _gradescope,
    "Canvas": _canvas,
    "ILIAS": _ilias,
}


def _time(text: str, form: str) -> datetime | None:
    try:
        return datetime.strptime(text, form)
    except ValueError:
        return None
