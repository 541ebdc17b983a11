"""What no submission may read: the course's own checkout, the folder of the class, other work on this machine.

Most of that lies outside of all that a box shows. A checkout below /usr, or inside Python's prefix, does not: it is
hidden there, but for the package, the data and the interpreter that are needed.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from course import paths
from course.grading import sandbox
from course.grading.kernels.job import Job

_OF_A_PREFIX = ("bin", "include", "lib", "lib64", "pyvenv.cfg")


def to_hide(folders: Iterable[Path]) -> tuple[str, ...]:
    """What must be hidden of private folders, and of the one for temporary files, since a box would show it."""
    shown = _shown()
    places = {os.path.realpath(folder) for folder in (*folders, Path(tempfile.gettempdir()))}
    return tuple(
        path
        for place in sorted(places)
        if any(_is_in(place, readable) for readable in shown)
        for path in _private(place, shown)
    )


def exposed(job: Job, folders: Iterable[Path]) -> list[str]:
    """What of private folders a submission of this job could read: tried from inside its box."""
    shown = _shown()
    private = [path for folder in folders for path in _private(os.path.realpath(folder), shown)]
    asked = {"policy": job.kernel_policy(job.sockets()).to_json(), "paths": private}
    ran = subprocess.run(
        [sys.executable, "-m", "course.grading.sandbox.exposure"],
        input=json.dumps(asked),
        env={**os.environ, "PYTHONPATH": str(paths.PACKAGE.parent), "PYTHONSAFEPATH": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    try:
        found: list[str] = json.loads(ran.stdout)
    except ValueError:
        return [f"(no box was made: {ran.stderr.strip().rpartition(chr(10))[2]})"]
    return found


def _shown() -> set[str]:
    """The real paths that an interpreter needs, with what a prefix has of its own."""
    shown = {os.path.realpath(path) for path in sandbox.runtime()}
    prefixes = {os.path.realpath(prefix) for prefix in (sys.prefix, sys.base_prefix)}
    return shown | {os.path.join(prefix, name) for prefix in prefixes for name in _OF_A_PREFIX}


def _private(place: str, shown: set[str]) -> Iterator[str]:
    """What lies at a place, without what is needed: whole folders where nothing in them is."""
    needed = [path for path in shown if path != place and _is_in(path, place)]
    if not needed or not os.path.isdir(place):
        yield place
        return
    for entry in sorted(os.scandir(place), key=lambda entry: entry.name):
        if entry.path not in shown and not entry.is_symlink():
            yield from _private(entry.path, shown)


def _is_in(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")
