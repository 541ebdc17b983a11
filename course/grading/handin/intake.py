"""A submission comes in: is it a notebook, is it this lab's, and what should an instructor know about it?

Nothing is repaired here (`repair` does that): what cannot be graded is refused in a line, with the way out.
"""

import json
import re
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from course.build import Lab
from course.grading.handin.salvage import salvage
from course.grading.result import Ungradable
from course.notebook.cells import by_name, names

LIMIT = 256 << 20  # bytes of a notebook

_DEPTH, _PARTS = 100, 1_000_000  # lists and objects: how deep, how many
_VALUES = 10_000_000  # of which each takes 32 bytes, a number of three characters, too
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
_TOKEN = re.compile(rb'(?:"[^"\\]*+(?:\\.[^"\\]*+)*+"?[^"\[\]{}]*+)++|[\[\]{}]', re.DOTALL)  # strings, brackets
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
# What a text of JSON that is no notebook may raise.
MALFORMED = (ArithmeticError, AssertionError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
_NUMBERED = re.compile(r"(?:ex|test)-(\d+)-\d+")
_START = re.compile(r"""lab\.start\(\s*["'](\w+)["']\s*,\s*cohort\s*=\s*["']([^"']*)["']""")


def read(path: Path, *, limit: int = LIMIT) -> NotebookNode:
    """The notebook at `path`, of at most `limit` bytes. Raises Ungradable if it is none, saying what it is instead."""
    content = _content(path, limit)
    if not content.strip():
        raise Ungradable(f"{path} is empty: take your copy from before it was emptied, or start from a new one")
    if content.startswith(b"%PDF"):
        raise Ungradable(f"{path} is a PDF: hand in the .ipynb file itself")
    plain = parse(content, path)
    if not isinstance(plain, dict) or "nbformat" not in plain:
        raise Ungradable(f"{path} is JSON but no notebook: it has no nbformat")
    if plain["nbformat"] not in (4, "4"):
        raise Ungradable(
            f"{path} is of notebook format {_line(plain['nbformat'])}; open and save it in JupyterLab, as format 4"
        )
    try:
        notebook = salvage(plain)
        nbformat.validate(notebook)
    except (*MALFORMED, nbformat.ValidationError) as error:
        raise Ungradable(f"{path} is no valid notebook ({_line(error)}): save it again in JupyterLab") from None
    return notebook


def _content(path: Path, limit: int) -> bytes:
    try:
        if path.is_dir():
            raise Ungradable(f"{path} is a folder: name the notebook in it")
        if not path.exists():
            raise Ungradable(f"{path} does not exist")
        if not path.is_file():  # a pipe or a device, which may never end
            raise Ungradable(f"{path} is no ordinary file: hand in the .ipynb file itself")
        with path.open("rb") as file:
            content = file.read(limit + 1)
    except OSError as error:
        raise Ungradable(f"{path} cannot be read: {error.strerror}") from None
    if len(content) > limit:
        raise Ungradable(f"{path} is larger than {limit / 2**20:.0f} MiB: clear its outputs, then save it")
    return content


def parse(content: bytes, path: Path) -> Any:
    """The JSON in `content`, of a size in memory and a depth that everything after can bear; else Ungradable."""
    try:
        if (encoding := json.detect_encoding(content)) != "utf-8":  # with a mark at its beginning, or UTF-16
            content = content.decode(encoding).encode()
        _require_shape(content, path)
        plain = json.loads(content.decode())
    except UnicodeError:
        raise Ungradable(f"{path} is no text, so no notebook: hand in the .ipynb file itself") from None
    except ValueError as error:
        raise Ungradable(
            f"{path} is broken JSON ({error}): save it again in JupyterLab, or take the last copy in .ipynb_checkpoints"
        ) from None
    if _SURROGATE.search(content):  # half a character can be read from an escape, but never written
        plain = json.loads(json.dumps(plain, ensure_ascii=False).encode(errors="replace"))
    return plain


def _require_shape(content: bytes, path: Path) -> None:
    """Raise Ungradable for JSON too deep for what walks it, or with so many small parts that they fill the memory."""
    if content.count(b",") > _VALUES and _STRING.sub(b"", content).count(b",") > _VALUES:
        raise Ungradable(f"{path} has more than {_VALUES} values: clear its outputs, then save it")
    parts = depth = 0
    for token in _TOKEN.finditer(content):
        mark = content[token.start()]
        if mark in b"[{":
            parts, depth = parts + 1, depth + 1
        elif mark in b"]}":
            depth -= 1
        if depth > _DEPTH:
            raise Ungradable(f"{path} is broken JSON (nested more than {_DEPTH} deep): clear its outputs, then save it")
        if parts > _PARTS:
            raise Ungradable(f"{path} has more than {_PARTS} parts: clear its outputs, then save it")


def _line(value: object) -> str:
    """The first line of what was found, cut off if it is long."""
    lines = str(value).splitlines() or ["its format is unknown"]
    return lines[0] if len(lines[0]) <= 200 else f"{lines[0][:200]}…"


def started(notebook: NotebookNode) -> tuple[str, str] | None:
    """(lab, cohort) of the notebook's `lab.start` line; None without one."""
    for cell in notebook.cells:
        if cell.cell_type == "code" and (found := _START.search(cell.source)):
            return found[1], found[2]
    return None


def lab_named(notebook: NotebookNode) -> str | None:
    """The lab ("lab01") that the notebook's `lab.start` line names, or else the numbers of its exercises."""
    if start := started(notebook):
        return start[0]
    numbered = (_NUMBERED.fullmatch(name) for name in names(notebook))
    return next((f"lab{int(found[1]):02d}" for found in numbered if found), None)


def require_lab(notebook: NotebookNode, release: NotebookNode, *, lab: Lab, path: Path) -> None:
    """Raise Ungradable if the notebook is another lab's, or has nothing to grade."""
    start = started(notebook)
    if start and start[0] != lab.key:
        raise Ungradable(f"{path} is a notebook of {start[0]}, not of {lab.key}: `course check {start[0]}` checks it")
    if not set(names(notebook)) & set(names(release)):
        raise Ungradable(f"{path} has no graded cells of {lab.key}: work in the copy that `course lab {lab.key}` makes")


def flags(notebook: NotebookNode, release: NotebookNode, solution: NotebookNode) -> list[str]:
    """What an instructor should know though it does not stop grading: another cohort, locked cells edited or older."""
    noticed = []
    start, ours = started(notebook), started(solution)
    if start and ours and start[1] != ours[1]:
        noticed.append(f"cohort {start[1]}: graded with the numbers of {ours[1]}")
    cells, known = by_name(notebook), by_name(solution)
    edited = [
        name
        for name, cell in by_name(release).items()
        if cell.metadata.nbgrader.locked
        and name in cells
        and cells[name].source not in (cell.source, known[name].source)
        and name != "start"
    ]
    if edited:
        noticed.append(f"other than in today's release, whose cells are used instead: {', '.join(edited)}")
    return noticed
