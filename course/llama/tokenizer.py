"""A tokenizer.json of byte-level BPE, written into a GGUF file, and held against what llama.cpp makes of it."""

import json
from pathlib import Path
from typing import Any

from course.llama import session
from course.llama.errors import LlamaError

_ENDINGS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|"
_REST = r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
_UPPER, _LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
_BEFORE = r"[^\r\n\p{L}\p{N}]?"
_SPLITS = {
    _ENDINGS + r"\p{N}{1,3}" + _REST: "llama-bpe",  # Llama 3
    _ENDINGS + r"\p{N}" + _REST: "qwen2",
    f"{_BEFORE}{_UPPER}*{_LOWER}+|{_BEFORE}{_UPPER}+{_LOWER}*"
    r"|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+": "tekken",  # Mistral
}
"""By the regular expression that splits a text before merging: llama.cpp's name of it."""

_SAMPLE = (
    "def mean(values: list[float]) -> float:\n\treturn sum(values) / len(values)\n\n\n",
    "It's 1234567 o'clock, we'll see; they've said: \"I'D GO!\"  Don't you?",
    "   three spaces, then a tab\there \n \n\r\n  trailing  ",
    "naïve café, Straße, Ελλάδα, Привет, مرحبا, שלום, 日本語の文字, 한국어, हिन्दी, 🙂👩‍💻",
    "x=-1.5e-10; y+=3//2 ** 4 != 5 #!$%&/()=?@[]{}~|<>^`´_",
    "CamelCase snake_case SCREAMING_CASE kebab-case http://example.org/a?b=c&d=%20",
    "¼ ½ ² ³ ① Ⅷ ٣ ४ 1,000.00 €5 £6 ¥7 – — … “quoted” ‘q’ «q»\u00a0nbsp\u3000wide",
)


class TokenizerError(LlamaError):
    """A tokenizer that llama.cpp does not do, or does otherwise: one line that says which and how."""


def write(folder: Path, writer: Any, *, n_vocab: int) -> None:
    """Add the folder's tokenizer to a gguf.GGUFWriter. Raises TokenizerError."""
    import gguf

    known = _read(folder)
    split = _split(folder, known)
    texts = [f"[PAD{token}]" for token in range(n_vocab)]
    kinds = [gguf.TokenType.UNUSED] * n_vocab
    added = {token["content"]: token for token in known["added_tokens"]}
    numbers = known["model"]["vocab"] | {text: token["id"] for text, token in added.items()}
    if max(numbers.values()) >= n_vocab:
        raise TokenizerError(f"{folder}: the tokenizer has token {max(numbers.values())}, the model only {n_vocab}")
    for text, number in numbers.items():
        texts[number], kinds[number] = text, gguf.TokenType.NORMAL
        if text in added:
            kinds[number] = gguf.TokenType.CONTROL if added[text]["special"] else gguf.TokenType.USER_DEFINED
    special = gguf.SpecialVocab(folder, load_merges=True, n_vocab=n_vocab)
    special.add_special_token = _added_around(folder, special.special_token_ids)
    writer.add_tokenizer_model("gpt2")  # byte-level BPE
    writer.add_tokenizer_pre(split)
    writer.add_token_list(texts)
    writer.add_token_types(kinds)
    special.add_to_gguf(writer, quiet=True)


def check(folder: Path, model: Path) -> None:
    """Raises TokenizerError where llama.cpp gives a text other tokens than the folder's tokenizer does."""
    theirs = _library(folder)
    with session.vocabulary(model) as ours:
        for text in _SAMPLE:
            expected, found = theirs.encode(text).ids, ours.tokens(text, special=True).tolist()
            if expected != found:
                raise TokenizerError(
                    f"{folder}: llama.cpp gives {text!r} other tokens ({found[:8]} …) than tokenizer.json "
                    f"({expected[:8]} …): this tokenizer cannot be converted"
                )


def _read(folder: Path) -> dict[str, Any]:
    file = folder / "tokenizer.json"
    try:
        known = json.loads(file.read_text("utf-8"))
        kind = known["model"]["type"]
    except OSError as error:
        raise TokenizerError(
            f"{file}: {error.strerror}; only byte-level BPE tokenizers in a tokenizer.json can be converted"
        ) from error
    except (ValueError, LookupError, TypeError) as error:
        raise TokenizerError(f"{file} is broken ({error}): save the tokenizer again with save_pretrained") from error
    if kind != "BPE" or known["model"].get("byte_fallback"):
        what = "SentencePiece" if known["model"].get("byte_fallback") else kind
        raise TokenizerError(f"{file} is a tokenizer of kind {what}: only byte-level BPE can be converted")
    return known


def _split(folder: Path, known: dict[str, Any]) -> str:
    """llama.cpp's name for how the tokenizer splits a text before it merges."""
    first = known["pre_tokenizer"] or {}
    steps = first.get("pretokenizers", [first])
    match [(step.get("type"), step) for step in steps]:
        case [("ByteLevel", {"use_regex": True})]:
            return "gpt-2"
        case [("Digits", {"individual_digits": True}), ("ByteLevel", {"use_regex": True})]:
            return "smollm"
        case [("Split", {"pattern": {"Regex": regex}}), ("ByteLevel", _)] if regex in _SPLITS:
            return _SPLITS[regex]
    raise TokenizerError(
        f"{folder / 'tokenizer.json'} splits texts by {json.dumps(first)[:160]}, which cannot be converted: "
        "those of GPT-2, SmolLM2, Llama 3, Qwen2 and Mistral's Tekken can"
    )


def _added_around(folder: Path, special: dict[str, int]) -> dict[str, bool]:
    """Whether a text gets the begin token before it, the end token after it."""
    ids = _library(folder).encode("a").ids
    return {"bos": ids[0] == special.get("bos"), "eos": ids[-1] == special.get("eos")}


def _library(folder: Path):
    from tokenizers import Tokenizer

    return Tokenizer.from_file(str(folder / "tokenizer.json"))
