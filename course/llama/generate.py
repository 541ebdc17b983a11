"""Let a model write on from a text: no turns of a chat, no examples before it, one token after the other."""

import codecs
import ctypes
import math
import time
from collections.abc import Generator, Iterator
from pathlib import Path

import llama_cpp
import numpy as np

from course.llama import header, session
from course.llama.chat import Reply
from course.llama.errors import LlamaError
from course.llama.session import Session, Vocabulary

_CONTEXT_TOKENS = 2048  # where the model's own limit allows it and the text needs no more


def stream(
    prompt: str,
    *,
    model: Path,
    max_tokens: int = 64,
    temperature: float = 0.0,
    seed: int = 0,
    n_threads: int | None = None,
) -> Generator[str, None, Reply]:
    """What `model` writes after `prompt`, in pieces; what the generator returns at its end is the Reply.

    At temperature 0 each token is the likeliest one; above, tokens are drawn from the model's probabilities, sharpened
    (below 1) or flattened, by `seed`. It ends at the model's end token or after `max_tokens`. Raises LlamaError.
    """
    begun_s, pieces, n_tokens = 0.0, [], 0
    with _opened(prompt, model, max_tokens, n_threads) as running:
        decoder = codecs.getincrementaldecoder("utf-8")("replace")  # a character may be spread over tokens
        for token in _tokens(running, _read(prompt, running, max_tokens), max_tokens, temperature, seed):
            n_tokens += 1
            begun_s = begun_s or time.perf_counter()
            if piece := decoder.decode(_bytes(running.vocabulary, token)):
                pieces.append(piece)
                yield piece
        seconds = time.perf_counter() - begun_s
        if rest := decoder.decode(b"", final=True):
            pieces.append(rest)
            yield rest
        rate = (n_tokens - 1) / seconds if n_tokens > 1 else math.nan
        return Reply("".join(pieces), n_tokens=n_tokens, tokens_per_s=rate, n_threads=running.n_threads)


def complete(prompt: str, *, model: Path, **options) -> Reply:
    """The whole continuation at once, without the prompt. Options and errors as for `stream`."""
    answer = stream(prompt, model=model, **options)
    while True:
        try:
            next(answer)
        except StopIteration as end:
            return end.value


def events(prompt: str, *, model: Path, max_tokens: int = 16, n_threads: int | None = None) -> list[tuple[float, str]]:
    """What happened when, in seconds since the call, in order of time.

    "load": the model begins to be loaded; "request": it is loaded and gets the prompt; "token", for each token: it has
    been chosen. Raises LlamaError.
    """
    started = time.perf_counter()
    seen = [(0.0, "load")]
    with _opened(prompt, model, max_tokens, n_threads) as running:
        seen.append((time.perf_counter() - started, "request"))
        for _ in _tokens(running, _read(prompt, running, max_tokens), max_tokens, 0.0, 0):
            seen.append((time.perf_counter() - started, "token"))
    return seen


def _opened(prompt: str, model: Path, max_tokens: int, n_threads: int | None):
    if not prompt:
        raise LlamaError("an empty prompt: give a text to continue")
    if max_tokens < 1:
        raise LlamaError(f"{max_tokens} tokens: at least 1 is written")
    most = len(prompt.encode()) + 2 + max_tokens  # no token is shorter than a byte
    wanted = max(most, _CONTEXT_TOKENS)
    trained = header.read(model).context_length or wanted
    return session.opened(model, n_context=min(wanted, trained), n_threads=n_threads)


def _read(prompt: str, running: Session, max_tokens: int) -> np.ndarray:
    tokens = running.vocabulary.tokens(prompt, special=True)
    if len(tokens) + max_tokens > running.n_context:
        raise LlamaError(
            f"{len(tokens):,} tokens of prompt and {max_tokens:,} to write: the model was trained on "
            f"{running.n_context:,} at once; shorten the prompt, or write fewer"
        )
    return tokens


def _tokens(running: Session, prompt: np.ndarray, max_tokens: int, temperature: float, seed: int) -> Iterator[int]:
    random = np.random.default_rng(seed)
    running.feed(prompt)
    for written in range(1, max_tokens + 1):
        logits = running.logits(1)[0]
        if temperature > 0:  # the largest after Gumbel noise is a draw from the softmax
            logits = logits / temperature + random.gumbel(size=len(logits))
        token = int(logits.argmax())
        if llama_cpp.llama_vocab_is_eog(running.vocabulary.pointer, token):
            return
        yield token
        if written < max_tokens:
            running.feed(np.array([token], np.int32))


def _bytes(vocabulary: Vocabulary, token: int) -> bytes:
    piece = ctypes.create_string_buffer(1024)
    n = llama_cpp.llama_token_to_piece(vocabulary.pointer, token, piece, len(piece), 0, True)
    return piece.raw[:n]
