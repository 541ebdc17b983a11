"""The `course` command: parse, call, print. What is done lives in the other modules."""

import json
import os
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Generator

    import pandas as pd

    from course.data import Table
    from course.grading.result import Result
    from course.llama.chat import Reply

app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__, pretty_exceptions_enable=False)
models_app = typer.Typer(no_args_is_help=True, help="Small open models: what there is, and how to get it.")
app.add_typer(models_app, name="model")
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


@models_app.command("list")
def list_models() -> None:
    """Show the small open models: size, licence, where they come from, whether they are here."""
    from course import models

    headings = ("name", "title", "MB", "licence", "where from", "here")
    grid = Grid(*headings, box=None, padding=(0, 1, 0, 0), header_style="bold underline")
    grid.columns[1].min_width, grid.columns[2].justify = 22, "right"
    colours = {"ready": "green", "corrupt": "bold red", "missing": "dim"}
    try:
        for model in models.MODELS.values():
            state = models.state(model)
            size, here = f"{model.size_bytes / 1e6:.0f}", Text(state, style=colours[state])
            grid.add_row(model.name, model.title, size, model.licence, model.source.label, here)
    except models.ModelError as problem:
        _fail(2, str(problem))
    console.print(grid)


@models_app.command("path")
def show_model_path(name: Annotated[str, typer.Argument(metavar="[NAME]")] = "smollm2") -> None:
    """Print where a model's file is, once its checksum is right."""
    from course import models

    try:
        print(models.path(name))
    except models.ModelError as problem:
        _fail(2, str(problem))


@models_app.command("fetch")
def fetch_model(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Without it: all that the labs use.")] = None,
) -> None:
    """Get a model into the cache and check it; one that is there is left alone."""
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

    from course import models

    columns = TextColumn("{task.description}"), BarColumn(), DownloadColumn()
    bars = Progress(*columns, console=errors, transient=True, disable=not errors.is_terminal)
    tasks = {one: bars.add_task(one, total=None, visible=False) for one in models.MODELS}

    def show(one: str, done_bytes: int, total_bytes: int) -> None:
        bars.update(tasks[one], visible=True, completed=done_bytes, total=total_bytes or None)

    try:
        with bars:
            paths = [models.fetch(one, show) for one in ([name] if name else models.MODELS)]
    except models.ModelError as problem:
        _fail(2, str(problem))
    for path in paths:
        console.print(f"{path} is here, its checksum right", markup=False, highlight=False, soft_wrap=True)


@app.command()
def chat(
    question: Annotated[str | None, typer.Argument(help="Without one you are asked, until Ctrl-D.")] = None,
    model: Annotated[str, typer.Option(metavar="NAME", help="See `course model list`.")] = "smollm2-f16",
    threads: Annotated[
        int | None,
        typer.Option(min=1, max=os.cpu_count(), help="Default: physical cores. 1 is faster where other work runs."),
    ] = None,
    max_tokens: Annotated[int, typer.Option(min=1, help="Where a long answer is cut off.")] = 256,
    bare: Annotated[bool, typer.Option("--bare", help="Without the two worked examples before your question.")] = False,
) -> None:
    """Ask a small open model, which runs on your own CPU, offline."""
    from course import models
    from course.llama import chat as talk

    try:
        path, title = models.path(model), models.find(model).title
        for asked in _typed_questions() if question is None else [question]:
            primer = () if bare else talk.PRIMER
            reply = _print_answer(
                talk.stream(asked, model=path, primer=primer, n_threads=threads, max_tokens=max_tokens)
            )
            speed = f"{reply.n_tokens} tokens, {reply.tokens_per_s:.1f} token/s, threads: {reply.n_threads}"
            console.print(f"{speed}, {title}", style="dim", highlight=False)
    except (models.ModelError, talk.ChatError) as problem:
        _fail(2, str(problem))


def _typed_questions() -> Iterator[str]:
    """What is typed at the prompt, line by line, until its end (Ctrl-D) or Ctrl-C."""
    while True:
        try:
            typed = console.input("[bold]ask > [/]")
        except (EOFError, KeyboardInterrupt):
            console.print()
            return
        if typed.strip():
            yield typed


def _print_answer(answer: "Generator[str, None, Reply]") -> "Reply":
    """Print an answer as it comes; the Reply that it ends with."""
    while True:
        try:
            console.print(next(answer), end="", markup=False, highlight=False, soft_wrap=True)
        except StopIteration as end:
            console.print()
            return end.value


@app.command(name="lab")
def open_lab(
    lab: Annotated[str, typer.Argument(metavar="[LAB]", help="lab01, or 1.")] = "lab01",
    browser: Annotated[bool, typer.Option(help="Open it in a browser, or only print the address.")] = True,
    port: Annotated[int | None, typer.Option(help="The first port to try; a taken one is passed over.")] = None,
    course: Annotated[Path | None, typer.Option(metavar="DIR", help="The course's checkout.")] = None,
) -> None:
    """Open JupyterLab on your own copy of a lab in work/, which is never overwritten."""
    import os
    import subprocess
    import sys

    from course import build as builder
    from course import paths, workspace

    try:
        found = builder.find(paths.course_folder(course), lab)
        copy = workspace.copy(found)
    except (builder.BadSource, paths.NotACourse, OSError) as error:
        _fail(2, str(error))
    shown = copy.notebook.relative_to(found.course)
    console.print(f"{'made' if copy.is_new else 'kept'} your copy: {shown}", markup=False, highlight=False)
    if copy.is_outdated:
        console.print(
            f"{found.key} has changed since you began. To get the new one, rename the folder {shown.parent} and run "
            f"`course lab {found.key}` again; yours stays as it is.",
            markup=False,
            highlight=False,
        )
    command = workspace.jupyterlab(copy.notebook, course=found.course, port=port, browser=browser)
    env = workspace.environment(found.course)
    if sys.platform == "win32":
        raise typer.Exit(subprocess.run(command, env=env).returncode)
    os.execve(command[0], command, env)


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
