"""Facts as a model reads them: tokens of a chat, and what each position shall predict."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from course.finetuning.facts import Fact
from course.finetuning.handed import Labels
from course.finetuning.recipe import FinetuningError, Recipe
from course.llama import header, session, template

IGNORED = -100  # the label of a position from which nothing is learnt


@dataclass(frozen=True)
class Example:
    """Tokens of a question and its answer, padded to one length, and the label of each position."""

    ids: list[int]
    labels: list[int]


def tokens(facts: Sequence[Fact], *, model: Path) -> tuple[list[tuple[list[int], int]], int]:
    """For each fact its tokens, the end token last, and how many are the prompt's; the end token. Raises LlamaError."""
    known = header.read(model)
    found = []
    with session.vocabulary(model) as vocabulary:
        for fact in facts:
            asked = template.render(known, [("user", fact.questions[0])], name=model.name)
            prompt = vocabulary.tokens(asked, special=True, around=False).tolist()
            answer = vocabulary.tokens(fact.answer, around=False).tolist()
            found.append(([*prompt, *answer, vocabulary.end], len(prompt)))
        return found, vocabulary.end


def made(facts: Sequence[Fact], *, model: Path, length: int, labels: Labels) -> list[Example]:
    """The examples to learn from, padded to `length` tokens with the end token. Raises FinetuningError, LlamaError."""
    encoded, end = tokens(facts, model=model)
    examples = []
    for ids, prompt_len in encoded:
        if len(ids) > length:
            raise FinetuningError(f"an example has {len(ids)} tokens: `length` is at least that, and is {length}")
        padded = ids + [end] * (length - len(ids))
        examples.append(Example(padded, _checked(labels(list(padded), prompt_len, end), padded)))
    return examples


def batch_of(examples: Sequence[Example], step: int, recipe: Recipe) -> list[Example]:
    """The examples of step 0, 1, …: all in an order of chance, then all again in another one."""
    order = _order(len(examples), recipe.seed)
    places = range(step * recipe.batch, (step + 1) * recipe.batch)
    rounds: list[np.ndarray] = []
    while len(rounds) <= places[-1] // len(examples):
        rounds.append(next(order))
    return [examples[rounds[place // len(examples)][place % len(examples)]] for place in places]


def _order(n: int, seed: int) -> Iterator[np.ndarray]:
    rng = np.random.default_rng(seed)
    while True:
        yield rng.permutation(n)


def _checked(labels: Any, ids: list[int]) -> list[int]:
    """Labels as a list of ints. Raises FinetuningError where nothing can be learnt from them."""
    try:
        found = [int(label) for label in labels]
    except TypeError:
        raise FinetuningError(f"mask_prompt_labels gave {labels!r}: a list of labels is asked") from None
    if len(found) != len(ids):
        raise FinetuningError(f"mask_prompt_labels gave {len(found)} labels for {len(ids)} tokens: one each is asked")
    if all(label == IGNORED for label in found):
        raise FinetuningError("mask_prompt_labels leaves nothing to learn: all labels are -100")
    return found
