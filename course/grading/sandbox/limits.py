"""What each process gets: memory, time, files, processes of its user."""

import os
import resource
from pathlib import Path

from course.grading.sandbox.policy import Limits

_STACK = 64 << 20
_ADDRESSES = 8 << 30  # bytes that Python and torch map and do not fill
_NAMES = {
    resource.RLIMIT_NOFILE: ("open files", "ulimit -n"),
    resource.RLIMIT_NPROC: ("processes", "ulimit -u"),
    resource.RLIMIT_DATA: ("bytes of data", "ulimit -d"),
    resource.RLIMIT_AS: ("bytes of address space", "ulimit -v"),
    resource.RLIMIT_FSIZE: ("bytes of a file", "ulimit -f"),
    resource.RLIMIT_CPU: ("seconds of a processor", "ulimit -t"),
}


def shortage(limits: Limits) -> str:
    """What this process may have less of than each submission is to get, and how to allow it; empty if there is none.

    A limit that this process may raise by itself is raised.
    """
    needed = {
        resource.RLIMIT_NOFILE: limits.open_files,
        resource.RLIMIT_NPROC: limits.processes,
        resource.RLIMIT_DATA: limits.memory,
        resource.RLIMIT_AS: limits.memory + _ADDRESSES,
        resource.RLIMIT_FSIZE: limits.disk,
        resource.RLIMIT_CPU: limits.cpu_s,
    }
    short = []
    for kind, most in needed.items():
        if (allowed := _raised(kind, most)) < most:
            what, command = _NAMES[kind]
            remedy = f"`{command} {_as_asked(kind, most)}`"
            short.append(f"{what} ({allowed}, and a submission gets up to {most}: {remedy})")
    return f"this machine allows too few {'; '.join(short)}" if short else ""


def _raised(kind: int, most: int) -> float:
    """The hard limit, raised to `most` if this process may, with the soft limit raised to it; infinite for none."""
    _, hard = resource.getrlimit(kind)
    if hard != resource.RLIM_INFINITY and hard < most:
        try:
            resource.setrlimit(kind, (most, most))
        except (OSError, ValueError):
            return hard
        return most
    resource.setrlimit(kind, (hard, hard))
    return float("inf") if hard == resource.RLIM_INFINITY else hard


def _as_asked(kind: int, most: int) -> int:
    """In the shell's unit: kibibytes, or as it is."""
    return most if kind in (resource.RLIMIT_NOFILE, resource.RLIMIT_NPROC, resource.RLIMIT_CPU) else most >> 10


def put_on(limits: Limits, *, running: int) -> None:
    """Limit this process and those it starts; its user has `running` processes elsewhere that count, too."""
    for kind, most in (
        (resource.RLIMIT_DATA, _data() + limits.memory),  # address space would not do: torch maps far more than it uses
        (resource.RLIMIT_FSIZE, limits.disk if limits.file is None else limits.file),
        (resource.RLIMIT_CPU, limits.cpu_s),
        (resource.RLIMIT_NOFILE, limits.open_files),
        (resource.RLIMIT_NPROC, running + limits.processes),
        (resource.RLIMIT_STACK, _STACK),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(kind)
        value = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (value, value))


def running(uid: int) -> int:
    """The threads of a user, as the kernel counts them against the limit."""
    total = 0
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                lines = Path(f"/proc/{name}/status").read_text().splitlines()
            except OSError:  # it has ended
                continue
            status = dict(line.split(":", 1) for line in lines if ":" in line)
            if int(status["Uid"].split()[0]) == uid:
                total += int(status.get("Threads", "1"))
    return total


def _data() -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmData")).split()[1]) << 10
