"""Commands about models: what there is, how to get it, and what a file is made into."""

from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn
from rich.table import Table as Grid
from rich.text import Text

from course.commands.terminal import console, errors, fail, say

_FORCE = "Also over a file that is there already."
_COLOURS = {"ready": "green", "corrupt": "bold red", "missing": "dim"}


def show_list() -> None:
    """Show the small open models: size, licence, where they come from, whether they are here."""
    from course import models
    from course.models import added

    try:
        rows = [
            (one.name, one.title, one.size_bytes, one.licence, one.source.label, models.state(one))
            for one in models.MODELS.values()
        ]
        kept = {name: found for name in added.names() if (found := added.find(name))}
        rows += [
            (one.name, f"{one.title}, {one.to}", 0, one.licence, f"hub: {one.repository}", "missing")
            for one in models.ON_HUB.values()
            if one.name not in kept
        ]
        rows += [
            (name, "added by you", found.size_bytes, "", found.origin, found.state) for name, found in kept.items()
        ]
    except models.ModelError as problem:
        fail(2, str(problem))
    grid = Grid(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="bold underline")
    for heading, width in _widths(max(len(name) for name, *_ in rows)).items():
        grid.add_column(heading, width=width, overflow="fold", justify="right" if heading == "MB" else "left")
    for name, title, size_bytes, licence, place, state in rows:
        size = f"{size_bytes / 1e6:.0f}" if size_bytes else ""
        grid.add_row(name, title, size, licence, place, Text(state, style=_COLOURS[state]))
    console.print(grid)


def _widths(longest_name: int) -> dict[str, int]:
    """By column: what its words need, and for the places what is left of the line."""
    widths = {"name": min(longest_name, 20), "title": 22, "MB": 5, "licence": 10, "where from": 0, "here": 7}
    left = console.width - sum(widths.values()) - len(widths) + 1
    return widths | {"where from": max(10, left)}


def show_path(name: Annotated[str, typer.Argument(metavar="[NAME]")] = "smollm2") -> None:
    """Print where a model's file is, once its checksum is right."""
    from course import models

    try:
        print(models.located(name))
    except models.ModelError as problem:
        fail(2, str(problem))


def fetch(
    what: Annotated[
        str | None,
        typer.Argument(
            metavar="[MODEL]",
            help="A name, a GGUF file, a folder saved by transformers, or on the Hugging Face hub OWNER/NAME or "
            "OWNER/NAME:FILE.gguf. Without it: all that the labs use.",
        ),
    ] = None,
    name: Annotated[str | None, typer.Option(help="What to call an added model; without it, as its file.")] = None,
    revision: Annotated[str | None, typer.Option(help="On the hub: the commit, tag or branch.")] = None,
    sha256: Annotated[str | None, typer.Option(help="What the file of weights must have.")] = None,
    to: Annotated[str | None, typer.Option(help="The type to convert weights to; without it, F16.")] = None,
) -> None:
    """Get a model into the cache and check it; one that is there is left alone."""
    from course import models

    columns = TextColumn("{task.description}"), BarColumn(), DownloadColumn()
    bars = Progress(*columns, console=errors, transient=True, disable=not errors.is_terminal)
    tasks = {}

    def show(one: str, done_bytes: int, total_bytes: int) -> None:
        if one not in tasks:
            tasks[one] = bars.add_task(one, total=None)
        bars.update(tasks[one], completed=done_bytes, total=total_bytes or None)

    try:
        with bars:
            if what is None or what in models.MODELS:
                if name or revision or sha256 or to:
                    fail(2, "--name, --revision, --sha256 and --to are for a model that you add: name one")
                paths = [models.fetch(one, show) for one in ([what] if what else models.MODELS)]
            else:
                options = {"name": name, "revision": revision, "sha256": sha256, "to": to}
                paths = [models.add(what, progress=show, **options)]
    except models.ModelError as problem:
        fail(2, str(problem))
    for path in paths:
        say(f"{path} is here, its checksum right")


def convert(
    folder: Annotated[Path, typer.Argument(help="What transformers' save_pretrained wrote, tokenizer included.")],
    file: Annotated[Path, typer.Argument(metavar="FILE.gguf", help="What to write.")],
    to: Annotated[str, typer.Option(help="The type: F32, F16, BF16, Q8_0, …; an unknown one lists them all.")] = "F16",
    force: Annotated[bool, typer.Option("--force", help=_FORCE)] = False,
) -> None:
    """Make a GGUF file of a Llama, Mistral, Qwen2 or Qwen3 model that transformers saved."""
    from course.llama import convert as converter
    from course.llama.errors import LlamaError

    try:
        with console.status(f"{file.name} …"):
            converter.convert(folder, file, to=to, overwrite=force)
        _print_tensors(file)
    except LlamaError as problem:
        fail(2, str(problem))


def quantize(
    source: Annotated[str, typer.Argument(metavar="MODEL", help="A name of `course model list`, or a GGUF file.")],
    target: Annotated[Path, typer.Argument(metavar="FILE.gguf", help="What to write.")],
    to: Annotated[str, typer.Option(help="The type: F16, Q8_0, Q4_K_M, …; an unknown one lists them all.")],
    pure: Annotated[bool, typer.Option("--pure", help="All matrices alike, or not at all.")] = False,
    requantize: Annotated[bool, typer.Option("--requantize", help="Also from weights that are quantized.")] = False,
    force: Annotated[bool, typer.Option("--force", help=_FORCE)] = False,
    threads: Annotated[int | None, typer.Option(help="Default: physical cores.")] = None,
) -> None:
    """Write a model with fewer bits for each weight, and show what the tensors really became."""
    from course import models
    from course.llama import quantize as quantizer
    from course.llama.errors import LlamaError

    try:
        with console.status(f"{target.name} …"):
            quantizer.quantize(
                models.located(source),
                target,
                to=to,
                pure=pure,
                requantize=requantize,
                overwrite=force,
                n_threads=threads,
            )
        _print_tensors(target)
    except (models.ModelError, LlamaError) as problem:
        fail(2, str(problem))


def _print_tensors(file: Path) -> None:
    from course.llama import tensors

    types = ", ".join(f"{n} {name}" for name, n in tensors.types(file).items())
    size, bits = file.stat().st_size / 1e6, tensors.bits_per_weight(file)
    say(f"{file}: {size:.1f} MB, {bits:.2f} bits a weight; tensors: {types}")
