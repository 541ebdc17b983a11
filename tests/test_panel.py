"""Sliders call the picture with their values, again when one is moved; under the grader there are none."""

from unittest.mock import patch

import pytest
from ipywidgets import FloatLogSlider, FloatSlider, VBox

from course import panel

RANGES = {"users": (1e3, 2e4, 1e6), "load": (0.5, 0.7, 0.85)}


def shown(draw: object) -> VBox:
    with patch("IPython.display.display") as display:
        panel.sliders(draw, RANGES)  # type: ignore[arg-type]
    return display.call_args.args[0]


def test_the_picture_is_drawn_at_the_start_and_at_every_move() -> None:
    seen: list[tuple[float, float]] = []
    _, load, _ = shown(lambda users, load: seen.append((users, load))).children
    load.value = 0.6
    assert seen == [(pytest.approx(2e4), 0.7), (pytest.approx(2e4), 0.6)]


def test_a_wide_range_is_logarithmic_and_a_narrow_one_is_not() -> None:
    users, load, _ = shown(lambda users, load: None).children
    assert (type(users), users.min, users.max) == (FloatLogSlider, 3.0, 6.0)
    assert (type(load), load.min, load.max) == (FloatSlider, 0.5, 0.85)


@pytest.mark.parametrize("three", [(2, 1, 3), (1, 4, 3), (1, 1, 1)])
def test_a_range_that_does_not_hold_its_beginning_is_refused(three: panel.Range) -> None:
    with pytest.raises(ValueError, match="users"):
        panel.sliders(lambda users: None, {"users": three})


def test_the_grader_gets_a_line_and_draws_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    panel.sliders(lambda **values: pytest.fail("drawn"), RANGES)
    assert "users, load" in capsys.readouterr().out
