"""What a model thinks of the choices of a question: the log-probability of every token of each.

What comes before all questions is computed once and stays in the KV cache, as does a question for its choices.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from course.llama import session
from course.llama.errors import LlamaError
from course.llama.session import Session, Vocabulary


@dataclass(frozen=True)
class Question:
    """A text, and the texts that may follow it, each with the space that it begins with."""

    text: str
    choices: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.text or not self.choices or not all(self.choices):
            raise LlamaError(f"a question is a text and choices, none of them empty; got {self!r}")


@dataclass(frozen=True)
class _Tokens:
    question: np.ndarray
    choices: list[np.ndarray]

    @property
    def length(self) -> int:
        return len(self.question) + max(map(len, self.choices))


def score(
    model: Path,
    questions: Sequence[Question],
    *,
    before: str = "",
    n_threads: int | None = None,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> Iterator[list[list[float]]]:
    """Of each question in turn, the log-probabilities of each choice's tokens in nats: one list of numbers a choice.

    `before` is what the model reads first: worked examples, or the beginning of a chat. Names of special tokens in the
    texts ("<|im_end|>") are those tokens. `report` is told how many questions are answered, and of how many. Raises
    LlamaError.
    """
    with session.vocabulary(model) as vocabulary:
        head = _head(vocabulary, before)
        read = [_read(vocabulary, question) for question in questions]
    if not read:
        return
    n_context = len(head) + max(tokens.length for tokens in read)
    n_logits = max(len(choice) for tokens in read for choice in tokens.choices)
    with session.opened(model, n_context=n_context, n_threads=n_threads, n_logits=n_logits) as running:
        if len(head):
            running.feed(head)
            running.wait()
        for number, tokens in enumerate(read, start=1):
            running.roll_back(len(head))
            found = _scored(running, tokens, len(head))
            report(number, len(read))
            yield found


def _head(vocabulary: Vocabulary, before: str) -> np.ndarray:
    begin = np.array([vocabulary.begin] if vocabulary.adds_begin else [], np.int32)
    return np.concatenate([begin, _tokens(vocabulary, before)])


def _read(vocabulary: Vocabulary, question: Question) -> _Tokens:
    return _Tokens(_tokens(vocabulary, question.text), [_tokens(vocabulary, choice) for choice in question.choices])


def _tokens(vocabulary: Vocabulary, text: str) -> np.ndarray:
    return vocabulary.tokens(text, special=True, around=False)


def _scored(running: Session, tokens: _Tokens, n_before: int) -> list[list[float]]:
    """By the longest first: choices often begin alike, and what stands after the same beginning is computed once."""
    running.feed(tokens.question)
    after = {(): _log_softmax(running.logits(1))[0]}
    for choice in sorted(tokens.choices, key=len, reverse=True):
        beginning = tuple(choice[:-1].tolist())
        if beginning not in after:
            running.roll_back(n_before + len(tokens.question))
            running.feed(choice[:-1].copy(), logits_for=slice(0, None))
            rows = _log_softmax(running.logits(len(beginning)))
            after |= {beginning[:n]: row for n, row in enumerate(rows, start=1)}
    return [
        [float(after[tuple(choice[:n].tolist())][token]) for n, token in enumerate(choice)] for choice in tokens.choices
    ]


def _log_softmax(logits: np.ndarray) -> np.ndarray:
    shifted = logits.astype(np.float64) - logits.max(-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))
