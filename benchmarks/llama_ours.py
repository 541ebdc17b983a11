"""One measured task of `course.llama` in a process of its own, as its peers have one: python -m benchmarks.llama_ours …

Prints what it found as JSON.
"""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from course.llama import perplexity, quantize, speed


def score(model: str, text: str, n_chunks: str, n_threads: str) -> list[float]:
    """The running perplexity after each chunk of 512 tokens."""
    file = Path(model)
    tokens = perplexity.tokens(file, [Path(text).read_text()])
    found = perplexity.score(file, tokens, n_chunks=int(n_chunks), n_threads=int(n_threads)).nll_nats
    sums, counts = np.cumsum(found.sum(axis=1)), np.cumsum([row.size for row in found])
    return np.exp(sums / counts).tolist()


def write(source: str, target: str, to: str, n_threads: str) -> None:
    """A quantized file."""
    quantize.quantize(Path(source), Path(target), to=to, overwrite=True, n_threads=int(n_threads))


def prefill(model: str, n_tokens: str, n_threads: str) -> list[float]:
    """Tokens per second, by repetition."""
    return list(speed.prefill(Path(model), n_tokens=int(n_tokens), n_threads=int(n_threads)).tokens_per_s)


def decode(model: str, n_tokens: str, n_threads: str, n_depth: str) -> list[float]:
    """Tokens per second, by repetition."""
    asked = {"n_tokens": int(n_tokens), "n_threads": int(n_threads), "n_depth": int(n_depth)}
    return list(speed.decode(Path(model), **asked).tokens_per_s)


TASKS: dict[str, Any] = {task.__name__: task for task in (score, write, prefill, decode)}

if __name__ == "__main__":
    print(json.dumps(TASKS[sys.argv[1]](*sys.argv[2:])))
