from types import SimpleNamespace

import pytest
import torch

from course.measure import layers


def test_every_batch_and_reading_have_their_seconds_in_the_order_asked() -> None:
    found = layers.step_seconds((1, 8), width=16, repetitions=3, seconds=0)
    assert list(found) == ["batch 1", "batch 8", "read"]
    assert [len(values) for values in found.values()] == [3, 3, 3]
    assert all(seconds > 0 for values in found.values() for seconds in values)


def test_a_step_takes_every_sequence_through_every_layer() -> None:
    weights = [torch.full((4, 4), 0.5) for _ in range(layers.N_LAYERS)]
    out = layers._through(weights, torch.ones(3, 4))
    assert out.shape == (3, 4)
    assert out.unique().tolist() == [2.0**layers.N_LAYERS]  # a layer makes of each number four halves of it


def test_a_repetition_is_the_mean_of_its_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = iter([0.0, 0.0, 0.5, 3.0])  # the start, then a look at the clock before each step and at the end
    monkeypatch.setattr(layers.time, "perf_counter", lambda: next(ticks))
    assert layers._in_turns({"read": lambda: None}, 1, 1.0) == {"read": [3.0 / 2]}


def test_they_are_measured_in_turns_and_each_warms_up() -> None:
    done: list[str] = []
    steps = {name: lambda name=name: done.append(name) for name in ("a", "b")}
    layers._in_turns(steps, 2, 0.0)
    assert done == ["a", "b"] * 3


def test_the_number_of_threads_is_what_it_was() -> None:
    before = torch.get_num_threads()
    layers.step_seconds((1,), width=8, repetitions=1, seconds=0)
    assert torch.get_num_threads() == before


@pytest.mark.parametrize(("batches", "repetitions"), [((0,), 1), ((4, -1), 1), ((1,), 0)])
def test_nothing_to_measure_is_told(batches: tuple[int, ...], repetitions: int) -> None:
    with pytest.raises(ValueError, match="positive"):
        layers.step_seconds(batches, width=8, repetitions=repetitions)


def test_too_little_memory_is_told_before_it_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layers.psutil, "virtual_memory", lambda: SimpleNamespace(available=300 * 2**20))
    with pytest.raises(ValueError, match="300 MiB of memory are free, and the layers take 256 MiB"):
        layers.step_seconds()
