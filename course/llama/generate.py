"""Let a model write on from a text: no turns of a chat, no examples before it, one token after the other."""

import codecs
import math
import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path

import llama_cpp
import numpy as np

from course.llama import header, session
from course.llama.errors import LlamaError
from course.llama.session import Session

_CONTEXT_TOKENS = 2048  # where the model's own limit allows it and the text needs no more


@dataclass(frozen=True)
class Sampling:
    """How a continuation is drawn. Raises LlamaError for what cannot be done."""

    max_tokens: int
    temperature: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.max_tokens < 1:
            raise LlamaError(f"{self.max_tokens} tokens: at least 1 is written")
        if not 0 <= self.temperature < math.inf:
            raise LlamaError(f"a temperature of {self.temperature}: it is a number from 0")
        if self.seed < 0:
            raise LlamaError(f"seed {self.seed}: it is a whole number from 0")


@dataclass(frozen=True)
class Reply:
    """A finished answer, and the speed at which it was written once it had begun."""

    text: str
    n_tokens: int
    tokens_per_s: float  # nan for an answer of one token
    n_threads: int


def stream(
    prompt: str,
    *,
    model: Path,
    adapter: Path | None = None,
    max_tokens: int = 64,
    temperature: float = 0.0,
    seed: int = 0,
    n_threads: int | None = None,
) -> Generator[str, None, Reply]:
    """What `model` writes after `prompt`, in pieces; what the generator returns at its end is the Reply.

    At temperature 0 each token is the likeliest one; above, tokens are drawn from the model's probabilities, sharpened
    (below 1) or flattened, by `seed`, 0 or more. It ends at the model's end token or after `max_tokens`. `adapter` is a
    LoRA adapter of the model. Raises LlamaError.
    """
    sampling = Sampling(max_tokens, temperature, seed)
    with _opened(prompt, model, max_tokens, n_threads, adapter) as running:
        return (yield from written(running, _read(prompt, running, max_tokens), sampling))


def complete(prompt: str, *, model: Path, **options) -> Reply:
    """The whole continuation at once, without the prompt. Options and errors as for `stream`."""
    return whole(stream(prompt, model=model, **options))


def whole(answer: Generator[str, None, Reply]) -> Reply:
    """What a stream ends with."""
    while True:
        try:
            next(answer)
        except StopIteration as end:
            return end.value


def written(running: Session, prompt: np.ndarray, sampling: Sampling) -> Generator[str, None, Reply]:
    """The pieces that a loaded model writes after the tokens of `prompt`, and the Reply."""
    begun_s, pieces, n_tokens = 0.0, [], 0
    decoder = codecs.getincrementaldecoder("utf-8")("replace")  # a character may be spread over tokens
    for token in _tokens(running, prompt, sampling):
        n_tokens += 1
        begun_s = begun_s or time.perf_counter()
        if piece := decoder.decode(running.vocabulary.piece(token)):
            pieces.append(piece)
            yield piece
    seconds = time.perf_counter() - begun_s
    if rest := decoder.decode(b"", final=True):
        pieces.append(rest)
        yield rest
    rate = (n_tokens - 1) / seconds if n_tokens > 1 else math.nan
    return Reply("".join(pieces), n_tokens=n_tokens, tokens_per_s=rate, n_threads=running.n_threads)


def events(prompt: str, *, model: Path, max_tokens: int = 16, n_threads: int | None = None) -> list[tuple[float, str]]:
    """What happened when, in seconds since the call, in order of time.

    "load": the model begins to be loaded; "request": it is loaded and gets the prompt; "token", for each token: it has
    been chosen. Raises LlamaError.
    """
    sampling = Sampling(max_tokens)
    started = time.perf_counter()
    seen = [(0.0, "load")]
    with _opened(prompt, model, max_tokens, n_threads) as running:
        seen.append((time.perf_counter() - started, "request"))
        for _ in _tokens(running, _read(prompt, running, max_tokens), sampling):
            seen.append((time.perf_counter() - started, "token"))
    return seen


def _opened(prompt: str, model: Path, max_tokens: int, n_threads: int | None, adapter: Path | None = None):
    if not prompt:
        raise LlamaError("an empty prompt: give a text to continue")
    most = len(prompt.encode(errors="replace")) + 2 + max_tokens  # no token is shorter than a byte
    wanted = max(most, _CONTEXT_TOKENS)
    trained = header.read(model).context_length or wanted
    return session.opened(model, n_context=min(wanted, trained), n_threads=n_threads, adapter=adapter)


def _read(prompt: str, running: Session, max_tokens: int) -> np.ndarray:
    tokens = running.vocabulary.tokens(prompt, special=True)
    if len(tokens) + max_tokens > running.n_context:
        raise LlamaError(
            f"{len(tokens):,} tokens of prompt and {max_tokens:,} to write: the model was trained on "
            f"{running.n_context:,} at once; shorten the prompt, or write fewer"
        )
    return tokens


def _tokens(running: Session, prompt: np.ndarray, sampling: Sampling) -> Iterator[int]:
    random = np.random.default_rng(sampling.seed)
    running.feed(prompt)
    for written in range(1, sampling.max_tokens + 1):
        logits = running.logits(1)[0]
        if sampling.temperature > 0:  # the largest after Gumbel noise is a draw from the softmax
            with np.errstate(over="ignore"):  # near 0, all but the largest become minus infinity
                logits = (logits - logits.max()).astype(np.float64) / sampling.temperature
            logits += random.gumbel(size=len(logits))
        token = int(logits.argmax())
        if llama_cpp.llama_vocab_is_eog(running.vocabulary.pointer, token):
            return
        yield token
        if written < sampling.max_tokens:
            running.feed(np.array([token], np.int32))
