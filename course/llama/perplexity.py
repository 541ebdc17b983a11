"""How well a model predicts a text, token by token, and how far another model's predictions are from it.

Chunked as llama.cpp's own llama-perplexity does it: windows of `n_context` tokens, each read from an empty cache, its
second half scored; where the vocabulary begins texts with a token, each window does. The results agree with it to
all printed digits.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from course.llama import output, session, threads
from course.llama.errors import LlamaError
from course.llama.session import Session

_BLOCK_LOGITS = 2**16  # worked on at once: 256 KiB, which stay in a core's cache


@dataclass(frozen=True)
class Scores:
    """Of each scored token: the model's surprise and, where there was a reference, its distance from it.

    All arrays are (chunks, scored tokens of a chunk), in nats.
    """

    nll_nats: np.ndarray
    kl_nats: np.ndarray | None = None
    same_top: np.ndarray | None = None  # whether both find the same token likeliest
    kept: Path | None = None  # the log-probabilities of the whole vocabulary

    @property
    def perplexity(self) -> float:
        return math.exp(self.nll_nats.mean())

    @property
    def standard_error(self) -> float:
        """Of the perplexity, as llama-perplexity gives it: as if tokens were independent."""
        return self.perplexity * self.nll_nats.std(ddof=1) / math.sqrt(self.nll_nats.size)

    @property
    def mean_kl(self) -> float:
        """Kullback-Leibler divergence from the reference, in nats a token; nan without a reference."""
        return math.nan if self.kl_nats is None else float(self.kl_nats.mean())

    @property
    def top_agreement(self) -> float:
        """Share of tokens for which both models find the same token likeliest; nan without a reference."""
        return math.nan if self.same_top is None else float(self.same_top.mean())


def tokens(model: Path, texts: Sequence[str]) -> np.ndarray:
    """The tokens of `texts` in a row, int32. Raises LlamaError."""
    return np.concatenate(tokens_by_text(model, texts))


def tokens_by_text(model: Path, texts: Sequence[str]) -> list[np.ndarray]:
    """The tokens of each text, int32, ended by the vocabulary's end token where it has one.

    That is how the training bill counts. Raises LlamaError.
    """
    if isinstance(texts, str):
        raise LlamaError("texts is one string: give a list of texts")
    if not any(texts):
        raise LlamaError("there is no text: nothing to tokenize")
    with session.vocabulary(model) as vocabulary:
        end = np.array([vocabulary.end] if vocabulary.end >= 0 and not vocabulary.adds_end else [], np.int32)
        return [np.concatenate([vocabulary.tokens(text), end]) for text in texts]


def score(
    model: Path,
    tokens: Sequence[int] | np.ndarray,
    *,
    n_context: int = 512,
    n_chunks: int | None = None,
    n_threads: int | None = None,
    spread: bool = False,
    against: Scores | Path | None = None,
    keep: Path | None = None,
    report: Callable[[int], None] | None = None,
) -> Scores:
    """Score the second half of windows of `n_context` tokens: the first `n_chunks`, or with `spread` as many evenly
    spread over `tokens`; all where `n_chunks` is None.

    `against` is a reference to compare with: a model's file, which is then run beside this one, or the Scores of an
    earlier call that kept the log-probabilities of the whole vocabulary in the file `keep` (a float32 .npy array of
    chunks × scored tokens × vocabulary). Memory stays that of one window. `report` is told how many windows are
    scored, after each. Raises LlamaError.
    """
    n_threads = threads.checked(n_threads)
    tokens = np.ascontiguousarray(tokens, np.int32)
    begins = starts(len(tokens), n_context=n_context, n_chunks=n_chunks, spread=spread)
    windows = [tokens[begin : begin + n_context].copy() for begin in begins]
    with ExitStack() as stack:
        reader = stack.enter_context(_reader(model, n_context, n_threads))
        shape = (len(windows), _n_scored(n_context), reader.vocabulary.n_tokens)
        refer = stack.enter_context(_reference(against, shape, n_context, n_threads))
        write = stack.enter_context(_keeper(keep, shape))
        pool = stack.enter_context(ThreadPoolExecutor(n_threads))
        found = []
        for number, window in enumerate(windows):
            logits = _logits(reader, window)
            found.append(_compare(logits, window[-len(logits) :], refer(number, window), pool))
            write(logits)
            if report:
                report(number + 1)
    nll_nats, kl_nats, same_top = (np.stack(column) for column in zip(*found, strict=True))
    return Scores(nll_nats, kept=keep) if against is None else Scores(nll_nats, kl_nats, same_top, kept=keep)


def starts(n_tokens: int, *, n_context: int = 512, n_chunks: int | None = None, spread: bool = False) -> np.ndarray:
    """Where in a text of `n_tokens` the windows begin that `score` scores. Raises LlamaError."""
    if n_context < 4:
        raise LlamaError(f"windows of {n_context} tokens: the second half of 4 or more is scored")
    fit = n_tokens // n_context
    wanted = fit if n_chunks is None else n_chunks
    if not 1 <= wanted <= fit:
        raise LlamaError(
            f"{n_tokens:,} tokens hold {fit} windows of {n_context}, and {max(wanted, 1)} are to be scored: "
            "give a longer text, or ask for shorter windows (n_context) or for other n_chunks"
        )
    last = n_tokens - n_context - 1 if spread else (wanted - 1) * n_context
    return np.linspace(0, last, wanted).astype(int)


def _n_scored(n_context: int) -> int:
    """The first half is only read, the last token of a window predicts one outside it."""
    return n_context - n_context // 2 - 1


def _reader(model: Path, n_context: int, n_threads: int):
    return session.opened(model, n_context=n_context, n_threads=n_threads, n_logits=_n_scored(n_context))


def _logits(reader: Session, window: np.ndarray) -> np.ndarray:
    """The logits for the tokens of the window's second half, from the token before each: (scored, vocabulary)."""
    if reader.vocabulary.adds_begin:
        window = np.concatenate([np.array([reader.vocabulary.begin], np.int32), window[1:]])
    n = _n_scored(len(window))
    reader.forget()
    reader.feed(window, logits_for=slice(-n - 1, -1))
    return reader.logits(n)


def _compare(
    logits: np.ndarray, targets: np.ndarray, reference: np.ndarray | None, pool: ThreadPoolExecutor
) -> tuple[np.ndarray, ...]:
    """Surprise, distance and agreement for each row, computed in blocks of rows."""
    n_rows = max(1, _BLOCK_LOGITS // logits.shape[1])

    def block(at: int) -> tuple[np.ndarray, ...]:
        rows = slice(at, at + n_rows)
        z = logits[rows]
        top, _, total = _exponentials(z)
        nll = np.log(total) - (z[np.arange(len(z)), targets[rows]] - top)  # rounded as llama-perplexity rounds
        if reference is None:
            return nll, np.zeros(0), np.zeros(0)
        r = reference[rows]
        r_top, weights, r_total = _exponentials(r)
        kl = (weights * (r - z)).sum(1) / r_total + (top + np.log(total)) - (r_top + np.log(r_total))
        return nll, kl, r.argmax(1) == z.argmax(1)

    found = pool.map(block, range(0, len(logits), n_rows))
    return tuple(np.concatenate(column) for column in zip(*found, strict=True))


def _exponentials(logits: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Each row's largest logit, its probabilities up to a factor, and what they sum to (float64)."""
    top = logits.max(1)
    weights = logits - top[:, None]
    np.exp(weights, out=weights)
    return top, weights, weights.sum(1, dtype=np.float64)


@contextmanager
def _reference(
    against: Scores | Path | None, shape: tuple[int, ...], n_context: int, n_threads: int
) -> Iterator[Callable[[int, np.ndarray], np.ndarray | None]]:
    """What gives a window's logits by the reference."""
    if against is None:
        yield lambda number, window: None
    elif isinstance(against, Scores):
        if against.kept is None:
            raise LlamaError("the reference kept no log-probabilities: score it with keep=FILE")
        kept = np.load(against.kept, mmap_mode="r")
        if kept.shape != shape:
            raise LlamaError(f"{against.kept} is of shape {kept.shape}, and {shape} is needed: other windows or tokens")
        yield lambda number, window: kept[number]
    else:
        with _reader(against, n_context, n_threads) as reader:
            if reader.vocabulary.n_tokens != shape[-1]:
                raise LlamaError(
                    f"{against} knows {reader.vocabulary.n_tokens:,} tokens, the scored model {shape[-1]:,}: "
                    "only models of one vocabulary can be compared"
                )
            yield lambda number, window: _logits(reader, window)


@contextmanager
def _keeper(keep: Path | None, shape: tuple[int, ...]) -> Iterator[Callable[[np.ndarray], None]]:
    """What appends the log-probabilities of a window to the file `keep`."""
    if keep is None:
        yield lambda logits: None
        return
    with output.replacing(keep, n_bytes=4 * math.prod(shape)) as part, part.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": shape})

        def write(logits: np.ndarray) -> None:
            top, _, total = _exponentials(logits)
            file.write((logits - (top + np.log(total)).astype(np.float32)[:, None]).tobytes())

        yield write
