"""A Llama: RMSNorm, rotary positions, grouped-query attention, SwiGLU. isoflop.py trains it, throughput.py times it."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True)
class Shape:
    """Sizes of a model. Raises ValueError unless all are positive and heads divide the width and each other."""

    n_layers: int
    d_model: int
    n_heads: int
    n_kv_heads: int
    d_ff: int
    vocab_size: int
    tied: bool = True  # one matrix serves as embedding and output head

    def __post_init__(self) -> None:
        if min(self.n_layers, self.d_model, self.n_heads, self.n_kv_heads, self.d_ff, self.vocab_size) < 1:
            raise ValueError(f"all sizes are positive; got {self}")
        if self.d_model % (2 * self.n_heads) or self.n_heads % self.n_kv_heads:
            raise ValueError(f"heads divide the width into even parts, and n_kv_heads divides n_heads; got {self}")

    @property
    def head_dim(self) -> int:
        return self.d_model // self.n_heads

    @property
    def n_embedding(self) -> int:
        return self.vocab_size * self.d_model

    def n_matmul_params(self) -> int:
        """Parameters that take part in matrix products: N of 6ND, the output head included, the look-up table not."""
        attention = self.d_model * self.head_dim * (2 * self.n_heads + 2 * self.n_kv_heads)
        return self.n_layers * (attention + 3 * self.d_model * self.d_ff) + self.n_embedding

    def n_params(self) -> int:
        """All parameters: with the look-up table, if it is a matrix of its own, and the norms."""
        return self.n_matmul_params() + (0 if self.tied else self.n_embedding) + (2 * self.n_layers + 1) * self.d_model

    def kv_elements(self, batch: int, context: int) -> int:
        """Elements of the key-value cache: two vectors per layer, key-value head, sequence and position."""
        return 2 * self.n_layers * self.n_kv_heads * self.head_dim * batch * context


class Block(nn.Module):
    """One layer: attention, then a gated feed-forward part, each added to what came in."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        s = self.shape = shape
        self.norm1 = nn.RMSNorm(s.d_model)
        self.norm2 = nn.RMSNorm(s.d_model)
        self.qkv = nn.Linear(s.d_model, (s.n_heads + 2 * s.n_kv_heads) * s.head_dim, bias=False)
        self.out = nn.Linear(s.n_heads * s.head_dim, s.d_model, bias=False)
        self.gate_up = nn.Linear(s.d_model, 2 * s.d_ff, bias=False)
        self.down = nn.Linear(s.d_ff, s.d_model, bias=False)

    def heads(self, x: Tensor, cos: Tensor, sin: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values, each (batch, heads, length, head_dim), the first two turned by their position."""
        s, (batch, length, _) = self.shape, x.shape
        parts = self.qkv(self.norm1(x)).split([n * s.head_dim for n in (s.n_heads, s.n_kv_heads, s.n_kv_heads)], -1)
        q, k, v = (part.view(batch, length, -1, s.head_dim).transpose(1, 2) for part in parts)
        return rotate(q, cos, sin), rotate(k, cos, sin), v

    def attend(self, q: Tensor, k: Tensor, v: Tensor, *, causal: bool) -> Tensor:
        grouped = self.shape.n_kv_heads != self.shape.n_heads
        return F.scaled_dot_product_attention(q, k, v, is_causal=causal, enable_gqa=grouped)

    def finish(self, x: Tensor, attended: Tensor) -> Tensor:
        batch, length, _ = x.shape
        x = x + self.out(attended.transpose(1, 2).reshape(batch, length, -1))
        gate, up = self.gate_up(self.norm2(x)).chunk(2, -1)
        return x + self.down(F.silu(gate) * up)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        return self.finish(x, self.attend(*self.heads(x, cos, sin), causal=True))


class Llama(nn.Module):
    """Tokens (batch, length) to logits (batch, length, vocabulary), or to the mean loss in nats against `targets`."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.embed = nn.Embedding(shape.vocab_size, shape.d_model)
        self.blocks = nn.ModuleList(Block(shape) for _ in range(shape.n_layers))
        self.norm = nn.RMSNorm(shape.d_model)
        self.head = nn.Linear(shape.d_model, shape.vocab_size, bias=False)
        self.tie()

    def tie(self) -> None:
        """Share the embedding with the output head, if the shape says so; again after weights were replaced."""
        if self.shape.tied:
            self.head.weight = self.embed.weight

    def initialise(self) -> "Llama":
        for name, weights in self.named_parameters():
            if weights.dim() == 2:  # what adds to the stream starts smaller, the more layers add
                adds = name.endswith(("out.weight", "down.weight"))
                nn.init.normal_(weights, std=0.02 / (2 * self.shape.n_layers) ** 0.5 if adds else 0.02)
        return self

    def forward(self, tokens: Tensor, targets: Tensor | None = None) -> Tensor:
        cos, sin = rope_table(tokens.shape[1], self.shape.head_dim, tokens.device)
        x = self.embed(tokens)
        for block in self.blocks:
            x = block(x, cos, sin)
        logits = self.head(self.norm(x))
        return logits if targets is None else F.cross_entropy(logits.float().flatten(0, 1), targets.flatten())


def rope_table(length: int, head_dim: int, device: torch.device | str) -> tuple[Tensor, Tensor]:
    """Cosines and sines (length, head_dim / 2) of the angles by which each position turns."""
    inverse = 10_000.0 ** (-torch.arange(0, head_dim, 2, device=device).float() / head_dim)
    angles = torch.outer(torch.arange(length, device=device).float(), inverse)
    return angles.cos(), angles.sin()


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Turn pair (i, i + head_dim / 2) of each head by its position's angle."""
    a, b = x.float().chunk(2, -1)
    return torch.cat((a * cos - b * sin, a * sin + b * cos), -1).type_as(x)
