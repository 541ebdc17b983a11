"""An adapter merged into a model's file by somebody's function, matrix by matrix; what llama.cpp then computes."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np

from course.finetuning.folder import LOGITS
from course.llama import header, session
from course.llama.convert.lora import read_adapter

Merge = Callable[[np.ndarray, np.ndarray, np.ndarray, float, int | None], np.ndarray]

_MODULES = {
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}


def merged(base: Path, adapter: Path, target: Path, *, merge: Merge) -> Path:
    """Write the model `base`, in 16 bits, to `target`, with merge(w, a, b, alpha, n_heads) for each matrix.

    `n_heads` is None for all but q and k. Returns `target`, which is there once it is whole. Raises LlamaError, and
    ValueError where `merge` gives something that is no such matrix.
    """
    lora, known = read_adapter(adapter, base=base), header.read(base)
    said = known.of_architecture
    heads = {"attn_q": said["attention.head_count"], "attn_k": said["attention.head_count_kv"]}
    part = target.with_name(f".{target.name}.tmp")
    try:
        shutil.copyfile(base, part)
        content = np.memmap(part, np.uint8, "r+")
        for tensor in known.tensors:
            _, layer, kind, *_ = [*tensor.name.split("."), "", ""]
            pair = lora.pairs.get(f"model.layers.{layer}.{_MODULES.get(kind)}")
            if pair is None:
                continue
            w = content[tensor.offset : tensor.offset + tensor.n_bytes].view(np.float16).reshape(tensor.shape[::-1])
            a, b = (factor.numpy() for factor in pair)
            w[:] = _checked(merge(w.copy(), a, b, lora.alpha, heads.get(kind)), w.shape)
        content.flush()
        del content
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    return target


def off_from_torch(folder: Path, *, model: Path, adapter: Path | None = None) -> float:
    """The largest difference between the logits of llama.cpp and those that torch gave at the end of a run."""
    kept = np.load(folder / LOGITS)
    tokens = kept["tokens"]
    with session.opened(model, adapter=adapter, n_context=len(tokens), n_logits=len(tokens), exact=True) as running:
        running.feed(tokens, logits_for=slice(None))
        return float(np.abs(running.logits(len(tokens)) - kept["logits"]).max())


def _checked(found: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    found = np.asarray(found)
    if found.shape != shape or found.dtype != np.float16:
        raise ValueError(f"merge gave {found.dtype} {found.shape}: float16 {shape} is asked")
    return found
