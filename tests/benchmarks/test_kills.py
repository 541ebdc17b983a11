"""The kills of `benchmarks/kills.py`, but a few: a class whose grader is killed ends as one that was left in peace."""

import pytest

from benchmarks import cost, kills
from benchmarks.classroom import Classroom
from course.build import Lab
from course.grading import sandbox
from course.grading.book.ledger import Ledger

pytestmark = pytest.mark.skipif(not sandbox.is_supported(), reason="the engine runs on Linux")


def test_a_class_killed_at_random_moments_ends_as_if_undisturbed(monkeypatch: pytest.MonkeyPatch) -> None:
    ends = kills._ends

    def and_would_be_told(lab: Lab, calm: Lab, room: Classroom) -> dict[str, int]:
        found, lines = ends(lab, calm, room), Ledger(lab.course).results
        lines.write_bytes(lines.read_bytes() + lines.read_bytes().splitlines(keepends=True)[0])
        with pytest.raises(cost.Failed, match="'submissions with more than one': 1"):
            ends(lab, calm, room)
        return found

    monkeypatch.setattr(kills, "_ends", and_would_be_told)
    report = kills.measure(kills=2, submissions=4, seed=6)
    found = {row["what"]: row["ours"] for row in report["rows"]}
    assert 1 <= found["kills"] <= 2  # all may be graded before the second
    assert found["results in the ledger in the end"] == 4 and found["marks compared"] > 4
