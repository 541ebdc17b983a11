"""The reference machine's run, all but its last steps: who is short of time goes on from there."""

from pathlib import Path

import numpy as np

from course import paths
from course.finetuning.folder import CHECKPOINT, FUNCTIONS
from course.finetuning.recipe import FinetuningError, Recipe

FILE = "finetuning/checkpoint.npz"  # A and B in 16 bits; of the optimizer nothing


def put(folder: Path, recipe: Recipe, *, file: Path | None = None) -> int:
    """Put the reference machine's checkpoint into an empty folder, from which run.train goes on; its steps.

    `file` is another checkpoint that `keep` wrote.
    Raises FinetuningError where a run is there already, or where the checkpoint is of another recipe.
    """
    from course.finetuning import training  # imports torch

    if (folder / CHECKPOINT).exists():
        raise FinetuningError(f"a run is in {folder.name}/ already: train goes on with it")
    with np.load(file or paths.datasets() / FILE) as kept:
        factors = {name: kept[name] for name in kept.files if name not in ("recipe", "losses")}
        made, losses = Recipe.of(str(kept["recipe"])), kept["losses"].tolist()
    if other := made.beside(recipe):
        raise FinetuningError(f"the checkpoint is of another recipe: {other}")
    folder.mkdir(parents=True, exist_ok=True)
    for name in FUNCTIONS.values():
        (folder / name).unlink(missing_ok=True)
    recipe.write(folder)
    training.write(folder, training.state_of(factors, losses))
    return len(losses)


def keep(folder: Path, target: Path) -> Path:
    """Write what `put` needs of the run in a folder to `target`."""
    from course.finetuning import training

    recipe = Recipe.read(folder)
    state = training.read(folder)
    target.parent.mkdir(parents=True, exist_ok=True)
    factors = {name: one.numpy().astype(np.float16) for name, one in state["trainable"].items()}
    with target.open("wb") as file:
        np.savez_compressed(file, recipe=recipe.text, losses=state["progress"]["losses"], **factors)
    return target
