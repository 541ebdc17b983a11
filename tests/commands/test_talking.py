"""Commands that have a model write: one line for what cannot be done."""

import pytest
from typer.testing import CliRunner

from course.cli import app
from course.llama import convert
from tests.llama.convert import adapters

REFUSED = {
    "an empty question": (["chat", " "], "an empty question has no answer"),
    "an empty text": (["complete", ""], "an empty prompt: give a text to continue"),
    "an answer of no tokens": (["chat", "hi", "--max-tokens", "0"], "0 tokens: at least 1 is written"),
    "a text of fewer": (["complete", "hi", "--max-tokens", "-3"], "-3 tokens: at least 1 is written"),
    "a seed below 0": (["complete", "hi", "--seed", "-1"], "seed -1: it is a whole number from 0"),
    "a temperature below 0": (
        ["complete", "hi", "--temperature", "-1"],
        "a temperature of -1.0: it is a number from 0",
    ),
    "no temperature": (["complete", "hi", "--temperature", "nan"], "a temperature of nan"),
    "no threads": (["complete", "hi", "--threads", "0"], "0 threads: this machine has 1 to"),
    "bytes that are no text": (["complete", "caf\udce9"], "the text is not UTF-8 after 'caf'"),
    "a question of such bytes": (["chat", "caf\udce9"], "the text is not UTF-8 after 'caf'"),
    "a text too long": (
        ["complete", "a b c d " * 300],
        "tokens of prompt and 64 to write: the model was trained on 512",
    ),
    "a question too long": (["chat", "word " * 3000], "the question is too long: its prompt has"),
    "no adapter": (["complete", "hi", "--adapter", "nowhere.gguf"], "nowhere.gguf: No such file"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_done_is_a_line(what):
    arguments, said = REFUSED[what]
    ran = CliRunner().invoke(app, arguments)
    assert (ran.exit_code, ran.stderr.count("\n"), ran.exception.__class__) == (2, 1, SystemExit), ran.output
    assert said in ran.stderr


def test_an_adapter_is_used_and_one_for_another_model_refused(code, smollm2_f16, tmp_path):
    trained = adapters.random(convert.torch_model(code))
    file = str(convert.write_adapter(trained, tmp_path / "lora.gguf", base=code))
    options = ["--threads", "1", "--max-tokens", "8"]
    plain, adapted = (
        CliRunner().invoke(app, ["complete", "def mean(", *options, *more]) for more in ([], ["--adapter", file])
    )
    assert adapted.exit_code == 0, adapted.output
    assert adapted.stdout.splitlines()[0] != plain.stdout.splitlines()[0]
    ran = CliRunner().invoke(app, ["chat", "hi", "--adapter", file, *options])
    assert (ran.exit_code, ran.stderr.count("\n")) == (2, 1)
    assert "lora.gguf is an adapter for another model than SmolLM2-135M-Instruct.F16.gguf: " in ran.stderr
