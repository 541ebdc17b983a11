"""The `course` command: parse, call, print. What is done lives in the other modules."""

import json
import re
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

if TYPE_CHECKING:
    import pandas as pd

    from course.data import Table
    from course.grading.result import Result

app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__, pretty_exceptions_enable=False)
console = Console()
errors = Console(stderr=True)

PASSED_ON = {"allow_extra_args": True, "ignore_unknown_options": True}


@app.command()
def setup(dev: Annotated[bool, typer.Option(help="Also what the tests need.")] = False) -> None:
    """Install what the course needs into .venv, once."""
    from course.__main__ import set_up

    set_up(dev=dev)


@app.command()
def doctor() -> None:
    """Look whether this machine is ready for the course, and name the one next step if not."""
    from rich.table import Table
    from rich.text import Text

    from course import doctor

    table = Table("", "checked", "found", box=None)
    with console.status("looking …"):
        checks = list(doctor.examine())
    for check in checks:
        table.add_row("[green]ok" if check.ok else "[bold red]no", check.name, Text(check.found))
    console.print(table)
    if command := doctor.next_command(checks):
        console.print(f"\nnext: {command}", soft_wrap=True, markup=False)
        raise typer.Exit(1)
    console.print("\nready")


@app.command(context_settings=PASSED_ON)
def test(context: typer.Context) -> None:
    """Run the tests; what follows is passed on to pytest."""
    raise typer.Exit(_dev_tool("pytest", *context.args))


@app.command()
def lint() -> None:
    """Check style, layout and types."""
    tools = (("ruff", "check"), ("ruff", "format", "--check"), ("mypy",))
    raise typer.Exit(max([_dev_tool(*tool) for tool in tools]))


@app.command()
def clean() -> None:
    """Remove what can be made again: caches, generated notebooks, packages; never work, marks or .venv."""
    from course import leftovers, paths

    checkout = paths.course_folder()
    found = leftovers.find(checkout)
    leftovers.remove(found)
    for path in found:
        console.print(f"removed {path.relative_to(checkout)}", markup=False)


def _dev_tool(name: str, *arguments: str) -> int:
    """Run one of the tools that the dev extra brings, in the checkout; its exit code."""
    import importlib.util
    import subprocess
    import sys

    from course import paths

    if importlib.util.find_spec(name) is None:
        errors.print(f"{name} is not installed: run `python -m course setup --dev` first")
        raise typer.Exit(2)
    return subprocess.run([sys.executable, "-m", name, *arguments], cwd=paths.course_folder()).returncode


@app.command()
def data(
    table: Annotated[str | None, typer.Argument(help="The table to show; without one, what there is.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Every row and column, as JSON.")] = False,
) -> None:
    """Show the published figures behind the labs: the tables, or one table with its sources."""
    import json
    from dataclasses import asdict

    from course import data as package

    try:
        if table is None:
            found = package.tables()
            if as_json:
                typer.echo(json.dumps([asdict(one) for one in found], ensure_ascii=False, indent=1))
            else:
                _print_tables(found)
        elif as_json:
            rows = json.loads(package.load(table).to_json(orient="records", double_precision=15))
            typer.echo(json.dumps(rows, ensure_ascii=False, indent=1))
        else:
            _print_table(package.table(table), package.load(table))
    except package.DataError as problem:
        errors.print(str(problem), soft_wrap=True, markup=False, highlight=False)
        raise typer.Exit(2) from problem


def _print_tables(tables: list["Table"]) -> None:
    headings = ("table", "rows", "primary", "quoted", "measured", "sources", "what")
    grid = Grid(*headings, box=None, padding=(0, 1, 0, 0), header_style="bold underline")
    for column in grid.columns[1:6]:
        column.justify = "right"
    for one in tables:
        counts = [one.rows, *one.evidence.values(), one.sources]
        grid.add_row(one.name, *map(str, counts), one.title)
    console.print(grid)
    console.print("\ncourse data TABLE shows one; what the words mean: datasets/README.md", highlight=False)


def _print_table(table: "Table", rows: "pd.DataFrame") -> None:
    """The columns worth showing, each row with the number of its source, then the sources."""
    numeric = rows.select_dtypes("number").columns
    sources = rows[["source_title", "source_date", "source_url"]].drop_duplicates("source_url")
    number = {url: str(n) for n, url in enumerate(sources["source_url"], start=1)}
    width = 100 if console.width < 100 else None  # a narrow terminal wraps lines; it loses no cell
    grid = Grid(box=None, padding=(0, 1, 0, 0), header_style="bold underline", width=width)
    for name in [*table.shown, "source"]:
        heading = textwrap.fill(name.replace("_", "_ "), 12).replace("_ ", "_")  # break long names at an underscore
        number_like = name in numeric or name == "source"
        short = number_like or rows[name].str.len().max() <= 16
        grid.add_column(heading, justify="right" if number_like else "left", no_wrap=short)
    for _, row in rows.iterrows():
        cells = [_number(row[name]) if name in numeric else row[name] for name in table.shown]
        grid.add_row(*cells, number[row["source_url"]])
    console.print(f"{table.title} ({table.rows} rows)\n", highlight=False)
    console.print(grid, crop=False)
    console.print("\nSources", highlight=False)
    for title, date, url in sources.itertuples(index=False):
        console.print(f"{number[url]:>3} {title}, {date}\n    {url}", soft_wrap=True, markup=False, highlight=False)
    console.print(f"\nNotes and the other columns: {table.path}, or --json", highlight=False)


def _number(value: float) -> str:
    if value != value:
        return ""
    if abs(value) < 1e6 and value == int(value):
        return f"{value:.0f}"
    return re.sub(r"e\+?(-?)0*", r"e\1", f"{value:.4g}")


@app.command()
def build(
    wanted: Annotated[list[str] | None, typer.Argument(metavar="[LAB]...", help="Which labs; all of them.")] = None,
    check: Annotated[bool, typer.Option("--check", help="Write nothing; fail if a notebook is out of date.")] = False,
) -> None:
    """Make the notebooks, instructors' and students', from the labs' sources."""
    from course import build as builder
    from course import paths, stock

    try:
        checkout = paths.course_folder()
        labs = [builder.find(checkout, name) for name in wanted] if wanted else builder.labs(checkout)
        for lab in labs:
            if not check:
                for path in builder.build(lab):
                    console.print(f"wrote {path.relative_to(checkout)}", markup=False)
            elif builder.is_stale(lab):
                _fail(
                    1, f"{lab.release.relative_to(checkout)} is not what its source gives: run `course build {lab.key}`"
                )
    except (builder.BadSource, paths.NotACourse, stock.StockError) as error:
        _fail(2, str(error))


@app.command()
def check(
    lab: Annotated[str, typer.Argument(metavar="LAB", help="lab01, or 1.")],
    notebook: Annotated[Path | None, typer.Option(help="The notebook; without it, your copy in work/.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The verdicts as JSON.")] = False,
    course: Annotated[Path | None, typer.Option(metavar="DIR", help="The course's checkout.")] = None,
) -> None:
    """Run a lab's hidden tests on your notebook: points, and the wrong idea that a lost point shows.

    Exit code 0: full marks; 1: points are missing; 2: it could not be graded.
    """
    from course import build as builder
    from course import paths
    from course.grading import check as grading
    from course.grading.result import Ungradable

    try:
        found = builder.find(paths.course_folder(course), lab)
        if notebook is None:
            notebook = found.course / "work" / found.name / f"{found.name}.ipynb"
            if not notebook.exists():
                _fail(
                    2,
                    f"there is no copy of yours in {notebook.parent}: `course lab {found.key}` makes one, "
                    "or name a notebook with --notebook",
                )
        with console.status("starting …") as status:
            if as_json:
                status.stop()
            result = grading.check(found, notebook, progress=lambda at, of: status.update(f"cell {at} of {of}"))
    except (builder.BadSource, paths.NotACourse, Ungradable) as error:
        _fail(2, str(error))
    if as_json:
        print(json.dumps(result.as_json(), indent=1, ensure_ascii=False))
    else:
        _print_result(result)
    raise typer.Exit(0 if result.is_full else 1)


def _print_result(result: "Result") -> None:
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
    console.print(table)
    for flag in [*result.repaired, *result.flags]:
        console.print(f"note: {flag}", markup=False, highlight=False)


def _fail(code: int, message: str) -> NoReturn:
    """End the command with a line on stderr."""
    errors.print(message, markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(code)
