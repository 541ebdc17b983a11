"""Signs of tampering are flagged where they are, and honest code is not."""

import pytest
from nbformat.v4 import new_notebook

from course import build, paths
from course.grading.handin import suspicion
from tests.grading.conftest import cell
from tests.labs import lab01

SIGNS = {
    "import sys\nsys._getframe(1)": "frames of its caller",
    "get_ipython().ast_transformers.append(1)": "IPython's own machinery",
    "import gc\ngc.get_objects()": "the interpreter's objects",
    "import ctypes": "memory or C code",
    "import os\nos.fork()": "other processes",
    "open('/proc/1/maps')": "other processes",
    "from course.grading.judge import agent": "the grader",
    "import course.grading.judge.agent": "the grader",
    "open('gradebook.db')": "the grader",
    "import atexit": "what runs at exit",
    "class A:\n    def __eq__(self, other):\n        return True": "an equality of its own",
}

RELEASE = new_notebook(cells=[cell("...", "ex-1-4", solution=True, locked=False)])


@pytest.mark.parametrize("source", SIGNS)
def test_a_sign_is_flagged_with_its_cell(source: str) -> None:
    notebook = new_notebook(cells=[cell("x = 1"), cell(source, "ex-1-4", solution=True, locked=False)])
    assert suspicion.signs(notebook, RELEASE) == [f"suspicious: ex-1-4 reaches for {SIGNS[source]}"]


def test_honest_answers_and_labs_are_not_flagged() -> None:
    answers = [*lab01.WRONG.values(), *(source for sources in lab01.RIGHT.values() for source in sources)]
    assert suspicion.signs(new_notebook(cells=[cell(source) for source in answers]), RELEASE) == []
    for lab in build.labs(paths.PACKAGE.parent):
        notebook = build.instructor_notebook(lab)
        assert suspicion.signs(notebook, notebook) == []


def test_what_is_no_program_is_not_looked_into() -> None:
    cells = [cell("def f(:"), cell("\0"), cell("(" * 5000), cell("a;" * 100_000)]
    assert suspicion.signs(new_notebook(cells=cells), RELEASE) == []


@pytest.mark.parametrize("source", SIGNS)
@pytest.mark.parametrize("hiding", ["%%time\n{}", "%matplotlib inline\n{}", "x = (\n{}", "{}" + "\n#" * 60_000])
def test_no_magic_and_no_broken_line_silences_a_sign(source: str, hiding: str) -> None:
    found = suspicion.signs(new_notebook(cells=[cell(hiding.format(source))]), RELEASE)
    is_seen_in_words = not source.startswith("class")
    assert (found == [f"suspicious: cell 1 reaches for {SIGNS[source]}"]) or not is_seen_in_words


def test_a_cell_that_calls_itself_locked_is_looked_into() -> None:
    own = [cell("import ctypes", name, solution=False, locked=True) for name in ("ex-1-4", "mine")]
    assert len(suspicion.signs(new_notebook(cells=own), RELEASE)) == 2
    given = new_notebook(cells=[cell("import ctypes", "setup", solution=False, locked=True)])
    assert suspicion.signs(given, given) == []
    edited = new_notebook(cells=[cell("import ctypes as c", "setup", solution=False, locked=True)])
    assert len(suspicion.signs(edited, given)) == 1
