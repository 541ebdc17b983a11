"""Quantiles of the two distributions that intervals and tests are made of, for a lab in which scipy is hidden."""

import math
from functools import cache
from statistics import NormalDist


def z_quantile(p: float) -> float:
    """The number below which a standard normal one lies with probability `p`, 0 < p < 1. Raises ValueError."""
    return NormalDist().inv_cdf(_checked(p))


@cache
def t_quantile(p: float, df: int) -> float:
    """The number below which Student's t of `df` degrees of freedom lies with probability `p`.

    `df` is a whole number from 1, and 0 < p < 1. Raises ValueError.
    """
    if df < 1 or df != int(df):
        raise ValueError(f"degrees of freedom are a whole number from 1, got {df}")
    if _checked(p) < 0.5:
        return -t_quantile(1 - p, df)
    low, high = 0.0, math.pi / 2
    while low < (angle := (low + high) / 2) < high:
        if (1 + _within(angle, int(df))) / 2 < p:
            low = angle
        else:
            high = angle
    return math.sqrt(df) * math.tan(low)


def _within(angle: float, df: int) -> float:
    """Probability that |t| < sqrt(df) · tan(angle): Abramowitz and Stegun, 26.7.3 and 26.7.4."""
    cosine, is_odd = math.cos(angle), df % 2
    term, total = cosine if is_odd else 1.0, 0.0
    for k in range(1, (df - is_odd) // 2 + 1):
        total += term
        term *= cosine**2 * (2 * k - 1 + is_odd) / (2 * k + is_odd)
    inner = math.sin(angle) * total
    return 2 / math.pi * (angle + inner) if is_odd else inner


def _checked(p: float) -> float:
    if not 0 < p < 1:
        raise ValueError(f"a probability between 0 and 1 is asked, got {p}")
    return p
