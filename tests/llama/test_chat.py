"""Questions to the real model, with one thread: two are slow where the other core is busy."""

import math
import os
import shutil
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from course import models
from course.cli import app
from course.llama import chat
from course.llama.errors import LlamaError

ALGERIA = "What is the capital of Algeria?"


def test_the_answer_is_right_streamed_and_counted(smollm2_f16):
    stream = chat.stream(ALGERIA, model=smollm2_f16, n_threads=1)
    pieces = []
    while True:
        try:
            pieces.append(next(stream))
        except StopIteration as end:
            reply = end.value
            break
    assert reply.text == "".join(pieces) == "The capital of Algeria is Algiers."
    assert reply.n_tokens == len(pieces) == 8
    assert reply.tokens_per_s > 0
    assert reply.n_threads == 1


def test_the_quantized_model_answers_too():
    """In a process of its own: a build that does not suit the CPU dies by a signal."""
    command = [sys.executable, "-m", "course", "chat", "--model", models.SMOLLM2.name, "--max-tokens", "3", ALGERIA]
    ran = subprocess.run(command, capture_output=True, text=True)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.strip()


def test_the_same_question_gets_the_same_answer_whatever_came_between(smollm2_f16):
    question = "What is a language model?"
    first = chat.ask(question, model=smollm2_f16, n_threads=1)
    chat.ask("What is a language?", model=smollm2_f16, n_threads=1, max_tokens=3)
    assert chat.ask(question, model=smollm2_f16, n_threads=1).text == first.text


def test_an_answer_is_cut_at_max_tokens(smollm2_f16):
    question = "Why is the sky blue?"
    long = chat.ask(question, model=smollm2_f16, n_threads=1, max_tokens=12)
    short = chat.ask(question, model=smollm2_f16, n_threads=1, max_tokens=5)
    assert (long.n_tokens, short.n_tokens) == (12, 5)
    assert long.text.startswith(short.text)
    assert math.isnan(chat.ask(question, model=smollm2_f16, n_threads=1, max_tokens=1).tokens_per_s)


def test_the_primer_is_what_names_the_capital(smollm2_f16):
    assert "Algiers" not in chat.ask(ALGERIA, model=smollm2_f16, n_threads=1, primer=(), max_tokens=20).text


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("  ", "empty"),
        (
            "word " * 3000,
            r"too long: its prompt has 3,\d+ tokens, and .* takes 2,048 with the answer: ask a shorter one",
        ),
        ("word " * 2010, r"too long: .*: ask without the worked examples \(--bare\)"),
        ("caf\udce9", "the text is not UTF-8 after 'caf'"),
    ],
)
def test_a_question_that_cannot_be_answered_says_why(smollm2_f16, question, said):
    with pytest.raises(LlamaError, match=said):
        chat.ask(question, model=smollm2_f16, n_threads=1)


def test_a_file_that_is_no_model_is_named(tmp_path):
    (tmp_path / "notes.gguf").write_text("these are notes")
    for file, reason in (("notes.gguf", "not a whole GGUF file: it begins with"), ("missing.gguf", "No such file")):
        with pytest.raises(LlamaError, match=rf"{file}.*{reason}"):
            chat.ask(ALGERIA, model=tmp_path / file, n_threads=1)


def test_a_model_that_does_not_chat_names_what_it_does(code):
    with pytest.raises(chat.ChatError, match="not trained to answer: `course complete`"):
        chat.ask(ALGERIA, model=code, n_threads=1)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"max_tokens": 0}, "0 tokens: at least 1"),
        ({"seed": -1}, "seed -1"),
        ({"temperature": -1.0}, "temperature of -1"),
    ],
)
def test_options_out_of_range_are_refused(smollm2_f16, options, said):
    with pytest.raises(LlamaError, match=said):
        chat.ask(ALGERIA, model=smollm2_f16, n_threads=1, **options)


def test_another_file_under_the_same_name_is_another_model(smollm2, smollm2_f16, tmp_path):
    place, texts = tmp_path / "model.gguf", []
    for file in (smollm2, smollm2_f16, smollm2):
        place.unlink(missing_ok=True)
        os.link(file, place) if file.stat().st_dev == tmp_path.stat().st_dev else shutil.copy(file, place)
        texts.append(chat.ask("What is the capital of France?", model=place, n_threads=1, max_tokens=9, primer=()).text)
    assert texts[0] == texts[2] != texts[1]


@pytest.mark.parametrize("n_threads", [0, 10_000])
def test_threads_that_the_machine_lacks_are_refused(smollm2_f16, n_threads):
    with pytest.raises(LlamaError, match=f"{n_threads:,} threads: this machine has 1 to"):
        chat.ask(ALGERIA, model=smollm2_f16, n_threads=n_threads)


def test_llama_cpp_says_nothing_itself(smollm2_f16, tmp_path, capfd):
    (tmp_path / "notes.gguf").write_text("these are notes")
    chat.ask(ALGERIA, model=smollm2_f16, n_threads=1)
    with pytest.raises(LlamaError):
        chat.ask(ALGERIA, model=tmp_path / "notes.gguf", n_threads=1)
    assert capfd.readouterr() == ("", "")


def test_the_command_answers_and_ends_with_its_speed(smollm2_f16):
    answered = CliRunner().invoke(app, ["chat", ALGERIA, "--threads", "1"])
    answer, speed = answered.stdout.strip().splitlines()
    assert answer == "The capital of Algeria is Algiers."
    assert speed.startswith("8 tokens, ")
    assert speed.endswith(f"token/s, threads: 1, {models.SMOLLM2_F16.title}")


def test_the_prompt_takes_questions_until_their_end(smollm2_f16):
    asked = CliRunner().invoke(app, ["chat", "--threads", "1"], input=f"{ALGERIA}\n\nWhat is the capital of France?\n")
    assert asked.exit_code == 0
    assert "Algiers." in asked.stdout
    assert "Paris." in asked.stdout


def test_the_command_says_what_to_run_when_the_model_is_missing(tmp_path, monkeypatch):
    monkeypatch.setenv("TWO_BILLS_CACHE", str(tmp_path))
    asked = CliRunner().invoke(app, ["chat", ALGERIA])
    assert asked.exit_code == 2
    assert asked.stderr.strip().endswith("run `course model fetch smollm2-f16`")
