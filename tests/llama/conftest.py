"""The models that are here: the course's own, and the small open one that the set-up fetched, 4-bit and 16-bit."""

from pathlib import Path

import pytest

from course import models


@pytest.fixture(scope="session")
def code() -> Path:
    return _fetched("two-bills-code")


@pytest.fixture(scope="session")
def smollm2() -> Path:
    return _fetched("smollm2")


@pytest.fixture(scope="session")
def smollm2_f16() -> Path:
    return _fetched("smollm2-f16")


def _fetched(name: str) -> Path:
    try:
        return models.path(name)
    except models.ModelError as problem:
        pytest.fail(str(problem))
