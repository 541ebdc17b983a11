"""Files written by llama.cpp's quantizer: what they hold, and that a refusal leaves nothing."""

import hashlib
import os
import shutil
import subprocess
import sys
from collections import namedtuple

import llama_cpp
import pytest

from course import models
from course.llama import log, quantize, tensors
from course.llama.errors import LlamaError
from course.llama.quantize import QuantizeError

USAGE = namedtuple("USAGE", "total used free")


def test_an_expansion_is_the_same_file_every_time_and_llama_cpp_is_silent(smollm2, tmp_path):
    expanded = tmp_path / "f16.gguf"
    program = (
        "import sys, pathlib; from course.llama import quantize; quantize.expand(*map(pathlib.Path, sys.argv[1:]))"
    )
    command = [sys.executable, "-c", program, smollm2, expanded]  # its own process: nothing has set a log before
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    assert (ran.stdout, ran.stderr) == ("", "")
    assert hashlib.sha256(expanded.read_bytes()).hexdigest() == models.SMOLLM2_F16.sha256


def test_k_quants_of_the_course_s_model_are_k_quants(code, tmp_path):
    target = quantize.quantize(code, tmp_path / "q4.gguf", to="Q4_K_M", n_threads=1)
    assert set(tensors.types(target)) == {"Q4_K", "Q6_K", "F32"}
    assert 4.5 < tensors.bits_per_weight(target) < 6
    assert os.listdir(tmp_path) == ["q4.gguf"]


def test_pure_gives_every_matrix_the_type(code, tmp_path):
    mixed, pure = (
        quantize.quantize(code, tmp_path / name, to="Q4_0", pure=name == "pure", n_threads=1)
        for name in ("mixed", "pure")
    )
    assert set(tensors.types(pure)) == {"Q4_0", "F32"}
    assert set(tensors.types(mixed)) == {"Q4_0", "Q6_K", "F32"}


def test_every_type_has_a_block(code):
    for to in quantize.TYPES:
        assert quantize._type(to) in quantize._BLOCKS, to


def test_weights_are_quantized_twice_only_when_asked(smollm2, tmp_path):
    with pytest.raises(QuantizeError, match="requantizing from type q4_1 is disabled"):
        quantize.quantize(smollm2, tmp_path / "q8.gguf", to="Q8_0", n_threads=1)
    assert os.listdir(tmp_path) == []
    quantize.quantize(smollm2, tmp_path / "q8.gguf", to="Q8_0", requantize=True, n_threads=1)
    assert tensors.types(tmp_path / "q8.gguf") == {"Q8_0": 211, "F32": 61}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"to": "Q4_X"}, r"no type 'Q4_X'; the types are: F32, F16, Q4_0.*Q4_K_M"),
        ({"to": "IQ2_XXS", "n_threads": 1}, "imatrix"),
        ({"to": "Q8_0", "n_threads": 0}, "0 threads: this machine has"),
        ({"to": "Q8_0", "n_threads": 10_000}, "10,000 threads: this machine has"),
    ],
)
def test_a_refusal_says_why_and_keeps_what_was_there(code, tmp_path, options, said):
    (tmp_path / "out.gguf").write_bytes(b"mine")
    with pytest.raises(LlamaError, match=said):
        quantize.quantize(code, tmp_path / "out.gguf", overwrite=True, **options)
    assert (tmp_path / "out.gguf").read_bytes() == b"mine"
    assert os.listdir(tmp_path) == ["out.gguf"]


def test_nothing_is_overwritten_unasked(code, tmp_path):
    (tmp_path / "out.gguf").write_bytes(b"mine")
    with pytest.raises(LlamaError, match=r"out\.gguf is there already, and stays as it is: name another file, or give"):
        quantize.quantize(code, tmp_path / "out.gguf", to="Q8_0", n_threads=1)
    assert (tmp_path / "out.gguf").read_bytes() == b"mine"
    quantize.quantize(code, tmp_path / "out.gguf", to="Q8_0", overwrite=True, n_threads=1)
    assert tensors.types(tmp_path / "out.gguf")["Q8_0"] > 1
    with pytest.raises(LlamaError, match="is a folder: name a file in it"):
        quantize.quantize(code, tmp_path, to="Q8_0", overwrite=True, n_threads=1)
    assert os.listdir(tmp_path) == ["out.gguf"]


def test_a_type_is_known_in_any_case(code, tmp_path):
    one, other = (quantize.quantize(code, tmp_path / to, to=to, n_threads=1) for to in ("Q4_K_M", "q4_k_m"))
    assert one.read_bytes() == other.read_bytes()


def test_a_row_that_is_no_multiple_of_the_block_is_named(smollm2, tmp_path):
    with pytest.raises(QuantizeError, match=r"token_embd\.weight has rows of 576, no multiple of the 256 of Q4_K"):
        quantize.quantize(smollm2, tmp_path / "q4.gguf", to="Q4_K_M", pure=True, requantize=True)
    assert os.listdir(tmp_path) == []


def test_the_target_is_not_the_source_by_whatever_name(code, tmp_path):
    source = tmp_path / "model.gguf"
    shutil.copy(code, source)
    (tmp_path / "soft.gguf").symlink_to(source)
    os.link(source, tmp_path / "hard.gguf")
    (tmp_path / "sub").mkdir()
    for name in ("model.gguf", "soft.gguf", "hard.gguf", "sub/../model.gguf"):
        with pytest.raises(QuantizeError, match="is the source itself"):
            quantize.quantize(source, tmp_path / name, to="Q8_0")
    assert source.read_bytes() == code.read_bytes()


@pytest.mark.parametrize("content", [b"these are notes", b""])
def test_a_file_that_is_no_model_is_named(tmp_path, content):
    (tmp_path / "notes.gguf").write_bytes(content)
    with pytest.raises(LlamaError, match=r"notes\.gguf is not a whole GGUF file"):
        quantize.quantize(tmp_path / "notes.gguf", tmp_path / "f16.gguf", to="F16")
    assert os.listdir(tmp_path) == ["notes.gguf"]


def test_an_unknown_architecture_is_llama_cpp_s_to_name(code, tmp_path):
    content = code.read_bytes().replace(b"\x05\0\0\0\0\0\0\0llama", b"\x05\0\0\0\0\0\0\0trama", 1)
    (tmp_path / "odd.gguf").write_bytes(content)
    with pytest.raises(QuantizeError, match="unknown model architecture: 'trama'"):
        quantize.quantize(tmp_path / "odd.gguf", tmp_path / "q8.gguf", to="Q8_0", n_threads=1)
    assert os.listdir(tmp_path) == ["odd.gguf"]


def test_no_space_is_said_before_anything_is_written(code, tmp_path, monkeypatch):
    monkeypatch.setattr(llama_cpp, "llama_model_quantize", lambda *_: pytest.fail("it began"))
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: USAGE(10**9, 10**9 - 10**6, 10**6))
    with pytest.raises(LlamaError, match=r"no space for .*q8\.gguf: it takes 4 MB and 1 MB are left there"):
        quantize.quantize(code, tmp_path / "q8.gguf", to="Q8_0")
    assert os.listdir(tmp_path) == []


def test_a_disk_that_fills_on_the_way_says_so_and_leaves_nothing(code, tmp_path, monkeypatch):
    left = iter([10**9, 0, 0])
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: USAGE(10**9, 0, next(left)))

    def full(source, target, options):
        with open(target, "wb") as file:
            file.write(b"GGUF")
        return 1

    monkeypatch.setattr(llama_cpp, "llama_model_quantize", full)
    with pytest.raises(LlamaError, match=r"no space for .*q8\.gguf"):
        quantize.quantize(code, tmp_path / "q8.gguf", to="Q8_0")
    assert os.listdir(tmp_path) == []


def test_a_target_without_a_folder_is_named(code, tmp_path):
    with pytest.raises(LlamaError, match=r"nowhere/q8\.gguf cannot be written: No such file"):
        quantize.quantize(code, tmp_path / "nowhere" / "q8.gguf", to="Q8_0")


def test_an_error_belongs_to_the_call_it_came_from(code, tmp_path):
    with pytest.raises(QuantizeError):
        quantize.quantize(code, tmp_path / "a.gguf", to="IQ1_S", n_threads=1)
    log.forget()
    assert (log.last_error(), log.final_error()) == ("", "")
