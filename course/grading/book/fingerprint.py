"""What a verdict depends on beside the submission itself, as a hash: who has seen the same keeps the old verdict."""

import functools
import hashlib
import importlib.metadata
import platform
from collections.abc import Iterator
from pathlib import Path

import nbformat

from course import paths
from course.grading.grader import Notebooks, Rules

_NO_VERDICT = ("attacks", "commands", "pages", "setting_up", "skeleton")  # of the package: what no test calls
_COMPUTING = ("numpy", "pandas", "scipy", "torch", "transformers", "matplotlib", "llama_cpp_python")


def fingerprint(notebooks: Notebooks, rules: Rules) -> str:
    """A hash of the lab's notebooks, the times and limits, the course's own code and data, and the versions of Python
    and of what computes.
    """
    parts = (
        *(nbformat.writes(notebooks.solution), nbformat.writes(notebooks.release)),
        *(repr(rules.times), repr(rules.limits), f"all cells: {rules.all_cells}"),
        *_surroundings(paths.PACKAGE, paths.datasets()),
    )
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


@functools.cache
def _surroundings(package: Path, datasets: Path) -> tuple[str, ...]:
    """The hashes of the course's code and data, and versions; they do not change while a class is graded."""
    code = (file for file in package.rglob("*.py") if file.relative_to(package).parts[0] not in _NO_VERDICT)
    return _hash(package, code), _hash(datasets, datasets.rglob("*")), *_versions()


def _hash(folder: Path, files: Iterator[Path]) -> str:
    """A hash of files and of their places in a folder, but not of what Python compiled."""
    whole = hashlib.sha256()
    for file in sorted(file for file in files if file.is_file() and file.suffix != ".pyc"):
        whole.update(f"{file.relative_to(folder).as_posix()}\0".encode())
        with file.open("rb") as content:
            whole.update(hashlib.file_digest(content, "sha256").digest())
    return whole.hexdigest()


def _versions() -> Iterator[str]:
    yield platform.python_version()
    for package in _COMPUTING:
        try:
            yield f"{package} {importlib.metadata.version(package)}"
        except importlib.metadata.PackageNotFoundError:
            yield f"no {package}"
