import pytest

from course import cohort


@pytest.fixture(autouse=True)
def _nobody_enrolled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cohort, "_cohort", None)


def drawn(year: str, exercise: str) -> list[float]:
    cohort.enrol(year)
    return cohort.rng(exercise).random(4).tolist()


def test_the_same_cohort_and_exercise_draw_the_same_numbers() -> None:
    assert drawn("2026", "1.4") == drawn("2026", "1.4")


def test_the_numbers_are_these_on_every_machine() -> None:
    cohort.enrol("2026")
    assert cohort.rng("1.4").integers(10**6, size=3).tolist() == [136412, 444250, 441986]


def test_another_cohort_or_exercise_draws_other_numbers() -> None:
    draws = [drawn(year, exercise) for year in ("2026", "2027") for exercise in ("1.4", "1.5", "14")]
    assert len({draw[0] for draw in draws}) == len(draws)


def test_there_are_no_numbers_before_a_lab_has_begun() -> None:
    with pytest.raises(RuntimeError, match="first cell"):
        cohort.rng("1.4")


def test_a_cohort_has_a_name() -> None:
    with pytest.raises(ValueError, match="cohort"):
        cohort.enrol("")
