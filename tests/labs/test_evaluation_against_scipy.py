"""Lab 8's own answers against scipy's, which the lab hides; its prompts against those of the recorded answers."""

import math
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from course import build, paths
from course.grading.judge import proof
from tests.labs import rehearsal

PROGRAMS = paths.datasets() / "evaluation" / "programs"


@pytest.fixture(scope="module")
def named() -> Iterator[Callable[[str], Any]]:
    """What the instructor's notebook gives a name to."""
    givens = rehearsal.begun(build.find(paths.PACKAGE.parent, "lab08"), "2026")
    with proof.answered(givens) as heard:
        yield lambda name: heard.find(name, before=len(heard.cells))


@given(n=st.integers(1, 2000), share=st.floats(0, 1), confidence=st.floats(0.5, 0.999))
def test_wilsons_interval(named, n, share, confidence):
    k = round(share * n)
    theirs = stats.binomtest(k, n).proportion_ci(confidence, method="wilson")
    z = stats.norm.ppf((1 + confidence) / 2)
    assert named("wilson_interval")(k, n, z) == pytest.approx((theirs.low, theirs.high), abs=1e-12)


@given(b=st.integers(0, 250), c=st.integers(0, 250))
def test_mcnemars_test(named, b, c):
    theirs = stats.binomtest(b, b + c).pvalue if b + c else 1.0
    assert named("mcnemar_p")(b, c) == pytest.approx(theirs)


@given(sizes=st.integers(1, 9), rows=st.lists(st.integers(0, 2**9 - 1), min_size=2, max_size=12))
def test_the_interval_by_template_is_that_of_their_means_where_all_are_equally_large(named, sizes, rows):
    x = np.array([[row >> place & 1 for place in range(sizes)] for row in rows])
    results = [(number, int(hit)) for number, row in enumerate(x) for hit in row]
    means = x.mean(axis=1)
    half = stats.t.ppf(0.975, len(means) - 1) * stats.sem(means)
    wanted = (means.mean() - half, means.mean() + half)
    assert named("clustered_interval")(results) == pytest.approx(wanted, abs=1e-9)


@pytest.mark.parametrize(("delta", "p_d", "power"), [(0.05, 0.2, 0.8), (0.1, 0.3, 0.9)])
def test_the_items_needed_have_the_power_that_was_asked(named, delta, p_d, power):
    """Of the test that the formula is of: the discordant items' difference over the root of their number."""
    n = named("items_needed")(delta, p_d, power)
    m = np.arange(1, n + 1)
    found = 0.0
    for discordant, weight in zip(m, stats.binom.pmf(m, n, p_d), strict=True):
        b = np.arange(discordant + 1)
        rejected = np.abs(2 * b - discordant) > stats.norm.ppf(0.975) * math.sqrt(discordant)
        found += weight * stats.binom.pmf(b, discordant, (p_d + delta) / (2 * p_d))[rejected].sum()
    assert found == pytest.approx(power, abs=0.01)


def test_the_prompts_are_those_of_the_recorded_answers(named, monkeypatch):
    monkeypatch.syspath_prepend(str(PROGRAMS))
    for name in ("answers", "bank", "dice", "words"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    recorded = __import__("answers")
    item = recorded.items(2026)[0]
    for prompt, (before, around, space) in named("PROMPTS").items():
        theirs, ask, between = recorded.PROMPTS[prompt]
        assert (before, around.format(item.question), space) == (theirs, ask(item), between)
