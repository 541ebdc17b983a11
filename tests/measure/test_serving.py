"""Lab 7's runs: a short sweep with the course's own model, and what was recorded on the reference machine."""

import json
import math
import statistics

import pytest

from course.llama import threads, trace
from course.llama.load import Run, Work
from course.llama.serving import batching
from course.llama.trace import BadTrace
from course.measure import serving

WORK = Work(prompt_characters=(20, 40), tokens=(20, 40))


@pytest.fixture(scope="module")
def runs() -> list[Run]:
    swept = serving.sweep("two-bills-code", slots=(1, 2), clients=(1, 3), seconds=1.5, n_threads=1, work=WORK)
    return list(swept)


def rows(runs: list[Run]) -> list[tuple]:
    return [(run.trace["slots"], run.trace["loop"], run.trace["clients"]) for run in runs]


def test_a_sweep_has_each_number_of_slots_under_each_load(runs) -> None:
    assert rows(runs) == [
        *[(2, "closed", 8), (2, "open", None), (2, "open", None), (2, "open", None)],
        *[(1, "closed", 8), (1, "open", None), (1, "open", None), (1, "open", None)],
        *[(3, "closed", 1), (3, "closed", 3)],
    ]
    for run in runs:
        trace.check(run.trace)
        assert set(run.trace["requests"]["error"]) == {None}


def test_rates_are_shares_of_what_the_most_slots_can_do(runs) -> None:
    capacity = serving.answered_per_s(runs[0].trace)
    rates = [run.trace["rate"] for run in runs if run.trace["loop"] == "open"]
    assert rates == pytest.approx([capacity * share for share in serving.SHARES] * 2, abs=1e-3)


def test_runs_are_kept_and_read_again(runs, tmp_path) -> None:
    serving.keep(runs, tmp_path / "kept")
    found = serving.recorded(tmp_path / "kept")
    assert [run.trace for run in found] == [run.trace for run in runs]
    assert [run.gauge for run in found] == [run.gauge for run in runs]
    assert sorted(file.name for file in (tmp_path / "kept").iterdir()) == ["gauges.jsonl", "traces.jsonl"]


def test_capacity_counts_what_was_answered_while_clients_sent(runs) -> None:
    found = dict(runs[0].trace)
    times = {"first": [0.25, 0.5, 1.0, 1.5, 2.25], "last": [0.5, 0.5, 5.0, None, 3.0]}
    found["seconds"], found["requests"] = 2.0, found["requests"] | times
    assert serving.answered_per_s(found) == (1 + 1 + 1 / 4) / 2
    with pytest.raises(BadTrace, match=r"no request was answered within 2\.0 s"):
        serving.answered_per_s(found | {"requests": {"first": [0.5], "last": [None]}})


def test_a_core_is_left_to_the_clients() -> None:
    assert serving.threads_beside_clients() in (1, threads.physical_cores() - 1)


# What was recorded


@pytest.fixture(scope="module")
def reference() -> list[Run]:
    return serving.recorded()


def test_the_reference_machine_has_every_run(reference) -> None:
    most = max(serving.SLOTS)
    of_slots = [*[("closed", serving.CROWD)], *[("open", None)] * len(serving.SHARES)]
    assert rows(reference) == [
        *((slots, *kind) for slots in sorted(serving.SLOTS, reverse=True) for kind in of_slots),
        *((max(serving.CLIENTS), "closed", clients) for clients in serving.CLIENTS),
    ]
    assert reference[0].trace["slots"] == most
    assert len({json.dumps(run.trace["machine"]) for run in reference}) == 1
    assert all(set(run.trace["requests"]["error"]) <= {None, "no answer by the end of the run"} for run in reference)


def test_all_but_a_few_prompts_take_one_step(reference) -> None:
    """As lab 7 reckons: a prompt in two parts would hold up its first token, and everybody's next one, for a step."""
    lengths = [length for run in reference for length in run.trace["requests"]["prompt_tokens"] if length]
    longer = sum(length > batching.PROMPT_TOKENS for length in lengths)
    assert longer < 0.01 * len(lengths)


def test_the_server_s_gauge_is_what_clients_saw(reference) -> None:
    """The mean number of requests in the server, against their rate times the time that each of them is there."""
    for run in reference:
        requests, gauge = run.trace["requests"], run.gauge
        end = max(last for last in requests["last"] if last)
        inside = [
            processing + deferred
            for at, processing, deferred in zip(gauge.seconds, gauge.processing, gauge.deferred, strict=True)
            if at <= end
        ]
        spent = sum((last or end) - sent for sent, last in zip(requests["sent"], requests["last"], strict=True))
        assert statistics.mean(inside) == pytest.approx(spent / end, rel=0.05, abs=0.1)


def test_steps_are_there_for_every_number_of_sequences(reference) -> None:
    crowd = reference[-1].gauge.steps
    mean_s = {one.sequences: one.seconds / one.n for one in crowd if not one.reads}
    assert set(mean_s) >= {max(serving.CLIENTS)}
    eight, one = (
        mean_s[max(serving.CLIENTS)],
        next(
            steps.seconds / steps.n
            for steps in reference[-4].gauge.steps
            if (steps.sequences, steps.reads) == (1, False)
        ),
    )
    assert one < eight < 8 * one, "a step of eight takes longer than one of one, and less than eight of them"
    assert all(math.isfinite(run.gauge.others_busy) for run in reference)
