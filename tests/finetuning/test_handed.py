"""Functions of a notebook, taken over into another process."""

from pathlib import Path

import pytest

from course.finetuning import handed
from course.finetuning.recipe import FinetuningError
from tests.finetuning import brought

LABELS = "def mask_prompt_labels(ids, prompt_len, pad_id):\n    return ids\n"
FORWARD = "def lora_forward(x, w, a, b, alpha):\n    return {}\n"


def loaded(folder: Path, forward: str, labels: str = LABELS) -> handed.Functions:
    (folder / "lora_forward.py").write_text(forward, encoding="utf-8")
    (folder / "mask_prompt_labels.py").write_text(labels, encoding="utf-8")
    return handed.load(folder)


def test_a_function_arrives_with_what_its_cell_holds(tmp_path):
    one = brought.cell("HALF = 0.5\n" + FORWARD.format("HALF * np.array(x)"))
    functions = loaded(tmp_path, handed.source_of(one["lora_forward"]))
    assert functions.lora_forward(4, 0, 0, 0, 0) == 2
    assert functions.mask_prompt_labels([1], 1, 0) == [1]


def test_each_is_that_of_its_own_cell(tmp_path):
    functions = loaded(tmp_path, FORWARD.format("1"), FORWARD.format("2") + LABELS)
    assert functions.lora_forward(0, 0, 0, 0, 0) == 1


def test_what_has_no_source_is_said():
    with pytest.raises(FinetuningError, match="len has no source: define it in a cell"):
        handed.source_of(len)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (LABELS, "there is no function lora_forward: call yours that"),
        ("def lora_forward(:", "the cell of lora_forward cannot run .SyntaxError"),
        ("1 / 0", "cannot run .ZeroDivisionError: division by zero at `1 / 0`"),
        ("import nowhere_at_all", "cannot run .ModuleNotFoundError"),
    ],
)
def test_cells_that_cannot_run_are_said(tmp_path, source, message):
    with pytest.raises(FinetuningError, match=message):
        loaded(tmp_path, source)


def test_an_error_in_a_function_names_it_and_the_line(tmp_path):
    functions = loaded(tmp_path, FORWARD.format("x * scale"))
    with pytest.raises(
        FinetuningError, match=r"lora_forward raised NameError: .*`return x \* scale`: define it in the same cell"
    ):
        functions.lora_forward(1, 2, 3, 4, 5)


def test_comments_and_layout_make_no_other_source():
    assert handed.is_same("x = 1", "# one\nx  =  1\n")
    assert not handed.is_same("x = 1", "x = 2")
