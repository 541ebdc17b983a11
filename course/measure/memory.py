"""The most memory that this process has held so far. It never falls: what is compared is measured in a process each."""

import sys
from pathlib import Path

import psutil

_STATUS = Path("/proc/self/status")


def peak_bytes() -> int:
    """Bytes of memory at the most, mapped files included as far as they were read."""
    if _STATUS.exists():  # getrusage's figure begins with that of the process which started this one
        lines = _STATUS.read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))
    if sys.platform == "win32":
        return psutil.Process().memory_info().peak_wset
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # macOS: in bytes
