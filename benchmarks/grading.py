"""How fast this engine grades, against the tools that people use today, on the same submissions with the same marks.

    python benchmarks/grading.py [--quick] [--submissions N] [--rounds N] [--no-otter]

Prints a table, and writes results/grading.json and ../RESULTS.md. Two labs: the first imports no torch, the fifth does,
and asks a small model of its own.
"""

import argparse
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import classroom, contenders, cost, floor, inside, otter_peer, results
from benchmarks.classroom import Classroom
from benchmarks.contenders import Run

LABS = ("lab01", "lab05")
RECORDED = "what a lab measures is measured in no row: all submissions hold records of it, and grading replays them"
FLOOR = "the floor: the cells that a mark needs and the checks in a warm process, without Jupyter, box and judge"
OURS, TEAM, STOCK, PAIR, OTTER = "ours", "ours, 2 workers", "stock", "stock, 2 processes", "otter"
COMMANDS = {
    OURS: "course grade",
    TEAM: "course grade --workers 2",
    STOCK: "nbgrader autograde",
    PAIR: "two nbgrader autograde at once, each with half of the students",
    OTTER: "otter run",
}
COMPARED = ((OURS, STOCK), (TEAM, PAIR), (TEAM, STOCK), (OURS, OTTER))
OTTER_GRADES = 2  # submissions a round: one command each


@dataclass
class Measured:
    """Everything that was run, by lab and contender, a run for each round; `alone` is a class of one."""

    runs: dict[tuple[str, str], list[Run]] = field(default_factory=lambda: defaultdict(list))
    alone: dict[tuple[str, str], list[Run]] = field(default_factory=lambda: defaultdict(list))

    def each(self, lab: str, who: str, what: str) -> list[float]:
        """Seconds per submission in every round; `what` is "wall_s" or "cpu_s"."""
        return [getattr(run.cost, what) / len(run.scores) for run in self.runs[lab, who]]

    def further(self, lab: str, who: str, what: str) -> list[float]:
        """Seconds of each submission after the first, in every round."""
        pairs = zip(self.runs[lab, who], self.alone[lab, who], strict=True)
        return [(getattr(w.cost, what) - getattr(a.cost, what)) / (len(w.scores) - 1) for w, a in pairs]

    @property
    def loads(self) -> list[float]:
        return [run.cost.load for runs in (*self.runs.values(), *self.alone.values()) for run in runs]

    @property
    def lost(self) -> int:
        """How many runs of two stock commands at once ended without all marks."""
        return sum(run.lost for runs in self.runs.values() for run in runs)


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="4 submissions, one round: whether it works")
    parser.add_argument("--submissions", type=int, metavar="N", help="how many (40)")
    parser.add_argument("--rounds", type=int, metavar="N", help="how often (3)")
    parser.add_argument("--no-otter", action="store_true", help="leave otter-grader out: it is installed anew")
    asked = parser.parse_args()
    submissions, rounds = asked.submissions or (4 if asked.quick else 40), asked.rounds or (1 if asked.quick else 3)
    if submissions < 2 or rounds < 1:
        parser.error("it takes at least 2 submissions and one round")
    report = measure(submissions=submissions, rounds=rounds, otter=not asked.no_otter)
    print(results.table(report))
    if not asked.quick:
        results.write(report, "grading")


def measure(*, submissions: int, rounds: int, otter: bool, labs: Sequence[str] = LABS) -> dict[str, Any]:
    """The report: rows in the shape of `results`. Raises cost.Failed if anybody's marks differ."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        root = Path(folder)
        rooms = [classroom.lay_out(root / key, key, submissions=submissions) for key in labs]
        installed, notes = _otter(root / "otter") if otter else (None, "otter-grader was left out")
        measured = Measured()
        for number in range(rounds):
            for room in rooms:
                _round(measured, room, root / "place", installed, number)
        rows = [row for room in rooms for row in _speeds(measured, room, installed)]
        rows += [row for room in rooms for row in _inside(room, root / room.title)]
        versions = {"otter-grader": installed.version} if installed else {}
    loads = measured.loads
    return results.report(
        rows,
        packages=("nbgrader", "nbclient", "ipykernel", "jupyter_client", "numpy", "torch", "transformers"),
        versions=versions,
        machine={**results.confined(), "load": {"least": min(loads), "most": max(loads)}},
        notes=[
            f"{submissions} submissions, {rounds} interleaved rounds; medians, with the least and the most",
            RECORDED,
            classroom.STOCK_SETTINGS,
            *(
                [f"{measured.lost} runs of {COMMANDS[PAIR]} ended without all marks, and were made again"]
                if measured.lost
                else []
            ),
            notes,
            "every submission and exercise has the same marks in all rows that grade it",
        ],
    )


def _otter(home: Path) -> tuple[otter_peer.Otter | None, str]:
    """otter-grader, and what is not equal about it; or why there is none."""
    try:
        return otter_peer.install(home), f"{otter_peer.UNEQUAL}; {OTTER_GRADES} of the submissions"
    except otter_peer.Unavailable as reason:
        return None, f"no otter-grader: {reason}"


def _round(measured: Measured, room: Classroom, place: Path, otter: otter_peer.Otter | None, number: int) -> None:
    """Everybody grades the class once, in an order that turns with the rounds."""
    one = room.first(1)
    tasks: list[tuple[dict[tuple[str, str], list[Run]], str, Callable[[], Run]]] = [
        (measured.runs, OURS, partial(contenders.ours, room, place, workers=1)),
        (measured.runs, STOCK, partial(contenders.stock, room, place, processes=1)),
        (measured.runs, TEAM, partial(contenders.ours, room, place, workers=2)),
        (measured.runs, PAIR, partial(contenders.stock, room, place, processes=2)),
        (measured.alone, OURS, partial(contenders.ours, one, place, workers=1)),
        (measured.alone, STOCK, partial(contenders.stock, one, place, processes=1)),
    ]
    if otter:
        tasks.append((measured.runs, OTTER, partial(otter_peer.run, otter, room.first(OTTER_GRADES), place)))
    turn = number % len(tasks)
    for into, who, task in tasks[turn:] + tasks[:turn]:
        run = task()
        into[room.title, who].append(run)
        known = measured.runs[room.title, OURS] or measured.runs[room.title, STOCK]
        if known:
            contenders.require_equal(known[0].scores, run.scores, who)
        each, now = run.cost.wall_s / len(run.scores), time.strftime("%H:%M:%S")
        print(f"{now} round {number + 1}, {room.title}: {who}, {len(run.scores)}: {each:.2f} s each", flush=True)


def _speeds(measured: Measured, room: Classroom, otter: otter_peer.Otter | None) -> Iterator[dict[str, Any]]:
    lab, number = room.title, len(room.answers)
    for what, name in (("wall_s", "wall"), ("cpu_s", "CPU")):
        for ours, peer in COMPARED:
            if otter or peer != OTTER:
                yield results.compared(
                    f"{lab}: {name} seconds of a submission in a class of {number}",
                    COMMANDS[ours],
                    measured.each(lab, ours, what),
                    COMMANDS[peer],
                    measured.each(lab, peer, what),
                    unit="s",
                )
        group, ours, peer = f"{lab}: {name} seconds", COMMANDS[OURS], COMMANDS[STOCK]
        pairs = (
            ("each submission after the first", measured.further(lab, OURS, what), measured.further(lab, STOCK, what)),
            ("a class of one", *([getattr(r.cost, what) for r in measured.alone[lab, who]] for who in (OURS, STOCK))),
        )
        for case, own, others in pairs:
            yield results.compared(group, f"{ours}, {case}", own, peer, others, unit="s")


def _inside(room: Classroom, place: Path) -> Iterator[dict[str, Any]]:
    """Of this engine alone: time by phase, the cost of a check, memory."""
    began = time.monotonic()
    with inside.opened(room) as at:
        yield results.alone(f"{room.title}: once for a class", "lab built, warm process started", _since(began), "s")
        for what, seconds in inside.phases(room, at, place / "phases").items():
            yield results.alone(f"{room.title}: where a submission's time goes", what, seconds * 1000, "ms")
        alone = statistics.median(floor.seconds(room, place / "floor"))
        yield results.alone(f"{room.title}: where a submission's time goes", FLOOR, alone * 1000, "ms")
        if room.lab.key == inside.CHECKED:
            for what, seconds in inside.check_costs(at).items():
                yield results.alone(f"{room.title}: what one more costs", what, seconds * 1000, "ms")
        for what, mib in inside.memory_of_forks(room, at, place / "forks").items():
            yield results.alone(f"{room.title}: memory", what, mib, "MiB")
        own = inside.memory_of_worker(room.first(4), at, place / "worker")
        yield results.alone(f"{room.title}: memory", "a worker of several: its own", own, "MiB")
    few = room.first(4)
    for workers, ours, peer in ((1, OURS, STOCK), (2, TEAM, PAIR)):
        course = few.fresh(few.ours, place / "ours")
        command = contenders.ours_command(course, lab=room.lab.key, workers=workers)
        mine = cost.peak_mib([command], cwd=course)
        course = few.fresh(few.stock, place / "stock")
        theirs = cost.peak_mib(contenders.stock_commands(few, workers), cwd=course, env=contenders.environment())
        group = f"{room.title}: the most memory of all processes, shared pages once"
        yield results.compared(group, COMMANDS[ours], [mine], COMMANDS[peer], [theirs], unit="MiB")


def _since(began: float) -> float:
    return time.monotonic() - began


if __name__ == "__main__":
    main()
