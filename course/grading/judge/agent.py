"""The submission's end of the line to its judge: it lives in the kernel, in reach of the student's code.

Nothing here is trusted. Whatever a submission does to it, it can only answer, wrongly or not at all.
"""

import contextlib
import io
import socket
import traceback
from typing import Any

from course.checking.calling import global_generator
from course.grading.judge.peer import CALL, END, GENERATORS, NAME, Line, LineClosed, Peer

_peer: Peer | None = None


class _Nothing(io.TextIOBase):
    """Where prints go while a test runs: they could tell hidden inputs."""

    def write(self, text: str) -> int:
        return len(text)


def connect(channel: socket.socket, names: dict[str, Any]) -> None:
    """Prepare to answer for the global `names` of the submission."""
    global _peer

    def find(name: str) -> Any:
        for moved, asked in GENERATORS.items():
            if name == asked:
                return global_generator(moved=moved)
        if name not in names:
            raise NameError(f"{name} is not defined")
        return names[name]

    _peer = Peer(Line(channel), side="submission", lenient=True, find=find, where=_where)


def _where(error: BaseException) -> str:
    """The line of the student's cell that raised it, if one did."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if "ipykernel_" in frame.filename]
    return f"line {lines[-1]} of its cell" if lines else ""


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
