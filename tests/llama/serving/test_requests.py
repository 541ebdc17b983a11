"""What a request may say, and what it is told where it may not."""

import json

import pytest

from course.llama.serving import requests
from course.llama.serving.requests import Refused

CHAT = {"messages": [{"role": "user", "content": "Hello"}]}
TEXT = {"prompt": "Hello"}


def read(fields, *, chat: bool = False):
    return requests.read(fields if isinstance(fields, bytes) else json.dumps(fields).encode(), chat=chat)


def test_the_least_request_gets_openai_s_defaults() -> None:
    text, chat = read(TEXT), read(CHAT, chat=True)
    assert (text.prompt, text.max_tokens, text.is_chat) == ("Hello", 16, False)
    assert (chat.turns, chat.max_tokens, chat.is_chat) == ([("user", "Hello")], None, True)
    for asked in (text, chat):
        assert (asked.temperature, asked.top_p, asked.seed, asked.stream, asked.stop) == (1.0, 1.0, None, False, ())


def test_null_is_as_if_not_given() -> None:
    nothing = dict.fromkeys(("max_tokens", "temperature", "top_p", "seed", "stop", "stream", "stream_options", "n"))
    assert read(TEXT | nothing) == read(TEXT)
    assert read(CHAT | nothing, chat=True) == read(CHAT, chat=True)


@pytest.mark.parametrize(
    ("prompt", "found"), [("a", "a"), (["a"], "a"), ([1, 2, 3], [1, 2, 3]), (["one text"], "one text")]
)
def test_a_prompt_is_a_text_or_tokens(prompt, found) -> None:
    assert read({"prompt": prompt}).prompt == found


def test_messages_may_have_parts_and_what_answers_have() -> None:
    answer = {"role": "assistant", "content": "Hi", "refusal": None, "tool_calls": None, "annotations": []}
    parts = [{"type": "text", "text": "one, "}, {"type": "text", "text": "two"}]
    asked = read(
        {"messages": [{"role": "developer", "content": "Be brief."}, answer, {"role": "user", "content": parts}]},
        chat=True,
    )
    assert asked.turns == [("system", "Be brief."), ("assistant", "Hi"), ("user", "one, two")]


def test_what_is_given_counts() -> None:
    asked = read(
        TEXT
        | {"max_tokens": 5, "temperature": 0, "top_p": 0.5, "seed": -3, "stop": "x", "stream": True, "ignore_eos": True}
        | {"stream_options": {"include_usage": True}, "user": "me"}
    )
    assert (asked.max_tokens, asked.temperature, asked.top_p, asked.seed, asked.stop) == (5, 0, 0.5, -3, ["x"])
    assert asked.stream and asked.include_usage and asked.ignore_eos
    assert read(CHAT | {"max_completion_tokens": 7}, chat=True).max_tokens == 7


@pytest.mark.parametrize(
    ("fields", "param", "code", "said"),
    [
        (TEXT | {"foo": 1}, "foo", "unknown_parameter", "Unknown parameter: 'foo'."),
        ({}, "prompt", "missing_required_parameter", "Missing required parameter: 'prompt'."),
        (TEXT | {"max_tokens": 0}, "max_tokens", "invalid_value", "'max_tokens': expected integer, at least 1, got 0."),
        (TEXT | {"max_tokens": "5"}, "max_tokens", "invalid_type", 'expected integer, at least 1, got "5".'),
        (TEXT | {"max_tokens": True}, "max_tokens", "invalid_type", "got true."),
        (TEXT | {"temperature": 3}, "temperature", "invalid_value", "number, at least 0 and at most 2, got 3."),
        (TEXT | {"n": 2}, "n", "unsupported_value", "Unsupported value: 'n' is 2 and can be: 1."),
        (TEXT | {"logprobs": 5}, "logprobs", "unsupported_value", "'logprobs' is 5 and can be: null."),
        (TEXT | {"stop": ["a"] * 5}, "stop", "invalid_type", "expected a text, or up to four of them"),
        (TEXT | {"stream_options": {"x": 1}}, "stream_options.x", "unknown_parameter", "'stream_options.x'"),
        (
            {"prompt": ["a", "b"]},
            "prompt",
            "invalid_type",
            'one text that is not empty, or the numbers of its tokens, got ["a", "b"].',
        ),
        ({"prompt": ""}, "prompt", "invalid_value", 'got "".'),
        ({"prompt": [-1]}, "prompt", "invalid_type", "got [-1]."),
        ({"prompt": {"a": "b" * 100}}, "prompt", "invalid_type", "bbb …."),
        ([], None, "invalid_type", "Invalid value: expected object, got []."),
        ("text", None, "invalid_type", 'expected object, got "text".'),
    ],
)
def test_a_completion_that_cannot_be_done_names_the_field(fields, param, code, said) -> None:
    with pytest.raises(Refused) as caught:
        read(fields)
    assert (caught.value.status, caught.value.param, caught.value.code) == (400, param, code)
    assert said in str(caught.value)
    assert caught.value.body["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize(
    ("fields", "param", "said"),
    [
        ({"messages": []}, "messages", "expected array, at least 1, got []."),
        ({"messages": [{"role": "robot", "content": "x"}]}, "messages.0.role", '"robot" and can be: "system"'),
        ({"messages": [{"role": "user"}]}, "messages.0.content", "Missing required parameter"),
        ({"messages": [{"role": "user", "content": None}]}, "messages.0.content", "a text, or parts of the type text"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]},
            "messages.0.content",
            "parts of the type text",
        ),
        (CHAT | {"tools": [{"type": "function"}]}, "tools", "Unsupported value"),
        (CHAT | {"response_format": {"type": "json_object"}}, "response_format", 'can be: {"type": "text"}'),
        (CHAT | {"max_tokens": 5, "max_completion_tokens": 6}, None, "at the same time"),
        (CHAT | {"prompt": "x"}, "prompt", "Unknown parameter"),
    ],
)
def test_a_conversation_that_cannot_be_done_names_the_field(fields, param, said) -> None:
    with pytest.raises(Refused) as caught:
        read(fields, chat=True)
    assert caught.value.param == param
    assert said in str(caught.value)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b'{"prompt": "x", "temperature": NaN}',
        b'{"prompt": "\\ud800"}',
        b"[" * 100_000,
        b'{"prompt": "x"} {}',
    ],
)
def test_what_is_no_json_is_told(body) -> None:
    with pytest.raises(Refused, match="We could not parse the JSON body of your request") as caught:
        read(body)
    assert caught.value.status == 400
