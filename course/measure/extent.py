"""How much a record holds: known before it is validated, which takes a hundred times as long."""

from typing import Any

MOST_PARTS = 20_000  # of a record: the course's own largest has 1800
MOST_OF_ALL = 200_000  # of a notebook's records

_TEXT = 8  # characters that count as one more part
_DEPTH = 20


def of(data: Any, *, most: int = MOST_OF_ALL) -> float:
    """The parts of plain data: values, and every few characters of a text; more than `most` are not counted.

    Infinite for what is nested too deep for a record.
    """
    count, waiting = 0, [(data, 0)]
    while waiting and count <= most:
        part, depth = waiting.pop()
        count += 1
        if isinstance(part, str):
            count += len(part) // _TEXT
        elif isinstance(part, dict | list):
            if depth == _DEPTH:
                return float("inf")
            if count + len(part) > most:
                return count + len(part)
            inner = [*part.keys(), *part.values()] if isinstance(part, dict) else part
            waiting += [(one, depth + 1) for one in inner]
    return count
