"""One step of the set-up: a long command with a sign of life, its output in a log. Standard library only."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

if sys.platform != "win32":
    import fcntl

PROGRESS = re.compile(r"\[\d+/\d+\]|(?:Collecting|Downloading|Installing|Building) .*")
# Runs the command in a session of its own and waits for it. Where the set-up is killed, the guard's input ends, and the
# guard ends all that the command started: nothing works on in a folder that the next set-up takes over.
GUARD = """
import os, signal, subprocess, sys, threading

def until_abandoned():
    os.read(0, 1)
    os.killpg(0, signal.SIGKILL)

if sys.platform != "win32":
    signal.signal(signal.SIGINT, lambda *_: None)
    threading.Thread(target=until_abandoned, daemon=True).start()
sys.exit(subprocess.call(sys.argv[1:], stdin=subprocess.DEVNULL))
"""
SECONDS_BETWEEN_LINES = 30  # where a line cannot be rewritten: in a log, in CI


class SetupError(Exception):
    """The set-up cannot go on; the message is one line that names the way out."""


def run(title: str, expected: str, command: list[str], *, log: Path, env: dict[str, str] | None = None) -> None:
    """Run `command`, show its `title` and how long is `expected`, the elapsed time and the latest progress.

    All output goes to `log`; `env` is added to the environment. Raises SetupError, naming the log, if the command
    fails. An interrupt ends the command and all it started.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    life = _Life(title, expected)
    with subprocess.Popen(
        [sys.executable, "-c", GUARD, *command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env=_environment() | (env or {}),
        start_new_session=True,
        close_fds=False,  # the guard inherits the folder held by `alone`
    ) as child:
        assert child.stdout
        reader = threading.Thread(target=_keep, args=(child.stdout, log, life), daemon=True)
        reader.start()
        try:
            while child.poll() is None:
                life.show()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    child.wait(timeout=1)
        except BaseException:
            _end(child)
            raise
        reader.join(timeout=10)
    if child.returncode:
        life.close("failed")
        raise SetupError(f"{title}: {_reason(log)} (the whole log: {log})")
    life.close("done")


@contextlib.contextmanager
def alone(folder: Path, *, waiting: str) -> Iterator[None]:
    """Hold `folder` for this process; where another one holds it, say `waiting` and wait. No lock on Windows."""
    if sys.platform == "win32":
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    os.set_inheritable(handle, True)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(waiting, flush=True)
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


class _Life:
    """The line that shows a step at work: rewritten on a terminal, now and then a new one elsewhere."""

    def __init__(self, title: str, expected: str) -> None:
        self.title, self.expected, self.progress = title, expected, ""
        self.started = time.monotonic()
        self.next_line = 0.0

    def show(self) -> None:
        seconds = time.monotonic() - self.started
        line = f"  {self.title} ({self.expected})  {_clock(seconds)}  {self.progress}".rstrip()
        if sys.stdout.isatty():
            print(f"\r\033[K{line[: shutil.get_terminal_size().columns - 1]}", end="", flush=True)
        elif seconds >= self.next_line:
            self.next_line += SECONDS_BETWEEN_LINES
            print(line, flush=True)

    def close(self, result: str) -> None:
        rewrite = "\r\033[K" if sys.stdout.isatty() else ""
        print(f"{rewrite}  {self.title}: {result} in {_clock(time.monotonic() - self.started)}", flush=True)


def _environment() -> dict[str, str]:
    """Ours without PYTHONPATH: packages found there would pass for installed ones."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


def _keep(output: IO[str], log: Path, life: _Life) -> None:
    with log.open("w", encoding="utf-8") as sink:
        for line in output:
            sink.write(line)
            sink.flush()
            if found := PROGRESS.search(line):
                life.progress = found[0].strip()[:60]


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def _reason(log: Path) -> str:
    """The line of a log that says most: the last one that starts with an error, else the last one."""
    text = log.read_text("utf-8", "replace")
    if "connection broken" in text:
        return "no connection to the package index: are you online?"
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if re.match(r"(?i)(error|fatal)\b", line)]
    return (errors or lines or ["it said nothing"])[-1]


def _end(child: subprocess.Popen[str]) -> None:
    if sys.platform == "win32":
        child.kill()
        return
    for how in (signal.SIGINT, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError, subprocess.TimeoutExpired):
            os.killpg(child.pid, how)
            child.wait(timeout=5)
