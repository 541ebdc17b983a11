"""nbgrader's gradebook, opened once for a class, and waited for while another program keeps it locked."""

import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

from nbgrader.api import Gradebook, InvalidEntry
from sqlalchemy import make_url
from sqlalchemy.exc import DBAPIError
from tornado.log import app_log

from course import nbgrader_api
from course.grading.book import durable_io

URL = "sqlite:///{}/gradebook.db"
PATIENCE_S = 30.0  # how long another program may keep the gradebook locked

_T = TypeVar("_T")
_log = logging.getLogger(__name__)


class GradebookError(Exception):
    """The gradebook, or autograded/, cannot be written; the message says why, and what to do."""


def make(course: Path) -> None:
    """Make the gradebook's file if there is none, whole or not at all."""
    if is_there(course):
        return
    path = Path(make_url(url(course)).database or "")
    half = path.with_name(f".{path.name}.part")
    for left in (half, half.with_name(f"{half.name}-journal")):
        left.unlink(missing_ok=True)
    nbgrader_api.prepare_process()
    Gradebook(f"sqlite:///{half}", course_id(course)).close()
    os.replace(half, path)


def is_there(course: Path) -> bool:
    """Whether there is a gradebook: its file, or a server that is asked."""
    at = make_url(url(course))
    return at.get_backend_name() != "sqlite" or not at.database or Path(at.database).exists()


def patiently(course: Path, work: Callable[[], _T]) -> _T:
    """Do it, again and again while another program locks the gradebook, but not for ever."""
    until, has_warned = time.monotonic() + PATIENCE_S, False
    while True:
        try:
            return work()
        except OSError as error:
            raise GradebookError(refusal(course, durable_io.reason(error))) from None
        except (DBAPIError, InvalidEntry, nbgrader_api.NbgraderError) as error:
            if "database is locked" not in str(error):
                if isinstance(error, nbgrader_api.NbgraderError):
                    raise
                raise GradebookError(refusal(course, _what(error))) from None
            if time.monotonic() > until:
                raise GradebookError(refusal(course, "another program, such as formgrader, keeps it locked")) from None
        if not has_warned:
            _log.warning("the gradebook is locked by another program: waiting up to %.0f s for it", PATIENCE_S)
            has_warned = True
        time.sleep(0.1)


def _what(error: Exception) -> str:
    return durable_io.reason(getattr(error, "orig", None) or error).removeprefix("(sqlite3.OperationalError) ")


def refusal(course: Path, why: str) -> str:
    """That it cannot be used, why, and that nothing is lost."""
    return (
        f"the gradebook {url(course).removeprefix('sqlite:///')} cannot be used ({why}); no result is lost: "
        "when that is mended, `course replay LAB` writes what is in the ledger"
    )


@contextmanager
def opened(course: Path) -> Iterator[Gradebook]:
    """The gradebook, which afterwards holds no lock and remembers nothing."""
    nbgrader_api.prepare_process()
    gradebook = _kept(url(course), course_id(course), _file(course))
    app_log.disabled = True  # nbgrader's traceback, there, of what it raises anyway
    try:
        yield gradebook
    finally:
        app_log.disabled = False
        gradebook.db.remove()


@lru_cache(maxsize=1)
def _kept(url: str, course_id: str, file: tuple[int, ...]) -> Gradebook:
    """The gradebook, opened once for a class: to open it, and to compile its statements anew, is half of a save."""
    return Gradebook(url, course_id)


def _file(course: Path) -> tuple[int, ...]:
    """What tells that a gradebook has been put in the place of another, or emptied; nothing where it is a server's."""
    at = make_url(url(course))
    if at.get_backend_name() != "sqlite" or not at.database or not is_there(course):
        return ()
    found = Path(at.database).stat()
    return found.st_dev, found.st_ino, min(found.st_size, 1)


def course_id(course: Path) -> str:
    """What nbgrader calls the course."""
    return nbgrader_api.config(course).CourseDirectory.get("course_id", "")


def url(course: Path) -> str:
    """The course's own gradebook: what its nbgrader_config.py says, else gradebook.db in the course's folder."""
    named = nbgrader_api.config(course).CourseDirectory.get("db_url")
    return named if isinstance(named, str) and named else URL.format(course)
