"""`course serve` as its user meets it."""

import json
import shlex
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

SERVE = [sys.executable, "-m", "course", "serve"]


@contextmanager
def serving(*options: str) -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
    """The command at a free port, and the three lines that it begins with."""
    process = subprocess.Popen(
        [*SERVE, "two-bills-code", "--port", "0", "--threads", "1", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout
        yield process, [process.stdout.readline().rstrip("\n") for _ in range(3)]
    finally:
        process.kill()
        process.wait()


def test_it_names_its_url_and_a_request_that_works() -> None:
    with serving("--slots", "2") as (_, (first, second, curl)):
        url = first.split()[0]
        assert first == f"{url}  serves two-bills-code, F16, trained by this course"
        assert second == "slots: 2 of 512 tokens, threads: 1; Ctrl-C stops it"
        program, address, flag, body = shlex.split(curl)
        assert (program, address, flag) == ("curl", f"{url}/completions", "-d")
        answer = httpx.post(address, content=body, timeout=60)
        assert answer.status_code == 200, answer.text
        assert json.loads(body)["prompt"]


def in_system(url: str) -> float:
    """Requests that the server has."""
    lines = [line.split() for line in httpx.get(f"{url}/metrics", timeout=60).text.splitlines()]
    names = ("llamacpp:requests_processing", "llamacpp:requests_deferred")
    return sum(float(value) for name, value in (line for line in lines if len(line) == 2) if name in names)


@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGTERM])
def test_it_stops_cleanly_in_the_middle_of_requests(kind: signal.Signals) -> None:
    with serving("--slots", "1") as (process, (first, _, _)):
        url, seen = first.split()[0], []

        def ask() -> None:
            fields = {"prompt": "def ", "max_tokens": 500, "ignore_eos": True, "stream": True}
            with httpx.stream("POST", f"{url}/completions", json=fields, timeout=60) as response:
                seen.extend(response.iter_lines())

        clients = [threading.Thread(target=ask) for _ in range(3)]
        for client in clients:
            client.start()
        while not (seen and in_system(url.removesuffix("/v1")) == 3):
            assert process.poll() is None
        process.send_signal(kind)
        out, err = process.communicate(timeout=30)
        for client in clients:
            client.join(20)
    assert (process.returncode, out, err) == (0, "stopped\n", "")
    assert sum('"the server has been stopped"' in line for line in seen) >= 2


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--slots", "0"], "0 slots: a server has 1 to 64"),
        (["--slots", "65"], "65 slots: a server has 1 to 64"),
        (["--port", "70000"], "there is no port 70000: they go from 1 to 65535, and 0 is any that is free"),
        (["--context", "0"], "a context of 0 tokens: two-bills-code-f16.gguf was trained on 1 to 512"),
        (["--context", "513"], "a context of 513 tokens: two-bills-code-f16.gguf was trained on 1 to 512"),
        (["--threads", "0"], "0 threads: this machine has 1 to"),
        (["--host", "203.0.113.1"], "203.0.113.1, port 0, cannot be opened: Cannot assign requested address"),
    ],
)
def test_what_cannot_be_is_told_in_a_line(options, said) -> None:
    ran = subprocess.run(
        [*SERVE, "two-bills-code", "--port", "0", *options], capture_output=True, text=True, timeout=60
    )
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr.startswith(said) and ran.stderr.count("\n") == 1


def test_a_port_that_is_taken_is_told_in_a_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        command = [*SERVE, "two-bills-code", "--port", str(port)]
        ran = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert ran.returncode == 2
    assert ran.stderr == f"port {port} is taken: name another one, as in --port {port + 1}; 0 is any\n"


def test_a_model_that_is_missing_is_told_in_a_line() -> None:
    ran = subprocess.run([*SERVE, "nothing.gguf"], capture_output=True, text=True, timeout=60)
    assert ran.returncode == 2
    assert ran.stderr.startswith("there is no model 'nothing.gguf', and no such file; the models are: two-bills-code")
    assert ran.stderr.count("\n") == 1
