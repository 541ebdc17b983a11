"""A class to grade: a temporary course made from this one, and seeded submissions of one of its labs."""

import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from types import ModuleType

import nbformat
from nbformat import NotebookNode

from course import build, paths
from course.build import Lab
from course.grading.book import gradebook
from course.grading.handin.submissions import Submission
from course.measure import record
from course.notebook.cells import names
from tests.labs import notebooks

SEED = 2026

# nbgrader's own defaults but for names of folders, for stderr, which would cost points, and for longer limits.
STOCK_CONFIG = """
from pathlib import Path
c = get_config()
c.CourseDirectory.course_id = "two-bills"
c.CourseDirectory.root = str(Path(__file__).resolve().parent)
c.CourseDirectory.source_directory = "solutions"
c.CourseDirectory.release_directory = "notebooks"
c.CourseDirectory.ignore = [".ipynb_checkpoints", "*.pyc", "__pycache__", "*.py"]
c.Execute.timeout = 60
c.Execute.startup_timeout = 120
c.IgnorePattern.enabled = True
c.IgnorePattern.pattern = "(?s).*"
"""
STOCK_SETTINGS = (
    "stock nbgrader has its own defaults (a polite kernel shutdown, IPython's history on disk, its own lists of "
    "preprocessors, no missing cells added) but for the names of folders, no points lost to stderr (IgnorePattern), "
    "60 s per cell and 120 s to start a kernel"
)


@dataclass(frozen=True)
class Classroom:
    """A lab and what a class handed in. `ours` and `stock` are course folders whose gradebooks know the lab."""

    title: str
    lab: Lab
    stock: Path
    answers: dict[str, dict[str, str]]  # by student and exercise
    solution: NotebookNode
    release: NotebookNode
    records: list[record.Record]  # what they all measured

    @property
    def ours(self) -> Path:
        return self.lab.course

    @property
    def exercises(self) -> set[str]:
        return graded(self.release)

    def first(self, number: int) -> "Classroom":
        """The same with its first few students only."""
        return replace(self, answers=dict(list(self.answers.items())[:number]))

    def notebook(self, student: str) -> NotebookNode:
        return notebooks.answered(self.release, self.answers[student])

    def fresh(self, course: Path, place: Path) -> Path:
        """A copy of a course folder at `place`, with this class's submissions and nothing graded."""
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(course, place)
        for student in self.answers:
            self.hand_in(student, place / "submitted" / student / self.lab.name)
        return place

    def hand_in(
        self, student: str, folder: Path, *, convert: Callable[[NotebookNode], NotebookNode] = lambda notebook: notebook
    ) -> Submission:
        """Write what the student hands in, converted for who grades it, into a folder that is made."""
        folder.mkdir(parents=True, exist_ok=True)
        record.write(folder, self.records)
        return Submission(student, notebooks.save(convert(self.notebook(student)), folder, self.lab.name), folder)


def lay_out(root: Path, key: str, *, submissions: int) -> Classroom:
    """Make the two courses of a lab ("lab01") below `root`."""
    original = build.find(paths.PACKAGE.parent, key)
    bank = import_module(f"tests.labs.{original.key}")
    lab = Lab(original.name, root / "ours")
    lab.source.parent.mkdir(parents=True)
    shutil.copy(original.course / "nbgrader_config.py", lab.course)
    shutil.copy(original.source, lab.source)
    build.build(lab)
    solution, release = (nbformat.read(path, as_version=4) for path in (lab.solution, lab.release))
    gradebook.prepare(lab, solution)
    stock = root / "stock"
    shutil.copytree(lab.course, stock)  # the gradebook as well
    (stock / "nbgrader_config.py").write_text(STOCK_CONFIG)
    answers = _answers(release, solution, bank, submissions)
    title = f"lab {int(lab.key.removeprefix('lab'))}"
    return Classroom(title, lab, stock, answers, solution, release, getattr(bank, "RECORDS", []))


def _answers(release: NotebookNode, solution: NotebookNode, bank: ModuleType, number: int) -> dict[str, dict[str, str]]:
    """Answers of so many students: in turn all right, with wrong ideas, partly blank, right in other ways; seeded."""
    dice, right = random.Random(SEED), notebooks.solved(release, solution)
    right = {exercise: source for exercise, source in right.items() if exercise in graded(release)}
    found = {}
    for place in range(number):
        answers = dict(right)
        if place % 4 == 1:
            for idea in dice.sample(sorted(bank.WRONG), 3):
                answers[idea.split("/")[0]] = bank.WRONG[idea]
        elif place % 4 == 2:
            answers = {exercise: source for exercise, source in right.items() if dice.random() < 0.6}
        elif place % 4 == 3:
            answers |= {exercise: dice.choice(sources) for exercise, sources in bank.RIGHT.items()}
        found[f"student{place:03d}"] = answers
    return found


def graded(release: NotebookNode) -> set[str]:
    """The exercises that a lab's checks grade."""
    checks = [name for name in names(release) if name.startswith("test-")]
    return {name.removeprefix("test-").replace("-", ".") for name in checks}
