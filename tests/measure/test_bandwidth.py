from types import SimpleNamespace

import numpy as np
import psutil
import pytest

from course.llama import threads
from course.measure import bandwidth

SMALL = 80  # bytes: ten numbers


@pytest.fixture(autouse=True)
def small(monkeypatch) -> None:
    monkeypatch.setattr(bandwidth, "ARRAY_BYTES", SMALL)


@pytest.mark.parametrize("measured", [bandwidth.read, bandwidth.copy])
def test_every_repetition_has_its_rate(measured) -> None:
    rates = measured(1, repetitions=3, seconds=0)
    assert len(rates) == 3
    assert all(rate > 0 for rate in rates)


@pytest.mark.parametrize(("measured", "per_byte"), [(bandwidth.read, 1), (bandwidth.copy, 2)])
def test_a_rate_is_the_bytes_of_all_passes_over_the_time(monkeypatch, measured, per_byte: int) -> None:
    ticks = iter([0.0, 0.0, 0.5, 2.0])  # the start, then a look at the clock before each pass and at the end
    monkeypatch.setattr(bandwidth, "time", SimpleNamespace(perf_counter=lambda: next(ticks)))
    assert measured(1, repetitions=1, seconds=1) == [per_byte * SMALL * 2 / 2.0]


def test_threads_share_an_array_and_read_all_of_it_in_each_pass(monkeypatch) -> None:
    monkeypatch.setattr(threads, "checked", lambda count: count)  # three, on whatever machine this is
    read: list[int] = []
    monkeypatch.setattr(np, "bitwise_or", SimpleNamespace(reduce=lambda part: read.append(int(part.sum()))))
    bandwidth.read(3, repetitions=1, seconds=0)
    assert sorted(read) == [3, 3, 3, 3, 4, 4]  # ones, in the pass that warms up and in the one that is timed


def test_threads_share_what_is_to_be_copied(monkeypatch) -> None:
    monkeypatch.setattr(threads, "checked", lambda count: count)
    copied: list[tuple[int, int]] = []
    monkeypatch.setattr(np, "copyto", lambda target, source: copied.append((target.size, source.size)))
    bandwidth.copy(3, repetitions=1, seconds=0)
    assert sorted(copied) == [(3, 3)] * 4 + [(4, 4)] * 2


def test_all_cores_reading_come_first_and_powers_of_two_below(monkeypatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(threads, "physical_cores", lambda: 6)
    assert bandwidth.default_thread_counts() == [6, 4, 2, 1]
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert bandwidth.default_thread_counts() == [3, 2, 1]
    monkeypatch.delenv("OMP_NUM_THREADS")
    monkeypatch.setattr(threads, "physical_cores", lambda: 2)
    monkeypatch.setattr(threads, "checked", lambda count: count or 2)
    rates = bandwidth.rates(repetitions=2, seconds=0)
    assert list(rates) == ["2 threads, read", "1 thread, read", "2 threads, copy", "1 thread, copy"]
    assert [len(values) for values in rates.values()] == [2, 2, 2, 2]
    assert list(bandwidth.rates([1], seconds=0)) == ["1 thread, read", "1 thread, copy"]


def test_what_is_compared_is_measured_in_turns(monkeypatch) -> None:
    monkeypatch.setattr(threads, "checked", lambda count: count)
    done: list[str] = []
    monkeypatch.setattr(np, "bitwise_or", SimpleNamespace(reduce=lambda part: done.append(f"read {part.size}")))
    monkeypatch.setattr(np, "copyto", lambda target, source: done.append(f"copy {source.size}"))
    bandwidth.rates([1], repetitions=2, seconds=0)
    assert done == ["read 10", "copy 10"] * 3  # the first round warms up


@pytest.mark.parametrize("n_threads", [0, -1, 10_000])
@pytest.mark.parametrize("measured", [bandwidth.read, bandwidth.copy])
def test_threads_that_the_machine_does_not_have_are_told(measured, n_threads: int) -> None:
    with pytest.raises(ValueError, match=rf"^{n_threads:,} threads: this machine has 1 to "):
        measured(n_threads)


def test_no_repetition_is_told() -> None:
    with pytest.raises(ValueError, match="repetitions are positive; got 0"):
        bandwidth.read(1, repetitions=0)


def test_an_array_is_an_eighth_of_the_free_memory_at_most(monkeypatch) -> None:
    monkeypatch.setattr(bandwidth, "LEAST_ARRAY_BYTES", 16)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=8 * 32))
    sizes: list[int] = []
    monkeypatch.setattr(np, "bitwise_or", SimpleNamespace(reduce=lambda part: sizes.append(part.nbytes)))
    bandwidth.read(1, repetitions=1, seconds=0)
    assert sizes == [32, 32]


def test_too_little_memory_is_told_before_it_is_taken(monkeypatch) -> None:
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=2**29))
    monkeypatch.setattr(np, "empty", lambda *_: pytest.fail("took the memory"))
    with pytest.raises(ValueError, match=r"^512 MiB of memory are free, .* at least 1,024 MiB: close"):
        bandwidth.copy(1)
