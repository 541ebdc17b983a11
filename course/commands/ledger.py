"""Commands about what has been graded: write it into the gradebook again, show a student's results."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from course.commands.terminal import as_json_text, console, errors, fail, say

if TYPE_CHECKING:
    from rich.table import Table

    from course.classroom.standings import Standing
    from course.grading.book.ledger import Entry

SHOWN_HASH = 8


def replay(
    lab: Annotated[str, typer.Argument(metavar="LAB", help="lab01, or 1.")],
    course: Annotated[Path | None, typer.Option(metavar="DIR", help="The course's checkout.")] = None,
) -> None:
    """Write a lab's results from the ledger into the gradebook and autograded/ again; manual marks stay.

    Exit code 0: all are written; 1: of some, only the marks; 2: it could not run.
    """
    from course import build as builder
    from course import nbgrader_api, paths
    from course.classroom import dates, people
    from course.commands import classes
    from course.grading.book import marks
    from course.grading.book.durable_io import DiskError
    from course.grading.book.gradebook import GradebookError
    from course.grading.book.ledger import Ledger

    n_written, faults = 0, []
    try:
        found = builder.find(paths.course_folder(course), lab)
        with Ledger(found.course).writing() as book, classes.progress(errors) as bar:
            entries, solution = book.entries(found), builder.instructor_notebook(found)
            on_bar = bar.add_task("writing", total=len(marks.counts(entries)))
            for _, fault in marks.replay(book, found, solution=solution, entries=entries):
                n_written += 1
                faults += [fault] if fault else []
                bar.advance(on_bar)
        dates.apply(found)
    except (
        *(builder.BadSource, nbgrader_api.NbgraderError, DiskError, GradebookError),
        *(dates.DateError, people.RosterError),
    ) as error:
        fail(2, str(error))
    except KeyboardInterrupt:
        fail(130, f"stopped: {n_written} are written; run it again for all")
    for fault in faults:
        errors.print(f"{fault}: its marks are written", markup=False, highlight=False, soft_wrap=True)
    say(f"{found.key}: the marks of {n_written} students are in the gradebook, as the ledger has them")
    raise typer.Exit(1 if faults else 0)


def history(
    student: Annotated[str, typer.Argument(metavar="STUDENT")],
    lab: Annotated[str, typer.Argument(metavar="LAB", help="lab01, or 1.")],
    as_json: Annotated[
        bool,
        typer.Option(
            "--json", help="The ledger's lines, as JSON; with what the gradebook adds to the one that counts."
        ),
    ] = False,
    course: Annotated[Path | None, typer.Option(metavar="DIR", help="The course's checkout.")] = None,
) -> None:
    """Show all results of a student in a lab, oldest first, and what changed from one to the next."""
    from dataclasses import asdict

    from course import build as builder
    from course import paths
    from course.classroom import people, standings
    from course.grading.book.durable_io import DiskError
    from course.grading.book.gradebook import GradebookError
    from course.grading.book.ledger import Ledger

    try:
        found = builder.find(paths.course_folder(course), lab)
        entries = Ledger(found.course).entries(found)
        known = {one.person.id: one for one in standings.of(found)}
    except (builder.BadSource, DiskError, GradebookError, people.RosterError) as error:
        fail(2, str(error))
    theirs = [entry for entry in entries if entry.student == student]
    if not theirs:
        names = sorted({entry.student for entry in entries})
        fail(2, f"the ledger has no result of {student} in {found.key}; it has those of: {_some(names) or 'nobody'}")
    if as_json:
        given = {"by_hand": known[student].marks.by_hand, "penalty": known[student].marks.penalty}
        lines = [{**asdict(e), **(given if e == known[student].entry else {})} for e in theirs]
        print(as_json_text(lines))
    else:
        console.print(_table(f"{found.key}: {student}", theirs, known[student]))


def _table(title: str, entries: "Sequence[Entry]", standing: "Standing") -> "Table":
    """A line for each result; the one that counts is set in bold, with what the gradebook makes of it."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    from course.grading.book import marks

    counting = next(iter(marks.counts(entries).values()), None)
    grid = Table(box=SIMPLE_HEAD, title=title, title_justify="left", title_style="bold")
    grid.add_column("graded (UTC)", no_wrap=True)
    grid.add_column("points", justify="right")
    for heading in ("submission", "tests"):
        grid.add_column(heading, no_wrap=True)
    grid.add_column("what changed", overflow="fold")
    for before, entry in zip([None, *entries], entries, strict=False):
        result = entry.result
        changes = [*marks.changes(before, entry), *([f"not graded: {entry.reason}"] if entry.reason else [])]
        grid.add_row(
            Text(entry.date[:16].replace("T", " ")),
            Text(f"{result.points:g}/{result.max_points:g}" if result else "–"),
            Text(entry.submission[:SHOWN_HASH] or "–"),
            Text(entry.tests[:SHOWN_HASH]),
            Text("; ".join(changes) + (f" ({', '.join(['counts', *standing.notes])})" if entry is counting else "")),
            style="bold" if entry is counting else "",
        )
    return grid


def _some(names: Sequence[str], most: int = 10) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
