"""What the course knows of a model: its file, its size, its checksum, and the place it comes from."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

Report = Callable[[int, int], None]
"""Told the bytes so far and the bytes in all."""

Progress = Callable[[str, int, int], None]
"""Told the name of the model on its way, its bytes so far, and its bytes in all (0: not known)."""


class ModelError(Exception):
    """A model cannot be had: one line that says why and names the way out."""


class Source(Protocol):
    """Where a model's file comes from."""

    @property
    def label(self) -> str:
        """The place, in a phrase."""

    @property
    def extra_bytes(self) -> int:
        """Disk space taken on the way, beside the model's own."""

    def remedy(self, model: "Model") -> str:
        """What to do where the model's file is missing or corrupt, as the end of a sentence."""

    def write(self, target: Path, report: Report) -> None:
        """Make the file `target`, in a scratch folder of its own. Raises ModelError and OSError."""


@dataclass(frozen=True)
class Model:
    """One GGUF file, known by its size and SHA-256."""

    name: str
    title: str
    licence: str
    source: Source
    file: str
    size_bytes: int
    sha256: str
