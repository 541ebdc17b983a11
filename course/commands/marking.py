"""Points that a person gives: question by question over a class, here or in a spreadsheet."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from course.commands.terminal import errors, fail, say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from course.build import Lab
    from course.classroom.executed import Unreadable
    from course.classroom.marking import Answer
    from course.classroom.standings import Standing
    from course.notebook.rubric import Question


def mark(
    lab: Annotated[str, typer.Argument(metavar="LAB", help="lab10, or 10.")],
    exercise: Annotated[str, typer.Argument(metavar="[EXERCISE]", help="10.12; all that wait without it.")] = "",
    names: Annotated[bool, typer.Option("--names", help="Say whose answer it is.")] = False,
    every: Annotated[bool, typer.Option("--all", help="Also what waits no more: EXERCISE's answers.")] = False,
    to_csv: Annotated[
        Path | None, typer.Option("--csv", metavar="FILE.csv", help="Write a table to fill in, and ask nothing.")
    ] = None,
    from_csv: Annotated[Path | None, typer.Option("--from", metavar="FILE.csv", help="Take a filled table in.")] = None,
    course: Annotated[Path | None, typer.Option(metavar="DIR", help="The course's checkout.")] = None,
) -> None:
    """Give points and comments where a person has to: question by question, over all students, without their names.

    Each mark is in nbgrader's gradebook at once: stop any time, and go on later. Comments are kept in
    class/comments.csv, to be used again by their number.

    Exit code 0: it is done, or you stopped; 1: some answers or rows could not be used; 2: nothing was taken in.
    """
    from course import build as builder
    from course import paths
    from course.classroom import marking, people, sheets, standings
    from course.grading.book import by_hand
    from course.grading.book.durable_io import DiskError
    from course.grading.book.gradebook import GradebookError

    if to_csv and from_csv:
        fail(2, "--csv writes a table, and --from takes one in: give one of them")
    if every and not exercise:
        fail(2, "--all is of one exercise: name it")
    unknown: tuple[str, ...] = ()
    try:
        found = builder.find(paths.course_folder(course), lab)
        known = standings.graded(found, standings.of(found))
        _require(exercise, found.key, known)
        wanted, unreadable = marking.answers(found, known, exercise=exercise, every=every or from_csv is not None)
        if from_csv:
            filled = marking.read(sheets.read(from_csv), wanted)
            by_hand.write(found, filled.given)
            unknown = filled.unknown
            say(f"{len(filled.given)} marks of {from_csv} are in the gradebook")
        elif to_csv:
            if to_csv.exists():
                fail(2, f"{to_csv} exists: name another file, or take it in with --from")
            sheets.write(marking.table(wanted, to_csv, names=names), to_csv)
            say(f"wrote {to_csv}: {len(wanted)} answers; fill in points and comment, and take it in with --from")
        else:
            _ask_all(found, wanted, names=names)
    except (
        *(builder.BadSource, people.RosterError, sheets.SheetError),
        *(standings.NoClass, DiskError, GradebookError),
    ) as error:
        fail(2, str(error))
    for row in unknown:
        errors.print(f"{from_csv}, {row}: its answer is no longer what is handed in: mark it anew", markup=False)
    _tell(unreadable)
    raise typer.Exit(1 if unknown or unreadable else 0)


def _tell(unreadable: "Sequence[Unreadable]") -> None:
    for one in unreadable:
        errors.print(f"{one.person.id} is left out: {one.reason}", markup=False, highlight=False, soft_wrap=True)


def _require(exercise: str, lab: str, standings: "Sequence[Standing]") -> None:
    """Refuse an exercise that nobody was graded on."""
    from course.classroom.marking import is_asked

    known = {one.id: one for standing in standings for one in standing.exercises}
    if not any(is_asked(one, exercise) for one in known.values()):
        fail(2, f"{lab} has no exercise {exercise!r}; it has {', '.join(known)}")


class _Stopped(Exception):
    """No more is typed."""


def _ask_all(lab: "Lab", wanted: "Sequence[Answer]", *, names: bool) -> None:
    """Ask for a mark of each answer, and write it at once, until none is left or no more is typed."""
    from course import build as builder
    from course.grading.book import by_hand
    from course.notebook import rubric

    solution, n_given, before = builder.instructor_notebook(lab), 0, ""
    try:
        for place, answer in enumerate(wanted, start=1):
            question = rubric.of(solution, answer.exercise.id)
            if answer.exercise.id != before and question.text:
                say(f"\n{question.text}")
            before = answer.exercise.id
            whose = f" · {answer.person.name or answer.person.id}" if names else ""
            say(f"\n── {answer.exercise.id}, answer {place} of {len(wanted)}{whose} ──\n\n{answer.shown}\n")
            _tell_question(answer, question)
            if (typed := _points(answer, question)) is None:
                continue
            points, parts = typed
            comment = "\n".join([*([parts] if parts else []), *_comment(lab, answer)])
            by_hand.write(lab, [by_hand.Given(answer.person.id, answer.exercise.id, points, comment)])
            n_given += 1
    except (_Stopped, KeyboardInterrupt):
        say("")
    left = len(wanted) - n_given
    say(f"{n_given} marks are in the gradebook; {left} of these answers have none yet" if wanted else "no answer waits")


def _tell_question(answer: "Answer", question: "Question") -> None:
    """What the grader and a person have said, and what is asked for."""
    if not answer.exercise.is_by_hand:
        say(f"the grader: {answer.exercise.verdict}, {answer.exercise.points:g} points. {answer.exercise.message}")
    if answer.points is not None:
        say(f"so far: {answer.points:g} points. {answer.comment}")
    for part in question.parts:
        say(f"  {part.points:g} for {part.what}")


def _points(answer: "Answer", question: "Question") -> tuple[float, str] | None:
    """The points, and how they are made up; None for later. What is none is asked again, of a person."""
    from course.classroom import marking

    each = f", or one number for each of {', '.join(part.name for part in question.parts)}" if question.parts else ""
    while True:
        typed = _line(f"points of {answer.exercise.max_points:g}{each} (Enter: later, q: stop): ").strip()
        if typed == "q":
            raise _Stopped
        if not typed:
            return None
        try:
            return marking.points_in(typed, answer.exercise.max_points, question.parts)
        except marking.MarkError as error:
            if not sys.stdin.isatty():  # the lines after it would be taken for others
                fail(2, f"{error}; the marks before it are in the gradebook")
            say(str(error))


def _comment(lab: "Lab", answer: "Answer") -> list[str]:
    """The comments that are chosen; a new one is kept."""
    from course.classroom import comments

    known = [comment for exercise, comment in comments.read(lab.course) if exercise == answer.exercise.id]
    for number, comment in enumerate(known, start=1):
        say(f"  {number}  {comment}")
    numbers = "numbers of these, or a new one" if known else "to be kept, and used again"
    chosen = comments.chosen(_line(f"comment ({numbers}; Enter: none): "), known)
    for comment in chosen:
        comments.add(lab.course, answer.exercise.id, comment)
    return chosen


def _line(prompt: str) -> str:
    """A line that is typed or piped; half characters in it are none."""
    try:
        return input(prompt).encode(errors="replace").decode()
    except EOFError:
        raise _Stopped from None
