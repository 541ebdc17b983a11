"""A trace: what a load generator saw of each request, in one JSON object a run.

`requests` is a dict of lists of equal length, a place for each request. Times are in seconds from the start of the run:

    scheduled      when the plan says; null in a closed loop, where a client sends when it has been answered
    sent           when it was sent
    first, last    when the first and the last of its text came; null: never. Without `last` it is unfinished
    tokens         received
    prompt_tokens  as the server counts them; null where it never said
    error          null, or why it is unfinished
"""

import json
import math
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import jsonschema

from course.llama.errors import LlamaError
from course.measure.schema import MEASURED, SCHEMAS

Trace = dict[str, Any]

_OF_RECORDS: Any = SCHEMAS[MEASURED]["properties"]


class BadTrace(LlamaError):
    """A trace that is not what the schema says, or a file of them: one line that names the place and the value."""


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": [*properties], "additionalProperties": False}


def _column(*kinds: str, minimum: int = 0) -> dict[str, Any]:
    return {"type": "array", "items": {"type": list(kinds), "minimum": minimum}}


_REQUESTS = {
    "scheduled": _column("number", "null"),
    "sent": _column("number"),
    "first": _column("number", "null"),
    "last": _column("number", "null"),
    "tokens": _column("integer"),
    "prompt_tokens": _column("integer", "null", minimum=1),
    "error": {"type": "array", "items": {"type": ["string", "null"]}},
}
_RUN = {
    "server": {"type": "string"},
    "model": {"type": "string"},
    "slots": {"type": "integer", "minimum": 1},
    "loop": {"enum": ["open", "closed"]},
    "rate": {"type": ["number", "null"], "exclusiveMinimum": 0},
    "clients": {"type": ["integer", "null"], "minimum": 1},
    "seed": {"type": "integer"},
    "seconds": {"type": "number", "exclusiveMinimum": 0},
    **{name: _OF_RECORDS[name] for name in ("machine", "versions", "date")},
    "requests": _object(_REQUESTS),
}
SCHEMA = _object(_RUN)
_validator = jsonschema.Draft202012Validator(SCHEMA)


def check(trace: Any, *, where: str = "trace") -> None:
    """Raise BadTrace, naming the place, unless `trace` is what the schema says and its times are in order."""
    if error := next(_validator.iter_errors(trace), None):
        place = ".".join(str(part) for part in error.absolute_path)
        raise BadTrace(f"{where}: {place}: {error.message}" if place else f"{where}: {error.message}")
    requests, is_open = trace["requests"], trace["loop"] == "open"
    if len({len(column) for column in requests.values()}) > 1:
        lengths = {name: len(column) for name, column in requests.items()}
        raise BadTrace(f"{where}: requests: lists of different lengths: {lengths}")
    if (trace["rate"] is None, trace["clients"] is None) != (not is_open, is_open):
        raise BadTrace(f"{where}: an open loop has a rate and no clients, a closed one clients and no rate")
    rows = zip(*(requests[name] for name in ("scheduled", "sent", "first", "last")), strict=True)
    for number, (scheduled, sent, first, last) in enumerate(rows):
        if (scheduled is None) == is_open:
            raise BadTrace(f"{where}: request {number}: scheduled is {scheduled} in a loop that is {trace['loop']}")
        times = [time for time in (scheduled, sent, first, last) if time is not None]
        if not all(map(math.isfinite, times)) or times != sorted(times) or (first is None and last is not None):
            said = f"scheduled {scheduled}, sent {sent}, first {first}, last {last}"
            raise BadTrace(f"{where}: request {number}: {said}: these times are not in order")


def read(file: Path) -> list[Trace]:
    """The traces in a file, one a line. Raises BadTrace naming file and line."""
    try:
        lines = file.read_text("utf-8").splitlines()
    except OSError as error:
        raise BadTrace(f"{file} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise BadTrace(f"{file} is not UTF-8: {error}") from None
    traces = []
    for number, line in enumerate(lines, start=1):
        try:
            trace = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise BadTrace(f"{file}, line {number} is not JSON: {error}") from None
        check(trace, where=f"{file}, line {number}")
        traces.append(trace)
    return traces


def write(file: Path, traces: Iterable[Trace]) -> None:
    """Write traces, one a line; an interrupted write leaves the old file whole. Raises BadTrace, and writes nothing."""
    traces = list(traces)
    for number, trace in enumerate(traces, start=1):
        check(trace, where=f"trace {number}")
    part = file.with_name(f".{file.name}.{os.getpid()}.tmp")
    try:
        with part.open("w", encoding="utf-8") as new:
            new.writelines(json.dumps(trace, separators=(",", ":")) + "\n" for trace in traces)
            new.flush()
            os.fsync(new.fileno())
        os.replace(part, file)
    finally:
        part.unlink(missing_ok=True)
