"""Where sockets lie: a system takes 107 bytes of their paths (unix(7)), and a user's TMPDIR may be longer."""

import os
import sys
import tempfile

_LONGEST = 60  # bytes of a folder's path: below it stand a job, a process and a socket
_NOT_IN = ("/usr", "/lib", "/bin", "/etc", "/opt", "/sys", sys.prefix, sys.base_prefix)  # a box shows them, or may
_SHORT = ("/tmp", "/var/tmp", "/dev/shm")


def folder() -> str:
    """The folder for temporary files; if its path is too long, or lies where a box shows it, another one."""
    usual = tempfile.gettempdir()
    for place in (usual, *_SHORT):
        is_apart = not any(f"{os.path.realpath(place)}/".startswith(f"{shown}/") for shown in _NOT_IN)
        if is_apart and len(os.fsencode(place)) <= _LONGEST and os.access(place, os.W_OK | os.X_OK):
            return place
    return usual
