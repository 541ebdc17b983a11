"""What a record holds, by its kind: JSON Schema. A record without a kind is of the first."""

from typing import Any

MEASURED, REVEALED, VERDICT = "measured", "revealed", "verdict"

_TEXT = {"type": "string", "minLength": 1}
_DATE = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT"}
_INTERVAL = {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2}
_REPETITIONS = {"type": "array", "items": {"type": "number"}, "minItems": 1}
_LABELLED = {"type": "object", "additionalProperties": _REPETITIONS, "minProperties": 1}
_MACHINE = {
    "type": "object",
    "required": ["cpu", "cores", "memory_bytes", "system"],
    "properties": {
        "cpu": {"type": "string"},
        "cores": {"type": "integer", "minimum": 1},
        "memory_bytes": {"type": "integer", "minimum": 1},
        "system": {"type": "string"},
    },
}


def _of(properties: dict[str, Any], *, optional: tuple[str, ...] = ()) -> dict[str, Any]:
    required = [name for name in properties if name not in optional]
    return {"type": "object", "required": required, "properties": properties}


SCHEMAS: dict[str, dict[str, Any]] = {
    MEASURED: _of(
        {
            "what": _TEXT,
            "unit": _TEXT,
            "predicted": _INTERVAL,
            "values": {"oneOf": [_REPETITIONS, _LABELLED]},
            "median": {"type": "number"},
            "machine": _MACHINE,
            "versions": {"type": "object", "additionalProperties": {"type": "string"}},
            "threads": {"type": "integer", "minimum": 1},
            "date": _DATE,
            "lab": _TEXT,
            "kind": {"const": MEASURED},
        },
        optional=("kind", "lab"),
    ),
    REVEALED: _of(
        {
            **{"what": _TEXT, "unit": _TEXT, "predicted": _INTERVAL, "value": {"type": "number"}, "source": _TEXT},
            **{"date": _DATE, "lab": _TEXT, "kind": {"const": REVEALED}},
        }
    ),
    VERDICT: _of(
        {
            **{"what": _TEXT, "claim": _TEXT, "text": _TEXT},
            "sure": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 100},  # per cent
            **{"date": _DATE, "lab": _TEXT, "kind": {"const": VERDICT}},
        }
    ),
}
