"""A class on a Dask cluster: a real scheduler and real workers, each a process; the same marks as on one machine."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import nbformat
import pytest
from typer.testing import CliRunner

import course
from course import build
from course.build import Lab
from course.cli import app
from course.grading import sandbox
from course.grading.grader import Notebooks, Rules
from course.grading.handin import submissions
from course.grading.handin.submissions import Submission
from course.grading.judge.referee import Times
from course.grading.result import Row
from course.grading.scale import cluster, pool
from course.grading.scale.cluster import ClusterError
from tests import tiny
from tests.grading.scale.processes import TRIES, Cluster
from tests.grading.test_grade import CLASS, hand_in, marks
from tests.labs import notebooks
from tests.tiny import RIGHT

pytest.importorskip("distributed", reason='needs Dask: pip install "distributed>=2024.8"')

RULES = Rules((), times=Times(cell_s=20))  # the layers are each worker's own
SLOW = "import time\ntime.sleep({})\n\ndef height(n, each):\n    return n * each"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    lab = tiny.course(tmp_path_factory.mktemp("class") / "course")
    build.build(lab)
    for student, answers in CLASS.items():
        hand_in(lab, student, answers)
    hand_in(lab, "zed", RIGHT).write_text('{"cells": [')
    return lab


@pytest.fixture(scope="module")
def both(lab: Lab) -> Notebooks:
    return Notebooks.of(lab)


@pytest.fixture(scope="module")
def found(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> list[Submission]:
    return submissions.find(lab.course / "submitted", lab, unpack=tmp_path_factory.mktemp("unpacked")).submissions


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with closing(Cluster(tmp_path_factory.mktemp("cluster"))) as started:
        started.add_worker()
        started.add_worker()
        yield started


def plain(row: Row) -> dict[str, Any]:
    """What must not depend on where it was graded."""
    data = row.to_json() | {"seconds": 0}
    return data | {"reason": data["reason"].rsplit("/", 1)[-1]} if "reason" in data else data


def test_a_class_gets_the_rows_that_it_gets_on_one_machine(
    both: Notebooks, found: list[Submission], two: Cluster
) -> None:
    rows = {row.student: row for row in cluster.grade_all(both, RULES, found, scheduler=two.address)}
    here = {row.student: row for row in pool.grade_here(both, replace(RULES, layers=sandbox.probe()), found)}
    assert {student: plain(row) for student, row in rows.items()} == {s: plain(row) for s, row in here.items()}
    assert rows["ada"].result and rows["ada"].result.points == 7  # its records came along
    sources = [[cell.source for cell in nbformat.reads(at["ada"].notebook, 4).cells] for at in (rows, here)]
    assert sources[0] == sources[1]


def busy(two: Cluster) -> list[str]:
    """The names of the living workers that have a task; waits until there is one."""
    from distributed import Client

    until = time.monotonic() + 60
    with Client(two.address, set_as_default=False) as client:
        while time.monotonic() < until:
            at_work = [worker for worker, tasks in client.processing().items() if tasks]
            known = client.scheduler_info(n_workers=-1)["workers"]
            names = [known[worker]["name"] for worker in at_work if worker in known]
            if living := [name for name in names if name in two.processes]:
                return living
            time.sleep(0.05)
    raise AssertionError("no worker has a task")


def test_killing_a_worker_changes_no_mark(
    lab: Lab, both: Notebooks, found: list[Submission], two: Cluster, tmp_path: Path
) -> None:
    slow = [handed_in(lab, tmp_path, f"slow {n}", {**RIGHT, "1.1": SLOW.format(3)}) for n in range(2)]
    with ThreadPoolExecutor(1) as other:
        killing = other.submit(lambda: two.kill(busy(two)[0]))
        rows = {row.student: row for row in cluster.grade_all(both, RULES, [*slow, *found], scheduler=two.address)}
        killing.result()
    two.add_worker()
    points = {student: row.result.points for student, row in rows.items() if row.result}
    assert points == {"ada": 7, "Bée Müller": 5, "c.d": 0, "slow 0": 5, "slow 1": 5}  # no records came with the slow
    assert "broken JSON" in rows["zed"].reason and len(rows) == 6


def test_what_kills_its_workers_is_a_row_after_three(lab: Lab, both: Notebooks, two: Cluster, tmp_path: Path) -> None:
    deaths = []

    def kill_whoever_takes_it() -> None:
        for _ in range(TRIES):
            [name] = busy(two)
            two.add_worker()
            two.kill(name)
            deaths.append(name)

    slow = [handed_in(lab, tmp_path, "slow", {**RIGHT, "1.1": SLOW.format(5)})]  # so that it is caught at it
    with ThreadPoolExecutor(1) as other:
        killing = other.submit(kill_whoever_takes_it)
        rows = list(cluster.grade_all(both, RULES, slow, scheduler=two.address))
        killing.result()
    assert [(row.student, row.result, row.reason) for row in rows] == [
        ("slow", None, "the worker that graded it died, 3 times")
    ]
    assert len(set(deaths)) == TRIES
    [again] = cluster.grade_all(both, RULES, slow, scheduler=two.address)
    assert again.result and again.result.points == 5


def test_the_task_of_a_worker_that_is_stopped_goes_to_another(
    lab: Lab, both: Notebooks, found: list[Submission], tmp_path: Path
) -> None:
    slow = [handed_in(lab, tmp_path, f"slow {n}", {**RIGHT, "1.1": SLOW.format(3)}) for n in range(2)]
    with closing(Cluster(tmp_path, ttl="8s")) as own, ThreadPoolExecutor(1) as other:
        own.add_worker()
        own.add_worker()
        own.wait_for(2)
        stopping = other.submit(lambda: own.processes[busy(own)[0]].send_signal(signal.SIGSTOP))
        rows = {row.student: row for row in cluster.grade_all(both, RULES, [*slow, *found], scheduler=own.address)}
        stopping.result()
        assert "failed to heartbeat" in own.log("scheduler")
    points = {student: row.result.points for student, row in rows.items() if row.result}
    assert points == {"ada": 7, "Bée Müller": 5, "c.d": 0, "slow 0": 5, "slow 1": 5} and len(rows) == 6


def test_a_scheduler_that_dies_is_told_and_what_was_graded_stays(
    lab: Lab, two: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "CONNECT_S", 2)
    monkeypatch.setattr(cluster, "_LOOK_S", 1)
    with closing(Cluster(tmp_path)) as own:
        own.add_worker()
        ran = run(lab, "--json", "--scheduler", own.address, on_row=lambda: own.kill("scheduler"))
    assert ran.exit_code == 2 and ran.stdout == ""
    assert "is gone" in ran.stderr and "run it again for the rest" in ran.stderr
    n_kept = len((lab.course / "ledger" / "results.jsonl").read_text().splitlines())
    assert 1 <= n_kept < len(CLASS) + 1
    ran = run(lab, "--json", "--scheduler", two.address)
    assert {row["student"]: row.get("points") for row in json.loads(ran.stdout)} == {
        **{"ada": 7, "Bée Müller": 5, "c.d": 0, "zed": None}
    }
    assert f"{n_kept} of them were known" in ran.stderr
    assert marks(lab) == {"ada": 7, "Bée Müller": 5, "c.d": 0}


def test_a_worker_of_another_version_is_refused(
    both: Notebooks, found: list[Submission], two: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = course.__version__
    monkeypatch.setattr(course, "__version__", "2040.1")
    with pytest.raises(ClusterError, match=f"has version {theirs} of the course, not 2040.1: install that one"):
        next(cluster.grade_all(both, RULES, found, scheduler=two.address))


def test_a_worker_where_nothing_confines_gives_a_reason(
    both: Notebooks, found: list[Submission], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sandbox, "confine", lambda layers: False)
    ada = next(one for one in found if one.student == "ada")
    told = json.loads(cluster.work(cluster._pack_lab(both, RULES, unsafe=False), "ada", *cluster._pack(ada)))
    reason = told["row"]["reason"]
    assert reason.startswith("the grader failed on it")  # so that it is graded when that is mended
    assert "nothing there keeps strangers' code from its files" in reason
    assert cluster.unfitness(course.__version__, False) and not cluster.unfitness(course.__version__, True)


@pytest.mark.parametrize(
    ("url", "line"),
    [
        ("tcp://127.0.0.1:9", "no Dask scheduler answers at tcp://127.0.0.1:9: start one"),
        ("nonsense", "no Dask scheduler answers at nonsense"),
        ("gopher://127.0.0.1:70", "no Dask scheduler answers at gopher://127.0.0.1:70"),
    ],
)
def test_a_scheduler_that_is_not_there_is_a_line(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, url: str, line: str
) -> None:
    monkeypatch.setattr(cluster, "CONNECT_S", 1)
    refused = run(lab, "--again", "--scheduler", url)
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert [told for told in refused.stderr.splitlines() if line in told] and "Traceback" not in refused.stderr


def test_a_scheduler_without_workers_is_a_line(lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "PATIENCE_S", 1)
    with closing(Cluster(tmp_path)) as empty:
        refused = run(lab, "--again", "--scheduler", empty.address)
    assert refused.exit_code == 2
    assert (
        f"{empty.address} has no workers: start some with `dask worker {empty.address} --nthreads 1`" in refused.stderr
    )


def test_workers_and_a_scheduler_exclude_each_other(lab: Lab) -> None:
    refused = run(lab, "--workers", "2", "--scheduler", "tcp://127.0.0.1:9")
    assert refused.exit_code == 2 and "give one of them" in refused.stderr


def test_grading_here_does_not_need_dask() -> None:
    program = "import sys; from course.grading.scale import cluster; sys.exit('distributed' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def handed_in(lab: Lab, folder: Path, student: str, answers: dict[str, str]) -> Submission:
    """A notebook alone."""
    notebook = notebooks.answered(nbformat.read(lab.release, as_version=4), answers)
    return Submission(student, notebooks.save(notebook, folder, student), None)


def run(lab: Lab, *arguments: str, on_row: Callable[[], None] | None = None) -> Any:
    """`course grade`; `on_row` is called once, when the first row is there."""
    with pytest.MonkeyPatch.context() as patch:
        if on_row:
            grade_all, called = cluster.grade_all, list[None]()

            def watched(*args: Any, **kwargs: Any) -> Iterator[Row]:
                for row in grade_all(*args, **kwargs):
                    yield row
                    called or called.append(on_row())

            patch.setattr(cluster, "grade_all", watched)
        return CliRunner().invoke(app, ["grade", "lab01", *arguments, "--course", str(lab.course)])
