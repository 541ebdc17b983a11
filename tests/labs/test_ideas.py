"""In every cohort a wrong idea is named, a slip that no test knows is taken for none, a right answer passes."""

import re
from types import ModuleType

import pytest

from course.build import Lab
from tests.labs import rehearsal

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")  # wrong answers overflow and divide by zero


@pytest.fixture(autouse=True)
def graded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")


def test_a_wrong_idea_is_named_in_every_cohort(lab: Lab, answers: ModuleType, idea: str) -> None:
    if idea in getattr(answers, "CONFINED", ()):
        pytest.skip("it takes all memory, or never ends: only the real grader tries it")
    for cohort in rehearsal.COHORTS:
        verdict = rehearsal.verdict(lab, idea.split("/")[0], answers.WRONG[idea], in_cohort=cohort)
        assert (verdict["passed"], verdict.get("misconception")) == (False, idea), (cohort, verdict)


def test_a_slip_that_no_test_knows_loses_and_is_not_accused(lab: Lab, answers: ModuleType, slip: str) -> None:
    for cohort in rehearsal.COHORTS:
        verdict = rehearsal.verdict(lab, slip.split("/")[0], answers.SLIPS[slip], in_cohort=cohort)
        assert (verdict["passed"], verdict.get("misconception")) == (False, None), (cohort, verdict)


def test_a_right_answer_passes_in_every_cohort(lab: Lab, answers: ModuleType, exercise: str) -> None:
    for source in (None, *answers.RIGHT[exercise]):
        for cohort in rehearsal.COHORTS:
            verdict = rehearsal.verdict(lab, exercise, source, in_cohort=cohort)
            assert verdict == {"passed": True}, (cohort, source)


def test_every_idea_that_the_tests_name_has_its_wrong_answer(lab: Lab, answers: ModuleType) -> None:
    named = set(re.findall(r'"(\d+\.\d+/\w+)"', lab.source.read_text(encoding="utf-8")))
    assert named == set(answers.WRONG)
