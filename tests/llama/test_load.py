"""The load generator against a real server: what it sends, when, and what it writes down."""

import asyncio
import itertools
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import psutil
import pytest

from course.llama import load, server, trace
from course.llama.load import LoadError, Work
from course.llama.server import Server

SHORT = Work(prompt_characters=(20, 40), tokens=(4, 8))


@pytest.fixture(scope="module")
def serving() -> Iterator[Server]:
    with server.started("two-bills-code", slots=4, n_threads=1) as found:
        yield found


def gaps(run: load.Run) -> np.ndarray:
    return np.diff([0.0, *run.trace["requests"]["scheduled"]])


def test_an_open_loop_sends_by_its_plan(serving) -> None:
    run = load.open_loop(serving, rate=20, seconds=3, seed=1, work=SHORT)
    trace.check(run.trace)
    requests = run.trace["requests"]
    assert (run.trace["loop"], run.trace["rate"], run.trace["clients"]) == ("open", 20, None)
    assert (run.trace["server"], run.trace["model"], run.trace["slots"]) == ("course serve", "two-bills-code", 4)
    assert len(requests["sent"]) == len(gaps(run)) > 30
    assert max(requests["scheduled"]) < 3
    assert set(requests["error"]) == {None}
    assert set(requests["tokens"]) <= set(range(4, 9))
    assert all(n > 2 for n in requests["prompt_tokens"])


def test_arrivals_are_a_poisson_process_of_the_seed() -> None:
    def plan(seed: int) -> list[float]:
        random = np.random.default_rng([seed, 1])
        return random.exponential(0.1, size=5).tolist()

    assert plan(1) == plan(1) != plan(2)


def test_a_seed_gives_the_same_plan_and_the_same_requests(serving) -> None:
    one, same, other = (
        load.open_loop(serving, rate=30, seconds=1, seed=seed, work=SHORT).trace["requests"] for seed in (3, 3, 4)
    )
    assert one["scheduled"] == same["scheduled"] != other["scheduled"]
    assert one["prompt_tokens"] == same["prompt_tokens"]
    assert one["tokens"] == same["tokens"]


def test_gaps_are_exponential(serving) -> None:
    """Of a plan with many arrivals, most of which nobody answers: mean and spread are the same."""
    run = load.open_loop(serving, rate=400, seconds=1, seed=5, work=replace(SHORT, tokens=(1, 1)), patience_s=0.1)
    assert gaps(run).mean() == pytest.approx(1 / 400, rel=0.15)
    assert gaps(run).std() == pytest.approx(gaps(run).mean(), rel=0.2)


def test_a_closed_loop_has_as_many_under_way_as_clients(serving) -> None:
    run = load.closed_loop(serving, clients=3, seconds=2, seed=1, work=SHORT)
    trace.check(run.trace)
    requests = run.trace["requests"]
    assert set(requests["scheduled"]) == {None}
    assert (run.trace["loop"], run.trace["rate"], run.trace["clients"]) == ("closed", None, 3)
    moments = sorted([(at, 1) for at in requests["sent"]] + [(at, -1) for at in requests["last"]])
    under_way = list(itertools.accumulate(change for _, change in moments))
    assert max(under_way) == 3 and under_way[-1] == 0
    assert max(requests["sent"]) <= 2 <= max(requests["last"]) + 1


def test_no_two_prompts_are_the_same_and_lengths_are_within_bounds() -> None:
    first = list(itertools.islice(load.bodies("m", seed=1, work=Work()), 500))
    prompts = [body["prompt"] for body in first]
    assert len(set(prompts)) == 500
    assert {len(prompt) for prompt in prompts} <= set(range(60, 121))
    assert {body["max_tokens"] for body in first} == set(range(16, 65))


def test_the_server_s_own_gauge_is_kept(serving) -> None:
    run = load.closed_loop(serving, clients=6, seconds=2, seed=1, work=replace(SHORT, tokens=(60, 60)))
    gauge = run.gauge
    assert len(gauge.seconds) == len(gauge.processing) == len(gauge.deferred) >= 10
    assert max(gauge.processing) == 4 and max(gauge.deferred) >= 2
    assert gauge.seconds == sorted(gauge.seconds)
    written = sum(run.trace["requests"]["tokens"])
    assert sum(steps.sequences * steps.n for steps in gauge.steps) >= written
    assert {steps.sequences for steps in gauge.steps} <= {1, 2, 3, 4}
    assert sum(steps.seconds for steps in gauge.steps) <= max(run.trace["requests"]["last"]) + 1


def test_what_is_not_answered_in_time_is_unfinished(serving) -> None:
    work = Work(prompt_characters=(20, 40), tokens=(400, 400))
    run = load.open_loop(serving, rate=40, seconds=0.5, seed=1, work=work, patience_s=0.0)
    trace.check(run.trace)
    unfinished = [error for last, error in zip(*_columns(run, "last", "error"), strict=True) if last is None]
    assert unfinished and set(unfinished) == {"no answer by the end of the run"}


def test_a_server_that_dies_is_told_and_nothing_hangs() -> None:
    with server.started("two-bills-code", slots=2, n_threads=1) as serving:
        (child,) = psutil.Process(serving.pid).children()
        threading.Timer(1.0, child.kill).start()
        started = time.monotonic()
        with pytest.warns(UserWarning, match="has not answered any more since second"):
            run = load.open_loop(serving, rate=10, seconds=60, seed=1, work=replace(SHORT, tokens=(100, 200)))
        assert time.monotonic() - started < 30
    trace.check(run.trace)
    assert run.trace["seconds"] < 30
    lost = [error for last, error in zip(*_columns(run, "last", "error"), strict=True) if last is None]
    assert lost and all(error for error in lost)


def test_clients_of_a_server_that_dies_stop() -> None:
    with server.started("two-bills-code", slots=2, n_threads=1) as serving:
        (child,) = psutil.Process(serving.pid).children()
        threading.Timer(1.0, child.kill).start()
        with pytest.warns(UserWarning, match="unfinished, and no others were sent"):
            run = load.closed_loop(serving, clients=3, seconds=60, seed=1, work=SHORT)
    errors = [error for error in run.trace["requests"]["error"] if error]
    refused = errors.count("nobody listens any more")
    assert len(errors) >= 3 and 1 <= refused <= 3, "a client whom nobody heard sends nothing more"
    assert run.trace["seconds"] < 30


def test_a_refusal_is_kept_in_its_words(serving) -> None:
    run = load.closed_loop(replace(serving, model="another"), clients=1, seconds=0.2, seed=1, work=SHORT)
    assert all("HTTP 404" in error and "does not exist here" in error for error in run.trace["requests"]["error"])


def test_no_server_is_told_before_anything_is_sent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
    nobody = Server(url=url, name="course serve", model="m", slots=1, pid=0)
    with pytest.raises(LoadError, match=f"no server answers at {url}"):
        load.closed_loop(nobody, clients=1, seconds=1, seed=1)


@pytest.mark.parametrize(("rate", "seconds"), [(0, 1), (-1, 1), (1, 0), (float("nan"), 1)])
def test_a_rate_or_a_time_that_is_none_is_refused(serving, rate, seconds) -> None:
    with pytest.raises(LoadError, match="both are above 0"):
        load.open_loop(serving, rate=rate, seconds=seconds, seed=1)
    with pytest.raises(LoadError, match="at least 1"):
        load.closed_loop(serving, clients=0, seconds=1, seed=1)


def test_it_runs_where_a_loop_runs_already_as_in_a_notebook(serving) -> None:
    async def cell() -> load.Run:
        return load.closed_loop(serving, clients=1, seconds=0.3, seed=1, work=SHORT)

    assert asyncio.run(cell()).trace["requests"]["sent"]


def test_an_interrupt_ends_a_run(serving) -> None:
    threading.Timer(0.7, os.kill, [os.getpid(), signal.SIGINT]).start()
    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        load.closed_loop(serving, clients=2, seconds=60, seed=1, work=SHORT)
    assert time.monotonic() - started < 20
    assert load.closed_loop(serving, clients=1, seconds=0.2, seed=1, work=SHORT).trace["requests"]["sent"]


def _columns(run: load.Run, *names: str) -> list[list]:
    return [run.trace["requests"][name] for name in names]
