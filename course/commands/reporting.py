"""Commands about a class as a whole: what it did not understand, and who has the same."""

from pathlib import Path
from typing import Annotated

import typer

from course.commands.terminal import errors, fail, say


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
            except reporting.NoClass as error:
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
    for unreadable in (f"{of_lab.lab}: {one.reason}" for of_lab in reports for one in of_lab.unreadable):
        errors.print(unreadable, markup=False, highlight=False, soft_wrap=True)
    say(f"wrote {path}, and its {len(named)} pictures into {folder}")
