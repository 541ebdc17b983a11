"""A class whose grader is killed at random moments, and resumed each time, against the same class undisturbed.

    python benchmarks/kills.py [--kills N] [--submissions N] [--seed N]

Prints a table, and writes results/kills.json and ../RESULTS.md. The moments are drawn from the whole of an undisturbed
run. Raises cost.Failed if anything is lost, is graded twice, or differs from the undisturbed run.
"""

import argparse
import hashlib
import os
import random
import signal
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import classroom, contenders, cost, results, trace
from benchmarks.classroom import Classroom
from benchmarks.trace import Trace
from course.build import Lab
from course.grading.book import gradebook
from course.grading.book.ledger import Ledger
from tests.grading.book.test_marks import written

LOOK_S = 0.005


@dataclass(frozen=True)
class Kill:
    """What was there when a grader was killed: results as it began and as it ended, marks, half a line."""

    n_before: int
    n_results: int
    n_marks: int
    is_torn: bool


def main() -> None:
    """Kill, compare, print, write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kills", type=int, default=20, metavar="N", help="how many (20)")
    parser.add_argument("--submissions", type=int, default=30, metavar="N", help="of the class (30)")
    parser.add_argument("--seed", type=int, default=6, metavar="N", help="of the moments (6)")
    asked = parser.parse_args()
    report = measure(kills=asked.kills, submissions=asked.submissions, seed=asked.seed)
    print(results.table(report))
    results.write(report, "kills")


def measure(*, kills: int, submissions: int, seed: int) -> dict[str, Any]:
    """The report, of the kills that came before all was graded."""
    with tempfile.TemporaryDirectory(prefix="kills-") as folder:
        root = Path(folder)
        room = classroom.lay_out(root / "lab", "lab01", submissions=submissions)
        calm = Lab(room.lab.name, room.fresh(room.ours, root / "calm"))
        undisturbed = trace.of(contenders.ours_command(calm.course), calm.course, is_weighed=False)
        lab = Lab(room.lab.name, room.fresh(room.ours, root / "killed"))
        dice = random.Random(seed)
        moments = sorted(dice.uniform(0, undisturbed.at(submissions).s) for _ in range(kills))
        done = [kill for moment in moments if (kill := _killed(lab, undisturbed, moment, workers=dice.choice((1, 2))))]
        cost.of([contenders.ours_command(lab.course)], cwd=lab.course)
        ends = _ends(lab, calm, room)
    return results.report(
        list(_rows(done, ends, submissions)),
        packages=("nbgrader", "nbclient", "ipykernel"),
        versions={},
        machine={**results.confined(), "load": _range([moment.load for moment in undisturbed.moments])},
        notes=[
            f"`kill -9` of `course grade` on lab 1, with one worker or two, at moments drawn from the whole of an "
            f"undisturbed run ({undisturbed.wall_s:.0f} s); then it was run again",
            f"results in the ledger at each kill: {', '.join(str(kill.n_results) for kill in done)}",
            "a mark is compared with all that the gradebook says: points, flags for review, when it was handed in",
        ],
    )


def _killed(lab: Lab, undisturbed: Trace, moment: float, *, workers: int) -> Kill | None:
    """Grade until the run is as far as the undisturbed one was at a moment, and kill it; None if it was done before."""
    so_far = [state for state in undisturbed.moments if state.s <= moment]
    n_wanted, before = so_far[-1].n_results, _n_results(lab)
    wait_s = moment - undisturbed.at(n_wanted).s
    if n_wanted:
        n_wanted = max(n_wanted, before + 1)  # a run of which something was graded
    command = contenders.ours_command(lab.course, workers=workers)
    grader = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while _n_results(lab) < n_wanted and grader.poll() is None:
        time.sleep(LOOK_S)
    time.sleep(wait_s)
    grader.kill()
    if grader.wait() != -signal.SIGKILL:
        return None
    content = _content(lab)
    is_torn = bool(content) and not content.endswith(b"\n")
    return Kill(before, _n_results(lab), len(gradebook.marks(lab)), is_torn)


def _ends(lab: Lab, calm: Lab, room: Classroom) -> dict[str, int]:
    """How a course that was killed ends, beside one that was not. Raises Failed if anything is lost or other."""
    entries = Ledger(lab.course).entries(lab)
    counted = Counter((entry.student, entry.submission, entry.tests) for entry in entries)
    (marks, files), (calm_marks, calm_files) = written(lab), written(calm)
    named = {Path(e.student, lab.name, f"{lab.name}.ipynb"): e.executed for e in entries}
    executed = {path: hashlib.sha256(content).hexdigest() for path, content in files.items()}
    faults = {
        "submissions without a result": len(set(room.answers) - {entry.student for entry in entries}),
        "submissions with more than one": sum(n > 1 for n in counted.values()),
        "marks other than undisturbed": len(set(marks) ^ set(calm_marks)),
        "executed notebooks other than the ledger names": len(set(named.items()) ^ set(executed.items())),
        "executed notebooks that only one of both has": len(set(files) ^ set(calm_files)),
    }
    if any(faults.values()):
        raise cost.Failed(f"killed and resumed, it ends otherwise: {faults}")
    return {"results in the ledger in the end": len(entries), "marks compared": len(marks), **faults}


def _rows(done: Sequence[Kill], ends: dict[str, int], submissions: int) -> Iterator[dict[str, Any]]:
    kills = {
        "kills": len(done),
        "of them before a result of that run": sum(kill.n_results == kill.n_before for kill in done),
        "of them with a result in the ledger and not in the gradebook": sum(k.n_results != k.n_marks for k in done),
        "of them with half a line in the ledger": sum(kill.is_torn for kill in done),
    }
    for what, count in (kills | ends).items():
        yield results.alone(f"{submissions} submissions, killed and resumed", what, count, "")


def _content(lab: Lab) -> bytes:
    path = Ledger(lab.course).results
    return path.read_bytes() if path.exists() else b""


def _n_results(lab: Lab) -> int:
    return _content(lab).count(b"\n")


def _range(loads: Sequence[float]) -> dict[str, float]:
    return {"least": min(loads), "most": max(*loads, os.getloadavg()[0])}


if __name__ == "__main__":
    main()
