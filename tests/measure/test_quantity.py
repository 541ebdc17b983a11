import pytest

from course.measure import quantity


@pytest.mark.parametrize(
    ("unit", "known"),
    [
        ("GFLOP/s", (1e9, "FLOP/s")),
        ("GB/s", (1e9, "byte/s")),
        ("Gbyte/s", (1e9, "byte/s")),
        ("MB", (1e6, "byte")),
        ("token/s", (1.0, "token/s")),
        ("s", (1.0, "s")),
        ("GPU hours", (1.0, "GPU hours")),
        ("", (1.0, "")),
    ],
)
def test_a_prefix_is_taken_from_a_unit_that_is_known(unit: str, known: tuple[float, str]) -> None:
    assert quantity.base(unit) == known


@pytest.mark.parametrize(
    ("unit", "values", "written"),
    [
        ("FLOP/s", (50e9, 200e9), "50 to 200 GFLOP/s"),
        ("byte/s", (38.4e9,), "38.4 GB/s"),
        ("byte/s", (12.0,), "12 byte/s"),
        ("token/s", (150, 1500), "150 to 1500 token/s"),
        ("s", (7997.57,), "7998 s"),
        ("s", (6000, 14000), "6000 to 14,000 s"),
        ("s", (9999.7,), "10,000 s"),
        ("million h", (30.84,), "30.84 million h"),
        ("years", (1.234e12,), "1.234e+12 years"),
        ("s", (0.00001234,), "1.234e-05 s"),
        ("s", (-14000, 0), "-14,000 to 0 s"),
    ],
)
def test_values_are_written_with_the_prefix_that_people_use(unit: str, values: tuple[float, ...], written: str) -> None:
    assert quantity.text(unit, *values) == written


def test_a_forgotten_prefix_is_asked_about_as_it_is_written() -> None:
    assert "less than 1,000,000 byte/s: is a prefix missing? GB/s is understood, too" in quantity.doubt("byte/s", 80)
    assert quantity.doubt("byte/s", 80e9) == quantity.doubt("s", 80) == ""


def test_times_and_rates_are_what_a_busy_machine_changes() -> None:
    assert [quantity.is_timed(unit) for unit in ("s", "token/s", "nat", "tokens", "byte")] == [True, True] + [False] * 3


def test_an_interval_below_zero_lacks_no_prefix() -> None:
    assert quantity.doubt("%", -5) == ""
