"""Which layers this machine has, found out by putting them on."""

import os
import shutil
import tempfile
from collections.abc import Iterable

from course.grading.sandbox.entry import enter
from course.grading.sandbox.policy import LAYERS, Policy
from course.grading.sandbox.readable import runtime


def probe(wanted: Iterable[str] = LAYERS) -> tuple[str, ...]:
    """Those of `wanted` that hold on this machine, each tried in a fork of its own. Never raises."""
    return tuple(layer for layer in LAYERS if layer in wanted and _holds(layer))


def _holds(layer: str) -> bool:
    try:
        job = tempfile.mkdtemp(prefix="probe-")
        try:
            return _tries(Policy(job, None, readable=runtime(), layers=(layer,)))
        finally:
            shutil.rmtree(job, ignore_errors=True)
    except OSError:
        return False


def _tries(policy: Policy) -> bool:
    trial = os.fork()
    if trial:
        return os.waitstatus_to_exitcode(os.waitpid(trial, 0)[1]) == 0
    status = 1
    try:
        status = 0 if enter(policy) == list(policy.layers) else 1
    finally:
        os._exit(status)
