"""Traces: the schema, files of them, and an error that names the place for everything that can be wrong."""

import copy
import json

import pytest

from course.llama import trace
from course.llama.trace import BadTrace
from course.measure import record

OPEN = {
    "server": "course serve",
    "model": "smollm2-f16",
    "slots": 4,
    "loop": "open",
    "rate": 2.5,
    "clients": None,
    "seed": 1,
    "seconds": 5,
    "machine": record.machine(),
    "versions": {"python": "3.11"},
    "date": "2026-11-28T12:00:00+00:00",
    "requests": {
        "scheduled": [0.5, 1.0, 4.0],
        "sent": [0.5, 1.25, 4.0],
        "first": [0.75, None, 4.5],
        "last": [2.0, None, None],
        "tokens": [12, 0, 3],
        "prompt_tokens": [20, None, None],
        "error": [None, "nobody listens any more", "the answer broke off"],
    },
}
CLOSED = OPEN | {"loop": "closed", "rate": None, "clients": 8, "requests": OPEN["requests"] | {"scheduled": [None] * 3}}


def changed(path: str, value, base=OPEN) -> dict:
    found = copy.deepcopy(base)
    *parents, last = path.split(".")
    place = found
    for key in parents:
        place = place[key] if isinstance(place, dict) else place[int(key)]
    if value is KeyError:
        del place[last]
    else:
        place[last if isinstance(place, dict) else int(last)] = value
    return found


def test_what_a_run_gives_is_a_trace() -> None:
    for one in (OPEN, CLOSED):
        trace.check(one)
        trace.check(json.loads(json.dumps(one)))
    trace.check(changed("requests", {name: [] for name in OPEN["requests"]}))


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("slots", 0, "trace: slots: 0 is less than the minimum of 1"),
        ("loop", "half", "trace: loop: 'half' is not one of"),
        ("seed", KeyError, "trace: 'seed' is a required property"),
        ("more", 1, "'more' was unexpected"),
        ("requests.sent", KeyError, "trace: requests: 'sent' is a required property"),
        ("requests.tokens.1", -1, "trace: requests.tokens.1: -1 is less than the minimum of 0"),
        ("requests.sent.1", None, "trace: requests.sent.1: None is not of type 'number'"),
        ("requests.sent", [0.5], "requests: lists of different lengths: {'scheduled': 3, 'sent': 1"),
        ("rate", None, "an open loop has a rate and no clients"),
        ("clients", 3, "an open loop has a rate and no clients"),
        ("requests.scheduled.2", None, "request 2: scheduled is None in a loop that is open"),
        ("requests.first.0", 0.25, "request 0: scheduled 0.5, sent 0.5, first 0.25, last 2.0: these times are not in"),
        ("requests.sent.0", 0.25, "request 0: .* not in order"),
        ("requests.first.0", None, "request 0: .*first None, last 2.0: .*not in order"),
        ("requests.first.2", float("nan"), "request 2: .*not in order"),
        ("date", "yesterday", "trace: date: 'yesterday' does not match"),
        ("machine.cores", "two", "trace: machine.cores: 'two' is not of type 'integer'"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(path, value, said) -> None:
    with pytest.raises(BadTrace, match=said):
        trace.check(changed(path, value))


def test_a_closed_loop_has_no_schedule() -> None:
    with pytest.raises(BadTrace, match=r"request 1: scheduled is 1\.0 in a loop that is closed"):
        trace.check(changed("requests.scheduled.1", 1.0, CLOSED))
    with pytest.raises(BadTrace, match="a closed one clients and no rate"):
        trace.check(changed("rate", 2.0, CLOSED))


def test_no_trace_at_all_is_told() -> None:
    with pytest.raises(BadTrace, match="trace: 3 is not of type 'object'"):
        trace.check(3)


def test_files_keep_traces_a_line_each(tmp_path) -> None:
    file = tmp_path / "runs.jsonl"
    trace.write(file, [OPEN, CLOSED])
    assert trace.read(file) == [OPEN, CLOSED]
    assert len(file.read_text().splitlines()) == 2
    with pytest.raises(BadTrace, match="trace 2: slots"):
        trace.write(file, [OPEN, changed("slots", 0)])
    assert trace.read(file) == [OPEN, CLOSED]
    assert [one.name for one in tmp_path.iterdir()] == ["runs.jsonl"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b'{"a": 1}\n', "runs.jsonl, line 1: "),
        (json.dumps(OPEN).encode() + b"\n{", "runs.jsonl, line 2 is not JSON"),
        (b"\xff\xfe", "runs.jsonl is not UTF-8"),
        (None, "runs.jsonl cannot be read: No such file"),
    ],
)
def test_a_broken_file_names_the_line(tmp_path, content, said) -> None:
    if content is not None:
        (tmp_path / "runs.jsonl").write_bytes(content)
    with pytest.raises(BadTrace, match=said):
        trace.read(tmp_path / "runs.jsonl")
