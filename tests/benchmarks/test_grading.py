"""The grading benchmark on two submissions: it grades, compares marks and reports. No test of how fast anything is."""

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks import contenders, cost, grading, inside, results
from course.grading import sandbox

pytestmark = pytest.mark.skipif(not sandbox.is_supported(), reason="the engine runs on Linux")


@pytest.fixture(scope="module")
def report() -> dict[str, Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(inside, "COPIES", 2)
        patch.setattr(inside, "CALLS", 2)
        return grading.measure(submissions=2, rounds=1, otter=False, labs=[inside.CHECKED])


def test_every_row_has_the_shape_of_a_result(report: dict[str, Any]) -> None:
    assert set(report) == {"date", "machine", "versions", "notes", "rows"}
    for row in report["rows"]:
        assert {"group", "what", "ours", "peer", "peer_name", "unit", "ratio"} <= set(row)
        is_a_difference = row["unit"] == "ms" or "after the first" in row["what"]  # of two times, on a busy machine
        assert row["ours"] > 0 or is_a_difference, row
        assert (row["peer"] is None) == (row["ratio"] is None) == (row["peer_name"] is None)
    assert json.loads(json.dumps(report)) == report


def test_the_engine_meets_both_ways_of_running_stock(report: dict[str, Any]) -> None:
    wall = [row for row in report["rows"] if "wall seconds of a submission" in row["group"]]
    assert [(row["what"], row["peer_name"]) for row in wall] == [
        (grading.COMMANDS[ours], grading.COMMANDS[peer]) for ours, peer in grading.COMPARED if peer != grading.OTTER
    ]
    assert all(row["ratio"] == pytest.approx(row["peer"] / row["ours"], rel=0.02) for row in wall)


def test_the_phases_make_up_the_whole(report: dict[str, Any]) -> None:
    times = {row["what"]: row["ours"] for row in report["rows"] if "where a submission's time goes" in row["group"]}
    whole, floor = times.pop("in all"), times.pop(grading.FLOOR)
    assert sum(times.values()) == pytest.approx(whole, rel=0.2)  # medians, each of its own
    for what in ("the submission's cells", "checks", "marks into the gradebook"):
        assert times[what] > 0
    assert floor > 0


def test_the_report_names_no_place_and_no_host(report: dict[str, Any]) -> None:
    import socket

    said = json.dumps(report)
    assert str(Path.home()) + "/" not in said and str(Path.cwd()) not in said
    assert socket.gethostname() not in said


def test_a_page_is_made_of_what_is_kept(report: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "grading.json").write_text(json.dumps(report))
    page = results.page(tmp_path)
    for row in report["rows"]:
        assert f"### {row['group']}" in page and f"| {row['what']} |" in page


def test_the_kept_page_is_up_to_date() -> None:
    assert results.PAGE.read_text() == results.page()


def test_differing_marks_stop_it() -> None:
    known = {"ada": {"1.1": 2.0, "1.2": 0.0}}
    contenders.require_equal(known, {"ada": {"1.1": 2.0, "1.2": 0.0}}, "one")
    with pytest.raises(cost.Failed, match=r"other gives other marks.*ada 1\.2: 1 instead of 0"):
        contenders.require_equal(known, {"ada": {"1.1": 2.0, "1.2": 1.0}}, "other")


def test_a_submission_without_marks_is_not_measured() -> None:
    output = json.dumps([{"student": "ada", "reason": "it is empty"}])
    assert contenders.ours_scores(output) == {"ada": {}}


def test_a_command_that_fails_says_what_it_wrote(tmp_path: Path) -> None:
    with pytest.raises(cost.Failed, match="exit code 3: no such lab"):
        cost.of([["sh", "-c", "echo no such lab >&2; exit 3"]], cwd=tmp_path)


def test_the_processors_of_grandchildren_count(tmp_path: Path) -> None:
    spins = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'sum(range(20_000_000))'])"
    spent = cost.of([["python3", "-c", spins]], cwd=tmp_path)
    assert spent.cpu_s > 0.1 and spent.wall_s > 0
