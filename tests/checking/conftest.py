from typing import Any

import pytest

from course import checking


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The verdict bundles that the cell's output would hold."""
    bundles: list[dict[str, Any]] = []

    def display(data: dict[str, Any], *, raw: bool) -> None:
        assert raw and data["text/plain"] == data[checking.MIME]["message"]
        bundles.append(data[checking.MIME])

    monkeypatch.setattr("IPython.display.display", display)
    return bundles
