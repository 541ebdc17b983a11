"""A GGUF file held against the model that it was made of: the rotations of each head, and logits on a prompt.

The reference is computed by transformers in 32 bits. Its weights stay in the folder's files, mapped into memory: each
module gets its own in 32 bits for the time that it computes.
"""

from pathlib import Path
from typing import Any

import numpy as np

from course.llama import header, session
from course.llama.convert.architecture import ConvertError, frequencies, model_class
from course.llama.convert.checkpoint import Checkpoint, line, quiet
from course.llama.convert.tokenizer import SAMPLE

_DTYPES = {"F32": "float32", "F16": "float16", "BF16": "bfloat16"}
_N_TOKENS = 64
_FLOOR = 1e-3  # of the logits' spread: what sums in another order may make of 32 bits, with much to spare
_TIMES = 16  # what llama.cpp may lose to 16 bits more than the reference does: some processors add in 16 bits, too


def check(source: Checkpoint, file: Path, *, to: str) -> None:
    """Raises ConvertError where llama.cpp computes another model of `file` than transformers does of its source.

    `to` is the type of the file's matrices.
    """
    model = _reference(source)
    known = header.read(file)
    rotary = model.model.rotary_emb
    if rotary.attention_scaling != 1 or not np.allclose(frequencies(known, file), rotary.inv_freq, rtol=1e-5, atol=0):
        raise ConvertError(f"{source.folder}: llama.cpp would rotate by other frequencies than transformers")
    n_tokens = min(_N_TOKENS, known.context_length or _N_TOKENS)
    with session.opened(file, n_context=n_tokens, n_threads=1, n_logits=n_tokens, exact=True) as running:
        tokens = running.vocabulary.tokens("".join(SAMPLE))[:n_tokens]
        running.feed(tokens, logits_for=slice(None))
        exact = _logits(model, tokens)
        found = deviation(running.logits(len(tokens)), exact)
    allowed = _FLOOR + _TIMES * deviation(_logits(model, tokens, rounded_to=to), exact)
    if not found <= allowed:
        raise ConvertError(
            f"{source.folder}: llama.cpp would compute another model of it: its logits differ from transformers' by "
            f"{found:.1%} of their spread, and {to} explains {allowed:.1%}"
        )


def deviation(ours: np.ndarray, theirs: np.ndarray) -> float:
    """The root mean square of the difference, in standard deviations of `theirs`."""
    return float(np.sqrt(np.square(ours - theirs).mean()) / (theirs.std() or 1))


def _reference(source: Checkpoint) -> Any:
    import torch

    kinds = {source.dtype(name) for name in source.names}
    dtype = getattr(torch, _DTYPES.get(kinds.pop(), "float32") if len(kinds) == 1 else "float32")
    load = model_class(source.kind).from_pretrained
    with quiet():
        try:
            return load(source.folder, config=source.config, dtype=dtype, local_files_only=True).eval()
        except Exception as error:  # its errors are other classes in each major version, without a base of their own
            raise ConvertError(f"transformers cannot load {source.folder}: {line(error)}") from error


def _logits(model: Any, tokens: np.ndarray, *, rounded_to: str = "F32") -> np.ndarray:
    """In 32 bits; with matrices, and what they are multiplied with, rounded to that type first."""
    import torch

    dtype = getattr(torch, _DTYPES[rounded_to])
    hooks = [hook for module in model.modules() for hook in _widen(module, dtype)]
    with torch.no_grad():
        logits = model(torch.from_numpy(tokens[None].astype(np.int64))).logits[0].numpy()
    for hook in hooks:
        hook.remove()
    return logits


def _widen(module: Any, dtype: Any) -> list[Any]:
    """Have a module compute with its parameters in 32 bits, which are dropped again after it."""
    import torch

    own = dict(module.named_parameters(recurse=False))

    def before(module: Any, inputs: Any) -> Any:
        for name, parameter in own.items():
            rounded = parameter.to(dtype) if parameter.ndim > 1 else parameter
            setattr(module, name, torch.nn.Parameter(rounded.float(), requires_grad=False))
        return tuple(one.to(dtype).float() for one in inputs) if isinstance(module, torch.nn.Linear) else None

    def after(module: Any, inputs: Any, output: Any) -> None:
        for name, parameter in own.items():
            setattr(module, name, parameter)

    return [module.register_forward_pre_hook(before), module.register_forward_hook(after)] if own else []
