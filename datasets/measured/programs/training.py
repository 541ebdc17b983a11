"""One run of the sweep: a model, a budget, a batch; what it learnt."""

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from llama import Llama
from torch import Tensor

LENGTH = 512  # tokens in a sequence
LEAST_STEPS, POINTS = 20, 40  # of a run; of its curve
HELD_OUT_WINDOWS = {"cuda": 4096, "cpu": 16}


@dataclass(frozen=True)
class Run:
    """What is trained: layers and width, the budget in FLOP, sequences in a step, the highest learning rate."""

    n_layers: int
    d_model: int
    budget_flop: float
    sequences: int
    learning_rate: float
    in_sweep: bool

    @property
    def batch_tokens(self) -> int:
        return self.sequences * LENGTH

    @property
    def name(self) -> str:
        budget = f"{self.budget_flop:.0e}".replace("+", "")
        return f"{self.n_layers}x{self.d_model}-{budget}-b{self.batch_tokens}"


def train(model: Llama, run: Run, streams: tuple[Tensor, Tensor], device: str) -> dict[str, Any]:
    """Train on the first stream for the run's budget; the loss on the second, in nats per token, and the curve."""
    train_stream, held_out = streams
    n = model.shape.n_matmul_params()
    steps = max(LEAST_STEPS, round(run.budget_flop / (6 * n) / run.batch_tokens))
    forward = torch.compile(model, dynamic=False) if device == "cuda" else model
    optimizer = _optimizer(model, run.learning_rate)
    warmup, every = max(10, min(200, steps // 20)), max(1, steps // POINTS)
    data, curve, total = _batches(train_stream, run.sequences), [], torch.zeros((), device=device)
    started = time.perf_counter()
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = run.learning_rate * _schedule(step, steps, warmup)
        tokens, targets = next(data)
        with torch.autocast(device, torch.bfloat16):
            loss = forward(tokens, targets)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        total += loss.detach()
        if (step + 1) % every == 0:
            curve.append([(step + 1) * run.batch_tokens, round(total.item() / every, 4)])
            total.zero_()
    n_tokens = steps * run.batch_tokens
    loss_nats = _held_out_loss(forward, held_out, run.sequences, device)
    seconds, epochs = time.perf_counter() - started, n_tokens / len(train_stream)
    made = {"n_tokens": n_tokens, "steps": steps, "epochs": epochs}
    return {**made, "loss_nats": loss_nats, "seconds": seconds, "curve": curve}


def _optimizer(model: Llama, learning_rate: float) -> torch.optim.AdamW:
    matrices = [weights for weights in model.parameters() if weights.dim() >= 2]
    vectors = [weights for weights in model.parameters() if weights.dim() < 2]
    groups = [{"params": matrices, "weight_decay": 0.1}, {"params": vectors, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=learning_rate, betas=(0.9, 0.95), fused=True)


def _schedule(step: int, steps: int, warmup: int) -> float:
    """The share of the highest learning rate: a linear rise, then half a cosine down to a tenth."""
    if step < warmup:
        return (step + 1) / warmup
    return 0.1 + 0.45 * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup)))


def _batches(stream: Tensor, sequences: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Endless shuffled windows of the stream; each is seen once before any is seen again."""
    windows = (len(stream) - 1) // LENGTH
    generator = torch.Generator().manual_seed(1)
    offsets = torch.arange(LENGTH + 1, device=stream.device)
    order = torch.empty(0, dtype=torch.long)
    while True:
        while len(order) < sequences:
            order = torch.cat([order, torch.randperm(windows, generator=generator)])
        picked, order = order[:sequences].to(stream.device), order[sequences:]
        block = stream[picked[:, None] * LENGTH + offsets].long()
        yield block[:, :-1], block[:, 1:]


@torch.no_grad()
def _held_out_loss(forward: Any, stream: Tensor, sequences: int, device: str) -> float:
    windows = min((len(stream) - 1) // LENGTH, HELD_OUT_WINDOWS[device])
    losses = []
    for first in range(0, windows - sequences + 1, sequences):
        block = stream[first * LENGTH : (first + sequences) * LENGTH + 1].long()
        tokens, targets = (block[shift : shift + sequences * LENGTH].view(sequences, LENGTH) for shift in (0, 1))
        with torch.autocast(device, torch.bfloat16):
            losses.append(forward(tokens, targets).item())
    return sum(losses) / len(losses)
