"""What is computed while the clock runs, not how fast."""

import numpy as np
import pytest

from course.llama import header, session, speed
from course.llama.errors import LlamaError
from course.llama.session import Session
from course.llama.speed import Run


@pytest.fixture
def calls(monkeypatch):
    """What was done to the model: ("decode", number of tokens), ("roll back", to where), ("forget", 0)."""
    seen = []
    decode, roll_back, forget = Session.decode, Session.roll_back, Session.forget
    monkeypatch.setattr(
        Session, "decode", lambda self, batch: (seen.append(("decode", len(batch.tokens))), decode(self, batch))
    )
    monkeypatch.setattr(Session, "roll_back", lambda self, n: (seen.append(("roll back", n)), roll_back(self, n)))
    monkeypatch.setattr(Session, "forget", lambda self: (seen.append(("forget", 0)), forget(self)))
    return seen


def test_prefill_reads_all_tokens_at_once_after_a_warm_up(code, calls):
    found = speed.prefill(code, n_tokens=32, n_threads=1, repetitions=2)
    assert calls == [("decode", 32), ("forget", 0), *[("roll back", 0), ("decode", 32)] * 2]
    assert (found.n_threads, found.n_depth, found.n_tokens, len(found.tokens_per_s)) == (1, 0, 32, 2)
    assert min(found.tokens_per_s) > 0
    assert found.median == pytest.approx(np.median(found.tokens_per_s))


def test_decode_writes_one_by_one_at_its_depth_which_is_read_once(code, calls):
    found = speed.decode(code, n_tokens=3, n_threads=1, n_depth=40, repetitions=2)
    assert calls == [("decode", 1), ("forget", 0), ("decode", 40), *[("roll back", 40), *[("decode", 1)] * 3] * 2]
    assert (found.n_depth, found.n_tokens) == (40, 3)


def test_runs_are_taken_in_turns_by_a_model_that_is_loaded_once(code, calls, monkeypatch):
    loads = []
    loaded = session.loaded
    monkeypatch.setattr(session, "loaded", lambda path: (loads.append(path), loaded(path))[1])
    runs = {
        "read": Run(code, "prefill", n_tokens=5, n_threads=1),
        "write": Run(code, "decode", n_tokens=1, n_threads=1, n_depth=7),
    }
    found = speed.in_turns(runs, repetitions=2)
    assert loads == [code]
    warm = [("decode", 5), ("forget", 0), ("decode", 1), ("forget", 0), ("decode", 7)]
    assert calls == [*warm, *[("roll back", 0), ("decode", 5), ("roll back", 7), ("decode", 1)] * 2]
    assert {label: len(rates) for label, rates in found.items()} == {"read": 2, "write": 2}


def test_a_phase_that_is_none_is_refused_before_anything_is_loaded(code, monkeypatch):
    monkeypatch.setattr(session, "loaded", lambda path: pytest.fail("it was loaded"))
    with pytest.raises(LlamaError, match="a run is one of prefill, decode; got 'writing'"):
        speed.in_turns({"a": Run(code, "writing", n_tokens=1)})


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"n_tokens": 0}, "at least 1"),
        ({"repetitions": 0}, "at least 1"),
        ({"n_depth": -1}, "at least 1"),
        ({"n_threads": 0}, "0 threads"),
        ({"n_threads": 10_000}, "10,000 threads"),
        ({"n_depth": 100_000}, "was trained on 1 to"),
    ],
)
def test_what_cannot_be_measured_says_why(code, options, said):
    for measure in (speed.prefill, speed.decode):
        with pytest.raises(LlamaError, match=said):
            measure(code, **options)


def test_all_of_the_context_can_be_measured(code):
    n_context = header.read(code).context_length
    assert speed.decode(code, n_tokens=8, n_threads=1, n_depth=n_context - 8, repetitions=1).tokens_per_s
