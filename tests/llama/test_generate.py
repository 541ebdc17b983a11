"""Continuations by the course's own model, against torch's on the same weights."""

import math
import struct

import pytest

from course import models
from course.llama import generate, header, perplexity, tensors
from course.llama.errors import LlamaError
from tests.llama.rewriting import rewritten

PROMPT = "import os\n\n\ndef read(path):\n    with open("


@pytest.fixture(scope="module")
def reference():
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = models.folder_of("two-bills-code")
    return AutoTokenizer.from_pretrained(folder), AutoModelForCausalLM.from_pretrained(folder, dtype="float32")


def test_the_likeliest_continuation_is_torch_s(code, reference):
    tokenizer, model = reference
    prompt = tokenizer(PROMPT, return_tensors="pt")
    out = model.generate(**prompt, max_new_tokens=12, do_sample=False, pad_token_id=0)[
        0, prompt["input_ids"].shape[1] :
    ]
    reply = generate.complete(PROMPT, model=code, max_tokens=12, n_threads=1)
    assert reply.text == tokenizer.decode(out)
    assert (reply.n_tokens, reply.n_threads) == (12, 1)
    assert reply.tokens_per_s > 0


def test_pieces_are_the_text_whatever_characters_tokens_split(code):
    prompt = "# héllo wörld, 日本語の文字\nname = '日本"
    pieces = []
    stream = generate.stream(prompt, model=code, max_tokens=20, temperature=1.5, seed=1, n_threads=1)
    while True:
        try:
            pieces.append(next(stream))
        except StopIteration as end:
            assert end.value.text == "".join(pieces)
            break
    assert all(pieces)


def test_a_seed_gives_one_continuation_and_another_seed_another(code):
    def drawn(seed):
        return generate.complete(PROMPT, model=code, max_tokens=24, temperature=1.0, seed=seed, n_threads=1).text

    assert drawn(0) == drawn(0)
    assert len({drawn(seed) for seed in range(4)}) > 1


def test_draws_follow_the_model_s_probabilities(code, reference):
    import torch

    tokenizer, model = reference
    with torch.no_grad():
        p = model(**tokenizer(PROMPT, return_tensors="pt")).logits[0, -1].softmax(-1)
    likeliest = tokenizer.decode(p.argmax())
    draws = [
        generate.complete(PROMPT, model=code, max_tokens=1, temperature=1.0, seed=seed, n_threads=1).text
        for seed in range(60)
    ]
    share, expected = draws.count(likeliest) / len(draws), float(p.max())
    assert share == pytest.approx(expected, abs=4 * math.sqrt(expected * (1 - expected) / len(draws)))


@pytest.mark.parametrize("temperature", [1e-320, 1e-9])
def test_a_temperature_near_0_draws_the_likeliest(code, temperature, recwarn):
    likeliest = generate.complete(PROMPT, model=code, max_tokens=12, n_threads=1).text
    assert (
        generate.complete(PROMPT, model=code, max_tokens=12, temperature=temperature, seed=3, n_threads=1).text
        == likeliest
    )
    assert not recwarn.list


def test_a_model_of_broken_weights_says_so(code, tmp_path):
    norm = next(one for one in tensors.read(code) if one.name == "output_norm.weight")
    content = bytearray(code.read_bytes())
    content[norm.offset : norm.offset + 4] = struct.pack("<f", math.nan)
    (tmp_path / "nan.gguf").write_bytes(content)
    with pytest.raises(LlamaError, match=r"the model computes no numbers \(NaN\): its weights are damaged"):
        generate.complete(PROMPT, model=tmp_path / "nan.gguf", n_threads=1)
    with pytest.raises(LlamaError, match="computes no numbers"):
        perplexity.score(tmp_path / "nan.gguf", perplexity.tokens(code, ["a b " * 99]), n_context=64, n_threads=1)


def test_a_model_without_a_tokenizer_reads_no_text(code, tmp_path):
    bare = rewritten(code, tmp_path / "bare.gguf", fields={"tokenizer.ggml.model": "none"})
    with pytest.raises(LlamaError, match="has no tokenizer: it cannot read a text"):
        generate.complete(PROMPT, model=bare, n_threads=1)


@pytest.mark.parametrize(
    ("key", "value"),
    [("block_count", 0), ("attention.layer_norm_rms_epsilon", -1.0), ("attention.layer_norm_rms_epsilon", math.nan)],
)
def test_a_header_of_nonsense_ends_no_process(code, tmp_path, key, value):
    odd = rewritten(code, tmp_path / "odd.gguf", fields={f"llama.{key}": value})
    with pytest.raises(LlamaError, match=rf"odd\.gguf is damaged: its {key} is {value}"):
        generate.complete(PROMPT, model=odd, n_threads=1)


def test_one_token_has_no_rate(code):
    assert math.isnan(generate.complete(PROMPT, model=code, max_tokens=1, n_threads=1).tokens_per_s)


def test_events_are_load_request_and_each_token_in_order(code):
    seen = generate.events(PROMPT, model=code, max_tokens=4, n_threads=1)
    assert [what for _, what in seen] == ["load", "request", *["token"] * 4]
    seconds = [at for at, _ in seen]
    assert seconds == sorted(seconds) and seconds[0] == 0
    assert len(set(seconds)) == 6


@pytest.mark.parametrize(
    ("prompt", "options", "said"),
    [
        ("", {}, "empty prompt"),
        ("a", {"max_tokens": 0}, "0 tokens: at least 1"),
        ("a", {"max_tokens": -5}, "-5 tokens: at least 1"),
        ("a", {"seed": -1}, "seed -1: it is a whole number from 0"),
        ("a", {"temperature": -0.5}, r"a temperature of -0\.5: it is a number from 0"),
        ("a", {"temperature": math.nan}, "a temperature of nan"),
        ("a", {"temperature": math.inf}, "a temperature of inf"),
        ("caf\udce9", {}, r"the text is not UTF-8 after 'caf'"),
        ("a", {"n_threads": 0}, "0 threads"),
        ("a", {"n_threads": 10_000}, "10,000 threads"),
        ("a b " * 600, {}, r"tokens of prompt and 64 to write: the model was trained on"),
        ("a", {"max_tokens": 100_000}, r"1 tokens of prompt and 100,000 to write"),
    ],
)
def test_what_cannot_be_continued_says_why(code, prompt, options, said):
    with pytest.raises(LlamaError, match=said):
        generate.complete(prompt, model=code, **options)


def test_the_whole_context_can_be_used(code):
    n_context = header.read(code).context_length
    assert generate.complete("a", model=code, max_tokens=n_context - 1, n_threads=1).n_tokens > 8


def test_a_file_cut_off_is_not_loaded(code, tmp_path):
    (tmp_path / "cut.gguf").write_bytes(code.read_bytes()[:-1000])
    with pytest.raises(LlamaError, match=r"cut\.gguf is not a whole GGUF file: .*cut off"):
        generate.complete(PROMPT, model=tmp_path / "cut.gguf", n_threads=1)
