"""Commands of a student: open a lab, check it, talk to a small model."""

import io
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console, Group
from rich.table import Table as Grid
from rich.text import Text

from course.commands.terminal import console, fail, say

if TYPE_CHECKING:
    from course.grading.result import Result


def open_lab(
    lab: Annotated[str, typer.Argument(metavar="[LAB]", help="lab01, or 1.")] = "lab01",
    browser: Annotated[bool, typer.Option(help="Open it in a browser, or only print the address.")] = True,
    port: Annotated[int | None, typer.Option(help="The first port to try; a taken one is passed over.")] = None,
    course: Annotated[Path | None, typer.Option(metavar="DIR", help="The course's checkout.")] = None,
) -> None:
    """Open JupyterLab on your own copy of a lab in work/, which is never overwritten."""
    import subprocess
    import sys

    from course import build as builder
    from course import paths, workspace

    try:
        found = builder.find(paths.course_folder(course), lab)
        copy = workspace.copy(found)
    except (builder.BadSource, OSError) as error:
        fail(2, str(error))
    shown = copy.notebook.relative_to(found.course)
    say(f"{'made' if copy.is_new else 'kept'} your copy: {shown}")
    if copy.is_outdated:
        say(
            f"{found.key} has changed since you began. To get the new one, rename the folder {shown.parent} and run "
            f"`course lab {found.key}` again; yours stays as it is."
        )
    command = workspace.jupyterlab(copy.notebook, course=found.course, port=port, browser=browser)
    env = workspace.environment(found.course)
    if sys.platform == "win32":
        raise typer.Exit(subprocess.run(command, env=env).returncode)
    os.execve(command[0], command, env)


def check(
    lab: Annotated[str, typer.Argument(metavar="LAB", help="lab01, or 1.")],
    notebook: Annotated[Path | None, typer.Option(help="The notebook; without it, your copy in work/.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The verdicts as JSON.")] = False,
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="Also write the verdicts to a web page.")] = None,
    course: Annotated[Path | None, typer.Option(metavar="DIR", help="The course's checkout.")] = None,
) -> None:
    """Run a lab's hidden tests on your notebook: points, and the wrong idea that a lost point shows.

    Exit code 0: full marks; 1: points are missing; 2: it could not be graded.
    """
    from course import build as builder
    from course import paths, stock
    from course.grading import check as grading
    from course.grading.result import Ungradable

    try:
        found = builder.find(paths.course_folder(course), lab)
        if notebook is None:
            notebook = found.copy
            if not notebook.exists():
                fail(
                    2,
                    f"there is no copy of yours in {notebook.parent}: `course lab {found.key}` makes one, "
                    "or name a notebook with --notebook",
                )
        with console.status("starting …") as status:
            if as_json:
                status.stop()
            result = grading.check(found, notebook, progress=lambda at, of: status.update(f"cell {at} of {of}"))
    except (builder.BadSource, stock.StockError, Ungradable) as error:
        fail(2, str(error))
    if as_json:
        print(json.dumps(result.as_json(), indent=1, ensure_ascii=False))
    else:
        console.print(_report(result))
    if html:
        page = Console(record=True, width=120, file=io.StringIO())
        page.print(_report(result))
        try:
            page.save_html(str(html))
        except OSError as error:
            fail(2, f"{html} cannot be written: {error.strerror}")
    raise typer.Exit(0 if result.is_full else 1)


def _report(result: "Result") -> Group:
    """A table of the verdicts, and under it what else was noticed."""
    table = Grid(
        box=SIMPLE_HEAD,
        title=f"{result.lab}: {result.points:g} of {result.max_points:g} points",
        title_justify="left",
        title_style="bold",
    )
    table.add_column("exercise")
    table.add_column("points", justify="right")
    table.add_column("verdict")
    table.add_column("what was seen", overflow="fold")
    for exercise in result.exercises:
        style = {"pass": "green", "blank": "dim"}.get(exercise.verdict, "bold red")
        verdict = Text(exercise.misconception or exercise.verdict, style=style)
        table.add_row(exercise.id, f"{exercise.points:g}/{exercise.max_points:g}", verdict, Text(exercise.message))
    return Group(table, *(Text(f"note: {noticed}") for noticed in [*result.repaired, *result.flags]))
