"""A notebook as any program saves it, made one that nbformat holds valid: whoever reads it validates it once, whole.

Nothing that grading throws away or makes anew is a reason to refuse it: a cell's id, what it showed, its counts. What
a student wrote is kept, in a raw cell where its kind is unknown.
"""

import re
from collections.abc import Callable
from itertools import count
from typing import Any

from nbformat import NotebookNode, from_dict
from nbformat.v4 import new_notebook

MINOR = 5  # of notebook format 4: the first with ids

_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_KINDS = ("code", "markdown", "raw")
_IS_VALID: dict[str, Callable[[Any], bool]] = {  # a cell's metadata whose kind the format fixes
    "nbgrader": lambda value: isinstance(value, dict),
    "tags": lambda value: _are_texts(value) and len(set(value)) == len(value),
    "collapsed": lambda value: isinstance(value, bool),
    "scrolled": lambda value: isinstance(value, bool) or value == "auto",
    "name": lambda value: isinstance(value, str) and value != "",
    "format": lambda value: isinstance(value, str),
    "jupyter": lambda value: False,
    "execution": lambda value: False,
}


def salvage(plain: dict[str, Any]) -> NotebookNode:
    """The notebook that JSON of format 4 means. Raises ValueError if it has no cells, or no cell stands in a place."""
    cells = plain.get("cells")
    if not isinstance(cells, list):
        raise ValueError("it has no cells")
    taken: set[str] = set()
    notebook = new_notebook(metadata=_notebook_metadata(plain.get("metadata")))
    notebook.nbformat_minor = MINOR
    notebook.cells = [_cell(cell, number, taken) for number, cell in enumerate(cells, start=1)]
    return from_dict(notebook)


def _cell(cell: Any, number: int, taken: set[str]) -> NotebookNode:
    if not isinstance(cell, dict):
        raise ValueError(f"what stands in the place of cell {number} is none")
    kind = cell.get("cell_type")
    kind = kind if isinstance(kind, str) and kind in _KINDS else "raw"
    source = _text(cell.get("source")) or ""
    made = NotebookNode(
        id=_free_id(cell.get("id"), number, taken),
        cell_type=kind,
        metadata=_cell_metadata(cell.get("metadata")),
        source=source.replace("\r\n", "\n").replace("\r", "\n"),
    )
    if kind == "code":
        shown = cell.get("outputs")
        made.outputs = [output for one in (shown if isinstance(shown, list) else []) if (output := _output(one))]
        made.execution_count = _count(cell.get("execution_count"))
    elif attached := _attachments(cell.get("attachments")):
        made.attachments = attached
    return made


def _free_id(wanted: Any, number: int, taken: set[str]) -> str:
    """The cell's own id if it is one and nobody else's, or else one of its place."""
    is_id = isinstance(wanted, str) and _ID.fullmatch(wanted) and wanted not in taken
    free = wanted if is_id else next(name for again in count(number) if (name := f"cell-{again}") not in taken)
    taken.add(free)
    return free


def _notebook_metadata(metadata: Any) -> NotebookNode:
    """The notebook's own metadata but for what a viewer could trip over: widgets' states, and what has no name."""
    kept = NotebookNode(metadata) if isinstance(metadata, dict) else NotebookNode()
    kept.pop("widgets", None)
    for key, needed in (("kernelspec", ("name", "display_name")), ("language_info", ("name",))):
        value = kept.get(key)
        if not (isinstance(value, dict) and all(isinstance(value.get(name), str) for name in needed)):
            kept.pop(key, None)
    for key, kind in (("authors", list), ("title", str), ("orig_nbformat", int)):
        if not isinstance(kept.get(key), kind):
            kept.pop(key, None)
    return kept


def _cell_metadata(metadata: Any) -> NotebookNode:
    items = metadata.items() if isinstance(metadata, dict) else ()
    return NotebookNode({key: value for key, value in items if _IS_VALID.get(key, _anything)(value)})


def _output(output: Any) -> dict[str, Any] | None:
    """What a cell showed, in the format's words; None if nothing can be made of it."""
    if not isinstance(output, dict):
        return None
    match kind := output.get("output_type"):
        case "stream":
            name, text = output.get("name"), _text(output.get("text"))
            name = name if name == "stderr" else "stdout"
            return {"output_type": kind, "name": name, "text": text} if text else None
        case "error":
            name, value = (_text(output.get(key)) or "" for key in ("ename", "evalue"))
            trace = output.get("traceback")
            trace = trace if _are_texts(trace) else []
            return {"output_type": kind, "ename": name, "evalue": value, "traceback": trace}
        case "display_data" | "execute_result":
            data, metadata = _bundle(output.get("data")), output.get("metadata")
            counted = {"execution_count": _count(output.get("execution_count"))} if kind == "execute_result" else {}
            metadata = metadata if isinstance(metadata, dict) else {}
            return {"output_type": kind, "data": data, "metadata": metadata, **counted}
    return None


def _bundle(data: Any) -> dict[str, Any]:
    """One thing in several MIME types: JSON may be of any kind, all others are texts."""
    items = data.items() if isinstance(data, dict) else ()
    return {
        mime: value if mime.endswith("json") else text
        for mime, value in items
        if (text := _text(value)) is not None or mime.endswith("json")
    }


def _attachments(attached: Any) -> dict[str, dict[str, str]]:
    items = attached.items() if isinstance(attached, dict) else ()
    return {name: bundle for name, data in items if (bundle := _bundle(data))}


def _text(value: Any) -> str | None:
    """A text, or the lines of one, as one text."""
    if isinstance(value, str):
        return value
    return "".join(value) if _are_texts(value) else None


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _count(value: Any) -> int | None:
    return value if type(value) is int and value >= 0 else None


def _anything(value: Any) -> bool:
    return True
