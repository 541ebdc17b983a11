"""How busy others are: a process of somebody else counts, our own children do not."""

import math
import subprocess
import sys
import time

from course.measure import others

SPIN = [sys.executable, "-c", "import time\nend = time.monotonic() + 60\nwhile time.monotonic() < end: pass"]


def test_our_own_work_is_not_others() -> None:
    child = subprocess.Popen(SPIN)
    try:
        time.sleep(0.3)
        with others.watched() as found:
            time.sleep(1)
            ours = others._ours_s()
        assert found.busy >= 0 and math.isfinite(found.busy)
        time.sleep(0.5)
        assert others._ours_s() > ours, "the child's seconds are ours"
    finally:
        child.kill()
        child.wait()


def test_work_of_others_counts() -> None:
    """A process whose parent has gone is nobody's child."""
    starter = f"import subprocess; print(subprocess.Popen({SPIN!r}, stdout=-3, stderr=-3).pid)"  # to nowhere
    pid = int(subprocess.run([sys.executable, "-c", starter], capture_output=True, text=True, check=True).stdout)
    try:
        time.sleep(0.3)
        with others.watched() as found:
            time.sleep(2)
        assert found.busy > 0.1
        assert not others.wait_for_quiet(most_busy=0.05, seconds=0.5, patience_s=1)
    finally:
        subprocess.run(["kill", "-9", str(pid)], check=True)


def test_it_is_quiet_where_anything_goes() -> None:
    assert others.wait_for_quiet(most_busy=1000, seconds=0.1, patience_s=5)
