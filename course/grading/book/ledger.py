"""The ledger: what was handed in, and every result of grading it. Nothing in it is ever changed or taken out.

    submissions/<sha256>.zip      what was handed in, stored before anything of it runs
    executed/<sha256>.ipynb.gz    executed notebooks, by the hash of what is packed
    results.jsonl                 a line for each result, on the disk before a mark is given
    torn.jsonl                    what graders that were killed had half written into results.jsonl
    lock                          says which process writes: one at a time

The order is that of the lines: clocks are set back, files are not. The last line about a student says what counts.
"""

import gzip
import hashlib
import json
import shutil
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import IO, Any

from course.build import Lab
from course.grading.book import durable_io
from course.grading.book.durable_io import DiskError
from course.grading.handin import files
from course.grading.handin.submissions import TIMESTAMP, Submission
from course.grading.result import TEST_FAILED, Result, Row, Ungradable

_EPOCH = (1980, 1, 1, 0, 0, 0)
# How the reasons begin that are the grader's, not the submission's.
FORMAT = 1  # of a line: it rises when older programs could not read a newer one
_OURS = ("the grader failed on it", "the worker that graded it died", TEST_FAILED)


@dataclass(frozen=True)
class Entry:
    """A result. `submission`, `tests` and `executed` are hashes, empty where there is nothing; times are UTC."""

    lab: str
    student: str
    submission: str
    tests: str  # what else the verdicts depend on
    handed_in: str  # as nbgrader's timestamp.txt says, where there is one
    date: str  # when it was written here
    row: dict[str, Any]
    executed: str = ""
    format: int = FORMAT

    @cached_property
    def graded(self) -> Row:
        """The row as it was graded, without the executed notebook."""
        return Row.from_json(self.row)

    @property
    def result(self) -> Result | None:
        """The verdicts, if there are any."""
        return self.graded.result

    @property
    def reason(self) -> str:
        """Why there are no verdicts; empty where there are."""
        return self.graded.reason

    @property
    def is_settled(self) -> bool:
        """Whether it need not be graded again: it is no accident of the grader's."""
        return not self.reason.startswith(_OURS)


@dataclass(frozen=True)
class Ledger:
    """A course's ledger. Anybody may read it; to write, be inside `writing()`. What fails is a DiskError."""

    course: Path

    @property
    def folder(self) -> Path:
        return self.course / "ledger"

    @property
    def results(self) -> Path:
        return self.folder / "results.jsonl"

    @contextmanager
    def writing(self) -> Iterator["Ledger"]:
        """Be the one who writes; what a killed one left half written is set aside."""
        with durable_io.lock(self.folder / "lock"):
            durable_io.set_aside_torn(self.results, self.folder / "torn.jsonl")
            yield self

    def entries(self, lab: Lab) -> list[Entry]:
        """All results of a lab, oldest first. Raises DiskError for a line that is none, but not for a torn last one."""
        try:
            lines = self.results.read_bytes().split(b"\n")[:-1]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise DiskError(f"{self.results} cannot be read: {durable_io.reason(error)}") from None
        found = []
        for number, line in enumerate(lines, start=1):
            try:
                read = json.loads(line)
                if read.get("format", 1) > FORMAT:
                    raise DiskError(f"{self.results}: line {number} is of a newer course: take that one")
                found.append(Entry(**read))
            except (ValueError, TypeError, AttributeError):
                raise DiskError(
                    f"{self.results}: line {number} is no result: move it into another file, and run it again"
                ) from None
        return [entry for entry in found if entry.lab == lab.key]

    def append(self, entry: Entry, notebook: str = "") -> Entry:
        """Add a result with today's date, and the executed notebook if there is one; then both are on the disk."""
        dated = replace(entry, date=datetime.now(UTC).isoformat(timespec="seconds"))
        if notebook:
            content = notebook.encode(errors="backslashreplace")  # half a character: an escape, as JSON has it
            dated = replace(dated, executed=hashlib.sha256(content).hexdigest())
            with durable_io.new(self.folder / "executed") as part:
                part.write(gzip.compress(content, mtime=0))
                durable_io.keep(part, self._executed(dated))
        line = json.dumps(asdict(dated), ensure_ascii=False)
        durable_io.append(self.results, line.encode(errors="backslashreplace"))
        return dated

    def executed(self, entry: Entry) -> str:
        """The executed notebook of a result."""
        path = self._executed(entry)
        try:
            content = gzip.decompress(path.read_bytes())
        except (OSError, EOFError, zlib.error) as error:
            raise DiskError(f"{path} cannot be read: {durable_io.reason(error)}") from None
        if hashlib.sha256(content).hexdigest() != entry.executed:
            raise DiskError(f"{path} has been changed: its content is not what its name says")
        return content.decode()

    def store(self, submission: Submission) -> str:
        """Keep what was handed in, and return its hash. Raises Ungradable if it cannot be read."""
        if submission.notebook is None:
            return ""
        inside = _inside(submission)
        with durable_io.new(self.folder / "submissions") as part:
            with zipfile.ZipFile(part, "w") as archive:  # not packed: that differs between machines
                for name, path in inside.items():
                    info = zipfile.ZipInfo(name, _EPOCH)
                    info.create_system, info.external_attr = 3, 0o644 << 16
                    with _source(path) as source, archive.open(info, "w") as target:
                        shutil.copyfileobj(source, target)
            size = part.tell()
            part.seek(0)
            key = hashlib.file_digest(part, "sha256").hexdigest()  # type: ignore[arg-type]
            known = self._stored(key)
            if not known.exists() or known.stat().st_size != size:
                durable_io.keep(part, known)
        return key

    def copy(self, submission: Submission, key: str, folder: Path) -> Submission:
        """The submission as it was stored, unpacked into `folder`: the original may change while it waits."""
        assert submission.notebook is not None
        try:
            with durable_io.reported(folder), zipfile.ZipFile(self._stored(key)) as archive:
                archive.extractall(folder)
        except zipfile.BadZipFile as error:
            raise DiskError(f"{self._stored(key)} is damaged ({error}): move it away, and run it again") from None
        beside = submission.files
        name = submission.notebook.relative_to(beside) if beside else submission.notebook.name
        return Submission(submission.student, folder / name, folder if beside else None)

    def _stored(self, key: str) -> Path:
        return self.folder / "submissions" / f"{key}.zip"

    def _executed(self, entry: Entry) -> Path:
        return self.folder / "executed" / f"{entry.executed}.ipynb.gz"


def _inside(submission: Submission) -> dict[str, Path]:
    """What was handed in, by its place in the zip."""
    assert submission.notebook is not None
    if submission.files is None:
        return {submission.notebook.name: submission.notebook}
    paths = files.below(submission.files, files.LIMITS)
    found = {path.relative_to(submission.files).as_posix(): path for path in paths}
    return {name: path for name, path in found.items() if name != TIMESTAMP}


def _source(path: Path) -> IO[bytes]:
    try:
        return open(path, "rb", opener=files.no_link)
    except OSError as error:
        raise Ungradable(f"{path.name} cannot be read ({error.strerror}): hand it in again") from None
