"""Memory and processes of the whole tree, limited by a control group: a gift, where the machine lends one."""

import os
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from course.grading.sandbox.policy import Limits

_ROOT = Path("/sys/fs/cgroup")
_MEMBERSHIP = Path("/proc/self/cgroup")
_PREFIX = "two-bills-"


@dataclass(frozen=True)
class Group:
    """The folders of one group: one in version 2, one for each resource in version 1."""

    folders: tuple[Path, ...]

    def join(self) -> bool:
        """Put this process in; whether that worked."""
        try:
            for folder in self.folders:
                _write(folder / "cgroup.procs", os.getpid())
        except OSError:
            return False
        return True

    def remove(self) -> None:
        """Take the group away when all its processes have ended; the kernel takes a moment to notice that."""
        for folder in self.folders:
            for _ in range(50):
                try:
                    folder.rmdir()
                    break
                except FileNotFoundError:
                    break
                except OSError:
                    time.sleep(0.02)


def create(limits: Limits, *, root: Path = _ROOT, membership: Path = _MEMBERSHIP) -> Group | None:
    """A group below the one that `membership` says this process is in, or beside it; None where that is not allowed.

    What is written to its private file system counts as memory, too.
    """
    memory = limits.memory + limits.disk
    name = f"{_PREFIX}{os.getpid()}"
    try:
        own = _own(membership)
    except OSError:
        return None
    if "memory" in own and "pids" in own:
        settings = (
            (root / "memory" / own["memory"], {"memory.limit_in_bytes": memory}),
            (root / "pids" / own["pids"], {"pids.max": limits.processes}),
        )
        return _made(settings, name)
    if "" not in own:
        return None
    here = root / own[""]
    values = {"memory.max": memory, "pids.max": limits.processes}
    places = (here, here.parent) if own[""] else (here,)  # a group with processes in it may not lend to its children
    return next((group for place in places if (group := _made(((place, values),), name))), None)


def _own(membership: Path) -> dict[str, str]:
    """For each resource the group that this process is in; version 2's has the empty name."""
    lines = (line.split(":", 2) for line in membership.read_text().splitlines())
    return {resource: path.strip("/") for _, resources, path in lines for resource in resources.split(",")}


def _made(settings: tuple[tuple[Path, dict[str, int]], ...], name: str) -> Group | None:
    group = Group(tuple(place / name for place, _ in settings))
    for place, _ in settings:
        _sweep(place)
    try:
        for folder, (_, values) in zip(group.folders, settings, strict=True):
            folder.mkdir()
            for file, value in values.items():
                _write(folder / file, value)
    except OSError:
        group.remove()
        return None
    with suppress(OSError):  # no such file where the machine does not swap
        _write(group.folders[0] / "memory.swap.max", 0)
    return group


def _sweep(place: Path) -> None:
    """Take away the empty groups that killed keepers have left."""
    for folder in place.glob(f"{_PREFIX}*"):
        if not Path("/proc", folder.name.removeprefix(_PREFIX)).exists():
            with suppress(OSError):
                folder.rmdir()


def _write(path: Path, value: int) -> None:
    """As the kernel wants it: into a file that is there."""
    with open(os.open(path, os.O_WRONLY), "w") as file:
        file.write(str(value))
