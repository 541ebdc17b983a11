"""Who has longer for one lab: `class/extensions.csv` in the course (student, lab, days), which may be edited by hand.

The days are added to the `extra_days` that the roster gives a student for every lab.
"""

from pathlib import Path

from course import build
from course.classroom import people
from course.classroom.people import RosterError

_HEADER = ["student", "lab", "days"]


def path(course: Path) -> Path:
    """The extensions' file."""
    return people.path(course).with_name("extensions.csv")


def read(course: Path) -> dict[tuple[str, str], float]:
    """Days by student and lab ("lab01"); none without a file. Raises RosterError, naming the row that is wrong."""
    labs = [lab.key for lab in build.labs(course)]
    found: dict[tuple[str, str], float] = {}
    for where, row in people.records(path(course)):
        student, lab, days = (row.get(name, "") for name in _HEADER)
        if not student:
            raise RosterError(f"{where}: it has no student; the columns are {','.join(_HEADER)}")
        if lab not in labs:
            raise RosterError(f"{where}: there is no lab {lab!r}; the labs are: {', '.join(labs)}")
        if (student, lab) in found:
            raise RosterError(f"{where}: {student} has one for {lab} already: keep one row")
        found[student, lab] = people.days(days, f"{where}: days")
    return found


def grant(course: Path, student: str, lab: str, days: float) -> None:
    """Give a student days for a lab, in the place of those given before; 0 takes them back.

    Raises RosterError, or DiskError where the file cannot be written.
    """
    kept = {**read(course), (student, lab): days}
    people.save(path(course), _HEADER, [(*key, f"{longer:g}") for key, longer in sorted(kept.items()) if longer])
