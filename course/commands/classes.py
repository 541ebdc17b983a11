"""What an instructor sees of a class that is being graded."""

from collections import Counter
from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from course.classroom import likeness
from course.classroom.standings import Standing
from course.grading.handin.suspicion import PREFIX
from course.grading.result import Result, Row

SHOWN_FLAGS = 3


class Rate(ProgressColumn):
    """Submissions per minute."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text(f"{speed * 60:.0f}/min" if speed else "", style="cyan")


def progress(console: Console) -> Progress:
    """A bar with how many, how fast, and how long still."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), Rate(), TimeRemainingColumn())
    return Progress(*columns, console=console, transient=True)


def table(lab: str, rows: Sequence[tuple[Standing, Row | None]]) -> Group:
    """A line for each student, and the counts of what there is to do; who has no row has handed in nothing."""
    handed_in = [row for _, row in rows if row]
    grid = Table(
        box=SIMPLE_HEAD, title=f"{lab}: {len(handed_in)} submissions", title_justify="left", title_style="bold"
    )
    grid.add_column("student", overflow="fold")
    grid.add_column("points", justify="right")
    grid.add_column("lost, and by which idea", overflow="fold")
    grid.add_column("to look at", overflow="fold")
    for standing, row in rows:
        who = standing.person.id
        if row is None:
            grid.add_row(Text(who), Text("–"), Text("absent", style="dim"), Text(standing.person.name))
        elif row.result is None:
            grid.add_row(Text(who), Text("–"), Text("not graded", style="bold red"), Text(row.reason))
        else:
            grid.add_row(Text(who), *_graded(standing, row.result))
    numbers = {**counts(handed_in), "absent": len(rows) - len(handed_in)}
    said = ", ".join(f"{number} {what}" for what, number in numbers.items() if number)
    return Group(grid, Text(said or "nothing to grade"))


def _graded(standing: Standing, result: Result) -> tuple[Text, Text, Text]:
    """Points, what was lost, and what to look at."""
    lost = [e.misconception or f"{e.id} {e.verdict}" for e in result.exercises if e.verdict != "pass"]
    if {exercise.verdict for exercise in result.exercises} == {"blank"}:
        lost = ["blank"]
    notes = [*standing.notes, *result.flags, *(f"repaired: {what}" for what in result.repaired)]
    more = [f"and {len(notes) - SHOWN_FLAGS} more"] if len(notes) > SHOWN_FLAGS else []
    mark, most = (standing.mark, standing.max_points) if standing.notes else (result.points, result.max_points)
    points = Text(f"{mark:g}/{most:g}", style="green" if result.is_full else "")
    return points, Text(", ".join(lost)), Text("; ".join([*notes[:SHOWN_FLAGS], *more]))


def counts(rows: Sequence[Row]) -> Counter[str]:
    """How many failed, how many were graded, and of those how many are blank, repaired, for review and so on."""
    found: Counter[str] = Counter()
    for row in rows:
        if row.result is None:
            found["failed"] += 1
            continue
        found["graded"] += 1
        verdicts = {exercise.verdict for exercise in row.result.exercises}
        found["blank"] += verdicts == {"blank"}
        found["repaired"] += bool(row.result.repaired)
        found["for review"] += bool(verdicts & {"manual", "review"})
        found["suspicious"] += any(flag.startswith(PREFIX) for flag in row.result.flags)
        found["alike"] += any(flag.startswith(likeness.PREFIX) for flag in row.result.flags)
    return Counter({what: found[what] for what in ORDER if found[what]})


ORDER = ("graded", "failed", "blank", "repaired", "for review", "suspicious", "alike")
