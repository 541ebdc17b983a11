"""Signs of tampering are flagged where they are, and honest code is not."""

import pytest
from nbformat.v4 import new_notebook

from course import build, paths
from course.grading import suspicion
from tests.grading.conftest import cell
from tests.labs import lab01

SIGNS = {
    "import sys\nsys._getframe(1)": "frames of its caller",
    "get_ipython().ast_transformers.append(1)": "IPython's own machinery",
    "import gc\ngc.get_objects()": "the interpreter's objects",
    "import ctypes": "memory or C code",
    "import os\nos.fork()": "other processes",
    "open('/proc/1/maps')": "other processes",
    "from course.grading import agent": "the grader",
    "open('gradebook.db')": "the grader",
    "import atexit": "what runs at exit",
    "class A:\n    def __eq__(self, other):\n        return True": "an equality of its own",
}


@pytest.mark.parametrize("source", SIGNS)
def test_a_sign_is_flagged_with_its_cell(source: str) -> None:
    notebook = new_notebook(cells=[cell("x = 1"), cell(source, "ex-1-4", solution=True, locked=False)])
    assert suspicion.signs(notebook) == [f"suspicious: ex-1-4 reaches for {SIGNS[source]}"]


def test_honest_answers_and_labs_are_not_flagged() -> None:
    answers = [*lab01.WRONG.values(), *(source for sources in lab01.RIGHT.values() for source in sources)]
    assert suspicion.signs(new_notebook(cells=[cell(source) for source in answers])) == []
    for lab in build.labs(paths.PACKAGE.parent):
        assert suspicion.signs(build.instructor_notebook(lab)) == []


def test_what_is_no_program_is_not_looked_into() -> None:
    assert suspicion.signs(new_notebook(cells=[cell("def f(:"), cell("\0"), cell("(" * 5000)])) == []
