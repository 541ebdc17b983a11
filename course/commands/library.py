"""Commands that show what the course brings along: published and measured figures."""

import json
import re
import textwrap
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table as Grid

from course.commands.terminal import console, fail, say

if TYPE_CHECKING:
    import pandas as pd

    from course.data import Table


def data(
    table: Annotated[str | None, typer.Argument(help="The table to show; without one, what there is.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Every row and column, as JSON.")] = False,
) -> None:
    """Show the figures behind the labs: the tables, or one table with its sources."""
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
        evidence = map(str, one.evidence.values()) if one.evidence else [""] * 3
        grid.add_row(one.name, str(one.rows), *evidence, str(one.sources or ""), one.title)
    console.print(grid)
    console.print("\ncourse data TABLE shows one; what the words mean: datasets/README.md", highlight=False)


def _print_table(table: "Table", rows: "pd.DataFrame") -> None:
    """The columns worth showing, each row with the number of its source, then the sources."""
    numeric = rows.select_dtypes("number").columns
    cited = rows[rows["source_url"] != ""] if "source_title" in rows else rows[:0]
    sources = cited.reindex(columns=["source_title", "source_date", "source_url"]).drop_duplicates("source_url")
    number = {url: str(n) for n, url in enumerate(sources["source_url"], start=1)}
    width = 100 if console.width < 100 else None  # a narrow terminal wraps lines; it loses no cell
    grid = Grid(box=None, padding=(0, 1, 0, 0), header_style="bold underline", width=width)
    for name in table.shown:
        heading = textwrap.fill(name.replace("_", "_ "), 12).replace("_ ", "_")  # break long names at an underscore
        short = name in numeric or rows[name].str.len().max() <= 16
        grid.add_column(heading, justify="right" if name in numeric else "left", no_wrap=short)
    if number:
        grid.add_column("source", justify="right", no_wrap=True)
    for _, row in rows.iterrows():
        cells = [_number(row[name]) if name in numeric else row[name] for name in table.shown]
        grid.add_row(*cells, *([number.get(row["source_url"], "")] if number else []))
    console.print(f"{table.title} ({table.rows} rows)\n", highlight=False)
    console.print(grid, crop=False)
    console.print("\nSources" if number else f"\n{table.origin}", highlight=False)
    for title, date, url in sources.itertuples(index=False):
        say(f"{number[url]:>3} {title}, {date}\n    {url}")
    console.print(f"\nNotes and the other columns: {table.path}, or --json", highlight=False)


def _number(value: float) -> str:
    if value != value:
        return ""
    if abs(value) < 1e6 and value == int(value):
        return f"{value:.0f}"
    return re.sub(r"e\+?(-?)0*", r"e\1", f"{value:.4g}")
