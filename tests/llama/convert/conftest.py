"""A small Llama that transformers saved."""

from pathlib import Path

import pytest

from tests.llama import tiny_models


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_models.save(tmp_path_factory.mktemp("tiny") / "llama")
