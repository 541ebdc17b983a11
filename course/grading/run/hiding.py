"""What holds the answer of an exercise, and is hidden from the submission's process: packages and modules, by name.

A lab's source names them in its header: `jupyter: {two_bills: {hides: [gguf, course.llama.convert]}}`.
"""

import importlib.metadata
import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path

from nbformat import NotebookNode

_LIBRARIES = {"llama_cpp": ("libllama*", "libggml*", "llama.dll", "ggml*.dll")}  # which conda keeps outside of packages


def hidden_packages(solution: NotebookNode) -> tuple[str, ...]:
    """The packages and modules that a lab's instructor notebook says it hides."""
    return tuple(solution.metadata.get("two_bills", {}).get("hides", ()))


def paths_of(packages: Sequence[str]) -> tuple[str, ...]:
    """Every path of packages and modules that are here: folders, files with what Python compiled of them, what their
    distributions put elsewhere, shared libraries.
    """
    found: set[Path] = set()
    owners = importlib.metadata.packages_distributions() if packages else {}
    for package in packages:
        spec = importlib.util.find_spec(package)
        if spec is None:
            continue
        if spec.submodule_search_locations:
            found.update(map(Path, spec.submodule_search_locations))
        elif spec.origin:
            source = Path(spec.origin)
            found.update([source, *source.parent.glob(f"__pycache__/{source.stem}.*.pyc")])
        for distribution in owners.get(package, ()):
            files = importlib.metadata.files(distribution) or ()
            found.update(Path(str(file.locate())).resolve() for file in files if file.suffix != ".pyc")
        for pattern in _LIBRARIES.get(package, ()):
            for prefix in (Path(sys.prefix), Path("/usr"), Path("/usr/local")):
                found.update((prefix / "lib").glob(pattern))
    outermost = {path for path in found if path.exists() and not any(parent in found for parent in path.parents)}
    return tuple(sorted(map(str, outermost)))
