"""When two values are the same, whatever library they come from; and where they first differ, in words."""

import math
import sys
from collections.abc import Collection, Mapping, Sequence, Set
from dataclasses import dataclass
from decimal import Decimal
from numbers import Integral, Real
from typing import Any

import numpy as np

_LISTS = "list, tuple or array"


@dataclass(frozen=True)
class Raised:
    """An exception in the place of an answer."""

    error: BaseException

    def __repr__(self) -> str:
        told: object = self.error
        match self.error:
            case KeyError(args=(str(key),)) if key.startswith(("'", '"')):  # another process quoted it already
                told = key
        return f"{type(self.error).__name__}: {told}".rstrip(": ")


class Opaque:
    """A value of which a judge knows only the kind: it is equal to nothing."""

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def __repr__(self) -> str:
        return f"{self.kind}, which no test can read"


@dataclass(frozen=True)
class Difference:
    """Where an answer first differs from what is expected: at `place` ("[2]['flop']"), or as a whole ("").

    `why` says what kind of thing is asked, where that is what differs. `many` counts the elements of an array.
    """

    given: Any
    wanted: Any
    place: str = ""
    why: str = ""
    many: str = ""

    def inside(self, place: str) -> "Difference":
        """The same difference, seen from the container."""
        return Difference(self.given, self.wanted, place + self.place, self.why, self.many)


def same(answer: Any, expected: Any, *, rel_tol: float = 0.0) -> bool:
    """Whether an answer is what is expected: numbers within `rel_tol`, containers element by element.

    A number, truth, text or array may be of any library. `int` passes for `float`; lists, tuples and arrays pass for
    one another; `bool` for nothing else. An exception type is matched by an answer that raised it.
    """
    return difference(answer, expected, rel_tol=rel_tol) is None


def difference(answer: Any, expected: Any, *, rel_tol: float = 0.0) -> Difference | None:
    """Where the answer first differs from what is expected; None where it is the same (see `same`)."""
    if isinstance(answer, Raised) or isinstance(expected, type):
        asked = isinstance(expected, type) and isinstance(answer, Raised) and isinstance(answer.error, expected)
        return None if asked else Difference(answer, expected)
    given, wanted = plain(answer), plain(expected)
    if family(given) != family(wanted):
        return Difference(answer, expected, why=_why(answer, expected))
    if isinstance(wanted, np.ndarray) and wanted.dtype.kind in "iuf":
        return _between_arrays(given, wanted, rel_tol)
    match family(wanted):
        case "number":
            return None if _same_number(given, wanted, rel_tol) else Difference(given, wanted)
        case "dict":
            return _between_dicts(given, wanted, rel_tol)
        case "list":
            return _between_lists(_listed(given), _listed(wanted), rel_tol)
        case "set":
            return None if {plain(x) for x in given} == {plain(x) for x in wanted} else Difference(given, wanted)
    return None if type(given) is type(wanted) and bool(given == wanted) else Difference(answer, expected)


def plain(value: Any) -> Any:
    """A number, truth, text or array as Python's or NumPy's own, whatever library it is of; all else as it is."""
    kind = type(value)
    if value is None or kind in (bool, int, float, str, bytes, list, tuple, dict, Decimal, Opaque):
        return value
    torch = sys.modules.get("torch")
    if torch and isinstance(value, torch.Tensor):
        value = value.detach().cpu()
        return plain((value.float() if value.is_floating_point() else value).numpy())
    if isinstance(value, np.ndarray | np.generic):
        return _of_numpy(value)
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value)
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        return value
    return plain(np.asarray(value)) if hasattr(kind, "__array__") else value


def family(value: Any) -> str:
    """The kind of thing that a plain value is: what is of two kinds is never the same."""
    if isinstance(value, bool):
        return "truth"
    if isinstance(value, Real | Decimal):
        return "number"
    if isinstance(value, str):
        return "text"
    if isinstance(value, np.ndarray):
        return "list"
    for name, kinds in (("bytes", bytes), ("dict", Mapping), ("set", Set), ("list", Sequence)):
        if isinstance(value, kinds):
            return name
    return "None" if value is None else type(value).__name__


def asked(expected: Any) -> str:
    """In words, the kind of thing that is expected."""
    words = {"number": "a plain number", "truth": "True or False", "text": "a text", "bytes": "bytes"}
    words |= {"dict": "a dict", "set": "a set", "list": "a list", "None": "None"}
    wanted = plain(expected)
    if isinstance(wanted, tuple):
        return "a tuple"
    if isinstance(wanted, np.ndarray):
        return f"an array of shape {wanted.shape}"
    return words.get(family(wanted), f"a {type(expected).__name__}")


def called(answer: Any) -> str:
    """In words, the kind of thing that an answer is."""
    if isinstance(answer, Opaque):
        return answer.kind
    given, name = plain(answer), type(answer).__name__
    if isinstance(given, np.ndarray) and name in ("ndarray", "Tensor"):
        return f"an array of shape {given.shape}"
    if given is None or isinstance(given, bool):
        return repr(given)
    if isinstance(given, int | float):
        return "a number"
    known = {"str": "a text", "bytes": "bytes", "dict": "a dict", "complex": "a complex number"}
    return known.get(type(given).__name__, f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name}")


def _why(answer: Any, expected: Any) -> str:
    if answer is None:
        return f"{asked(expected)} is asked, this is None: does it return its result?"
    return f"{asked(expected)} is asked, this is {called(answer)}"


def _of_numpy(value: np.ndarray | np.generic) -> Any:
    if value.ndim == 0:
        item = value.item()
        return float(item) if isinstance(item, np.generic) else item  # a long double's item is one again
    array = np.asarray(value)
    return array if array.dtype.kind in "biufc" else array.tolist()


def _same_number(given: Any, wanted: Any, rel_tol: float) -> bool:
    if given == wanted:
        return True
    try:
        one, other = float(given), float(wanted)
    except OverflowError:  # an integer larger than any float
        return False
    if math.isnan(one) or math.isnan(other):
        return math.isnan(one) and math.isnan(other)
    decimal = isinstance(given, Decimal) or isinstance(wanted, Decimal)  # 0.1 is not exactly a Decimal's 0.1
    return (decimal and one == other) or (rel_tol > 0 and math.isclose(one, other, rel_tol=rel_tol))


def _between_dicts(given: Mapping[Any, Any], wanted: Mapping[Any, Any], rel_tol: float) -> Difference | None:
    found = {plain(key): value for key, value in given.items()}
    for key in wanted:
        if key not in found:
            return Difference(given, wanted, why=f"the key {key!r} is missing")
    for key in found:
        if key not in wanted:
            return Difference(given, wanted, why=f"the key {key!r} is not asked")
    for key, value in wanted.items():
        if inner := difference(found[key], value, rel_tol=rel_tol):
            return inner.inside(f"[{key!r}]")
    return None


def _between_lists(given: Sequence[Any], wanted: Sequence[Any], rel_tol: float) -> Difference | None:
    if len(given) != len(wanted):
        return Difference(given, wanted, why=f"{_counted(len(wanted))} asked, this has {len(given)}")
    for place, (one, other) in enumerate(zip(given, wanted, strict=True)):
        if inner := difference(one, other, rel_tol=rel_tol):
            return inner.inside(f"[{place}]")
    return None


def _between_arrays(given: Any, wanted: np.ndarray, rel_tol: float) -> Difference | None:
    array = _as_array(given)
    if array is None or array.dtype.kind not in "iuf":
        return _between_lists(_listed(given), wanted.tolist(), rel_tol)
    if array.shape != wanted.shape:
        return Difference(given, wanted, why=f"the shape {wanted.shape} is asked, this is {array.shape}")
    if rel_tol:
        holds = np.isclose(array, wanted, rtol=rel_tol, atol=0.0, equal_nan=True)
    else:
        holds = (array == wanted) | ((array != array) & (wanted != wanted))
    if holds.all():
        return None
    first = tuple(np.argwhere(~holds)[0].tolist())
    many = f"{np.count_nonzero(~holds)} of {holds.size}" if holds.size > 1 else ""
    return Difference(array[first].item(), wanted[first].item(), f"[{', '.join(map(str, first))}]", many=many)


def _as_array(value: Any) -> np.ndarray | None:
    if isinstance(value, np.ndarray):
        return value
    try:
        return np.asarray([plain(item) for item in value])
    except (ValueError, TypeError, OverflowError):  # ragged, or of things that are no numbers
        return None


def _listed(value: Any) -> Sequence[Any]:
    return value.tolist() if isinstance(value, np.ndarray) else value


def _counted(n: int) -> str:
    return "1 value is" if n == 1 else f"{n} values are"


def is_sized(value: Any) -> bool:
    """Whether a value is a container whose inside a message may have to point at."""
    return isinstance(plain(value), Collection) and not isinstance(value, str | bytes)
