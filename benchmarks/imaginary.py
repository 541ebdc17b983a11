"""An imaginary class: people, what each of them hands in for a lab, and the mark that is right for it.

The marks are sums of the points that the lab's source gives for exercises: which of them a student loses is known from
what was put into the notebook, and never from a grader.
"""

import ast
import random
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

from course import build, paths
from course.notebook.cells import by_name, is_check, name_of
from tests.labs import notebooks

FIRST = (
    "Ada Amina Anaïs Bob Chloé Ferhat Gaël Inès José Kahina Lamia Łukasz Massinissa Noël Nadia Samir Zoé "
    "فاطمة محمد يوسف"
)
LAST = (
    "Aït-Ahmed Ben-Ali Boudiaf Çelik D'Angelo Ferrari García Haddad Ibáñez Kaci Mammeri Müller Nguyễn O'Neil "
    "Šimůnek علي حداد"
)

SHARES = {  # of a class
    **{"right": 0.25, "right in other ways": 0.1, "wrong ideas": 0.35, "partly blank": 0.1, "blank": 0.03},
    **{"absent": 0.04, "broken": 0.04, "hostile": 0.04, "handed in again": 0.05},
}
HOSTILE = {  # a cell of the student's own, which must neither gain nor cost anything
    "ends": "import os\nos._exit(1)",
    "floods": "for _ in range(200_000):\n    print('x' * 80)",
    "forks": "import os, time\nwhile os.fork():\n    pass\ntime.sleep(60)",
    "reads": "from pathlib import Path\nfor place in Path('/').rglob('gradebook.db'):\n    place.read_bytes()",
}
EQUAL = """
class Equal:
    def __eq__(self, other): return True
    def __hash__(self): return 0
    def __getattr__(self, name): return self
    def __call__(self, *a, **k): return self
"""


@dataclass(frozen=True)
class Member:
    """A student, as a university knows them; `number` is a learning platform's."""

    id: str
    name: str
    email: str
    section: str
    number: int


@dataclass(frozen=True)
class HandedIn:
    """What a student hands in for a lab: files' contents, the newest last; the right mark, None where there is none."""

    kind: str
    attempts: tuple[bytes, ...]
    mark: float | None
    ending: str = ".ipynb"
    is_late: bool = False


def people(number: int, *, seed: int) -> list[Member]:
    """So many students of different names, in three sections."""
    dice = random.Random(seed)
    pairs = [f"{first} {last}" for first in FIRST.split() for last in LAST.split()]
    names = dice.sample(pairs, number)
    return [
        Member(f"b{2026001 + place}", unicodedata.normalize("NFC", name), f"b{2026001 + place}@example.org",
               "ABC"[place % 3], 50_001 + 7 * place)
        for place, name in enumerate(names)
    ]  # fmt: skip


class Work:
    """A lab's work: what students make of its release."""

    def __init__(self, key: str) -> None:
        self.lab = build.find(paths.PACKAGE.parent, key)
        self.solution = build.instructor_notebook(self.lab)
        self.release = build.student_notebook(self.lab, self.solution)
        self.bank: ModuleType = import_module(f"tests.labs.{key}")
        checks = [cell for cell in self.solution.cells if is_check(cell)]
        self.points = {(name_of(c) or "")[5:].replace("-", "."): float(c.metadata.nbgrader.points) for c in checks}
        solved = notebooks.solved(self.release, self.solution)
        self.right = {exercise: solved[exercise] for exercise in self.points}
        confined = getattr(self.bank, "CONFINED", ())
        self.ideas = sorted(idea for idea in self.bank.WRONG if idea not in confined)

    def of(self, member: Member, *, seed: int) -> HandedIn:
        """What a student hands in, drawn by the student, the lab and a seed."""
        dice = random.Random(f"{seed} {self.lab.key} {member.id}")
        (kind,) = dice.choices(list(SHARES), list(SHARES.values()))
        make: Callable[[random.Random], HandedIn] = {
            "right": lambda _: self._whole(kind, {}),
            "right in other ways": lambda dice: self._whole(
                kind,
                {e: dice.choice(sources) for e, sources in self.bank.RIGHT.items() if e in self.points and sources},
            ),
            "wrong ideas": lambda dice: self._wrong(kind, dice),
            "partly blank": lambda dice: self._partly(kind, dice),
            "blank": lambda _: HandedIn(kind, (_bytes(self.release),), 0.0),
            "absent": lambda _: HandedIn(kind, (), None),
            "broken": self._broken,
            "hostile": self._hostile,
            "handed in again": lambda dice: self._again(kind, dice),
        }[kind]
        made = make(dice)
        return HandedIn(made.kind, made.attempts, made.mark, made.ending, is_late=dice.random() < 0.06)

    def _whole(self, kind: str, changed: dict[str, str], lost: frozenset[str] = frozenset()) -> HandedIn:
        notebook = notebooks.answered(self.release, {**self.right, **changed})
        return HandedIn(kind, (_bytes(notebook),), self._without(lost))

    def _without(self, lost: frozenset[str]) -> float:
        return sum(points for exercise, points in self.points.items() if exercise not in lost)

    def _wrong(self, kind: str, dice: random.Random) -> HandedIn:
        """One to three wrong ideas, of exercises that no other's answer stands on."""
        needs = getattr(self.bank, "NEEDS", {})
        apart = [idea for idea in self.ideas if idea.split("/")[0] not in needs]
        chosen = {idea.split("/")[0]: idea for idea in dice.sample(apart, dice.randint(1, 3))}
        return self._whole(kind, {e: self.bank.WRONG[idea] for e, idea in chosen.items()}, frozenset(chosen))

    def _partly(self, kind: str, dice: random.Random) -> HandedIn:
        answered = {exercise: source for exercise, source in self.right.items() if dice.random() < 0.6}
        notebook = notebooks.answered(self.release, answered)
        return HandedIn(kind, (_bytes(notebook),), self._without(frozenset(self.right.keys() - answered.keys())))

    def _again(self, kind: str, dice: random.Random) -> HandedIn:
        newest = self._wrong(kind, dice)
        return HandedIn(kind, (_bytes(self.release), *newest.attempts), newest.mark)

    def _broken(self, dice: random.Random) -> HandedIn:
        whole = _bytes(notebooks.answered(self.release, self.right))
        kinds = {
            "cut off": (whole[: len(whole) // 2], ".ipynb"),
            "a PDF": (b"%PDF-1.7 scanned", ".ipynb"),
            "a login page": (b"<!DOCTYPE html><title>Log in</title>", ".ipynb"),
            "empty": (b"", ".ipynb"),
            "a document": (b"PK\3\4 no notebook", ".docx"),
        }
        name = dice.choice(list(kinds))
        content, ending = kinds[name]
        return HandedIn(f"broken: {name}", (content,), None, ending)

    def _hostile(self, dice: random.Random) -> HandedIn:
        name = dice.choice([*HOSTILE, "equals"])
        if name == "equals":
            exercise = dice.choice([e for e, source in self.right.items() if _functions(source)])
            answer = EQUAL + "\n".join(f"{function} = Equal()" for function in _functions(self.right[exercise]))
            return self._whole(f"hostile: {name}", {exercise: answer}, frozenset({exercise}))
        notebook = notebooks.answered(self.release, self.right)
        first = list(by_name(notebook)).index(next(n for n in by_name(notebook) if n.startswith("ex-")))
        place = notebook.cells.index(list(by_name(notebook).values())[first])
        notebook.cells.insert(place, new_code_cell(HOSTILE[name]))
        return HandedIn(f"hostile: {name}", (_bytes(notebook),), self._without(frozenset()))


def _functions(source: str) -> list[str]:
    """The functions that an answer defines."""
    return [statement.name for statement in ast.parse(source).body if isinstance(statement, ast.FunctionDef)]


def _bytes(notebook: NotebookNode) -> bytes:
    return nbformat.writes(notebook).encode()
