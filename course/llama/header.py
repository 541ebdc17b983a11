"""What a GGUF file says of itself: metadata and the place of each tensor, read without loading any weights.

The format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md (versions 2 and 3, little-endian).
"""

import math
import os
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from course.llama.errors import LlamaError

_SCALARS = dict(enumerate("BbHhIif?")) | {10: "Q", 11: "q", 12: "d"}
_STRING, _ARRAY = 8, 9
TYPES = {
    0: ("F32", 1, 4),
    1: ("F16", 1, 2),
    2: ("Q4_0", 32, 18),
    3: ("Q4_1", 32, 20),
    6: ("Q5_0", 32, 22),
    7: ("Q5_1", 32, 24),
    8: ("Q8_0", 32, 34),
    10: ("Q2_K", 256, 84),
    11: ("Q3_K", 256, 110),
    12: ("Q4_K", 256, 144),
    13: ("Q5_K", 256, 176),
    14: ("Q6_K", 256, 210),
    16: ("IQ2_XXS", 256, 66),
    17: ("IQ2_XS", 256, 74),
    18: ("IQ3_XXS", 256, 98),
    19: ("IQ1_S", 256, 50),
    20: ("IQ4_NL", 32, 18),
    21: ("IQ3_S", 256, 110),
    22: ("IQ2_S", 256, 82),
    23: ("IQ4_XS", 256, 136),
    24: ("I8", 1, 1),
    25: ("I16", 1, 2),
    26: ("I32", 1, 4),
    27: ("I64", 1, 8),
    28: ("F64", 1, 8),
    29: ("IQ1_M", 256, 56),
    30: ("BF16", 1, 2),
    34: ("TQ1_0", 256, 54),
    35: ("TQ2_0", 256, 66),
    39: ("MXFP4", 32, 17),
    40: ("NVFP4", 64, 36),
    41: ("Q1_0", 128, 18),
    42: ("Q2_0", 64, 18),
}
"""By number: a tensor type's name, the weights in one of its blocks, and the bytes of a block."""
_HEADS = "attention.head_count"
_ALIGNMENT = 32  # bytes, where the file does not say
_LONG = 2**16  # bytes, of which memory is not taken for a length that a broken file gives


class NotAModel(LlamaError):
    """A file that is no whole GGUF file: one line that says which and why."""


@dataclass(frozen=True)
class Tensor:
    """One tensor of a file. `shape` begins with the length of a row; `offset` counts from the start of the file."""

    name: str
    type: str
    shape: tuple[int, ...]
    n_bytes: int
    offset: int

    @property
    def n_weights(self) -> int:
        return math.prod(self.shape)


@dataclass(frozen=True)
class Header:
    """Everything but the weights. Keys of `metadata` are GGUF's own: "general.architecture", "llama.block_count", …"""

    metadata: dict[str, Any]
    tensors: list[Tensor]

    @property
    def matrices(self) -> list[Tensor]:
        """The tensors that a quantizer works on: all weights but those of the norms."""
        return [one for one in self.tensors if len(one.shape) > 1 and "norm" not in one.name]

    @property
    def architecture(self) -> str:
        return self.metadata.get("general.architecture", "")

    @property
    def of_architecture(self) -> dict[str, Any]:
        """The metadata under the architecture's name, without it: "block_count", "attention.head_count", …"""
        prefix = f"{self.architecture}."
        return {key.removeprefix(prefix): value for key, value in self.metadata.items() if key.startswith(prefix)}

    @property
    def head_width(self) -> int:
        """Numbers in a key; 0 where the file does not say."""
        said = self.of_architecture
        width, heads = said.get("embedding_length"), said.get(_HEADS)
        whole = width // heads if isinstance(width, int) and isinstance(heads, int) and heads else 0
        return said.get("attention.key_length") or whole

    @property
    def is_adapter(self) -> bool:
        """Whether the file holds changes to a model, and none itself."""
        return self.metadata.get("general.type") == "adapter"

    @property
    def context_length(self) -> int | None:
        """Tokens that the model has been trained on at once, where the file says."""
        return self.of_architecture.get("context_length")

    @property
    def n_vocabulary(self) -> int:
        return len(self.metadata.get("tokenizer.ggml.tokens", ()))

    def token(self, key: str) -> str:
        """The text of a special token, by its key under tokenizer.ggml ("eos_token_id"); empty where there is none."""
        number, tokens = self.metadata.get(f"tokenizer.ggml.{key}"), self.metadata.get("tokenizer.ggml.tokens", ())
        return tokens[number] if isinstance(number, int) and 0 <= number < len(tokens) else ""

    def kv_bytes(self, n_tokens: int) -> int:
        """What the keys and values of `n_tokens` take in 16 bits; 0 where the file does not say."""
        said = self.of_architecture
        layers, kv_heads = said.get("block_count"), said.get("attention.head_count_kv") or said.get(_HEADS)
        if not isinstance(layers, int) or not isinstance(kv_heads, int):
            return 0  # some architectures give one number for each layer
        return 2 * 2 * layers * kv_heads * self.head_width * n_tokens


def read(file: Path) -> Header:
    """The header of `file`. Raises NotAModel, also where weights are missing at the file's end."""
    try:
        with file.open("rb") as content:
            return _read(content)
    except OSError as error:
        raise NotAModel(f"{file}: {error.strerror}") from error
    except (_Broken, struct.error, UnicodeDecodeError, RecursionError) as error:
        raise NotAModel(f"{file} is not a whole GGUF file: {error}") from error


class _Broken(ValueError):
    pass


def _read(content: BinaryIO) -> Header:
    size = os.fstat(content.fileno()).st_size
    if (magic := content.read(4)) != b"GGUF":
        raise _Broken(f"it begins with {magic!r} instead of b'GGUF'" if magic else "it is empty")
    (version,) = _unpack(content, "I")
    if version not in (2, 3):
        raise _Broken(f"it is of version {version}, and versions 2 and 3 in little-endian order can be read")
    n_tensors, n_fields = _unpack(content, "QQ")
    metadata = {}
    for _ in range(n_fields):
        key = _string(content)
        metadata[key] = _value(content, *_unpack(content, "I"))
    found = [(_string(content), *_shape_type_offset(content)) for _ in range(n_tensors)]
    alignment = metadata.get("general.alignment", _ALIGNMENT)
    start = -(-content.tell() // alignment) * alignment
    tensors = []
    for name, shape, type_number, offset in found:
        type_name, n_bytes = _type_and_bytes(name, type_number, shape)
        tensors.append(Tensor(name, type_name, shape, n_bytes, start + offset))
    if (end := max((one.offset + one.n_bytes for one in tensors), default=0)) > size:
        raise _Broken(f"it has {size:,} bytes, and its weights end at byte {end:,}: it has been cut off")
    return Header(metadata, tensors)


def _shape_type_offset(content: BinaryIO) -> tuple[tuple[int, ...], int, int]:
    (n_dimensions,) = _unpack(content, "I")
    if n_dimensions > 4:
        raise _Broken(f"a tensor of {n_dimensions} dimensions")
    shape = _unpack(content, f"{n_dimensions}Q")
    return shape, *_unpack(content, "IQ")


def _value(content: BinaryIO, kind: int) -> Any:
    if kind in _SCALARS:
        return _unpack(content, _SCALARS[kind])[0]
    if kind == _STRING:
        return _string(content)
    if kind != _ARRAY:
        raise _Broken(f"a value of unknown kind {kind}")
    item, n = _unpack(content, "IQ")
    if item in _SCALARS:
        return list(_unpack(content, f"{n}{_SCALARS[item]}"))
    return [_value(content, item) for _ in range(n)]


def _string(content: BinaryIO) -> str:
    (n,) = _unpack(content, "Q")
    return _bytes(content, n).decode()


def _unpack(content: BinaryIO, form: str) -> tuple[Any, ...]:
    return struct.unpack(f"<{form}", _bytes(content, struct.calcsize(f"<{form}")))


def _bytes(content: BinaryIO, n: int) -> bytes:
    found = content.read(n) if n < _LONG or n < os.fstat(content.fileno()).st_size else b""
    if len(found) < n:
        raise _Broken("it ends within its header: it has been cut off")
    return found


def _type_and_bytes(name: str, number: int, shape: tuple[int, ...]) -> tuple[str, int]:
    if number not in TYPES:
        raise _Broken(f"tensor {name} is of type {number}, which the course does not know")
    called, block, n_bytes = TYPES[number]
    if not shape or shape[0] % block:
        raise _Broken(f"tensor {name} of shape {shape} is {called}, whose rows are multiples of {block}")
    return called, math.prod(shape) // block * n_bytes
