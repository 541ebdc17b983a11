"""FLOP of a training step as PyTorch counts them: it watches every product, on tensors without content."""

from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from course import data
from course.finetuning import layers
from course.finetuning.handed import Forward
from course.finetuning.recipe import Recipe

_SIZES = {
    "hidden_size": "d_model",
    "num_hidden_layers": "n_layers",
    "intermediate_size": "d_ff",
    "num_attention_heads": "n_heads",
    "num_key_value_heads": "n_kv_heads",
    "vocab_size": "vocab_size",
}


def step_flop(forward: Forward | None, *, n_tokens: int, model: str = "smollm2-135m") -> int:
    """FLOP of the forward and backward pass of one sequence; with `forward`, of LoRA on all linear layers.

    The attention is transformers' "eager" one, since the counter overlooks products in the others.
    """
    from transformers import LlamaConfig, LlamaForCausalLM

    row = data.row(f"model_shapes/{model}")
    sizes: dict[str, Any] = {theirs: int(row[ours]) for theirs, ours in _SIZES.items()}
    sizes |= {"tie_word_embeddings": row["tied"] == "yes", "attn_implementation": "eager"}
    with torch.device("meta"):
        network, tokens = LlamaForCausalLM(LlamaConfig(**sizes)), torch.zeros(1, n_tokens, dtype=torch.long)
        if forward:
            layers.attach(network, Recipe(), forward=forward)
        with FlopCounterMode(display=False) as counter:
            network(tokens, labels=tokens).loss.backward()
    return counter.get_total_flops()
