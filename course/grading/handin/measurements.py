"""What cannot have been measured: a person should look at it. Nobody loses a point by it.

The bounds are wide: from a small computer of ten years ago to the largest server of today is well inside of them.
"""

import itertools
import math
import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta

from course.grading.handin import files
from course.measure import quantity, record
from course.measure.record import Record
from course.measure.schema import MEASURED

_BOUNDS = {  # of a value in a unit, with what does not give more
    "byte/s": (1e6, 1e14, "any memory gives"),
    "FLOP/s": (1e5, 1e17, "any processor gives"),
    "token/s": (1e-3, 1e9, "any machine gives"),
    "s": (1e-9, 1e7, "a lab lasts"),
    "ms": (1e-6, 1e10, "a lab lasts"),
    "byte": (0, 1e14, "any machine has"),
    "token": (0, 1e12, "a lab counts"),
    "nat": (-1, 100, "any model loses"),
    "%": (-1e4, 1e4, "a share is"),
}
_OTHERS = (-1e15, 1e15, "is counted in a lab")
_FIRST = date(2024, 1, 1)  # there was no course before
_CLOCKS = timedelta(days=2)  # that a student's clock may be ahead
_SHOWN = 5


def doubts(records: Sequence[Record], *, now: datetime | None = None) -> list[str]:
    """A flag for each record that no machine gives: its value, its date, or a prediction that is the measurement."""
    today = (now or datetime.now(UTC)).date()
    found = [f"measurement {_short(one['what'])}: {doubt}" for one in records if (doubt := _doubt(one, today))]
    more = [f"and {len(found) - _SHOWN} more measurements that cannot be"] if len(found) > _SHOWN else []
    return [*found[:_SHOWN], *more]


def _doubt(one: Record, today: date) -> str:
    of_values = _of_values(one) if record.kind_of(one) == MEASURED else ()
    return next(itertools.chain(_of_date(one["date"], today), of_values), "")


def _of_date(noted: str, today: date) -> Iterator[str]:
    try:
        day = date.fromisoformat(noted[:10])
    except ValueError:
        day = date.max
    if day > today + _CLOCKS:
        yield f"it was made on {_short(noted[:10])}, which is to come"
    elif day < _FIRST:
        yield f"it was made on {noted[:10]}, before there was this course"


def _of_values(one: Record) -> Iterator[str]:
    factor, unit = quantity.base(one["unit"])
    least, most, bound = _BOUNDS.get(unit, _OTHERS)
    median, headline = _number(one["median"]), [_number(value) for value in record.headline(one["values"])]
    for value in map(_number, (median, *_all(one["values"]))):
        shown = f"{value:.4g} {_short(one['unit'])}"
        if not math.isfinite(value):
            yield f"{shown} is no number"
        elif value * factor > most:
            yield f"{shown} is more than {bound}"
        elif value * factor < least:
            yield f"{shown} is less than any machine gives"
    if not math.isclose(median, statistics.median(headline), rel_tol=1e-6):
        yield "its median is not the median of its values"
    if _is_clock(unit) and any(end in headline and not _is_round(end) for end in map(_number, one["predicted"])):
        yield "its prediction is what was measured, to the last digit"


def _all(values: record.Values) -> Iterable[float]:
    return [value for each in values.values() for value in each] if isinstance(values, Mapping) else values


def _number(value: float) -> float:
    """JSON has integers of any length."""
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _is_clock(unit: str) -> bool:
    return quantity.is_timed(unit) or unit == "ms"


def _is_round(value: float) -> bool:
    """Whether a person would name the number: it has few digits."""
    return math.isclose(value, float(f"{value:.3g}"), rel_tol=1e-12)


def _short(text: str) -> str:
    return files.shown(text if len(text) <= 40 else f"{text[:40]}…")
