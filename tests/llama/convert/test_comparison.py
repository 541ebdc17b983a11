"""The check of what was written: it lets rounding pass, and nothing else."""

import numpy as np
import pytest
import torch

from course import models
from course.llama import convert
from course.llama.convert import comparison, gguf_file
from course.llama.errors import LlamaError
from tests.llama import tiny_models
from tests.llama.convert import logits

ANOTHER = r"would compute another model of it: its logits differ from transformers' by [\d.]+% of their spread"


@pytest.fixture
def deviations(monkeypatch):
    """What was found, and what was allowed for, in turn."""
    seen = []
    measured = comparison.deviation
    monkeypatch.setattr(comparison, "deviation", lambda *both: seen.append(measured(*both)) or seen[-1])
    return seen


@pytest.mark.parametrize("to", ["F32", "F16", "BF16"])
@pytest.mark.parametrize("kind", ["Llama, untied, 2 heads share a key", "Mistral, tied, rows of 256", "Qwen3, tied"])
def test_rounding_is_what_the_reference_says_it_is(kind, to, deviations, tmp_path):
    name, options = logits.KINDS[kind]
    convert.convert(tiny_models.save(tmp_path / "model", name, **options), tmp_path / "model.gguf", to=to)
    found, foreseen = deviations
    assert found < comparison._FLOOR / 10 if to == "F32" else 0 < found < 4 * foreseen


@pytest.mark.parametrize("to", ["F32", "F16", "BF16", "Q8_0"])
def test_rows_in_another_order_are_refused(to, tmp_path, monkeypatch):
    monkeypatch.setattr(gguf_file, "interleaved", lambda rows, n_heads: rows)
    with pytest.raises(LlamaError, match=ANOTHER):
        convert.convert(models.folder_of("two-bills-code"), tmp_path / "model.gguf", to=to)
    assert list(tmp_path.iterdir()) == []


def swapped(encoded):
    """Two norms that change places."""
    names = {"input_layernorm": "post_attention_layernorm", "post_attention_layernorm": "input_layernorm"}

    def change(source, architecture, name, to):
        part = name.split(".")[-2]
        return encoded(source, architecture, name.replace(part, names.get(part, part)), to)

    return change


@pytest.mark.parametrize("to", ["F32", "F16", "BF16"])
def test_one_wrong_tensor_of_a_kind_is_refused(to, tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(gguf_file, "_encoded", swapped(gguf_file._encoded))
    with pytest.raises(LlamaError, match=ANOTHER):
        convert.convert(tiny, tmp_path / "model.gguf", to=to)


@pytest.mark.parametrize("kind", ["Llama, another base", "Llama 3.1's rotations", "Llama, rotations slowed down"])
def test_other_rotations_are_refused_however_little_a_short_prompt_shows_of_them(kind, tmp_path, monkeypatch):
    name, options = logits.KINDS[kind]
    folder = tiny_models.save(tmp_path / "model", name, **options)

    def plain(folder, writer, config):
        writer.add_rope_freq_base(10_000.0)

    monkeypatch.setattr(gguf_file, "_write_rope", plain)
    with pytest.raises(LlamaError, match="would rotate by other frequencies than transformers"):
        convert.convert(folder, tmp_path / "model.gguf")


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_the_reference_computes_in_32_bits_of_weights_that_stay_as_they_are(dtype, tmp_path):
    folder = tiny_models.save(tmp_path / "model", dtype=dtype)
    with convert.checkpoint.opened(folder) as source:
        model = comparison._reference(source)
    assert {parameter.dtype for parameter in model.parameters()} == {dtype}
    found = comparison._logits(model, logits.TOKENS)
    np.testing.assert_allclose(found, logits.of_torch(folder), atol=1e-5, rtol=0)
    assert {parameter.dtype for parameter in model.parameters()} == {dtype}
