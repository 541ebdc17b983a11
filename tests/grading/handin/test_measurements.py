"""What no machine gives is said; what a real one gave, from the smallest to the largest, is not."""

from datetime import UTC, datetime
from typing import Any

import pytest

from course import paths
from course.grading.handin import measurements
from course.measure import record

NOW = datetime(2026, 11, 29, tzinfo=UTC)
MADE = {
    **record.new("read_bandwidth", [3e10, 3.1e10, 2.9e10], unit="byte/s", predicted=(1e10, 5e10), threads=1),
    "date": "2026-11-01T00:00:00+00:00",
}


def values(unit: str, *repetitions: float, predicted: tuple[float, float] = (1, 2)) -> record.Record:
    made = record.new("it", [1.0], unit=unit, predicted=predicted, threads=1)
    return {**made, "values": list(repetitions), "median": sorted(repetitions)[len(repetitions) // 2]}


@pytest.mark.parametrize(
    ("odd", "told"),
    [
        (values("byte/s", 1e30), "measurement it: 1e+30 byte/s is more than any memory gives"),
        (values("FLOP/s", 1e20), "measurement it: 1e+20 FLOP/s is more than any processor gives"),
        (values("token/s", 1e12), "measurement it: 1e+12 token/s is more than any machine gives"),
        (values("token/s", 0.0), "measurement it: 0 token/s is less than any machine gives"),
        (values("s", -1.0), "measurement it: -1 s is less than any machine gives"),
        (values("s", 0.0), "measurement it: 0 s is less than any machine gives"),
        (values("ms", 0.0), "measurement it: 0 ms is less than any machine gives"),
        (values("GB/s", 1e9), "measurement it: 1e+09 GB/s is more than any memory gives"),
        (values("byte", -5.0), "measurement it: -5 byte is less than any machine gives"),
        (values("nat", 1e9), "measurement it: 1e+09 nat is more than any model loses"),
        (values("facts", 1e300), "measurement it: 1e+300 facts is more than is counted in a lab"),
        (values("s", float("nan")), "measurement it: nan s is no number"),
        ({**values("s", 1.0), "median": 10**400}, "measurement it: inf s is no number"),
        ({**values("s", 1.0), "values": [10**400, 1, 10**400]}, "measurement it: inf s is no number"),
        ({**values("s", 1.0, 2.0, 3.0), "median": 2.5}, "measurement it: its median is not the median of its values"),
        (
            values("s", 1.234567, predicted=(1.234567, 2)),
            "measurement it: its prediction is what was measured, to the last digit",
        ),
        ({**MADE, "date": "9999-12-31T00:00:00"}, "it was made on 9999-12-31, which is to come"),
        ({**MADE, "date": "2026-99-99T00:00:00"}, "it was made on 2026-99-99, which is to come"),
        ({**MADE, "date": "2019-01-01T00:00:00"}, "it was made on 2019-01-01, before there was this course"),
        ({**MADE, "values": {"a": [3e10, 3e10, 3e10], "b": [1e30]}}, "1e+30 byte/s is more than any memory gives"),
    ],
)
def test_what_cannot_have_been_measured_is_said(odd: Any, told: str) -> None:
    (flag,) = measurements.doubts([odd], now=NOW)
    assert flag.endswith(told)


@pytest.mark.parametrize(
    "honest",
    [
        MADE,
        values("byte/s", 9e8),  # a Raspberry Pi's first
        values("byte/s", 8e12),  # a GPU of 2026
        values("FLOP/s", 2e8),
        values("FLOP/s", 2e16),
        values("token/s", 0.05),
        values("token/s", 2e6),
        values("s", 3e-7),
        values("s", 90_000.0),
        values("nat", -0.001),
        values("%", -45.0),
        values("points", -3.0),
        values("s", 1.5, predicted=(1.5, 2)),  # a lucky guess of a person, who names few digits
        values("byte", 2037317632.0, predicted=(2037317632.0, 3e9)),  # of a file whose size is known
    ],
)
def test_a_real_machine_is_never_accused(honest: record.Record) -> None:
    assert measurements.doubts([honest], now=NOW) == []


def test_what_was_measured_for_the_course_is_not_accused() -> None:
    found = list((paths.datasets() / "measured").rglob(record.FILE))
    assert found
    for file in found:
        assert measurements.doubts(record.read(file.parent)) == []


def test_a_reveal_and_a_verdict_have_a_date_only() -> None:
    revealed = record.revealed("mfu", 1e30, unit="%", source="a table", predicted=(1, 2), lab="lab01")
    verdict = record.verdict("it holds", "because", sure=80, lab="lab01")
    assert measurements.doubts([revealed, verdict]) == []
    assert len(measurements.doubts([{**verdict, "date": "9999-01-01T"}])) == 1


def test_many_are_counted_and_odd_names_are_shown_in_a_line() -> None:
    odd = {**MADE, "what": "a\n\x1b[31m" + "x" * 100, "date": "9999-12-31T00:00:00"}
    told = measurements.doubts([odd] * 8, now=NOW)
    assert told[-1] == "and 3 more measurements that cannot be"
    assert len(told) == 6
    assert told[0].isprintable() and len(told[0]) < 150
