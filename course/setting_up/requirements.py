"""What the course asks for, and what an interpreter has of it. Standard library only: set-up needs it."""

from __future__ import annotations

import json
import re
import subprocess
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from course import paths


@dataclass(frozen=True)
class Package:
    """A package that the course asks for: its bounds, and the version that is there, if any."""

    name: str
    bounds: str
    version: str | None

    @property
    def ok(self) -> bool:
        return self.version is not None and satisfies(self.version, self.bounds)


def packages(checkout: Path, extras: Iterable[str] = (), *, python: Path | None = None) -> list[Package]:
    """What the course asks for, with `extras`, and what `python` (default: this interpreter) has of it.

    Asked for is what `checkout`'s pyproject.toml says, or, without one, what the installed course says.
    """
    if (file := checkout / "pyproject.toml").is_file():
        project = tomllib.loads(file.read_text("utf-8"))["project"]
        asked = list(project["dependencies"])
        for extra in extras:
            asked += project["optional-dependencies"][extra]
    else:
        asked = [line for line in metadata.requires("two-bills") or [] if ";" not in line]
    bounds = {}
    for line in asked:
        name = re.split(r"[<>=]", line)[0]
        bounds[name.strip()] = line.removeprefix(name)
    have = versions(bounds) if python is None else versions_in(python, bounds)
    return [Package(name, bound, have.get(name)) for name, bound in bounds.items()]


def entry_points(checkout: Path) -> dict[str, str]:
    """{name: place} of what the course offers other programs, as `checkout`'s pyproject.toml says, if it has one."""
    if not (file := checkout / "pyproject.toml").is_file():
        return {}
    project = tomllib.loads(file.read_text("utf-8"))["project"]
    groups = [project.get("scripts", {}), *project.get("entry-points", {}).values()]
    return {name: place for group in groups for name, place in group.items()}


def installed_entry_points() -> dict[str, str]:
    """{name: place} of what this environment knows that the course offers."""
    try:
        return {point.name: point.value for point in metadata.distribution("two-bills").entry_points}
    except metadata.PackageNotFoundError:
        return {}


def lacking(wanted: Iterable[Package]) -> list[str]:
    """The names of those that are missing or out of bounds."""
    return [package.name for package in wanted if not package.ok]


def satisfies(version: str, bounds: str) -> bool:
    """Whether `version` lies within `bounds`, such as ">=2.2,<3": release numbers with >=, < and ==.

    Raises ValueError on any other bound.
    """
    have = _release(version)
    for bound in filter(None, bounds.replace(" ", "").split(",")):
        if not (parts := re.fullmatch(r"(>=|<|==)([\d.]+)", bound)):
            raise ValueError(f"bound {bound!r} is not one of >=, <, == with a release number")
        limit = _release(parts[2])
        if not {">=": have >= limit, "<": have < limit, "==": have == limit}[parts[1]]:
            return False
    return True


def versions(names: Iterable[str]) -> dict[str, str]:
    """The versions that this interpreter has of `names`; those that it lacks are left out."""
    have = {}
    for name in names:
        try:
            have[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return have


def versions_in(python: Path, names: Iterable[str]) -> dict[str, str]:
    """The versions that another interpreter has of `names`."""
    program = (
        "import json, sys; from course.setting_up import requirements as r; print(json.dumps(r.versions(sys.argv[1:])))"
    )
    command = [str(python), "-c", program, *names]
    answer = subprocess.run(command, cwd=paths.PACKAGE.parent, capture_output=True, text=True)
    return json.loads(answer.stdout) if answer.returncode == 0 else {}


def _release(version: str) -> tuple[int, ...]:
    digits = re.match(r"\d+(?:\.\d+)*", version)
    parts = [int(part) for part in digits[0].split(".")] if digits else [0]
    while len(parts) > 1 and parts[-1] == 0:
        parts.pop()
    return tuple(parts)
