"""Ask a small chat model a question: its answer as it is written.

A model of 135 million parameters answers better where it is shown how: `PRIMER`, a rule and two worked examples, goes
before the question. Without it SmolLM2 describes Algeria instead of naming its capital; with it, it got 19 of 22
capitals right instead of 15, and 12 of 12 simple facts instead of 10. Stories suffer a little.
"""

import math
import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from llama_cpp import Llama

from course.llama import header, log, session, threads
from course.llama.errors import LlamaError

CONTEXT_TOKENS = 2048  # primer, question and answer together
PRIMER = (
    ("system", "You give short, factual answers."),
    ("user", "What is water made of?"),
    ("assistant", "Water is made of hydrogen and oxygen."),
    ("user", "What is the capital of Tunisia?"),
    ("assistant", "The capital of Tunisia is Tunis."),
)


class ChatError(LlamaError):
    """A question that cannot be answered, or a model that does not chat: says which and why."""


@dataclass(frozen=True)
class Reply:
    """A finished answer, and the speed at which it was written once it had begun."""

    text: str
    n_tokens: int
    tokens_per_s: float  # nan for an answer of one token
    n_threads: int


def stream(
    question: str,
    *,
    model: Path,
    primer: Sequence[tuple[str, str]] = PRIMER,
    n_threads: int | None = None,
    max_tokens: int = 256,
    temperature: float = 0.0,
    seed: int = 0,
) -> Generator[str, None, Reply]:
    """The answer of `model` (a GGUF file) in pieces; what the generator returns at its end is the Reply.

    At temperature 0 each token is the likeliest one: the same question gets the same answer on the same machine
    (another CPU rounds otherwise). Nothing is remembered between questions. `primer` holds (role, text) turns that go
    before the question. `n_threads` is by default as `threads.checked` says. Raises LlamaError.
    """
    if not question.strip():
        raise ChatError("an empty question has no answer")
    n_threads = threads.checked(n_threads)
    llama = _load(model, n_threads)
    llama.reset()  # else what two prompts share is taken over, and could round otherwise
    messages: list[Any] = [{"role": role, "content": text} for role, text in (*primer, ("user", question))]
    chunks: Any = llama.create_chat_completion(
        messages, stream=True, max_tokens=max_tokens, temperature=temperature, seed=seed
    )
    pieces: list[str] = []
    begun_s, begun_tokens, finish = 0.0, 0, None
    try:
        for chunk in chunks:
            (choice,) = chunk["choices"]
            finish = choice["finish_reason"]
            if piece := choice["delta"].get("content"):
                if not pieces:
                    begun_s, begun_tokens = time.perf_counter(), llama.n_tokens
                pieces.append(piece)
                yield piece
    except ValueError as error:
        raise ChatError(f"the question is too long: {error}") from error
    seconds = time.perf_counter() - begun_s
    # A token counts as read once the next one is computed from it.
    steps = llama.n_tokens - begun_tokens if pieces else 0
    return Reply(
        text="".join(pieces),
        n_tokens=steps + (finish == "length"),
        tokens_per_s=steps / seconds if steps > 1 else math.nan,
        n_threads=n_threads,
    )


def ask(question: str, *, model: Path, **options) -> Reply:
    """The whole answer at once. Options and errors as for `stream`."""
    answer = stream(question, model=model, **options)
    while True:
        try:
            next(answer)
        except StopIteration as end:
            return end.value


@lru_cache(maxsize=1)
def _load(model: Path, n_threads: int) -> Llama:
    known = header.read(model)
    if "tokenizer.chat_template" not in known.metadata:
        raise ChatError(f"{model.name} was not trained to answer: `course complete` has it continue a text")
    n_context = min(CONTEXT_TOKENS, known.context_length or CONTEXT_TOKENS)
    session.check(model, n_context=n_context)
    log.forget()
    try:
        return Llama(str(model), n_ctx=n_context, n_threads=n_threads, n_threads_batch=n_threads, verbose=False)
    except ValueError as error:
        raise ChatError(f"{model} cannot be loaded: {log.last_error() or error}") from error
