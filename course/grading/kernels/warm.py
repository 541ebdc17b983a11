"""The grader's end of the warm process: start it, ask it for forks, hold their leases."""

import contextlib
import json
import os
import select
import socket
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from course import paths
from course.grading import sandbox
from course.grading.kernels import template

# All that the warm process gets of the grader's environment: its forks can read its memory, tokens and passwords too.
_INHERITED = ("PATH", "HOME", "TMPDIR", "XDG_CACHE_HOME", "TWO_BILLS_CACHE")
PLACE = {"LANG": "C.UTF-8", "TZ": "UTC"}  # of every submission, wherever it is graded
START_S = 180
FORK_S = 30
BACKEND = "module://matplotlib_inline.backend_inline"  # matplotlib's, so that plots land in the notebook


class NoFork(Exception):
    """The warm process did not give what it was asked for."""


class Gone(NoFork):
    """The warm process is not there any more, or does not answer: another one may."""


class Child:
    """A confined process: `channel` is the line to it, `layers` what confines it. It ends with its lease."""

    def __init__(self, lease: socket.socket, channel: socket.socket, layers: list[str], owner: "Warm | None") -> None:
        self.lease, self.channel, self.layers = lease, channel, layers
        self._owner = owner
        self._exit: int | None = None
        lease.setblocking(False)

    def poll(self) -> int | None:
        """Its exit status; None while it runs."""
        if self._exit is None:
            try:
                said = self.lease.recv(4096)
                self._exit = json.loads(said)["exit"] if said else -9
            except BlockingIOError:
                return None
            except OSError:
                self._exit = -9
        return self._exit

    def interrupt(self) -> None:
        self._order(template.INTERRUPT)

    def kill(self) -> None:
        """End it and whatever it has started."""
        self._order(template.KILL)

    def close(self) -> None:
        """Give up the lease: it is killed if it still runs. Waits until it is gone."""
        self.kill()
        if self.poll() is None:
            select.select([self.lease], [], [], FORK_S)
        self.lease.close()
        self.channel.close()
        if self._owner:
            self._owner.close()

    def _order(self, order: bytes) -> None:
        if self.poll() is None:
            with contextlib.suppress(OSError):
                self.lease.send(order)


@dataclass
class Warm:
    """A running template process, and our line to it; `process` is None where another grader has started it."""

    control: socket.socket
    process: subprocess.Popen[bytes] | None
    hidden: tuple[str, ...] = ()
    is_ready: bool = True

    def wait(self) -> None:
        """Wait until it has imported all. Raises NoFork if its forks would not compute."""
        if self.is_ready:
            return
        self.control.settimeout(START_S)
        try:
            said = json.loads(self.control.recv(4096) or b"{}")
        except (OSError, ValueError):
            said = {}
        self.control.settimeout(None)
        if not said.get("healthy"):
            self.close()
            raise NoFork("a fork of the warm process does not compute")
        self.is_ready = True

    def fork(
        self,
        kind: str,
        policy: sandbox.Policy,
        env: Mapping[str, str],
        *,
        connection_file: str | None = None,
        listening: Sequence[socket.socket] = (),
        owned: bool = False,
    ) -> Child:
        """A kernel or a judge, confined by the policy. With `owned` the child ends this template as well.

        The child gets the sockets that are `listening`: whoever made them closes them here, to see when it is gone.
        """
        lease, its_lease = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        channel, its_channel = socket.socketpair()
        reading, writing = os.pipe()
        log = os.open(os.environ.get("TWO_BILLS_KERNEL_LOG", os.devnull), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        request: dict[str, object] = {
            "kind": kind,
            "policy": policy.to_json(),
            "env": dict(env),
            "connection_file": connection_file,
        }
        request["hidden"] = self.hidden
        try:
            passed = [its_lease.fileno(), log, writing, its_channel.fileno()]
            passed += [one.fileno() for one in listening]
            socket.send_fds(self.control, [json.dumps(request).encode()], passed)
        except OSError as gone:
            os.close(reading)
            lease.close()
            channel.close()
            raise Gone("the warm process is gone") from gone
        finally:
            os.close(log)
            os.close(writing)
            its_lease.close()
            its_channel.close()
        said = _status(reading)
        if "layers" not in said:
            lease.close()
            channel.close()
            raise NoFork(said["error"]) if said else Gone("the warm process did not answer")
        return Child(lease, channel, said["layers"], self if owned else None)

    @property
    def is_gone(self) -> bool:
        """Whether the other end of our line is closed."""
        try:
            return not self.control.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return False
        except OSError:
            return True

    def line(self) -> socket.socket:
        """Another line to the same process, for another worker."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        socket.send_fds(self.control, [json.dumps({"kind": "grader"}).encode()], [theirs.fileno()])
        theirs.close()
        return ours

    def close(self) -> None:
        """Hang up; the process ends itself and its forks when nobody is left. One that is not ready has no forks."""
        self.control.close()
        if self.process:
            if not self.is_ready:
                self.process.kill()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


@dataclass
class Template:
    """Who gives confined processes: a warm process, started anew when it has ended. Close it at the end.

    Where forks of a warm process do not compute, there is none, and each child gets a process of its own.
    """

    imports: tuple[str, ...]
    hidden: tuple[str, ...]
    _process: Warm | None

    @property
    def warm(self) -> Warm | None:
        """The warm process, once it is ready; None where there is none."""
        if self._process:
            try:
                self._process.wait()
            except NoFork:
                self._process = None
        return self._process

    @property
    def is_gone(self) -> bool:
        """Whether the warm process has ended, and with it whatever it had forked."""
        return self._process is not None and self._process.is_gone

    def fork(
        self,
        kind: str,
        policy: sandbox.Policy,
        env: Mapping[str, str],
        *,
        connection_file: str | None = None,
        listening: Sequence[socket.socket] = (),
    ) -> Child:
        """A kernel or a judge, confined by the policy. Raises NoFork."""

        def forked(by: Warm, *, owned: bool = False) -> Child:
            return by.fork(kind, policy, env, connection_file=connection_file, listening=listening, owned=owned)

        if self.warm is not None:
            try:
                return forked(self.warm)
            except Gone:
                self.warm.close()
                self._process = _started(self.imports, self.hidden)
        if self.warm is not None:
            return forked(self.warm)
        cold = _started([], self.hidden)
        cold.wait()
        return forked(cold, owned=True)

    def line(self) -> socket.socket | None:
        """A line to the warm process for another worker; None if that has to start one of its own."""
        try:
            return self.warm.line() if self.warm else None
        except OSError:
            return None

    def close(self) -> None:
        """End the warm process and all its forks."""
        if self._process is not None:
            self._process.close()


def start(imports: Iterable[str], *, hidden: Iterable[str] = (), line: socket.socket | None = None) -> Template:
    """A template whose warm process runs the import statements: one at the end of a `line`, or a new one.

    Nobody waits for the new one until a fork is needed.
    """
    needed, hides = tuple(imports), tuple(hidden)
    return Template(needed, hides, Warm(line, None, hides) if line else _started(needed, hides))


def threads() -> dict[str, str]:
    """The variable that says on how many threads a submission computes: one, unless the grader's environment says more.

    More rarely help what is graded, round sums otherwise, and wait for each other, spinning, beside other workers.
    Libraries read it when they are imported: it has to be there in the warm process as well as in its forks.
    """
    return {"OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1")}


def _started(imports: Iterable[str], hidden: tuple[str, ...]) -> Warm:
    control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    course = json.dumps({"imports": list(imports), "hidden": hidden})
    command = [sys.executable, "-m", "course.grading.kernels.template", str(theirs.fileno()), course]
    folders = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
    path = os.pathsep.join([str(paths.PACKAGE.parent), *map(os.path.abspath, folders)])
    env = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    env |= {"PYTHONPATH": path, "PYTHONSAFEPATH": "1", "MPLBACKEND": BACKEND, **PLACE, **threads()}
    process = subprocess.Popen(
        command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, env=env, cwd="/", umask=0o022
    )
    theirs.close()
    return Warm(control, process, hidden, is_ready=False)


def _status(reading: int) -> dict[str, Any]:
    """The line that the fork says of itself."""
    said = b""
    with os.fdopen(reading, "rb", buffering=0) as pipe:
        while not said.endswith(b"\n") and select.select([pipe], [], [], FORK_S)[0] and (part := pipe.read(65536)):
            said += part
    return json.loads(said) if said.endswith(b"\n") else {}
