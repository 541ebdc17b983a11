"""Ask a small chat model a question: its answer as it is written.

A model of 135 million parameters answers better where it is shown how: `PRIMER`, a rule and two worked examples, goes
before the question. Without it SmolLM2 describes Algeria instead of naming its capital; with it, it got 19 of 22
capitals right instead of 15, and 12 of 12 simple facts instead of 10. Stories suffer a little.
"""

import weakref
from collections.abc import Generator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from course.llama import generate, header, session, template, threads
from course.llama.errors import LlamaError
from course.llama.generate import Reply, Sampling
from course.llama.header import Header
from course.llama.session import Session
from course.llama.template import TemplateError

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


def stream(
    question: str,
    *,
    model: Path,
    adapter: Path | None = None,
    primer: Sequence[tuple[str, str]] = PRIMER,
    n_threads: int | None = None,
    max_tokens: int = 256,
    temperature: float = 0.0,
    seed: int = 0,
) -> Generator[str, None, Reply]:
    """The answer of `model` (a GGUF file) in pieces; what the generator returns at its end is the Reply.

    At temperature 0 each token is the likeliest one: the same question gets the same answer on the same machine
    (another CPU rounds otherwise). Nothing is remembered between questions. `primer` holds (role, text) turns that go
    before the question, `adapter` is a LoRA adapter of the model. `n_threads` is by default as `threads.checked` says,
    and the other options are those of `generate.stream`. Raises LlamaError.
    """
    if not question.strip():
        raise ChatError("an empty question has no answer")
    sampling = Sampling(max_tokens, temperature, seed)
    loaded = _loaded(model, adapter, threads.checked(n_threads), (_state(model), _state(adapter)))
    running = loaded.session
    prompt = _prompt(loaded, question, primer, model.name)
    if (left := running.n_context - len(prompt)) < 1:
        fits = primer and len(_prompt(loaded, question, (), model.name)) < running.n_context
        raise ChatError(
            f"the question is too long: its prompt has {len(prompt):,} tokens, and {model.name} takes "
            f"{running.n_context:,} with the answer: "
            + ("ask without the worked examples (--bare)" if fits else "ask a shorter one")
        )
    running.forget()
    return (yield from generate.written(running, prompt, replace(sampling, max_tokens=min(max_tokens, left))))


def ask(question: str, *, model: Path, **options) -> Reply:
    """The whole answer at once. Options and errors as for `stream`."""
    return generate.whole(stream(question, model=model, **options))


@dataclass(frozen=True)
class _Loaded:
    """A model that stays in memory for the next question."""

    header: Header
    session: Session


def _prompt(loaded: _Loaded, question: str, primer: Sequence[tuple[str, str]], name: str) -> np.ndarray:
    """Its tokens; where the model does not take the primer, the error names the way without it."""
    asked = ("user", question)
    try:
        text = template.render(loaded.header, [*primer, asked], name=name)
    except TemplateError as error:
        if primer and _takes(loaded.header, asked):
            raise ChatError(f"{error}: ask without the worked examples (--bare)") from error
        raise ChatError(f"{error}, also with --bare: `course complete` has it continue a text") from error
    return loaded.session.vocabulary.tokens(text, special=True, around=False)


def _takes(known: Header, turn: tuple[str, str]) -> bool:
    try:
        return bool(template.render(known, [turn], name=""))
    except TemplateError:
        return False


@lru_cache(maxsize=1)
def _loaded(model: Path, adapter: Path | None, n_threads: int, state: tuple) -> _Loaded:
    """`state` is that of the files: another file under the same name is another model."""
    known = header.read(model)
    if not template.of(known):
        raise ChatError(f"{model.name} was not trained to answer: `course complete` has it continue a text")
    n_context = min(CONTEXT_TOKENS, known.context_length or CONTEXT_TOKENS)
    with ExitStack() as opening:
        running = opening.enter_context(
            session.opened(model, n_context=n_context, n_threads=n_threads, adapter=adapter)
        )
        kept = _Loaded(known, running)
        weakref.finalize(kept, opening.pop_all().close)
    return kept


def _state(file: Path | None) -> tuple[int, ...]:
    try:
        found = file.stat() if file else None
    except OSError:
        return ()  # who reads it says why
    return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns) if found else ()
