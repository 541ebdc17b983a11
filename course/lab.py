"""What a lab's notebook imports first: predict, measure, and the records that travel with the notebook.

A prediction is an interval that you are 80 % sure of. It is locked by the measurement that follows it.
"""

import math
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from course import cohort as cohorts
from course import paths
from course.measure import record as records
from course.measure.record import Record, Values


class NoPrediction(NotImplementedError):
    """A measurement was asked for before its prediction."""


class NoRecord(NotImplementedError):
    """The notebook holds no record of this measurement."""


@dataclass(frozen=True)
class Prediction:
    """An interval, `low` to `high` in `unit`, that its author is 80 % sure of."""

    low: float
    high: float
    unit: str


@dataclass
class _Session:
    lab: str
    folder: Path
    predictions: dict[str, Prediction] = field(default_factory=dict)


_session: _Session | None = None


def start(lab: str, *, cohort: str) -> None:
    """Begin a lab ("lab01"): set the cohort's numbers, and find the records beside the notebook."""
    global _session
    cohorts.enrol(cohort)
    _session = _Session(lab, Path.cwd())


def predict(what: str, low: float, high: float, unit: str) -> None:
    """State an interval that you are 80 % sure of. Once `what` is measured, the first prediction stays.

    Raises ValueError unless low < high, both finite.
    """
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise ValueError(f"an interval goes from a lower to a higher number; {what} was given {low} to {high}")
    if done := _own(what):
        locked = done[0]
        print(f"{what} is measured already: your prediction stays at {_interval(locked)} {locked['unit']}.")
        return
    _current().predictions[what] = Prediction(low, high, unit)
    print(f"{what}: you are 80 % sure of {low:.4g} to {high:.4g} {unit}.")


def measure(
    what: str,
    fn: Callable[[], Values],
    *,
    unit: str | None = None,
    again: bool = False,
    threads: int | None = None,
    **extra: Any,
) -> Record:
    """Run `fn` once and keep what it returns, with your prediction, in `measurements.json` and in the cell's output.

    `fn` returns repetitions, or {label: repetitions} of which the first is the headline. A second call returns the
    record; `again=True` measures once more and appends. Under the grader the submitted record is returned and `fn`
    never runs. Raises NoPrediction (NoRecord under the grader) if there is none, ValueError if `unit` is not the
    prediction's.
    """
    own = _own(what)
    if _graded():
        if not own:
            raise NoRecord(f"the submission holds no record of {what}")
    elif not own or again:
        prediction = _prediction(what, own)
        if unit and unit != prediction.unit:
            raise ValueError(f"{what} is measured in {unit}; you predicted in {prediction.unit}")
        values = fn()
        made = records.new(
            what,
            values,
            unit=prediction.unit,
            predicted=(prediction.low, prediction.high),
            threads=threads or _threads(),
            extra=extra,
        )
        folder = _current().folder
        records.write(folder, records.merge(records.read(folder), [made]))
        own = [*own, made]
    _show(own)
    return own[-1]


def measured(what: str) -> Record:
    """Your own latest record of `what`. Raises NoRecord without one."""
    if not (own := _own(what)):
        raise NoRecord(f"you have not measured {what} yet")
    return own[-1]


def record(what: str) -> Record:
    """Your latest record of `what`; without one the reference machine's, saying so.

    Raises KeyError, naming the known ones, if the reference machine has none either.
    """
    if own := _own(what):
        return own[-1]
    reference = _reference()
    if what not in reference:
        raise KeyError(f"nothing was measured as {what!r}; the reference machine has {sorted(reference)}")
    found = reference[what]
    print(
        f"You have not measured {what} yet. This is the reference machine's: {found['machine']['cpu']}, "
        f"{found['threads']} threads, {found['date'][:10]}."
    )
    return found


def _current() -> _Session:
    if _session is None:
        raise RuntimeError("the lab has not begun: run its first cell, which calls lab.start")
    return _session


def _own(what: str) -> list[Record]:
    return [found for found in records.read(_current().folder) if found["what"] == what]


def _prediction(what: str, own: list[Record]) -> Prediction:
    if own:
        low, high = own[0]["predicted"]
        return Prediction(low, high, own[0]["unit"])
    if what not in _current().predictions:
        raise NoPrediction(f"predict first: lab.predict({what!r}, low, high, unit), then measure")
    return _current().predictions[what]


def _graded() -> bool:
    return os.environ.get("NBGRADER_EXECUTION") == "autograde"


def _threads() -> int:
    if "torch" in sys.modules:
        return sys.modules["torch"].get_num_threads()
    return records.machine()["cores"]


def _reference() -> dict[str, Record]:
    folder = paths.datasets() / "measured" / "reference_machine"
    return {found["what"]: found for found in records.read(folder)}


def _interval(found: Record) -> str:
    low, high = found["predicted"]
    return f"{low:.4g} to {high:.4g}"


def _summary(found: Record) -> str:
    low, high = found["predicted"]
    hit = "inside" if low <= found["median"] <= high else "outside"
    at = f" at {next(iter(found['values']))}" if isinstance(found["values"], dict) else ""
    return (
        f"{found['what']}{at}: {found['median']:.4g} {found['unit']} (median of "
        f"{len(records.headline(found['values']))}), {hit} your {_interval(found)}."
    )


def _show(own: list[Record]) -> None:
    from IPython.display import display

    display({records.MIME: own, "text/plain": _summary(own[-1])}, raw=True)
