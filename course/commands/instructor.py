"""Commands of an instructor: make the notebooks."""

from typing import Annotated

import typer

from course.commands.terminal import fail, say


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
