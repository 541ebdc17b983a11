"""Commands about the machine and the checkout: setup, doctor, test, lint, clean."""

from typing import Annotated

import typer
from rich.table import Table as Grid
from rich.text import Text

from course.commands.terminal import console, fail, say

PASSED_ON = {"allow_extra_args": True, "ignore_unknown_options": True}


def setup(dev: Annotated[bool, typer.Option(help="Also what the tests need.")] = False) -> None:
    """Install what the course needs into .venv, once."""
    from course.setting_up import command

    command.set_up(dev=dev)


def doctor() -> None:
    """Look whether this machine is ready for the course, and name the one next step if not."""
    from course.setting_up import doctor

    table = Grid("", "checked", "found", box=None)
    with console.status("looking …"):
        checks = list(doctor.examine())
    for check in checks:
        table.add_row("[green]ok" if check.ok else "[bold red]no", check.name, Text(check.found))
    console.print(table)
    if command := doctor.next_command(checks):
        say(f"\nnext: {command}")
        raise typer.Exit(1)
    console.print("\nready")


def test(context: typer.Context) -> None:
    """Run the tests; what follows is passed on to pytest."""
    raise typer.Exit(_dev_tool("pytest", *context.args))


def lint() -> None:
    """Check style, layout and types."""
    tools = (("ruff", "check"), ("ruff", "format", "--check"), ("mypy",))
    raise typer.Exit(max([_dev_tool(*tool) for tool in tools]))


def clean() -> None:
    """Remove what can be made again: caches, generated notebooks, packages; never work, marks or .venv."""
    from course import paths
    from course.setting_up import leftovers

    checkout = paths.course_folder()
    found = leftovers.find(checkout)
    leftovers.remove(found)
    for path in found:
        say(f"removed {path.relative_to(checkout)}")


def _dev_tool(name: str, *arguments: str) -> int:
    """Run one of the tools that the dev extra brings, in the checkout; its exit code."""
    import importlib.util
    import subprocess
    import sys

    from course import paths

    if importlib.util.find_spec(name) is None:
        fail(2, f"{name} is not installed: run `python -m course setup --dev` first")
    return subprocess.run([sys.executable, "-m", name, *arguments], cwd=paths.course_folder()).returncode
