"""Folders of transformers become GGUF files: the same logits, the same weights, an answer; nothing is overwritten."""

import os
import shutil
import sys
from collections import namedtuple

import gguf
import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM

from course import models
from course.llama import convert, generate, header, perplexity, quantize, tensors
from course.llama.errors import LlamaError
from tests.llama import tiny_models
from tests.llama.convert import logits

USAGE = namedtuple("USAGE", "total used free")


@pytest.mark.parametrize("kind", logits.KINDS)
def test_logits_are_torch_s(kind, tmp_path):
    name, options = logits.KINDS[kind]
    folder = tiny_models.save(tmp_path / "model", name, **options)
    file = convert.convert(folder, tmp_path / "model.gguf", to="F32")
    expected = logits.of_torch(folder)
    assert expected.std() > 0.5
    np.testing.assert_allclose(logits.of_llama_cpp(file), expected, atol=1e-3, rtol=0)
    assert sorted(os.listdir(tmp_path)) == ["model", "model.gguf"]


@pytest.mark.parametrize(("dtype", "to"), [("float16", "F16"), ("bfloat16", "BF16")])
def test_sixteen_bits_stay_what_they_are(dtype, to, tmp_path):
    folder = tiny_models.save(tmp_path / "model", "Mistral", dtype=getattr(torch, dtype))
    file = convert.convert(folder, tmp_path / "model.gguf", to=to)
    assert set(tensors.types(file)) == {to, "F32"}
    assert header.read(file).metadata["general.file_type"] == quantize.TYPES[to]
    wide = convert.convert(folder, tmp_path / "wide.gguf", to="F32")
    np.testing.assert_allclose(logits.of_llama_cpp(wide), logits.of_torch(folder), atol=1e-3, rtol=0)
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


def test_a_sliding_window_ends_the_context(tmp_path):
    folder = tiny_models.save(tmp_path / "model", "Mistral", sliding_window=64)
    assert header.read(convert.convert(folder, tmp_path / "model.gguf")).context_length == 64


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


@pytest.mark.parametrize("to", ["f32", "Bf16", "q8_0", "Q4_k_M"])
def test_types_are_known_in_any_case(to, tmp_path):
    folder = tiny_models.save(tmp_path / "model", hidden_size=256, intermediate_size=512)
    file = convert.convert(folder, tmp_path / "model.gguf", to=to)
    assert header.read(file).metadata["general.file_type"] == quantize.TYPES[to.upper()]


def test_nothing_is_overwritten_unasked(tiny, tmp_path):
    (tmp_path / "out.gguf").write_bytes(b"mine")
    (tmp_path / "folder.gguf").mkdir()
    (tmp_path / "link.gguf").symlink_to("nowhere")
    for name, said in (
        ("out.gguf", r"out\.gguf is there already, and stays as it is: name another file, or give --force"),
        ("link.gguf", "is there already"),
        ("folder.gguf", "is a folder: name a file in it"),
    ):
        with pytest.raises(LlamaError, match=said):
            convert.convert(tiny, tmp_path / name)
    with pytest.raises(LlamaError, match="is a folder"):
        convert.convert(tiny, tmp_path / "folder.gguf", overwrite=True)
    assert (tmp_path / "out.gguf").read_bytes() == b"mine"
    convert.convert(tiny, tmp_path / "out.gguf", overwrite=True)
    assert tensors.types(tmp_path / "out.gguf")
    assert sorted(os.listdir(tmp_path)) == ["folder.gguf", "link.gguf", "out.gguf"]


def test_a_file_that_comes_meanwhile_stays(tiny, tmp_path, monkeypatch):
    def another(*arguments, **options):
        (tmp_path / "out.gguf").write_bytes(b"mine")

    monkeypatch.setattr(convert.gguf_file.comparison, "check", another)
    with pytest.raises(LlamaError, match=r"out\.gguf is there already"):
        convert.convert(tiny, tmp_path / "out.gguf")
    assert (tmp_path / "out.gguf").read_bytes() == b"mine"


@pytest.mark.skipif(sys.platform != "linux", reason="names are UTF-8 elsewhere")
def test_names_that_are_not_utf_8(tiny, tmp_path):
    name = os.fsdecode(b"caf\xe9")
    file = convert.convert(tiny, tmp_path / f"{name}.gguf")
    small = quantize.quantize(file, tmp_path / f"{name}-q8.gguf", to="Q8_0", n_threads=1)
    assert generate.complete("def mean(", model=small, max_tokens=2, n_threads=1).n_tokens == 2
    folder = shutil.copytree(tiny, tmp_path / name)
    with pytest.raises(LlamaError, match=r"caf\\udce9' is not UTF-8: rename the folder"):
        convert.convert(folder, tmp_path / "out.gguf")
