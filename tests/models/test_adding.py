"""Models that a user adds: from a file, from a folder saved by transformers, and from a hub on this machine."""

import json
import os
import shutil
import subprocess
import sys
from collections import namedtuple
from pathlib import Path

import pytest
from typer.testing import CliRunner

from course import models
from course.cli import app
from course.llama import generate, tensors
from course.models import ModelError, added, store
from tests.llama import tiny_models
from tests.models.loopback_hub import Hub

USAGE = namedtuple("USAGE", "total used free")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache: the folder of its models."""
    monkeypatch.setenv("TWO_BILLS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "models"


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tiny_models.save(tmp_path_factory.mktemp("saved") / "tiny-mistral", "Mistral")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return Path(shutil.copy(models.path("two-bills-code"), tmp_path / "mine.gguf"))


def contents(cache: Path) -> list[str]:
    return sorted(str(one.relative_to(cache)) for one in cache.rglob("*") if one.is_file())


def test_a_gguf_file_is_kept_under_its_own_name_with_a_record(file, cache):
    kept = models.add(str(file))
    assert kept == cache / "added" / "mine.gguf" == models.located("mine")
    assert kept.read_bytes() == file.read_bytes()
    record = added.find("mine")
    assert (record.origin, record.revision, record.converted_to) == (str(file), None, None)
    assert record.sources == {"mine.gguf": record.sha256} == {"mine.gguf": store.sha256(file)}
    file.unlink()
    assert generate.complete("def f(", model=models.located("mine"), max_tokens=2, n_threads=1).n_tokens == 2
    assert contents(cache) == ["added/mine.gguf", "added/mine.json"]


def test_where_no_link_can_be_made_it_is_copied(file, cache, monkeypatch):
    def other_disk(source, target):
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", other_disk)
    assert models.add(str(file)).read_bytes() == file.read_bytes()
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: USAGE(10, 10, 0))
    with pytest.raises(ModelError, match=r"no space for other\.gguf.* TWO_BILLS_CACHE"):
        models.add(str(file), name="other")
    assert contents(cache) == ["added/mine.gguf", "added/mine.json"]


def test_a_folder_saved_by_transformers_is_converted(folder, cache):
    told = models.add(str(folder), to="q8_0")
    assert told == models.located("tiny-mistral")
    assert set(tensors.types(told)) == {"Q8_0", "F32"}
    record = added.find("tiny-mistral")
    assert record.converted_to == "Q8_0"
    assert record.sources == {"model.safetensors": store.sha256(folder / "model.safetensors")}
    assert contents(cache) == ["added/tiny-mistral.gguf", "added/tiny-mistral.json"]


def test_one_that_is_there_is_left_alone_and_a_damaged_one_made_anew(file):
    kept = models.add(str(file))
    before = kept.stat().st_mtime_ns
    assert models.add(str(file)).stat().st_mtime_ns == before
    kept.unlink()
    kept.write_bytes(b"half")
    with pytest.raises(ModelError, match=r"mine\.gguf is corrupt: run `course model fetch .*mine\.gguf --name mine`"):
        models.located("mine")
    assert models.add(str(file)).read_bytes() == file.read_bytes()


def test_another_content_under_the_name_is_refused(file, folder, tmp_path):
    kept = models.add(str(file))
    good = kept.read_bytes()
    shutil.copy(models.path("two-bills-code"), tmp_path / "new")
    with (tmp_path / "new").open("r+b") as content:
        content.seek(-1, os.SEEK_END)
        content.write(b"!")
    os.replace(tmp_path / "new", file)
    with pytest.raises(ModelError, match="holds other weights than mine was made from"):
        models.add(str(file))
    with pytest.raises(ModelError, match=r"mine is here already, from .*mine\.gguf: give this one another --name"):
        models.add(str(folder), name="mine")
    models.add(str(folder), name="tiny")
    with pytest.raises(ModelError, match="tiny is here as F16: give the one in Q8_0 another --name"):
        models.add(str(folder), name="tiny", to="Q8_0")
    assert models.located("mine").read_bytes() == good


def test_a_checksum_is_that_of_the_weights(file, folder, cache):
    with pytest.raises(ModelError, match=r"mine\.gguf has the checksum \w{64}, not 00: it is another file"):
        models.add(str(file), sha256="00")
    assert contents(cache) == []
    models.add(str(file), sha256=store.sha256(file).upper())
    models.add(str(folder), sha256=store.sha256(folder / "model.safetensors"))


@pytest.mark.parametrize(
    ("what", "options", "said"),
    [
        ("gpt-5", {}, r"no model 'gpt-5'; the models are: two-bills-code, .*OWNER/NAME on the hub"),
        ("models/nowhere.gguf", {}, r"no model 'models/nowhere\.gguf'"),
        ("FILE", {"name": "two-bills-code"}, "a model that the course knows"),
        ("FILE", {"name": "../up"}, "'../up' cannot name a model"),
        ("FILE", {"to": "Q8_0"}, r"mine\.gguf is a GGUF file already: `course model quantize`"),
        ("FILE", {"revision": "main"}, "only what is on the hub has revisions"),
        ("NOTES", {}, r"notes\.gguf is not a whole GGUF file: it begins with"),
        ("CUT", {}, r"cut\.gguf is not a whole GGUF file: .*cut off"),
        ("EMPTY", {}, r"empty is no folder saved by transformers"),
        ("FOLDER", {"to": "Q9"}, "no type 'Q9'"),
    ],
)
def test_what_cannot_be_added_says_why_and_leaves_nothing(what, options, said, file, folder, tmp_path, cache):
    (tmp_path / "notes.gguf").write_text("these are notes")
    (tmp_path / "cut.gguf").write_bytes(file.read_bytes()[:-500])
    (tmp_path / "empty").mkdir()
    places = {"FILE": file, "FOLDER": folder, "NOTES": "notes.gguf", "CUT": "cut.gguf", "EMPTY": "empty"}
    place = str(tmp_path / places[what]) if what in places else what
    with pytest.raises(ModelError, match=said):
        models.add(place, **options)
    assert not cache.exists() or contents(cache) == []


def test_a_broken_record_is_named(file, cache):
    models.add(str(file))
    (cache / "added" / "mine.json").write_text("{")
    with pytest.raises(ModelError, match=r"mine\.json is broken"):
        models.located("mine")


def test_a_model_is_located_by_name_or_file_and_else_the_names_are_listed(file, tmp_path):
    assert models.located("two-bills-code") == models.path("two-bills-code")
    assert models.located(str(file)) == file
    models.add(str(file))
    with pytest.raises(ModelError, match=r"no model 'gpt-5', and no such file; the models are: two-bills.*, mine$"):
        models.located("gpt-5")
    with pytest.raises(ModelError, match=r"qwen3-0\.6b is not here yet: run `course model fetch qwen3-0\.6b`"):
        models.located("qwen3-0.6b")


def test_the_commands_add_list_find_and_complete(folder, tmp_path, cache):
    run = CliRunner().invoke
    fetched = run(app, ["model", "fetch", str(folder), "--name", "tiny", "--to", "Q8_0"])
    assert fetched.exit_code == 0 and "tiny.gguf is here" in fetched.output.replace("\n", "")
    assert "added by you" in run(app, ["model", "list"]).output
    assert run(app, ["model", "path", "tiny"]).stdout.strip() == str(cache / "added" / "tiny.gguf")
    answered = run(app, ["complete", "def mean(", "--model", "tiny", "--max-tokens", "4", "--threads", "1"])
    assert answered.stdout.startswith("def mean(") and "4 tokens, " in answered.stdout
    refused = run(app, ["model", "fetch", "smollm2", "--sha256", "00"])
    assert refused.exit_code == 2 and "for a model that you add" in refused.stderr


# What follows speaks to a server on this machine that answers as the hub does, as far as its library asks.


def fetch(hub: Hub | None, *arguments: str, cache: Path):
    """The command in a process of its own: the hub's address is read when its library is imported."""
    address = hub.address if hub else "http://127.0.0.1:9"  # where nobody answers
    env = os.environ | {"HF_ENDPOINT": address, "HF_HUB_DISABLE_XET": "1", "HF_HOME": str(cache.parent / "hf")}
    command = [sys.executable, "-m", "course", "model", "fetch", *arguments]
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=120)


def test_a_repository_of_transformers_is_downloaded_and_converted(folder, cache, tmp_path):
    with Hub({"toys/tiny": folder}) as hub:
        ran = fetch(hub, "toys/tiny", "--to", "BF16", cache=cache)
        assert ran.returncode == 0, ran.stderr
        record = json.loads((cache / "added" / "tiny.json").read_text())
        assert (record["origin"], record["revision"]) == ("toys/tiny", hub.commit)
        assert record["sources"] == {"model.safetensors": store.sha256(folder / "model.safetensors")}
        assert tensors.types(models.located("tiny")).keys() == {"BF16", "F32"}
        assert contents(cache) == ["added/tiny.gguf", "added/tiny.json"]
    again = fetch(None, "toys/tiny", "--to", "BF16", cache=cache)  # it is there: no hub is asked
    assert (again.returncode, again.stderr) == (0, "")


def test_one_file_of_a_repository_is_downloaded_as_it_is(file, cache, tmp_path):
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    for name in ("a.gguf", "b.gguf"):
        shutil.copy(file, shelf / name)
    with Hub({"toys/shelf": shelf}) as hub:
        ran = fetch(hub, "toys/shelf", cache=cache)
        assert (ran.returncode, "name one, as in toys/shelf:a.gguf" in ran.stderr) == (2, True)
        ran = fetch(hub, "toys/shelf:c.gguf", cache=cache)
        assert (ran.returncode, "has no file c.gguf; it has: a.gguf, b.gguf" in ran.stderr) == (2, True)
        ran = fetch(hub, "toys/shelf:b.gguf", "--revision", hub.commit, "--sha256", "00", cache=cache)
        assert (ran.returncode, "has the checksum" in ran.stderr) == (2, True)
        assert contents(cache) == []
        ran = fetch(hub, "toys/shelf:b.gguf", "--revision", hub.commit, "--sha256", store.sha256(file), cache=cache)
        assert (ran.returncode, ran.stderr) == (0, "")
        assert models.located("b").read_bytes() == file.read_bytes()


def test_another_state_of_a_repository_is_refused_and_damage_is_seen(folder, cache):
    with Hub({"toys/tiny": folder}) as hub:
        assert fetch(hub, "toys/tiny", cache=cache).returncode == 0
        hub.commit, old = "b" * 40, hub.commit
        ran = fetch(hub, "toys/tiny", "--revision", "main", cache=cache)
        assert (ran.returncode, f"tiny is of revision {old}, and main is now" in ran.stderr) == (2, True)
        hub.damaged = True
        ran = fetch(hub, "toys/tiny", "--name", "other", cache=cache)
        assert (ran.returncode, "model.safetensors arrived damaged" in ran.stderr) == (2, True)
        assert contents(cache) == ["added/tiny.gguf", "added/tiny.json"]


def test_without_a_hub_the_models_that_need_none_are_named(cache):
    ran = fetch(None, "qwen3-0.6b", cache=cache)
    assert ran.returncode == 2
    (line,) = ran.stderr.strip().splitlines()
    assert "are you online" in line and "two-bills-code, smollm2, smollm2-f16 need no hub" in line
    assert contents(cache) == []


def test_a_repository_that_is_not_there_is_named(folder, cache):
    with Hub({"toys/tiny": folder}) as hub:
        ran = fetch(hub, "toys/big", cache=cache)
        assert (ran.returncode, "toys/big cannot be had from the hub" in ran.stderr) == (2, True)
