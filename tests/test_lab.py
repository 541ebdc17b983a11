import json
from pathlib import Path
from typing import Any

import pytest

from course import cohort, lab, paths
from course.measure import record


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
    lab.predict("matmul", 1, 5, "GFLOP/s")
    with pytest.raises(ValueError, match="measured in FLOP/s; you predicted in GFLOP/s"):
        lab.measure("matmul", never, unit="FLOP/s")


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
    assert texts == [f"matmul: {median:.4g} FLOP/s (median of 1), {said} your 1 to 5."]
