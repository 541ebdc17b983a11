"""Right answers get all points, wrong ones lose exactly their exercise and are named, by the real grader."""

import re
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

from course.grading.grader import Grader
from course.grading.handin.submissions import Submission
from course.grading.result import Result
from tests.labs import notebooks

Grade = Callable[..., Result]


def test_the_solved_notebook_gets_full_marks(graded: Grade) -> None:
    result = graded({})
    assert result.points == result.max_points > 0
    assert result.is_full
    assert {exercise.verdict for exercise in result.exercises if not exercise.is_by_hand} == {"pass"}


def test_the_untouched_notebook_is_blank(grader: Grader, tmp_path: Path) -> None:
    path = notebooks.save(grader.release, tmp_path, grader.lab.name)
    result = grader.grade(Submission("student", path, tmp_path)).result
    assert {exercise.verdict for exercise in result.exercises} == {"blank"}
    assert (result.points, result.repaired, result.flags) == (0, [], [])


def test_wrong_ideas_lose_exactly_their_exercises_and_are_named(
    graded: Grade, answers: ModuleType, round_: int
) -> None:
    """The nth wrong idea of every exercise in one submission; each alone where that says something else.

    An exercise whose answer is computed by others' functions (`NEEDS`) may be lost with them, and is tried apart.
    """
    needs: dict[str, set[str]] = getattr(answers, "NEEDS", {})

    def is_named(ideas: dict[str, str]) -> bool:
        found = lost(graded({exercise: answers.WRONG[idea] for exercise, idea in ideas.items()}))
        return {e: idea for e, idea in found.items() if e in ideas or not needs.get(e, set()) & set(ideas)} == ideas

    ideas = of_round(answers, round_)
    for group in ({e: i for e, i in ideas.items() if e not in needs}, {e: i for e, i in ideas.items() if e in needs}):
        if group and not is_named(group):
            for exercise, idea in group.items():
                assert is_named({exercise: idea}), idea


def of_round(answers: ModuleType, n: int) -> dict[str, str]:
    """By exercise its nth wrong idea, if it has so many."""
    by_exercise: dict[str, list[str]] = {}
    for idea in answers.WRONG:
        by_exercise.setdefault(idea.split("/")[0], []).append(idea)
    return {exercise: ideas[n] for exercise, ideas in by_exercise.items() if n < len(ideas)}


def lost(result: Result) -> dict[str, str | None]:
    """The wrong idea of each lost exercise, every point of which is lost."""
    assert all(e.points == (e.max_points if e.verdict == "pass" else 0) for e in result.exercises)
    return {e.id: e.misconception for e in result.exercises if e.verdict != "pass" and not e.is_by_hand}


def test_another_right_answer_gets_all_points(graded: Grade, answers: ModuleType, variant: int) -> None:
    chosen = {exercise: sources[variant % len(sources)] for exercise, sources in answers.RIGHT.items()}
    result = graded(chosen)
    assert {e.id: e.message for e in result.exercises if e.verdict != "pass" and not e.is_by_hand} == {}


def test_odd_records_get_their_verdict_and_only_malformed_ones_lose_points(
    graded: Grade, answers: ModuleType, oddity: str
) -> None:
    exercise, verdict, records = answers.ODD_RECORDS[oddity]
    result = graded({}, records)
    assert {e.id: e.verdict for e in result.exercises if e.verdict != "pass"} == {exercise: verdict}
    assert (result.points == result.max_points) == (verdict == "review")


def test_nonsense_is_not_accused_of_an_idea(graded: Grade, grader: Grader) -> None:
    nonsense = {
        exercise: nonsense_for(source)
        for exercise, source in notebooks.solved(grader.release, grader.solution).items()
        if "lab.measure(" not in source  # an answer that measures is judged by its records
    }
    result = graded(nonsense)
    lost = {e.id: (e.verdict, e.misconception) for e in result.exercises if e.verdict != "pass" and not e.is_by_hand}
    assert lost == {exercise: ("fail", None) for exercise in nonsense}


def nonsense_for(source: str) -> str:
    """A function that gives 42; an answer that is a value, which its last line but the marker's defines, is 42."""
    if source.startswith("### BEGIN SOLUTION"):
        last = re.findall(r"^(\w+) = ", source, flags=re.MULTILINE)[-1]
        return f"{last} = 42"
    return re.sub(r"(def \w+\([^)]*\)):.*", r"\1:\n    return 42", source, flags=re.DOTALL)


def test_every_exercise_has_another_right_answer(grader: Grader, answers: ModuleType) -> None:
    assert set(answers.RIGHT) == set(notebooks.solved(grader.release, grader.solution))
