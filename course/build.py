"""From a lab's one source to what instructors run and what students get.

`solutions/labNN_name.py` (py:percent) becomes `solutions/labNN_name/labNN_name.ipynb` (with answers and hidden tests)
by jupytext, and that becomes `notebooks/labNN_name/labNN_name.ipynb` by nbgrader's own generator, against a gradebook
of its own, so that a lab with new cells builds while submissions of the old one exist. A rebuild is byte-identical.

A source names its graded cells and no more: `nbgrader={"grade_id": "test-1-4", "points": 2}`. The name says the rest:
`ex-1-4-task` is a locked task, `ex-1-4` an answer, `test-1-4` a check, `memo-1-4` a text that a person grades; any
other name is a locked cell.
"""

import hashlib
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jupytext
import nbformat
from nbformat import NotebookNode

from course import nbgrader_api
from course.notebook import promises, showing
from course.notebook.cells import ANSWER, CHECK, MEMO

MAY_RAISE = "raises-exception"
_HIDDEN = re.compile(r"### BEGIN HIDDEN TESTS\n(.*?)### END HIDDEN TESTS", re.DOTALL)
_SOLUTION = re.compile(r"### BEGIN SOLUTION\n(.*?)### END SOLUTION", re.DOTALL)
_MARKERS = ("BEGIN SOLUTION", "END SOLUTION", "BEGIN HIDDEN TESTS", "END HIDDEN TESTS", "course.checking")


class BadSource(ValueError):
    """A lab's source that cannot be built."""


@dataclass(frozen=True)
class Lab:
    """A lab's files: `name` is "lab01_training_cost", `key` is "lab01"."""

    name: str
    course: Path

    @property
    def key(self) -> str:
        return self.name.split("_")[0]

    @property
    def source(self) -> Path:
        return self.course / "solutions" / f"{self.name}.py"

    @property
    def solution(self) -> Path:
        return self.course / "solutions" / self.name / f"{self.name}.ipynb"

    @property
    def release(self) -> Path:
        return self.course / "notebooks" / self.name / f"{self.name}.ipynb"

    @property
    def copy(self) -> Path:
        """A student's own."""
        return self.course / "work" / self.name / f"{self.name}.ipynb"


def labs(course: Path) -> list[Lab]:
    """The labs that have a source, in order."""
    return [Lab(source.stem, course) for source in sorted((course / "solutions").glob("lab[0-9][0-9]_*.py"))]


def find(course: Path, wanted: str) -> Lab:
    """The lab called "lab01", "1" or "lab01_training_cost". Raises BadSource, listing the known ones."""
    key = f"lab{int(wanted):02d}" if wanted.isdecimal() else wanted
    found = [lab for lab in labs(course) if key in (lab.key, lab.name)]
    if len(found) != 1:
        known = ", ".join(lab.key for lab in labs(course)) or "none"
        raise BadSource(f"there is no lab {wanted!r}; the labs are: {known}")
    return found[0]


def build(lab: Lab) -> list[Path]:
    """Write the lab's two notebooks; returns those that changed. Raises BadSource on a malformed or leaking source."""
    return write(lab, *make(lab))


def make(lab: Lab) -> tuple[NotebookNode, NotebookNode]:
    """The instructor's and the students' notebook. Raises BadSource on a malformed or leaking source."""
    solution = instructor_notebook(lab)
    return solution, student_notebook(lab, solution)


def write(lab: Lab, solution: NotebookNode, release: NotebookNode) -> list[Path]:
    """Write the lab's two notebooks; returns those that changed."""
    changed = []
    for path, notebook in ((lab.solution, solution), (lab.release, release)):
        content = _bytes(notebook)
        if not path.exists() or path.read_bytes() != content:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            changed.append(path)
    return changed


def is_stale(lab: Lab) -> bool:
    """Whether the committed student notebook differs from what the source gives now."""
    release = _bytes(student_notebook(lab, instructor_notebook(lab)))
    return not lab.release.exists() or lab.release.read_bytes() != release


def instructor_notebook(lab: Lab) -> NotebookNode:
    """The notebook with answers and hidden tests, as the source gives it."""
    notebook = jupytext.read(lab.source, fmt="py:percent")
    ours = _own_metadata(lab, notebook)
    notebook.metadata = NotebookNode(
        kernelspec={"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
        language_info={"name": "python"},
        **ours,
    )
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    for cell in notebook.cells:
        cell.metadata.pop("lines_to_next_cell", None)
        _complete(lab, cell)
        _require_markers(lab, cell)
    if broken := promises.broken(notebook):
        raise BadSource(f"{lab.source}: {'; '.join(broken)}")
    _stamp(lab, notebook)
    _mark_trials(notebook)
    showing.mark(notebook)
    _give_ids(notebook)
    return notebook


def student_notebook(lab: Lab, solution: NotebookNode) -> NotebookNode:
    """What nbgrader's generator leaves of the instructor's notebook for a student."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        alone = Lab(lab.name, root)
        alone.solution.parent.mkdir(parents=True)
        alone.solution.write_bytes(_bytes(solution))
        released = nbgrader_api.generate(nbgrader_api.open_course(root, like=lab.course), lab.name)
        release = nbformat.read(released, as_version=4)
    leaked = leaks(solution, release)
    if leaked:
        raise BadSource(f"{lab.source} would give students what is hidden: {'; '.join(leaked)}")
    return release


def leaks(solution: NotebookNode, release: NotebookNode) -> list[str]:
    """Lines of answers and hidden tests, and their markers, that a student's notebook holds."""
    given = "\n".join(cell.source for cell in release.cells)
    lines = {line.strip() for line in given.splitlines()}
    hidden = [
        line.strip()
        for cell in solution.cells
        for block in (*_HIDDEN.findall(cell.source), *_SOLUTION.findall(cell.source))
        for line in block.splitlines()
    ]
    given_away = {
        line for line in hidden if len(line) > 12 and line in lines and not line.startswith(("import ", "from "))
    }
    return [marker for marker in _MARKERS if marker in given] + sorted(given_away)


def _own_metadata(lab: Lab, notebook: NotebookNode) -> dict[str, Any]:
    """What the source's header says of the course's own: {"two_bills": {"hides": [module, …]}}, or nothing."""
    ours = notebook.metadata.get("two_bills", {})
    hides = ours.get("hides", []) if isinstance(ours, dict) else None
    if not isinstance(hides, list) or not all(isinstance(package, str) for package in hides) or set(ours) - {"hides"}:
        raise BadSource(
            f"{lab.source}: the header's two_bills may say `hides: [package, …]` and no more; it says {ours}"
        )
    return {"two_bills": {"hides": hides}} if hides else {}


def _complete(lab: Lab, cell: NotebookNode) -> None:
    """Fill in the nbgrader metadata that a cell's name implies."""
    named = cell.metadata.get("nbgrader")
    if named is None:
        return
    name = named["grade_id"]
    is_memo = bool(MEMO.match(name))
    if is_memo and cell.cell_type != "markdown":
        raise BadSource(f"{lab.source}: {name} is a text that a person grades: a markdown cell")
    is_graded, is_answer = is_memo or bool(CHECK.match(name)), is_memo or bool(ANSWER.match(name))
    whole: dict[str, Any] = {
        "grade": is_graded,
        "grade_id": name,
        "locked": not is_answer,
        "schema_version": 3,
        "solution": is_answer,
        "task": False,
    }
    if is_graded:
        if "points" not in named:
            raise BadSource(f"{lab.source}: {'the text' if is_memo else 'the check'} {name} has no points")
        whole["points"] = named["points"]
    cell.metadata["nbgrader"] = NotebookNode(whole)


def _require_markers(lab: Lab, cell: NotebookNode) -> None:
    """Refuse a code cell whose markers are misspelt, unpaired or in the wrong kind of cell: they would hide nothing."""
    if cell.cell_type != "code":
        return
    markers = [line.strip() for line in cell.source.splitlines() if line.strip().startswith("###")]
    nbgrader = cell.metadata.get("nbgrader", {})
    block = "SOLUTION" if nbgrader.get("solution") else "HIDDEN TESTS" if nbgrader.get("grade") else None
    if markers != [f"### BEGIN {block}", f"### END {block}"] * (len(markers) // 2):
        name = nbgrader.get("grade_id") or cell.source.splitlines()[0]
        may = f"pairs of ### BEGIN and ### END {block}" if block else "none, since it is no answer and no check"
        raise BadSource(f"{lab.source}: the cell {name!r} has the markers {', '.join(markers)}; it may have {may}")


def _stamp(lab: Lab, notebook: NotebookNode) -> None:
    """Write lab and cohort into the first code cell, which begins the lab."""
    first = next((cell for cell in notebook.cells if cell.cell_type == "code"), None)
    if first is None or "lab.start(" not in first.source:
        raise BadSource(f"{lab.source}: the first code cell must call lab.start")
    start = f'lab.start("{lab.key}", cohort="{nbgrader_api.cohort(lab.course)}")'
    first.source = re.sub(r"lab\.start\([^)]*\)", start, first.source)


def _mark_trials(notebook: NotebookNode) -> None:
    """Let Run All go on over what an unanswered exercise raises.

    That are checks, predictions, the trials before a check, and an answer that is no function: it raises as it is run.
    """
    exercise = False
    for cell in notebook.cells:
        name = cell.metadata.get("nbgrader", {}).get("grade_id", "")
        exercise = exercise or bool(ANSWER.match(name))
        is_function = name.startswith("ex-") and not cell.source.startswith("### BEGIN SOLUTION")
        if cell.cell_type == "code" and exercise and not is_function:
            cell.metadata["tags"] = sorted({*cell.metadata.get("tags", []), MAY_RAISE})
        if CHECK.match(name) or cell.cell_type == "markdown":
            exercise = False


def _give_ids(notebook: NotebookNode) -> None:
    """The cell's name, else a hash of its text: a rebuild gives the same ids, an edit changes only its own cell's."""
    taken: set[str] = set()
    for cell in notebook.cells:
        name = cell.metadata.get("nbgrader", {}).get("grade_id")
        identity = name or hashlib.sha256(f"{cell.cell_type}\n{cell.source}".encode()).hexdigest()[:12]
        cell.id = next(free for free in _numbered(identity) if free not in taken)
        taken.add(cell.id)


def _numbered(identity: str) -> Iterator[str]:
    yield identity
    number = 2
    while True:
        yield f"{identity}-{number}"
        number += 1


def _bytes(notebook: NotebookNode) -> bytes:
    return (nbformat.writes(notebook) + "\n").encode()
