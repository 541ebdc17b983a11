"""Training, and the account of it: tokens, FLOP, seconds, loss."""

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from network import Network
from torch import Tensor, nn

COMPILING_STEPS = 2  # they count in the bill's tokens, not in its speed
CHECKPOINT_SECONDS = 60
HELD_OUT_WINDOWS = 560  # of the held-out text, for the bill


@dataclass(frozen=True)
class Recipe:
    """How to train, for `seconds` or `steps`: windows of `context` tokens, `sequences` of them in a step; `lr` is the
    highest learning rate. Raises ValueError for what cannot be."""

    sequences: int
    context: int
    lr: float
    warmup_steps: int
    seed: int
    bf16: bool
    compile: bool
    seconds: float | None
    steps: int | None

    def __post_init__(self) -> None:
        if min(self.sequences, self.context, self.warmup_steps) < 1 or self.lr <= 0:
            raise ValueError(f"sequences, context, warm-up and learning rate are positive; got {self}")
        if (self.steps or COMPILING_STEPS + 1) <= COMPILING_STEPS:
            raise ValueError(
                f"the first {COMPILING_STEPS} steps compile and are not timed: take more than {self.steps}"
            )

    @property
    def batch_tokens(self) -> int:
        return self.sequences * self.context


def train(network: Network, stream: Tensor, recipe: Recipe) -> Iterator[dict[str, Any]]:
    """Train on the tokens of `stream`, more than one step's; the bill's account once a minute, and at the end.

    With `recipe.seconds` the number of steps is planned from the speed so far, anew every ten steps, so that the
    learning rate follows its cosine to the end of the time.
    """
    model = torch.compile(network, dynamic=False) if recipe.compile else network
    optimizer, data = _optimizer(network, recipe.lr), batches(stream, recipe)

    def step(learning_rate: float) -> Tensor:
        for group in optimizer.param_groups:
            group["lr"] = learning_rate
        tokens, targets = next(data)
        with torch.autocast("cpu", torch.bfloat16, enabled=recipe.bf16):
            loss = model(tokens, targets)
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return loss.detach()

    start = time.perf_counter()
    for _ in range(COMPILING_STEPS):
        step(recipe.lr / recipe.warmup_steps)
    compile_seconds = time.perf_counter() - start
    done, planned = COMPILING_STEPS, recipe.steps
    every = 10 if planned is None else min(10, planned - COMPILING_STEPS)
    curve: list[list[float]] = []
    total = torch.zeros(())
    start = saved = time.perf_counter()
    while planned is None or done < planned:
        total += step(recipe.lr * _share_of_lr(done, planned, recipe.warmup_steps))
        done += 1
        if (done - COMPILING_STEPS) % every:
            continue
        spent = time.perf_counter() - start
        curve.append([done * recipe.batch_tokens, round(spent, 2), round(total.item() / every, 4)])
        total.zero_()
        if recipe.seconds is not None:
            planned = done + int((recipe.seconds - spent) * (done - COMPILING_STEPS) / spent)
        if time.perf_counter() - saved > CHECKPOINT_SECONDS:
            yield _account(network, stream, recipe, done, spent, compile_seconds, curve, finished=False)
            saved = time.perf_counter()
    yield _account(network, stream, recipe, done, time.perf_counter() - start, compile_seconds, curve, finished=True)


def batches(stream: Tensor, recipe: Recipe) -> Iterator[tuple[Tensor, Tensor]]:
    """Endless shuffled windows and their targets: every window is seen once before any is seen again."""
    windows = (len(stream) - 1) // recipe.context
    generator = torch.Generator().manual_seed(recipe.seed + 1)
    offsets = torch.arange(recipe.context + 1)
    order = torch.empty(0, dtype=torch.long)
    while True:
        while len(order) < recipe.sequences:
            order = torch.cat([order, torch.randperm(windows, generator=generator)])
        picked, order = order[: recipe.sequences], order[recipe.sequences :]
        block = stream[picked[:, None] * recipe.context + offsets].long()
        yield block[:, :-1], block[:, 1:]


@torch.no_grad()
def held_out_loss(network: Network, stream: Tensor, recipe: Recipe) -> tuple[float, int]:
    """Mean loss in nats per token over the first windows of held-out text, and how many tokens they predict."""
    losses = []
    for start in range(0, len(stream) - recipe.context, recipe.context)[:HELD_OUT_WINDOWS]:
        window = stream[start : start + recipe.context + 1].long()[None]
        with torch.autocast("cpu", torch.bfloat16, enabled=recipe.bf16):
            losses.append(network(window[:, :-1], window[:, 1:]).item())
    return sum(losses) / len(losses), len(losses) * recipe.context


def _optimizer(network: Network, lr: float) -> torch.optim.AdamW:
    matrices = [weights for weights in network.parameters() if weights.dim() >= 2]
    vectors = [weights for weights in network.parameters() if weights.dim() < 2]
    groups = [{"params": matrices, "weight_decay": 0.1}, {"params": vectors, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=lr, betas=(0.9, 0.95), fused=True)


def _share_of_lr(done: int, planned: int | None, warmup_steps: int) -> float:
    """Up to 1 in a straight line, then down a cosine to a twentieth."""
    if done < warmup_steps:
        return (done + 1) / warmup_steps
    progress = 0.0 if planned is None else min(1.0, (done - warmup_steps) / max(1, planned - warmup_steps))
    return 0.05 + 0.475 * (1 + math.cos(math.pi * progress))


def _account(
    network: Network,
    stream: Tensor,
    recipe: Recipe,
    steps: int,
    seconds: float,
    compile_seconds: float,
    curve: list[list[float]],
    *,
    finished: bool,
) -> dict[str, Any]:
    shape, tokens = network.shape, steps * recipe.batch_tokens
    timed_tokens = (steps - COMPILING_STEPS) * recipe.batch_tokens
    return {
        "seconds_compile": round(compile_seconds, 2),
        "tokens": tokens,
        "steps": steps,
        "seconds": round(seconds, 2),
        "flop_6nd": 6 * shape.n_params() * tokens,
        # Forward and backward of QK' and AV, the causal half: 3 x 2 x L x d x T per token. Not part of 6ND.
        "flop_attention": 6 * shape.n_layers * shape.d_model * recipe.context * tokens,
        "flop_6nd_per_s": round(6 * shape.n_params() * timed_tokens / seconds),
        "epochs": round(tokens / len(stream), 3),
        "finished": finished,
        "curve": curve,
    }
