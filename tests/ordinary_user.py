"""Run a program as an ordinary user, without any capability, also where the tests run as root.

The interpreter of root may lie in a folder that is closed to others, such as /root. Root then goes to a mount namespace
of its own and covers each closed folder with an open one, in which only what the interpreter reads appears.
"""

import os
import stat
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from course.grading.sandbox import runtime, syscalls

UID = 54_321
CHECKOUT = Path(__file__).resolve().parents[1]

_NEWNS, _BIND, _RECURSIVE, _PRIVATE = 0x20000, 4096, 16384, 1 << 18


def run(program: str | Sequence[str], env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """The outcome of `program`, Python code or a command line, run in the checkout; it gets two minutes.

    `env` is added to the environment; imports are from the checkout.
    """
    argv = command([sys.executable, "-c", program] if isinstance(program, str) else program)
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT), "PYTHONDONTWRITEBYTECODE": "1", **(env or {})}
    return subprocess.run(argv, cwd=CHECKOUT, env=environment, capture_output=True, text=True, timeout=120, check=False)


def command(argv: Sequence[str]) -> list[str]:
    """The command line that runs `argv` as an ordinary user; to be started in the checkout, which it imports from."""
    return [sys.executable, "-m", "tests.ordinary_user", *argv] if os.geteuid() == 0 else list(argv)


def become() -> None:
    """Turn this process of root into an ordinary user's, who can read the interpreter and the checkout."""
    needed = {Path(path).resolve() for path in (*runtime(), str(CHECKOUT))}
    closed = {parent for path in needed for parent in path.parents if not parent.stat().st_mode & stat.S_IXOTH}
    if closed:
        syscalls.unshare(_NEWNS)
        syscalls.mount(None, "/", flags=_RECURSIVE | _PRIVATE)
    for folder in closed:
        if not any(parent in closed for parent in folder.parents):
            _open_up(folder, [path for path in needed if path.is_relative_to(folder)])
    os.setgroups([])
    os.setresgid(UID, UID, UID)
    os.setresuid(UID, UID, UID)


def _open_up(folder: Path, inside: list[Path]) -> None:
    """Cover `folder` with one that anybody may enter and that holds `inside` alone."""
    behind = {path: os.open(path, os.O_PATH) for path in sorted(inside)}
    syscalls.mount("tmpfs", str(folder), "tmpfs", options="size=1m,mode=755")
    for path, descriptor in behind.items():
        if not path.exists():
            path.mkdir(parents=True)
            syscalls.mount(f"/proc/self/fd/{descriptor}", str(path), flags=_BIND | _RECURSIVE)
        os.close(descriptor)


if __name__ == "__main__":
    become()
    os.execv(sys.argv[1], sys.argv[1:])
