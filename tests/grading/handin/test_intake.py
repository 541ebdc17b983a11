"""Whatever bytes come in: a notebook that can be graded and written, or one line that says why not."""

import json
import os
import random
from pathlib import Path
from typing import Any

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nbformat import NotebookNode

from course.grading.handin import intake
from course.grading.result import Ungradable
from course.notebook.cells import names


def plain(source: str = "x = 1", **changes: Any) -> dict[str, Any]:
    """A notebook of one cell as the JSON says it."""
    cell = {"cell_type": "code", "id": "a", "metadata": {}, "source": source, "outputs": [], "execution_count": None}
    return {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [cell | changes]}


def read(tmp_path: Path, content: bytes | dict[str, Any], **options: int) -> NotebookNode:
    path = tmp_path / "mine.ipynb"
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return intake.read(path, **options)


def refusal(tmp_path: Path, content: bytes | dict[str, Any], **options: int) -> str:
    with pytest.raises(Ungradable) as told:
        read(tmp_path, content, **options)
    assert len(str(told.value).splitlines()) == 1
    assert str(told.value).startswith(str(tmp_path / "mine.ipynb"))
    return str(told.value)


def nested(depth: int) -> Any:
    value: Any = 0
    for _ in range(depth):
        value = [value]
    return value


def test_a_file_above_the_limit_is_refused_unread(tmp_path: Path) -> None:
    size = len(json.dumps(plain()))
    assert read(tmp_path, plain(), limit=size).cells
    assert "is larger than" in refusal(tmp_path, plain(), limit=size - 1)
    huge = tmp_path / "huge.ipynb"
    huge.touch()
    os.truncate(huge, intake.LIMIT + 1)  # sparse
    with pytest.raises(Ungradable, match="is larger than 256 MiB: clear its outputs"):
        intake.read(huge)


def test_numbers_that_would_fill_the_memory_are_refused_unparsed(tmp_path: Path) -> None:
    numbers = b"[" + b"1," * 10_000_001 + b"1]"
    content = json.dumps(plain()).encode().replace(b'"metadata": {}', b'"metadata": {"x": ' + numbers + b"}", 1)
    assert "has more than 10000000 values: clear its outputs" in refusal(tmp_path, content)


def test_an_output_of_200_mb_is_read(tmp_path: Path) -> None:
    line = "a line of an endless loop, [1], {2}\n"
    text = [line] * (200_000_000 // len(line))
    notebook = read(tmp_path, plain(outputs=[{"output_type": "stream", "name": "stdout", "text": text}]))
    assert len(notebook.cells[0].outputs[0].text) == len(line) * len(text)


def test_more_parts_than_the_memory_should_hold_are_refused(tmp_path: Path) -> None:
    told = refusal(
        tmp_path, json.dumps(plain(metadata={"a": []})).encode().replace(b"[]", b"[" + b"{}," * 1_000_001, 1)
    )
    assert "has more than 1000000 parts: clear its outputs" in told


def test_depth_is_bounded_and_what_is_in_bounds_can_be_written(tmp_path: Path) -> None:
    notebook = read(tmp_path, plain(metadata={"a": nested(90)}))
    assert nbformat.writes(notebook)
    assert "nested more than 100 deep" in refusal(tmp_path, plain(metadata={"a": nested(100)}))
    assert "nested more than 100 deep" in refusal(tmp_path, b'{"nbformat": 4, "a": ' + b"[" * 50_000)


def test_brackets_in_texts_are_no_nesting(tmp_path: Path) -> None:
    source = '"[[[' * 200 + "\\" * 3 + "{" * 200
    assert read(tmp_path, plain(source)).cells[0].source == source


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "9" * 4000])
def test_odd_numbers_are_carried(tmp_path: Path, number: str) -> None:
    notebook = read(tmp_path, json.dumps(plain(metadata={"a": "number"})).replace('"number"', number).encode())
    assert nbformat.writes(notebook)


def test_a_number_too_long_for_python_is_refused(tmp_path: Path) -> None:
    content = json.dumps(plain(metadata={"a": "number"})).replace('"number"', "9" * 5000).encode()
    assert "is broken JSON" in refusal(tmp_path, content)


def test_half_a_character_is_replaced_and_whole_ones_stay(tmp_path: Path) -> None:
    content = json.dumps(plain("x = 'half \ud800, whole \U0001f600, é, \\ud800'", metadata={"\udfff": 1})).encode()
    notebook = read(tmp_path, content)
    assert notebook.cells[0].source == "x = 'half ?, whole \U0001f600, é, \\ud800'"
    assert nbformat.writes(notebook).encode()


def test_the_reason_is_short_however_much_is_wrong(tmp_path: Path) -> None:
    told = refusal(tmp_path, plain() | {"cells": {"x" * 1_000_000: 1}})
    assert told.endswith("is no valid notebook (it has no cells): save it again in JupyterLab")
    assert "(what stands in the place of cell 2 is none)" in refusal(tmp_path, plain() | {"cells": [{}, 1]})
    assert len(refusal(tmp_path, plain() | {"nbformat": "4\n" * 1000})) < 500


STREAM = {"output_type": "stream", "name": "stdout", "text": ["a\n", "b"]}
RESULT = {"output_type": "execute_result", "data": {"text/plain": ["1"]}, "metadata": {}, "execution_count": 3}
OUTPUTS: dict[str, tuple[dict[str, Any], dict[str, Any] | None]] = {
    "a stream": (STREAM, STREAM | {"text": "a\nb"}),
    "a stream with metadata": (STREAM | {"metadata": {"tags": []}}, STREAM | {"text": "a\nb"}),
    "a stream without a name": ({"output_type": "stream", "text": "a"}, STREAM | {"text": "a"}),
    "a stream of nothing": (STREAM | {"text": None}, None),
    "an error of nothing": (
        {"output_type": "error", "ename": "E", "evalue": None, "traceback": None, "metadata": {}},
        {"output_type": "error", "ename": "E", "evalue": "", "traceback": []},
    ),
    "a result without a count": (
        {key: RESULT[key] for key in ("output_type", "data")},
        RESULT | {"data": {"text/plain": "1"}, "execution_count": None},
    ),
    "a picture that is none": (
        {"output_type": "display_data", "data": {"image/png": {"oops": 1}, "application/x+json": {"a": [1]}}},
        {"output_type": "display_data", "data": {"application/x+json": {"a": [1]}}, "metadata": {}},
    ),
    "another format's": ({"output_type": "pyout", "text": ["1"], "prompt_number": 1}, None),
    "none": (None, None),  # type: ignore[dict-item]
}


@pytest.mark.parametrize("kind", OUTPUTS)
def test_an_output_is_read_as_far_as_it_can_be(tmp_path: Path, kind: str) -> None:
    saved, kept = OUTPUTS[kind]
    notebook = read(tmp_path, plain(outputs=[saved, STREAM]))
    assert notebook.cells[0].outputs[:-1] == ([kept] if kept else [])
    assert notebook.cells[0].outputs[-1].text == "a\nb"


SAVED_OTHERWISE: dict[str, dict[str, Any]] = {
    "cell ids before there were any": plain() | {"nbformat_minor": 0},
    "a minor version to come": plain() | {"nbformat_minor": 9},
    "no minor version": {key: value for key, value in plain().items() if key != "nbformat_minor"},
    "its version in a text": plain() | {"nbformat": "4"},
    "no metadata": {key: value for key, value in plain().items() if key != "metadata"},
    "widgets without a state": plain() | {"metadata": {"widgets": {"application/x+json": {"a": {}}}}},
    "a kernel without a name": plain() | {"metadata": {"kernelspec": {"display_name": "Python 3"}}},
    "a language without a name": plain() | {"metadata": {"language_info": {"codemirror_mode": "ipython"}}},
    "authors in a text": plain() | {"metadata": {"authors": "me"}},
    "a property of its own": plain(outputExpanded=False),
    "an id of another kind": plain(id="an id with spaces"),
    "an id too long": plain(id="x" * 70),
    "counted by a star": plain(execution_count="*"),
    "the same tag twice": plain(metadata={"tags": ["a", "a"]}),
    "metadata of no kind": plain(metadata={"collapsed": None, "scrolled": "false", "jupyter": [], "name": ""}),
    "metadata that is none": plain(metadata=None),
    "grading data that is none": plain(metadata={"nbgrader": [1]}),
    "outputs that are none": plain(outputs=None),
    "lines as Windows ends them": plain("a = 1\r\nb = 2"),
    "lines in a list": plain(["a = 1\n", "b = 2"]),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("kind", SAVED_OTHERWISE)
def test_what_grading_makes_anew_is_no_reason_to_refuse_it(tmp_path: Path, kind: str) -> None:
    (cell,) = read(tmp_path, SAVED_OTHERWISE[kind]).cells
    assert cell.source in ("x = 1", "a = 1\nb = 2") and cell.metadata.get("nbgrader", {}) == {}


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_a_notebook_may_be_in_any_unicode(tmp_path: Path, encoding: str) -> None:
    content = json.dumps(plain("x = 'é محمد'"), ensure_ascii=False).replace("\n", "\r\n")
    assert read(tmp_path, content.encode(encoding)).cells[0].source == "x = 'é محمد'"


def test_a_cell_of_an_unknown_kind_is_kept_as_text(tmp_path: Path) -> None:
    notebook = read(tmp_path, plain("select 1", cell_type="sql"))
    assert (notebook.cells[0].cell_type, notebook.cells[0].source) == ("raw", "select 1")


def test_cells_without_ids_or_with_one_id_twice_are_given_ids(tmp_path: Path, recwarn: pytest.WarningsRecorder) -> None:
    content = plain()
    content["cells"] = [{**content["cells"][0]}, {**content["cells"][0]}, {**content["cells"][0]}]
    del content["cells"][2]["id"]
    notebook = read(tmp_path, content)
    assert len({cell.id for cell in notebook.cells}) == 3
    assert not recwarn.list


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.ipynb")
    with pytest.raises(Ungradable, match="is no ordinary file"):
        intake.read(tmp_path / "pipe.ipynb")


def test_a_name_that_cannot_be_a_files_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Ungradable, match="cannot be read: File name too long"):
        intake.read(tmp_path / ("x" * 300))


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(["code", "markdown", "stream", "", "\ud800"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["cell_type", "metadata", "source", "outputs", "output_type", "data", "text", "id", "nbgrader"]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)


@given(cells=VALUES, metadata=VALUES, minor=st.sampled_from([0, 4, 5, 99, -1, True, None, "5", 1e400, 10**30]))
def test_any_json_is_a_notebook_or_refused(
    tmp_path_factory: pytest.TempPathFactory, cells: Any, metadata: Any, minor: Any
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.ipynb"
    for some in (cells, [cells]):
        path.write_text(json.dumps({"nbformat": 4, "nbformat_minor": minor, "metadata": metadata, "cells": some}))
        try:
            notebook = intake.read(path)
        except Ungradable as error:
            assert len(str(error).splitlines()) == 1
        else:
            assert all(isinstance(name, str) for name in names(notebook))
            nbformat.writes(notebook).encode()


def test_any_damage_to_the_bytes_is_a_notebook_or_refused(tmp_path: Path) -> None:
    chance = random.Random(7)
    whole = json.dumps(
        plain("print('é')", outputs=[{"output_type": "stream", "name": "stdout", "text": ["a"]}])
    ).encode()
    for _ in range(300):
        damaged = bytearray(whole)
        for _ in range(chance.randint(1, 4)):
            damaged[chance.randrange(len(damaged))] = chance.choice(b'[]{}",:\\0\xff\x00u')
        try:
            read(tmp_path, bytes(damaged))
        except Ungradable as error:
            assert len(str(error).splitlines()) == 1
