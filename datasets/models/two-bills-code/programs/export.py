"""Write a trained folder as a GGUF file for llama.cpp: matrices in F16, norms in F32.

python export.py FOLDER FILE.gguf
"""

import argparse
import json
from pathlib import Path
from typing import Any

import gguf
import numpy as np
from safetensors.numpy import load_file

_NAMES = {
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}


def export(folder: Path, file: Path) -> None:
    """Write the GGUF file of the model in `folder`. The output head is tied: llama.cpp takes the embedding for it."""
    config = json.loads((folder / "config.json").read_text("utf-8"))
    writer = gguf.GGUFWriter(file, "llama")
    _add_shape(writer, config, json.loads((folder / "training_bill.json").read_text("utf-8"))["name"])
    _add_tokenizer(writer, config, json.loads((folder / "tokenizer.json").read_text("utf-8")))
    heads = {"attn_q": config["num_attention_heads"], "attn_k": config["num_key_value_heads"]}
    for name, weights in load_file(folder / "model.safetensors").items():
        target = _name(name)
        part = target.split(".")[-2]
        if part in heads:
            weights = _interleave(weights, heads[part])
        writer.add_tensor(target, np.ascontiguousarray(weights, np.float32 if weights.ndim == 1 else np.float16))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _add_shape(writer: gguf.GGUFWriter, config: dict[str, Any], name: str) -> None:
    writer.add_name(name)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_rope_dimension_count(config["head_dim"])
    writer.add_rope_freq_base(config["rope_theta"])
    writer.add_vocab_size(config["vocab_size"])


def _add_tokenizer(writer: gguf.GGUFWriter, config: dict[str, Any], tokenizer: dict[str, Any]) -> None:
    """The byte-level BPE; where little text gave fewer merges than rows, the rows left over are unused tokens."""
    special = {token["id"] for token in tokenizer["added_tokens"]}
    tokens = [f"[unused{number}]" for number in range(config["vocab_size"])]
    kinds = [gguf.TokenType.UNUSED] * config["vocab_size"]
    for text, number in tokenizer["model"]["vocab"].items():
        tokens[number] = text
        kinds[number] = gguf.TokenType.CONTROL if number in special else gguf.TokenType.NORMAL
    writer.add_tokenizer_model("gpt2")  # byte-level BPE
    writer.add_tokenizer_pre("gpt-2")  # text is split by GPT-2's regular expression, as tokenizers' ByteLevel does
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    writer.add_token_merges([" ".join(pair) for pair in tokenizer["model"]["merges"]])
    writer.add_bos_token_id(config["bos_token_id"])  # never added, but without it llama.cpp takes token 11
    writer.add_eos_token_id(config["eos_token_id"])
    writer.add_add_bos_token(False)
    writer.add_add_space_prefix(False)


def _name(name: str) -> str:
    """llama.cpp's name of a tensor of transformers."""
    if not name.startswith("model.layers."):
        return {"model.embed_tokens.weight": "token_embd.weight", "model.norm.weight": "output_norm.weight"}[name]
    _, _, layer, rest = name.split(".", 3)
    return f"blk.{layer}.{_NAMES[rest.removesuffix('.weight')]}.weight"


def _interleave(weights: np.ndarray, n_heads: int) -> np.ndarray:
    """Rows of q or k in llama.cpp's order: it turns pair (2i, 2i + 1) of a head, transformers (i, i + d/2)."""
    rows, columns = weights.shape
    return weights.reshape(n_heads, 2, rows // n_heads // 2, columns).swapaxes(1, 2).reshape(rows, columns)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("file", type=Path)
    args = parser.parse_args()
    export(args.folder, args.file)
    print(f"{args.file}: {args.file.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
