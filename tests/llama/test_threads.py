"""How many threads are taken where nobody says it."""

import pytest

from course.llama import threads


@pytest.mark.parametrize(("allowed", "taken"), [("", 6), ("2", 2), ("64", 6), ("0", 6), ("4,2", 6)])
def test_the_environment_may_allow_fewer_threads_than_there_are_cores(
    allowed: str, taken: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threads, "physical_cores", lambda: 6)
    monkeypatch.setenv("OMP_NUM_THREADS", allowed)
    assert threads.checked(None) == taken
