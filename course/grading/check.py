"""Check one's own notebook: by the engine, confined as far as this machine can; by stock nbgrader where it has none."""

import shutil
import sys
import tempfile
from contextlib import AbstractContextManager
from pathlib import Path

from course.build import Lab
from course.grading import desk, intake, sandbox, unconfined
from course.grading.desk import Desk, Progress, Rules
from course.grading.result import Result
from course.grading.submissions import Submission
from course.measure import record


def check(lab: Lab, notebook: Path, *, progress: Progress | None = None) -> Result:
    """Grade the notebook with the lab's hidden tests. Raises Ungradable, saying why it cannot be."""
    intake.read(notebook)  # a file that is no notebook is told at once
    layers = sandbox.probe() if has_engine() else ()
    with (
        tempfile.TemporaryDirectory(prefix="course-check-") as beside,
        open_desk(lab, Rules.of(lab.course, layers)) as at,
    ):
        for needed in (notebook.parent / record.FILE, *notebook.parent.glob("*.py")):
            if needed.is_file():
                shutil.copy(needed, beside)
        return at.grade(Submission("you", notebook, Path(beside)), progress=progress).result


def open_desk(lab: Lab, rules: Rules) -> AbstractContextManager[Desk | unconfined.Desk]:
    """The best desk that this machine has."""
    return desk.open_desk(lab, rules) if has_engine() else unconfined.open_desk(lab)


def has_engine() -> bool:
    """Whether kernels can be forked and confined here: on Linux."""
    return sys.platform == "linux"
