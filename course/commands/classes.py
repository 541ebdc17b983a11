"""What an instructor sees of a class that is being graded."""

from collections import Counter
from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from course.grading.handin.suspicion import PREFIX
from course.grading.result import Row

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


def table(lab: str, rows: Sequence[Row]) -> Group:
    """A line for each submission, and the counts of what there is to do."""
    grid = Table(box=SIMPLE_HEAD, title=f"{lab}: {len(rows)} submissions", title_justify="left", title_style="bold")
    grid.add_column("student", overflow="fold")
    grid.add_column("points", justify="right")
    grid.add_column("lost, and by which idea", overflow="fold")
    grid.add_column("to look at", overflow="fold")
    for row in rows:
        if row.result is None:
            grid.add_row(Text(row.student), Text("–"), Text("not graded", style="bold red"), Text(row.reason))
            continue
        result = row.result
        lost = [e.misconception or f"{e.id} {e.verdict}" for e in result.exercises if e.verdict != "pass"]
        if {exercise.verdict for exercise in result.exercises} == {"blank"}:
            lost = ["blank"]
        style = "green" if result.is_full else ""
        notes = [*result.flags, *(f"repaired: {what}" for what in result.repaired)]
        more = [f"and {len(notes) - SHOWN_FLAGS} more"] if len(notes) > SHOWN_FLAGS else []
        points = Text(f"{result.points:g}/{result.max_points:g}", style=style)
        grid.add_row(Text(row.student), points, Text(", ".join(lost)), Text("; ".join([*notes[:SHOWN_FLAGS], *more])))
    return Group(grid, Text(", ".join(f"{count} {what}" for what, count in counts(rows).items()) or "nothing to grade"))


def counts(rows: Sequence[Row]) -> Counter[str]:
    """How many were graded, and how many of those are blank, repaired, for review or suspicious; how many failed."""
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
    return Counter({what: found[what] for what in ORDER if found[what]})


ORDER = ("graded", "failed", "blank", "repaired", "for review", "suspicious")
