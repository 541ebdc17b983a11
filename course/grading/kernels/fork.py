"""The life of a fork of the warm process: it is confined, and then a kernel or a judge."""

import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
from functools import partial
from typing import Any

from course.grading import sandbox
from course.grading.kernels import sockets

KERNEL, JUDGE = "kernel", "judge"


def become(request: dict[str, Any], fds: list[int]) -> None:
    """In the fork: confine it, say which layers hold, and be a kernel or a judge. Never returns."""
    log, status, channel, *listening = fds
    try:
        signal.set_wakeup_fd(-1)
        _reset_signals()
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(log, 1)
        os.dup2(log, 2)
        _close_all_but({0, 1, 2, *fds[1:]})
        os.environ.clear()
        os.environ.update(request["env"])
        policy = sandbox.Policy.from_json(request["policy"])
        try:
            layers = sandbox.enter(policy)
        except OSError as error:
            _say(status, {"error": str(error)})
            os._exit(1)
        os.chdir(policy.workplace)
        _reseed()
        _say(status, {"layers": layers})
        line = socket.socket(fileno=channel)
        if request["kind"] == KERNEL:
            _run_kernel(request["connection_file"], line, listening)
        else:
            _run_judge(line, request["hidden"])
    finally:
        os._exit(1)


def _reset_signals() -> None:
    """None ignored, handled or blocked as the grader was started with; Ctrl-C and broken pipes as in any Python."""
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP, signal.SIGPIPE, signal.SIGINT}:
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _say(status: int, content: dict[str, Any]) -> None:
    os.write(status, json.dumps(content).encode() + b"\n")
    os.close(status)


def _run_kernel(connection_file: str, line: socket.socket, listening: list[int]) -> None:
    from course.grading.judge import agent

    sockets.adopt(listening)
    app = start_kernel(connection_file)
    sys.path.insert(0, "")  # as in any notebook: modules beside it. Not before: none of them is for the kernel itself
    app.kernel._execute_sleep = 0  # ipykernel's own pause after each cell: here nobody waits for what it shows
    app.shell.system = partial(_shell_magic, app.shell.user_ns)
    app.shell.events.register("post_execute", partial(_put_back, {"stdout": sys.stdout, "stderr": sys.stderr}))
    agent.connect(line, app.shell.user_ns)
    try:
        app.start()
    finally:
        os._exit(0)  # the interpreter's own end takes two seconds with torch


def _put_back(streams: dict[str, Any]) -> None:
    """Give back the streams that a cell took away or closed: a kernel that cannot flush them never answers again."""
    for name, stream in streams.items():
        if not stream.closed and getattr(sys, name, None) is stream:
            continue
        try:
            getattr(sys, name).flush()
        except Exception:
            setattr(sys, name, stream)


def _shell_magic(names: dict[str, Any], command: str) -> None:
    """What a `!command` does: IPython's own way wants a terminal, and there is none in the box."""
    ran = subprocess.run(
        command, shell=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    )
    print(ran.stdout, end="")
    names["_exit_code"] = ran.returncode


def _run_judge(line: socket.socket, hidden: list[str]) -> None:
    from course.grading.judge import judge

    for package in hidden:  # from the submission, not from the judge
        sys.modules.pop(package, None)
    judge.serve(line)
    os._exit(0)


def start_kernel(connection_file: str, *options: str) -> Any:
    from ipykernel.kernelapp import IPKernelApp

    app = IPKernelApp.instance()
    app.initialize(["-f", connection_file, "--HistoryManager.enabled=False", "--log-level=ERROR", *options])
    return app


def _reseed() -> None:
    """Random numbers of its own for each fork: they would all draw the template's."""
    seed = random.SystemRandom().getrandbits(63)
    random.seed(seed)
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed(seed & 0xFFFFFFFF)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(seed)


def _close_all_but(kept: set[int]) -> None:
    for fd in [int(name) for name in os.listdir("/proc/self/fd")]:
        if fd not in kept:
            with contextlib.suppress(OSError):
                os.close(fd)
