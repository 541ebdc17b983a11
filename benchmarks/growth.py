"""How grading grows: a long run, more workers, a Dask cluster, and how much the one writer can write.

    python benchmarks/growth.py [--quick] [--submissions N] [--rounds N]

Prints a table, and writes results/growth.json and ../RESULTS.md. Every submission is lab 1, and has the same marks in
all runs. Dask's scheduler and workers are processes of their own on this machine.
"""

import argparse
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import classroom, contenders, results, trace
from benchmarks.classroom import Classroom
from benchmarks.contenders import Scores
from benchmarks.trace import Trace
from course.build import Lab
from course.grading import sandbox
from course.grading.book import marks
from course.grading.book.ledger import Ledger
from course.grading.grader import Notebooks, Rules
from course.grading.handin import submissions
from course.grading.handin.submissions import Submission
from course.grading.result import Row
from course.grading.scale import pool
from tests.grading.scale.processes import Cluster

WORKERS = (1, 2, 3, 4)
DASK = (1, 2)
PARTS = ("first", "middle", "last")
EDGE = max(WORKERS)  # results at the beginning and the end, while not all workers are at work
STEADY = f"what starts once for a class is left out, and so are the first and the last {EDGE} results"


@dataclass(frozen=True)
class Size:
    """How much is measured: submissions of the long run, of the other runs, rows for the writer; rounds."""

    long: int = 500
    short: int = 40
    rows: int = 1000
    rounds: int = 2


@dataclass
class Measured:
    """The traces of all runs by who graded, with their marks compared."""

    traces: dict[str, list[Trace]] = field(default_factory=lambda: defaultdict(list))
    known: Scores = field(default_factory=dict)

    def add(self, who: str, run: Trace) -> Trace:
        scores = contenders.ours_scores(run.output)
        contenders.require_equal({**scores, **self.known}, scores, who)
        self.known |= scores
        self.traces[who].append(run)
        print(f"{time.strftime('%H:%M:%S')} {who}: {len(scores)} in {run.wall_s:.0f} s", flush=True)
        return run

    def each(self, who: str, what: str) -> list[float]:
        """Seconds of a submission while all workers are at work, in every round."""
        return [run.each(what, EDGE, run.moments[-1].n_results - EDGE) for run in self.traces[who]]

    @property
    def loads(self) -> list[float]:
        return [moment.load for runs in self.traces.values() for run in runs for moment in run.moments]


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="some submissions, one round: whether it works")
    parser.add_argument("--submissions", type=int, metavar="N", help=f"of the long run ({Size.long})")
    parser.add_argument("--rounds", type=int, metavar="N", help=f"of the short ones ({Size.rounds})")
    asked = parser.parse_args()
    size = Size(12, 10, 30, 1) if asked.quick else Size()
    size = replace(size, long=asked.submissions or size.long, rounds=asked.rounds or size.rounds)
    if size.long < 12 or size.rounds < 1:
        parser.error("it takes at least 12 submissions and one round")
    report = measure(size)
    print(results.table(report))
    if not asked.quick:
        results.write(report, "growth")


def measure(size: Size, *, workers: Sequence[int] = WORKERS) -> dict[str, Any]:
    """The report: rows in the shape of `results`. Raises cost.Failed if marks differ."""
    with tempfile.TemporaryDirectory(prefix="growth-") as folder:
        root = Path(folder)
        room = classroom.lay_out(root / "lab", "lab01", submissions=size.long)
        measured = Measured()
        rows = list(_long(measured, room, root / "long"))
        rounds(measured, room.first(size.short), root / "place", workers=workers, number=size.rounds)
        rows += _by_workers(measured, workers)
        rows += _by_cluster(measured)
        rows += _writer(room, root / "writer", size.rows)
    return results.report(
        rows,
        packages=("nbgrader", "nbclient", "ipykernel", "numpy", "distributed"),
        versions={},
        machine={**results.confined(), "load": {"least": min(measured.loads), "most": max(measured.loads)}},
        notes=[
            f"one run of {size.long} submissions; then {size.short} submissions, {size.rounds} interleaved rounds; "
            "medians, with the least and the most",
            STEADY,
            "the Dask workers had graded the lab before: their warm processes were there",
            "every submission and exercise has the same marks in all runs that grade it",
        ],
    )


def _long(measured: Measured, room: Classroom, place: Path) -> Iterator[dict[str, Any]]:
    """One long run: whether time per submission, or memory, grows with what has been graded."""
    course, number = room.fresh(room.ours, place), len(room.answers)
    run = measured.add(f"{number} in one run", trace.of(contenders.ours_command(course), course))
    width = max(2, number // 5)
    parts = {"first": 1, "middle": (number - width) // 2, "last": number - width}
    group = f"{number} submissions in one run, a worker"
    yield results.alone(f"{group}: whole", "wall", run.wall_s, "s")
    yield results.alone(f"{group}: whole", "CPU", run.cpu_s, "s")
    yield results.alone(f"{group}: whole", "the most memory of all processes", max(m.mib for m in run.moments), "MiB")
    own = [(first, first + width - 1) for first in parts.values()]
    for what, name in (("s", "wall seconds"), ("cpu_s", "CPU seconds")):
        each = [run.each(what, first, last) for first, last in own]
        yield from _against_the_first(f"{group}: {name} of a submission", each, "s", width)
    mib = [statistics.median(moment.mib for moment in run.between(first, last)) for first, last in own]
    yield from _against_the_first(f"{group}: memory of all processes, shared pages once", mib, "MiB", width)
    kept = {
        "ledger": Ledger(course).folder,
        "gradebook.db": course / "gradebook.db",
        "autograded": course / "autograded",
    }
    for what, path in kept.items():
        yield results.alone(f"{group}: disk", f"{what}, each submission", _bytes(path) / 1024 / number, "KiB")


def _against_the_first(group: str, found: Sequence[float], unit: str, width: int) -> Iterator[dict[str, Any]]:
    for part, value in list(zip(PARTS, found, strict=True))[1:]:
        yield results.compared(group, f"the {part} {width}", [value], f"the first {width}", found[:1], unit=unit)


def rounds(measured: Measured, room: Classroom, place: Path, *, workers: Sequence[int], number: int) -> None:
    """All grade the class, in an order that turns with the rounds."""
    tasks = [*(partial(_here, room, place, n) for n in workers), *(partial(_on_dask, room, place, n) for n in DASK)]
    names = [*(_local(n) for n in workers), *(_dask(n) for n in DASK)]
    for turn in range(number):
        order = [(turn + place) % len(tasks) for place in range(len(tasks))]
        for index in order:
            measured.add(names[index], tasks[index]())


def _here(room: Classroom, place: Path, workers: int) -> Trace:
    course = room.fresh(room.ours, place / "class")
    return trace.of(contenders.ours_command(course, workers=workers), course, is_weighed=False)


def _on_dask(room: Classroom, place: Path, workers: int) -> Trace:
    """On a cluster of so many workers, each of which has graded before."""
    with tempfile.TemporaryDirectory() as folder, closing(Cluster(Path(folder))) as cluster:
        for _ in range(workers):
            cluster.add_worker()
        cluster.wait_for(workers)
        for course in (
            room.first(2 * workers).fresh(room.ours, place / "before"),
            room.fresh(room.ours, place / "class"),
        ):
            command = contenders.ours_command(course, scheduler=cluster.address)
            run = trace.of(command, course, beside=[p.pid for p in cluster.processes.values()], is_weighed=False)
        return run


def _by_workers(measured: Measured, workers: Sequence[int]) -> Iterator[dict[str, Any]]:
    for what, name in (("s", "wall"), ("cpu_s", "CPU")):
        one = measured.each(_local(1), what)
        for n in workers[1:]:
            group = f"workers on this machine: {name} seconds of a submission"
            yield results.compared(group, _local(n), measured.each(_local(n), what), _local(1), one, unit="s")
    for n in workers:
        pairs = zip(measured.each(_local(n), "s"), measured.each(_local(n), "cpu_s"), strict=True)
        busy = statistics.median(cpu / wall for wall, cpu in pairs)
        yield results.alone("workers on this machine: processors kept busy", _local(n), busy, "")


def _by_cluster(measured: Measured) -> Iterator[dict[str, Any]]:
    for what, name in (("s", "wall"), ("cpu_s", "CPU")):
        for ours, other in ((_dask(2), _dask(1)), (_dask(1), _local(1)), (_dask(2), _local(2))):
            group, own = f"a Dask cluster on this machine: {name} seconds of a submission", measured.each(ours, what)
            yield results.compared(group, ours, own, other, measured.each(other, what), unit="s")


def _writer(room: Classroom, place: Path, number: int) -> Iterator[dict[str, Any]]:
    """What the one writer does for a row: the ceiling of any number of workers."""
    graded = _graded(room.first(4), place / "graded")
    many = {f"student{n:05d}": list(room.answers.values())[n % len(graded)] for n in range(number)}
    lab = Lab(room.lab.name, replace(room, answers=many).fresh(room.ours, place / "class"))
    found = submissions.find(lab.course / "submitted", lab, unpack=place / "unpacked").submissions

    def engine(notebooks: Notebooks, rules: Rules, found: Sequence[Submission]) -> Generator[Row, None, None]:
        yield from (replace(graded[n % len(graded)], student=one.student) for n, one in enumerate(found))

    with Ledger(lab.course).writing() as book:
        began = time.monotonic()
        batch = marks.take_in(book, Notebooks.of(lab), Rules(()), found)
        stored_s = time.monotonic() - began
        walls, cpus = [time.monotonic()], [time.process_time()]
        for _ in marks.grade(batch, Rules(()), engine):
            walls.append(time.monotonic())
            cpus.append(time.process_time())
    part, group = max(2, number // 10), "the one writer"
    yield results.alone(f"{group}: a row", "taken in, wall", stored_s / number * 1000, "ms")
    for what, times in (("wall", walls), ("CPU", cpus)):
        each = (times[-1] - times[1]) / (number - 1) * 1000
        yield results.alone(f"{group}: a row", f"into the ledger and the gradebook, {what}", each, "ms")
    first, last = ((times[-1] - times[0]) / part * 1000 for times in (walls[1 : part + 2], walls[-part - 1 :]))
    text = f"{group}: milliseconds of a row"
    yield results.compared(text, f"the last {part} of {number}", [last], f"the first {part}", [first], unit="ms")


def _graded(room: Classroom, place: Path) -> list[Row]:
    course = room.fresh(room.ours, place)
    lab, rules = Lab(room.lab.name, course), Rules(sandbox.probe())
    found = submissions.find(course / "submitted", lab, unpack=place / "unpacked").submissions
    return list(pool.grade_here(Notebooks.of(lab), rules, found))


def _bytes(path: Path) -> int:
    return sum(one.stat().st_size for one in (path, *path.rglob("*")) if one.is_file())


def _local(workers: int) -> str:
    return f"course grade --workers {workers}"


def _dask(workers: int) -> str:
    return f"course grade --scheduler, {workers} Dask worker{'s' * (workers > 1)}"


if __name__ == "__main__":
    main()
