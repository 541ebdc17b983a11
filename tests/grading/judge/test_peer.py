"""The line between a judge and a submission: whole frames or none, whatever happens while one arrives."""

import json
import signal
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from course.grading.judge import judge
from course.grading.judge.peer import ANSWER, HEADER, LAB, TEST, VERDICT, Line, LineClosed


def frame(kind: bytes, number: int, content: Any) -> bytes:
    body = json.dumps(content).encode()
    return HEADER.pack(kind, len(body), number) + body


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    here, there = socket.socketpair()
    with here, there:
        yield here, there


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Ctrl-C is heard, also where who has started the tests ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_an_interrupt_while_a_frame_arrives_loses_none_of_it(ends: tuple[socket.socket, socket.socket]) -> None:
    here, there = ends
    line, whole = Line(here), frame(ANSWER, 1, {"value": "x" * 1000})
    there.sendall(whole[:500])
    timer = threading.Timer(0.2, signal.pthread_kill, (threading.get_ident(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        line.receive()
    timer.join()
    there.sendall(whole[500:] + frame(ANSWER, 2, 3))
    assert line.receive() == (ANSWER, 1, {"value": "x" * 1000})
    assert line.receive() == (ANSWER, 2, 3)


def test_a_frame_that_the_memory_cannot_hold_closes_the_line_for_good(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    class Full(bytearray):
        def __iadd__(self, more: Any) -> "Full":
            if len(self) > 100:
                raise MemoryError
            return Full(bytes(self) + bytes(more))

    here, there = ends
    line = Line(here)
    line._arrived = Full()
    hidden = frame(TEST, 0, {"name": "test-1-1", "source": "", "secret": ""})
    there.sendall(frame(ANSWER, 1, "x" * 200)[:120])
    threading.Timer(0.2, there.sendall, (b"x" * 93 + hidden,)).start()
    with pytest.raises(LineClosed):
        line.receive()
    with pytest.raises(LineClosed):
        line.receive()  # what follows may be read as frames by nobody
    with pytest.raises(LineClosed):
        line.send(VERDICT, 0, {"passed": True})


@pytest.mark.parametrize(("secret", "verdicts"), [("told", 1), ("guessed", 0)])
def test_a_judge_runs_only_what_its_referee_asks(
    ends: tuple[socket.socket, socket.socket], secret: str, verdicts: int
) -> None:
    here, there = ends
    judging = threading.Thread(target=judge.serve, args=(here,))
    there.sendall(frame(LAB, 0, ["told", []]))
    there.sendall(frame(ANSWER, 7, {"value": 1}))  # late: passed over
    there.sendall(frame(TEST, 3, {"name": "test-1-1", "source": "x = 1", "is_sound": True, "secret": secret}))
    there.shutdown(socket.SHUT_WR)
    judging.start()
    judging.join(10)
    assert not judging.is_alive()
    here.close()
    with there.makefile("rb") as said:
        answers = said.read()
    assert answers == frame(VERDICT, 3, {"passed": True}) * verdicts
