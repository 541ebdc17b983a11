"""Lab 10's cases and the claims: complete, within their limits, and resting on rows that say what they say."""

from collections.abc import Callable

import pytest

from course import data

CASES = ["case_algeria", "case_university", "case_company"]


def value(reference: str, column: str = "value") -> float:
    return float(data.row(reference)[column])


def words(tokens: str) -> float:
    """Words of as many tokens, by what a vocabulary of 32,000 takes for an English word."""
    per_word = value("tokens_per_language/mistral-7b-v0.1-english", "n_tokens") / value("texts/english", "n_words")
    return value(f"chat_usage/{tokens}") / per_word


def pay(net: str, to_gross: float) -> float:
    rate, employer = value("algeria/exchange-rate"), 1 + value("algeria/employer-contribution")
    return value(f"algeria/{net}") * to_gross * employer * 12 / rate


def messages_a_day() -> float:
    return value("chat_usage/chatgpt-messages") / value("chat_usage/chatgpt-users") / 7


def mwh(name: str) -> float:
    return value(f"energy/training-energy-{name}")


def api(name: str, column: str) -> Callable[[], float]:
    return lambda: value(f"api_prices/{name}", f"usd_per_mtok_{column}")


# What value, low and high follow from, where they follow from rows: in this order, None where they are a judgement.
FOLLOWS: dict[str, tuple[Callable[[], float] | None, ...]] = {
    "sessions_per_user_day": (
        lambda: messages_a_day() / value("chat_usage/lmsys-turns"),
        None,
        messages_a_day,
    ),
    "turns_per_session": (lambda: value("chat_usage/lmsys-turns"), None, lambda: value("chat_usage/sharegpt-turns")),
    "words_per_prompt": (lambda: words("lmsys-prompt-tokens"), None, lambda: words("wildchat-prompt-tokens")),
    "words_per_answer": (lambda: words("lmsys-answer-tokens"), None, lambda: words("wildchat-answer-tokens")),
    "prefill_tokens_per_s": (
        lambda: value("h100_prefill/llama-3.1-8b-p2048", "tokens_per_s"),
        lambda: value("h100_prefill/llama-3.1-8b-p512", "tokens_per_s"),
        lambda: value("h100_prefill/llama-3.1-8b-p2048", "tokens_per_s"),
    ),
    "decode_tokens_per_s": tuple(
        lambda key=key: value(f"h100_decode/llama-3.1-8b-{key}", "tokens_per_s")
        for key in ("b128-c512", "b64-c2048", "b256-c512")
    ),
    "usd_per_device": (
        lambda: value("device_prices/h100-sxm-2022-09-29-server", "usd_per_device"),
        lambda: value("device_prices/h100-sxm-2025-03-03-board", "usd_per_device"),
        None,
    ),
    "device_kw": (
        lambda: value("energy/power-dgx-h100-maximum-2022") / 8e3,
        lambda: value("accelerators/h100-sxm", "tdp_w") / 1e3,
        lambda: value("energy/power-dgx-h100-maximum-2022") / 8e3,
    ),
    "pue": (lambda: value("energy/pue-uptime-2025"), lambda: value("energy/pue-aws-fleet-2024"), None),
    "usd_per_kwh": (
        lambda: value("energy/price-algeria-business-2020"),
        None,
        lambda: value("energy/price-world-average-business-2020"),
    ),
    "usd_per_staff_year": (lambda: pay("developer-pay", 1.3), None, None),
    "peak_flop_per_s": (lambda: value("accelerators/h100-sxm", "dense_flop_per_s"),) * 3,
    "usd_per_device_hour": (
        lambda: value("gpu_hour_prices/lambda-h100-sxm-on-demand-2026-03", "usd_per_gpu_hour"),
        lambda: value("gpu_hour_prices/vast.ai-h100-sxm-marketplace-2026-03", "usd_per_gpu_hour"),
        None,
    ),
    "development_factor": (
        lambda: mwh("bloom-whole-project-2022") / mwh("bloom-176b-2022"),
        lambda: 1 + mwh("olmo-series-development-2025") / mwh("olmo-series-final-runs-2025"),
        None,
    ),
    "tokens_train": (
        lambda: value("training_runs/apertus-70b", "n_tokens"),
        lambda: value("training_runs/llama-2-7b", "n_tokens"),
        lambda: value("training_runs/llama-3-8b", "n_tokens"),
    ),
    "usd_per_mtok_input": (
        api("together-llama-3.1-8b-instruct-turbo", "input"),
        api("groq-llama-3.1-8b-instant", "input"),
        api("openai-gpt-5-mini", "input"),
    ),
    "usd_per_mtok_output": (
        api("together-llama-3.1-8b-instruct-turbo", "output"),
        api("groq-llama-3.1-8b-instant", "output"),
        api("openai-gpt-5-mini", "output"),
    ),
}


@pytest.mark.parametrize("key", FOLLOWS)
def test_what_is_sourced_follows_from_its_rows(key):
    row = data.load("case_algeria").set_index("key").loc[key]
    assert row["kind"] in ("sourced", "measured")
    for column, expected in zip(("value", "low", "high"), FOLLOWS[key], strict=True):
        if expected is not None:
            assert row[column] == pytest.approx(expected(), rel=0.02), column


def test_nothing_sourced_is_left_unchecked():
    rows = data.load("case_algeria")
    sourced = rows[rows["kind"].isin(["sourced", "measured"])]
    assert set(sourced["key"]) - set(FOLLOWS) == {"mfu"}  # whose rows lie around the quantiles: the test below


def test_the_utilisation_is_that_of_the_published_runs():
    runs, mfu = data.load("training_runs"), data.load("case_algeria").set_index("key").loc["mfu"]
    peak = runs["device"].map(data.load("accelerators").set_index("name")["dense_flop_per_s"])
    runs["mfu"] = 6 * runs["n_active_params"] * runs["n_tokens"] / (runs["device_hours"] * 3600 * peak)
    ranked = runs[runs["grade"] == "A"].sort_values("mfu").reset_index()
    assert ranked["mfu"].median() == pytest.approx(mfu["value"], rel=0.02)
    named = [reference.removeprefix("training_runs/") for reference in mfu["rows"].split()]
    around = [int(q * 27) + step for q in (0.1, 0.5, 0.9) for step in (0, 1)]
    assert named == ranked.loc[around, "id"].tolist()


@pytest.mark.parametrize("name", CASES)
def test_a_case_has_every_key_within_its_limits(name):
    keys, rows = data.load("case_keys").set_index("key"), data.load(name).set_index("key")
    assert rows.index.tolist() == keys.index.tolist() and len(rows) == 41
    assert (rows["unit"] == keys["unit"]).all()
    assert ((keys["least"] <= rows["low"]) & (rows["low"] <= rows["value"])).all()
    assert ((rows["value"] <= rows["high"]) & (rows["high"] <= keys["most"])).all()
    shares = rows.loc[["share_arabic", "share_french", "share_tamazight"]]
    assert shares["high"].sum() <= 1 + 1e-12  # whatever is drawn, English is not negative


@pytest.mark.parametrize("name", CASES)
def test_a_case_says_what_each_number_rests_on(name):
    rows = data.load(name)
    judged, sourced = rows["kind"] == "judgement", rows["kind"] == "sourced"
    assert (rows["reason"] == "").all()  # an untouched table does not pass the lab's audit
    assert (rows.loc[judged, ["source", "source_url", "date"]] == "").all(axis=None)
    assert (rows.loc[sourced, ["source", "date", "rows"]] != "").all(axis=None)
    assert (rows.loc[rows["kind"] == "measured", ["source", "rows"]] != "").all(axis=None)
    for reference in " ".join(rows["rows"]).split():
        data.row(reference)


def test_the_kinds_of_the_worked_case():
    kinds = data.load("case_algeria")["kind"].value_counts()
    assert kinds.to_dict() == {"judgement": 21, "sourced": 16, "given": 2, "measured": 2}


def test_what_differs_from_the_worked_case_is_judgement():
    algeria = data.load("case_algeria").set_index("key")
    for name in CASES[1:]:
        rows = data.load(name).set_index("key")
        same = (rows[["value", "low", "high"]] == algeria[["value", "low", "high"]]).all(axis=1)
        assert (rows.loc[~same, "kind"] == "judgement").all() and not same.all()
        assert (rows.loc[same, "kind"] == algeria.loc[same, "kind"]).all()


def test_the_blank_case_has_only_what_is_given():
    blank, keys = data.load("case_blank").set_index("key"), data.load("case_keys").set_index("key")
    assert blank.index.tolist() == keys.index.tolist() and (blank["unit"] == keys["unit"]).all()
    filled = blank[blank["value"].notna()]
    assert filled.index.tolist() == ["years", "n_params"] and (filled["kind"] == "given").all()


def test_the_claims_are_eight_and_their_bounds_are_what_is_said():
    claims = data.load("claims").set_index("id")
    assert claims.index.tolist() == [f"C{n}" for n in range(1, 9)]
    assert claims.loc["C1", ["low", "high"]].tolist() == [25_000 * 24 * 90, 25_000 * 24 * 100]
    assert claims.loc["C4", ["low", "high"]].tolist() == [0.01 * 1000, 0.06 * 1000]
    assert claims.loc["C7", ["low", "high"]].isna().all()
    assert claims.drop(index="C7")["low"].notna().all()
    ended = claims.dropna(subset=["low", "high"])
    assert (ended["low"] < ended["high"]).all()
    sourced = claims[claims["source_url"] != ""]
    assert sourced.index.tolist() == ["C1", "C2", "C4"] and (sourced["source_date"] != "").all()
    assert claims.loc[claims["source_url"] == "", "note"].str.contains("no single author").all()
    shares = data.load("inference_share")
    assert claims.loc["C3", "quantity"] in shares["quantity"].tolist()
    assert claims.loc["C2", "quantity"] in data.load("gpt4_claims")["quantity"].tolist()
