"""Sliders call the picture with their values, again when one is moved; under the grader there are none."""

from unittest.mock import patch

import pytest
from ipywidgets import FloatLogSlider, FloatSlider, VBox
from matplotlib.figure import Figure

from course import panel

RANGES = {"users": (1e3, 2e4, 1e6), "load": (0.5, 0.7, 0.85)}


def figure(height: float) -> Figure:
    made = Figure()
    made.subplots().plot([0, height])
    return made


def shown(draw: object) -> VBox:
    with patch("IPython.display.display") as display:
        panel.sliders(draw, RANGES)  # type: ignore[arg-type]
    return display.call_args.args[0]


def test_the_picture_is_drawn_at_the_start_and_at_every_move() -> None:
    seen: list[tuple[float, float]] = []

    def draw(users: float, load: float) -> Figure:
        seen.append((users, load))
        return figure(load)

    _, load, picture, told = shown(draw).children
    first = picture.value
    load.value = 0.6
    assert seen == [(pytest.approx(2e4), 0.7), (pytest.approx(2e4), 0.6)]
    assert bytes(first[:4]) == bytes(picture.value[:4]) == b"\x89PNG" and picture.value != first
    assert told.value == ""


def test_what_the_picture_raises_is_told_until_it_is_drawn_again() -> None:
    def draw(users: float, load: float) -> Figure:
        if load > 0.8:
            raise ZeroDivisionError("no device is left")
        return figure(load)

    _, load, picture, told = shown(draw).children
    first = picture.value
    load.value = 0.85
    assert (told.value, picture.value) == ("ZeroDivisionError: no device is left", first)
    load.value = 0.7
    assert told.value == ""


def test_a_wide_range_is_logarithmic_and_a_narrow_one_is_not() -> None:
    users, load, *_ = shown(lambda users, load: figure(load)).children
    assert (type(users), users.min, users.max) == (FloatLogSlider, 3.0, 6.0)
    assert (type(load), load.min, load.max) == (FloatSlider, 0.5, 0.85)


def test_a_share_is_no_number_of_thousandths() -> None:
    with patch("IPython.display.display") as display:
        panel.sliders(lambda share, users: figure(share), {"share": (0.05, 0.25, 1.0), "users": (1.0, 5.0, 1e6)})
    share, users, *_ = display.call_args.args[0].children
    assert (share.readout_format, users.readout_format) == (".3g", ".3s")


@pytest.mark.parametrize("three", [(2, 1, 3), (1, 4, 3), (1, 1, 1)])
def test_a_range_that_does_not_hold_its_beginning_is_refused(three: panel.Range) -> None:
    with pytest.raises(ValueError, match="users"):
        panel.sliders(lambda users: figure(users), {"users": three})


def test_the_grader_gets_a_line_and_draws_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    panel.sliders(lambda **values: pytest.fail("drawn"), RANGES)
    assert "users, load" in capsys.readouterr().out
