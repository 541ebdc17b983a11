"""Nothing that was started inside is left, whoever ends first."""

import os
import signal
from pathlib import Path

import pytest

from tests.grading.sandbox.conftest import Box, ended, named, soon

DAEMON = """
import ctypes, time
def linger():
    ctypes.CDLL(None).prctl(15, {name!r}.encode())
    ctypes.CDLL(None).prctl(1, 0)  # forget the keeper
    time.sleep(300)
descend(linger)
descend(lambda: descend(linger))
time.sleep({seconds})
answer = "ended"
"""


def test_a_daemon_ends_with_its_process(box: Box, orphan: str):
    outcome = box.run(DAEMON.format(name=orphan, seconds=0.3))
    assert (outcome.status, outcome.answer) == (0, "ended"), outcome.errors
    assert named(orphan) == []


def test_sigterm_to_the_keeper_ends_all(box: Box, orphan: str):
    process = box.start(DAEMON.format(name=orphan, seconds=300))
    soon(lambda: len(named(orphan)) == 2)
    os.kill(box.keeper(), signal.SIGTERM)
    assert ended(process).status == 137
    assert named(orphan) == []


def test_a_killed_keeper_takes_all_along(box: Box, orphan: str):
    process = box.start(DAEMON.format(name=orphan, seconds=300))
    soon(lambda: len(named(orphan)) == 2)
    os.kill(box.keeper(), signal.SIGKILL)
    ended(process)
    soon(lambda: not named(orphan))


def test_whoever_started_the_keeper_takes_all_along(box: Box, orphan: str):
    process = box.start(DAEMON.format(name=orphan, seconds=300))
    soon(lambda: len(named(orphan)) == 2)
    process.kill()
    ended(process)
    soon(lambda: not named(orphan))


def test_sigint_is_handed_on(box: Box):
    process = box.start(
        """
import signal, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # it may have come ignored, from a shell's background
try:
    print("here", file=sys.stderr, flush=True)
    time.sleep(60)
    answer = "slept"
except KeyboardInterrupt:
    answer = "interrupted"
"""
    )
    assert process.stderr
    assert process.stderr.readline() == "here\n"
    os.kill(box.keeper(), signal.SIGINT)
    outcome = ended(process)
    assert (outcome.status, outcome.answer) == (0, "interrupted"), outcome.errors


@pytest.mark.parametrize(
    ("code", "status"),
    [("os._exit(7)", 7), ("raise SystemExit(3)", 1), ("import ctypes; ctypes.string_at(0)", 139), ("answer = 0", 0)],
)
def test_the_status_is_passed_on(box: Box, code: str, status: int):
    assert box.run(code).status == status


def test_threads_without_their_first_one_are_ended(box: Box, orphan: str):
    """Such a process looks like a zombie and is none."""
    outcome = box.run(
        DAEMON.format(name=orphan, seconds=0.3).replace(
            "    time.sleep(300)\n",
            "    import threading\n"
            "    threading.Thread(target=ctypes.CDLL(None).sleep, args=(300,)).start()\n"
            "    ctypes.CDLL(None).syscall(60 if os.uname().machine == 'x86_64' else 93, 0)\n",
        )
    )
    assert (outcome.status, outcome.answer) == (0, "ended"), outcome.errors
    assert named(orphan) == []


def test_nothing_of_a_control_group_is_left(box: Box):
    assert box.run("answer = 1").status == 0
    named_after_the_keeper = f"two-bills-{box.keeper()}"
    assert [folder for folder, _, _ in os.walk("/sys/fs/cgroup") if Path(folder).name == named_after_the_keeper] == []
