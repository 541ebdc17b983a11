import io
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pytest

from course import plots


@pytest.fixture(autouse=True)
def _plain_style() -> Any:
    with plt.rc_context():
        yield
    plt.close("all")


def test_show_gives_a_picture_with_alt_text_and_closes_the_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[tuple[Any, dict[str, Any]]] = []
    monkeypatch.setattr("IPython.display.display", lambda data, **options: shown.append((data, options)))
    figure, ax = plt.subplots()
    ax.plot([1, 2], [3, 4])

    plots.show(figure, alt="Two points.")

    ((data, options),) = shown
    assert options == {"metadata": {"image/png": {"alt": "Two points."}}, "raw": True}
    assert data["text/plain"] == "Two points."
    picture = plt.imread(io.BytesIO(data["image/png"]), format="png")
    assert picture.std() > 0.01
    assert not plt.fignum_exists(figure.number)


def test_intervals_draws_a_row_a_label_from_the_top() -> None:
    figure, ax = plt.subplots()
    plots.intervals(ax, ["laptop", "server"], low=[1, 10], mid=[2, 30], high=[4, 90])
    figure.canvas.draw()
    labels = [tick.get_text() for tick in ax.get_yticklabels()]
    bars, points = ax.collections
    rows = [segment.tolist() for segment in bars.get_segments()]
    assert labels == ["laptop", "server"]
    assert rows == [[[1, 0], [4, 0]], [[10, 1], [90, 1]]]
    assert points.get_offsets().tolist() == [[2, 0], [30, 1]]
    assert ax.get_xscale() == "log"
    bottom, top = ax.get_ylim()
    assert bottom > 1 and top < 0


def test_labels_at_the_ends_of_series_do_not_overlap() -> None:
    figure, ax = plt.subplots()
    ax.set(xlim=(0, 10), ylim=(0, 100))
    plots.label_ends(ax, [(10, 50, "upper", "red"), (10, 49.9, "lower", "blue"), (10, 5, "far below", "black")])
    figure.canvas.draw()
    boxes = {label.get_text(): label.get_window_extent() for label in ax.texts}
    assert list(boxes) == ["far below", "lower", "upper"]
    assert boxes["far below"].y1 < boxes["lower"].y0 and boxes["lower"].y1 <= boxes["upper"].y0
    right_end = ax.transData.transform((10, 0))[0]
    assert all(box.x0 > right_end for box in boxes.values())


def test_the_style_draws_points_that_black_and_white_tells_apart() -> None:
    plots.use_style()
    _, ax = plt.subplots()
    lines = [ax.plot([0, 1], np.array([0, 1]) + shift)[0] for shift in range(len(plots.COLOURS))]
    assert [line.get_color() for line in lines] == list(plots.COLOURS)
    assert [line.get_marker() for line in lines] == list(plots.MARKERS)
    assert len(set(plots.COLOURS)) == len(set(plots.MARKERS)) == len(lines)


def test_a_label_stands_beside_its_point() -> None:
    figure, ax = plt.subplots()
    ax.set(xlim=(0, 9), ylim=(0, 9))
    plots.label(ax, "batch 4", (4, 2), shift=(7, -4), colour=plots.BLUE, side="right")
    figure.canvas.draw()
    [text] = ax.texts
    assert (text.get_text(), text.get_ha(), text.get_color()) == ("batch 4", "right", plots.BLUE)
    right = text.get_window_extent().x1 - ax.transData.transform((4, 2))[0]
    assert right * 72 / figure.dpi == pytest.approx(7, abs=2)


def test_ticks_are_plain_numbers_where_asked_on_a_logarithmic_axis() -> None:
    figure, ax = plt.subplots()
    ax.set(xscale="log", xlim=(0.5, 500))
    plots.ticks(ax.xaxis, [0.5, 4, 256])
    figure.canvas.draw()
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["0.5", "4", "256"]
    assert len(ax.get_xticks(minor=True)) == 0
