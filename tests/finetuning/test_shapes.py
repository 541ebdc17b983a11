"""The tensors of published models."""

import math

import pytest

from course import data
from course.finetuning import shapes


@pytest.mark.parametrize("name", ["smollm2-135m", "llama-3.1-8b"])
def test_their_numbers_add_up_to_the_model(name):
    n_params = data.load("model_shapes").set_index("id").n_params[name]
    assert sum(math.prod(shape) for shape in shapes.of(name).values()) == n_params


def test_an_unknown_model_is_said():
    with pytest.raises(data.DataError, match="nobody"):
        shapes.of("nobody")
