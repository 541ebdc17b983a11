"""The loop: who takes part in a step, and that company changes no answer beyond what rounding does."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from course.llama import generate, session
from course.llama.serving import batching, sequences
from course.llama.serving.batching import Batcher, Request
from course.llama.serving.sampling import Sampler
from course.llama.serving.sequences import Sequences
from course.llama.serving.writing import Writer

PROMPTS = [
    "import os\n\n\ndef read(path):\n",
    "def mean(values):\n    return ",
    "class Stack:\n    def ",
    "for i in range(",
]


class Endless(Writer):
    """As with ignore_eos: every request gets all of its tokens."""

    def is_end(self, token: int) -> bool:
        return False


def request(where: Sequences, prompt: str | np.ndarray, max_tokens: int = 12, *, endless: bool = True) -> Request:
    tokens = where.vocabulary.tokens(prompt) if isinstance(prompt, str) else prompt
    writer = (Endless if endless else Writer)(where.vocabulary)
    return Request(tokens, max_tokens, Sampler(0.0, 1.0, np.random.default_rng(0)), writer)


def prompt_of(n_tokens: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(1, 4000, n_tokens, dtype=np.int32)


def finished(batcher: Batcher, *, most: int = 1000) -> dict[Request, tuple[str, str]]:
    """Step until nothing is left: text and reason by request."""
    texts: dict[Request, str] = {}
    ends: dict[Request, str] = {}
    for _ in range(most):
        if batcher.is_idle:
            return {one: (texts[one], ends[one]) for one in ends}
        for piece in batcher.step():
            assert piece.request not in ends, "nothing comes after the end"
            texts[piece.request] = texts.get(piece.request, "") + piece.text
            if piece.finish:
                ends[piece.request] = piece.finish
    raise AssertionError(f"not done after {most} steps")


def test_answers_are_those_of_one_text_alone(four: Sequences, code) -> None:
    batcher = Batcher(four)
    asked = [request(four, prompt, 20, endless=False) for prompt in PROMPTS]
    for one in asked:
        batcher.add(one)
    found = finished(batcher)
    for prompt, one in zip(PROMPTS, asked, strict=True):
        assert found[one][0] == generate.complete(prompt, model=code, max_tokens=20, n_threads=1).text


def test_company_that_comes_and_goes_changes_no_answer(four: Sequences) -> None:
    alone = Batcher(four)
    kept = request(four, PROMPTS[0], 30)
    alone.add(kept)
    expected = finished(alone)[kept]
    batcher = Batcher(four)
    same, text = request(four, PROMPTS[0], 30), ""
    batcher.add(same)
    for number in range(4):
        batcher.add(request(four, prompt_of(20 + 9 * number, number), 3 + number))
        text += "".join(piece.text for piece in batcher.step() if piece.request is same)
    rest, end = finished(batcher)[same]
    assert (text + rest, end) == expected


def test_who_writes_gets_a_token_in_every_step_whatever_is_read(four: Sequences) -> None:
    batcher = Batcher(four)
    writer = request(four, PROMPTS[0], 12)
    batcher.add(writer)
    batcher.step()
    long = request(four, prompt_of(100), 3)
    batcher.add(long)
    before = []
    for n_written in range(2, 12):
        batcher.step()
        assert writer.n_written == n_written
        before.append(long.n_written == 0)
    assert before.count(True) == -(-100 // batching.PROMPT_TOKENS) - 1, "its last part is read, and a token written"


def test_a_step_reads_no_more_of_prompts_than_the_limit(four: Sequences) -> None:
    batcher = Batcher(four)
    for number in range(4):
        batcher.add(request(four, prompt_of(50, number), 2))
    reads = []
    while not batcher.is_idle:
        before = batcher.counts.prompt_tokens
        batcher.step()
        reads.append(batcher.counts.prompt_tokens - before)
    assert max(reads) <= batching.PROMPT_TOKENS
    assert sum(reads) == 200


def test_who_waits_takes_the_place_of_the_first_that_is_done(four: Sequences) -> None:
    batcher = Batcher(four)
    lengths = [9, 3, 9, 9, 5]
    asked = [request(four, prompt_of(4, number), length) for number, length in enumerate(lengths)]
    for one in asked:
        batcher.add(one)
    steps = 0
    while asked[4].n_written == 0:
        batcher.step()
        steps += 1
        assert len(batcher.running) <= 4
    assert steps == 4, "three for the shortest, and the next one is there"
    assert {one.n_written for one in asked} == {4, 3, 1}


def test_one_slot_takes_one_after_the_other(code) -> None:
    with sequences.opened(code, n=1, n_context=128, n_threads=1) as one:
        batcher = Batcher(one)
        asked = [request(one, prompt_of(4, number), 3) for number in range(3)]
        for each in asked:
            batcher.add(each)
        seen = []
        while not batcher.is_idle:
            seen += [asked.index(piece.request) for piece in batcher.step()]
    assert seen == [0, 0, 0, 1, 1, 1, 2, 2, 2]


def test_what_is_cancelled_leaves_no_trace(four: Sequences) -> None:
    batcher = Batcher(four)
    gone = [request(four, prompt_of(40, number), 80) for number in range(6)]
    for one in gone:
        batcher.add(one)
    for _ in range(7):
        batcher.step()
    for one in gone:
        batcher.cancel(one)
        batcher.cancel(one)
    assert batcher.is_idle
    again = [request(four, prompt, 20) for prompt in PROMPTS]
    for one in again:
        batcher.add(one)
    alone = Batcher(four)
    found = finished(batcher)
    for prompt, one in zip(PROMPTS, again, strict=True):
        same = request(four, prompt, 20)
        alone.add(same)
        assert finished(alone)[same] == found[one]


def test_a_step_that_fails_ends_those_in_it_and_no_others(four: Sequences) -> None:
    batcher = Batcher(four)
    broken = request(four, np.array([10**6], np.int32), 3)  # no such token
    others = [request(four, prompt_of(4, number), 3) for number in range(4)]
    for one in [broken, *others]:
        batcher.add(one)
    pieces = batcher.step()
    assert {piece.request for piece in pieces} == {broken, *others[:3]}
    assert all(piece.finish == "error" and "llama_decode" in piece.text for piece in pieces)
    assert finished(batcher)[others[3]][1] == "length"


def test_the_end_token_and_the_last_token_end_an_answer(four: Sequences) -> None:
    batcher = Batcher(four)
    end = four.vocabulary.end
    stops = Request(prompt_of(4), 5, lambda logits: end, Writer(four.vocabulary))
    full = request(four, prompt_of(4), 5)
    batcher.add(stops)
    batcher.add(full)
    found = finished(batcher)
    assert found[stops] == ("", "stop") and stops.n_written == 0
    assert found[full][1] == "length" and full.n_written == 5


def test_steps_are_counted_by_who_took_part(four: Sequences) -> None:
    batcher = Batcher(four)
    batcher.add(request(four, prompt_of(4), 3))
    batcher.add(request(four, prompt_of(4), 5))
    finished(batcher)
    assert {key: n for key, (n, _) in batcher.counts.steps.items()} == {(2, True): 1, (2, False): 2, (1, False): 2}
    assert all(seconds > 0 for _, seconds in batcher.counts.steps.values())
    assert (batcher.counts.prompt_tokens, batcher.counts.written_tokens) == (8, 8)


@given(
    st.lists(
        st.tuples(st.integers(1, 60), st.integers(1, 8), st.integers(0, 6), st.booleans()), min_size=1, max_size=12
    )
)
@settings(max_examples=30, deadline=None)
def test_everybody_gets_all_tokens_in_the_order_of_arrival(four: Sequences, asked) -> None:
    """Each: tokens of prompt and answer, steps before the next one comes, whether it is cancelled then."""
    batcher = Batcher(four)
    order: list[Request] = []
    alive: list[Request] = []
    for number, (n_prompt, n_tokens, steps, cancelled) in enumerate(asked):
        one = request(four, prompt_of(n_prompt, number), n_tokens)
        batcher.add(one)
        alive.append(one)
        for _ in range(steps):
            if not batcher.is_idle:
                batcher.step()
            order += [slot.request for slot in batcher.running if slot.request not in order]
            assert len(batcher.running) <= 4
        if cancelled:
            batcher.cancel(one)
            alive.remove(one)
    while not batcher.is_idle:
        batcher.step()
        order += [slot.request for slot in batcher.running if slot.request not in order]
    assert all(one.n_written == one.max_tokens for one in alive)
    entered = [one for one in alive if one in order]  # one token is written in the step in which its request enters
    assert [one for one in order if one in entered] == entered


@pytest.mark.parametrize("n_slots", [1, 4, 8])
def test_greedy_answers_of_the_real_model_are_right_within_rounding(smollm2_f16, n_slots: int) -> None:
    """Every token is the likeliest, or as good as it: batches round otherwise than a text alone does."""
    texts = [f"The capital of {country} is" for country in ("France", "Algeria", "Japan", "Peru", "Kenya", "Norway")]
    with sequences.opened(smollm2_f16, n=n_slots, n_context=128, n_threads=1) as several:
        batcher = Batcher(several)
        asked = [request(several, text, 16) for text in texts]
        chosen: dict[Request, list[int]] = {one: [] for one in asked}
        for one in asked:
            one.choose = lambda logits, kept=chosen[one]: kept.append(int(logits.argmax())) or kept[-1]
            batcher.add(one)
        finished(batcher)
    with session.opened(smollm2_f16, n_context=128, n_threads=1) as alone:
        for one in asked:
            alone.forget()
            written = np.array(chosen[one], np.int32)
            alone.feed(np.concatenate([one.prompt, written[:-1]]), logits_for=slice(len(one.prompt) - 1, None))
            logits = alone.logits(len(written))
            behind = logits.max(axis=1) - logits[np.arange(len(written)), written]
            assert behind.max() < 0.2, "in logits, of which 49,152 spread over 30"
