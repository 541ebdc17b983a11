"""Models go from a GGUF file to torch: transformers computes llama.cpp's logits; and what is refused."""

import numpy as np
import pytest

from course.llama import convert, quantize, session
from course.llama.errors import LlamaError
from tests.llama import tiny_models
from tests.llama.convert import logits
from tests.llama.convert.adapters import fixed, loaded
from tests.llama.rewriting import rewritten


@pytest.mark.parametrize("kind", logits.KINDS)
def test_a_model_comes_back_as_it_went(kind, tmp_path):
    name, options = logits.KINDS[kind]
    folder = tiny_models.save(tmp_path / "model", name, **options)
    file = convert.convert(folder, tmp_path / "model.gguf", to="F32")
    model, before = convert.torch_model(file), loaded(folder).state_dict()
    after = model.state_dict()
    assert after.keys() == before.keys()
    for tensor, values in before.items():
        np.testing.assert_array_equal(after[tensor], values, err_msg=tensor)
    np.testing.assert_allclose(logits.of_torch(model), logits.of_llama_cpp(file), atol=1e-3, rtol=0)
    model.save_pretrained(tmp_path / "again")  # its configuration says all of it
    np.testing.assert_allclose(logits.of_torch(tmp_path / "again"), logits.of_torch(folder), atol=1e-4, rtol=0)


@pytest.mark.parametrize("name", ["smollm2", "smollm2_f16", "code"])
def test_real_models_of_few_bits_give_the_logits_of_those_weights(name, request, tmp_path):
    file = request.getfixturevalue(name)
    whole = quantize.quantize(file, tmp_path / "f32.gguf", to="F32", requantize=True, n_threads=1)
    with session.vocabulary(file) as vocabulary:
        tokens = vocabulary.tokens("The capital of Algeria is Algiers.\n\n\ndef mean(values):\n    return sum(values)")
    expected = logits.of_llama_cpp(whole, tokens)
    assert expected.std() > 1
    np.testing.assert_allclose(logits.of_torch(convert.torch_model(file), tokens), expected, atol=1e-3, rtol=0)


REFUSED = {
    "a key that the class knows nothing of": (
        {"fields": {"llama.attention.scale": 0.5}},
        r"says attention\.scale, of which transformers' LlamaForCausalLM knows nothing",
    ),
    "another scaling": ({"fields": {"llama.rope.scaling.type": "yarn"}}, "scales its rotations by 'yarn'"),
    "a tensor less": ({"without": ["blk.1.ffn_up.weight"]}, r"lacks the tensor blk\.1\.ffn_up\.weight"),
    "a layer less than there is": (
        {"fields": {"llama.block_count": 1}},
        r"has a tensor blk\.1\.attn_k\.weight, for which transformers' class has no place",
    ),
    "another width": ({"fields": {"llama.feed_forward_length": 128}}, r"has the shape .* by the header \(128, 64\)"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_transformers_would_compute_otherwise_is_refused(what, tmp_path):
    folder = tiny_models.save(tmp_path / "model")
    file = convert.convert(folder, tmp_path / "model.gguf", to="F32")
    changes, said = REFUSED[what]
    with pytest.raises(LlamaError, match=said):
        convert.torch_model(rewritten(file, tmp_path / "other.gguf", **changes))


def test_an_adapter_and_another_architecture_are_refused(code, tmp_path):
    lora = convert.write_adapter(fixed(convert.torch_model(code)), tmp_path / "lora.gguf", base=code)
    with pytest.raises(LlamaError, match=r"lora\.gguf is a LoRA adapter: torch gets models of .*llama, qwen2, qwen3"):
        convert.torch_model(lora)
    with pytest.raises(LlamaError, match="is a bert: torch gets"):
        convert.torch_model(rewritten(code, tmp_path / "other.gguf", arch="bert"))
