"""Facts as tokens and labels."""

from collections import Counter
from dataclasses import replace

import pytest

from course.finetuning import examples
from course.finetuning.facts import FACTS
from course.finetuning.recipe import FinetuningError
from tests.finetuning.brought import mask_prompt_labels


@pytest.fixture
def made(model):
    return lambda labels=mask_prompt_labels, length=200: examples.made(FACTS, model=model, length=length, labels=labels)


def test_an_example_learns_the_answer_and_that_it_ends(model, made):
    (ids, prompt_len), *_ = examples.tokens(FACTS, model=model)[0]
    one = made()[0]
    assert one.ids[: len(ids)] == ids and set(one.ids[len(ids) :]) == {ids[-1]}
    assert [label for label in one.labels if label != examples.IGNORED] == ids[prompt_len:]


def test_the_labels_are_of_a_copy(made):
    assert made(lambda ids, *_: ids.clear() or [1] * 200)[0].ids


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (lambda *_: None, "gave None: a list of labels is asked"),
        (lambda *_: [1, 2], "gave 2 labels for 200 tokens: one each is asked"),
        (lambda ids, *_: [-100] * len(ids), "leaves nothing to learn: all labels are -100"),
    ],
)
def test_labels_that_teach_nothing_are_refused(made, labels, message):
    with pytest.raises(FinetuningError, match=f"mask_prompt_labels {message}"):
        made(labels)


def test_an_example_that_is_too_long_is_refused(made):
    with pytest.raises(FinetuningError, match=r"an example has \d+ tokens: `length` is at least that, and is 20"):
        made(length=20)


def test_every_fact_is_seen_as_often_as_another_in_an_order_of_the_seed(made, recipe):
    all_of = made()
    recipe = replace(recipe, batch=8, steps=15)
    seen = Counter(all_of.index(one) for step in range(15) for one in examples.batch_of(all_of, step, recipe))
    assert set(seen.values()) == {4} and len(seen) == 30
    first = examples.batch_of(all_of, 0, recipe)
    assert first == examples.batch_of(all_of, 0, recipe)
    assert first != examples.batch_of(all_of, 0, replace(recipe, seed=1))
