"""The set-up: what it decides, how it recovers, and that environment.yml and pyproject.toml ask for the same."""

import ast
import json
import os
import re
import sys
import tomllib
from dataclasses import asdict
from pathlib import Path

import pytest
import yaml

from course import __main__ as command
from course import paths
from course.setting_up import command as setup_command
from course.setting_up import environment, wheel
from course.setting_up.requirements import satisfies
from course.setting_up.step import SetupError

CHECKOUT = paths.PACKAGE.parent
CONDA_NAMES = {"torch": "pytorch-cpu", "matplotlib": "matplotlib-base", "prometheus-client": "prometheus_client"}
ONLY_CONDA = {"python", "pip", "llama.cpp"}
PYPROJECT = """
[project]
name = "tiny"
dependencies = ["tiny-dependency>=1,<2"]
[project.optional-dependencies]
dev = ["tiny-tester>=3"]
"""


# environment.yml and pyproject.toml


def of_pyproject(text: str) -> dict[str, str]:
    """The packages of a pyproject.toml by their conda names, with their bounds."""
    found = {}
    for line in tomllib.loads(text)["project"]["dependencies"]:
        name = re.split(r"[<>=]", line)[0]
        found[CONDA_NAMES.get(name, name)] = line.removeprefix(name)
    return found


def of_conda(text: str) -> dict[str, str]:
    """The packages of an environment.yml, with their bounds."""
    lines = [line for line in yaml.safe_load(text)["dependencies"] if isinstance(line, str)]
    return {name: bounds for name, _, bounds in (line.partition(" ") for line in lines)}


def disagreements(conda: dict[str, str], pyproject: dict[str, str]) -> list[str]:
    return [
        f"{name}: environment.yml asks for {conda.get(name)!r}, pyproject.toml for {pyproject.get(name)!r}"
        for name in sorted((conda.keys() | pyproject.keys()) - ONLY_CONDA)
        if conda.get(name) != pyproject.get(name)
    ]


def test_environment_yml_asks_for_what_pyproject_does():
    conda, pyproject = (CHECKOUT / "environment.yml").read_text(), (CHECKOUT / "pyproject.toml").read_text()
    assert not disagreements(of_conda(conda), of_pyproject(pyproject))
    assert of_conda(conda)["python"] == tomllib.loads(pyproject)["project"]["requires-python"]


@pytest.mark.parametrize(
    ("conda", "pyproject"),
    [
        ({"numpy": ">=2"}, {}),
        ({}, {"numpy": ">=2"}),
        ({"numpy": ">=2"}, {"numpy": ">=1"}),
    ],
)
def test_a_disagreement_names_the_package(conda, pyproject):
    (told,) = disagreements(conda | {"rich": ""}, pyproject | {"rich": ""})
    assert told.startswith("numpy:")


def test_conda_brings_binaries_and_pip_only_the_course():
    environment_yml = yaml.safe_load((CHECKOUT / "environment.yml").read_text())
    assert environment_yml["channels"] == ["conda-forge", "nodefaults"]
    assert environment_yml["dependencies"][-1] == {"pip": ["-e ."]}


def test_what_set_up_installs_is_within_the_bounds():
    pyproject = of_pyproject((CHECKOUT / "pyproject.toml").read_text())
    assert satisfies(environment.TORCH.removeprefix("torch=="), pyproject["pytorch-cpu"])
    assert satisfies(wheel.LLAMA_CPP_PYTHON, pyproject["llama-cpp-python"])


# Decisions


def test_torch_comes_from_its_own_index_only_where_that_answers():
    assert environment.torch_arguments(cpu_index=True) == [
        environment.TORCH,
        "--index-url",
        environment.TORCH_CPU_INDEX,
    ]
    assert environment.torch_arguments(cpu_index=False) == [environment.TORCH]


def test_an_index_that_does_not_answer_is_not_reachable():
    assert not environment.reachable("http://127.0.0.1:9/torch/")


def test_a_stamp_changes_with_all_that_set_up_depends_on(tmp_path, monkeypatch):
    pyproject = tmp_path / "pyproject.toml"
    pyproject.write_text(PYPROJECT)
    first = environment.stamp(tmp_path, "3.11.7", ["dev", "other"])
    assert environment.stamp(tmp_path, "3.11.7", ["other", "dev"]) == first
    assert environment.stamp(tmp_path, "3.12.0", ["dev", "other"]) != first
    assert environment.stamp(tmp_path, "3.11.7", ["dev"]) != first
    monkeypatch.setattr(wheel, "LLAMA_CPP_PYTHON", "9.9")
    assert environment.stamp(tmp_path, "3.11.7", ["dev", "other"]) != first
    monkeypatch.undo()
    pyproject.write_text(PYPROJECT + "# changed")
    assert environment.stamp(tmp_path, "3.11.7", ["dev", "other"]) != first


@pytest.mark.parametrize("content", [None, "", '{"python": "3.1', "[]", '{"python": "3.11"}'])
def test_half_a_stamp_is_none(tmp_path, content):
    file = tmp_path / "two-bills.json"
    if content is not None:
        file.write_text(content)
    assert environment.read_stamp(file) is None


def test_a_stamp_survives_its_file(tmp_path):
    (tmp_path / "pyproject.toml").write_text(PYPROJECT)
    stamp = environment.stamp(tmp_path, "3.12.1", {"dev"})
    (tmp_path / "stamp").write_text(json.dumps(asdict(stamp)))
    assert environment.read_stamp(tmp_path / "stamp") == stamp


# The whole way, with a tiny project


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    """A checkout that asks for one package; pip, the compiled wheel and the model are stand-ins that are counted."""
    (tmp_path / "pyproject.toml").write_text(PYPROJECT)
    monkeypatch.setenv("TWO_BILLS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(wheel, "fetch", lambda python: Path("llama.whl"))
    monkeypatch.setattr(environment, "_fetch_model", lambda python, checkout: steps.append("model"))
    monkeypatch.setattr(environment, "reachable", lambda url: False)
    steps: list[str] = []

    def pip(python: Path, *arguments: str, title: str, expected: str) -> None:
        steps.append(title)
        if arguments[0] == "--editable":
            install(site_packages(tmp_path), "tiny_dependency-1.5")
            if "[dev]" in arguments[1]:
                install(site_packages(tmp_path), "tiny_tester-3.0")

    monkeypatch.setattr(environment, "_pip", pip)
    return tmp_path, steps


def site_packages(checkout: Path) -> Path:
    (site,) = [*checkout.glob(".venv/lib/python*/site-packages"), *checkout.glob(".venv/Lib/site-packages")]
    return site


def install(site: Path, name: str) -> None:
    """As pip does: what has a record there passes for installed."""
    record = site / f"{name}.dist-info"
    if not record.exists():
        record.mkdir()
        package, _, version = name.partition("-")
        (record / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n")
        (record / "INSTALLER").write_text("pip\n")


def test_set_up_makes_an_environment_once_and_mends_it(tiny, capsys):
    checkout, steps = tiny
    venv = checkout / ".venv"
    (venv / "bin").mkdir(parents=True)  # what a kill during the creation of .venv leaves
    (venv / "bin" / "python").symlink_to("/nowhere/python")
    course = "the course and its other packages"

    environment.set_up(checkout)
    assert environment.usable(environment.venv_python(checkout))
    assert steps == ["llama-cpp-python", course, "model"]
    assert "does not work" in capsys.readouterr().out

    environment.set_up(checkout)
    assert capsys.readouterr().out == "Nothing to do: .venv is ready.\n"
    assert steps[3:] == []

    environment.set_up(checkout, extras=["dev"])
    environment.set_up(checkout)  # keeps the extra that is there
    assert steps[3:] == ["llama-cpp-python", course, "model"]
    assert capsys.readouterr().out.endswith("Nothing to do: .venv is ready.\n")

    record = site_packages(checkout) / "tiny_dependency-1.5.dist-info"
    (record / "INSTALLER").unlink()  # what a kill during pip leaves: it would pass for installed
    (venv / "two-bills.json").unlink()
    (site_packages(checkout) / "tiny_tester-3.0.dist-info").rename(
        site_packages(checkout) / "~iny_tester-3.0.dist-info"
    )
    environment.set_up(checkout, extras=["dev"])
    assert (record / "INSTALLER").is_file()
    assert not list(site_packages(checkout).glob("~*"))


def test_set_up_that_fails_is_not_taken_for_done(tiny, monkeypatch):
    checkout, _ = tiny

    def no_model(python, checkout):
        raise SetupError("only the model is missing")

    def make_venv(venv):
        python = environment.venv_python(checkout)
        python.parent.mkdir(parents=True)
        python.symlink_to(sys.executable)

    monkeypatch.setattr(environment, "_make_venv", make_venv)
    monkeypatch.setattr(environment, "_install_course", lambda python, checkout, extras: None)
    monkeypatch.setattr(environment, "_fetch_model", no_model)
    with pytest.raises(SetupError, match="model"):
        environment.set_up(checkout)
    assert not (checkout / ".venv" / "two-bills.json").exists()


def test_an_environment_that_has_the_packages_is_used_as_it_is(tiny, capsys):
    checkout, steps = tiny
    (checkout / "pyproject.toml").write_text(PYPROJECT.replace("tiny-dependency>=1,<2", "pytest>=1"))
    environment.set_up(checkout)
    assert steps == ["model"]
    assert not (checkout / ".venv").exists()
    assert "no .venv is made" in capsys.readouterr().out


def test_python_without_ensurepip_names_the_package_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr(environment.util, "find_spec", lambda name: None)
    with pytest.raises(SetupError, match=rf"apt install python3\.{sys.version_info.minor}-venv"):
        environment._make_venv(tmp_path / ".venv")


def test_a_missing_or_broken_interpreter_has_no_version(tmp_path):
    broken = tmp_path / "python"
    assert environment.python_version(broken) is None
    broken.write_text("no program")
    broken.chmod(0o755)
    assert environment.python_version(broken) is None
    assert environment.python_version(Path(sys.executable)) == ".".join(map(str, sys.version_info[:3]))


# python -m course


def test_an_old_python_is_told_which_one_is_needed():
    assert not command.too_old((3, 11))
    told = command.too_old((3, 9))
    assert "3.11" in told and "3.9" in told and "\n" not in told


def test_an_old_python_can_read_the_program_that_tells_it():
    ast.parse(Path(command.__file__).read_text(), feature_version=(3, 7))


@pytest.mark.parametrize(
    ("raised", "code", "told"),
    [
        (SetupError("no compiler"), "course setup: no compiler", ""),
        (OSError(28, "No space left on device"), "course setup: [Errno 28] No space left on device", ""),
        (KeyboardInterrupt(), 130, "it goes on where it stopped"),
    ],
)
def test_an_end_of_set_up_is_one_line(monkeypatch, capsys, raised, code, told):
    def set_up(checkout, extras):
        raise raised

    monkeypatch.setattr(environment, "set_up", set_up)
    monkeypatch.setattr("signal.signal", lambda *_: None)
    with pytest.raises(SystemExit) as ended:
        setup_command.set_up(dev=False)
    assert ended.value.code == code
    assert told in capsys.readouterr().err


def test_a_wrong_option_of_setup_shows_the_right_ones(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["course", "setup", "--deev"])
    with pytest.raises(SystemExit, match=r"usage: .*--dev"):
        command.main()


@pytest.fixture
def bare(tmp_path, monkeypatch):
    """A checkout whose packages this interpreter lacks."""
    (tmp_path / "pyproject.toml").write_text(PYPROJECT)
    monkeypatch.setattr(paths, "PACKAGE", tmp_path / "course")
    monkeypatch.setattr(sys, "argv", ["course", "lab", "1"])
    return tmp_path


def test_without_packages_a_command_goes_to_the_environment(bare, monkeypatch):
    python = environment.venv_python(bare)
    python.parent.mkdir(parents=True)
    python.touch()
    handed = []
    monkeypatch.setattr(os, "execv", lambda *call: handed.append(call))
    command._hand_over_if_needed()
    assert handed == [(python, [str(python), "-m", "course", "lab", "1"])]


def test_without_packages_and_environment_set_up_is_named(bare):
    with pytest.raises(SystemExit, match="python -m course setup"):
        command._hand_over_if_needed()
