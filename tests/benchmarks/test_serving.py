"""The benchmark of the server: both sides are served and answered for real. No speeds."""

import json

import pytest

from benchmarks import serving
from benchmarks.cost import Failed
from course.llama.gauge import Gauge
from course.llama.load import Run
from tests.benchmarks.test_llama import TOOLS


@pytest.mark.skipif(not TOOLS.is_dir(), reason="llama.cpp's programs: python -m benchmarks.llama_tools compiles them")
def test_both_servers_answer_and_have_a_row_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "TYPES", ("F16",))
    monkeypatch.setattr(serving, "CLIENTS", (1, 3))
    report = serving.measure(rounds=1, n_threads=1, quick=True)
    assert [row["group"] for row in report["rows"]] == ["A token, all clients together"] * 2 + ["The first token"] * 2
    for row in report["rows"]:
        assert row["peer_name"] == "llama-server"
        assert row["ours"] > 0 and row["peer"] > 0 and row["ratio"] > 0
    assert json.loads(json.dumps(report)) == report


def test_a_request_without_an_answer_stops_it() -> None:
    requests = {"sent": [0.0], "first": [0.5], "last": [None], "tokens": [3], "error": ["the answer broke off"]}
    contest = serving.Contest("SmolLM2 F16", 4)
    with pytest.raises(Failed, match="SmolLM2 F16, 4 clients, ours: the answer broke off"):
        contest.add("ours", Run({"requests": requests}, Gauge()))


def test_a_token_costs_the_run_s_time_over_all_tokens() -> None:
    requests = {"sent": [0.0, 0.0], "first": [0.5, 0.1], "last": [2.0, 1.0], "tokens": [30, 10], "error": [None, None]}
    contest = serving.Contest("SmolLM2 F16", 1)
    for who in ("ours", serving.PEER):
        contest.add(who, Run({"requests": requests}, Gauge()))
    token, first = contest.rows()
    assert (token["ours"], token["unit"], token["ratio"]) == (50, "ms", 1)
    assert first["ours"] == 300
    assert token["what"] == "SmolLM2 F16, 1 client"
