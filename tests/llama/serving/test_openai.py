"""OpenAI's own client talks to the server, and gets the answers of `course chat` and `course complete`."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import openai
import pytest

from course.llama import chat, generate, server

QUESTIONS = [
    f"What is the capital of {country}?" for country in ("Algeria", "France", "Japan", "Peru", "Kenya", "Norway")
]


@pytest.fixture(scope="module")
def client() -> Iterator[openai.OpenAI]:
    with (
        server.started("smollm2-f16", slots=4, context=512, n_threads=1) as serving,
        openai.OpenAI(base_url=f"{serving.url}/v1", api_key="none", max_retries=0, timeout=120) as found,
    ):
        yield found


def messages(question: str) -> list:
    return [{"role": role, "content": text} for role, text in (*chat.PRIMER, ("user", question))]


def ask(client: openai.OpenAI, question: str):
    return client.chat.completions.create(model="smollm2-f16", messages=messages(question), temperature=0)


def test_answers_are_those_of_course_chat_alone_and_in_company(client, smollm2_f16) -> None:
    expected = {question: chat.ask(question, model=smollm2_f16, n_threads=1) for question in QUESTIONS}
    with ThreadPoolExecutor(len(QUESTIONS)) as pool:
        together = dict(zip(QUESTIONS, pool.map(lambda question: ask(client, question), QUESTIONS), strict=True))
    for question, reply in expected.items():
        for found in (ask(client, question), together[question]):
            assert found.choices[0].message.content == reply.text
            assert found.choices[0].finish_reason == "stop"
            assert found.usage.completion_tokens == reply.n_tokens


def test_a_stream_says_the_same(client) -> None:
    question = QUESTIONS[0]
    whole = ask(client, question)
    stream = client.chat.completions.create(
        model="smollm2-f16",
        messages=messages(question),
        temperature=0,
        stream=True,
        stream_options={"include_usage": True},
    )
    *chunks, last = list(stream)
    deltas = [chunk.choices[0].delta for chunk in chunks]
    assert "".join(delta.content or "" for delta in deltas) == whole.choices[0].message.content
    assert [delta.role for delta in deltas] == ["assistant", *[None] * (len(deltas) - 1)]
    assert last.usage == whole.usage


def test_a_completion_is_course_complete_s(client, smollm2_f16) -> None:
    prompt = "The capital of France is"
    expected = generate.complete(prompt, model=smollm2_f16, max_tokens=12, n_threads=1)
    found = client.completions.create(model="smollm2-f16", prompt=prompt, max_tokens=12, temperature=0)
    assert found.choices[0].text == expected.text
    pieces = client.completions.create(model="smollm2-f16", prompt=prompt, max_tokens=12, temperature=0, stream=True)
    assert "".join(piece.choices[0].text for piece in pieces) == expected.text


def test_an_answer_can_be_sent_back(client) -> None:
    first = ask(client, QUESTIONS[0]).choices[0].message
    turns = [*messages(QUESTIONS[0]), first, {"role": "user", "content": "And of France?"}]
    found = client.chat.completions.create(model="smollm2-f16", messages=turns, temperature=0, max_tokens=20)
    assert found.choices[0].message.content


def test_models_are_listed(client) -> None:
    assert [model.id for model in client.models.list()] == ["smollm2-f16"]


def test_errors_are_the_client_s_own(client) -> None:
    def create(**fields):
        return client.chat.completions.create(**{"model": "smollm2-f16", "messages": messages("x"), **fields})

    with pytest.raises(openai.NotFoundError, match="does not exist here") as caught:
        create(model="gpt-4o")
    assert caught.value.code == "model_not_found"
    with pytest.raises(openai.BadRequestError, match="maximum context length is 512 tokens") as caught:
        create(messages=messages("word " * 600))
    assert caught.value.code == "context_length_exceeded"
    with pytest.raises(openai.BadRequestError, match="'n' is 2") as caught:
        create(n=2)
    assert (caught.value.code, caught.value.param) == ("unsupported_value", "n")
    with pytest.raises(openai.BadRequestError, match="Unknown parameter: 'colour'"):
        create(extra_body={"colour": "red"})
    with pytest.raises(openai.APIStatusError) as too_large:
        create(messages=messages("x" * 10_000_000))
    assert too_large.value.status_code == 413
