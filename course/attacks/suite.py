"""Hand in every attack, grade it as `course grade` does, and look at what it got."""

import json
import shutil
import time
from collections.abc import Iterator, Sequence

import nbformat
from nbformat.v4 import new_code_cell

from course.attacks import exercises, lures
from course.attacks.attack import Attack, Outcome
from course.attacks.lures import Lures
from course.grading import grader, sandbox
from course.grading.grader import Grader, Notebooks, Rules
from course.grading.handin import submissions
from course.grading.judge.referee import Times
from course.grading.result import Row
from course.grading.scale import pool

LIMITS = sandbox.Limits(memory=1 << 30, disk=64 << 20, processes=40, cpu_s=60)
TIMES = Times(cell_s=4, call_s=2, total_s=60, patience_s=1)


def tried(attacks: Sequence[Attack], layers: tuple[str, ...]) -> Iterator[Outcome]:
    """What each attack gets, one after the other, from one grader with these layers."""
    with lures.laid_out() as laid, _grader(laid, layers) as by:
        _hand_in(Attack(lures.NEIGHBOUR, "nothing", solved=True), by, laid)
        laid.remember_processes()
        for attack in attacks:
            yield _try(attack, by, laid)


def _grader(laid: Lures, layers: tuple[str, ...]) -> Grader:
    return grader.open_grader(Notebooks.of(laid.lab), Rules(layers, LIMITS, TIMES))


def _try(attack: Attack, by: Grader, laid: Lures) -> Outcome:
    unpacked = laid.root / "unpacked"
    _hand_in(attack, by, laid)
    before, began = laid.state(), time.monotonic()
    found = submissions.find(laid.submitted, by.lab, unpack=unpacked).submissions
    rows = [pool.grade(by, submission) for submission in found if submission.student == attack.name]
    seconds = time.monotonic() - began
    row = rows[0] if rows else Row(attack.name, reason="there is no row for it")
    strays = laid.strays()
    leaks = [*laid.seen_in(_written(row)), *laid.reached(), *lures.changes(before, laid.state())]
    has_neighbour = any(submission.student == lures.NEIGHBOUR and submission.notebook for submission in found)
    shutil.rmtree(unpacked)
    _take_away(attack, laid)
    passed = {e.id for e in row.result.exercises if e.points} if row.result else set()
    undeserved, withheld = passed - {*attack.deserved}, {*attack.deserved} - passed
    return Outcome(
        attack,
        points=row.result.points if row.result else 0.0,
        undeserved=_points(undeserved),
        withheld=_points(withheld),
        wrong=_wrong(attack, row, undeserved | withheld),
        lost=not has_neighbour or _is_lost(attack, row),
        leaks=leaks,
        strays=strays,
        seconds=seconds,
    )


def _hand_in(attack: Attack, by: Grader, laid: Lures) -> None:
    """Lay the submission out as nbgrader would."""
    answers = {**(exercises.RIGHT if attack.solved else {}), **attack.answers}
    notebook = exercises.answered(by.release, {name: laid.fill(source) for name, source in answers.items()})
    if attack.cell:
        start = next(i for i, cell in enumerate(notebook.cells) if "lab.start(" in cell.source)
        notebook.cells.insert(start + 1, new_code_cell(laid.fill(attack.cell)))
    if attack.edit:
        attack.edit(notebook)
    folder = laid.submitted / attack.name / exercises.NAME
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{exercises.NAME}.ipynb").write_text(json.dumps(notebook))
    for name, content in attack.files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else laid.fill(content).encode())
    if attack.hand_in:
        attack.hand_in(folder, laid.submitted)


def _take_away(attack: Attack, laid: Lures) -> None:
    for path in laid.submitted.iterdir():
        if path.stem == attack.name or path.name == attack.name:
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


def _written(row: Row) -> str:
    """All that a submission could write: its outputs, its verdicts, the reason; not the tests that graders see."""
    cells = nbformat.reads(row.notebook, as_version=4).cells if row.notebook else []
    outputs = [str(cell.get("outputs", "")) for cell in cells]
    return "\n".join([*outputs, str(row.to_json())])


def _is_lost(attack: Attack, row: Row) -> bool:
    if attack.refused:
        return row.result is not None or attack.refused not in row.reason
    return row.result is None or [e.id for e in row.result.exercises] != [*exercises.POINTS]


def _points(names: set[str]) -> float:
    return sum(exercises.POINTS[name] for name in names)


def _wrong(attack: Attack, row: Row, names: set[str]) -> list[str]:
    """The exercises with another mark than is fair, and what was said of them."""
    if row.result is None:
        return [] if attack.refused and attack.refused in row.reason else [row.reason]
    said = {e.id: f"{e.id} {e.verdict} {e.message}".strip() for e in row.result.exercises}
    return [said.get(name, name) for name in sorted(names)]
