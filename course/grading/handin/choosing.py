"""Which of the notebooks in a student's folder is the lab's."""

from collections.abc import Sequence
from pathlib import Path

from course.build import Lab
from course.grading.handin import files, intake
from course.grading.handin.files import Limits
from course.grading.result import Ungradable
from course.notebook import cells


def notebook(folder: Path, lab: Lab, limits: Limits) -> tuple[Path, tuple[str, ...]]:
    """The lab's notebook in a student's folder, and what a person should know of the choice. Raises Ungradable."""
    inner = folder / lab.name
    root = inner if inner.is_dir() and not inner.is_symlink() else folder
    notebooks = [path for path in files.below(root, limits) if path.suffix.lower() == ".ipynb"]
    chosen = _the_labs(notebooks, root, lab)
    files.require_size(chosen, limits)
    rivals = [path for path in notebooks if path != chosen and _is_of(path, lab)]
    return chosen, _choice(chosen, rivals, root)


def _choice(notebook: Path, rivals: Sequence[Path], root: Path) -> tuple[str, ...]:
    """That there was more than one notebook of the lab, and which counts; nothing if there was one."""
    if not rivals:
        return ()
    others = ", ".join(files.shown(path.relative_to(root).as_posix()) for path in rivals)
    return (f"{len(rivals) + 1} notebooks of the lab: {notebook.relative_to(root).as_posix()} counts, not {others}",)


def _the_labs(notebooks: Sequence[Path], root: Path, lab: Lab) -> Path:
    """The one notebook that is the lab's: by its place, its name or its first cell."""
    if len(notebooks) == 1:
        return notebooks[0]
    name = f"{lab.name}.ipynb"
    likely = [path for path in notebooks if path.name == name or _is_of(path, lab)]
    likely = [path for path in likely if not _is_untouched(path, lab)] or likely
    likely = [root / name] if root / name in likely else [path for path in likely if path.name == name] or likely
    if len(likely) == 1:
        return likely[0]
    found = (
        f"{len(likely)} notebooks" if likely else f"{len(notebooks)} notebooks, none" if notebooks else "no notebook"
    )
    raise Ungradable(f"{found} of {lab.key}: hand in one, called {name}")


def _is_untouched(notebook: Path, lab: Lab) -> bool:
    """Whether a notebook has the release's own answers, which are none."""
    if not lab.release.is_file():
        return False
    try:
        found, given = (cells.by_name(intake.read(path)) for path in (notebook, lab.release))
    except Ungradable:
        return False
    return all(
        name in found and found[name].source.strip() == cell.source.strip()
        for name, cell in given.items()
        if cells.is_answer(cell)
    )


def _is_of(notebook: Path, lab: Lab) -> bool:
    try:
        return (intake.started(intake.read(notebook)) or ("",))[0] == lab.key
    except Ungradable:
        return False
