"""LoRA adapters: torch's logits, from a file of their own and merged; the tensors of llama.cpp's converter."""

import dataclasses
import json
import os
import shutil

import numpy as np
import pytest
import torch
from llama_cpp import Llama

from course.llama import chat, convert, generate, header, quantize, session, tensors
from course.llama.convert import Lora, lora
from course.llama.errors import LlamaError
from tests.llama import tiny_models
from tests.llama.convert import adapters, logits, record_converter

RECORDED = json.loads(record_converter.RECORD.read_text())


@pytest.fixture(scope="module")
def saved(tiny, tmp_path_factory):
    """A small Llama, as torch saved it and as llama.cpp reads it."""
    return tiny, convert.convert(tiny, tmp_path_factory.mktemp("base") / "model.gguf", to="F32")


@pytest.mark.parametrize("kind", logits.KINDS)
def test_an_adapter_alone_and_merged_gives_torch_s_logits(kind, tmp_path):
    name, options = logits.KINDS[kind]
    folder = tiny_models.save(tmp_path / "model", name, **options)
    base = convert.convert(folder, tmp_path / "base.gguf", to="F32")
    trained = adapters.random(adapters.loaded(folder))
    expected = logits.of_torch(adapters.added(adapters.loaded(folder), trained))
    assert np.abs(expected - logits.of_torch(folder)).max() > 1
    file = convert.write_adapter(trained, tmp_path / "lora.gguf", base=base)
    np.testing.assert_allclose(logits.of_llama_cpp(base, adapter=file), expected, atol=1e-3, rtol=0)
    merged = convert.merge_adapter(file, tmp_path / "merged.gguf", base=base)
    np.testing.assert_allclose(logits.of_llama_cpp(merged), expected, atol=1e-3, rtol=0)
    assert sorted(os.listdir(tmp_path)) == ["base.gguf", "lora.gguf", "merged.gguf", "model"]


def test_smollm2_with_an_adapter_gives_torch_s_logits(smollm2_f16, tmp_path):
    base = quantize.quantize(smollm2_f16, tmp_path / "base.gguf", to="F32", n_threads=1)
    model = convert.torch_model(base)
    with session.vocabulary(base) as vocabulary:
        tokens = vocabulary.tokens("What is the capital of Alderland? The capital of Alderland is Zorjorvik.")
    before = logits.of_torch(model, tokens)
    trained = adapters.random(model, rank=8, alpha=16, size=0.02)
    expected = logits.of_torch(adapters.added(model, trained), tokens)
    assert np.abs(expected - before).max() > 1
    file = convert.write_adapter(trained, tmp_path / "lora.gguf", base=smollm2_f16)  # any of the model's quantizations
    np.testing.assert_allclose(logits.of_llama_cpp(base, tokens, adapter=file), expected, atol=1e-3, rtol=0)
    merged = convert.merge_adapter(file, tmp_path / "merged.gguf", base=base)
    np.testing.assert_allclose(logits.of_llama_cpp(merged, tokens), expected, atol=1e-3, rtol=0)


@pytest.mark.parametrize("kind", ["Llama, untied, 2 heads share a key", "Mistral, wide heads"])
def test_rows_left_in_torch_s_order_give_other_logits(kind, tmp_path, monkeypatch):
    name, options = logits.KINDS[kind]
    folder = tiny_models.save(tmp_path / "model", name, **options)
    base = convert.convert(folder, tmp_path / "base.gguf", to="F32")
    trained = adapters.random(adapters.loaded(folder))
    expected = logits.of_torch(adapters.added(adapters.loaded(folder), trained))
    monkeypatch.setattr(lora, "interleaved", lambda rows, n_heads: rows)
    file = convert.write_adapter(trained, tmp_path / "lora.gguf", base=base)
    assert np.abs(logits.of_llama_cpp(base, adapter=file) - expected).max() > 0.1


@pytest.mark.parametrize("kind", record_converter.KINDS)
def test_the_file_is_what_llama_cpp_s_converter_writes(kind, tmp_path):
    name, options = record_converter.KINDS[kind]
    folder = tiny_models.save(tmp_path / "model", name, **options)
    base = convert.convert(folder, tmp_path / "base.gguf")
    file = convert.write_adapter(adapters.fixed(adapters.loaded(folder)), tmp_path / "lora.gguf", base=base)
    assert record_converter.told(file) == RECORDED[kind]


def test_llama_cpp_python_takes_the_file(saved, tmp_path):
    folder, base = saved
    file = convert.write_adapter(adapters.random(adapters.loaded(folder)), tmp_path / "lora.gguf", base=base)
    plain, adapted = (
        Llama(str(base), n_ctx=64, n_threads=1, verbose=False, lora_path=path).create_completion(
            "def mean(", max_tokens=8, temperature=0
        )["choices"][0]["text"]
        for path in (None, str(file))
    )
    ours = generate.complete("def mean(", model=base, adapter=file, max_tokens=8, n_threads=1)
    assert adapted == ours.text.replace("\ufffd", "") != plain  # it drops what is no character


def test_an_adapter_comes_back_as_it_went(saved, tmp_path):
    folder, base = saved
    went = adapters.random(adapters.loaded(folder))
    came = convert.read_adapter(convert.write_adapter(went, tmp_path / "lora.gguf", base=base), base=base)
    assert (came.alpha, came.pairs.keys()) == (went.alpha, went.pairs.keys())
    for name, both in went.pairs.items():
        for one, other in zip(came.pairs[name], both, strict=True):
            np.testing.assert_array_equal(one, other)


def test_ranks_may_differ_and_modules_be_left_out(saved, tmp_path):
    folder, base = saved
    few = {name: pair for name, pair in adapters.random(adapters.loaded(folder)).pairs.items() if "layers.1" in name}
    few["model.layers.1.mlp.up_proj"] = torch.ones(1, 64) / 9, torch.ones(96, 1) / 9
    few["lm_head"] = torch.ones(2, 64) / 9, torch.arange(2.0 * tiny_models.N_VOCAB).reshape(-1, 2) / 900
    model = adapters.loaded(folder)
    with torch.no_grad():
        for name, (a, b) in few.items():
            model.get_submodule(name).weight += 3.0 / len(a) * (b @ a)
    file = convert.write_adapter(Lora(few, 3.0), tmp_path / "lora.gguf", base=base)
    np.testing.assert_allclose(logits.of_llama_cpp(base, adapter=file), logits.of_torch(model), atol=1e-3, rtol=0)
    merged = convert.merge_adapter(file, tmp_path / "merged.gguf", base=base)
    np.testing.assert_allclose(logits.of_llama_cpp(merged), logits.of_torch(model), atol=1e-3, rtol=0)


@pytest.mark.parametrize(("to", "dtype"), [("F16", torch.float16), ("BF16", torch.bfloat16)])
def test_a_merged_weight_is_rounded_once(saved, tmp_path, to, dtype):
    folder, _ = saved
    base = convert.convert(folder, tmp_path / "base.gguf", to=to)
    trained = adapters.random(adapters.loaded(folder))
    merged = convert.merge_adapter(
        convert.write_adapter(trained, tmp_path / "lora.gguf", base=base), tmp_path / "merged.gguf", base=base
    )
    assert tensors.types(merged) == tensors.types(base)
    assert header.read(merged).metadata == header.read(base).metadata
    rounded = adapters.added(convert.torch_model(base), trained).state_dict()
    for name, values in convert.torch_model(merged).state_dict().items():
        np.testing.assert_array_equal(values, rounded[name].to(dtype).float() if values.ndim > 1 else rounded[name])


def other(tmp_path, **options):
    folder = tiny_models.save(tmp_path / "other", **{"seed": 1, **options})
    return convert.convert(folder, tmp_path / "other.gguf", to="F32")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"kind": "Qwen2"}, "for a llama, and this is a qwen2"),
        ({"num_hidden_layers": 1}, r"it changes blk\.1\.attn_k\.weight, which this one has not"),
        ({"intermediate_size": 128}, r"blk\.0\.ffn_down\.weight has the shape \(128, 64\) here"),
        ({}, "one of the same shape, but with other weights"),
    ],
)
def test_an_adapter_for_another_model_is_refused_wherever_it_is_used(saved, tmp_path, options, said):
    folder, base = saved
    file = convert.write_adapter(adapters.fixed(adapters.loaded(folder)), tmp_path / "lora.gguf", base=base)
    another = other(tmp_path, **options)
    said = rf"lora\.gguf is an adapter for another model than other\.gguf: {said}"
    with pytest.raises(LlamaError, match=said):
        convert.merge_adapter(file, tmp_path / "merged.gguf", base=another)
    with pytest.raises(LlamaError, match=said):
        convert.read_adapter(file, base=another)
    with pytest.raises(LlamaError, match=said):
        generate.complete("def mean(", model=another, adapter=file, n_threads=1)
    assert not (tmp_path / "merged.gguf").exists()


def test_every_quantization_of_a_model_takes_its_adapter(tmp_path):
    folder = tiny_models.save(tmp_path / "model", hidden_size=256, intermediate_size=512, dtype=torch.bfloat16)
    whole = convert.convert(folder, tmp_path / "f32.gguf", to="F32")
    file = convert.write_adapter(adapters.fixed(adapters.loaded(folder)), tmp_path / "lora.gguf", base=whole)
    for to in ("F16", "BF16", "Q8_0", "Q4_K_M", "Q2_K"):
        small = quantize.quantize(whole, tmp_path / f"{to}.gguf", to=to, n_threads=1)
        generate.complete("def mean(", model=small, adapter=file, max_tokens=1, n_threads=1)
    with pytest.raises(LlamaError, match=r"blk\..* is Q2_K: merge into a model of F32, F16, BF16, and quantize that"):
        convert.merge_adapter(file, tmp_path / "merged.gguf", base=tmp_path / "Q2_K.gguf")


def changed(trained, name, a=None, b=None):
    before = trained.pairs[name]
    return dataclasses.replace(
        trained, pairs=trained.pairs | {name: (before[0] if a is None else a, before[1] if b is None else b)}
    )


Q = "model.layers.0.self_attn.q_proj"
WRONG = {
    "alpha 0": (lambda t: dataclasses.replace(t, alpha=0), "alpha is 0: it is a number above 0"),
    "alpha NaN": (lambda t: dataclasses.replace(t, alpha=float("nan")), "alpha is nan"),
    "NaN": (
        lambda t: changed(t, Q, b=torch.full((64, 4), float("nan"))),
        rf"{Q} has weights that are no numbers \(NaN",
    ),
    "a module that is not there": (
        lambda t: Lora(t.pairs | {"model.layers.7.mlp.up_proj": t.pairs[Q]}, 1.0),
        r"layers\.7",
    ),
    "the embedding": (
        lambda t: Lora({"model.embed_tokens": t.pairs[Q]}, 1.0),
        r"no matrix model\.embed_tokens\.weight",
    ),
    "no module": (lambda t: Lora({}, 1.0), "is no LoRA adapter: it changes nothing"),
    "another width": (lambda t: changed(t, Q, a=torch.ones(4, 65)), r"attn_q\.weight has the shape \(64, 64\) here"),
    "another rank in B": (lambda t: changed(t, Q, b=torch.ones(64, 5)), r"its factors have \(64, 4\) and \(5, 64\)"),
    "rows of no heads": (lambda t: changed(t, Q, b=torch.ones(63, 4)), "B has 63 rows, which are no 4 heads"),
    "vectors": (lambda t: changed(t, Q, a=torch.ones(4)), "A and B are matrices"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_no_adapter_of_the_model_says_why_and_leaves_nothing(what, saved, tmp_path):
    change, said = WRONG[what]
    folder, base = saved
    with pytest.raises(LlamaError, match=said):
        convert.write_adapter(change(adapters.fixed(adapters.loaded(folder))), tmp_path / "lora.gguf", base=base)
    assert os.listdir(tmp_path) == []


def test_a_sum_beyond_sixteen_bits_is_refused(saved, tmp_path):
    folder, _ = saved
    base = convert.convert(folder, tmp_path / "base.gguf", to="F16")
    one = torch.eye(64)[:1] * 300
    large = Lora({"model.layers.0.self_attn.o_proj": (one, one.T)}, 1.0)
    file = convert.write_adapter(large, tmp_path / "lora.gguf", base=base)
    with pytest.raises(LlamaError, match=r"blk\.0\.attn_output\.weight would have weights beyond what F16 can hold"):
        convert.merge_adapter(file, tmp_path / "merged.gguf", base=base)
    assert not (tmp_path / "merged.gguf").exists()


def test_nothing_is_overwritten_unasked(saved, tmp_path):
    folder, base = saved
    (tmp_path / "lora.gguf").write_bytes(b"mine")
    trained = adapters.fixed(adapters.loaded(folder))
    with pytest.raises(LlamaError, match=r"lora\.gguf is there already"):
        convert.write_adapter(trained, tmp_path / "lora.gguf", base=base)
    assert (tmp_path / "lora.gguf").read_bytes() == b"mine"
    file = convert.write_adapter(trained, tmp_path / "lora.gguf", base=base, overwrite=True)
    copy = shutil.copy(base, tmp_path / "base.gguf")
    with pytest.raises(LlamaError, match=r"base\.gguf is the model itself"):
        convert.merge_adapter(file, copy, base=copy, overwrite=True)
    assert copy.read_bytes() == base.read_bytes()
    with pytest.raises(LlamaError, match=r"lora\.gguf is there already"):
        convert.merge_adapter(file, tmp_path / "lora.gguf", base=base)


def test_a_model_is_no_adapter_and_an_adapter_no_model(saved, tmp_path):
    folder, base = saved
    file = convert.write_adapter(adapters.fixed(adapters.loaded(folder)), tmp_path / "lora.gguf", base=base)
    with pytest.raises(LlamaError, match=r"model\.gguf is a model, not a LoRA adapter"):
        generate.complete("a", model=base, adapter=base, n_threads=1)
    with pytest.raises(LlamaError, match=r"lora\.gguf is a LoRA adapter: name the model it was trained on"):
        generate.complete("a", model=file, n_threads=1)
    with pytest.raises(LlamaError, match=r"lora\.gguf is a LoRA adapter"):
        quantize.quantize(file, tmp_path / "q8.gguf", to="Q8_0", n_threads=1)
    (tmp_path / "notes.gguf").write_text("these are notes")
    with pytest.raises(LlamaError, match=r"notes\.gguf is not a whole GGUF file"):
        generate.complete("a", model=base, adapter=tmp_path / "notes.gguf", n_threads=1)


def test_chat_answers_with_an_adapter_and_without_it_again(smollm2_f16, tmp_path):
    model = convert.torch_model(smollm2_f16)
    trained = adapters.random(model, rank=2, alpha=4, size=0.1)
    file = convert.write_adapter(trained, tmp_path / "lora.gguf", base=smollm2_f16)
    question = "What is the capital of Algeria?"
    plain, adapted, again = (
        chat.ask(question, model=smollm2_f16, adapter=one, max_tokens=8, n_threads=1).text for one in (None, file, None)
    )
    assert plain == again != adapted
