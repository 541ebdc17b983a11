"""What holds an answer is found wherever a distribution has put it."""

import importlib.util
import py_compile
import sys
from pathlib import Path

from nbformat.v4 import new_notebook

from course.grading.run import hiding
from course.paths import PACKAGE


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


def test_a_part_of_the_course_is_hidden_and_nothing_beside_it() -> None:
    assert hiding.paths_of(["course.llama.convert"]) == (str(PACKAGE / "llama" / "convert"),)


def test_a_module_is_hidden_with_what_python_compiled_of_it() -> None:
    cohort = PACKAGE / "cohort.py"
    compiled = Path(importlib.util.cache_from_source(str(cohort)))
    py_compile.compile(str(cohort), cfile=str(compiled))
    paths = {Path(path) for path in hiding.paths_of(["course.cohort"])}
    assert {cohort, compiled} <= paths
    assert {path.name.split(".")[0] for path in paths} == {"cohort"}
