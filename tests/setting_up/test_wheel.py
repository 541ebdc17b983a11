"""llama-cpp-python's wheel: which machines share one, and what is kept of an interrupted build."""

import sys
import zipfile
from pathlib import Path

import pytest

from course.setting_up import step, wheel
from course.setting_up.step import SetupError

X86 = "processor : 0\nflags\t\t: fpu avx2 avx512f\nbugs : spectre\n"
ARM = "processor : 0\nFeatures\t: fp asimd sve\n"
NAME = "llama_cpp_python-0.0-py3-none-any.whl"


def write_wheel(file: Path) -> Path:
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("llama_cpp/__init__.py", "version = 0\n" * 1000)
    return file


@pytest.mark.parametrize(("cpuinfo", "features"), [(X86, "avx2 avx512f fpu"), (ARM, "asimd fp sve")])
def test_the_cpu_s_features_are_read_and_sorted(tmp_path, cpuinfo, features):
    file = tmp_path / "cpuinfo"
    file.write_text(cpuinfo)
    assert wheel.cpu_features(file) == features


def test_machines_share_a_key_only_with_the_same_features(monkeypatch):
    keys = set()
    for features in ("avx2", "avx2", "avx2 avx512f"):
        monkeypatch.setattr(wheel, "cpu_features", lambda told=features: told)
        keys.add(wheel.cpu_key())
    assert len(keys) == 2


def test_a_whole_wheel_is_kept(tmp_path):
    whole = write_wheel(tmp_path / NAME)
    assert wheel.kept(tmp_path) == whole


def test_what_an_interrupted_build_left_goes(tmp_path):
    half = write_wheel(tmp_path / NAME)
    half.write_bytes(half.read_bytes()[:100])
    (tmp_path / "building-abc").mkdir()
    (tmp_path / "building-abc" / "without_common.cmake").touch()
    (tmp_path / "build.log").touch()
    assert wheel.kept(tmp_path) is None
    assert [path.name for path in tmp_path.iterdir()] == ["build.log"]


def test_a_wheel_is_compiled_once(tmp_path, monkeypatch):
    builds = []

    def build(title, expected, command, *, log, env):
        include = Path(env["CMAKE_ARGS"].rpartition("INCLUDE=")[2].strip("'"))
        assert include.read_text() == wheel.CMAKE_INCLUDE
        assert f"llama-cpp-python=={wheel.LLAMA_CPP_PYTHON}" in command
        write_wheel(Path(command[command.index("--wheel-dir") + 1]) / NAME)
        builds.append(log)

    monkeypatch.setenv("TWO_BILLS_CACHE", str(tmp_path / "with a space"))
    monkeypatch.setattr(wheel, "compiler_found", lambda: True)
    monkeypatch.setattr(step, "run", build)
    first = wheel.fetch(Path(sys.executable))
    assert first == wheel.fetch(Path(sys.executable))
    assert first.is_file() and len(builds) == 1
    assert [path.name for path in first.parent.iterdir()] == [NAME]


def test_a_failed_build_leaves_no_wheel(tmp_path, monkeypatch):
    def fail(title, expected, command, *, log, env):
        (Path(command[command.index("--wheel-dir") + 1]) / NAME).write_bytes(b"half")
        raise SetupError("it failed")

    monkeypatch.setenv("TWO_BILLS_CACHE", str(tmp_path))
    monkeypatch.setattr(wheel, "compiler_found", lambda: True)
    monkeypatch.setattr(step, "run", fail)
    with pytest.raises(SetupError):
        wheel.fetch(Path(sys.executable))
    assert not list(tmp_path.rglob("*.whl"))


def test_without_a_compiler_one_line_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setenv("TWO_BILLS_CACHE", str(tmp_path))
    monkeypatch.setattr(wheel, "compiler_found", lambda: False)
    with pytest.raises(SetupError) as told:
        wheel.fetch(Path(sys.executable))
    message = str(told.value)
    assert all(way in message for way in ("apt install", "dnf install", "xcode-select", "environment.yml"))
    assert "\n" not in message


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="these find their compilers in their own ways")
@pytest.mark.parametrize(
    ("there", "found"),
    [(("cc", "c++"), True), (("clang", "clang++"), True), (("gcc",), False), (("g++",), False), ((), False)],
)
def test_both_compilers_are_needed(monkeypatch, there, found):
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.delenv("CXX", raising=False)
    assert wheel.compiler_found(lambda name: name if name in there else None) is found
