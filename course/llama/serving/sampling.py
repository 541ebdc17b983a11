"""From the scores that the model gives every token of its vocabulary (logits) to the one that is written."""

from dataclasses import dataclass

import numpy as np

_COLD = 1e-3  # at lower temperatures than this, what is not the likeliest token has no chance


@dataclass(frozen=True)
class Sampler:
    """Chooses a token: the likeliest one at temperature 0, else a draw.

    A draw follows the probabilities at this temperature, softmax(logits / temperature), cut to the likeliest tokens
    that have `top_p` of them together (nucleus sampling: Holtzman et al., ICLR 2020). `never` are tokens not to choose.
    """

    temperature: float
    top_p: float
    random: np.random.Generator
    never: np.ndarray | None = None

    def __call__(self, logits: np.ndarray) -> int:
        """A token by its row of logits, float32."""
        if self.never is not None:
            logits = logits.copy()
            logits[self.never] = -np.inf
        likeliest = int(logits.argmax())
        if self.temperature < _COLD:
            return likeliest
        weights = np.exp((logits - logits[likeliest]) / np.float32(self.temperature))
        kept = nucleus(weights, self.top_p) if self.top_p < 1 else np.arange(len(weights))
        sums = np.cumsum(weights[kept], dtype=np.float64)
        drawn = np.searchsorted(sums, self.random.random() * sums[-1], side="right")
        return int(kept[min(drawn, len(kept) - 1)])


def nucleus(weights: np.ndarray, top_p: float) -> np.ndarray:
    """The fewest tokens, likeliest first, that have the share `top_p` of all weight; at least one.

    Tokens below the share (1 - top_p) / n have together less than 1 - top_p: they are out before anything is sorted.
    """
    total = weights.sum(dtype=np.float64)
    candidates = np.flatnonzero(weights >= (1 - top_p) / len(weights) * total)
    candidates = candidates[np.argsort(-weights[candidates], kind="stable")]
    reached = np.cumsum(weights[candidates], dtype=np.float64) >= top_p * total
    return candidates[: int(reached.argmax()) + 1] if reached.any() else candidates
