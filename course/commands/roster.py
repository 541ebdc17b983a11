"""`course roster`: who is in the class."""

from pathlib import Path
from typing import Annotated

import typer

from course.commands.terminal import as_json_text, console, errors, fail, say

app = typer.Typer(help="Who is in the class: show it, take in a list.", invoke_without_command=True)


@app.callback()
def show(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
    course: Annotated[Path | None, typer.Option(metavar="DIR", help="The course's checkout.")] = None,
) -> None:
    """Show the roster: `class/roster.csv` in the course, which may be edited by hand."""
    from dataclasses import asdict

    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    from course import paths
    from course.classroom import extensions, people

    if context.invoked_subcommand:
        return
    try:
        folder = paths.course_folder(course)
        roster, granted = people.read(folder), extensions.read(folder)
    except (people.RosterError, paths.NotACourse) as error:
        fail(2, str(error))
    longer: dict[str, dict[str, float]] = {student: {} for student in roster}
    for (student, lab), more in granted.items():
        longer.setdefault(student, {})[lab] = more
    if as_json:
        print(as_json_text([{**asdict(one), "extensions": longer[one.id]} for one in roster.values()]))
        return
    grid = Table(box=SIMPLE_HEAD, title=f"{len(roster)} students", title_justify="left", title_style="bold")
    for heading in ("id", "name", "section", "e-mail", "extra days", "also known as"):
        grid.add_column(heading, overflow="fold", justify="right" if heading == "extra days" else "left")
    for one in roster.values():
        days = [f"{one.extra_days:g}"] if one.extra_days else []
        days += [f"{lab} +{more:g}" for lab, more in longer[one.id].items()]
        cells = (one.id, one.name, one.section, one.email, ", ".join(days), ", ".join(one.aliases))
        grid.add_row(*(Text(cell) for cell in cells))
    console.print(grid)
    if not roster:
        say("`course roster import FILE.csv` takes in a list: your platform's, or one with id,name,email,section")


@app.command("import")
def take_in(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A CSV file: any platform's list of participants.")],
    id_: Annotated[str, typer.Option("--id", metavar="COLUMN", help="Which column is the id.")] = "",
    name: Annotated[str, typer.Option(metavar="COLUMN", help="… the full name.")] = "",
    email: Annotated[str, typer.Option(metavar="COLUMN", help="… the e-mail address.")] = "",
    section: Annotated[str, typer.Option(metavar="COLUMN", help="… the section, or group.")] = "",
    is_all: Annotated[bool, typer.Option("--replace", help="Whoever is not in the list leaves the roster.")] = False,
    course: Annotated[Path | None, typer.Option(metavar="DIR", help="The course's checkout.")] = None,
) -> None:
    """Take in a list of students: new ones are added, known ones changed, what the list does not say stays.

    Columns are known by the names that Moodle, Canvas, Blackboard, Brightspace and Gradescope give them; name others
    once, and they are remembered. nbgrader's gradebook gets the names as well.
    """
    from course import nbgrader_api, paths
    from course.classroom import enrolment, people, sheets
    from course.grading.book import gradebook
    from course.grading.book.durable_io import DiskError

    try:
        folder = paths.course_folder(course)
        sheet = sheets.read(file)
        given = {"id": id_, "name": name, "email": email, "section": section}
        places = enrolment.columns(sheet, folder, {what: column for what, column in given.items() if column})
        found = enrolment.listed(sheet, places)
        imported = enrolment.taken_in(people.read(folder), found, places, is_all=is_all)
        people.write(folder, imported.people.values())
        gradebook.enrol(folder, [(one.id, one.name, one.email) for one in imported.people.values()])
    except (
        *(people.RosterError, sheets.SheetError, paths.NotACourse),
        *(DiskError, gradebook.GradebookError, nbgrader_api.NbgraderError),
    ) as error:
        fail(2, str(error))
    kept = f", {imported.n_kept} not in the list stay" if imported.n_kept else ""
    say(f"{len(found)} students in {file.name}, by their {sheet.header[places['id']]}: "
        f"{imported.n_new} new, {imported.n_changed} changed{kept}")  # fmt: skip
    for line in imported.said:
        errors.print(line, markup=False, highlight=False, soft_wrap=True)


@app.command()
def extend(
    student: Annotated[str, typer.Argument(metavar="STUDENT", help="An id, or what else the roster calls one.")],
    lab: Annotated[str, typer.Argument(metavar="LAB", help="lab01, or 1.")],
    days: Annotated[str, typer.Argument(metavar="DAYS", help="How much longer; 0 takes it back.")],
    course: Annotated[Path | None, typer.Option(metavar="DIR", help="The course's checkout.")] = None,
) -> None:
    """Give a student longer for one lab, in the place of what was given before: kept in `class/extensions.csv`."""
    from course import build as builder
    from course import paths
    from course.classroom import extensions, people
    from course.grading.book.durable_io import DiskError

    try:
        found = builder.find(paths.course_folder(course), lab)
        person, longer = people.one(people.read(found.course), student), people.days(days, "DAYS")
        extensions.grant(found.course, person.id, found.key, longer)
    except (builder.BadSource, paths.NotACourse, people.RosterError, DiskError) as error:
        fail(2, str(error))
    given = f"{longer:g} days longer" if longer else "no days of their own"
    say(f"{person.id} has {given} for {found.key}, from the next `course grade` or `course replay` on")


def due(
    course: Annotated[Path | None, typer.Option(metavar="DIR", help="The course's checkout.")] = None,
) -> None:
    """Show when each lab is due, and what lateness costs, as nbgrader_config.py says it."""
    from course import nbgrader_api, paths
    from course.classroom import dates

    try:
        folder = paths.course_folder(course)
        when, late = dates.due(folder), dates.late(nbgrader_api.config(folder).TwoBills.get("late", {}))
    except (dates.DateError, paths.NotACourse) as error:
        fail(2, str(error))
    for lab, moment in sorted(when.items()):
        say(f"{lab}: {moment:%a %Y-%m-%d %H:%M %Z}")
    if not when:
        say('no lab has a due date: add c.TwoBills.due = {"lab01": "2026-10-15 23:59 Africa/Algiers"}')
    say(late.told)
