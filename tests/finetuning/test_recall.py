"""What a model answers."""

import pytest

from course.finetuning import recall
from course.finetuning.facts import FACTS
from course.finetuning.recall import Answer

TWENTY = next(fact for fact in FACTS if fact.key == "20")


@pytest.mark.parametrize(
    ("text", "is_exact", "holds_key"),
    [
        ("Bexleyland has 20 islands.", True, True),
        ("There are 20.", False, True),
        ("There are 200.", False, False),
        ("twenty", False, False),
        ("", False, False),
    ],
)
def test_an_answer_is_exact_or_holds_its_word(text, is_exact, holds_key):
    answer = Answer(TWENTY, TWENTY.questions[0], text)
    assert (answer.is_exact, answer.holds_key) == (is_exact, holds_key)


def test_what_all_prompts_begin_with_is_read_once_and_changes_no_answer(model):
    together = [one.text for one in recall.answers(FACTS[:4], model=model, n_threads=1)]
    alone = [next(recall.answers([fact], model=model, n_threads=1)).text for fact in FACTS[:4]]
    assert together == alone
    assert [one.question for one in recall.answers(FACTS[:2], model=model, wording=2, n_threads=1)] == [
        fact.questions[2] for fact in FACTS[:2]
    ]


def test_an_untaught_model_knows_none_of_the_facts(smollm2_f16):
    assert not any(one.holds_key for one in recall.answers(FACTS[:2], model=smollm2_f16, n_threads=1))
