"""The few calls of Linux that Python has no function for. Each raises OSError and says which call it was."""

import ctypes
import os

_libc = ctypes.CDLL(None, use_errno=True)

PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_KEEPCAPS = 1, 4, 8
PR_SET_SECCOMP, PR_CAPBSET_DROP = 22, 24
PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS = 36, 38
PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE = 47, 2


def _checked(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def syscall(what: str, number: int, *arguments: int | bytes | None) -> int:
    """Call system call `number`; `what` names it in an error."""
    wide = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    return _checked(_libc.syscall(ctypes.c_long(number), *wide), what)


def prctl(what: str, option: int, *arguments: int) -> int:
    padded = (*arguments, 0, 0, 0, 0)[:4]
    return _checked(_libc.prctl(option, *(ctypes.c_ulong(a) for a in padded)), what)


def no_new_privileges() -> None:
    """No program that is started from here on gains rights by being started."""
    prctl("no_new_privs", PR_SET_NO_NEW_PRIVS, 1)


def unshare(flags: int) -> None:
    _checked(_libc.unshare(flags), f"unshare {flags:#x}")


def mount(source: str | None, target: str, kind: str | None = None, *, flags: int = 0, options: str = "") -> None:
    encoded = [os.fsencode(text) if text is not None else None for text in (source, target, kind)]
    result = _libc.mount(*encoded, ctypes.c_ulong(flags), options.encode() or None)
    _checked(result, f"mount {kind or source or ''} on {target}")


def unmount(target: str, flags: int) -> None:
    _checked(_libc.umount2(os.fsencode(target), flags), f"unmount {target}")


def pivot_root(new: str, old: str) -> None:
    _checked(_libc.pivot_root(os.fsencode(new), os.fsencode(old)), "pivot_root")


def sethostname(name: str) -> None:
    _checked(_libc.sethostname(name.encode(), len(name)), "sethostname")


def capset(capabilities: int) -> None:
    """Have exactly `capabilities` (a mask of the first 32), inheritable ones included."""
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    data = (ctypes.c_uint32 * 6)(capabilities, capabilities, capabilities, 0, 0, 0)
    _checked(_libc.capset(header, data), "capset")


def install_filter(program: bytes) -> None:
    """Put a seccomp filter, in the kernel's binary form, on this process for ever."""

    class Program(ctypes.Structure):
        _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))

    wrapped = Program(len(program) // 8, program)
    prctl("seccomp", PR_SET_SECCOMP, 2, ctypes.addressof(wrapped))
