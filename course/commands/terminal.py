"""Where commands print, and how they end."""

from typing import NoReturn

import typer
from rich.console import Console

console = Console()
errors = Console(stderr=True)


def fail(code: int, message: str) -> NoReturn:
    """End the command with a line on stderr."""
    errors.print(message, markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(code)


def say(message: str) -> None:
    """Print a line as it is."""
    console.print(message, markup=False, highlight=False, soft_wrap=True)
