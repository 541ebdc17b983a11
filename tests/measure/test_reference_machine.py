"""The program that measures the reference machine, and the records that it left."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from course import paths
from course.measure import quantity, record

MEASURED = paths.datasets() / "measured"


@pytest.fixture
def real(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location("reference_machine", MEASURED / "programs" / "reference_machine.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def program(real: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The program, with two quick things to measure and a folder of its own."""
    quick = {
        "height": real.Measurement(lambda: [1.0, 2.0, 3.0], "m", (0, 5)),
        "speed": real.Measurement(lambda: {"fast": [9.0], "slow": [1.0]}, "m/s", (0, 5), lambda: {"n_gen": 7}),
    }
    monkeypatch.setattr(real, "MEASUREMENTS", quick)
    monkeypatch.setattr(real, "FOLDER", tmp_path / "reference_machine")
    return real


def run(program: ModuleType, monkeypatch: pytest.MonkeyPatch, *names: str) -> dict[str, record.Record]:
    monkeypatch.setattr(sys, "argv", ["reference_machine.py", *names])
    program.main()
    records = record.read(program.FOLDER)
    assert len(records) == len({found["what"] for found in records})
    return {found["what"]: found for found in records}


def test_without_names_everything_is_measured(program: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    records = run(program, monkeypatch)
    assert {what: found["median"] for what, found in records.items()} == {"height": 2.0, "speed": 9.0}
    assert records["speed"]["n_gen"] == 7 and records["speed"]["load_before"] >= 0


def test_what_is_not_named_stays_as_it_was(program: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    before = run(program, monkeypatch)
    program.MEASUREMENTS["height"] = program.Measurement(lambda: [8.0], "m", (0, 5))
    after = run(program, monkeypatch, "height")
    assert after["height"]["median"] == 8.0
    assert after["speed"] == before["speed"]


def test_an_unknown_name_is_refused_before_anything_is_measured(
    program: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        run(program, monkeypatch, "height", "weight")
    assert caught.value.code == 2
    assert "nothing called 'weight' to measure; there are: height, speed" in capsys.readouterr().err.splitlines()[-1]
    assert not program.FOLDER.exists()


def test_what_a_lab_measures_keeps_the_facts_that_its_exercise_names(
    real: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = record.new(
        "decode", [1.0, 2.0], unit="token/s", predicted=(0, 5), threads=1, lab="lab05", extra={"n_gen": 32}
    )
    monkeypatch.setattr(real, "lab_records", lambda lab: {"decode": made})
    measurement = real.in_lab("lab05", "decode", "token/s", (0, 5))
    assert (measurement.measure(), measurement.extra()) == ([1.0, 2.0], {"n_gen": 32})


def test_the_reference_machine_has_a_record_of_everything(real: ModuleType) -> None:
    records = {found["what"]: found for found in record.read(MEASURED / "reference_machine")}
    assert set(records) == set(real.MEASUREMENTS)
    for what, found in records.items():
        assert found["unit"] == real.MEASUREMENTS[what].unit
        is_of_runs = what.startswith("serving_")  # each value is of a whole run of a server, of many requests
        assert len(record.headline(found["values"])) >= 5 or is_of_runs or not quantity.is_timed(found["unit"])
