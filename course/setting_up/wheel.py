"""llama-cpp-python's wheel: compiled once for this CPU, then kept for every later set-up. Standard library only."""

from __future__ import annotations

import hashlib
import os
import platform
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

from course import paths
from course.setting_up import step

LLAMA_CPP_PYTHON = "0.3.36"
# The course uses neither the image models (LLAVA) nor llama.cpp's own tools, whose shared part (llama-common) the
# package's CMakeLists.txt forces on: 83 files to compile instead of 193. AMX, the matrix unit of Intel's servers, is
# left out: with it this version dies in the first quantized product (ggml_backend_amx_mul_mat).
CMAKE_INCLUDE = """\
set(LLAMA_BUILD_COMMON OFF)
include(CheckCXXCompilerFlag)
check_cxx_compiler_flag(-mno-amx-tile COMPILER_KNOWS_AMX)
if(COMPILER_KNOWS_AMX)
  add_compile_options(-mno-amx-tile -mno-amx-int8 -mno-amx-bf16)
endif()
"""
COMPILER_REMEDY = (
    "install a C++ compiler (Debian, Ubuntu: sudo apt install g++; Fedora: sudo dnf install gcc-c++; "
    "macOS: xcode-select --install), or take the environment that needs none: conda env create -f environment.yml"
)


def fetch(python: Path) -> Path:
    """The wheel for this machine, from the cache or else compiled with `python`'s pip.

    Raises SetupError if there is no compiler or the build fails.
    """
    folder = paths.cache_folder() / "wheels" / f"{LLAMA_CPP_PYTHON}-{cpu_key()}"
    folder.mkdir(parents=True, exist_ok=True)
    with step.alone(folder, waiting="  another set-up is compiling llama-cpp-python: waiting for it"):
        return kept(folder) or _compile(python, folder)


def kept(folder: Path) -> Path | None:
    """The whole wheel in `folder`, or None; anything else there is what an interrupted build left, and goes."""
    for leftover in folder.iterdir():
        if leftover.suffix == ".whl" and _whole(leftover):
            return leftover
        if leftover.is_dir():
            shutil.rmtree(leftover)
        elif leftover.suffix == ".whl":
            leftover.unlink()
    return None


def cpu_key() -> str:
    """Names who can share a build for the CPU at hand (-march=native): platform, CPU features, the same recipe."""
    features = " ".join([cpu_features(), *platform.libc_ver(), CMAKE_INCLUDE])
    return f"{sysconfig.get_platform()}-{hashlib.sha256(features.encode()).hexdigest()[:12]}"


def cpu_features(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """The CPU's feature flags as one sorted string; where the system does not list them, the CPU's name."""
    if cpuinfo.is_file():
        for line in cpuinfo.read_text().splitlines():
            name, _, flags = line.partition(":")
            if name.strip() in ("flags", "Features"):  # x86, ARM
                return " ".join(sorted(flags.split()))
    if sys.platform == "darwin":
        return subprocess.check_output(["sysctl", "-n", "machdep.cpu.brand_string"], text=True).strip()
    return platform.processor()


def compiler_found(which: Callable[[str], str | None] = shutil.which) -> bool:
    """Whether CMake will find a C and a C++ compiler (it brings itself and ninja along by pip)."""
    if sys.platform == "win32":
        studio = Path(os.environ.get("PROGRAMFILES(X86)", "")) / "Microsoft Visual Studio"
        return which("cl") is not None or studio.is_dir()
    if sys.platform == "darwin":  # /usr/bin/cc is there without the tools, and then only offers to install them
        return subprocess.run(["xcode-select", "-p"], capture_output=True).returncode == 0
    c, cxx = ("CC", "cc", "gcc", "clang"), ("CXX", "c++", "g++", "clang++")
    return all(os.environ.get(names[0]) or any(map(which, names[1:])) for names in (c, cxx))


def _compile(python: Path, folder: Path) -> Path:
    if not compiler_found():
        raise step.SetupError(f"no C and C++ compiler for llama-cpp-python: {COMPILER_REMEDY}")
    with tempfile.TemporaryDirectory(dir=folder, prefix="building-") as building:
        include = Path(building, "without_common.cmake")
        include.write_text(CMAKE_INCLUDE)
        options = ["-DLLAVA_BUILD=OFF", f"-DCMAKE_PROJECT_llama.cpp_INCLUDE={include.as_posix()}"]
        step.run(
            "llama-cpp-python, compiled",
            "2 to 5 minutes, only this once",
            [
                *(str(python), "-m", "pip", "wheel", "--verbose", "--no-deps", "--no-cache-dir"),
                *("--no-binary", "llama-cpp-python", "--wheel-dir", building, f"llama-cpp-python=={LLAMA_CPP_PYTHON}"),
            ],
            log=folder / "build.log",
            env={"CMAKE_ARGS": shlex.join(options), "CMAKE_BUILD_PARALLEL_LEVEL": str(os.cpu_count())},
        )
        (built,) = Path(building).glob("*.whl")
        return built.replace(folder / built.name)


def _whole(wheel: Path) -> bool:
    try:
        with zipfile.ZipFile(wheel) as archive:
            return archive.testzip() is None
    except (zipfile.BadZipFile, OSError):
        return False
