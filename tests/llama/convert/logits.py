"""Logits on one text, by llama.cpp and by transformers: what tests hold against each other."""

from pathlib import Path

import numpy as np
import torch
from transformers import AutoModelForCausalLM

from course.llama import session
from tests.llama import tiny_models

TOKENS = np.random.default_rng(0).integers(1, tiny_models.N_VOCAB - 4, 120, dtype=np.int32)
KINDS = {
    "Llama, untied, 2 heads share a key": ("Llama", {}),
    "Llama, tied, rows of 256": ("Llama", {"hidden_size": 256, "intermediate_size": 512, "tie_word_embeddings": True}),
    "Llama, biases": ("Llama", {"attention_bias": True, "mlp_bias": True}),
    "Llama, another base": ("Llama", {"rope_theta": 500_000.0}),
    "Llama 3.1's rotations": (
        "Llama",
        {
            "rope_scaling": {
                "rope_type": "llama3",
                "factor": 8.0,
                "low_freq_factor": 1.0,
                "high_freq_factor": 4.0,
                "original_max_position_embeddings": 32,
            }
        },
    ),
    "Llama, rotations slowed down": ("Llama", {"rope_scaling": {"rope_type": "linear", "factor": 4.0}}),
    "Mistral, wide heads": ("Mistral", {"head_dim": 32, "sliding_window": None}),
    "Mistral, tied, rows of 256": ("Mistral", {"hidden_size": 256, "tie_word_embeddings": True, "sliding_window": 128}),
    "Qwen2": ("Qwen2", {}),
    "Qwen3, tied": ("Qwen3", {"head_dim": 32, "tie_word_embeddings": True}),
}
"""Models of every kind that can be converted: by what is special, transformers' name and its options."""


def of_llama_cpp(file: Path, tokens: np.ndarray = TOKENS, *, adapter: Path | None = None) -> np.ndarray:
    n = len(tokens)
    with session.opened(file, n_context=n, n_threads=1, n_logits=n, exact=True, adapter=adapter) as running:
        running.feed(tokens, logits_for=slice(None))
        return running.logits(n).copy()


def of_torch(model: torch.nn.Module | Path, tokens: np.ndarray = TOKENS) -> np.ndarray:
    """Of a model, or of the one in a folder saved by transformers."""
    if isinstance(model, Path):
        model = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32)
    with torch.no_grad():
        return model(torch.from_numpy(tokens[None].astype(np.int64))).logits[0].numpy()
