"""How much a confined process gets."""

from dataclasses import replace

import pytest

from tests.grading.sandbox.conftest import Box, layers_of


def limits(box: Box, **changes: int) -> dict:
    return {"limits": replace(box.policy().limits, **changes)}


def test_memory_ends_in_a_memory_error(box: Box):
    outcome = box.run("answer = [attempt(lambda: bytearray(100 << 20)), attempt(lambda: bytearray(900 << 20))]")
    assert (outcome.status, outcome.answer) == (0, ["done", "MemoryError"]), outcome.errors


def test_the_memory_of_all_together_has_a_limit_where_there_are_control_groups(box: Box):
    if "cgroup" not in layers_of(box.as_root):
        pytest.skip("this machine lends no control group")
    outcome = box.run(
        """
import time
children = []
for _ in range(4):
    child = os.fork()
    if not child:
        held = bytearray(60 << 20)
        held[::4096] = b"x" * len(held[::4096])
        time.sleep(2)
        os._exit(0)
    children.append(child)
answer = [os.waitpid(child, 0)[1] for child in children]
""",
        **limits(box, memory=128 << 20, disk=1 << 20),
    )
    assert outcome.status == 137 or any(outcome.answer)  # somebody was killed


TOGETHER = """
import time
held = bytearray(b"x") * (60 << 20)
children = []
for _ in range(4):
    child = os.fork()
    if not child:
        {deed}
        time.sleep(3)
        os._exit(0)
    children.append(child)
answer = [os.waitpid(child, 0)[1] for child in children]
"""


@pytest.mark.parametrize(
    ("deed", "status"), [("mine = bytearray(b'x') * (60 << 20)", 137), ("mine = held", 0)], ids=["own", "shared"]
)
def test_the_memory_of_all_together_has_a_limit_without_control_groups(box: Box, deed: str, status: int):
    """Each of them is below its own; what they share counts once."""
    alone = replace(box, layers=tuple(layer for layer in box.layers if layer != "cgroup"))
    outcome = alone.run(TOGETHER.format(deed=deed), **limits(alone, memory=160 << 20))
    assert outcome.status == status, outcome.errors


def test_memory_that_no_limit_counts_cannot_be_had(box: Box):
    outcome = box.run(
        """
import ctypes, mmap
shmget = getattr(ctypes.CDLL(None, use_errno=True), "shmget")
answer = [attempt(lambda: mmap.mmap(-1, 1 << 20)), attempt(lambda: os.memfd_create("x")),
          attempt(lambda: open("/dev/zero", "r+b")), open("/dev/zero", "rb").read(2) == bytes(2),
          shmget(0, 1 << 20, 0o1600)]
"""
    )
    assert outcome.answer == ["PermissionError"] * 3 + [True, -1], outcome.errors


def test_a_fork_bomb_stops(box: Box):
    outcome = box.run(
        """
import time
children = 0
try:
    while children < 500:
        if not os.fork():
            time.sleep(60)
        children += 1
except OSError as error:
    answer = [type(error).__name__, children]
"""
    )
    assert outcome.status == 0, outcome.errors
    name, children = outcome.answer
    assert name == "BlockingIOError"
    assert 0 < children <= 24


def test_a_bomb_of_forking_children_is_ended(box: Box):
    outcome = box.run(
        """
import time
def bomb():
    while True:
        try:
            if not os.fork():
                continue
        except OSError:
            pass
descend(bomb)
time.sleep(0.3)
answer = "out"
"""
    )
    assert (outcome.status, outcome.answer) == (0, "out"), outcome.errors


def test_a_file_has_a_size(box: Box):
    outcome = box.run(
        """
def fill():
    with open("big", "wb") as file:
        for _ in range(20):
            file.write(bytes(1 << 20))
answer = attempt(fill)
"""
    )
    assert (outcome.status, outcome.answer) == (0, "OSError"), outcome.errors


def test_the_disk_has_a_size(box: Box):
    """With a file system of its own, writing fails; without one, the keeper ends who writes on."""
    outcome = box.run(
        """
import time
def fill():
    for number in range(8):
        for place in (".", policy.temporary):
            with open(f"{place}/{number}", "wb") as file:
                file.write(bytes(2 << 20))
answer = attempt(fill)
time.sleep(0 if "namespaces" in layers else 60)
"""
    )
    if box.has_namespaces:
        assert (outcome.status, outcome.answer) == (0, "OSError"), outcome.errors
    else:
        assert outcome.status == 137, outcome.errors


def test_a_folder_that_cannot_be_looked_into_counts_as_full(box: Box):
    outcome = box.run("import time\nos.mkdir('dark', 0o300)\ntime.sleep(2)\nanswer = 'went on'")
    is_measured_by_the_user = not box.has_namespaces and not box.as_root  # root looks into everything
    assert outcome.status == (137 if is_measured_by_the_user else 0), outcome.errors


def test_open_files_are_counted(box: Box):
    outcome = box.run("files = []\nanswer = attempt(lambda: [files.append(open('/dev/null')) for _ in range(100)])")
    assert (outcome.status, outcome.answer) == (0, "OSError"), outcome.errors


def test_computing_time_ends(box: Box):
    outcome = box.run("while True: pass", **limits(box, cpu_s=1))
    assert outcome.status == 137, outcome.errors


def test_no_core_is_dumped_and_limits_cannot_be_raised(box: Box):
    outcome = box.run(
        """
import resource
answer = [resource.getrlimit(resource.RLIMIT_CORE),
          attempt(lambda: resource.setrlimit(resource.RLIMIT_CPU, (10**6, 10**6))),
          attempt(lambda: resource.prlimit(os.getppid() or 1, resource.RLIMIT_CPU, (1, 1)))]
"""
    )
    assert (outcome.status, outcome.answer) == (0, [[0, 0], "ValueError", "PermissionError"]), outcome.errors
