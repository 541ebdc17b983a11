"""Servers that notebooks start: on a free port, told plainly where they cannot, gone with their owner."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import psutil
import pytest

from course import models
from course.llama import server
from course.llama.server import ServerError
from tests.benchmarks.test_llama import TOOLS

OWNER = """
import time
from course.llama import server
with server.started("two-bills-code", slots=2, n_threads=1, llama_server={program!r}) as serving:
    print(serving.pid, serving.url, flush=True)
    {then}
"""
PROGRAMS = [
    None,
    pytest.param(
        TOOLS / "llama-server",
        marks=pytest.mark.skipif(
            not (TOOLS / "llama-server").is_file(), reason="python -m benchmarks.llama_tools compiles it"
        ),
    ),
]


def family(pid: int) -> list[psutil.Process]:
    """The guard and what it guards."""
    guard = psutil.Process(pid)
    found = [guard, *guard.children(recursive=True)]
    assert len(found) > 1
    return found


def are_gone(processes: list[psutil.Process], seconds: float = 20) -> bool:
    def gone(one: psutil.Process) -> bool:
        try:
            return one.status() == psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return True

    return eventually(lambda: all(map(gone, processes)), seconds)


def eventually(true: Callable[[], bool], seconds: float = 20) -> bool:
    end = time.monotonic() + seconds
    while not (found := true()) and time.monotonic() < end:
        time.sleep(0.05)
    return found


def is_closed(url: str) -> bool:
    try:
        httpx.get(f"{url}/health")
    except httpx.TransportError:
        return True
    return False


@pytest.mark.parametrize("program", PROGRAMS)
def test_it_answers_within_the_block_and_is_gone_after_it(program) -> None:
    with server.started("two-bills-code", slots=2, n_threads=1, llama_server=program) as serving:
        processes = family(serving.pid)
        assert httpx.get(f"{serving.url}/health").status_code == 200
        fields = {"model": serving.model, "prompt": "def ", "max_tokens": 3}
        found = httpx.post(f"{serving.url}/v1/completions", json=fields, timeout=60).json()
        assert found["usage"]["completion_tokens"] <= 3
        assert (serving.name, serving.slots) == ("llama-server" if program else "course serve", 2)
    assert are_gone(processes, 0)
    assert is_closed(serving.url)


def test_an_error_in_the_block_ends_it_too() -> None:
    with (
        pytest.raises(ZeroDivisionError),
        server.started("two-bills-code", slots=1, n_threads=1) as serving,
    ):
        processes = family(serving.pid)
        1 // 0  # noqa: B018
    assert are_gone(processes, 0)


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize(
    ("then", "kind"),
    [
        ("time.sleep(300)", signal.SIGKILL),
        ("time.sleep(300)", signal.SIGTERM),
        ("time.sleep(300)", signal.SIGINT),
        ("import os; os._exit(1)", None),
    ],
)
def test_no_server_outlives_its_owner(program: Path | None, then: str, kind: signal.Signals | None) -> None:
    source = OWNER.format(program=program and str(program), then=then)
    owner = subprocess.Popen(
        [sys.executable, "-c", source], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert owner.stdout
    pid, url = owner.stdout.readline().split()
    if kind is None:
        owner.wait(20)
        assert eventually(lambda: is_closed(url))
        return
    processes = family(int(pid))
    os.kill(owner.pid, kind)
    owner.wait(20)
    assert are_gone(processes)
    assert is_closed(url)


def test_an_interrupt_of_the_terminal_is_not_for_the_server() -> None:
    """A notebook's cell is interrupted together with all of its process group."""
    with server.started("two-bills-code", slots=1, n_threads=1) as serving:
        assert all(os.getpgid(one.pid) != os.getpgid(0) for one in family(serving.pid))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"slots": 0}, "the server has not started: 0 slots: a server has 1 to 64"),
        ({"context": 100_000}, "a context of 100,000 tokens: two-bills-code-f16.gguf was trained on 1 to 512"),
        ({"n_threads": 10_000}, "10,000 threads: this machine has 1 to"),
        ({"llama_server": Path("/nowhere/llama-server")}, "there is no program /nowhere/llama-server"),
    ],
)
def test_a_server_that_cannot_start_gives_its_reason(options, said) -> None:
    with pytest.raises(ServerError, match=said), server.started("two-bills-code", **options):
        pass


def test_a_model_that_is_missing_is_told_before_anything_is_started(tmp_path) -> None:
    with pytest.raises(models.ModelError, match="there is no model 'nothing'"), server.started("nothing"):
        pass
    (tmp_path / "notes.gguf").write_text("these are notes")
    with pytest.raises(ServerError, match="not a whole GGUF file"), server.started(str(tmp_path / "notes.gguf")):
        pass


def test_under_the_grader_no_server_is_started(monkeypatch) -> None:
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    with pytest.raises(ServerError, match="no server is started under the grader"), server.started():
        pass


def test_a_file_is_served_under_its_name(code, tmp_path) -> None:
    (tmp_path / "mine.gguf").write_bytes(code.read_bytes())
    with server.started(str(tmp_path / "mine.gguf"), slots=1, n_threads=1) as serving:
        assert serving.model == "mine"
        assert httpx.get(f"{serving.url}/v1/models").json()["data"][0]["id"] == "mine"


def test_ports_are_free_ones() -> None:
    with socket.create_server(("127.0.0.1", server._free_port())):
        pass
