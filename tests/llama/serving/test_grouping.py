"""Which texts are computed together: what takes the least time, and it changes no answer."""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from course import models
from course.llama.serving import grouping, sequences
from course.llama.serving.sequences import Part, Sequences


def ways(k: int) -> list[list[int]]:
    """All ways to divide k texts into groups, in any order."""
    return [[size, *rest] for size in range(1, k + 1) for rest in ways(k - size)] if k else [[]]


@given(st.lists(st.floats(0.001, 1), max_size=7))
def test_no_other_groups_are_faster(seconds: list[float]) -> None:
    found = grouping.fastest(seconds)
    assert len(found) == len(seconds) + 1
    for k, groups in enumerate(found):
        assert sum(groups) == k

        def took(groups: list[int]) -> float:
            return sum(seconds[size - 1] for size in groups)

        assert took(groups) == pytest.approx(min(map(took, ways(k))))


def test_weights_are_read_once_where_that_is_faster() -> None:
    assert grouping.fastest([4.0, 5.0, 6.0, 7.0]) == [[], [1], [2], [3], [4]]
    assert grouping.fastest([4.0, 8.0]) == [[], [1], [2]], "as fast: together"


def test_a_processor_with_a_better_routine_for_one_row() -> None:
    """Milliseconds of a pass of SmolLM2 in Q4_0 for 1, 2, 3 and 4 texts, as an AMD EPYC takes them."""
    assert grouping.fastest([4.2, 11.4, 15.5, 14.7]) == [[], [1], [1, 1], [1, 1, 1], [4]]


@pytest.fixture
def one_by_one(monkeypatch) -> Iterator[Sequences]:
    monkeypatch.setattr(grouping, "fastest", lambda seconds: [[1] * k for k in range(len(seconds) + 1)])
    with sequences.opened(models.path("two-bills-code"), n=4, n_context=128, n_threads=1) as found:
        yield found


def test_each_text_gets_its_own_logits_in_any_groups(four: Sequences, one_by_one: Sequences) -> None:
    prompts = [np.arange(100, 100 + 7 * (number + 1), dtype=np.int32) for number in range(4)]
    rows = []
    for where in (four, one_by_one):
        where.forget_all()
        where.compute([Part(k, 0, prompt, wants_logits=True) for k, prompt in enumerate(prompts)])
        tokens = [Part(k, len(prompt), np.int32([500 + k]), wants_logits=True) for k, prompt in enumerate(prompts)]
        rows.append(where.compute(tokens).copy())
    together, apart = rows
    assert together.shape == apart.shape
    assert np.abs(together - apart).max() < 0.2
    spread = min(np.abs(one - other).max() for one, other in pairwise(together))
    assert spread > 2, "no two rows are alike: a swap would be seen"


def test_a_prompt_is_read_with_the_others_in_one_pass(one_by_one: Sequences, monkeypatch) -> None:
    passes = []
    monkeypatch.setattr(one_by_one, "_passed", lambda parts: passes.append(len(parts)) or np.zeros((len(parts), 1)))
    long = Part(0, 0, np.arange(9, dtype=np.int32), wants_logits=True)
    short = [Part(k, 5, np.int32([7]), wants_logits=True) for k in (1, 2)]
    one_by_one.compute([long, *short])
    one_by_one.compute(short)
    assert passes == [3, 1, 1]


def test_what_was_not_timed_is_computed_together(monkeypatch) -> None:
    monkeypatch.setattr(sequences, "LEARNING_S", -1.0)
    monkeypatch.setattr(grouping, "fastest", lambda seconds: [[1] * k for k in range(len(seconds) + 1)])
    with sequences.opened(models.path("two-bills-code"), n=4, n_context=128, n_threads=1) as found:
        passes = []
        passed = found._passed
        monkeypatch.setattr(found, "_passed", lambda parts: passes.append(len(parts)) or passed(parts))
        found.compute([Part(k, 0, np.int32([7]), wants_logits=True) for k in range(3)])
    assert passes == [3]
