"""Whether this machine and this environment can run the course: one check a question, each with its way out."""

import contextlib
import os
import platform
import queue
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from course import paths
from course.setting_up import requirements, wheel

SETUP = "python -m course setup"
REBUILD = f"remove the folder .venv, then: {SETUP}"
RAM_BYTES = 2e9  # what a lab may take
DISK_BYTES = 1e9  # the models, the work copies and a gradebook
KERNELSPEC = "python -m ipykernel install --sys-prefix"
KERNEL_SECONDS = 60


@dataclass(frozen=True)
class Check:
    """An answer of the doctor: what was looked at, whether it will do, what was found, and the way out if not."""

    name: str
    ok: bool
    found: str
    remedy: str = ""


def examine() -> Iterator[Check]:
    """All checks, one after the other; a check that fails itself is an answer too."""
    yield python()
    yield compiler()
    yield from packages()
    yield entry_points()
    yield _guarded(disk, "disk", f"name a folder that can be written to in TWO_BILLS_CACHE, then: {SETUP}")
    yield _guarded(model, "model", SETUP)
    yield _guarded(kernel, "notebook kernel", REBUILD)
    yield _guarded(box, "box for strangers' code", REBUILD)
    yield cores()
    yield ram()


def next_command(checks: list[Check]) -> str | None:
    """The one thing to do next: the remedy of the first check that failed; None when the course is ready."""
    return next((check.remedy for check in checks if not check.ok), None)


def python() -> Check:
    """This interpreter, and where it lives."""
    ok = sys.version_info[:2] >= (3, 11)
    return Check("Python", ok, f"{platform.python_version()} in {sys.prefix}", "install Python 3.11 or newer")


def packages(checkout: Path = paths.PACKAGE.parent) -> list[Check]:
    """Each package that the course asks for, against its bounds."""
    return [
        Check(f"{package.name} {package.bounds}", package.ok, package.version or "missing", SETUP)
        for package in requirements.packages(checkout)
    ]


def entry_points(checkout: Path = paths.PACKAGE.parent) -> Check:
    """Whether other programs find the course where it is now: Jupyter, for one, the kernels in which it grades."""
    asked, have = requirements.entry_points(checkout), requirements.installed_entry_points()
    outdated = sorted(name for name, place in asked.items() if have.get(name) != place)
    found = f"not as in pyproject.toml: {', '.join(outdated)}" if outdated else "as in pyproject.toml"
    return Check("entry points", not outdated, found, SETUP)


def compiler() -> Check:
    """A C and C++ compiler, which only the set-up needs: to compile llama-cpp-python."""
    if wheel.compiler_found():
        return Check("compiler", True, shutil.which("cc") or "found")
    needed = not requirements.versions(["llama-cpp-python"])
    return Check("compiler", not needed, "none" if needed else "none, and none needed", wheel.COMPILER_REMEDY)


def box() -> Check:
    """What confines a submission when a class is graded here: runs 1 + 1 in it. A student needs none of it."""
    from course.grading import sandbox
    from course.grading.kernels.kernel import Died
    from course.grading.kernels.warm import NoFork

    name = "box for strangers' code"
    if short := sandbox.shortage(sandbox.Limits()):
        return Check(name, False, short, "raise that limit of the system, or of this shell")
    if not (layers := sandbox.probe()):
        return Check(name, True, "none: `course grade` refuses here")
    try:
        answer = _computed_in(layers)
    except (NoFork, Died, OSError) as fault:
        return Check(name, False, f"nothing runs in it: {fault}", "mend that, or grade a class on another machine")
    return Check(name, answer == "2", f"{', '.join(layers)}; 1 + 1 = {answer}", REBUILD)


def _computed_in(layers: tuple[str, ...]) -> str:
    """What 1 + 1 gives, where a submission runs."""
    from course.grading.judge.referee import Times
    from course.grading.kernels import warm
    from course.grading.kernels.job import Job
    from course.grading.kernels.kernel import Kernel

    with contextlib.ExitStack() as opened:
        job, template = Job(layers), warm.start(())
        opened.callback(job.close)
        opened.callback(template.close)
        inside = Kernel(job=job, template=template, times=Times())
        opened.callback(inside.close)
        inside.start()
        shown: list[Any] = []
        inside.run("1 + 1", shown, until=time.monotonic() + KERNEL_SECONDS, late="it took too long")
    return "".join(str(output.get("data", {}).get("text/plain", output.get("evalue", ""))) for output in shown)


def model() -> Check:
    """The small open model that the course comes with: its file, byte for byte."""
    from course import models

    shipped = models.SMOLLM2
    state = models.state(shipped)
    found = f"{shipped.file}, checksum right" if state == "ready" else f"{shipped.file} is {state}"
    return Check("model", state == "ready", found, f"python -m course model fetch {shipped.name}")


def kernel() -> Check:
    """A notebook kernel, started as JupyterLab starts it: runs 1 + 1, in this environment."""
    from jupyter_client.manager import start_new_kernel

    started = time.monotonic()
    manager, client = start_new_kernel(startup_timeout=KERNEL_SECONDS, stderr=subprocess.DEVNULL)
    try:
        answer, prefix = _ask(client, "1 + 1"), _ask(client, "import sys; sys.prefix")
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    seconds = time.monotonic() - started
    if prefix != repr(sys.prefix):
        return Check("notebook kernel", False, f"starts in another environment: {prefix}", KERNELSPEC)
    return Check("notebook kernel", answer == "2", f"1 + 1 = {answer}, {seconds:.1f} s with its start", REBUILD)


def cores() -> Check:
    """The cores that this process may use: one is enough, it takes longer."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return Check("cores", True, str(count))


def ram() -> Check:
    """Free memory, against what a lab may take."""
    import psutil

    memory = psutil.virtual_memory()
    found = f"{memory.available / 1e9:.1f} of {memory.total / 1e9:.1f} GB free"
    return Check(
        "memory", memory.available >= RAM_BYTES, found, f"close programs: a lab may take {RAM_BYTES / 1e9:.0f} GB"
    )


def disk() -> Check:
    """Room on the fullest of the disks that the course writes to."""
    places = Path.cwd(), paths.cache_folder(), Path(tempfile.gettempdir())
    folder = min(places, key=lambda place: shutil.disk_usage(place).free)
    free = shutil.disk_usage(folder).free
    remedy = f"free {DISK_BYTES / 1e9:.0f} GB of disk space at {folder}"
    return Check("disk", free >= DISK_BYTES, f"{free / 1e9:.1f} GB free at {folder}", remedy)


def _guarded(check: Callable[[], Check], name: str, remedy: str) -> Check:
    try:
        return check()
    except Exception as error:  # whatever a broken package or disk raises
        first_line = next(iter(str(error).splitlines()), "")
        return Check(name, False, f"{type(error).__name__}: {first_line}", remedy)


def _ask(client, code: str) -> str:
    """What a kernel shows for an expression. Raises TimeoutError if it does not answer."""
    shown: list[str] = []

    def keep(message: dict) -> None:
        if message["msg_type"] == "execute_result":
            shown.append(message["content"]["data"]["text/plain"])

    try:
        client.execute_interactive(code, store_history=False, output_hook=keep, timeout=KERNEL_SECONDS)
    except queue.Empty:
        raise TimeoutError(f"no answer within {KERNEL_SECONDS} s") from None
    return shown[0] if shown else "no answer"
