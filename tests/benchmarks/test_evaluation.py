"""The benchmark of evaluation: all sides answer for real, on few items. No speeds."""

import json
from pathlib import Path

import pytest

from benchmarks import evaluation
from benchmarks.cost import Failed


def test_ours_and_both_peers_answer_and_have_a_row_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluation, "TYPES", ("F16",))
    monkeypatch.setattr(evaluation, "BEFORE", "")
    report = evaluation.measure(rounds=1, n_threads=1, quick=True)
    assert [row["group"] for row in report["rows"]] == ["CPU time of an item"] * 2 + ["Wall time of an item"] * 2
    assert [row["peer_name"] for row in report["rows"]] == 2 * list(evaluation.PEERS)
    for row in report["rows"]:
        assert row["ours"] > 0 and row["peer"] > 0 and row["ratio"] > 0
    assert json.loads(json.dumps(report)) == report


def test_an_item_without_an_answer_stops_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*_: object) -> int:
        return 0

    monkeypatch.setattr(evaluation, "scored", none)
    name = next(iter(evaluation.PEERS))
    contest = evaluation.Contest("SmolLM2 F16, 1 item", name, Path("model.gguf"), [evaluation.Question("a", ("b",))])
    with pytest.raises(Failed, match="0 of 1 items are answered by none"):
        contest.round(0, n_threads=1)
