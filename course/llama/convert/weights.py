"""The numbers of a tensor in a GGUF file, in 32 bits."""

from pathlib import Path

import numpy as np

from course.llama.convert.architecture import ConvertError
from course.llama.header import Tensor


def read(file: Path, tensor: Tensor) -> np.ndarray:
    """The tensor's weights, float32, rows last in `tensor.shape` first here, as torch has them. Raises ConvertError."""
    import gguf

    raw = np.fromfile(file, np.uint8, tensor.n_bytes, offset=tensor.offset)
    rows = tensor.n_weights // tensor.shape[0]
    try:
        found = gguf.quants.dequantize(raw.reshape(rows, -1), gguf.GGMLQuantizationType[tensor.type])
    except NotImplementedError as error:
        raise ConvertError(f"{file}: {tensor.name} is of type {tensor.type}, which gguf cannot read") from error
    return found.astype(np.float32, copy=False).reshape(tensor.shape[::-1])


def encode(values: np.ndarray, kind: str) -> np.ndarray:
    """float32 values as a file has them in this type. Raises ConvertError for what it cannot hold."""
    import gguf

    if not np.isfinite(values).all():
        raise ConvertError("weights that are no numbers (NaN or infinite)")
    if kind == "F16" and np.abs(values).max(initial=0) > np.finfo(np.float16).max:
        raise ConvertError("weights beyond what F16 can hold: ask for BF16 or F32")
    return gguf.quants.quantize(values, gguf.GGMLQuantizationType[kind])
