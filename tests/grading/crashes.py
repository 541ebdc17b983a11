"""A program that grades a class whose grader is killed at one step after the other, and resumed: `COURSE SCRATCH`.

A step is what a power cut could fall before: a sync, a rename, a commit of the gradebook. The engine is left out: each
submission gets the points that it names, so that many runs take seconds. Prints a line of JSON for each step.
"""

import json
import os
import shutil
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import nbformat
from sqlalchemy import Engine, event
from typer.testing import CliRunner

from course.build import Lab
from course.cli import app
from course.grading import check, intake, sandbox
from course.grading.desk import Graded
from course.grading.ledger import Ledger
from course.grading.result import Exercise, Result
from course.grading.submissions import Submission
from tests.grading import test_bookkeeping


class Desk:
    """It takes a submission's points from its notebook's metadata."""

    def grade(self, submission: Submission) -> Graded:
        assert submission.notebook
        notebook = intake.read(submission.notebook)
        exercise = Exercise("1.1", notebook.metadata.points, 2, "fail")
        return Graded(Result("lab01", [exercise], 0.0), notebook)


def hand_in(lab: Lab, student: str, points: float) -> None:
    path = lab.course / "submitted" / student / lab.name / f"{lab.name}.ipynb"
    path.parent.mkdir(parents=True)
    notebook = nbformat.v4.new_notebook(metadata={"points": points})
    path.write_text(nbformat.writes(notebook))


def killed_at(lab: Lab, step: int | None) -> bool:
    """Grade in a process of its own that is killed ahead of a step, if it comes to it; whether it was."""
    child = os.fork()
    if child:
        return os.WIFSIGNALED(os.waitpid(child, 0)[1])
    code = 1
    try:
        left = [step]

        def reached() -> None:
            if left[0] is not None:
                left[0] -= 1
                if left[0] < 0:
                    os.kill(os.getpid(), signal.SIGKILL)

        def stepping(function: Callable[..., Any]) -> Callable[..., Any]:
            return lambda *args: (reached(), function(*args))[1]

        os.fsync, os.replace = stepping(os.fsync), stepping(os.replace)
        event.listen(Engine, "commit", lambda connection: reached())
        ran = CliRunner().invoke(app, ["grade", lab.key, "--course", str(lab.course)])
        code = 0 if ran.exit_code == 1 else print(ran.output, ran.exception, file=sys.stderr) or 1
    finally:
        os._exit(code)


def found(lab: Lab) -> dict[str, Any]:
    """What is left in the end: everything that must not depend on the kill."""
    entries = Ledger(lab.course).entries(lab)
    counted = Counter((entry.student, entry.submission, entry.tests) for entry in entries)
    points = {entry.student: entry.row.get("points", entry.reason) for entry in entries}
    stored = sorted(path.name for path in (lab.course / "ledger").rglob("*") if path.is_file())
    return {
        "written": repr(test_bookkeeping.written(lab)),
        "results": sorted(map(list, counted.items()), key=str),
        "points": points,
        "stored": stored,
    }


def main(course: Path, scratch: Path) -> None:
    tempfile.tempdir = str(scratch)  # what the killed leave behind
    layers, desk = sandbox.probe(), Desk()
    sandbox.probe = lambda: layers  # type: ignore[assignment]
    check.open_desk = lambda lab, rules: nullcontext(desk)  # type: ignore[assignment,return-value,arg-type]
    for step in [None, *range(1000)]:
        lab = Lab("lab01_stack", scratch / str(step))
        shutil.copytree(course, lab.course)
        for student, points in (("ada", 2), ("Bée", 1)):
            hand_in(lab, student, points)
        hand_in(lab, "zed", 0)
        (lab.course / "submitted" / "zed" / lab.name / "link").symlink_to("/")
        is_killed = killed_at(lab, step)
        killed_at(lab, None)
        print(json.dumps(found(lab)), flush=True)
        if step is not None and not is_killed:
            break


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
