"""A report's pictures. Each title says what the picture shows, in numbers of this class; each has a text beside it."""

import io
import statistics
import textwrap
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from course import plots
from course.classroom import predictions
from course.classroom.arrivals import Arrivals
from course.classroom.items import OUTCOMES, Item
from course.classroom.misconceptions import Idea
from course.classroom.predictions import Forecast

MOST_IDEAS, MOST_SECTIONS = 12, 12
_LONGEST = 32  # characters of a name beside a bar
_ROW, _FRAME, _WIDE = 0.36, 1.3, 8.0  # inches: a bar and its gap, title and axis, the whole
_COLOURS = ("#0072B2", "#56B4E9", "#D55E00", "#E69F00", "#CC79A7", "#BBBBBB")  # of OUTCOMES, by Okabe and Ito
_SIDES = {-1: ("truth below", plots.ORANGE), 0: ("truth inside", plots.BLUE), 1: ("truth above", plots.PURPLE)}


@dataclass(frozen=True)
class Picture:
    """A PNG; `alt` is for those who do not see it."""

    name: str
    title: str
    alt: str
    png: bytes


def of_ideas(ideas: Sequence[Idea], n: int) -> Picture:
    """How many hold each of the commonest ideas."""
    shown = ideas[:MOST_IDEAS]
    most = len(shown[0].holders)
    first = [_short(idea.name, _LONGEST) for idea in ideas if len(idea.holders) == most]
    each, are = ("each ", "ideas are") if len(first) > 1 else ("", "idea is")
    title = f"The commonest wrong {are} {_listed(first)}, {each}held by {most} of {_students(n)}"

    def draw(figure: Figure) -> None:
        ax = figure.subplots()
        counts = [len(idea.holders) for idea in shown]
        ax.bar_label(ax.barh(range(len(shown)), counts, color=plots.ORANGE, height=0.7), padding=3)
        ax.set_yticks(range(len(shown)), [_short(idea.name, _LONGEST) for idea in shown])
        ax.invert_yaxis()
        ax.grid(axis="y", visible=False)
        ax.set_xlabel("students who hold it")
        _whole(ax)

    alt = "; ".join(f"{idea.name}: {len(idea.holders)}" for idea in shown)
    return _picture("ideas", title, alt, len(shown) * _ROW, draw)


def of_scores(sections: Mapping[str, Sequence[float]], most: float) -> Picture:
    """How many have so many points, a row for each section, and one for all where there are several."""
    everyone = [points for section in sections.values() for points in section]
    named = [(name or "no section", points) for name, points in sections.items() if points]
    rows = [("all", everyone), *named] if len(named) > 1 else [("", everyone)]
    shown = rows[: MOST_SECTIONS + 1]
    title = f"The median of {_students(len(everyone))} is {statistics.median(everyone):g} of {most:g} points"
    step = max(1.0, np.ceil(most / 30))

    def draw(figure: Figure) -> None:
        axes = figure.subplots(len(shown), 1, sharex=True, squeeze=False)[:, 0]
        edges = np.arange(-step / 2, max(most, *everyone) + step, step)
        for ax, (name, points) in zip(axes, shown, strict=True):
            ax.hist(points, bins=edges, color=plots.BLUE, rwidth=0.9)
            ax.axvline(statistics.median(points), color=plots.ORANGE, linestyle="-", marker="", linewidth=2)
            ax.yaxis.set_major_locator(MaxNLocator(3, integer=True))
            if name:
                ax.set_ylabel(f"{_short(name, 14)}\n{_students(len(points))}", rotation=0, ha="right", va="center")
            else:
                ax.set_ylabel("students")
        axes[-1].xaxis.set_major_locator(MaxNLocator(integer=True))
        axes[-1].set_xlabel("points, before any penalty (line: the median)")

    alt = "; ".join(f"{name or 'all'}: {len(p)} students, median {statistics.median(p):g}" for name, p in rows)
    return _picture("scores", title, alt, max(2.0, 1.0 * len(shown)), draw)


def of_items(found: Sequence[Item]) -> Picture:
    """What became of the answers to each exercise; beside it, where the class is large enough, discriminations."""
    marked = [item for item in found if item.share is not None]
    title = "What became of the answers to each exercise"
    if marked:
        least = min(item.share or 0.0 for item in marked)
        hardest = [item.exercise for item in marked if item.share == least]
        title = f"The fewest points, {least:.0%}, are reached in {_listed(hardest)}"
    told = any(item.discrimination is not None for item in found)

    def draw(figure: Figure) -> None:
        widths = [3, 2] if told else [1]
        left, *right = figure.subplots(1, len(widths), sharey=True, squeeze=False, width_ratios=widths)[0]
        names, start = [item.exercise for item in found], np.zeros(len(found))
        for outcome, colour in zip(OUTCOMES, _COLOURS, strict=True):
            shares = np.array([item.outcomes[outcome] / item.n for item in found])
            if shares.any():
                left.barh(names, shares, left=start, color=colour, height=0.7, label=outcome)
            start += shares
        left.invert_yaxis()
        left.set_xlim(0, 1)
        left.set_xticks([0, 0.25, 0.5, 0.75, 1])
        left.xaxis.set_major_formatter(PercentFormatter(1))
        left.set_xlabel("students")
        left.grid(axis="y", visible=False)
        figure.legend(loc="outside lower center", ncols=3, frameon=False)
        for ax in right:
            points = [(item.discrimination, item.exercise) for item in found if item.discrimination is not None]
            ax.plot([x for x, _ in points], [name for _, name in points], marker="o", color=plots.BLACK)
            ax.axvline(0, color="grey", linestyle="-", marker="", linewidth=1)
            ax.set(xlim=(-1, 1), xticks=[-0.5, 0, 0.5])
            ax.set_xlabel("correlation with\nall other points")

    alt = "; ".join(f"{i.exercise}: {i.share:.0%} of the points" for i in marked if i.share is not None)
    return _picture("exercises", title, alt, len(found) * _ROW + 0.9, draw)


def of_arrivals(found: Arrivals) -> Picture:
    """The share of the class that had handed in, day by day."""
    n = len(found.days)
    title = f"{found.n_late} of {_students(n)} handed in after the due date"

    def draw(figure: Figure) -> None:
        ax = figure.subplots()
        ax.ecdf(found.days, color=plots.BLUE, linestyle="-", marker="", linewidth=2)
        ax.axvline(0, color=plots.ORANGE, linestyle="-", marker="", linewidth=2)
        ax.annotate("due", (0, 1), (0, 3), textcoords="offset points", ha="center", color=plots.ORANGE)
        ax.yaxis.set_major_formatter(PercentFormatter(1))
        ax.set_xlabel("days from the student's due date")
        ax.set_ylabel("have handed in")

    return _picture("arrivals", title, f"The median is {statistics.median(found.days):+.1f} days.", 2.2, draw)


def of_calibration(forecasts: Sequence[Forecast]) -> Picture:
    """How often truths lie in intervals, against how sure of them the class was."""
    every = [one for forecast in forecasts for one in forecast.predictions]
    share = predictions.inside(every)
    title = f"Intervals of {predictions.SURE:.0%} hold {share:.0%} of the truths"

    def draw(figure: Figure) -> None:
        ax = figure.subplots()
        levels = np.linspace(0.01, 0.99, 99)
        shares = [predictions.inside(every, level) for level in levels]
        ax.plot([0, 1], [0, 1], color="grey", linestyle="--", marker="", label="as sure as right")
        ax.plot(levels, shares, color=plots.BLUE, linestyle="-", marker="", label="this class")
        ax.plot([predictions.SURE], [share], color=plots.BLUE, marker="o", markersize=9, label="the intervals as given")
        for axis in (ax.xaxis, ax.yaxis):
            axis.set_major_formatter(PercentFormatter(1))
        ax.set(xlim=(0, 1), ylim=(0, 1.02), xlabel="how sure of an interval", ylabel="truths inside")
        figure.legend(loc="outside lower center", ncols=3, frameon=False)

    alt = f"{len(every)} predictions; below the dashed line a class is surer than it is right."
    return _picture("calibration", title, alt, 3.0, draw)


def of_forecasts(forecasts: Sequence[Forecast]) -> Picture:
    """Of each thing predicted, where the truths lay."""
    inside = {one.what: predictions.inside(one.predictions) for one in forecasts}
    least = min(inside.values())
    title = f"The fewest truths inside, {least:.0%}: {_listed([what for what in inside if inside[what] == least])}"

    def draw(figure: Figure) -> None:
        ax = figure.subplots()
        names, start = [_short(one.what, _LONGEST) for one in forecasts], np.zeros(len(forecasts))
        for side, (label, colour) in _SIDES.items():
            shares = np.array([one.sides[side] / len(one.predictions) for one in forecasts])
            ax.barh(names, shares, left=start, color=colour, height=0.7, label=label)
            start += shares
        ax.invert_yaxis()
        ax.set_xlim(0, 1)
        ax.xaxis.set_major_formatter(PercentFormatter(1))
        ax.set_xlabel("predictions")
        ax.grid(axis="y", visible=False)
        figure.legend(loc="outside lower center", ncols=3, frameon=False)

    alt = "; ".join(f"{one.what}: {inside[one.what]:.0%} of {len(one.predictions)}" for one in forecasts)
    return _picture("predictions", title, alt, len(forecasts) * _ROW + 0.6, draw)


def _picture(name: str, title: str, alt: str, height: float, draw: Callable[[Figure], None]) -> Picture:
    png = io.BytesIO()
    with mpl.rc_context(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # a section may be called in any script
        plots.use_style()
        mpl.rcParams["text.parse_math"] = False  # what a section is called is no formula
        mpl.rcParams["savefig.bbox"] = None  # a layout keeps the width
        figure = Figure(figsize=(_WIDE, height + _FRAME), layout="constrained")
        figure.suptitle("\n".join(textwrap.wrap(title, 76)), x=0.01, ha="left", fontweight="bold", fontsize=12)
        draw(figure)
        figure.savefig(png, format="png")
    return Picture(name, title, alt, png.getvalue())


def _students(n: int) -> str:
    return "1 student" if n == 1 else f"{n} students"


def _listed(names: Sequence[str]) -> str:
    """The names, if they are few."""
    *first, last = names
    if len(names) > 3:
        return f"{names[0]}, {names[1]} and {len(names) - 2} others"
    return f"{', '.join(first)} and {last}" if first else last


def _whole(ax: Axes) -> None:
    ax.set_xlim(left=0)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
