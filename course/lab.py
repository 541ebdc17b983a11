"""What a lab's notebook imports first: predict, measure, reveal, judge a claim; the records travel with the notebook.

A prediction is an interval that you are 80 % sure of. It is locked by the measurement, or the reveal, that follows it.
"""

import math
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from course import cohort as cohorts
from course import paths, unanswered
from course.measure import quantity, quiet, sentences
from course.measure import record as records
from course.measure.record import Record, Values
from course.measure.schema import MEASURED, REVEALED, VERDICT


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
    if not _graded():
        unanswered.install(Path.cwd())


@contextmanager
def records_in(folder: Path) -> Iterator[None]:
    """Read the records of another folder for a while."""
    global _session
    before = _session
    _session = _Session(before.lab if before else "", folder)
    try:
        yield
    finally:
        _session = before


def predict(what: str, low: float, high: float, unit: str) -> None:
    """State an interval that you are 80 % sure of. Once `what` is measured or revealed, the first prediction stays.

    `unit` may have a prefix from k to P: 50 to 200 "GFLOP/s" are 50e9 to 200e9 "FLOP/s". Raises ValueError unless low
    < high, both finite.
    """
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise ValueError(f"an interval goes from a lower to a higher number; {what} was given {low} to {high}")
    if done := _own(what, MEASURED, REVEALED):
        known = "measured" if records.kind_of(done[0]) == MEASURED else "revealed"
        print(f"{what} is {known} already: your prediction stays at {sentences.interval(done[0])}.")
        return
    factor, unit = quantity.base(unit)
    _current().predictions[what] = Prediction(low * factor, high * factor, unit)
    print(f"{what}: you are 80 % sure of {quantity.text(unit, low * factor, high * factor)}.")
    if doubt := quantity.doubt(unit, high * factor):
        print(f"{doubt} Until {what} is measured, you can predict again.")


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

    Before a time or a rate, it waits some seconds for a quiet machine; what share of a core a thread got then is kept
    as `core_share`. What does not depend on speed waits for nothing.
    `fn` returns repetitions, or {label: repetitions} of which the first is the headline. A second call returns the
    record; `again=True` measures once more and appends. Under the grader the submitted record is returned and `fn`
    never runs. Raises NoPrediction (NoRecord under the grader) if there is none, ValueError if `unit` is not the
    prediction's.
    """
    own = _own(what, MEASURED)
    if _graded():
        if not own:
            raise NoRecord(f"the submission holds no record of {what}")
    elif not own or again:
        prediction = _prediction(what, own)
        if unit and unit != prediction.unit:
            raise ValueError(f"{what} is measured in {unit}; you predicted in {prediction.unit}")
        n_threads = threads or _threads()
        quietness = _quietness(n_threads) if quantity.is_timed(prediction.unit) else {}
        made = records.new(
            what,
            fn(),
            unit=prediction.unit,
            predicted=(prediction.low, prediction.high),
            threads=n_threads,
            lab=_current().lab,
            extra={**quietness, **extra},
        )
        own = [*own, _kept(made)]
        if told := sentences.if_busy(made):
            print(told)
    _show(own, sentences.of_measurement(own[-1]))
    return own[-1]


def reveal(what: str, value: float, unit: str, source: str) -> float:
    """Show a published figure, or the result of a formula, and lock your prediction of it; returns the value.

    `source` says where the value is from. Without a prediction the value is shown all the same, and nothing is kept.
    """
    factor, unit = quantity.base(unit)
    own = _own(what, REVEALED)
    prediction = _current().predictions.get(what)
    shown = f"{what}: {quantity.text(unit, value * factor)} ({source})"
    if not own and prediction and not _graded():
        if prediction.unit != unit:
            raise ValueError(f"{what} is revealed in {unit}; you predicted in {prediction.unit}")
        interval = (prediction.low, prediction.high)
        made = records.revealed(what, value * factor, unit=unit, source=source, predicted=interval, lab=_current().lab)
        own = [_kept(made)]
    if own:
        low, high = own[-1]["predicted"]
        hit = "inside" if low <= value * factor <= high else "outside"
        _show(own, f"{shown}, {hit} your {sentences.interval(own[-1])}.")
    else:
        print(f"{shown}. You made no prediction: lab.predict({what!r}, low, high, {unit!r}) goes before.")
    return value


def verdict(claim: str, text: str, sure: float) -> None:
    """Keep your sentence on a claim ("C1"), and how sure of it you are in per cent; the last one counts.

    A text that is still "..." is no verdict, and is not kept. Raises ValueError unless 0 < sure < 100.
    """
    if not 0 < sure < 100:
        raise ValueError(f"you are between 0 and 100 % sure, not {sure}: nobody is at either end")
    own = _own(claim, VERDICT)
    is_new = not own or (own[-1]["text"], own[-1]["sure"]) != (text, sure)
    if is_new and text.strip(" .…") and not _graded():
        own = [*own, _kept(records.verdict(claim, text, sure=sure, lab=_current().lab))]
    if own:
        _show(own, f"{claim}, {own[-1]['sure']:.0f} % sure: {own[-1]['text']}")
    else:
        print(f"{claim}: no verdict yet. Write a sentence in the place of the dots.")


def collect() -> list[Record]:
    """The records of all labs: your own, each with its `lab`; of what you have not measured, the reference machine's.

    Yours are found in the folders of the other labs beside this one, and are kept in this cell's output, so that they
    travel with this notebook. The reference machine's have `"reference": True`.
    """
    folder = _current().folder
    own = records.merge(records.read(folder), _of_other_labs())
    known = {record["what"] for record in own if records.kind_of(record) == MEASURED}
    others = [{**record, "reference": True} for what, record in _reference().items() if what not in known]
    _show(own, sentences.of_all(own, others))
    return own + others


def measured(what: str) -> Record:
    """Your own latest record of `what`. Raises NoRecord without one."""
    if not (own := _own(what, MEASURED)):
        raise NoRecord(f"you have not measured {what} yet")
    return own[-1]


def record(what: str) -> Record:
    """Your latest record of `what`, of this lab or else of another; without one the reference machine's, saying so.

    Raises KeyError, naming the known ones, if the reference machine has none either.
    """
    if own := _own(what, MEASURED):
        return own[-1]
    if elsewhere := [found for found in _of_other_labs() if _is_measured(found, what)]:
        return elsewhere[-1]
    reference = _reference()
    if what not in reference:
        raise KeyError(f"nothing was measured as {what!r}; the reference machine has {sorted(reference)}")
    found = reference[what]
    print(
        f"You have not measured {what} yet. This is the reference machine's: {found['machine']['cpu']}, "
        f"{found['threads']} thread{'s' * (found['threads'] > 1)}, {found['date'][:10]}."
    )
    return found


def together(*whats: str) -> list[Record]:
    """The latest records of several things, all of one machine: yours, else the reference machine's, saying so.

    What was measured on two machines is not compared. Raises KeyError if the reference machine lacks one of them.
    """
    own = [found for what in whats for found in _own(what, MEASURED)]
    if found := records.of_one_machine(own, whats):
        return found
    missing = [what for what in whats if not is_own(what)]
    why = f"not measured {_listed(missing)} yet" if missing else f"not measured {_listed(whats)} on one machine"
    reference = _reference()
    machine = reference[whats[0]]["machine"]["cpu"]
    print(f"You have {why}. What follows is all the reference machine's: {machine}.")
    return [reference[what] for what in whats]


def whose(found: Record) -> str:
    """For a title or a label: "this machine" or "the reference machine"."""
    return "the reference machine" if found in _reference().values() else "this machine"


def is_own(what: str) -> bool:
    """Whether `record(what)` is a measurement of this notebook's own: "this machine", not the reference machine."""
    return bool(_own(what, MEASURED))


def _listed(whats: Sequence[str]) -> str:
    *first, last = whats
    return f"{', '.join(first)} and {last}" if first else last


def _current() -> _Session:
    if _session is None:
        raise RuntimeError("the lab has not begun: run its first cell, which calls lab.start")
    return _session


def _own(what: str, *kinds: str) -> list[Record]:
    found = records.read(_current().folder)
    return [record for record in found if record["what"] == what and records.kind_of(record) in kinds]


def _of_other_labs() -> list[Record]:
    """The records in the folders of the other labs beside this one, each with its `lab`, oldest first.

    Under the grader there are none.
    """
    folder, found = _current().folder, []
    for other in [] if _graded() else sorted(folder.parent.glob("lab[0-9][0-9]_*")):
        if other != folder:
            found += [{"lab": other.name.split("_")[0], **record} for record in records.read(other)]
    return records.merge([], found)


def _is_measured(found: Record, what: str) -> bool:
    return found["what"] == what and records.kind_of(found) == MEASURED


def _kept(made: Record) -> Record:
    folder = _current().folder
    records.write(folder, records.merge(records.read(folder), [made]))
    return made


def _prediction(what: str, own: list[Record]) -> Prediction:
    if own:
        low, high = own[0]["predicted"]
        return Prediction(low, high, own[0]["unit"])
    if what not in _current().predictions:
        raise NoPrediction(f"predict first: lab.predict({what!r}, low, high, unit), then measure")
    return _current().predictions[what]


def _graded() -> bool:
    return os.environ.get("NBGRADER_EXECUTION") == "autograde"


def _quietness(n_threads: int) -> dict[str, float]:
    share = quiet.wait(n_threads)
    if share < quiet.ENOUGH:
        print(sentences.before_busy(share, n_threads))
    return {"core_share": round(share, 2)}


def _threads() -> int:
    if "torch" in sys.modules:
        return sys.modules["torch"].get_num_threads()
    return records.machine()["cores"]


def _reference() -> dict[str, Record]:
    folder = paths.datasets() / "measured" / "reference_machine"
    return {found["what"]: found for found in records.read(folder)}


def _show(own: list[Record], text: str) -> None:
    from IPython.display import display

    display({records.MIME: own, "text/plain": text}, raw=True)
