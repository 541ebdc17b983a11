"""What a run is."""

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path

from course.finetuning import folder as files

ALL_LINEAR = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
LORA, PEFT, EVERYTHING = "lora", "peft", "everything"
FLOAT32, BFLOAT16, FASTER = "float32", "bfloat16", "faster"


class FinetuningError(ValueError):
    """A run that cannot be, or went wrong: one line that says why, and the way out."""


@dataclass(frozen=True)
class Recipe:
    """How to train. Raises FinetuningError for what cannot be.

    `trains` is LORA (our layers), PEFT (those of the package peft, begun alike) or EVERYTHING (all weights). A step
    sees `batch` examples of `length` tokens, `micro` at a time, whose gradients add up. The learning rate rises over
    `warmup` steps and falls by a cosine to a tenth. `numbers` are those of the products: FLOAT32, BFLOAT16, or the
    FASTER here; weights are float32 all the same. `seed` draws A and the order of the examples.
    """

    trains: str = LORA
    targets: tuple[str, ...] = ALL_LINEAR
    rank: int = 8
    alpha: float = 16.0
    steps: int = 60
    batch: int = 8
    micro: int = 2
    length: int = 64
    learning_rate: float = 2e-3
    warmup: int = 5
    numbers: str = FASTER
    seed: int = 0
    save_every: int = 5

    def __post_init__(self) -> None:
        for name in ("rank", "steps", "batch", "micro", "length", "warmup", "save_every"):
            if getattr(self, name) < 1:
                raise FinetuningError(f"{name} is {getattr(self, name)}: it is a whole number from 1")
        for name in ("alpha", "learning_rate"):
            if not 0 < getattr(self, name) < math.inf:
                raise FinetuningError(f"{name} is {getattr(self, name)}: it is a number above 0")
        for name, known in (("trains", (LORA, PEFT, EVERYTHING)), ("numbers", (FLOAT32, BFLOAT16, FASTER))):
            if getattr(self, name) not in known:
                raise FinetuningError(f"{name} is {getattr(self, name)!r}: it is one of {', '.join(known)}")
        if not self.targets:
            raise FinetuningError("targets is empty: name the modules that get an addition, such as q_proj")

    def rate(self, step: int) -> float:
        """The learning rate of step 0, 1, …"""
        rising = min(1.0, (step + 1) / self.warmup)
        return self.learning_rate * rising * max(0.1, (1 + math.cos(math.pi * step / self.steps)) / 2)

    def beside(self, other: "Recipe") -> str:
        """The first thing in which it differs from another: "rank 8, not 4". Nothing, if they are the same."""
        names = (name for name in vars(self) if getattr(self, name) != getattr(other, name))
        return next((f"{name} {getattr(self, name)}, not {getattr(other, name)}" for name in names), "")

    def write(self, folder: Path) -> None:
        """Keep it in a run's folder."""
        (folder / files.RECIPE).write_text(self.text, encoding="utf-8")

    @property
    def text(self) -> str:
        """The recipe as JSON."""
        return json.dumps(asdict(self), indent=1)

    @classmethod
    def of(cls, text: str) -> "Recipe":
        """The recipe in a text. Raises ValueError, TypeError or KeyError where it is none."""
        kept = json.loads(text)
        return cls(**{**kept, "targets": tuple(kept["targets"])})

    @classmethod
    def read(cls, folder: Path) -> "Recipe":
        """The recipe of a run's folder. Raises FinetuningError."""
        try:
            return cls.of((folder / files.RECIPE).read_text(encoding="utf-8"))
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise FinetuningError(f"{folder / files.RECIPE} is no recipe ({error}): name another folder") from None
