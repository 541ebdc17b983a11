"""A student's copy is made once and never overwritten."""

import json
import os
import shutil
import sys
import sysconfig
from pathlib import Path

import pytest
from typer.testing import CliRunner

from course import build, paths, workspace
from course.build import Lab
from course.cli import app
from tests import tiny


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    lab = tiny.course(tmp_path / "course")
    build.build(lab)
    return lab


def test_the_first_copy_is_the_release(lab: Lab) -> None:
    copy = workspace.copy(lab)
    assert copy.notebook == lab.course / "work" / lab.name / f"{lab.name}.ipynb"
    assert (copy.is_new, copy.is_outdated) == (True, False)
    assert copy.notebook.read_bytes() == lab.release.read_bytes()


def test_a_copy_that_is_there_is_never_touched(lab: Lab) -> None:
    copy = workspace.copy(lab)
    copy.notebook.write_text("mine")
    assert workspace.copy(lab) == workspace.Copy(copy.notebook, is_new=False, is_outdated=False)
    lab.release.write_text(lab.release.read_text() + " ")
    again = workspace.copy(lab)
    assert (again.is_new, again.is_outdated) == (False, True)
    assert copy.notebook.read_text() == "mine"


def test_a_copy_from_elsewhere_is_kept_too(lab: Lab) -> None:
    mine = lab.course / "work" / lab.name / f"{lab.name}.ipynb"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    assert workspace.copy(lab).is_new is False
    assert mine.read_text() == "mine"


def test_a_renamed_copy_makes_place_for_the_new_release(lab: Lab) -> None:
    old = workspace.copy(lab).notebook.parent
    old.rename(old.with_name("mine"))
    assert workspace.copy(lab).is_new
    assert (old.with_name("mine") / f"{lab.name}.ipynb").exists()


def test_a_lab_without_a_release_names_the_way_out(lab: Lab) -> None:
    lab.release.unlink()
    with pytest.raises(FileNotFoundError, match="`course build lab01` makes it"):
        workspace.copy(lab)
    refused = CliRunner().invoke(app, ["lab", "1", "--course", str(lab.course)])
    assert refused.exit_code == 2
    assert len(refused.stderr.splitlines()) == 1


def test_an_interrupted_copy_is_made_anew(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(source: Path, target: Path) -> None:
        target.write_bytes(source.read_bytes()[:100])
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(shutil, "copy", interrupted)
        workspace.copy(lab)
    copy = workspace.copy(lab)
    assert copy.is_new
    assert copy.notebook.read_bytes() == lab.release.read_bytes()


def test_jupyterlab_is_this_pythons_and_opens_the_notebook(lab: Lab) -> None:
    notebook = workspace.copy(lab).notebook
    command = workspace.jupyterlab(notebook, course=lab.course, port=9999, browser=False)
    assert command[:3] == [sys.executable, "-m", "jupyterlab"]
    assert f"--ServerApp.root_dir={lab.course / 'work'}" in command
    assert f"--LabApp.default_url=/lab/tree/{lab.name}/{lab.name}.ipynb" in command
    assert "--ServerApp.port=9999" in command and "--no-browser" in command
    assert "--no-browser" not in workspace.jupyterlab(notebook, course=lab.course)


def test_the_profile_comes_first_and_what_the_user_set_stays(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUPYTER_CONFIG_PATH", "theirs")
    environment = workspace.environment(lab.course)
    assert environment["JUPYTER_CONFIG_PATH"].split(os.pathsep) == [str(lab.course / "deploy" / "laptop"), "theirs"]
    assert environment["PATH"].split(os.pathsep)[0] == sysconfig.get_path("scripts")
    assert environment["JUPYTERLAB_WORKSPACES_DIR"] == str(lab.course / "work" / ".jupyterlab")
    monkeypatch.delenv("JUPYTER_CONFIG_PATH")
    assert workspace.environment(lab.course)["JUPYTER_CONFIG_PATH"] == str(lab.course / "deploy" / "laptop")


def test_a_notebook_that_a_server_shows_has_an_address(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    notebook, runtime = workspace.copy(lab).notebook, lab.course / "runtime"
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(runtime))
    assert workspace.address(notebook) is None
    runtime.mkdir()
    told = {"pid": os.getpid(), "url": "http://localhost:8899/", "token": "secret"}
    for number, root in enumerate((lab.course / "elsewhere", lab.course / "work")):
        (runtime / f"jpserver-{number}.json").write_text(json.dumps({**told, "root_dir": str(root)}))
    odd = notebook.rename(notebook.with_name("my copy.ipynb"))
    assert workspace.address(odd) == f"http://localhost:8899/lab/tree/{lab.name}/my%20copy.ipynb"
    assert workspace.address(lab.release) is None


def test_the_profile_hides_what_is_the_instructors() -> None:
    profile = paths.PACKAGE.parent / "deploy" / "laptop" / "labconfig" / "page_config.json"
    disabled = json.loads(profile.read_text())["disabledExtensions"]
    assert {name for name, off in disabled.items() if off} >= {
        *("@jupyter/nbgrader:formgrader", "@jupyter/nbgrader:course-list", "@jupyter/nbgrader:assignment-list"),
        *("@jupyter/nbgrader:create-assignment", "@jupyterlab/apputils-extension:announcements"),
    }
    assert not any("validate" in name for name in disabled)
