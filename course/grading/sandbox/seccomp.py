"""Which system calls exist. The filter is a program that the kernel runs on (architecture, number, arguments)."""

import errno
import platform
import struct
from dataclasses import dataclass

from course.grading.sandbox import syscalls
from course.grading.sandbox.calls import NUMBERS

ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}  # as the kernel's audit numbers them
KILL, ERROR, ALLOW = 0x80000000, 0x00050000, 0x7FFF0000

_NEWEST = (
    466  # the last call that the lists below were made for: a newer one does not exist here, and programs do without
)
_X32 = 0x40000000  # the 32-bit calls of x86-64 have numbers of their own, from here on
_WHOLE = 0xFFFFFFFF
_NEW_NAMESPACES = 0x7E020000
_TIOCSTI, _TIOCLINUX = 0x5412, 0x541C  # type into the terminal; command the console
_FIOSETOWN, _SIOCSPGRP = 0x8901, 0x8902
_F_SETOWN, _F_SETSIG, _F_SETOWN_EX = 8, 10, 15
_UNIX, _INET, _INET6 = 1, 2, 10
_DATAGRAM = 2
_SHARED_ANONYMOUS = 0x21  # MAP_SHARED | MAP_ANONYMOUS: no limit counts it; Python's multiprocessing maps files
_ONLY_TRUNCATE = (0x203, 0x200)  # O_TRUNC without write access, of O_ACCMODE | O_TRUNC

_NEVER = """
    acct add_key adjtimex bpf chroot clock_adjtime clock_settime delete_module fanotify_init finit_module fsconfig
    fsmount fsopen fspick init_module io_uring_enter io_uring_register io_uring_setup ioperm iopl kcmp kexec_file_load
    kexec_load keyctl lookup_dcookie migrate_pages modify_ldt mount mount_setattr move_mount move_pages
    name_to_handle_at nfsservctl open_by_handle_at open_tree perf_event_open personality pidfd_getfd pivot_root
    process_madvise process_mrelease process_vm_readv process_vm_writev ptrace quotactl quotactl_fd reboot request_key
    setdomainname sethostname setns settimeofday swapoff swapon syslog umount2 unshare userfaultfd vhangup
"""

_UNCOUNTED = "memfd_create memfd_secret msgget semget shmget"
"""Memory that belongs to no process, so that no limit of a process holds; programs do with files, and without."""

_REACHING_OUT = """
    connect mq_open mq_unlink msgctl msgrcv msgsnd semctl semop semtimedop shmat shmctl shmdt truncate
"""
"""Ways to the host's other processes and files that namespaces close and landlock leaves open."""

_ATTRIBUTES = """
    chmod chown fchmod fchmodat fchmodat2 fchown fchownat fremovexattr fsetxattr futimesat lchown lremovexattr
    lsetxattr removexattr removexattrat setxattr setxattrat utime utimensat utimes
"""
"""Landlock leaves the attributes of the user's other files open; these calls say that they did it, and do nothing."""

_SIGNALS = ("kill", "rt_sigqueueinfo", "rt_tgsigqueueinfo", "tgkill")
_SIGNALS_ELSEWHERE = ("pidfd_send_signal", "tkill")
_OF_ANOTHER_PROCESS = {
    "ioprio_set": 1,
    "sched_setaffinity": 0,
    "sched_setattr": 0,
    "sched_setparam": 0,
    "sched_setscheduler": 0,
    "setpriority": 1,
}
"""Calls that slow a process down, with the argument that says which one; 0 is the caller.

For another they say that they did it, and do nothing: ZeroMQ sets its own threads' by number, and gives up if that
fails.
"""


@dataclass(frozen=True)
class Check:
    """`call` fails with `error` unless its argument, masked, is among `values`; or, `inverted`, if it is."""

    call: str
    argument: int
    values: tuple[int, ...]
    mask: int = _WHOLE
    inverted: bool = False
    error: int = errno.EPERM


def install(*, namespaces: bool, only_signals_to: int | None = None) -> None:
    """Filter this process's calls from here on.

    Without `namespaces`, the ways out that they close are closed here. `only_signals_to` is the one process that may
    be sent signals. Raises OSError on an architecture without a table.
    """
    machine = platform.machine()
    if machine not in ARCHITECTURES:
        raise OSError(errno.ENOSYS, f"seccomp: no table of system calls for {machine}")
    syscalls.no_new_privileges()
    syscalls.install_filter(program(machine, namespaces=namespaces, only_signals_to=only_signals_to))


def program(machine: str, *, namespaces: bool, only_signals_to: int | None = None) -> bytes:
    """The filter in the kernel's binary form: 8 bytes per instruction."""
    errors = dict.fromkeys((*_NEVER.split(), *_UNCOUNTED.split()), errno.EPERM) | {
        "clone3": errno.ENOSYS
    }  # its flags lie in memory; libc does without
    if not namespaces:
        errors |= (
            dict.fromkeys(_REACHING_OUT.split(), errno.EPERM)
            | dict.fromkeys(_ATTRIBUTES.split(), 0)
            | {"openat2": errno.ENOSYS}
        )
    if only_signals_to is not None:
        errors |= dict.fromkeys(_SIGNALS_ELSEWHERE, errno.EPERM)
    lines = [
        _load(4),
        _jump(0x15, ARCHITECTURES[machine], 1, 0),
        _answer(KILL),
        _load(0),
        _jump(0x35, _X32, 0, 1),
        _answer(ERROR | errno.EPERM),
        _jump(0x25, _NEWEST, 0, 1),
        _answer(ERROR | errno.ENOSYS),
    ]
    for call, error in errors.items():
        if (number := _number(call, machine)) is not None:
            lines += [_jump(0x15, number, 0, 1), _answer(ERROR | error)]
    for check in _checks(namespaces, only_signals_to):
        if (number := _number(check.call, machine)) is not None:
            body = _body(check)
            lines += [_jump(0x15, number, 0, len(body)), *body]
    return b"".join([*lines, _answer(ALLOW)])


def _checks(namespaces: bool, only_signals_to: int | None) -> list[Check]:
    families = (_UNIX, _INET, _INET6) if namespaces else (_UNIX,)
    checks = [
        Check("clone", 0, (0,), mask=_NEW_NAMESPACES),
        Check("ioctl", 1, (_TIOCSTI, _TIOCLINUX), inverted=True),
        Check("socket", 0, families, error=errno.EOPNOTSUPP),  # with which ZeroMQ lives when it asks for interfaces
        Check("socketpair", 0, (_UNIX,), error=errno.EACCES),
        Check("mmap", 3, (_SHARED_ANONYMOUS,), mask=_SHARED_ANONYMOUS, inverted=True),
        Check("prlimit64", 0, (0,)),
        Check("prctl", 0, (syscalls.PR_SET_PDEATHSIG,), inverted=True, error=0),  # it dies with its keeper
    ]
    if not namespaces:
        mask, only_truncate = _ONLY_TRUNCATE
        checks += [Check(call, argument, (0,), error=0) for call, argument in _OF_ANOTHER_PROCESS.items()]
        checks += [
            Check("open", 1, (only_truncate,), mask=mask, inverted=True),
            Check("openat", 2, (only_truncate,), mask=mask, inverted=True),
            Check("socket", 1, (_DATAGRAM,), mask=0xF, inverted=True),  # could be sent anywhere without connecting
            Check("socketpair", 1, (_DATAGRAM,), mask=0xF, inverted=True),
        ]
    if only_signals_to is not None:
        checks += [Check(call, 0, (only_signals_to,)) for call in _SIGNALS]
        checks += [  # have the kernel send one when a file is ready
            Check("fcntl", 1, (_F_SETOWN, _F_SETSIG, _F_SETOWN_EX), inverted=True),
            Check("ioctl", 1, (_FIOSETOWN, _SIOCSPGRP), inverted=True),
        ]
    return checks


def _body(check: Check) -> list[bytes]:
    """Instructions that end with the number loaded again, unless they answer."""
    count = len(check.values)
    lines = [_load(16 + 8 * check.argument), struct.pack("=HBBI", 0x54, 0, 0, check.mask)]
    for i, value in enumerate(check.values):
        is_last = i == count - 1
        over_answer = 1 if is_last and check.inverted else 0
        lines.append(_jump(0x15, value, count - 1 - i + (not check.inverted), over_answer))
    return [*lines, _answer(ERROR | check.error), _load(0)]


def _number(call: str, machine: str) -> int | None:
    return NUMBERS[call][list(ARCHITECTURES).index(machine)]


def _load(offset: int) -> bytes:
    """Load 32 bits of the call's description: 0 number, 4 architecture, 16, 24, … low halves of the arguments."""
    return struct.pack("=HBBI", 0x20, 0, 0, offset)


def _jump(code: int, value: int, if_true: int, if_false: int) -> bytes:
    """Compare (0x15 equal, 0x25 above, 0x35 at least) and skip so many instructions."""
    return struct.pack("=HBBI", code, if_true, if_false, value)


def _answer(value: int) -> bytes:
    return struct.pack("=HBBI", 0x06, 0, 0, value)
