"""What share of a core a thread gets; no time is tested against another."""

from types import SimpleNamespace

import pytest

from course.measure import quiet


def clock(monkeypatch: pytest.MonkeyPatch, *, thread_s_per_s: float) -> None:
    """Time that goes on by 0.1 s at each look at it, of which a thread gets a part."""
    now = SimpleNamespace(s=0.0)

    def perf_counter() -> float:
        now.s += 0.1
        return now.s

    names = {"perf_counter": perf_counter, "thread_time": lambda: now.s * thread_s_per_s, "monotonic": perf_counter}
    monkeypatch.setattr(quiet, "time", SimpleNamespace(**names, sleep=lambda seconds: None))


@pytest.mark.parametrize("got", [1.0, 0.4])
def test_the_share_is_computing_time_by_the_time_that_went_by(monkeypatch: pytest.MonkeyPatch, got: float) -> None:
    clock(monkeypatch, thread_s_per_s=got)
    assert quiet.share(1) == pytest.approx(got, rel=0.4)


def test_a_thread_gets_no_more_than_a_core() -> None:
    assert 0 < quiet.share(1, seconds=0.05) < 1.1


def test_no_more_threads_are_tried_than_this_process_may_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quiet, "_usable", lambda: 1)
    tried: list[float] = []
    monkeypatch.setattr(quiet, "_share_of_one", lambda seconds: tried.append(seconds) or 1.0)
    assert quiet.share(64) == 1.0
    assert len(tried) == 1


def test_waiting_ends_when_it_is_quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    shares = iter([0.3, 0.5, 0.95, 0.1])
    monkeypatch.setattr(quiet, "share", lambda n_threads: next(shares))
    monkeypatch.setattr(quiet, "time", SimpleNamespace(monotonic=lambda: 0.0, sleep=lambda seconds: None))
    assert quiet.wait(2) == 0.95


def test_waiting_ends_when_patience_does(monkeypatch: pytest.MonkeyPatch) -> None:
    clock(monkeypatch, thread_s_per_s=1)
    monkeypatch.setattr(quiet, "share", lambda n_threads: 0.2)
    assert quiet.wait(2, patience_s=1) == 0.2
