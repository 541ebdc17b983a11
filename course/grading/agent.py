"""The submission's end of the line to its judge: it lives in the kernel, in reach of the student's code.

Nothing here is trusted. Whatever a submission does to it, it can only answer, wrongly or not at all.
"""

import contextlib
import io
import socket
from typing import Any

from course.grading.peer import CALL, END, NAME, Line, LineClosed, Peer

_peer: Peer | None = None


class _Nothing(io.TextIOBase):
    """Where prints go while a test runs: they could tell hidden inputs."""

    def write(self, text: str) -> int:
        return len(text)


def connect(channel: socket.socket, names: dict[str, Any]) -> None:
    """Prepare to answer for the global `names` of the submission."""
    global _peer

    def find(name: str) -> Any:
        if name not in names:
            raise NameError(f"{name} is not defined: run the notebook from the top, is it there?")
        return names[name]

    _peer = Peer(Line(channel), side="submission", lenient=True, find=find)


def serve() -> None:
    """Answer the judge's calls until the test is over."""
    if _peer is None:
        raise RuntimeError("no judge is connected")
    _peer.begin()
    try:
        with (
            contextlib.redirect_stdout(_Nothing()),
            contextlib.redirect_stderr(_Nothing()),
            contextlib.suppress(LineClosed),
        ):
            while True:
                try:
                    kind, number, content = _peer.line.receive()
                    if kind == END:
                        return
                    if kind in (CALL, NAME):
                        _peer.serve(kind, number, content)
                except KeyboardInterrupt:  # came too late for the call that it was meant for
                    continue
    finally:
        _peer.end()
