"""The warm process: its forks are fresh, end with their lease, and outlive nobody."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from course.grading import execute, fork, hiding, warm
from course.grading.job import Job
from tests.grading.conftest import LIMITS, TIMES, notebook

Execute = Callable[..., execute.Execution]


@pytest.fixture
def job(layers: tuple[str, ...]) -> Iterator[Job]:
    made = Job(layers)
    yield made
    made.close()


def judge(template_: warm.Template, job: Job) -> warm.Child:
    policy = job.judge_policy()
    return template_.fork(fork.JUDGE, policy, job.environment(policy))


def ended(condition: Callable[[], bool], seconds: float = 15) -> bool:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)
    return condition()


def test_every_fork_draws_its_own_random_numbers(execute: Execute) -> None:
    draw = "import random, numpy, torch\nprint(random.random(), numpy.random.rand(), torch.rand(1).item())"
    drawn = [execute(draw, "pass").notebook.cells[1].outputs[0].text.split() for _ in range(2)]
    assert len({*drawn[0], *drawn[1]}) == 6


def test_libraries_compute_in_a_fork(execute: Execute) -> None:
    work = (
        "import torch, numpy\na = torch.rand(300, 300, requires_grad=True)\n(a @ a).sum().backward()\n"
        "b = numpy.ones((300, 300))\n"
        "print(bool(a.grad.abs().sum() > 0) and (b @ b)[0, 0] == 300)"
    )
    assert execute(work, "pass").notebook.cells[1].outputs[0].text == "True\n"


@pytest.mark.parametrize("given", [1, None])
def test_a_fork_computes_on_the_threads_that_it_is_given(
    given: int | None, layers: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(fork.THREADS, raising=False)
    if given is None:
        monkeypatch.setenv(fork.THREADS, "1")  # the grader's own environment comes first
    started = warm.start(["import torch"], threads=given or 2)
    try:
        shown = run_alone(
            started, layers, "import os, torch\nprint(torch.get_num_threads(), os.environ['OMP_NUM_THREADS'])"
        )
    finally:
        started.close()
    assert shown == "1 1\n"


def test_every_result_says_which_layers_held(execute: Execute, layers: tuple[str, ...]) -> None:
    assert execute("pass", "pass").layers == sorted(layers) != []


def test_a_child_ends_with_its_lease(template: warm.Template, job: Job) -> None:
    child = judge(template, job)
    assert child.poll() is None
    before = children_of(template)
    child.close()
    assert ended(lambda: len(children_of(template)) < len(before))


def test_a_child_that_is_killed_says_so(template: warm.Template, job: Job) -> None:
    child = judge(template, job)
    child.kill()
    assert ended(lambda: child.poll() is not None)
    child.close()


def test_nothing_outlives_a_grader_that_is_killed(tmp_path: Path) -> None:
    code = (
        "import sys, time\nfrom course.grading import fork, sandbox, warm\nfrom course.grading.job import Job\n"
        "started = warm.start([])\njob = Job(sandbox.probe())\npolicy = job.judge_policy()\n"
        "child = started.fork(fork.JUDGE, policy, job.environment(policy))\n"
        "print(job.root, flush=True)\ntime.sleep(600)"
    )
    grader = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert grader.stdout and grader.stdout.readline()
    family = psutil.Process(grader.pid).children(recursive=True)
    assert len(family) >= 3  # the warm process, the judge's keeper, the judge
    os.kill(grader.pid, signal.SIGKILL)
    grader.wait()
    _, alive = psutil.wait_procs(family, timeout=15)
    assert alive == []


def test_forks_that_hang_make_it_start_cold(job: Job) -> None:
    cold = warm.start(["import torch; torch.ones(700, 700) @ torch.ones(700, 700)"])  # its threads are not in the forks
    assert isinstance(cold, warm.Cold)
    child = judge(cold, job)
    assert child.poll() is None and child.layers
    child.close()


def test_hidden_packages_are_not_in_the_warm_process_but_the_judge_has_them(layers: tuple[str, ...]) -> None:
    started = warm.start(["import numpy"], hidden=["jupytext"])
    try:
        verdicts = [run_hidden(started, layers, answer) for answer in ("import jupytext", LOOK)]
    finally:
        started.close()
    assert verdicts == [("ModuleNotFoundError", True), (None, True)]


LOOK = """
import importlib.metadata, os, sys
folder = next(p for p in sys.path if p.endswith('site-packages')) + '/jupytext'
try:
    found = [open(folder + '/' + name).read() for name in os.listdir(folder) if name.endswith('.py')]
except OSError:
    found = []
assert not found and 'jupytext.cli' not in sys.modules
"""


def run_alone(started: warm.Template, layers: tuple[str, ...], answer: str) -> str:
    """What an answer prints."""
    job = Job(layers, LIMITS)
    made = notebook(answer, "pass")
    try:
        ran = asyncio.run(execute.Executor(made, made, job, started, TIMES).run())
    finally:
        job.close()
    return ran.notebook.cells[1].outputs[0].text


def run_hidden(started: warm.Template, layers: tuple[str, ...], answer: str) -> tuple[str | None, bool]:
    job = Job(layers, LIMITS, hidden=hiding.paths_of(["jupytext"]))
    made = notebook(answer, "import jupytext\nassert jupytext.__version__")
    try:
        ran = asyncio.run(execute.Executor(made, made, job, started, TIMES).run())
    finally:
        job.close()
    errors = [output.ename for output in ran.notebook.cells[1].outputs if output.output_type == "error"]
    return (errors[0] if errors else None), ran.verdicts["test-1-1"]["passed"]


def children_of(started: Any) -> list[psutil.Process]:
    return psutil.Process(started.process.pid).children(recursive=True)


def test_shell_magics_and_files_beside_the_notebook_work(execute: Execute) -> None:
    answer = "!cat beside.txt; exit 3\nlisted = !ls\nimport helper\nprint(_exit_code, listed, helper.X)"
    ran = execute(answer, "pass", files={"beside.txt": "here\n", "helper.py": "X = 7"})
    shown = "".join(output.text for output in ran.notebook.cells[1].outputs)
    assert shown == "here\n3 ['beside.txt', 'helper.py'] 7\n"
