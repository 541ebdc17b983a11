"""A model in memory and a context to compute in, by llama.cpp's own interface; both freed at the end.

What can be known to go wrong is said before anything is loaded: a file that is no model, a longer context than the
model was trained on, threads that the machine lacks, a model too big for the memory that is left.
"""

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import llama_cpp
import numpy as np
import psutil

from course.llama import adapter as adapters
from course.llama import header, log, threads
from course.llama.errors import LlamaError

UBATCH_TOKENS = 512  # computed at once: llama.cpp's default
_LONGEST_TOKEN = 1024  # bytes


@dataclass(frozen=True)
class Vocabulary:
    """The tokens of a loaded model."""

    pointer: Any
    n_tokens: int
    adds_begin: bool
    begin: int  # -1 where there is none, as `end`
    end: int
    adds_end: bool

    def tokens(self, text: str, *, special: bool = False, around: bool = True) -> np.ndarray:
        """The tokens of `text`, with those that the vocabulary adds `around` it: int32.

        `special` reads the spelled-out name of a special token ("<|im_end|>") as that token. Raises LlamaError.
        """
        if llama_cpp.llama_vocab_type(self.pointer) == llama_cpp.LLAMA_VOCAB_TYPE_NONE:
            raise LlamaError("this model's file has no tokenizer: it cannot read a text")
        try:
            content = text.encode()
        except UnicodeEncodeError as error:
            before = text[: error.start].rpartition("\n")[2][-40:]
            raise LlamaError(f"the text is not UTF-8 after {before!r}: write it in UTF-8") from error
        found = np.empty(len(content) + 8, np.int32)
        pointer = found.ctypes.data_as(ctypes.POINTER(llama_cpp.llama_token))
        n = llama_cpp.llama_tokenize(self.pointer, content, len(content), pointer, len(found), around, special)
        return found[:n].copy()

    def piece(self, token: int) -> bytes:
        """What a token writes: UTF-8, of which a character may be spread over tokens."""
        if token not in self._pieces:
            content = ctypes.create_string_buffer(_LONGEST_TOKEN)
            n = llama_cpp.llama_token_to_piece(self.pointer, token, content, len(content), 0, True)
            self._pieces[token] = content.raw[: max(n, 0)]
        return self._pieces[token]

    @cached_property
    def ends(self) -> frozenset[int]:
        """The tokens with which a text ends: a model may have several of them."""
        tokens = range(self.n_tokens)
        return frozenset(token for token in tokens if llama_cpp.llama_vocab_is_eog(self.pointer, token))

    @cached_property
    def _pieces(self) -> dict[int, bytes]:
        return {}  # filled as tokens are written


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
    """A context for one text, or several side by side, of at most `n_context` tokens each."""

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
        """The `n` rows of logits that the last `feed` asked for, float32 (n, vocabulary): valid until the next one.

        Raises LlamaError where they are no numbers.
        """
        found = np.ctypeslib.as_array(llama_cpp.llama_get_logits(self.pointer), (n, self.vocabulary.n_tokens))
        if np.isnan(found.sum()):
            raise LlamaError("the model computes no numbers (NaN): its weights are damaged, or its training failed")
        return found


@contextmanager
def vocabulary(model: Path) -> Iterator[Vocabulary]:
    """The tokens of a model, without loading its weights. Raises LlamaError."""
    header.read(model)
    with loaded(model, vocab_only=True) as pointer:
        yield _vocabulary(pointer)


@contextmanager
def opened(
    model: Path,
    *,
    n_context: int,
    n_threads: int | None = None,
    n_logits: int = 1,
    exact: bool = False,
    adapter: Path | None = None,
    n_sequences: int = 1,
) -> Iterator[Session]:
    """The model, loaded. `n_logits` is for how many tokens of a batch logits are wanted: it counts for the memory.

    `exact` keeps keys and values in 32 bits instead of 16, without flash attention. `adapter` is a LoRA adapter of this
    model, a GGUF file, whose products are added to the weights'. `n_sequences` texts share one KV cache, so that
    whichever of them run are computed in one pass. Raises LlamaError.
    """
    n_threads = threads.checked(n_threads)
    check(model, n_context=n_context, n_logits=n_logits, n_sequences=n_sequences)
    if adapter:
        adapters.check(adapter, model=model)
    with (
        loaded(model) as pointer,
        context(pointer, n_context=n_context, n_threads=n_threads, exact=exact, n_sequences=n_sequences) as running,
    ):
        if adapter:
            _adapt(running.pointer, pointer, adapter)
        yield running


@contextmanager
def context(
    model: Any, *, n_context: int, n_threads: int | None = None, exact: bool = False, n_sequences: int = 1
) -> Iterator[Session]:
    """A context to compute in, of a model that is `loaded`: several share its weights. Options as for `opened`."""
    n_threads = threads.checked(n_threads)
    options = llama_cpp.llama_context_default_params()
    options.n_ctx = options.n_batch = n_context * n_sequences
    options.n_seq_max, options.kv_unified = n_sequences, n_sequences > 1
    options.n_ubatch = UBATCH_TOKENS
    options.n_threads = options.n_threads_batch = n_threads
    options.no_perf = True
    if exact:
        options.type_k = options.type_v = llama_cpp.GGML_TYPE_F32
        options.flash_attn_type = llama_cpp.LLAMA_FLASH_ATTN_TYPE_DISABLED
    pointer = llama_cpp.llama_init_from_model(model, options)
    if not pointer:
        raise LlamaError(f"no context of {n_context:,} tokens: {log.last_error() or 'llama.cpp gave no reason'}")
    try:
        yield Session(pointer, _vocabulary(model), n_context, n_threads)
    finally:
        llama_cpp.llama_free(pointer)


def check(model: Path, *, n_context: int, n_logits: int = 1, n_sequences: int = 1) -> None:
    """Raises LlamaError for what can be known to go wrong before the model is loaded."""
    known = header.read(model)
    if known.is_adapter:
        raise LlamaError(f"{model} is a LoRA adapter: name the model it was trained on, and it beside that one")
    if not known.tensors:
        raise LlamaError(f"{model} holds no weights")
    for key, least in (("block_count", 1), ("attention.layer_norm_rms_epsilon", 0)):
        if not known.of_architecture.get(key, least) >= least:  # llama.cpp ends the whole process over these
            raise LlamaError(f"{model} is damaged: its {key} is {known.of_architecture[key]}")
    trained = known.context_length
    if n_context < 1 or (trained and n_context > trained):
        raise LlamaError(f"a context of {n_context:,} tokens: {model.name} was trained on 1 to {trained or '?':,}")
    weights = sum(tensor.n_bytes for tensor in known.tensors)
    needed = weights + known.kv_bytes(n_context * n_sequences) + 4 * n_logits * known.n_vocabulary
    available = psutil.virtual_memory().available
    if needed > available:
        raise LlamaError(
            f"{model.name} needs {needed / 1e9:.2f} GB of memory and {available / 1e9:.2f} GB are free: "
            "close other programs, or take a smaller model or a type of fewer bits"
        )


@contextmanager
def loaded(model: Path, *, vocab_only: bool = False) -> Iterator[Any]:
    """The model's weights in memory, or its vocabulary alone: llama.cpp's pointer to it. Raises LlamaError."""
    options = llama_cpp.llama_model_default_params()
    options.vocab_only = vocab_only
    llama_cpp.llama_backend_init()
    log.forget()
    pointer = llama_cpp.llama_model_load_from_file(os.fsencode(model), options)
    if not pointer:
        raise LlamaError(f"{model} cannot be loaded: {log.last_error() or 'llama.cpp gave no reason'}")
    try:
        yield pointer
    finally:
        llama_cpp.llama_model_free(pointer)


def _adapt(context: Any, model: Any, adapter: Path) -> None:
    log.forget()
    pointer = llama_cpp.llama_adapter_lora_init(model, os.fsencode(adapter))  # freed with the model
    if not pointer:
        raise LlamaError(f"{adapter} cannot be loaded: {log.last_error() or 'llama.cpp gave no reason'}")
    one, whole = (llama_cpp.llama_adapter_lora_p_ctypes * 1)(pointer), (ctypes.c_float * 1)(1.0)
    llama_cpp.llama_set_adapters_lora(context, one, 1, whole)


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
