"""The tensors of published models, by the table `model_shapes`."""

from course import data


def of(name: str) -> dict[str, tuple[int, ...]]:
    """{name: shape} of every tensor of a Llama ("smollm2-135m"), named as Hugging Face does. Raises DataError."""
    s = data.row(f"model_shapes/{name}")
    d, ff, vocab_size, n_layers = (int(s[key]) for key in ("d_model", "d_ff", "vocab_size", "n_layers"))
    q, kv = (int(s[key] * s["head_dim"]) for key in ("n_heads", "n_kv_heads"))
    layer = {
        "self_attn.q_proj": (q, d),
        "self_attn.k_proj": (kv, d),
        "self_attn.v_proj": (kv, d),
        "self_attn.o_proj": (d, q),
        "mlp.gate_proj": (ff, d),
        "mlp.up_proj": (ff, d),
        "mlp.down_proj": (d, ff),
        "input_layernorm": (d,),
        "post_attention_layernorm": (d,),
    }
    layers = {f"model.layers.{i}.{part}.weight": shape for i in range(n_layers) for part, shape in layer.items()}
    head = {} if s["tied"] == "yes" else {"lm_head.weight": (vocab_size, d)}
    return {"model.embed_tokens.weight": (vocab_size, d), **layers, "model.norm.weight": (d,), **head}
