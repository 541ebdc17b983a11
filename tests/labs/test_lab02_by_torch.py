"""Lab 2's answers against models as transformers builds them, PyTorch's counter of FLOP, and a real optimizer."""

import re
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
import transformers as hf
from torch.utils.flop_counter import FlopCounterMode

from course import build, paths
from course.notebook.cells import by_name

SIZES = ("n_layers", "d_model", "n_heads", "n_kv_heads", "d_ff", "vocab_size", "head_dim")
LLAMA = {"gated": True, "tied": False, "bias": "none", "norm": "rms", "qk_norm": False, "n_positions": 0}
GPT2 = {"gated": False, "tied": True, "bias": "all", "norm": "layer", "qk_norm": False, "n_positions": 48}
SHAPES = {
    "shared keys": dict(zip(SIZES, (11, 60, 6, 2, 55, 96, 8), strict=True)) | LLAMA,
    "tied, one layer": dict(zip(SIZES, (1, 32, 4, 4, 40, 50, 8), strict=True)) | LLAMA | {"tied": True},
    "constants everywhere": dict(zip(SIZES, (2, 60, 6, 3, 55, 96, 8), strict=True)) | LLAMA | {"bias": "all"},
    "constants of q, k, v": dict(zip(SIZES, (3, 48, 6, 2, 55, 90, 8), strict=True)) | LLAMA | {"bias": "qkv"},
    "q-k norm": dict(zip(SIZES, (2, 40, 6, 2, 55, 90, 12), strict=True)) | LLAMA | {"qk_norm": True, "tied": True},
    "positions": dict(zip(SIZES, (3, 48, 4, 4, 200, 90, 12), strict=True)) | GPT2,
}


@pytest.fixture(scope="module")
def answers() -> SimpleNamespace:
    """The instructor's functions, by name."""
    notebook = build.instructor_notebook(build.find(paths.PACKAGE.parent, "lab02"))
    names: dict[str, Any] = {"re": re, "np": np}
    for name, cell in by_name(notebook).items():
        if re.fullmatch(r"ex-2-[1-8]", name):
            exec(cell.source, names)
    return SimpleNamespace(**names)


def made(c: dict[str, Any], device: str = "meta") -> Any:
    """A model of that shape, made by transformers."""
    if c["n_positions"]:
        config: Any = hf.GPT2Config(
            n_embd=c["d_model"],
            n_layer=c["n_layers"],
            n_head=c["n_heads"],
            n_positions=c["n_positions"],
            n_inner=c["d_ff"],
            vocab_size=c["vocab_size"],
        )
    else:
        kind = hf.Qwen3Config if c["qk_norm"] else hf.Qwen2Config if c["bias"] == "qkv" else hf.LlamaConfig
        config = kind(
            hidden_size=c["d_model"],
            intermediate_size=c["d_ff"],
            num_hidden_layers=c["n_layers"],
            num_attention_heads=c["n_heads"],
            num_key_value_heads=c["n_kv_heads"],
            head_dim=c["head_dim"],
            vocab_size=c["vocab_size"],
            tie_word_embeddings=c["tied"],
            attention_bias=c["bias"] == "all",
            mlp_bias=c["bias"] == "all",
        )
    with torch.device(device):
        return hf.AutoModelForCausalLM.from_config(config, attn_implementation="eager").eval()


@pytest.mark.parametrize("shape", SHAPES)
def test_parameters_are_those_of_the_model(answers: SimpleNamespace, shape: str) -> None:
    c, model = SHAPES[shape], made(SHAPES[shape])
    counted = answers.count_params(c)
    tables = {p for name, p in model.named_parameters() if re.search(r"embed_tokens|lm_head|wte|wpe", name)}
    embedding = sum(p.numel() for p in tables)
    assert counted["total"] == model.num_parameters()
    assert (counted["embedding"], counted["non_embedding"]) == (embedding, model.num_parameters() - embedding)


@pytest.mark.parametrize("shape", [shape for shape, c in SHAPES.items() if not c["n_positions"]])
def test_a_model_is_read_from_the_names_that_it_is_stored_by(answers: SimpleNamespace, shape: str) -> None:
    c, model = SHAPES[shape], made(SHAPES[shape])
    stored = {name: tuple(p.shape) for name, p in model.named_parameters()}  # a tied head once
    read = answers.config_from_shapes(stored, c["head_dim"])
    assert read == {key: c[key] for key in read}
    attention = [p for name, p in model.named_parameters() if re.search(r"layers\.0\.self_attn\.[qkvo]_proj\.", name)]
    if c["bias"] != "all":
        sizes = (c["d_model"], c["n_heads"], c["n_kv_heads"], c["head_dim"], c["bias"] == "qkv")
        assert answers.attention_params(*sizes) == sum(p.numel() for p in attention)


@pytest.mark.parametrize("shape", SHAPES)
def test_flop_are_those_that_pytorch_counts_in_a_real_pass(answers: SimpleNamespace, shape: str) -> None:
    c, n_tokens = SHAPES[shape], 37
    model = made(c, "cpu")
    with FlopCounterMode(display=False) as counter:
        out = model(torch.arange(n_tokens)[None])
        forward = counter.get_total_flops()
        out.logits.sum().backward()
    assert answers.forward_flop(c, n_tokens) == forward
    assert answers.train_flop_per_token(c, n_tokens) * n_tokens == counter.get_total_flops()
    share = 1 - 6 * (answers.train_flop_per_token(c, 0) / 6) / answers.train_flop_per_token(c, n_tokens)
    assert answers.context_for_share(c, share) == pytest.approx(n_tokens)


def test_pytorchs_counter_leaves_attention_out_by_default_on_a_processor(answers: SimpleNamespace) -> None:
    c = SHAPES["shared keys"]
    model = made(c, "cpu")
    model.set_attn_implementation("sdpa")
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(torch.arange(37)[None])
    between = 4 * c["n_layers"] * c["n_heads"] * c["head_dim"] * 37**2
    assert answers.forward_flop(c, 37) - counter.get_total_flops() == between


@pytest.mark.parametrize("recipe", ["fp32", "mixed"])
def test_training_holds_what_a_real_optimizer_holds(answers: SimpleNamespace, recipe: str) -> None:
    model = made(SHAPES["q-k norm"], "cpu").to(torch.bfloat16 if recipe == "mixed" else torch.float32)
    weights = list(model.parameters())
    masters = [p.detach().float() for p in weights] if recipe == "mixed" else weights
    optimizer = torch.optim.AdamW(masters)
    ids = torch.arange(9)[None]
    model(ids, labels=ids).loss.backward()
    for master, weight in zip(masters, weights, strict=True):
        master.grad = weight.grad.float() if recipe == "mixed" else weight.grad
    optimizer.step()
    held = {
        "weights": weights,
        "grads": [p.grad for p in weights],
        "m": [optimizer.state[p]["exp_avg"] for p in masters],
        "v": [optimizer.state[p]["exp_avg_sq"] for p in masters],
        "master": masters if recipe == "mixed" else [],
    }
    real = {what: sum(tensor.nbytes for tensor in tensors) for what, tensors in held.items()}
    assert answers.training_state_bytes(model.num_parameters(), recipe) == real
