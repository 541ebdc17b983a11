"""Write a GGUF file anew with other types of weights, by llama.cpp's own quantizer."""

import ctypes
import os
import shutil
from pathlib import Path

import llama_cpp

from course.llama import header, log, output, threads
from course.llama.errors import LlamaError
from course.llama.header import Header

TYPES: dict[str, int] = {
    name.removeprefix("LLAMA_FTYPE_").removeprefix("ALL_").removeprefix("MOSTLY_"): number
    for name, number in vars(llama_cpp).items()
    if name.startswith(("LLAMA_FTYPE_ALL_", "LLAMA_FTYPE_MOSTLY_"))
}
"""What can be asked for, and llama.cpp's number of it. Most name a mixture: `tensors.types` tells what came of it."""

_BLOCKS = {name: (n_weights, n_bytes) for name, n_weights, n_bytes in header.TYPES.values()}
_MIXTURES = {"IQ2_M": "IQ2_S", "IQ3_M": "IQ3_S", "IQ3_XS": "IQ3_S", "MXFP4_MOE": "MXFP4"}  # others end in _S, _M, _L


class QuantizeError(LlamaError):
    """The quantizer refused, or could not write."""


def checked(to: str) -> str:
    """`to` as TYPES spells it. Raises QuantizeError for what is no type."""
    if to.upper() not in TYPES:
        raise QuantizeError(f"there is no type {to!r}; the types are: {', '.join(TYPES)}")
    return to.upper()


def quantize(
    source: Path,
    target: Path,
    *,
    to: str,
    pure: bool = False,
    requantize: bool = False,
    overwrite: bool = False,
    n_threads: int | None = None,
) -> Path:
    """Write `source` to `target` with weights of type `to`, one of TYPES in any case; the metadata stays.

    llama.cpp gives some tensors more bits than `to` says, and another type to those whose rows are no multiple of its
    blocks; with `pure` all matrices get `to`, and a row that does not fit is an error. Weights that are quantized
    already are taken only with `requantize`: what they have lost stays lost.

    Returns `target`, which is there once all is written; one that was there before is in the way, unless `overwrite`.
    Raises LlamaError.
    """
    to = checked(to)
    n_threads = threads.checked(n_threads)
    known = header.read(source)
    if known.is_adapter:
        raise QuantizeError(f"{source} is a LoRA adapter: only models are quantized")
    if output.is_same(target, source):
        raise QuantizeError(f"{target} is the source itself: name another target")
    if pure:
        _check_rows(known, to)
    options = llama_cpp.llama_model_quantize_default_params()
    options.ftype, options.pure, options.allow_requantize, options.nthread = TYPES[to], pure, requantize, n_threads
    n_bytes = _least_bytes(known, to)
    with output.replacing(target, n_bytes=n_bytes, overwrite=overwrite) as part:
        log.forget()
        if llama_cpp.llama_model_quantize(os.fsencode(source), os.fsencode(part), ctypes.byref(options)) != 0:
            if shutil.disk_usage(part.parent).free < 2**20:  # llama.cpp gives no reason when the disk is full
                raise output.no_space(target, n_bytes)
            reason = log.final_error().removeprefix("llama_model_quantize: failed to quantize: ")
            raise QuantizeError(
                f"llama.cpp did not write {target} from {source} as {to}: {reason or 'no reason given'}"
            )
    return target


def expand(source: Path, target: Path) -> None:
    """Write `source`, a GGUF file of quantized weights, to `target` with 16 bits for each of them.

    The weights stay what they are: only their encoding changes. Errors as for `quantize`.
    """
    quantize(source, target, to="F16", requantize=True)


def _type(to: str) -> str:
    """The tensor type that a mixture is named after."""
    if to in _BLOCKS:
        return to
    return _MIXTURES.get(to, to.rpartition("_")[0])


def _check_rows(known: Header, to: str) -> None:
    block, _ = _BLOCKS[_type(to)]
    for tensor in known.matrices:
        if tensor.shape[0] % block:
            raise QuantizeError(
                f"{tensor.name} has rows of {tensor.shape[0]}, no multiple of the {block} of {_type(to)}: "
                "without `pure` llama.cpp gives it another type"
            )


def _least_bytes(known: Header, to: str) -> int:
    """What the target takes, or somewhat less: mixtures give a part of the matrices more bits."""
    block, n_bytes = _BLOCKS[_type(to)]
    matrices = known.matrices
    rest = sum(tensor.n_bytes for tensor in known.tensors) - sum(tensor.n_bytes for tensor in matrices)
    return rest + sum(tensor.n_weights // block * n_bytes for tensor in matrices)
