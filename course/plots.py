"""One look for every plot of the course, and the few plots that labs share. Plot functions take an Axes."""

import io
import math
from collections.abc import Sequence

import matplotlib as mpl
import matplotlib.pyplot as plt
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, LogLocator, NullLocator

# Okabe and Ito's colours, told apart by every kind of colour vision; the order in which series take them.
BLUE, ORANGE, GREEN, PURPLE, BLACK = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#000000"
COLOURS = (BLUE, ORANGE, GREEN, PURPLE, BLACK)
MARKERS = ("o", "s", "^", "D", "v")


def use_style() -> None:
    """Set the course's style for all plots that follow."""
    mpl.rcParams.update(
        {
            "figure.figsize": (8.0, 4.2),
            "figure.dpi": 110,
            "savefig.bbox": "tight",
            "font.size": 11,
            "axes.titlelocation": "left",
            "axes.titlesize": 12,
            "axes.titleweight": "bold",
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.axisbelow": True,
            "axes.grid": True,
            "grid.color": "#dddddd",
            "grid.linewidth": 0.6,
            "axes.prop_cycle": cycler(color=COLOURS, marker=MARKERS),
            "lines.linestyle": "",
            "lines.markersize": 6,
        }
    )


def show(figure: Figure, *, alt: str) -> None:
    """Show a finished figure in the notebook with a text for those who do not see it, and close it."""
    from IPython.display import display

    display({"image/png": png(figure), "text/plain": alt}, metadata={"image/png": {"alt": alt}}, raw=True)


def png(figure: Figure) -> bytes:
    """A finished figure as a PNG; it is closed."""
    picture = io.BytesIO()
    figure.savefig(picture, format="png")
    plt.close(figure)
    return picture.getvalue()


def log_ticks(axis: Axis) -> None:
    """Plain numbers, 1, 2, 5, 10 and so on, on a logarithmic axis of however few decades."""
    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter("{x:g}")
    axis.set_minor_locator(NullLocator())


def label_ends(ax: Axes, ends: Sequence[tuple[float, float, str, str]]) -> None:
    """Labels to the right of where series end, (x, y, text, colour) each, moved apart where they would overlap.

    Call it when limits and scales are set.
    """
    height = 1.3 * float(mpl.rcParams["font.size"])  # points
    per_pixel = 72 / ax.figure.dpi
    lowest = -math.inf
    for x, y, text, colour in sorted(ends, key=lambda end: end[1]):
        at = ax.transData.transform((x, y))[1] * per_pixel
        lowest = max(at, lowest + height)
        ax.annotate(
            text, (x, y), (9, lowest - at), textcoords="offset points", va="center", color=colour, annotation_clip=False
        )


def intervals(
    ax: Axes, labels: Sequence[str], *, low: Sequence[float], mid: Sequence[float], high: Sequence[float]
) -> None:
    """A row a label, from the top: a bar from `low` to `high` and a point at `mid`, on a logarithmic axis.

    A row without width is somebody's single figure, and black.
    """
    rows = range(len(labels))
    colours = [BLUE if below < above else BLACK for below, above in zip(low, high, strict=True)]
    ax.hlines(rows, low, high, colors=colours, linewidth=5, alpha=0.35)
    ax.scatter(mid, rows, c=colours, s=45, zorder=3)
    ax.set_xscale("log")
    ax.set_yticks(rows, labels)
    ax.set_ylim(len(labels) - 0.5, -0.5)
    ax.grid(axis="y", visible=False)


def label(
    ax: Axes,
    text: str,
    at: tuple[float, float],
    *,
    shift: tuple[float, float] = (0, 0),
    colour: str = "dimgrey",
    side: str = "left",
) -> None:
    """Text that begins at a point of the data, moved by some points of the page; at `side` "right" it ends there."""
    ax.annotate(text, at, shift, textcoords="offset points", color=colour, ha=side)


def ticks(axis: Axis, values: Sequence[float]) -> None:
    """Ticks at these values, as plain numbers, and no others, such as on a logarithmic axis of few decades."""
    axis.set_major_locator(FixedLocator(values))
    axis.set_major_formatter("{x:g}")
    axis.set_minor_locator(NullLocator())
