"""The most memory that a process has held."""

import subprocess
import sys

import numpy as np

from course.measure import memory


def test_it_grows_with_what_is_held_and_does_not_fall():
    before = memory.peak_bytes()
    held = np.ones(before // 8 + 10_000_000)  # more than all that was ever held
    at_most = memory.peak_bytes()
    assert at_most > held.nbytes
    del held
    assert memory.peak_bytes() > 0.98 * at_most  # Linux counts in lots


def test_a_process_does_not_begin_with_what_its_starter_held():
    held = np.ones(50_000_000)
    program = "from course.measure import memory; print(memory.peak_bytes())"
    made = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert int(made.stdout) < held.nbytes
