"""otter-grader on the same exercises, in its own format and an environment of its own."""

import json
import os
import shutil
import subprocess
import sysconfig
import venv
from dataclasses import dataclass
from pathlib import Path

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

from benchmarks import cost
from benchmarks.classroom import Classroom
from benchmarks.contenders import Run
from benchmarks.cost import Cost, Failed
from course import paths
from course.measure import record
from course.notebook.cells import is_check, name_of

REPORT = "results.json"
UNEQUAL = (
    "otter run grades one submission per command and starts anew for each; its tests are the lab's check cells as "
    "test files of its own (exception-based), run where `grader.check` stands, in the process of the submission"
)
TEST = """from otter.test_files import test_case
OK_FORMAT = False
name, points = {name!r}, {points!r}
@test_case(points={points!r}, hidden=True)
def check(env):
    exec({source!r}, env)
"""


class Unavailable(RuntimeError):
    """otter-grader cannot be had here; the message says why."""


@dataclass(frozen=True)
class Otter:
    """An installed otter-grader: its environment's folder."""

    home: Path

    @property
    def command(self) -> str:
        return str(self.home / "bin" / "otter")

    @property
    def version(self) -> str:
        code = "from importlib.metadata import version; print(version('otter-grader'))"
        return subprocess.check_output([self.home / "bin" / "python", "-c", code], text=True).strip()

    @property
    def environment(self) -> dict[str, str]:
        """Its own scripts first. As in nbgrader's autograding, cells that measure take what is recorded instead."""
        path = os.pathsep.join([str(self.home / "bin"), os.environ.get("PATH", "")])
        return {**os.environ, "PATH": path, "NBGRADER_EXECUTION": "autograde"}


def install(home: Path) -> Otter:
    """Make the environment, which sees this one's packages (the same torch) after its own. Raises Unavailable."""
    venv.create(home, with_pip=True)
    python = str(home / "bin" / "python")
    command = [python, "-m", "pip", "install", "--quiet", "otter-grader", "ipykernel"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["pip failed"])[-1]
        raise Unavailable(f"otter-grader cannot be installed: {reason}")
    site = subprocess.check_output([python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], text=True)
    seen = [str(paths.PACKAGE.parent), sysconfig.get_path("purelib")]
    (Path(site.strip()) / "course.pth").write_text("\n".join(seen))
    return Otter(home)


def run(otter: Otter, room: Classroom, place: Path) -> Run:
    """`otter run`, once for each submission. Raises Failed if one of them has no marks."""
    shutil.rmtree(place, ignore_errors=True)
    autograder = _autograder(otter, room, place)
    spent, scores = [], {}
    for student in room.answers:
        folder = place / student
        notebook = room.hand_in(student, folder, convert=converted).notebook
        command = [otter.command, "run", "--no-logo", "-a", str(autograder), "-o", str(folder), str(notebook)]
        spent.append(cost.of([command], cwd=folder, env=otter.environment))
        scores[student] = _marks(folder / REPORT, room)
    whole = Cost(sum(c.wall_s for c in spent), sum(c.cpu_s for c in spent), spent[0].load, "")
    return Run(whole, scores)


def converted(notebook: NotebookNode) -> NotebookNode:
    """A submission as otter's students have it: a grader at the top, which each check asks."""
    notebook.cells.insert(0, new_code_cell("import otter\ngrader = otter.Notebook()"))
    for cell in notebook.cells:
        if is_check(cell):
            cell.source = f'grader.check("{_question(name_of(cell) or "")}")'
    return notebook


def _autograder(otter: Otter, room: Classroom, place: Path) -> Path:
    tests = place / "tests"
    tests.mkdir(parents=True)
    for cell in room.solution.cells:
        if is_check(cell):
            name = _question(name_of(cell) or "")
            test = TEST.format(name=name, points=cell.metadata.nbgrader.points, source=cell.source)
            (tests / f"{name}.py").write_text(test)
    made = place / "autograder.zip"
    record.write(place, room.records)  # copied beside every notebook: otter runs it elsewhere
    options = ["--no-config", "--no-requirements", "--no-environment", "-t", str(tests), "-o", str(made)]
    cost.of([[otter.command, "generate", *options, record.FILE]], cwd=place, env=otter.environment)
    return made


def _question(check: str) -> str:
    """Otter's name of a check: "test-1-4" is "q1_4"."""
    return check.replace("test-", "q").replace("-", "_")


def _marks(report: Path, room: Classroom) -> dict[str, float]:
    if not report.is_file():
        raise Failed(f"otter run left no {REPORT}")
    found: dict[str, float] = dict.fromkeys(room.exercises, 0.0)
    for test in json.loads(report.read_text())["tests"]:
        name = test["name"].split(" ")[0]
        if name.startswith("q"):
            exercise = name.removeprefix("q").replace("_", ".")
            found[exercise] += float(test["score"])
    return found
