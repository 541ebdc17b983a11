"""The text: Python source of permissive licence that is installed here, and the hold-out rule."""

import hashlib
import importlib.metadata
import re
import sysconfig
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

END = "<|end|>"  # token 0: stands after every file
_PERMISSIVE = re.compile(
    r"\b(MIT|BSD|Apache|PSF|Python Software Foundation|ISC|Unlicense|Zlib|HPND|CC0|Public Domain)\b", re.I
)
_OTHER = re.compile(r"GPL|MPL|Mozilla|EPL|CDDL|NVIDIA|Proprietary|Commercial|Non-?Commercial", re.I)


@dataclass(frozen=True)
class Corpus:
    """Texts of files, shuffled; those held out; and the packages they come from: [name, version, licence]."""

    train: list[str]
    held_out: list[str]
    packages: list[list[str]]


def is_held_out(text: str) -> bool:
    """One file in fifty, chosen by its content: the first byte of the SHA-256 of its UTF-8 is below 5.

    So any machine finds texts that were never trained on among its own files.
    """
    return hashlib.sha256(text.encode()).digest()[0] < 5


def read(most_files: int | None = None) -> Corpus:
    """The corpus of this interpreter; of its first `most_files` files to train on, where that is given."""
    files, packages = _permissive_files()
    train: list[str] = []
    held_out: list[str] = []
    for _, text in _texts(files):
        (held_out if is_held_out(text) else train).append(text)
        if len(train) == most_files:
            break
    np.random.default_rng(0).shuffle(train)
    return Corpus(train, held_out, packages)


def held_out_of_library() -> list[dict[str, str]]:
    """Path and text of each held-out file of the standard library, which may be passed on under Python's licence."""
    library = Path(sysconfig.get_path("stdlib"))
    return [
        {"path": path.relative_to(library).as_posix(), "text": text}
        for path, text in _texts(_library_files())
        if is_held_out(text)
    ]


def train_tokenizer(texts: list[str], vocab_size: int) -> Tokenizer:
    """A byte-level BPE, as GPT-2's, of the first 4,000 texts."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size, special_tokens=[END], initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(texts[:4000], trainer)
    return tokenizer


def encode(tokenizer: Tokenizer, texts: list[str]) -> np.ndarray:
    """All texts' tokens in one row (int32), END after each."""
    rows = [np.empty(0, np.int32)]
    for start in range(0, len(texts), 2000):
        rows += [np.array([*text.ids, 0], np.int32) for text in tokenizer.encode_batch(texts[start : start + 2000])]
    return np.concatenate(rows)


def _texts(files: Iterable[Path]) -> Iterable[tuple[Path, str]]:
    """Each text once, with its first file, if it is UTF-8 of between 200 and 300,000 characters."""
    seen = set()
    for file in files:
        try:
            text = file.read_text("utf-8")
        except (OSError, UnicodeDecodeError):
            continue
        if 200 < len(text) < 300_000 and text not in seen:
            seen.add(text)
            yield file, text


def _permissive_files() -> tuple[list[Path], list[list[str]]]:
    """The standard library's files and those of packages whose metadata names a permissive licence, and no other."""
    files = _library_files()
    packages = [["CPython standard library", sysconfig.get_python_version(), "PSF-2.0"]]
    for package in sorted(importlib.metadata.distributions(), key=lambda found: found.metadata["Name"] or ""):
        licence = _licence(package)
        if _PERMISSIVE.search(licence) and not _OTHER.search(licence):
            files += [Path(str(package.locate_file(file))) for file in package.files or [] if file.suffix == ".py"]
            packages.append([package.metadata["Name"], package.version, licence[:80]])
    return files, packages


def _library_files() -> list[Path]:
    installed = {"site-packages", "dist-packages"}
    files = sorted(Path(sysconfig.get_path("stdlib")).rglob("*.py"))
    return [path for path in files if not installed & set(path.parts)]


def _licence(package: importlib.metadata.Distribution) -> str:
    about = package.metadata
    named = [text for text in about.get_all("Classifier", []) if text.startswith("License")]
    classifiers = [text.rsplit("::", 1)[-1].strip() for text in named]
    return about.get("License-Expression") or "; ".join(classifiers) or (about.get("License") or "").split("\n")[0]
