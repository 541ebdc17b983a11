"""A tiny model that can be asked, and what somebody brings to train it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from course.finetuning.recipe import FLOAT32, Recipe
from course.llama.convert import gguf_file
from tests.finetuning import brought
from tests.llama import tiny_models
from tests.llama.conftest import smollm2_f16  # noqa: F401

TEMPLATE = "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}assistant: "
RECIPE = Recipe(rank=2, steps=6, batch=4, micro=2, length=200, learning_rate=5e-3, numbers=FLOAT32, save_every=2)


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tiny_models.save(tmp_path_factory.mktemp("tiny") / "llama")
    tiny_models.save_tokenizer(folder, chat_template=TEMPLATE)
    return gguf_file.convert(folder, folder.parent / "tiny.gguf", to="F32")


@pytest.fixture
def recipe() -> Recipe:
    return RECIPE


@pytest.fixture
def bringing(model: Path) -> dict[str, Any]:
    """What `run.train` is given."""
    functions = {"lora_forward": brought.lora_forward, "mask_prompt_labels": brought.mask_prompt_labels}
    return {"model": model, **functions, "n_threads": 1}


@pytest.fixture
def training(model: Path) -> Callable[..., Any]:
    """A training in this process, its layers attached."""
    from course.finetuning import examples, layers
    from course.finetuning.facts import FACTS
    from course.finetuning.training import Training
    from course.llama.convert.torch_model import torch_model

    def begun(recipe: Recipe = RECIPE, *, forward: Any = brought.lora_forward, labels: Any = None) -> Any:
        labels = labels or brought.mask_prompt_labels
        made = examples.made(FACTS, model=model, length=recipe.length, labels=labels)
        network = torch_model(model)
        if recipe.trains == "lora":
            layers.attach(network, recipe, forward=forward)
        if recipe.trains == "peft":
            network = layers.attach_peft(network, recipe)
        return Training(network, made, recipe, numbers=FLOAT32)

    return begun
