"""Records, plain JSON of one of the kinds of `schema`: what was predicted and measured, on which machine, with which
versions; what was predicted and then revealed; what was judged of a claim.

They lie in `measurements.json` beside a notebook (a list), and in the outputs of the cells that made them (a MIME
bundle whose data is a list of records), so that a notebook alone carries them too.
"""

import itertools
import json
import math
import os
import platform
import statistics
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import jsonschema
import psutil

from course.measure import extent
from course.measure.schema import MEASURED, REVEALED, SCHEMAS, VERDICT

MIME = "application/vnd.two-bills.record+json"
FILE = "measurements.json"
KEPT = "two_bills_records"  # where an executed notebook's metadata hold them, whatever cells were run
MOST = 500  # records of one notebook: nobody measures more often
MOST_BYTES = 4 << 20  # of a file of them: the course's own largest has 64 kB

Record = dict[str, Any]
Values = Sequence[float] | Mapping[str, Sequence[float]]

_VERSIONED = {
    "numpy": "numpy",
    "torch": "torch",
    "transformers": "transformers",
    "llama_cpp": "llama-cpp-python",
}
# Made once: to make one costs more than to check ten records.
_validators = {kind: jsonschema.Draft202012Validator(schema) for kind, schema in SCHEMAS.items()}


class BadRecord(ValueError):
    """A measurement record, or a file of them, that is not what the schema says."""


def new(
    what: str,
    values: Values,
    *,
    unit: str,
    predicted: tuple[float, float],
    threads: int,
    lab: str | None = None,
    extra: Mapping[str, Any] | None = None,
) -> Record:
    """The record of a measurement, `values`: repetitions, or {label: repetitions} of which the first is the headline.

    Raises BadRecord if there are none, or if one is not a finite number.
    """
    if isinstance(values, Mapping):
        kept: Any = {str(label): _finite(what, repetitions) for label, repetitions in values.items()}
    else:
        kept = _finite(what, values)
    if not kept or not headline(kept):
        raise BadRecord(f"{what}: the measurement gave no values")
    record = {
        **(extra or {}),
        "what": what,
        "unit": unit,
        "predicted": [float(bound) for bound in predicted],
        "values": kept,
        "median": statistics.median(headline(kept)),
        "machine": machine(),
        "versions": versions(),
        "threads": threads,
        "date": _now(),
        **({"lab": lab} if lab else {}),
    }
    check(record)
    return record


def revealed(what: str, value: float, *, unit: str, source: str, predicted: tuple[float, float], lab: str) -> Record:
    """The record of a prediction that was held against a published figure, or the result of a formula."""
    [number] = _finite(what, [value])
    bounds = [float(bound) for bound in predicted]
    record = {
        **{"kind": REVEALED, "what": what, "unit": unit, "predicted": bounds, "value": number, "source": source},
        **{"date": _now(), "lab": lab},
    }
    check(record)
    return record


def verdict(claim: str, text: str, *, sure: float, lab: str) -> Record:
    """The record of a sentence on a claim, whose author is `sure` of it in per cent. Raises BadRecord for 0 or 100."""
    record = {
        **{"kind": VERDICT, "what": claim, "claim": claim, "text": text, "sure": float(sure)},
        **{"date": _now(), "lab": lab},
    }
    check(record)
    return record


def kind_of(record: Record) -> str:
    """The kind of a record: old ones do not say that they were measured."""
    return record.get("kind", MEASURED)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def headline(values: Values) -> Sequence[float]:
    """The repetitions that a record's median is of: all of them, or the first label's."""
    return next(iter(values.values())) if isinstance(values, Mapping) else values


def check(record: Any, *, where: str = "record") -> None:
    """Raise BadRecord, naming the field, unless `record` is what the schema of its kind says, and of a bounded size."""
    if extent.of(record) > extent.MOST_PARTS:
        raise BadRecord(f"{where}: it holds more than {extent.MOST_PARTS} numbers and words: keep fewer repetitions")
    kind = record.get("kind", MEASURED) if isinstance(record, dict) else MEASURED
    if not isinstance(kind, str) or kind not in _validators:
        raise BadRecord(f"{where}: kind: {_cut(repr(kind))} is none of {', '.join(_validators)}")
    try:
        _validators[kind].validate(record)
    except jsonschema.ValidationError as error:
        field = ".".join(str(part) for part in error.absolute_path) or "the record"
        raise BadRecord(f"{where}: {field}: {_cut(error.message)}") from None


def read(folder: Path) -> list[Record]:
    """The records beside a notebook, oldest first; none if there is no file. Raises BadRecord naming file and field."""
    file = folder / FILE
    if not file.exists():
        return []
    content = _content(file)
    try:
        records = json.loads(content.decode())
    except (ValueError, RecursionError) as error:
        raise BadRecord(f"{file} is not JSON ({error}): mend it, or move it away and measure again") from None
    if not isinstance(records, list) or len(records) > MOST:
        raise BadRecord(f"{file} must hold a list of at most {MOST} records: move it away and measure again")
    if extent.of(records) > extent.MOST_OF_ALL:
        raise BadRecord(f"{file} holds more than {extent.MOST_OF_ALL} numbers and words: move it away, measure again")
    for number, record in enumerate(records, start=1):
        check(record, where=f"{file}, record {number}")
    return records


def write(folder: Path, records: Iterable[Record]) -> None:
    """Write the records beside a notebook; an interrupted write leaves the old file whole, and no other."""
    text = json.dumps(list(records), indent=1)
    part = folder / f".{FILE}.{os.getpid()}.tmp"
    try:
        with part.open("w", encoding="utf-8") as new_file:
            new_file.write(text)
            new_file.flush()
            os.fsync(new_file.fileno())
        os.replace(part, folder / FILE)
    finally:
        part.unlink(missing_ok=True)


def in_outputs(cells: Iterable[Mapping[str, Any]]) -> list[Record]:
    """The valid records in the outputs of a notebook's cells, each once, oldest first.

    At most MOST are looked at, and of them as many as are no more in all than a notebook may hold.
    """
    bundles: list[Any] = []
    for cell in cells:
        for output in cell.get("outputs", []):
            bundle = output.get("data", {}).get(MIME, [])
            bundles += bundle[:MOST] if isinstance(bundle, list) else []
    return _valid(bundles)


def kept_in(executed: Mapping[str, Any]) -> list[Record]:
    """The valid records that a graded notebook came with: the grader has put them into its metadata."""
    found = executed.get("metadata", {}).get(KEPT)
    return _valid(found) if isinstance(found, list) else in_outputs(executed["cells"])


def _valid(bundles: Sequence[Any]) -> list[Record]:
    sizes = itertools.accumulate(extent.of(record) for record in bundles[:MOST])
    whole = itertools.takewhile(lambda both: both[1] <= extent.MOST_OF_ALL, zip(bundles, sizes, strict=False))
    return merge([], [record for record, _ in whole if _is_record(record)])


def merge(records: Iterable[Record], more: Iterable[Record]) -> list[Record]:
    """All records of both, each once, oldest first."""
    merged: list[Record] = []
    for record in [*records, *more]:
        if record not in merged:
            merged.append(record)
    return sorted(merged, key=lambda record: record["date"])


def of_one_machine(records: Sequence[Record], whats: Sequence[str]) -> list[Record]:
    """The latest record of each of `whats` on the machine that has all of them; none where no machine has.

    Of two such machines it is the one that measured last.
    """
    by_machine: dict[tuple[Any, ...], dict[str, Record]] = {}
    for record in sorted(records, key=lambda record: record["date"]):
        told = record["machine"]
        place = (told["cpu"], told["cores"], told["system"])
        by_machine[place] = {**by_machine.pop(place, {}), record["what"]: record}  # the last one to measure comes last
    whole = [found for found in by_machine.values() if set(whats) <= set(found)]
    return [whole[-1][what] for what in whats] if whole else []


def machine() -> dict[str, Any]:
    """This machine: processor's name, physical cores, memory in bytes, operating system."""
    return {
        "cpu": _cpu_name(),
        "cores": psutil.cpu_count(logical=False) or os.cpu_count() or 1,
        "memory_bytes": psutil.virtual_memory().total,
        "system": f"{platform.system()} {platform.machine()}",
    }


def versions() -> dict[str, str]:
    """Versions of Python and of those of the course's number crunchers that are loaded."""
    found = {"python": platform.python_version()}
    for module, distribution in _VERSIONED.items():
        if module in sys.modules:
            try:
                found[distribution] = version(distribution)
            except PackageNotFoundError:  # loaded from somewhere pip does not know of
                found[distribution] = "unknown"
    return found


def _content(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            content = opened.read(MOST_BYTES + 1)
    except OSError as error:
        raise BadRecord(f"{file} cannot be read ({error.strerror}): move it away and measure again") from None
    if len(content) > MOST_BYTES:
        raise BadRecord(f"{file} is larger than {MOST_BYTES >> 20} MiB: move it away and measure again")
    return content


def _cut(message: str) -> str:
    """A validator quotes all that it found."""
    return message if len(message) <= 300 else f"{message[:300]}…"


def _finite(what: str, values: Sequence[float]) -> list[float]:
    numbers = [float(value) for value in values]
    for number in numbers:
        if not math.isfinite(number):
            raise BadRecord(f"{what}: measured {number}, which is no finite number")
    return numbers


def _is_record(candidate: Any) -> bool:
    try:
        check(candidate)
    except BadRecord:
        return False
    return True


def _cpu_name() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()
