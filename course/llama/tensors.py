"""What each tensor of a model file really is: its type, its bytes, and what a weight costs on average.

The name of a file says what was asked of the quantizer. Tensors whose rows do not fit its blocks became something else.
"""

from collections import Counter
from pathlib import Path

from course.llama import header
from course.llama.header import Tensor


def read(model: Path) -> list[Tensor]:
    """The tensors of a GGUF file, in the file's order. Raises header.NotAModel."""
    return header.read(model).tensors


def types(model: Path) -> dict[str, int]:
    """How many tensors have which type, the most frequent first."""
    return dict(Counter(tensor.type for tensor in read(model)).most_common())


def weight_bytes(model: Path) -> int:
    """Bytes of all tensors, norms included: without metadata, tokenizer and padding."""
    return sum(tensor.n_bytes for tensor in read(model))


def bits_per_weight(model: Path) -> float:
    """Bits that a weight takes in the file, scales included, averaged over all tensors."""
    tensors = read(model)
    return 8 * sum(tensor.n_bytes for tensor in tensors) / sum(tensor.n_weights for tensor in tensors)
