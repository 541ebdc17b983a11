"""Lab 1's estimator as a forecaster: the device-hours of published runs, by an MFU in which the run itself had no part.

    python benchmarks/forecaster.py

Prints a table, and writes results/forecaster.json, results/forecaster.png and ../RESULTS.md. Hours are 6ND / (peak ×
MFU). The MFU is chosen by the generation of the hardware, from all other runs, or from those published before.
"""

from collections.abc import Callable
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from benchmarks import results
from course import data, plots

HOPPER = "H100, H800"
ENOUGH = 3  # runs of a generation; with fewer, those of all generations are asked
SURE = 0.8

Chosen = Callable[[pd.DataFrame, pd.Series], pd.DataFrame]  # of all runs, those that a forecast of one may look at


def runs() -> pd.DataFrame:
    """The published runs of grade A by name: `generation`, `published` (date), `hours`, `full_speed_h`, `mfu`.

    `full_speed_h` is what 6ND takes at the peak, and `mfu` the share of it that the published hours imply.
    """
    table = data.load("training_runs").set_index("name")
    table = table[table.grade == "A"]
    peak = data.load("accelerators").set_index("name").dense_flop_per_s
    full_speed_h = 6 * table.n_active_params * table.n_tokens / (peak[table.device].to_numpy() * 3600)
    family = table.device.str.split().str[0]
    return pd.DataFrame(
        {
            "generation": family.replace({"H100": HOPPER, "H800": HOPPER}),
            "published": table.source_date,
            "hours": table.device_hours,
            "full_speed_h": full_speed_h,
            "mfu": full_speed_h / table.device_hours,
        }
    )


def others(table: pd.DataFrame, run: pd.Series) -> pd.DataFrame:
    """All runs but this one."""
    return table.drop(index=run.name)


def earlier(table: pd.DataFrame, run: pd.Series) -> pd.DataFrame:
    """The runs that were published before this one."""
    return table[table.published < run.published]


def forecasts(table: pd.DataFrame, chosen: Chosen) -> pd.DataFrame:
    """By run, `low`, `mid` and `high` of its hours: the middle 80 % of the MFU of the chosen runs, and their median.

    Of the chosen ones those of the run's generation are taken, if they are enough. A run for which too few are chosen
    has no forecast.
    """
    rows = {}
    for name, run in table.iterrows():
        known = chosen(table, run)
        alike = known[known.generation == run.generation]
        mfus = (alike if len(alike) >= ENOUGH else known).mfu
        if len(mfus) >= ENOUGH:
            rows[name] = run.full_speed_h / mfus.quantile([(1 + SURE) / 2, 0.5, (1 - SURE) / 2]).to_numpy()
    return pd.DataFrame.from_dict(rows, orient="index", columns=["low", "mid", "high"])


def quality(forecast: pd.DataFrame, hours: pd.Series) -> dict[str, float]:
    """How good forecasts are: in logarithms of hours, so that half and twice are equally wrong."""
    hours = hours[forecast.index]
    off = np.log(forecast.mid / hours).abs()
    outside = np.maximum(0, np.maximum(np.log(forecast.low / hours), np.log(hours / forecast.high)))
    return {
        "runs": len(forecast),
        "half of them are off by less than": np.exp(off.median()),
        "the worst is off by": np.exp(off.max()),
        "inside the 80 % interval": 100 * float((outside == 0).mean()),
        "mean interval score": float((np.log(forecast.high / forecast.low) + 2 / (1 - SURE) * outside).mean()),
    }


def inside(table: pd.DataFrame, quantiles: tuple[float, float], *, sure: float) -> float:
    """The share of runs whose MFU is in the middle of a log-uniform range, where so much of it is.

    The range goes from one quantile to the other of the MFU of the A100 runs, but for the run itself.
    """
    tail = (1 - sure) / 2
    found = []
    for name, run in table.iterrows():
        low, high = table[table.generation == "A100"].mfu.drop(name, errors="ignore").quantile(list(quantiles))
        found.append(low * (high / low) ** tail <= run.mfu <= low * (high / low) ** (1 - tail))
    return float(np.mean(found))


def measure() -> tuple[dict[str, Any], pd.DataFrame]:
    """The report, rows in the shape of `results`, and the forecasts by the other runs."""
    table = runs()
    forecast = forecasts(table, others)
    report = results.report(
        [
            *_overall(forecast, table.hours, "all other runs"),
            *_overall(forecasts(table, earlier), table.hours, "the runs published before it"),
            *_calibration(table),
            *_each(table, forecast),
        ],
        packages=("pandas",),
        versions={},
        machine={},
        notes=[
            "published training runs of grade A in `datasets/training_runs.csv`; nothing is measured here",
            "a ratio is the published hours over the forecast ones",
            "the score is an interval's width plus ten times what the hours lie outside, in natural logarithms: "
            "less is better",
        ],
        picture="each run's forecast over its published hours, by the published hours, with 80 % intervals",
    )
    return report, forecast


def _overall(forecast: pd.DataFrame, hours: pd.Series, known: str) -> list[dict[str, Any]]:
    group = f"Device-hours, by the MFU of {known}, of the same generation where there are {ENOUGH}"
    units = {"runs": "", "inside the 80 % interval": "%", "mean interval score": ""}
    found = quality(forecast, hours)
    return [results.alone(group, what, value, units.get(what, "times")) for what, value in found.items()]


def _calibration(table: pd.DataFrame) -> list[dict[str, Any]]:
    rows = []
    for ends, quantiles in (("the 10th and 90th percentile", (0.1, 0.9)), ("the lowest and highest", (0, 1))):
        group = f"Runs inside lab 1's interval, MFU log-uniform between {ends} of the other A100 runs"
        for sure in (0.5, 0.8, 0.9):
            share = inside(table, quantiles, sure=sure)
            rows.append(results.alone(group, f"its middle {100 * sure:.0f} %", 100 * share, "%"))
    return rows


def _each(table: pd.DataFrame, forecast: pd.DataFrame) -> list[dict[str, Any]]:
    group = "Each run: forecast by all other runs, with the 80 % interval"
    rows = []
    for name, run in table.sort_values("hours").iterrows():
        low, mid, high = forecast.loc[name, ["low", "mid", "high"]]
        what = f"{name} ({run.generation})"
        rows.append(results.compared(group, what, [low, mid, high], "published", [run.hours], unit="h"))
    return rows


def draw(table: pd.DataFrame, forecast: pd.DataFrame) -> plt.Figure:
    """Each run's forecast over its published hours."""
    plots.use_style()
    fig, ax = plt.subplots(figsize=(8, 4.2))
    for (generation, group), colour, marker in zip(
        table.groupby("generation"), plots.COLOURS, plots.MARKERS, strict=False
    ):
        ratio = forecast.loc[group.index].div(group.hours, axis=0)
        ax.vlines(group.hours, ratio.low, ratio.high, color=colour, lw=3, alpha=0.3)
        ax.plot(group.hours, ratio.mid, marker, color=colour, label=generation)
    ax.axhline(1, color="grey", lw=1, ls="-", marker="", zorder=0)
    ax.set(xscale="log", yscale="log", xlabel="published device-hours (h)", ylabel="forecast / published hours")
    ticks = [0.5, 0.7, 1, 1.5, 2]
    ax.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    ax.minorticks_off()
    ax.legend(frameon=False, loc="upper left")
    found = quality(forecast, table.hours)
    ax.set_title(
        f"Half of the forecasts are within a factor of {found['half of them are off by less than']:.2f}, "
        f"the worst of {found['the worst is off by']:.2f}"
    )
    return fig


def main() -> None:
    """Compute, print, draw, write."""
    report, forecast = measure()
    print(results.table(report))
    figure = draw(runs(), forecast)
    figure.savefig(results.FOLDER / "forecaster.png")
    plt.close(figure)
    results.write(report, "forecaster")


if __name__ == "__main__":
    main()
