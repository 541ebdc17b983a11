"""Choices scored by the course's own model, against torch's on the same weights."""

import numpy as np
import pytest

from course import models
from course.llama import choices
from course.llama.choices import Question
from course.llama.errors import LlamaError

BEFORE = "import os\n\n"
QUESTIONS = [
    Question("def read(path):\n    with", (" open", " os.path.join(path", "\n", " os.path.exists(", " os")),
    Question("for name in", (" names:\n        print(name", " os")),
]


def scored(code, questions, **options):
    return list(choices.score(code, questions, n_threads=1, **options))


def test_each_token_has_the_log_probability_that_torch_gives_it(code):
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = models.folder_of("two-bills-code")
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModelForCausalLM.from_pretrained(folder)
    model = model.float()
    for question, found in zip(QUESTIONS, scored(code, QUESTIONS, before=BEFORE), strict=True):
        head = [*tokenizer(BEFORE)["input_ids"], *tokenizer(question.text)["input_ids"]]
        assert len(found) == len(question.choices)
        for choice, given in zip(question.choices, found, strict=True):
            tail = tokenizer(choice)["input_ids"]
            with torch.no_grad():
                logits = model(torch.tensor([[*head, *tail]])).logits[0]
            rows = torch.log_softmax(logits, -1)[len(head) - 1 : -1]
            assert given == pytest.approx([float(row[token]) for row, token in zip(rows, tail, strict=True)], abs=0.02)


def test_a_question_is_answered_alike_whatever_was_asked_before(code):
    alone = [scored(code, [question])[0] for question in QUESTIONS]
    for one, other in zip(alone, scored(code, QUESTIONS), strict=True):
        assert np.allclose(np.concatenate(one), np.concatenate(other), atol=1e-3)


def test_what_comes_before_is_read(code):
    with_it, without = (scored(code, QUESTIONS[:1], before=before)[0][0] for before in (BEFORE, ""))
    assert not np.allclose(with_it, without, atol=0.01)


def test_who_waits_is_told_how_far_it_is(code):
    told = []
    scored(code, QUESTIONS, report=lambda done, total: told.append((done, total)))
    assert told == [(1, 2), (2, 2)]


def test_nothing_asked_is_nothing_answered(code):
    assert scored(code, []) == []


@pytest.mark.parametrize(("text", "offered"), [("", ("a",)), ("a", ()), ("a", ("b", ""))])
def test_an_empty_text_or_choice_is_refused(text, offered):
    with pytest.raises(LlamaError, match="none of them empty"):
        Question(text, offered)


def test_a_question_longer_than_the_model_reads_is_refused(code):
    with pytest.raises(LlamaError, match="was trained on"):
        scored(code, [Question("x = 1\n" * 5000, (" y",))])
