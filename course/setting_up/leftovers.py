"""What a checkout holds that can be made again: caches, generated notebooks, packages. Never work, marks or .venv."""

import shutil
from pathlib import Path

CACHES = (".*_cache", ".hypothesis", "dist", "*.egg-info", "benchmarks/results/*.tmp")
OUR_FOLDERS = ("course", "solutions", "tests", "benchmarks")


def find(checkout: Path) -> list[Path]:
    """The files and folders of `checkout` that can be made again."""
    found = [path for pattern in CACHES for path in checkout.glob(pattern)]
    found += (path for folder in OUR_FOLDERS for path in (checkout / folder).rglob("__pycache__"))
    generated = (source.with_suffix("") for source in checkout.glob("solutions/lab*.py"))
    found += (folder for folder in generated if folder.is_dir())
    return sorted(found)


def remove(paths: list[Path]) -> None:
    """Remove files and whole folders; what is gone already is no error."""
    for path in paths:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
