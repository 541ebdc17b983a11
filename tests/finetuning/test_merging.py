"""An adapter in a model's file, by somebody's function."""

from pathlib import Path

import numpy as np
import pytest
import torch

from course.finetuning import merging
from course.llama.convert import gguf_file
from course.llama.convert.lora import Lora, merge_adapter, write_adapter
from course.llama.convert.torch_model import torch_model
from tests.llama import tiny_models
from tests.llama.convert import adapters


def merge(w, a, b, alpha, n_heads):
    if n_heads:
        b = b.reshape(n_heads, 2, -1, b.shape[1]).swapaxes(1, 2).reshape(b.shape)
    return (w.astype(np.float32) + np.float32(alpha / len(a)) * (b @ a)).astype(np.float16)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tiny_models.save(tmp_path_factory.mktemp("base") / "llama")
    return gguf_file.convert(folder, folder.parent / "base.gguf", to="F16")


@pytest.fixture(scope="module")
def lora(base: Path) -> Lora:
    return adapters.random(torch_model(base))


@pytest.fixture(scope="module")
def adapter(base: Path, lora: Lora) -> Path:
    return write_adapter(lora, base.with_name("adapter.gguf"), base=base)


def test_the_file_is_that_of_the_course_s_own_merge(base, adapter, tmp_path):
    ours = merging.merged(base, adapter, tmp_path / "ours.gguf", merge=merge)
    theirs = merge_adapter(adapter, tmp_path / "theirs.gguf", base=base)
    assert ours.read_bytes() == theirs.read_bytes()
    assert [file.name for file in tmp_path.iterdir() if file.suffix == ".tmp"] == []


def test_logits_tell_right_rows_from_wrong_ones(base, adapter, lora, tmp_path):
    network = adapters.added(torch_model(base), lora)
    tokens = np.arange(20, dtype=np.int32)
    with torch.no_grad():
        logits = network(torch.from_numpy(tokens).long()[None]).logits[0].numpy()
    np.savez(tmp_path / "logits.npz", tokens=tokens, logits=logits)
    right = merging.merged(base, adapter, tmp_path / "right.gguf", merge=merge)
    wrong = merging.merged(base, adapter, tmp_path / "wrong.gguf", merge=lambda *args: merge(*args[:4], None))
    mistake = merging.off_from_torch(tmp_path, model=wrong)
    assert merging.off_from_torch(tmp_path, model=base, adapter=adapter) < mistake / 50
    assert merging.off_from_torch(tmp_path, model=right) < mistake / 50


@pytest.mark.parametrize("gives", [lambda w: w.T, lambda w: w.astype(np.float32), lambda w: None])
def test_what_is_no_such_matrix_is_refused_and_nothing_is_left(base, adapter, tmp_path, gives):
    with pytest.raises(ValueError, match=r"merge gave .*: float16 \(\d+, \d+\) is asked"):
        merging.merged(base, adapter, tmp_path / "ours.gguf", merge=lambda w, *_: gives(w[:, : len(w) - 1]))
    assert list(tmp_path.iterdir()) == []
