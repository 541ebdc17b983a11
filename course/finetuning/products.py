"""Which numbers this processor multiplies faster. Without instructions for them, bfloat16 is many times slower."""

import time

from course.finetuning.recipe import BFLOAT16, FLOAT32

_SHAPE = (128, 576, 1536)  # tokens, width, width of the feed-forward part: a product of SmolLM2's
_SECONDS = 0.1


def faster() -> str:
    """FLOAT32 or BFLOAT16, by the quickest of products that are timed in turn, for a tenth of a second."""
    import torch

    m, k, n = _SHAPE
    factors = {}
    for numbers in (FLOAT32, BFLOAT16):
        kind = getattr(torch, numbers)
        factors[numbers] = torch.ones(m, k, dtype=kind), torch.ones(k, n, dtype=kind)
    seconds: dict[str, list[float]] = {numbers: [] for numbers in factors}
    until = time.perf_counter() + _SECONDS
    while time.perf_counter() < until or len(seconds[BFLOAT16]) < 5:
        for numbers, (a, b) in factors.items():
            began = time.perf_counter()
            a @ b
            seconds[numbers].append(time.perf_counter() - began)
    return min(seconds, key=lambda numbers: min(seconds[numbers]))
