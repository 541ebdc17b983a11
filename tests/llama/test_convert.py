"""Tiny models go from transformers to llama.cpp: the same logits, the same tokens, an answer; and what is refused."""

import json
import os
import shutil
from collections import namedtuple

import gguf
import numpy as np
import pytest
import torch
from tokenizers import pre_tokenizers
from transformers import AutoModelForCausalLM

from course import models
from course.llama import convert, generate, header, perplexity, quantize, session, tensors
from course.llama.errors import LlamaError
from tests.llama import tiny_models

TOKENS = np.random.default_rng(0).integers(1, tiny_models.N_VOCAB - 4, 120, dtype=np.int32)
USAGE = namedtuple("USAGE", "total used free")
KINDS = {
    "Llama, untied, 2 heads share a key": ("Llama", {}),
    "Llama, tied, rows of 256": ("Llama", {"hidden_size": 256, "intermediate_size": 512, "tie_word_embeddings": True}),
    "Llama, biases": ("Llama", {"attention_bias": True, "mlp_bias": True}),
    "Llama, another base": ("Llama", {"rope_theta": 500_000.0}),
    "Llama 3.1's rotations": (
        "Llama",
        {
            "rope_scaling": {
                "rope_type": "llama3",
                "factor": 8.0,
                "low_freq_factor": 1.0,
                "high_freq_factor": 4.0,
                "original_max_position_embeddings": 32,
            }
        },
    ),
    "Llama, rotations slowed down": ("Llama", {"rope_scaling": {"rope_type": "linear", "factor": 4.0}}),
    "Mistral, wide heads": ("Mistral", {"head_dim": 32, "sliding_window": None}),
    "Mistral, tied, rows of 256": ("Mistral", {"hidden_size": 256, "tie_word_embeddings": True, "sliding_window": 128}),
    "Qwen2": ("Qwen2", {}),
    "Qwen3, tied": ("Qwen3", {"head_dim": 32, "tie_word_embeddings": True}),
}


def llama_logits(model, tokens=TOKENS):
    with session.opened(model, n_context=len(tokens), n_threads=1, n_logits=len(tokens), exact=True) as running:
        running.feed(tokens, logits_for=slice(None))
        return running.logits(len(tokens)).copy()


def torch_logits(folder, tokens=TOKENS):
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    with torch.no_grad():
        return model(torch.tensor(tokens[None].astype(int))).logits[0].numpy()


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return tiny_models.save(tmp_path_factory.mktemp("tiny") / "llama")


@pytest.mark.parametrize("kind", KINDS)
def test_logits_are_torch_s(kind, tmp_path):
    name, options = KINDS[kind]
    folder = tiny_models.save(tmp_path / "model", name, **options)
    file = convert.convert(folder, tmp_path / "model.gguf", to="F32")
    expected = torch_logits(folder)
    assert expected.std() > 0.5
    np.testing.assert_allclose(llama_logits(file), expected, atol=1e-3, rtol=0)
    assert sorted(os.listdir(tmp_path)) == ["model", "model.gguf"]


def test_the_logits_of_rows_left_in_order_are_others(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(convert, "_interleaved", lambda rows, n_heads: rows)
    file = convert.convert(tiny, tmp_path / "wrong.gguf", to="F32")
    assert np.abs(llama_logits(file) - torch_logits(tiny)).max() > 0.1


@pytest.mark.parametrize(("dtype", "to"), [("float16", "F16"), ("bfloat16", "BF16")])
def test_sixteen_bits_stay_what_they_are(dtype, to, tmp_path):
    folder = tiny_models.save(tmp_path / "model", "Mistral", dtype=getattr(torch, dtype))
    file = convert.convert(folder, tmp_path / "model.gguf", to=to)
    assert set(tensors.types(file)) == {to, "F32"}
    assert header.read(file).metadata["general.file_type"] == quantize.TYPES[to]
    wide = convert.convert(folder, tmp_path / "wide.gguf", to="F32")
    np.testing.assert_allclose(llama_logits(wide), torch_logits(folder), atol=1e-3, rtol=0)
    narrow, widened = (
        {t.name: gguf.quants.dequantize(t.data, t.tensor_type).ravel() for t in gguf.GGUFReader(one).tensors}
        for one in (file, wide)
    )
    for name in widened:
        np.testing.assert_array_equal(narrow[name], widened[name])


@pytest.mark.parametrize("kind", ["Llama", "Mistral"])
def test_a_tiny_model_is_converted_quantized_and_answers(kind, tmp_path):
    shape = {"hidden_size": 256, "intermediate_size": 512}
    folder = tiny_models.save(tmp_path / "model", kind, dtype=torch.float16, **shape)
    at_once = convert.convert(folder, tmp_path / "at-once.gguf", to="Q4_K_M")
    whole = convert.convert(folder, tmp_path / "f16.gguf")
    in_two = quantize.quantize(whole, tmp_path / "in-two.gguf", to="Q4_K_M", n_threads=1)
    assert at_once.read_bytes() == in_two.read_bytes()
    assert set(tensors.types(at_once)) == {"Q4_K", "Q6_K", "F32"}
    assert generate.complete("def mean(", model=at_once, max_tokens=5, n_threads=1).n_tokens == 5


def test_the_course_s_model_becomes_the_file_that_ships(tmp_path, code):
    ours = convert.convert(models.folder_of("two-bills-code"), tmp_path / "model.gguf")
    found, shipped = (
        {t.name: (t.type, t.shape, file.read_bytes()[t.offset : t.offset + t.n_bytes]) for t in tensors.read(file)}
        for file in (ours, code)
    )
    assert found == shipped
    texts = models.held_out("two-bills-code")
    np.testing.assert_array_equal(perplexity.tokens(ours, texts), perplexity.tokens(code, texts))


@pytest.mark.parametrize("split", tiny_models.PRE_TOKENIZERS)
def test_tokens_are_the_tokenizer_s_however_it_splits(split, tiny, tmp_path):
    folder = shutil.copytree(tiny, tmp_path / "model")
    tiny_models.save_tokenizer(folder, tiny_models.PRE_TOKENIZERS[split])
    file = convert.convert(folder, tmp_path / "model.gguf")
    assert header.read(file).metadata["tokenizer.ggml.pre"] == split


def test_a_tokenizer_that_begins_texts_still_does_and_added_words_stay_whole(tiny, tmp_path):
    from tokenizers import Tokenizer
    from tokenizers.processors import TemplateProcessing

    folder = shutil.copytree(tiny, tmp_path / "model")
    known = Tokenizer.from_file(str(folder / "tokenizer.json"))
    known.post_processor = TemplateProcessing(single="<|end|> $A", special_tokens=[("<|end|>", 0)])
    known.add_tokens(["mean_of_all"])
    known.add_special_tokens(["<|turn|>"])
    known.save(str(folder / "tokenizer.json"))
    file = convert.convert(folder, tmp_path / "model.gguf")
    text = "x = mean_of_all(1)<|turn|>"
    with session.vocabulary(file) as vocabulary:
        assert (vocabulary.adds_begin, vocabulary.adds_end, vocabulary.begin) == (True, False, 0)
        assert vocabulary.tokens(text, special=True).tolist() == known.encode(text).ids
        assert len(vocabulary.tokens("<|turn|>")) > 2  # as text it is none


def test_a_chat_template_goes_along(tiny, tmp_path):
    folder = shutil.copytree(tiny, tmp_path / "model")
    (folder / "chat_template.jinja").write_text("{{ messages[0].content }}")
    file = convert.convert(folder, tmp_path / "model.gguf")
    assert header.read(file).metadata["tokenizer.chat_template"] == "{{ messages[0].content }}"


def test_a_sliding_window_ends_the_context(tmp_path):
    folder = tiny_models.save(tmp_path / "model", "Mistral", sliding_window=64)
    assert header.read(convert.convert(folder, tmp_path / "model.gguf")).context_length == 64


def test_weights_in_several_files_are_one_model(tiny, tmp_path):
    model = AutoModelForCausalLM.from_pretrained(tiny)
    folder = shutil.copytree(tiny, tmp_path / "model")
    (folder / "model.safetensors").unlink()
    model.save_pretrained(folder, max_shard_size="60KB")
    shards = sorted(folder.glob("model-*.safetensors"))
    assert len(shards) > 2
    convert.convert(folder, tmp_path / "parts.gguf")
    convert.convert(tiny, tmp_path / "whole.gguf")
    parts, whole = ({t.name: t.n_bytes for t in tensors.read(tmp_path / f"{name}.gguf")} for name in ("parts", "whole"))
    assert parts == whole
    shards[1].unlink()
    with pytest.raises(LlamaError, match=r"model-00002-of-.*is missing or broken"):
        convert.convert(folder, tmp_path / "lacking.gguf")


def edit(folder, file, **changes):
    content = json.loads((folder / file).read_text())
    (folder / file).write_text(json.dumps(content | changes))


BROKEN = {
    "no folder": (shutil.rmtree, "is no folder saved by transformers: config.json: No such file"),
    "no weights": (lambda f: (f / "model.safetensors").unlink(), r"holds no model\.safetensors"),
    "weights cut off": (
        lambda f: os.truncate(f / "model.safetensors", 3000),
        r"model\.safetensors is missing or broken",
    ),
    "broken config": (lambda f: (f / "config.json").write_text("{"), "names no architecture"),
    "no architecture": (lambda f: edit(f, "config.json", architectures=None), "names no architecture"),
    "another architecture": (
        lambda f: edit(f, "config.json", architectures=["GPT2LMHeadModel"]),
        "is a GPT2LMHeadModel: only LlamaForCausalLM, MistralForCausalLM",
    ),
    "quantized weights": (lambda f: edit(f, "config.json", quantization_config={}), "holds quantized weights"),
    "another activation": (lambda f: edit(f, "config.json", hidden_act="gelu"), "computes with gelu"),
    "another rotation": (
        lambda f: edit(f, "config.json", rope_parameters={"rope_type": "yarn", "factor": 2.0, "rope_theta": 1e4}),
        "scales its rotations by 'yarn'",
    ),
    "a layer too many": (lambda f: edit(f, "config.json", num_hidden_layers=3), "cannot be loaded: .*blk.2"),
    "a layer too few": (lambda f: edit(f, "config.json", num_hidden_layers=1), r"a tensor model\.layers\.1"),
    "another width": (lambda f: edit(f, "config.json", intermediate_size=128), "cannot be loaded: .*wrong shape"),
    "no tokenizer": (lambda f: (f / "tokenizer.json").unlink(), r"tokenizer\.json: No such file"),
    "a broken tokenizer": (lambda f: (f / "tokenizer.json").write_text("[]"), "is broken"),
    "SentencePiece": (
        lambda f: edit(f, "tokenizer.json", model={"type": "BPE", "byte_fallback": True, "vocab": {}, "merges": []}),
        "of kind SentencePiece: only byte-level BPE",
    ),
    "Unigram": (lambda f: edit(f, "tokenizer.json", model={"type": "Unigram"}), "of kind Unigram"),
    "another split": (
        lambda f: edit(f, "tokenizer.json", pre_tokenizer={"type": "Whitespace"}),
        'splits texts by {"type": "Whitespace"}, which cannot be converted',
    ),
    "a space before each text": (
        lambda f: tiny_models.save_tokenizer(f, pre_tokenizers.ByteLevel(add_prefix_space=True)),
        "llama.cpp gives .* other tokens",
    ),
    "more tokens than rows": (lambda f: edit(f, "config.json", vocab_size=100), "the model only 100"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_what_cannot_be_converted_says_why_and_leaves_nothing(what, tiny, tmp_path):
    breaking, said = BROKEN[what]
    folder = shutil.copytree(tiny, tmp_path / "model")
    breaking(folder)
    (tmp_path / "out.gguf").write_bytes(b"mine")
    with pytest.raises(LlamaError, match=said):
        convert.convert(folder, tmp_path / "out.gguf")
    assert (tmp_path / "out.gguf").read_bytes() == b"mine"
    assert set(os.listdir(tmp_path)) <= {"model", "out.gguf"}


def test_an_unknown_type_is_refused(tiny, tmp_path):
    with pytest.raises(LlamaError, match="no type 'Q9'; the types are: F32, F16"):
        convert.convert(tiny, tmp_path / "out.gguf", to="Q9")


def test_weights_beyond_sixteen_bits_are_refused(tmp_path):
    folder = tiny_models.save(tmp_path / "model")
    model = AutoModelForCausalLM.from_pretrained(folder)
    with torch.no_grad():
        model.model.layers[1].mlp.down_proj.weight[3, 5] = -1e6
    model.save_pretrained(folder)
    with pytest.raises(LlamaError, match=r"layers\.1\.mlp\.down_proj\.weight has weights beyond .* F16"):
        convert.convert(folder, tmp_path / "out.gguf")
    assert os.listdir(tmp_path) == ["model"]
    convert.convert(folder, tmp_path / "out.gguf", to="BF16")


def test_no_space_is_said_before_anything_is_written(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: USAGE(10**9, 10**9, 1000))
    with pytest.raises(LlamaError, match=r"no space for .*out\.gguf"):
        convert.convert(tiny, tmp_path / "out.gguf")
    assert os.listdir(tmp_path) == []
