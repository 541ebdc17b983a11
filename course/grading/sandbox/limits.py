"""What each process gets: memory, time, files, processes of its user."""

import os
import resource
from pathlib import Path

from course.grading.sandbox.policy import Limits

_STACK = 64 << 20


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
