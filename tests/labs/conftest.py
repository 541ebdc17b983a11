"""Every lab that has a source is tested by the same tests, with its own answers from `tests/labs/labNN.py`."""

from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

from course import build, paths
from course.grading import sandbox
from course.grading.grader import Grader, Notebooks, Rules, open_grader
from course.grading.handin.submissions import Submission
from course.grading.result import Result
from course.measure import record
from tests.labs import notebooks

LABS = build.labs(paths.PACKAGE.parent)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    for name, cases_of in CASES.items():
        if name in metafunc.fixturenames:
            cases = [(lab.key, case) for lab in LABS for case in cases_of(import_module(f"tests.labs.{lab.key}"))]
            ids = [f"{key}-{case}" for key, case in cases]
            metafunc.parametrize(("lab_key", name), cases, scope="session", ids=ids)
            return
    if "lab_key" in metafunc.fixturenames:
        metafunc.parametrize("lab_key", [lab.key for lab in LABS], scope="session")


def _rounds(answers: ModuleType) -> range:
    """As many as the exercise with the most wrong ideas has."""
    exercises = [idea.split("/")[0] for idea in answers.WRONG]
    return range(max(exercises.count(exercise) for exercise in exercises))


# What a test of a lab may ask for, and the cases of it that a lab's answers have.
CASES: dict[str, Callable[[ModuleType], Iterable[object]]] = {
    "idea": lambda answers: answers.WRONG,
    "slip": lambda answers: getattr(answers, "SLIPS", ()),
    "exercise": lambda answers: answers.RIGHT,
    "round_": _rounds,
    "oddity": lambda answers: getattr(answers, "ODD_RECORDS", ()),
    "variant": lambda answers: range(max(len(sources) for sources in answers.RIGHT.values())),
}


@pytest.fixture(scope="session")
def lab(lab_key: str) -> build.Lab:
    return build.find(paths.PACKAGE.parent, lab_key)


@pytest.fixture(scope="session")
def answers(lab_key: str) -> ModuleType:
    return import_module(f"tests.labs.{lab_key}")


@pytest.fixture(scope="session")
def grader(lab: build.Lab) -> Iterator[Grader]:
    with open_grader(Notebooks.of(lab), Rules(sandbox.probe())) as opened:
        yield opened


@pytest.fixture
def graded(grader: Grader, answers: ModuleType, tmp_path: Path) -> Callable[..., Result]:
    """Grade the instructor's answers with some of them replaced, beside the records that the lab's answers need."""

    def grade(replaced: dict[str, str], records: list[record.Record] | None = None) -> Result:
        whole = {**notebooks.solved(grader.release, grader.solution), **replaced}
        path = notebooks.save(notebooks.answered(grader.release, whole), tmp_path, grader.lab.name)
        record.write(tmp_path, getattr(answers, "RECORDS", []) if records is None else records)
        return grader.grade(Submission("student", path, tmp_path)).result

    return grade
