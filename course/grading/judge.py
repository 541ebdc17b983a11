"""The judge: a process that runs the hidden tests, and reaches the submission's functions by calling them.

The submission never sees a test, what it expects, or a reference. A name in a test is looked up here first (imports,
`lab.start`, and whatever the instructor's notebook gives outside of answers, computed here and not by the submission);
what the notebook's answers define is the submission's.
"""

import ast
import builtins
import socket
import traceback
from dataclasses import dataclass
from typing import Any

from course import checking
from course.grading import codec
from course.grading.peer import LAB, TEST, VERDICT, Line, LineClosed, Peer

ANSWER, CHECK, GIVEN = "answer", "check", "given"


@dataclass(frozen=True)
class Cell:
    """A code cell of the instructor's notebook: its role is "answer", "check" or "given"."""

    name: str
    role: str
    source: str


def serve(channel: socket.socket) -> None:
    """Run tests as they are asked for, until the line closes."""
    line = Line(channel)
    peer = Peer(line, side="judge", lenient=False, find=_no_name)
    givens = Givens([], peer)
    try:
        while True:
            kind, number, content = line.receive()
            if kind == LAB:
                givens = Givens([Cell(*cell) for cell in content], peer)
            elif kind == TEST:
                peer.begin()
                verdict = _run(content["name"], content["source"], givens)
                peer.end()
                line.send(VERDICT, number, verdict)
    except LineClosed:
        return


def _no_name(name: str) -> Any:
    raise NameError(f"a submission cannot read {name} of its judge")


class Givens:
    """What the instructor's notebook gives to the tests, computed when a test asks for it."""

    def __init__(self, cells: list[Cell], peer: Peer) -> None:
        self.answered = {name for cell in cells if cell.role == ANSWER for name in _defined(cell.source)}
        self._peer = peer
        self._statements: dict[str, list[tuple[int, ast.stmt]]] = {}
        self._known: dict[str, Any] = {}
        self._place = {cell.name: place for place, cell in enumerate(cells) if cell.role == CHECK}
        for place, cell in enumerate(cells):
            if cell.role != ANSWER:
                for statement in _parsed(cell.source):
                    is_import = isinstance(statement, ast.Import | ast.ImportFrom)
                    for name in _bound(statement) if is_import or cell.role == GIVEN else ():
                        self._statements.setdefault(name, []).append((place, statement))
        start = next((cell for cell in cells if "lab.start(" in cell.source), None)
        if start:
            self._names = Names(self, before=0)
            exec(compile(start.source, "<start>", "exec"), self._names)
            self._known.update(self._names)

    def names_for(self, test: str) -> "Names":
        """The global names of a test, which sees what stands before it."""
        return Names(self, before=self._place.get(test, 0))

    def find(self, name: str, *, before: int) -> Any:
        """The value of a global name. Raises NameError if nobody has it."""
        if name in self.answered:
            return self._peer.name(name)
        if name in self._known:
            return self._known[name]
        if name in self._statements:
            return self._computed(name, before)
        if hasattr(builtins, name):
            return getattr(builtins, name)
        return self._peer.name(name)

    def _computed(self, name: str, before: int) -> Any:
        statements = self._statements[name]
        earlier = [statement for place, statement in statements if place <= before]
        names = Names(self, before=before)
        tree = ast.Module(earlier or [statements[0][1]], type_ignores=[])
        exec(compile(tree, f"<{name}>", "exec"), names)
        self._known.update({bound: names[bound] for bound in names if bound in self._statements})
        return self._known[name]


class Names(dict[str, Any]):
    """Global names of code that the judge runs: what it has not defined itself is looked up."""

    def __init__(self, givens: Givens, *, before: int) -> None:
        super().__init__(__builtins__=builtins, __name__="__judge__")
        self._givens, self._before = givens, before

    def __missing__(self, name: str) -> Any:
        return self._givens.find(name, before=self._before)


def _run(name: str, source: str, givens: Givens) -> dict[str, Any]:
    """The verdict of a test: passed only if it came to its end."""
    shown: list[dict[str, Any]] = []
    checking.show = shown.append  # type: ignore[assignment]
    try:
        exec(compile(source, f"<{name}>", "exec"), givens.names_for(name))
    except BaseException as error:
        return {"passed": False, **(shown[0] if shown else _bare(error, name))}
    return {"passed": True}


def _bare(error: BaseException, test: str) -> dict[str, Any]:
    """The verdict of an exception that no expectation turned into one."""
    if isinstance(error, codec.Uncrossable):
        return {"verdict": "error", "message": f"the test is at fault: {error}"}
    if isinstance(error, NotImplementedError):
        blank = type(error) is not NotImplementedError  # a record is missing
        return {"verdict": "blank" if blank else "error", "message": _text(error)}
    verdict = getattr(error, "verdict", "fail" if isinstance(error, AssertionError) else "error")
    return {"verdict": verdict, "message": _text(error) + _where(error, test)}


def _text(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".rstrip(": ")


def _where(error: BaseException, test: str) -> str:
    """The line of a bare `assert` that says nothing itself."""
    if str(error):
        return ""
    line = next((f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == f"<{test}>"), None)
    return f" in line {line} of the check" if line else ""


def _parsed(source: str) -> list[ast.stmt]:
    try:
        return ast.parse(source).body
    except SyntaxError:  # a magic
        return []


def _defined(source: str) -> set[str]:
    """What an answer defines; what it imports is nobody's."""
    statements = [s for s in _parsed(source) if not isinstance(s, ast.Import | ast.ImportFrom)]
    return {name for statement in statements for name in _bound(statement)}


def _bound(statement: ast.stmt) -> set[str]:
    """The global names that a statement binds, or changes by an item or attribute."""
    if isinstance(statement, ast.Import | ast.ImportFrom):
        return {(alias.asname or alias.name).split(".")[0] for alias in statement.names}
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {statement.name}
    targets = [node for node in ast.walk(statement) if isinstance(getattr(node, "ctx", None), ast.Store)]
    return {name for target in targets if (name := _base(target))}


def _base(target: ast.AST) -> str | None:
    while isinstance(target, ast.Attribute | ast.Subscript | ast.Starred):
        target = target.value
    return target.id if isinstance(target, ast.Name) else None
