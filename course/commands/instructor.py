"""Commands of an instructor: make the notebooks, grade a class."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from course.commands.terminal import console, errors, fail, say

if TYPE_CHECKING:
    from course.build import Lab
    from course.grading.desk import Rules
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
    as_json: Annotated[bool, typer.Option("--json", help="A row for each submission, as JSON.")] = False,
    unsafe: Annotated[
        bool, typer.Option("--unsafe-no-sandbox", help="Run strangers' code unconfined, where nothing can confine it.")
    ] = False,
    course: Annotated[Path | None, typer.Option(metavar="DIR", help="The course's checkout.")] = None,
) -> None:
    """Grade a class: strangers' code in a box, hidden tests outside of it, marks into nbgrader's gradebook.

    FOLDER is laid out as nbgrader's submitted/ (STUDENT/LAB/LAB.ipynb), or holds a notebook or zip for each student.

    Exit code 0: every submission has a verdict; 1: some have a reason instead; 2: it could not run.
    """
    import tempfile

    from course import build as builder
    from course import paths, stock
    from course.grading import submissions
    from course.grading.result import Ungradable

    try:
        found = builder.find(paths.course_folder(course), lab)
        rules = _rules(found.course, unsafe=unsafe)
        with tempfile.TemporaryDirectory(prefix="course-grade-") as unpacked:
            handed_in = submissions.find(folder or found.course / "submitted", found, unpack=Path(unpacked))
            rows = _graded(found, handed_in, rules, workers=workers)
    except (builder.BadSource, stock.StockError, Ungradable) as error:
        fail(2, str(error))
    except KeyboardInterrupt:
        fail(130, "stopped: what was graded is in the gradebook; run it again for the rest")
    if len(rows) != len(handed_in):
        fail(2, f"{len(handed_in)} submissions, but {len(rows)} verdicts: this is a fault of the grader, report it")
    if as_json:
        print(json.dumps([row.as_json() for row in rows], indent=1, ensure_ascii=False))
    else:
        from course.commands import classes

        console.print(classes.table(found.key, rows))
    raise typer.Exit(1 if any(row.result is None for row in rows) else 0)


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
    if "namespaces" not in layers and not {"landlock", "seccomp"} <= set(layers):
        held = ", ".join(layers) or "none"
        fail(
            2,
            f"nothing here keeps strangers' code from your files (layers that hold: {held}): allow user namespaces, "
            "take a kernel with landlock (5.13 or later), or accept the risk with --unsafe-no-sandbox",
        )
    return Rules.of(course, layers)


def _graded(lab: "Lab", handed_in: "list[Submission]", rules: "Rules", *, workers: int) -> "list[Row]":
    """Grade them with a progress bar; marks go into the gradebook as they come. Sorted as they were found."""
    from course.commands import classes
    from course.grading import check, gradebook, pool

    rows = {}
    with classes.progress(errors) as bar:
        task = bar.add_task("starting", total=len(handed_in))
        with check.open_desk(lab, rules) as at:
            gradebook.prepare(lab, at.solution)
            bar.update(task, description="grading")
            for row in pool.grade_all(at, handed_in, workers=workers):
                gradebook.save(lab, row)
                rows[row.student] = row
                bar.advance(task)
    return [rows[submission.student] for submission in handed_in]
