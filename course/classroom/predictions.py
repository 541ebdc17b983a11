"""What a class predicted, and what came: intervals that their authors were 80 % sure of."""

import math
import re
import statistics
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from nbformat import NotebookNode

from course.classroom.executed import Work
from course.measure import quantity
from course.measure.record import Record, kind_of
from course.measure.schema import MEASURED, REVEALED

SURE = 0.8  # that the truth is inside
_PREDICTED = re.compile(r"""lab\.predict\(\s*["']([\w-]+)["']""")
_NORMAL = statistics.NormalDist()
_MOST = 1e100  # nothing that is predicted comes near it


@dataclass(frozen=True)
class Prediction:
    """An interval of a student's, and the truth: what was published or computed, or the student's own measurement."""

    low: float
    high: float
    truth: float

    @property
    def stretch(self) -> float:
        """How many times as wide, about its middle, the interval just holds the truth: at most 1 if it does."""
        return abs(2 * self.truth - self.low - self.high) / (self.high - self.low)

    @property
    def side(self) -> int:
        """Where the truth is: below the interval (-1), inside (0), above (1)."""
        return (self.truth > self.high) - (self.truth < self.low)


@dataclass(frozen=True)
class Forecast:
    """A class's predictions of one thing."""

    what: str
    unit: str
    predictions: tuple[Prediction, ...]

    @property
    def sides(self) -> Counter[int]:
        """How many truths are below (-1), inside (0) and above (1) their intervals."""
        return Counter(one.side for one in self.predictions)

    @property
    def typical(self) -> tuple[str, str]:
        """The median interval and the median truth, in words."""
        low, high, truth = (
            statistics.median(getattr(one, field) for one in self.predictions) for field in ("low", "high", "truth")
        )
        return quantity.text(self.unit, low, high), quantity.text(self.unit, truth)


def asked_in(notebook: NotebookNode) -> list[str]:
    """What a lab's notebook has its reader predict, in its order."""
    sources = (cell.source for cell in notebook.cells if cell.cell_type == "code")
    return list(dict.fromkeys(what for source in sources for what in _PREDICTED.findall(source)))


def of(works: Iterable[Work], asked: Sequence[str]) -> list[Forecast]:
    """The forecasts of what was asked, in that order: of each student the last record of each, in the unit of most."""
    found: dict[str, list[Record]] = {what: [] for what in asked}
    for work in works:
        last = {one["what"]: one for one in work.records if kind_of(one) in (MEASURED, REVEALED)}
        for what in found.keys() & last.keys():
            found[what].append(last[what])
    return [forecast for what, records in found.items() if (forecast := _forecast(what, records))]


def _forecast(what: str, records: Sequence[Record]) -> Forecast | None:
    if not records:
        return None
    (unit, _), *_ = Counter(one["unit"] for one in records).most_common(1)
    made = (_prediction(one) for one in records if one["unit"] == unit)
    kept = tuple(one for one in made if one)
    return Forecast(what, unit, kept) if kept else None


def _prediction(record: Record) -> Prediction | None:
    """The record's prediction; None where a stranger's record is no interval of decent numbers."""
    low, high = record["predicted"]
    truth = record["median"] if kind_of(record) == MEASURED else record["value"]
    is_decent = all(abs(number) < _MOST for number in (low, high, truth))  # no NaN either
    return Prediction(low, high, truth) if is_decent and low < high else None


def inside(predictions: Sequence[Prediction], sure: float = SURE) -> float:
    """The share of the truths inside intervals that one is so `sure` of.

    Of an interval given at 80 % the others are made as a normal distribution has them.
    """
    wide = _NORMAL.inv_cdf((1 + sure) / 2) / _NORMAL.inv_cdf((1 + SURE) / 2)
    return sum(one.stretch <= wide for one in predictions) / len(predictions)


def factor_needed(predictions: Sequence[Prediction]) -> float:
    """By how much all intervals are to be wider for 80 % of the truths to lie inside; below 1, narrower."""
    stretches = sorted(one.stretch for one in predictions)
    return stretches[math.ceil(SURE * len(stretches)) - 1]
