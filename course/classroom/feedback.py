"""A feedback page for each student, where nbgrader puts its own; and all of them as Moodle takes them back."""

import re
import zipfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from nbformat import NotebookNode

from course.build import Lab
from course.classroom.standings import Standing
from course.grading.book import durable_io
from course.grading.result import Exercise
from course.notebook import cells
from course.pages import feedback
from course.pages.feedback import ByHand, Outline

# What nbgrader's release_feedback reads beside a page, of what its exchange has collected.
_RELEASED = ("timestamp.txt", "submission_secret.txt")
_LINE = re.compile(r"in line (\d+) of the check")


class Shown(StrEnum):
    """How much of a hidden test a student sees."""

    NONE = "none"
    LINE = "line"
    WHOLE = "whole"


def place(lab: Lab, student: str) -> Path:
    """Where a student's page is: where nbgrader puts it."""
    return lab.course / "feedback" / student / lab.name / f"{lab.name}.html"


def write(lab: Lab, standing: Standing, solution: NotebookNode, outline: Outline, shown: Shown) -> Path:
    """Write a graded student's page. Raises DiskError if it cannot be written."""
    assert standing.result and standing.entry
    given = standing.marks
    tests = {} if shown == Shown.NONE else hidden_tests(solution, standing.exercises, whole=shown == Shown.WHOLE)
    page = feedback.page(
        standing.result,
        outline=outline,
        when=datetime.fromisoformat(standing.entry.date).astimezone(UTC),
        who=standing.person.name or standing.person.id,
        tests=tests,
        by_hand=ByHand(given.by_hand, given.comments, given.penalty),
    )
    path = place(lab, standing.person.id)
    durable_io.write(path, page.encode(errors="backslashreplace"))
    for name in _RELEASED:
        if (collected := lab.course / "submitted" / standing.person.id / lab.name / name).is_file():
            durable_io.write(path.with_name(name), collected.read_bytes())
    return path


def hidden_tests(solution: NotebookNode, exercises: Sequence[Exercise], *, whole: bool) -> dict[str, str]:
    """By exercise that lost points, its check's source, or the line of it that says why."""
    sources = {
        cells.exercise_of(name): cell.source for name, cell in cells.by_name(solution).items() if cells.is_check(cell)
    }
    lost = [e for e in exercises if e.id in sources and e.verdict in ("fail", "error", "timeout", "crash")]
    return {e.id: sources[e.id] if whole else _line(sources[e.id], e) for e in lost}


def _line(source: str, exercise: Exercise) -> str:
    """The line that names the idea, that stopped, or that first asks for something."""
    lines = source.splitlines()
    if numbered := _LINE.search(exercise.message):
        return lines[min(int(numbered[1]), len(lines)) - 1].strip()
    wanted = f'"{exercise.misconception}"' if exercise.misconception else "expect"
    asking = [line for line in lines if wanted in line and not line.startswith(("import", "from"))]
    return next(iter(asking or [line for line in lines if "assert" in line]), "").strip()


def pack(lab: Lab, standings: Sequence[Standing], rows: Mapping[str, tuple[str, str]], path: Path) -> tuple[int, int]:
    """Write a zip for “Upload multiple feedback files”; how many pages it has, and how many graded students have none.

    `rows` are the worksheet's identifier ("Participant 301") and full name, by student. Raises DiskError if it cannot
    be written.
    """
    graded = [one.person.id for one in standings if one.result and one.person.id in rows]
    pages = {student: place(lab, student) for student in graded if place(lab, student).is_file()}
    with durable_io.reported(path), durable_io.new(path.parent) as part:
        with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as archive:
            for student, page in pages.items():
                identifier, name = rows[student]
                digits = re.sub(r"\D", "", identifier)
                archive.write(page, f"{name.replace('/', '-')}_{digits}_assignsubmission_file_/{lab.key}.html")
        durable_io.keep(part, path)
    return len(pages), len(graded) - len(pages)
