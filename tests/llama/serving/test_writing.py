"""Texts from tokens, held against the whole text cut at its first stop sequence."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from course.llama.serving.sequences import Sequences
from course.llama.serving.writing import Writer

TEXT = "def größe(x):\n    return '日本語' + x  # 🙂 ababab\n"


def written(where: Sequences, tokens: Sequence[int], stop: Sequence[str]) -> tuple[list[str], bool]:
    """The pieces, the rest included, and whether a stop sequence has come."""
    writer, pieces = Writer(where.vocabulary, stop=stop), []
    for token in tokens:
        pieces.append(writer.write(token))
        if writer.stopped:
            break
    return [*pieces, writer.rest()], writer.stopped


def test_pieces_are_whole_characters_and_nothing_is_lost(four: Sequences) -> None:
    tokens = four.vocabulary.tokens(TEXT)
    pieces, stopped = written(four, tokens, ())
    assert "".join(pieces) == TEXT and not stopped
    assert len(tokens) > len(TEXT.split())
    assert "\ufffd" not in "".join(pieces)


def test_a_character_that_is_never_finished_is_shown_as_such(four: Sequences) -> None:
    tokens = four.vocabulary.tokens("語")
    assert len(tokens) > 1
    pieces, _ = written(four, tokens[:-1], ())
    assert "".join(pieces) == "\ufffd"


@pytest.mark.parametrize(
    ("stop", "left"),
    [
        (["return"], "def größe(x):\n    "),
        (["abab"], "def größe(x):\n    return '日本語' + x  # 🙂 "),
        (["本"], "def größe(x):\n    return '日"),
        (["nowhere", "x", "größe"], "def "),
        (["ababac"], TEXT),
    ],
)
def test_the_text_ends_before_the_stop_sequence(four: Sequences, stop: list[str], left: str) -> None:
    pieces, stopped = written(four, four.vocabulary.tokens(TEXT), stop)
    assert "".join(pieces) == left
    assert stopped == (left != TEXT)


def test_what_may_begin_a_stop_sequence_is_held_back_until_it_is_none(four: Sequences) -> None:
    writer = Writer(four.vocabulary, stop=["abc"])
    a, b, d = (int(four.vocabulary.tokens(letter)[0]) for letter in "abd")
    assert [writer.write(token) for token in (a, b, a, b, d)] == ["", "", "ab", "", "abd"]


@given(st.text(st.sampled_from("ab\n"), max_size=40), st.lists(st.text("ab", min_size=1, max_size=4), max_size=3))
def test_it_is_the_text_up_to_the_first_stop_sequence_that_is_complete(four: Sequences, text: str, stop) -> None:
    """Letter by letter, as tokens may be: the sequence that ends first cuts, at its beginning."""
    letters = [int(four.vocabulary.tokens(letter)[0]) for letter in text]
    pieces, stopped = written(four, np.array(letters), stop)
    cut = None
    for end in range(len(text) + 1):
        begins = [end - len(one) for one in stop if text[:end].endswith(one)]
        if begins:
            cut = min(begins)
            break
    assert "".join(pieces) == text[:cut]
    assert stopped == (cut is not None)
