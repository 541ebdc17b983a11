"""However a notebook was rearranged, its graded cells are the release's again, and no answer is lost."""

import copy
from collections.abc import Callable
from typing import Any

import nbformat
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nbformat import NotebookNode

from course import build
from course.grading.handin.repair import repair
from course.notebook.cells import by_name, name_of, names
from tests import tiny
from tests.labs import notebooks

ANSWERS = {
    "1.1": "def height(n, each):\n    return each * n  # mine",
    "1.2": "def half(x):\n    return 0.5 * x  # mine",
    "1.4": "def seconds(record):\n    return record['median']  # mine",
}


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> NotebookNode:
    lab = tiny.course(tmp_path_factory.mktemp("course") / "course")
    return build.student_notebook(lab, build.instructor_notebook(lab))


@pytest.fixture
def submission(release: NotebookNode) -> NotebookNode:
    return notebooks.answered(release, ANSWERS)


def cell(notebook: NotebookNode, name: str) -> NotebookNode:
    return by_name(notebook)[name]


def place(notebook: NotebookNode, name: str) -> int:
    return notebook.cells.index(cell(notebook, name))


def texts(notebook: NotebookNode) -> list[str]:
    return [one.source for one in notebook.cells]


def own(source: str, kind: str = "code", **metadata: Any) -> NotebookNode:
    make = {"code": nbformat.v4.new_code_cell, "markdown": nbformat.v4.new_markdown_cell}[kind]
    return make(source, metadata=metadata)


def retype(one: NotebookNode, kind: str) -> None:
    """As JupyterLab does: what only a code cell has goes, or comes."""
    one.cell_type = kind
    for key in ("outputs", "execution_count"):
        one.pop(key, None)
    if kind == "code":
        one.outputs, one.execution_count = [], None


def require_released(repaired: NotebookNode, release: NotebookNode) -> None:
    """Every named cell of the release once, in order, and all but the answers' sources and the outputs as released."""
    nbformat.validate(copy.deepcopy(repaired))
    assert names(repaired) == names(release)
    assert len({one.id for one in repaired.cells}) == len(repaired.cells)
    for name, known in by_name(release).items():
        found = cell(repaired, name)
        assert (found.id, found.cell_type, found.metadata) == (known.id, known.cell_type, known.metadata)
        assert found.source == known.source or known.metadata.nbgrader.solution


def test_an_undamaged_notebook_stays_as_it_is(submission: NotebookNode, release: NotebookNode) -> None:
    submission.cells.insert(5, own("helper = 1"))
    cell(submission, "test-1-1").outputs = [nbformat.v4.new_output("stream", text="kept")]
    before = copy.deepcopy(submission)
    assert repair(submission, release) == (before, [])
    assert submission == before


def test_what_another_release_has_otherwise_is_todays_and_not_told(
    submission: NotebookNode, release: NotebookNode
) -> None:
    older = cell(submission, "test-1-2")
    older.source, older.metadata.nbgrader.points, older.metadata.tags = "assert True", 100, ["old"]
    repaired, told = repair(submission, release)
    require_released(repaired, release)
    assert told == []


def test_deleted_cells_come_back_after_what_they_follow(submission: NotebookNode, release: NotebookNode) -> None:
    order = texts(submission)
    gone = ["start", "ex-1-1-task", "test-1-1", "given-box", "ex-1-3", "predict-stack", "test-1-4"]
    submission.cells = [one for one in submission.cells if name_of(one) not in gone]
    repaired, told = repair(submission, release)
    assert texts(repaired) == order
    assert told == [
        "the cell start was missing: it is put back",
        "the task of 1.1 was missing: it is put back",
        "the check of 1.1 was missing: it is put back",
        "the cell given-box was missing: it is put back",
        "exercise 1.3 was missing: it counts as not answered",
        "the prediction stack was missing: it counts as not answered",
        "the check of 1.4 was missing: it is put back",
    ]


def test_of_two_copies_the_last_that_was_edited_counts_and_the_other_runs_before(
    submission: NotebookNode, release: NotebookNode
) -> None:
    answer = cell(submission, "ex-1-2")
    untouched = copy.deepcopy(cell(release, "ex-1-2"))
    later = copy.deepcopy(answer)
    later.source = "def half(x):\n    return x / 2  # again"
    submission.cells += [later, untouched]
    repaired, told = repair(submission, release)
    require_released(repaired, release)
    assert told == [
        "exercise 1.2 was there 3 times; the last one that you changed counts",
        "exercise 1.2 was moved: it is back in its place",
    ]
    assert cell(repaired, "ex-1-2").source == later.source
    assert texts(repaired).index(ANSWERS["1.2"]) == place(repaired, "ex-1-2") - 1
    assert untouched.source not in texts(repaired)


def test_a_copy_that_was_emptied_does_not_count(submission: NotebookNode, release: NotebookNode) -> None:
    emptied = copy.deepcopy(cell(submission, "ex-1-2"))
    emptied.source = " \n"
    submission.cells.insert(place(submission, "ex-1-2") + 1, emptied)
    repaired, told = repair(submission, release)
    assert cell(repaired, "ex-1-2").source == ANSWERS["1.2"]
    assert told == ["exercise 1.2 was there twice; the one that you changed counts"]


def test_a_superseded_copy_is_executed_before_though_it_came_after(
    submission: NotebookNode, release: NotebookNode
) -> None:
    answer = cell(submission, "ex-1-1")
    last = copy.deepcopy(answer)
    last.source = "def height(n, each):\n    return n * each  # last"
    submission.cells.remove(answer)
    submission.cells += [answer, last]
    repaired, _ = repair(submission, release)
    require_released(repaired, release)
    assert texts(repaired).index(answer.source) < place(repaired, "ex-1-1") < place(repaired, "test-1-1")
    assert cell(repaired, "ex-1-1").source == last.source


def test_a_split_answer_keeps_both_halves_in_order(submission: NotebookNode, release: NotebookNode) -> None:
    first = cell(submission, "ex-1-2")
    second = copy.deepcopy(first)
    first.source, second.source = "HALF = 0.5", "def half(x):\n    return HALF * x"
    submission.cells.insert(place(submission, "ex-1-2") + 1, second)
    repaired, told = repair(submission, release)
    assert [one.source for one in repaired.cells if "HALF" in one.source] == [first.source, second.source]
    assert cell(repaired, "ex-1-2").source == second.source
    assert told == ["exercise 1.2 was there twice; the last one that you changed counts"]


def test_a_doubled_check_is_there_once_as_released(submission: NotebookNode, release: NotebookNode) -> None:
    double = copy.deepcopy(cell(submission, "test-1-1"))
    double.source = "print('I wrote here')"
    submission.cells.insert(2, double)
    repaired, told = repair(submission, release)
    require_released(repaired, release)
    assert double.source in texts(repaired)
    assert told == ["the check of 1.1 was there twice; one counts"]


def test_one_moved_cell_moves_no_other(submission: NotebookNode, release: NotebookNode) -> None:
    order = texts(submission)
    submission.cells.insert(0, submission.cells.pop(place(submission, "test-1-4")))
    repaired, told = repair(submission, release)
    assert texts(repaired) == order
    assert told == ["the check of 1.4 was moved: it is back in its place"]


@pytest.mark.parametrize("kind", ["markdown", "raw"])
def test_a_retyped_answer_counts_as_code(submission: NotebookNode, release: NotebookNode, kind: str) -> None:
    retype(cell(submission, "ex-1-2"), kind)
    retype(cell(submission, "ex-1-1-task"), "code")
    repaired, told = repair(submission, release)
    require_released(repaired, release)
    assert cell(repaired, "ex-1-2").source == ANSWERS["1.2"]
    assert told == [
        "the task of 1.1 was a code cell: it is a markdown cell again",
        f"exercise 1.2 was a {kind} cell: it is a code cell again",
    ]


def test_changed_grading_data_are_as_released(submission: NotebookNode, release: NotebookNode) -> None:
    forged = cell(submission, "test-1-2").metadata.nbgrader
    forged.locked, forged.solution, forged.points = False, True, 1000
    repaired, told = repair(submission, release)
    require_released(repaired, release)
    assert told == ["the grading data of the check of 1.2 was changed: it is as released again"]


@pytest.mark.parametrize("forged", [{"grade_id": "test-9-9", "grade": True}, "no data", ["test-1-1"], {"grade_id": 7}])
def test_foreign_grading_data_are_taken_off(submission: NotebookNode, release: NotebookNode, forged: Any) -> None:
    submission.cells.append(own("print('other')", nbgrader=forged, kept=1))
    repaired, told = repair(submission, release)
    require_released(repaired, release)
    assert repaired.cells[-1].metadata == {"kept": 1}
    name = "test-9-9" if "test-9-9" in str(forged) else "one without a name"
    assert told == [f"graded cells that are not this lab's: '{name}'; they count as your own"]


def test_a_forged_name_is_told_in_one_short_line(submission: NotebookNode, release: NotebookNode) -> None:
    submission.cells += [own("", nbgrader={"grade_id": f"{n}\n\x1b[2J" + "x" * 1000}) for n in range(50)]
    (line,) = repair(submission, release)[1]
    assert len(line) < 400 and line.isprintable()


def test_ids_are_made_unique_and_given_to_an_older_format(submission: NotebookNode, release: NotebookNode) -> None:
    submission.cells.insert(0, own("first"))
    submission.cells[0].id = "ex-1-1"
    repaired, told = repair(submission, release)
    require_released(repaired, release)
    assert (repaired.cells[0].source, told) == ("first", [])

    submission.nbformat_minor = 4
    for one in submission.cells:
        del one["id"]
    repaired, told = repair(submission, release)
    require_released(repaired, release)
    assert (texts(repaired), told) == (texts(submission), [])


def test_a_notebook_with_nothing_left_is_the_release(release: NotebookNode) -> None:
    repaired, told = repair(nbformat.v4.new_notebook(), release)
    require_released(repaired, release)
    assert len(told) == len(names(release))


Damage = Callable[[list[NotebookNode]], None]
PLACE = st.integers(0, 10_000)


def _delete(at: int) -> Damage:
    return lambda cells: cells.__delitem__(at % len(cells)) if cells else None


def _double(at: int, to: int, text: str | None) -> Damage:
    def double(cells: list[NotebookNode]) -> None:
        if cells:
            other = copy.deepcopy(cells[at % len(cells)])
            other.source = other.source if text is None else text
            cells.insert(to % (len(cells) + 1), other)

    return double


def _move(at: int, to: int) -> Damage:
    return lambda cells: cells.insert(to % len(cells), cells.pop(at % len(cells))) if cells else None


def _retype(at: int, kind: str) -> Damage:
    return lambda cells: retype(cells[at % len(cells)], kind) if cells else None


def _write(at: int, text: str) -> Damage:
    return lambda cells: cells[at % len(cells)].update(source=text) if cells else None


def _add(at: int, text: str) -> Damage:
    return lambda cells: cells.insert(at % (len(cells) + 1), own(text))


TEXT = st.sampled_from(["", "x = 1", "def half(x):\n    return x", "# mine"]) | st.text(max_size=5)
DAMAGE = st.one_of(
    st.builds(_delete, PLACE),
    st.builds(_double, PLACE, PLACE, st.none() | TEXT),
    st.builds(_move, PLACE, PLACE),
    st.builds(_retype, PLACE, st.sampled_from(["code", "markdown", "raw"])),
    st.builds(_write, PLACE, TEXT),
    st.builds(_add, PLACE, TEXT),
)


def answer_texts(notebook: NotebookNode, release: NotebookNode) -> set[str]:
    """What the student wrote in copies of answers, and in cells of their own."""
    given = by_name(release)
    return {
        one.source.strip()
        for one in notebook.cells
        if (name := name_of(one)) not in given
        or (given[name].metadata.nbgrader.solution and one.source.strip() != given[name].source.strip())
    }


@settings(max_examples=150, deadline=None)
@given(damages=st.lists(DAMAGE, max_size=12))
def test_any_damage_is_repaired_and_nothing_is_lost(release: NotebookNode, damages: list[Damage]) -> None:
    damaged = notebooks.answered(release, ANSWERS)
    for damage in damages:
        damage(damaged.cells)
    before = copy.deepcopy(damaged)

    repaired, told = repair(damaged, release)

    assert damaged == before
    require_released(repaired, release)
    assert answer_texts(damaged, release) - {""} <= {one.source.strip() for one in repaired.cells}
    theirs = [one.source for one in damaged.cells if name_of(one) is None]
    rest = iter(one.source for one in repaired.cells if name_of(one) is None)
    assert all(source in rest for source in theirs), "the student's own cells in their order"
    assert repair(repaired, release) == (repaired, [])
    if names(damaged) != names(release):
        assert told
