"""What answers look like: OpenAI's interface, whole and in chunks."""

import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from course.llama.serving.requests import Asked


@dataclass(frozen=True)
class Answer:
    """One answer's JSON, whole or in chunks: what stays the same in all of them."""

    is_chat: bool
    model: str
    id: str
    created: int

    @classmethod
    def to(cls, asked: Asked, *, model: str) -> "Answer":
        number = uuid.uuid4().hex
        return cls(asked.is_chat, model, f"chatcmpl-{number}" if asked.is_chat else f"cmpl-{number}", int(time.time()))

    def whole(self, text: str, finish: str, usage: Mapping[str, int]) -> dict[str, Any]:
        message = {"message": {"role": "assistant", "content": text, "refusal": None}}
        choice = self._choice(message if self.is_chat else {"text": text}, finish)
        return self._object("chat.completion" if self.is_chat else "text_completion", [choice], usage=usage)

    def chunk(self, text: str, finish: str | None, *, is_first: bool) -> dict[str, Any]:
        """A piece of a streamed answer; the last one says why the answer ends."""
        delta: dict[str, str] = {"role": "assistant"} if is_first else {}
        if text:
            delta["content"] = text
        choice = self._choice({"delta": delta} if self.is_chat else {"text": text}, finish)
        return self._object("chat.completion.chunk" if self.is_chat else "text_completion", [choice])

    def last(self, usage: Mapping[str, int]) -> dict[str, Any]:
        """What follows the last chunk where the request asked for it."""
        return self._object("chat.completion.chunk" if self.is_chat else "text_completion", [], usage=usage)

    def _choice(self, content: dict[str, Any], finish: str | None) -> dict[str, Any]:
        return {"index": 0, **content, "logprobs": None, "finish_reason": finish}

    def _object(self, kind: str, choices: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
        return {
            "id": self.id,
            "object": kind,
            "created": self.created,
            "model": self.model,
            "choices": choices,
            **more,
        }


def usage(n_prompt: int, n_written: int) -> dict[str, int]:
    """Tokens read and written."""
    return {"prompt_tokens": n_prompt, "completion_tokens": n_written, "total_tokens": n_prompt + n_written}


def models(name: str, created: int) -> dict[str, Any]:
    """The answer of /v1/models: there is one."""
    return {
        "object": "list",
        "data": [{"id": name, "object": "model", "created": created, "owned_by": "two-bills"}],
    }
