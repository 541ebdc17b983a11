import json
from pathlib import Path
from typing import Any

import pytest

from course import cohort, lab, paths
from course.measure import quiet, record


@pytest.fixture(autouse=True)
def share(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What share of a core a thread gets before each measurement: all of it, on this machine of ours."""
    shares = [1.0]
    monkeypatch.setattr(quiet, "wait", lambda n_threads: shares[0])
    return shares


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[list[record.Record]]:
    """The records of each MIME bundle that the cell's output would hold."""
    bundles: list[list[record.Record]] = []

    def display(data: dict[str, Any], *, raw: bool) -> None:
        assert raw and data["text/plain"]
        bundles.append(json.loads(json.dumps(data[record.MIME])))

    monkeypatch.setattr("IPython.display.display", display)
    return bundles


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the lab's notebook lies; the lab has begun."""
    monkeypatch.delenv("NBGRADER_EXECUTION", raising=False)
    monkeypatch.setattr(cohort, "_cohort", None)
    monkeypatch.setattr(lab, "_session", None)
    monkeypatch.chdir(tmp_path)
    lab.start("lab01", cohort="2026")
    return tmp_path


def never() -> list[float]:
    raise AssertionError("this must not run")


def measured(folder: Path, values: Any = (2.0, 3.0, 7.0)) -> record.Record:
    lab.predict("matmul", 1, 5, "FLOP/s")
    return lab.measure("matmul", lambda: values)


def test_a_lab_must_have_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lab, "_session", None)
    for call in (lambda: lab.predict("matmul", 1, 2, "s"), lambda: lab.measure("matmul", never)):
        with pytest.raises(RuntimeError, match="first cell"):
            call()


def test_starting_a_lab_sets_its_cohort(folder: Path) -> None:
    first = cohort.rng("1.1").random()
    lab.start("lab01", cohort="2027")
    assert cohort.rng("1.1").random() != first


@pytest.mark.parametrize(
    ("low", "high"), [(2, 1), (1, 1), (float("nan"), 1), (1, float("nan")), (0, float("inf")), (float("-inf"), 0)]
)
def test_an_interval_that_is_none_is_refused(folder: Path, low: float, high: float) -> None:
    with pytest.raises(ValueError, match=f"matmul was given {low} to {high}"):
        lab.predict("matmul", low, high, "s")
    with pytest.raises(lab.NoPrediction):
        lab.measure("matmul", never)


def test_measuring_wants_a_prediction_first(folder: Path) -> None:
    lab.predict("another", 1, 2, "s")
    with pytest.raises(NotImplementedError, match="predict first") as problem:
        lab.measure("matmul", never)
    assert type(problem.value) is lab.NoPrediction
    assert not (folder / record.FILE).exists()


def test_a_measurement_is_kept_in_the_file_and_in_the_output(folder: Path, shown: list[Any]) -> None:
    lab.predict("matmul", 1, 5, "FLOP/s")
    found = lab.measure("matmul", lambda: {"n = 2": [4, 2, 3], "n = 1": [9]}, unit="FLOP/s", threads=3, n_depth=7)
    assert found.items() >= {"what": "matmul", "unit": "FLOP/s", "predicted": [1, 5], "median": 3}.items()
    assert found.items() >= {"values": {"n = 2": [4, 2, 3], "n = 1": [9]}, "threads": 3, "n_depth": 7}.items()
    assert json.loads((folder / record.FILE).read_text()) == [found]
    assert shown == [[found]]


def test_a_second_call_returns_the_record_and_measures_nothing(folder: Path, shown: list[Any]) -> None:
    found = measured(folder)
    assert lab.measure("matmul", never) == found
    lab.start("lab01", cohort="2026")  # the kernel was started anew: the prediction is in the record
    assert lab.measure("matmul", never) == found
    assert shown == [[found]] * 3


def test_again_appends_and_the_first_prediction_stays(
    folder: Path, shown: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    found = measured(folder)
    lab.predict("matmul", 6, 8, "FLOP/s")
    assert "your prediction stays at 1 to 5 FLOP/s" in capsys.readouterr().out
    lab.start("lab01", cohort="2026")
    second = lab.measure("matmul", lambda: [8.0], again=True)
    assert second["predicted"] == [1, 5] and second["median"] == 8
    assert record.read(folder) == [found, second] == shown[-1]
    assert lab.record("matmul") == lab.measure("matmul", never) == second


def test_before_measuring_a_prediction_may_change(folder: Path, shown: list[Any]) -> None:
    lab.predict("matmul", 6, 8, "s")
    assert measured(folder)["predicted"] == [1, 5]


def test_the_other_records_in_the_file_stay(folder: Path, shown: list[Any]) -> None:
    first = measured(folder)
    lab.predict("stream", 1, 2, "B/s")
    second = lab.measure("stream", lambda: [1.5])
    assert record.read(folder) == [first, second]


def test_a_measurement_that_fails_keeps_nothing(folder: Path, shown: list[Any]) -> None:
    lab.predict("matmul", 1, 5, "s")
    with pytest.raises(AssertionError):
        lab.measure("matmul", never)
    with pytest.raises(record.BadRecord):
        lab.measure("matmul", lambda: [float("nan")])
    assert not (folder / record.FILE).exists() and shown == []


def test_the_unit_is_the_predictions(folder: Path) -> None:
    lab.predict("matmul", 1, 5, "s")
    with pytest.raises(ValueError, match="measured in FLOP/s; you predicted in s"):
        lab.measure("matmul", never, unit="FLOP/s")


@pytest.mark.parametrize(("low", "unit"), [(50, "GFLOP/s"), (50e9, "FLOP/s"), (0.05, "TFLOP/s"), (50e6, "kFLOP/s")])
def test_a_prediction_may_have_a_prefix(
    folder: Path, shown: list[Any], capsys: pytest.CaptureFixture[str], low: float, unit: str
) -> None:
    lab.predict("matmul", low, 4 * low, unit)
    assert capsys.readouterr().out == "matmul: you are 80 % sure of 50 to 200 GFLOP/s.\n"
    found = lab.measure("matmul", lambda: [60e9], unit="FLOP/s")
    assert found["predicted"] == pytest.approx([50e9, 200e9]) and found["unit"] == "FLOP/s"


def test_a_forgotten_prefix_is_asked_about_before_it_is_locked(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lab.predict("matmul", 50, 200, "FLOP/s")
    assert "is a prefix missing? GFLOP/s is understood" in capsys.readouterr().out
    lab.predict("wait", 50, 200, "s")
    assert "prefix" not in capsys.readouterr().out


def test_repetitions_far_apart_are_told(folder: Path, shown: list[Any], capsys: pytest.CaptureFixture[str]) -> None:
    measured(folder, (2.0, 3.0, 3.5))
    assert "Your machine was busy: the repetitions of matmul went from 2 to 3.5" in capsys.readouterr().out
    lab.predict("steady", 1, 2, "s")
    capsys.readouterr()
    lab.measure("steady", lambda: [1.0, 1.1, 1.2])
    assert capsys.readouterr().out == ""


def test_the_label_whose_repetitions_are_farthest_apart_is_told(
    folder: Path, shown: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    lab.predict("decode", 1, 9, "token/s")
    lab.measure("decode", lambda: {"2 threads": [8.0, 8.1, 8.2], "1 thread": [4.0, 5.0, 8.0]})
    assert "the repetitions of decode at 1 thread went from 4 to 8 token/s" in capsys.readouterr().out


def test_what_is_no_time_is_never_said_to_come_from_a_busy_machine(
    folder: Path, shown: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    lab.predict("divergence", 0, 1, "nat")
    capsys.readouterr()
    lab.measure("divergence", lambda: [0.1, 0.5, 0.2])
    assert capsys.readouterr().out == ""


def test_a_busy_machine_is_told_before_it_is_measured_and_is_kept(
    folder: Path, shown: list[Any], share: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    share[0] = 0.4
    lab.predict("matmul", 1, 5, "FLOP/s")
    capsys.readouterr()
    told: list[str] = []

    def busy() -> list[float]:
        told.append(capsys.readouterr().out)
        return [2.0]

    found = lab.measure("matmul", busy, threads=2)
    assert told == [
        "Your machine is busy: each of 2 threads gets 40% of a core, and what is measured now is too slow. "
        "Close what you can; this cell with again=True measures once more.\n"
    ]
    assert found["core_share"] == 0.4
    share[0] = 0.99
    assert lab.measure("matmul", lambda: [3.0], again=True)["core_share"] == 0.99
    assert capsys.readouterr().out == ""


def test_what_does_not_depend_on_speed_waits_for_nothing(folder, share, capsys):
    share[0] = 0.1
    lab.predict("right_answers", 40, 75, "%")
    assert "core_share" not in lab.measure("right_answers", lambda: [59.5])
    assert "busy" not in capsys.readouterr().out


def on(cpu: str, what: str, date: str) -> record.Record:
    found = record.new(what, [1.0], unit="s", predicted=(0, 1), threads=1)
    return {**found, "machine": {**found["machine"], "cpu": cpu}, "date": date}


def test_what_is_compared_comes_from_one_machine(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old, bandwidth, decode = (
        on("laptop", "decode", "2026-01-01T00:00:00+00:00"),
        on("laptop", "read_bandwidth", "2026-01-02T00:00:00+00:00"),
        on("laptop", "decode", "2026-01-03T00:00:00+00:00"),
    )
    elsewhere = on("desktop", "decode", "2026-01-04T00:00:00+00:00")
    record.write(folder, [old, bandwidth, decode, elsewhere])
    assert lab.together("read_bandwidth", "decode") == [bandwidth, decode]
    assert lab.whose(bandwidth) == "this machine"
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("own", "told"),
    [
        ([], "not measured read_bandwidth and decode yet"),
        (["decode"], "not measured read_bandwidth yet"),
        (["decode", "read_bandwidth"], "not measured read_bandwidth and decode on one machine"),
    ],
)
def test_a_set_that_no_machine_of_yours_has_is_all_the_reference_machines(
    folder: Path, capsys: pytest.CaptureFixture[str], own: list[str], told: str
) -> None:
    record.write(folder, [on(f"machine {n}", what, "2026-01-01T00:00:00+00:00") for n, what in enumerate(own)])
    found = lab.together("read_bandwidth", "decode")
    assert [one["what"] for one in found] == ["read_bandwidth", "decode"]
    assert {lab.whose(one) for one in found} == {"the reference machine"}
    out = capsys.readouterr().out
    assert f"You have {told}. What follows is all the reference machine's: {found[0]['machine']['cpu']}." in out
    with pytest.raises(KeyError):
        lab.together("decode", "nothing of that name")


def reveal(folder: Path) -> float:
    return lab.reveal("GPT-4's operations", 21.0, "FLOP", "Epoch AI, 2024")


def test_a_reveal_locks_the_prediction_and_says_whether_it_held(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    texts: list[str] = []
    monkeypatch.setattr("IPython.display.display", lambda data, **_: texts.append(data["text/plain"]))
    lab.predict("GPT-4's operations", 10, 20, "FLOP")
    assert reveal(folder) == 21.0
    assert texts == ["GPT-4's operations: 21 FLOP (Epoch AI, 2024), outside your 10 to 20 FLOP."]
    [kept] = record.read(folder)
    assert kept.items() >= {"kind": "revealed", "value": 21.0, "predicted": [10, 20], "lab": "lab01"}.items()
    capsys.readouterr()
    lab.predict("GPT-4's operations", 20, 22, "FLOP")
    assert "revealed already: your prediction stays at 10 to 20 FLOP" in capsys.readouterr().out
    reveal(folder)
    assert record.read(folder) == [kept] and len(texts) == 2


def test_without_a_prediction_the_value_is_shown_and_nothing_is_kept(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert reveal(folder) == 21.0
    said = capsys.readouterr().out
    assert "21 FLOP (Epoch AI, 2024)" in said and "made no prediction" in said
    assert record.read(folder) == []


def test_a_reveal_in_another_unit_is_refused(folder: Path) -> None:
    lab.predict("GPT-4's operations", 10, 20, "USD")
    with pytest.raises(ValueError, match="revealed in FLOP; you predicted in USD"):
        reveal(folder)


def test_the_grader_shows_what_was_revealed_and_keeps_nothing_new(
    folder: Path, shown: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    lab.predict("GPT-4's operations", 10, 20, "FLOP")
    reveal(folder)
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    assert reveal(folder) == 21.0 and shown[0] == shown[1]
    lab.predict("another", 10, 20, "FLOP")
    assert lab.reveal("another", 3, "FLOP", "here") == 3
    assert len(record.read(folder)) == 1


def test_a_verdict_is_kept_and_the_last_one_counts(
    folder: Path, shown: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    lab.verdict("C1", "...", sure=70)
    assert "no verdict yet" in capsys.readouterr().out and record.read(folder) == []
    lab.verdict("C1", "The leak fits.", sure=70)
    lab.verdict("C1", "The leak fits.", sure=70)
    lab.verdict("C1", "It fits 20,000, too.", sure=60)
    kept = record.read(folder)
    assert [(one["claim"], one["text"], one["sure"]) for one in kept] == [
        ("C1", "The leak fits.", 70),
        ("C1", "It fits 20,000, too.", 60),
    ]
    assert {one["kind"] for one in kept} == {"verdict"}


@pytest.mark.parametrize("sure", [0, 100, -1, 170, float("nan")])
def test_nobody_is_certain(folder: Path, sure: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 100"):
        lab.verdict("C1", "Yes.", sure=sure)


def test_all_labs_records_come_together_and_travel_on(
    folder: Path, shown: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("lab01_cost", "lab10_decision", "notes"):
        (folder / name).mkdir()
    made = record.new("matmul", [3.0], unit="FLOP/s", predicted=(1, 2), threads=1)
    record.write(folder / "lab01_cost", [made])
    record.write(folder / "notes", [{**made, "what": "nobody's"}])
    monkeypatch.chdir(folder / "lab10_decision")
    lab.start("lab10", cohort="2026")
    lab.verdict("C1", "Yes.", sure=70)
    found = lab.collect()
    own = [one for one in found if not one.get("reference")]
    assert {one["what"]: one["lab"] for one in own} == {"matmul": "lab01", "C1": "lab10"}
    borrowed = {one["what"] for one in found if one.get("reference")}
    assert "read_bandwidth" in borrowed and "matmul" not in borrowed
    assert shown[-1] == own
    record.write(Path.cwd(), own)  # as a grader does with what it finds in the outputs
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    (folder / "lab01_cost" / record.FILE).unlink()
    assert [one for one in lab.collect() if not one.get("reference")] == own


def test_a_record_of_another_lab_serves_where_this_one_has_none(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("lab01_cost", "lab04_token"):
        (folder / name).mkdir()
    made = record.new("matmul", [3.0], unit="FLOP/s", predicted=(1, 2), threads=1)
    verdict = record.verdict("matmul", "Yes.", sure=70, lab="lab01")
    record.write(folder / "lab01_cost", [made, verdict])
    monkeypatch.chdir(folder / "lab04_token")
    lab.start("lab04", cohort="2026")
    assert lab.record("matmul") == {**made, "lab": "lab01"}
    assert not lab.is_own("matmul")
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    assert lab.record("matmul")["values"] != made["values"]
    monkeypatch.delenv("NBGRADER_EXECUTION")
    own = measured(Path.cwd())
    assert lab.record("matmul") == own


def test_the_grader_returns_the_record_and_measures_nothing(
    folder: Path, shown: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = measured(folder)
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    assert lab.measure("matmul", never) == found
    assert lab.measure("matmul", never, again=True) == found
    assert shown == [[found]] * 3
    assert record.read(folder) == [found]


def test_the_grader_says_that_there_is_no_record(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    lab.predict("matmul", 1, 5, "s")
    with pytest.raises(NotImplementedError, match="no record of matmul") as problem:
        lab.measure("matmul", never)
    assert type(problem.value) is lab.NoRecord


def test_a_corrupt_file_of_records_is_told_and_left_alone(folder: Path) -> None:
    file = folder / record.FILE
    file.write_text("[{")
    for call in (
        lambda: lab.predict("matmul", 1, 5, "s"),
        lambda: lab.measure("matmul", never),
        lambda: lab.record("matmul"),
    ):
        with pytest.raises(record.BadRecord, match="not JSON"):
            call()
    assert file.read_text() == "[{"


def test_without_a_measurement_the_reference_machine_speaks_and_says_so(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = lab.record("matmul")
    kept = record.read(paths.datasets() / "measured" / "reference_machine")
    reference = next(one for one in kept if one["what"] == "matmul")
    assert found == reference
    said = capsys.readouterr().out
    assert "not measured" in said and "reference machine" in said and reference["machine"]["cpu"] in said
    assert not (folder / record.FILE).exists()


def test_ones_own_record_goes_before_the_reference(
    folder: Path, shown: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    found = measured(folder)
    capsys.readouterr()
    assert lab.record("matmul") == found
    assert capsys.readouterr().out == ""


def test_only_ones_own_record_counts_as_measured(folder: Path, shown: list[Any]) -> None:
    with pytest.raises(lab.NoRecord, match="not measured matmul"):
        lab.measured("matmul")
    own = measured(folder)
    assert lab.measured("matmul") == own


def test_what_nobody_measured_names_what_was(folder: Path) -> None:
    with pytest.raises(KeyError, match=r"'magic'.*matmul"):
        lab.record("magic")


@pytest.mark.parametrize(("median", "said"), [(3.0, "inside"), (9.0, "outside")])
def test_the_output_says_whether_the_prediction_held(
    folder: Path, monkeypatch: pytest.MonkeyPatch, median: float, said: str
) -> None:
    texts: list[str] = []
    monkeypatch.setattr("IPython.display.display", lambda data, **_: texts.append(data["text/plain"]))
    measured(folder, [median])
    assert texts == [f"matmul: {median:.4g} FLOP/s (median of 1), {said} your 1 to 5 FLOP/s."]


def test_a_busy_machine_is_not_told_where_it_changes_nothing(
    folder: Path, shown: list[Any], share: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    share[0] = 0.2
    lab.predict("ladder", 0.001, 0.1, "nat")
    capsys.readouterr()
    lab.measure("ladder", lambda: [0.01])
    assert capsys.readouterr().out == ""
