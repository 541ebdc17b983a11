"""nbgrader as it is, run by its own API in a course folder of its own, with the configuration of ours.

Its import takes half a second: only who runs it waits for that.
"""

import os
import sysconfig
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from traitlets.config import Config
from traitlets.config.loader import PyFileConfigLoader

if TYPE_CHECKING:
    from nbgrader.apps.api import NbGraderAPI

CONFIG = "nbgrader_config.py"


class NbgraderError(Exception):
    """nbgrader could not do what it was asked; its log is the message."""


def config(course: Path) -> Config:
    """What the course's nbgrader_config.py says."""
    return PyFileConfigLoader(CONFIG, path=str(course)).load_config()


def cohort(course: Path) -> str:
    """This year's cohort: `c.TwoBills.cohort` in nbgrader_config.py. Raises NbgraderError if it is not set."""
    named = config(course).TwoBills.get("cohort")
    if not isinstance(named, str) or not named:
        raise NbgraderError(f'{course / CONFIG} sets no cohort: add a line such as c.TwoBills.cohort = "2026"')
    return named


def open_course(
    root: Path, *, like: Path, on_cell: Callable[..., None] | None = None, gradebook: str | None = None
) -> "NbGraderAPI":
    """nbgrader on the folder `root`, configured like the course `like`, with a gradebook (a URL) or its own there.

    `on_cell(cell, cell_index)` is called before a cell is executed.
    """
    from nbgrader.apps.api import NbGraderAPI

    settings = config(like)
    settings.Execute.on_cell_execute = on_cell
    settings.CourseDirectory.root = str(root)
    settings.CourseDirectory.db_url = gradebook or f"sqlite:///{root / 'gradebook.db'}"
    settings.NbGraderAPI.log_level = "ERROR"
    prepare_process()
    return NbGraderAPI(config=settings)


def generate(api: "NbGraderAPI", assignment: str) -> Path:
    """Make the student's version of an assignment; returns its notebook. Raises NbgraderError with nbgrader's log."""
    _succeed(api.generate_assignment(assignment))
    release = api.coursedir.format_path(api.coursedir.release_directory, ".", assignment)
    return Path(release) / f"{assignment}.ipynb"


def autograde(api: "NbGraderAPI", assignment: str, student: str) -> Path:
    """Grade one submission; returns the executed notebook. Raises NbgraderError with nbgrader's log."""
    _succeed(api.autograde(assignment, student))
    graded = api.coursedir.format_path(api.coursedir.autograded_directory, student, assignment)
    return Path(graded) / f"{assignment}.ipynb"


def scores(api: "NbGraderAPI", assignment: str, student: str) -> dict[str, float]:
    """Points of each check cell, by the cell's name, from the gradebook."""
    from nbgrader.api import Gradebook

    with Gradebook(api.coursedir.db_url, api.coursedir.course_id) as gradebook:
        notebook = gradebook.find_submission_notebook(assignment, assignment, student)
        return {grade.name: float(grade.score or 0.0) for grade in notebook.grades}


def prepare_process() -> None:
    """Put this environment's scripts on PATH, from where nbgrader runs `alembic` when it makes a gradebook, and show
    no warnings of its database: nobody who grades can act on them.
    """
    from sqlalchemy.exc import SAWarning

    warnings.filterwarnings("ignore", category=SAWarning)
    scripts = sysconfig.get_path("scripts")
    if scripts not in os.environ.get("PATH", "").split(os.pathsep):
        os.environ["PATH"] = os.pathsep.join([scripts, os.environ.get("PATH", "")])


def _succeed(result: dict[str, Any]) -> None:
    if not result["success"]:
        raise NbgraderError((result.get("log") or result.get("error") or "nbgrader failed").strip())
