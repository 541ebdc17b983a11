"""A machine that is set up otherwise is no student's fault: marks are as ever, or nothing is settled, with a reason."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from course import build
from course.build import Lab
from course.paths import PACKAGE
from tests import ordinary_user, tiny
from tests.grading.test_grade import hand_in
from tests.tiny import RIGHT

FULL = {"ada": 7.0}


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    lab = tiny.course(tmp_path_factory.mktemp("course") / "course")
    build.build(lab)
    hand_in(lab, "ada", RIGHT)
    return lab


def grade(lab: Lab, shell: str = "", *, by: tuple[str, ...] = (), **changes: str) -> tuple[int, Any, str]:
    """(exit code, points or reason by student, stderr) of `course grade` run by a shell that is set up otherwise.

    `by` is the program that starts the shell.
    """
    command = f'{shell}\nexec "$0" -m course grade lab01 --again --json --course "$1"'
    environment = os.environ | {"PYTHONPATH": str(PACKAGE.parent)} | changes
    arguments = [*by, "sh", "-c", command, sys.executable, str(lab.course)]
    ran = subprocess.run(arguments, env=environment, capture_output=True, text=True, check=False)
    rows = json.loads(ran.stdout) if ran.stdout.startswith("[") else []
    return ran.returncode, {row["student"]: row.get("points", row.get("reason")) for row in rows}, ran.stderr


@pytest.mark.parametrize(
    "shell",
    ["umask 077", "umask 0", "cd /", "ulimit -c 0", "exec 2>/dev/null </dev/null", "trap '' INT TERM HUP PIPE"],
)
def test_what_a_shell_hands_down_changes_no_mark(lab: Lab, shell: str) -> None:
    code, points, errors = grade(lab, shell)
    assert (code, points) == (0, FULL), errors


@pytest.mark.parametrize("options", ["size=4k", "ro"], ids=["full", "closed"])
def test_no_room_in_shared_memory_changes_no_mark(lab: Lab, options: str) -> None:
    if os.geteuid():
        pytest.skip("mounts as root")
    shell = f"mount -t tmpfs -o {options} none /dev/shm; head -c 9999 /dev/zero >/dev/shm/full"
    code, points, errors = grade(lab, shell, by=("unshare", "-m"))
    assert (code, points) == (0, FULL), errors


def test_a_folder_that_is_gone_changes_no_mark_or_is_said(lab: Lab) -> None:
    code, points, errors = grade(lab, 'here=$(mktemp -d) && cd "$here" && rmdir "$here"')
    assert "Traceback" not in errors
    assert (code, points) == (0, FULL) or (code in (1, 2) and len(errors.splitlines()) == 1), errors


@pytest.mark.parametrize(
    "changes",
    [
        {"LANG": "C", "LC_ALL": "C", "PYTHONUTF8": "0"},
        {"PYTHONSAFEPATH": "", "PYTHONWARNINGS": "error"},
        {"MPLBACKEND": "nowhere", "OMP_NUM_THREADS": "0", "IPYTHONDIR": "/nowhere", "HOME": "/nowhere"},
    ],
    ids=["locale", "python", "homes"],
)
def test_what_an_environment_says_changes_no_mark(lab: Lab, changes: dict[str, str]) -> None:
    code, points, errors = grade(lab, **changes)
    assert (code, points) == (0, FULL), errors


def test_a_long_temporary_folder_changes_no_mark(lab: Lab, tmp_path: Path) -> None:
    folder = tmp_path / ("x" * 100) / ("y" * 100)
    folder.mkdir(parents=True)
    code, points, errors = grade(lab, TMPDIR=str(folder))
    assert (code, points) == (0, FULL), errors
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("shell", ["ulimit -n 64", "ulimit -n 24", "ulimit -v 3000000", "ulimit -u 40"])
def test_a_machine_that_gives_too_little_is_a_reason_or_enough(lab: Lab, shell: str) -> None:
    code, found, errors = grade(lab, shell)
    if (code, found) != (0, FULL):
        assert code in (1, 2) and not any(isinstance(value, float | int) for value in found.values()), (found, errors)
        assert "Traceback" not in errors
        assert grade(lab)[:2] == (0, FULL)


@pytest.mark.parametrize(
    ("limit", "words"),
    [
        ("RLIMIT_NOFILE, (64, 64)", "too few open files (64, and a submission gets up to 1024: `ulimit -n 1024`)"),
        ("RLIMIT_NPROC, (40, 40)", "too few processes (40, and a submission gets up to 64: `ulimit -u 64`)"),
        ("RLIMIT_AS, (4 << 30, 4 << 30)", "too few bytes of address space (4294967296, and"),
        ("RLIMIT_NOFILE, (64, 4096)", "\n"),
    ],
    ids=["files", "processes", "addresses", "soft"],
)
def test_too_low_a_limit_is_said_before_anything_is_graded(limit: str, words: str) -> None:
    check = "from course.grading import sandbox; print(sandbox.shortage(sandbox.Limits()))"
    ran = ordinary_user.run(f"import resource\nresource.setrlimit(resource.{limit})\n{check}")
    assert words in ran.stdout, ran.stderr


@pytest.mark.parametrize("workers", [1, 2])
def test_told_to_end_it_leaves_nothing_behind(
    lab: Lab, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, workers: int
) -> None:
    slow = Lab(lab.name, shutil.copytree(lab.course, tmp_path / "course"))
    for student in ("bee", "cee"):
        hand_in(slow, student, {**RIGHT, "1.2": "import time\ntime.sleep(60)\ndef half(x):\n    return x / 2"})
    scratch = tmp_path_factory.getbasetemp() / f"t{workers}"  # a short path, so that sockets lie in it
    scratch.mkdir()
    command = [sys.executable, "-m", "course", "grade", "lab01", "--course", str(slow.course), f"--workers={workers}"]
    environment = os.environ | {"PYTHONPATH": str(PACKAGE.parent), "TMPDIR": str(scratch)}
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as running:
        deadline = time.monotonic() + 120
        while len(list(scratch.glob("bills-*/s*/k-1"))) < workers and time.monotonic() < deadline:
            time.sleep(0.1)
        running.terminate()
        _, said = running.communicate(timeout=60)
    assert running.returncode == 130 and "run it again for the rest" in said
    assert list(scratch.iterdir()) == []
