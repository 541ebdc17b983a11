"""What the course asks for, against what is there."""

import sys
from pathlib import Path

import pytest

from course.setting_up import requirements
from course.setting_up.requirements import Package

PYPROJECT = """
[project]
dependencies = ["pytest>=1,<999", "rich == 1", "no-such-package"]
[project.optional-dependencies]
dev = ["ruff>=0.1"]
"""


@pytest.mark.parametrize(
    ("version", "bounds", "expected"),
    [
        ("2.13.0+cpu", "==2.13.0", True),
        ("2.13.0", "==2.13", True),
        ("2.13.0", ">=2.6", True),
        ("2.6", ">=2.6.0", True),
        ("2.5.9", ">=2.6", False),
        ("5.0.0", ">=4.4,<5", False),
        ("4.10", ">=4.4, <5", True),
        ("0.10.1", ">=0.9.5,<0.10", False),
        ("0.9.6.post1", ">=0.9.5,<0.10", True),
        ("1", "", True),
    ],
)
def test_versions_against_bounds(version, bounds, expected):
    assert requirements.satisfies(version, bounds) is expected


@pytest.mark.parametrize("bounds", ["~=1.0", "!=2", ">=1.0rc1", "nonsense"])
def test_a_bound_that_is_not_understood_is_named(bounds):
    with pytest.raises(ValueError, match=bounds):
        requirements.satisfies("1.0", bounds)


def test_packages_are_pyproject_s_with_what_is_there(tmp_path):
    (tmp_path / "pyproject.toml").write_text(PYPROJECT)
    found = requirements.packages(tmp_path)
    assert [package.name for package in found] == ["pytest", "rich", "no-such-package"]
    assert found[0] == Package("pytest", ">=1,<999", pytest.__version__)
    assert found[2] == Package("no-such-package", "", None)
    assert requirements.lacking(found) == ["rich", "no-such-package"]
    assert [package.name for package in requirements.packages(tmp_path, ["dev"])][3:] == ["ruff"]


def test_another_interpreter_is_asked_for_its_own(tmp_path):
    (tmp_path / "pyproject.toml").write_text(PYPROJECT)
    assert requirements.packages(tmp_path, python=Path(sys.executable)) == requirements.packages(tmp_path)


def test_an_installed_course_knows_what_it_asks_for(tmp_path, monkeypatch):
    told = ["pytest>=1", 'ruff>=0.1; extra == "dev"']
    monkeypatch.setattr(requirements.metadata, "requires", lambda name: told)
    assert requirements.packages(tmp_path) == [Package("pytest", ">=1", pytest.__version__)]
