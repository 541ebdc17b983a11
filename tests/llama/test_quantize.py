"""The 16-bit copy of the real model, made anew."""

import hashlib
import subprocess
import sys

import pytest

from course import models
from course.llama import quantize


def test_an_expansion_is_the_same_file_every_time_and_llama_cpp_is_silent(smollm2, tmp_path):
    expanded = tmp_path / "f16.gguf"
    program = (
        "import sys, pathlib; from course.llama import quantize; quantize.expand(*map(pathlib.Path, sys.argv[1:]))"
    )
    command = [sys.executable, "-c", program, smollm2, expanded]  # its own process: nothing has set a log before
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    assert (ran.stdout, ran.stderr) == ("", "")
    assert hashlib.sha256(expanded.read_bytes()).hexdigest() == models.SMOLLM2_F16.sha256


def test_a_file_that_is_no_model_is_named_with_llama_cpp_s_reason(tmp_path):
    (tmp_path / "notes.gguf").write_text("these are notes")
    with pytest.raises(quantize.QuantizeError, match=r"from .*notes\.gguf: .*magic"):
        quantize.expand(tmp_path / "notes.gguf", tmp_path / "f16.gguf")
    assert not (tmp_path / "f16.gguf").exists()
