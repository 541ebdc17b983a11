"""Scores of the course's own model, against NumPy and torch, and what cannot be scored."""

import math
import os
import shutil
from collections import namedtuple

import numpy as np
import psutil
import pytest
from llama_cpp import Llama

from course import models
from course.llama import header, perplexity, quantize, session
from course.llama.errors import LlamaError

USAGE = namedtuple("USAGE", "total used free")


@pytest.fixture(scope="module")
def text():
    return models.held_out("two-bills-code")


@pytest.fixture(scope="module")
def stream(code, text):
    return perplexity.tokens(code, text)


@pytest.fixture(scope="module")
def q4(code, tmp_path_factory):
    return quantize.quantize(code, tmp_path_factory.mktemp("q4") / "q4.gguf", to="Q4_0", n_threads=1)


def test_tokens_end_each_text_and_are_those_of_transformers(code, text, stream):
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(models.folder_of("two-bills-code"))
    expected = [token for one in text for token in [*tokenizer(one)["input_ids"], tokenizer.eos_token_id]]
    assert stream.dtype == np.int32
    assert stream.tolist() == expected


def test_a_window_is_scored_as_by_hand(code, stream):
    found = perplexity.score(code, stream, n_context=64, n_chunks=3, n_threads=1)
    llama = Llama(str(code), n_ctx=64, n_threads=1, logits_all=True, verbose=False)
    by_hand = []
    for at in (0, 64, 128):
        llama.reset()
        llama.eval(stream[at : at + 64].tolist())
        z = np.asarray(llama.scores[:64], np.float64)
        log_p = z - np.log(np.exp(z).sum(1, keepdims=True))
        by_hand.append([-log_p[i - 1, stream[at + i]] for i in range(33, 64)])
    np.testing.assert_allclose(found.nll_nats, by_hand, atol=0.02)
    assert found.perplexity == pytest.approx(math.exp(np.mean(by_hand)), rel=1e-3)
    by_hand_error = np.std(by_hand, ddof=1) / math.sqrt(np.size(by_hand)) * math.exp(np.mean(by_hand))
    assert found.standard_error == pytest.approx(by_hand_error, rel=1e-2)
    assert math.isnan(found.mean_kl) and math.isnan(found.top_agreement)


def test_the_second_half_of_every_window_is_scored(code, stream):
    n_context = header.read(code).context_length
    whole = perplexity.score(code, stream[: 2 * n_context + 100], n_context=n_context, n_threads=1)
    assert whole.nll_nats.shape == (2, n_context // 2 - 1)
    first = perplexity.score(code, stream, n_context=n_context, n_chunks=1, n_threads=1)
    np.testing.assert_array_equal(first.nll_nats[0], whole.nll_nats[0])
    assert perplexity.score(code, stream[:65], n_context=65, n_threads=1).nll_nats.shape == (1, 32)


def test_spread_windows_reach_from_start_to_end(code, stream):
    spread = perplexity.score(code, stream[:1000], n_context=100, n_chunks=3, spread=True, n_threads=1)
    last = perplexity.score(code, stream[899:999], n_context=100, n_threads=1)
    first = perplexity.score(code, stream, n_context=100, n_chunks=1, n_threads=1)
    np.testing.assert_array_equal(spread.nll_nats[[0, 2]], np.concatenate([first.nll_nats, last.nll_nats]))


def test_what_came_before_a_window_is_forgotten(code, stream):
    both = perplexity.score(code, stream, n_context=64, n_chunks=2, n_threads=1)
    alone = perplexity.score(code, stream[64:], n_context=64, n_chunks=1, n_threads=1)
    np.testing.assert_array_equal(both.nll_nats[1], alone.nll_nats[0])


def test_a_vocabulary_that_begins_texts_begins_windows(code, stream, tmp_path):
    flag = b"tokenizer.ggml.add_bos_token" + (7).to_bytes(4, "little")
    content = code.read_bytes()
    assert content.count(flag + b"\0") == 1
    begins = tmp_path / "begins.gguf"
    begins.write_bytes(content.replace(flag + b"\0", flag + b"\1"))
    with session.vocabulary(begins) as vocabulary:
        assert vocabulary.adds_begin
        begin = vocabulary.begin
    assert perplexity.tokens(begins, ["a = 1", "b = 2"]).tolist().count(begin) == 4  # it ends texts too
    window = np.concatenate([[begin], stream[1:64]])
    np.testing.assert_array_equal(
        perplexity.score(begins, stream[:64], n_context=64, n_threads=1).nll_nats,
        perplexity.score(code, window, n_context=64, n_threads=1).nll_nats,
    )


def test_a_model_is_at_no_distance_from_itself(code, stream):
    found = perplexity.score(code, stream, n_context=128, n_chunks=2, n_threads=1, against=code)
    np.testing.assert_allclose(found.kl_nats, 0, atol=1e-5)
    assert found.top_agreement == 1


def test_the_distance_is_kl_run_or_kept(code, q4, stream, tmp_path):
    options = {"n_context": 128, "n_chunks": 3, "n_threads": 1, "spread": True}
    reference = perplexity.score(code, stream, keep=tmp_path / "kept.npy", **options)
    other = perplexity.score(q4, stream, keep=tmp_path / "q4.npy", **options)
    run = perplexity.score(q4, stream, against=code, **options)
    kept = perplexity.score(q4, stream, against=reference, **options)
    log_p, log_q = np.load(reference.kept).astype(float), np.load(other.kept).astype(float)
    np.testing.assert_allclose(np.exp(log_p).sum(-1), 1, atol=1e-5)
    by_hand = (np.exp(log_p) * (log_p - log_q)).sum(-1)
    np.testing.assert_allclose(run.kl_nats, by_hand, atol=1e-5)
    np.testing.assert_allclose(kept.kl_nats, by_hand, atol=1e-5)
    np.testing.assert_array_equal(run.same_top, log_p.argmax(-1) == log_q.argmax(-1))
    np.testing.assert_array_equal(run.nll_nats, other.nll_nats)
    assert 0 < run.mean_kl < 0.2 and 0.8 < run.top_agreement < 1


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"n_context": 100_000}, "100,000 tokens: .* was trained on 1 to"),
        ({"n_context": 2}, "windows of 2 tokens"),
        ({"n_context": 64, "n_chunks": 0}, "hold 3 windows of 64, and 1 are to be scored"),
        ({"n_context": 64, "n_chunks": 4}, "200 tokens hold 3 windows of 64, and 4 are to be scored"),
        ({"n_context": 256}, "200 tokens hold 0 windows of 256, and 1 are to be scored: give a longer text"),
        ({"n_context": 64, "n_threads": 0}, "0 threads"),
        ({"n_context": 64, "n_threads": 10_000}, "10,000 threads"),
        ({"n_context": 64, "against": perplexity.Scores(np.zeros((3, 31)))}, "kept no log-probabilities"),
    ],
)
def test_what_cannot_be_scored_says_why(code, stream, options, said):
    tokens = np.resize(stream[:200], options["n_context"] + 1) if options["n_context"] > 1000 else stream[:200]
    with pytest.raises(LlamaError, match=said):
        perplexity.score(code, tokens, **options)


@pytest.mark.parametrize("texts", [[], [""], ["", ""]])
def test_no_text_has_no_tokens(code, texts):
    with pytest.raises(LlamaError, match="no text"):
        perplexity.tokens(code, texts)


def test_one_string_is_no_list_of_texts(code):
    with pytest.raises(LlamaError, match="give a list"):
        perplexity.tokens(code, "a = 1")


def test_only_models_of_one_vocabulary_are_compared(code, smollm2, stream):
    with pytest.raises(LlamaError, match="only models of one vocabulary"):
        perplexity.score(code, stream, n_context=64, n_chunks=1, n_threads=1, against=smollm2)


def test_log_probabilities_of_other_windows_are_refused(code, stream, tmp_path):
    kept = perplexity.score(code, stream, n_context=64, n_chunks=1, n_threads=1, keep=tmp_path / "kept.npy")
    with pytest.raises(LlamaError, match=r"kept\.npy is of shape"):
        perplexity.score(code, stream, n_context=64, n_chunks=2, n_threads=1, against=kept)


def test_no_space_for_log_probabilities_is_said_before_they_are_computed(code, stream, tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: USAGE(10**6, 10**6, 0))
    with pytest.raises(LlamaError, match=r"no space for .*kept\.npy"):
        perplexity.score(code, stream, n_context=64, n_chunks=2, n_threads=1, keep=tmp_path / "kept.npy")
    assert os.listdir(tmp_path) == []


def test_a_model_too_big_for_memory_is_not_loaded(smollm2_f16, stream, monkeypatch):
    memory = psutil.virtual_memory()._replace(available=200_000_000)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory)
    monkeypatch.setattr(session, "loaded", lambda model: pytest.fail("it was loaded"))
    with pytest.raises(LlamaError, match=r"needs 0\.\d+ GB of memory and 0\.20 GB are free"):
        perplexity.score(smollm2_f16, stream, n_context=64, n_chunks=1, n_threads=1)


def test_a_model_of_unknown_architecture_is_llama_cpp_s_to_name(code, stream, tmp_path):
    content = code.read_bytes().replace(b"\x05\0\0\0\0\0\0\0llama", b"\x05\0\0\0\0\0\0\0trama", 1)
    (tmp_path / "odd.gguf").write_bytes(content)
    with pytest.raises(LlamaError, match=r"odd\.gguf cannot be loaded: .*unknown model architecture: 'trama'"):
        perplexity.score(tmp_path / "odd.gguf", stream, n_context=64, n_chunks=1, n_threads=1)
