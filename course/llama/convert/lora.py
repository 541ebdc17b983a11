"""LoRA adapters between torch and llama.cpp, and added to a model's weights for good.

An adapter's file names its tensors after the model's own and has the rows of B in llama.cpp's order, as llama.cpp's
converter writes it; and it says which model it was trained on (course.llama.adapter).
"""

import math
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from course.llama import adapter as adapters
from course.llama import header, output, session
from course.llama.convert import weights
from course.llama.convert.architecture import (
    CLASSES,
    ConvertError,
    halved,
    heads_reordered,
    interleaved,
    llama_names,
)
from course.llama.header import Header, Tensor

if TYPE_CHECKING:
    import torch

_WHOLE = ("F32", "F16", "BF16")  # types to which something can be added


@dataclass(frozen=True)
class Lora:
    """An adapter in torch: it adds alpha / r times B · A to the weight of each module that it names.

    `pairs`, by the module's name ("model.layers.0.self_attn.q_proj"): A of shape (r, in) and B of shape (out, r).
    """

    pairs: dict[str, tuple["torch.Tensor", "torch.Tensor"]]
    alpha: float


def write_adapter(lora: Lora, target: Path, *, base: Path, overwrite: bool = False) -> Path:
    """Write `lora`, trained on the model of the GGUF file `base`, to `target` in 32 bits.

    llama.cpp adds it to any quantization of that model: `adapter` of course.llama.chat, `lora_path` of llama_cpp.Llama.
    Returns `target`, which is there once llama.cpp computes with it; one that was there before is in the way, unless
    `overwrite`. Raises LlamaError.
    """
    import gguf

    if not 0 < lora.alpha < math.inf:
        raise ConvertError(f"alpha is {lora.alpha}: it is a number above 0")
    known = header.read(base)
    tensors = _tensors(lora, known, base)
    n_bytes = sum(tensor.nbytes for tensor in tensors.values())
    with output.replacing(target, n_bytes=n_bytes, overwrite=overwrite) as part:
        writer = gguf.GGUFWriter(part, known.architecture)
        try:
            writer.add_type(gguf.GGUFType.ADAPTER)
            writer.add_string(gguf.Keys.Adapter.TYPE, "lora")
            writer.add_float32(adapters.ALPHA, lora.alpha)
            writer.add_string(adapters.TRAINED_ON, adapters.fingerprint(base))
            for name, tensor in tensors.items():
                writer.add_tensor(name, tensor)
            writer.write_header_to_file()
            writer.write_kv_data_to_file()
            writer.write_tensors_to_file()
        finally:
            writer.close()
        _try(base, adapter=part)
    return target


def read_adapter(file: Path, *, base: Path) -> Lora:
    """The adapter in a GGUF file, for the model of the GGUF file `base`. Raises LlamaError."""
    import torch

    known, ours = header.read(base), adapters.check(file, model=base)
    alpha = _alpha(file, ours)
    n_heads, n_kv_heads = _heads(known)
    names = {theirs: name for name, theirs in _weights(known, base).items()}
    there = {one.name: one for one in ours.tensors}
    pairs = {}
    for theirs in adapters.pairs(file, ours):
        if theirs not in names:
            raise ConvertError(f"{file} changes {theirs}, of which torch's adapters know nothing")
        a, b = (torch.from_numpy(weights.read(file, there[theirs + which])) for which in (adapters.A, adapters.B))
        heads = heads_reordered(known.architecture, names[theirs], n_heads=n_heads, n_kv_heads=n_kv_heads)
        pairs[names[theirs].removesuffix(".weight")] = (a, halved(b, heads).contiguous())
    return Lora(pairs, alpha)


def merge_adapter(adapter: Path, target: Path, *, base: Path, overwrite: bool = False) -> Path:
    """Write the model `base` to `target` with the products of `adapter` added to its weights; both are GGUF files.

    Sums are made in 32 bits and rounded once to the type of the weights, which are not quantized: quantize afterwards.
    Returns `target`, which is there once llama.cpp computes with it; one that was there before is in the way, unless
    `overwrite`. Raises LlamaError.
    """
    ours, known = adapters.check(adapter, model=base), header.read(base)
    alpha = _alpha(adapter, ours)
    if output.is_same(target, base):
        raise ConvertError(f"{target} is the model itself: name another target")
    factors, there = {one.name: one for one in ours.tensors}, {one.name: one for one in known.tensors}
    changed = [there[name] for name in adapters.pairs(adapter, ours)]
    for one in changed:
        if one.name == adapters.EMBEDDING:
            raise ConvertError(f"{adapter} changes the embedding: that cannot be merged")
        if one.type not in _WHOLE:
            raise ConvertError(
                f"{base}: {one.name} is {one.type}: merge into a model of {', '.join(_WHOLE)}, and quantize that one"
            )
    with output.replacing(target, n_bytes=base.stat().st_size, overwrite=overwrite) as part:
        shutil.copyfile(base, part)
        with part.open("r+b") as file:
            for one in changed:
                a, b = (weights.read(adapter, factors[one.name + which]) for which in (adapters.A, adapters.B))
                file.seek(one.offset)
                file.write(_sum(base, one, alpha / len(a) * (b @ a)).tobytes())
        _try(part)
    return target


def _tensors(lora: Lora, known: Header, base: Path) -> dict[str, np.ndarray]:
    """By their names in the file: the factors, B's rows in llama.cpp's order."""
    names, (n_heads, n_kv_heads) = _weights(known, base), _heads(known)
    found = {}
    for module, (a, b) in lora.pairs.items():
        name = f"{module}.weight"
        if name not in names:
            raise ConvertError(f"{base.name} has no matrix {name} that an adapter can change")
        heads = heads_reordered(known.architecture, name, n_heads=n_heads, n_kv_heads=n_kv_heads)
        if a.ndim != 2 or b.ndim != 2:
            raise ConvertError(f"{module}: A and B are matrices, not of shape {tuple(a.shape)} and {tuple(b.shape)}")
        if heads and len(b) % heads:
            raise ConvertError(f"{module}: B has {len(b)} rows, which are no {heads} heads")
        for which, factor in ((adapters.A, a), (adapters.B, interleaved(b, heads))):
            try:
                rows = factor.detach().float().contiguous().numpy()
                found[names[name] + which] = weights.encode(rows, "F32")
            except ConvertError as error:
                raise ConvertError(f"{module} has {error}") from error
    return found


def _weights(known: Header, base: Path) -> dict[str, str]:
    """By transformers' name: llama.cpp's, of the matrices that something is multiplied with."""
    if known.architecture not in CLASSES:
        raise ConvertError(f"{base} is a {known.architecture}: adapters can be for {', '.join(CLASSES)}")
    n_layers = known.of_architecture["block_count"]
    modules = [
        *(f"self_attn.{part}_proj" for part in "qkvo"),
        *(f"mlp.{part}_proj" for part in ("gate", "up", "down")),
    ]
    names = [f"model.layers.{layer}.{module}.weight" for layer in range(n_layers) for module in modules]
    return llama_names(known.architecture, [*names, "lm_head.weight"], n_layers)


def _heads(known: Header) -> tuple[int, int]:
    said = known.of_architecture
    heads = said["attention.head_count"]
    return heads, said.get("attention.head_count_kv", heads)


def _alpha(file: Path, known: Header) -> float:
    alpha = known.metadata.get(adapters.ALPHA)
    if not alpha:
        raise ConvertError(f"{file} does not say its alpha")
    return alpha


def _sum(base: Path, one: Tensor, product: np.ndarray) -> np.ndarray:
    """The matrix with the factors' product, as the file has it."""
    try:
        return weights.encode(weights.read(base, one) + product, one.type)
    except ConvertError as error:
        raise ConvertError(f"{one.name} would have {error}") from error


def _try(model: Path, *, adapter: Path | None = None) -> None:
    """Raises LlamaError where llama.cpp computes no numbers."""
    with session.opened(model, n_context=1, n_threads=1, adapter=adapter) as running:
        running.feed(np.zeros(1, np.int32))
        running.logits(1)
