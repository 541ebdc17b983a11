"""The service by HTTP: OpenAI's paths, /health and /metrics."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import aclosing, suppress
from typing import Any

from tornado.iostream import IOStream, StreamClosedError
from tornado.web import Application, HTTPError, RequestHandler, stream_request_body

from course.llama.serving import answers, metrics, requests
from course.llama.serving.answers import Answer
from course.llama.serving.batching import Piece, Request
from course.llama.serving.requests import Refused
from course.llama.serving.service import Service

MOST_BYTES = 2**20  # of a request's body: more than any context holds


def application(service: Service) -> Application:
    """The paths, and who answers them."""
    return Application(
        [
            ("/v1/chat/completions", _Completions, {"service": service, "chat": True}),
            ("/v1/completions", _Completions, {"service": service, "chat": False}),
            ("/v1/models", _Models, {"service": service}),
            ("/health", _Health, {"service": service}),
            ("/metrics", _Metrics, {"service": service}),
        ],
        default_handler_class=_Nothing,
        log_function=lambda handler: None,
    )


class _Handler(RequestHandler):
    """What all have in common: the service, and errors in OpenAI's shape."""

    def initialize(self, service: Service | None = None) -> None:
        self.service: Any = service
        self.set_header("Server", "course serve")

    def refuse(self, error: Refused) -> None:
        self.set_status(error.status)
        self.finish(error.body)

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        words = {
            404: f"Invalid URL ({self.request.method} {self.request.path})",
            405: f"Not allowed to {self.request.method} on {self.request.path}",
        }
        self.refuse(Refused(words.get(status_code, f"The server failed: {self._reason}"), status=status_code))


class _Nothing(_Handler):
    def prepare(self) -> None:
        raise HTTPError(404)


class _Health(_Handler):
    def get(self) -> None:
        self.finish({"status": "ok"})


class _Metrics(_Handler):
    def get(self) -> None:
        self.set_header("Content-Type", metrics.CONTENT_TYPE)
        self.finish(self.service.metrics())


class _Models(_Handler):
    def get(self) -> None:
        self.finish(answers.models(self.service.name, int(time.time())))


@stream_request_body
class _Completions(_Handler):
    """Reads the whole request, then answers it, at once or as events, until the client is gone."""

    def initialize(self, service: Service, chat: bool) -> None:  # type: ignore[override]
        super().initialize(service)
        self.chat, self.body, self.n_bytes = chat, bytearray(), 0
        self.asked_for: Request | None = None

    def prepare(self) -> None:
        self._connection.set_nodelay(True)  # else a token waits for the next one

    def data_received(self, chunk: bytes) -> None:
        """Keep what a request may have; read on, and drop it, beyond: an early answer breaks the connection."""
        self.n_bytes += len(chunk)
        if self.n_bytes <= MOST_BYTES:
            self.body += chunk

    async def post(self) -> None:
        try:
            if self.n_bytes > MOST_BYTES:
                told = f"A request has at most {MOST_BYTES:,} bytes here."
                raise Refused(told, status=413, code="request_too_large")
            # In a thread, where a long one takes a while: others are being answered meanwhile.
            asked = await asyncio.to_thread(requests.read, bytes(self.body), chat=self.chat)
            request = await self.service.request(asked)
        except Refused as error:
            return self.refuse(error)
        if self._connection.closed():
            return
        self.asked_for = request
        answer = Answer.to(asked, model=self.service.name)
        async with aclosing(self.service.pieces(request)) as pieces:
            with suppress(StreamClosedError):  # the client is gone
                if asked.stream:
                    await self._stream(pieces, request, answer, usage=asked.include_usage)
                else:
                    await self._whole(pieces, request, answer)

    @property
    def _connection(self) -> IOStream:
        return self.request.connection.stream  # type: ignore[union-attr]

    def on_connection_close(self) -> None:
        if self.asked_for:
            self.service.cancel(self.asked_for, "the client is gone")

    async def _whole(self, pieces: AsyncIterator[Piece], request: Request, answer: Answer) -> None:
        text = ""
        async for piece in pieces:
            if piece.finish == "error":
                return self.refuse(Refused(piece.text, status=500))
            text += piece.text
            if piece.finish:
                await self.finish(answer.whole(text, piece.finish, _usage(request)))

    async def _stream(self, pieces: AsyncIterator[Piece], request: Request, answer: Answer, *, usage: bool) -> None:
        self.set_header("Content-Type", "text/event-stream")
        self.set_header("Cache-Control", "no-cache")
        is_first = True
        async for piece in pieces:
            if piece.finish == "error":
                return await self._send(Refused(piece.text, status=500).body)
            if piece.text or piece.finish:
                await self._send(answer.chunk(piece.text, piece.finish, is_first=is_first))
                is_first = False
        if usage:
            await self._send(answer.last(_usage(request)))
        self.write("data: [DONE]\n\n")

    async def _send(self, event: dict[str, Any]) -> None:
        self.write(f"data: {json.dumps(event, ensure_ascii=False)}\n\n")
        await self.flush()


def _usage(request: Request) -> dict[str, int]:
    return answers.usage(len(request.prompt), request.n_written)
