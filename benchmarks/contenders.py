"""Who grades the class: this engine and stock nbgrader, each as the command that people type."""

import json
import os
import sys
import sysconfig
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from nbgrader.api import Gradebook

from benchmarks import cost
from benchmarks.classroom import Classroom
from benchmarks.cost import Cost, Failed

MOST_LOST = 3  # runs of several stock commands at once, in a row
Scores = dict[str, dict[str, float]]  # points by student and exercise


@dataclass(frozen=True)
class Run:
    """A class graded once; `lost` runs before it ended without all marks, and do not count."""

    cost: Cost
    scores: Scores
    lost: int = 0


def ours(room: Classroom, place: Path, *, workers: int) -> Run:
    """`course grade`, start of the warm process and writing of the gradebook included."""
    course = room.fresh(room.ours, place)
    spent = cost.of([ours_command(course, lab=room.lab.key, workers=workers)], cwd=course)
    return Run(spent, _complete(ours_scores(spent.output), room, "course grade"))


def ours_command(course: Path, *, lab: str = "lab01", workers: int = 1, scheduler: str = "") -> list[str]:
    command = [sys.executable, "-m", "course", "grade", lab, str(course / "submitted")]
    engine = ["--scheduler", scheduler] if scheduler else ["--workers", str(workers)]
    return [*command, *engine, "--json", "--course", str(course)]


def ours_scores(output: str) -> Scores:
    """Scores from what `course grade --json` prints; a submission that was not graded has none."""
    return {row["student"]: {e["id"]: e["points"] for e in row.get("exercises", [])} for row in json.loads(output)}


def stock(room: Classroom, place: Path, *, processes: int) -> Run:
    """`nbgrader autograde`; several processes take a share of the students each, and one gradebook.

    Several at once may lose a kernel: each picks a free port, and another has it first. Then the class is graded again.
    """
    for lost in range(MOST_LOST + 1):
        course = room.fresh(room.stock, place)
        try:
            spent = cost.of(stock_commands(room, processes), cwd=course, env=environment())
            return Run(spent, _complete(stock_scores(course, room), room, "nbgrader autograde"), lost)
        except Failed:
            if processes == 1 or lost == MOST_LOST:
                raise
    raise AssertionError("the last attempt returns, or raises")


def stock_commands(room: Classroom, processes: int) -> list[list[str]]:
    command = [str(Path(sysconfig.get_path("scripts")) / "nbgrader"), "autograde", room.lab.name]
    if processes == 1:
        return [command]
    students = list(room.answers)
    others = [[s for s in students if s not in students[part::processes]] for part in range(processes)]
    return [[*command, f"--CourseDirectory.student_id_exclude={','.join(names)}"] for names in others]


def stock_scores(course: Path, room: Classroom) -> Scores:
    """Scores from nbgrader's gradebook; a check without one has none here either."""
    found: Scores = {}
    with closing(Gradebook(f"sqlite:///{course / 'gradebook.db'}", "two-bills")) as gradebook:
        for submission in gradebook.assignment_submissions(room.lab.name):
            grades = [grade for notebook in submission.notebooks for grade in notebook.grades]
            found[submission.student.id] = {
                grade.name.removeprefix("test-").replace("-", "."): float(grade.auto_score)
                for grade in grades
                if grade.auto_score is not None
            }
    return found


def environment() -> dict[str, str]:
    """This one's, with its scripts on the path: nbgrader calls its own helpers by name."""
    return {**os.environ, "PATH": os.pathsep.join([sysconfig.get_path("scripts"), os.environ.get("PATH", "")])}


def _complete(scores: Scores, room: Classroom, who: str) -> Scores:
    """The scores, which are there for every submission and exercise. Raises Failed otherwise: time means nothing."""
    lost = [student for student in room.answers if set(scores.get(student, {})) != room.exercises]
    if lost or len(scores) != len(room.answers):
        raise Failed(f"{who} graded {len(scores)} of {len(room.answers)} submissions; without all marks: {lost}")
    return scores


def require_equal(known: Scores, scores: Scores, who: str) -> None:
    """Raise Failed, naming the marks, if `scores` differ from the known ones of the same students."""
    differing = [
        f"{student} {exercise}: {points:g} instead of {known[student].get(exercise)}"
        for student, marks in scores.items()
        for exercise, points in marks.items()
        if known[student].get(exercise) != points
    ]
    if differing:
        raise Failed(f"{who} gives other marks than the first: {'; '.join(differing)}")
