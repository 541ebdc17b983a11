"""One model and all who want something of it: requests in, pieces of their answers out."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np

from course.llama import header, template
from course.llama.serving import metrics
from course.llama.serving.batching import Batcher, Piece, Request
from course.llama.serving.engine import Engine
from course.llama.serving.requests import Asked, Refused
from course.llama.serving.sampling import Sampler
from course.llama.serving.sequences import Sequences
from course.llama.serving.writing import Writer
from course.llama.template import TemplateError


class Service:
    """Lives in an asyncio loop, and has its engine compute in another thread."""

    def __init__(self, sequences: Sequences, *, model: Path, name: str) -> None:
        self.name, self.sequences = name, sequences
        self._loop = asyncio.get_running_loop()
        self.failed: asyncio.Future[str] = self._loop.create_future()  # why nothing is computed any more
        self._known = header.read(model)
        self._open: dict[Request, asyncio.Queue[Piece]] = {}
        self._batcher = Batcher(sequences)
        self._engine = Engine(self._batcher, self._deliver, self._fail)
        self._never = np.array(sorted(sequences.vocabulary.ends), np.int32)
        self._engine.start()

    async def request(self, asked: Asked) -> Request:
        """What the engine needs of what was asked. Raises Refused."""
        if asked.model not in (None, self.name):
            message = f"The model '{asked.model}' does not exist here: '{self.name}' does."
            raise Refused(message, status=404, param="model", code="model_not_found")
        prompt = await asyncio.to_thread(self._tokens, asked)  # a long text takes a while
        return Request(
            prompt,
            max_tokens=self._length(asked, len(prompt)),
            choose=Sampler(
                asked.temperature,
                asked.top_p,
                np.random.default_rng(None if asked.seed is None else asked.seed % 2**64),
                self._never if asked.ignore_eos else None,
            ),
            writer=Writer(self.sequences.vocabulary, stop=asked.stop),
        )

    async def pieces(self, request: Request) -> AsyncIterator[Piece]:
        """The answer, as it is written: the last piece has a `finish`."""
        queue = self._open[request] = asyncio.Queue()
        self._engine.add(request)
        if self.failed.done():  # what is added now, nobody computes
            self.cancel(request, self.failed.result())
        try:
            while True:
                piece = await queue.get()
                yield piece
                if piece.finish:
                    return
        finally:
            self._open.pop(request, None)
            self._engine.cancel(request)

    def cancel(self, request: Request, why: str) -> None:
        """Have the request's `pieces` end with an error, if they have not ended."""
        if request in self._open:
            self._open[request].put_nowait(Piece(request, why, "error"))

    def metrics(self) -> bytes:
        """What Prometheus reads."""
        processing = len(self._batcher.running)
        deferred = max(0, len(self._open) - processing)
        return metrics.text(self._batcher.counts, processing=processing, deferred=deferred)

    async def stop(self) -> None:
        """End all answers, and the engine."""
        for request in self._open:
            self.cancel(request, "the server has been stopped")
        for _ in range(100):  # a second at most for them to hear of it
            if not self._open:
                break
            await asyncio.sleep(0.01)
        await asyncio.to_thread(self._engine.stop)

    def _tokens(self, asked: Asked) -> np.ndarray:
        vocabulary = self.sequences.vocabulary
        if not isinstance(asked.prompt, str):
            tokens = np.array(asked.prompt, np.int32)
            if tokens.max() >= vocabulary.n_tokens:
                message = f"Invalid token in 'prompt': {tokens.max()}, and there are {vocabulary.n_tokens:,} of them."
                raise Refused(message, param="prompt", code="invalid_value")
            return tokens
        if not asked.is_chat:
            return vocabulary.tokens(asked.prompt, special=True)
        if not template.of(self._known):
            message = f"{self.name} was not trained to answer: at /v1/completions it continues a text"
            raise Refused(message, param="messages")
        try:
            text = template.render(self._known, asked.turns, name=self.name)
        except TemplateError as error:
            raise Refused(str(error), param="messages") from None
        return vocabulary.tokens(text, special=True, around=False)

    def _length(self, asked: Asked, n_prompt: int) -> int:
        """The tokens that may be written. Raises Refused where prompt and answer are longer than the context."""
        n_context, param = self.sequences.n_context, "messages" if asked.is_chat else "prompt"
        wanted = asked.max_tokens or max(1, n_context - n_prompt)
        if n_prompt + wanted > n_context:
            raise Refused(
                f"This model's maximum context length is {n_context} tokens. However, you requested "
                f"{n_prompt + wanted} tokens ({n_prompt} in the {param}, {wanted} in the completion). "
                f"Please reduce the length of the {param} or completion.",
                param=param,
                code="context_length_exceeded",
            )
        return wanted

    def _deliver(self, pieces: list[Piece]) -> None:
        """In the engine's thread."""
        self._loop.call_soon_threadsafe(self._hand_out, pieces)

    def _hand_out(self, pieces: list[Piece]) -> None:
        for piece in pieces:
            if piece.request in self._open:
                self._open[piece.request].put_nowait(piece)

    def _fail(self, error: Exception) -> None:
        """In the engine's thread: nothing will be computed any more."""
        self._loop.call_soon_threadsafe(self._end, f"{type(error).__name__}: {error}")

    def _end(self, reason: str) -> None:
        self.failed.set_result(reason)
        for request in self._open:
            self.cancel(request, reason)
