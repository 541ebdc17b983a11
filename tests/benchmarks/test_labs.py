"""The labs' benchmark runs a notebook as a student does, and is not content with one that fails."""

from pathlib import Path

import nbformat
import pytest

from benchmarks import cost, labs
from course import build
from course.build import Lab
from tests import tiny


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    lab = tiny.course(tmp_path)
    build.build(lab)
    return lab


def test_a_solved_lab_takes_time_and_memory(lab: Lab) -> None:
    wall_s, mib = labs.run(lab)
    assert wall_s > 0 and mib > 10


def test_an_error_in_a_solved_lab_is_not_measured_even_where_a_notebook_goes_on(lab: Lab) -> None:
    notebook = nbformat.read(lab.solution, as_version=4)
    cell = nbformat.v4.new_code_cell("1 / 0", metadata={"tags": ["raises-exception"]})
    notebook.cells.append(cell)
    nbformat.write(notebook, lab.solution)
    with pytest.raises(cost.Failed, match="ZeroDivisionError: division by zero in '1 / 0'"):
        labs.run(lab)
