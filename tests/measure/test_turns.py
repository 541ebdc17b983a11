import pytest

from course.measure import turns


def test_each_round_calls_every_function_once_in_order() -> None:
    calls: list[str] = []

    def once(label: str) -> float:
        calls.append(label)
        return float(len(calls))

    found = turns.take({"a": lambda: once("a"), "b": lambda: once("b")}, repetitions=3)
    assert calls == ["a", "b", "a", "b", "a", "b"]
    assert found == {"a": [1.0, 3.0, 5.0], "b": [2.0, 4.0, 6.0]}


def test_no_repetition_is_told() -> None:
    with pytest.raises(ValueError, match="repetitions are positive; got 0"):
        turns.take({"a": lambda: 1.0}, repetitions=0)
