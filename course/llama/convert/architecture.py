"""What differs between a model of transformers and the same in llama.cpp: names, the order of rows, rotations.

llama.cpp rotates neighbouring numbers of a head where transformers rotates its halves, so that rows of q and k are
reordered for Llama and Mistral. Its Llama knows no sliding window: the context is cut to the window, within which both
are the same. It composes no characters (Unicode's NFC) before it splits a text, as Qwen's tokenizers do: a letter and
its accent written as two characters are other tokens there.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from course.llama.errors import LlamaError
from course.llama.header import Header

if TYPE_CHECKING:
    import torch

ARCHITECTURES = {
    "LlamaForCausalLM": "llama",
    "MistralForCausalLM": "llama",
    "Qwen2ForCausalLM": "qwen2",
    "Qwen3ForCausalLM": "qwen3",
}
"""By transformers' class: llama.cpp's name."""

CLASSES = {"llama": "LlamaForCausalLM", "qwen2": "Qwen2ForCausalLM", "qwen3": "Qwen3ForCausalLM"}
"""By llama.cpp's name: the class of transformers that computes the same."""

HEAD, EMBEDDING = "lm_head.weight", "model.embed_tokens.weight"
FREQUENCY_FACTORS = "rope_freqs.weight"  # of llama.cpp: what each frequency is divided by (Llama 3.1 and later)


class ConvertError(LlamaError):
    """A model that cannot be converted: one line that says what of it."""


def model_class(kind: str) -> Any:
    """transformers' class of this name."""
    import transformers

    return getattr(transformers, kind)


def head_width(config: Any) -> int:
    """Numbers in a head."""
    return getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads


def llama_names(architecture: str, names: Iterable[str], n_layers: int) -> dict[str, str]:
    """By transformers' name of a tensor: llama.cpp's. Raises ConvertError for one that it has no name for."""
    import gguf

    known = gguf.get_tensor_name_map(gguf.MODEL_ARCH[architecture.upper()], n_layers)
    found = {}
    for name in names:
        theirs = known.get_name(name, try_suffixes=(".weight", ".bias"))
        if theirs is None:
            raise ConvertError(f"llama.cpp has no name for the tensor {name} in this architecture")
        found[name] = theirs
    return found


def heads_reordered(architecture: str, name: str, *, n_heads: int, n_kv_heads: int) -> int | None:
    """Heads of which llama.cpp has the rows in another order in this tensor of transformers; None where they stay."""
    return {"q_proj": n_heads, "k_proj": n_kv_heads}.get(name.split(".")[-2]) if architecture == "llama" else None


def interleaved(rows: "torch.Tensor", n_heads: int | None) -> "torch.Tensor":
    """Rows i and i + d/2 of each head as rows 2i and 2i + 1; None: as they are."""
    return rows if n_heads is None else rows.reshape(n_heads, 2, -1, *rows.shape[1:]).swapaxes(1, 2).reshape(rows.shape)


def halved(rows: "torch.Tensor", n_heads: int | None) -> "torch.Tensor":
    """`interleaved`, undone."""
    return rows if n_heads is None else rows.reshape(n_heads, -1, 2, *rows.shape[1:]).swapaxes(1, 2).reshape(rows.shape)


def frequencies(known: Header, file: Path) -> np.ndarray:
    """The angle by which llama.cpp rotates the pairs of a head's numbers from one token to the next, in radians."""
    said = known.of_architecture
    width = said.get("rope.dimension_count") or known.head_width
    angles = said.get("rope.freq_base", 10_000.0) ** (-np.arange(0, width, 2) / width)
    for one in known.tensors:
        if one.name == FREQUENCY_FACTORS:
            angles = angles / np.fromfile(file, np.float32, one.n_weights, offset=one.offset)
    return angles / said.get("rope.scaling.factor", 1)
