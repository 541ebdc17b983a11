"""What was measured for the course: the tables say what the cards and labs say, and the programs still make them."""

import csv
import math
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

from course import data, models, paths
from course.measure import serving

PROGRAMS = paths.datasets() / "measured" / "programs"
DATASHEET = (9.89e14, 3.35e12)


def run(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(PROGRAMS / program), *arguments]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(paths.PACKAGE.parent)}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)


def columns(path: Path) -> list[str]:
    with path.open(encoding="utf-8", newline="") as file:
        return next(csv.reader(file))


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch) -> object:
    """A function that imports one of the programs, as running it would, and forgets it after the test."""

    def load(name: str) -> ModuleType:
        before = set(sys.modules)
        monkeypatch.syspath_prepend(str(PROGRAMS))
        module = __import__(name)
        for added in set(sys.modules) - before:
            if str(PROGRAMS) in (getattr(sys.modules[added], "__file__", None) or ""):
                monkeypatch.setitem(sys.modules, added, sys.modules.pop(added))
        return module

    return load


# The programs


def test_the_timing_program_writes_the_tables_that_are_here(tmp_path):
    made = run("throughput.py", str(tmp_path), "--smoke")
    assert made.returncode == 0, made.stderr
    for name in ("models", "ceilings", "prefill", "decode", "training"):
        assert columns(tmp_path / f"{name}.csv") == list(data.load(f"h100_{name}").columns)
    decode = pd.read_csv(tmp_path / "decode.csv")
    assert decode["tokens_per_s"].to_numpy() == pytest.approx((decode["batch"] / decode["step_s"]).to_numpy(), rel=1e-4)
    shape = pd.read_csv(tmp_path / "models.csv").iloc[0]
    assert shape["weight_bytes"] - shape["read_weight_bytes"] == 2 * shape["vocab_size"] * shape["d_model"]
    assert (decode["read_bytes"] == shape["read_weight_bytes"] + decode["kv_bytes"]).all()


def test_the_sweep_program_writes_the_tables_that_are_here(tmp_path):
    made = run("isoflop.py", str(tmp_path), "--smoke")
    assert made.returncode == 0, made.stderr
    for name, table in (("runs", "isoflop"), ("curves", "isoflop_curves"), ("corpus", "isoflop_corpus")):
        assert columns(tmp_path / f"{name}.csv") == list(data.load(table).columns)
    runs = pd.read_csv(tmp_path / "runs.csv")
    assert (runs["flop"] == 6 * runs["n_params"] * runs["n_tokens"]).all()
    assert runs["loss_nats"].between(2, math.log(4096)).all()  # better than a guess, after twenty steps
    before = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*x*.json")}
    again = run("isoflop.py", str(tmp_path), "--smoke")
    assert again.returncode == 0, again.stderr
    assert before == {path: path.stat().st_mtime_ns for path in tmp_path.glob("*x*.json")}  # nothing is trained twice
    assert pd.read_csv(tmp_path / "runs.csv").equals(runs)


def test_the_counting_program_writes_the_table_that_is_here(tmp_path):
    made = run("tokens_per_language.py", str(tmp_path), "--smoke")
    assert made.returncode == 0, made.stderr
    rows = pd.read_csv(tmp_path / "tokens_per_language.csv")
    assert list(rows.columns) == list(data.load("tokens_per_language").columns)
    assert rows["text"].tolist() == data.load("texts")["id"].tolist()


def test_the_serving_program_writes_runs(tmp_path):
    made = run("serving.py", str(tmp_path), "--smoke")
    assert made.returncode == 0, made.stderr
    found = serving.recorded(tmp_path)
    assert len(found) == len(made.stdout.splitlines()) == 10
    assert {one.trace["slots"] for one in found} == {1, 2}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["throughput.py", "OUT", "--device", "H900"], "--device 'H900' is none of: V100 16GB"),
        (["isoflop.py", "OUT", "--workers", "0", "--smoke"], "--workers is at least 1, got 0"),
        (["tokens_per_language.py", "OUT", "--packages", "nowhere"], "--packages nowhere is no folder"),
    ],
)
def test_a_program_refuses_nonsense_in_one_line(arguments, message, tmp_path):
    refused = run(*[str(tmp_path / "out") if one == "OUT" else one for one in arguments])
    assert refused.returncode == 2
    assert message in refused.stderr.splitlines()[-1]
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("sizes", [(0, 128, 2, 2, 64, 10), (2, 100, 3, 3, 64, 10), (2, 128, 4, 3, 64, 10)])
def test_a_shape_that_no_model_can_have_is_refused(program, sizes):
    with pytest.raises(ValueError, match="got Shape"):
        program("llama").Shape(*sizes)


def test_a_model_has_the_parameters_that_its_shape_counts(program):
    llama = program("llama")
    for tied in (True, False):
        shape = llama.Shape(2, 128, 4, 2, 192, 100, tied)
        assert sum(weights.numel() for weights in llama.Llama(shape).parameters()) == shape.n_params()


def test_the_plan_of_the_sweep_is_the_sweep(program):
    n_tokens = data.row("isoflop_corpus/train")["n_tokens"]
    planned = {run.name: run.in_sweep for run in program("isoflop").planned(n_tokens)}
    assert planned == {run.id: run.in_sweep == "yes" for run in data.load("isoflop").itertuples()}


@pytest.mark.skipif(models.state(models.SMOLLM2) != "ready", reason="SmolLM2 is not in the cache of models")
def test_the_model_at_hand_takes_the_tokens_that_the_table_says(program):
    counter = program("tokens_per_language").smollm2()
    rows = data.load("tokens_per_language")
    for row in rows[rows["tokenizer"] == "SmolLM2"].itertuples():
        assert counter.count(data.text(row.text)) == row.n_tokens, row.text


# The H100


def test_the_shapes_are_those_of_the_models():
    shapes = data.load("h100_models").set_index("id")
    assert shapes.loc["smollm2-135m", "n_params"] == 134_515_008
    assert shapes.loc["llama-3.1-8b", "n_params"] == 8_030_261_248
    assert shapes.loc["llama-3.1-8b", "weight_bytes"] == 16_060_522_496


def test_the_ceilings_are_below_the_datasheet():
    rows = data.load("h100_ceilings").set_index("id")
    assert rows["rate"].max() == rows.loc["matmul-8192x8192x8192", "rate"] == pytest.approx(759e12, rel=0.001)
    assert rows.loc["copy-2147483648", "rate"] == pytest.approx(2.98e12, rel=0.001)
    assert rows["rate"].to_numpy() == pytest.approx((rows["amount"] / rows["seconds"]).to_numpy(), rel=1e-4)


def floor_s(rows: pd.DataFrame, peak: float, bandwidth: float) -> pd.Series:
    """KV over bandwidth, and the longer of computing and reading the weights; all parameters in both."""
    n = rows["model"].map(data.load("h100_models").set_index("id")["n_params"])
    return rows["kv_bytes"] / bandwidth + np.maximum(2 * n * rows["batch"] / peak, 2 * n / bandwidth)


@pytest.mark.parametrize(
    ("hardware", "model", "low", "high"),
    [
        (DATASHEET, "llama-3.1-8b", 1.28, 1.66),
        ((759.188e12, 2.98037e12), "llama-3.1-8b", 1.14, 1.47),
        (DATASHEET, "smollm2-135m", None, 22.3),
    ],
)
def test_decoding_takes_longer_than_the_floor(hardware, model, low, high):
    rows = data.load("h100_decode")
    rows = rows[rows["model"] == model]
    ratio = rows["step_s"] / floor_s(rows, *hardware)
    assert ratio.max() == pytest.approx(high, abs=0.05)
    assert low is None or ratio.min() == pytest.approx(low, abs=0.006)


def test_a_step_reads_all_but_an_embedding_of_its_own():
    row = data.row("h100_decode/llama-3.1-8b-b1-c2048")
    assert row["read_bytes_per_s"] == pytest.approx(1.94e12, rel=0.002)
    assert (row["read_bytes"] + 2 * 128_256 * 4096) / row["step_s"] == pytest.approx(2.07e12, rel=0.002)
    rows, shapes = data.load("h100_decode"), data.load("h100_models").set_index("id")
    assert (rows["read_bytes"] == rows["model"].map(shapes["read_weight_bytes"]) + rows["kv_bytes"]).all()
    per_token = 2 * 2 * shapes["n_layers"] * shapes["n_kv_heads"] * shapes["head_dim"]
    assert (rows["kv_bytes"] == rows["model"].map(per_token) * rows["batch"] * rows["context"]).all()
    assert rows["tokens_per_s"].to_numpy() == pytest.approx((rows["batch"] / rows["step_s"]).to_numpy(), rel=1e-5)


def test_the_speeds_that_labs_4_and_10_name_are_there():
    speeds = data.load("h100_decode").set_index("id")["tokens_per_s"]
    expected = {"b64-c2048": 4571, "b128-c512": 10_792, "b256-c512": 15_802}
    assert {key: round(speeds[f"llama-3.1-8b-{key}"]) for key in expected} == expected
    for batch, usd in ((1, 4.38), (64, 0.122)):
        assert 2 / 3600 / speeds[f"llama-3.1-8b-b{batch}-c2048"] * 1e6 == pytest.approx(usd, abs=5e-3)


def test_prefill_of_a_small_model_takes_no_longer_for_a_longer_prompt():
    rows = data.load("h100_prefill").set_index("id")
    small = rows[rows["model"] == "smollm2-135m"]["seconds"]
    assert small.between(0.021, 0.022).all()
    assert rows.loc["llama-3.1-8b-p2048", "tokens_per_s"] == pytest.approx(33_207, abs=1)
    assert rows.loc["llama-3.1-8b-p512", "tokens_per_s"] == pytest.approx(27_793, abs=1)


def test_utilisation_is_of_the_peak_that_the_accelerators_have():
    peak = data.row("accelerators/h100-sxm")["dense_flop_per_s"]
    rows, shapes = data.load("h100_training"), data.load("h100_models").set_index("id")
    n, d, layers = (rows["model"].map(shapes[key]) for key in ("n_matmul_params", "d_model", "n_layers"))
    assert rows["mfu_6n"].to_numpy() == pytest.approx((6 * n * rows["tokens_per_s"] / peak).to_numpy(), rel=1e-4)
    counted = 6 * n + 6 * layers * d * rows["length"]
    assert rows["mfu"].to_numpy() == pytest.approx((counted * rows["tokens_per_s"] / peak).to_numpy(), rel=1e-4)
    assert (round(rows["mfu"].min(), 2), round(rows["mfu"].max(), 2)) == (0.20, 0.39)
    assert (round(rows["mfu_6n"].min(), 2), round(rows["mfu_6n"].max(), 2)) == (0.17, 0.36)


def test_memory_that_training_did_not_take_is_not_recorded_as_its():
    memory = data.load("h100_training").set_index("id")["peak_memory_gib"]
    assert memory[memory.isna()].index.tolist() == ["125m-eager"]
    served = data.row("h100_decode/llama-3.2-3b-b64-c8192")
    weights = data.row("h100_models/llama-3.2-3b")["weight_bytes"]
    assert (weights + served["kv_bytes"]) / 2**30 == pytest.approx(62.0, abs=0.05)  # what had been recorded: 62.12
    assert memory.max() < 60
    for size in ("350m", "760m", "1.3b", "2.6b"):
        assert memory[f"{size}-compiled"] < memory[f"{size}-eager"]


# The sweep


def optima(size: str) -> list[float]:
    """Vertex of the parabola in the logarithm of the size, budget by budget."""
    runs = data.load("isoflop")
    runs["without_embedding"] = runs["n_params"] - runs["n_embedding"]
    found = []
    for _, group in runs[runs["in_sweep"] == "yes"].groupby("budget_flop"):
        a, b, _ = np.polyfit(np.log(group[size]), group["loss_nats"], 2)
        assert a > 0 and len(group) >= 3
        found.append(float(np.exp(-b / 2 / a)))
    return found


def exponent(size: str) -> float:
    budgets = sorted(data.load("isoflop")["budget_flop"].unique())
    return float(np.polyfit(np.log(budgets), np.log(optima(size)), 1)[0])


def test_our_sweep_finds_the_known_optima_and_exponents():
    assert [round(n / 1e6, 1) for n in optima("n_params")] == [1.7, 2.5, 4.5, 8.3, 19.6]
    assert exponent("n_params") == pytest.approx(0.525, abs=1e-3)
    assert exponent("without_embedding") == pytest.approx(0.645, abs=1e-3)
    budgets = sorted(data.load("isoflop")["budget_flop"].unique())
    ratios = [budget / 6 / n**2 for budget, n in zip(budgets, optima("n_params"), strict=True)]
    assert (round(min(ratios)), round(max(ratios))) == (13, 27)


def test_what_is_left_out_of_the_sweep_is_the_larger_batch():
    runs = data.load("isoflop")
    sweep, others = runs[runs["in_sweep"] == "yes"], runs[runs["in_sweep"] == "no"]
    assert (len(sweep), len(others)) == (23, 7)
    assert (sweep["epochs"] > 1).sum() == 9
    key = ["n_layers", "d_model", "budget_flop"]
    pairs = others.merge(sweep, on=key, suffixes=("", "_sweep"))
    assert (pairs["batch_tokens"] > pairs["batch_tokens_sweep"]).all()
    worse = pairs["loss_nats"] - pairs["loss_nats_sweep"]
    assert (worse.min(), worse.max()) == pytest.approx((-0.004, 1.346), abs=5e-4)
    assert sweep.groupby("budget_flop")["batch_tokens"].nunique().eq(1).all()


def test_a_run_is_its_budget_its_steps_and_its_curve():
    runs = data.load("isoflop")
    assert (runs["flop"] == 6 * runs["n_params"] * runs["n_tokens"]).all()
    assert (runs["n_tokens"] == runs["steps"] * runs["batch_tokens"]).all()
    assert (runs["n_embedding"] == runs["vocab_size"] * runs["d_model"]).all()
    assert runs["flop"].to_numpy() == pytest.approx(runs["budget_flop"].to_numpy(), rel=0.003)
    assert runs["epochs"].to_numpy() == pytest.approx(
        runs["n_tokens"] / data.row("isoflop_corpus/train")["n_tokens"], abs=6e-4
    )
    curves = data.load("isoflop_curves").groupby("run")
    assert set(curves.groups) == set(runs["id"])
    assert curves["n_tokens"].is_monotonic_increasing.all()
    assert curves["loss_nats"].last().lt(curves["loss_nats"].first()).all()
    last = curves["n_tokens"].last()
    assert last.le(runs.set_index("id")["n_tokens"].reindex(last.index)).all()


# Texts and tokens


def ratio(tokenizer: str, text: str) -> float:
    rows = data.load("tokens_per_language").set_index(["tokenizer", "text"])["n_tokens"]
    return rows[tokenizer, text] / rows[tokenizer, "english"]


@pytest.mark.parametrize(
    ("tokenizer", "text", "expected"),
    [
        ("SmolLM2", "arabic", 3.39),
        ("cl100k_base (GPT-4)", "arabic", 2.60),
        ("o200k_base (GPT-4o)", "arabic", 1.18),
        ("Mistral Tekken", "arabic", 1.09),
        ("SmolLM2", "tamazight-tifinagh", 8.81),
        ("Llama 3", "tamazight-tifinagh", 8.85),
    ],
)
def test_what_the_same_text_costs_in_another_language(tokenizer, text, expected):
    assert ratio(tokenizer, text) == pytest.approx(expected, abs=0.006)


@pytest.mark.parametrize(
    ("tokenizer", "expected"),
    [("Mistral Tekken", (1.280, 1.536, 2.667, 1.178)), ("Llama 3", (1.635, 1.787, 2.542, 1.154))],
)
def test_tokens_for_a_word_of_the_english_text(tokenizer, expected):
    rows = data.load("tokens_per_language").set_index(["tokenizer", "text"])["n_tokens"]
    words = data.row("texts/english")["n_words"]
    languages = ("arabic", "french", "tamazight-latin", "english")
    assert [rows[tokenizer, one] / words for one in languages] == pytest.approx(expected, abs=6e-4)


def test_the_texts_are_what_their_table_says():
    texts = data.load("texts")
    assert {"english", "french", "arabic", "tamazight-latin", "tamazight-tifinagh"} <= set(texts["id"])
    for one in texts.itertuples():
        text = data.text(one.id)
        assert (len(text.encode()), len(text), len(text.split())) == (one.n_bytes, one.n_characters, one.n_words)
        assert text == text.strip() and "<" not in text
    assert data.text("english").startswith("Universal Declaration of Human Rights\nPreamble\n")
