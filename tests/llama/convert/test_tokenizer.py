"""Tokenizers go along: the same tokens, the same ends, the template; what llama.cpp would read otherwise is shown."""

import json
import shutil

import pytest
from tokenizers import Tokenizer
from tokenizers.processors import TemplateProcessing
from transformers import AutoTokenizer

from course.llama import convert, header, session
from course.llama.errors import LlamaError
from tests.llama import tiny_models
from tests.llama.convert.folders import edit

KNOWN = {"file": "tokenizer.json"}
LEADING = {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True}


@pytest.fixture
def folder(tiny, tmp_path):
    return shutil.copytree(tiny, tmp_path / "model")


@pytest.mark.parametrize("split", tiny_models.PRE_TOKENIZERS)
def test_tokens_are_the_tokenizer_s_however_it_splits(split, folder, tmp_path):
    tiny_models.save_tokenizer(folder, tiny_models.PRE_TOKENIZERS[split])
    file = convert.convert(folder, tmp_path / "model.gguf")
    assert header.read(file).metadata["tokenizer.ggml.pre"] == split


def test_a_tokenizer_that_begins_texts_still_does_and_added_words_stay_whole(folder, tmp_path):
    known = Tokenizer.from_file(str(folder / "tokenizer.json"))
    known.post_processor = TemplateProcessing(single="<|end|> $A", special_tokens=[("<|end|>", 0)])
    known.add_tokens(["mean_of_all"])
    known.add_special_tokens(["<|turn|>"])
    known.save(str(folder / "tokenizer.json"))
    file = convert.convert(folder, tmp_path / "model.gguf")
    text = "x = mean_of_all(1)<|turn|>"
    with session.vocabulary(file) as vocabulary:
        assert (vocabulary.adds_begin, vocabulary.adds_end, vocabulary.begin) == (True, False, 0)
        assert vocabulary.tokens(text, special=True).tolist() == known.encode(text).ids
        assert vocabulary.tokens(text, special=True, around=False).tolist() == known.encode(text).ids[1:]
        assert len(vocabulary.tokens("<|turn|>")) > 2  # as text it is none


@pytest.mark.parametrize("length", [8, 64, 512])
def test_padding_and_truncation_left_on_by_training_are_no_part_of_a_tokenizer(length, folder, tmp_path):
    plain = header.read(convert.convert(folder, tmp_path / "plain.gguf")).metadata
    used = AutoTokenizer.from_pretrained(folder)
    used.pad_token = used.eos_token
    used(["def mean(values):"], padding="max_length", truncation=True, max_length=length)
    used.save_pretrained(folder)
    known = json.loads((folder / "tokenizer.json").read_text())
    assert known["padding"] and known["truncation"]
    found = header.read(convert.convert(folder, tmp_path / "used.gguf")).metadata
    for key in ("tokens", "merges", "add_bos_token", "add_eos_token", "eos_token_id"):
        assert found[f"tokenizer.ggml.{key}"] == plain[f"tokenizer.ggml.{key}"]


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({"chat_template.jinja": "file"}, None),
        ({}, "config"),
        ({"chat_template.jinja": "file"}, "config"),
        ({"chat_template.jinja": "file", "additional_chat_templates/tools.jinja": "tools"}, None),
    ],
)
def test_the_chat_template_is_the_one_that_transformers_takes(files, told, folder, tmp_path):
    for name, text in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    edit(folder, "tokenizer_config.json", chat_template=told)
    template = AutoTokenizer.from_pretrained(folder).chat_template
    expected = template if isinstance(template, str) else template["default"]
    assert header.read(convert.convert(folder, tmp_path / "model.gguf")).metadata["tokenizer.chat_template"] == expected


def test_an_added_token_has_the_number_that_the_library_gives_it(folder, tmp_path):
    added("<|far|>", 319)(folder)
    number = AutoTokenizer.from_pretrained(folder).convert_tokens_to_ids("<|far|>")
    with session.vocabulary(convert.convert(folder, tmp_path / "model.gguf")) as vocabulary:
        assert vocabulary.tokens("a<|far|>", special=True)[-1] == number != 319


@pytest.mark.parametrize("file", ["config.json", "generation_config.json"])
def test_every_token_that_ends_a_text_does(file, folder, tmp_path):
    (folder / file).write_text(json.dumps(json.loads((folder / file).read_text()) | {"eos_token_id": [0, 5, 7]}))
    known = header.read(convert.convert(folder, tmp_path / "model.gguf")).metadata
    ends = [known[f"tokenizer.ggml.{kind}_token_id"] for kind in ("eos", "eot", "eom")]
    assert ends == [0, 5, 7]


def added(content: str, number: int, **flags: bool):
    known = {"id": number, "content": content, "special": True, "normalized": False}
    flags = {"single_word": False, "lstrip": False, "rstrip": False} | flags

    def add(folder):
        tokens = json.loads((folder / "tokenizer.json").read_text())["added_tokens"]
        edit(folder, added_tokens=[*tokens, known | flags], **KNOWN)

    return add


def many(folder):
    known = Tokenizer.from_file(str(folder / "tokenizer.json"))
    known.add_tokens([f"word{number}" for number in range(321 - known.get_vocab_size())])
    known.save(str(folder / "tokenizer.json"))


REFUSED = {
    "no tokenizer": (
        lambda f: (f / "tokenizer.json").unlink(),
        r"tokenizer\.json: No such file.*save the tokenizer ag",
    ),
    "no object": (lambda f: (f / "tokenizer.json").write_text("[]"), r"tokenizer\.json is broken"),
    "no vocabulary": (lambda f: edit(f, model={"type": "BPE", "vocab": []}, **KNOWN), r"tokenizer\.json is broken"),
    "no added tokens": (lambda f: edit(f, added_tokens=None, **KNOWN), r"tokenizer\.json is broken"),
    "merges of what is no token": (
        lambda f: edit(f, model={"type": "BPE", "vocab": {"a": 0}, "merges": [["x", "y"]]}, **KNOWN),
        r"tokenizer\.json is broken \(",
    ),
    "a broken file beside it": (
        lambda f: (f / "tokenizer_config.json").write_text("{"),
        r"tokenizer_config\.json or another file beside it is broken \(Expecting",
    ),
    "SentencePiece": (
        lambda f: edit(f, model={"type": "BPE", "byte_fallback": True, "vocab": {}, "merges": []}, **KNOWN),
        "of kind SentencePiece: only byte-level BPE",
    ),
    "Unigram": (lambda f: edit(f, model={"type": "Unigram", "vocab": {}}, **KNOWN), "of kind Unigram"),
    "another split": (
        lambda f: edit(f, pre_tokenizer={"type": "Whitespace"}, **KNOWN),
        'splits texts by {"type": "Whitespace"}, which cannot be converted',
    ),
    "no split": (lambda f: edit(f, pre_tokenizer=None, **KNOWN), "splits texts by {}, which cannot be converted"),
    "more tokens than rows": (many, "the tokenizer has token 320, the model only 320"),
    "a token that only one file has": (
        lambda f: edit(f, "tokenizer_config.json", added_tokens_decoder={"319": {"content": "<|far|>"}}),
        r"tokenizer_config\.json has the token 319 '<\|far\|>', and tokenizer\.json has not",
    ),
    "a space before each text": (
        lambda f: edit(f, pre_tokenizer=LEADING, **KNOWN),
        r"llama\.cpp reads 'def mean\(values: lis' in .* as the tokens .*, and tokenizer\.json as \d+ 'Ġ",
    ),
    "small letters": (
        lambda f: edit(f, normalizer={"type": "Lowercase"}, **KNOWN),
        r"reads \"It's 1234567 .* as the tokens \d+ 'I' \d+ 't' .*, and tokenizer\.json as \d+ 'it'",
    ),
    "a token that takes the spaces beside it": (
        added("<|far|>", 319, lstrip=True, rstrip=True),
        r"in 'one <\|far\|> two<\|far\|>three' as the tokens \d+ 'Ġ' 311 .*, and tokenizer\.json as 311 '<\|far\|>'",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_llama_cpp_would_read_otherwise_says_what_and_leaves_nothing(what, folder, tmp_path):
    breaking, said = REFUSED[what]
    breaking(folder)
    with pytest.raises(LlamaError, match=said) as refused:
        convert.convert(folder, tmp_path / "out.gguf")
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "out.gguf").exists()
