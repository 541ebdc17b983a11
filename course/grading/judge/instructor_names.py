"""The names of the instructor's notebook, as a check finds them.

A name that an answer defines is asked of whoever answers: the submission, or the instructor's own answers. All others
are the instructor's: they are computed here, when a check first asks for one.
"""

import ast
import builtins
import contextlib
import io
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

from course import lab, paths
from course.grading.judge import loopback
from course.notebook.cells import Cell
from course.notebook.names import changed_by, statements


class Missing(NameError):
    """A name that the answers should define, and do not."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} is not defined", name=name)


class Answers(Protocol):
    """Who knows the values of the names that answers define."""

    def name(self, name: str) -> Any:
        """The value of a name. Raises Missing if nobody has it."""


class InstructorNames:
    """The names of the instructor's notebook; `answers` knows those that an answer defines."""

    def __init__(self, cells: Sequence[Cell], answers: Answers) -> None:
        self.cells = cells
        self.answered = {name for cell in cells if cell.role == "answer" for name in _defined(cell.source)}
        self._answers = answers
        self._statements: dict[str, list[tuple[int, ast.stmt]]] = {}
        self._place = {cell.name: place for place, cell in enumerate(cells) if cell.name}
        for place, cell in enumerate(cells):
            if cell.role != "answer":
                for statement in statements(cell.source):
                    for name in changed_by(statement) if cell.role == "given" or _is_shared(statement) else ():
                        self._statements.setdefault(name, []).append((place, statement))
        self._started: dict[str, Any] = {}
        start = next((cell for cell in cells if "lab.start(" in cell.source), None)
        if start:
            names = Globals(self, before=0)
            exec(compile(start.source, "<start>", "exec"), names)
            self._started = dict(names)
        self._known = dict(self._started)

    def answered_by(self, answers: Answers) -> "InstructorNames":
        """The same notebook, with other answers."""
        other = InstructorNames.__new__(InstructorNames)
        other.__dict__ = {**self.__dict__, "_answers": answers, "_known": dict(self._started)}
        if isinstance(answers, OwnAnswers):
            answers.read(other)
        return other

    def names_for(self, cell: str) -> "Globals":
        """The global names of a cell, which sees what stands before it."""
        return Globals(self, before=self._place.get(cell, 0))

    def find(self, name: str, *, before: int) -> Any:
        """The value of a global name. Raises NameError if nobody has it."""
        if name in self.answered:
            return self._answers.name(name)
        if name in self._known:
            return self._known[name]
        if name in self._statements:
            return self._computed(name, before)
        if hasattr(builtins, name):
            return getattr(builtins, name)
        return self._answers.name(name)

    def _computed(self, name: str, before: int) -> Any:
        statements = self._statements[name]
        earlier = [statement for place, statement in statements if place <= before]
        names = Globals(self, before=before)
        tree = ast.Module(earlier or [statements[0][1]], type_ignores=[])
        exec(compile(tree, f"<{name}>", "exec"), names)
        self._known.update({bound: names[bound] for bound in names if bound in self._statements})
        return self._known[name]


class Globals(dict[str, Any]):
    """Global names of code that is run here: what it has not defined itself is looked up."""

    def __init__(self, known: InstructorNames, *, before: int) -> None:
        super().__init__(__builtins__=builtins, __name__="__judge__")
        self._known, self._before = known, before

    def __missing__(self, name: str) -> Any:
        return self._known.find(name, before=self._before)


class OwnAnswers:
    """The answers of the instructor's notebook, or others in their place, run in this process.

    While it is open, the lab's records are those in a folder: the reference machine's, unless another is given. Use it
    by `InstructorNames.answered_by`.
    """

    def __init__(
        self, cells: Sequence[Cell], *, replaced: dict[str, str] | None = None, records: Path | None = None
    ) -> None:
        self._cells = [
            Cell(cell.name, cell.role, (replaced or {}).get(cell.name, cell.source))
            for cell in cells
            if cell.role == "answer"
        ]
        self._records = records or paths.datasets() / "measured" / "reference_machine"
        self._names: Globals | None = None
        self._open = contextlib.ExitStack()

    def __enter__(self) -> "OwnAnswers":
        self._open.enter_context(lab.records_in(self._records))
        self._open.enter_context(contextlib.redirect_stdout(io.StringIO()))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    def read(self, known: InstructorNames) -> None:
        """Run the answers; one that fails defines nothing."""
        self._names = names = Globals(known, before=len(known.cells))
        for cell in self._cells:
            with contextlib.suppress(Exception):
                exec(compile(cell.source, f"<{cell.name}>", "exec"), names)

    def name(self, name: str) -> Any:
        """The value of a name. Raises Missing if no answer defines it."""
        if self._names is None or not dict.__contains__(self._names, name):
            raise Missing(name)
        value = loopback.copied(self._names[name], strict=False, back=True)
        if isinstance(value, loopback.Over):
            value.__name__ = name  # whatever it calls itself: a lambda has no name
        return value


def _is_shared(statement: ast.stmt) -> bool:
    """Whether a check's statement serves the checks after it: an import, or a function called `reference_…`."""
    if isinstance(statement, ast.FunctionDef):
        return statement.name.startswith("reference_")
    return isinstance(statement, ast.Import | ast.ImportFrom)


def _defined(source: str) -> set[str]:
    """What an answer defines; what it imports is the library's."""
    defining = [s for s in statements(source) if not isinstance(s, ast.Import | ast.ImportFrom)]
    return {name for statement in defining for name in changed_by(statement)}
