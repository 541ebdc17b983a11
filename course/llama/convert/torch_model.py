"""A GGUF file as a model of transformers, in 32 bits: to be trained on, or compared with."""

from pathlib import Path
from typing import Any

import numpy as np

from course.llama import header
from course.llama.convert import weights
from course.llama.convert.architecture import (
    CLASSES,
    FREQUENCY_FACTORS,
    HEAD,
    ConvertError,
    frequencies,
    halved,
    heads_reordered,
    llama_names,
    model_class,
)
from course.llama.convert.checkpoint import quiet
from course.llama.header import Header

_SHAPE = {
    "context_length": "max_position_embeddings",
    "embedding_length": "hidden_size",
    "block_count": "num_hidden_layers",
    "feed_forward_length": "intermediate_size",
    "attention.head_count": "num_attention_heads",
    "attention.head_count_kv": "num_key_value_heads",
    "attention.layer_norm_rms_epsilon": "rms_norm_eps",
}
_ROTATIONS = ("rope.dimension_count", "rope.freq_base", "rope.scaling.type", "rope.scaling.factor")
_UNDERSTOOD = {*_SHAPE, *_ROTATIONS, "attention.key_length", "attention.value_length", "vocab_size"}


def torch_model(file: Path) -> Any:
    """The model in a GGUF file, of whatever types: a PreTrainedModel in float32, in evaluation mode.

    Its logits are those that llama.cpp computes of the same weights in 32 bits. The tokenizer stays in the file.
    Raises ConvertError for what transformers would compute otherwise, and header.NotAModel.
    """
    import torch

    known = header.read(file)
    if known.is_adapter or known.architecture not in CLASSES:
        what = "LoRA adapter" if known.is_adapter else known.architecture or "file without an architecture"
        raise ConvertError(f"{file} is a {what}: torch gets models of the architectures {', '.join(CLASSES)}")
    kind = CLASSES[known.architecture]
    config = _config(file, known, kind)
    with quiet(), torch.device("meta"):
        model = model_class(kind)(config)
    model.load_state_dict(_state(file, known, model), strict=False, assign=True)
    model.tie_weights()
    rotary = type(model.model.rotary_emb)(config)
    if not np.allclose(frequencies(known, file), rotary.inv_freq, rtol=1e-5, atol=0):
        raise ConvertError(f"{file}: transformers would rotate by other frequencies than llama.cpp")
    model.model.rotary_emb = rotary
    return model.eval()


def _config(file: Path, known: Header, kind: str) -> Any:
    said = known.of_architecture
    if unknown := [key for key in said if key not in _UNDERSTOOD]:
        raise ConvertError(f"{file} says {unknown[0]}, of which transformers' {kind} knows nothing")
    if missing := [key for key in _SHAPE if key not in said and key != "attention.head_count_kv"]:
        raise ConvertError(f"{file} does not say its {missing[0]}")
    there = {one.name: one.shape for one in known.tensors}
    options = {ours: said[theirs] for theirs, ours in _SHAPE.items() if theirs in said}
    options.setdefault("num_key_value_heads", said["attention.head_count"])
    return model_class(kind).config_class(
        **options,
        vocab_size=there.get("token_embd.weight", (0, 0))[1],
        head_dim=known.head_width,
        attention_bias="blk.0.attn_q.bias" in there,
        mlp_bias="blk.0.ffn_up.bias" in there,
        tie_word_embeddings="output.weight" not in there,
        rope_theta=said.get("rope.freq_base", 10_000.0),
        rope_scaling=_scaling(file, known),
        bos_token_id=known.metadata.get("tokenizer.ggml.bos_token_id"),
        eos_token_id=known.metadata.get("tokenizer.ggml.eos_token_id"),
    )


def _scaling(file: Path, known: Header) -> dict[str, Any] | None:
    said = known.of_architecture
    for one in known.tensors:
        if one.name == FREQUENCY_FACTORS:  # in transformers, the one kind of scaling that takes a factor for each
            factors = weights.read(file, one).tolist()
            return {
                "rope_type": "longrope",
                "short_factor": factors,
                "long_factor": factors,
                "attention_factor": 1.0,
                "original_max_position_embeddings": said["context_length"],
            }
    match said.get("rope.scaling.type", "none"):
        case "none":
            return None
        case "linear":
            return {"rope_type": "linear", "factor": said.get("rope.scaling.factor", 1.0)}
        case other:
            raise ConvertError(f"{file} scales its rotations by {other!r}: that cannot be brought to transformers")


def _state(file: Path, known: Header, model: Any) -> dict[str, Any]:
    """By transformers' name: the tensor, in its order of rows."""
    import torch

    config = model.config
    there = {one.name: one for one in known.tensors if one.name != FREQUENCY_FACTORS}
    wanted = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    if config.tie_word_embeddings:
        del wanted[HEAD]
    names = llama_names(known.architecture, wanted, config.num_hidden_layers)
    if missing := [theirs for theirs in names.values() if theirs not in there]:
        raise ConvertError(f"{file} lacks the tensor {missing[0]}")
    if extra := set(there) - set(names.values()):
        raise ConvertError(f"{file} has a tensor {min(extra)}, for which transformers' class has no place")
    found = {}
    for name, theirs in names.items():
        tensor = torch.from_numpy(weights.read(file, there[theirs]))
        if tuple(tensor.shape) != wanted[name]:
            raise ConvertError(
                f"{file}: {theirs} has the shape {tuple(tensor.shape)}, and by the header {wanted[name]}"
            )
        heads = heads_reordered(
            known.architecture, name, n_heads=config.num_attention_heads, n_kv_heads=config.num_key_value_heads
        )
        found[name] = halved(tensor, heads).contiguous()
    return found
