"""Limits of time, output and deaths: each costs what exceeds it, and no more."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from course.grading.kernels import shown, warm
from course.grading.kernels.job import Job
from course.grading.run import execute, lives
from tests.grading.conftest import LIMITS, TIMES

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
    much = f"print('x' * {shown.MAX_OUTPUT // 2})\nprint('y' * {shown.MAX_OUTPUT})\nX = 1"
    flood = "while True: print('z' * 100_000)"
    ran = execute(f"{much}\n# ---\n{flood}", "assert X == 1\n# ---\nassert X == 1")
    kept = "".join(output.get("text", "") for output in ran.notebook.cells[1].outputs)
    assert len(kept) < shown.MAX_OUTPUT + 100 and kept.endswith("[more output than is kept]\n")
    assert ran.deaths == 1
    assert set(map(str, ran.verdicts.values())) == {str(PASSED)}


def test_a_process_that_dies_again_and_again_is_given_up(execute: Execute, monkeypatch: Any) -> None:
    monkeypatch.setattr("course.grading.run.lives.MAX_DEATHS", 2)
    death = "import os\nos._exit(0)"
    ran = execute("\n# ---\n".join([death] * 5), "\n# ---\n".join(["assert 1"] * 5))
    assert ran.deaths >= 3 and ran.verdicts["test-1-5"]["verdict"] == "crash"


def errors(ran: execute.Execution, index: int) -> list[str]:
    return [output.evalue for output in ran.notebook.cells[index].outputs if output.output_type == "error"]


def test_a_cell_that_asks_its_kernel_to_end_is_the_one_that_ended_it(execute: Execute) -> None:
    ran = execute("X = 1\n# ---\nexit()\n# ---\nZ = 1", "assert X == 1\n# ---\nassert 1\n# ---\nassert X == Z")
    assert ran.deaths == 1 and errors(ran, 3) == ["it ended its process"]
    assert set(map(str, ran.verdicts.values())) == {str(PASSED)}


@pytest.fixture
def executor(template: warm.Template, layers: tuple[str, ...]) -> Iterator[Callable[..., execute.Executor]]:
    """An executor of a notebook of cells, called before each cell."""
    job = Job(layers, LIMITS)

    def made(*sources: str, before_cell: Callable[[int, int], None]) -> execute.Executor:
        notebook = new_notebook(cells=[new_code_cell(source, metadata={"own": 1}) for source in sources])
        return execute.Executor(notebook, new_notebook(), job, template, TIMES, before_cell)

    yield made
    job.close()


def test_a_process_that_ends_between_two_cells_was_ended_by_the_first(
    executor: Callable[..., execute.Executor],
) -> None:
    def kill_after_the_second(number: int, _: int) -> None:
        if number == 3 and (kernel := running._lives.running):
            kernel.child.kill()
            while not kernel.has_ended:
                time.sleep(0.01)

    running = executor("A = 1", "B = 1", "print(A, 'B' in globals())", before_cell=kill_after_the_second)
    ran = running.run()
    assert ran.notebook.cells[2].outputs[0].text == "1 False\n"
    assert errors(ran, 1) == ["the process ended after this cell had run"] and ran.deaths == 1


def test_a_death_leaves_the_other_cells_as_they_are(executor: Callable[..., execute.Executor]) -> None:
    running = executor("print(1)", "import os; os._exit(0)", "print(2)", before_cell=lambda *_: None)
    before = [(cell.id, cell.metadata, cell.source) for cell in running.notebook.cells]
    ran = running.run()
    assert [(cell.id, cell.metadata, cell.source) for cell in ran.notebook.cells] == before
    assert [output.text for cell in ran.notebook.cells for output in cell.outputs if "text" in output] == ["1\n", "2\n"]


LATER = "import os, threading\nthreading.Timer({}, os._exit, (0,)).start()"


@pytest.mark.parametrize("seconds", [0.02, 0.6])
def test_a_cell_that_ends_the_process_later_is_the_one_that_ended_it(execute: Execute, seconds: float) -> None:
    slow = "import time\ntime.sleep(1.5)\nZ = X + 1"
    ran = execute(
        f"X = 1\n# ---\n{LATER.format(seconds)}\n# ---\n{slow}", "assert X == 1\n# ---\nassert 1\n# ---\nassert Z == 2"
    )
    assert set(map(str, ran.verdicts.values())) == {str(PASSED)}
    assert errors(ran, 3) and not errors(ran, 1) and not errors(ran, 5)


def test_two_cells_that_end_the_process_later_are_both_found(execute: Execute) -> None:
    later = [f"A{n} = {n}\n# ---\n{LATER.format(0.3)}" for n in range(2)]
    ran = execute(
        "\n# ---\n".join([*later, "import time\ntime.sleep(1.5)\nB = 1"]),
        "\n# ---\n".join(["assert 1"] * 4 + ["assert A0 + A1 + B == 2"]),
    )
    assert set(map(str, ran.verdicts.values())) == {str(PASSED)}
    assert ran.deaths == 2


def test_whatever_the_search_finds_is_a_cell_that_ran(
    executor: Callable[..., execute.Executor], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that ends by chance, as one without memory may, is blamed on some cell of code."""
    monkeypatch.setattr(lives.Lives, "_ends_before", lambda *_: True)
    running = executor("A = 1", "import os; os._exit(0)", "print(2)", before_cell=lambda *_: None)
    running.notebook.cells.insert(0, new_markdown_cell("Words"))
    ran = running.run()
    assert errors(ran, 1) and ran.notebook.cells[3].outputs[0].text == "2\n"


def test_a_check_that_ends_the_process_is_lost_itself(execute: Execute) -> None:
    ran = execute(
        "X = 1\n# ---\ndef f():\n    import os\n    os._exit(0)\n# ---\nY = 2",
        "assert X == 1\n# ---\nf()\n# ---\nassert Y == 2",
    )
    assert [verdict.get("verdict", "pass") for verdict in ran.verdicts.values()] == ["pass", "crash", "pass"]


def test_one_clock_runs_over_all_lives(execute: Execute) -> None:
    slow = "import time\ntime.sleep(3)\nX = 1"
    began = time.monotonic()
    ran = execute(
        "\n# ---\n".join([slow, slow, "import os\nos._exit(0)", "Y = 1"]),
        "\n# ---\n".join(["assert X == 1"] * 4),
        times=replace(TIMES, total_s=8, cell_s=5),
    )
    assert time.monotonic() - began < 30
    assert [v.get("verdict", "pass") for v in ran.verdicts.values()] == ["pass", "pass", "timeout", "timeout"]
    assert "took longer than 8 s" in ran.verdicts["test-1-4"]["message"]


GARBAGE = {
    "no message": "socket.send(b'garbage')",
    "an endless message": "while True:\n    socket.send(b'x' * (1 << 20), zmq.SNDMORE)",
    "no output": "send('stream', {'name': 3, 'text': None})",
    "no JSON": "socket.send_multipart([b'<IDS|MSG>', b'', b'{', b'{}', b'{}', b'{}'])",
}
SENDER = """
import json, zmq
from IPython import get_ipython
kernel = get_ipython().kernel
socket = kernel.iopub_thread.socket
def send(kind, content):
    parts = [{'msg_type': kind}, {'msg_id': kernel.get_parent()['header']['msg_id']}, {}, content]
    socket.send_multipart([b'<IDS|MSG>', b'', *(json.dumps(part).encode() for part in parts)])
"""


@pytest.mark.parametrize("kind", GARBAGE)
def test_what_is_no_message_costs_the_cell_that_sent_it(execute: Execute, kind: str) -> None:
    ran = execute(f"{SENDER}{GARBAGE[kind]}\n# ---\nY = 1", "assert 1\n# ---\nassert Y == 1")
    assert ran.deaths == 1 and "cannot be read" in errors(ran, 1)[-1]
    assert set(map(str, ran.verdicts.values())) == {str(PASSED)}
