"""Chat templates as models bring them along: those that can be followed, and what is said of the others."""

import pytest
from transformers import AutoTokenizer
from typer.testing import CliRunner

from course.cli import app
from course.llama import chat, convert, header, template
from course.llama.errors import LlamaError
from tests.llama import tiny_models

PLAIN = (
    "{% for m in messages %}{{ '<|' + m['role'] + '|>' + m['content'] + eos_token }}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
NO_SYSTEM = (
    "{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}" + PLAIN
)
ALTERNATE = (
    "{% for m in messages %}{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('roles must\nalternate') }}{% endif %}{% endfor %}" + PLAIN
)
FOLLOWED = {
    "plain": PLAIN,
    "the date": "{{ strftime_now('%Y') }}" + PLAIN,
    "tools": "{% if tools is defined and tools %}{{ tools | tojson }}{% endif %}" + PLAIN,
    "parts of a string": "{{ messages[-1].content.split('x')[0] | trim }}{% set ns = namespace(a=1) %}" + PLAIN,
    "a tag of transformers": "{% for m in messages %}{% generation %}{{ m['content'] }}{% endgeneration %}{% endfor %}",
    "an early end": "{% for m in messages %}{% if loop.index0 > 2 %}{% break %}{% endif %}{{ m.content }}{% endfor %}",
    "Arabic": "أجب بالعربية. 🙂" + PLAIN,
}
TURNS = [("user", "def mean(values):"), ("assistant", "it's"), ("user", "x")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tiny_models.save(tmp_path_factory.mktemp("tiny") / "model", max_position_embeddings=512)


def converted(folder, place, text):
    (folder / "chat_template.jinja").write_text(text)
    return convert.convert(folder, place / "model.gguf")


@pytest.mark.parametrize("what", FOLLOWED)
def test_the_text_is_what_transformers_makes(what, folder, tmp_path):
    file = converted(folder, tmp_path, FOLLOWED[what])
    messages = [{"role": role, "content": content} for role, content in TURNS]
    expected = AutoTokenizer.from_pretrained(folder).apply_chat_template(
        messages, tokenize=False, add_generation_prompt=True
    )
    assert template.render(header.read(file), TURNS, name="m") == expected
    assert chat.ask("def mean(", model=file, n_threads=1, max_tokens=3).n_tokens <= 3


@pytest.mark.parametrize(
    ("text", "said"), [(NO_SYSTEM, "System role not supported"), (ALTERNATE, "roles must alternate")]
)
def test_a_template_that_takes_the_question_alone_names_bare(text, said, folder, tmp_path):
    file = converted(folder, tmp_path, text)
    with pytest.raises(LlamaError, match=rf"does not take this conversation \({said}\): ask without .*\(--bare\)"):
        chat.ask("def mean(", model=file, n_threads=1)
    asked = CliRunner().invoke(app, ["chat", "def mean(", "--model", str(file), "--threads", "1", "--bare"])
    assert (asked.exit_code, asked.stderr) == (0, "")


BROKEN = {
    "no end": ("{% for m in messages %}", r"is broken \(Unexpected end of template"),
    "no name": ("{{ messages[0].content.nothing.more }}", "does not take this conversation"),
    "no number": ("{{ messages[0].content + 1 }}", "does not take this conversation"),
    "none of it": ("{{ raise_exception('never') }}", r"does not take this conversation \(never\)"),
    "division": ("{{ 1 / 0 }}", r"does not take this conversation \(division by zero\)"),
    "what a template may not do": ("{{ ''.__class__.__mro__ }}", "does not take this conversation .*unsafe"),
    "nothing": ("{% set a = 1 %}", "makes nothing of this conversation"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_template_that_takes_nothing_says_so_in_a_line(what, folder, tmp_path):
    text, said = BROKEN[what]
    file = converted(folder, tmp_path, text)
    with pytest.raises(LlamaError, match=rf"{said}.*, also with --bare: `course complete` has it continue a text"):
        chat.ask("def mean(", model=file, n_threads=1)
    for bare in ([], ["--bare"]):
        asked = CliRunner().invoke(app, ["chat", "def mean(", "--model", str(file), *bare])
        assert (asked.exit_code, asked.stderr.count("\n"), asked.stdout) == (2, 1, "")


def test_a_context_too_short_for_the_worked_examples_names_bare(tmp_path):
    folder = tiny_models.save(tmp_path / "model", max_position_embeddings=64)
    file = converted(folder, tmp_path, PLAIN)
    with pytest.raises(LlamaError, match=r"and model\.gguf takes 64 with the answer: ask without .*\(--bare\)"):
        chat.ask("def mean(", model=file, n_threads=1)
    assert chat.ask("def mean(", model=file, n_threads=1, primer=(), max_tokens=256).n_tokens <= 64
    with pytest.raises(LlamaError, match="ask a shorter one"):
        chat.ask("def mean(" * 30, model=file, n_threads=1, primer=())
