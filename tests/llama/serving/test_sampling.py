"""Draws follow the probabilities that they should."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from course.llama.serving.sampling import Sampler, nucleus

LOGITS = np.log(np.array([0.05, 0.5, 0.15, 0.3], np.float32))


def drawn(n: int = 4000, **options) -> np.ndarray:
    """The share of each token among `n` draws."""
    given = {"temperature": 1.0, "top_p": 1.0, "random": np.random.default_rng(1)} | options
    choose = Sampler(**given)
    return np.bincount([choose(LOGITS) for _ in range(n)], minlength=4) / n


def test_at_temperature_0_it_is_the_likeliest() -> None:
    assert drawn(10, temperature=0.0)[1] == 1
    assert drawn(10, temperature=1e-30)[1] == 1


def test_at_temperature_1_it_is_as_likely_as_the_model_says() -> None:
    assert drawn() == pytest.approx([0.05, 0.5, 0.15, 0.3], abs=0.03)


def test_temperature_sharpens_and_flattens() -> None:
    squared = np.array([0.05, 0.5, 0.15, 0.3]) ** 2
    assert drawn(temperature=0.5) == pytest.approx(squared / squared.sum(), abs=0.03)
    roots = np.array([0.05, 0.5, 0.15, 0.3]) ** 0.5
    assert drawn(temperature=2.0) == pytest.approx(roots / roots.sum(), abs=0.03)


def test_top_p_keeps_the_fewest_that_have_it_together() -> None:
    assert drawn(top_p=0.79) == pytest.approx([0, 0.5 / 0.8, 0, 0.3 / 0.8], abs=0.03)
    assert drawn(top_p=0.9) == pytest.approx([0, 0.5 / 0.95, 0.15 / 0.95, 0.3 / 0.95], abs=0.03)
    assert drawn(10, top_p=0.0)[1] == 1


def test_what_is_never_to_be_chosen_is_not() -> None:
    assert drawn(10, temperature=0.0, never=np.array([1]))[3] == 1
    assert drawn(never=np.array([1]))[1] == 0


def test_a_seed_gives_the_same_draws() -> None:
    def draws(seed: int) -> list[int]:
        choose = Sampler(1.0, 0.95, np.random.default_rng(seed))
        return [choose(LOGITS) for _ in range(20)]

    assert draws(3) == draws(3) != draws(4)


@given(
    arrays(np.float32, st.integers(1, 200), elements=st.floats(0, 1, width=32, allow_subnormal=False)),
    st.floats(0, 1, exclude_max=True),
)
def test_the_nucleus_is_that_of_sorting_everything(weights: np.ndarray, top_p: float) -> None:
    weights[0] = 1  # the likeliest token has it
    order = np.argsort(-weights, kind="stable")
    sums = np.cumsum(weights[order], dtype=np.float64)
    fewest = int(np.argmax(sums >= top_p * sums[-1])) + 1
    found = nucleus(weights, top_p)
    assert weights[found].tolist() == weights[order[: len(found)]].tolist()
    assert abs(len(found) - fewest) <= (1 if np.isclose(sums, top_p * sums[-1], rtol=1e-12).any() else 0)
