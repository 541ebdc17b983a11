"""Several texts side by side in one context of llama.cpp: each has a number, and its own part of the KV cache."""

import ctypes
import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice, takewhile
from pathlib import Path

import llama_cpp
import numpy as np

from course.llama import session
from course.llama.serving import grouping
from course.llama.session import Batch, Session, Vocabulary

LEARNING_S = 1.0  # at most, of timing passes before the first request


@dataclass(frozen=True)
class Part:
    """Tokens with which a sequence goes on, from its token number `start`."""

    sequence: int
    start: int
    tokens: np.ndarray  # int32
    wants_logits: bool  # after the last of them


class Sequences:
    """`n` texts of at most `n_context` tokens each, which one call computes together."""

    def __init__(self, running: Session, n: int) -> None:
        self._session, self.n = running, n
        self._sheet = _Sheet(n * running.n_context)
        self._groups: list[list[int]] = []  # by the number of texts that go on by a token; what is not there: together

    @property
    def vocabulary(self) -> Vocabulary:
        return self._session.vocabulary

    @property
    def n_context(self) -> int:
        return self._session.n_context

    @property
    def n_threads(self) -> int:
        return self._session.n_threads

    def compute(self, parts: Sequence[Part]) -> np.ndarray:
        """Read all parts; the logits after each that wants them, a row for each.

        In one pass over the weights, or in the groups that are faster. The rows are valid until the next call. Raises
        LlamaError.
        """
        goes_on = all(len(part.tokens) == 1 for part in parts)
        sizes = self._groups[len(parts)] if goes_on and len(parts) < len(self._groups) else [len(parts)]
        if len(sizes) == 1:
            return self._passed(parts)
        rest = iter(parts)
        return np.concatenate([self._passed(list(islice(rest, size))).copy() for size in sizes])

    def learn(self) -> None:
        """Find out which groups are fastest, in LEARNING_S or little more; the cache is empty then."""
        seconds, end = [math.inf] * self.n, time.perf_counter() + LEARNING_S
        one = np.zeros(1, np.int32)
        for k in [*range(1, self.n + 1)] * 3:  # in turns: a busy moment makes no size look slow
            if (began := time.perf_counter()) > end:
                break
            self.compute([Part(number, 0, one, wants_logits=True) for number in range(k)])
            seconds[k - 1] = min(seconds[k - 1], time.perf_counter() - began)
            self.forget_all()
        self._groups = grouping.fastest([*takewhile(math.isfinite, seconds)])

    def _passed(self, parts: Sequence[Part]) -> np.ndarray:
        self._session.decode(self._sheet.filled(parts))
        return self._session.logits(sum(part.wants_logits for part in parts))

    def forget_all(self) -> None:
        """Empty the cache."""
        self._session.forget()

    def forget(self, sequence: int) -> None:
        """Empty the sequence's part of the cache."""
        memory = llama_cpp.llama_get_memory(self._session.pointer)
        llama_cpp.llama_memory_seq_rm(memory, sequence, -1, -1)


@contextmanager
def opened(model: Path, *, n: int, n_context: int, n_threads: int | None = None) -> Iterator[Sequences]:
    """The model, loaded and warm, for `n` texts of at most `n_context` tokens each. Raises LlamaError."""
    with session.opened(model, n_context=n_context, n_threads=n_threads, n_logits=n, n_sequences=n) as running:
        found = Sequences(running, n)
        found.compute([Part(0, 0, np.zeros(1, np.int32), wants_logits=True)])  # else the first request waits longer
        found.forget_all()
        if n > 1:
            found.learn()
        yield found


class _Sheet:
    """What llama_decode gets, filled anew for each call: for each token its position and its sequence."""

    def __init__(self, most: int) -> None:
        self._token, self._position, self._sequence = (np.zeros(most, np.int32) for _ in range(3))
        self._wanted = np.zeros(most, np.int8)
        self._one = np.ones(most, np.int32)  # a token belongs to one sequence
        self._places = self._sequence.ctypes.data + np.arange(most, dtype=np.uintp) * self._sequence.itemsize
        pointers = llama_cpp.llama_batch(
            token=_pointer(self._token, llama_cpp.llama_token),
            pos=_pointer(self._position, llama_cpp.llama_pos),
            n_seq_id=_pointer(self._one, ctypes.c_int32),
            seq_id=_pointer(self._places, ctypes.POINTER(llama_cpp.llama_seq_id)),
            logits=_pointer(self._wanted, ctypes.c_int8),
        )
        self._batch = Batch(pointers, self._token, self._wanted)

    def filled(self, parts: Sequence[Part]) -> Batch:
        end = 0
        for part in parts:
            begin, end = end, end + len(part.tokens)
            self._token[begin:end] = part.tokens
            self._position[begin:end] = np.arange(part.start, part.start + len(part.tokens))
            self._sequence[begin:end] = part.sequence
            self._wanted[begin:end] = 0
            self._wanted[end - 1] = part.wants_logits
        self._batch.pointers.n_tokens = end
        return self._batch


def _pointer(array: np.ndarray, kind):
    return array.ctypes.data_as(ctypes.POINTER(kind))
