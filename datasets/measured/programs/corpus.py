"""The text of the sweep: Python source that is installed here, one file in fifty held out, and its tokens."""

import hashlib
import json
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from torch import Tensor

VOCAB_SIZE = 4096
END = "<|end|>"  # token 0: stands after every file
SHORTEST, LONGEST = 200, 300_000  # characters of a file
TOKENIZER_FILES = 4000


def build(out: Path, most_files: int | None) -> None:
    """Write train.npy, held_out.npy (uint16) and corpus.json below `out`, unless they are there."""
    if (out / "corpus.json").exists():
        return
    texts: dict[str, list[str]] = {"train": [], "held_out": []}
    for text in _texts():
        texts["held_out" if hashlib.sha256(text.encode()).digest()[0] < 5 else "train"].append(text)
        if len(texts["train"]) == most_files:
            break
    np.random.default_rng(0).shuffle(texts["train"])
    tokenizer = _tokenizer(texts["train"][:TOKENIZER_FILES])
    sizes = []
    for name, some in texts.items():
        ids = [np.array([*encoding.ids, 0], np.uint16) for encoding in tokenizer.encode_batch(some)]
        stream = np.concatenate(ids)
        np.save(out / f"{name}.npy", stream)
        n_bytes = sum(len(text.encode()) for text in some)
        sizes.append({"id": name.replace("_", "-"), "files": len(some), "n_bytes": n_bytes, "n_tokens": len(stream)})
    (out / "corpus.json").write_text(json.dumps(sizes), encoding="utf-8")


def sizes(out: Path) -> list[dict[str, Any]]:
    """Files, bytes and tokens of the text to train on, and of what is held out."""
    return json.loads((out / "corpus.json").read_text(encoding="utf-8"))


def load(out: Path, device: str) -> tuple[Tensor, Tensor]:
    """The two streams of tokens: to train on, and held out."""
    train, held_out = (np.load(out / f"{name}.npy").astype(np.int16) for name in ("train", "held_out"))
    return torch.from_numpy(train).to(device), torch.from_numpy(held_out).to(device)


def _texts() -> Iterator[str]:
    """Each different file of the interpreter's packages and library."""
    seen = set()
    for root in (sysconfig.get_path("purelib"), sysconfig.get_path("stdlib")):
        for path in sorted(Path(root).rglob("*.py")):
            try:
                text = path.read_text("utf-8")
            except (OSError, UnicodeDecodeError):
                continue
            if SHORTEST < len(text) < LONGEST and text not in seen:
                seen.add(text)
                yield text


def _tokenizer(texts: list[str]) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCAB_SIZE, special_tokens=[END], initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer
