"""Continuous batching: which requests take part in the next step of the model.

To write a token the model reads all of its weights, and that takes most of the time. Read once, they serve a token of
every request that runs: a step for eight takes much less time than eight steps for one. So requests are computed
together, in a batch. (Where a processor is faster with one after the other, `grouping` finds it out.)

A static batch begins and ends as one: nobody may join it, and whoever is done waits for the longest answer. Here the
batch is made anew for each step. Between two steps the finished leave, and who waits takes the free slot:

    step        1  2  3  4  5  6  7  8            P  reads its prompt, and writes a first token at its end
    slot 0      P  a  a  a  P  d  d  d            a  writes a token
    slot 1      P  b  b  b  b  b  b  P
    slot 2      -  P  c  c  c  c  c  c

A long prompt would hold up everybody else for a whole step. So a step reads at most PROMPT_TOKENS of prompts, the rest
in the next ones: those who write already go on writing.

The batch for each step: Yu et al., "Orca", OSDI 2022. Prompts in parts: Agrawal et al., "Sarathi-Serve", OSDI 2024.
"""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from course.llama.errors import LlamaError
from course.llama.serving.sequences import Part, Sequences
from course.llama.serving.writing import Writer

PROMPT_TOKENS = 64  # of all prompts together in a step: more are read faster, and let the others wait longer


@dataclass(eq=False)
class Request:
    """A prompt, and how to go on from it."""

    prompt: np.ndarray  # int32
    max_tokens: int
    choose: Callable[[np.ndarray], int]  # a token by its logits
    writer: Writer
    n_written: int = 0


@dataclass(frozen=True)
class Piece:
    """What a step adds to a request's answer, and why the answer ends, if it does."""

    request: Request
    text: str
    finish: str | None = None  # "stop", "length", "cancelled", or "error", and then `text` says which


@dataclass(eq=False)
class Slot:
    """A request that runs, and its sequence in the KV cache."""

    sequence: int
    request: Request
    todo: np.ndarray  # tokens that the model has not read: the rest of the prompt, later the token written last
    n_read: int = 0

    @property
    def writes(self) -> bool:
        """Whether its prompt has been read."""
        return self.n_read >= len(self.request.prompt)


@dataclass
class Counts:
    """What has been computed since the start."""

    prompt_tokens: int = 0
    written_tokens: int = 0
    # By the number of sequences that took part, and whether any of a prompt was read: steps, and their seconds.
    steps: dict[tuple[int, bool], tuple[int, float]] = field(default_factory=dict)

    def step(self, n_sequences: int, *, reads: bool, seconds: float) -> None:
        """Count a step."""
        n, before = self.steps.get((n_sequences, reads), (0, 0.0))
        self.steps[n_sequences, reads] = n + 1, before + seconds


class Batcher:
    """The requests that wait and those that run. Not for several threads at once."""

    def __init__(self, sequences: Sequences) -> None:
        sequences.forget_all()
        self._sequences = sequences
        self._free = list(range(sequences.n))
        self.waiting: deque[Request] = deque()
        self.running: list[Slot] = []  # by arrival
        self.counts = Counts()

    @property
    def is_idle(self) -> bool:
        """Whether there is nothing to compute."""
        return not self.waiting and not self.running

    def add(self, request: Request) -> None:
        """Let a request wait for a slot."""
        self.waiting.append(request)

    def cancel(self, request: Request) -> None:
        """Forget a request, wherever it is; one that has ended already is no error."""
        if request in self.waiting:
            self.waiting.remove(request)
        for slot in [slot for slot in self.running if slot.request is request]:
            self._leave(slot)

    def step(self) -> list[Piece]:
        """Compute one batch: a piece for each request that has written a token or has ended."""
        started = time.perf_counter()
        while self.waiting and self._free:
            self._enter(self.waiting.popleft())
        shares = self._shares()
        parts = [
            Part(slot.sequence, slot.n_read, slot.todo[:share], wants_logits=share == len(slot.todo))
            for slot, share in shares
        ]
        try:
            logits = self._sequences.compute(parts)
        except LlamaError as error:
            return self._give_up(str(error))
        reads = any(not slot.writes for slot, _ in shares)
        ready = []
        for slot, share in shares:
            self.counts.prompt_tokens += 0 if slot.writes else share
            slot.n_read, slot.todo = slot.n_read + share, slot.todo[share:]
            if not len(slot.todo):
                ready.append(slot)
        pieces = [self._write(slot, row) for slot, row in zip(ready, logits, strict=True)]
        self.counts.step(len(shares), reads=reads, seconds=time.perf_counter() - started)
        return pieces

    def _shares(self) -> list[tuple[Slot, int]]:
        """Who takes part in the next step, with how many tokens: all who write with one, prompts by arrival."""
        shares, left = [], PROMPT_TOKENS
        for slot in self.running:
            share = 1 if slot.writes else min(left, len(slot.todo))
            left -= 0 if slot.writes else share
            if share:
                shares.append((slot, share))
        return shares

    def _enter(self, request: Request) -> None:
        self.running.append(Slot(self._free.pop(), request, request.prompt))

    def _leave(self, slot: Slot) -> None:
        self.running.remove(slot)
        self._sequences.forget(slot.sequence)
        self._free.append(slot.sequence)

    def _write(self, slot: Slot, logits: np.ndarray) -> Piece:
        """Choose the slot's next token; end its request there, or let it go on from it."""
        request = slot.request
        token, text, finish = request.choose(logits), "", None
        if request.writer.is_end(token):
            finish = "stop"
        else:
            request.n_written += 1
            self.counts.written_tokens += 1
            text = request.writer.write(token)
            if request.writer.stopped:
                finish = "stop"
            elif request.n_written == request.max_tokens:
                finish = "length"
        if finish:
            text += request.writer.rest()
            self._leave(slot)
        else:
            slot.todo = np.array([token], np.int32)
        return Piece(request, text, finish)

    def _give_up(self, reason: str) -> list[Piece]:
        """End all that run: what is in the cache after an error is not known."""
        failed = [slot.request for slot in self.running]
        for slot in list(self.running):
            self._leave(slot)
        return [Piece(request, reason, "error") for request in failed]
