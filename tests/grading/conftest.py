"""One warm process for all tests of the engine, and a way to try one answer against one test."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_notebook

from course.grading import sandbox
from course.grading.judge.referee import Times
from course.grading.kernels import warm
from course.grading.kernels.job import Job
from course.grading.run.execute import Execution, Executor

IMPORTS = ["import numpy", "import pandas", "import torch", "import matplotlib.pyplot"]
TIMES = Times(cell_s=12, call_s=4, total_s=120, patience_s=2)
LIMITS = sandbox.Limits(memory=1 << 30, disk=64 << 20, processes=40, cpu_s=60)


@pytest.fixture(scope="session")
def layers() -> tuple[str, ...]:
    return sandbox.probe()


@pytest.fixture(scope="session")
def template() -> Iterator[warm.Template]:
    started = warm.start(IMPORTS)
    assert started.warm is not None
    yield started
    started.close()


def cell(source: str, name: str = "", **nbgrader: Any) -> NotebookNode:
    made = new_code_cell(source)
    if name:
        kinds = {"grade": False, "solution": False, "locked": True, "schema_version": 3, "task": False}
        made.metadata["nbgrader"] = NotebookNode({**kinds, "grade_id": name, **nbgrader})
    return made


def notebook(answer: str, test: str, *givens: str, tags: tuple[str, ...] = ()) -> NotebookNode:
    """A lab of one exercise, or of one for each part that `# ---` separates."""
    cells = [cell('from course import lab\nlab.start("lab01", cohort="test")', "start"), *map(cell, givens)]
    for number, (one, check) in enumerate(zip(answer.split("# ---"), test.split("# ---"), strict=True), start=1):
        cells.append(cell(one, f"ex-1-{number}", solution=True, locked=False))
        cells.append(cell(check, f"test-1-{number}", grade=True, points=1))
        cells[-1].metadata["tags"] = list(tags)
    return new_notebook(cells=cells)


Run = Callable[..., Execution]


@pytest.fixture
def execute(template: warm.Template, layers: tuple[str, ...]) -> Run:
    """Execute a submitted answer against a test; `solution` is the instructor's answer, `files` lie beside it."""

    def run(
        answer: str,
        test: str,
        *givens: str,
        solution: str | None = None,
        files: dict[str, str] | None = None,
        times: Times = TIMES,
        tags: tuple[str, ...] = (),
    ) -> Execution:
        job = Job(layers, LIMITS)
        for name, content in (files or {}).items():
            (job.files / name).write_text(content)
        submitted = notebook(answer, test, *givens, tags=tags)
        instructors = notebook(solution or answer, test, *givens)
        try:
            return Executor(submitted, instructors, job, template, times).run()
        finally:
            job.close()

    return run


@pytest.fixture
def judged(execute: Run) -> Callable[..., dict[str, Any]]:
    """The verdict on one answer."""
    return lambda *args, **kwargs: execute(*args, **kwargs).verdicts["test-1-1"]
