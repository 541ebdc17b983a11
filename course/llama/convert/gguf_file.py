"""A folder saved by transformers, written as a GGUF file for llama.cpp.

What was written is loaded before it gets its name: its tokens, rotations and logits are held against the folder's.
"""

import math
from pathlib import Path
from typing import Any

import numpy as np

from course.llama import output, quantize, session
from course.llama.convert import checkpoint, comparison, tokenizer, weights
from course.llama.convert.architecture import (
    ARCHITECTURES,
    FREQUENCY_FACTORS,
    ConvertError,
    head_width,
    heads_reordered,
    interleaved,
    llama_names,
)
from course.llama.convert.checkpoint import Checkpoint

_BYTES = {"F32": 4, "F16": 2, "BF16": 2}
_FILE_TYPES = {"F32": "ALL_F32", "F16": "MOSTLY_F16", "BF16": "MOSTLY_BF16"}


def convert(folder: Path, target: Path, *, to: str = "F16", overwrite: bool = False) -> Path:
    """Write the model in `folder` to `target`: matrices as `to`, one of quantize.TYPES in any case, vectors as F32.

    Types other than F32, F16, BF16 are made by llama.cpp's quantizer from the weights as they were saved. Returns
    `target`, which is there once the file is whole, loads, and computes what the folder's model computes; one that was
    there before is in the way, unless `overwrite`. Raises LlamaError.
    """
    to = quantize.checked(to)
    with checkpoint.opened(folder) as source:
        first = to if to in _BYTES else _saved_type(source)
        n_bytes = sum(math.prod(source.shape(name)) for name in source.names) * _BYTES[first]
        with output.replacing(target, n_bytes=n_bytes, overwrite=overwrite) as part:
            whole = part if to in _BYTES else part.with_name("whole.gguf")
            _write(source, whole, first)
            tokenizer.check(folder, whole)
            comparison.check(source, whole, to=first)
            if whole is not part:
                quantize.quantize(whole, part, to=to)
                with session.opened(part, n_context=8, n_threads=1) as running:
                    running.feed(np.zeros(1, np.int32))
                    running.logits(1)
    return target


def _saved_type(source: Checkpoint) -> str:
    """The type in which most weights have been saved, or one that holds them."""
    sizes: dict[str, int] = {}
    for name in source.names:
        dtype = source.dtype(name)
        sizes[dtype] = sizes.get(dtype, 0) + math.prod(source.shape(name))
    most = max(sizes, key=lambda dtype: sizes[dtype])
    return most if most in _BYTES else "F32"


def _write(source: Checkpoint, file: Path, to: str) -> None:
    import gguf

    config, architecture = source.config, ARCHITECTURES[source.kind]
    arch = gguf.MODEL_ARCH[architecture.upper()]
    names = llama_names(architecture, source.names, config.num_hidden_layers)
    writer = gguf.GGUFWriter(file, gguf.MODEL_ARCH_NAMES[arch])
    try:
        writer.add_name(_printable(source.folder.resolve().name))
        writer.add_file_type(gguf.LlamaFileType[_FILE_TYPES[to]])
        writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
        _write_shape(writer, config)
        tokenizer.write(source.folder, writer, n_vocab=config.vocab_size)
        factors = _write_rope(source.folder, writer, config)
        if factors is not None:
            writer.add_tensor_info(FREQUENCY_FACTORS, factors.shape, factors.dtype, factors.nbytes)
        for name, found in names.items():
            kind, shape = _type(source.shape(name), to), source.shape(name)
            n_bytes = math.prod(shape) * _BYTES[kind]
            writer.add_tensor_info(found, shape, np.dtype(np.float32), n_bytes, gguf.GGMLQuantizationType[kind])
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_ti_data_to_file()
        if factors is not None:
            writer.write_tensor_data(factors)
        for name in names:
            writer.write_tensor_data(_encoded(source, architecture, name, to))
    finally:
        writer.close()


def _type(shape: tuple[int, ...], to: str) -> str:
    return "F32" if len(shape) == 1 else to


def _encoded(source: Checkpoint, architecture: str, name: str, to: str) -> np.ndarray:
    """A tensor as the file has it, in llama.cpp's order of rows."""
    config = source.config
    heads = heads_reordered(
        architecture, name, n_heads=config.num_attention_heads, n_kv_heads=config.num_key_value_heads
    )
    rows = interleaved(source[name].float(), heads).contiguous().numpy()
    try:
        return weights.encode(rows, _type(rows.shape, to))
    except ConvertError as error:
        raise ConvertError(f"{source.folder}: {name} has {error}") from error


def _write_shape(writer: Any, config: Any) -> None:
    window = getattr(config, "sliding_window", None) or config.max_position_embeddings
    writer.add_context_length(min(config.max_position_embeddings, window))
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_key_length(head_width(config))
    writer.add_value_length(head_width(config))
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_dimension_count(head_width(config))
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
        width = head_width(config)
        return (base ** (-np.arange(0, width, 2) / width) / scaled.double().numpy()).astype(np.float32)
    elif kind != "default":
        raise ConvertError(f"{folder} scales its rotations by {kind!r}: that cannot be converted")
    return None


def _printable(name: str) -> str:
    return name.encode(errors="replace").decode()
