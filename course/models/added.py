"""Models that a user added to the cache: a GGUF file each, and beside it a record of what it was made from."""

import json
import os
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from course.models import store
from course.models.model import ModelError


@dataclass(frozen=True)
class Added:
    """What is known of an added model."""

    name: str
    origin: str  # a path, or a repository of the hub
    revision: str | None  # the commit, where it came from the hub
    sources: dict[str, str]  # the files of weights that it was made from: SHA-256 of each
    converted_to: str | None  # the type asked for, where it was no GGUF file
    size_bytes: int
    sha256: str

    @property
    def file(self) -> Path:
        return _folder() / f"{self.name}.gguf"

    @property
    def state(self) -> Literal["ready", "missing", "corrupt"]:
        if not self.file.is_file():
            return "missing"
        whole = self.file.stat().st_size == self.size_bytes and store.sha256(self.file) == self.sha256
        return "ready" if whole else "corrupt"


def is_name(name: str) -> bool:
    """Whether a model can be added under this name: it names files, and no other folder."""
    return re.fullmatch(r"\w[\w.-]*", name) is not None


def find(name: str) -> Added | None:
    """What was added under this name. Raises ModelError for a record that cannot be read."""
    record = _record(name)
    if not is_name(name) or not record.is_file():
        return None
    try:
        return Added(**json.loads(record.read_text("utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise ModelError(f"{record} is broken ({error}): remove it, and fetch the model again") from error


def names() -> list[str]:
    """All that were added."""
    return sorted(record.stem for record in _folder().glob("*.json"))


def keep(part: Path, added: Added) -> Path:
    """Move the finished file `part` to its place, its record first. Returns the place."""
    _folder().mkdir(exist_ok=True)
    record = part.with_name("record")
    record.write_text(json.dumps(asdict(added), indent=1), "utf-8")
    os.replace(record, _record(added.name))
    os.replace(part, added.file)
    return added.file


def _record(name: str) -> Path:
    return _folder() / f"{name}.json"


def _folder() -> Path:
    return store.folder() / "added"
