"""A LoRA adapter in a GGUF file: whether it belongs to a model.

llama.cpp asks that names and shapes fit. Two models of one shape still fit each other's adapters, so a file of this
course also says which model it was trained on, by what all quantizations of a model share: the vectors of its norms and
biases, which stay in 32 bits.
"""

import hashlib
from pathlib import Path

from course.llama import header
from course.llama.errors import LlamaError
from course.llama.header import Header

ALPHA = "adapter.lora.alpha"
TRAINED_ON = "two_bills.adapter.base_vectors_sha256"
"""The key of the model's `fingerprint`; files from elsewhere have none."""

EMBEDDING = "token_embd.weight"
A, B = ".lora_a", ".lora_b"  # what is added to a weight's name for the factor (r, in), and for that of (out, r)


class AdapterError(LlamaError):
    """A file that is no LoRA adapter, or one for another model: one line that says which and why."""


def check(adapter: Path, *, model: Path) -> Header:
    """What the adapter's file says. Raises AdapterError where it does not belong to `model`, and header.NotAModel."""
    ours, base = header.read(adapter), header.read(model)
    if not ours.is_adapter:
        raise AdapterError(f"{adapter} is a model, not a LoRA adapter")
    for_another = f"{adapter} is an adapter for another model than {model.name}"
    if ours.architecture != base.architecture:
        raise AdapterError(f"{for_another}: for a {ours.architecture}, and this is a {base.architecture}")
    there = {one.name: one.shape for one in base.tensors}
    for name, (a, b) in pairs(adapter, ours).items():
        if name not in there:
            raise AdapterError(f"{for_another}: it changes {name}, which this one has not")
        if not _fit(name, a, b, there[name]):
            raise AdapterError(
                f"{for_another}: {name} has the shape {there[name]} here, and its factors have {a} and {b}"
            )
    trained_on = ours.metadata.get(TRAINED_ON)
    if trained_on is not None and trained_on != fingerprint(model):
        raise AdapterError(f"{for_another}: one of the same shape, but with other weights")
    return ours


def _fit(name: str, a: tuple[int, ...], b: tuple[int, ...], shape: tuple[int, ...]) -> bool:
    if name == EMBEDDING:  # it is looked up, not multiplied: A and B change places there
        return (b[1], a[1]) == shape
    return (a[0], b[1]) == shape and a[1] == b[0]


def pairs(adapter: Path, known: Header) -> dict[str, tuple[tuple[int, ...], tuple[int, ...]]]:
    """By a weight's name: the shapes of its factors A and B, as GGUF gives them, the length of a row first."""
    shapes = {one.name: one.shape for one in known.tensors}
    names = {name.removesuffix(A).removesuffix(B) for name in shapes}
    found = {name: (shapes.get(name + A, ()), shapes.get(name + B, ())) for name in sorted(names)}
    broken = [name for name, both in found.items() if any(len(shape) != 2 for shape in both)]
    if broken or not found:
        what = f"{broken[0]} has not two matrices" if broken else "it changes nothing"
        raise AdapterError(f"{adapter} is no LoRA adapter: {what}")
    return found


def fingerprint(model: Path) -> str:
    """SHA-256 over the names and values of the model's vectors: the same for all quantizations of one model."""
    found = hashlib.sha256()
    with model.open("rb") as content:
        for one in sorted(header.read(model).tensors, key=lambda tensor: tensor.name):
            if len(one.shape) == 1:
                content.seek(one.offset)
                found.update(one.name.encode() + content.read(one.n_bytes))
    return found.hexdigest()
