"""What the instructor writes in lab 6 are llama.cpp's formats, byte for byte, also where a weight is half-way."""

import numpy as np
import pytest
from gguf import GGMLQuantizationType, quants

from benchmarks import numpy_quantizers

SPREAD = np.random.default_rng(6)


def bfloat16(x: np.ndarray) -> np.ndarray:
    return (x.view(np.uint32) & 0xFFFF0000).view(np.float32)


ARRAYS = {
    "normal numbers": SPREAD.normal(0, 0.05, (64, 576)).astype(np.float32),
    "bfloat16 numbers": bfloat16(SPREAD.normal(0, 0.03, (64, 96)).astype(np.float32)),
    "halves": np.concatenate((np.full((8, 1), 127), SPREAD.integers(-126, 126, (8, 31)) + 0.5), 1).astype(np.float32),
    "halves below eight": np.concatenate((np.full((8, 1), -8), SPREAD.integers(-7, 7, (8, 31)) + 0.5), 1).astype("f4"),
    "zeros": np.zeros((2, 64), np.float32),
    "nearly a half": np.concatenate((np.ones((1, 1)), np.full((1, 31), 0.49999997 / 127)), 1).astype(np.float32),
    "from tiny to large": (SPREAD.normal(0, 1, (8, 32)) * 10.0 ** np.arange(-6, 2)[:, None]).astype(np.float32),
    "more axes": SPREAD.uniform(-1, 1, (2, 3, 64)).astype(np.float32),
}


@pytest.mark.parametrize("kind", numpy_quantizers.TYPES)
@pytest.mark.parametrize("name", ARRAYS)
def test_a_format_is_ggufs_to_the_byte(kind: str, name: str) -> None:
    given = numpy_quantizers.answer(*numpy_quantizers.TYPES[kind])(ARRAYS[name])
    wanted = quants.quantize(ARRAYS[name], GGMLQuantizationType[kind])
    assert (given.shape, given.dtype) == (wanted.shape, np.uint8)
    assert np.array_equal(given, wanted)
