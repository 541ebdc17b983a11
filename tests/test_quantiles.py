"""Quantiles: scipy's, where it may be used."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from course.quantiles import t_quantile, z_quantile

PROBABILITIES = st.floats(1e-4, 1 - 1e-4)


@given(p=PROBABILITIES, df=st.integers(1, 400))
def test_t_is_scipys(p, df):
    assert t_quantile(p, df) == pytest.approx(stats.t.ppf(p, df), rel=1e-8, abs=1e-12)


@given(p=PROBABILITIES)
def test_z_is_scipys(p):
    assert z_quantile(p) == pytest.approx(stats.norm.ppf(p), rel=1e-12, abs=1e-12)


def test_the_interval_of_twenty_templates_is_wider_than_the_normal_one():
    assert t_quantile(0.975, 19) == pytest.approx(2.0930240544)
    assert z_quantile(0.975) == pytest.approx(1.9599639845)


@pytest.mark.parametrize("p", [0, 1, -0.1, 97.5])
def test_what_is_no_probability_is_refused(p):
    for quantile in (z_quantile, lambda p: t_quantile(p, 5)):
        with pytest.raises(ValueError, match="between 0 and 1"):
            quantile(p)


@pytest.mark.parametrize("df", [0, -1, 2.5])
def test_what_are_no_degrees_of_freedom_is_refused(df):
    with pytest.raises(ValueError, match="whole number"):
        t_quantile(0.9, df)
