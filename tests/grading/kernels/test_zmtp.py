"""A connection to real ZeroMQ sockets: what arrives whole, and what is too much."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import zmq

from course.grading.kernels.zmtp import BadFrames, Channel, Closed

LONGEST = 1 << 20


@pytest.fixture
def context() -> Iterator[zmq.Context[zmq.Socket[bytes]]]:
    made = zmq.Context()
    yield made
    made.destroy(linger=0)


def bound(context: zmq.Context[zmq.Socket[bytes]], kind: int, path: Path) -> zmq.Socket[bytes]:
    socket = context.socket(kind)
    socket.bind(f"ipc://{path}")
    return socket


def connected(path: Path, kind: str) -> Channel:
    return Channel(path, kind, longest=LONGEST, until=time.monotonic() + 20)


def received(channel: Channel, number: int = 1) -> list[list[bytes]]:
    """So many messages, as they come."""
    found: list[list[bytes]] = []
    until = time.monotonic() + 20
    while len(found) < number and time.monotonic() < until:
        found += channel.receive()
        time.sleep(0.001)
    return found


@pytest.mark.parametrize("size", [0, 1, 255, 256, 70_000, LONGEST // 2])
def test_requests_and_replies_arrive_as_they_were(
    context: zmq.Context[zmq.Socket[bytes]], tmp_path: Path, size: int
) -> None:
    router = bound(context, zmq.ROUTER, tmp_path / "s")
    channel = connected(tmp_path / "s", "DEALER")
    channel.send([b"x" * size, b"", b"end"], within_s=20)
    sender, *parts = router.recv_multipart()
    assert parts == [b"x" * size, b"", b"end"]
    router.send_multipart([sender, b"y" * size, b"end"])
    assert received(channel) == [[b"y" * size, b"end"]]
    channel.close()


def test_what_is_published_is_heard_whatever_its_topic(context: zmq.Context[zmq.Socket[bytes]], tmp_path: Path) -> None:
    publisher = bound(context, zmq.XPUB, tmp_path / "s")
    channel = connected(tmp_path / "s", "SUB")
    assert publisher.recv() == b"\x01"
    for n in range(3):
        publisher.send_multipart([b"topic", b"%d" % n])
    assert received(channel, 3) == [[b"topic", b"%d" % n] for n in range(3)]
    channel.close()


@pytest.mark.parametrize("parts", [[b"x" * (LONGEST + 1)], [b"x" * (LONGEST // 8)] * 9, [b""] * LONGEST], ids=len)
def test_too_much_at_once_is_not_received(
    context: zmq.Context[zmq.Socket[bytes]], tmp_path: Path, parts: list[bytes]
) -> None:
    publisher = bound(context, zmq.XPUB, tmp_path / "s")
    channel = connected(tmp_path / "s", "SUB")
    publisher.recv()
    publisher.send_multipart(parts)
    with pytest.raises(BadFrames):
        received(channel)
    channel.close()


def test_the_end_of_the_other_side_comes_after_all_that_it_sent(
    context: zmq.Context[zmq.Socket[bytes]], tmp_path: Path
) -> None:
    publisher = bound(context, zmq.XPUB, tmp_path / "s")
    channel = connected(tmp_path / "s", "SUB")
    publisher.recv()
    publisher.send(b"last words")
    publisher.close(linger=1000)
    assert received(channel) == [[b"last words"]]
    with pytest.raises(Closed):
        received(channel)
    channel.close()


def test_nobody_there_is_told_apart_from_somebody_who_speaks_otherwise(tmp_path: Path) -> None:
    with pytest.raises(Closed):
        connected(tmp_path / "nothing", "SUB")
