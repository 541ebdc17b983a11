"""`course grade` on a class: verdicts, marks in nbgrader's gradebook, and workers that die."""

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbgrader.api import Gradebook
from rich.console import Console
from typer.testing import CliRunner

from course import build
from course.build import Lab
from course.classroom.people import Person
from course.classroom.standings import Standing
from course.cli import app
from course.commands import classes
from course.grading import sandbox
from course.grading.grader import Notebooks, Rules
from course.grading.handin import submissions
from course.grading.judge.referee import Times
from course.grading.result import Exercise, Result, Row
from course.grading.scale import pool
from course.measure import record
from course.notebook import showing
from tests import tiny
from tests.labs import notebooks
from tests.tiny import RIGHT

SUM = {**RIGHT, "1.1": "def height(n, each):\n    return n + each"}
CLASS = {"ada": RIGHT, "Bée Müller": SUM, "c.d": {}}


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    lab = tiny.course(tmp_path / "course")
    build.build(lab)
    for student, answers in CLASS.items():
        hand_in(lab, student, answers)
    return lab


def hand_in(lab: Lab, student: str, answers: dict[str, str]) -> Path:
    folder = lab.course / "submitted" / student / lab.name
    folder.mkdir(parents=True)
    if answers:
        record.write(folder, [record.new("stack", [1.5], unit="s", predicted=(1, 2), threads=1)])
    return notebooks.save(notebooks.answered(nbformat.read(lab.release, as_version=4), answers), folder, lab.name)


def run(lab: Lab, *arguments: str) -> Any:
    return CliRunner().invoke(app, ["grade", "lab01", *arguments, "--course", str(lab.course)])


def marks(lab: Lab) -> dict[str, float]:
    with Gradebook(f"sqlite:///{lab.course / 'gradebook.db'}", "two-bills") as gradebook:
        return {s.student.id: s.score for s in gradebook.assignment_submissions(lab.name)}


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_class_is_graded_and_its_marks_are_in_the_gradebook(lab: Lab, workers: str) -> None:
    ran = run(lab, "--json", "--workers", workers)
    assert ran.exit_code == 0, ran.output
    rows = json.loads(ran.stdout)
    assert [row["student"] for row in rows] == sorted(CLASS, key=str)
    assert {row["student"]: row["points"] for row in rows} == {"ada": 7, "Bée Müller": 5, "c.d": 0}
    assert marks(lab) == {"ada": 7, "Bée Müller": 5, "c.d": 0}
    by_student = {row["student"]: {e["id"]: e for e in row["exercises"]} for row in rows}
    assert by_student["Bée Müller"]["1.1"]["misconception"] == "1.1/sum"
    assert {e["verdict"] for e in by_student["c.d"].values()} == {"blank"}
    assert all(row["sandbox"] == sorted(sandbox.probe()) for row in rows)
    executed = nbformat.read(lab.course / "autograded" / "ada" / lab.name / f"{lab.name}.ipynb", as_version=4)
    assert all(not c.outputs for c in executed.cells if c.metadata.get("nbgrader", {}).get("grade"))


def test_cells_that_only_show_are_run_when_asked_for_or_changed(lab: Lab) -> None:
    path = lab.course / "submitted" / "ada" / lab.name / f"{lab.name}.ipynb"
    changed = nbformat.read(path, as_version=4)
    next(cell for cell in changed.cells if cell.source == "half(3)  # try it").source = "half(4)"
    nbformat.write(changed, path)

    def shown(*options: str) -> tuple[dict[str, float], list[str]]:
        rows = json.loads(run(lab, "--json", *options).stdout)
        executed = nbformat.read(lab.course / "autograded" / "ada" / lab.name / f"{lab.name}.ipynb", as_version=4)
        trials = [c for c in executed.cells if c.source in ("height(2, 3)  # try it", "half(4)")]
        texts = [o.get("text") or o.data["text/plain"] for trial in trials for o in trial.outputs]
        return {row["student"]: (row["points"], row["not_run"]) for row in rows}, texts

    assert shown() == ({"ada": (7, 1), "Bée Müller": (5, 2), "c.d": (0, 3)}, [showing.NOT_RUN, "2.0"])
    assert shown("--all-cells") == ({"ada": (7, 0), "Bée Müller": (5, 0), "c.d": (0, 0)}, ["6", "2.0"])


def test_two_students_with_one_record_are_flagged(lab: Lab) -> None:
    copied = record.new("stack", [1.2345678], unit="s", predicted=(1, 2), threads=1)
    for path in (lab.course / "submitted" / "ada" / lab.name, hand_in(lab, "eve", RIGHT).parent):
        record.write(path, [copied])
    flags = {row["student"]: row["flags"] for row in json.loads(run(lab, "--json").stdout)}
    assert flags["ada"][-1] == "alike: the record of stack is also that of eve"
    assert flags["eve"][-1] == "alike: the record of stack is also that of ada"
    assert not any(flag.startswith("alike") for who in ("Bée Müller", "c.d") for flag in flags[who])
    assert ", 2 alike" in run(lab).stdout


def test_one_broken_notebook_is_a_row_with_a_reason(lab: Lab) -> None:
    hand_in(lab, "zed", RIGHT).write_text('{"cells": [')
    ran = run(lab, "--json")
    assert ran.exit_code == 1
    rows = {row["student"]: row for row in json.loads(ran.stdout)}
    assert list(rows["zed"]) == ["student", "reason", "name", "status"]
    assert "broken JSON" in rows["zed"]["reason"]
    assert rows["ada"]["points"] == 7


def test_a_manual_mark_stays_when_a_class_is_graded_again(lab: Lab) -> None:
    assert run(lab).exit_code == 0
    with Gradebook(f"sqlite:///{lab.course / 'gradebook.db'}", "two-bills") as gradebook:
        gradebook.find_grade("test-1-1", lab.name, lab.name, "c.d").manual_score = 1
        gradebook.db.commit()
    assert run(lab, "--again").exit_code == 0
    assert marks(lab)["c.d"] == 1


def test_a_zip_of_notebooks_is_a_class(lab: Lab, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "class.zip", "w") as archive:
        for student in ("ada", "c.d"):
            archive.write(lab.course / "submitted" / student / lab.name / f"{lab.name}.ipynb", f"{student}.ipynb")
    rows = json.loads(run(lab, str(tmp_path / "class.zip"), "--json").stdout)
    assert [(row["student"], row["points"]) for row in rows] == [("ada", 5), ("c.d", 0)]  # no records came along


def test_where_nothing_confines_it_refuses(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "probe", lambda: ("seccomp", "rlimits"))
    refused = run(lab)
    assert refused.exit_code == 2
    assert "layers that hold: seccomp, rlimits" in refused.stderr and "--unsafe-no-sandbox" in refused.stderr
    accepted = run(lab, "--json", "--unsafe-no-sandbox")
    assert accepted.exit_code == 0
    assert {tuple(row["sandbox"]) for row in json.loads(accepted.stdout)} == {("rlimits", "seccomp")}


def test_a_folder_that_is_not_there_is_told_in_a_line(lab: Lab, tmp_path: Path) -> None:
    refused = run(lab, str(tmp_path / "nowhere"))
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert len(refused.stderr.splitlines()) == 1


@pytest.mark.parametrize("deaths", [1, 99])
def test_a_worker_that_dies_takes_nothing_with_it(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, deaths: int
) -> None:
    give: Callable[..., None] = pool._Worker.give
    killed: list[str] = []

    def give_and_kill(worker: pool._Worker, submission: submissions.Submission) -> None:
        if submission.student == "ada" and len(killed) < deaths:
            killed.append(submission.student)
            worker._process.kill()
            worker._process.join()
        give(worker, submission)

    monkeypatch.setattr(pool._Worker, "give", give_and_kill)
    found = submissions.find(lab.course / "submitted", lab, unpack=tmp_path).submissions
    rules = Rules(sandbox.probe(), times=Times(cell_s=10))
    rows = {row.student: row for row in pool.grade_here(Notebooks.of(lab), rules, found, workers=2)}
    assert set(rows) == set(CLASS)
    if deaths == 1:
        assert rows["ada"].result and rows["ada"].result.points == 7
    else:
        assert rows["ada"].reason == "the worker that graded it died, 3 times" and len(killed) == 3
    assert rows["Bée Müller"].result and rows["Bée Müller"].result.points == 5


def test_the_table_counts_what_there_is_to_do() -> None:
    def graded(*verdicts: Any, **more: Any) -> Result:
        exercises = [Exercise(f"1.{i}", 0, 1, verdict) for i, verdict in enumerate(verdicts, 1)]
        return Result("lab01", exercises, 1.0, **more)

    rows = [
        Row("a", graded("blank", "blank")),
        Row("b", graded("pass", "review", repaired=["the check of 1.1 was missing: it is put back"])),
        Row("c", graded("fail", "pass", flags=["suspicious: ex-1-1 reaches for memory or C code"])),
        Row("d", reason="no notebook"),
    ]
    assert dict(classes.counts(rows)) == {
        **{"graded": 3, "failed": 1, "blank": 1, "repaired": 1, "for review": 1, "suspicious": 1}
    }
    page = Console(record=True, width=120)
    page.print(classes.table("lab01", [(Standing(Person(row.student), False), row) for row in rows]))
    told = page.export_text()
    assert "3 graded, 1 failed, 1 blank, 1 repaired, 1 for review, 1 suspicious" in told
    assert "not graded" in told and "no notebook" in told
