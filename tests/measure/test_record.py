import json
import os
from pathlib import Path
from typing import Any

import pytest

from course.measure import extent, record


def made(values: Any = (2.0, 1.0, 9.0), *, what: str = "matmul", date: str | None = None) -> record.Record:
    new = record.new(what, values, unit="FLOP/s", predicted=(1, 3), threads=2)
    return {**new, "date": date} if date else new


def output(bundle: Any) -> dict[str, Any]:
    return {"output_type": "display_data", "metadata": {}, "data": {record.MIME: bundle}}


def test_a_record_says_what_was_measured_where_and_with_what() -> None:
    new = record.new("kv", [3, 1, 2], unit="B/s", predicted=(1, 5), threads=2, extra={"n_depth": 7})
    assert {"what": "kv", "unit": "B/s", "predicted": [1.0, 5.0], "values": [3.0, 1.0, 2.0]}.items() <= new.items()
    assert (new["median"], new["threads"], new["n_depth"]) == (2.0, 2, 7)
    assert "numpy" in new["versions"] or "python" in new["versions"]
    assert new["machine"]["cores"] >= 1 and new["machine"]["memory_bytes"] > 2**20
    assert json.loads(json.dumps(new)) == new
    record.check(new)


def test_the_first_label_is_the_headline() -> None:
    new = made({"large": [10.0, 30.0, 20.0], "small": [1.0]})
    assert new["median"] == 20.0
    assert list(new["values"]) == ["large", "small"]


@pytest.mark.parametrize("values", [[], {}, {"n": []}, [float("nan")], [1.0, float("inf")]])
def test_no_values_or_no_numbers_make_no_record(values: Any) -> None:
    with pytest.raises(record.BadRecord, match="matmul"):
        made(values)


@pytest.mark.parametrize("lacking", ["what", "unit", "predicted", "values", "median", "machine", "threads", "date"])
def test_the_schema_wants_every_field(lacking: str) -> None:
    whole = made()
    del whole[lacking]
    with pytest.raises(record.BadRecord, match=f"here.*{lacking}"):
        record.check(whole, where="here")


@pytest.mark.parametrize(
    ("field", "nonsense"),
    [("predicted", [1]), ("values", ["fast"]), ("median", "2"), ("threads", 0), ("date", "yesterday"), ("unit", "")],
)
def test_the_schema_names_the_field_that_is_wrong(field: str, nonsense: Any) -> None:
    with pytest.raises(record.BadRecord, match=field):
        record.check({**made(), field: nonsense})


def test_what_is_written_is_read_and_nothing_else_lies_there(tmp_path: Path) -> None:
    records = [made(), made(what="größe")]
    assert record.read(tmp_path) == []
    record.write(tmp_path, records)
    assert record.read(tmp_path) == records
    assert os.listdir(tmp_path) == [record.FILE]


@pytest.mark.parametrize(
    ("content", "told"),
    [("[{", "not JSON"), ("{}", "list of at most"), ('[{"what": "x"}]', "record 1"), ("\udcff", "not JSON")],
)
def test_a_broken_file_is_named(tmp_path: Path, content: str, told: str) -> None:
    file = tmp_path / record.FILE
    file.write_text(content, encoding="utf-8", errors="surrogateescape")
    with pytest.raises(record.BadRecord, match=told) as problem:
        record.read(tmp_path)
    assert str(file) in str(problem.value)


def test_an_interrupted_write_leaves_the_old_file_and_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record.write(tmp_path, old := [made()])

    def full(*_: object) -> None:
        raise OSError("no space left on device")

    with monkeypatch.context() as broken, pytest.raises(OSError, match="no space"):
        broken.setattr(record.os, "replace", full)
        record.write(tmp_path, [made(what="new")])
    with pytest.raises(TypeError):
        record.write(tmp_path, [{"what": object()}])
    assert os.listdir(tmp_path) == [record.FILE]
    assert record.read(tmp_path) == old


def test_merge_keeps_each_once_by_date() -> None:
    first, second, third = (made(date=f"2026-01-0{day}T00:00:00+00:00") for day in (1, 2, 3))
    assert record.merge([third, first], [second, first]) == [first, second, third]


def test_records_are_taken_from_outputs_and_all_else_is_left() -> None:
    first, second = made(date="2026-01-01T00:00:00+00:00"), made(date="2026-01-02T00:00:00+00:00")
    cells: list[dict[str, Any]] = [
        {"cell_type": "markdown", "source": ""},
        {"outputs": [{"output_type": "stream", "text": "hello"}, output([first, second])]},
        {"outputs": [output([first, {"what": "forged"}, "text", 3]), output(second), output("text"), output(None)]},
    ]
    assert record.in_outputs(cells) == [first, second]


def test_what_is_longer_than_any_measurement_is_refused_before_it_is_validated(tmp_path: Path) -> None:
    endless = {**made(), "values": [1.5] * extent.MOST_PARTS}
    with pytest.raises(record.BadRecord, match=r"holds more than 20000 numbers and words: keep fewer"):
        record.check(endless)
    deep: Any = 1
    for _ in range(50):
        deep = [deep]
    with pytest.raises(record.BadRecord, match="holds more than"):
        record.check({**made(), "note": deep})
    with pytest.raises(record.BadRecord, match="holds more than"):
        record.check({**made(), "note": "x" * 10**6})


def test_a_large_file_is_refused_unparsed(tmp_path: Path) -> None:
    (tmp_path / record.FILE).write_bytes(b"[" + b" " * record.MOST_BYTES + b"]")
    with pytest.raises(record.BadRecord, match="larger than 4 MiB: move it away"):
        record.read(tmp_path)
    (tmp_path / record.FILE).write_text(json.dumps([made(), {"x": [1] * extent.MOST_OF_ALL}]))
    with pytest.raises(record.BadRecord, match="more than 200000 numbers"):
        record.read(tmp_path)


def test_of_a_notebooks_records_no_more_are_validated_than_one_may_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    long = [{**made(), "values": [1.5] * 15_000, "number": number} for number in range(20)]
    validated: list[Any] = []
    monkeypatch.setattr(record, "check", validated.append)
    cell = {"outputs": [{"data": {record.MIME: [one]}} for one in long]}
    assert len(record.in_outputs([cell])) == len(validated) == 13


def test_a_message_does_not_repeat_all_that_was_found() -> None:
    with pytest.raises(record.BadRecord) as told:
        record.check({**made(), "unit": ["x" * 1000]})
    assert len(str(told.value)) < 400
