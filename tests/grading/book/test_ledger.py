"""The ledger alone: what was handed in and each result are kept whole, in order, by one writer, whatever breaks."""

import hashlib
import json
import os
import resource
import signal
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from course import paths
from course.build import Lab
from course.grading.book import durable_io as disk
from course.grading.book import ledger
from course.grading.book.durable_io import DiskError
from course.grading.book.ledger import Entry, Ledger
from course.grading.handin.submissions import Submission
from course.grading.result import Exercise, Result, Row, Ungradable
from tests import ordinary_user

LAB = Lab("lab01_stack", Path("nowhere"))


def entry(student: str = "ada", submission: str = "a" * 64, **more: Any) -> Entry:
    result = Result("lab01", [Exercise("1.1", 2, 2, "pass"), Exercise("1.2", 0, 1, "fail", "1.2/x", "“no”")], 0.25)
    row = Row(student, result).to_json()
    return Entry(**{"lab": "lab01", "student": student, "submission": submission, "tests": "t", "handed_in": "",
                    "date": "", "row": row, **more})  # fmt: skip


@pytest.fixture
def book(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "course")


def hand_in(folder: Path, content: bytes = b"{}", **others: bytes) -> Submission:
    folder.mkdir(parents=True, exist_ok=True)
    for name, inside in {"mine.ipynb": content, **others}.items():
        (folder / name).write_bytes(inside)
    return Submission("ada", folder / "mine.ipynb", folder)


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_result_is_read_as_it_was_written(book: Ledger) -> None:
    with book.writing():
        first = book.append(entry("Bée Müller"), "notebook")
        book.append(replace(entry(), lab="lab02"))
        book.append(replace(entry("zed"), row=Row("zed", reason="no notebook").to_json()))
    read, refused = book.entries(LAB)
    assert read == first
    assert (read.result, read.reason) == (Result(**{**vars(first.result), "seconds": 0.25}), "")
    assert book.executed(read) == "notebook"
    assert (refused.result, refused.reason, refused.executed) == (None, "no notebook", "")


def test_the_order_is_that_of_the_lines_though_the_clock_is_set_back(
    book: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Clock:
        years = iter((2030, 2020, 1999))

        @classmethod
        def now(cls, zone: Any) -> datetime:
            return datetime(next(cls.years), 1, 1, tzinfo=UTC)

    monkeypatch.setattr(ledger, "datetime", Clock)
    with book.writing():
        for submission in "abc":
            book.append(entry(submission=submission))
    assert [(e.submission, e.date[:4]) for e in book.entries(LAB)] == [("a", "2030"), ("b", "2020"), ("c", "1999")]


def test_an_accident_of_the_graders_settles_nothing() -> None:
    accidents = "the grader failed on it (NoFork: no)", "the worker that graded it died, 3 times"
    rows = [Row("ada", reason=reason).to_json() for reason in (*accidents, "mine.ipynb is empty: start anew")]
    assert [entry(row=row).is_settled for row in rows] == [False, False, True]
    assert entry().is_settled


@pytest.mark.parametrize("torn", [b'{"lab": "lab01", "stu', b"\0\0\0\0", b"\xff"])
def test_a_torn_line_is_passed_over_and_kept_aside(book: Ledger, torn: bytes) -> None:
    with book.writing():
        first = book.append(entry())
    with book.results.open("ab") as file:
        file.write(torn)
    assert book.entries(LAB) == [first]
    assert book.results.read_bytes().endswith(torn)  # who only reads changes nothing
    with book.writing():
        second = book.append(entry("zed"))
    assert book.entries(LAB) == [first, second]
    assert (book.folder / "torn.jsonl").read_bytes() == torn + b"\n"


@pytest.mark.parametrize("line", [b"not JSON", b"[]", b"{}", b'{"lab": "lab01"}', b"\xff", b""])
def test_another_line_that_is_no_result_is_told_with_its_number(book: Ledger, line: bytes) -> None:
    with book.writing():
        book.append(entry())
    with book.results.open("ab") as file:
        file.write(line + b"\n")
    before = files_of(book.folder)
    with pytest.raises(DiskError, match=r"results\.jsonl: line 2 is no result: move it") as told:
        book.entries(LAB)
    assert len(str(told.value).splitlines()) == 1
    assert files_of(book.folder) == before


def test_a_line_of_a_newer_course_is_told_as_one(book: Ledger) -> None:
    with book.writing():
        book.append(entry())
    line = json.loads(book.results.read_text())
    assert line.pop("format") == 1
    book.results.write_text(json.dumps(line) + "\n")
    assert [known.student for known in book.entries(LAB)] == ["ada"]  # the lines of before had no format
    book.results.write_text(json.dumps(line | {"format": 2, "more": 1}) + "\n")
    with pytest.raises(DiskError, match=r"results\.jsonl: line 1 is of a newer course"):
        book.entries(LAB)


def test_a_submission_is_stored_under_the_hash_of_its_zip_whatever_its_dates(book: Ledger, tmp_path: Path) -> None:
    submission = hand_in(tmp_path / "one", **{"data.csv": b"1,2", "timestamp.txt": b"2026-01-01 10:00:00 UTC"})
    other = hand_in(tmp_path / "two", **{"data.csv": b"1,2", "timestamp.txt": b"2027-01-01 10:00:00 UTC"})
    os.utime(other.files / "data.csv", (1, 1))  # type: ignore[operator]
    with book.writing():
        key = book.store(submission)
        assert book.store(other) == key  # handed in at another time, it is the same
        assert book.store(hand_in(tmp_path / "three", **{"data.csv": b"1,3"})) != key
        assert book.store(Submission("ada", submission.notebook, None)) != key
        assert book.store(Submission("ada", None, None, "no notebook")) == ""
    stored = book.folder / "submissions" / f"{key}.zip"
    assert hashlib.sha256(stored.read_bytes()).hexdigest() == key
    assert len(list(stored.parent.iterdir())) == 3


def test_what_is_graded_is_what_was_stored(book: Ledger, tmp_path: Path) -> None:
    submission = hand_in(tmp_path / "one", b"first", **{"data.csv": b"1,2"})
    with book.writing():
        key = book.store(submission)
    hand_in(tmp_path / "one", b"second", **{"data.csv": b"3,4"})
    copy = book.copy(submission, key, tmp_path / "copy")
    assert copy == Submission("ada", tmp_path / "copy" / "mine.ipynb", tmp_path / "copy")
    assert files_of(tmp_path / "copy") == {"mine.ipynb": b"first", "data.csv": b"1,2"}
    alone = Submission("ada", tmp_path / "one" / "mine.ipynb", None)
    with book.writing():
        key = book.store(alone)
    assert book.copy(alone, key, tmp_path / "alone") == Submission("ada", tmp_path / "alone" / "mine.ipynb", None)


def test_a_damaged_zip_is_told_and_one_cut_off_is_made_good(book: Ledger, tmp_path: Path) -> None:
    submission = hand_in(tmp_path / "one")
    with book.writing():
        key = book.store(submission)
        stored = book.folder / "submissions" / f"{key}.zip"
        whole = stored.read_bytes()
        stored.write_bytes(whole[:50])
        with pytest.raises(DiskError, match="is damaged"):
            book.copy(submission, key, tmp_path / "copy")
        assert book.store(submission) == key
    assert stored.read_bytes() == whole


def test_a_file_that_cannot_be_read_is_its_students_fault_alone(book: Ledger, tmp_path: Path) -> None:
    submission = hand_in(tmp_path / "one")
    with book.writing(), pytest.raises(Ungradable, match=r"gone\.ipynb cannot be read"):
        book.store(Submission("ada", tmp_path / "one" / "gone.ipynb", None))
    (tmp_path / "one" / "link").symlink_to("/etc/passwd")
    with book.writing(), pytest.raises(Ungradable, match="is a link"):
        book.store(submission)
    assert not list((book.folder / "submissions").iterdir())


def test_an_executed_notebook_that_is_gone_or_changed_is_told(book: Ledger) -> None:
    with book.writing():
        first, second = book.append(entry(), "one"), book.append(entry(), "two")
    one, two = (book.folder / "executed" / f"{e.executed}.ipynb.gz" for e in (first, second))
    one.write_bytes(two.read_bytes())
    with pytest.raises(DiskError, match="has been changed"):
        book.executed(first)
    one.write_bytes(two.read_bytes()[:-4])
    with pytest.raises(DiskError, match="cannot be read"):
        book.executed(first)
    one.unlink()
    with pytest.raises(DiskError, match="No such file"):
        book.executed(first)
    assert book.executed(second) == "two"


def test_half_a_character_in_a_message_is_kept(book: Ledger) -> None:
    half = entry(row=Row("ada", reason="\ud83d and\u2028the rest").to_json())
    with book.writing():
        book.append(half, '{"text": "\ud83d"}')
    (read,) = book.entries(LAB)
    assert read.reason == half.reason
    assert book.executed(read) == r'{"text": "\ud83d"}'


def test_there_is_one_writer_and_the_second_is_told_who_it_is(book: Ledger) -> None:
    with book.writing():
        refused = pytest.raises(DiskError, match=rf"is being written by process {os.getpid()} on \S+: let it end")
        with refused as told, Ledger(book.course).writing():
            pass
        book.append(entry())
    assert len(str(told.value).splitlines()) == 1
    with book.writing():
        book.append(entry())


def test_a_killed_writer_holds_nothing(book: Ledger) -> None:
    program = (
        "import sys, time; from pathlib import Path; from course.grading.book.ledger import Ledger\n"
        f"with Ledger(Path({str(book.course)!r})).writing(): print('here', flush=True); time.sleep(60)"
    )
    holder = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, cwd=paths.PACKAGE.parent)
    try:
        assert holder.stdout and holder.stdout.readline() == b"here\n"
        with pytest.raises(DiskError, match=f"process {holder.pid} "), book.writing():
            pass
    finally:
        holder.send_signal(signal.SIGKILL)
        holder.communicate()
    with book.writing():
        book.append(entry())


def test_a_disk_that_fills_up_leaves_no_half_line_and_no_half_file(
    book: Ledger, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    request.addfinalizer(lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard)))
    with book.writing():
        key, large = book.store(hand_in(tmp_path / "one")), hand_in(tmp_path / "two", b" " * 2000)
        book.append(entry(submission=key))
        before = files_of(book.folder)
        room = len(before["results.jsonl"]) + 100  # less than a line: the system writes a part of it
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
        with pytest.raises(DiskError, match=r"results\.jsonl cannot be written \(File too large\): nothing is lost"):
            book.append(entry(submission=key))
        with pytest.raises(DiskError, match="submissions cannot be written"):
            book.store(large)
        assert files_of(book.folder) == before
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        book.append(entry(submission=key))
    assert len(book.entries(LAB)) == 2


def test_a_folder_that_may_only_be_read_is_told(tmp_path: Path) -> None:
    closed = tmp_path / "course"
    closed.mkdir()
    for folder in (closed, *list(closed.parents)[:3]):
        folder.chmod(0o555 if folder == closed else 0o755)
    program = (
        "from pathlib import Path\nfrom course.grading.book.ledger import DiskError, Ledger\n"
        f"try:\n  with Ledger(Path({str(closed)!r})).writing(): pass\nexcept DiskError as error: print(error)"
    )
    ran = ordinary_user.run(program)
    assert ran.stdout.strip() == (
        f"{closed / 'ledger' / 'lock'} cannot be written (Permission denied): "
        "nothing is lost; mend that, and run it again"
    ), ran.stderr
    assert list(closed.iterdir()) == []


def test_a_part_that_a_killed_writer_left_is_no_harm(book: Ledger, tmp_path: Path) -> None:
    (book.folder / "submissions").mkdir(parents=True)
    (book.folder / "submissions" / ".part").write_bytes(b"x" * 100_000)
    with book.writing():
        key = book.store(hand_in(tmp_path / "one"))
    assert [path.name for path in (book.folder / "submissions").iterdir()] == [f"{key}.zip"]


def test_a_line_is_on_the_disk_before_append_returns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[tuple[int, int]] = []
    real = os.fsync

    def fsync(descriptor: int) -> None:
        status = os.fstat(descriptor)
        synced.append((status.st_ino, status.st_size))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    disk.append(tmp_path / "lines", b"one")
    assert synced == [((tmp_path / "lines").stat().st_ino, 4), (tmp_path.stat().st_ino, tmp_path.stat().st_size)]
