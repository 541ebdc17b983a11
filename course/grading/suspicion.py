"""Signs of tampering in a submission's code: an instructor should look at it. Nobody loses a point by a sign."""

import ast
import re

from nbformat import NotebookNode

from course.grading.intake import name_of

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


def signs(notebook: NotebookNode) -> list[str]:
    """A flag for each cell of the submission's own that reaches for something unusual."""
    found = []
    for number, cell in enumerate(notebook.cells, start=1):
        if cell.cell_type != "code" or cell.metadata.get("nbgrader", {}).get("locked"):
            continue
        if seen := sorted(_seen(cell.source)):
            found.append(f"{PREFIX}: {name_of(cell) or f'cell {number}'} reaches for {', '.join(seen)}")
    return found


def _seen(source: str) -> set[str]:
    try:
        nodes = list(ast.walk(ast.parse(source)))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return set()
    names, texts = set(), []
    for node in nodes:
        match node:
            case ast.Name(id=name) | ast.Attribute(attr=name):
                names.add(name)
            case ast.Import(names=aliases):
                names.update(alias.name for alias in aliases)
            case ast.ImportFrom(module=str(module), names=aliases):
                names.update({module, *(f"{module}.{alias.name}" for alias in aliases)})
            case ast.Constant(value=str(text)):
                texts.append(text)
    seen = {what for what, known in _SIGNS.items() if known & names}
    seen |= {what for what, pattern in _TEXTS.items() if any(pattern.search(text) for text in texts)}
    return seen | ({"an equality of its own"} if any(_is_always_equal(node) for node in nodes) else set())


def _is_always_equal(node: ast.AST) -> bool:
    """`def __eq__(…): return True`."""
    return (
        isinstance(node, ast.FunctionDef)
        and node.name == "__eq__"
        and any(isinstance(s, ast.Return) and isinstance(s.value, ast.Constant) for s in node.body)
    )
