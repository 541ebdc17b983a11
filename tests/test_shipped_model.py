"""What the models that come with the course are: whatever their size, their files, cards and programs agree."""

import importlib.util
import json
import re
import subprocess
import sys
import sysconfig
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any

import gguf
import llama_cpp
import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from course import models
from course.llama import convert, perplexity, quantize, tensors
from course.models import Shipped

NAMES = [name for name, model in models.MODELS.items() if isinstance(model.source, Shipped)]
AWKWARD = "\tdef f():\r\n\n\n    return '\u4f60\u597d \u0e01 \U0001f600 e\u0301'  # \ufeff<|end|>\x00 1234567\n"
TINY = ["--layers", "2", "--ff", "256", "--vocab", "512", "--context", "64", "--sequences", "4", "--warmup", "5"]


@pytest.fixture(params=NAMES)
def folder(request: pytest.FixtureRequest) -> Path:
    return models.folder_of(request.param)


@pytest.fixture
def file(folder: Path) -> Path:
    return models.path(folder.name)


@pytest.fixture(scope="module", params=NAMES)
def trained(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that the shipped programs made: a tiny model, trained on a hundred files for a moment, and converted."""
    programs, made = models.folder_of(request.param) / "programs", tmp_path_factory.mktemp("trained") / "tiny"
    length = ["--most-files", "100", "--steps", "25", "--threads", "1"]
    _run(programs / "train.py", str(made), *TINY, *length)
    convert.convert(made, made / "tiny.gguf")
    (made / "held_out.jsonl").rename(made / "all_held_out.jsonl")
    texts = models.held_out(request.param)[:2]
    (made / "held_out.jsonl").write_text("".join(json.dumps({"text": text[:3000]}) + "\n" for text in texts), "utf-8")
    _run(programs / "evaluate.py", str(made))
    return made


def test_there_is_one() -> None:
    assert "two-bills-code" in NAMES


# What the files say of each other


def test_config_file_and_bill_are_of_one_model(folder: Path, file: Path) -> None:
    _assert_of_one_model(folder, file)


def test_the_file_is_the_folder_converted(folder: Path, file: Path, tmp_path: Path) -> None:
    again, shipped = gguf.GGUFReader(convert.convert(folder, tmp_path / "again.gguf")), gguf.GGUFReader(file)
    same = {name for name in again.fields if name in shipped.fields and not name.startswith(("GGUF.", "general.name"))}
    assert len(same) > 15
    assert all(again.fields[name].contents() == shipped.fields[name].contents() for name in same)
    weights = {tensor.name: tensor.data for tensor in again.tensors}
    assert weights.keys() == {tensor.name for tensor in shipped.tensors}
    assert all(np.array_equal(weights[tensor.name], tensor.data) for tensor in shipped.tensors)


def test_the_bill_adds_up(folder: Path) -> None:
    _assert_adds_up(_bill(folder))


def test_the_bill_is_of_a_run_that_came_to_its_end(folder: Path) -> None:
    bill = _bill(folder)
    assert bill["finished"] is True
    assert bill["curve"][-1][2] < 0.5 * bill["curve"][0][2]
    assert bill["held_out_bits_per_byte"] == pytest.approx(
        bill["held_out_nats_per_token"] / np.log(2) * bill["corpus"]["val"]["tokens"] / bill["corpus"]["val"]["bytes"],
        abs=1e-4,
    )


def test_each_package_of_the_text_has_a_permissive_licence(folder: Path) -> None:
    corpus, packages = _program(folder, "corpus"), _bill(folder)["corpus"]["packages"]
    assert len(packages) > 1
    for name, version, licence in packages:
        assert name and version
        assert corpus._PERMISSIVE.search(licence) and not corpus._OTHER.search(licence), name


# Held-out text


def test_no_held_out_text_was_trained_on(folder: Path) -> None:
    corpus, texts = _program(folder, "corpus"), models.held_out(folder.name)
    assert len(texts) == len(set(texts)) > 10
    assert all(corpus.is_held_out(text) and 200 < len(text) < 300_000 for text in texts)


def test_about_one_text_in_fifty_is_held_out(folder: Path) -> None:
    is_held_out = _program(folder, "corpus").is_held_out
    share = sum(is_held_out(str(number)) for number in range(20_000)) / 20_000
    assert share == pytest.approx(5 / 256, abs=0.003)


def test_the_evaluation_counts_the_text_that_is_there(folder: Path, file: Path) -> None:
    texts, found = models.held_out(folder.name), json.loads((folder / "evaluation.json").read_text("utf-8"))
    assert found["files"] == len(texts)
    assert found["bytes"] == sum(len(text.encode()) for text in texts)
    assert found["tokens"] == len(perplexity.tokens(file, texts))
    bits = found["nats_per_token"] / np.log(2) * found["tokens"] / found["bytes"]
    assert found["bits_per_byte"] == pytest.approx(bits, abs=1e-4)
    assert 0.1 < found["next_token_accuracy"] < 0.9


def test_the_evaluation_is_what_the_program_finds(trained: Path) -> None:
    """Computed by llama.cpp and NumPy, window by window."""
    found = json.loads((trained / "evaluation.json").read_text("utf-8"))
    tokenizer, n_context = AutoTokenizer.from_pretrained(trained), 64
    texts = [json.loads(line)["text"] for line in (trained / "held_out.jsonl").read_text("utf-8").splitlines()]
    stream = [token for text in texts for token in [*tokenizer(text)["input_ids"], 0]]
    nats, right = [], []
    for start in range(0, len(stream) - n_context + 1, n_context):
        window = stream[start : start + n_context]
        log_p = _log_p(_llama_logits(trained / "tiny.gguf", window)[:-1])
        nats.append(-log_p[np.arange(n_context - 1), window[1:]])
        right.append(log_p.argmax(1) == window[1:])
    assert found["tokens_predicted"] == np.size(nats)
    assert found["nats_per_token"] == pytest.approx(np.mean(nats), rel=1e-3)
    assert found["next_token_accuracy"] == pytest.approx(np.mean(right), abs=0.003)


# The same tokens and logits from llama.cpp as from transformers


def test_tokenizers_agree_on_all_held_out_text(folder: Path, file: Path) -> None:
    lines = "".join(models.held_out(folder.name)).splitlines(keepends=True)
    assert len(lines) > 5_000
    _assert_tokenized_alike(folder, file, ["".join(lines[at : at + 20]) for at in range(0, len(lines), 20)])


def test_logits_agree(folder: Path, file: Path) -> None:
    stream = perplexity.tokens(file, models.held_out(folder.name))
    for start in (0, len(stream) // 2):
        _assert_same_logits(folder, file, stream[start : start + 256].tolist())


@pytest.mark.parametrize(("to", "kinds"), [("Q4_K_M", {"Q4_K", "Q6_K"}), ("Q2_K", {"Q2_K", "Q3_K", "Q6_K"})])
def test_k_quants_are_k_quants(file: Path, tmp_path: Path, to: str, kinds: set[str]) -> None:
    small = quantize.quantize(file, tmp_path / "small.gguf", to=to, n_threads=1)
    assert set(tensors.types(small)) == {*kinds, "F32"}
    assert all(tensor.type != "F32" or len(tensor.shape) == 1 for tensor in tensors.read(small))


# The model card


def test_the_card_says_what_the_bill_and_the_evaluation_say(folder: Path, file: Path) -> None:
    card, bill = (folder / "README.md").read_text("utf-8"), _bill(folder)
    found = json.loads((folder / "evaluation.json").read_text("utf-8"))
    n_norms = sum(tensor.n_weights for tensor in tensors.read(file) if len(tensor.shape) == 1)
    text, held_out = bill["corpus"]["train"], found
    peaks = json.loads((folder / "training_machine.json").read_text("utf-8"))["matmul_flop_per_s"]
    share, with_attention = bill["flop_6nd_per_s"] / peaks["bfloat16"], 1 + bill["flop_attention"] / bill["flop_6nd"]
    for said in (
        f"{bill['n_params']:,} in matrix products",
        f"{n_norms:,} more in norms",
        f"{bill['n_layers']} layers, width {bill['d_model']}, {bill['n_heads']} heads of",
        f"{bill['n_kv_heads']} key-value heads, feed-forward width {bill['d_ff']}",
        f"{bill['vocab_size']:,} tokens, byte-level BPE",
        f"| {bill['context']} tokens |",
        f"{bill['tokens']:,} tokens: {bill['epochs']} of an epoch, {bill['tokens'] / bill['n_params']:.1f} tokens per",
        f"{bill['steps']:,} of {bill['batch_tokens'] // bill['context']} × {bill['context']} tokens",
        f"{bill['flop_6nd']:,} FLOP",
        f"{bill['flop_attention']:,} FLOP more: {bill['flop_attention'] / bill['flop_6nd']:.1%}".replace("%", " %"),
        f"{bill['seconds']:,} s, after {bill['seconds_compile']} s of compiling; {bill['seconds_whole_command']:,} s",
        f"{bill['flop_6nd_per_s'] / 1e9:.1f} GFLOP/s",
        f"learning rate {bill['lr']} after {bill['warmup_steps']} steps",
        f"seed {bill['seed']}",
        f"bfloat16 at {peaks['bfloat16'] / 1e9:.0f} GFLOP/s and in float32 at {peaks['float32'] / 1e9:.0f}",
        f"reached {100 * share:.0f} % with 6ND, {100 * share * with_attention:.0f} % with attention",
        bill["started"][:10],
        f"PyTorch {bill['torch'].partition('+')[0]}",
        f"{text['files']:,} Python files of {text['bytes'] / 1e6:.1f} MB, {text['tokens']:,} tokens",
        f"{len(bill['corpus']['packages']) - 1} packages",
        f"{held_out['files']} files, {held_out['bytes']:,} bytes, {held_out['tokens']:,} tokens",
        f"{found['tokens_predicted']:,} | {found['nats_per_token']:.3f} | {found['bits_per_byte']:.3f} "
        f"| {100 * found['next_token_accuracy']:.1f} %",
        f"{bill['held_out_tokens']:,} | {bill['held_out_nats_per_token']:.3f} | {bill['held_out_bits_per_byte']:.3f}",
        f"| F16 | {file.stat().st_size:,} | {tensors.bits_per_weight(file):.2f} |",
    ):
        assert said in card, said


def test_the_card_names_every_file(folder: Path) -> None:
    card = (folder / "README.md").read_text("utf-8")
    names = {path.name for path in folder.iterdir() if path.suffix and path.name != "README.md"}
    assert {name for name in names if f"`{name}`" not in card} == set()


def test_the_cards_ladder_gives_the_sizes_that_the_quantizer_gives(folder: Path, file: Path, tmp_path: Path) -> None:
    card = (folder / "README.md").read_text("utf-8")
    rows = re.findall(r"^\| ([A-Z]+\d[\w]*) \| ([\d,]+) \| ([\d.]+) \|", card, re.M)
    assert len(rows) > 5
    for to, n_bytes, bits in rows:
        small = quantize.quantize(file, tmp_path / f"{to}.gguf", to=to, n_threads=1)
        assert f"{small.stat().st_size:,}" == n_bytes, to
        assert f"{tensors.bits_per_weight(small):.2f}" == bits, to


# The programs, run small


def test_a_small_run_has_a_bill_like_the_shipped_one(trained: Path) -> None:
    bill = _bill(trained)
    for name in NAMES:
        assert set(bill) == set(_bill(models.folder_of(name)))
    _assert_of_one_model(trained, trained / "tiny.gguf")
    _assert_adds_up(bill)
    assert bill["steps"] == 25 and bill["tokens"] == 25 * 4 * 64 and bill["corpus"]["train"]["files"] == 100
    assert bill["curve"][-1][2] < bill["curve"][0][2]
    assert 1 < bill["held_out_nats_per_token"] < np.log(512)


def test_a_small_run_gives_llama_cpp_the_same_model(trained: Path) -> None:
    file, text = trained / "tiny.gguf", (trained / "held_out.jsonl").read_text("utf-8")
    _assert_tokenized_alike(trained, file, text.splitlines(keepends=True))
    _assert_same_logits(trained, file, AutoTokenizer.from_pretrained(trained)(text)["input_ids"][:64])


def test_a_small_run_leaves_the_librarys_held_out_files(trained: Path) -> None:
    lines = (trained / "all_held_out.jsonl").read_text("utf-8").splitlines()
    texts = {one["path"]: one["text"] for one in map(json.loads, lines)}
    assert len(texts) == len(lines) > 10
    for name in NAMES:
        assert all(_program(models.folder_of(name), "corpus").is_held_out(text) for text in texts.values())
    assert all((Path(sysconfig.get_path("stdlib")) / path).read_text("utf-8") == texts[path] for path in texts)


def test_the_same_steps_give_the_same_weights(trained: Path, tmp_path: Path) -> None:
    for name in NAMES:
        options = [*TINY, "--most-files", "100", "--steps", "25", "--threads", "1"]
        _run(models.folder_of(name) / "programs" / "train.py", str(tmp_path / "again"), *options)
        assert (tmp_path / "again" / "model.safetensors").read_bytes() == (trained / "model.safetensors").read_bytes()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--steps", "2"], "take more than 2"),
        (["--steps", "9", "--width", "300"], "multiples of 256"),
        (["--steps", "9", "--most-files", "1", "--vocab", "300"], "(train) are not more than 8,192: take more files"),
    ],
)
def test_a_run_that_cannot_be_is_refused_before_it_begins(tmp_path: Path, options: list[str], message: str) -> None:
    for name in NAMES:
        command = [sys.executable, models.folder_of(name) / "programs" / "train.py", tmp_path / "out", *options]
        run = subprocess.run(command, capture_output=True, text=True)
        assert run.returncode == 2
        assert message in run.stderr.splitlines()[-1]
        assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ((1, 256, 0, 1, 256, 512), "all sizes are positive"),
        ((1, 256, 4, 3, 256, 512), "n_kv_heads divides n_heads"),
        ((1, 256, 4, 2, 300, 512), "multiples of 256"),
    ],
)
def test_a_shape_that_cannot_be_is_refused(folder: Path, sizes: tuple[int, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        _program(folder, "network").Shape(*sizes)


def _bill(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "training_bill.json").read_text("utf-8"))


def _run(program: Path, *arguments: str) -> None:
    run = subprocess.run([sys.executable, program, *arguments], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr


def _program(folder: Path, name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"shipped_{name}", folder / "programs" / f"{name}.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def _assert_of_one_model(folder: Path, file: Path) -> None:
    config, bill = json.loads((folder / "config.json").read_text("utf-8")), _bill(folder)
    fields = {name: field.contents() for name, field in gguf.GGUFReader(file).fields.items()}
    for in_config, in_bill, in_file in (
        ("hidden_size", "d_model", "llama.embedding_length"),
        ("num_hidden_layers", "n_layers", "llama.block_count"),
        ("num_attention_heads", "n_heads", "llama.attention.head_count"),
        ("num_key_value_heads", "n_kv_heads", "llama.attention.head_count_kv"),
        ("intermediate_size", "d_ff", "llama.feed_forward_length"),
        ("vocab_size", "vocab_size", "llama.vocab_size"),
        ("max_position_embeddings", "context", "llama.context_length"),
    ):
        assert config[in_config] == bill[in_bill] == fields[in_file], in_config
    assert config["head_dim"] * config["num_attention_heads"] == config["hidden_size"]
    assert fields["llama.rope.dimension_count"] == config["head_dim"]
    assert fields["llama.rope.freq_base"] == config["rope_theta"]
    assert fields["llama.attention.layer_norm_rms_epsilon"] == pytest.approx(config["rms_norm_eps"])
    matrices = [tensor.n_weights for tensor in tensors.read(file) if len(tensor.shape) > 1]
    assert sum(matrices) == bill["n_params"]
    assert set(tensors.types(file)) == {"F16", "F32"}


def _assert_adds_up(bill: dict[str, Any]) -> None:
    tokens = bill["steps"] * bill["batch_tokens"]
    assert bill["tokens"] == tokens
    assert bill["flop_6nd"] == 6 * bill["n_params"] * tokens
    assert bill["flop_attention"] == 6 * bill["n_layers"] * bill["d_model"] * bill["context"] * tokens
    timed_flop = bill["flop_6nd"] - 2 * 6 * bill["n_params"] * bill["batch_tokens"]  # two steps compile
    assert bill["flop_6nd_per_s"] == pytest.approx(timed_flop / bill["seconds"], rel=0.006 / bill["seconds"] + 1e-9)
    assert bill["epochs"] == pytest.approx(tokens / bill["corpus"]["train"]["tokens"], abs=5e-4)
    assert bill["seconds"] + bill["seconds_compile"] < bill["seconds_whole_command"]
    assert all(one[0] < other[0] and one[1] <= other[1] for one, other in pairwise(bill["curve"]))
    assert bill["curve"][-1][0] <= tokens


def _assert_tokenized_alike(folder: Path, file: Path, blocks: list[str]) -> None:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    llama = llama_cpp.Llama(str(file), vocab_only=True, verbose=False)
    for block in [*blocks, AWKWARD]:
        assert tokenizer(block)["input_ids"] == llama.tokenize(block.encode(), add_bos=True, special=True)


def _assert_same_logits(folder: Path, file: Path, tokens: list[int]) -> None:
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    with torch.no_grad():
        theirs = model(torch.tensor([tokens])).logits[0].double().numpy()
    ours = _llama_logits(file, tokens)
    log_p, log_q = _log_p(theirs), _log_p(ours)
    assert np.abs(ours - theirs).max() < 0.05
    assert (np.exp(log_p) * (log_p - log_q)).sum(1).mean() < 1e-5
    assert (ours.argmax(1) == theirs.argmax(1)).mean() > 0.99


def _llama_logits(file: Path, tokens: list[int]) -> np.ndarray:
    llama = llama_cpp.Llama(str(file), n_ctx=len(tokens), n_threads=1, logits_all=True, verbose=False)
    llama.eval(tokens)
    return np.asarray(llama.scores[: len(tokens)], np.float64)


def _log_p(logits: np.ndarray) -> np.ndarray:
    shifted = logits - logits.max(1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(1, keepdims=True))
