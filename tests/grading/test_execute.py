"""Limits of time, output and deaths: each costs what exceeds it, and no more."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from course.grading import execute, kernel
from tests.grading.conftest import TIMES

Execute = Callable[..., execute.Execution]
PASSED = {"passed": True}


def test_a_cell_that_takes_too_long_is_interrupted(execute: Execute) -> None:
    answer = "import time\ntime.sleep(60)\n# ---\ndef g():\n    return 1"
    ran = execute(answer, "assert f() == 1\n# ---\nassert g() == 1", times=replace(TIMES, cell_s=2))
    assert [o.ename for o in ran.notebook.cells[1].outputs if o.output_type == "error"][-1] == "CellTimeoutError"
    assert ran.verdicts["test-1-2"] == PASSED and ran.deaths == 0


def test_a_cell_that_cannot_be_interrupted_costs_its_process(execute: Execute) -> None:
    deaf = "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True: pass"
    ran = execute(f"X = 1\n# ---\n{deaf}", "assert X == 1\n# ---\nassert X == 1", times=replace(TIMES, cell_s=2))
    assert ran.deaths == 1
    assert set(map(str, ran.verdicts.values())) == {str(PASSED)}  # the cells before it were run again


def test_a_notebook_that_takes_too_long_gets_what_it_has_by_then(execute: Execute) -> None:
    slow = "import time\ntime.sleep(2.5)\nX = 1"
    ran = execute(
        f"{slow}\n# ---\n{slow}\n# ---\n{slow}",
        "\n# ---\n".join(["assert X == 1"] * 3),
        times=replace(TIMES, total_s=4),
    )
    assert [v.get("verdict", "pass") for v in ran.verdicts.values()] == ["pass", "timeout", "timeout"]
    assert "took longer than 4 s" in ran.verdicts["test-1-3"]["message"]


def test_output_is_cut_off_and_a_flood_ends_its_process(execute: Execute) -> None:
    much = f"print('x' * {kernel.MAX_OUTPUT // 2})\nprint('y' * {kernel.MAX_OUTPUT})\nX = 1"
    flood = "while True: print('z' * 100_000)"
    ran = execute(f"{much}\n# ---\n{flood}", "assert X == 1\n# ---\nassert X == 1")
    kept = "".join(output.get("text", "") for output in ran.notebook.cells[1].outputs)
    assert len(kept) < kernel.MAX_OUTPUT + 100 and kept.endswith("[more output than is kept]\n")
    assert ran.deaths == 1
    assert set(map(str, ran.verdicts.values())) == {str(PASSED)}


def test_a_process_that_dies_again_and_again_is_given_up(execute: Execute, monkeypatch: Any) -> None:
    monkeypatch.setattr("course.grading.execute.MAX_DEATHS", 2)
    death = "import os\nos._exit(0)"
    ran = execute("\n# ---\n".join([death] * 5), "\n# ---\n".join(["assert 1"] * 5))
    assert ran.deaths >= 3 and ran.verdicts["test-1-5"]["verdict"] == "crash"
