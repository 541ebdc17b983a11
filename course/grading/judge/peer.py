"""One end of the line between a judge and a submission: it calls the other side, and serves it while it waits.

A frame is a header (kind, length, number of the call) and JSON. Calls nest: while one waits for its answer it may be
called itself, so that a submission can call a function that a test handed to it, and that function the submission.
"""

import itertools
import json
import socket
import struct
import threading
from collections.abc import Callable
from typing import Any

from course.grading.judge import codec
from course.grading.judge.encoding import Encoder

HEADER = struct.Struct(">cIQ")
MAX_FRAME = 32 << 20  # bytes: an answer as Python's objects takes up to twenty times as many

CALL = b"C"  # [handle, positional, named] -> an answer; [handle, positional, named, true] -> the arguments afterwards
NAME = b"N"  # a global name of the submission, or one of GENERATORS -> an answer
ANSWER = b"A"  # {"value": …}, {"error": [type, message]}, or from the referee {"lost": ["timeout" | "crash", message]}
LAB = b"L"  # to the judge, first of all: a secret, and the cells of the instructor's notebook
TEST = b"T"  # to the judge: run this test; it holds the secret, which no submission knows
END = b"E"  # to the submission: the test is over
VERDICT = b"V"  # from the judge


# Asked for like a name: a digest of the state of NumPy's global generator; the first moves it on by a draw.
GENERATORS = {True: "NumPy's global generator, moved", False: "NumPy's global generator"}


class LineClosed(Exception):
    """The other side is gone."""


class Line:
    """Frames over a stream socket. An interrupt while one arrives costs nothing; any other failure ends the line."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._arrived = bytearray()
        self._is_closed = False

    def send(self, kind: bytes, number: int, content: Any) -> None:
        """Send a frame. Raises LineClosed if nobody is there."""
        body = json.dumps(content).encode()
        if self._is_closed:
            raise LineClosed
        try:
            self._channel.sendall(HEADER.pack(kind, len(body), number) + body)
        except OSError as gone:
            raise LineClosed from gone

    def receive(self) -> tuple[bytes, int, Any]:
        """(kind, number, content) of the next frame. Raises LineClosed at the end, BadValue if it is no JSON.

        What is left of a frame that did not fit into the memory is no frame: the line is closed then, for good.
        """
        try:
            self._fill(HEADER.size)
            kind, size, number = HEADER.unpack_from(self._arrived)
            self._fill(HEADER.size + size)
            body = bytes(self._arrived[HEADER.size : HEADER.size + size])
            del self._arrived[: HEADER.size + size]
            return kind, number, json.loads(body)
        except (ValueError, RecursionError) as bad:
            raise codec.BadValue(f"no JSON: {type(bad).__name__}") from None
        except (MemoryError, OSError, OverflowError) as failed:
            self._is_closed = True
            raise LineClosed from failed

    def _fill(self, size: int) -> None:
        """Receive until so many bytes are there. Raises LineClosed if nobody is left to send them."""
        while len(self._arrived) < size:
            part = b"" if self._is_closed else self._channel.recv(min(size - len(self._arrived), 1 << 20))
            if not part:
                self._is_closed = True
                raise LineClosed
            self._arrived += part


class Lost(Exception):
    """A call that never came back: `verdict` is "timeout" or "crash"."""

    verdict = "crash"


class TimedOut(Lost, TimeoutError):
    """A call that did not return in time. A wrong idea may predict it, as TimeoutError."""

    verdict = "timeout"


class Remote:
    """A function of the other side. It has a name, can be called, and is equal only to itself."""

    def __init__(self, peer: "Peer", identity: int, name: str) -> None:
        self._peer, self._identity, self.__name__ = peer, identity, name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._peer.call(self, args, kwargs)

    def watched(self, *args: Any) -> tuple[Any, ...]:
        """The arguments as a call leaves them on the other side."""
        return self._peer.call(self, args, {}, watched=True)

    def global_generator(self, *, moved: bool) -> str:
        """A digest of the state of NumPy's global generator on the other side, perhaps moved on by a draw before."""
        return self._peer.name(GENERATORS[moved])

    def __repr__(self) -> str:
        return self.__name__


class Peer:
    """The end of a line that owns functions, and calls the other end's.

    Raised by a call: what the other side raised (as a built-in type), Uncrossable for arguments that cannot cross,
    RuntimeError where the test that owned the function is over or the calling thread is not the one that serves.
    """

    def __init__(
        self,
        line: Line,
        *,
        side: str,
        lenient: bool,
        find: Callable[[str], Any],
        where: Callable[[BaseException], str] = lambda error: "",
    ) -> None:
        """`find` gives the value of a name that is asked for; `where` tells the place of what a call raised."""
        self.line, self._side, self._lenient, self._find, self._where = line, side, lenient, find, where
        self._numbers = itertools.count(1)
        self._own: dict[int, Callable[..., Any]] = {}
        self._thread: int | None = None

    def begin(self) -> None:
        """From now on the calling thread may call, and handles hold."""
        self._thread = threading.get_ident()

    def end(self) -> None:
        """Revoke every handle."""
        self._thread = None
        self._own.clear()

    def name(self, name: str) -> Any:
        """The value of a global name on the other side."""
        return self._ask(NAME, name)

    def call(self, function: Remote, args: tuple[Any, ...], kwargs: dict[str, Any], *, watched: bool = False) -> Any:
        """Call a function of the other side; `watched` gives the arguments afterwards instead of what it returns."""
        encoder = Encoder(self, lenient=self._lenient)
        named = {str(name): encoder.encode(value) for name, value in kwargs.items()}
        asked = [function._identity, [encoder.encode(arg) for arg in args], named]
        return self._ask(CALL, [*asked, True] if watched else asked)

    def serve(self, kind: bytes, number: int, content: Any) -> None:
        """Answer a call or a question for a name of the other side."""
        try:
            value = self._find(content) if kind == NAME else self._called(content)
            answer = {"value": Encoder(self, lenient=True).encode(value)}
        except BaseException as error:  # also SystemExit and KeyboardInterrupt: they are the function's outcome
            answer = {"error": codec.describe(error, where=self._where(error))}
        self.line.send(ANSWER, number, answer)

    def give(self, function: Callable[..., Any]) -> list[Any]:
        """The handle of a function; one of the other side's goes back as it came."""
        if isinstance(function, Remote):
            return ["yours", function._identity, ""]
        identity = next(self._numbers)
        self._own[identity] = function
        name = getattr(function, "__name__", type(function).__name__)
        return [self._side, identity, name if isinstance(name, str) else "?"]

    def take(self, handle: list[Any]) -> Callable[..., Any]:
        """The function behind a handle that arrived."""
        side, identity, name = handle
        if side == "yours":
            return self._own[int(identity)]
        return Remote(self, int(identity), str(name)[:200])

    def _called(self, content: Any) -> Any:
        identity, args, kwargs, *watched = content
        if identity not in self._own:
            raise RuntimeError("the test that this function belonged to is over")
        decoded = [codec.decode(arg, self) for arg in args]
        value = self._own[identity](*decoded, **{name: codec.decode(value, self) for name, value in kwargs.items()})
        return tuple(decoded) if watched else value

    def _ask(self, kind: bytes, content: Any) -> Any:
        if self._thread != threading.get_ident():
            raise RuntimeError("a test's function can be called only while the test waits, and by the thread it called")
        number = next(self._numbers)
        self.line.send(kind, number, content)
        while True:
            arrived, answered, answer = self.line.receive()
            if arrived in (CALL, NAME):
                self.serve(arrived, answered, answer)
            elif arrived == ANSWER and answered == number:
                return self._outcome(answer)

    def _outcome(self, answer: Any) -> Any:
        match answer:
            case {"value": value}:
                return codec.decode(value, self)
            case {"error": description}:
                raise codec.restored(description)
            case {"lost": [verdict, message]}:
                raise (TimedOut if verdict == "timeout" else Lost)(message)
        raise codec.BadValue("no answer")
