"""Every lab that has a source is tested by the same tests, with its own answers from `tests/labs/labNN.py`."""

from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

from course import build, paths
from course.grading import sandbox
from course.grading.desk import Desk, Rules, open_desk
from course.grading.result import Result
from course.grading.submissions import Submission
from course.measure import record
from tests.labs import notebooks

LABS = build.labs(paths.PACKAGE.parent)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    answers = {lab.key: import_module(f"tests.labs.{lab.key}") for lab in LABS}
    if "idea" in metafunc.fixturenames:
        cases = [(lab.key, idea) for lab in LABS for idea in answers[lab.key].WRONG]
        metafunc.parametrize(("lab_key", "idea"), cases, scope="session", ids=[idea for _, idea in cases])
    elif "oddity" in metafunc.fixturenames:
        cases = [(lab.key, oddity) for lab in LABS for oddity in getattr(answers[lab.key], "ODD_RECORDS", ())]
        metafunc.parametrize(("lab_key", "oddity"), cases, scope="session", ids=[oddity for _, oddity in cases])
    elif "variant" in metafunc.fixturenames:
        cases = [
            (lab.key, number)
            for lab in LABS
            for number in range(max(len(sources) for sources in answers[lab.key].RIGHT.values()))
        ]
        ids = [f"{key}-variant-{number + 1}" for key, number in cases]
        metafunc.parametrize(("lab_key", "variant"), cases, scope="session", ids=ids)
    elif "lab_key" in metafunc.fixturenames:
        metafunc.parametrize("lab_key", [lab.key for lab in LABS], scope="session")


@pytest.fixture(scope="session")
def lab(lab_key: str) -> build.Lab:
    return build.find(paths.PACKAGE.parent, lab_key)


@pytest.fixture(scope="session")
def answers(lab_key: str) -> ModuleType:
    return import_module(f"tests.labs.{lab_key}")


@pytest.fixture(scope="session")
def desk(lab: build.Lab) -> Iterator[Desk]:
    with open_desk(lab, Rules(sandbox.probe())) as opened:
        yield opened


@pytest.fixture
def graded(desk: Desk, answers: ModuleType, tmp_path: Path) -> Callable[..., Result]:
    """Grade the instructor's answers with some of them replaced, beside the records that the lab's answers need."""

    def grade(replaced: dict[str, str], records: list[record.Record] | None = None) -> Result:
        whole = {**notebooks.solved(desk.release, desk.solution), **replaced}
        path = notebooks.save(notebooks.answered(desk.release, whole), tmp_path, desk.lab.name)
        record.write(tmp_path, getattr(answers, "RECORDS", []) if records is None else records)
        return desk.grade(Submission("student", path, tmp_path)).result

    return grade
