"""Between a judge and a submission: passes their calls on, keeps the time, and outlives both.

It reads no value: only which call is answered. A submission can speak only while it is asked; an answer to another
call, or one that comes too late, is dropped.
"""

import json
import select
import socket
import time
from dataclasses import dataclass, field
from typing import Any

from course.grading.peer import ANSWER, CALL, END, HEADER, LAB, MAX_FRAME, NAME, TEST, VERDICT
from course.grading.warm import Child

MAX_TRAFFIC = 1 << 30  # bytes of one test


@dataclass(frozen=True)
class Times:
    """Limits in seconds: of a cell or test, of one call of a test, of a notebook; patience after an interrupt."""

    cell_s: float = 60
    call_s: float = 20
    total_s: float = 600
    patience_s: float = 3


class Broken(Exception):
    """A side hung up, or did not keep to the rules of the line."""


@dataclass
class Wire:
    """The frames of one side, read and written without waiting for ever."""

    channel: socket.socket
    _buffer: bytearray = field(default_factory=bytearray)

    def send(self, kind: bytes, number: int, body: bytes, *, until: float) -> None:
        """Send a frame. Raises Broken if nobody reads it in time."""
        self.channel.settimeout(max(0.01, until - time.monotonic()))
        try:
            self.channel.sendall(HEADER.pack(kind, len(body), number) + body)
        except OSError as gone:
            raise Broken("it does not listen") from gone
        finally:
            self.channel.setblocking(False)

    def frames(self) -> list[tuple[bytes, int, bytes]]:
        """(kind, number, body) of what has arrived whole. Raises Broken at the end of the line."""
        self.channel.setblocking(False)
        try:
            while part := self.channel.recv(1 << 20):
                self._buffer += part
                if len(self._buffer) > MAX_FRAME:
                    break
            else:
                raise Broken("it hung up")
        except BlockingIOError:
            pass
        except OSError as gone:
            raise Broken("it hung up") from gone
        return self._whole()

    def _whole(self) -> list[tuple[bytes, int, bytes]]:
        found = []
        while len(self._buffer) >= HEADER.size:
            kind, size, number = HEADER.unpack_from(self._buffer)
            if size > MAX_FRAME - HEADER.size:
                raise Broken("it sent too much at once")
            if len(self._buffer) < HEADER.size + size:
                break
            found.append((kind, number, bytes(self._buffer[HEADER.size : HEADER.size + size])))
            del self._buffer[: HEADER.size + size]
        return found


class Referee:
    """Holds one judge, and lets it hear a submission test by test."""

    def __init__(self, judge: Child, cells: list[list[str]], *, times: Times) -> None:
        self.judge, self._times = judge, times
        self._bench = Wire(judge.channel)
        self._bench.send(LAB, 0, json.dumps(cells).encode(), until=time.monotonic() + times.cell_s)
        self.is_lost = False

    def hear(self, name: str, source: str, submission: Child, stand: Wire) -> dict[str, Any]:
        """The verdict of a test: {"passed", "verdict", "misconception", "message"}; `stand` is the other line."""
        trial = _Trial(self._bench, stand, submission, self._times)
        try:
            return trial.run(name, source)
        except Broken as fault:
            self.is_lost = True
            self.judge.kill()
            trial.dismiss()
            verdict = {"passed": False, "message": f"the test could not be finished: {fault}"}
            return verdict | ({"verdict": "timeout"} if trial.is_late else {"verdict": "crash", "judge_lost": True})


class _Trial:
    """One test: which calls wait for an answer, innermost last, and until when."""

    def __init__(self, bench: Wire, stand: Wire, submission: Child, times: Times) -> None:
        self._bench, self._stand, self._submission, self._times = bench, stand, submission, times
        self._waiting: list[tuple[Wire, int]] = []  # (who has to answer, number of the call)
        self._end = time.monotonic() + times.cell_s
        self._call_end = self._end
        self._gone = submission.poll() is not None
        self._traffic = 0

    @property
    def is_late(self) -> bool:
        return time.monotonic() >= self._end

    def run(self, name: str, source: str) -> dict[str, Any]:
        body = json.dumps({"name": name, "source": source}).encode()
        self._bench.send(TEST, 0, body, until=self._end)
        while True:
            for wire in self._ready():
                if wire is self._bench:
                    for kind, number, body in self._bench.frames():
                        if kind == VERDICT:
                            self.dismiss()
                            return json.loads(body)
                        self._from_bench(kind, number, body)
                else:
                    self._hear_stand()

    def _ready(self) -> list[Wire]:
        """Who has said something; deals with a call that takes too long."""
        listening = {self._bench.channel: self._bench}
        if not self._gone:
            listening[self._stand.channel] = self._stand
        end = min(self._end, self._call_end if self._asked() else self._end)
        ready, _, _ = select.select(list(listening), [], [], max(0.0, end - time.monotonic()))
        if self.is_late:
            raise Broken("it took too long")
        if not ready and self._asked():
            self._give_up()
        return [listening[channel] for channel in ready]

    def _asked(self) -> bool:
        """Whether the submission is the one that has to answer."""
        return bool(self._waiting) and self._waiting[-1][0] is self._stand

    def _from_bench(self, kind: bytes, number: int, body: bytes) -> None:
        if kind in (CALL, NAME):
            if not self._waiting:
                self._call_end = time.monotonic() + self._times.call_s
            self._waiting.append((self._stand, number))
            if self._gone:
                self._lose("crash", "the submission's process has ended")
                return
        elif kind == ANSWER and self._waiting and self._waiting[-1] == (self._bench, number):
            self._waiting.pop()
        else:
            return
        self._to_stand(kind, number, body)

    def _to_stand(self, kind: bytes, number: int, body: bytes) -> None:
        try:
            self._stand.send(kind, number, body, until=min(self._end, time.monotonic() + self._times.call_s))
        except Broken:
            self._crashed()

    def _hear_stand(self) -> None:
        try:
            frames = self._stand.frames()
        except Broken:
            self._crashed()
            return
        for kind, number, body in frames:
            self._traffic += len(body)
            if self._traffic > MAX_TRAFFIC:
                self._crashed()
                return
            if not self._asked():
                continue  # it speaks out of turn
            if kind == ANSWER and self._waiting[-1] == (self._stand, number):
                self._waiting.pop()
            elif kind in (CALL, NAME):
                self._waiting.append((self._bench, number))
            else:
                continue
            self._bench.send(kind, number, body, until=self._end)

    def _give_up(self) -> None:
        """Interrupt a call that takes too long; end the submission's process if that does not help."""
        self._submission.interrupt()
        awaited = self._waiting[-1][1]
        end = time.monotonic() + self._times.patience_s
        while (left := end - time.monotonic()) > 0 and select.select([self._stand.channel], [], [], left)[0]:
            try:
                if any(kind == ANSWER and number == awaited for kind, number, _ in self._stand.frames()):
                    break
            except Broken:
                self._gone = True
                break
        else:
            self._submission.kill()
            self._gone = True
        self._lose("timeout", f"it did not return within {self._times.call_s:g} s")
        self._call_end = time.monotonic() + self._times.call_s

    def _crashed(self) -> None:
        self._submission.kill()
        self._gone = True
        if self._asked():
            self._lose("crash", "the process ended while it was running")

    def _lose(self, verdict: str, message: str) -> None:
        """Answer in the submission's place."""
        _, number = self._waiting.pop()
        self._bench.send(ANSWER, number, json.dumps({"lost": [verdict, message]}).encode(), until=self._end)

    def dismiss(self) -> None:
        """Tell the submission that the test is over."""
        if not self._gone:
            self._to_stand(END, 0, b"null")
