"""What holds an answer is found wherever a distribution has put it."""

import sys
from pathlib import Path

from nbformat.v4 import new_notebook

from course.grading import hiding


def test_a_package_is_hidden_with_its_distribution() -> None:
    paths = [Path(path) for path in hiding.paths_of(["llama_cpp"])]
    assert any(path.name == "llama_cpp" for path in paths)
    libraries = [p for p in Path(sys.prefix).rglob("lib*") if p.name.startswith(("libllama", "libggml"))]
    assert libraries
    for library in libraries:
        assert any(library.resolve().is_relative_to(path.resolve()) for path in paths), library
    assert not any(path in (Path(sys.prefix), *Path(sys.prefix).parents) for path in paths)


def test_a_package_that_is_not_installed_hides_nothing() -> None:
    assert hiding.paths_of(["no_such_package"]) == ()


def test_a_notebook_says_what_to_hide() -> None:
    assert hiding.hidden_packages(new_notebook()) == ()
    assert hiding.hidden_packages(new_notebook(metadata={"two_bills": {"hides": ["gguf"]}})) == ("gguf",)
