"""An exercise that is not answered yet says so in a line, where Jupyter would show a traceback; so do the cells that
need it."""

import ast
import json
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any


def install(folder: Path) -> None:
    """In a notebook, show what an unanswered exercise raises as one line; elsewhere nothing is done.

    `folder` is where the notebook lies: the names in it tell which exercise a function belongs to.
    """
    try:
        from IPython import get_ipython
    except ImportError:
        return
    if (shell := get_ipython()) is None:
        return

    def show(
        shell: Any, kind: type[BaseException], error: BaseException, trace: TracebackType, tb_offset: int | None = None
    ) -> None:
        shell._showtraceback(kind, error, [line(error, folder)])

    shell.set_custom_exc((NotImplementedError,), show)


def line(error: BaseException, folder: Path) -> str:
    """What to say of it: which exercise is needed, or what the error says itself."""
    if str(error):
        return str(error)
    function = _raising(error.__traceback__)
    if not function:
        return "Not answered yet."
    exercise = dict(_exercises(folder)).get(function)
    return f"Needs exercise {exercise}, {function}, which is not answered yet." if exercise else f"Needs {function}."


def _raising(trace: TracebackType | None) -> str:
    """The function that raised it; none where that was a cell itself."""
    while trace and trace.tb_next:
        trace = trace.tb_next
    name = trace.tb_frame.f_code.co_name if trace else ""
    return "" if name.startswith("<") else name


def _exercises(folder: Path) -> Iterator[tuple[str, str]]:
    """(function, exercise) of the notebooks in a folder, as far as they can be read."""
    for path in folder.glob("*.ipynb"):
        try:
            cells = json.loads(path.read_text("utf-8"))["cells"]
        except (OSError, ValueError, KeyError, TypeError):
            continue
        for cell in cells:
            name = str(cell.get("metadata", {}).get("nbgrader", {}).get("grade_id", ""))
            if name.startswith("ex-") and not name.endswith("-task"):
                for function in _functions("".join(cell.get("source", ""))):
                    yield function, name.removeprefix("ex-").replace("-", ".")


def _functions(source: str) -> list[str]:
    try:
        return [node.name for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)]
    except (SyntaxError, ValueError):
        return []
