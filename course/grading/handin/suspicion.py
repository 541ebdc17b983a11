"""Signs of tampering in a submission's code: an instructor should look at it. Nobody loses a point by a sign."""

import ast
import re

from IPython.core.inputtransformer2 import TransformerManager
from nbformat import NotebookNode

from course.notebook.cells import name_of
from course.notebook.names import LONGEST

PREFIX = "suspicious"
_SIGNS = {
    "frames of its caller": {"_getframe", "currentframe", "f_globals", "f_locals", "f_back"},
    "IPython's own machinery": {
        "ast_transformers",
        "input_transformers_cleanup",
        "input_transformers_post",
        "run_cell",
    },
    "the interpreter's objects": {"get_objects", "get_referrers", "__subclasses__", "__builtins__"},
    "memory or C code": {"ctypes", "cffi"},
    "other processes": {"fork", "getppid", "kill", "killpg", "ptrace"},
    "the grader": {"course.grading", "course.checking", "gradebook", "nbgrader"},
    "what runs at exit": {"atexit"},
}
_TEXTS = {
    "other processes": re.compile(r"/proc/"),
    "the grader": re.compile(r"gradebook\.db|BEGIN HIDDEN|application/vnd\.two-bills|\bsolutions/"),
}
_WORD = re.compile(r"[A-Za-z_]\w*(?:\.\w+)*")


def signs(notebook: NotebookNode, release: NotebookNode) -> list[str]:
    """A flag for each cell that reaches for something unusual, but for the release's own, as released."""
    found, given = [], {cell.source.strip() for cell in release.cells}
    for number, cell in enumerate(notebook.cells, start=1):
        if cell.cell_type != "code" or cell.source.strip() in given:
            continue
        if seen := sorted(_seen(cell.source)):
            found.append(f"{PREFIX}: {name_of(cell) or f'cell {number}'} reaches for {', '.join(seen)}")
    return found


def _seen(source: str) -> set[str]:
    try:
        nodes = list(ast.walk(ast.parse(_program(source))))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        words = _WORD.findall(source)
        return _named({name for word in words for name in (*word.split("."), *_packages(word))}, [source])
    names, texts, magics = set(), [], set()
    for node in nodes:
        match node:
            case ast.Name(id=name) | ast.Attribute(attr=name):
                names.add(name)
            case ast.Import(names=aliases):
                names.update(package for alias in aliases for package in _packages(alias.name))
            case ast.ImportFrom(module=str(module), names=aliases):
                names.update(package for alias in aliases for package in _packages(f"{module}.{alias.name}"))
            case ast.Call(func=ast.Attribute(attr="run_line_magic" | "run_cell_magic"), args=[*_, last]):
                magics |= _seen(str(getattr(last, "value", "")))
            case ast.Constant(value=str(text)):
                texts.append(text)
    return magics | _named(names, texts) | ({"an equality of its own"} if any(map(_is_always_equal, nodes)) else set())


def _named(names: set[str], texts: list[str]) -> set[str]:
    seen = {what for what, known in _SIGNS.items() if known & names}
    return seen | {what for what, pattern in _TEXTS.items() if any(pattern.search(text) for text in texts)}


def _program(source: str) -> str:
    """The cell as Python: what IPython makes of its magics. Its text is in them, and looked through."""
    if len(source) > LONGEST:
        raise ValueError("too long to be parsed outside of the box")
    return TransformerManager().transform_cell(source)


def _packages(module: str) -> list[str]:
    """The module and all packages that it is in: "a", "a.b", "a.b.c" of "a.b.c"."""
    parts = module.split(".")
    return [".".join(parts[:n]) for n in range(1, len(parts) + 1)]


def _is_always_equal(node: ast.AST) -> bool:
    """`def __eq__(…): return True`."""
    return (
        isinstance(node, ast.FunctionDef)
        and node.name == "__eq__"
        and any(isinstance(s, ast.Return) and isinstance(s.value, ast.Constant) for s in node.body)
    )
