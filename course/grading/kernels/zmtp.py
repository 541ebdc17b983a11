"""The client's end of a ZeroMQ connection over a Unix socket, by its wire protocol (ZMTP 3.0, rfc.zeromq.org/spec/23).

ZeroMQ's own library receives whatever the other side sends, in any number of parts of any length, before anybody can
look at it. Here nothing is received beyond a limit, and no more than is asked for waits in this process's memory.
"""

import socket
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

_GREETING = b"\xff" + bytes(8) + b"\x7f" + bytes((3, 0)) + b"NULL".ljust(20, b"\0") + bytes(32)
_MORE, _LONG, _COMMAND = 1, 2, 4  # flags of a frame
_AT_ONCE = 1 << 20  # bytes
_PART = 64  # bytes that a part takes in memory, even an empty one
_EVERYTHING = b"\x01"  # the subscription to all topics


class Closed(Exception):
    """The other side has hung up, or cannot be reached."""


class BadFrames(Exception):
    """The other side has sent too much at once, or no frames."""


class Channel:
    """A connection: `kind` is "DEALER", to ask a ROUTER, or "SUB", to hear all that a PUB publishes."""

    def __init__(self, path: Path, kind: str, *, longest: int, until: float) -> None:
        """Connect. A message of more than `longest` bytes is not received. Raises Closed if that fails."""
        self._longest, self._buffer = longest, bytearray()
        self._parts: list[bytes] = []
        self._size = 0  # of the parts
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(max(0.01, until - time.monotonic()))
        try:
            self._socket.connect(str(path))
            self._shake_hands(kind)
        except (OSError, BadFrames) as error:
            self._socket.close()
            raise Closed(str(error)) from None
        self._socket.setblocking(False)

    def fileno(self) -> int:
        """For `select.poll`."""
        return self._socket.fileno()

    def send(self, parts: Sequence[bytes], *, within_s: float) -> None:
        """Send a message. Raises Closed if nobody takes it in time."""
        last = len(parts) - 1
        content = b"".join(_frame(part, _MORE if place < last else 0) for place, part in enumerate(parts))
        self._socket.settimeout(within_s)
        try:
            self._socket.sendall(content)
        except OSError as error:
            raise Closed(str(error)) from None
        finally:
            self._socket.setblocking(False)

    def receive(self) -> Iterator[list[bytes]]:
        """The messages that have arrived whole, each as its parts; of what still comes, a megabyte is read.

        Raises Closed when the other side has hung up and all that it sent is received, BadFrames if that is too much.
        """
        try:
            read = self._socket.recv(_AT_ONCE)
        except BlockingIOError:
            return
        except OSError as error:
            raise Closed(str(error)) from None
        if not read:
            raise Closed("it has hung up")
        self._buffer += read
        yield from self._messages()

    def close(self) -> None:
        self._socket.close()

    def _shake_hands(self, kind: str) -> None:
        self._socket.sendall(_GREETING)
        theirs = self._exactly(len(_GREETING))
        if theirs[0] != 0xFF or theirs[9] != 0x7F or theirs[10] < 3 or theirs[12:32] != _GREETING[12:32]:
            raise BadFrames("another protocol")
        value = kind.encode()
        ready = b"\x05READY" + b"\x0bSocket-Type" + len(value).to_bytes(4, "big") + value
        self._socket.sendall(_frame(ready, _COMMAND))
        flags, size = self._exactly(2)
        if flags != _COMMAND or not self._exactly(size).startswith(b"\x05READY"):
            raise BadFrames("it is not ready")
        if kind == "SUB":
            self._socket.sendall(_frame(_EVERYTHING, 0))

    def _exactly(self, size: int) -> bytes:
        read = b""
        while len(read) < size:
            part = self._socket.recv(size - len(read))
            if not part:
                raise BadFrames("it has hung up")
            read += part
        return read

    def _messages(self) -> Iterator[list[bytes]]:
        while len(self._buffer) >= 2:
            flags, start = self._buffer[0], 9 if self._buffer[0] & _LONG else 2
            if len(self._buffer) < start:
                return
            size = int.from_bytes(self._buffer[1:start], "big")
            if self._size + size > self._longest:
                raise BadFrames(f"a message of more than {self._longest} bytes")
            if len(self._buffer) < start + size:
                return
            part = bytes(self._buffer[start : start + size])
            del self._buffer[: start + size]
            if flags & _COMMAND:
                continue
            self._parts.append(part)
            self._size += size + _PART
            if not flags & _MORE:
                whole, self._parts, self._size = self._parts, [], 0
                yield whole


def _frame(body: bytes, flags: int) -> bytes:
    if len(body) < 256:
        return bytes((flags, len(body))) + body
    return bytes((flags | _LONG,)) + len(body).to_bytes(8, "big") + body
