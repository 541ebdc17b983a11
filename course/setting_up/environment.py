"""The set-up: an environment with what the course needs, made in the checkout. Standard library only.

It runs before anything is installed, and again after whatever an interrupted run left behind.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from importlib import util
from pathlib import Path

from course import paths
from course.setting_up import step, wheel
from course.setting_up.requirements import lacking, packages, satisfies, versions_in
from course.setting_up.step import SetupError

TORCH = "torch==2.13.0"
TORCH_CPU_INDEX = "https://download.pytorch.org/whl/cpu"  # elsewhere, builds for Linux bring gigabytes of CUDA along
OLDEST_PYTHON = ">=3.11"


@dataclass(frozen=True)
class Stamp:
    """What a finished set-up was made for: another one for the same has nothing to do."""

    python: str | None
    asked: str
    extras: tuple[str, ...]


def set_up(checkout: Path, *, extras: Iterable[str] = ()) -> None:
    """Make this interpreter, where it has the course's packages, or else `checkout`'s .venv ready for the course.

    Prints a line per step. Raises SetupError with one line that names the way out; run again, it goes on from there.
    """
    with step.alone(checkout, waiting="Another set-up is at work in this checkout: waiting for it"):
        if in_venv(checkout) or lacking(packages(checkout)):
            _set_up_venv(checkout, set(extras))
        else:
            print(f"{sys.prefix} has what the course needs: no .venv is made.")
            if lacking(packages(checkout, extras)):
                _install_course(Path(sys.executable), checkout, extras)
            _fetch_model(Path(sys.executable), checkout)


def in_venv(checkout: Path) -> bool:
    """Whether this interpreter is the one of `checkout`'s .venv."""
    return Path(sys.prefix).resolve() == (checkout / ".venv").resolve()


def venv_python(checkout: Path) -> Path:
    """The interpreter of `checkout`'s .venv, there or not."""
    return checkout / ".venv" / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


def python_version(python: Path) -> str | None:
    """The version of an interpreter, or None where it is missing or does not start."""
    program = "import platform; print(platform.python_version())"
    try:
        return subprocess.check_output(
            [str(python), "-I", "-S", "-c", program], stderr=subprocess.DEVNULL, text=True, timeout=60
        ).strip()
    except (OSError, subprocess.SubprocessError):
        return None


def usable(python: Path) -> bool:
    """Whether an environment can be built on: its interpreter starts, is new enough, and has a pip that starts."""
    version = python_version(python)
    if version is None or not satisfies(version, OLDEST_PYTHON):
        return False
    return subprocess.run([str(python), "-m", "pip", "--version"], capture_output=True).returncode == 0


def stamp(checkout: Path, python: str | None, extras: Iterable[str]) -> Stamp:
    """The stamp of a set-up of `checkout` as it is now, for the version `python`."""
    asked = hashlib.sha256((checkout / "pyproject.toml").read_bytes())
    asked.update(f"{TORCH} {wheel.LLAMA_CPP_PYTHON}".encode())
    return Stamp(python, asked.hexdigest(), tuple(sorted(extras)))


def read_stamp(file: Path) -> Stamp | None:
    """The stamp in `file`; None where there is none, or half of one."""
    try:
        told = json.loads(file.read_text("utf-8"))
        return Stamp(told["python"], told["asked"], tuple(told["extras"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def sweep(venv: Path) -> None:
    """Drop the records of half-installed packages, so that pip installs them again instead of taking them for whole.

    pip writes INSTALLER when all of a package's files are there, and renames what it is replacing to ~name.
    """
    for site in [*venv.glob("lib/python*/site-packages"), *venv.glob("Lib/site-packages")]:
        halves = [record for record in site.glob("*.dist-info") if not (record / "INSTALLER").is_file()]
        for path in [*halves, *site.glob("~*")]:
            shutil.rmtree(path, ignore_errors=True)


def torch_arguments(*, cpu_index: bool) -> list[str]:
    """What pip is told for PyTorch's CPU build, with PyTorch's own index or without."""
    return [TORCH, "--index-url", TORCH_CPU_INDEX] if cpu_index else [TORCH]


def reachable(url: str) -> bool:
    """Whether `url` answers within a few seconds."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=5):
            return True
    except OSError:
        return False


def _set_up_venv(checkout: Path, extras: set[str]) -> None:
    venv, python = checkout / ".venv", venv_python(checkout)
    file = venv / "two-bills.json"
    if stamped := read_stamp(file):
        extras |= set(stamped.extras)
        current = stamp(checkout, python_version(python), extras)
        if stamped == current and not lacking(packages(checkout, extras, python=python)):
            print("Nothing to do: .venv is ready.")
            return
    print("Setting up the course in .venv: 5 to 10 minutes the first time; what is there already is kept.")
    file.unlink(missing_ok=True)
    if not usable(python):
        _make_venv(venv)
    sweep(venv)
    if "torch" in lacking(packages(checkout, python=python)):
        cpu_index = sys.platform == "linux" and reachable(f"{TORCH_CPU_INDEX}/torch/")
        _pip(python, *torch_arguments(cpu_index=cpu_index), title="PyTorch", expected="about a minute")
    if versions_in(python, ["llama-cpp-python"]).get("llama-cpp-python") != wheel.LLAMA_CPP_PYTHON:
        _pip(python, str(wheel.fetch(python)), title="llama-cpp-python", expected="a few seconds")
    _install_course(python, checkout, extras)
    _fetch_model(python, checkout)
    file.write_text(json.dumps(asdict(stamp(checkout, python_version(python), extras))))
    print("The course is ready. Next: make lab (or: python -m course lab)")


def _make_venv(venv: Path) -> None:
    if util.find_spec("ensurepip") is None:  # Debian and Ubuntu package it apart
        package = f"python3.{sys.version_info.minor}-venv"
        raise SetupError(
            f"this Python cannot make environments yet; install the missing part: sudo apt install {package}"
        )
    if venv.exists():
        print("  the .venv that is here does not work: made anew")
        shutil.rmtree(venv)
    command = [getattr(sys, "_base_executable", sys.executable), "-m", "venv", str(venv)]
    step.run("virtual environment", "a few seconds", command, log=_log("venv"))


def _install_course(python: Path, checkout: Path, extras: Iterable[str]) -> None:
    """The course itself, editable, and what it still lacks; what is there within bounds stays as it is."""
    named = ",".join(sorted(extras))
    project = f"{checkout}[{named}]" if named else str(checkout)
    _pip(python, "--editable", project, title="the course and its other packages", expected="1 to 2 minutes")


def _fetch_model(python: Path, checkout: Path) -> None:
    if subprocess.run([str(python), "-m", "course", "model", "fetch"], cwd=checkout).returncode:
        raise SetupError("only the model is missing, see above; run it again: it goes on there")


def _pip(python: Path, *arguments: str, title: str, expected: str) -> None:
    step.run(title, expected, [str(python), "-m", "pip", "install", *arguments], log=_log(title))


def _log(title: str) -> Path:
    return paths.cache_folder() / "logs" / f"{title.replace(' ', '-')}.log"
