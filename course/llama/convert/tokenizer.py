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

SAMPLE = (
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
    numbers = _library(folder).get_vocab()  # which gives added tokens the next free numbers, whatever the file says
    if (last := max(numbers.values(), default=0)) >= n_vocab:
        raise TokenizerError(f"{folder}: the tokenizer has token {last}, the model only {n_vocab}")
    for text, number in numbers.items():
        texts[number], kinds[number] = text, gguf.TokenType.NORMAL
        if text in added:
            kinds[number] = gguf.TokenType.CONTROL if added[text]["special"] else gguf.TokenType.USER_DEFINED
    special = _special(folder, numbers, n_vocab)
    writer.add_tokenizer_model("gpt2")  # byte-level BPE
    writer.add_tokenizer_pre(split)
    writer.add_token_list(texts)
    writer.add_token_types(kinds)
    special.add_to_gguf(writer, quiet=True)


def check(folder: Path, model: Path) -> None:
    """Raises TokenizerError where llama.cpp gives a text other tokens than the folder's tokenizer does."""
    theirs = _library(folder)
    with session.vocabulary(model) as ours:
        for text in SAMPLE + _marked(folder):
            expected, found = theirs.encode(text), ours.tokens(text, special=True).tolist()
            if expected.ids != found:
                raise TokenizerError(f"{folder}: {_difference(text, expected, found, theirs)}")


def _marked(folder: Path) -> tuple[str, ...]:
    """Texts with the added tokens that take or leave the spaces beside them, or words around them, in their own way."""
    flags = ("lstrip", "rstrip", "single_word")
    special = [token["content"] for token in _read(folder)["added_tokens"] if any(token.get(flag) for flag in flags)]
    return tuple(f"one {token} two{token}three" for token in special)


def _difference(text: str, expected: Any, found: list[int], theirs: Any) -> str:
    """Where and how two readings of a text part."""
    pairs = enumerate(zip(expected.ids, found, strict=False))
    place = next((i for i, (one, other) in pairs if one != other), min(len(expected.ids), len(found)))
    at = expected.offsets[place][0] if place < len(expected.ids) else len(text)

    def told(ids: list[int]) -> str:
        return " ".join(f"{token} {theirs.id_to_token(token)!r}" for token in ids[place : place + 3]) or "nothing"

    return (
        f"llama.cpp reads {text[at : at + 20]!r} in {text[:40]!r} as the tokens {told(found)}, and tokenizer.json as "
        f"{told(expected.ids)}: this tokenizer cannot be converted"
    )


def _special(folder: Path, numbers: dict[str, int], n_vocab: int) -> Any:
    """The merges, the special tokens, and the chat template that transformers takes where there are two."""
    import gguf

    try:
        special = gguf.SpecialVocab(folder, load_merges=True, n_vocab=n_vocab)
        told = _optional(folder / "tokenizer_config.json")
        for number, token in told.get("added_tokens_decoder", {}).items():
            if numbers.get(token["content"]) != int(number):
                raise TokenizerError(
                    f"{folder}: tokenizer_config.json has the token {number} {token['content']!r}, and tokenizer.json "
                    "has not: save the tokenizer again with save_pretrained"
                )
        template = folder / "chat_template.jinja"
        if template.exists() and (special.chat_template is None or "chat_template" in told):
            special.chat_template = template.read_text("utf-8")
        ends = [end for end in _ends(folder) if end != special.special_token_ids.get("eos") and end < n_vocab]
        for kind, end in zip(("eot", "eom"), ends, strict=False):
            special.special_token_ids.setdefault(kind, end)
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        if isinstance(error, TokenizerError):
            raise
        raise TokenizerError(
            f"{folder}: tokenizer_config.json or another file beside it is broken ({error})"
        ) from error
    special.add_special_token = _added_around(folder, special.special_token_ids)
    return special


def _ends(folder: Path) -> list[int]:
    """All tokens at which the model is told to stop."""
    found: list[Any] = []
    for file in ("generation_config.json", "config.json"):
        told = _optional(folder / file).get("eos_token_id")
        found += told if isinstance(told, list) else [told]
    return [end for end in dict.fromkeys(found) if isinstance(end, int)]


def _optional(file: Path) -> dict[str, Any]:
    return json.loads(file.read_text("utf-8")) if file.exists() else {}


def _read(folder: Path) -> dict[str, Any]:
    file = folder / "tokenizer.json"
    try:
        known = json.loads(file.read_text("utf-8"))
        kind, _, _ = known["model"]["type"], known["model"]["vocab"].items(), known["added_tokens"][:0]
    except OSError as error:
        raise TokenizerError(
            f"{file}: {error.strerror}; only byte-level BPE tokenizers in a tokenizer.json can be converted: "
            "save the tokenizer again with save_pretrained"
        ) from error
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise TokenizerError(f"{file} is broken ({error}): save the tokenizer again with save_pretrained") from error
    if kind != "BPE" or known["model"].get("byte_fallback"):
        what = "SentencePiece" if known["model"].get("byte_fallback") else kind
        raise TokenizerError(f"{file} is a tokenizer of kind {what}: only byte-level BPE can be converted")
    return known


def _split(folder: Path, known: dict[str, Any]) -> str:
    """llama.cpp's name for how the tokenizer splits a text before it merges."""
    first = known.get("pre_tokenizer") or {}
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


def _library(folder: Path) -> Any:
    """The tokenizers library's own, without the padding and truncation that training has left switched on."""
    from tokenizers import Tokenizer

    file = folder / "tokenizer.json"
    try:
        theirs = Tokenizer.from_file(str(file))
    except Exception as error:  # it raises nothing more specific
        raise TokenizerError(f"{file} is broken ({error}): save the tokenizer again with save_pretrained") from error
    theirs.no_padding()
    theirs.no_truncation()
    return theirs
