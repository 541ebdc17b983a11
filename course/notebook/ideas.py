"""The wrong ideas that a lab's checks know, and the sentence that each is told by. No check is run."""

import ast
import re
from collections.abc import Iterator

from nbformat import NotebookNode

from course.notebook import names
from course.notebook.cells import is_check

_NAME = re.compile(r"\d+\.\d+/\w+")


def sentences(notebook: NotebookNode) -> dict[str, str]:
    """The sentence of each idea that an instructor's notebook names, but where a test makes it as it runs.

    They stand as {"1.4/seconds": ("that is in seconds; hours are asked", …)}, or as `why=` beside `idea=`.
    """
    sources = (cell.source for cell in notebook.cells if is_check(cell))
    nodes = (node for source in sources for one in names.statements(source) for node in ast.walk(one))
    return {idea: sentence for node in nodes for idea, sentence in _told(node)}


def _told(node: ast.AST) -> Iterator[tuple[str, str]]:
    match node:
        case ast.Dict(keys=keys, values=values):
            for key, value in zip(keys, values, strict=True):
                match key, value:
                    case ast.Constant(value=str(idea)), ast.Tuple(elts=[ast.Constant(value=str(sentence)), *_]):
                        if _NAME.fullmatch(idea):
                            yield idea, sentence
        case ast.Call(keywords=keywords):
            match {one.arg: one.value for one in keywords}:
                case {"idea": ast.Constant(value=str(idea)), "why": ast.Constant(value=str(sentence))}:
                    yield idea, sentence
