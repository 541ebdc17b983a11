"""Functions that a test hands to a student, and exercises that judge somebody's implementations."""

from collections import Counter
from collections.abc import Callable
from math import isclose
from typing import Any

import pytest

from course.checking import Bank, WrongAnswer, handed

SIGNATURE = "energy(hours, watts, pue=1)"


def bank() -> Bank:
    return Bank(
        SIGNATURE,
        right={
            "one that multiplies": lambda h, w, pue: h * w * pue,
            "one that adds up in another order": lambda a, b, c: a * b + a * b * (c - 1),
        },
        wrong={
            "one that forgets the PUE": lambda h, w, pue: h * w,
            "one that squares it": lambda h, w, pue: h * w * pue**2,
            "one that trips": lambda h, w, pue: [][int(h)],
        },
        example=(1.0, 2.0, 1.5),
        hints={"one that adds up in another order": "compare with isclose"},
    )


IDEAS = {
    "1.9/pue_one": ("a PUE of 1 hides it", lambda f: isclose(f(1000, 3, 1), 3000)),
    "1.9/accepts_all": ("it accepts all", lambda f: True),
}


def careful(f: Callable[..., float]) -> bool:
    try:
        return all(isclose(f(2.0, 3.0, pue), 6 * pue) for pue in (1, 1.1, 1.7))
    except Exception:
        return False


def judged(accepts: Callable[..., Any], shown: list[dict[str, Any]]) -> tuple[str | None, str]:
    with pytest.raises(WrongAnswer):
        bank().judged_by(accepts, wrong=IDEAS)
    return shown[-1]["misconception"], shown[-1]["message"]


def test_who_judges_rightly_passes(shown: list[Any]) -> None:
    for _ in range(20):
        bank().judged_by(careful, wrong=IDEAS)
    assert shown == []


def test_an_idea_is_what_its_own_judge_says(shown: list[Any]) -> None:
    assert judged(lambda f: True, shown)[0] == "1.9/accepts_all"
    assert judged(lambda f: isclose(f(10, 3, 1), 30), shown)[0] == "1.9/pue_one"
    assert judged(lambda f: False, shown)[0] is None


def test_a_right_implementation_that_is_refused_gets_its_hint(shown: list[Any]) -> None:
    def exact(f: Callable[..., float]) -> bool:
        try:
            return all(f(0.1, 0.7, pue) == 0.1 * 0.7 * pue for pue in (1.1, 1.2, 1.3, 1.4, 1.7))
        except Exception:
            return False

    idea, message = judged(exact, shown)
    assert idea is None
    assert message == (
        "accepts: 1 of 5 is judged wrongly; of one that adds up in another order, which is right, it gave False: "
        "compare with isclose"
    )


def test_the_order_is_one_of_chance(shown: list[Any]) -> None:
    firsts: Counter[bool] = Counter()
    for _ in range(60):
        seen: list[bool] = []

        def watching(f: Callable[..., float], seen: list[bool] = seen) -> bool:
            seen.append(careful(f))
            return seen[-1]

        bank().judged_by(watching)
        firsts[seen[0]] += 1
        assert len(seen) == 5 + 3  # some are asked about twice
    assert len(firsts) == 2


def test_who_goes_by_the_order_or_by_counting_fails(shown: list[Any]) -> None:
    for verdicts in ([True, True, False, False, False], [False, True] * 3):
        failed = 0
        for _ in range(30):
            answers = iter(verdicts * 3)
            try:
                bank().judged_by(lambda f, answers=answers: next(answers))
            except WrongAnswer:
                failed += 1
        assert failed >= 24


def test_an_accepts_that_contradicts_itself_is_told(shown: list[Any]) -> None:
    asked: Counter[int] = Counter()

    def forgetful(f: Callable[..., float]) -> bool:
        asked[id(f)] += 1
        return careful(f) if asked[id(f)] == 1 else not careful(f)

    assert "then" in judged(forgetful, shown)[1] and "same implementation" in judged(forgetful, shown)[1]


def test_an_implementation_takes_its_arguments_by_position_and_by_name() -> None:
    f = handed(SIGNATURE, lambda h, w, p: h * w * p)
    assert f(2, 3) == f(2, watts=3) == f(hours=2, watts=3) == 6
    assert f(2, 3, pue=2) == f(pue=2, watts=3, hours=2) == 12
    assert f.__name__ == "energy"
    for call in (lambda: f(2), lambda: f(2, 3, power=4), lambda: f(1, 2, 3, 4)):
        with pytest.raises(TypeError, match=r"^energy: "):
            call()


def test_an_implementation_tells_nothing_of_its_body() -> None:
    def body(h: Any, w: Any, p: Any) -> Any:
        if h < 0:
            raise ValueError("hours_of_body")
        return {"secret": 1}[h]

    f = handed(SIGNATURE, body, example=(1.0, 2.0, 1.5))
    for args, error in (((-1, 1), ValueError), ((3, 1), KeyError)):
        with pytest.raises(error) as raised:
            f(*args)
        assert str(raised.value) == "" and raised.value.__cause__ is None
    for odd in ("x", None, [1], True):
        with pytest.raises(TypeError, match="energy takes a plain number as hours, not"):
            f(odd, 2)
