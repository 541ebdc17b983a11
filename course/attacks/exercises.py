"""A lab to be attacked: small exercises, each of another kind of value that crosses between judge and submission."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from nbformat import NotebookNode

from course.build import Lab
from course.measure import record
from course.notebook.cells import by_name

NAME = "lab00_range"
CONFIG = """\
c = get_config()
c.TwoBills.cohort = "range"
c.CourseDirectory.course_id = "range"
c.CourseDirectory.source_directory = "solutions"
c.CourseDirectory.release_directory = "notebooks"
"""


@dataclass(frozen=True)
class Exercise:
    """An exercise: its points, the signature, the body of the right answer, the hidden test."""

    points: int
    signature: str
    answer: str
    test: str


# `@ANSWER@` and `@TEST@` are secrets: whoever shows them has seen what is hidden.
_EXERCISES = {
    "1.1": Exercise(
        2,
        "double(x)",
        "return x + x",
        "numbers = rng('1.1').uniform(1, 9, 5)\n"
        "expect_each(double, [(x,) for x in numbers]).close_to([2 * x for x in numbers])",
    ),
    "1.2": Exercise(
        1,
        "tally(words)",
        "return {word: words.count(word) for word in words}",
        "expect(tally, ['a', 'b', 'a']).equals({'a': 2, 'b': 1})",
    ),
    "1.3": Exercise(
        2,
        "softmax(x)",
        "e = np.exp(x - x.max())\n    return e / e.sum()",
        "given = rng('1.3').normal(size=7)\nreference = np.exp(given) / np.exp(given).sum()\n"
        "answer = softmax(given)\n"
        "assert isinstance(answer, np.ndarray) and np.allclose(answer, reference), 'not the softmax'",
    ),
    "1.4": Exercise(
        2,
        "largest(fits, high)",
        "low = 0\n    while low < high:\n        mid = (low + high + 1) // 2\n"
        "        low, high = (mid, high) if fits(mid) else (low, mid - 1)\n    return low",
        "wanted = [int(n) for n in rng('1.4').integers(100, 900, 3)]\n"
        "answers = [largest(lambda n, w=w: n <= w, 1000) for w in wanted]\nassert answers == wanted, 'not the largest'",
    ),
    "1.5": Exercise(
        1,
        "root(x)",
        "if x < 0:\n        raise ValueError('negative')\n    return x ** 0.5",
        "expect(root, 2.25).close_to(1.5)\nexpect(root, -1).raises(ValueError)",
    ),
    "1.6": Exercise(
        1,
        "typical(record)",
        "return record['median']",
        "expect(typical, lab.measure('stack', lambda: [0.0])).close_to(1.5)",
    ),
    "1.7": Exercise(
        1,
        "size(path)",
        "with open(path, 'rb') as file:\n        return len(file.read())",
        "expect(size, stage('bytes', b'12345')).equals(5)\nexpect(size, stage('more', b'1234567')).equals(7)",
    ),
}
POINTS = {name: float(exercise.points) for name, exercise in _EXERCISES.items()}
RIGHT = {name: f"def {exercise.signature}:\n    {exercise.answer}\n" for name, exercise in _EXERCISES.items()}


def function(exercise: str) -> str:
    """The name of the function that an exercise asks for."""
    return _EXERCISES[exercise].signature.split("(")[0]


_HEAD = """\
# %% [markdown]
# # A range

# %% nbgrader={"grade_id": "start"}
import numpy as np

from course import lab

lab.start("lab00", cohort="range")
"""
_MEASURE = """
# %% nbgrader={"grade_id": "predict-stack"}
### BEGIN SOLUTION
lab.predict("stack", 1, 2, "s")
### END SOLUTION

# %%
lab.measure("stack", lambda: [1.5]);
"""
_EXERCISE = """
# %% [markdown] nbgrader={{"grade_id": "ex-{id}-task"}}
# **Exercise {name}.** Write `{signature}`.

# %% nbgrader={{"grade_id": "ex-{id}"}}
def {signature}:
    ### BEGIN SOLUTION
    # @ANSWER@
    {answer}
    ### END SOLUTION

# %% nbgrader={{"grade_id": "test-{id}", "points": {points}}}
### BEGIN HIDDEN TESTS
from course.checking import expect, expect_each, stage
from course.cohort import rng

SECRET = "@TEST@"
{test}
### END HIDDEN TESTS
"""


def write(course: Path, *, answer: str, test: str) -> Lab:
    """A course of this one lab, with a secret in its answers and one in its hidden tests."""
    lab = Lab(NAME, course)
    lab.source.parent.mkdir(parents=True)
    (course / "nbgrader_config.py").write_text(CONFIG)
    cells = [
        _EXERCISE.format(
            id=name.replace(".", "-"),
            name=name,
            **{key: getattr(exercise, key) for key in ("signature", "answer", "points", "test")},
        )
        for name, exercise in _EXERCISES.items()
    ]
    lab.source.write_text("".join([_HEAD, _MEASURE, *cells]).replace("@ANSWER@", answer).replace("@TEST@", test))
    return lab


def answered(release: NotebookNode, answers: Mapping[str, str]) -> NotebookNode:
    """A student's notebook: the release with some answers, by exercise, and with a measurement."""
    notebook = copy.deepcopy(release)
    cells = by_name(notebook)
    for exercise, source in answers.items():
        cells[f"ex-{exercise.replace('.', '-')}"].source = source
    cells["predict-stack"].source = 'lab.predict("stack", 1, 2, "s")'
    measured = record.new("stack", [1.5], unit="s", predicted=(1, 2), threads=1)
    next(cell for cell in notebook.cells if "lab.measure(" in cell.source).outputs = [showing(measured)]
    return notebook


def showing(*records: record.Record) -> NotebookNode:
    """An output that carries measurement records."""
    return NotebookNode(output_type="display_data", metadata={}, data={record.MIME: list(records)})
