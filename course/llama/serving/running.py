"""A server from its start to its end: port, model, loop, and the signals that stop it."""

import asyncio
import errno
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets

from course.llama import header
from course.llama.errors import LlamaError
from course.llama.serving import sequences, web
from course.llama.serving.sequences import Sequences
from course.llama.serving.service import Service

CONTEXT_TOKENS = 2048  # of a request, prompt and answer together, where the model's own limit allows it
MOST_SLOTS = 64


def serve(
    model: Path,
    *,
    name: str,
    n_slots: int,
    host: str,
    port: int,
    n_context: int | None = None,
    n_threads: int | None = None,
    ready: Callable[[str, Sequences], None],
) -> None:
    """Serve `model` until SIGINT or SIGTERM. `ready` gets the URL once it answers.

    `name` is what clients call the model; port 0 is a free one. Raises LlamaError: a port that is taken, a number of
    slots that is none, a model that cannot be loaded, or one that stops computing.
    """
    if not 1 <= n_slots <= MOST_SLOTS:
        raise LlamaError(f"{n_slots} slots: a server has 1 to {MOST_SLOTS}")
    if n_context is None:
        n_context = min(CONTEXT_TOKENS, header.read(model).context_length or CONTEXT_TOKENS)
    sockets = _bound(host, port)
    try:
        with sequences.opened(model, n=n_slots, n_context=n_context, n_threads=n_threads) as running:
            url = "http://{}:{}".format(*sockets[0].getsockname()[:2])
            asyncio.run(_serve(sockets, running, model, name, lambda: ready(url, running)))
    finally:
        for one in sockets:
            one.close()


async def _serve(
    sockets: list[socket.socket], running: Sequences, model: Path, name: str, ready: Callable[[], None]
) -> None:
    stopped = _on_signals()
    service = Service(running, model=model, name=name)
    server = HTTPServer(web.application(service), max_body_size=2**30)  # so that what is too large is told, not cut off
    server.add_sockets(sockets)
    ready()
    until: list[asyncio.Future[Any]] = [asyncio.create_task(stopped.wait()), service.failed]
    await asyncio.wait(until, return_when=asyncio.FIRST_COMPLETED)
    server.stop()
    await service.stop()
    await server.close_all_connections()
    if service.failed.done():
        raise LlamaError(f"the server has stopped: {service.failed.result()}")


def _on_signals() -> asyncio.Event:
    """What SIGINT and SIGTERM set."""
    stopped, loop = asyncio.Event(), asyncio.get_running_loop()
    for kind in (signal.SIGINT, signal.SIGTERM):
        signal.signal(kind, lambda *_: loop.call_soon_threadsafe(stopped.set))
    return stopped


def _bound(host: str, port: int) -> list[socket.socket]:
    """Taken before the model is loaded: a port that is not free is told at once."""
    if not 0 <= port <= 65535:
        raise LlamaError(f"there is no port {port}: they go from 1 to 65535, and 0 is any that is free")
    try:
        return bind_sockets(port, address=host)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise LlamaError(f"port {port} is taken: name another one, as in --port {port + 1}; 0 is any") from error
        raise LlamaError(f"{host}, port {port}, cannot be opened: {error.strerror}") from error
