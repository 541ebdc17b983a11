"""A trained network as a folder that transformers loads, with its bill."""

import json
from pathlib import Path
from typing import Any

import torch
from corpus import END
from network import NORM_EPS, ROPE_THETA, Network, Shape
from safetensors.torch import save_file
from tokenizers import Tokenizer


def write(network: Network, tokenizer: Tokenizer, folder: Path, *, context: int, bill: dict[str, Any]) -> None:
    """Write config.json, tokenizer.json, tokenizer_config.json, model.safetensors (float16) and training_bill.json."""
    tokenizer.save(str(folder / "tokenizer.json"))
    weights = folder / "model.safetensors"
    save_file(_weights(network), weights, metadata={"format": "pt"})
    weights.chmod(0o644)  # safetensors lets nobody else read it
    for name, content in (
        ("config.json", _config(network.shape, context)),
        ("tokenizer_config.json", _tokenizer_config(context)),
        ("training_bill.json", bill),
    ):
        (folder / name).write_text(json.dumps(content, indent=1), encoding="utf-8")


def _weights(network: Network) -> dict[str, torch.Tensor]:
    """The weights under the names of transformers' LlamaForCausalLM. The output head is the embedding."""
    s = network.shape
    named = {"model.embed_tokens.weight": network.embed.weight, "model.norm.weight": network.norm.weight}
    for number, block in enumerate(network.blocks):
        q, k, v = block.qkv.weight.split([n * s.head_dim for n in (s.n_heads, s.n_kv_heads, s.n_kv_heads)])
        gate, up = block.gate_up.weight.chunk(2)
        parts = {
            "input_layernorm": block.norm1.weight,
            "post_attention_layernorm": block.norm2.weight,
            "self_attn.q_proj": q,
            "self_attn.k_proj": k,
            "self_attn.v_proj": v,
            "self_attn.o_proj": block.out.weight,
            "mlp.gate_proj": gate,
            "mlp.up_proj": up,
            "mlp.down_proj": block.down.weight,
        }
        named |= {f"model.layers.{number}.{name}.weight": weights for name, weights in parts.items()}
    return {name: weights.detach().to(torch.float16).contiguous() for name, weights in named.items()}


def _config(shape: Shape, context: int) -> dict[str, Any]:
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "vocab_size": shape.vocab_size,
        "hidden_size": shape.d_model,
        "intermediate_size": shape.d_ff,
        "num_hidden_layers": shape.n_layers,
        "num_attention_heads": shape.n_heads,
        "num_key_value_heads": shape.n_kv_heads,
        "head_dim": shape.head_dim,
        "hidden_act": "silu",
        "rms_norm_eps": NORM_EPS,
        "rope_theta": ROPE_THETA,
        "rope_parameters": {"rope_type": "default", "rope_theta": ROPE_THETA},
        "max_position_embeddings": context,
        "tie_word_embeddings": True,
        "attention_bias": False,
        "mlp_bias": False,
        "bos_token_id": 0,  # llama.cpp's default would be another token; it is never added
        "eos_token_id": 0,
        "torch_dtype": "float16",
        "use_cache": True,
    }


def _tokenizer_config(context: int) -> dict[str, Any]:
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": END,
        "eos_token": END,
        "add_bos_token": False,
        "clean_up_tokenization_spaces": False,
        "model_max_length": context,
    }
