"""Where commands print, and how they end."""

import codecs
import io
import json
import os
import sys
import unicodedata
from collections.abc import Iterable
from typing import Any, NoReturn

import typer
from rich.console import Console, ConsoleDimensions, ConsoleOptions, RenderableType
from rich.segment import Segment

_PIPED = 400  # columns where nobody's terminal is there: tables are as wide as what is in them


class Terminal(Console):
    """A console that obeys no text: what students wrote, and what files are called, is printed on it too."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Rendered, without the characters that a terminal would obey instead of showing them."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(harmless(segment.text), segment.style)

    @property
    def size(self) -> ConsoleDimensions:
        """Columns and rows: the terminal's, or `COLUMNS`; in a file or a pipe nothing is cut or folded."""
        found = super().size
        is_piped = not self.is_terminal and self._width is None and "COLUMNS" not in os.environ
        return ConsoleDimensions(_PIPED, found.height) if is_piped else found

    @size.setter
    def size(self, size: tuple[int, int]) -> None:
        self._width, self._height = size


def harmless(text: str) -> str:
    """The text without control characters (but tabs and line ends), marks of direction and what takes no room."""
    if text.isprintable():
        return text
    return "".join(character for character in text if not _is_obeyed(character))


def as_json_text(data: Any) -> str:
    """Plain data as JSON, in which what a terminal would obey, or would not show, is written as an escape."""
    text = json.dumps(data, indent=1, ensure_ascii=False)
    return "".join(_escaped(character) if _is_unseen(character) else character for character in text)


def _escaped(character: str) -> str:
    return json.dumps(character)[1:-1]


def _is_unseen(character: str) -> bool:
    return unicodedata.category(character) in ("Cc", "Cf", "Zl", "Zp") and character not in "\t\n"


def _is_obeyed(character: str) -> bool:
    """Controls, marks of direction, and what takes no room; but the joiners stand in Persian and Indian names."""
    return _is_unseen(character) and character not in "\u00ad\u200c\u200d"


console = Terminal()
errors = Terminal(stderr=True)


def print_anything() -> None:
    """From now on no character ends a command: "?" stands for what stdout's or stderr's encoding does not have.

    A file's name that is not UTF-8 is printed as it is.
    """
    codecs.register_error("course", _encoded)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="course")


def _encoded(error: UnicodeError) -> tuple[str | bytes, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    character = error.object[error.start]
    is_byte = "\udc80" <= character <= "\udcff"
    return bytes([ord(character) - 0xDC00]) if is_byte else "?", error.start + 1


def fail(code: int, message: str) -> NoReturn:
    """End the command with a line on stderr."""
    errors.print(message, markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(code)


def say(message: str) -> None:
    """Print a line as it is."""
    console.print(message, markup=False, highlight=False, soft_wrap=True)
