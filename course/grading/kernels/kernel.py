"""A submission's kernel: its process, and the two of a Jupyter kernel's channels over which its cells are run.

    shell    a request to run a cell goes out; a reply comes when it has run
    iopub    between "busy" and "idle" comes what the cell shows

What comes is counted before it is parsed. Of what a cell shows a part is kept; a process that goes on is ended.
"""

import json
import select
import time

from nbformat import NotebookNode
from nbformat.v4 import new_output

from course.grading.judge.referee import Times, Wire
from course.grading.kernels import fork, messages, sockets, warm
from course.grading.kernels.job import Job
from course.grading.kernels.messages import Message, NoMessage
from course.grading.kernels.shown import Shown
from course.grading.kernels.zmtp import BadFrames, Channel, Closed

READY_S = 60
FLOOD = 64 << 20  # bytes of messages, after which the process is ended
LONGEST = 16 << 20  # bytes of a message
TIMEOUT = "CellTimeoutError"
_SERVE = "__import__('course.grading.judge.agent', fromlist=['serve']).serve()"
_SHELL, _IOPUB = 1, 2  # the numbers of their sockets
_NUMBERS = range(1, 6)
_CONNECTION = {
    **{"transport": "ipc", "key": "", "signature_scheme": "hmac-sha256"},
    **{"shell_port": _SHELL, "iopub_port": _IOPUB, "stdin_port": 3, "control_port": 4, "hb_port": 5},
}


class Died(Exception):
    """The kernel's process has ended; `verdict` is "crash" or "timeout".

    It is sudden if the process was not ended for what the running cell did: an earlier one may have ended it.
    """

    def __init__(self, message: str, *, verdict: str = "crash", is_sudden: bool = False) -> None:
        super().__init__(message)
        self.verdict, self.is_sudden = verdict, is_sudden


class Kernel:
    """One kernel process. Start it, have it run cells and answer a judge, close it."""

    def __init__(self, *, job: Job, template: warm.Template, times: Times) -> None:
        """Fork it. Raises NoFork."""
        self._times, self._shown = times, Shown()
        self._channels: dict[int, Channel] = {}
        self._n_bytes = 0  # that arrived since the last request
        self._doing = "it started"
        self._sockets = job.sockets()
        policy, file = job.kernel_policy(self._sockets), self._sockets / "kernel.json"
        file.write_text(json.dumps({**_CONNECTION, "ip": str(self._sockets / "k")}))
        file.chmod(0o644)
        listening = sockets.listening(self._sockets / "k", _NUMBERS)
        try:
            self.child = template.fork(
                fork.KERNEL, policy, job.environment(policy), connection_file=str(file), listening=listening
            )
        finally:
            for one in listening:
                one.close()
        self.wire = Wire(self.child.channel)
        self._poll = select.poll()
        self._poll.register(self.child.lease, select.POLLIN)

    def start(self) -> None:
        """Wait until it answers. Raises NoFork if it does not: no line of the submission has run in it."""
        try:
            self._begin()
        except Died as death:
            raise warm.NoFork(f"no confined kernel started: {death}") from death

    def _begin(self) -> None:
        until = time.monotonic() + READY_S
        self._connect(_IOPUB, "SUB", until)
        self._connect(_SHELL, "DEALER", until)
        while time.monotonic() < until:  # what it publishes before it knows who listens is lost: ask again
            asked, end = self._ask(*messages.information()), time.monotonic() + 1
            while received := self._received(end):
                if any(_is_idle(message, asked) for message in received):
                    return
                if any(message.kind == "kernel_info_reply" for message in received):
                    end = time.monotonic() + 0.05
        raise self._ended("the kernel did not start")

    def run(self, source: str, outputs: list[NotebookNode], *, until: float, late: str) -> int | None:
        """Run a cell, until then at most; what it shows is added to the outputs. Returns its number.

        A cell that takes longer is interrupted, and its outputs say why: `late`. Raises Died if the process ends.
        """
        if not source.strip():
            return None
        self._doing = "this cell was running"
        self._shown.begin(outputs)
        asked = self._ask(*messages.execution(source))
        number: int | None = None
        reply: Message | None = None
        is_idle = is_late = False
        while reply is None or not is_idle:
            for message in self._received(until):
                if message.request != asked:
                    continue
                if message.kind == "execute_reply":
                    reply, until = message, time.monotonic() + self._times.patience_s
                elif message.kind == "execute_input":
                    number = messages.number(message)
                elif _is_idle(message, asked):
                    is_idle = True
                else:
                    self._show(message)
            if time.monotonic() < until or (reply and is_idle):
                continue
            if reply:
                raise self._ended("what it showed did not arrive")
            if is_late:
                raise self._ended(f"{late}, and could not be interrupted", verdict="timeout")
            self.child.interrupt()
            is_late, until = True, time.monotonic() + self._times.patience_s
        if is_late:
            outputs.append(new_output("error", ename=TIMEOUT, evalue=late, traceback=[f"{TIMEOUT}: {late}"]))
        if messages.ends_kernel(reply):
            raise self._ended("it ended its process")
        return number

    def serve(self) -> str:
        """Let the process answer a judge, until it is dismissed; returns what `dismissed` needs. Raises Died."""
        self._doing = "a test was running"
        return self._ask(*messages.execution(_SERVE, silent=True))

    def dismissed(self, asked: str) -> None:
        """Wait until the process is a kernel again. Raises Died if it does not come back."""
        until = time.monotonic() + self._times.patience_s
        while received := self._received(until):
            if any(message.kind == "execute_reply" and message.request == asked for message in received):
                return
        raise self._ended("the process did not come back from a test", verdict="timeout")

    @property
    def has_ended(self) -> bool:
        """Whether its process is not there any more."""
        return self.child.poll() is not None

    def ends_within(self, seconds: float) -> bool:
        """Whether its process ends in that time, while nothing is asked of it."""
        select.select([self.child.lease], [], [], seconds)
        return self.has_ended

    def close(self) -> None:
        """End the process and all that it started."""
        for channel in self._channels.values():
            channel.close()
        self.child.close()

    def _connect(self, number: int, kind: str, until: float) -> None:
        """Connect to one of its sockets, as soon as it listens there."""
        while number not in self._channels:
            try:
                self._channels[number] = Channel(self._sockets / f"k-{number}", kind, longest=LONGEST, until=until)
            except Closed:
                if self.has_ended or time.monotonic() > until:
                    raise self._ended("the kernel did not start") from None
                time.sleep(0.002)
        self._poll.register(self._channels[number], select.POLLIN)

    def _ask(self, asked: str, frames: list[bytes]) -> str:
        """Send a request; its identity."""
        self._n_bytes = 0
        try:
            self._channels[_SHELL].send(frames, within_s=self._times.patience_s)
        except Closed:
            raise self._ended(f"the process ended while {self._doing}", is_sudden=True) from None
        return asked

    def _received(self, until: float) -> list[Message]:
        """The messages that arrive first; none if none does until then. Raises Died if the process ends."""
        while True:
            self._poll.poll(max(0.0, until - time.monotonic()) * 1000)
            found, is_closed = [], False
            for channel in self._channels.values():
                try:
                    found += [self._counted(parts) for parts in channel.receive()]
                except Closed:
                    is_closed = True
                except (BadFrames, NoMessage) as bad:
                    raise self._ended(f"what it sent cannot be read: {bad}") from None
            if found or time.monotonic() >= until:
                return found
            if is_closed or self.has_ended:
                raise self._ended(f"the process ended while {self._doing}", is_sudden=True)

    def _counted(self, parts: list[bytes]) -> Message:
        size = sum(map(len, parts))
        self._n_bytes += size
        if self._n_bytes > FLOOD:
            raise self._ended("it printed without end")
        return messages.parsed(parts, size)

    def _show(self, message: Message) -> None:
        try:
            self._shown.add(message)
        except NoMessage as bad:
            raise self._ended(f"what it sent cannot be read: {bad}") from None

    def _ended(self, message: str, *, verdict: str = "crash", is_sudden: bool = False) -> Died:
        """End the process; the reason, to be raised."""
        self.child.kill()
        return Died(message, verdict=verdict, is_sudden=is_sudden)


def _is_idle(message: Message, asked: str) -> bool:
    """Whether a kernel says that it has published all that belongs to a request."""
    is_status = message.kind == "status" and message.request == asked
    return is_status and message.content.get("execution_state") == "idle"
