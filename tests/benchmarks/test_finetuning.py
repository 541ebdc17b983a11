"""The comparison with peft, on a tiny model."""

import json
from pathlib import Path

import pytest

from benchmarks import finetuning, results
from course.finetuning.recipe import FLOAT32, Recipe
from tests.finetuning.conftest import model as tiny  # noqa: F401


def test_both_train_the_same_and_are_compared(tiny: Path, tmp_path: Path) -> None:  # noqa: F811
    pytest.importorskip("peft")
    recipe = Recipe(rank=2, batch=4, length=200, numbers=FLOAT32)
    report = finetuning.measure(tiny, recipe, 1, n_threads=1)
    assert [row["unit"] for row in report["rows"]] == ["s", "MiB"]
    assert all(row["ratio"] > 0 for row in report["rows"])
    (tmp_path / "finetuning.json").write_text(json.dumps(report))
    page = results.page(tmp_path)
    assert "## Finetuning" in page and "peft" in page and "while measuring" in page
