"""A new lab begins with what builds and is proved."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from course import build, skeleton
from course.build import BadSource, Lab
from course.grading.judge import proof
from tests import tiny
from tests.labs import rehearsal


@pytest.fixture
def course(tmp_path: Path) -> Path:
    folder = tiny.course(tmp_path / "course").course
    (folder / "tests" / "labs").mkdir(parents=True)
    return folder


def answers(course: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("answers", course / "tests" / "labs" / "lab07.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_skeleton_builds_and_its_answers_prove_it(course: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    made = skeleton.make(course, 7, "serving")
    lab = Lab("lab07_serving", course)
    assert made == [lab.source, course / "tests" / "labs" / "lab07.py"]
    proof.require(lab, *build.make(lab))
    known = answers(course)
    for idea, source in {**known.WRONG, **known.SLIPS}.items():
        verdict = rehearsal.verdict(lab, idea.split("/")[0], source, in_cohort="2026")
        assert (verdict["passed"], verdict.get("misconception")) == (False, idea if idea in known.WRONG else None)
    for exercise, sources in known.RIGHT.items():
        for source in sources:
            assert rehearsal.verdict(lab, exercise, source, in_cohort="2026") == {"passed": True}


def test_nothing_is_written_over(course: Path) -> None:
    for number, name, told in (
        (1, "other", "lab01 is there already"),
        (7, "Serving!", "small letters"),
        (0, "x", "1 to 99"),
    ):
        with pytest.raises(BadSource, match=told):
            skeleton.make(course, number, name)
    (course / "tests" / "labs" / "lab07.py").write_text("mine")
    with pytest.raises(BadSource, match=r"lab07\.py is there already"):
        skeleton.make(course, 7, "serving")
    assert not Lab("lab07_serving", course).source.exists()
