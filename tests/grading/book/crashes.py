"""A program that grades a class, disturbed at one step after the other, and resumed: `kill|fill COURSE SCRATCH`.

A step is what a power cut could fall before: a sync, a rename, a commit of the gradebook. There the grader is killed,
or the disk of the folder SCRATCH is filled up (a small one, please) until it has ended. The engine is left out: each
submission gets the points that it names, so that many runs take seconds. Prints a line of JSON for each step.
"""

import json
import os
import re
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
from course.grading import sandbox, self_check
from course.grading.book.ledger import Ledger
from course.grading.grader import Graded
from course.grading.handin import intake
from course.grading.handin.submissions import Submission
from course.grading.result import Exercise, Result
from tests.grading.book import test_marks

FILLER, PAGE = "filler", 4096
ENDS = {0: "", 3: "went on", 4: "said why"}  # by exit code
TOLD = re.compile(r".*(No space left on device|database or disk is full).*lost.*")  # a line


class Grader:
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


def kill(place: Path, step: int) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def fill(place: Path, step: int) -> None:
    """Fill the disk of a folder up, but for no, one or two pages."""
    with open(place / FILLER, "wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(PAGE))
        except OSError:
            file.truncate((file.tell() // PAGE - step % 3) * PAGE)


def grade(lab: Lab, disturb: Callable[[Path, int], None] = kill, step: int = -1) -> str:
    """Grade in a process of its own, disturbed ahead of a step; how that ended, empty if it did not come to it."""
    child = os.fork()
    if child:
        status = os.waitpid(child, 0)[1]
        (lab.course.parent / FILLER).unlink(missing_ok=True)
        end = "killed" if os.WIFSIGNALED(status) else ENDS.get(os.WEXITSTATUS(status))
        return sys.exit(f"disturbed at step {step}, it ended otherwise than it may") if end is None else end
    code = 1
    try:
        left = [step]

        def reached() -> None:
            left[0] -= 1
            if left[0] == -1:
                disturb(lab.course.parent, step)

        def stepping(function: Callable[..., Any]) -> Callable[..., Any]:
            return lambda *args: (reached(), function(*args))[1]

        if step >= 0:
            os.fsync, os.replace = stepping(os.fsync), stepping(os.replace)
            event.listen(Engine, "commit", lambda connection: reached())
        ran = CliRunner().invoke(app, ["grade", lab.key, "--course", str(lab.course)])
        is_disturbed = step >= 0 and left[0] < 0
        if ran.exit_code == 1:  # zed has no verdict
            code = 3 if is_disturbed else 0
        elif ran.exit_code == 2 and is_disturbed and TOLD.fullmatch(ran.stderr.strip()):
            code = 4
        else:
            print(ran.output, ran.stderr, repr(ran.exception), file=sys.stderr)
    finally:
        os._exit(code)


def found(lab: Lab) -> dict[str, Any]:
    """What is left in the end: everything that must not depend on the kill."""
    entries = Ledger(lab.course).entries(lab)
    counted = Counter((entry.student, entry.submission, entry.tests) for entry in entries)
    points = {entry.student: entry.row.get("points", entry.reason) for entry in entries}
    stored = sorted(path.name for path in (lab.course / "ledger").rglob("*") if path.is_file())
    return {
        "written": repr(test_marks.written(lab)),
        "results": sorted(map(list, counted.items()), key=str),
        "points": points,
        "stored": stored,
    }


def main(disturb: Callable[[Path, int], None], course: Path, scratch: Path) -> None:
    tempfile.tempdir = str(scratch)  # what the killed leave behind; and it is full when the course's disk is
    layers, grader = sandbox.probe(), Grader()
    sandbox.probe = lambda: layers  # type: ignore[assignment]
    self_check.open_grader = lambda notebooks, rules: nullcontext(grader)  # type: ignore[assignment,return-value,arg-type]
    for step in range(-1, 1000):
        lab = Lab("lab01_stack", scratch / "course")
        shutil.copytree(course, lab.course)
        for student, points in (("ada", 2), ("Bée", 1)):
            hand_in(lab, student, points)
        hand_in(lab, "zed", 0)
        (lab.course / "submitted" / "zed" / lab.name / "link").symlink_to("/")
        end = grade(lab, disturb, step)
        grade(lab)
        print(json.dumps([end, found(lab)]), flush=True)
        shutil.rmtree(lab.course)
        if step >= 0 and not end:
            break


if __name__ == "__main__":
    main({"kill": kill, "fill": fill}[sys.argv[1]], Path(sys.argv[2]), Path(sys.argv[3]))
