"""What counts as the same answer, whatever library it comes from, and how a difference is told."""

import decimal
from collections import OrderedDict, UserDict, deque, namedtuple
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from course.checking import Raised, same
from course.checking.values import Opaque, difference

numbers = st.one_of(st.integers(), st.floats())
answers = st.recursive(
    st.one_of(st.none(), st.booleans(), numbers, st.text(max_size=4)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(st.text(max_size=2), inner, max_size=3),
    ),
    max_leaves=8,
)
sizes = st.floats(1e-300, 1e300)


@given(answers)
def test_everything_is_the_same_as_itself(answer: Any) -> None:
    assert same(answer, answer)
    assert same(answer, answer, rel_tol=1e-9)


@given(sizes, st.floats(1e-12, 1e-2))
def test_a_number_may_be_off_by_the_tolerance_and_no_more(number: float, rel_tol: float) -> None:
    for sign in (1, -1):
        assert same(number * (1 + sign * 0.9 * rel_tol), number, rel_tol=rel_tol)
        assert not same(number * (1 + sign * 1.1 * rel_tol), number, rel_tol=rel_tol)


@given(st.integers(-(10**40), 10**40))
def test_integers_are_equal_or_not(number: int) -> None:
    assert same(number, number)
    assert not same(number + 1, number)


@given(st.booleans(), st.sampled_from([0, 1, 0.0, 1.0, "", None, np.int64(1)]))
def test_a_bool_is_no_number(truth: bool, other: Any) -> None:
    assert not same(truth, other) and not same(other, truth)
    assert not same([truth], [other]) and not same([other], [truth])
    assert same(np.bool_(truth), truth) and not same(not truth, truth)


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False, width=32), min_size=1, max_size=4))
def test_tuples_lists_and_arrays_pass_for_one_another(values: list[float]) -> None:
    kinds = [values, tuple(values), np.array(values)]
    assert all(same(answer, expected) for answer in kinds for expected in kinds)
    shorter = [values[:-1], tuple(values[:-1]), np.array(values[:-1])]
    assert not any(same(answer, expected) for answer in shorter for expected in kinds)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (float("nan"), 1.0),
        (1.0, float("nan")),
        (0.0, 1e-300),  # nothing but zero is close to zero
        (float("inf"), 1e308),
        pytest.param(10**400, 1.0, id="an integer larger than any float"),
        pytest.param(1.0, 10**400, id="a larger one was expected"),
        ("1", 1),
        (1, "1"),
        (None, 0),
        (1 + 0j, 1),
        (3, [3]),
        ([3], 3),
        (np.array(3.0), [3.0]),
        (np.array(3.0), np.array([3.0])),
        ([[1, 2]], [1, 2]),
        (np.ones((2, 3)), np.ones((3, 2))),
        ([[1], [1, 2]], np.ones((2, 2))),
        (["1", "2"], np.array([1, 2])),
        ([True, False], np.array([1, 0])),
        ({"a": 1}, {"b": 1}),
        ({"a": 1, "b": 2}, {"a": 1}),
        ([("a", 1)], {"a": 1}),
        ({1, 2}, [1, 2]),
        (ValueError, ValueError),  # given, not raised
        (ValueError("x"), ValueError),
        (Raised(TypeError()), ValueError),
        (Raised(ValueError()), 0),
        (1.0, ValueError),
    ],
)
def test_these_are_not_the_same(answer: Any, expected: Any) -> None:
    assert not same(answer, expected, rel_tol=1e-2)
    assert not same(answer, expected)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (float("nan"), float("nan")),
        (np.array([1.0, np.nan]), np.array([1.0, np.nan])),
        ([True, False], np.array([True, False])),
        (np.array([2**60 + 1]), [2**60 + 1]),
        (np.float32(2), 2),
        (2, 2.0),
        ({"b": (1, 2), "a": np.float64(1)}, {"a": 1, "b": [1, 2]}),
        ([[1, 2], [3, 4]], np.array([[1, 2], [3, 4]])),
        (Raised(UnicodeError()), ValueError),  # a subclass
        ([Raised(ValueError()), 1], [ValueError, 1]),
    ],
)
def test_these_are_the_same(answer: Any, expected: Any) -> None:
    assert same(answer, expected)


Point = namedtuple("Point", "x y")


class Field(str, Enum):  # noqa: UP042 (a student's own)
    COST = "cost_usd"


ALIKE = [
    (np.array(["cost_usd", "flop"])[0], "cost_usd"),
    (np.array(["cost_usd", None], dtype=object)[0], "cost_usd"),
    (pd.Series(["cost_usd"]).iloc[0], "cost_usd"),
    (pd.Index(["cost_usd"])[0], "cost_usd"),
    (Field.COST, "cost_usd"),
    (np.array(2.5), 2.5),
    (np.float32(0.5), 0.5),
    (np.longdouble(2.5), 2.5),
    (torch.tensor(2.5), 2.5),
    (torch.tensor(3), 3),
    (torch.tensor(2.5, requires_grad=True), 2.5),
    (torch.tensor(2.5, dtype=torch.bfloat16), 2.5),
    (Decimal("2.5"), 2.5),
    (Decimal("0.1"), 0.1),
    (Decimal(210), 210),
    (Fraction(5, 2), 2.5),
    (pd.Series([2.5]).iloc[0], 2.5),
    (pd.Series([2]).sum(), 2),
    (np.array(True), True),
    (torch.tensor(True), True),
    (pd.Series([1, 2]).eq(1).iloc[0], True),
    (torch.tensor([1.0, 2.0]), np.array([1.0, 2.0])),
    (torch.tensor([1.0, 2.0]), [1.0, 2.0]),
    ([torch.tensor(1.0), np.float64(2)], [1.0, 2.0]),
    ([torch.tensor(1.0), np.float64(2)], np.array([1.0, 2.0])),
    (torch.ones(2, 2, dtype=torch.bfloat16), np.ones((2, 2))),
    (pd.Series([1.0, 2.0]), [1.0, 2.0]),
    (pd.Series(["a", "b"]), ["a", "b"]),
    (pd.Index(["a", "b"]), ["a", "b"]),
    (np.array(["a", "b"]), ["a", "b"]),
    (np.array(["a", "b"], dtype=object), ["a", "b"]),
    (range(3), [0, 1, 2]),
    (deque([1, 2]), (1, 2)),
    (Point(1, 2), (1, 2)),
    ({"a": np.str_("x"), "b": torch.tensor(1)}, {"a": "x", "b": 1}),
    ({np.str_("a"): 1}, {"a": 1}),
    ({np.int64(2): 1.0}, {2: 1.0}),
    (OrderedDict(a=1), {"a": 1}),
    (UserDict({"a": 1}), {"a": 1}),
    (MappingProxyType({"a": 1}), {"a": 1}),
    (frozenset({np.int64(1)}), {1}),
    (bytearray(b"ab"), b"ab"),
    (memoryview(b"ab"), b"ab"),
    (np.bytes_(b"ab"), b"ab"),
]


@pytest.mark.parametrize(("answer", "expected"), ALIKE)
def test_what_is_equal_and_of_the_same_kind_passes_whatever_its_library(answer: Any, expected: Any) -> None:
    assert same(answer, expected)
    assert same([answer], [expected]) and same({"k": answer}, {"k": expected})


@pytest.mark.parametrize(
    ("answer", "expected"),
    [(np.float32(0.1), 0.1), (Decimal("0.30000000001"), 0.3), (torch.tensor(0.1), 0.1), (pd.Series([1, 3]), [1, 2])],
)
def test_what_is_not_equal_does_not(answer: Any, expected: Any) -> None:
    assert not same(answer, expected)


KINDS = [
    (None, 3, "a plain number is asked, this is None: does it return its result?"),
    ("210", 210, "a plain number is asked, this is a text"),
    ([210], 210, "a plain number is asked, this is a list"),
    (np.array([210]), 210, "a plain number is asked, this is an array of shape (1,)"),
    (3 + 0j, 3, "a plain number is asked, this is a complex number"),
    (True, 1, "a plain number is asked, this is True"),
    (1, True, "True or False is asked, this is a number"),
    (np.float64(1), True, "True or False is asked, this is a number"),
    (["flop"], "flop", "a text is asked, this is a list"),
    (b"flop", "flop", "a text is asked, this is bytes"),
    ({"a": 1}, [1], "a list is asked, this is a dict"),
    (1, (1, 2), "a tuple is asked, this is a number"),
    ({1, 2}, [1, 2], "a list is asked, this is a set"),
    ((n for n in [1]), [1], "a list is asked, this is a generator"),
    (map(abs, [1]), [1], "a list is asked, this is a map"),
    (pd.DataFrame({"a": [1]}), {"a": [1]}, "a dict is asked, this is a DataFrame"),
    ([("a", 1)], {"a": 1}, "a dict is asked, this is a list"),
    (0.0, None, "None is asked, this is a number"),
    (float("nan"), None, "None is asked, this is a number"),
    (5, np.ones(3), "an array of shape (3,) is asked, this is a number"),
    (np.ones(3), np.ones((3, 1)), "the shape (3, 1) is asked, this is (3,)"),
    ([1, 2], [1, 2, 3], "3 values are asked, this has 2"),
    ({"a": 1}, {"a": 1, "b": 2}, "the key 'b' is missing"),
    ({"a": 1, "b": 2}, {"a": 1}, "the key 'b' is not asked"),
    (Opaque("a value of type Money"), 3, "a plain number is asked, this is a value of type Money"),
]


@pytest.mark.parametrize(("answer", "expected", "told"), KINDS, ids=[told for *_, told in KINDS])
def test_another_kind_of_thing_is_told(answer: Any, expected: Any, told: str) -> None:
    found = difference(answer, expected, rel_tol=1e-9)
    assert found and found.why == told


def test_the_first_place_that_differs_is_told() -> None:
    found = difference({"a": [1, {"b": (2, 3)}]}, {"a": [1, {"b": (2, 4)}]})
    assert found and (found.place, found.given, found.wanted) == ("['a'][1]['b'][1]", 3, 4)
    right = np.arange(12.0).reshape(3, 4)
    wrong = right.copy()
    wrong[1, 2:] = 0
    found = difference(wrong, right)
    assert found and (found.place, found.given, found.wanted, found.many) == ("[1, 2]", 0, 6, "2 of 12")


def test_a_decimal_of_another_context_is_a_number() -> None:
    with decimal.localcontext(decimal.Context(prec=3)):
        assert same(Decimal("2.50"), 2.5, rel_tol=1e-9)
    assert not same(Decimal("NaN"), 2.5) and same(Decimal("NaN"), float("nan"))
