"""Attacks by the notebook's own data: cells, metadata, outputs. Some are only odd."""

import copy
from typing import Any

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_output

from course import checking
from course.attacks import exercises
from course.attacks.attack import Attack
from course.measure import record
from course.notebook.cells import by_name

_BUT_THE_RECORD = tuple(exercise for exercise in exercises.POINTS if exercise != "1.6")


def _checks(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for name, cell in by_name(notebook).items() if name.startswith("test-")]


def _delete_checks(notebook: NotebookNode) -> None:
    checks = {id(cell) for cell in _checks(notebook)}
    notebook.cells = [cell for cell in notebook.cells if id(cell) not in checks]


def _hundred_points(notebook: NotebookNode) -> None:
    for cell in notebook.cells:
        if "nbgrader" in cell.metadata:
            cell.metadata.nbgrader.update(points=100, grade=True)
    extra = new_code_cell("pass")
    extra.metadata["nbgrader"] = NotebookNode(
        {**_checks(notebook)[0].metadata.nbgrader, "grade_id": "test-9-9", "points": 100}
    )
    notebook.cells.append(extra)


def _own_tests(notebook: NotebookNode) -> None:
    """Empty tests, marked as an answer, as unlocked, and to be run inside."""
    for cell in _checks(notebook):
        cell.source = "pass"
        cell.metadata["tags"] = ["runs-inside", "skip-execution"]
        cell.metadata.nbgrader.update(locked=False, solution=True)


def _verdicts_in_outputs(notebook: NotebookNode) -> None:
    for cell in _checks(notebook):
        bundle = {"passed": True, "verdict": "pass", "points": 100}
        cell.outputs = [new_output("display_data", data={checking.MIME: bundle}), new_output("stream", text="passed")]
        cell.execution_count = 1


def _damage(notebook: NotebookNode) -> None:
    """Double one test, turn another to text, move a third to the top; double all ids."""
    one, two, three, *_ = _checks(notebook)
    notebook.cells.append(copy.deepcopy(one))
    two.cell_type = "markdown"
    del two["outputs"], two["execution_count"]
    notebook.cells.remove(three)
    notebook.cells.insert(0, three)
    for cell in notebook.cells:
        cell.id = "same"


def _odd_metadata(notebook: NotebookNode) -> None:
    notebook.metadata["kernelspec"] = {"name": "../../evil", "display_name": "x", "argv": ["touch", "hello"]}
    notebook.metadata["language_info"] = {"name": "perl", "version": "1" * 10_000}
    notebook.metadata["two_bills"] = {"hides": ["os", "../.."]}
    for number, cell in enumerate(notebook.cells):
        cell.metadata["tags"] = ["skip-execution", "raises-exception"] if cell.cell_type == "code" else []
        cell.metadata["odd"] = {"number": 10**300, "text": "\u202e\x00", "nothing": [None] * number}


def _other_cohort(notebook: NotebookNode) -> None:
    start = by_name(notebook)["start"]
    start.source = (
        start.source.replace('cohort="range"', 'cohort="easier"')
        + """\

from course import cohort
cohort.rng = None
"""
    )


def _huge_outputs(notebook: NotebookNode) -> None:
    cell = by_name(notebook)["ex-1-1"]
    cell.outputs = [new_output("stream", text="x" * (1 << 20)) for _ in range(200)]


def _many_cells(notebook: NotebookNode) -> None:
    notebook.cells += [new_code_cell(f"x = {n}") for n in range(400)]


def _endless_record(notebook: NotebookNode) -> None:
    """A million repetitions, which a validator would look at one by one, and records nested deep."""
    measured = record.new("other", [1.5], unit="s", predicted=(1, 2), threads=1)
    deep: list[Any] = []
    for _ in range(60):
        deep = [deep]
    endless = {**measured, "values": [1.5] * 1_000_000}
    nested = [{**measured, "deep": deep, "number": number} for number in range(100)]
    outputs = [exercises.showing(one) for one in (endless, *nested)]
    notebook.cells.append(new_code_cell("", outputs=outputs))


def _forged_records(notebook: NotebookNode) -> None:
    """Records that are none, in the outputs of the cell that measures."""
    right = record.new("stack", [1.5], unit="s", predicted=(1, 2), threads=1)
    forged: list[Any] = [
        {**right, "median": "1.5"},
        {**right, "values": []},
        {"what": "stack", "median": 1.5},
        None,
        3,
        [[]],
    ]
    cell = next(cell for cell in notebook.cells if "lab.measure(" in cell.source)
    cell.outputs = [exercises.showing(*forged), new_output("display_data", data={record.MIME: "x"})]


ATTACKS = (
    Attack("delete-tests", "deletes every test", edit=_delete_checks),
    Attack(
        "hundred-points", "gives itself 100 points for every cell, and adds a test of its own", edit=_hundred_points
    ),
    Attack("own-tests", "empties the tests, unlocks them, and has them run in its own process", edit=_own_tests),
    Attack("verdicts-in-outputs", "brings the verdicts along, in the outputs of the tests", edit=_verdicts_in_outputs),
    Attack("damaged-cells", "doubles, retypes and moves tests, and gives all cells one id", edit=_damage, solved=True),
    Attack("odd-metadata", "has odd metadata: kernel, tags, texts, numbers", edit=_odd_metadata, solved=True),
    Attack("other-cohort", "changes the first cell: other hidden numbers, or none", edit=_other_cohort, solved=True),
    Attack("huge-outputs", "brings 200 MB of outputs along", edit=_huge_outputs, solved=True),
    Attack("endless-record", "brings a record of a million repetitions along", edit=_endless_record, solved=True),
    Attack("many-cells", "has 400 cells of its own", edit=_many_cells, solved=True),
    Attack(
        "forged-records",
        "forges measurement records that are none",
        edit=_forged_records,
        files={record.FILE: "{'stack': 1.5"},
        solved=True,
        fair=_BUT_THE_RECORD,
    ),
    Attack(
        "warnings",
        "writes to stderr and warns while it is tested, which is no fault",
        answers={
            "1.1": """\
import sys, warnings
def double(x):
    warnings.warn('slow path')
    print('hm', file=sys.stderr)
    return x + x
"""
        },
        solved=True,
        fair=tuple(exercises.POINTS),
    ),
    Attack(
        "magics",
        "uses magics: writes files, runs the shell, resets all names",
        cell="""\
%reset -f
from IPython import get_ipython
%xmode Minimal
!echo hello
%env PYTHONPATH=/nowhere
import numpy as np
from course import lab
""",
        solved=True,
    ),
)
