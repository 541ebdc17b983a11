"""Many machines: the workers of a Dask scheduler grade a class; they need this package, and nothing of the checkout.

    here                                      a worker: a process; on each machine, some
    a task: the lab and a submission, bytes → a grader for each lab, with a warm process, confined by what holds there
    a row                                   ← plain data: no exception, no object of a student's

As many tasks are out as the workers have threads, so that a worker that dies takes one with it, and memory stays flat.
A task whose worker dies goes to another; the scheduler's `distributed.scheduler.allowed-failures` says how often.
"""

import dataclasses
import functools
import gzip
import io
import json
import logging
import socket
import subprocess
import sys
import tempfile
import threading
import time
import weakref
import zipfile
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

import nbformat

import course
from course import paths
from course.build import Lab
from course.grading import grader, sandbox
from course.grading.grader import Grader, Notebooks, Rules
from course.grading.handin import files
from course.grading.handin.submissions import Submission
from course.grading.judge.referee import Times
from course.grading.result import Row, Ungradable
from course.grading.scale import pool

if TYPE_CHECKING:
    from distributed import Client, Future

CONNECT_S = 10
PATIENCE_S = 120  # without any worker
_LOOK_S = 5  # between two looks at who is there
_SETTINGS = {"distributed.admin.large-graph-warning-threshold": "1GB"}  # a submission may be large
_AGAIN = "what was graded is kept: run it again for the rest"


class ClusterError(Exception):
    """The cluster cannot be used, or is lost: one line with the way out."""


class Unfit(Exception):
    """Why this machine must not grade. It goes to who asked as data."""


def grade_all(
    notebooks: Notebooks, rules: Rules, found: Sequence[Submission], *, scheduler: str, unsafe: bool = False
) -> Generator[Row, None, None]:
    """Grade all submissions on the workers of a scheduler ("tcp://host:8786"), each row as soon as it is there.

    What confines them is each worker's own; with `unsafe`, it may be nothing. Raises ClusterError.
    """
    packed = _pack_lab(notebooks, rules, unsafe=unsafe)
    with _connected(scheduler) as client:
        _require_fit(client, scheduler, unsafe=unsafe)
        waiting, seen = deque(found), time.monotonic()
        running: dict[Future, str] = {}
        done: SimpleQueue[Future] = SimpleQueue()
        while waiting or running:
            n_threads = _n_threads(client)
            if n_threads or not running:
                seen = time.monotonic()
            elif time.monotonic() - seen > PATIENCE_S:
                raise ClusterError(f"{scheduler} has lost all its workers: start some; {_AGAIN}")
            ended = _ended(done) if running else None
            graded = [_row(running.pop(ended), ended)] if ended else []
            while waiting and len(running) < max(1, n_threads):  # before a row is written: nobody waits for that
                submission = waiting.popleft()
                try:
                    task = (packed, submission.student, *_pack(submission))
                except Ungradable as error:
                    graded.append(Row(submission.student, reason=str(error)))
                    continue
                future = client.submit(work, *task, pure=False)
                running[future] = submission.student
                future.add_done_callback(done.put)
            yield from graded


@contextmanager
def _connected(scheduler: str) -> "Iterator[Client]":
    """A client of the scheduler. All that is wrong with the cluster, then and later, becomes a ClusterError."""
    try:
        import dask
        from distributed import CancelledError, Client
    except ImportError:
        raise ClusterError('--scheduler needs Dask: pip install "distributed>=2024.8"') from None
    for name in ("distributed.client", "distributed.core", "distributed.comm"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # a ClusterError says it in a line
    with dask.config.set({"distributed.comm.timeouts.connect": CONNECT_S, **_SETTINGS}):
        try:
            client = Client(scheduler, timeout=CONNECT_S, set_as_default=False)
        except (OSError, ValueError, TypeError):
            raise ClusterError(
                f"no Dask scheduler answers at {scheduler}: start one with `dask scheduler`, and name it as it says "
                "(tcp://host:8786)"
            ) from None
        try:
            yield client
        except (OSError, CancelledError) as error:
            said = str(error) or type(error).__name__
            raise ClusterError(f"the scheduler at {scheduler} is gone ({said}); {_AGAIN}") from None
        finally:
            client.close(timeout=_LOOK_S)


def _require_fit(client: "Client", scheduler: str, *, unsafe: bool) -> None:
    """Raise ClusterError unless there are workers, and every one can grade."""
    try:
        client.wait_for_workers(1, timeout=PATIENCE_S)
    except TimeoutError:
        start = f"start some with `dask worker {scheduler} --nthreads 1`"
        raise ClusterError(f"{scheduler} has no workers: {start}") from None
    reasons = client.run(unfitness, course.__version__, unsafe, on_error="return")
    for worker, reason in reasons.items():
        if isinstance(reason, BaseException):
            reason = f"it cannot run the course ({reason}): install the course's package there"
        if reason:
            raise ClusterError(f"the worker {worker} cannot grade: {reason}")


def _n_threads(client: "Client") -> int:
    if client.status == "closed":
        raise ConnectionError("it does not come back")
    return sum(client.nthreads().values())


def _ended(done: "SimpleQueue[Future]") -> "Future | None":
    """A task that has ended; None if nothing happens for some seconds."""
    try:
        return done.get(timeout=_LOOK_S)
    except Empty:
        return None


def _row(student: str, future: "Future") -> Row:
    """What a task has given. Raises ClusterError if it could not even begin."""
    from distributed import KilledWorker

    error = future.exception()
    if isinstance(error, KilledWorker):
        return Row(student, reason=f"the worker that graded it died, {error.allowed_failures + 1} times")
    if error:
        raise ClusterError(f"a worker cannot run the course ({error}): install the course's package there; {_AGAIN}")
    graded = json.loads(future.result())
    return Row.from_json(graded["row"], notebook=graded["notebook"])


def _pack_lab(notebooks: Notebooks, rules: Rules, *, unsafe: bool) -> bytes:
    """All that a worker must know of a lab. The same lab gives the same bytes."""
    content = {
        "lab": notebooks.lab.name,
        "solution": nbformat.writes(notebooks.solution),
        "release": nbformat.writes(notebooks.release),
        "version": course.__version__,
        "unsafe": unsafe,
        "limits": dataclasses.asdict(rules.limits),
        "times": dataclasses.asdict(rules.times),
        "all_cells": rules.all_cells,
    }
    return gzip.compress(json.dumps(content).encode(), mtime=0)


def _pack(submission: Submission) -> tuple[str, bytes]:
    """The notebook's place, and a zip of it and what came with it. Raises Ungradable."""
    if submission.notebook is None:
        raise Ungradable(submission.reason)
    root = submission.files or submission.notebook.parent
    beside = files.below(root, files.LIMITS) if submission.files else []
    inside = [submission.notebook, *(path for path in beside if path.suffix.lower() not in (".ipynb", ".db"))]
    content = io.BytesIO()
    try:
        with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED, strict_timestamps=False) as archive:
            for path in inside:
                with open(path, "rb", opener=files.no_link) as source:
                    archive.writestr(path.relative_to(root).as_posix(), source.read())
    except OSError as error:
        raise Ungradable(f"the files of {submission.student} cannot be read: {error.strerror}") from None
    return submission.notebook.relative_to(root).as_posix(), content.getvalue()


_opening = threading.Lock()


def work(packed: bytes, student: str, notebook: str, content: bytes) -> str:
    """Grade a submission; whatever happens, there is a row, as JSON."""
    try:
        with tempfile.TemporaryDirectory(prefix="course-grade-", ignore_cleanup_errors=True) as folder:
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                archive.extractall(folder)
            row = _grade(packed, Submission(student, Path(folder, notebook), Path(folder)))
            row = dataclasses.replace(row, reason=row.reason.replace(f"{folder}/", ""))
        return json.dumps({"row": row.to_json(), "notebook": row.notebook})
    except (
        Exception
    ) as error:  # a full disk, a path that is too long there: this submission's row, and the class goes on
        reason = f"the grader failed on it ({socket.gethostname()}: {type(error).__name__}: {error})"
        return json.dumps({"row": Row(student, reason=reason).to_json(), "notebook": ""})


def unfitness(version: str, unsafe: bool) -> str:
    """Why this machine must not grade for a course of that version; empty if it may."""
    try:
        _layers(version, unsafe=unsafe)
    except Unfit as reason:
        return str(reason)
    return ""


def _grade(packed: bytes, submission: Submission) -> Row:
    try:
        with _opening:
            by = _grader(packed)
    except Unfit as reason:
        return Row(submission.student, reason=f"the grader failed on it: {socket.gethostname()} cannot grade: {reason}")
    return pool.grade(by, submission)


@functools.lru_cache(maxsize=4)  # labs at once
def _grader(packed: bytes) -> Grader:
    """The grader for a lab. When nobody has it any more, its warm process ends."""
    content = json.loads(gzip.decompress(packed))
    layers = _layers(content["version"], unsafe=content["unsafe"])
    limits, times = sandbox.Limits(**content["limits"]), Times(**content["times"])
    rules = Rules(layers, limits, times, all_cells=content["all_cells"])
    solution, release = (nbformat.reads(content[which], as_version=4) for which in ("solution", "release"))
    opened = grader.open_grader(Notebooks(Lab(content["lab"], Path()), solution, release), rules)
    weakref.finalize(opened, opened.template.close)
    return opened


def _layers(version: str, *, unsafe: bool) -> tuple[str, ...]:
    """What confines strangers' code on this machine. Raises Unfit."""
    if course.__version__ != version:
        raise Unfit(f"it has version {course.__version__} of the course, not {version}: install that one")
    if not sandbox.is_supported():
        raise Unfit("only Linux can confine strangers' code: start workers there")
    program = "from course.grading import sandbox; print(*sandbox.probe())"  # probing forks; a worker has threads
    probing = subprocess.run([sys.executable, "-c", program], cwd=paths.PACKAGE.parent, capture_output=True, text=True)
    layers = tuple(probing.stdout.split())
    if not unsafe and not sandbox.confine(layers):
        held = ", ".join(layers) or "none"
        raise Unfit(f"nothing there keeps strangers' code from its files (layers that hold: {held})")
    return layers
