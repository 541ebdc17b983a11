"""What a confined process cannot get at, and what it can."""

import os
import socket
from contextlib import suppress
from pathlib import Path

import pytest

from course.grading.sandbox import runtime
from tests.grading.sandbox.conftest import Box
from tests.ordinary_user import CHECKOUT

DENIED = {"FileNotFoundError", "PermissionError"}


def test_it_is_nobody_in_its_own_folder(box: Box):
    outcome = box.run(
        """
status = dict(line.split(":", 1) for line in open("/proc/self/status").read().splitlines())
answer = [layers, os.getcwd(), os.getuid(), os.getgroups(), int(status["CapEff"], 16), int(status["CapBnd"], 16),
          status["NoNewPrivs"].strip(), attempt(lambda: os.setuid(0))]
"""
    )
    assert outcome.status == 0, outcome.errors
    layers, here, uid, groups, effective, bounds, no_new, setuid = outcome.answer
    assert set(box.layers) - {"cgroup"} <= set(layers) <= set(box.layers)
    assert here == box.policy().workplace
    assert uid != 0
    assert not box.as_root or groups == []
    reading = 1 << 1 | 1 << 2
    if box.has_namespaces:
        assert (effective, bounds) == (0, 0)
    else:
        assert effective & ~reading == 0
        assert not box.as_root or bounds == effective
    assert no_new == "1"
    assert setuid != "done"


def test_files_of_the_host_cannot_be_read(box: Box):
    beside = box.ground / "beside.txt"
    beside.write_text("secret")
    places = ["/etc/shadow", str(beside), str(CHECKOUT / "solutions" / "lab01.py"), str(CHECKOUT / "pyproject.toml")]
    outcome = box.run(f"answer = [attempt(lambda: open(place).read()) for place in {places!r}]")
    assert outcome.status == 0, outcome.errors
    assert set(outcome.answer) <= DENIED


def test_folders_of_the_host_cannot_be_listed(box: Box):
    places = [str(CHECKOUT / "solutions"), str(CHECKOUT / "tests"), str(box.ground), "/home", "/var"]
    outcome = box.run(f"answer = [attempt(lambda: os.listdir(place)) for place in {places!r}]")
    assert outcome.status == 0, outcome.errors
    assert set(outcome.answer) <= DENIED


def test_nothing_readable_can_be_written(box: Box):
    data = box.ground / "data"
    data.mkdir()
    (data / "table.csv").write_text("1")
    data.chmod(0o777)
    (data / "table.csv").chmod(0o666)
    outcome = box.run(
        f"""
data = {str(data)!r}
table = data + "/table.csv"
def chmod():
    os.chmod(table, 0)
    os.utime(table, (0, 0))
answer = [open(table).read(), attempt(lambda: open(table, "w")), attempt(lambda: open(data + "/new", "w")),
          attempt(lambda: os.unlink(table)), attempt(lambda: os.truncate(table, 0)),
          attempt(lambda: os.open(table, os.O_RDONLY | os.O_TRUNC)), attempt(chmod)]
""",
        readable=(*box.policy().readable, str(data)),
    )
    assert outcome.status == 0, outcome.errors
    text, *denied, _ = outcome.answer
    assert text == "1"
    assert set(denied) <= {"OSError", "PermissionError"}
    assert (data / "table.csv").read_text() == "1"
    assert (data / "table.csv").stat().st_mode & 0o777 == 0o666
    assert (data / "table.csv").stat().st_mtime > 0
    assert os.listdir(data) == ["table.csv"]


def test_submitted_files_are_copied(box: Box):
    files = box.ground / "files"
    (files / "sub").mkdir(parents=True)
    (files / "sub" / "notes.txt").write_text("mine")
    (files / "link").symlink_to("/etc/passwd")
    (files / "inside").symlink_to("sub/notes.txt")
    outcome = box.run(
        """
answer = [open("sub/notes.txt").read(), open("inside").read(), attempt(lambda: open("sub/notes.txt", "w").write("x"))]
""",
        files=str(files),
    )
    assert outcome.status == 0, outcome.errors
    assert outcome.answer == ["mine", "mine", "done"]
    assert (files / "sub" / "notes.txt").read_text() == "mine"


def test_it_can_write_in_its_own_and_in_shared_folders(box: Box):
    shared = box.ground / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    outcome = box.run(
        f"""
import socket, tempfile
def serve():
    with socket.socket(socket.AF_UNIX) as server:
        server.bind({str(shared / "door")!r})
        server.listen()
places = [".", policy.temporary, {str(shared)!r}]
answer = [attempt(lambda: open(place + "/mine", "w").write("x")) for place in places] + [attempt(serve)]
""",
        shared=(str(shared),),
    )
    assert outcome.status == 0, outcome.errors
    assert outcome.answer == ["done"] * 4
    assert (shared / "mine").read_text() == "x"
    assert (shared / "door").is_socket()


def test_hidden_paths_cannot_be_read(box: Box):
    models = box.ground / "models"
    (models / "vault" / "deep").mkdir(parents=True)
    for place in ("open.txt", "vault/deep/secret.txt", "secret.gguf"):
        (models / place).write_text(place)
    outcome = box.run(
        f"""
models = {str(models)!r}
def read(name):
    try:
        return open(models + "/" + name).read()
    except OSError:
        return ""
answer = [read(name) for name in ("open.txt", "vault/deep/secret.txt", "secret.gguf")]
""",
        readable=(*box.policy().readable, str(models)),
        hidden=(str(models / "vault"), str(models / "secret.gguf"), str(models / "not-there")),
    )
    assert outcome.status == 0, outcome.errors
    assert outcome.answer == ["open.txt", "", ""]


def test_a_link_on_the_way_to_a_readable_path_is_followed(box: Box):
    real, link = box.ground / "real", box.ground / "link"
    real.mkdir()
    (real / "a.txt").write_text("a")
    link.symlink_to("real")
    outcome = box.run(f"answer = open({str(link / 'a.txt')!r}).read()", readable=(*box.policy().readable, str(link)))
    assert (outcome.status, outcome.answer) == (0, "a"), outcome.errors


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
def test_services_of_the_host_cannot_be_reached(box: Box, kind: socket.SocketKind):
    heard = []
    with socket.socket(socket.AF_INET, kind) as service, socket.socket(socket.AF_UNIX, kind) as local:
        for server, address in ((service, ("127.0.0.1", 0)), (local, str(box.ground / "door"))):
            server.bind(address)
            server.settimeout(0.5)
        os.chmod(box.ground / "door", 0o777)
        if kind == socket.SOCK_STREAM:
            service.listen()
            local.listen()
        outcome = box.run(
            f"""
import socket
def reach(family, address):
    with socket.socket(family, {int(kind)}) as client:
        client.connect(address)
        client.send(b"hello")
answer = [attempt(lambda: reach(socket.AF_INET, {service.getsockname()!r})),
          attempt(lambda: reach(socket.AF_UNIX, {str(box.ground / "door")!r}))]
"""
        )
        for server in (service, local):
            with suppress(TimeoutError):
                heard.append(server.accept() if kind == socket.SOCK_STREAM else server.recv(9))
    assert outcome.status == 0, outcome.errors
    assert heard == []
    if kind == socket.SOCK_STREAM:
        assert "done" not in outcome.answer


def test_calls_that_make_new_rights_are_denied(box: Box):
    outcome = box.run(
        """
import ctypes, socket
libc = ctypes.CDLL(None, use_errno=True)
def call(name, *arguments):
    if getattr(libc, name)(*arguments) < 0:
        raise OSError(ctypes.get_errno(), name)
answer = [attempt(lambda: call("ptrace", 0, 0, 0, 0)), attempt(lambda: call("unshare", 0x10000000)),
          attempt(lambda: call("mount", b"a", b"b", b"tmpfs", 0, None)), attempt(lambda: call("syscall", 250, 0, 0)),
          attempt(lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)),
          attempt(lambda: socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM))]
"""
    )
    assert outcome.status == 0, outcome.errors
    *calls, netlink, vsock = outcome.answer
    assert calls == ["PermissionError"] * 4
    assert "done" not in (netlink, vsock)


def test_other_processes_cannot_be_harmed_or_seen(box: Box):
    outcome = box.run(
        f"""
import signal
def harm(process):
    os.kill(process, signal.SIGKILL)
def look(process):
    open(f"/proc/{{process}}/environ").read()
tester = {os.getpid()}
answer = [attempt(lambda: harm(tester)), attempt(lambda: look(tester)), attempt(lambda: look("1/../" + str(tester))),
          attempt(lambda: open(f"/proc/{{tester}}/cmdline").read()),
          attempt(lambda: harm(os.getppid())) if os.getppid() else "PermissionError"]
""",
    )
    assert outcome.status == 0, outcome.errors
    assert set(outcome.answer) <= {"ProcessLookupError", *DENIED}


def test_signals_to_the_whole_group_and_to_all_stay_inside(box: Box):
    outcome = box.run(
        """
import signal
signal.signal(signal.SIGUSR1, signal.SIG_IGN)
answer = [attempt(lambda: os.kill(0, signal.SIGUSR1)), attempt(lambda: os.kill(-1, signal.SIGKILL))]
"""
    )
    assert outcome.status in (0, 137), outcome.errors  # not 128 + SIGUSR1 of a keeper that heard it


def test_what_honest_code_needs_works(box: Box):
    outcome = box.run(
        """
import subprocess, sys, tempfile, threading
import numpy as np
done = []
thread = threading.Thread(target=lambda: done.append(1)); thread.start(); thread.join()
child = subprocess.run([sys.executable, "-c", "print(6 * 7)"], capture_output=True, text=True)
with tempfile.TemporaryDirectory(dir=policy.temporary) as folder:
    np.save(folder + "/a.npy", np.eye(3))
    total = float((np.load(folder + "/a.npy") @ np.ones(3)).sum())
answer = [done, child.stdout.strip(), total, os.listdir("/proc/self/fd") != []]
"""
    )
    assert outcome.status == 0, outcome.errors
    assert outcome.answer == [[1], "42", 3.0, True]


def test_workers_share_memory_where_there_are_namespaces(box: Box):
    outcome = box.run(
        """
import multiprocessing
def double():
    with multiprocessing.get_context("fork").Pool(2) as pool:
        assert pool.map(abs, [-1, -2]) == [1, 2]
answer = attempt(double)
"""
    )
    assert outcome.status == 0, outcome.errors
    assert outcome.answer == ("done" if box.has_namespaces else "PermissionError")


def test_two_boxes_of_root_are_two_users(box: Box):
    if not box.as_root:
        pytest.skip("an ordinary user has one user id")
    first, second = (box.run("answer = os.getuid()").answer for _ in range(2))
    assert first != second


def test_the_interpreter_paths_hold_no_solutions():
    for path in map(Path, runtime()):
        assert path.exists()
        assert not (CHECKOUT / "solutions").is_relative_to(path), path
        assert not (CHECKOUT / "tests").is_relative_to(path), path


def test_an_unknown_layer_is_refused(box: Box):
    outcome = box.run("answer = 1", layers=("walls",))
    assert outcome.status == 1
    assert "no such layer: walls" in outcome.errors


def test_a_missing_folder_names_the_layer(box: Box):
    outcome = box.run("answer = 1", files=str(box.ground / "nowhere"))
    assert outcome.status == 1
    assert "nowhere" in outcome.errors
    assert "namespaces:" in outcome.errors or "files:" in outcome.errors
