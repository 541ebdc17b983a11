"""llama.cpp's own programs (llama-perplexity, llama-quantize, llama-bench, llama-server): no Python package has them.

They are compiled once from the source that llama-cpp-python of this version carries, with the flags of its wheel here,
and kept beside the wheel. It takes minutes, a C++ compiler and CMake.
"""

import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from benchmarks.cost import Failed
from course import paths
from course.setting_up import step, wheel

PROGRAMS = ("llama-perplexity", "llama-quantize", "llama-bench", "llama-server")
_SOURCE = f"llama_cpp_python-{wheel.LLAMA_CPP_PYTHON}"
# As the wheel is built, but with the part that only the programs use.
_INCLUDE = wheel.CMAKE_INCLUDE.replace("set(LLAMA_BUILD_COMMON OFF)", "set(LLAMA_BUILD_COMMON ON)")
_OPTIONS = (
    *("-DCMAKE_BUILD_TYPE=Release", "-DBUILD_SHARED_LIBS=ON", "-DLLAMA_BUILD_TOOLS=ON", "-DLLAMA_BUILD_SERVER=ON"),
    *("-DLLAMA_BUILD_TESTS=OFF", "-DLLAMA_BUILD_EXAMPLES=OFF", "-DLLAMA_CURL=OFF", "-DLLAMA_OPENSSL=OFF"),
    *("-DCMAKE_BUILD_WITH_INSTALL_RPATH=ON", "-DCMAKE_INSTALL_RPATH=$ORIGIN"),  # the folder moves
)


def folder() -> Path:
    """Where the programs are; built if they are not there yet. Raises Failed."""
    kept = paths.cache_folder() / "tools" / f"{wheel.LLAMA_CPP_PYTHON}-{wheel.cpu_key()}"
    kept.mkdir(parents=True, exist_ok=True)
    with step.alone(kept, waiting="  another benchmark is compiling llama.cpp's programs: waiting for it"):
        if not all((kept / "bin" / program).is_file() for program in PROGRAMS):
            with tempfile.TemporaryDirectory(dir=kept, prefix="building-") as building:
                built = _build(Path(building))
                shutil.rmtree(kept / "bin", ignore_errors=True)  # what an older version of this file has built
                built.replace(kept / "bin")
    return kept / "bin"


def _build(place: Path) -> Path:
    """Compile in `place`; the folder with programs and libraries."""
    if not wheel.compiler_found():
        raise Failed(f"no C and C++ compiler for llama.cpp's programs: {wheel.COMPILER_REMEDY}")
    cmake = shutil.which("cmake")
    if not cmake:
        raise Failed("no CMake for llama.cpp's programs: pip install cmake ninja, or your system's cmake package")
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", "llama-cpp-python"]
    _run([*pip, "--dest", str(place), f"llama-cpp-python=={wheel.LLAMA_CPP_PYTHON}"])
    with tarfile.open(place / f"{_SOURCE}.tar.gz") as packed:
        packed.extractall(place, filter="data")
    include = place / "without_amx.cmake"
    include.write_text(_INCLUDE)
    source, built = place / _SOURCE / "vendor" / "llama.cpp", place / "built"
    generator = ["-G", "Ninja"] if shutil.which("ninja") else []
    hook = f"-DCMAKE_PROJECT_llama.cpp_INCLUDE={include.as_posix()}"
    _run([cmake, "-S", str(source), "-B", str(built), *generator, *_OPTIONS, hook])
    _run([cmake, "--build", str(built), "--parallel", str(os.cpu_count()), "--target", *PROGRAMS])
    return built / "bin"


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, errors="replace")
    if done.returncode:
        raise Failed(
            f"{' '.join(command)} ended with exit code {done.returncode}: {(done.stderr or done.stdout)[-2000:]}"
        )


if __name__ == "__main__":
    print(folder())
