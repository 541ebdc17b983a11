"""Hold a lab's checks against the instructor's own answers, which must pass, and against none, which must not.

    python -m course.grading.judge.proof SOLUTION.ipynb RELEASE.ipynb

prints {"test-1-4": what is wrong with it}. Nothing is confined: this is the instructor's own code.
"""

import io
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from course import paths
from course.build import BadSource, Lab
from course.grading.judge import judge
from course.grading.judge.instructor_names import InstructorNames, OwnAnswers
from course.notebook.cells import by_name, code_of

LONGEST_S = 600


def require(lab: Lab, solution: NotebookNode, release: NotebookNode) -> None:
    """Raise BadSource, naming each broken check of a lab and what is wrong with it."""
    with tempfile.TemporaryDirectory(prefix="course-proof-") as folder:
        files = [Path(folder, name) for name in ("solution.ipynb", "release.ipynb")]
        for file, notebook in zip(files, (solution, release), strict=True):
            nbformat.write(notebook, file)
        command = [sys.executable, "-m", "course.grading.judge.proof", *map(str, files)]
        package = str(paths.PACKAGE.parent)
        path = os.pathsep.join(filter(None, [package, os.environ.get("PYTHONPATH")]))
        env = os.environ | {"NBGRADER_EXECUTION": "autograde", "MPLBACKEND": "agg", "PYTHONPATH": path}
        try:
            ran = subprocess.run(command, capture_output=True, text=True, cwd=folder, env=env, timeout=LONGEST_S)
        except subprocess.TimeoutExpired:
            raise BadSource(f"{lab.source}: its checks do not end within {LONGEST_S} s") from None
    if ran.returncode:
        last = (ran.stderr.strip().splitlines() or ["no word"])[-1]
        raise BadSource(f"{lab.source}: its checks cannot be tried: {last}")
    if faults := json.loads(ran.stdout):
        broken = "; ".join(f"{name}: {fault}" for name, fault in faults.items())
        raise BadSource(f"{lab.source} has checks that are broken: {broken}")


def faults(solution: NotebookNode, release: NotebookNode) -> dict[str, str]:
    """What is wrong with each check that is broken, by its name. Run it in a process and an empty folder of its own."""
    found: dict[str, str] = {}
    known = rehearsal(solution)
    unanswered = {name: cell.source for name, cell in by_name(release).items() if cell.cell_type == "code"}
    for replaced, records in ((None, None), (unanswered, Path.cwd())):
        with answered(known, replaced, records=records) as rehearsed:
            for cell in known.cells:
                if cell.role == "check" and cell.name not in found:
                    verdict = judge.run(cell.name, cell.source, rehearsed)
                    if fault := _fault(verdict, answered=replaced is None):
                        found[cell.name] = fault
    return found


def rehearsal(solution: NotebookNode) -> InstructorNames:
    """The instructor's notebook, begun; nobody has answered yet."""
    return InstructorNames(code_of(solution), _Nobody())


@contextmanager
def answered(
    known: InstructorNames, replaced: dict[str, str] | None = None, *, records: Path | None = None
) -> Iterator[InstructorNames]:
    """The notebook with the instructor's answers, some of them `replaced` by others: {name of the cell: source}.

    Its records are those in a folder; the reference machine's unless one is given.
    """
    with OwnAnswers(known.cells, replaced=replaced, records=records) as own:
        yield known.answered_by(own)


class _Nobody:
    """Who answers nothing."""

    def name(self, name: str) -> Any:
        raise NameError(f"{name} is not defined", name=name)


def _fault(verdict: dict[str, Any], *, answered: bool) -> str:
    if answered:
        missing = verdict.get("verdict") == "blank"  # a measurement that the reference machine has not made
        return "" if verdict["passed"] or missing else f"the solution does not pass it ({verdict['message']})"
    if verdict["passed"]:
        return "it passes where nothing is answered"
    if verdict.get("unanswered") or "missing" in verdict:
        return ""
    return f"it does not say that nothing is answered ({verdict['message']})"


def main() -> None:
    """Print the faults as JSON."""
    solution, release = (nbformat.read(path, as_version=4) for path in sys.argv[1:])
    with redirect_stdout(io.StringIO()):
        found = faults(solution, release)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
