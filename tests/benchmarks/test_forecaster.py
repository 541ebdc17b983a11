"""The forecaster looks at no run that it forecasts, and its report says what is in its table."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks import forecaster, results


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return forecaster.runs()


def test_the_runs_are_those_of_grade_a_with_their_published_utilisation(table: pd.DataFrame) -> None:
    assert len(table) == 28
    assert table.mfu["Llama 3.1 405B"] == pytest.approx(0.346, abs=1e-3)
    assert table.mfu["PaLM 540B"] == pytest.approx(0.304, abs=1e-3)
    assert table.generation.value_counts().to_dict() == {"A100": 21, "H100, H800": 5, "TPU": 2}


@pytest.mark.parametrize("chosen", [forecaster.others, forecaster.earlier])
def test_a_forecast_has_not_seen_its_run(table: pd.DataFrame, chosen: forecaster.Chosen) -> None:
    before = forecaster.forecasts(table, chosen)
    for name in before.index:
        changed = table.copy()
        changed.loc[name, ["hours", "mfu"]] = table.loc[name, "hours"] * 100, table.loc[name, "mfu"] / 100
        pd.testing.assert_series_equal(forecaster.forecasts(changed, chosen).loc[name], before.loc[name])


def test_what_was_published_later_or_on_the_same_day_is_not_known_before(table: pd.DataFrame) -> None:
    known = forecaster.earlier(table, table.loc["Llama 2 70B"])
    assert "LLaMA-65B" in known.index
    assert not {"Llama 2 7B", "Llama 2 70B", "Llama 3.1 405B"} & set(known.index)
    forecast = forecaster.forecasts(table, forecaster.earlier)
    assert set(table.index) - set(forecast.index) == {"Gopher 280B", "MT-NLG 530B, one step", "PaLM 540B"}


def test_a_run_with_few_of_its_generation_is_forecast_by_all(table: pd.DataFrame) -> None:
    forecast = forecaster.forecasts(table, forecaster.others)
    gopher = table.loc["Gopher 280B"]
    assert forecast.mid["Gopher 280B"] == pytest.approx(gopher.full_speed_h / table.drop("Gopher 280B").mfu.median())
    llama = table.loc["Llama 3.1 405B"]
    alike = table[table.generation == llama.generation].drop(llama.name)
    assert forecast.mid[llama.name] == pytest.approx(llama.full_speed_h / alike.mfu.median())


def test_quality_counts_what_is_outside_by_how_much() -> None:
    forecast = pd.DataFrame({"low": [1.0, 1.0], "mid": [2.0, 2.0], "high": [4.0, 4.0]}, index=["in", "out"])
    found = forecaster.quality(forecast, pd.Series({"in": 2.0, "out": 8.0, "not asked": 1.0}))
    assert found["runs"] == 2 and found["inside the 80 % interval"] == 50
    assert found["the worst is off by"] == pytest.approx(4)
    assert found["mean interval score"] == pytest.approx(np.log(4) + 10 * np.log(2) / 2)


def test_the_middle_of_a_range_is_counted_in_logarithms() -> None:
    runs = [("A100", 0.1), ("A100", 0.1), ("A100", 0.4), ("A100", 0.4), ("TPU", 0.11), ("TPU", 0.2), ("TPU", 0.38)]
    table = pd.DataFrame(runs, columns=["generation", "mfu"])
    assert forecaster.inside(table, (0, 1), sure=0.8) == pytest.approx(1 / 7)  # 0.115 to 0.348
    assert forecaster.inside(table, (0, 1), sure=0.95) == pytest.approx(3 / 7)  # 0.1035 to 0.386


def test_a_range_has_not_seen_the_run_that_it_is_held_against() -> None:
    runs = [("A100", 0.1), ("A100", 0.2), ("A100", 0.4), ("A100", 0.8)]
    table = pd.DataFrame(runs, columns=["generation", "mfu"])
    assert forecaster.inside(table, (0, 1), sure=1) == pytest.approx(2 / 4)


def test_the_kept_report_is_that_of_the_table_and_its_picture_is_there() -> None:
    report, forecast = forecaster.measure()
    kept = json.loads((results.FOLDER / "forecaster.json").read_text())
    assert kept["rows"] == report["rows"]
    assert (results.FOLDER / "forecaster.png").read_bytes().startswith(b"\x89PNG")
    assert len(forecast) == 28


def test_a_page_shows_the_picture(tmp_path: Path) -> None:
    report, _ = forecaster.measure()
    (tmp_path / "forecaster.json").write_text(json.dumps(report))
    assert f"![{report['picture']}](benchmarks/results/forecaster.png)" in results.page(tmp_path)
