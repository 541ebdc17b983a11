"""Which tests go to one process together, where several run them: a lab's, and otherwise those of a file; and an
environment that no test changes for the next."""

import os
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def environment() -> Iterator[None]:
    """What a test leaves in the environment goes: nbgrader keeps a variable of its run when that fails."""
    before = dict(os.environ)
    yield
    for name in os.environ.keys() - before.keys():
        del os.environ[name]
    os.environ.update(before)


@pytest.hookimpl(tryfirst=True)  # xdist reads the groups in the same hook
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        callspec = getattr(item, "callspec", None)
        lab = callspec.params.get("lab_key") if callspec else None
        item.add_marker(pytest.mark.xdist_group(lab or item.path.name))
