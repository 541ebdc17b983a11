"""Write a GGUF file anew with other weights types, by llama.cpp's own quantizer."""

import ctypes
from pathlib import Path

import llama_cpp

from course.llama import log


class QuantizeError(RuntimeError):
    """llama.cpp refused, or could not write."""


def expand(source: Path, target: Path) -> None:
    """Write `source`, a GGUF file of quantized weights, to `target` with 16 bits for each of them.

    The weights stay what they are, metadata included: only their encoding changes. Raises QuantizeError.
    """
    options = llama_cpp.llama_model_quantize_default_params()
    options.ftype = llama_cpp.LLAMA_FTYPE_MOSTLY_F16
    options.allow_requantize = True
    log.forget()
    if llama_cpp.llama_model_quantize(str(source).encode(), str(target).encode(), ctypes.byref(options)) != 0:
        raise QuantizeError(f"llama.cpp could not write {target} from {source}: {log.last_error()}")
