"""The package's parts import downwards only, as its docstring lists them; and nothing of the course in a circle."""

import ast
import re
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

from course import grading, paths

ROOMS = re.findall(r"^    (\w+)/? ", grading.__doc__ or "", re.MULTILINE)


def imported(file: Path) -> Iterator[str]:
    """The modules of the course that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def part(module: str, depth: int) -> str | None:
    """The folder or module of the course, `depth` names below it, that a module is in."""
    names = module.split(".")
    return ".".join(names[1 : 1 + depth]) if names[0] == "course" and len(names) > depth else None


def imports(depth: int, below: Path) -> dict[str, set[str]]:
    """By part of the course, the parts that it imports."""
    found: dict[str, set[str]] = {}
    for file in below.rglob("*.py"):
        module = ".".join(file.relative_to(paths.PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")
        if own := part(f"{module}.x", depth):
            others = {other for name in imported(file) if (other := part(name, depth))}
            found.setdefault(own, set()).update(others - {own})
    return found


def test_the_rooms_import_downwards_as_the_docstring_lists_them() -> None:
    own = {file.stem for file in (paths.PACKAGE / "grading").iterdir()} - {"__init__", "__pycache__", "README"}
    assert sorted(ROOMS) == sorted(own)
    order = {f"grading.{room}": place for place, room in enumerate(ROOMS)}
    upwards = [
        f"{one} imports {other}"
        for one, others in imports(2, paths.PACKAGE / "grading").items()
        for other in others
        if one in order and other in order and order[other] <= order[one]
    ]
    assert not upwards


def test_the_parts_of_the_course_import_each_other_in_no_circle() -> None:
    known = {file.stem for file in paths.PACKAGE.iterdir()}
    together = dict.fromkeys(("llama", "measure", "models"), "small models")  # these three know each other
    graph: dict[str, set[str]] = {}
    for one, others in imports(1, paths.PACKAGE).items():
        name = together.get(one, one)
        graph.setdefault(name, set()).update({together.get(other, other) for other in others & known} - {name})
    assert len(graph) > 20 and {"__main__", "cli", "commands"} <= graph.keys()
    TopologicalSorter(graph).prepare()  # it raises CycleError, naming the circle
