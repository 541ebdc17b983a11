"""Values on their way out: see `codec`, which takes them in again."""

import base64
import builtins
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from decimal import Decimal
from fractions import Fraction
from itertools import islice
from numbers import Integral, Real
from pathlib import PurePath
from typing import Any

from course.grading.judge.codec import ARRAY_KINDS, Handles, Uncrossable, describe

MAX_DEPTH = 64
MAX_ITEMS = 2_000_000
MAX_BYTES = 48 << 20  # of one value, before base64
MAX_BITS = 1 << 20  # of an integer
_BUILT_IN = {id(kind): name for name, kind in vars(builtins).items() if isinstance(kind, type)}


class Encoder:
    """Encodes the values of one message, within its limits. Raises Uncrossable unless `lenient`."""

    def __init__(self, handles: Handles, *, lenient: bool) -> None:
        self._handles, self._lenient = handles, lenient
        self._items = self._bytes = 0

    def encode(self, value: Any, depth: int = 0) -> Any:
        """The value as JSON data."""
        self._items += 1
        kind = type(value)
        if value is None or kind is bool or kind is float:
            return value
        if depth > MAX_DEPTH:
            return self._refuse("something nested too deeply")
        if self._items > MAX_ITEMS:
            return self._refuse("something of too many parts")
        if foreign := _foreign(kind):  # first: a NumPy float is a float as well
            return foreign(self, value, depth + 1)
        for types, encode in _ENCODERS:
            if isinstance(value, types):
                return encode(self, value, depth + 1)
        return self._of_another_library(value, depth + 1)

    def _of_another_library(self, value: Any, depth: int) -> Any:
        """A number, array, sequence, mapping or set of a kind that is not Python's, NumPy's or torch's own."""
        if isinstance(value, Integral):
            return self._int(int(value), depth)
        if isinstance(value, Real):
            return self._float(float(value), depth)
        if not isinstance(value, type) and hasattr(type(value), "__array__"):
            import numpy as np

            return self._array(np.asarray(value), depth)
        if isinstance(value, Mapping):
            return self._dict(dict(value), depth)
        if isinstance(value, Set):
            return self._sequence("s", value, depth, size=len(value))
        if isinstance(value, Sequence):
            return self._sequence("l", value, depth, size=len(value))
        return self._other(value)

    def _other(self, value: Any) -> Any:
        if (name := _BUILT_IN.get(id(value))) is not None:
            return {"ty": name}
        if callable(value):
            return {"h": self._handles.give(value)}
        return self._refuse(f"a value of type {type(value).__name__}")

    def _refuse(self, kind: str) -> Any:
        if not self._lenient:
            raise Uncrossable(f"{kind} cannot be handed to a submission")
        return {"o": kind[:200]}

    def _decimal(self, value: Decimal, _: int) -> Any:
        return self._sized(len(value.as_tuple().digits), "a Decimal", lambda: {"de": str(value)})

    def _int(self, value: int, _: int) -> Any:
        plain = int.__index__(value)
        if plain.bit_length() <= 64:
            return plain
        if plain.bit_length() > MAX_BITS:
            return self._refuse(f"an integer of {plain.bit_length()} bits")
        return {"i": hex(plain)}

    def _float(self, value: float, _: int) -> Any:
        return float.__float__(value)

    def _str(self, value: str, _: int) -> Any:
        return self._sized(str.__len__(value), "a text", lambda: str.__str__(value))

    def _raw(self, value: bytes | bytearray, _: int) -> Any:
        return self._sized(len(value), "bytes", lambda: {"b": _text(bytes(value))})

    def _sequence(self, tag: str, items: Iterable[Any], depth: int, *, size: int = 0) -> Any:
        if self._items + size > MAX_ITEMS:
            return self._refuse(f"something of {size:,} parts")
        return {tag: [self.encode(item, depth) for item in islice(items, MAX_ITEMS)]}

    def _dict(self, value: dict[Any, Any], depth: int) -> Any:
        if self._items + 2 * dict.__len__(value) > MAX_ITEMS:
            return self._refuse(f"something of {dict.__len__(value):,} parts")
        return {"d": [[self.encode(k, depth), self.encode(v, depth)] for k, v in dict.items(value)]}

    def _array(self, value: Any, depth: int) -> Any:
        dtype = value.dtype
        if dtype.kind in "OT" and self._items + value.size <= MAX_ITEMS:  # Python's objects, or texts of any length
            items = value.tolist()
            if all(item is None or isinstance(item, str | int | float) for item in value.flat):
                return self.encode(items, depth)
        if dtype.kind not in ARRAY_KINDS:
            return self._refuse(f"an array of {dtype}")
        tag = "n" if isinstance(value, sys.modules["numpy"].ndarray) else "ns"
        content = [dtype.str, list(value.shape)]
        return self._sized(value.nbytes, "an array", lambda: {tag: [*content, _text(value.tobytes())]})

    def _tensor(self, value: Any, _: int) -> Any:
        import torch

        if value.layout != torch.strided or value.is_quantized:
            return self._refuse(f"a tensor of layout {value.layout}")
        plain = value.detach().cpu().contiguous()
        size = plain.numel() * plain.element_size()
        name, shape = str(plain.dtype).removeprefix("torch."), list(plain.shape)
        raw = plain.reshape(-1).view(torch.uint8) if plain.numel() else plain.new_empty(0, dtype=torch.uint8)
        return self._sized(size, "a tensor", lambda: {"pt": [name, shape, _text(raw.numpy().tobytes())]})

    def _sized(self, size: int, what: str, encode: Callable[[], Any]) -> Any:
        self._bytes += size
        if self._bytes > MAX_BYTES:
            return self._refuse(f"{what} of {size:,} bytes")
        return encode()


_ENCODERS: list[tuple[Any, Callable[[Encoder, Any, int], Any]]] = [
    (int, Encoder._int),
    (float, Encoder._float),
    (str, Encoder._str),
    ((bytes, bytearray), Encoder._raw),
    (memoryview, lambda e, v, d: e._sized(v.nbytes, "bytes", lambda: {"b": _text(v.tobytes())})),
    (list, lambda e, v, d: e._sequence("l", list.__iter__(v), d, size=list.__len__(v))),
    (tuple, lambda e, v, d: e._sequence("t", tuple.__iter__(v), d, size=tuple.__len__(v))),
    (set, lambda e, v, d: e._sequence("s", set.__iter__(v), d, size=set.__len__(v))),
    (frozenset, lambda e, v, d: e._sequence("fs", frozenset.__iter__(v), d, size=frozenset.__len__(v))),
    (dict, Encoder._dict),
    (complex, lambda e, v, d: {"c": [v.real, v.imag]}),
    (slice, lambda e, v, d: e._sequence("sl", (v.start, v.stop, v.step), d)),
    (Decimal, Encoder._decimal),
    (Fraction, lambda e, v, d: e._sequence("fr", (v.numerator, v.denominator), d)),
    (PurePath, lambda e, v, d: {"p": str(v)}),
    (BaseException, lambda e, v, d: {"e": describe(v)}),
]


def _foreign(kind: type) -> Callable[[Encoder, Any, int], Any] | None:
    """How values of NumPy's and torch's types are encoded; neither is imported for it."""
    numpy, torch = sys.modules.get("numpy"), sys.modules.get("torch")
    if numpy and issubclass(kind, numpy.ndarray | numpy.generic):
        return Encoder._array
    if torch and issubclass(kind, torch.Tensor):
        return Encoder._tensor
    if torch and issubclass(kind, torch.dtype):
        return lambda encoder, value, depth: {"dt": str(value).removeprefix("torch.")}
    return None


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")
