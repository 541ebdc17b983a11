"""The 16-bit copy of the real model, made anew."""

import hashlib

import pytest

from course import models
from course.llama import quantize


def test_an_expansion_is_the_same_file_every_time_and_llama_cpp_is_silent(smollm2, tmp_path, capfd):
    expanded = tmp_path / "f16.gguf"
    quantize.expand(smollm2, expanded)
    assert hashlib.sha256(expanded.read_bytes()).hexdigest() == models.SMOLLM2_F16.sha256
    assert capfd.readouterr() == ("", "")


def test_a_file_that_is_no_model_is_named_with_llama_cpp_s_reason(tmp_path, capfd):
    (tmp_path / "notes.gguf").write_text("these are notes")
    with pytest.raises(quantize.QuantizeError, match=r"from .*notes\.gguf: .*magic"):
        quantize.expand(tmp_path / "notes.gguf", tmp_path / "f16.gguf")
    assert not (tmp_path / "f16.gguf").exists()
    assert capfd.readouterr() == ("", "")
