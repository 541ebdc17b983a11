"""Commands of a student: open a lab, check it, talk to a small model."""

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Group
from rich.table import Table as Grid
from rich.text import Text

from course.commands.terminal import as_json_text, console, fail, say

if TYPE_CHECKING:
    from course.build import Lab
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
    wanted: Annotated[
        str, typer.Argument(metavar="LAB|NOTEBOOK", help="lab01, or 1; or a notebook, whose first cell names its lab.")
    ],
    notebook: Annotated[Path | None, typer.Option(help="The lab's notebook; without it, your copy in work/.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The verdicts as JSON.")] = False,
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="Also write the verdicts to a web page.")] = None,
    name: Annotated[str, typer.Option(metavar="NAME", help="Your name, for the page.")] = "",
    course: Annotated[Path | None, typer.Option(metavar="DIR", help="The course's checkout.")] = None,
) -> None:
    """Run a lab's hidden tests on your notebook: points, and the wrong idea that a lost point shows.

    Exit code 0: full marks; 1: points are missing; 2: it could not be graded.
    """
    import signal

    from course import build as builder
    from course import nbgrader_api, paths
    from course.grading import self_check
    from course.grading.result import Ungradable

    signal.signal(signal.SIGTERM, signal.default_int_handler)  # told to end, it clears up behind itself
    try:
        lab, checked = _lab_and_notebook(wanted, notebook, paths.course_folder(course))
        with console.status("starting …") as status:
            if as_json:
                status.stop()
            result = self_check.check(lab, checked, progress=lambda at, of: status.update(f"cell {at} of {of}"))
    except (builder.BadSource, nbgrader_api.NbgraderError, Ungradable) as error:
        fail(2, str(error))
    if as_json:
        print(as_json_text(result.to_json()))
    else:
        console.print(_report(result))
    if html:
        _write(html, _page(result, lab, checked, who=name))
    raise typer.Exit(0 if result.is_full else 1)


def _lab_and_notebook(wanted: str, notebook: Path | None, course: Path) -> "tuple[Lab, Path]":
    """What is to be checked: a notebook of the lab that it names; or a lab's, which is one's own copy unless given."""
    from course import build as builder
    from course.grading import self_check

    if wanted.endswith(".ipynb") or "/" in wanted or os.sep in wanted:
        if notebook:
            fail(2, f"{wanted} and --notebook {notebook} are two notebooks: name one")
        return self_check.lab_of(Path(wanted), course), Path(wanted)
    lab = builder.find(course, wanted)
    if notebook is None and not lab.copy.exists():
        fail(
            2,
            f"there is no copy of yours in {lab.copy.parent}: `course lab {lab.key}` makes one, "
            "or name the notebook itself",
        )
    return lab, notebook or lab.copy


def _page(result: "Result", lab: "Lab", notebook: Path, *, who: str) -> str:
    """The verdicts as a web page, with a link to the notebook where JupyterLab serves it now."""
    from datetime import datetime

    from course import build as builder
    from course import workspace
    from course.pages import feedback

    return feedback.page(
        result,
        outline=feedback.outline(builder.instructor_notebook(lab)),
        when=datetime.now().astimezone(),
        who=who,
        notebook=workspace.address(notebook) or "",
    )


def _write(file: Path, text: str) -> None:
    """Write the file whole, or end the command."""
    part = file.with_name(f".{file.name}.part")
    try:
        part.write_text(text, encoding="utf-8")
        os.replace(part, file)
    except OSError as error:
        with suppress(OSError):
            part.unlink()
        fail(2, f"{file} cannot be written: {error.strerror}")


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
