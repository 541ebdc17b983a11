"""A model in memory and a context to compute in, by llama.cpp's own interface; both freed at the end.

What can be known to go wrong is said before anything is loaded: a file that is no model, a longer context than the
model was trained on, threads that the machine lacks, a model too big for the memory that is left.
"""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import llama_cpp
import numpy as np
import psutil

from course.llama import header, log, threads
from course.llama.errors import LlamaError

UBATCH_TOKENS = 512  # computed at once: llama.cpp's default


@dataclass(frozen=True)
class Vocabulary:
    """The tokens of a loaded model."""

    pointer: Any
    n_tokens: int
    adds_begin: bool
    begin: int  # -1 where there is none, as `end`
    end: int
    adds_end: bool

    def tokens(self, text: str, *, special: bool = False) -> np.ndarray:
        """The tokens of `text`, with those before and after that the vocabulary adds: int32.

        `special` reads the spelled-out name of a special token ("<|im_end|>") as that token.
        """
        content = text.encode()
        found = np.empty(len(content) + 8, np.int32)
        pointer = found.ctypes.data_as(ctypes.POINTER(llama_cpp.llama_token))
        n = llama_cpp.llama_tokenize(self.pointer, content, len(content), pointer, len(found), True, special)
        return found[:n].copy()


@dataclass(frozen=True)
class Batch:
    """Tokens to compute at once, and which of them give logits; it keeps alive what its pointers point to."""

    pointers: llama_cpp.llama_batch
    tokens: np.ndarray
    wanted: np.ndarray

    @classmethod
    def of(cls, tokens: np.ndarray, *, logits_for: slice = slice(-1, None)) -> "Batch":
        """Of int32 tokens."""
        wanted = np.zeros(len(tokens), np.int8)
        wanted[logits_for] = 1
        pointers = llama_cpp.llama_batch(
            n_tokens=len(tokens),
            token=tokens.ctypes.data_as(ctypes.POINTER(llama_cpp.llama_token)),
            logits=wanted.ctypes.data_as(ctypes.POINTER(ctypes.c_int8)),
        )
        return cls(pointers, tokens, wanted)


@dataclass(frozen=True)
class Session:
    """A context for one text of at most `n_context` tokens."""

    pointer: Any
    vocabulary: Vocabulary
    n_context: int
    n_threads: int

    def forget(self) -> None:
        """Empty the KV cache."""
        llama_cpp.llama_memory_clear(llama_cpp.llama_get_memory(self.pointer), True)

    def roll_back(self, n_tokens: int) -> None:
        """Keep the first `n_tokens` of the KV cache."""
        memory = llama_cpp.llama_get_memory(self.pointer)
        if not llama_cpp.llama_memory_seq_rm(memory, 0, n_tokens, -1):
            raise LlamaError("this model's cache cannot be rolled back")

    def wait(self) -> None:
        """Until all is computed."""
        llama_cpp.llama_synchronize(self.pointer)

    def feed(self, tokens: np.ndarray, *, logits_for: slice = slice(-1, None)) -> None:
        """Compute `tokens` (int32) as the continuation of what is in the cache, and the logits of a part of them.

        Returns before it is done, for `wait` or `logits` to wait. Raises LlamaError.
        """
        self.decode(Batch.of(tokens, logits_for=logits_for))

    def decode(self, batch: "Batch") -> None:
        """`feed`, with what can be prepared prepared."""
        log.forget()
        if failed := llama_cpp.llama_decode(self.pointer, batch.pointers):
            raise LlamaError(f"llama.cpp stopped (llama_decode gave {failed}): {log.last_error() or 'no reason given'}")

    def logits(self, n: int) -> np.ndarray:
        """The `n` rows of logits that the last `feed` asked for, float32 (n, vocabulary): valid until the next one."""
        return np.ctypeslib.as_array(llama_cpp.llama_get_logits(self.pointer), (n, self.vocabulary.n_tokens))


@contextmanager
def vocabulary(model: Path) -> Iterator[Vocabulary]:
    """The tokens of a model, without loading its weights. Raises LlamaError."""
    header.read(model)
    with _loaded(model, vocab_only=True) as pointer:
        yield _vocabulary(pointer)


@contextmanager
def opened(
    model: Path,
    *,
    n_context: int,
    n_threads: int | None = None,
    n_logits: int = 1,
    exact: bool = False,
) -> Iterator[Session]:
    """The model, loaded. `n_logits` is for how many tokens of a batch logits are wanted: it counts for the memory.

    `exact` keeps keys and values in 32 bits instead of 16, without flash attention. Raises LlamaError.
    """
    n_threads = threads.checked(n_threads)
    check(model, n_context=n_context, n_logits=n_logits)
    with _loaded(model) as loaded:
        options = llama_cpp.llama_context_default_params()
        options.n_ctx = options.n_batch = n_context
        options.n_ubatch = UBATCH_TOKENS
        options.n_threads = options.n_threads_batch = n_threads
        options.no_perf = True
        if exact:
            options.type_k = options.type_v = llama_cpp.GGML_TYPE_F32
            options.flash_attn_type = llama_cpp.LLAMA_FLASH_ATTN_TYPE_DISABLED
        context = llama_cpp.llama_init_from_model(loaded, options)
        if not context:
            raise LlamaError(f"{model}: no context of {n_context:,} tokens: {log.last_error() or 'no reason given'}")
        try:
            yield Session(context, _vocabulary(loaded), n_context, n_threads)
        finally:
            llama_cpp.llama_free(context)


def check(model: Path, *, n_context: int, n_logits: int = 1) -> None:
    """Raises LlamaError for what can be known to go wrong before the model is loaded."""
    known = header.read(model)
    trained = known.context_length
    if n_context < 1 or (trained and n_context > trained):
        raise LlamaError(f"a context of {n_context:,} tokens: {model.name} was trained on 1 to {trained or '?':,}")
    weights = sum(tensor.n_bytes for tensor in known.tensors)
    needed = weights + known.kv_bytes(n_context) + 4 * n_logits * known.n_vocabulary
    available = psutil.virtual_memory().available
    if needed > available:
        raise LlamaError(
            f"{model.name} needs {needed / 1e9:.2f} GB of memory and {available / 1e9:.2f} GB are free: "
            "close other programs, or take a smaller model or a type of fewer bits"
        )


@contextmanager
def _loaded(model: Path, *, vocab_only: bool = False) -> Iterator[Any]:
    options = llama_cpp.llama_model_default_params()
    options.vocab_only = vocab_only
    llama_cpp.llama_backend_init()
    log.forget()
    pointer = llama_cpp.llama_model_load_from_file(str(model).encode(), options)
    if not pointer:
        raise LlamaError(f"{model} cannot be loaded: {log.last_error() or 'llama.cpp gave no reason'}")
    try:
        yield pointer
    finally:
        llama_cpp.llama_model_free(pointer)


def _vocabulary(model: Any) -> Vocabulary:
    pointer = llama_cpp.llama_model_get_vocab(model)
    return Vocabulary(
        pointer=pointer,
        n_tokens=llama_cpp.llama_vocab_n_tokens(pointer),
        adds_begin=llama_cpp.llama_vocab_get_add_bos(pointer),
        begin=llama_cpp.llama_vocab_bos(pointer),
        end=llama_cpp.llama_vocab_eos(pointer),
        adds_end=llama_cpp.llama_vocab_get_add_eos(pointer),
    )
