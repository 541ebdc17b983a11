"""The published figures against each other, and against what was computed from the same sources by other hands."""

import numpy as np
import pytest

from course import data

LAWS = ("E", "A", "B", "alpha", "beta")


def law(name: str) -> dict[str, float]:
    rows = data.load("scaling_laws")
    constants = rows[rows["law"] == name].set_index("symbol")["value"]
    return {symbol: float(constants[symbol]) for symbol in LAWS}


def tokens_per_parameter(name: str, flop: float) -> float:
    """D/N of the model with the least loss that `flop` can train, found by search: no formula of the labs."""
    found = law(name)
    n = np.geomspace(1e9, 1e12, 200_001)
    d = flop / 6 / n
    loss = found["E"] + found["A"] / n ** found["alpha"] + found["B"] / d ** found["beta"]
    best = int(np.argmin(loss))
    return float(d[best] / n[best])


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Chinchilla 2022, approach 3", 92.6),
        ("Chinchilla 2022, approach 3, TeX", 59.1),
        ("Besiroglu 2024 (refit)", 18.39),
    ],
)
def test_the_parametric_laws_ask_for_the_known_tokens_per_parameter(name, expected):
    assert tokens_per_parameter(name, 5.76e23) == pytest.approx(expected, rel=0.002)


def test_the_laws_predict_the_known_loss_of_chinchilla():
    for name, expected in (("Besiroglu 2024 (refit)", 1.97388), ("Chinchilla 2022, approach 3", 1.93665)):
        found = law(name)
        loss = found["E"] + found["A"] / 70e9 ** found["alpha"] + found["B"] / 1.4e12 ** found["beta"]
        assert loss == pytest.approx(expected, abs=1e-5)


def test_a_symbol_stands_once_in_a_law_and_exponents_sum_to_one():
    rows = data.load("scaling_laws")
    assert not rows.duplicated(["law", "symbol"]).any()
    for _, one in rows[rows["symbol"].isin(["a", "b"])].groupby("law"):
        if len(one) == 2:
            assert one["value"].sum() == pytest.approx(1)
    refit = law("Besiroglu 2024 (refit)")
    exponent = data.row("scaling_laws/refit-n-exponent")["value"]
    assert refit["beta"] / (refit["alpha"] + refit["beta"]) == pytest.approx(exponent, abs=1e-4)


def test_how_many_price_lists_lie_inside_the_claim_of_2023():
    prices = data.load("api_prices")
    blended = (3 * prices["usd_per_mtok_input"] + prices["usd_per_mtok_output"]) / 4
    counts = blended.between(10, 60).groupby(prices["year"]).agg(["sum", "size"])
    expected = {2021: (1, 1), 2022: (1, 1), 2023: (3, 11), 2024: (2, 20), 2025: (3, 20), 2026: (1, 5)}
    assert {int(year): tuple(one) for year, one in counts.iterrows()} == expected
    recent = blended[prices["year"] >= 2025]
    assert ((recent < 10).sum(), (recent < 1).sum(), (recent > 60).sum()) == (18, 12, 3)


def test_a_price_says_no_more_of_its_date_than_its_basis_allows():
    prices = data.load("api_prices")
    assert (prices["year"] == prices["date"].str[:4].astype(int)).all()
    assert (prices["date_basis"].eq("year only") == prices["date"].str.len().eq(4)).all()
    assert prices.loc[prices["date_basis"] == "year only", "note"].str.contains("Only the year").all()
    assert not prices["provider"].isin(["trend"]).any()


def test_who_measures_what_is_told_apart():
    shares = data.load("inference_share")
    world = shares[shares["quantity"] == "share of AI compute"].set_index("year")
    assert world["who"].unique() == ["Deloitte"]
    assert world.loc[[2023, 2025, 2026], "value"].tolist() == pytest.approx([1 / 3, 1 / 2, 2 / 3], abs=1e-3)
    assert world.loc[2025, ["low", "high"]].tolist() == [0.45, 0.55]
    assert shares.loc[shares["quantity"] != "share of AI compute", "quantity"].is_unique
    ranged = shares.dropna(subset=["low", "high"])
    middle = ranged["value"].fillna((ranged["low"] + ranged["high"]) / 2)
    assert middle.between(ranged["low"], ranged["high"]).all()


def test_a_server_is_priced_by_its_devices():
    rows = data.load("device_prices")
    assert (rows.loc[rows["bought_as"] == "device", "devices"] == 1).all()
    first = data.row("device_prices/h100-sxm-2022-09-29-server")
    assert first["usd_per_device"] * first["devices"] == pytest.approx(355_919, abs=1)  # 369,855.51 euros that day
    assert data.row("device_prices/a100-40gb-2020-05-21-server")["usd_per_device"] * 8 == 199_000


def test_chat_and_the_country_reconcile():
    use = data.load("chat_usage").set_index("id")["value"]
    assert use["chatgpt-messages"] / use["chatgpt-users"] / 7 == pytest.approx(3.67, abs=0.01)
    people = data.load("algeria").set_index("id")["value"]
    assert people["internet-users-2025"] / 0.769 == pytest.approx(people["population-2024"], rel=0.01)
    facts = data.load("algeria")
    assert (facts["value"].notna() != (facts["text"] != "")).all()
    assert (facts["value"].isna() | (facts["unit"] != "")).all()


def test_the_tariff_of_a_large_consumer_is_its_parts():
    tariff = data.row("energy/price-algeria-high-voltage-2016")
    assert tariff["value"] == pytest.approx(1.3694 + 606.32 / 730.5, abs=2e-3)


def test_quantization_loses_what_the_differences_say():
    rows = data.load("quantization_loss")
    for model, baseline in (("Llama-3-8B", 6.2316), ("Llama-2-7B", 5.7946)):
        one = rows[rows["model"] == model].dropna(subset=["perplexity"])
        assert (one["perplexity"] - one["delta_perplexity"]).to_numpy() == pytest.approx(baseline, abs=1e-4)
    assert rows["perplexity"].isna().sum() == 1  # the README's misprint
    plain = rows[(rows["imatrix"] == "") & (rows["model"] == "Llama-3-8B")].set_index("type")["mean_kl_nats"]
    assert plain["Q8_0"] < plain["Q6_K"] < plain["Q5_K_M"] < plain["Q4_K_M"] < plain["Q3_K_M"] < plain["Q2_K"]


def test_nanochats_first_run_used_half_of_the_peak():
    run = data.row("training_runs/nanochat-d24-run-1")
    peak = data.row("accelerators/h100-sxm")["dense_flop_per_s"]
    assert run["flop_published"] / (run["device_hours"] * 3600 * peak) == pytest.approx(0.4997, rel=0.001)


def counted(shape) -> int:
    """Parameters of a shape, matrix by matrix."""
    d, q, kv = shape.d_model, shape.n_heads * shape.head_dim, shape.n_kv_heads * shape.head_dim
    attention = 2 * d * q + 2 * d * kv
    attention += {"none": 0, "qkv": q + 2 * kv, "all": q + 2 * kv + d}[shape.bias]
    feed_forward = (3 if shape.gated == "yes" else 2) * d * shape.d_ff
    feed_forward += shape.d_ff + d if shape.bias == "all" else 0
    norm = d * (2 if shape.norm == "layer" else 1)
    heads = 2 * shape.head_dim if shape.qk_norm == "yes" else 0
    tables = shape.vocab_size * d * (1 if shape.tied == "yes" else 2) + shape.n_positions * d
    return shape.n_layers * (attention + feed_forward + 2 * norm + heads) + norm + tables


def test_every_published_count_follows_from_its_shape():
    shapes = data.load("model_shapes")
    assert {shape.name: counted(shape) for shape in shapes.itertuples()} == dict(
        zip(shapes["name"], shapes["n_params"], strict=True)
    )
    assert data.row("model_shapes/qwen3-0.6b")["n_params"] + 151_936 * 1024 == 751_632_384
    for one in ("smollm2-135m", "llama-3.1-8b"):
        assert data.row(f"model_shapes/{one}")["n_params"] == data.row(f"h100_models/{one}")["n_params"]
    assert data.row("model_shapes/llama-2-13b")["n_params"] == data.row("training_runs/llama-2-13b")["n_params"]


def test_the_textbooks_steps_are_those_of_its_own_formula():
    for step in data.load("step_times").itertuples():
        device = data.load("accelerators").set_index("name").loc[step.device]
        bandwidth, peak = step.devices * device["bandwidth_bytes_per_s"], step.devices * device["dense_flop_per_s"]
        computing = step.weight_bytes * step.batch / peak  # two bytes and two operations a weight
        kv_s = step.kv_bytes_per_token * step.context * step.batch / bandwidth
        assert kv_s + max(computing, step.weight_bytes / bandwidth) == pytest.approx(step.step_s, rel=0.01)
