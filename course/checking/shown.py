"""Values in a message: inputs as they can be typed in, answers with as many digits as tell two apart."""

import math
import reprlib
from collections.abc import Callable
from typing import Any

import numpy as np

from course.checking.values import Raised, plain

DIGITS = 7
_LONGEST_INTEGER = 256  # bits
_LONGEST_INPUT = 400  # characters of one that is cut


class _Shown(reprlib.Repr):
    """Long containers cut, large arrays by shape, functions by name; floats with so many digits, or all (None)."""

    def __init__(self, digits: int | None, *, most: int = 8) -> None:
        super().__init__()
        self.maxdict, self.maxlist, self.maxtuple, self.maxstring, self.maxother = 2 * most, most, most, 80, 80
        self._digits = digits

    def repr1(self, value: Any, level: int) -> str:
        alike = value if hasattr(value, "shape") and math.prod(value.shape) != 1 else plain(value)
        if hasattr(alike, "dtype"):
            return self._array(alike if hasattr(alike, "reshape") else np.asarray(alike))
        return super().repr1(alike, level)

    def repr_float(self, number: float, level: int) -> str:
        return repr(number) if self._digits is None else f"{number + 0.0:.{self._digits}g}"  # -0 is 0

    def repr_int(self, number: int, level: int) -> str:
        bits = number.bit_length()
        return f"an integer of {bits} bits" if bits > _LONGEST_INTEGER else repr(number)

    def repr_Fraction(self, number: Any, level: int) -> str:
        return str(number)

    def repr_function(self, function: Callable[..., Any], level: int) -> str:
        return function.__name__

    def _array(self, array: Any) -> str:
        """A NumPy array or a torch tensor: a small one as it can be typed in, else its shape and how it begins."""
        if math.prod(array.shape) <= self.maxlist:
            return f"{'tensor' if type(array).__name__ == 'Tensor' else 'array'}({self.repr(array.tolist())})"
        begins = array.reshape(-1)[:3].tolist()
        more = ", ..." if math.prod(array.shape) > len(begins) else ""
        return f"{type(array).__name__}{tuple(array.shape)} of {', '.join(map(self.repr, begins))}{more}"


def typed(value: Any) -> str:
    """An input, with all its digits; a long one that nobody can type in, since it is cut, is cut short."""
    text = _Shown(None).repr(value)
    return text if len(text) <= _LONGEST_INPUT or "..." not in text else _Shown(None, most=2).repr(value)


def apart(given: Any, wanted: Any) -> tuple[str, str]:
    """Two values that differ, with digits enough to see that they do."""
    for digits in (*range(DIGITS, 17), None):
        shown = _Shown(digits)
        texts = shown.repr(given), shown.repr(wanted)
        if texts[0] != texts[1]:
            break
    return texts


def brief(value: Any) -> str:
    """An answer, with few digits."""
    return _Shown(DIGITS).repr(value)


def outcome(answer: Any, text: str = "") -> str:
    """What a call came to: "gave 3", "raised ValueError: no"."""
    if isinstance(answer, BaseException):
        return f"returned {answer!r} where it should have raised it"
    return f"raised {answer!r}" if isinstance(answer, Raised) else f"gave {text or brief(answer)}"


def name_of(function: Callable[..., Any]) -> str:
    """A function's name; that of a lambda is the one it was given."""
    name = getattr(function, "__name__", type(function).__name__)
    if name != "<lambda>":
        return name
    own = getattr(function, "__globals__", {})
    return next((known for known, value in own.items() if value is function), name)
