"""Inside of this engine: where the time of a submission goes, what a check costs, how much memory a worker has."""

import functools
import multiprocessing
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from copy import deepcopy
from pathlib import Path
from typing import Any
from unittest import mock

import psutil
from nbformat import NotebookNode

from benchmarks import cost
from benchmarks.classroom import Classroom
from course.grading import grader, sandbox
from course.grading.book import gradebook
from course.grading.grader import Grader, Notebooks, Rules
from course.grading.handin import intake, records, repair, suspicion
from course.grading.handin.submissions import Submission
from course.grading.judge.referee import Times
from course.grading.kernels import job, kernel, warm
from course.grading.kernels.job import Job
from course.grading.run import execute
from course.grading.run.execute import Executor
from course.grading.scale import pool
from course.notebook.cells import by_name

PHASES: list[tuple[str, Any, str]] = [  # what it is called, whose, the function
    ("read, repair, flags", intake, "read"),
    ("read, repair, flags", intake, "require_lab"),
    ("read, repair, flags", intake, "flags"),
    ("read, repair, flags", suspicion, "signs"),
    ("read, repair, flags", repair, "repair"),
    ("read, repair, flags", Grader, "_with_tests"),
    ("folder: made, staged, removed", job.Job, "__post_init__"),
    ("folder: made, staged, removed", job.Job, "close"),
    ("folder: made, staged, removed", grader.submissions, "stage"),
    ("folder: made, staged, removed", records, "save"),
    ("forks, confined", warm.Warm, "fork"),
    ("kernel ready", kernel.Kernel, "start"),
    ("the submission's cells", kernel.Kernel, "run"),
    ("checks", execute.Executor, "_verdict"),
    ("judge told the lab", execute.Executor, "_new_referee"),
    ("kernel and judge ended", kernel.Kernel, "close"),
    ("kernel and judge ended", execute.Executor, "_close"),
    ("verdicts", grader.verdicts, "exercises"),
    ("marks into the gradebook", gradebook, "save"),
]
CHECKED = "lab01"  # whose first exercise `check_costs` takes
COPIES, CALLS = 40, 300


class Clock:
    """Seconds by phase; while a phase is inside another, only the inner one's clock runs."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self._open: list[str] = []
        self._since = 0.0

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        self._turn()
        self._open.append(name)
        try:
            yield
        finally:
            self._turn()
            self._open.pop()

    def wrapped(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def timed(*args: Any, **kwargs: Any) -> Any:
            with self.phase(name):
                return function(*args, **kwargs)

        return timed

    def _turn(self) -> None:
        now = time.monotonic()
        if self._open:
            self.seconds[self._open[-1]] += now - self._since
        self._since = now


def phases(room: Classroom, at: Grader, place: Path) -> dict[str, float]:
    """Median seconds of each phase over the class's submissions, and of all of it under "in all"."""
    handed_in = handed_in_at(room, place)
    found: dict[str, list[float]] = {name: [] for name in (*(name for name, _, _ in PHASES), "the rest", "in all")}
    for submission in handed_in:
        clock = Clock()
        with ExitStack() as patched:
            for name, owner, function in PHASES:
                timed = clock.wrapped(name, getattr(owner, function))
                patched.enter_context(mock.patch.object(owner, function, timed))
            began = time.monotonic()
            with clock.phase("the rest"):
                gradebook.save(room.lab, pool.grade(at, submission))
            clock.seconds["in all"] = time.monotonic() - began
        for name, seconds in found.items():
            seconds.append(clock.seconds[name])
    return {name: statistics.median(seconds) for name, seconds in found.items()}


def check_costs(at: Grader) -> dict[str, float]:
    """Seconds of one check more, of exercise 1.1's own one, of a call that crosses, and of one with 80 kB each way."""
    arrays = f"a = np.ones(10_000)\nfor _ in range({CALLS}):\n    layers_flop(a, [1, 1])"
    nothing = _seconds_of_check(at, "pass", copies=COPIES)
    own = _seconds_of_check(at, by_name(at.solution)["test-1-1"].source, copies=COPIES)
    calls = _seconds_of_check(at, f"for _ in range({CALLS}):\n    layers_flop(3, [5, 7])", copies=1)
    arrays_too = _seconds_of_check(at, arrays, copies=1)
    return {
        "a check that asks nothing": nothing,
        "the check of 1.1, as it is": own,
        "a call of the submission's function": (calls - nothing) / CALLS,
        "a call with an array of 80 kB each way": (arrays_too - nothing) / CALLS,
    }


def _seconds_of_check(at: Grader, source: str, *, copies: int) -> float:
    """The seconds of one check more, from notebooks with one and with so many more of it."""
    known = by_name(at.solution)
    check = deepcopy(known["test-1-1"])
    check.source = source

    def seconds(number: int) -> float:
        notebook = deepcopy(at.solution)
        notebook.cells = [deepcopy(cell) for cell in (known["start"], known["ex-1-1"], *[check] * number)]
        began = time.monotonic()
        execution = _execute(at, notebook)
        if not execution.verdicts["test-1-1"]["passed"]:
            raise cost.Failed(f"a check that must pass says {execution.verdicts['test-1-1']}")
        return time.monotonic() - began

    alone, many = (statistics.median(seconds(number) for _ in range(3)) for number in (1, 1 + copies))
    return (many - alone) / copies


def _execute(at: Grader, notebook: NotebookNode) -> execute.Execution:
    place = Job(at.rules.layers)
    try:
        return Executor(notebook, at.solution, place, at.template, Times()).run()
    finally:
        place.close()


def memory_of_forks(room: Classroom, at: Grader, place: Path) -> dict[str, float]:
    """MiB of the warm process, and of a kernel and a judge as a submission ends: what is their own alone."""
    assert at.template.warm and at.template.warm.process
    server = psutil.Process(at.template.warm.process.pid)
    born: dict[str, list[psutil.Process]] = {}
    found: dict[str, float] = {}
    fork, close = warm.Warm.fork, Executor._close

    def noting_fork(self: warm.Warm, kind: str, *args: Any, **kwargs: Any) -> warm.Child:
        before = set(server.children())
        child = fork(self, kind, *args, **kwargs)
        born[kind] = [keeper for keeper in server.children() if keeper not in before]
        return child

    def weighing_close(self: Executor) -> None:
        found["the warm process: resident"] = cost.mib(server, "rss")
        for kind, keepers in born.items():
            tree = [one for keeper in keepers for one in (keeper, *keeper.children(recursive=True))]
            found[f"a {kind}: its own"] = sum(cost.mib(one, "uss") for one in tree)
            found[f"a {kind}: share of all"] = sum(cost.mib(one, "pss") for one in tree)
        close(self)

    with mock.patch.object(warm.Warm, "fork", noting_fork), mock.patch.object(Executor, "_close", weighing_close):
        at.grade(handed_in_at(room.first(1), place)[0])
    return found


def memory_of_worker(room: Classroom, at: Grader, place: Path) -> float:
    """MiB of a worker process of its own, after it has graded a submission."""
    handed_in = handed_in_at(room, place)
    most = 0.0
    for _ in pool.grade_here(at.notebooks, at.rules, handed_in, workers=2):
        workers = [psutil.Process(process.pid) for process in multiprocessing.active_children() if process.pid]
        most = max([most, *(cost.mib(worker, "uss") for worker in workers)])
    return most


def opened(room: Classroom) -> Grader:
    """A grader whose warm process is ready."""
    started = grader.open_grader(Notebooks.of(room.lab), Rules(sandbox.probe()))
    if started.template.warm is None:
        raise cost.Failed("forks of a warm process do not compute here: there is nothing to measure")
    return started


def handed_in_at(room: Classroom, place: Path) -> list[Submission]:
    """The class's submissions, written below `place`."""
    return [room.hand_in(student, place / student) for student in room.answers]
