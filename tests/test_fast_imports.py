"""What a command leaves out of its imports, and that it works without."""

import subprocess
import sys

import pytest

USES = (
    "import sys, nbformat\n"
    "cell = {'cell_type': 'code', 'id': 'a', 'metadata': {}, 'source': '', 'outputs': [], 'execution_count': None}\n"
    "notebook = {'nbformat': 4, 'nbformat_minor': 5, 'metadata': {}, 'cells': [cell]}\n"
    "nbformat.validate(nbformat.from_dict(notebook))\n"
    "print('lark' in sys.modules)"
)


@pytest.mark.parametrize("first", ["course.cli", "course.grading.scale.pool"])
def test_notebooks_are_validated_without_compiling_grammars(first: str) -> None:
    ran = subprocess.run([sys.executable, "-c", f"import {first}\n{USES}"], capture_output=True, text=True)
    assert (ran.stdout, ran.returncode) == ("False\n", 0), ran.stderr
