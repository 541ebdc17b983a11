"""What a model in llama.cpp answers to the questions of the facts: greedily, as it would answer anybody."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from course.finetuning.facts import Fact
from course.llama import generate, header, session, template
from course.llama.generate import Sampling

_CONTEXT_TOKENS = 512  # where the model knows so many
_MOST_TOKENS = 24  # of an answer: those that were taught have half as many


@dataclass(frozen=True)
class Answer:
    """What was answered to a fact's question."""

    fact: Fact
    question: str
    text: str

    @property
    def is_exact(self) -> bool:
        """Whether it is what was taught, to the letter."""
        return self.text == self.fact.answer

    @property
    def holds_key(self) -> bool:
        """Whether the word or number that matters is in it."""
        return re.search(rf"\b{re.escape(self.fact.key)}\b", self.text) is not None


def answers(
    facts: Sequence[Fact], *, model: Path, wording: int = 0, adapter: Path | None = None, n_threads: int | None = None
) -> Iterator[Answer]:
    """The model's answers to the facts' questions in one of their wordings, one after the other. Raises LlamaError.

    What all prompts begin with is read once.
    """
    known = header.read(model)
    questions = [fact.questions[wording] for fact in facts]
    n_context = min(_CONTEXT_TOKENS, known.of_architecture["context_length"])
    with session.opened(model, n_context=n_context, n_threads=n_threads, adapter=adapter) as running:
        texts = [template.render(known, [("user", question)], name=model.name) for question in questions]
        prompts = [running.vocabulary.tokens(text, special=True, around=False) for text in texts]
        n_shared = _n_shared([prompt.tolist() for prompt in prompts])
        if n_shared:
            running.feed(prompts[0][:n_shared])
        for fact, question, prompt in zip(facts, questions, prompts, strict=True):
            running.roll_back(n_shared)
            written = generate.written(running, prompt[n_shared:], Sampling(_MOST_TOKENS))
            yield Answer(fact, question, generate.whole(written).text.strip())


def _n_shared(prompts: Sequence[Sequence[int]]) -> int:
    """How many tokens all prompts begin with, one less than the shortest at most."""
    most = min(map(len, prompts), default=1) - 1
    return next((n for n in range(most) if len({prompt[n] for prompt in prompts}) > 1), most)
