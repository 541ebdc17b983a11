"""The warm process: it imports what a course needs once, then forks a confined kernel or judge for whoever asks.

    python -m course.grading.kernels.template FD '{"imports": ["import torch"], "hidden": ["gguf"]}'

FD is a socket to the grader. It imports, and computes nothing in parallel: a library that has started threads of its
own (torch after its first parallel product) hangs in every fork. A trial, forked before anybody is served, says whether
libraries still compute. A fork lives as long as its lease, a socket whose other end its owner holds.
"""

import contextlib
import gc
import io
import json
import os
import select
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from typing import Any

from course.grading.kernels import fork, sockets

INTERRUPT, KILL = b"I", b"K"
TRIAL_S = 10
MAX_REQUEST, MAX_FDS = 1 << 20, 16
_KERNEL_MODULES = (
    *("ipykernel.kernelapp", "ipykernel.ipkernel", "IPython.core.magics", "matplotlib_inline.backend_inline"),
    *("course.checking", "course.cohort", "course.lab", "course.grading.judge.agent", "course.grading.judge.judge"),
)


def main() -> None:
    control = socket.socket(fileno=int(sys.argv[1]))
    course = json.loads(sys.argv[2])
    prepare(course["imports"], hidden=course["hidden"])
    healthy = in_a_fork(_trial, seconds=TRIAL_S) is not None
    with contextlib.suppress(OSError):  # its grader is gone already
        control.send(json.dumps({"healthy": healthy}).encode())
    if healthy:
        Server(control).run()
    os._exit(0)  # an interpreter that takes down all that it has imported keeps its grader waiting


def prepare(imports: Iterable[str], *, hidden: Iterable[str] = ()) -> None:
    """Run the import statements, and import what a kernel imports when it starts, but none of the `hidden` packages."""
    sys.modules["debugpy"] = None  # type: ignore[assignment]  # a fifth of a second in every kernel, and no use here
    for package in hidden:
        sys.modules[package] = None  # type: ignore[assignment]
    for statement in (*(f"import {module}" for module in _KERNEL_MODULES), *imports):
        _import(statement)
    for module in in_a_fork(_scout, seconds=60) or []:
        _import(f"import {module}")
    with contextlib.suppress(Exception):
        _do_what_is_slow_the_first_time()
    gc.collect()
    gc.freeze()  # so that no fork writes to the pages of what was imported


def _import(statement: str) -> None:
    with contextlib.suppress(Exception):  # a notebook may import what is not installed here: its cell will say so
        exec(statement, {})


def _do_what_is_slow_the_first_time() -> None:
    """Read tables and the reference machine's records, draw a plot, format a traceback; start no thread."""
    from course import data, paths
    from course.measure import record

    record.read(paths.datasets() / "measured" / "reference_machine")
    for table in data.tables():
        data.load(table.name)
    if "matplotlib.pyplot" in sys.modules:
        _draw()
    _format_traceback()


def _draw() -> None:
    import matplotlib as mpl
    from matplotlib import pyplot as plt

    from course import plots

    with mpl.rc_context():
        plots.use_style()
        figure, axes = plt.subplots()
        axes.errorbar([1, 10], [1, 100], xerr=0.5, label="10³")
        axes.set(xscale="log", yscale="log", title="title", xlabel="x", ylabel="y")
        axes.annotate("text", (1, 1))
        axes.legend()
        figure.savefig(io.BytesIO(), format="png")
        plt.close(figure)


def _format_traceback() -> None:
    from IPython.core.ultratb import AutoFormattedTB

    try:
        raise NotImplementedError
    except NotImplementedError:
        AutoFormattedTB(mode="Context").structured_traceback(*sys.exc_info())


def _scout() -> list[str]:
    """The modules that a kernel imports on its way up."""
    before = set(sys.modules)
    with tempfile.TemporaryDirectory(prefix="course-", dir=sockets.folder()) as folder:
        fork.start_kernel(os.path.join(folder, "k.json"), "--IPKernelApp.transport=ipc", f"--IPKernelApp.ip={folder}/k")
    return sorted(name for name in sys.modules if name not in before and sys.modules[name] is not None)


def _trial() -> bool:
    """Whether the libraries still compute in a fork."""
    if "numpy" in sys.modules:
        import numpy as np

        np.ones((256, 256)) @ np.ones((256, 256))
    if "torch" in sys.modules:
        import torch

        torch.ones(512, 512) @ torch.ones(512, 512)
    return True


def in_a_fork(function: Callable[[], Any], *, seconds: int) -> Any:
    """What `function` returns in a fork of its own; None if it fails or does not return in time."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            signal.alarm(seconds)
            quiet = os.open(os.devnull, os.O_RDWR)
            os.dup2(quiet, 1)
            os.dup2(quiet, 2)
            os.write(writing, json.dumps(function()).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as answer:
        said = answer.read()
    os.waitpid(pid, 0)
    return json.loads(said) if said else None


class Server:
    """Forks on request, ends a fork when its lease ends, and everything when the last grader is gone."""

    def __init__(self, control: socket.socket) -> None:
        self._controls = {control.fileno(): control}
        self._leases: dict[int, socket.socket] = {}
        self._keepers: dict[int, int] = {}  # process id by the number of its lease
        self._poll = select.poll()
        self._wakeup, wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wake)
        for fd in (control.fileno(), self._wakeup):
            self._poll.register(fd, select.POLLIN)

    def run(self) -> None:
        """Serve until no grader is left."""
        while self._controls:
            for fd, _ in self._poll.poll():
                if fd == self._wakeup:
                    os.read(fd, 4096)
                elif fd in self._controls:
                    self._requested(self._controls[fd])
                elif fd in self._leases:
                    self._ordered(fd)
            self._reap()
        for pid in self._keepers.values():
            os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + 5
        while self._keepers and time.monotonic() < deadline:
            self._reap()
            time.sleep(0.01)

    def _requested(self, control: socket.socket) -> None:
        try:
            message, fds, _, _ = socket.recv_fds(control, MAX_REQUEST, MAX_FDS)
        except OSError:
            message, fds = b"", []
        if not message:
            self._poll.unregister(control.fileno())
            del self._controls[control.fileno()]
            control.close()
            return
        request = json.loads(message)
        if request["kind"] == "grader":  # another worker, with a line of its own
            other = socket.socket(fileno=fds[0])
            self._controls[other.fileno()] = other
            self._poll.register(other.fileno(), select.POLLIN)
            return
        lease, *passed = fds
        pid = os.fork()
        if pid == 0:
            fork.become(request, passed)
        for fd in passed:
            os.close(fd)
        self._leases[lease] = socket.socket(fileno=lease)
        self._keepers[lease] = pid
        self._poll.register(lease, select.POLLIN)

    def _ordered(self, lease: int) -> None:
        """An order of the fork's owner, or the end of the lease."""
        try:
            order = self._leases[lease].recv(1)
        except OSError:
            order = b""
        pid = self._keepers.get(lease)
        if pid is not None:
            os.kill(pid, signal.SIGINT if order == INTERRUPT else signal.SIGTERM)
        if not order:
            self._poll.unregister(lease)
            self._leases.pop(lease).close()

    def _reap(self) -> None:
        while self._keepers:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            for lease in [lease for lease, keeper in self._keepers.items() if keeper == pid]:
                del self._keepers[lease]
                if lease in self._leases:
                    with contextlib.suppress(OSError):
                        self._leases[lease].send(json.dumps({"exit": os.waitstatus_to_exitcode(status)}).encode())


if __name__ == "__main__":
    main()
