"""Jupyter's messages, as far as a grader needs them. What a kernel says is not trusted.

A message is a list of frames: perhaps a topic, a delimiter, a signature (none here: nobody else reaches the sockets),
then header, header of the request that it answers, metadata and content, each as JSON.
"""

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import output_from_msg

_DELIMITER = b"<IDS|MSG>"
_MALFORMED = (ValueError, LookupError, TypeError, AttributeError, RecursionError, nbformat.ValidationError)


class NoMessage(Exception):
    """What arrived is no message."""


@dataclass(frozen=True)
class Message:
    """Something that a kernel said: its kind, the request that it belongs to, its size in bytes as it arrived."""

    kind: str
    request: str
    content: dict[str, Any]
    size: int


def information() -> tuple[str, list[bytes]]:
    """The request to say what kernel it is: its identity, and its frames."""
    return _request("kernel_info_request", {})


def execution(source: str, *, silent: bool = False) -> tuple[str, list[bytes]]:
    """The request to run a program: its identity, and its frames."""
    asked = {"code": source, "silent": silent, "store_history": not silent}
    return _request("execute_request", {**asked, "user_expressions": {}, "allow_stdin": False, "stop_on_error": False})


def _request(kind: str, content: dict[str, Any]) -> tuple[str, list[bytes]]:
    identity = secrets.token_hex(8)
    header = {
        "msg_id": identity,
        "msg_type": kind,
        "session": "grader",
        "username": "grader",
        "date": datetime.now(UTC).isoformat(),
        "version": "5.3",
    }
    return identity, [_DELIMITER, b"", *(json.dumps(part).encode() for part in (header, {}, {}, content))]


def parsed(frames: Sequence[bytes], size: int) -> Message:
    """The message in some frames. Raises NoMessage if there is none."""
    try:
        first = frames.index(_DELIMITER) + 2
        header, parent, _, content = (json.loads(frame) for frame in frames[first : first + 4])
        kind, belongs_to = header["msg_type"], parent.get("msg_id", "")
    except _MALFORMED as bad:
        raise NoMessage(type(bad).__name__) from None
    if not (isinstance(kind, str) and isinstance(belongs_to, str) and isinstance(content, dict)):
        raise NoMessage("a part of another type")
    return Message(kind, belongs_to, content, size)


def output(message: Message) -> NotebookNode:
    """What a message shows, as a notebook keeps it. Raises NoMessage if it is malformed."""
    kind = message.kind.removeprefix("update_")
    try:
        return output_from_msg({"header": {"msg_type": kind}, "content": message.content})
    except _MALFORMED as bad:
        raise NoMessage(type(bad).__name__) from None


def number(message: Message) -> int | None:
    """The number that a kernel gives to a cell, if it gives one."""
    given = message.content.get("execution_count")
    return given if isinstance(given, int) else None


def display_of(message: Message) -> str | None:
    """The name by which what a message shows can be updated later, if it has one."""
    transient = message.content.get("transient")
    name = transient.get("display_id") if isinstance(transient, dict) else None
    return name if isinstance(name, str) else None


def ends_kernel(reply: Message) -> bool:
    """Whether the cell has asked its kernel to end: `exit` and `quit` do."""
    payload = reply.content.get("payload")
    return isinstance(payload, list) and any(
        isinstance(part, dict) and part.get("source") == "ask_exit" and not part.get("keepkernel") for part in payload
    )
