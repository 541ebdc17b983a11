"""`course check` on notebooks that are right, wrong, rearranged, foreign or no notebooks at all."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat import NotebookNode
from typer.testing import CliRunner

from course import build, paths
from course.build import Lab
from course.cli import app
from course.grading import sandbox
from course.grading.grader import Grader, Notebooks, Rules, open_grader
from course.grading.handin import intake
from course.grading.handin.submissions import Submission
from course.grading.judge.referee import Times
from course.grading.result import Exercise, Result, Ungradable
from course.measure import record
from course.notebook.cells import by_name
from tests import tiny
from tests.labs import notebooks
from tests.tiny import RIGHT


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    lab = tiny.course(tmp_path_factory.mktemp("course") / "course")
    tiny.configure(lab, "c.Execute.timeout = 5")
    build.build(lab)
    return lab


@pytest.fixture(scope="module")
def grader(lab: Lab) -> Iterator[Grader]:
    with open_grader(Notebooks.of(lab), Rules(sandbox.probe(), times=Times(cell_s=5, call_s=3))) as opened:
        yield opened


@pytest.fixture
def submission(grader: Grader) -> NotebookNode:
    return notebooks.answered(grader.release, RIGHT)


Grade = Callable[[NotebookNode], Result]


@pytest.fixture
def graded(grader: Grader, tmp_path: Path) -> Grade:
    def grade(notebook: NotebookNode) -> Result:
        path = notebooks.save(notebook, tmp_path, grader.lab.name)
        return grader.grade(Submission("student", path, tmp_path)).result

    return grade


def verdicts(result: Result) -> dict[str, str]:
    return {exercise.id: exercise.verdict for exercise in result.exercises}


def cell(notebook: NotebookNode, name: str) -> NotebookNode:
    return by_name(notebook)[name]


def test_a_missing_record_is_blank_and_the_others_go_on(graded: Grade, submission: NotebookNode) -> None:
    result = graded(submission)
    assert verdicts(result) == {"1.1": "pass", "1.2": "pass", "1.3": "pass", "1.4": "blank"}
    assert (result.points, result.max_points, result.sandbox) == (5, 7, sorted(sandbox.probe()))


def test_an_unanswered_exercise_is_blank_whatever_its_comments(graded: Grade, submission: NotebookNode) -> None:
    answer = cell(submission, "ex-1-2")
    answer.source = "def half(x):  # to do\n\n    # tomorrow\n    raise NotImplementedError()"
    assert verdicts(graded(submission))["1.2"] == "blank"


def test_changed_code_that_is_not_implemented_is_an_error(graded: Grade, submission: NotebookNode) -> None:
    cell(submission, "ex-1-2").source = "def half(x):\n    y = x\n    raise NotImplementedError('later')"
    lost = graded(submission).exercises[1]
    assert (lost.verdict, lost.misconception) == ("error", None)
    assert "later" in lost.message


def test_broken_syntax_costs_its_exercise_only(graded: Grade, submission: NotebookNode) -> None:
    cell(submission, "ex-1-2").source = "def half(x)\n    return x"
    assert verdicts(graded(submission)) == {"1.1": "pass", "1.2": "error", "1.3": "pass", "1.4": "blank"}


def test_a_wrong_idea_is_named(graded: Grade, submission: NotebookNode) -> None:
    cell(submission, "ex-1-1").source = "def height(n, each):\n    return n + each"
    lost = graded(submission).exercises[0]
    assert (lost.points, lost.verdict, lost.misconception) == (0, "fail", "1.1/sum")
    assert "boxes do not add to metres" in lost.message


MERGED = "\n\n".join([RIGHT["1.1"], RIGHT["1.2"]])


@pytest.mark.parametrize("stub", ["deleted", "left as it was"])
def test_two_answers_in_one_cell_both_count(graded: Grade, submission: NotebookNode, grader: Grader, stub: str) -> None:
    cell(submission, "ex-1-1").source = MERGED
    if stub == "deleted":
        submission.cells.remove(cell(submission, "ex-1-2"))
    else:
        cell(submission, "ex-1-2").source = cell(grader.release, "ex-1-2").source
    result = graded(submission)
    assert verdicts(result) == {"1.1": "pass", "1.2": "pass", "1.3": "pass", "1.4": "blank"}
    assert result.repaired == ["exercise 1.2 is answered in another cell: what is defined there counts"]


def test_an_answer_below_its_check_is_told_where_it_belongs(graded: Grade, submission: NotebookNode) -> None:
    answer = cell(submission, "ex-1-1")
    submission.cells.remove(answer)
    submission.cells.append(nbformat.v4.new_code_cell(answer.source))
    lost = graded(submission).exercises[0]
    assert lost.verdict == "error"
    assert lost.message == "height is defined below its check, in another cell: put it into its own"


FAILING = {
    "syntax": ("x = 1\n\ndef half(x)\n    return x / 2", "its cell ended in SyntaxError: expected ':' in line 3"),
    "import": (
        "import nothing_here\n\ndef half(x): ...",
        "ModuleNotFoundError: No module named 'nothing_here' in line 1",
    ),
    "crash": ("y = 1\nz = y / 0\ndef half(x):\n    return x / 2", "ZeroDivisionError: division by zero in line 2"),
    "death": ("import os\nos._exit(7)", "ProcessEnded: the process ended while this cell was running"),
    "name": ("def Half(x):\n    return x / 2", "does not define half; it defines Half: is it spelt as in the task?"),
    "no code": ("None", "its cell does not define half"),
}


@pytest.mark.parametrize("kind", FAILING)
def test_a_cell_that_defines_nothing_is_told_why(graded: Grade, submission: NotebookNode, kind: str) -> None:
    source, told = FAILING[kind]
    cell(submission, "ex-1-2").source = source
    lost = graded(submission).exercises[1]
    assert (lost.verdict, lost.misconception) == ("error", None)
    assert told in lost.message


def test_what_a_function_raises_has_its_line(graded: Grade, submission: NotebookNode) -> None:
    cell(submission, "ex-1-2").source = "def half(x):\n    y = 0\n    return x / y"
    lost = graded(submission).exercises[1]
    assert "raised ZeroDivisionError: division by zero (line 3 of its cell)" in lost.message


NOT_CALLING = {
    "a parameter": "def half(height):\n    return height",
    "a local name": "def half(x):\n    height = x\n    return height",
    "a loop": "def half(x):\n    for height in [x]:\n        return height",
    "a comprehension": "def half(x):\n    return [height for height in [x]][0]",
    "an inner function": "def half(x):\n    def height(x):\n        return x\n    return height(x)",
    "its own": "def height(x):\n    return x\ndef half(x):\n    return height(x)",
    "an attribute": "class C:\n    height = 3\ndef half(x):\n    return x + 0 * C.height",
}


@pytest.mark.parametrize("kind", NOT_CALLING)
def test_a_name_that_is_not_the_other_function_blames_nobody(
    graded: Grade, submission: NotebookNode, kind: str
) -> None:
    cell(submission, "ex-1-1").source = "def height(n, each):\n    return n + each"
    cell(submission, "ex-1-2").source = NOT_CALLING[kind]
    lost = graded(submission).exercises[1]
    assert lost.verdict == "fail" and "it calls" not in lost.message


def test_who_calls_an_unanswered_exercise_is_told_to_answer_it(
    graded: Grade, submission: NotebookNode, grader: Grader
) -> None:
    cell(submission, "ex-1-1").source = cell(grader.release, "ex-1-1").source
    cell(submission, "ex-1-2").source = "def half(x):\n    return height(x, 0.5)"
    lost = graded(submission).exercises[1]
    assert lost.message.startswith("it calls height of 1.1, which is not answered yet: answer that first")


def test_what_calls_another_wrong_answer_is_not_accused(graded: Grade, submission: NotebookNode) -> None:
    cell(submission, "ex-1-1").source = "def height(n, each):\n    return n + each"
    cell(submission, "ex-1-2").source = "def half(x):\n    return height(x, 0.5)"
    root, lost = graded(submission).exercises[:2]
    assert root.misconception == "1.1/sum"
    assert (lost.verdict, lost.misconception) == ("fail", None)
    assert lost.message.startswith("it calls height of 1.1, which is not right: mend that first")


def test_an_endless_answer_is_a_timeout(graded: Grade, submission: NotebookNode) -> None:
    cell(submission, "ex-1-3").source = "def boxes(height):\n    while True:\n        pass"
    assert verdicts(graded(submission)) == {"1.1": "pass", "1.2": "pass", "1.3": "timeout", "1.4": "blank"}


def test_a_warning_costs_no_points(graded: Grade, submission: NotebookNode) -> None:
    cell(submission, "ex-1-2").source = "import warnings\n\ndef half(x):\n    warnings.warn('mind')\n    return x / 2"
    assert verdicts(graded(submission))["1.2"] == "pass"


def test_a_kernel_that_dies_costs_its_cell(graded: Grade, submission: NotebookNode) -> None:
    cell(submission, "ex-1-2").source = "import os\nos._exit(7)"
    assert verdicts(graded(submission)) == {"1.1": "pass", "1.2": "error", "1.3": "pass", "1.4": "blank"}


def test_edited_locked_cells_are_restored_and_told(graded: Grade, submission: NotebookNode) -> None:
    cell(submission, "given-box").source = "BOX = 1"
    cell(submission, "test-1-2").source = "pass"
    cell(submission, "ex-1-2").source = "def half(x):\n    return x"
    result = graded(submission)
    assert verdicts(result) == {"1.1": "pass", "1.2": "fail", "1.3": "pass", "1.4": "blank"}
    assert result.flags == ["other than in today's release, whose cells are used instead: test-1-2, given-box"]


def test_another_cohort_is_graded_with_ours_and_told(graded: Grade, submission: NotebookNode) -> None:
    start = cell(submission, "start")
    start.source = start.source.replace("2026", "1999")
    result = graded(submission)
    assert verdicts(result)["1.1"] == "pass"
    assert result.flags == ["cohort 1999: graded with the numbers of 2026"]


def test_an_older_minor_format_is_graded(graded: Grade, submission: NotebookNode) -> None:
    submission.nbformat_minor = 4
    for one in submission.cells:
        del one["id"]
    assert verdicts(graded(submission))["1.1"] == "pass"


def test_every_fault_of_a_rearranged_notebook_is_repaired_and_listed(graded: Grade, submission: NotebookNode) -> None:
    doubled = nbformat.from_dict(cell(submission, "test-1-1"))
    retyped = cell(submission, "test-1-2")
    retyped.cell_type = "markdown"
    del retyped["outputs"], retyped["execution_count"]
    submission.cells.append(doubled)
    submission.cells.remove(cell(submission, "ex-1-3"))
    result = graded(submission)
    assert verdicts(result) == {"1.1": "pass", "1.2": "pass", "1.3": "blank", "1.4": "blank"}
    assert len(result.repaired) == 3


@pytest.mark.parametrize("fault", ["missing", "doubled", "retyped"])
def test_each_fault_alone_is_repaired_and_told_apart(graded: Grade, submission: NotebookNode, fault: str) -> None:
    check_cell = cell(submission, "test-1-1")
    if fault == "missing":
        submission.cells.remove(check_cell)
    elif fault == "doubled":
        submission.cells.append(nbformat.from_dict(check_cell))
    else:
        check_cell.cell_type = "raw"
        del check_cell["outputs"], check_cell["execution_count"]
    result = graded(submission)
    assert verdicts(result)["1.1"] == "pass"
    told = {"missing": "missing", "doubled": "twice", "retyped": "raw"}
    assert [kind for kind, word in told.items() if word in result.repaired[0]] == [fault], result.repaired


NO_NOTEBOOKS = {
    "empty": (b" \n", "is empty"),
    "pdf": (b"%PDF-1.7 ...", "is a PDF"),
    "binary": (b"\x80\x81\xff", "is no text"),
    "utf-16": ('{"nbformat": 4}'.encode("utf-16"), "it has no cells"),
    "broken": (b'{"cells": [', "is broken JSON"),
    "a byte order mark": (b'\xef\xbb\xbf{"nbformat": 4}', "it has no cells"),
    "too deep": (b"[" * 100_000, "is broken JSON"),
    "other json": (b'{"a": 1}', "is JSON but no notebook"),
    "a list": (b"[]", "is JSON but no notebook"),
    "format 3": (b'{"nbformat": 3, "nbformat_minor": 0, "worksheets": [], "metadata": {}}', "notebook format 3"),
    "a format that is no number": (b'{"nbformat": "x", "nbformat_minor": 5, "cells": []}', "notebook format x"),
    "no cells": (b'{"nbformat": 4, "nbformat_minor": 5, "metadata": {}}', "no valid notebook"),
    "cells that are none": (b'{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [3]}', "no valid notebook"),
}


@pytest.mark.parametrize("kind", NO_NOTEBOOKS)
def test_what_is_no_notebook_is_told_with_a_way_out(tmp_path: Path, kind: str) -> None:
    content, told = NO_NOTEBOOKS[kind]
    path = tmp_path / "mine.ipynb"
    path.write_bytes(content)
    with pytest.raises(Ungradable, match=told) as message:
        intake.read(path)
    assert str(path) in str(message.value)
    assert len(str(message.value).splitlines()) == 1
    assert path.read_bytes() == content


def test_a_missing_file_and_a_folder_are_told(tmp_path: Path) -> None:
    with pytest.raises(Ungradable, match="does not exist"):
        intake.read(tmp_path / "none.ipynb")
    with pytest.raises(Ungradable, match="is a folder"):
        intake.read(tmp_path)


def test_a_notebook_of_another_lab_or_of_none_is_told(grader: Grader, submission: NotebookNode) -> None:
    foreign = nbformat.from_dict(submission)
    cell(foreign, "start").source = 'lab.start("lab02", cohort="2026")'
    with pytest.raises(Ungradable, match="is a notebook of lab02, not of lab01"):
        intake.require_lab(foreign, grader.release, lab=grader.lab, path=Path("mine.ipynb"))
    with pytest.raises(Ungradable, match="has no graded cells of lab01"):
        intake.require_lab(nbformat.v4.new_notebook(), grader.release, lab=grader.lab, path=Path("mine.ipynb"))


def test_a_name_that_is_no_text_is_no_name(graded: Grade, submission: NotebookNode) -> None:
    cell(submission, "ex-1-1").metadata.nbgrader.grade_id = ["ex-1-1"]
    result = graded(submission)
    assert verdicts(result)["1.1"] == "pass"  # it is still there, as a cell of the student's own
    assert result.repaired[0] == "exercise 1.1 is answered in another cell: what is defined there counts"


def run(lab: Lab, *arguments: str) -> Any:
    return CliRunner().invoke(app, ["check", "lab01", "--course", str(lab.course), *arguments])


def test_the_commands_json_is_the_contract(lab: Lab, submission: NotebookNode, tmp_path: Path) -> None:
    path = notebooks.save(submission, tmp_path, "mine")
    ran = run(lab, "--notebook", str(path), "--json")
    told = json.loads(ran.stdout)
    assert ran.exit_code == 1
    assert list(told) == ["lab", "points", "max_points", "exercises", "repaired", "flags", "sandbox", "seconds"]
    assert (told["lab"], told["points"], told["max_points"]) == ("lab01", 5, 7)
    assert (told["repaired"], told["flags"], told["sandbox"]) == ([], [], sorted(sandbox.probe()))
    assert list(told["exercises"][0]) == ["id", "points", "max_points", "verdict", "misconception", "message"]
    assert told["exercises"][0] == {
        **{"id": "1.1", "points": 2.0, "max_points": 2.0},
        **{"verdict": "pass", "misconception": None, "message": ""},
    }


def test_full_marks_end_with_0_by_the_record_beside_the_notebook(
    lab: Lab, submission: NotebookNode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = notebooks.save(submission, tmp_path, "mine")
    record.write(tmp_path, [record.new("stack", [1.5], unit="s", predicted=(1, 2), threads=1)])
    monkeypatch.chdir(tmp_path)
    ran = run(lab, "--notebook", path.name)
    assert ran.exit_code == 0
    assert "lab01: 7 of 7 points" in ran.stdout
    assert not list(lab.course.rglob("it-ran")) and not (tmp_path / "it-ran").exists()


def test_the_command_fails_in_a_line(lab: Lab, tmp_path: Path) -> None:
    for arguments in (["--notebook", str(tmp_path)], ["--notebook", str(tmp_path / "none.ipynb")], []):
        refused = run(lab, *arguments)
        assert (refused.exit_code, refused.stdout) == (2, "")
        assert len(refused.stderr.splitlines()) == 1


def test_the_command_without_a_course_fails_in_a_line(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "course", "check", "lab01", "--course", str(tmp_path)]
    ran = subprocess.run(command, capture_output=True, text=True, cwd=paths.PACKAGE.parent)
    assert ran.returncode == 2
    assert ran.stderr.splitlines() == [
        f"{tmp_path} holds no course (no solutions/ and nbgrader_config.py): run this in the course's checkout, "
        "or name it with --course DIR"
    ]


def test_full_marks_leave_out_what_a_person_decides() -> None:
    passed = Exercise("1.1", 2, 2, "pass")
    assert Result("lab01", [passed, Exercise("1.2", 0, 1, "manual"), Exercise("1.3", 0, 1, "review")], 1.0).is_full
    assert not Result("lab01", [passed, Exercise("1.2", 0, 1, "fail")], 1.0).is_full
