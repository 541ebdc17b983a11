"""The filter, as the kernel would run it on either architecture, and as this one does."""

import errno
import os
import signal
import struct
from collections.abc import Callable

import pytest

from course.grading.sandbox import probe, seccomp
from course.grading.sandbox.calls import NUMBERS

MACHINES = list(seccomp.ARCHITECTURES)
ALLOWED = "allowed"


def outcome(program: bytes, arch: int, number: int, arguments: tuple[int, ...] = ()) -> int | str:
    """What the kernel would answer: ALLOWED, the number of an error, or "killed"."""
    padded = (*arguments, 0, 0, 0, 0, 0, 0)[:6]
    data = struct.pack("<IIQ6Q", number, arch, 0, *(a % (1 << 64) for a in padded))
    instructions = list(struct.iter_unpack("=HBBI", program))
    accumulator, at = 0, 0
    while True:
        code, if_true, if_false, k = instructions[at]
        at += 1
        if code == 0x20:
            assert k % 4 == 0
            accumulator = struct.unpack_from("<I", data, k)[0]
        elif code == 0x54:
            accumulator &= k
        elif code in (0x15, 0x25, 0x35):
            holds = {0x15: accumulator == k, 0x25: accumulator > k, 0x35: accumulator >= k}[code]
            at += if_true if holds else if_false
        elif code == 0x06:
            return {seccomp.ALLOW: ALLOWED, seccomp.KILL: "killed"}.get(k, k & 0xFFFF)
        else:
            raise AssertionError(f"unknown instruction {code:#x}")


@pytest.fixture(params=MACHINES)
def ask(request: pytest.FixtureRequest) -> Callable[..., int | str | None]:
    machine = request.param

    def answer(call: str, *arguments: int, namespaces: bool = True, only_signals_to: int | None = None):
        number = NUMBERS[call][MACHINES.index(machine)]
        if number is None:
            return None
        program = seccomp.program(machine, namespaces=namespaces, only_signals_to=only_signals_to)
        return outcome(program, seccomp.ARCHITECTURES[machine], number, arguments)

    return answer


@pytest.mark.parametrize("namespaces", [True, False])
@pytest.mark.parametrize(
    "call",
    [
        *("ptrace", "process_vm_readv", "process_vm_writev", "mount", "umount2", "move_mount", "open_tree", "fsopen"),
        *("pivot_root", "chroot", "unshare", "setns", "keyctl", "add_key", "request_key", "bpf", "perf_event_open"),
        *("userfaultfd", "io_uring_setup", "io_uring_enter", "kexec_load", "kexec_file_load", "init_module"),
        *("open_by_handle_at", "pidfd_getfd", "process_madvise", "reboot", "swapon", "mount_setattr", "personality"),
    ],
)
def test_calls_that_nobody_needs_are_denied(ask, call: str, namespaces: bool):
    assert ask(call, namespaces=namespaces) == errno.EPERM


def test_threads_may_be_made_and_namespaces_not(ask):
    thread = 0x3D0F00
    assert ask("clone", thread) == ALLOWED
    assert ask("clone", signal.SIGCHLD) == ALLOWED
    for flag in (0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000):
        assert ask("clone", thread | flag) == errno.EPERM
    assert ask("clone3") == errno.ENOSYS


@pytest.mark.parametrize("command", [0x5412, 0x541C, 0x5412 | 1 << 32])
def test_nothing_is_typed_into_a_terminal(ask, command: int):
    assert ask("ioctl", 0, command) == errno.EPERM
    assert ask("ioctl", 0, 0x5401) == ALLOWED


def test_which_sockets_there_are(ask):
    unix, inet, inet6, netlink, packet, vsock = 1, 2, 10, 16, 17, 40
    stream, datagram, close_on_exec = 1, 2, 0x80000
    for family in (unix, inet, inet6):
        assert ask("socket", family, stream) == ALLOWED
    for family in (netlink, packet, vsock):
        assert ask("socket", family, stream) == errno.EOPNOTSUPP
    assert ask("connect") == ALLOWED
    assert ask("socket", unix, stream | close_on_exec, namespaces=False) == ALLOWED
    assert ask("socketpair", unix, stream, namespaces=False) == ALLOWED
    for family in (inet, inet6, netlink):
        assert ask("socket", family, datagram, namespaces=False) == errno.EOPNOTSUPP
    assert ask("socket", unix, datagram | close_on_exec, namespaces=False) == errno.EPERM
    assert ask("socketpair", unix, datagram, namespaces=False) == errno.EPERM
    assert ask("connect", namespaces=False) == errno.EPERM


def test_memory_that_no_limit_counts_is_not_given(ask):
    shared, private, anonymous = 1, 2, 0x20
    for namespaces in (True, False):
        for call in ("memfd_create", "memfd_secret", "shmget", "msgget", "semget"):
            assert ask(call, namespaces=namespaces) == errno.EPERM
        assert ask("mmap", 0, 0, 0, shared | anonymous, namespaces=namespaces) == errno.EPERM
        assert ask("mmap", 0, 0, 0, private | anonymous, namespaces=namespaces) == ALLOWED
        assert ask("mmap", 0, 0, 0, shared, namespaces=namespaces) == ALLOWED


def test_without_namespaces_the_hosts_memory_and_attributes_are_out_of_reach(ask):
    for call in ("shmat", "msgsnd", "semop", "mq_open", "truncate"):
        assert ask(call) == ALLOWED
        assert ask(call, namespaces=False) == errno.EPERM
    for call in ("chmod", "fchmod", "fchmodat", "fchmodat2", "fchownat", "utimensat", "setxattr", "setxattrat"):
        assert ask(call) in (ALLOWED, None)
        assert ask(call, namespaces=False) in (0, None)
    only_truncate, write, read = 0x200, 0x241, 0
    assert ask("openat", 0, 0, only_truncate, namespaces=False) == errno.EPERM
    assert ask("openat", 0, 0, write, namespaces=False) == ALLOWED
    assert ask("openat", 0, 0, read, namespaces=False) == ALLOWED
    assert ask("open", 0, only_truncate, namespaces=False) in (errno.EPERM, None)
    assert ask("openat2", namespaces=False) == errno.ENOSYS


def test_limits_and_signals_of_others(ask):
    assert ask("prlimit64", 0, 7) == ALLOWED
    assert ask("prlimit64", 4242, 7) == errno.EPERM
    assert ask("sched_setaffinity", 4242) == ALLOWED
    assert ask("sched_setaffinity", 4242, namespaces=False) == 0
    assert ask("setpriority", 0, 0, namespaces=False) == ALLOWED
    assert ask("prctl", 1, 0) == 0
    assert ask("prctl", 15) == ALLOWED
    assert ask("kill", 1) == ALLOWED
    for call in ("kill", "tgkill", "rt_sigqueueinfo"):
        assert ask(call, 4242, only_signals_to=4242) == ALLOWED
        assert ask(call, 4241, only_signals_to=4242) == errno.EPERM
        assert ask(call, -1, only_signals_to=4242) == errno.EPERM
    assert ask("pidfd_send_signal", only_signals_to=4242) == errno.EPERM
    assert ask("fcntl", 0, 8, 1, only_signals_to=4242) == errno.EPERM
    assert ask("fcntl", 0, 2, 1, only_signals_to=4242) == ALLOWED


@pytest.mark.parametrize("machine", MACHINES)
def test_other_architectures_and_newer_calls(machine: str):
    program = seccomp.program(machine, namespaces=True)
    arch = seccomp.ARCHITECTURES[machine]
    assert outcome(program, 0x40000003, 1) == "killed"  # 32-bit x86
    assert outcome(program, arch, 0x40000000 | 1) == errno.EPERM
    assert outcome(program, arch, 9999) == errno.ENOSYS
    assert outcome(program, arch, 63) == ALLOWED  # uname, or read
    assert len(program) // 8 < 4096


@pytest.mark.skipif("seccomp" not in probe(("seccomp",)), reason="this machine has no seccomp")
def test_the_kernel_takes_it_and_lets_one_signal_oneself_alone():
    parent, child = os.getpid(), os.fork()
    if not child:
        status = 1
        try:
            seccomp.install(namespaces=False, only_signals_to=os.getpid())
            try:
                os.kill(parent, 0)
            except PermissionError:
                os.kill(os.getpid(), 0)
                status = 0
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_an_architecture_without_a_table_is_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("platform.machine", lambda: "riscv64")
    with pytest.raises(OSError, match="riscv64"):
        seccomp.install(namespaces=True)
