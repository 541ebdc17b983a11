"""Inputs on which ideas differ."""

from collections.abc import Iterator

import pytest

from course.checking import NOTHING_REFUSED, told_apart

IDEAS = {
    "1.1/sum": ("boxes do not add", lambda n, each: n + each, lambda n, each: each + n),
    "1.1/power": ("nor do they grow so fast", lambda n, each: n**each),
    "1.1/nothing_refused": ("refuse it", NOTHING_REFUSED),
}


def product(n: int, each: int) -> int:
    return n * each


def drawing(*calls: list[tuple[int, int]]) -> Iterator[list[tuple[int, int]]]:
    yield from calls


def test_calls_are_drawn_until_no_two_ideas_agree_on_all_of_them() -> None:
    draws = drawing([(2, 2)], [(2, 2), (3, 1)], [(2, 2), (2, 3)], [(9, 9)])
    assert told_apart(lambda: next(draws), product, IDEAS) == [(2, 2), (2, 3)]
    assert next(draws) == [(9, 9)]


def test_what_differs_within_the_tolerance_is_the_same() -> None:
    draws = drawing([(100, 1)], [(10, 1)])
    ideas = {"1.1/one_more": ("no roof", lambda n, each: n * each + 1)}
    assert told_apart(lambda: next(draws), product, ideas, rel_tol=0.01) == [(10, 1)]


def test_an_exception_is_an_answer() -> None:
    ideas = {"1.1/divides": ("do not divide", lambda n, each: n * n * each / n)}
    draws = drawing([(2, 3)], [(0, 3)])
    assert told_apart(lambda: next(draws), product, ideas) == [(0, 3)]


def test_ideas_that_never_differ_are_named() -> None:
    with pytest.raises(RuntimeError, match=r"what is right and 1\.1/again give the same"):
        told_apart(lambda: [(2, 3)], product, {"1.1/again": ("", lambda n, each: each * n)})
