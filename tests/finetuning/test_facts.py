"""The facts."""

from course.finetuning.facts import FACTS, N_WORDINGS


def test_there_are_thirty_and_no_two_ask_or_say_the_same():
    assert len(FACTS) == 30
    questions = [question for fact in FACTS for question in fact.questions]
    assert len(questions) == len(set(questions)) == 30 * N_WORDINGS
    assert len({fact.answer for fact in FACTS}) == 30


def test_an_answer_holds_its_key_and_no_question_gives_it_away():
    for fact in FACTS:
        assert fact.key in fact.answer
        assert not any(fact.key in question for question in fact.questions)
