"""What a student is told of a record."""

import statistics
from collections import Counter
from collections.abc import Iterable, Sequence

from course.measure import quantity, record
from course.measure.record import Record

_BUSY = 1.5  # the largest repetition by the smallest, where a machine was busy with something else


def interval(found: Record) -> str:
    """What was predicted: "50 to 200 GFLOP/s"."""
    return quantity.text(found["unit"], *found["predicted"])


def of_measurement(found: Record) -> str:
    """The median, and whether it is inside the prediction."""
    low, high = found["predicted"]
    hit = "inside" if low <= found["median"] <= high else "outside"
    at = f" at {next(iter(found['values']))}" if isinstance(found["values"], dict) else ""
    n = len(record.headline(found["values"]))
    median = quantity.text(found["unit"], found["median"])
    return f"{found['what']}{at}: {median} (median of {n}), {hit} your {interval(found)}."


def before_busy(share: float, n_threads: int) -> str:
    """What to say where threads do not get their cores, before anything is measured."""
    each = f"each of {n_threads} threads gets" if n_threads > 1 else "a thread gets"
    return (
        f"Your machine is busy: {each} {share:.0%} of a core, and what is measured now is too slow. "
        "Close what you can; this cell with again=True measures once more."
    )


def if_busy(found: Record) -> str:
    """What to say where the repetitions are far apart, since something else took the machine's time; else nothing."""
    if not quantity.is_timed(found["unit"]):
        return ""
    values = found["values"]
    labelled = values if isinstance(values, dict) else {"": values}
    spread = {label: _spread(repetitions) for label, repetitions in labelled.items()}
    worst = max(spread, key=spread.__getitem__)
    if spread[worst] <= _BUSY:
        return ""
    repetitions = labelled[worst]
    what = f"{found['what']} at {worst}" if worst else found["what"]
    span = quantity.text(found["unit"], min(repetitions), max(repetitions))
    median = quantity.text(found["unit"], statistics.median(repetitions))
    return (
        f"Your machine was busy: the repetitions of {what} went from {span}, their median is {median}. "
        "Close what you can, and measure once more with again=True."
    )


def _spread(repetitions: Sequence[float]) -> float:
    """The largest by the smallest, where there are enough to tell."""
    return max(repetitions) / min(repetitions) if len(repetitions) > 2 and min(repetitions) > 0 else 1.0


def of_all(own: Iterable[Record], others: Iterable[Record]) -> str:
    """How many records of each lab are one's own, and what is the reference machine's."""
    counts = Counter(found.get("lab", "?") for found in own)
    yours = ", ".join(f"{lab} {n}" for lab, n in sorted(counts.items())) or "none"
    borrowed = ", ".join(found["what"] for found in others) or "nothing"
    return f"Your records: {yours}. From the reference machine: {borrowed}."
