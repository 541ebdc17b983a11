"""Commands that show what the course brings along: published figures and small models."""

import json
import re
import textwrap
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table as Grid
from rich.text import Text

from course.commands.terminal import console, errors, fail, say

if TYPE_CHECKING:
    import pandas as pd

    from course.data import Table


def data(
    table: Annotated[str | None, typer.Argument(help="The table to show; without one, what there is.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Every row and column, as JSON.")] = False,
) -> None:
    """Show the published figures behind the labs: the tables, or one table with its sources."""
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
        fail(2, str(problem))


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
        say(f"{number[url]:>3} {title}, {date}\n    {url}")
    console.print(f"\nNotes and the other columns: {table.path}, or --json", highlight=False)


def _number(value: float) -> str:
    if value != value:
        return ""
    if abs(value) < 1e6 and value == int(value):
        return f"{value:.0f}"
    return re.sub(r"e\+?(-?)0*", r"e\1", f"{value:.4g}")


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
        fail(2, str(problem))
    console.print(grid)


def show_model_path(name: Annotated[str, typer.Argument(metavar="[NAME]")] = "smollm2") -> None:
    """Print where a model's file is, once its checksum is right."""
    from course import models

    try:
        print(models.path(name))
    except models.ModelError as problem:
        fail(2, str(problem))


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
        fail(2, str(problem))
    for path in paths:
        say(f"{path} is here, its checksum right")
