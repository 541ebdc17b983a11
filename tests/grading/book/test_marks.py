"""A class and its ledger: what is known is not graded again; what breaks is made good; nothing is lost or doubled."""

import json
import os
import resource
import shutil
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, nullcontext
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nbformat
import pytest
from nbgrader.api import Gradebook
from rich.console import Console
from typer.testing import CliRunner

from course import build, nbgrader_api, paths
from course.build import Lab
from course.cli import app
from course.commands import ledger as commands
from course.grading import sandbox, self_check
from course.grading.book import connection, gradebook
from course.grading.book.fingerprint import _surroundings, fingerprint
from course.grading.book.ledger import Entry, Ledger
from course.grading.grader import Graded, Grader, Notebooks, Rules, open_grader
from course.grading.handin.submissions import Submission
from course.grading.judge.referee import Times
from course.grading.result import Row
from course.grading.scale import pool
from tests import tiny
from tests.labs import notebooks
from tests.tiny import RIGHT

SUM = {**RIGHT, "1.1": "def height(n, each):\n    return n + each"}
CLASS = {"ada": RIGHT, "Bée M. Müller": SUM, "c.d": {}}
POINTS = {"ada": 5, "Bée M. Müller": 3, "c.d": 0}  # without records, exercise 1.4 is blank


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    lab = tiny.course(tmp_path_factory.mktemp("original") / "course")
    build.build(lab)
    gradebook.prepare(lab, nbformat.read(lab.solution, as_version=4))
    for student, answers in CLASS.items():
        hand_in(lab, student, answers)
    return lab


@pytest.fixture(scope="module")
def grader(original: Lab) -> Iterator[Grader]:
    with open_grader(Notebooks.of(original), Rules(sandbox.probe(), times=Times(cell_s=10))) as opened:
        yield opened


@pytest.fixture
def lab(original: Lab, tmp_path: Path) -> Lab:
    shutil.copytree(original.course, tmp_path / "course")
    return Lab(original.name, tmp_path / "course")


@pytest.fixture(autouse=True)
def graded(monkeypatch: pytest.MonkeyPatch, grader: Grader) -> list[str]:
    """The students whose submissions are graded, all by one grader, with each lab's own checks."""
    seen: list[str] = []
    grade: Callable[..., Row] = pool.grade

    def noted(at: Grader, submission: Submission) -> Row:
        seen.append(submission.student)
        return grade(at, submission)

    def reopened(notebooks: Notebooks, rules: Rules) -> Any:
        return nullcontext(replace(grader, notebooks=notebooks, rules=rules))

    monkeypatch.setattr(commands, "console", Console(width=160))
    layers = sandbox.probe()
    monkeypatch.setattr(sandbox, "probe", lambda: layers)
    monkeypatch.setattr(self_check, "open_grader", reopened)
    monkeypatch.setattr(pool, "grade", noted)
    return seen


@pytest.fixture
def done(original: Lab, tmp_path: Path, graded: list[str]) -> Lab:
    """A course whose class has been graded once."""
    once = Lab(original.name, original.course.with_name("done"))
    if not once.course.exists():
        shutil.copytree(original.course, once.course)
        assert run(once).exit_code == 0
    shutil.copytree(once.course, tmp_path / "course")
    graded.clear()
    return Lab(original.name, tmp_path / "course")


def hand_in(lab: Lab, student: str, answers: dict[str, str]) -> Path:
    folder = lab.course / "submitted" / student / lab.name
    folder.mkdir(parents=True, exist_ok=True)
    return notebooks.save(notebooks.answered(nbformat.read(lab.release, as_version=4), answers), folder, lab.name)


def run(lab: Lab, command: str = "grade", *arguments: str) -> Any:
    about = ["lab01", *arguments] if command != "history" else [*arguments, "lab01"]
    ran = CliRunner().invoke(app, [command, *about, "--course", str(lab.course)])
    assert ran.exception is None or isinstance(ran.exception, SystemExit), ran.exception
    return ran


def refusal(ran: Any) -> str:
    assert ran.exit_code == 2, ran.output
    (line,) = ran.stderr.strip().splitlines()
    return line


def entries(lab: Lab) -> list[Entry]:
    return Ledger(lab.course).entries(lab)


def results(lab: Lab) -> Counter[tuple[str, str, str]]:
    return Counter((entry.student, entry.submission, entry.tests) for entry in entries(lab))


def opened(lab: Lab) -> Gradebook:
    return Gradebook(f"sqlite:///{lab.course / 'gradebook.db'}", "two-bills")


def marks(lab: Lab) -> dict[str, float]:
    with opened(lab) as found:
        return {s.student.id: s.score for s in found.assignment_submissions(lab.name)}


def written(lab: Lab) -> Any:
    """All that grading leaves outside of the ledger: every mark, and the executed notebooks."""
    with opened(lab) as found:
        grades = [
            (s.student.id, s.timestamp, n.late_submission_penalty, g.name, g.auto_score, g.manual_score,
             g.needs_manual_grade)
            for s in found.assignment_submissions(lab.name) for n in s.notebooks for g in n.grades
        ]  # fmt: skip
    autograded = lab.course / "autograded"
    files = {path.relative_to(autograded): path.read_bytes() for path in autograded.rglob("*") if path.is_file()}
    return sorted(grades, key=str), files


def mark_by_hand(lab: Lab, student: str, check: str, points: float) -> None:
    with opened(lab) as found:
        grade = found.find_grade(check, lab.name, lab.name, student)
        grade.manual_score, grade.needs_manual_grade = points, False
        found.db.commit()


def needs_review(lab: Lab, student: str) -> list[str]:
    with opened(lab) as found:
        submission = found.find_submission(lab.name, student)
        return [grade.name for n in submission.notebooks for grade in n.grades if grade.needs_manual_grade]


def test_what_is_known_is_not_graded_again(lab: Lab, graded: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    first = run(lab, "grade", "--json")
    assert first.exit_code == 0 and sorted(graded) == sorted(CLASS)
    assert marks(lab) == POINTS
    ledger, before = Ledger(lab.course).results.read_bytes(), written(lab)
    graded.clear()
    for forbidden in ("save", "_generate"):  # the marks are there, and the lab as it is now
        monkeypatch.setattr(gradebook, forbidden, None)
    second = run(lab, "grade", "--json")
    assert (second.exit_code, graded, second.stdout) == (0, [], first.stdout)
    assert "3 of them were known from the ledger; --again grades them anew" in run(lab).stderr
    assert (Ledger(lab.course).results.read_bytes(), written(lab)) == (ledger, before)


def test_again_grades_anew_and_keeps_the_old_results(done: Lab, graded: list[str]) -> None:
    old = entries(done)
    ran = run(done, "grade", "--again")
    assert ran.exit_code == 0 and "known" not in ran.stderr
    assert sorted(graded) == sorted(CLASS)
    assert entries(done)[:3] == old and set(results(done).values()) == {2}


def test_the_newest_submission_counts_also_where_it_is_an_old_one_again(done: Lab, graded: list[str]) -> None:
    hand_in(done, "ada", SUM)
    run(done)
    assert marks(done) == {**POINTS, "ada": 3} and graded == ["ada"]
    hand_in(done, "ada", RIGHT)
    run(done)
    assert marks(done) == POINTS and graded == ["ada"]
    before = written(done)
    run(done, "replay")
    assert written(done) == before
    told = run(done, "history", "ada").stdout
    assert [line for line in ("the first", "another submission; 1.1 pass → fail", "1.1 fail → pass (counts)")
            if line not in told] == []  # fmt: skip
    assert [e["row"]["points"] for e in json.loads(run(done, "history", "ada", "--json").stdout)] == [5, 3, 5]


def test_a_corrected_test_grades_the_class_again(done: Lab, graded: list[str]) -> None:
    done.source.write_text(done.source.read_text().replace("close_to(2.5)", "close_to(3.5)"))
    run(done)
    assert sorted(graded) == sorted(CLASS)
    assert marks(done) == {"ada": 4, "Bée M. Müller": 2, "c.d": 0}
    assert "other tests; 1.2 pass → fail (counts)" in run(done, "history", "Bée M. Müller").stdout
    with opened(done) as found:  # nbgrader's own autograde has the corrected test too
        source = found.find_source_cell("test-1-2", done.name, done.name).source
    assert "close_to(3.5)" in source
    done.source.write_text(done.source.read_text().replace("close_to(3.5)", "close_to(2.5)"))
    run(done)
    assert marks(done) == POINTS and len(graded) == 3


def test_a_broken_notebook_is_known_too_and_leaves_the_marks_of_the_one_before(done: Lab, graded: list[str]) -> None:
    before = written(done)
    hand_in(done, "ada", RIGHT).write_text('{"cells": [')
    (done.course / "submitted" / "c.d" / done.name / "link").symlink_to("/etc/passwd")
    graded.clear()
    for _ in range(2):
        ran = run(done, "grade", "--json")
        assert ran.exit_code == 1
        reasons = {row["student"]: row["reason"] for row in json.loads(ran.stdout) if "reason" in row}
        assert reasons["ada"].startswith(f"{done.name}.ipynb is broken JSON")  # no path of a passing folder
        assert "link is a link" in reasons["c.d"]
    assert graded == ["ada"] and len(entries(done)) == 5
    assert written(done) == before
    run(done, "replay")
    assert written(done) == before
    assert "not graded: lab01_stack.ipynb is broken JSON" in " ".join(run(done, "history", "ada").stdout.split())


def test_what_the_grader_failed_on_is_not_known(lab: Lab, graded: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(at: Grader, submission: Submission) -> Graded:
        raise RuntimeError("no luck")

    with monkeypatch.context() as broken:
        broken.setattr(Grader, "grade", fail)
        ran = run(lab)
    assert ran.exit_code == 1 and ran.stdout.count("the grader failed on it") == 3
    assert marks(lab) == {}
    assert run(lab).exit_code == 0
    assert marks(lab) == POINTS and Counter(graded) == dict.fromkeys(CLASS, 2)


def test_ctrl_c_between_ledger_and_gradebook_is_made_good(
    lab: Lab, graded: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    save, calls = gradebook.save, []

    def stopped(*args: Any, **kwargs: Any) -> None:
        calls.append(args)
        if len(calls) == 2:
            raise KeyboardInterrupt
        save(*args, **kwargs)

    with monkeypatch.context() as broken:
        broken.setattr(gradebook, "save", stopped)
        ran = run(lab)
    assert ran.exit_code == 130
    assert "stopped after 1, which are in the ledger and the gradebook; run it again for the rest" in ran.stderr
    assert (len(entries(lab)), len(marks(lab))) == (2, 1)
    assert run(lab).exit_code == 0 and len(graded) == 3
    assert set(results(lab).values()) == {1} and len(results(lab)) == 3
    assert marks(lab) == POINTS
    before = written(lab)
    assert len(before[1]) == 3
    assert run(lab, "replay").exit_code == 0
    assert written(lab) == before


@pytest.mark.parametrize("state", ["there", "missing", "of 0 bytes"])
def test_replay_writes_all_marks_and_notebooks_again(done: Lab, graded: list[str], state: str) -> None:
    path = done.course / "gradebook.db"
    if state == "there":
        mark_by_hand(done, "c.d", "test-1-1", 1.5)
    before = written(done)
    if state != "there":
        path.unlink() if state == "missing" else path.write_bytes(b"")
        shutil.rmtree(done.course / "autograded")
    graded.clear()
    ran = run(done, "replay")
    assert (ran.exit_code, graded) == (0, [])
    assert "the marks of 3 students are in the gradebook" in ran.stdout
    assert written(done) == before


def test_grading_fills_a_gradebook_of_0_bytes(done: Lab, graded: list[str]) -> None:
    before = written(done)
    (done.course / "gradebook.db").write_bytes(b"")
    assert run(done).exit_code == 0
    assert written(done) == before and graded == []


def test_replay_writes_the_marks_though_a_notebook_is_damaged(done: Lab) -> None:
    (entry,) = [entry for entry in entries(done) if entry.student == "ada"]
    damaged = done.course / "ledger" / "executed" / f"{entry.executed}.ipynb.gz"
    damaged.write_bytes(b"")
    with opened(done) as found:
        found.remove_submission(done.name, "ada")
    ran = run(done, "replay")
    assert ran.exit_code == 1 and str(damaged) in ran.stderr
    assert marks(done) == POINTS


def test_a_manual_mark_stays_and_is_up_for_review_when_its_points_change(done: Lab) -> None:
    mark_by_hand(done, "ada", "test-1-1", 1.5)
    hand_in(done, "ada", {**RIGHT, "1.2": ""})
    run(done)
    assert marks(done)["ada"] == 3.5 and needs_review(done, "ada") == []
    hand_in(done, "ada", SUM)
    run(done)
    assert marks(done)["ada"] == 4.5 and needs_review(done, "ada") == ["test-1-1"]
    run(done)
    assert needs_review(done, "ada") == ["test-1-1"]
    mark_by_hand(done, "ada", "test-1-1", 0.5)
    run(done)
    run(done, "replay")
    assert marks(done)["ada"] == 3.5 and needs_review(done, "ada") == []


def test_a_late_submission_gets_nbgraders_penalty(
    lab: Lab, graded: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    tiny.configure(lab, 'c.LateSubmissionPlugin.penalty_method = "zero"')
    with opened(lab) as found:
        found.find_assignment(lab.name).duedate = datetime(2026, 5, 1, 12)
        found.db.commit()
    noted = lab.course / "submitted" / "ada" / lab.name / "timestamp.txt"
    noted.write_text("2026-05-01 12:00:01 UTC")
    (noted.parents[2] / "c.d" / lab.name / "timestamp.txt").write_text("yesterday, I swear")
    run(lab)
    assert "c.d: its timestamp.txt is no time" in caplog.text
    assert marks(lab) == POINTS
    with opened(lab) as found:
        late = found.find_submission(lab.name, "ada")
        assert (late.timestamp, late.late_submission_penalty) == (datetime(2026, 5, 1, 12, 0, 1), 5)
    noted.write_text("2026-05-01 11:59:59 UTC")
    run(lab)
    with opened(lab) as found:
        late = found.find_submission(lab.name, "ada")
        assert (late.timestamp, late.late_submission_penalty) == (datetime(2026, 5, 1, 11, 59, 59), 0)
    assert len(graded) == 3 and "handed in at another time" in run(lab, "history", "ada").stdout


def disturbed(course: Path, folder: Path, *command: str) -> Counter[str]:
    """Have `crashes` disturb a grader ahead of each step; how those ended whose class ends as an undisturbed one."""
    shutil.copytree(course, folder / "original", ignore=shutil.ignore_patterns("submitted"))
    (folder / "scratch").mkdir()
    ran = subprocess.run(
        [*command, str(folder / "original"), str(folder / "scratch")],
        cwd=paths.PACKAGE.parent, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    (_, undisturbed), *others = map(json.loads, ran.stdout.splitlines())
    assert undisturbed["points"] == {"ada": 2, "Bée": 1, "zed": "link is a link: put the file itself there"}
    assert [count for _, count in undisturbed["results"]] == [1, 1, 1]
    assert [step for step, (_, found) in enumerate(others) if found != undisturbed] == []
    return Counter(end for end, _ in others)


def test_killed_ahead_of_any_step_and_resumed_it_ends_as_if_undisturbed(original: Lab, tmp_path: Path) -> None:
    ends = disturbed(original.course, tmp_path, sys.executable, "-m", "tests.grading.book.crashes", "kill")
    assert ends["killed"] > 20 and set(ends) == {"killed", ""}


def test_on_a_disk_that_is_full_at_any_step_it_says_so_and_ends_as_if_undisturbed(
    original: Lab, tmp_path: Path
) -> None:
    own = ["unshare", *(["--map-root-user"] if os.geteuid() else []), "--mount", "sh", "-c"]
    try:
        subprocess.run([*own, 'mount -t tmpfs tmpfs "$0"', tmp_path], check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"needs a disk of its own to fill, by unshare and mount: {getattr(error, 'stderr', error)}")
    program = (
        f'mount -t tmpfs -o size=8m tmpfs "$2" && exec {sys.executable} -m tests.grading.book.crashes fill "$1" "$2"'
    )
    ends = disturbed(original.course, tmp_path, *own, program, "sh")
    assert ends["said why"] > 20 and set(ends) <= {"said why", "went on", ""}


def test_a_second_grader_is_refused_in_a_line(lab: Lab, graded: list[str]) -> None:
    with Ledger(lab.course).writing():
        for command in ("grade", "replay"):
            assert f"is being written by process {os.getpid()} on " in refusal(run(lab, command))
    assert graded == []


def test_a_locked_gradebook_is_waited_for(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    url = connection.url(lab.course) + "?timeout=0.1"
    monkeypatch.setattr(connection, "url", lambda course: url)
    locker, waited = sqlite3.connect(lab.course / "gradebook.db", isolation_level=None), []

    def wait(seconds: float) -> None:
        waited.append(seconds)
        if len(waited) == 3:
            locker.execute("rollback")

    with closing(locker), monkeypatch.context() as patch:
        patch.setattr(connection, "time", SimpleNamespace(sleep=wait, monotonic=time.monotonic))
        locker.execute("begin exclusive")
        ran = run(lab)
    assert ran.exit_code == 0 and len(waited) == 3
    assert caplog.messages == ["the gradebook is locked by another program: waiting up to 30 s for it"]
    assert marks(lab) == POINTS


def test_a_gradebook_that_stays_locked_costs_no_result(
    lab: Lab, graded: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    url, look = connection.url(lab.course) + "?timeout=0.1", gradebook.marks
    locker = sqlite3.connect(lab.course / "gradebook.db", isolation_level=None)

    def look_and_lock(lab: Lab) -> Any:
        seen = look(lab)
        locker.execute("begin immediate")
        return seen

    with monkeypatch.context() as broken, closing(locker):
        broken.setattr(connection, "url", lambda course: url)
        broken.setattr(connection, "PATIENCE_S", 0.3)
        broken.setattr(gradebook, "marks", look_and_lock)
        ran = run(lab)
    assert ran.exit_code == 2 and "Traceback" not in ran.stderr
    told = ran.stderr.strip().splitlines()[-1]
    assert "another program, such as formgrader, keeps it locked" in told and "`course replay LAB`" in told
    assert len(entries(lab)) == len(graded) == 1
    assert run(lab, "replay").exit_code == 0
    assert marks(lab) == {entries(lab)[0].student: POINTS[entries(lab)[0].student]}
    run(lab)
    assert marks(lab) == POINTS and len(graded) == 3


def test_a_gradebook_that_is_none_is_told(lab: Lab, graded: list[str]) -> None:
    (lab.course / "gradebook.db").write_bytes(b"something else " * 100)
    for command in ("grade", "replay"):
        assert "gradebook.db cannot be used (file is not a database); no result is lost" in refusal(run(lab, command))
    assert graded == []


@pytest.mark.parametrize("what", ["ledger", "gradebook"])
def test_a_disk_that_fills_up_loses_nothing(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest, what: str
) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    request.addfinalizer(lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard)))
    owner, function = (Ledger, "append") if what == "ledger" else (gradebook, "save")
    real = getattr(owner, function)

    def full(*args: Any, **kwargs: Any) -> Any:
        resource.setrlimit(resource.RLIMIT_FSIZE, (600, hard))
        try:
            return real(*args, **kwargs)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    with monkeypatch.context() as broken:
        broken.setattr(owner, function, full)
        told = refusal(run(lab))
    assert "cannot be written (File too large)" in told or "cannot be used (" in told
    assert "lost" in told
    assert len(entries(lab)) == (what == "gradebook")
    assert not [path for path in lab.course.rglob("*.part")]
    assert run(lab).exit_code == 0
    assert marks(lab) == POINTS and set(results(lab).values()) == {1}


def test_a_student_twice_in_different_case_is_refused_and_the_others_go_on(lab: Lab, graded: list[str]) -> None:
    hand_in(lab, "ADA", SUM)
    hand_in(lab, "be\u0301e m. müller", SUM)
    rows = {row["student"]: row for row in json.loads(run(lab, "grade", "--json").stdout)}
    assert {student for student, row in rows.items() if "reason" in row} == {*rows} - {"c.d"}
    assert rows["ada"]["reason"].startswith("it differs from ADA in case") and graded == ["c.d"]
    shutil.rmtree(lab.course / "submitted" / "ada")
    shutil.rmtree(lab.course / "submitted" / "be\u0301e m. müller")
    run(lab)
    assert marks(lab) == {"ADA": 3, "Bée M. Müller": 3, "c.d": 0}
    hand_in(lab, "ada", RIGHT)
    shutil.rmtree(lab.course / "submitted" / "ADA")
    rows = {row["student"]: row for row in json.loads(run(lab, "grade", "--json").stdout)}
    assert "here and in autograded/" in rows["ada"]["reason"]
    (lab.course / "autograded" / "ADA").rename(lab.course / "autograded" / "ada")
    run(lab)
    assert marks(lab)["ada"] == 5


def test_a_verdict_depends_on_the_code_that_tests_call_and_on_data(tmp_path: Path) -> None:
    package, data = tmp_path / "course", tmp_path / "datasets"
    (package / "commands").mkdir(parents=True)
    data.mkdir()
    seen = set()
    for file, text in (
        (package / "checking.py", "TOLERANCE = 0.01"),
        (package / "checking.py", "TOLERANCE = 0.02"),
        (package / "renamed.py", "TOLERANCE = 0.02"),
        (data / "prices.csv", "a,b"),
    ):
        file.write_text(text)
        _surroundings.cache_clear()
        seen.add(_surroundings(package, data))
    assert len(seen) == 4
    (package / "commands" / "grade.py").write_text("print()")
    (package / "checking.pyc").write_text("compiled")
    _surroundings.cache_clear()
    assert _surroundings(package, data) in seen


def test_history_of_nobody_is_told_in_a_line(lab: Lab) -> None:
    assert refusal(run(lab, "history", "zed")).endswith("it has those of: nobody")
    run(lab)
    assert refusal(run(lab, "history", "zed")).endswith("it has those of: Bée M. Müller, ada, c.d")


def test_a_verdict_depends_on_tests_and_times(lab: Lab) -> None:
    rules = Rules(("landlock",))
    tests = fingerprint(Notebooks.of(lab), rules)
    assert fingerprint(Notebooks.of(lab), Rules(("landlock", "seccomp"))) == tests
    assert fingerprint(Notebooks.of(lab), replace(rules, times=Times(cell_s=1))) != tests
    assert fingerprint(Notebooks.of(lab), replace(rules, limits=sandbox.Limits(memory=1))) != tests
    lab.source.write_text(lab.source.read_text().replace("close_to(2.5)", "close_to(2.6)"))
    assert fingerprint(Notebooks.of(lab), rules) != tests
    assert nbgrader_api.cohort(lab.course) == "2026"
