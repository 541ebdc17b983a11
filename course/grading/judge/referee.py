"""Between a judge and a submission: it passes their calls on, keeps the time, and outlives both.

It reads no value, only which call is answered. A submission can speak only while it is asked; an answer to another
call, or one that comes too late, is dropped.
"""

import itertools
import json
import secrets
import select
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from course.grading.judge.peer import ANSWER, CALL, END, HEADER, LAB, MAX_FRAME, NAME, TEST, VERDICT
from course.notebook.cells import Cell

MAX_TRAFFIC = 192 << 20  # bytes that a submission answers to one test: it may keep all of them
_ENDED = "the process ended while it was running"
MANY_CALLS = 1000  # of a function that a test hands over


@dataclass(frozen=True)
class Times:
    """Limits in seconds: of a cell or test, of one call of a test, of a notebook; patience after an interrupt."""

    cell_s: float = 60
    call_s: float = 20
    total_s: float = 600
    patience_s: float = 3


class Broken(Exception):
    """A side hung up, or did not keep to the rules of the line."""


class Process(Protocol):
    """A confined process at the other end of a line."""

    channel: socket.socket

    def poll(self) -> int | None:
        """Its exit status; None while it runs."""

    def interrupt(self) -> None:
        """Interrupt what it does, as Ctrl-C would."""

    def kill(self) -> None:
        """End it and whatever it has started."""


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
                raise Broken(_ENDED)
        except BlockingIOError:
            pass
        except OSError as gone:
            raise Broken(_ENDED) from gone
        return self._whole()

    def _whole(self) -> list[tuple[bytes, int, bytes]]:
        found = []
        while len(self._buffer) >= HEADER.size:
            kind, size, number = HEADER.unpack_from(self._buffer)
            if size > MAX_FRAME - HEADER.size:
                raise Broken(f"more than {MAX_FRAME >> 20} MiB were given at once")
            if len(self._buffer) < HEADER.size + size:
                break
            found.append((kind, number, bytes(self._buffer[HEADER.size : HEADER.size + size])))
            del self._buffer[: HEADER.size + size]
        return found


class Referee:
    """Holds one judge, and has it test a submission, one test after the other."""

    def __init__(self, judge: Process, cells: Sequence[Cell], *, times: Times) -> None:
        self._judge, self._times = judge, times
        self._judges = Wire(judge.channel)
        self._secret = secrets.token_hex(16)
        known = json.dumps([self._secret, cells]).encode()
        self._judges.send(LAB, 0, known, until=time.monotonic() + times.cell_s)
        self.is_lost = False
        self._numbers = itertools.count(1)

    def test(
        self, name: str, source: str, submission: Process, theirs: Wire, *, until: float, is_sound: bool
    ) -> dict[str, Any]:
        """The verdict of a test: {"passed", "verdict", "misconception", "message"}; `theirs` is the submission's line.

        It ends when its own time is over, or at `until` (of time.monotonic) if that is earlier. Where the test is not
        known to be sound, a lost verdict says whether it is: "is_sound", or why it is "broken".
        """
        trial = _Trial(self._judges, submission, theirs, self._times, until)
        asked = {"secret": self._secret, "name": name, "source": source, "is_sound": is_sound}
        try:
            return trial.run(asked, next(self._numbers))
        except Broken as fault:
            self.is_lost = True
            self._judge.kill()
            trial.end()
            verdict = {"passed": False, "message": f"the test could not be finished: {fault}"}
            if not trial.is_late:
                return verdict | {"verdict": "crash", "judge_lost": True}
            if trial.is_its_own_fault:
                return verdict | {"verdict": "timeout", "broken": f"it does not end within {self._times.cell_s:g} s"}
            return verdict | {"verdict": "timeout"}


class _Trial:
    """One test: which calls wait for an answer, innermost last, and until when."""

    def __init__(self, judges: Wire, submission: Process, theirs: Wire, times: Times, until: float) -> None:
        self._judges, self._submission, self._theirs, self._times = judges, submission, theirs, times
        self._waiting: list[tuple[Wire, int]] = []  # (who has to answer, number of the call)
        own_end = time.monotonic() + times.cell_s
        self._is_cut_short = until < own_end
        self._end = self._call_end = min(own_end, until)
        self._gone = submission.poll() is not None
        self._traffic = 0
        self._calls_back = 0  # of the submission, in the call that it answers
        self._waited_s = 0.0  # for the submission

    @property
    def is_late(self) -> bool:
        return time.monotonic() >= self._end

    @property
    def is_its_own_fault(self) -> bool:
        """Whether it had all of its time, and used most of it itself: not the submission."""
        return not self._is_cut_short and self._waited_s < self._times.cell_s / 2

    def run(self, asked: dict[str, Any], test: int) -> dict[str, Any]:
        self._judges.send(TEST, test, json.dumps(asked).encode(), until=self._end)
        while True:
            for wire in self._ready():
                if wire is self._judges:
                    for kind, number, body in self._judges.frames():
                        if kind == VERDICT and number == test:
                            self.end()
                            return json.loads(body)
                        self._from_judge(kind, number, body)
                else:
                    self._from_submission()

    def _ready(self) -> list[Wire]:
        """Who has said something; deals with a call that takes too long."""
        listening = {self._judges.channel: self._judges}
        if not self._gone:
            listening[self._theirs.channel] = self._theirs
        end = min(self._end, self._call_end if self._asked() else self._end)
        began = time.monotonic()
        ready, _, _ = select.select(list(listening), [], [], max(0.0, end - began))
        if self._asked():
            self._waited_s += time.monotonic() - began
        if self.is_late:
            raise Broken("it took too long")
        if not ready and self._asked():
            self._give_up()
        return [listening[channel] for channel in ready]

    def _asked(self) -> bool:
        """Whether the submission is the one that has to answer."""
        return bool(self._waiting) and self._waiting[-1][0] is self._theirs

    def _from_judge(self, kind: bytes, number: int, body: bytes) -> None:
        if kind in (CALL, NAME):
            if not self._waiting:
                self._call_end, self._calls_back = time.monotonic() + self._times.call_s, 0
            self._waiting.append((self._theirs, number))
            if self._gone:
                self._lose("crash", "the submission's process has ended")
                return
        elif kind == ANSWER and self._waiting and self._waiting[-1] == (self._judges, number):
            self._waiting.pop()
        else:
            return
        self._to_submission(kind, number, body)

    def _to_submission(self, kind: bytes, number: int, body: bytes) -> None:
        try:
            self._theirs.send(kind, number, body, until=min(self._end, time.monotonic() + self._times.call_s))
        except Broken as fault:
            self._crashed(str(fault))

    def _from_submission(self) -> None:
        try:
            frames = self._theirs.frames()
        except Broken as fault:
            self._crashed(str(fault))
            return
        for kind, number, body in frames:
            self._traffic += len(body)
            if self._traffic > MAX_TRAFFIC:
                self._crashed(f"more than {MAX_TRAFFIC >> 20} MiB were given to one check")
                return
            if not self._asked():
                continue  # it speaks out of turn
            if kind == ANSWER and self._waiting[-1] == (self._theirs, number):
                self._waiting.pop()
            elif kind in (CALL, NAME):
                self._waiting.append((self._judges, number))
                self._calls_back += 1
            else:
                continue
            self._judges.send(kind, number, body, until=self._end)

    def _give_up(self) -> None:
        """Interrupt a call that takes too long; end the submission's process if that does not help."""
        self._submission.interrupt()
        awaited = self._waiting[-1][1]
        end = time.monotonic() + self._times.patience_s
        while (left := end - time.monotonic()) > 0 and select.select([self._theirs.channel], [], [], left)[0]:
            try:
                if any(kind == ANSWER and number == awaited for kind, number, _ in self._theirs.frames()):
                    break
            except Broken:
                self._gone = True
                break
        else:
            self._submission.kill()
            self._gone = True
        self._lose("timeout", f"it did not return within {self._times.call_s:g} s{self._why_so_long()}")
        self._call_end = time.monotonic() + self._times.call_s

    def _why_so_long(self) -> str:
        if self._calls_back < MANY_CALLS:
            return ""
        return f", in which it called what it was given {self._calls_back:,} times: a hundred calls are enough"

    def _crashed(self, why: str) -> None:
        self._submission.kill()
        self._gone = True
        if self._asked():
            self._lose("crash", why)

    def _lose(self, verdict: str, message: str) -> None:
        """Answer in the submission's place."""
        _, number = self._waiting.pop()
        self._judges.send(ANSWER, number, json.dumps({"lost": [verdict, message]}).encode(), until=self._end)

    def end(self) -> None:
        """Tell the submission that the test is over."""
        if not self._gone:
            self._to_submission(END, 0, b"null")
