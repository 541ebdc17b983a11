"""Commands of an instructor: make the notebooks, grade a class."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from course.commands.terminal import as_json_text, console, errors, fail, say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from course.build import Lab
    from course.grading.book.ledger import Ledger
    from course.grading.book.marks import Engine
    from course.grading.grader import Rules
    from course.grading.handin.submissions import Submission
    from course.grading.result import Row


def build(
    wanted: Annotated[list[str] | None, typer.Argument(metavar="[LAB]...", help="Which labs; all of them.")] = None,
    check: Annotated[bool, typer.Option("--check", help="Write nothing; fail if a notebook is out of date.")] = False,
) -> None:
    """Make the notebooks, instructors' and students', from the labs' sources.

    Each check must pass with the instructor's own answers, and must not pass without any; else nothing is written.
    """
    from course import build as builder
    from course import nbgrader_api, paths
    from course.grading.judge import proof

    try:
        checkout = paths.course_folder()
        labs = [builder.find(checkout, name) for name in wanted] if wanted else builder.labs(checkout)
        if check:
            if stale := [lab for lab in labs if builder.is_stale(lab)]:
                for lab in stale:
                    errors.print(f"{lab.release.relative_to(checkout)} is not what its source gives", highlight=False)
                fail(1, f"run `course build {' '.join(lab.key for lab in stale)}`")
            return
        for lab in labs:
            made = builder.make(lab)
            proof.require(lab, *made)
            for path in builder.write(lab, *made):
                say(f"wrote {path.relative_to(checkout)}")
    except (builder.BadSource, nbgrader_api.NbgraderError) as error:
        fail(2, str(error))


def new_lab(
    number: Annotated[int, typer.Argument(metavar="NUMBER", help="Of the lab: 7.")],
    name: Annotated[str, typer.Argument(metavar="NAME", help="In small letters: serving.")],
) -> None:
    """Begin a lab: a source that builds, with each kind of cell, and the answers that prove its tests."""
    from course import build as builder
    from course import paths, skeleton

    try:
        checkout = paths.course_folder()
        for path in skeleton.make(checkout, number, name):
            say(f"wrote {path.relative_to(checkout)}")
    except builder.BadSource as error:
        fail(2, str(error))
    say(f"Next: solutions/README.md says how a lab is written; then `course build {number}`.")


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
    all_cells: Annotated[
        bool, typer.Option("--all-cells", help="Run also the cells that only show, which no mark needs.")
    ] = False,
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
    import signal
    import tempfile
    from functools import partial

    from course import build as builder
    from course import nbgrader_api, paths
    from course.classroom import dates, likeness, people, standings
    from course.grading.book.durable_io import DiskError
    from course.grading.book.gradebook import GradebookError
    from course.grading.book.ledger import Ledger
    from course.grading.grader import Rules
    from course.grading.handin import submissions
    from course.grading.result import Ungradable
    from course.grading.scale import cluster, pool

    if scheduler and workers > 1:
        fail(2, "--workers is for this machine, and --scheduler for others: give one of them")
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # told to end, it clears up behind itself
    rows: dict[str, Row] = {}
    try:
        found = builder.find(paths.course_folder(course), lab)
        place = folder or found.course / "submitted"
        dates.apply(found)  # what is wrong with one is said before all work
        layers, private = ((), ()) if scheduler else (_layers(unsafe=unsafe), () if unsafe else (place,))
        rules = Rules.of(found.course, layers, private=private, all_cells=all_cells)
        engine: Engine = (
            partial(cluster.grade_all, scheduler=scheduler, unsafe=unsafe)
            if scheduler
            else partial(pool.grade_here, workers=workers)
        )
        with tempfile.TemporaryDirectory(prefix="course-grade-") as unpacked, Ledger(found.course).writing() as book:
            came = submissions.find(place, found, unpack=Path(unpacked))
            if came.platform:
                left = f"; no student's: {', '.join(came.others)}" if came.others else ""
                errors.print(
                    Text(f"{place.name} is a {came.platform} download of {len(came.submissions)} students{left}")
                )
            roster = people.read(found.course)
            handed_in = people.identified(came.submissions, came.names, roster)
            n_known = _grade(book, found, handed_in, rules, rows, engine, again=again)
        dates.apply(found)
        known = {one.person.id: one for one in standings.of(found)}
        graded = [one for one in known.values() if one.result]
        flags = likeness.record_flags(found, graded)
        rows = {who: _flagged(row, flags.get(who, [])) for who, row in rows.items()}
    except (
        *(builder.BadSource, nbgrader_api.NbgraderError, people.RosterError, dates.DateError, Ungradable),
        *(DiskError, GradebookError, cluster.ClusterError),
    ) as error:
        fail(2, str(error))
    except OSError as error:
        fail(2, f"{error.filename} cannot be used: {error.strerror}; nothing is lost: mend that, and run it again")
    except KeyboardInterrupt:
        fail(130, f"stopped after {len(rows)}, which are in the ledger and the gradebook; run it again for the rest")
    if len(rows) != len(handed_in):
        fail(2, f"{len(handed_in)} submissions, but {len(rows)} verdicts: this is a fault of the grader, report it")
    absent = [person for person in roster if person not in rows] if came.is_class else []
    in_order = [(known[student], rows.get(student)) for student in sorted([*rows, *absent])]
    if as_json:
        print(as_json_text([standings.told(*one) for one in in_order]))
    else:
        from course.commands import classes

        console.print(classes.table(found.key, in_order))
    if n_known:
        errors.print(f"{n_known} of them were known from the ledger; --again grades them anew", highlight=False)
    raise typer.Exit(1 if any(row.result is None for row in rows.values()) else 0)


def _flagged(row: "Row", flags: list[str]) -> "Row":
    """The row with flags that rest on the whole class, which no result holds."""
    from dataclasses import replace

    return replace(row, result=replace(row.result, flags=[*row.result.flags, *flags])) if row.result else row


def _layers(*, unsafe: bool) -> tuple[str, ...]:
    """What confines strangers' code here; refuses where nothing does."""
    from course.grading import sandbox

    layers = sandbox.probe()
    if unsafe:
        return layers
    if not sandbox.is_supported():
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
    return layers


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
    from course.grading.book import marks
    from course.grading.grader import Notebooks

    with classes.progress(errors) as bar:
        on_bar = bar.add_task("starting", total=len(handed_in))
        batch = marks.take_in(book, Notebooks.of(lab), rules, handed_in, again=again)
        bar.update(on_bar, description="grading")
        for row in marks.grade(batch, rules, engine):
            rows[row.student] = row
            bar.advance(on_bar)
    return batch.n_known
