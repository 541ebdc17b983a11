"""Right answers get all points, wrong ones lose exactly their exercise and are named, by the real grader."""

import re
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

from course.build import Lab
from course.grading.desk import Desk
from course.grading.result import Result
from course.grading.submissions import Submission
from tests.labs import notebooks

Grade = Callable[..., Result]


def test_the_solved_notebook_gets_full_marks(graded: Grade) -> None:
    result = graded({})
    assert result.points == result.max_points > 0
    assert result.is_full
    assert {exercise.verdict for exercise in result.exercises} == {"pass"}


def test_the_untouched_notebook_is_blank(desk: Desk, tmp_path: Path) -> None:
    path = notebooks.save(desk.release, tmp_path, desk.lab.name)
    result = desk.grade(Submission("student", path, tmp_path)).result
    assert {exercise.verdict for exercise in result.exercises} == {"blank"}
    assert (result.points, result.repaired, result.flags) == (0, [], [])


def test_a_wrong_idea_loses_exactly_its_exercise_and_is_named(graded: Grade, answers: ModuleType, idea: str) -> None:
    exercise = idea.split("/")[0]
    result = graded({exercise: answers.WRONG[idea]})
    lost = {e.id: e.misconception for e in result.exercises if e.verdict != "pass"}
    assert lost == {exercise: idea}
    assert result.points == result.max_points - next(e.max_points for e in result.exercises if e.id == exercise)


def test_another_right_answer_gets_all_points(graded: Grade, answers: ModuleType, variant: int) -> None:
    chosen = {exercise: sources[variant % len(sources)] for exercise, sources in answers.RIGHT.items()}
    result = graded(chosen)
    assert {e.id: e.message for e in result.exercises if e.verdict != "pass"} == {}


def test_odd_records_get_their_verdict_and_only_malformed_ones_lose_points(
    graded: Grade, answers: ModuleType, oddity: str
) -> None:
    exercise, verdict, records = answers.ODD_RECORDS[oddity]
    result = graded({}, records)
    assert {e.id: e.verdict for e in result.exercises if e.verdict != "pass"} == {exercise: verdict}
    assert (result.points == result.max_points) == (verdict == "review")


def test_nonsense_is_not_accused_of_an_idea(graded: Grade, desk: Desk) -> None:
    nonsense = {
        exercise: re.sub(r"(def \w+\([^)]*\)):.*", r"\1:\n    return 42", source, flags=re.DOTALL)
        for exercise, source in notebooks.solved(desk.release, desk.solution).items()
        if "lab.measure(" not in source  # an answer that measures is judged by its records
    }
    result = graded(nonsense)
    lost = {e.id: (e.verdict, e.misconception) for e in result.exercises if e.verdict != "pass"}
    assert lost == {exercise: ("fail", None) for exercise in nonsense}


def test_every_idea_that_the_tests_name_has_its_wrong_answer(lab: Lab, answers: ModuleType) -> None:
    named = set(re.findall(r'"(\d+\.\d+/\w+)":', lab.source.read_text(encoding="utf-8")))
    assert named == set(answers.WRONG)


def test_every_exercise_has_another_right_answer(desk: Desk, answers: ModuleType) -> None:
    assert set(answers.RIGHT) == set(notebooks.solved(desk.release, desk.solution))
