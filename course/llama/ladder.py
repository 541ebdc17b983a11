"""One model in several types: what each file really is, and how far its predictions are from the source's."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from course.llama import perplexity, tensors
from course.llama.perplexity import Scores
from course.llama.quantize import quantize


@dataclass(frozen=True)
class Rung:
    """One file of the ladder, and its scores: its surprise, and but for the source's its distance from the source."""

    type: str  # what was asked for
    path: Path  # there until the next rung is asked for
    bits_per_weight: float
    weight_bytes: int
    tensors: dict[str, int]  # how many became which type
    scores: Scores
    documents: tuple[int, ...]  # of each chunk, the text in which its scored half begins: neighbours are alike

    def kl_by_chunk(self) -> list[float]:
        """Mean Kullback-Leibler divergence from the source's predictions in each chunk, in nats a token."""
        return [] if self.scores.kl_nats is None else self.scores.kl_nats.mean(axis=1).tolist()

    def facts(self) -> dict[str, Any]:
        """What a measurement record keeps of the rung beside the divergence; the surprise in nats a token by chunk."""
        n_chunks, n_scored = self.scores.nll_nats.shape
        return {
            "bits_per_weight": self.bits_per_weight,
            "weight_bytes": self.weight_bytes,
            "tensors": self.tensors,
            "perplexity": self.scores.perplexity,
            "nll_nats": self.scores.nll_nats.mean(axis=1).tolist(),
            "documents": list(self.documents),
            "scored_tokens": n_chunks * n_scored,
        }


def climb(
    source: Path,
    texts: Sequence[str],
    types: Sequence[str],
    *,
    n_context: int = 512,
    n_chunks: int = 64,
    n_threads: int | None = None,
    report: Callable[[int, int], None] | None = None,
) -> Iterator[Rung]:
    """Score `source` on `n_chunks` windows spread evenly over `texts`, then a copy of it in each of `types`.

    The source comes first, as the type "F16"; its predictions are kept in a scratch file meanwhile, 4 bytes for each
    scored token and word of the vocabulary. `report` is told how many windows are scored, and of how many, after each.
    Raises LlamaError.
    """
    chunks: dict[str, Any] = {"n_context": n_context, "n_chunks": n_chunks, "spread": True}
    parts = perplexity.tokens_by_text(source, texts)
    tokens, ends = np.concatenate(parts), np.cumsum([len(part) for part in parts])
    begins = perplexity.starts(len(tokens), **chunks) + n_context // 2
    documents = tuple(np.searchsorted(ends, begins, side="right").tolist())

    def scored(number: int, path: Path, **reference: Any) -> Scores:
        def count(n: int) -> None:
            if report:
                report(number * n_chunks + n, (1 + len(types)) * n_chunks)

        return perplexity.score(path, tokens, n_threads=n_threads, report=count, **chunks, **reference)

    with tempfile.TemporaryDirectory(prefix="course-ladder-") as folder:
        reference = scored(0, source, keep=Path(folder) / "source.npy")
        yield _rung("F16", source, reference, documents)
        for number, wanted in enumerate(types, start=1):
            path = quantize(source, Path(folder) / f"{wanted}.gguf", to=wanted, n_threads=n_threads)
            yield _rung(wanted, path, scored(number, path, against=reference), documents)
            path.unlink()


def _rung(wanted: str, path: Path, scores: Scores, documents: tuple[int, ...]) -> Rung:
    bits, n_bytes, types = tensors.bits_per_weight(path), tensors.weight_bytes(path), tensors.types(path)
    return Rung(wanted, path, bits, n_bytes, types, scores, documents)
