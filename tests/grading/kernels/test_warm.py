"""The warm process: its forks are fresh, end with their lease, and outlive nobody."""

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

from course.grading.kernels import fork, warm
from course.grading.kernels.job import Job
from course.grading.run import execute, hiding
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


@pytest.mark.parametrize(("said", "taken"), [(None, "1"), ("2", "2")])
def test_a_fork_computes_on_one_thread_unless_the_grader_is_told_otherwise(
    said: str | None, taken: str, layers: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    if said:
        monkeypatch.setenv("OMP_NUM_THREADS", said)
    started = warm.start(["import torch"])
    look = "import os, torch\nprint(os.environ['OMP_NUM_THREADS'], torch.get_num_threads())"
    try:
        ran = run_on(started, layers, look, "pass")
    finally:
        started.close()
    n_torch = min(int(taken), len(os.sched_getaffinity(0)))
    assert ran.notebook.cells[1].outputs[0].text == f"{taken} {n_torch}\n"


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
        "import sys, time\nfrom course.grading import sandbox\nfrom course.grading.kernels import fork, warm\n"
        "from course.grading.kernels.job import Job\n"
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


def test_forks_that_hang_make_it_start_cold(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    cold = warm.start(["import torch; torch.ones(700, 700) @ torch.ones(700, 700)"])  # its threads are not in the forks
    assert cold.warm is None
    child = judge(cold, job)
    assert child.poll() is None and child.layers
    child.close()


@pytest.mark.parametrize(
    ("hidden", "part", "there"),
    [("jupytext", "jupytext.cli", "__version__"), ("course.llama.convert", "course.llama.convert.lora", "Lora")],
)
def test_what_is_hidden_is_not_in_the_warm_process_but_the_judge_has_it(
    layers: tuple[str, ...], hidden: str, part: str, there: str
) -> None:
    started = warm.start(["import numpy", f"import {part}"], hidden=[hidden])
    paths, test = hiding.paths_of([hidden]), f"import {hidden} as found\nassert found.{there}"
    answers = (f"import {part}", f"import sys\ndel sys.modules[{hidden!r}]\nimport {part}", LOOK.format(paths[0], part))
    try:
        verdicts = [run_hidden(started, layers, answer, test, paths) for answer in answers]
    finally:
        started.close()
    assert verdicts == [("ModuleNotFoundError", True), ("ModuleNotFoundError", True), (None, True)]


LOOK = """
import os, sys
folder = {!r}
try:
    found = [open(folder + '/' + name).read() for name in os.listdir(folder) if name.endswith('.py')]
except OSError:
    found = []
assert not found and {!r} not in sys.modules
"""


def run_on(
    started: warm.Template, layers: tuple[str, ...], answer: str, test: str, hidden: tuple[str, ...] = ()
) -> execute.Execution:
    """An answer and its test, on a warm process of their own."""
    job = Job(layers, LIMITS, hidden=hidden)
    made = notebook(answer, test)
    try:
        return execute.Executor(made, made, job, started, TIMES).run()
    finally:
        job.close()


def run_hidden(
    started: warm.Template, layers: tuple[str, ...], answer: str, test: str, hidden: tuple[str, ...]
) -> tuple[str | None, bool]:
    ran = run_on(started, layers, answer, test, hidden)
    errors = [output.ename for output in ran.notebook.cells[1].outputs if output.output_type == "error"]
    return (errors[0] if errors else None), ran.verdicts["test-1-1"]["passed"]


def children_of(started: Any) -> list[psutil.Process]:
    running = started.warm if isinstance(started, warm.Template) else started
    return psutil.Process(running.process.pid).children(recursive=True)


def test_shell_magics_and_files_beside_the_notebook_work(execute: Execute) -> None:
    answer = "!cat beside.txt; exit 3\nlisted = !ls\nimport helper\nprint(_exit_code, listed, helper.X)"
    ran = execute(answer, "pass", files={"beside.txt": "here\n", "helper.py": "X = 7"})
    shown = "".join(output.text for output in ran.notebook.cells[1].outputs)
    assert shown == "here\n3 ['beside.txt', 'helper.py'] 7\n"


WRITES = """
import os
from ipykernel.connect import get_connection_file
folder = os.path.dirname(get_connection_file())
done = []
for deed, name in ((lambda path: open(path, 'w'), 'big'), (os.mkdir, 'deep'), (os.unlink, 'k-1')):
    try:
        deed(f'{folder}/{name}')
        done.append('done')
    except OSError:
        done.append('refused')
def f():
    return sorted(os.listdir(folder)), done
"""
THERE = [*(f"k-{number}" for number in range(1, 6)), "kernel.json"]


@pytest.mark.parametrize("without", ["", "namespaces"])
def test_a_kernel_cannot_write_where_its_sockets_lie(
    template: warm.Template, layers: tuple[str, ...], without: str
) -> None:
    """That folder is the host's, where no limit of disk holds."""
    job = Job(tuple(layer for layer in layers if layer != without), LIMITS)
    check = f"assert f() == ({THERE!r}, ['refused'] * 3), f()"
    try:
        submitted = notebook(WRITES, check)
        ran = execute.Executor(submitted, notebook("def f():\n    return 1", check), job, template, TIMES).run()
        assert ran.verdicts["test-1-1"] == {"passed": True}
        assert [path.name for path in sorted(job.root.glob("s*/*"))] == THERE
    finally:
        job.close()
