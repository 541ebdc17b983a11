"""A folder saved by transformers, written as a GGUF file for llama.cpp.

Llama, Mistral, Qwen2 and Qwen3, with byte-level BPE tokenizers. llama.cpp's own converter does many more, and is part
of none of its packages; names, types and the format are here those of its gguf package. What was written is loaded,
and its tokens are held against the folder's, before it gets its name.

What differs between the two: llama.cpp rotates neighbouring numbers of a head where transformers rotates its halves
(rows of q and k are reordered for Llama and Mistral), and its Llama knows no sliding window (the context is cut to the
window, within which both are the same).
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from course.llama import checkpoint, output, quantize, session, tokenizer
from course.llama.checkpoint import Weights
from course.llama.errors import LlamaError

if TYPE_CHECKING:
    import torch

ARCHITECTURES = {
    "LlamaForCausalLM": "LLAMA",
    "MistralForCausalLM": "LLAMA",
    "Qwen2ForCausalLM": "QWEN2",
    "Qwen3ForCausalLM": "QWEN3",
}
"""By transformers' name: llama.cpp's."""

_BYTES = {"F32": 4, "F16": 2, "BF16": 2}
_FILE_TYPES = {"F32": "ALL_F32", "F16": "MOSTLY_F16", "BF16": "MOSTLY_BF16"}


class ConvertError(LlamaError):
    """A model that cannot be converted: one line that says what of it."""


def convert(folder: Path, target: Path, *, to: str = "F16") -> Path:
    """Write the model in `folder` to `target`: matrices as `to`, one of quantize.TYPES, vectors as F32.

    Types other than F32, F16, BF16 are made by llama.cpp's quantizer from the weights as they were saved. Returns
    `target`, replaced once the file is whole and loads, and untouched otherwise. Raises LlamaError.
    """
    if to not in quantize.TYPES:
        raise ConvertError(f"there is no type {to!r}; the types are: {', '.join(quantize.TYPES)}")
    kind = checkpoint.architecture(folder)
    if kind not in ARCHITECTURES:
        raise ConvertError(f"{folder} is a {kind}: only {', '.join(ARCHITECTURES)} can be converted")
    config = _config(folder)
    with checkpoint.weights(folder) as weights:
        first = to if to in _BYTES else _saved_type(folder, weights)
        n_bytes = sum(math.prod(shape) for shape in weights.shapes.values()) * _BYTES[first]
        with output.replacing(target, n_bytes=n_bytes) as part:
            whole = part if to in _BYTES else part.with_name("whole.gguf")
            _write(folder, whole, ARCHITECTURES[kind], config, weights, first)
            if whole is not part:
                quantize.quantize(whole, part, to=to)
            tokenizer.check(folder, part)
            with session.opened(part, n_context=8, n_threads=1) as running:
                running.feed(np.zeros(1, np.int32))
    return target


def _config(folder: Path) -> Any:
    from transformers import AutoConfig

    try:
        config = AutoConfig.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ConvertError(
            f"transformers cannot read {folder / 'config.json'}: {str(error).splitlines()[0]}"
        ) from error
    if config.hidden_act not in ("silu", "swish"):
        raise ConvertError(f"{folder} computes with {config.hidden_act}: llama.cpp does with silu in this architecture")
    if getattr(config, "use_sliding_window", False):
        raise ConvertError(f"{folder} uses a sliding window in some layers: that cannot be converted")
    return config


def _saved_type(folder: Path, weights: Weights) -> str:
    """The type in which most weights have been saved."""
    sizes: dict[str, int] = {}
    for name, dtype in weights.dtypes.items():
        sizes[dtype] = sizes.get(dtype, 0) + math.prod(weights.shapes[name])
    most = max(sizes, key=lambda dtype: sizes[dtype])
    if most not in _BYTES:
        raise ConvertError(f"{folder} holds weights of type {most}: F32, F16 and BF16 can be converted")
    return most


def _write(folder: Path, file: Path, architecture: str, config: Any, weights: Weights, to: str) -> None:
    import gguf

    arch = gguf.MODEL_ARCH[architecture]
    names = _names(folder, gguf.get_tensor_name_map(arch, config.num_hidden_layers), config, weights)
    writer = gguf.GGUFWriter(file, gguf.MODEL_ARCH_NAMES[arch])
    try:
        writer.add_name(folder.resolve().name)
        writer.add_file_type(gguf.LlamaFileType[_FILE_TYPES[to]])
        writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
        _write_shape(writer, config)
        tokenizer.write(folder, writer, n_vocab=config.vocab_size)
        factors = _write_rope(folder, writer, config)
        if factors is not None:
            writer.add_tensor_info("rope_freqs.weight", factors.shape, factors.dtype, factors.nbytes)
        for name, found in names.items():
            kind, shape = _type(weights.shapes[name], to), weights.shapes[name]
            n_bytes = math.prod(shape) * _BYTES[kind]
            writer.add_tensor_info(found, shape, np.dtype(np.float32), n_bytes, gguf.GGMLQuantizationType[kind])
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_ti_data_to_file()
        if factors is not None:
            writer.write_tensor_data(factors)
        for name in names:
            tensor = _tensor(architecture, config, weights, name)
            kind = _type(tensor.shape, to)
            if kind == "F16" and tensor.abs().max() > np.finfo(np.float16).max:
                raise ConvertError(f"{name} has weights beyond what F16 can hold: ask for BF16 or F32")
            writer.write_tensor_data(gguf.quants.quantize(tensor.numpy(), gguf.GGMLQuantizationType[kind]))
    finally:
        writer.close()


def _head_width(config: Any) -> int:
    return getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads


def _write_shape(writer: Any, config: Any) -> None:
    window = getattr(config, "sliding_window", None) or config.max_position_embeddings
    writer.add_context_length(min(config.max_position_embeddings, window))
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_key_length(_head_width(config))
    writer.add_value_length(_head_width(config))
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_dimension_count(_head_width(config))
    writer.add_vocab_size(config.vocab_size)


def _write_rope(folder: Path, writer: Any, config: Any) -> np.ndarray | None:
    """The rotation's base and scaling; factors for each frequency where there are any (Llama 3.1 and later)."""
    import gguf

    rope = getattr(config, "rope_parameters", None) or {
        "rope_theta": getattr(config, "rope_theta", 10_000.0),
        **(getattr(config, "rope_scaling", None) or {}),
    }
    base, kind = rope["rope_theta"], rope.get("rope_type", rope.get("type", "default"))
    if rope.get("partial_rotary_factor", 1) != 1:
        raise ConvertError(f"{folder} rotates a part of each head: that cannot be converted")
    writer.add_rope_freq_base(base)
    if kind == "linear":
        writer.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
        writer.add_rope_scaling_factor(rope["factor"])
    elif kind == "llama3":
        from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

        scaled, _ = ROPE_INIT_FUNCTIONS["llama3"](config, "cpu")
        width = _head_width(config)
        return (base ** (-np.arange(0, width, 2) / width) / scaled.double().numpy()).astype(np.float32)
    elif kind != "default":
        raise ConvertError(f"{folder} scales its rotations by {kind!r}: that cannot be converted")
    return None


def _names(folder: Path, known: Any, config: Any, weights: Weights) -> dict[str, str]:
    """By transformers' name of a tensor: llama.cpp's."""
    tied = {"lm_head.weight"} if config.tie_word_embeddings else set()
    wanted = [name for name in weights.shapes if name not in tied and not name.endswith("rotary_emb.inv_freq")]
    names = {name: known.get_name(name, try_suffixes=(".weight", ".bias")) for name in wanted}
    if unknown := [name for name, found in names.items() if found is None]:
        raise ConvertError(f"{folder} has a tensor {unknown[0]}, which llama.cpp has no name for")
    return names


def _type(shape: Sequence[int], to: str) -> str:
    return "F32" if len(shape) == 1 else to


def _tensor(architecture: str, config: Any, weights: Weights, name: str) -> "torch.Tensor":
    heads = {"q_proj": config.num_attention_heads, "k_proj": config.num_key_value_heads}
    part = name.split(".")[-2]
    if architecture == "LLAMA" and part in heads:
        return _interleaved(weights[name], heads[part]).contiguous()
    return weights[name].contiguous()


def _interleaved(rows: "torch.Tensor", n_heads: int) -> "torch.Tensor":
    """Rows i and i + d/2 of each head as rows 2i and 2i + 1."""
    return rows.reshape(n_heads, 2, -1, *rows.shape[1:]).swapaxes(1, 2).reshape(rows.shape)
