"""Sliders over a picture: in JupyterLab moving one of them draws it anew.

Without a browser, and under the grader, there are none: the notebook's own picture stands as it is.
"""

import math
import os
from collections.abc import Callable, Mapping
from typing import Any

from matplotlib.figure import Figure

from course import plots

Range = tuple[float, float, float]  # low, where it begins, high


def sliders(draw: Callable[..., Figure], ranges: Mapping[str, Range]) -> None:
    """Show a slider for each argument of `draw`, and the figure that it returns at their values.

    What it raises at some values is told below the picture. A range over a factor of ten or more that begins above zero
    is logarithmic. Raises ValueError unless low ≤ begin ≤ high, low < high.
    """
    for name, (low, begin, high) in ranges.items():
        if not low <= begin <= high or low == high:
            raise ValueError(f"{name} is to begin between its low and its high, got {low}, {begin}, {high}")
    if os.environ.get("NBGRADER_EXECUTION") == "autograde":
        print(f"sliders for {', '.join(ranges)} stand here in JupyterLab")
        return
    from IPython.display import display
    from ipywidgets import Image, Label, VBox

    made = {name: _slider(name, *three) for name, three in ranges.items()}
    picture, told = Image(format="png", layout={"max_width": "40em"}), Label()

    def redraw(_: object = None) -> None:
        try:
            picture.value = plots.png(draw(**{name: slider.value for name, slider in made.items()}))
            told.value = ""
        except Exception as error:  # in a slider's own call nobody would see it
            told.value = f"{type(error).__name__}: {error}"

    for slider in made.values():
        slider.observe(redraw, "value")
    redraw()
    display(VBox([*made.values(), picture, told]))


def _slider(name: str, low: float, begin: float, high: float) -> Any:
    from ipywidgets import FloatLogSlider, FloatSlider, Layout

    look = {
        "description": name,
        "style": {"description_width": "14em"},
        "layout": Layout(width="36em"),
        "continuous_update": False,
    }
    if low > 0 and high / low >= 10:
        form = ".3s" if low >= 1 else ".3g"  # 3.60M users, but 0.250 and not 250m of a whole
        return FloatLogSlider(begin, min=math.log10(low), max=math.log10(high), step=0.01, readout_format=form, **look)
    return FloatSlider(begin, min=low, max=high, step=(high - low) / 100, readout_format=".3g", **look)
