"""What is killed or stopped from outside costs nobody a point."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from course import build
from course.build import Lab
from course.grading import sandbox
from course.grading.grader import Grader, Notebooks, Rules, open_grader
from course.grading.handin.submissions import Submission
from course.grading.judge.referee import Times
from course.grading.kernels import warm
from course.grading.result import Ungradable
from course.grading.run import execute
from tests import tiny
from tests.labs import notebooks
from tests.tiny import RIGHT

SLOW = {**RIGHT, "1.2": "import time\ntime.sleep(2)\ndef half(x):\n    return x / 2"}
Execute = Callable[..., execute.Execution]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    lab = tiny.course(tmp_path_factory.mktemp("faults") / "course")
    build.build(lab)
    return lab


@pytest.fixture
def grader(lab: Lab) -> Iterator[Grader]:
    with open_grader(Notebooks.of(lab), Rules(sandbox.probe(), times=Times(cell_s=10, call_s=5))) as opened:
        yield opened


def points(grader: Grader, folder: Path) -> float:
    path = notebooks.save(notebooks.answered(grader.release, SLOW), folder, grader.lab.name)
    return grader.grade(Submission("ada", path, folder)).result.points


def the_warm_process(grader: Grader) -> psutil.Process:
    assert grader.template.warm and grader.template.warm.process
    return psutil.Process(grader.template.warm.process.pid)


def test_a_warm_process_that_is_killed_is_started_again(grader: Grader, tmp_path: Path) -> None:
    before = the_warm_process(grader)
    threading.Timer(1.0, before.kill).start()  # while the submission's cell sleeps
    assert points(grader, tmp_path) == 5
    assert the_warm_process(grader).pid != before.pid
    assert points(grader, tmp_path) == 5


def test_a_warm_process_that_is_stopped_is_replaced(
    grader: Grader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(warm, "FORK_S", 2)
    stopped = the_warm_process(grader)
    stopped.suspend()
    assert points(grader, tmp_path) == 5
    assert not stopped.is_running() or stopped.status() == psutil.STATUS_ZOMBIE


@pytest.mark.parametrize(("kind", "most"), [(psutil.RLIMIT_NOFILE, 3), (psutil.RLIMIT_NPROC, 1)])
def test_a_warm_process_that_gets_no_process_or_descriptor_is_no_students_fault(
    grader: Grader, tmp_path: Path, kind: int, most: int
) -> None:
    the_warm_process(grader).rlimit(kind, (most, most))
    try:
        assert points(grader, tmp_path) == 5  # root forks all the same, and a new warm process has its own limits
    except (warm.NoFork, Ungradable) as reason:
        assert str(reason)


def test_a_judge_that_is_killed_is_replaced_and_the_test_heard_again(execute: Execute) -> None:
    dies_once = (
        "import os\nfrom pathlib import Path\nfrom course.checking import STAGING, stage\n"
        "if not (Path(os.environ[STAGING]) / 'once').exists():\n    stage('once', b'')\n    f(1)\n    os._exit(1)\n"
        "assert f(1) == 1"
    )
    ran = execute("def f(x):\n    return x\n# ---\ndef g():\n    return 2", f"{dies_once}\n# ---\nassert g() == 2")
    assert set(map(str, ran.verdicts.values())) == {"{'passed': True}"}
    assert ran.deaths == 0


def test_a_judge_that_always_dies_costs_its_exercise_only(execute: Execute) -> None:
    ran = execute("x = 1\n# ---\ndef g():\n    return 2", "import os\nos._exit(1)\n# ---\nassert g() == 2")
    assert ran.verdicts["test-1-1"]["verdict"] == "crash"
    assert ran.verdicts["test-1-2"] == {"passed": True}
