"""Where the course's files are, in a checkout and in an installed wheel. Standard library only: set-up needs it."""

import os
import sys
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent


class NotACourse(Exception):
    """A folder that should hold the course's labs does not."""


def datasets() -> Path:
    """The folder of the data package: inside an installed wheel, else at the top of the checkout."""
    shipped = PACKAGE / "datasets"
    return shipped if shipped.is_dir() else PACKAGE.parent / "datasets"


def course_folder(folder: Path | None = None) -> Path:
    """The checkout with `solutions/` and `notebooks/`: `folder`, else the working directory or a parent, else ours.

    Raises NotACourse if there is none.
    """
    candidates = [folder.resolve()] if folder else [Path.cwd(), *Path.cwd().parents, PACKAGE.parent]
    for candidate in candidates:
        if (candidate / "solutions").is_dir() and (candidate / "nbgrader_config.py").is_file():
            return candidate
    where = folder or Path.cwd()
    raise NotACourse(
        f"{where} holds no course (no solutions/ and nbgrader_config.py): run this in the course's checkout, "
        "or name it with --course DIR"
    )


def cache_folder() -> Path:
    """Where downloads and compiled wheels are kept between checkouts; created when missing.

    `TWO_BILLS_CACHE` overrides the platform's own place.
    """
    if named := os.environ.get("TWO_BILLS_CACHE"):
        folder = Path(named)
    elif sys.platform == "win32":
        folder = Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local")) / "two-bills"
    elif sys.platform == "darwin":
        folder = Path.home() / "Library" / "Caches" / "two-bills"
    else:
        folder = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "two-bills"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
