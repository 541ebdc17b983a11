"""The doctor: what it finds, and the one next command it names."""

import sys
from collections import namedtuple
from types import SimpleNamespace

import psutil
import pytest
from typer.testing import CliRunner

from course import models, paths
from course.cli import app
from course.grading import sandbox
from course.grading.kernels import warm
from course.setting_up import doctor, requirements, wheel
from course.setting_up.doctor import Check

PYPROJECT = '[project]\ndependencies = ["pytest>=1", "rich==1", "no-such-package>=2"]\n'


def test_packages_are_held_against_their_bounds(tmp_path):
    (tmp_path / "pyproject.toml").write_text(PYPROJECT)
    right, wrong, missing = doctor.packages(tmp_path)
    assert right.ok and right.found == pytest.__version__
    assert not wrong.ok and wrong.found == requirements.versions(["rich"])["rich"]
    assert not missing.ok and missing == Check("no-such-package >=2", False, "missing", doctor.SETUP)


def test_an_environment_that_was_set_up_for_other_entry_points_is_set_up_again(tmp_path, monkeypatch):
    (tmp_path / "pyproject.toml").write_text(
        '[project.scripts]\ncourse = "course.__main__:main"\n[project.entry-points.kernels]\nbox = "course.rooms:Box"\n'
    )
    monkeypatch.setattr(
        requirements, "installed_entry_points", lambda: {"course": "course.__main__:main", "box": "old:Box"}
    )
    assert doctor.entry_points(tmp_path) == Check("entry points", False, "not as in pyproject.toml: box", doctor.SETUP)
    assert doctor.entry_points(tmp_path / "nothing").ok


def test_this_environment_has_the_entry_points_of_the_checkout():
    assert requirements.entry_points(paths.PACKAGE.parent)
    assert doctor.entry_points().ok


@pytest.mark.parametrize(
    ("found", "installed", "ok"),
    [(True, {}, True), (False, {"llama-cpp-python": "0.3.36"}, True), (False, {}, False)],
)
def test_a_compiler_is_needed_only_before_the_set_up(monkeypatch, found, installed, ok):
    monkeypatch.setattr(wheel, "compiler_found", lambda: found)
    monkeypatch.setattr(requirements, "versions", lambda names: installed)
    check = doctor.compiler()
    assert check.ok is ok
    assert ok or check.remedy == wheel.COMPILER_REMEDY


@pytest.mark.parametrize("state", ["ready", "missing", "corrupt"])
def test_the_model_is_there_byte_for_byte_or_fetched(monkeypatch, state):
    monkeypatch.setattr(models, "state", lambda model: state)
    check = doctor.model()
    assert check.ok is (state == "ready")
    assert models.SMOLLM2.file in check.found
    assert check.remedy == "python -m course model fetch smollm2"


def test_a_kernel_starts_here_and_runs():
    check = doctor.kernel()
    assert check.ok
    assert check.found.startswith("1 + 1 = 2")


def test_a_kernel_of_another_environment_is_named(monkeypatch):
    monkeypatch.setattr(sys, "prefix", "/somewhere/else")
    check = doctor.kernel()
    assert not check.ok
    assert "another environment" in check.found and check.remedy == doctor.KERNELSPEC


def test_a_kernel_that_does_not_answer_is_no_traceback(monkeypatch):
    def silent(**options):
        raise RuntimeError("Kernel died before replying to kernel_info\nmore")

    monkeypatch.setattr("jupyter_client.manager.start_new_kernel", silent)
    check = doctor._guarded(doctor.kernel, "notebook kernel", "way out")
    assert check == Check(
        "notebook kernel", False, "RuntimeError: Kernel died before replying to kernel_info", "way out"
    )


def test_memory_and_disk_name_what_is_there(monkeypatch):
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=1e9, total=4e9))
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda place: usage(9e9, 8.5e9, 0.5e9))
    ram, disk = doctor.ram(), doctor.disk()
    assert not ram.ok and ram.found == "1.0 of 4.0 GB free"
    assert not disk.ok and disk.found.startswith("0.5 GB free at ")


def test_the_box_is_tried(monkeypatch):
    assert sandbox.probe() and doctor.box().found.endswith("; 1 + 1 = 2") and doctor.box().ok

    def refused(*arguments, **more):
        raise warm.NoFork("no process: Resource temporarily unavailable")

    monkeypatch.setattr(warm.Template, "fork", refused)
    check = doctor.box()
    assert (check.ok, check.found) == (False, "nothing runs in it: no process: Resource temporarily unavailable")


def test_a_cache_that_cannot_be_written_is_a_finding(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("TWO_BILLS_CACHE", str(tmp_path / "file" / "cache"))
    checks = {check.name: check for check in doctor.examine()}
    assert not checks["disk"].ok and str(tmp_path) in checks["disk"].found
    assert "TWO_BILLS_CACHE" in doctor.next_command(list(checks.values()))


@pytest.mark.parametrize(
    ("checks", "code", "last_line"),
    [
        ([Check("Python", True, "3.11.7")], 0, "ready"),
        (
            [Check("a", True, "1"), Check("b", False, "none", "mend b"), Check("c", False, "none", "mend c")],
            1,
            "next: mend b",
        ),
    ],
)
def test_the_command_ends_with_ready_or_one_next_command(monkeypatch, checks, code, last_line):
    monkeypatch.setattr(doctor, "examine", lambda: iter(checks))
    result = CliRunner().invoke(app, ["doctor"])
    assert result.exit_code == code
    assert result.stdout.rstrip().splitlines()[-1] == last_line
    assert all(check.name in result.stdout for check in checks)
