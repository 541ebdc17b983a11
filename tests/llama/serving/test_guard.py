"""No command outlives its owner, however the owner ends."""

import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from course.llama.serving import guard

SLEEPER = [sys.executable, "-c", "import time; print('here', flush=True); time.sleep(300)"]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('here', flush=True); time.sleep(300)",
]
OWNER = f"""
import subprocess, sys, time
command = [sys.executable, {guard.__file__!r}, *{SLEEPER!r}]
guard = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
guard.stdout.readline()
print(guard.pid, flush=True)
time.sleep(300)
"""


def guarded(command: list[str]) -> tuple[subprocess.Popen[bytes], psutil.Process]:
    started = subprocess.Popen(
        [sys.executable, guard.__file__, *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert started.stdout and started.stdout.readline() == b"here\n"
    (child,) = psutil.Process(started.pid).children()
    return started, child


def is_gone(process: psutil.Process, seconds: float = 20) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if not process.is_running() or process.status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.05)
    return False


def test_closing_its_input_ends_the_command() -> None:
    process, child = guarded(SLEEPER)
    process.stdin.close()
    process.wait(20)
    assert is_gone(child)


def test_a_command_that_ends_ends_the_guard_with_its_exit_code() -> None:
    command = [sys.executable, guard.__file__, sys.executable, "-c", "import sys; sys.exit(7)"]
    assert subprocess.Popen(command, stdin=subprocess.PIPE).wait(20) == 7


def test_a_command_that_will_not_end_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    process, child = guarded(STUBBORN)
    process.stdin.close()
    process.wait(guard._PATIENCE_S + 20)
    assert is_gone(child)


def test_ending_the_guard_ends_the_command() -> None:
    process, child = guarded(SLEEPER)
    process.terminate()
    process.wait(20)
    assert is_gone(child)
    process.stdin.close()


@pytest.mark.parametrize("kind", [signal.SIGTERM, signal.SIGKILL])
def test_an_owner_that_is_killed_takes_the_command_along(kind: signal.Signals) -> None:
    owner = subprocess.Popen([sys.executable, "-c", OWNER], stdout=subprocess.PIPE)
    assert owner.stdout
    guardian = psutil.Process(int(owner.stdout.readline()))
    (child,) = guardian.children()
    os.kill(owner.pid, kind)
    owner.wait(20)
    assert is_gone(guardian) and is_gone(child)
