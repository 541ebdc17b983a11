"""Values that cross between a test and a submission, as tagged JSON: by copy, never by pickle.

What crosses as itself: None, bool, int, float, complex, str, bytes, list, tuple, set, dict, slice, Fraction, Decimal,
paths, NumPy arrays and scalars of numbers, text or dates, torch tensors and dtypes, built-in types and exceptions.
Arrays and scalars of other libraries cross as NumPy's. A function crosses as a handle: calling it runs it where it came
from. Of anything else only its kind arrives, as `Opaque`.

Subclasses (a named tuple, a defaultdict, an enumeration) and other sequences and mappings (a range, a deque) cross as
what they are made of. A change in place stays on the side where it was made.
"""

import base64
import builtins
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol

from course.checking.values import Opaque

ARRAY_KINDS = "biufcUSmM"


class Uncrossable(TypeError):
    """A value that cannot be handed over; the message says what it is. Not the answer's fault, but the test's."""

    is_the_tests = True


class BadValue(ValueError):
    """What arrived is no encoded value."""


class Handles(Protocol):
    """Who gives functions their handles, and knows those of the other side."""

    def give(self, function: Callable[..., Any]) -> list[Any]:
        """The handle of a function: one that was received goes back as it came."""

    def take(self, handle: list[Any]) -> Callable[..., Any]:
        """The function behind a handle that arrived."""


def describe(error: BaseException, *, where: str = "") -> list[str]:
    """An exception as the nearest built-in type, and its message; another type's name goes into the message."""
    kind = type(error)
    known = next(base for base in kind.__mro__ if getattr(builtins, base.__name__, None) is base)
    try:
        message = str(error)[:2000]
    except Exception:
        message = ""
    named = message if known is kind else f"{kind.__name__}: {message}".rstrip(": ")
    return [known.__name__, f"{named} ({where})".lstrip() if where else named]


def restored(description: Any) -> BaseException:
    """The exception that was described. Raises BadValue if it is none."""
    match description:
        case [str(name), str(message)]:
            kind = getattr(builtins, name, None)
            if isinstance(kind, type) and issubclass(kind, BaseException):
                if not issubclass(kind, Exception | SystemExit):
                    return RuntimeError(f"{name}: {message}")  # KeyboardInterrupt is nobody's answer
                try:
                    return kind(message) if message else kind()
                except TypeError:  # UnicodeDecodeError and its like want more than a message
                    return ValueError(f"{name}: {message}")
    raise BadValue("no exception")


def decode(data: Any, handles: Handles) -> Any:
    """The value that was encoded. Raises BadValue if `data` is anything else."""
    try:
        return _decoded(data, handles)
    except Exception as bad:
        raise BadValue(f"malformed value: {type(bad).__name__}") from None


def _decoded(data: Any, handles: Handles) -> Any:
    if not isinstance(data, dict):
        if isinstance(data, list):
            raise BadValue("untagged list")
        return data
    ((tag, content),) = data.items()
    if tag in _SEQUENCES:
        return _SEQUENCES[tag]([_decoded(item, handles) for item in content])
    if tag == "d":
        return {_decoded(key, handles): _decoded(value, handles) for key, value in content}
    if tag == "h":
        return handles.take(content)
    return _SCALARS[tag](content)


_SEQUENCES: dict[str, Callable[[list[Any]], Any]] = {
    "l": list,
    "t": tuple,
    "s": set,
    "fs": frozenset,
    "sl": lambda parts: slice(*parts),
    "fr": lambda parts: Fraction(*parts),
}


def _array(content: list[Any]) -> Any:
    import numpy as np

    name, shape, raw = content
    dtype = np.dtype(str(name))
    if dtype.kind not in ARRAY_KINDS or dtype.names:
        raise BadValue(f"an array of {dtype}")
    return np.frombuffer(_bytes(raw), dtype).reshape(_shape(shape)).copy()


def _tensor(content: list[Any]) -> Any:
    import torch

    name, shape, raw = content
    flat = torch.frombuffer(bytearray(_bytes(raw)), dtype=torch.uint8) if raw else torch.empty(0, dtype=torch.uint8)
    return flat.view(_dtype(name)).reshape(_shape(shape))


def _shape(sizes: list[int]) -> list[int]:
    if any(type(size) is not int or size < 0 for size in sizes):
        raise BadValue("no shape")
    return sizes


def _dtype(name: str) -> Any:
    import torch

    dtype = getattr(torch, name)
    if not isinstance(dtype, torch.dtype):
        raise BadValue(f"{name} is no dtype")
    return dtype


def _type(name: str) -> type:
    kind = getattr(builtins, name)
    if not isinstance(kind, type):
        raise BadValue(f"{name} is no type")
    return kind


_SCALARS: dict[str, Callable[[Any], Any]] = {
    "i": lambda text: int(text, 16),
    "de": lambda text: Decimal(text),
    "b": lambda text: _bytes(text),
    "c": lambda parts: complex(*parts),
    "p": lambda text: Path(text),
    "n": _array,
    "ns": lambda content: _array(content)[()],
    "pt": _tensor,
    "dt": _dtype,
    "ty": _type,
    "e": restored,
    "o": lambda kind: Opaque(str(kind)),
}


def _bytes(text: str) -> bytes:
    return base64.b64decode(text, validate=True)
