"""Commands about a class as a whole: what it did not understand, and who has the same."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from course.commands.terminal import as_json_text, console, errors, fail, say

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

    from course.classroom.executed import Unreadable
    from course.classroom.likeness import Likeness

SHOWN = 30  # lines of a table: the rest is in --json and --html


def report(
    lab: Annotated[str | None, typer.Argument(metavar="[LAB]", help="lab01, or 1.")] = None,
    every: Annotated[bool, typer.Option("--all", help="All labs that have been graded, on one page.")] = False,
    names: Annotated[bool, typer.Option("--names", help="Say which students; without it no page names any.")] = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE.html", help="Else class/report-LAB.html.")
    ] = None,
    course: Annotated[Path | None, typer.Option(metavar="DIR", help="The course's checkout.")] = None,
) -> None:
    """Write a page on what the class did not understand, and on each exercise, with pictures in it and beside it.

    First of all the wrong ideas: how many hold each, and what to say about it.
    """
    from datetime import datetime

    from course import build as builder
    from course import paths
    from course.classroom import report as reporting
    from course.classroom.people import RosterError
    from course.classroom.standings import NoClass
    from course.grading.book.durable_io import DiskError
    from course.grading.book.gradebook import GradebookError

    if (lab is None) != every:
        fail(2, "name a lab, or take --all of them")
    try:
        checkout = paths.course_folder(course)
        labs = builder.labs(checkout) if lab is None else [builder.find(checkout, lab)]
        reports, without = [], []
        for one in labs:
            try:
                reports.append(reporting.of(one))
            except NoClass as error:
                without.append(error)
        if not reports:
            fail(2, str(without[0]) if lab else "no lab has been graded yet: `course grade LAB` comes first")
        path = output or checkout / "class" / f"report-{reports[0].lab if lab else 'all'}.html"
        images = [reporting.drawn(one) for one in reports]
        html = reporting.page(reports, images, when=datetime.now().astimezone(), names=names)
        named = [(of_lab.lab, image) for of_lab, drawn in zip(reports, images, strict=True) for image in drawn]
        folder = reporting.write(path, html, named)
    except (builder.BadSource, RosterError, DiskError, GradebookError) as error:
        fail(2, str(error))
    for of_lab in reports:
        _tell(of_lab.lab, of_lab.unreadable)
    say(f"wrote {path}, and its {len(named)} pictures into {folder}")


def compare(
    lab: Annotated[str, typer.Argument(metavar="LAB", help="lab01, or 1.")],
    as_json: Annotated[bool, typer.Option("--json", help="All of it, both sides in full, as JSON.")] = False,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE.html", help="Both sides of each, beside each other.")
    ] = None,
    course: Annotated[Path | None, typer.Option(metavar="DIR", help="The course's checkout.")] = None,
) -> None:
    """Show what students of a class have alike: the same measurements first, then answers that look alike.

    These are flags for a person to look at, and no verdicts: who works together has alike what two have alike.
    """
    from course import build as builder
    from course import paths
    from course.classroom import likeness
    from course.classroom.people import RosterError
    from course.classroom.standings import NoClass
    from course.grading.book import durable_io
    from course.grading.book.durable_io import DiskError
    from course.grading.book.gradebook import GradebookError
    from course.pages import templates

    try:
        found = likeness.of(builder.find(paths.course_folder(course), lab))
        if html:
            durable_io.write(html, templates.render("compare.html", found=found).encode())
    except (builder.BadSource, NoClass, RosterError, DiskError, GradebookError) as error:
        fail(2, str(error))
    _tell(found.lab, found.unreadable)
    if as_json:
        print(as_json_text(found.to_json()))
        return
    tables = (("records", found.records, _records), ("pairs of answers", found.answers, _answers))
    for kind, shared, table in tables:
        if shared:
            console.print(table(found))
        else:
            say(f"{found.lab}: no {kind} are alike among {found.n} students")
        if len(shared) > SHOWN:
            say(f"and {len(shared) - SHOWN} more {kind}: --html FILE and --json have all")
    if html:
        say(f"wrote {html}")


def _tell(lab: str, unreadable: "Iterable[Unreadable]") -> None:
    for one in unreadable:
        errors.print(f"{lab}: {one.reason}", markup=False, highlight=False, soft_wrap=True)


def _records(found: "Likeness") -> "Table":
    from course.measure.record import kind_of

    grid = _grid(f"{found.lab}: records that several of {found.n} students hold, {len(found.records)} in all")
    for heading in ("what", "student, and when it was made"):
        grid.add_column(heading, overflow="fold")
    for one in found.records[:SHOWN]:
        sides = [f"{student}: {record['date']}" for student, record in one.held.items()]
        kind = kind_of(next(iter(one.held.values())))
        grid.add_row(_text(f"{one.what} ({kind})"), _text("\n".join(sides)))
    return grid


def _answers(found: "Likeness") -> "Table":
    grid = _grid(f"{found.lab}: pairs of answers that are alike, {len(found.answers)} in all")
    for heading in ("exercise", "one student", "the other"):
        grid.add_column(heading, overflow="fold")
    grid.add_column("fingerprints shared", justify="right")
    grid.add_column("of those that are their own", justify="right")
    for pair in found.answers[:SHOWN]:
        grid.add_row(pair.exercise, *map(_text, pair.students), str(pair.shared), f"{pair.score:.0%}")
    return grid


def _grid(title: str) -> "Table":
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    return Table(box=SIMPLE_HEAD, title=_text(title), title_justify="left", title_style="bold")


def _text(words: str) -> "Text":
    from rich.text import Text

    return Text(words)
