"""Tiny models of random weights, saved by transformers with a byte-level BPE tokenizer: as from a hub, offline."""

from pathlib import Path
from typing import Any

import torch
import transformers
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from course.llama.convert import tokenizer

CORPUS = [
    "def mean(values):\n    return sum(values) / len(values)\n",
    "the cat sat on the mat, and it's 1234567 o'clock",
]
N_VOCAB = 320
PRE_TOKENIZERS = {
    "gpt-2": pre_tokenizers.ByteLevel(add_prefix_space=False),
    "smollm": pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    ),
    **{
        name: pre_tokenizers.Sequence(
            [
                pre_tokenizers.Split(Regex(regex), "isolated"),
                pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
            ]
        )
        for regex, name in tokenizer._SPLITS.items()
    },
}


def save_tokenizer(folder: Path, pre_tokenizer=PRE_TOKENIZERS["gpt-2"], **options) -> None:
    """Options: those of PreTrainedTokenizerFast."""
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer, bpe.decoder = pre_tokenizer, decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    bpe.train_from_iterator(
        CORPUS, trainers.BpeTrainer(vocab_size=N_VOCAB - 4, special_tokens=["<|end|>"], initial_alphabet=alphabet)
    )
    options = {"bos_token": "<|end|>", "eos_token": "<|end|>"} | options
    PreTrainedTokenizerFast(tokenizer_object=bpe, **options).save_pretrained(folder)


def save(
    folder: Path, kind: str = "Llama", *, dtype: torch.dtype = torch.float32, seed: int = 0, **options: Any
) -> Path:
    """A model of this kind, whose logits spread over several units and depend on every weight."""
    shape = {
        "vocab_size": N_VOCAB,
        "hidden_size": 64,
        "intermediate_size": 96,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 256,
        "bos_token_id": 0,
        "eos_token_id": 0,
    }
    config = getattr(transformers, f"{kind}Config")(**(shape | options))
    torch.manual_seed(seed)
    model = getattr(transformers, f"{kind}ForCausalLM")(config).to(dtype)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            wide = 1 if name.endswith("norm.weight") else 0
            parameter.copy_(wide + torch.randn(parameter.shape) * (0.2 if parameter.ndim == 1 else 0.15))
    model.save_pretrained(folder)
    save_tokenizer(folder)
    return folder
