"""The process that stays outside: it ends everything that was started inside, whatever happens to whom."""

import os
import select
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from course.grading.sandbox import syscalls

_WATCHED = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD}
_LOOK_EVERY_S = 0.5
_BROKEN = 70


@contextmanager
def attention() -> Iterator[None]:
    """Hold back the signals that a keeper acts on, until there is a process to act on."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # ignored, children would vanish with their status
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _WATCHED)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def split(*, has_own_processes: bool, is_too_much: Callable[[], bool], cleanup: Callable[[], None]) -> int:
    """Fork, and return in the child alone; the caller stays behind as its keeper. To be called with `attention`.

    The keeper hands SIGINT on. On SIGTERM, when the child ends or its own parent does, or when `is_too_much` says so,
    it kills all descendants, calls `cleanup` and exits with the child's status: 128 + signal if it was killed.
    A child that `has_own_processes` takes them with it; otherwise they are looked for. Returns the child's lifeline.
    """
    parent = os.getppid()
    syscalls.prctl("subreaper", syscalls.PR_SET_CHILD_SUBREAPER, 1)  # who is orphaned inside becomes the keeper's
    lifeline, held = os.pipe()
    child = os.fork()
    if not child:
        os.close(held)
        return lifeline
    status = _BROKEN
    try:
        os.close(lifeline)
        syscalls.prctl("pdeathsig", syscalls.PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            os.kill(os.getpid(), signal.SIGTERM)
        status = _keep(child, is_too_much, has_own_processes)
    finally:
        with suppress(OSError):
            cleanup()
        os._exit(status)


def die_with_keeper(lifeline: int, by: signal.Signals = signal.SIGKILL) -> None:
    """Be sent a signal when the keeper ends, or now if it has. A change of user makes the kernel forget this."""
    syscalls.prctl("pdeathsig", syscalls.PR_SET_PDEATHSIG, by)
    if select.select([lifeline], [], [], 0)[0]:
        os.kill(os.getpid(), by)
    os.close(lifeline)


def _keep(child: int, is_too_much: Callable[[], bool], has_own_processes: bool) -> int:
    """Wait for the end and see to it that it is one; the child's exit status."""
    next_look = time.monotonic() + _LOOK_EVERY_S
    while (status := _reap(child)) is None:
        arrived = signal.sigtimedwait(_WATCHED, max(0.0, next_look - time.monotonic()))
        number = arrived.si_signo if arrived else None
        if number == signal.SIGINT:
            os.kill(child, signal.SIGINT)
        is_over = number in (signal.SIGTERM, signal.SIGHUP)
        if time.monotonic() >= next_look:
            is_over |= is_too_much()
            next_look = time.monotonic() + _LOOK_EVERY_S
        if is_over:
            os.kill(child, signal.SIGKILL)
            status = os.waitpid(child, 0)[1]
            break
    if not has_own_processes:
        _enddescendants()
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


def _reap(child: int) -> int | None:
    """The child's status if it has ended; any other child that has ended is reaped, too."""
    while True:
        ended, status = os.waitpid(-1, os.WNOHANG)
        if ended == child:
            return status
        if not ended:
            return None


def _enddescendants() -> None:
    """Freeze, then kill: a frozen process forks no more, and still counts against the limit of who would replace it."""
    while True:
        frozen: set[int] = set()
        while new := descendants() - frozen:
            _signal(new, signal.SIGSTOP)
            frozen |= new
        _signal(frozen, signal.SIGKILL)
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:  # no child is left, so no grandchild is: it would have become ours
            return
        time.sleep(0.002)


def _signal(processes: set[int], number: signal.Signals) -> None:
    for process in processes:
        with suppress(ProcessLookupError):
            os.kill(process, number)


def descendants() -> set[int]:
    """All processes that this one started, and that those started."""
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            with suppress(OSError):
                stat = Path(f"/proc/{name}/stat").read_bytes()
                parent = int(stat[stat.rindex(b")") + 2 :].split()[1])
                children.setdefault(parent, []).append(int(name))  # zombies, too: their threads may be alive
    found: set[int] = set()
    todo = [os.getpid()]
    while todo:
        below = children.get(todo.pop(), [])
        found.update(below)
        todo += below
    return found
