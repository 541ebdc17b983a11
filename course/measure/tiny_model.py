"""A Llama of a few thousand parameters: RMS norms without weights, rotary positions, embedding and output head tied."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

HEAD_DIM = 16


class TinyModel(nn.Module):
    """Layers of attention and a feed-forward part of four times the width: 12·width² parameters each.

    Raises ValueError unless the width is a multiple of a head's.
    """

    def __init__(self, n_layers: int, d_model: int, vocab_size: int, generator: torch.Generator) -> None:
        super().__init__()
        if d_model % HEAD_DIM or min(n_layers, d_model) < 1:
            raise ValueError(f"layers and heads of {HEAD_DIM} are whole; got {n_layers} layers of width {d_model}")
        d = d_model

        def random(*shape: int, std: float) -> nn.Parameter:
            return nn.Parameter(torch.randn(*shape, generator=generator) * std)

        self.embed = random(vocab_size, d, std=0.1)
        self.qkv = nn.ParameterList(random(3 * d, d, std=d**-0.5) for _ in range(n_layers))
        self.up = nn.ParameterList(random(4 * d, d, std=d**-0.5) for _ in range(n_layers))
        # What adds to the stream begins at zero.
        self.out = nn.ParameterList(torch.zeros(d, d) for _ in range(n_layers))
        self.down = nn.ParameterList(torch.zeros(d, 4 * d) for _ in range(n_layers))

    def loss(self, tokens: Tensor, targets: Tensor) -> Tensor:
        """The mean loss, in nats per token; tokens and targets are (batch, length)."""
        (batch, length), d = tokens.shape, self.embed.shape[1]
        cos, sin = _turns(length)
        x = _norm(F.embedding(tokens, self.embed))
        for qkv, out, up, down in zip(self.qkv, self.out, self.up, self.down, strict=True):
            q, k, v = F.linear(_norm(x), qkv).view(batch, length, 3, -1, HEAD_DIM).permute(2, 0, 3, 1, 4)
            q, k = _turned(q, cos, sin), _turned(k, cos, sin)
            attended = F.scaled_dot_product_attention(q, k, v, is_causal=True)
            x = x + F.linear(attended.transpose(1, 2).reshape(batch, length, d), out)
            x = x + F.linear(F.gelu(F.linear(_norm(x), up)), down)
        return F.cross_entropy(F.linear(_norm(x), self.embed).flatten(0, 1), targets.flatten())


def _norm(x: Tensor) -> Tensor:
    return F.rms_norm(x, x.shape[-1:])


def _turns(length: int) -> tuple[Tensor, Tensor]:
    """Cosines and sines (length, HEAD_DIM / 2) of the angles by which each position turns."""
    angles = torch.outer(torch.arange(length).float(), 10_000 ** (-torch.arange(0, HEAD_DIM, 2) / HEAD_DIM))
    return angles.cos(), angles.sin()


def _turned(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    a, b = x.chunk(2, -1)
    return torch.cat((a * cos - b * sin, a * sin + b * cos), -1)
