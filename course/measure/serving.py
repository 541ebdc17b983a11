"""Lab 7's runs: a server under load, by slots, arrival rate and clients; and those of the reference machine."""

import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from course import paths
from course.llama import load, server, threads, trace
from course.llama.gauge import Gauge, Steps
from course.llama.load import Run, Work
from course.llama.server import Server
from course.llama.trace import BadTrace, Trace
from course.measure import others

SLOTS = (1, 2, 4)
SHARES = (0.4, 0.8, 1.2)  # of the capacity of the most slots: one rate below, one near, one above what it can do
CLIENTS = (1, 2, 4, 8)
CROWD = 8  # clients that keep all slots busy
WORK = Work(tokens=(8, 32))  # short answers: in half a minute there are enough of them for a percentile
SEED = 28  # the numbers of requests that it draws stay near those expected, for every rate


def sweep(
    model: str = "smollm2-f16",
    *,
    slots: Sequence[int] = SLOTS,
    shares: Sequence[float] = SHARES,
    clients: Sequence[int] = CLIENTS,
    seconds: float = 30,
    seed: int = SEED,
    n_threads: int | None = None,
    llama_server: Path | None = None,
    work: Work = WORK,
    most_busy: float | None = None,
) -> Iterator[Run]:
    """Each run as it is done; a server is started for each number of slots, the most first.

    For each: a closed loop of CROWD clients for a third of `seconds`, then open loops of `seconds` at `shares` of what
    the most slots answered in that closed loop. Then, with as many slots as clients, a closed loop of each number of
    `clients`. With the defaults there are 16 runs, of 7 minutes together. With `most_busy`, runs wait until other work
    keeps fewer processors busy than that, and are repeated, at most twice, where it has not stayed so.
    Raises ServerError, LoadError.
    """

    def run(loop: Callable[..., Run], serving: Server, **how: Any) -> Run:
        for _ in range(1 if most_busy is None else 3):
            if most_busy is not None:
                others.wait_for_quiet(most_busy=most_busy)
            found = loop(serving, seed=seed, work=work, **how)
            if most_busy is None or (found.gauge.others_busy or 0) < most_busy:
                break
        return found

    capacity, start = None, partial(server.started, model, n_threads=n_threads, llama_server=llama_server)
    for n_slots in sorted(slots, reverse=True):
        with start(slots=n_slots) as serving:
            yield (crowd := run(load.closed_loop, serving, clients=CROWD, seconds=seconds / 3))
            capacity = capacity or answered_per_s(crowd.trace)
            for share in shares:
                yield run(load.open_loop, serving, rate=round(share * capacity, 3), seconds=seconds)
    if clients:
        with start(slots=max(clients)) as serving:
            for n in clients:
                yield run(load.closed_loop, serving, clients=n, seconds=seconds / 3)


def answered_per_s(found: Trace) -> float:
    """Requests that were answered, per second in which clients sent.

    An answer that is being written when they stop counts by the part that has come, as if it came evenly. Raises
    BadTrace if none has come.
    """
    end, times = found["seconds"], found["requests"]
    rows = [row for row in zip(times["first"], times["last"], strict=True) if None not in row and row[0] < end]
    parts = sum(1 if last <= end else (end - first) / (last - first) for first, last in rows)
    if not parts:
        raise BadTrace(f"no request was answered within {end} s: let it run longer")
    return parts / end


def threads_beside_clients() -> int:
    """Threads to compute with where clients run beside the server: as many as there are cores, but for one."""
    return max(1, threads.physical_cores() - 1)


def folder() -> Path:
    """Where the reference machine's runs are."""
    return paths.datasets() / "measured" / "serving"


def recorded(place: Path | None = None) -> list[Run]:
    """The runs kept in `place`, by default the reference machine's. Raises BadTrace."""
    place = place or folder()
    traces = trace.read(place / "traces.jsonl")
    gauges = [json.loads(line) for line in (place / "gauges.jsonl").read_text("utf-8").splitlines()]
    return [Run(one, _gauge(**of_it)) for one, of_it in zip(traces, gauges, strict=True)]


def keep(runs: Sequence[Run], place: Path) -> None:
    """Write runs to `place`: traces.jsonl, and gauges.jsonl with a line for each of its lines."""
    place.mkdir(parents=True, exist_ok=True)
    part = place / f".gauges.jsonl.{os.getpid()}.tmp"
    part.write_text("".join(json.dumps(asdict(run.gauge), separators=(",", ":")) + "\n" for run in runs), "utf-8")
    trace.write(place / "traces.jsonl", [run.trace for run in runs])
    os.replace(part, place / "gauges.jsonl")


def _gauge(steps: list[dict], **rest) -> Gauge:
    return Gauge(**rest, steps=[Steps(**one) for one in steps])
