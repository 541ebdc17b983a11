"""The box in which strangers' code runs: a forked, single-threaded process of Linux confines itself, without an exec.

    keeper          stays outside, ends everything that was started inside, passes on the exit status
    └─ confined     pid 1 of its own world; from the outside inwards:
       cgroup       memory and processes of the whole tree                  (where the machine lends one)
       namespaces   own file tree, processes, network, users, message queues (root, or user namespaces)
       rlimits      memory, time, files of each process
       landlock     which paths may be read or written, which signals sent
       seccomp      which system calls exist

Each layer is enough to stop most of what the others stop. Without namespaces, landlock and seccomp together take over:
files are distinguished by path, there is no network and no connecting to anybody's socket, and what the
kernel does not tell apart (the mode and the times of a file of the same user) cannot be changed at all.
"""

import sys

from course.grading.sandbox.policy import LAYERS, Limits, Policy, confine
from course.grading.sandbox.readable import runtime

if sys.platform == "linux":
    from course.grading.sandbox.entry import enter
    from course.grading.sandbox.limits import shortage
    from course.grading.sandbox.probing import probe
else:
    from course.grading.sandbox.elsewhere import enter, probe, shortage

__all__ = ["LAYERS", "Limits", "Policy", "confine", "enter", "is_supported", "probe", "runtime", "shortage"]


def is_supported() -> bool:
    """Whether this system can fork and confine processes at all: Linux. `probe` says what holds on this machine."""
    return sys.platform == "linux"
