"""Values cross whole or say that they cannot; what was never encoded is refused."""

import json
import math
from collections import OrderedDict, namedtuple
from collections.abc import Callable
from enum import IntEnum
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from course.grading.judge import codec, encoding


class Table:
    """Handles of functions, by number."""

    def __init__(self) -> None:
        self.functions: list[Callable[..., Any]] = []

    def give(self, function: Callable[..., Any]) -> list[Any]:
        self.functions.append(function)
        return [len(self.functions) - 1]

    def take(self, handle: list[Any]) -> Callable[..., Any]:
        return self.functions[handle[0]]


def crossed(value: Any, *, lenient: bool = False) -> Any:
    table = Table()
    line = json.dumps(encoding.Encoder(table, lenient=lenient).encode(value))
    return codec.decode(json.loads(line), table)


plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary()
    | st.complex_numbers(allow_nan=False),
    lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.text() | st.integers(), inner),
    max_leaves=20,
)


@given(plain)
def test_plain_values_come_back_equal_and_of_the_same_type(value: Any) -> None:
    back = crossed(value)
    assert back == value
    assert repr(back) == repr(value)


@pytest.mark.parametrize(
    "value",
    [
        {1, 2},
        frozenset({"a"}),
        slice(1, None, 2),
        Fraction(1, 3),
        Path("a/b"),
        2**1000,
        -(2**70),
        ValueError,
        int,
        {(1, 2): [3.0]},
    ],
    ids=repr,
)
def test_other_values_come_back_equal(value: Any) -> None:
    assert crossed(value) == value


def test_nan_and_infinities_cross() -> None:
    nan, *infinities = crossed([math.nan, math.inf, -math.inf])
    assert math.isnan(nan) and infinities == [math.inf, -math.inf]


@pytest.mark.parametrize("dtype", ["f8", "f4", "f2", "i8", "u1", "?", "c16", "<U5", "S3", "M8[s]", ">i4"])
@pytest.mark.parametrize("shape", [(), (3,), (2, 0, 3), (2, 3)])
def test_arrays_keep_dtype_shape_and_values(dtype: str, shape: tuple[int, ...]) -> None:
    array = np.arange(np.prod(shape, dtype=int)).astype("i8").reshape(shape).astype(dtype)
    back = crossed(array)
    assert isinstance(back, np.ndarray)
    assert (back.dtype, back.shape) == (array.dtype, array.shape)
    assert (back == array).all()


def test_array_scalars_stay_scalars_and_arrays_can_be_written() -> None:
    assert type(crossed(np.float32(1.5))) is np.float32
    assert type(crossed(np.float64(1.5))) is np.float64
    back = crossed(np.ones((4, 4))[:, ::2])
    back[0] = 2


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.int64, torch.bool, torch.float16])
def test_tensors_cross_without_their_graph(dtype: torch.dtype) -> None:
    tensor = torch.tensor([[0, 1, 1], [1, 0, 1]]).to(dtype)
    back = crossed(tensor)
    assert (back.dtype, back.shape) == (dtype, tensor.shape)
    assert torch.equal(back, tensor)
    assert not crossed(torch.ones(2, requires_grad=True) * 2).requires_grad
    assert crossed(torch.empty(0, 3)).shape == (0, 3)
    assert crossed(dtype) is dtype


def test_subclasses_cross_as_what_they_are_made_of() -> None:
    Point = namedtuple("Point", "x y")
    Level = IntEnum("Level", "LOW HIGH")
    assert crossed([Point(1, 2), OrderedDict(a=1), Level.HIGH]) == [(1, 2), {"a": 1}, 2]

    class Liar(list[int]):
        def __iter__(self) -> Any:
            return iter([7])

        def __len__(self) -> int:
            return 10**12

        def __eq__(self, other: object) -> bool:
            return True

    back = crossed(Liar([1, 2]))
    assert type(back) is list and back == [1, 2]


def test_functions_cross_as_handles() -> None:
    assert crossed({"f": math.isclose})["f"] is math.isclose


def recursive() -> list[Any]:
    endless: list[Any] = []
    endless.append(endless)
    return endless


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ((n for n in range(3)), "a value of type generator"),
        (object(), "a value of type object"),
        (np.array([object()]), "an array of object"),
        (np.zeros(2, dtype=[("a", "i4")]), "an array of [('a', '<i4')]"),
        (1 << (encoding.MAX_BITS + 1), f"an integer of {encoding.MAX_BITS + 2} bits"),
        (np.zeros(encoding.MAX_BYTES + 1, dtype="u1"), f"an array of {encoding.MAX_BYTES + 1:,} bytes"),
        (torch.ones(2, 2).to_sparse(), "a tensor of layout torch.sparse_coo"),
    ],
    ids=["generator", "object", "objects", "record", "integer", "large", "sparse"],
)
def test_what_cannot_cross_arrives_as_its_kind_only(value: Any, kind: str) -> None:
    back = crossed([value], lenient=True)[0]
    assert isinstance(back, codec.Opaque) and back.kind == kind
    assert back != 1 and not callable(back)
    with pytest.raises(codec.Uncrossable, match="cannot be handed to a submission"):
        crossed(value)


def test_what_has_no_end_is_cut_off() -> None:
    inner = crossed(recursive(), lenient=True)
    for _ in range(encoding.MAX_DEPTH):
        inner = inner[0]
    assert isinstance(inner[0], codec.Opaque)
    for many in ([None] * (encoding.MAX_ITEMS + 5), dict.fromkeys(range(encoding.MAX_ITEMS)), [[None] * 1_500_000] * 2):
        inner = crossed([many], lenient=True)[0]
        assert isinstance(inner[-1] if isinstance(inner, list) else inner, codec.Opaque)


class Own(ValueError):
    pass


class Mute(Exception):
    def __str__(self) -> str:
        raise RuntimeError


@pytest.mark.parametrize(
    ("error", "type_", "message"),
    [
        (ValueError("no"), ValueError, "no"),
        (Own("no"), ValueError, "Own: no"),
        (NotImplementedError(), NotImplementedError, ""),
        (KeyError("a"), KeyError, "\"'a'\""),
        (Mute(), Exception, "Mute"),
        (KeyboardInterrupt(), RuntimeError, "KeyboardInterrupt: "),
        (SystemExit(3), SystemExit, "3"),
        (UnicodeDecodeError("utf-8", b"x", 0, 1, "bad"), ValueError, "UnicodeDecodeError: "),
    ],
    ids=repr,
)
def test_exceptions_cross_as_the_nearest_built_in_type(error: BaseException, type_: type, message: str) -> None:
    back = codec.restored(codec.describe(error))
    assert type(back) is type_
    assert str(back).startswith(message)


@pytest.mark.parametrize(
    "data",
    [
        [1],
        {},
        {"l": 3},
        {"a": 1, "b": 2},
        {"d": [[1]]},
        {"d": [[{"l": []}, 1]]},
        {"n": ["O", [1], "AAAAAAAAAAA="]},
        {"n": ["f8", [10**12], "AAAA"]},
        {"n": ["f8", [-7], "AAAAAAAAAAA="]},
        {"n": [["f8", "f8"], [1], ""]},
        {"n": ["f8,f8", [1], "AAAAAAAAAAAAAAAAAAAAAA=="]},
        {"pt": ["load", [1], "AAAA"]},
        {"pt": ["float32", [3], "AAAA"]},
        {"dt": "load"},
        {"ty": "eval"},
        {"ty": "__import__"},
        {"e": ["eval", "1"]},
        {"e": ["ValueError"]},
        {"i": "zz"},
        {"b": "é"},
        {"fr": [1, 0]},
        {"h": ["x"]},
        {"unknown": 1},
        {"s": [{"l": []}]},
    ],
    ids=str,
)
def test_what_was_never_encoded_is_refused(data: Any) -> None:
    with pytest.raises(codec.BadValue):
        codec.decode(data, Table())


def test_deep_nesting_is_refused() -> None:
    deep: Any = 1
    for _ in range(100_000):
        deep = {"l": [deep]}
    with pytest.raises(codec.BadValue, match="RecursionError"):
        codec.decode(deep, Table())
