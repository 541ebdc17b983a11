"""What a kernel may send, and what is kept of it."""

import json
from typing import Any

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_notebook

from course.grading.kernels import messages, shown
from course.grading.kernels.messages import Message, NoMessage
from course.grading.kernels.shown import MAX_OUTPUT, Shown

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def stream(text: str, size: int | None = None) -> Message:
    return Message("stream", "r", {"name": "stdout", "text": text}, len(text) if size is None else size)


def display(text: str, name: str = "", kind: str = "display_data") -> Message:
    content = {"data": {"text/plain": text}, "metadata": {}, "transient": {"display_id": name} if name else {}}
    return Message(kind, "r", content, len(text))


def test_a_request_is_read_as_it_was_written() -> None:
    asked, frames = messages.execution("x = 1", silent=True)
    message = messages.parsed([b"a topic", *frames], 7)
    assert (message.kind, message.request, message.size) == ("execute_request", "", 7)
    assert (message.content["code"], message.content["silent"]) == ("x = 1", True)
    assert asked in frames[2].decode()


@given(st.lists(st.binary(max_size=20), max_size=8))
def test_bytes_that_are_no_message_are_refused(frames: list[bytes]) -> None:
    with pytest.raises(NoMessage):
        messages.parsed(frames, 0)


@given(JSON, JSON, JSON)
def test_json_of_another_shape_is_refused_or_a_message(header: Any, parent: Any, content: Any) -> None:
    frames = [b"<IDS|MSG>", b"", *(json.dumps(part).encode() for part in (header, parent, {}, content))]
    try:
        message = messages.parsed(frames, 0)
    except NoMessage:
        return
    assert isinstance(message.kind, str) and isinstance(message.content, dict)


@given(st.sampled_from(["stream", "display_data", "execute_result", "update_display_data", "error"]), JSON, JSON)
def test_a_malformed_output_is_refused_and_any_other_is_one_of_a_notebook(kind: str, one: Any, other: Any) -> None:
    content = {"data": one, "text": one, "transient": one, "ename": one, "traceback": one}
    content |= {"metadata": other, "name": other, "evalue": other, "execution_count": other}
    outputs: list[NotebookNode] = []
    kept = Shown()
    kept.begin(outputs)
    try:
        kept.add(Message(kind, "r", content, 1))
    except NoMessage:
        return
    nbformat.validate(new_notebook(cells=[new_code_cell("", outputs=outputs)]))


@pytest.mark.parametrize(
    ("payload", "ends"),
    [
        ([{"source": "ask_exit", "keepkernel": False}], True),
        ([{"source": "ask_exit", "keepkernel": True}], False),
        ([{"source": "page"}, 3, None], False),
        ({"source": "ask_exit"}, False),
        (None, False),
    ],
)
def test_a_cell_may_ask_its_kernel_to_end(payload: Any, ends: bool) -> None:
    assert messages.ends_kernel(Message("execute_reply", "r", {"payload": payload}, 1)) is ends


def test_outputs_are_kept_up_to_a_limit_that_is_said_once() -> None:
    outputs: list[NotebookNode] = []
    kept = Shown()
    kept.begin(outputs)
    for _ in range(5):
        kept.add(stream("x" * (MAX_OUTPUT // 2)))
    assert [output.text[:3] for output in outputs] == ["xxx", "xxx", "[mo"]


def test_many_cells_together_have_a_limit_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shown, "MAX_OUTPUT", 100)
    kept = Shown(_room=150)
    texts = []
    for _ in range(3):
        outputs: list[NotebookNode] = []
        kept.begin(outputs)
        kept.add(stream("y" * 90))
        texts.append(outputs[0].text[:1])
    assert texts == ["y", "[", "["]


def test_a_display_is_updated_where_it_is_shown() -> None:
    first: list[NotebookNode] = []
    second: list[NotebookNode] = []
    kept = Shown()
    kept.begin(first)
    kept.add(display("1", "a"))
    kept.add(display("other"))
    kept.begin(second)
    kept.add(display("2", "a", "update_display_data"))
    kept.add(display("3", "no such", "update_display_data"))
    assert [output.data["text/plain"] for output in first] == ["2", "other"]
    assert second == []


def test_an_update_counts_as_often_as_it_is_shown() -> None:
    outputs: list[NotebookNode] = []
    kept = Shown()
    kept.begin(outputs)
    for _ in range(10):
        kept.add(display("x", "a"))
    kept.add(display("y" * (MAX_OUTPUT // 5), "a", "update_display_data"))
    assert {output.data["text/plain"] for output in outputs if "data" in output} == {"x"}
