"""The four ways in which a sandbox holds, and a box of each."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from course.grading.sandbox import LAYERS, Limits, Policy, probe, runtime
from tests.ordinary_user import CHECKOUT, command, run

MODES = {
    "root": (True, LAYERS),
    "root, no namespaces": (True, LAYERS[1:]),
    "user": (False, LAYERS[:4]),
    "user, no namespaces": (False, LAYERS[1:4]),
}
ALLOWED_S = 60


@dataclass(frozen=True)
class Outcome:
    status: int
    answer: Any
    errors: str


@dataclass(frozen=True)
class Box:
    """Starts confined processes on `ground`, a folder of the host that is open to everybody."""

    ground: Path
    as_root: bool
    layers: tuple[str, ...]

    @property
    def has_namespaces(self) -> bool:
        return "namespaces" in self.layers

    def policy(self, **changes: Any) -> Policy:
        limits = Limits(memory=512 << 20, disk=16 << 20, processes=24, cpu_s=30, open_files=64)
        policy = Policy(str(self.ground / "job"), None, readable=runtime(), layers=self.layers, limits=limits)
        return replace(policy, **changes)

    def start(self, code: str, **changes: Any) -> subprocess.Popen[str]:
        job = self.ground / "job"
        job.mkdir(exist_ok=True)
        job.chmod(0o777)
        order = {
            "policy": self.policy(**changes).to_json(),
            "code": code,
            "keeper_file": str(self.ground / "keeper"),
        }
        argv = [sys.executable, "-m", "tests.grading.sandbox.box"]
        environment = {**os.environ, "PYTHONPATH": str(CHECKOUT), "PYTHONDONTWRITEBYTECODE": "1"}
        process = subprocess.Popen(
            argv if self.as_root else command(argv),
            cwd=CHECKOUT,
            env=environment,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert process.stdin
        process.stdin.write(json.dumps(order))
        process.stdin.close()
        process.stdin = None
        return process

    def run(self, code: str, **changes: Any) -> Outcome:
        """What came of `code`: the status of its keeper and what it left in the variable `answer`."""
        return ended(self.start(code, **changes))

    def keeper(self) -> int:
        """The keeper of the process that was started last, once there is one."""
        return int(soon((self.ground / "keeper").read_text))


def ended(process: subprocess.Popen[str]) -> Outcome:
    try:
        out, errors = process.communicate(timeout=ALLOWED_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise
    return Outcome(process.returncode, json.loads(out) if process.returncode == 0 and out.strip() else None, errors)


def soon(condition: Callable[[], Any]) -> Any:
    """What `condition` gives once it gives something."""
    deadline = time.monotonic() + ALLOWED_S
    while time.monotonic() < deadline:
        with suppress(OSError):
            if found := condition():
                return found
        time.sleep(0.02)
    raise AssertionError("it never came")


def named(name: str) -> list[int]:
    """The processes on the host that call themselves `name`."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if (process / "comm").read_text().strip() == name:
                found.append(int(process.name))
    return found


@cache
def layers_of(as_root: bool) -> tuple[str, ...]:
    if as_root:
        return probe()
    outcome = run("import json; from course.grading.sandbox import probe; print(json.dumps(probe()))")
    assert outcome.returncode == 0, outcome.stderr
    return tuple(json.loads(outcome.stdout))


@pytest.fixture(params=MODES)
def box(request: pytest.FixtureRequest) -> Iterator[Box]:
    as_root, wanted = MODES[request.param]
    if as_root and os.geteuid() != 0:
        pytest.skip("needs root")
    missing = set(wanted) - set(layers_of(as_root)) - {"cgroup"}
    if missing:
        pytest.skip(f"this machine has no {', '.join(sorted(missing))} for {request.param}")
    with tempfile.TemporaryDirectory(prefix="sandbox-", ignore_cleanup_errors=True) as folder:
        ground = Path(folder)
        ground.chmod(0o777)
        yield Box(ground, as_root, wanted)


@pytest.fixture
def orphan() -> Iterator[str]:
    """A name that processes take to be found by; whoever still bears it in the end is killed."""
    name = f"orphan-{os.getpid()}"
    yield name
    for process in named(name):
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
