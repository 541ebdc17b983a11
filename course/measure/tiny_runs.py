"""An IsoFLOP sweep in minutes: language models of characters, trained on one core at fixed budgets of FLOP.

A run of N parameters in matrix products reads D = C/(6·N) characters of a budget C. The text is the Python code that
travels with `two-bills-code`; the models are small Llamas (see `tiny_model`).
"""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from course import models

SHAPES = ((1, 16), (1, 32), (1, 48), (2, 48), (2, 64))  # layers, width
SEQUENCES = {3e10: 4, 1e11: 8, 3e11: 16}  # in a step, by budget in FLOP
LENGTH = 128  # characters in a sequence
ALPHABET = "\n" + "".join(map(chr, range(32, 127)))  # what is printable in ASCII; other characters are left out
HELD_OUT_SHARE, HELD_OUT_SEQUENCES = 0.1, 200
LEARNING_RATE = 0.02  # the highest, at a width of 16; it falls with the root of the width


@dataclass(frozen=True)
class Run:
    """What is trained: layers, width, the budget in FLOP, sequences in a step."""

    n_layers: int
    d_model: int
    budget_flop: float
    sequences: int

    @property
    def n_params(self) -> int:
        """Parameters in matrix products: the layers' matrices, and the output head, which is the embedding."""
        return 12 * self.n_layers * self.d_model**2 + len(ALPHABET) * self.d_model

    @property
    def steps(self) -> int:
        return max(1, round(self.budget_flop / (6 * self.n_params * self.sequences * LENGTH)))

    @property
    def n_tokens(self) -> int:
        """Characters that the run reads."""
        return self.steps * self.sequences * LENGTH

    @property
    def name(self) -> str:
        return f"{self.n_layers}x{self.d_model}, {self.budget_flop:.0e} FLOP"


def planned(*, share: float = 1.0) -> list[Run]:
    """The sweep: every shape at every budget; for a trial, at a share of each. Raises ValueError unless 0 < share."""
    if share <= 0:
        raise ValueError(f"a share of a budget is positive; got {share}")
    return [Run(*shape, share * budget, batch) for budget, batch in SEQUENCES.items() for shape in SHAPES]


def losses(
    runs: Sequence[Run], *, seed: int = 0, report: Callable[[int, int], None] | None = None
) -> dict[str, list[float]]:
    """Train each run on one thread: its loss on held-out text, in nats per character, by the run's name.

    The lowest loss comes first, as "best". `report` is told what is done in FLOP, and of how much. Raises ValueError if
    there is nothing to train.
    """
    if not runs:
        raise ValueError("there is no run to train")
    import torch  # takes seconds to load: only who measures waits for it

    found: dict[str, list[float]] = {}
    done, total = 0.0, sum(run.budget_flop for run in runs)
    with _one_thread(torch):
        learnt, held_out = _text(torch)
        for run in runs:
            for step in _training(run, learnt, held_out, seed, found):
                if report:
                    report(round(done + run.budget_flop * step / run.steps), round(total))
            done += run.budget_flop
    return {"best": min(found.values()), **found}


def _training(run: Run, learnt: Any, held_out: Any, seed: int, found: dict[str, list[float]]) -> Iterator[int]:
    """Train; yields the steps done. After the last the loss on the held-out text is in `found`."""
    import torch

    from course.measure.tiny_model import TinyModel

    generator = torch.Generator().manual_seed(seed)
    model = TinyModel(run.n_layers, run.d_model, len(ALPHABET), generator)
    highest = LEARNING_RATE * math.sqrt(16 / run.d_model)
    optimizer = torch.optim.AdamW(model.parameters(), lr=highest, betas=(0.9, 0.95), weight_decay=0.0, fused=True)
    offsets = torch.arange(LENGTH + 1)
    for step in range(run.steps):
        optimizer.param_groups[0]["lr"] = highest * _schedule(step, run.steps)
        starts = torch.randint(len(learnt) - LENGTH, (run.sequences, 1), generator=generator)
        block = learnt[starts + offsets]
        model.loss(block[:, :-1], block[:, 1:]).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        yield step + 1
    with torch.no_grad():
        blocks = held_out[: HELD_OUT_SEQUENCES * LENGTH + 1]
        tokens, targets = (blocks[shift : len(blocks) - 1 + shift].view(-1, LENGTH) for shift in (0, 1))
        found[run.name] = [model.loss(tokens, targets).item()]


def _schedule(step: int, steps: int) -> float:
    """The share of the highest learning rate: a linear rise, then half a cosine down to a tenth."""
    warmup = max(10, min(100, steps // 10))
    if step < warmup:
        return (step + 1) / warmup
    return 0.1 + 0.45 * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup)))


def _text(torch: Any) -> tuple[Any, Any]:
    """The text as numbers of characters: what is learnt from, and what is held out."""
    number = {character: i for i, character in enumerate(ALPHABET)}
    text = "\n".join(models.held_out("two-bills-code"))
    stream = torch.tensor([number[character] for character in text if character in number])
    end = round(len(stream) * (1 - HELD_OUT_SHARE))
    return stream[:end], stream[end:]


@contextmanager
def _one_thread(torch: Any) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
