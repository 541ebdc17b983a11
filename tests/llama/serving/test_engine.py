"""The engine's thread, and what becomes of those who wait when it breaks."""

import asyncio
import threading

import numpy as np
import pytest

from course import models
from course.llama.serving import requests
from course.llama.serving.batching import Batcher, Piece, Request
from course.llama.serving.engine import Engine
from course.llama.serving.sampling import Sampler
from course.llama.serving.sequences import Sequences
from course.llama.serving.service import Service
from course.llama.serving.writing import Writer


def request(four: Sequences, choose=None) -> Request:
    prompt = np.array([5, 6, 7], np.int32)
    return Request(prompt, 3, choose or Sampler(0.0, 1.0, np.random.default_rng(0)), Writer(four.vocabulary))


def test_it_computes_what_is_added_and_ends_when_it_is_stopped(four: Sequences) -> None:
    pieces: list[Piece] = []
    done = threading.Event()

    def deliver(some: list[Piece]) -> None:
        pieces.extend(some)
        if some and some[-1].finish:
            done.set()

    engine = Engine(Batcher(four), deliver, lambda error: done.set())
    engine.start()
    engine.add(request(four))
    assert done.wait(30)
    engine.stop()
    assert pieces[-1].finish in ("length", "stop")


def test_an_engine_that_breaks_leaves_nobody_waiting(four: Sequences) -> None:
    async def ask() -> list[Piece]:
        service = Service(four, model=models.path("two-bills-code"), name="two-bills-code")
        broken = request(four, choose=lambda logits: 1 // 0)
        first = [piece async for piece in service.pieces(broken)]
        asked = requests.read(b'{"prompt": "a"}', chat=False)
        later = [piece async for piece in service.pieces(await service.request(asked))]
        assert "ZeroDivisionError" in await service.failed
        await service.stop()
        return first + later

    pieces = asyncio.run(asyncio.wait_for(ask(), 60))
    assert [piece.finish for piece in pieces] == ["error", "error"]
    assert all("ZeroDivisionError" in piece.text for piece in pieces)


def test_a_service_that_is_stopped_tells_those_who_wait(four: Sequences) -> None:
    async def ask() -> Piece:
        service = Service(four, model=models.path("two-bills-code"), name="two-bills-code")
        hung = request(four)
        hung.max_tokens = 10**6
        answer = service.pieces(hung)
        await anext(answer)
        stopping = asyncio.create_task(service.stop())
        pieces = [piece async for piece in answer]
        await stopping
        return pieces[-1]

    last = asyncio.run(asyncio.wait_for(ask(), 60))
    assert last.finish in ("error", "stop")


@pytest.mark.parametrize("seed", [-5, 0, 2**70])
def test_any_integer_is_a_seed(four: Sequences, seed: int) -> None:
    async def prepared() -> Request:
        service = Service(four, model=models.path("two-bills-code"), name="two-bills-code")
        found = await service.request(requests.read(b'{"prompt": "a", "seed": %d}' % seed, chat=False))
        await service.stop()
        return found

    assert len(asyncio.run(prepared()).prompt) == 1
