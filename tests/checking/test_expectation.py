from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from course import checking
from course.checking import NOTHING_REFUSED, WrongAnswer, expect, expect_each


def gives(value: Any) -> Callable[..., Any]:
    def answer(*_: Any) -> Any:
        return value

    return answer


def refuses(error: BaseException) -> Callable[..., Any]:
    def answer(*_: Any) -> Any:
        raise error

    return answer


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


def test_a_message_shows_a_small_array_as_it_can_be_typed_in(shown: list[Any]) -> None:
    import pandas as pd
    import torch

    with pytest.raises(WrongAnswer):
        expect(gives(torch.arange(4.0).reshape(2, 2)), np.array([0.5]), np.zeros(0), pd.Series([1, 2])).equals(
            np.ones((2, 1))
        )
    assert shown[0]["message"] == (
        "answer(array([0.5]), array([]), array([1, 2])) gave tensor([[0, 1], [2, 3]]); "
        "the shape (2, 1) is asked, this is (2, 2)"
    )


def test_a_message_tells_a_large_array_by_its_shape_and_its_beginning(shown: list[Any]) -> None:
    with pytest.raises(WrongAnswer):
        expect(gives(np.arange(9.0)), np.zeros((3, 4))).equals(np.arange(8.0))
    assert told(shown).startswith("answer(ndarray(3, 4) of 0.0, 0.0, 0.0, ...) gave ndarray(9,) of 0, 1, 2, ...;")


def test_a_message_is_short(shown: list[Any]) -> None:
    with pytest.raises(WrongAnswer):
        expect(gives(list(range(10**5))), "x" * 10**5, np.zeros(10**5), len).equals([])
    assert len(shown[0]["message"]) < 500
    assert "len" in shown[0]["message"]


def told(shown: list[dict[str, Any]]) -> str:
    return shown[-1]["message"]


def test_a_long_input_is_cut_short_only_if_it_cannot_be_typed_in(shown: list[Any]) -> None:
    runs = [{"rate": n + 0.25, "first": [n + 0.125] * n} for n in range(1, 9)]
    for wanted, args in ((True, runs[:7]), (False, runs + runs)):
        with pytest.raises(WrongAnswer):
            expect(gives(0), args).equals(1)
        assert (repr(args[-1]["rate"]) in told(shown)) is wanted
    assert len(told(shown)) < 200


def test_minus_zero_is_shown_as_zero(shown: list[Any]) -> None:
    with pytest.raises(WrongAnswer):
        expect(gives(1.0)).equals(-0.0)
    assert told(shown) == "answer() gave 1; expected 0"


def test_of_what_is_raised_where_nothing_is_to_be_said_only_the_error_is_shown(shown: list[Any]) -> None:
    with pytest.raises(WrongAnswer):
        expect(refuses(TypeError("no")), 3).look("what is refused", str).equals("")
    assert told(shown) == "what is refused of answer(3) raised TypeError: no"


def test_a_key_error_is_quoted_once(shown: list[Any]) -> None:
    for error in (KeyError("hausa"), KeyError("'hausa'")):  # the second was heard from another process
        with pytest.raises(WrongAnswer):
            expect(refuses(error), 3).equals(6)
        assert told(shown) == "answer(3) raised KeyError: 'hausa'; expected 6"


@pytest.mark.parametrize(
    ("given", "wanted", "text"),
    [
        (1118165.0000001, 1118165, "gave 1118165; expected"),
        (1118165.2, 1118165, "gave 1118165.2; expected 1118165"),
        (0.1 + 0.2, 0.3, "gave 0.30000000000000004; expected 0.3"),
        (1 / 3, 0.5, "gave 0.3333333; expected 0.5"),
        (10**16 + 1, 10**16, "gave 10000000000000001; expected 10000000000000000"),
        (float("nan"), 1.0, "gave nan; expected 1"),
    ],
)
def test_a_message_has_the_digits_that_tell_two_answers_apart(
    shown: list[Any], given: float, wanted: float, text: str
) -> None:
    with pytest.raises(WrongAnswer):
        expect(gives(given)).equals(wanted)
    said, instead = told(shown).removeprefix("answer() gave ").split("; expected ")
    assert said != instead
    assert text in told(shown) or said.startswith("1118165.0000001")


def test_inputs_are_shown_with_all_their_digits(shown: list[Any]) -> None:
    with pytest.raises(WrongAnswer):
        expect(gives(0), 0.1 + 0.2, np.float64(1e20 / 3), {"n": 123456789.5}).equals(1)
    assert "answer(0.30000000000000004, 3.333333333333333e+19, {'n': 123456789.5})" in told(shown)


def test_a_lambda_has_the_name_that_it_was_given(shown: list[Any]) -> None:
    scope: dict[str, Any] = {}
    exec("energy_mwh = lambda hours: 3", scope)
    with pytest.raises(WrongAnswer):
        expect(scope["energy_mwh"], 105.0).equals(4)
    assert told(shown) == "energy_mwh(105.0) gave 3; expected 4"


def test_the_first_place_that_differs_is_shown(shown: list[Any]) -> None:
    with pytest.raises(WrongAnswer):
        expect(gives([1, 2, 4])).equals([1, 2, 3])
    assert told(shown) == "answer() gave [1, 2, 4]; expected [1, 2, 3]: at [2], 4 instead of 3"
    with pytest.raises(WrongAnswer):
        expect(gives(np.zeros((2, 3)))).equals(np.arange(6.0).reshape(2, 3))
    assert told(shown).endswith("5 of 6 differ, the first at [0, 1], 0 instead of 1")


def test_none_is_asked_whether_it_returns(shown: list[Any]) -> None:
    with pytest.raises(WrongAnswer, match="this is None: does it return its result"):
        expect(gives(None), 3).equals(6)


def test_a_test_may_say_where_an_answer_is_wrong(shown: list[Any]) -> None:
    def block(answer: Any, n: int) -> str:
        return f"block {n} is {answer[0]}" if isinstance(answer, list) else ""

    for wrong, said in (({}, ""), ({"1.1/seven": ("no sevens", [7])}, ": no sevens")):
        with pytest.raises(WrongAnswer):
            expect(gives([7]), 3).equals([8], wrong=wrong, where=block)
        assert told(shown) == f"answer(3): block 3 is 7{said}"
    with pytest.raises(WrongAnswer):
        expect_each(gives([7]), {"a row": (3,), "two rows": (4,)}).equals([[7], [8]], where=block)
    assert told(shown) == "answer: 1 of 2 is wrong; the first is two rows: block 4 is 7"
    for elsewhere, said in ((gives(7), "gave 7; a list"), (refuses(KeyError(1)), "raised KeyError: 1; expected [8]")):
        with pytest.raises(WrongAnswer):
            expect(elsewhere, 3).equals([8], where=block)
        assert told(shown).removeprefix("answer(3) ").startswith(said)


def hours(flop: float, mfu: float) -> float:
    if not 0 < mfu <= 1:
        raise ValueError(mfu)
    return flop / mfu


CASES = [(6.0, 0.5), (8.0, 0.25), (8.0, 2.0), (8.0, 0.0)]
WRONG = {
    "1.4/ignored": ("where is mfu?", lambda flop, mfu: flop),
    "1.4/percent": ("no per cent", lambda flop, mfu: flop / mfu if mfu <= 1 else 100 * flop / mfu),
}


@pytest.mark.parametrize(
    ("answer", "idea"),
    [
        (hours, "right"),
        (lambda flop, mfu: flop, "1.4/ignored"),
        (lambda flop, mfu: flop / mfu if mfu <= 1 else 100 * flop / mfu, "1.4/percent"),
        (lambda flop, mfu: flop if mfu == 0.5 else hours(flop, mfu), None),  # that idea's on the first call only
    ],
)
def test_what_is_right_and_wrong_may_be_functions_that_answer_all_calls(
    shown: list[Any], answer: Callable[..., Any], idea: str | None
) -> None:
    if idea == "right":
        expect_each(answer, CASES).close_to(hours, wrong=WRONG)
        assert shown == []
        return
    with pytest.raises(WrongAnswer):
        expect_each(answer, CASES).close_to(hours, wrong=WRONG)
    assert shown[0]["misconception"] == idea


REFUSING = {"1.4/nothing_refused": ("nothing is refused", NOTHING_REFUSED)}


@pytest.mark.parametrize(
    ("answer", "idea"),
    [
        (lambda flop, mfu: 3, "1.4/nothing_refused"),
        (lambda flop, mfu: flop / mfu, "1.4/nothing_refused"),  # a division by zero is no refusal
        (lambda flop, mfu: hours(flop, mfu) if mfu else 0, None),
        (lambda flop, mfu: hours(flop, mfu) if mfu else None, None),
        (lambda flop, mfu: None, None),  # a refusal, of another kind
        (refuses(AssertionError()), None),
        (refuses(Exception("mfu")), None),
    ],
)
def test_that_nothing_is_refused_is_an_idea_of_its_own(
    shown: list[Any], answer: Callable[..., Any], idea: str | None
) -> None:
    with pytest.raises(WrongAnswer):
        expect_each(answer, CASES[2:]).raises(ValueError, wrong=REFUSING)
    assert shown[0]["misconception"] == idea


def test_an_unanswered_exercise_refuses_nothing_and_is_not_accused(shown: list[Any]) -> None:
    with pytest.raises(NotImplementedError):
        expect_each(refuses(NotImplementedError()), CASES[2:]).raises(ValueError, wrong=REFUSING)
    assert shown[0]["misconception"] is None


def test_a_function_that_never_came_back_is_not_asked_again(shown: list[Any]) -> None:
    class Late(TimeoutError):
        verdict = "timeout"

    asked = []

    def slow(n: int) -> int:
        asked.append(n)
        if n > 1:
            raise Late("20 s")
        return n

    with pytest.raises(WrongAnswer):
        expect_each(slow, [(1,), (2,), (3,), (4,)]).equals([1, 2, 3, 4])
    assert asked == [1, 2] and shown[0]["verdict"] == "timeout"


def test_a_label_in_brackets_reads_as_a_call(shown: list[Any]) -> None:
    for label, said in (("(*texts(9), seed=1)", "answer(*texts(9), seed=1) gave"), ("halves", "answer of halves gave")):
        with pytest.raises(WrongAnswer):
            expect_each(gives(3), {label: (1, 2)}).equals([4])
        assert told(shown).startswith(said)


def test_an_idea_may_be_that_every_call_raises(shown: list[Any]) -> None:
    wrong = {"1.4/divides": ("do not divide by zero", ZeroDivisionError)}
    with pytest.raises(WrongAnswer, match="do not divide by zero"):
        expect_each(lambda n: 1 / n, [(0,), (0.0,)]).equals([0, 0], wrong=wrong)
    with pytest.raises(WrongAnswer):
        expect_each(lambda n: 1 / n, [(0,), (2,)]).equals([0, 0], wrong=wrong)
    assert [bundle["misconception"] for bundle in shown] == ["1.4/divides", None]


def test_one_aspect_of_an_answer_may_be_looked_at(shown: list[Any]) -> None:
    def dtype(answer: Any) -> str:
        return str(answer[0].dtype)

    right = expect(gives((np.zeros(2, np.int8), 1.0)), 3).look("the dtype of q", dtype)
    right.equals("int8")
    for wrong, said in (((np.zeros(2), 1.0), "gave 'float64'; expected 'int8'"), (None, "this is None")):
        with pytest.raises(WrongAnswer):
            expect(gives(wrong), 3).look("the dtype of q", dtype).equals("int8")
        assert told(shown).startswith("the dtype of q of answer(3)") and said in told(shown)


def test_a_later_call_with_arrays_may_be_the_first_that_is_wrong(shown: list[Any]) -> None:
    calls = {"zeros": (np.zeros(3),), "ones": (np.ones(3),)}
    with pytest.raises(WrongAnswer, match="1 of 2 is wrong; the first is ones, which gave 0; expected 3"):
        expect_each(gives(0), calls).equals(lambda array: array.sum())


def test_an_answer_that_does_not_repeat_itself_is_told(shown: list[Any]) -> None:
    generator = np.random.default_rng(0)
    expect(gives(3), 1).repeats()
    with pytest.raises(WrongAnswer, match="the same seed gave two results"):
        expect(lambda seed: generator.random(), 1).repeats()


def test_an_answer_that_ignores_an_argument_is_told(shown: list[Any]) -> None:
    expect(lambda seed: seed, 1).differs(2, why="where is seed?")
    with pytest.raises(WrongAnswer, match=r"and \(2\) gave the same, 0.5: where is seed\?"):
        expect(gives(0.5), 1).differs(2, why="where is seed?")
    with pytest.raises(WrongAnswer, match=r"and \(\.\.\., 2\) gave the same"):
        expect(gives(0.5), [1, 2, 3], 1).differs([1, 2, 3], 2, why="where is seed?")


def test_a_changed_argument_is_told(shown: list[Any]) -> None:
    def spoil(n: int, items: list[int]) -> int:
        items.append(n)
        return n

    items = [1]
    spoiled = expect(spoil, 2, items)
    assert items == [1]  # the test's own are safe
    spoiled.equals(2)
    with pytest.raises(WrongAnswer, match="changed its second argument"):
        spoiled.keeps_arguments()
    expect(lambda n, items: n, 2, items).keeps_arguments()


def test_a_call_with_a_label_is_spoken_of_by_it(shown: list[Any]) -> None:
    def spoil(items: list[int]) -> None:
        items.append(1)

    with pytest.raises(WrongAnswer, match=r"^spoil of an empty list changed its first argument"):
        expect_each(spoil, {"an empty list": ([],)}).keeps_arguments()
    with pytest.raises(WrongAnswer, match=r"^spoil\(\[\]\) changed its first argument"):
        expect_each(spoil, [([],)]).keeps_arguments()


def test_who_draws_from_numpys_global_generator_is_told(shown: list[Any]) -> None:
    expect(lambda seed: np.random.default_rng(seed).random(), 1).keeps_numpys_generator()
    for draw in (lambda seed: np.random.random(), lambda seed: np.random.seed(seed)):
        with pytest.raises(WrongAnswer, match="NumPy's global generator"):
            expect(draw, 1).keeps_numpys_generator()


def test_a_promise_that_is_seen_to_be_broken_names_its_idea(shown: list[Any]) -> None:
    generator, items = np.random.default_rng(0), [1]
    for broken in (
        lambda: expect(lambda seed: generator.random(), 1).repeats(idea="1.8/unseeded"),
        lambda: expect(gives(0.5), 1).differs(2, why="where is seed?", idea="1.8/seed_ignored"),
        lambda: expect(lambda seed: np.random.random(), 1).keeps_numpys_generator(idea="1.8/global_generator"),
        lambda: expect(lambda items: items.append(2), items).keeps_arguments(idea="1.8/in_place"),
    ):
        with pytest.raises(WrongAnswer):
            broken()
    named = [bundle["misconception"] for bundle in shown]
    assert named == ["1.8/unseeded", "1.8/seed_ignored", "1.8/global_generator", "1.8/in_place"]
    assert {bundle["exercise"] for bundle in shown} == {"1.8"}


def test_where_none_is_an_answer_it_is_not_taken_for_a_forgotten_return(shown: list[Any]) -> None:
    with pytest.raises(WrongAnswer, match=r"gave None; expected 'mfu'"):
        expect_each(gives(None), [(1,), (2,)]).equals(["mfu", None])
    with pytest.raises(WrongAnswer, match="does it return its result"):
        expect_each(gives(None), [(1,), (2,)]).equals(["mfu", "flop"])


def far_off(answers: list[float]) -> float:
    """The mean distance from 1."""
    return sum(abs(answer - 1) for answer in answers) / len(answers)


def scored(answer: Callable[..., Any]) -> None:
    ideas = {
        "1.10/constant": ("look at n", lambda answers: len(set(answers)) == 1),
        "1.10/large": ("that is too much", lambda answers: min(answers) > 10),
    }
    expect_each(answer, [(1,), (2,), (3,)]).scores(
        far_off,
        at_most=0.5,
        called="the mean distance",
        wrong=ideas,
        told=lambda answers: f"they go up to {max(answers)}",
    )


def test_a_score_is_of_all_answers_together(shown: list[Any]) -> None:
    scored(lambda n: 1.5 if n < 3 else 0.9)
    with pytest.raises(
        WrongAnswer, match=r"the mean distance is 0\.6666667, and at most 0\.5 is asked: they go up to 2$"
    ):
        scored(lambda n: 2 if n < 3 else 1)
    assert shown[-1]["misconception"] is None


def test_ideas_of_a_score_are_seen_in_the_answers(shown: list[Any]) -> None:
    with pytest.raises(WrongAnswer, match=r"at most 0\.5 is asked: look at n"):
        scored(lambda n: 2)
    with pytest.raises(WrongAnswer):
        scored(lambda n: 20)  # both
    assert [bundle["misconception"] for bundle in shown] == ["1.10/constant", None]


def test_what_is_scored_and_raises_is_told(shown: list[Any]) -> None:
    with pytest.raises(WrongAnswer, match=r"answer: 3 of 3 are wrong; the first is \(1\), which raised KeyError"):
        scored(refuses(KeyError("tokens")))
    with pytest.raises(NotImplementedError):
        scored(refuses(NotImplementedError()))


def test_a_wrong_answer_is_told_of_calls_whose_arguments_are_arrays() -> None:
    calls = [(np.zeros(2),), (np.ones(3),)]
    with pytest.raises(
        WrongAnswer, match=r"1 of 2 is wrong; the first is \(array\(\[1\.0, 1\.0, 1\.0\]\)\), which gave 2"
    ):
        expect_each(gives(2), calls).equals([2, 3])
