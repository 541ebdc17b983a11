"""LoRA adapters for tiny models: random ones, and one of fixed numbers that llama.cpp's converter was given as well."""

from pathlib import Path

import torch
from transformers import AutoModelForCausalLM

from course.llama.convert import Lora

PARTS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


def modules(model: torch.nn.Module) -> dict[str, torch.nn.Linear]:
    """The matrices that an adapter changes, by name."""
    return {name: one for name, one in model.named_modules() if name.rpartition(".")[2] in PARTS}


def random(model: torch.nn.Module, *, rank: int = 4, alpha: float = 6.0, size: float = 0.2) -> Lora:
    """An adapter that changes every matrix of a block by about as much as there is."""
    draw = torch.Generator().manual_seed(1)
    pairs = {}
    for name, one in modules(model).items():
        a = torch.randn(rank, one.in_features, generator=draw) * size
        pairs[name] = a, torch.randn(one.out_features, rank, generator=draw) * size
    return Lora(pairs, alpha)


def fixed(model: torch.nn.Module, *, rank: int = 4, alpha: float = 6.0) -> Lora:
    """An adapter of numbers that are the same everywhere: multiples of 1/64, no two rows alike."""

    def numbers(rows: int, columns: int, seed: int) -> torch.Tensor:
        counted = torch.arange(rows * columns, dtype=torch.int64)
        return ((counted * 7919 + seed * 104_729) % 257 - 128).reshape(rows, columns) / 64

    pairs = {}
    for seed, (name, one) in enumerate(modules(model).items()):
        pairs[name] = numbers(rank, one.in_features, seed), numbers(one.out_features, rank, seed + 1000)
    return Lora(pairs, alpha)


def added(model: torch.nn.Module, lora: Lora) -> torch.nn.Module:
    """The model with the adapter in its weights."""
    with torch.no_grad():
        for name, one in modules(model).items():
            a, b = lora.pairs[name]
            one.weight += lora.alpha / len(a) * (b @ a)
    return model


def loaded(folder: Path) -> torch.nn.Module:
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
