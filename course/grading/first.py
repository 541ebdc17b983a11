"""What is slow the first time: done once in the warm process, so that no kernel has to. Nothing here starts threads."""

import io
import sys


def warm_up() -> None:
    """Read the course's tables and the reference machine's records, draw a plot, format a traceback."""
    from course import data, paths
    from course.measure import record

    record.read(paths.datasets() / "measured" / "reference_machine")
    for table in data.tables():
        data.load(table.name)
    if "matplotlib.pyplot" in sys.modules:
        _draw()
    _format_traceback()


def _draw() -> None:
    import matplotlib as mpl
    from matplotlib import pyplot as plt

    from course import plots

    with mpl.rc_context():
        plots.use_style()
        figure, axes = plt.subplots()
        axes.errorbar([1, 10], [1, 100], xerr=0.5, label="10³")
        axes.set(xscale="log", yscale="log", title="title", xlabel="x", ylabel="y")
        axes.annotate("text", (1, 1))
        axes.legend()
        figure.savefig(io.BytesIO(), format="png")
        plt.close(figure)


def _format_traceback() -> None:
    from IPython.core.ultratb import AutoFormattedTB

    try:
        raise NotImplementedError
    except NotImplementedError:
        AutoFormattedTB(mode="Context").structured_traceback(*sys.exc_info())
