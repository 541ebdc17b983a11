"""The training loop, and the checkpoints from which an interrupted run goes on as if it had not been."""

import math
import os
import pickle
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from course.finetuning import examples as examples_
from course.finetuning.examples import IGNORED, Example
from course.finetuning.folder import CHECKPOINT
from course.finetuning.recipe import BFLOAT16, EVERYTHING, FinetuningError, Recipe


@dataclass
class Progress:
    """What the steps so far have shown: of each its loss (nats a label); of those that were done here, the last ones,
    seconds and seconds of all processors.
    """

    losses: list[float] = field(default_factory=list)
    step_s: list[float] = field(default_factory=list)
    cpu_s: list[float] = field(default_factory=list)


class Training:
    """A model that is trained on examples, step by step; what is frozen stays so.

    `numbers` is FLOAT32 or BFLOAT16: the format in which products are computed.
    """

    def __init__(self, model: Any, examples: Sequence[Example], recipe: Recipe, *, numbers: str) -> None:
        self.model, self.recipe = model, recipe
        self.progress = Progress()
        self._examples, self._numbers = examples, numbers
        if recipe.trains == EVERYTHING:
            model.requires_grad_(True)
        self.trainable = {name: one for name, one in model.named_parameters() if one.requires_grad}
        self._optimizer = torch.optim.AdamW(self.trainable.values(), weight_decay=0.0)
        model.train()

    @property
    def n_trainable(self) -> int:
        return sum(one.numel() for one in self.trainable.values())

    @property
    def done(self) -> int:
        """Steps so far."""
        return len(self.progress.losses)

    def steps(self, until: int) -> Iterator[float]:
        """Train until so many steps are done; the loss of each. Raises FinetuningError where it is no number."""
        while self.done < until:
            began, used = time.perf_counter(), time.process_time()
            loss = self._step(self.done)
            if not math.isfinite(loss):
                raise FinetuningError(
                    f"the loss of step {self.done + 1} is {loss}: nothing is learnt from that. Lower the learning rate "
                    f"({self.recipe.learning_rate:g}), or look what lora_forward computes"
                )
            self.progress.losses.append(loss)
            self.progress.step_s.append(time.perf_counter() - began)
            self.progress.cpu_s.append(time.process_time() - used)
            yield loss

    def _step(self, step: int) -> float:
        """One step of the optimizer; the mean loss of the batch's labels before it."""
        chosen = examples_.batch_of(self._examples, step, self.recipe)
        ids, labels = torch.tensor([one.ids for one in chosen]), torch.tensor([one.labels for one in chosen])
        n_labels, total = int((labels != IGNORED).sum()), 0.0
        for some_ids, some_labels in zip(ids.split(self.recipe.micro), labels.split(self.recipe.micro), strict=True):
            with torch.autocast("cpu", torch.bfloat16, enabled=self._numbers == BFLOAT16):
                loss = loss_of(self.model, some_ids, some_labels) / n_labels
            loss.backward()
            total += loss.item()
        for group in self._optimizer.param_groups:
            group["lr"] = self.recipe.rate(step)
        if math.isfinite(total):
            self._optimizer.step()
        self._optimizer.zero_grad()
        return total

    def save(self, folder: Path) -> None:
        """Write a checkpoint; a process that dies meanwhile leaves the one before."""
        state = {
            "trainable": {name: one.detach() for name, one in self.trainable.items()},
            "optimizer": self._optimizer.state_dict(),
            "progress": vars(self.progress),
        }
        write(folder, state)

    def restore(self, folder: Path) -> None:
        """Go on from the folder's checkpoint, if it has one. Raises FinetuningError where it is damaged."""
        if not (folder / CHECKPOINT).exists():
            return
        state = read(folder)
        with torch.no_grad():
            for name, one in self.trainable.items():
                one.copy_(state["trainable"][name])
        if state["optimizer"]:
            self._optimizer.load_state_dict(state["optimizer"])
        self.progress = Progress(**state["progress"])


def loss_of(model: Any, ids: Tensor, labels: Tensor) -> Tensor:
    """The summed loss of the labels: logits are computed only where there is one."""
    hidden = model.model(ids, use_cache=False).last_hidden_state
    wanted = labels != IGNORED
    return F.cross_entropy(model.lm_head(hidden[wanted]).float(), labels[wanted], reduction="sum")


def state_of(factors: dict[str, np.ndarray], losses: list[float]) -> dict[str, Any]:
    """A checkpoint of what is known of a run; the optimizer begins anew."""
    trainable = {name: torch.from_numpy(one.astype(np.float32)) for name, one in factors.items()}
    return {"trainable": trainable, "optimizer": None, "progress": vars(Progress(losses))}


def write(folder: Path, state: dict[str, Any]) -> None:
    """Put a checkpoint into a folder, whole or not at all."""
    part = folder / f".{CHECKPOINT}.{os.getpid()}.tmp"
    try:
        with part.open("wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, folder / CHECKPOINT)
    finally:
        part.unlink(missing_ok=True)


def read(folder: Path) -> dict[str, Any]:
    """The checkpoint of a folder. Raises FinetuningError where it is damaged."""
    file = folder / CHECKPOINT
    try:
        return torch.load(file, weights_only=True)
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError, KeyError) as error:
        why = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise FinetuningError(f"{file} cannot be read ({why}): delete it to begin anew") from None
