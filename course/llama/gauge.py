"""What a server says of itself while a run is going on: how many requests it has, and how long its steps take."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import httpx
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

EVERY_S = 0.1  # between two looks

_PROCESSING, _DEFERRED = "llamacpp:requests_processing", "llamacpp:requests_deferred"
_Key = tuple[str, str, str]  # a name, and the labels "sequences" and "reads" where it has them
_STEPS, _STEP_SECONDS = "two_bills:step_seconds_count", "two_bills:step_seconds_sum"


@dataclass
class Gauge:
    """Beside lists of equal length, a place for each look; all are empty where a server has no /metrics."""

    seconds: list[float] = field(default_factory=list)  # from the start of the run
    processing: list[int] = field(default_factory=list)  # requests in a slot
    deferred: list[int] = field(default_factory=list)  # requests that wait for one
    steps: list["Steps"] = field(default_factory=list)  # of the whole run; llama-server does not say
    others_busy: float | None = None  # processors that work other than server and clients kept busy meanwhile


@dataclass(frozen=True)
class Steps:
    """The steps that a number of sequences took part in, with some of a prompt to read or without."""

    sequences: int
    reads: bool
    n: int
    seconds: float  # of all of them together


@asynccontextmanager
async def watched(client: httpx.AsyncClient, clock: Callable[[], float]) -> AsyncIterator[Gauge]:
    """Look at the server's /metrics every EVERY_S until the block ends."""
    found = Gauge()
    before = await _samples(client)
    watching = asyncio.create_task(_watch(client, clock, found))
    try:
        yield found
    finally:
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching
        found.steps = _steps(before, await _samples(client))


async def _watch(client: httpx.AsyncClient, clock: Callable[[], float], found: Gauge) -> None:
    while samples := await _samples(client):
        found.seconds.append(clock())
        found.processing.append(int(samples[_PROCESSING, "", ""]))
        found.deferred.append(int(samples[_DEFERRED, "", ""]))
        await asyncio.sleep(EVERY_S - clock() % EVERY_S)


async def _samples(client: httpx.AsyncClient) -> dict[_Key, float]:
    """What /metrics gives now, by name and labels; nothing where there is none."""
    try:
        page = await client.get("/metrics", timeout=10)
    except httpx.TransportError:
        return {}
    if page.status_code != 200:
        return {}
    families = text_string_to_metric_families(page.text)
    return {_key(one): one.value for family in families for one in family.samples}


def _key(sample: Sample) -> _Key:
    return (sample.name, sample.labels.get("sequences", ""), sample.labels.get("reads", ""))


def _steps(before: dict[_Key, float], after: dict[_Key, float]) -> list[Steps]:
    """What has come between two looks."""
    more = {key: value - before.get(key, 0) for key, value in after.items()}
    found = [
        Steps(int(sequences), reads == "yes", int(n), round(more[_STEP_SECONDS, sequences, reads], 5))
        for (name, sequences, reads), n in more.items()
        if name == _STEPS and n
    ]
    return sorted(found, key=lambda one: (one.sequences, one.reads))
