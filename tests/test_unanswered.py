"""What a notebook shows of an exercise that is not answered yet."""

from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_notebook


def run(folder: Path, *sources: str) -> NotebookNode:
    cells = [new_code_cell(source, metadata={"tags": ["raises-exception"]}) for source in sources]
    for number, cell in enumerate(cells, start=1):
        if cell.source.startswith("def "):
            cell.metadata["nbgrader"] = {"grade_id": f"ex-1-{number}"}
    notebook = new_notebook(cells=cells)
    nbformat.write(notebook, folder / "lab.ipynb")
    return NotebookClient(notebook, kernel_name="python3", resources={"metadata": {"path": str(folder)}}).execute()


START = 'from course import lab\nlab.start("lab01", cohort="2026")'
STUB = "def {}(x):\n    # YOUR CODE HERE\n    raise NotImplementedError()"


def shown(cell: NotebookNode) -> tuple[str, list[str]]:
    [output] = cell.outputs
    return output.ename, output.traceback


def test_one_line_says_which_exercise_is_needed(tmp_path: Path) -> None:
    notebook = run(
        tmp_path,
        START,
        STUB.format("mfu_of_run"),
        "mfu_of_run(3)",
        "[mfu_of_run(x) for x in range(3)]",
        "def own(x):\n    raise NotImplementedError('later')\nown(1)",
        "raise NotImplementedError()",
        'lab.measure("matmul", list)',
        "1 / 0",
    )
    told = "Needs exercise 1.2, mfu_of_run, which is not answered yet."
    assert shown(notebook.cells[2]) == shown(notebook.cells[3]) == ("NotImplementedError", [told])
    assert shown(notebook.cells[4]) == ("NotImplementedError", ["later"])
    assert shown(notebook.cells[5]) == ("NotImplementedError", ["Not answered yet."])
    assert shown(notebook.cells[6])[0] == "NoPrediction" and shown(notebook.cells[6])[1][0].startswith("predict first")
    name, trace = shown(notebook.cells[7])
    assert name == "ZeroDivisionError" and len(trace) > 1


def test_a_function_of_no_exercise_is_named(tmp_path: Path) -> None:
    (tmp_path / "broken.ipynb").write_text("{")
    source = START + "\ndef helper():\n    raise NotImplementedError\nhelper()"
    assert shown(run(tmp_path, source).cells[0]) == ("NotImplementedError", ["Needs helper."])
