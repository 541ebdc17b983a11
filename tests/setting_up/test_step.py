"""A step of the set-up: its log, its failure in one line, and that nothing of it outlives its end."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from course import paths
from course.setting_up import step

# A step that runs a command which starts another: both pids go to a file, then both sleep.
ENDLESS = """
import os, subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
open(sys.argv[1], "w").write(f"{os.getpid()} {child.pid}\\n")
child.wait()
"""
STEP = """
import sys
from pathlib import Path
from course.setting_up import step
with step.alone(Path(sys.argv[1]), waiting="waiting"):
    step.run("endless", "long", [sys.executable, "-c", *sys.argv[2:]], log=Path(sys.argv[1], "log"))
"""


def test_output_goes_to_the_log_and_progress_to_the_screen(tmp_path, capsys):
    program = "import os; print('[3/7] Building', os.environ['COLOUR'], 'PYTHONPATH' in os.environ)"
    step.run("tiny", "no time", [sys.executable, "-c", program], log=tmp_path / "new" / "log", env={"COLOUR": "green"})
    assert (tmp_path / "new" / "log").read_text() == "[3/7] Building green False\n"
    shown = capsys.readouterr().out
    assert "tiny (no time)" in shown and "tiny: done in 0:0" in shown


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        ("hello\\nERROR: no disk\\nbye", "ERROR: no disk"),
        ("WARNING: connection broken by it\\nERROR: none", "no connection to the package index: are you online?"),
        ("hello\\nbye", "bye"),
        ("", "it said nothing"),
    ],
)
def test_a_failure_is_one_line_that_names_the_log(tmp_path, output, reason):
    program = f"import sys; print('{output}'); sys.exit(3)"
    with pytest.raises(step.SetupError) as failed:
        step.run("tiny", "no time", [sys.executable, "-c", program], log=tmp_path / "log")
    assert str(failed.value) == f"tiny: {reason} (the whole log: {tmp_path / 'log'})"


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_nothing_outlives_a_set_up_that_is_ended(tmp_path, how):
    pids_file = tmp_path / "pids"
    set_up = subprocess.Popen(
        [sys.executable, "-c", STEP, str(tmp_path), ENDLESS, str(pids_file)],
        cwd=paths.PACKAGE.parent,
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    try:
        wait_until(lambda: pids_file.is_file() and pids_file.read_text().endswith("\n"))
    finally:
        set_up.send_signal(how)
        set_up.wait()
    pids = [int(pid) for pid in pids_file.read_text().split()]
    wait_until(lambda: not any(map(runs, pids)))
    with step.alone(tmp_path, waiting="not free"):
        pass


@pytest.mark.skipif(sys.platform == "win32", reason="no lock there")
def test_a_second_one_says_so_and_waits(tmp_path):
    program = "import sys; from pathlib import Path; from course.setting_up import step\n"
    program += "with step.alone(Path(sys.argv[1]), waiting='waiting'): print('on', flush=True)"
    with step.alone(tmp_path, waiting="never"):
        second = subprocess.Popen(
            [sys.executable, "-c", program, str(tmp_path)], cwd=paths.PACKAGE.parent, stdout=subprocess.PIPE, text=True
        )
        assert second.stdout and second.stdout.readline() == "waiting\n"
        assert second.poll() is None
    assert second.communicate(timeout=30)[0] == "on\n"


def runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{pid}/stat")  # an orphan that nobody has reaped yet has ended all the same
    return not (status.is_file() and status.read_text().rpartition(")")[2].split()[0] == "Z")


def wait_until(condition) -> None:
    for _ in range(300):
        if condition():
            return
        time.sleep(0.1)
    raise AssertionError("it never came true")
