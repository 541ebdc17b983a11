"""Cells that only show: plots, tables and trials, which no mark needs unless something that runs reads their names.

Under the grader that is also what `lab` measures and reveals: it shows the submitted records, and makes none.

A lab's build marks the cells whose code leaves nothing behind but names of its own. Whether one of them is idle in a
submission depends on what else is in it: a student's cell may read what the lab's own cell has defined.
"""

import ast
import re
from collections.abc import Collection, Iterator
from functools import lru_cache

from nbformat import NotebookNode

from course.notebook import names
from course.notebook.cells import is_answer, is_check, tags

TAG = "only-shows"
NOT_RUN = "not run for the mark: this cell only shows\n"

_LAB_LASTS = {"predict", "records_in", "start"}
_LASTING_CALLS = {"delattr", "eval", "exec", "globals", "input", "locals", "next", "setattr", "vars"}
_CHANGING = {  # what they are called on
    *("add", "append", "appendleft", "clear", "discard", "extend", "fill", "insert", "pop", "popitem", "popleft"),
    *("put", "remove", "reverse", "setdefault", "shuffle", "sort", "update"),
}
_SETTING = {  # a library's state
    *("filterwarnings", "manual_seed", "rc", "seed", "set_num_threads", "set_option", "set_printoptions"),
    *("simplefilter", "use"),
}
_WRITING = {
    *("dump", "mkdir", "rename", "save", "savefig", "send", "to_csv", "to_html", "to_json", "touch", "unlink"),
    *("write", "write_bytes", "write_text", "writelines"),
}
_LASTING_METHODS = _CHANGING | _SETTING | _WRITING
_MOST_STATEMENTS = 1000  # of a cell: a millisecond for ten of them
_NEW_RANDOM = {"default_rng", "Generator", "Random", "RandomState"}  # a state of their own
_BY_ANY_NAME = {
    *("In", "Out", "__builtins__", "__name__", "dir", "eval", "exec", "gc", "get_ipython", "globals", "inspect"),
    *("locals", "vars"),
}
_READING_ANY = ("__main__", "_getframe", "pd.eval(")
_IN_QUERY = re.compile(r"@(\w+)")  # a name, in what pandas' query takes


def mark(notebook: NotebookNode) -> None:
    """Tag the cells of an instructor's notebook that only show."""
    for cell in notebook.cells:
        if cell.cell_type == "code" and not is_check(cell) and not is_answer(cell) and only_shows(cell.source):
            cell.metadata["tags"] = sorted({*tags(cell), TAG})


def marked(notebook: NotebookNode) -> set[str]:
    """The sources of the marked cells."""
    return {cell.source.strip() for cell in notebook.cells if TAG in tags(cell)}


def only_shows(source: str) -> bool:
    """Whether a cell leaves nothing behind but names: no file, no record, nothing changed that others hold."""
    body = names.statements(source)
    own = _own(body)
    return bool(body) and not any(_lasts(node, own) for statement in body for node in ast.walk(statement))


def idle(notebook: NotebookNode, sources: Collection[str]) -> set[int]:
    """Which cells need not run for a mark: of those with the given sources, all whose names no running cell reads.

    None is, where a running cell can read any name: by `globals`, by a magic.
    """
    code = {index: cell.source for index, cell in enumerate(notebook.cells) if cell.cell_type == "code"}
    left = {index for index, source in code.items() if source.strip() in sources}
    left -= {index for index in left if is_check(notebook.cells[index]) or is_answer(notebook.cells[index])}
    running = [source for index, source in code.items() if index not in left]
    needed: set[str] = set()
    while running:
        for source in running:
            awaited = _awaited(source)
            if awaited is None:
                return set()
            needed |= awaited
        wanted = {index for index in left if _bound(code[index]) & needed}
        left -= wanted
        running = [code[index] for index in wanted]
    return left


_bound = lru_cache(maxsize=256)(names.bound)  # the lab's own cells come again with each submission


@lru_cache(maxsize=256)
def _awaited(source: str) -> set[str] | None:
    """The names that a cell awaits; None if it may read others, or is too long to tell."""
    if len(source) > names.LONGEST or not names.is_program(source):
        return None
    try:
        body = names.statements(source)
        if sum(isinstance(node, ast.stmt) for one in body for node in ast.walk(one)) > _MOST_STATEMENTS:
            return None
        awaited = names.awaited(source)
    except names.NO_PROGRAM:
        return None
    says_none = any(name in _BY_ANY_NAME or not name.strip("_0123456789") for name in awaited)  # _ and _12: of a cell
    if says_none or any(word in source for word in _READING_ANY):
        return None
    return awaited | set(_IN_QUERY.findall(source))


def _own(body: list[ast.stmt]) -> set[str]:
    """The names that only ever stand for an object that the cell has made."""
    made: set[str] = set()
    others: set[str] = set()
    for node in (node for statement in body for node in ast.walk(statement)):
        if isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            is_new = not isinstance(node.value, ast.Name | ast.Attribute | ast.Subscript | type(None))
            (made if is_new else others).update(*map(names.bound_by, targets))
        elif isinstance(node, ast.arg):
            others.add(node.arg)
        elif isinstance(node, ast.For | ast.comprehension):
            others |= names.bound_by(node.target)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            others |= names.changed_by(node)
    return made - others


def _lasts(node: ast.AST, own: set[str]) -> bool:
    """Whether a node changes, or may change, what was there before the cell and is there after it."""
    match node:
        case ast.Global() | ast.Nonlocal() | ast.Delete() | ast.AsyncFunctionDef() | ast.Await():
            return True
        case ast.ImportFrom(names=[ast.alias(name="*")]):
            return True
        case ast.Attribute(ctx=ast.Store()) | ast.Subscript(ctx=ast.Store()):
            return names.base(node) not in own
        case ast.AugAssign(target=ast.Name(id=name)):
            return name not in own
        case ast.keyword(arg="inplace", value=ast.Constant(value=True)):
            return True
        case ast.Call(func=ast.Name(id="open"), args=args, keywords=keywords):
            modes = [*args[1:2], *(one.value for one in keywords if one.arg == "mode")]
            return not all(isinstance(mode, ast.Constant) and mode.value in ("r", "rb") for mode in modes)
        case ast.Call(func=ast.Name(id=name)):
            return name in _LASTING_CALLS
        case ast.Call(func=ast.Attribute() as method):
            return _method_lasts(method, own)
    return False


def _method_lasts(method: ast.Attribute, own: set[str]) -> bool:
    whose, through = names.base(method), [*_attributes(method)]
    if whose == "lab":
        return method.attr in _LAB_LASTS
    if whose == "random" or "random" in through[1:]:
        return method.attr not in _NEW_RANDOM
    return whose not in own and method.attr in _LASTING_METHODS


def _attributes(node: ast.expr) -> Iterator[str]:
    """The attributes of `np.random.normal`, the last one first."""
    while isinstance(node, ast.Attribute):
        yield node.attr
        node = node.value
