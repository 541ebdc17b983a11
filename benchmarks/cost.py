"""What commands cost: wall and CPU seconds with all that they start, and the memory of it all."""

import contextlib
import os
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

EVERY_S = 0.1


class Failed(RuntimeError):
    """A command that was measured did not do its work; the end of what it wrote is the message."""


@dataclass(frozen=True)
class Cost:
    """Seconds of commands that ran at once: on the wall and on all processors; the machine's load as they began."""

    wall_s: float
    cpu_s: float
    load: float
    output: str  # of the first


def of(commands: Sequence[Sequence[str]], *, cwd: Path, env: dict[str, str] | None = None) -> Cost:
    """Run the commands at once and wait for them. Raises Failed if one does."""
    load = os.getloadavg()[0]
    with contextlib.ExitStack() as opened:
        outputs = [opened.enter_context(tempfile.TemporaryFile("w+")) for _ in commands]
        errors = [opened.enter_context(tempfile.TemporaryFile("w+")) for _ in commands]
        began, cpu_s = time.monotonic(), 0.0
        started = [
            subprocess.Popen(command, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=out, stderr=err)
            for command, out, err in zip(commands, outputs, errors, strict=True)
        ]
        for process in started:
            _, status, usage = os.wait4(process.pid, 0)  # what it has waited for is in it
            process.returncode = os.waitstatus_to_exitcode(status)
            cpu_s += usage.ru_utime + usage.ru_stime
        wall_s = time.monotonic() - began
        for process, out, err in zip(started, outputs, errors, strict=True):
            out.seek(0)
            err.seek(0)
            if process.returncode:
                said = (err.read() or out.read())[-2000:]
                raise Failed(f"{process.args!r} ended with exit code {process.returncode}: {said}")
        return Cost(wall_s, cpu_s, load, outputs[0].read())


def peak_mib(commands: Sequence[Sequence[str]], *, cwd: Path, env: dict[str, str] | None = None) -> float:
    """The most memory that the commands and all that they start hold at a time, in MiB; shared pages count once."""
    quiet = subprocess.DEVNULL
    started = [psutil.Popen(command, cwd=cwd, env=env, stdin=quiet, stdout=quiet, stderr=quiet) for command in commands]
    most = 0.0
    while any(process.poll() is None for process in started):
        most = max(most, sum(tree_mib(process) for process in started if process.is_running()))
        time.sleep(EVERY_S)
    return most


def tree_mib(process: psutil.Process) -> float:
    """The proportional share (PSS) of a process and its descendants, in MiB."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return sum(mib(one, "pss") for one in (process, *process.children(recursive=True)))
    return 0.0


def mib(process: psutil.Process, kind: str) -> float:
    """A process's memory in MiB: "pss" shares pages fairly, "uss" is what is its own alone, "rss" is all it sees."""
    with contextlib.suppress(psutil.Error, OSError):
        return float(getattr(process.memory_full_info(), kind)) / 2**20
    return 0.0


def watched(command: Sequence[str], *, cwd: Path, allowed: Sequence[int] = (0,)) -> tuple[float, float, str]:
    """Run a command: its seconds, the most memory that it and all it starts hold (MiB), and what it wrote to stdout.

    Raises Failed where its exit code is not allowed.
    """
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        began, most = time.monotonic(), 0.0
        process = psutil.Popen(command, cwd=cwd, stdin=subprocess.DEVNULL, stdout=out, stderr=err)
        while process.poll() is None:
            most = max(most, tree_mib(process))
            time.sleep(EVERY_S)
        wall_s = time.monotonic() - began
        out.seek(0)
        err.seek(0)
        if process.returncode not in allowed:
            raise Failed(f"{command!r} ended with exit code {process.returncode}: {err.read()[-2000:]}")
        return wall_s, most, out.read()
