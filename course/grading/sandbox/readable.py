"""What an interpreter reads to run the course's code."""

import os
import sys

from course.paths import PACKAGE, datasets

_SYSTEM = (
    *("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/nix/store"),
    *("/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/ld.so.preload", "/etc/alternatives"),
    *("/etc/localtime", "/etc/timezone", "/etc/fonts", "/etc/mime.types", "/etc/os-release"),
    *("/sys/devices/system/cpu", "/sys/devices/system/node"),
)


def runtime() -> tuple[str, ...]:
    """Readable paths of this interpreter: the system's libraries, Python, the packages, the course's package and data.

    Not the course's checkout: solutions and tests lie there. Links are kept as they are called and followed.
    """
    packages = [path for path in sys.path if os.path.basename(path) in ("site-packages", "dist-packages")]
    interpreter = (sys.prefix, sys.exec_prefix, sys.base_prefix, sys.base_exec_prefix, *packages)
    wanted = (*_SYSTEM, *interpreter, str(PACKAGE), str(datasets()))
    return tuple(path for path in dict.fromkeys(map(os.path.abspath, wanted)) if os.path.exists(path))
