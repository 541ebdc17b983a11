"""What a run is."""

import math
import re

import pytest

from course.finetuning.recipe import FinetuningError, Recipe


@pytest.mark.parametrize(
    ("what", "value"),
    [
        ("rank", 0),
        ("steps", -1),
        ("micro", 0),
        ("alpha", 0.0),
        ("learning_rate", math.nan),
        ("learning_rate", math.inf),
        ("numbers", "int8"),
        ("trains", "nothing"),
        ("targets", ()),
    ],
)
def test_what_cannot_be_is_refused_by_name(what, value):
    with pytest.raises(FinetuningError, match=rf"^{what} is "):
        Recipe(**{what: value})


def test_a_recipe_is_read_as_it_was_written(tmp_path):
    recipe = Recipe(rank=3, targets=("q_proj",), learning_rate=1e-4)
    recipe.write(tmp_path)
    assert Recipe.read(tmp_path) == recipe


@pytest.mark.parametrize(
    "text", ["", "[]", '{"rank": 2}', '{"targets": ["q"], "colour": 1}', '{"targets": [], "rank": 2}']
)
def test_a_damaged_recipe_is_said(tmp_path, text):
    (tmp_path / "recipe.json").write_text(text)
    with pytest.raises(FinetuningError, match=re.escape(f"{tmp_path / 'recipe.json'} is no recipe")):
        Recipe.read(tmp_path)


def test_the_learning_rate_rises_then_falls_to_a_tenth():
    recipe = Recipe(steps=60, warmup=5, learning_rate=1.0)
    rates = [recipe.rate(step) for step in range(60)]
    assert rates[0] == pytest.approx(0.2, rel=0.01)
    assert max(rates) == rates[4] > 0.98
    assert rates[4:] == sorted(rates[4:], reverse=True)
    assert rates[-1] == 0.1
