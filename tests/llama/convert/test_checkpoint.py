"""Folders of which the parts disagree: converted to what transformers computes of them, or refused in one line."""

import json
import os
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM

from course.llama import convert, tensors
from course.llama.errors import LlamaError
from tests.llama import tiny_models
from tests.llama.convert import logits
from tests.llama.convert.folders import edit, edit_weights

LAYER = "model.layers.0.self_attn"
CONFIG = {"file": "config.json"}


def own_head(folder: Path) -> None:
    edit(folder, tie_word_embeddings=True, **CONFIG)


def copied_head(folder: Path) -> None:
    edit(folder, tie_word_embeddings=True, **CONFIG)
    edit_weights(folder, lambda w: w.update({"lm_head.weight": w["model.embed_tokens.weight"].clone()}))


def without_prefix(folder: Path) -> None:
    """As the model is saved without its head."""

    def rename(weights: dict[str, torch.Tensor]) -> None:
        del weights["lm_head.weight"]
        for name in list(weights):
            weights[name.removeprefix("model.")] = weights.pop(name)

    edit(folder, tie_word_embeddings=True, **CONFIG)
    edit_weights(folder, rename)


def mixed_types(folder: Path) -> None:
    def cast(weights: dict[str, torch.Tensor]) -> None:
        for name, tensor in weights.items():
            kind = torch.float32 if "norm" in name else torch.float64 if "v_proj" in name else torch.bfloat16
            weights[name] = tensor.to(kind)

    edit_weights(folder, cast)


def both_bases(folder: Path) -> None:
    edit(folder, rope_theta=500_000.0, rope_parameters={"rope_type": "default", "rope_theta": 20_000.0}, **CONFIG)


def old_base(folder: Path) -> None:
    edit(folder, rope_theta=500_000.0, rope_parameters=None, dtype=None, torch_dtype="float32", **CONFIG)


def old_rotations(folder: Path) -> None:
    edit_weights(folder, lambda w: w.update({f"{LAYER}.rotary_emb.inv_freq": torch.ones(8)}))


def old_shards(folder: Path) -> None:
    """What an earlier save in several files has left behind."""
    other = AutoModelForCausalLM.from_pretrained(tiny_models.save(folder.with_name("other"), seed=1))
    other.save_pretrained(folder.with_name("parts"), max_shard_size="60KB")
    for file in folder.with_name("parts").glob("model*"):
        shutil.copy(file, folder)


CONVERTED = {
    "tied, with a copy as head": copied_head,
    "names without their prefix": without_prefix,
    "types mixed": mixed_types,
    "the base where it was once": old_base,
    "rotations saved": old_rotations,
    "shards left from another save": old_shards,
    "code of its own for a known type": lambda f: edit(
        f, auto_map={"AutoModelForCausalLM": "own_code.Model"}, **CONFIG
    ),
}


@pytest.mark.parametrize("what", CONVERTED)
def test_what_transformers_loads_is_converted_to_the_same(what, tiny, tmp_path):
    folder = shutil.copytree(tiny, tmp_path / "model")
    CONVERTED[what](folder)
    expected = logits.of_torch(folder)
    found = logits.of_llama_cpp(convert.convert(folder, tmp_path / "model.gguf", to="F32"))
    np.testing.assert_allclose(found, expected, atol=1e-3, rtol=0)


def test_a_head_of_its_own_counts_whatever_the_configuration_says(tiny, tmp_path):
    folder = shutil.copytree(tiny, tmp_path / "model")
    own_head(folder)
    found = logits.of_llama_cpp(convert.convert(folder, tmp_path / "model.gguf", to="F32"))
    np.testing.assert_allclose(found, logits.of_torch(tiny), atol=1e-3, rtol=0)


def test_of_two_bases_of_the_rotations_none_is_taken_that_transformers_does_not_take(tiny, tmp_path):
    folder = shutil.copytree(tiny, tmp_path / "model")
    both_bases(folder)
    try:
        file = convert.convert(folder, tmp_path / "model.gguf", to="F32")
    except LlamaError as refused:  # before transformers 5, which reads the newer key
        assert "would rotate by other frequencies" in str(refused)
    else:
        np.testing.assert_allclose(logits.of_llama_cpp(file), logits.of_torch(folder), atol=1e-3, rtol=0)


def test_weights_in_several_files_are_one_model(tiny, tmp_path):
    folder = shutil.copytree(tiny, tmp_path / "model", ignore=shutil.ignore_patterns("*.safetensors"))
    AutoModelForCausalLM.from_pretrained(tiny).save_pretrained(folder, max_shard_size="60KB")
    shards = sorted(folder.glob("model-*.safetensors"))
    assert len(shards) > 2
    convert.convert(folder, tmp_path / "parts.gguf")
    convert.convert(tiny, tmp_path / "whole.gguf")
    parts, whole = ({t.name: t.n_bytes for t in tensors.read(tmp_path / f"{name}.gguf")} for name in ("parts", "whole"))
    assert parts == whole
    index = folder / "model.safetensors.index.json"
    known = json.loads(index.read_text())
    fewer = {name: file for name, file in known["weight_map"].items() if file != shards[1].name}
    for broken, said in (
        (known | {"weight_map": fewer}, "lacks weights that its config.json tells of: model"),
        (known | {"weight_map": [1]}, r"index\.json is broken"),
        ([], r"index\.json is broken \(a list\)"),
    ):
        index.write_text(json.dumps(broken))
        with pytest.raises(LlamaError, match=said):
            convert.convert(folder, tmp_path / "lacking.gguf")
    index.write_text(json.dumps(known))
    shards[1].unlink()
    with pytest.raises(LlamaError, match=r"model-00002-of-.*is missing or broken"):
        convert.convert(folder, tmp_path / "lacking.gguf")


def without_head(folder: Path) -> None:
    edit_weights(folder, lambda w: w.pop("lm_head.weight"))


def grown_embedding(folder: Path) -> None:
    more = torch.zeros(8, 64)
    edit_weights(
        folder, lambda w: w.update({"model.embed_tokens.weight": torch.cat([w["model.embed_tokens.weight"], more])})
    )


def broken_number(number: float):
    def breaking(folder: Path) -> None:
        edit_weights(folder, lambda w: w["model.layers.1.mlp.up_proj.weight"][3].fill_(number))

    return breaking


def add(name: str, *shape: int, dtype: torch.dtype = torch.float32):
    return lambda folder: edit_weights(folder, lambda w: w.update({name: torch.ones(shape, dtype=dtype)}))


def adapter(folder: Path) -> None:
    (folder / "adapter_config.json").write_text("{}")


REFUSED = {
    "no folder": (shutil.rmtree, "is no folder saved by transformers: config.json: No such file"),
    "no weights": (lambda f: (f / "model.safetensors").unlink(), r"holds no model\.safetensors"),
    "weights cut off": (lambda f: os.truncate(f / "model.safetensors", 3000), r"safetensors is missing or broken"),
    "weights elsewhere": (
        lambda f: (f / "model.safetensors").write_text("version https://git-lfs"),
        "is missing or br",
    ),
    "a broken configuration": (lambda f: (f / "config.json").write_text("{"), r"config\.json is broken \(Expecting"),
    "a configuration of another kind": (lambda f: (f / "config.json").write_text("[]"), r"is broken \(a list\)"),
    "a byte order mark": (
        lambda f: (f / "config.json").write_bytes(b"\xef\xbb\xbf" + (f / "config.json").read_bytes()),
        r"config\.json is broken \(Unexpected UTF-8 BOM",
    ),
    "no architecture": (lambda f: edit(f, architectures=[], **CONFIG), "names no architecture"),
    "no name of an architecture": (lambda f: edit(f, architectures=[[1]], **CONFIG), "names no architecture"),
    "another architecture": (
        lambda f: edit(f, architectures=["GPT2LMHeadModel"], **CONFIG),
        "is a GPT2LMHeadModel: only LlamaForCausalLM, MistralForCausalLM",
    ),
    "another type": (lambda f: edit(f, model_type="mistral", **CONFIG), "is a LlamaForCausalLM of type mistral: only"),
    "an adapter": (adapter, r"holds a LoRA adapter: merge it into its model first"),
    "quantized weights": (lambda f: edit(f, quantization_config={}, **CONFIG), "holds quantized weights"),
    "another activation": (lambda f: edit(f, hidden_act="gelu", **CONFIG), "computes with gelu"),
    "another rotation": (
        lambda f: edit(f, rope_parameters={"rope_type": "yarn", "factor": 2.0, "rope_theta": 1e4}, **CONFIG),
        "scales its rotations by 'yarn'",
    ),
    "words for numbers": (lambda f: edit(f, hidden_size="wide", **CONFIG), r"config\.json"),
    "nonsense": (lambda f: edit(f, num_attention_heads=0, **CONFIG), r"config\.json"),
    "no epsilon": (lambda f: edit(f, rms_norm_eps=-1.0, **CONFIG), r"is damaged: its attention\.layer_norm_rms_eps"),
    "a layer too many": (
        lambda f: edit(f, num_hidden_layers=3, **CONFIG),
        r"lacks weights .*tells of: model\.layers\.2",
    ),
    "a layer too few": (
        lambda f: edit(f, num_hidden_layers=1, **CONFIG),
        r"tells nothing of: model\.layers\.1.* 8 more",
    ),
    "another width": (
        lambda f: edit(f, intermediate_size=128, **CONFIG),
        r"mlp\.gate_proj\.weight has the shape \(96, 64\), and by config\.json \(128, 64\)",
    ),
    "another width of heads": (
        lambda f: edit(f, head_dim=32, **CONFIG),
        r"q_proj\.weight has the shape \(64, 64\), and by config\.json \(128, 64\)",
    ),
    "another number of heads": (
        lambda f: edit(f, num_key_value_heads=4, **CONFIG),
        r"k_proj\.weight has the shape \(32",
    ),
    "fewer tokens than rows": (
        lambda f: edit(f, vocab_size=300, **CONFIG),
        r"embed_tokens\.weight has the shape \(320, 64\), and by config\.json \(300, 64\)",
    ),
    "rows added to one matrix": (grown_embedding, r"embed_tokens\.weight has the shape \(328, 64\)"),
    "untied, without a head": (without_head, r"holds no lm_head\.weight, and .* \(tie_word_embeddings\)"),
    "biases told of that are not there": (
        lambda f: edit(f, attention_bias=True, **CONFIG),
        rf"lacks weights that its config\.json tells of: {LAYER}\.q_proj\.bias and 7 more",
    ),
    "biases not told of": (add(f"{LAYER}.q_proj.bias", 64), rf"tells nothing of: {LAYER}\.q_proj\.bias"),
    "norms of another architecture": (add(f"{LAYER}.q_norm.weight", 16), r"tells nothing of: .*q_norm"),
    "an adapter's matrices in it": (add(f"{LAYER}.q_proj.lora_A.weight", 4, 64), r"tells nothing of: .*lora_A"),
    "whole numbers": (
        add(f"{LAYER}.q_proj.weight", 64, 64, dtype=torch.int8),
        r"q_proj\.weight is of type I8, which are no real weights",
    ),
    "NaN": (broken_number(float("nan")), r"layers\.1\.mlp\.up_proj\.weight has weights that are no numbers \(NaN"),
    "infinite": (broken_number(float("-inf")), r"layers\.1\.mlp\.up_proj\.weight has weights that are no numbers"),
    "a window in some layers": (lambda f: edit(f, use_sliding_window=True, **CONFIG), "uses a sliding window in some"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_converted_says_why_and_leaves_nothing(what, tiny, tmp_path):
    breaking, said = REFUSED[what]
    folder = shutil.copytree(tiny, tmp_path / "model")
    breaking(folder)
    (tmp_path / "out.gguf").write_bytes(b"mine")
    with pytest.raises(LlamaError, match=said) as refused:
        convert.convert(folder, tmp_path / "out.gguf", to="F32", overwrite=True)
    assert "\n" not in str(refused.value)
    assert (tmp_path / "out.gguf").read_bytes() == b"mine"
    assert set(os.listdir(tmp_path)) <= {"model", "out.gguf"}


def test_python_code_of_a_folder_is_never_run_and_nothing_asked(tiny, tmp_path, monkeypatch):
    folder = shutil.copytree(tiny, tmp_path / "model")
    marks = "import pathlib\npathlib.Path('ran').touch()\n"
    own = "from transformers import LlamaConfig\nclass Own(LlamaConfig):\n    model_type = 'own'\n"
    (folder / "own_code.py").write_text(marks + own)
    auto = {
        "AutoConfig": "own_code.Own",
        "AutoModelForCausalLM": "own_code.Own",
        "AutoTokenizer": ["own_code.Own", "own_code.Own"],
    }
    edit(folder, "tokenizer_config.json", auto_map=auto, tokenizer_class="Own")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("builtins.input", lambda *_: pytest.fail("it asked"))
    edit(folder, auto_map=auto, model_type="own", **CONFIG)
    with pytest.raises(LlamaError, match="of type own, computed by Python code of its own, which is never run: only"):
        convert.convert(folder, tmp_path / "out.gguf")
    edit(folder, auto_map=auto, model_type="llama", **CONFIG)
    convert.convert(folder, tmp_path / "out.gguf")
    assert not (tmp_path / "ran").exists() and "own_code" not in sys.modules


def test_transformers_says_nothing_itself(tiny, tmp_path, capfd):
    folder = shutil.copytree(tiny, tmp_path / "model")
    own_head(folder)
    capfd.readouterr()
    convert.convert(folder, tmp_path / "out.gguf")
    assert capfd.readouterr() == ("", "")
