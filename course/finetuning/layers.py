"""Linear layers with a low-rank addition in the place of a model's own. What they compute, whoever attaches them says.

A is random and B is zero at first: the model begins as it was, and learns, since B's gradient is not zero.
"""

import math
from typing import Any

import torch
from torch import Tensor, nn

from course.finetuning.handed import Forward
from course.finetuning.recipe import FLOAT32, FinetuningError, Recipe


class LowRank(nn.Module):
    """A frozen matrix (out, in) with the factors A (r, in) and B (out, r)."""

    def __init__(self, weight: Tensor, a: Tensor, *, alpha: float, forward: Forward) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight, requires_grad=False)
        self.a = nn.Parameter(a)
        self.b = nn.Parameter(a.new_zeros(len(weight), len(a)))
        self._alpha, self._forward = alpha, forward

    def forward(self, x: Tensor) -> Tensor:
        return self._forward(x, self.weight, self.a, self.b, self._alpha)


def attach(model: nn.Module, recipe: Recipe, *, forward: Forward, numbers: str = FLOAT32) -> None:
    """Freeze the model, and put a LowRank in the place of each linear layer that the recipe names.

    Their matrices are kept in `numbers`, in which they are multiplied.
    """
    model.requires_grad_(False)
    for name, a in factors(model, recipe).items():
        parent, _, child = name.rpartition(".")
        weight = model.get_parameter(f"{name}.weight").to(getattr(torch, numbers))
        setattr(model.get_submodule(parent), child, LowRank(weight, a, alpha=recipe.alpha, forward=forward))


def attach_peft(model: Any, recipe: Recipe) -> Any:
    """The model with peft's layers, which begin with the same A. Raises FinetuningError where peft is not installed."""
    try:
        from peft import LoraConfig, get_peft_model
    except ImportError:
        raise FinetuningError("peft is not installed here: pip install peft") from None

    drawn = factors(model, recipe)
    config = LoraConfig(r=recipe.rank, lora_alpha=int(recipe.alpha), target_modules=list(drawn), task_type="CAUSAL_LM")
    wrapped = get_peft_model(model, config)
    with torch.no_grad():
        for name, a in drawn.items():
            model.get_submodule(name).lora_A["default"].weight.copy_(a)
    return wrapped.base_model.model


def factors(model: nn.Module, recipe: Recipe) -> dict[str, Tensor]:
    """By the name of each layer that gets an addition: its A, drawn by the recipe's seed. Raises FinetuningError."""
    generator = torch.Generator().manual_seed(recipe.seed)
    drawn = {}
    for name, layer in model.named_modules():
        if name.rpartition(".")[2] in recipe.targets and isinstance(layer, nn.Linear):
            shape = recipe.rank, layer.in_features
            a = torch.randn(shape, generator=generator) / math.sqrt(layer.in_features)
            drawn[name] = a.to(layer.weight.device)
    if not drawn:
        raise FinetuningError(f"the model has no linear layer called {' or '.join(recipe.targets)}")
    return drawn


def pairs(model: nn.Module) -> dict[str, tuple[Tensor, Tensor]]:
    """By the layer's name: its A and B."""
    return {name: (one.a, one.b) for name, one in model.named_modules() if isinstance(one, LowRank)}


def fill(model: nn.Module, found: dict[str, tuple[Tensor, Tensor]]) -> None:
    """Set A and B of the layers, by their names."""
    with torch.no_grad():
        for name, own in pairs(model).items():
            for factor, value in zip(own, found[name], strict=True):
                factor.copy_(value)
