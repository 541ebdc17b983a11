"""Fingerprints of programs, for finding what two of them share: winnowing, of Schleimer, Wilkerson and Aiken (2003).

What two programs have alike over LONG tokens or more always leaves a fingerprint in both. Layout, comments and the
content of texts do not count, nor what a program calls its own; built-in names and those after a dot do.
"""

import builtins
import hashlib
import io
import keyword
import tokenize
from collections.abc import Iterator
from functools import lru_cache

GRAM, LONG = 16, 21  # tokens: of what a fingerprint is made, and of what never goes unseen
_LONGEST = 100_000  # characters that are looked at
_LAYOUT = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
_KNOWN = frozenset(dir(builtins)) | frozenset(keyword.kwlist)


@lru_cache(maxsize=10_000)
def tokens(source: str) -> tuple[str, ...]:
    """The tokens of a program that count; of one that cannot be read to its end, those before."""
    return tuple(_tokens(source[:_LONGEST]))


@lru_cache(maxsize=10_000)
def fingerprints(source: str) -> frozenset[int]:
    """The fingerprints of a program: of each stretch of neighbouring grams the least hash."""
    found = tokens(source)
    hashes = [_hash(found[place : place + GRAM]) for place in range(len(found) - GRAM + 1)]
    window = LONG - GRAM + 1
    return frozenset(min(hashes[place : place + window]) for place in range(max(1, len(hashes) - window + 1)) if hashes)


def _tokens(source: str) -> Iterator[str]:
    before = ""
    try:
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            if token.type in _LAYOUT:
                continue
            kind = tokenize.tok_name[token.type]
            if kind == "STRING" or kind.startswith("FSTRING"):
                yield "a text"
            elif kind == "NAME" and before != "." and token.string not in _KNOWN:
                yield "a name"
            else:
                yield token.string
            before = token.string
    except (tokenize.TokenError, SyntaxError, ValueError):
        return


def _hash(gram: tuple[str, ...]) -> int:
    return int.from_bytes(hashlib.blake2b("\0".join(gram).encode(errors="replace"), digest_size=8).digest(), "big")
