"""What a class gets back: marks in the file that its learning platform takes, and a page for each student."""

from collections import Counter
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from course.commands.terminal import errors, fail, say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from course.classroom.standings import Standing


class Platform(StrEnum):
    """Whose file it is."""

    MOODLE = "moodle"
    CANVAS = "canvas"
    CSV = "csv"


def export(
    lab: Annotated[str, typer.Argument(metavar="LAB", help="lab01, or 1.")],
    to: Annotated[Platform, typer.Option(help="Whose file it is to be.")],
    into: Annotated[
        Path | None, typer.Option(metavar="FILE", help="What you downloaded: Moodle's worksheet, Canvas' gradebook.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="Where to; LAB-PLATFORM.csv without it.")
    ] = None,
    column: Annotated[
        str, typer.Option(metavar="NAME", help="Canvas' column, where its name does not say the lab.")
    ] = "",
    feedback: Annotated[
        Path | None, typer.Option(metavar="FILE.zip", help="Also the pages of `course feedback`, as Moodle takes them.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite what is there.")] = False,
    course: Annotated[Path | None, typer.Option(metavar="DIR", help="The course's checkout.")] = None,
) -> None:
    """Write a lab's marks into the file that your learning platform takes back.

    The file that you downloaded stays as it is; in the new one only the marks are filled in. Who handed in nothing, or
    nothing that could be graded, gets none.

    Exit code 0: all marks have their place; 1: some have none, and are listed; 2: nothing was written.
    """
    from course import build as builder
    from course import paths
    from course.classroom import export as exporting
    from course.classroom import feedback as pages
    from course.classroom import people, sheets, standings
    from course.grading.book.durable_io import DiskError
    from course.grading.book.gradebook import GradebookError

    if feedback and to != Platform.MOODLE:
        fail(2, f"--feedback is a zip for Moodle, and {to} takes none: the pages are in feedback/STUDENT/")
    try:
        found = builder.find(paths.course_folder(course), lab)
        known = standings.of(found)
        target = output or Path(f"{found.key}-{to}.csv")
        standings.graded(found, known)
        for path in (target, *([feedback] if feedback else [])):
            if path.exists() and not force:
                fail(2, f"{path} exists: name another with -o, or overwrite it with --force")
        if to == Platform.CSV:
            rows = exporting.everything(known)
            sheets.write(sheets.Sheet(target, tuple(tuple(row) for row in rows), "utf-8-sig"), target)
            say(f"wrote {target}: {len(known)} students{_without(known)}")
            return
        if into is None:
            fail(2, f"{to} takes its own file back: download it there, and name it with --into FILE")
        sheet = sheets.read(into)
        filled = (
            exporting.moodle(sheet, known, lab=found.key)
            if to == Platform.MOODLE
            else exporting.canvas(sheet, known, lab=found.key, column=column)
        )
        sheets.write(filled.sheet, target)
        n_rows = len(filled.rows) + len(filled.unknown)
        say(f"wrote {target}: {filled.n_marks} marks in {n_rows} rows of students{_without(known)}")
        if feedback:
            n_pages, without = pages.pack(found, known, filled.rows, feedback)
            say(f"wrote {feedback}: {n_pages} pages{f'; none of {without} students' if without else ''}")
    except (
        *(builder.BadSource, people.RosterError, sheets.SheetError),
        *(standings.NoClass, DiskError, GradebookError),
    ) as error:
        fail(2, str(error))
    if filled.scale:
        errors.print(f"points of {filled.scale[0]:g} are scaled to the file's {filled.scale[1]:g}", highlight=False)
    _tell("no mark is for", filled.unknown)
    _tell("has a mark, but no row there:", filled.missing)
    _tell("Moodle lets nobody change the grade of", filled.closed)
    _tell("no mark, and the grade in the file stays:", filled.kept)
    raise typer.Exit(1 if filled.missing or filled.unknown or filled.closed else 0)


def _without(known: "Sequence[Standing]") -> str:
    """How many of the class have no mark, and why."""
    counts = Counter(one.status for one in known if one.mark is None)
    return f"; no mark: {', '.join(f'{count} {status}' for status, count in counts.items())}" if counts else ""


def _tell(what: str, whom: tuple[str, ...]) -> None:
    for one in whom:
        errors.print(f"{what} {one}", markup=False, highlight=False, soft_wrap=True)


def feedback(
    lab: Annotated[str, typer.Argument(metavar="LAB", help="lab01, or 1.")],
    students: Annotated[list[str] | None, typer.Argument(metavar="[STUDENT]...", help="Whose; all without it.")] = None,
    tests: Annotated[
        Literal["none", "line", "whole"], typer.Option(help="How much of a hidden test that was lost is shown.")
    ] = "none",
    course: Annotated[Path | None, typer.Option(metavar="DIR", help="The course's checkout.")] = None,
) -> None:
    """Write a page for each graded student: verdicts, the wrong ideas in words, a person's points and comments.

    The pages are where nbgrader's own would be, in feedback/STUDENT/; they load nothing and run nothing.
    """
    from course import build as builder
    from course import paths
    from course.classroom import feedback as pages
    from course.classroom import people, standings
    from course.grading.book.durable_io import DiskError
    from course.grading.book.gradebook import GradebookError
    from course.pages.feedback import outline

    try:
        found = builder.find(paths.course_folder(course), lab)
        graded = {one.person.id: one for one in standings.graded(found, standings.of(found))}
        if unknown := [student for student in students or () if student not in graded]:
            fail(2, f"nothing of {', '.join(unknown)} has been graded in {found.key}; `course history` shows results")
        solution = builder.instructor_notebook(found)
        asked = outline(solution)
        for student in students or graded:
            pages.write(found, graded[student], solution, asked, pages.Shown(tests))
    except (
        *(builder.BadSource, people.RosterError, standings.NoClass),
        *(DiskError, GradebookError),
    ) as error:
        fail(2, str(error))
    say(f"wrote the pages of {len(students or graded)} students: feedback/STUDENT/{found.name}/{found.name}.html")
