"""The `course` command: parse, call, print. What is done lives in the other modules."""

from typing import Annotated

import typer
from rich.console import Console

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

    from course import doctor

    table = Table("", "checked", "found", box=None)
    with console.status("looking …"):
        checks = list(doctor.examine())
    for check in checks:
        table.add_row("[green]ok" if check.ok else "[bold red]no", check.name, check.found)
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
