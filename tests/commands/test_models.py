"""Commands about models: what they overwrite, what they call types, and one line for whatever cannot be done."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from typer.testing import CliRunner

from course import models
from course.cli import app
from course.commands.terminal import console
from course.llama import tensors
from tests import ordinary_user
from tests.llama import tiny_models


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tiny_models.save(tmp_path_factory.mktemp("saved") / "model", hidden_size=256, intermediate_size=512)


def run(*arguments):
    return CliRunner().invoke(app, ["model", *map(str, arguments)])


def refused(ran, said):
    assert (ran.exit_code, ran.stderr.count("\n"), ran.exception.__class__) == (2, 1, SystemExit), ran.output
    assert said in ran.stderr


def test_convert_and_quantize_agree_on_types_and_overwrite_nothing_unasked(folder, tmp_path, code):
    file = tmp_path / "out.gguf"
    for command in (["convert", folder, file], ["quantize", code, file]):
        file.write_bytes(b"mine")
        for to in ("Q8_0", "q8_0"):
            refused(run(*command, "--to", to), "out.gguf is there already, and stays as it is: name another file")
        assert file.read_bytes() == b"mine"
        ran = run(*command, "--to", "q4_k_m", "--force")
        assert ran.exit_code == 0, ran.output
        assert set(tensors.types(file)) == {"Q4_K", "Q6_K", "F32"}
        refused(run(*command, "--to", "Q9", "--force"), "there is no type 'Q9'; the types are: F32, F16")
        assert set(tensors.types(file)) == {"Q4_K", "Q6_K", "F32"}
    assert os.listdir(tmp_path) == ["out.gguf"]


def test_a_folder_that_cannot_be_converted_is_a_line(folder, tmp_path):
    refused(run("convert", tmp_path, tmp_path / "out.gguf"), "is no folder saved by transformers: config.json: No such")
    refused(run("convert", folder, tmp_path), "is a folder: name a file in it")
    refused(run("convert", folder, tmp_path / "nowhere" / "out.gguf"), "out.gguf cannot be written: No such file")


def test_what_is_no_model_is_a_line(tmp_path):
    (tmp_path / "notes.gguf").write_text("these are notes")
    (tmp_path / "notes.json").write_text("{")  # no record of an added model
    for what, said in (
        (tmp_path, "is a folder: `course model convert` makes a GGUF file of what transformers saved"),
        (tmp_path / "nowhere.gguf", "nowhere.gguf', and no such file; the models are: two-bills-code"),
        (tmp_path / "notes.gguf" / "more", "more', and no such file"),
        (tmp_path / "notes.gguf", "notes.gguf is not a whole GGUF file: it begins with"),
        (tmp_path / "notes", "notes', and no such file"),
    ):
        refused(run("quantize", what, tmp_path / "out.gguf", "--to", "Q8_0"), said)
        refused(CliRunner().invoke(app, ["chat", "hi", "--model", str(what)]), said)
        refused(CliRunner().invoke(app, ["complete", "hi", "--model", str(what)]), said)


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("name", ["mine", "a-model-of-mine-with-a-long-name"])
def test_the_list_of_models_fits_and_cuts_no_state(width, name, code, tmp_path, monkeypatch):
    monkeypatch.setenv("TWO_BILLS_CACHE", str(tmp_path))
    monkeypatch.setattr(console, "_width", width)
    models.add(str(code), name=name)
    ran = run("list")
    assert ran.exit_code == 0
    assert {"ready", "missing", "SmolLM2-135M-Instruct,"} <= set(ran.stdout.split())
    assert max(len(line.rstrip()) for line in ran.stdout.splitlines()) <= width


@pytest.mark.skipif(sys.platform != "linux", reason="names are UTF-8 elsewhere")
def test_a_name_that_is_not_utf_8_is_printed_as_it_is(tmp_path, code):
    name = os.path.join(os.fsencode(tmp_path), b"caf\xe9.gguf")
    shutil.copy(code, name)
    env = os.environ | {"PYTHONIOENCODING": "utf-8:strict"}
    ran = subprocess.run([sys.executable, "-m", "course", "model", "path", name], env=env, capture_output=True)
    assert (ran.returncode, ran.stdout.strip()) == (0, name), ran.stderr


@pytest.fixture
def closed():
    """A folder that can be read and not written to, in it an empty cache, and one that cannot even be entered."""
    with tempfile.TemporaryDirectory() as made:  # pytest's own are closed to the user that root becomes
        place = Path(made)
        (place / "cache" / "models").mkdir(parents=True)
        (place / "closed").mkdir()
        modes = {place / "cache" / "models": 0o555, place / "closed": 0, place: 0o555}
        for folder, mode in modes.items():
            folder.chmod(mode)
        yield place
        for folder in reversed(modes):
            folder.chmod(0o755)


def test_folders_that_are_closed_are_a_line(closed):
    source, out = str(models.folder_of("two-bills-code")), str(closed / "out.gguf")
    cache = {"TWO_BILLS_CACHE": str(closed / "cache"), "HOME": str(closed)}
    for arguments, said in (
        (
            ["convert", str(closed / "closed" / "model"), out],
            "is no folder saved by transformers: config.json: Permission denied",
        ),
        (["convert", source, out], "out.gguf cannot be written: Permission denied"),
        (["quantize", "two-bills-code", out, "--to", "Q8_0"], "out.gguf cannot be written: Permission denied"),
        (
            ["quantize", "two-bills-code", str(closed / "closed" / "b.gguf"), "--to", "Q8_0"],
            "b.gguf cannot be written: ",
        ),
        (["quantize", str(closed / "closed" / "a.gguf"), "b.gguf", "--to", "Q8_0"], "a.gguf: Permission denied"),
        (["fetch", source, "--name", "mine"], "Permission denied; models are kept there: set TWO_BILLS_CACHE to"),
        (["fetch", "smollm2"], "Permission denied; models are kept there: set TWO_BILLS_CACHE to a folder that"),
    ):
        ran = ordinary_user.run([sys.executable, "-m", "course", "model", *arguments], env=cache)
        assert (ran.returncode, ran.stderr.count("\n")) == (2, 1), ran.stderr
        assert said in ran.stderr
