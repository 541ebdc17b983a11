"""The ladder of the course's own model: its rungs, and which text each of its windows is of."""

import numpy as np
import pytest

from course import models
from course.llama import ladder, perplexity, tensors
from course.llama.ladder import Rung

TYPES = ("Q8_0", "Q2_K")


@pytest.fixture(scope="module")
def texts() -> list[str]:
    return models.held_out("two-bills-code")[:3]


@pytest.fixture(scope="module")
def told() -> list[tuple[int, int]]:
    return []


@pytest.fixture(scope="module")
def rungs(code, texts, told) -> dict[str, Rung]:
    windows = {"n_context": 64, "n_chunks": 5, "n_threads": 1}
    climbed = {}
    for rung in ladder.climb(code, texts, TYPES, **windows, report=lambda *counts: told.append(counts)):
        climbed[rung.type] = rung
        assert rung.path.exists() and rung.tensors == tensors.types(rung.path)
    return climbed


def test_the_source_comes_first_and_each_type_after_it_is_nearer_the_more_bits_it_has(rungs) -> None:
    assert list(rungs) == ["F16", *TYPES]
    assert rungs["F16"].kl_by_chunk() == []
    assert 0 < np.mean(rungs["Q8_0"].kl_by_chunk()) < np.mean(rungs["Q2_K"].kl_by_chunk())
    assert rungs["F16"].bits_per_weight > rungs["Q8_0"].bits_per_weight > rungs["Q2_K"].bits_per_weight
    assert not any(rung.path.exists() for rung in rungs.values() if rung.type != "F16")


def test_whoever_waits_is_told_of_every_window(rungs, told) -> None:
    assert told == [(n, 15) for n in range(1, 16)]


def test_a_window_is_of_the_text_in_which_its_scored_half_begins(code, texts, rungs) -> None:
    parts = [len(part) for part in perplexity.tokens_by_text(code, texts)]
    owners = np.repeat(np.arange(3), parts)
    begins = perplexity.starts(sum(parts), n_context=64, n_chunks=5, spread=True)
    for rung in rungs.values():
        assert list(rung.documents) == owners[begins + 32].tolist()
    assert len(set(rungs["F16"].documents)) > 1


def test_the_facts_of_a_rung_are_plain_and_complete(rungs) -> None:
    facts = rungs["Q8_0"].facts()
    assert len(facts["nll_nats"]) == len(facts["documents"]) == 5
    assert facts["scored_tokens"] == 5 * 31
    assert facts["perplexity"] == pytest.approx(np.exp(np.mean(facts["nll_nats"])))
