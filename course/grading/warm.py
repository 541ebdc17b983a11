"""The grader's end of the warm process: start it, ask it for forks, hold their leases."""

import contextlib
import json
import os
import select
import socket
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from course.grading import sandbox, template
from course.grading.fork import THREADS

# All that the warm process gets of the grader's environment: its forks can read its memory, tokens and passwords too.
_INHERITED = ("PATH", "HOME", "TMPDIR", "LANG", "LC_ALL", "TZ", "XDG_CACHE_HOME", "TWO_BILLS_CACHE", THREADS)
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


class Template(Protocol):
    """Who gives confined processes."""

    def fork(
        self, kind: str, policy: sandbox.Policy, env: Mapping[str, str], *, connection_file: str | None = None
    ) -> Child:
        """A kernel or a judge, confined by the policy. Raises NoFork."""

    @property
    def is_gone(self) -> bool:
        """Whether it has ended, and with it whatever it had forked."""

    def close(self) -> None:
        """End it and all its forks."""


@dataclass
class Warm:
    """A running template process, and our line to it."""

    control: socket.socket
    process: subprocess.Popen[bytes] | None
    hidden: tuple[str, ...] = ()

    def fork(
        self,
        kind: str,
        policy: sandbox.Policy,
        env: Mapping[str, str],
        *,
        connection_file: str | None = None,
        owned: bool = False,
    ) -> Child:
        """A kernel or a judge, confined by the policy. With `owned` the child ends this template as well."""
        lease, its_lease = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        channel, its_channel = socket.socketpair()
        reading, writing = os.pipe()
        log = os.open(os.environ.get("TWO_BILLS_KERNEL_LOG", os.devnull), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        request: dict[str, object] = {
            "kind": kind,
            "policy": policy.as_json(),
            "env": dict(env),
            "connection_file": connection_file,
        }
        request["hidden"] = self.hidden
        try:
            passed = [its_lease.fileno(), log, writing, its_channel.fileno()]
            socket.send_fds(self.control, [json.dumps(request).encode()], passed)
        except OSError as gone:
            raise Gone("the warm process is gone") from gone
        finally:
            os.close(log)
            os.close(writing)
            its_lease.close()
            its_channel.close()
        said = _status(reading)
        if "error" in said:
            raise NoFork(said["error"])
        if not said:
            raise Gone("the warm process did not answer")
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
        """Hang up; the process ends itself and its forks when nobody is left."""
        self.control.close()
        if self.process:
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


@dataclass
class Cold:
    """Where forking from a warm process does not work: a fresh one for every child."""

    hidden: tuple[str, ...] = ()
    threads: int | None = None
    is_gone: bool = False

    def fork(
        self, kind: str, policy: sandbox.Policy, env: Mapping[str, str], *, connection_file: str | None = None
    ) -> Child:
        return _started([], self.hidden, self.threads).fork(
            kind, policy, env, connection_file=connection_file, owned=True
        )

    def close(self) -> None:
        pass


@dataclass
class Renewed:
    """A template that is started anew when it is gone: killed, or stopped."""

    imports: tuple[str, ...]
    hidden: tuple[str, ...]
    threads: int | None
    now: Template

    def fork(
        self, kind: str, policy: sandbox.Policy, env: Mapping[str, str], *, connection_file: str | None = None
    ) -> Child:
        try:
            return self.now.fork(kind, policy, env, connection_file=connection_file)
        except Gone:
            self.now.close()
            self.now = start(self.imports, hidden=self.hidden, threads=self.threads)
            return self.now.fork(kind, policy, env, connection_file=connection_file)

    def line(self) -> socket.socket | None:
        """A line for another worker; None if that has to start a warm process of its own."""
        try:
            return self.now.line() if isinstance(self.now, Warm) else None
        except OSError:
            return None

    @property
    def is_gone(self) -> bool:
        return self.now.is_gone

    def close(self) -> None:
        self.now.close()


def start(imports: Iterable[str], *, hidden: Iterable[str] = (), threads: int | None = None) -> Template:
    """A warm process that has run the import statements; a cold start for each child if its forks do not compute.

    Its forks compute on so many `threads`, or on as many as OMP_NUM_THREADS says in the grader's own environment.
    """
    try:
        return _started(imports, tuple(hidden), threads)
    except NoFork:
        return Cold(tuple(hidden), threads)


def _started(imports: Iterable[str], hidden: tuple[str, ...], threads: int | None) -> Warm:
    control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    course = json.dumps({"imports": list(imports), "hidden": hidden})
    command = [sys.executable, "-m", "course.grading.template", str(theirs.fileno()), course]
    package = str(Path(__file__).resolve().parents[2])
    path = os.pathsep.join(filter(None, [package, os.environ.get("PYTHONPATH")]))
    env = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    env |= {"PYTHONPATH": path, "PYTHONSAFEPATH": "1", "MPLBACKEND": BACKEND}
    if threads:
        env.setdefault(THREADS, str(threads))
    process = subprocess.Popen(command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, env=env)
    theirs.close()
    control.settimeout(START_S)
    try:
        said = json.loads(control.recv(4096) or b"{}")
    except (OSError, ValueError):
        said = {}
    control.settimeout(None)
    warm = Warm(control, process, hidden)
    if not said.get("healthy"):
        warm.close()
        raise NoFork("a fork of the warm process does not compute")
    return warm


def _status(reading: int) -> dict[str, Any]:
    """The line that the fork says of itself."""
    said = b""
    with os.fdopen(reading, "rb", buffering=0) as pipe:
        while not said.endswith(b"\n") and select.select([pipe], [], [], FORK_S)[0] and (part := pipe.read(65536)):
            said += part
    return json.loads(said) if said.endswith(b"\n") else {}
