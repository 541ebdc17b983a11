from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from course import checking
from course.checking import Raised, WrongAnswer, expect, expect_each, same

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


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The verdict bundles that the cell's output would hold."""
    bundles: list[dict[str, Any]] = []

    def display(data: dict[str, Any], *, raw: bool) -> None:
        assert raw and data["text/plain"] == data[checking.MIME]["message"]
        bundles.append(data[checking.MIME])

    monkeypatch.setattr("IPython.display.display", display)
    return bundles


def gives(value: Any) -> Callable[..., Any]:
    def answer(*_: Any) -> Any:
        return value

    return answer


def refuses(error: BaseException) -> Callable[..., Any]:
    def answer(*_: Any) -> Any:
        raise error

    return answer


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


IDEAS = {"1.1/sum": ("boxes do not add", 5), "1.1/first": ("that is the first alone", 2, 2.5)}


def test_a_right_answer_is_silent(shown: list[Any]) -> None:
    assert expect(gives(6), 2, 3).equals(6, wrong=IDEAS) is None
    assert expect(gives(6.0), 2, 3).close_to(6, wrong=IDEAS) is None
    assert expect(refuses(ValueError()), 2).raises(ValueError, wrong=IDEAS) is None
    assert shown == []


@pytest.mark.parametrize(("given", "idea"), [(5, "1.1/sum"), (2, "1.1/first"), (2.5, "1.1/first")])
def test_an_idea_is_named_and_what_is_right_is_not_told(shown: list[Any], given: float, idea: str) -> None:
    with pytest.raises(WrongAnswer, match=IDEAS[idea][0]):
        expect(gives(given), 2, 3).close_to(777, wrong=IDEAS)
    (bundle,) = shown
    assert bundle == {"verdict": "fail", "misconception": idea, "message": bundle["message"], "exercise": "1.1"}
    assert bundle["message"].startswith(f"answer(2, 3) gave {given}") and "777" not in bundle["message"]


def test_any_other_wrong_answer_is_shown_with_inputs_and_expectation(shown: list[Any]) -> None:
    with pytest.raises(WrongAnswer, match=r"answer\(2, 3\) gave 4; expected 6"):
        expect(gives(4), 2, 3).equals(6, wrong=IDEAS)
    message = "answer(2, 3) gave 4; expected 6"
    assert shown == [{"exercise": None, "verdict": "fail", "misconception": None, "message": message}]


def test_of_two_ideas_that_match_none_is_named(shown: list[Any]) -> None:
    with pytest.raises(WrongAnswer, match="expected 6"):
        expect(gives(4), 2, 2).equals(6, wrong={"1.1/sum": ("a sum", 4), "1.1/square": ("a square", 4)})
    assert [bundle["misconception"] for bundle in shown] == [None]


def test_an_idea_matches_within_the_tolerance_of_the_test(shown: list[Any]) -> None:
    for answer, named in ((5.04, "1.1/sum"), (5.06, None)):
        with pytest.raises(WrongAnswer):
            expect(gives(answer)).close_to(6, wrong=IDEAS, rel_tol=0.01)
        assert shown[-1]["misconception"] == named


def test_an_idea_may_be_what_is_raised(shown: list[Any]) -> None:
    ideas = {"1.1/refuses": ("a single box is a stack too", IndexError)}
    with pytest.raises(WrongAnswer, match="a single box"):
        expect(refuses(IndexError("list index out of range")), 1).equals(1, wrong=ideas)
    assert shown[-1].items() >= {"verdict": "fail", "misconception": "1.1/refuses"}.items()
    with pytest.raises(WrongAnswer, match="raised TypeError: what") as problem:
        expect(refuses(TypeError("what")), 1).equals(1, wrong=ideas)
    assert isinstance(problem.value.__cause__, TypeError)
    assert shown[-1].items() >= {"verdict": "error", "misconception": None}.items()


def test_what_should_have_been_refused_may_show_an_idea(shown: list[Any]) -> None:
    with pytest.raises(WrongAnswer, match="refuse it"):
        expect(gives(40), 40).raises(ValueError, wrong={"1.1/percent": ("no fraction: refuse it", 40)})
    with pytest.raises(WrongAnswer, match="gave 1; expected a ValueError"):
        expect(gives(1), 40).raises(ValueError)
    assert [bundle["misconception"] for bundle in shown] == ["1.1/percent", None]


def test_an_unanswered_exercise_stays_one(shown: list[Any]) -> None:
    class NoRecord(NotImplementedError):
        pass

    for error in (NotImplementedError(), NoRecord("none of matmul")):
        with pytest.raises(NotImplementedError) as problem:
            expect(refuses(error)).equals(6, wrong=IDEAS)
        assert problem.value is error
    with pytest.raises(NotImplementedError):
        expect_each(refuses(NotImplementedError()), [(1,), (2,)]).equals([1, 2])


def test_an_answer_cannot_leave_the_test(shown: list[Any]) -> None:
    with pytest.raises(WrongAnswer, match="raised SystemExit"):
        expect(refuses(SystemExit(0))).equals(6)


def test_calls_are_compared_as_one_list(shown: list[Any]) -> None:
    def double(n: int) -> int:
        return 2 * n

    calls = {"a small one": (1,), "a large one": (9,), "none": (0,)}
    expect_each(double, calls).equals([2, 18, 0])
    expect_each(double, calls.values()).equals([2, 18, 0])
    with pytest.raises(
        WrongAnswer, match="double: 2 of 3 are wrong; the first is a large one, which gave 18; expected 81"
    ):
        expect_each(double, calls).equals([2, 81, 1])
    with pytest.raises(WrongAnswer, match=r"the first is \(9\), which gave 18"):
        expect_each(double, list(calls.values())).equals([2, 81, 0])
    with pytest.raises(WrongAnswer, match="doubled twice"):
        expect_each(double, calls).equals([4, 36, 1], wrong={"1.1/twice": ("doubled twice", [2, 18, 0])})
    assert [bundle["misconception"] for bundle in shown] == [None, None, "1.1/twice"]


def test_all_calls_may_be_expected_to_be_refused(shown: list[Any]) -> None:
    expect_each(refuses(ValueError()), [(0,), (2,)]).raises(ValueError)
    with pytest.raises(WrongAnswer, match="gave 6; expected a ValueError"):
        expect_each(gives(6), [(0,), (2,)]).raises(ValueError)


def test_what_physics_does_not_allow_is_for_review(shown: list[Any]) -> None:
    checking.plausible(True, "never said")
    assert shown == []
    with pytest.raises(checking.Implausible, match="faster than its memory"):
        checking.plausible(False, "faster than its memory")
    assert [bundle["verdict"] for bundle in shown] == ["review"]


def test_a_staged_file_may_end_in_a_hole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(checking.STAGING, str(tmp_path))
    path = checking.stage("of/a model.gguf", b"GGUF", size=1 << 36)
    assert path == tmp_path / "a model.gguf"
    assert path.stat().st_size == 1 << 36 and path.stat().st_blocks * 512 < 1 << 20
    with path.open("rb") as file:
        assert file.read(6) == b"GGUF\0\0"


def test_where_a_file_cannot_be_that_long_its_content_is_staged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(checking.STAGING, str(tmp_path))
    assert checking.stage("model", b"GGUF", size=1 << 62).read_bytes() == b"GGUF"


def test_a_message_tells_an_array_by_its_shape_and_its_beginning(shown: list[Any]) -> None:
    import torch

    with pytest.raises(WrongAnswer):
        expect(gives(torch.arange(4.0).reshape(2, 2)), np.array([0.5]), np.zeros(0)).equals(np.ones((2, 1)))
    assert shown[0]["message"] == (
        "answer(ndarray(1,) of 0.5, ndarray(0,) of ) gave Tensor(2, 2) of 0, 1, 2, ...; expected ndarray(2, 1) of 1, 1"
    )


def test_a_message_is_short(shown: list[Any]) -> None:
    with pytest.raises(WrongAnswer):
        expect(gives(list(range(10**5))), "x" * 10**5, np.zeros(10**5), len).equals([])
    assert len(shown[0]["message"]) < 500
    assert "len" in shown[0]["message"]
