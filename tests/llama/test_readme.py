"""The README's commands, as it gives them, from a tiny model of transformers to an answer."""

import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from course.cli import app
from course.llama import tensors
from tests.llama import tiny_models

README = Path(__file__).parents[2] / "README.md"


@pytest.mark.parametrize("kind", ["Llama", "Mistral"])
def test_the_commands_under_models_end_in_an_answer(kind, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tiny_models.save(Path("my-model"), kind, hidden_size=256, intermediate_size=512)
    block = README.read_text("utf-8").partition("## Models")[2].split("```")[1]
    convert, quantize, complete = (shlex.split(line, comments=True) for line in block.strip().splitlines())
    for command in (convert, quantize):
        assert command[0] == "course"
        ran = CliRunner().invoke(app, command[1:])
        assert ran.exit_code == 0, ran.output
    assert "Q4_K" in ran.output
    assert set(tensors.types(Path(quantize[4]))) == {"Q4_K", "Q6_K", "F32"}
    answered = CliRunner().invoke(app, [*complete[1:], "--threads", "1", "--max-tokens", "5"])
    assert answered.exit_code == 0, answered.output
    assert answered.stdout.startswith("def mean(")
    assert "5 tokens, " in answered.stdout
