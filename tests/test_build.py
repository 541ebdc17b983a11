import json
import re
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat import NotebookNode
from typer.testing import CliRunner

from course import build, nbgrader_api, paths
from course.build import BadSource, Lab
from course.cli import app
from course.grading.handin import intake
from course.notebook.cells import by_name, names
from tests import tiny

HIDDEN = "expect(half, 5).close_to(2.5)"


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return tiny.course(tmp_path / "course")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    """A lab that was built; its tests only look."""
    lab = tiny.course(tmp_path_factory.mktemp("built") / "course")
    build.build(lab)
    return lab


def edit(lab: Lab, old: str, new: str) -> None:
    source = lab.source.read_text()
    assert source.count(old) == 1
    lab.source.write_text(source.replace(old, new))


def ids(notebook: NotebookNode) -> list[str]:
    return [cell.id for cell in notebook.cells]


def tags(cell: NotebookNode) -> list[str]:
    return cell.metadata.get("tags", [])


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (
            "**Exercise 1.1 (2 points).**",
            "**Exercise 1.1 (3 points).**",
            "1.1 promises 3 points in its text, and gives 2",
        ),
        ("(stretch, 1 point)", "(stretch, 2 points)", "exercise 1.2 promises 2 points in its text, and gives 1"),
        (
            'nbgrader={"grade_id": "ex-1-2-task"}',
            'nbgrader={"grade_id": "ex-1-1-task"}',
            "2 cells are called ex-1-1-task",
        ),
    ],
)
def test_a_source_that_does_not_keep_to_its_promises_is_refused(lab: Lab, old: str, new: str, told: str) -> None:
    edit(lab, old, new)
    with pytest.raises(BadSource, match=re.escape(told)):
        build.build(lab)


def test_a_rebuild_is_the_same_byte_for_byte(lab: Lab) -> None:
    assert build.build(lab) == [lab.solution, lab.release]
    first = [path.read_bytes() for path in (lab.solution, lab.release)]
    assert not build.is_stale(lab)
    assert build.build(lab) == []
    for path in (lab.solution, lab.release):
        path.unlink()
    assert build.build(lab) == [lab.solution, lab.release]
    assert [path.read_bytes() for path in (lab.solution, lab.release)] == first


@pytest.mark.parametrize("lab", build.labs(paths.PACKAGE.parent), ids=lambda lab: lab.key)
def test_the_committed_notebooks_are_what_their_sources_give(lab: Lab) -> None:
    assert not build.is_stale(lab)


def test_a_notebook_is_stale_when_it_is_missing_or_its_source_changed(lab: Lab) -> None:
    assert build.is_stale(lab)
    build.build(lab)
    edit(lab, "# Predict, then measure.", "# Predict, then time it.")
    released = lab.release.read_bytes()
    assert build.is_stale(lab)
    assert lab.release.read_bytes() == released


def test_a_change_gives_only_its_own_cell_another_id(lab: Lab) -> None:
    before = build.instructor_notebook(lab)
    edit(lab, "# Predict, then measure.", "# Predict, then time it.")
    edit(lab, "return x / 2", "return 0.5 * x")
    after = build.instructor_notebook(lab)
    changed = [cell.source for cell, new in zip(before.cells, after.cells, strict=True) if cell.id != new.id]
    assert changed == ["Predict, then measure."]


def test_equal_cells_have_ids_of_their_own(lab: Lab) -> None:
    edit(lab, "half(3)  # try it", "height(2, 3)  # try it")
    found = ids(build.instructor_notebook(lab))
    assert len(set(found)) == len(found)


def test_the_cohort_of_the_configuration_is_in_the_first_cell(lab: Lab) -> None:
    assert intake.started(build.instructor_notebook(lab)) == ("lab01", "2026")
    build.build(lab)
    tiny.configure(lab, 'c.TwoBills.cohort = "2031"')
    assert build.is_stale(lab)
    build.build(lab)
    assert intake.started(nbformat.read(lab.release, as_version=4)) == ("lab01", "2031")
    tiny.configure(lab, "c.TwoBills.cohort = None")
    with pytest.raises(nbgrader_api.NbgraderError, match=r"nbgrader_config\.py sets no cohort"):
        build.build(lab)


def test_a_name_says_what_a_cell_is(built: Lab) -> None:
    cells = by_name(build.instructor_notebook(built))
    kinds = {
        name: tuple(cells[name].metadata.nbgrader[key] for key in ("grade", "solution", "locked"))
        for name in ("start", "given-box", "ex-1-1-task", "ex-1-1", "predict-stack", "test-1-1")
    }
    locked, answer, check = (False, False, True), (False, True, False), (True, False, True)
    assert kinds == {
        "start": locked,
        "given-box": locked,
        "ex-1-1-task": locked,
        "ex-1-1": answer,
        "predict-stack": answer,
        "test-1-1": check,
    }
    assert [cells[f"test-1-{n}"].metadata.nbgrader.points for n in (1, 2)] == [2, 1]
    assert "points" not in cells["ex-1-1"].metadata.nbgrader


def test_what_an_unanswered_exercise_stops_may_raise_and_nothing_else(built: Lab) -> None:
    release = nbformat.read(built.release, as_version=4)
    may_raise = [cell.source.splitlines()[0] for cell in release.cells if build.MAY_RAISE in tags(cell)]
    assert may_raise == [
        "height(2, 3)  # try it",
        'assert isclose(height(2, 3), 6), "the worked example"',
        "half(3)  # try it",
        'assert half(3) == 1.5, "the worked example"',
        'assert boxes(6) == 2, "the worked example"',
        "# YOUR CODE HERE",  # the prediction
        "def timed():",  # as its source says
        'assert seconds(lab.measure("stack", timed)) == 1.5, "the median"',
    ]


def test_a_release_is_clean(built: Lab) -> None:
    release = nbformat.read(built.release, as_version=4)
    nbformat.validate(release)
    assert set(release.metadata) == {"kernelspec", "language_info"}
    allowed = {"nbgrader", "deletable", "editable", "tags"}
    for cell in release.cells:
        assert set(cell.metadata) <= allowed
        if cell.cell_type == "code":
            assert cell.outputs == [] and cell.execution_count is None
    assert [path.name for path in built.release.parent.iterdir()] == [built.release.name]
    assert [path.name for path in built.solution.parent.iterdir()] == [built.solution.name]


def test_students_get_no_answer_and_no_hidden_test(built: Lab) -> None:
    text = built.release.read_text()
    for secret in ("total = n * each", "return x / 2", "boxes do not add", HIDDEN, "lab.predict", "BEGIN", "checking"):
        assert secret in built.source.read_text() and secret not in text
    assert text.count("raise NotImplementedError") == 5


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("BOX = 3", f"BOX = 3\n{HIDDEN}", HIDDEN),
        ("height(2, 3)  # try it", "n = each = 1\ntotal = n * each", "total = n * each"),
        (f"{HIDDEN}\n### END HIDDEN TESTS", f"{HIDDEN}\n### END HIDEN TESTS", "HIDDEN TESTS"),
        (f"{HIDDEN}\n### END HIDDEN TESTS", f"{HIDDEN}", "HIDDEN TESTS"),
        (
            "### BEGIN HIDDEN TESTS\nfrom course.checking import expect\n\nexpect(half",
            "### BEGIN HIDEN TESTS\nexpect(half",
            "END HIDDEN TESTS",
        ),
        ('# %% nbgrader={"grade_id": "ex-1-2"}', "# %%", "BEGIN SOLUTION"),
        ('"grade_id": "test-1-2", "points": 1', '"grade_id": "test-1-2"', "test-1-2 has no points"),
        ('lab.start("lab01", cohort="any")', "pass", "first code cell must call lab.start"),
    ],
    ids=[
        "a hidden line elsewhere",
        "an answer's line elsewhere",
        "an end misspelt",
        "an end missing",
        "a begin misspelt",
        "an answer without a name",
        "a check without points",
        "no start",
    ],
)
def test_a_source_that_gives_away_or_lacks_something_is_refused(lab: Lab, old: str, new: str, told: str) -> None:
    edit(lab, old, new)
    with pytest.raises(BadSource, match=re.escape(told)) as problem:
        build.build(lab)
    assert str(lab.source) in str(problem.value)
    assert not lab.release.exists()


def test_a_source_without_code_is_refused(tmp_path: Path) -> None:
    lab = tiny.course(tmp_path / "course", "# %% [markdown]\n# Nothing to run.\n")
    with pytest.raises(BadSource, match="first code cell"):
        build.build(lab)


def test_new_cells_are_built_while_submissions_of_the_old_ones_exist(lab: Lab) -> None:
    build.build(lab)
    api = nbgrader_api.open_course(lab.course, like=lab.course)
    submitted = lab.course / "submitted" / "ada" / lab.name
    submitted.mkdir(parents=True)
    (submitted / lab.release.name).write_bytes(lab.release.read_bytes())
    nbgrader_api.generate(api, lab.name)
    nbgrader_api.autograde(api, lab.name, "ada")
    edit(
        lab,
        "# %% [markdown]\n# Predict,",
        '# %% nbgrader={"grade_id": "test-1-9", "points": 1}\nassert BOX\n\n# %% [markdown]\n# Predict,',
    )
    assert lab.release in build.build(lab)
    assert "test-1-9" in names(nbformat.read(lab.release, as_version=4))
    assert set(nbgrader_api.scores(api, lab.name, "ada")) == {"test-1-1", "test-1-2", "test-1-3", "test-1-4"}


def test_a_lab_is_found_by_number_key_and_name(lab: Lab) -> None:
    lab.source.with_name("lab02_other.py").write_text("")
    assert [build.find(lab.course, wanted) for wanted in ("1", "01", "lab01", "lab01_stack")] == [lab] * 4
    for unknown in ("3", "lab", "²", "../lab01"):
        with pytest.raises(BadSource, match=f"no lab '{re.escape(unknown)}'; the labs are: lab01, lab02"):
            build.find(lab.course, unknown)


def run(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["build", *arguments])


def test_the_command_writes_what_changed_and_checks_without_writing(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(lab.course)
    stale = run("--check")
    assert stale.exit_code == 1 and "course build lab01" in stale.stderr and not lab.release.exists()
    assert run("1").stdout.split() == [
        *("wrote", "solutions/lab01_stack/lab01_stack.ipynb"),
        *("wrote", "notebooks/lab01_stack/lab01_stack.ipynb"),
    ]
    assert (run().output, run("--check").exit_code) == ("", 0)
    json.loads(lab.release.read_text())


def test_the_check_names_every_stale_lab_and_one_command_for_all(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(lab.course)
    other = Lab("lab02_other", lab.course)
    other.source.write_text(lab.source.read_text())
    stale = run("--check")
    assert (stale.exit_code, stale.stdout) == (1, "")
    assert all(
        f"notebooks/{one.name}/{one.name}.ipynb is not what its source gives" in stale.stderr for one in (lab, other)
    )
    assert "run `course build lab01 lab02`" in stale.stderr


def test_the_command_says_what_is_wrong_in_a_line(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(lab.course)
    edit(lab, 'lab.start("lab01", cohort="any")', "pass")
    for arguments in (["7"], []):
        refused = run(*arguments)
        assert refused.exit_code == 2 and refused.stdout == ""
        assert len(refused.stderr.splitlines()) == 1


HEADER = "# ---\n# jupyter:\n#   two_bills:\n#     hides: [gguf, llama_cpp]\n# ---\n\n"


def test_a_header_says_what_a_lab_hides_from_submissions(lab: Lab) -> None:
    plain = build.instructor_notebook(lab)
    lab.source.write_text(HEADER + lab.source.read_text())
    solution = build.instructor_notebook(lab)
    assert solution.metadata.two_bills == {"hides": ["gguf", "llama_cpp"]}
    assert solution.cells == plain.cells
    assert "two_bills" not in plain.metadata


@pytest.mark.parametrize("wrong", ["hides: gguf", "hides: [1]", "hide: [gguf]"])
def test_a_header_that_says_something_else_is_refused(lab: Lab, wrong: str) -> None:
    lab.source.write_text(HEADER.replace("hides: [gguf, llama_cpp]", wrong) + lab.source.read_text())
    with pytest.raises(BadSource, match="two_bills may say"):
        build.instructor_notebook(lab)
