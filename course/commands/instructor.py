"""Commands of an instructor: make the notebooks, grade a class."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from course.commands.terminal import console, errors, fail, say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from course.build import Lab
    from course.grading.bookkeeping import Engine
    from course.grading.desk import Rules
    from course.grading.ledger import Ledger
    from course.grading.pool import Row
    from course.grading.submissions import Submission


def build(
    wanted: Annotated[list[str] | None, typer.Argument(metavar="[LAB]...", help="Which labs; all of them.")] = None,
    check: Annotated[bool, typer.Option("--check", help="Write nothing; fail if a notebook is out of date.")] = False,
) -> None:
    """Make the notebooks, instructors' and students', from the labs' sources."""
    from course import build as builder
    from course import paths, stock

    try:
        checkout = paths.course_folder()
        labs = [builder.find(checkout, name) for name in wanted] if wanted else builder.labs(checkout)
        for lab in labs:
            if not check:
                for path in builder.build(lab):
                    say(f"wrote {path.relative_to(checkout)}")
            elif builder.is_stale(lab):
                fail(
                    1, f"{lab.release.relative_to(checkout)} is not what its source gives: run `course build {lab.key}`"
                )
    except (builder.BadSource, stock.StockError) as error:
        fail(2, str(error))


def grade(
    lab: Annotated[str, typer.Argument(metavar="LAB", help="lab01, or 1.")],
    folder: Annotated[
        Path | None,
        typer.Argument(metavar="[FOLDER]", help="A folder, zip or notebook; without it, the course's submitted/."),
    ] = None,
    workers: Annotated[int, typer.Option(min=1, metavar="N", help="How many submissions at once.")] = 1,
    scheduler: Annotated[
        str | None, typer.Option(metavar="URL", help="Grade on a Dask cluster: tcp://host:8786 of its scheduler.")
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Also what is known; the old results stay in the ledger.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="A row for each submission, as JSON.")] = False,
    unsafe: Annotated[
        bool, typer.Option("--unsafe-no-sandbox", help="Run strangers' code unconfined, where nothing can confine it.")
    ] = False,
    course: Annotated[Path | None, typer.Option(metavar="DIR", help="The course's checkout.")] = None,
) -> None:
    """Grade a class: strangers' code in a box, hidden tests outside of it, marks into nbgrader's gradebook.

    FOLDER is laid out as nbgrader's submitted/ (STUDENT/LAB/LAB.ipynb), or holds a notebook or zip for each student.
    What has been graded already, with the same tests, is known from the course's ledger and not graded again: stopped
    or killed, run it again, and it goes on.

    Exit code 0: every submission has a verdict; 1: some have a reason instead; 2: it could not run.
    """
    import tempfile
    from functools import partial

    from course import build as builder
    from course import paths, stock
    from course.grading import bookkeeping, cluster, submissions
    from course.grading.desk import Rules
    from course.grading.disk import DiskError
    from course.grading.gradebook import GradebookError
    from course.grading.ledger import Ledger
    from course.grading.result import Ungradable

    if scheduler and workers > 1:
        fail(2, "--workers is for this machine, and --scheduler for others: give one of them")
    rows: dict[str, Row] = {}
    try:
        found = builder.find(paths.course_folder(course), lab)
        rules = Rules.of(found.course, ()) if scheduler else _rules(found.course, unsafe=unsafe)
        engine: bookkeeping.Engine = (
            partial(cluster.grade_all, scheduler=scheduler, unsafe=unsafe)
            if scheduler
            else partial(bookkeeping.grade_here, workers=workers)
        )
        with tempfile.TemporaryDirectory(prefix="course-grade-") as unpacked, Ledger(found.course).writing() as book:
            handed_in = submissions.find(folder or found.course / "submitted", found, unpack=Path(unpacked))
            n_known = _grade(book, found, handed_in, rules, rows, engine, again=again)
    except (builder.BadSource, stock.StockError, Ungradable, DiskError, GradebookError, cluster.ClusterError) as error:
        fail(2, str(error))
    except OSError as error:
        fail(2, f"{error.filename} cannot be used: {error.strerror}; nothing is lost: mend that, and run it again")
    except KeyboardInterrupt:
        fail(130, f"stopped after {len(rows)}, which are in the ledger and the gradebook; run it again for the rest")
    if len(rows) != len(handed_in):
        fail(2, f"{len(handed_in)} submissions, but {len(rows)} verdicts: this is a fault of the grader, report it")
    in_order = [rows[submission.student] for submission in handed_in]
    if as_json:
        print(json.dumps([row.as_json() for row in in_order], indent=1, ensure_ascii=False))
    else:
        from course.commands import classes

        console.print(classes.table(found.key, in_order))
    if n_known:
        errors.print(f"{n_known} of them were known from the ledger; --again grades them anew", highlight=False)
    raise typer.Exit(1 if any(row.result is None for row in in_order) else 0)


def _rules(course: Path, *, unsafe: bool) -> "Rules":
    """How strangers' code is confined here; refuses where it is not."""
    from course.grading import check, sandbox
    from course.grading.desk import Rules

    layers = sandbox.probe() if check.has_engine() else ()
    if unsafe:
        return Rules.of(course, layers)
    if not check.has_engine():
        fail(
            2,
            "strangers' code can be confined on Linux only: grade on a Linux machine, in a virtual one, or in WSL 2; "
            "or accept the risk with --unsafe-no-sandbox",
        )
    if not sandbox.confine(layers):
        held = ", ".join(layers) or "none"
        fail(
            2,
            f"nothing here keeps strangers' code from your files (layers that hold: {held}): allow user namespaces, "
            "take a kernel with landlock (5.13 or later), or accept the risk with --unsafe-no-sandbox",
        )
    return Rules.of(course, layers)


def _grade(
    book: "Ledger",
    lab: "Lab",
    handed_in: "Sequence[Submission]",
    rules: "Rules",
    rows: "dict[str, Row]",
    engine: "Engine",
    *,
    again: bool,
) -> int:
    """Grade them with a progress bar, and add to the rows by student as they come; how many were known."""
    from course.commands import classes
    from course.grading import bookkeeping

    with classes.progress(errors) as bar:
        on_bar = bar.add_task("starting", total=len(handed_in))
        tests = bookkeeping.tests_of(lab, rules)
        tasks = bookkeeping.take_in(book, lab, handed_in, tests, again=again)
        bar.update(on_bar, description="grading")
        for row in bookkeeping.grade(book, lab, tasks, rules, engine):
            rows[row.student] = row
            bar.advance(on_bar)
    return sum(task.known is not None for task in tasks)
