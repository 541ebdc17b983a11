"""The folders of a confined process: filled with what was handed in, given to the one who is to use them."""

import os
import shutil
from collections.abc import Iterable
from contextlib import suppress
from typing import NamedTuple

from course.grading.sandbox.policy import Policy


class Owner(NamedTuple):
    """Whom files are given to."""

    uid: int
    gid: int


def prepare(policy: Policy, owner: Owner | None) -> None:
    """Without a file tree of its own, a process works in fresh folders of its job."""
    if owner:
        os.chmod(policy.job, 0o711)
    for folder in (policy.workplace, policy.temporary):
        with suppress(FileNotFoundError):
            shutil.rmtree(folder)
        os.mkdir(folder, 0o700)
    stage(policy.files, policy.workplace)
    hand_over([policy.workplace, policy.temporary, *policy.shared], owner)
    os.chdir(policy.workplace)


def stage(files: str | None, target: str) -> None:
    """Copy what lies in `files`; a link stays a link, so that it means what it means inside."""
    if files is not None:
        shutil.copytree(files, target, symlinks=True, dirs_exist_ok=True, copy_function=shutil.copyfile)


def hand_over(folders: Iterable[str], owner: Owner | None) -> None:
    """Give `folders` and all that is in them to `owner` (nothing to do for None); never follows a link."""
    if owner is None:
        return
    for folder in folders:
        os.chown(folder, *owner)
        for _, folders_inside, files, here in os.fwalk(folder):
            for name in folders_inside + files:
                with suppress(FileNotFoundError):
                    os.chown(name, *owner, dir_fd=here, follow_symlinks=False)


def disk_used(folders: Iterable[str]) -> float:
    """Bytes on disk below `folders`; infinite if one of them cannot be looked into."""
    total = 0.0

    def unseen(error: OSError) -> None:
        nonlocal total
        if not isinstance(error, FileNotFoundError):
            total = float("inf")

    for folder in folders:
        for here, folders_inside, files in os.walk(folder, onerror=unseen):
            for name in folders_inside + files:
                with suppress(FileNotFoundError):
                    total += 512 * os.lstat(os.path.join(here, name)).st_blocks
    return total
