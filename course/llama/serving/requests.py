"""What a request may say: OpenAI's interface, checked.

What is in their documentation and would change an answer, and is not done here, is refused, never ignored; so is what
is in no documentation. `ignore_eos` is an extension that vLLM and llama-server have as well.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jsonschema

COMPLETION_TOKENS = 16  # where a completion does not say, as OpenAI's


class Refused(Exception):
    """A request that gets an error for an answer: HTTP status, and the fields of OpenAI's error object."""

    def __init__(self, message: str, *, status: int = 400, param: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.status, self.param, self.code = status, param, code

    @property
    def body(self) -> dict[str, Any]:
        kind = "invalid_request_error" if self.status < 500 else "server_error"
        return {"error": {"message": str(self), "type": kind, "param": self.param, "code": self.code}}


@dataclass(frozen=True)
class Asked:
    """A request, checked: a conversation of (role, text) turns, or a text or tokens to continue."""

    model: str | None
    turns: Sequence[tuple[str, str]]  # empty for a completion
    prompt: str | Sequence[int]  # empty for a conversation
    max_tokens: int | None  # None: up to the end of the context
    temperature: float
    top_p: float
    seed: int | None
    stop: Sequence[str]
    stream: bool
    include_usage: bool
    ignore_eos: bool

    @property
    def is_chat(self) -> bool:
        return bool(self.turns)


_FLAG = {"type": ["boolean", "null"]}
_TOKENS = {"type": ["integer", "null"], "minimum": 1}
_STOP = {"type": "string", "minLength": 1}
_TEXTS = {
    "type": "array",
    "minItems": 1,
    "items": {
        "type": "object",
        "properties": {"type": {"enum": ["text"]}, "text": {"type": "string"}},
        "required": ["type", "text"],
    },
}
_COMMON = {
    "model": {"type": ["string", "null"]},
    "max_tokens": _TOKENS,
    "temperature": {"type": ["number", "null"], "minimum": 0, "maximum": 2},
    "top_p": {"type": ["number", "null"], "minimum": 0, "maximum": 1},
    "seed": {"type": ["integer", "null"]},
    "stop": {
        "description": "a text, or up to four of them",
        "anyOf": [{"type": "null"}, _STOP, {"type": "array", "items": _STOP, "maxItems": 4}],
    },
    "stream": _FLAG,
    "stream_options": {
        "type": ["object", "null"],
        "properties": {"include_usage": _FLAG, "include_obfuscation": _FLAG},
        "additionalProperties": False,
    },
    "ignore_eos": _FLAG,
    "user": {"type": ["string", "null"]},
    "metadata": {"type": ["object", "null"]},
    "n": {"enum": [None, 1]},
    "presence_penalty": {"enum": [None, 0]},
    "frequency_penalty": {"enum": [None, 0]},
    "logit_bias": {"enum": [None, {}]},
}
_MESSAGE = {
    "type": "object",
    "properties": {
        "role": {"enum": ["system", "developer", "user", "assistant"]},
        "content": {"description": "a text, or parts of the type text", "anyOf": [{"type": "string"}, _TEXTS]},
        "name": {"type": ["string", "null"]},
        # What an answer of ours holds as well, which clients send back:
        **{key: {"enum": [None, []]} for key in ("refusal", "annotations", "audio", "tool_calls", "function_call")},
    },
    "required": ["role", "content"],
    "additionalProperties": False,
}
_PROMPT = "one text that is not empty, or the numbers of its tokens"
_COMPLETION = {
    **_COMMON,
    "prompt": {"description": _PROMPT, "type": ["string", "array"], "minLength": 1, "minItems": 1},
    "best_of": {"enum": [None, 1]},
    "echo": {"enum": [None, False]},
    "logprobs": {"enum": [None]},
    "suffix": {"enum": [None, ""]},
}
_CHAT = {
    **_COMMON,
    "messages": {"type": "array", "items": _MESSAGE, "minItems": 1},
    "max_completion_tokens": _TOKENS,
    "logprobs": {"enum": [None, False]},
    "top_logprobs": {"enum": [None]},
    "response_format": {"enum": [None, {"type": "text"}]},
    "tools": {"enum": [None, []]},
    "tool_choice": {"enum": [None, "none", "auto"]},
    "store": {"enum": [None, False]},
}


def _validator(properties: Mapping[str, Any], required: str) -> jsonschema.Draft202012Validator:
    schema = {"type": "object", "properties": properties, "required": [required], "additionalProperties": False}
    return jsonschema.Draft202012Validator(schema)


_COMPLETIONS, _CHATS = _validator(_COMPLETION, "prompt"), _validator(_CHAT, "messages")


def read(body: bytes, *, chat: bool) -> Asked:
    """The request in the body of a POST. Raises Refused."""
    found = _parsed(body)
    errors = (_CHATS if chat else _COMPLETIONS).iter_errors(found)
    if error := min(errors, key=lambda one: len(one.path), default=None):
        raise _refusal(error)
    if chat and found.get("max_tokens") and found.get("max_completion_tokens"):
        raise Refused("Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.")
    given = {key: value for key, value in found.items() if value is not None}
    stop = given.get("stop", ())
    return Asked(
        model=given.get("model"),
        turns=[(_role(one["role"]), _text(one["content"])) for one in given.get("messages", ())],
        prompt=_prompt(given.get("prompt", "")),
        max_tokens=given.get("max_tokens", given.get("max_completion_tokens", None if chat else COMPLETION_TOKENS)),
        temperature=given.get("temperature", 1.0),
        top_p=given.get("top_p", 1.0),
        seed=given.get("seed"),
        stop=[stop] if isinstance(stop, str) else stop,
        stream=given.get("stream", False),
        include_usage=bool(given.get("stream_options", {}).get("include_usage")),
        ignore_eos=given.get("ignore_eos", False),
    )


def _parsed(body: bytes) -> Any:
    def refuse(constant: str) -> None:
        raise ValueError(f"{constant} is no JSON")

    try:
        text = body.decode()
        found = json.loads(text, parse_constant=refuse)
        json.dumps(found, ensure_ascii=False).encode()  # half of a surrogate pair is no text
        return found
    except (ValueError, RecursionError) as error:
        raise Refused(f"We could not parse the JSON body of your request: {error}") from None


def _prompt(found: str | list[Any]) -> str | list[int]:
    """Checked by hand: with hundreds of thousands of tokens a schema takes seconds."""
    if isinstance(found, str):
        return found
    if len(found) == 1 and isinstance(found[0], str) and found[0]:
        return found[0]
    if all(type(token) is int and 0 <= token < 2**31 for token in found):
        return found
    message = f"Invalid value for 'prompt': expected {_PROMPT}, got {_short(found)}."
    raise Refused(message, param="prompt", code="invalid_type")


def _refusal(error: jsonschema.ValidationError) -> Refused:
    """OpenAI's words for it, as far as there are any."""
    param = ".".join(str(part) for part in error.absolute_path) or None
    if error.validator == "additionalProperties":
        extra = next(key for key in error.instance if key not in error.schema["properties"])
        param = f"{param}.{extra}" if param else extra
        return Refused(f"Unknown parameter: '{param}'.", param=param, code="unknown_parameter")
    if error.validator == "required":
        missing = next(key for key in error.validator_value if key not in error.instance)
        param = f"{param}.{missing}" if param else missing
        return Refused(f"Missing required parameter: '{param}'.", param=param, code="missing_required_parameter")
    if error.validator == "enum":
        choices = ", ".join(json.dumps(one) for one in error.validator_value if one is not None) or "null"
        return Refused(
            f"Unsupported value: '{param}' is {_short(error.instance)} and can be: {choices}.",
            param=param,
            code="unsupported_value",
        )
    expected = error.schema.get("description") or _expected(error.schema)
    code = "invalid_type" if error.validator in ("type", "anyOf") else "invalid_value"
    where = f" for '{param}'" if param else ""
    return Refused(f"Invalid value{where}: expected {expected}, got {_short(error.instance)}.", param=param, code=code)


_BOUNDS = {"minimum": "at least", "maximum": "at most", "minLength": "of a length of at least", "minItems": "at least"}


def _expected(schema: Mapping[str, Any]) -> str:
    kinds = schema.get("type", "something else")
    kind = kinds if isinstance(kinds, str) else " or ".join(one for one in kinds if one != "null")
    bounds = [f"{words} {schema[key]}" for key, words in _BOUNDS.items() if key in schema]
    return f"{kind}, {' and '.join(bounds)}" if bounds else kind


def _short(value: Any) -> str:
    text = json.dumps(value[:60] if isinstance(value, str | list) else value)
    return text if len(text) <= 60 else f"{text[:60]} …"


def _role(name: str) -> str:
    return "system" if name == "developer" else name  # what OpenAI calls it since 2024, and templates do not know


def _text(content: str | Sequence[Mapping[str, str]]) -> str:
    return content if isinstance(content, str) else "".join(part["text"] for part in content)
