"""The folder in which one submission is graded, and who may see what of it.

files/    what was handed in, without notebooks, and the records: copied into the kernel's working directory
records/  the records alone: copied into the judge's
shared/   small files that a test hands to the submission: the judge writes, the kernel reads
s…/  p…/  per process: its sockets, and what its confinement needs
"""

import itertools
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from course import checking, models, paths
from course.grading import sandbox
from course.grading.kernels import sockets, warm
from course.measure import record


@dataclass
class Job:
    """A submission's place on this machine. `hidden` is what its kernel must not find: packages that hold an answer."""

    layers: tuple[str, ...]
    limits: sandbox.Limits = field(default_factory=sandbox.Limits)
    hidden: tuple[str, ...] = ()
    root: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="bills-", dir=sockets.folder())))
    _numbers: Any = field(default_factory=itertools.count)

    def __post_init__(self) -> None:
        self.root.chmod(0o711)
        for folder in (self.files, self.records, self.shared):
            _make(folder, 0o755)

    @property
    def files(self) -> Path:
        return self.root / "files"

    @property
    def records(self) -> Path:
        return self.root / "records"

    @property
    def shared(self) -> Path:
        return self.root / "shared"

    def share_records(self) -> None:
        """Give the judge the records that lie among the files."""
        if (records := self.files / record.FILE).is_file():
            shutil.copy(records, self.records)

    def sockets(self) -> Path:
        """A new folder for a kernel's sockets, and what it reads about them."""
        folder = self.root / f"s{next(self._numbers)}"
        _make(folder, 0o755)
        return folder

    def kernel_policy(self, sockets: Path) -> sandbox.Policy:
        """What the submission's own process may see."""
        return self._policy(self.files, readable=(self.shared, sockets), hidden=self.hidden)

    def judge_policy(self) -> sandbox.Policy:
        """What the process that runs the tests may see."""
        policy = self._policy(self.records, shared=(self.shared,))
        return replace(policy, limits=replace(self.limits, file=checking.LONGEST_STAGED))

    def environment(self, policy: sandbox.Policy) -> dict[str, str]:
        """The environment variables of a confined process: none of the grader's own."""
        home = policy.workplace
        return {
            **warm.PLACE,
            "PATH": f"{sys.prefix}/bin:/usr/bin:/bin",
            "PYTHONPATH": str(paths.PACKAGE.parent),
            "HOME": home,
            "IPYTHONDIR": f"{policy.temporary}/.ipython",  # no file of theirs runs before the first cell
            "MPLCONFIGDIR": f"{policy.temporary}/matplotlib",
            "MPLBACKEND": warm.BACKEND,
            "TMPDIR": policy.temporary,
            **({"TWO_BILLS_CACHE": str(found[0].parent)} if (found := _models()) else {}),
            checking.STAGING: str(self.shared),
            "NBGRADER_EXECUTION": "autograde",
            "HF_HUB_OFFLINE": "1",
            "TOKENIZERS_PARALLELISM": "false",
            **warm.threads(),
        }

    def close(self) -> None:
        """Remove it all."""
        shutil.rmtree(self.root, ignore_errors=True)

    def _policy(
        self, files: Path, *, shared: Sequence[Path] = (), readable: Sequence[Path] = (), hidden: tuple[str, ...] = ()
    ) -> sandbox.Policy:
        place = self.root / f"p{next(self._numbers)}"
        _make(place, 0o755)
        return sandbox.Policy(
            job=str(place),
            files=str(files),
            shared=tuple(map(str, shared)),
            readable=(*sandbox.runtime(), str(paths.datasets()), *map(str, (*_models(), *readable))),
            hidden=hidden,
            layers=self.layers,
            limits=self.limits,
        )


def _make(folder: Path, mode: int) -> None:
    """Make a folder with these rights, whatever the grader's umask is."""
    folder.mkdir()
    folder.chmod(mode)


def _models() -> tuple[Path, ...]:
    """The folder of the models; none for a user who cannot have one: a lab that needs a model says so."""
    try:
        return (models.folder(),)
    except (models.ModelError, OSError):
        return ()
