"""One look for every plot of the course, and the few plots that labs share. Plot functions take an Axes."""

import io
from collections.abc import Sequence

import matplotlib as mpl
import matplotlib.pyplot as plt
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.figure import Figure

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

    picture = io.BytesIO()
    figure.savefig(picture, format="png")
    plt.close(figure)
    data = {"image/png": picture.getvalue(), "text/plain": alt}
    display(data, metadata={"image/png": {"alt": alt}}, raw=True)


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
