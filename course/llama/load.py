"""Send a server requests, as many clients do, and write down when what came back.

An open loop sends by a plan, whatever the server does: people do not wait for each other. Its arrivals are a Poisson
process. A closed loop has clients that send a request when they have got the last one's answer. Nothing is reckoned
here: a run is its trace, with what the server said of itself meanwhile.
"""

import asyncio
import json
import time
import warnings
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import closing, suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from threading import Event, Thread
from typing import Any

import httpx
import numpy as np

from course import models
from course.llama import gauge
from course.llama.errors import LlamaError
from course.llama.gauge import Gauge
from course.llama.server import Server
from course.llama.trace import Trace
from course.measure import others, record

_DIGITS = 5  # of times in seconds
PATIENCE_S = 60.0  # for what is under way when the last request has been sent


class LoadError(LlamaError):
    """A run that cannot begin: one line that says why."""


@dataclass(frozen=True)
class Work:
    """What is asked for: lengths are drawn evenly between two bounds."""

    prompt_characters: tuple[int, int] = (60, 120)  # mostly 15 to 40 tokens
    tokens: tuple[int, int] = (16, 64)  # of an answer: none is shorter, no token ends it


WORK = Work()


@dataclass(frozen=True)
class Run:
    """What clients saw, and what the server said of itself meanwhile."""

    trace: Trace  # as `course.llama.trace` has it
    gauge: Gauge


def open_loop(
    server: Server, *, rate: float, seconds: float, seed: int, work: Work = WORK, patience_s: float = PATIENCE_S
) -> Run:
    """Send for `seconds`, on average `rate` requests a second, at the times of a Poisson process drawn by `seed`.

    Then wait for what is under way, `patience_s` at most. Raises LoadError: no server, or a rate that is none.
    """
    if not (rate > 0 and seconds > 0):
        raise LoadError(f"{rate} requests a second for {seconds} s: both are above 0")
    gaps = np.random.default_rng([seed, 1]).exponential(1 / rate, size=int(2 * rate * seconds + 100))
    plan = [round(float(at), _DIGITS) for at in np.cumsum(gaps) if at < seconds]

    async def offer(load: _Load) -> None:
        async with asyncio.TaskGroup() as group:
            for at in plan:
                await load.clock.sleep_until(at)
                if load.lost:
                    return
                group.create_task(load.ask(scheduled=at))

    facts = {"loop": "open", "rate": rate, "clients": None}
    return _run(server, offer, facts, seconds=seconds, seed=seed, work=work, patience_s=patience_s)


def closed_loop(
    server: Server, *, clients: int, seconds: float, seed: int, work: Work = WORK, patience_s: float = PATIENCE_S
) -> Run:
    """Have `clients` send for `seconds`, each its next request once it has the answer to its last one.

    Then wait for what is under way, `patience_s` at most. Raises LoadError: no server, or no clients.
    """
    if not (clients >= 1 and seconds > 0):
        raise LoadError(f"{clients} clients for {seconds} s: at least 1, and above 0")

    async def one(load: _Load) -> None:
        while load.clock() < seconds and not load.lost:
            await load.ask(scheduled=None)

    async def offer(load: _Load) -> None:
        await asyncio.gather(*(one(load) for _ in range(clients)))

    facts = {"loop": "closed", "rate": None, "clients": clients}
    return _run(server, offer, facts, seconds=seconds, seed=seed, work=work, patience_s=patience_s)


def bodies(model: str, *, seed: int, work: Work) -> Iterator[dict[str, Any]]:
    """Requests, one after the other, for ever: no two with the same prompt until the text is used up.

    The text is Python that this course ships: what its own model has never been trained on.
    """
    random = np.random.default_rng([seed, 2])
    text = "\n".join(models.held_out("two-bills-code"))
    longest = work.prompt_characters[1]
    while True:
        for place in random.permutation(len(text) // longest):
            begin, length = place * longest, random.integers(*work.prompt_characters, endpoint=True)
            yield {
                "model": model,
                "prompt": text[begin : begin + length],
                "max_tokens": int(random.integers(*work.tokens, endpoint=True)),
                "temperature": 0,
                "ignore_eos": True,
                "stream": True,
                "stream_options": {"include_usage": True},
            }


@dataclass
class _Request:
    """A row of the trace."""

    scheduled: float | None
    sent: float
    first: float | None = None
    last: float | None = None
    tokens: int = 0
    prompt_tokens: int | None = None
    error: str | None = None


class _Clock:
    """Seconds since the start of the run, by a clock that is never set."""

    def __init__(self) -> None:
        self._start = time.perf_counter()

    def __call__(self) -> float:
        return round(time.perf_counter() - self._start, _DIGITS)

    async def sleep_until(self, at: float) -> None:
        while (left := at - self()) > 0:
            await asyncio.sleep(left)


@dataclass
class _Load:
    """A run under way."""

    client: httpx.AsyncClient
    bodies: Iterator[dict[str, Any]]
    clock: _Clock
    requests: list[_Request] = field(default_factory=list)
    lost: float | None = None  # when the server was no longer there

    async def ask(self, *, scheduled: float | None) -> None:
        """Send the next request, and write down what becomes of it."""
        body, request = next(self.bodies), _Request(scheduled, self.clock())
        self.requests.append(request)
        try:
            async with self.client.stream("POST", "/v1/completions", json=body) as response:
                if response.status_code == 200:
                    await self._listen(response, request)
                else:
                    said = (await response.aread()).decode(errors="replace")
                    request.error = f"HTTP {response.status_code}: {said[:200]}"
        except httpx.ConnectError:
            request.error = "nobody listens any more"
            self.lost = self.lost or self.clock()
        except httpx.TransportError as error:
            request.error = f"the connection broke off: {error or type(error).__name__}"
        except asyncio.CancelledError:
            request.error = "no answer by the end of the run"
            raise

    async def _listen(self, response: httpx.Response, request: _Request) -> None:
        seen = None
        async for event in _events(response):
            now = self.clock()
            if "error" in event:
                request.error = str(event["error"].get("message", event["error"]))
            if usage := event.get("usage"):
                request.tokens, request.prompt_tokens = usage["completion_tokens"], usage["prompt_tokens"]
            for choice in event.get("choices", ()):
                if choice["text"]:
                    request.first, seen = request.first or now, now
                    request.tokens += 1
                if choice["finish_reason"]:
                    request.last = seen or now
                    request.first = request.first or now
        if request.last is None and not request.error:
            request.error = "the answer broke off"


async def _events(response: httpx.Response) -> AsyncIterator[dict[str, Any]]:
    """The objects of a stream of events."""
    rest = b""
    async for content in response.aiter_raw():
        *lines, rest = (rest + content).split(b"\n")
        for line in lines:
            if line.startswith(b"data: ") and not line.startswith(b"data: [DONE]"):
                yield json.loads(line[6:])


def _run(
    server: Server,
    offer: Callable[[_Load], Coroutine[Any, Any, None]],
    facts: dict[str, Any],
    *,
    seconds: float,
    seed: int,
    work: Work,
    patience_s: float,
) -> Run:
    async def run() -> tuple[_Load, Gauge]:
        unlimited = httpx.Limits(max_connections=None, max_keepalive_connections=0)  # a request is a client of its own
        timeout = httpx.Timeout(None, connect=10)
        async with httpx.AsyncClient(base_url=server.url, limits=unlimited, timeout=timeout) as client:
            await _check(client, server)
            load = _Load(client, bodies(server.model, seed=seed, work=work), _Clock())
            async with gauge.watched(client, load.clock) as watched:
                with others.watched() as rest, suppress(TimeoutError):
                    await asyncio.wait_for(offer(load), seconds + patience_s)
            watched.others_busy = None if server.pid is None else round(rest.busy, 3)
            return load, watched

    load, watched = _in_a_thread(run())
    if load.lost is not None:
        n = sum(one.last is None for one in load.requests)
        warnings.warn(
            f"{server.url} has not answered any more since second {load.lost:.1f}: {n} of {len(load.requests)} "
            "requests are unfinished, and no others were sent",
            stacklevel=3,
        )
    rows = [asdict(one) for one in load.requests]
    trace = {
        **{"server": server.name, "model": server.model, "slots": server.slots},
        **facts,
        **{"seed": seed, "seconds": min(seconds, load.lost or seconds)},
        **{"machine": record.machine(), "versions": record.versions()},
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "requests": {name: [row[name] for row in rows] for name in _Request.__dataclass_fields__},
    }
    return Run(trace, watched)


async def _check(client: httpx.AsyncClient, server: Server) -> None:
    try:
        health = await client.get("/health", timeout=10)
    except httpx.TransportError as error:
        raise LoadError(f"no server answers at {server.url} ({error}): start one first") from error
    if health.status_code != 200:
        raise LoadError(f"{server.url} is not ready: /health gives {health.status_code}")


def _in_a_thread(work: Coroutine[Any, Any, Any]) -> Any:
    """What the coroutine gives, in a loop of its own: a notebook's thread has one that runs. Ctrl-C cancels it."""
    loop, ended = asyncio.new_event_loop(), Event()
    task = loop.create_task(work)

    def run() -> None:
        with closing(loop):
            loop.run_until_complete(asyncio.wait([task]))
        ended.set()

    Thread(target=run, name="load", daemon=True).start()
    try:
        while not ended.wait(0.2):  # in turns: Windows lets nobody interrupt a wait without an end
            pass
    except BaseException:
        with suppress(RuntimeError):  # it has ended meanwhile
            loop.call_soon_threadsafe(task.cancel)
        ended.wait(10)
        raise
    return task.result()
