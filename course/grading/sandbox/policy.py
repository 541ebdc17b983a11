"""What one confined process may see and use."""

from collections.abc import Collection
from dataclasses import asdict, dataclass
from typing import Any

LAYERS = ("namespaces", "landlock", "seccomp", "rlimits", "cgroup")


def confine(layers: Collection[str]) -> bool:
    """Whether these layers keep strangers' code from the machine's files and network."""
    return "namespaces" in layers or {"landlock", "seccomp"} <= set(layers)


@dataclass(frozen=True)
class Limits:
    """The most that one confined process gets: bytes, counts and seconds.

    `memory` comes on top of what the process had when it was confined; `disk` is the most that it writes in all, and
    the length of a file unless `file` says otherwise; `processes` counts threads, too.
    """

    memory: int = 2 << 30
    disk: int = 256 << 20
    file: int | None = None
    processes: int = 64
    cpu_s: int = 600
    open_files: int = 1024


@dataclass(frozen=True)
class Policy:
    """What one confined process may see and use; plain data.

    job       a folder on the host for this process alone; it exists, and the sandbox makes folders in it
    files     the folder whose content is copied into the working directory; None for an empty one
    shared    folders that it may write, at the same path inside
    readable  read-only, at the same path inside: interpreter, packages, data, models
    hidden    files and folders below `readable` that it cannot read
    layers    the ones to put on; `enter` raises OSError when one cannot be had (but for cgroup, which comes as a gift)
    """

    job: str
    files: str | None
    shared: tuple[str, ...] = ()
    readable: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()
    layers: tuple[str, ...] = LAYERS
    limits: Limits = Limits()

    @property
    def has_namespaces(self) -> bool:
        return "namespaces" in self.layers

    @property
    def workplace(self) -> str:
        """Its working directory, as it is called inside."""
        return "/submission" if self.has_namespaces else f"{self.job}/work"

    @property
    def temporary(self) -> str:
        """Its folder for temporary files, as it is called inside."""
        return "/tmp" if self.has_namespaces else f"{self.job}/tmp"

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Policy":
        fields: dict[str, Any] = {n: tuple(value) if isinstance(value, list) else value for n, value in data.items()}
        return cls(**(fields | {"limits": Limits(**data["limits"])}))
