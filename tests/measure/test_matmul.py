import pytest

from course.measure import matmul


def test_every_size_has_its_rates_in_the_order_asked() -> None:
    rates = matmul.rates((32, 8), repetitions=3, seconds=0)
    assert list(rates) == ["n = 32", "n = 8"]
    assert [len(values) for values in rates.values()] == [3, 3]
    assert all(rate > 0 for values in rates.values() for rate in values)


def test_a_rate_is_the_flop_of_all_products_over_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = iter([0.0, 0.0, 0.5, 2.0])  # the start, then a look at the clock before each product and at the end
    monkeypatch.setattr(matmul.time, "perf_counter", lambda: next(ticks))
    assert matmul.rates((10,), repetitions=1, seconds=1) == {"n = 10": [2 * 10**3 * 2 / 2.0]}


@pytest.mark.parametrize(("sizes", "repetitions"), [((0,), 1), ((-4, 8), 1), ((8,), 0)])
def test_nothing_to_measure_is_told(sizes: tuple[int, ...], repetitions: int) -> None:
    with pytest.raises(ValueError, match="positive"):
        matmul.rates(sizes, repetitions=repetitions)
