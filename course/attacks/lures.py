"""What an attack is after, laid out where it can be watched: secrets, listeners, a process, folders open to all.

File permissions protect none of it: what keeps an attack out is the sandbox alone.
"""

import hashlib
import os
import secrets
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from course import paths
from course.attacks import exercises
from course.build import Lab
from course.grading.sandbox import syscalls

JUDGE = paths.PACKAGE / "grading" / "judge" / "judge.py"
VARIABLE = "TWO_BILLS_LURE"
NEIGHBOUR = "neighbour"  # another student, with right answers
_SECONDS_TO_END = 3


@dataclass
class Lures:
    """The lures of one run of the suite. Use `laid_out`."""

    root: Path
    tokens: dict[str, str] = field(default_factory=dict)
    listeners: dict[str, socket.socket] = field(default_factory=dict)
    victim: subprocess.Popen[bytes] | None = None
    mark: str = field(default_factory=lambda: f"{secrets.randbelow(10**9)}.5")  # seconds: an argument of `sleep`
    known: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        for what in ("an answer", "a hidden test", "the gradebook", "a neighbour", "the environment", "shared memory"):
            self.tokens[what] = secrets.token_hex(8)
        self.lab: Lab = exercises.write(self.course, answer=self.tokens["an answer"], test=self.tokens["a hidden test"])

    @property
    def course(self) -> Path:
        return self.root / "course"

    @property
    def submitted(self) -> Path:
        return self.course / "submitted"

    @property
    def temporary(self) -> Path:
        """Where grading makes its folders."""
        return self.root / "t"

    @property
    def open_folder(self) -> Path:
        """Anybody may write here, and nobody should be able to."""
        return self.root / "open"

    @property
    def shared_memory(self) -> Path:
        return Path("/dev/shm") / f"lure-{self.mark}"

    def place(self) -> None:
        """Lay it all out."""
        for folder in (self.submitted, self.temporary, self.open_folder):
            folder.mkdir(parents=True)
        (self.submitted / NEIGHBOUR).mkdir()
        (self.submitted / NEIGHBOUR / "notes.txt").write_text(self.tokens["a neighbour"])
        with sqlite3.connect(self.course / "gradebook.db") as gradebook:
            gradebook.execute("create table grade (student text, points real)")
            gradebook.execute("insert into grade values (?, 0)", [self.tokens["the gradebook"]])
        gradebook.close()
        if self.shared_memory.parent.is_dir():
            self.shared_memory.write_text(self.tokens["shared memory"])
        for path in [self.root, *self.root.rglob("*"), self.shared_memory]:
            if path.exists():
                path.chmod(0o777 if path.is_dir() else 0o666)
        self.victim = subprocess.Popen(["sleep", "86399"])
        self._listen()

    def _listen(self) -> None:
        stream, named = socket.SOCK_STREAM, self.root / "socket"
        for what, family, kind, where in (
            ("TCP", socket.AF_INET, stream, ("127.0.0.1", 0)),
            ("UDP", socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", 0)),
            ("abstract", socket.AF_UNIX, stream, f"\0lure-{self.mark}"),
            ("named", socket.AF_UNIX, stream, str(named)),
        ):
            listener = socket.socket(family, kind)
            listener.bind(where)
            if kind == stream:
                listener.listen()
            listener.setblocking(False)
            self.listeners[what] = listener
        named.chmod(0o777)

    def fill(self, text: str) -> str:
        """The text with the places of the lures for `@NAME@`."""
        named = {
            "COURSE": self.course,
            "OPEN": self.open_folder,
            "TEMPORARY": self.temporary,
            "SHM": self.shared_memory,
            "SOCKET": self.root / "socket",
            "ABSTRACT": f"lure-{self.mark}",
            "TCP": self.listeners["TCP"].getsockname()[1],
            "UDP": self.listeners["UDP"].getsockname()[1],
            "GRADER": os.getpid(),
            "VICTIM": self.victim.pid if self.victim else 0,
            "MARK": self.mark,
            "JUDGE": JUDGE,
            "PYTHON": sys.executable,
            "LAB": exercises.NAME,
        }
        for name, value in named.items():
            text = text.replace(f"@{name}@", str(value))
        return text

    def seen_in(self, text: str) -> list[str]:
        """Which secrets a text tells."""
        return [f"saw {what}" for what, token in self.tokens.items() if token in text]

    def reached(self) -> list[str]:
        """Which listeners were spoken to since the last call."""
        spoken = []
        for what, listener in self.listeners.items():
            with suppress(BlockingIOError):
                if what == "UDP":
                    listener.recv(100)
                else:
                    listener.accept()[0].close()
                spoken.append(f"reached the {what} listener")
        return spoken

    def state(self) -> dict[str, str]:
        """What should not change: files, the grader's own code, other processes."""
        files = [path for path in self.course.rglob("*") if path.is_file() and not path.is_symlink()]
        files += [*self.open_folder.rglob("*"), *self.temporary.iterdir(), self.shared_memory, JUDGE]
        state = {str(path): _digest(path) for path in files if os.path.lexists(path)}
        assert self.victim
        process = psutil.Process(self.victim.pid)
        limits = process.rlimit(psutil.RLIMIT_NOFILE)
        state["a process"] = str((self.victim.poll(), process.nice(), process.cpu_affinity(), limits))
        return state

    def remember_processes(self) -> None:
        """Take those that run now for no strays."""
        self.known = {process.pid for process in self._unknown()}

    def strays(self) -> list[str]:
        """The processes that are still there though nothing is being graded; each is ended."""
        deadline = time.monotonic() + _SECONDS_TO_END
        while (found := self._unknown()) and time.monotonic() < deadline:
            time.sleep(0.02)
        names = []
        for process in found:
            with suppress(psutil.Error):
                names.append(" ".join(process.cmdline())[:80] or process.name())
                process.kill()
        return names

    def _unknown(self) -> list[psutil.Process]:
        """Descendants, orphans among them, that were not there before; and whoever bears our mark."""
        found = [process for process in psutil.Process().children(recursive=True) if process.pid not in self.known]
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if self.mark in process.cmdline() and process not in found:
                    found.append(process)
        return [process for process in found if not _has_ended(process)]


def changes(before: dict[str, str], after: dict[str, str]) -> list[str]:
    """What differs between two states."""
    names = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
    return [f"changed {name}" for name in names]


@contextmanager
def laid_out() -> Iterator[Lures]:
    """Lures in a folder of their own, which goes when they do. Orphaned processes become this one's meanwhile."""
    root = Path(tempfile.mkdtemp(prefix="raid-"))
    lures = Lures(root)
    before = tempfile.tempdir
    try:
        lures.place()
        tempfile.tempdir = str(lures.temporary)
        os.environ[VARIABLE] = lures.tokens["the environment"]
        syscalls.prctl("subreaper", syscalls.PR_SET_CHILD_SUBREAPER, 1)
        yield lures
    finally:
        syscalls.prctl("subreaper", syscalls.PR_SET_CHILD_SUBREAPER, 0)
        os.environ.pop(VARIABLE, None)
        tempfile.tempdir = before
        for listener in lures.listeners.values():
            listener.close()
        if lures.victim:
            lures.victim.kill()
            lures.victim.wait()
        lures.shared_memory.unlink(missing_ok=True)
        shutil.rmtree(root, ignore_errors=True)


def _has_ended(process: psutil.Process) -> bool:
    """Whether it has ended; an orphan that was left to us is reaped."""
    try:
        if process.status() != psutil.STATUS_ZOMBIE:
            return False
    except psutil.NoSuchProcess:
        return True
    with suppress(ChildProcessError):
        os.waitpid(process.pid, os.WNOHANG)
    return True


def _digest(path: Path) -> str:
    status = path.lstat()
    content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() and not path.is_symlink() else ""
    return f"{status.st_mode:o} {status.st_size} {status.st_mtime_ns} {content}"
