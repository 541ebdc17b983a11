"""Have a server run while you need it: a child process on a free port, which never outlives you.

with server.started("smollm2-f16", slots=4) as serving:
    httpx.post(f"{serving.url}/v1/completions", json={"prompt": "The sea is"})
"""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import httpx

from course import models
from course.llama import header, threads
from course.llama.errors import LlamaError
from course.llama.serving import guard, running

_START_S = 60  # to load a model
_STOP_S = 15


class ServerError(LlamaError):
    """A server that cannot be started, or has ended: one line with its own last words."""


@dataclass(frozen=True)
class Server:
    """A server that answers."""

    url: str  # "http://127.0.0.1:41234", without the /v1
    name: str  # "course serve" or "llama-server"
    model: str  # as requests name it
    slots: int
    pid: int | None = None  # of its guard, whose child it is; None where somebody else has started it


@contextmanager
def started(
    model: str = "smollm2-f16",
    *,
    slots: int = 4,
    context: int | None = None,
    n_threads: int | None = None,
    llama_server: Path | None = None,
) -> Iterator[Server]:
    """A server of `model` (a name of `course model list`, or a GGUF file), until the block ends.

    `context`: tokens of each request with its answer, as for `course serve`. `llama_server`: llama.cpp's own program,
    in the place of the course's. Raises ServerError, and models.ModelError.
    """
    if os.environ.get("NBGRADER_EXECUTION") == "autograde":
        raise ServerError("no server is started under the grader: start it in what lab.measure runs")
    file = models.located(model)
    port = _free_port()
    if llama_server:
        command = _llama_server(llama_server, file, model, slots, context, threads.checked(n_threads), port)
    else:
        command = _course_serve(model, slots, context, n_threads, port)
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            [sys.executable, guard.__file__, *command],
            stdin=subprocess.PIPE,
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # an interrupt of the cell is not for the server
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),  # as Windows has it
        )
        try:
            url = f"http://127.0.0.1:{port}"
            _wait_for_health(url, process, said)
            yield Server(url, "llama-server" if llama_server else "course serve", _name(model), slots, process.pid)
        finally:
            _stop(process)


def _course_serve(model: str, slots: int, context: int | None, n_threads: int | None, port: int) -> list[str]:
    options = {"--slots": slots, "--port": port, "--context": context, "--threads": n_threads}
    given = [str(part) for name, value in options.items() if value is not None for part in (name, value)]
    return [sys.executable, "-m", "course", "serve", model, *given]


def _llama_server(
    program: Path, file: Path, model: str, slots: int, context: int | None, n_threads: int, port: int
) -> list[str]:
    """As ours serves: no prompt is kept between requests, each slot has its context."""
    if not shutil.which(program):
        raise ServerError(f"there is no program {program}")
    n_context = context or min(running.CONTEXT_TOKENS, header.read(file).context_length or running.CONTEXT_TOKENS)
    options = {"-m": file, "-a": _name(model), "-np": slots, "-c": slots * n_context, "-t": n_threads, "--port": port}
    fixed = ["--host", "127.0.0.1", "--metrics", "--no-cache-prompt", "-cram", "0", "--offline", "--no-webui"]
    return [str(program), *(str(part) for option in options.items() for part in option), *fixed]


def _name(model: str) -> str:
    return Path(model).stem if Path(model).is_file() else model


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


def _wait_for_health(url: str, process: subprocess.Popen[bytes], said: IO[bytes]) -> None:
    end = time.monotonic() + _START_S
    with httpx.Client(timeout=5) as client:
        while time.monotonic() < end:
            if process.poll() is not None:
                reason = _last_line(said) or f"exit code {process.returncode}"
                raise ServerError(f"the server has not started: {reason}")
            with suppress(httpx.TransportError):
                if client.get(f"{url}/health").status_code == 200:
                    return
            time.sleep(0.05)
    raise ServerError(f"the server has not answered within {_START_S} s: {_last_line(said)}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    """By its process id; the guard ends the server when its input is closed."""
    assert process.stdin
    process.stdin.close()
    try:
        process.wait(_STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _last_line(said: IO[bytes]) -> str:
    said.seek(0)
    lines = said.read().decode(errors="replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "")
