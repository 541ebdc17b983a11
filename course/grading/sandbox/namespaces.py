"""A world of its own: a new file tree, and no process, network or message queue of the host's."""

import fcntl
import os
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

from course.grading.sandbox import syscalls
from course.grading.sandbox.policy import Policy
from course.grading.sandbox.work import Owner, hand_over, stage

NEWNS, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET = 0x20000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000

_NOSUID, _NODEV, _BIND, _RECURSIVE, _PRIVATE = 2, 4, 4096, 16384, 1 << 18
_DETACH = 2
_MOUNT_SETATTR, _AT_FDCWD, _AT_RECURSIVE = 442, -100, 0x8000  # the number is the same on every architecture
_ATTR_RDONLY, _ATTR_NOSUID, _ATTR_NODEV = 1, 2, 4
_DEVICES = ("null", "zero", "full", "random", "urandom")
_STREAMS = {"fd": "", "stdin": "/0", "stdout": "/1", "stderr": "/2"}
_MOST_FILES = 20_000


def divide(*, as_root: bool) -> None:
    """Let the next fork be process 1 of a new world; a user who is not root becomes master of a namespace for that."""
    if as_root:
        return syscalls.unshare(NEWPID)
    uid, gid = os.geteuid(), os.getegid()
    syscalls.unshare(NEWUSER | NEWPID)
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1")
    Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1")


def furnish(policy: Policy, owner: Owner | None) -> None:
    """Move into the new world; its folders belong to `owner`, if root makes them for somebody else."""
    syscalls.unshare(NEWNS | NEWNET | NEWIPC | NEWUTS)
    syscalls.mount(None, "/", flags=_RECURSIVE | _PRIVATE)
    syscalls.sethostname("sandbox")
    _start_loopback()
    root = f"{policy.job}/root"
    os.makedirs(root, exist_ok=True)
    syscalls.mount("tmpfs", root, "tmpfs", flags=_NOSUID | _NODEV, options="size=4m,mode=755")
    _make_scratch(root, policy)
    for path, is_shared in _outermost(policy):
        _bind(path, root + path, read_only=not is_shared)
    for link, target in _links((*policy.readable, *policy.shared)):
        if not os.path.lexists(root + link):
            os.makedirs(os.path.dirname(root + link), exist_ok=True)
            os.symlink(target, root + link)
    _make_system(root)
    _write_accounts(root, owner)
    _hide(root, policy.hidden)
    stage(policy.files, root + policy.workplace)
    hand_over([root + policy.workplace, *policy.shared], owner)
    _move_into(root)
    os.chdir(policy.workplace)


def _start_loopback() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        up_and_running = struct.pack("16sH14s", b"lo", 0x1 | 0x40, b"")
        fcntl.ioctl(any_socket, 0x8914, up_and_running)  # SIOCSIFFLAGS


def _make_scratch(root: str, policy: Policy) -> None:
    """The working directory, /tmp and /dev/shm lie in one file system, so that one limit holds for all."""
    scratch = f"{root}/.scratch"
    os.makedirs(scratch)
    options = f"size={policy.limits.disk},nr_inodes={_MOST_FILES},mode=755"
    syscalls.mount("tmpfs", scratch, "tmpfs", flags=_NOSUID | _NODEV, options=options)
    for target in (policy.workplace, policy.temporary, "/dev/shm"):
        source = scratch + "/" + target.replace("/", "-")
        os.mkdir(source)
        os.chmod(source, 0o1777)
        os.makedirs(root + target, exist_ok=True)
        syscalls.mount(source, root + target, flags=_BIND)
    syscalls.unmount(scratch, _DETACH)
    os.rmdir(scratch)


def _outermost(policy: Policy) -> Iterator[tuple[str, bool]]:
    """The real paths to bind and whether each may be written, parents first, without those that a parent brings."""
    wanted = {os.path.realpath(path): False for path in policy.readable}
    wanted |= {os.path.realpath(path): True for path in policy.shared}
    bound: dict[str, bool] = {}
    for path in sorted(filter(os.path.exists, wanted)):
        above = [other for other in bound if path.startswith(other.rstrip("/") + "/")]
        if not above or bound[max(above, key=len)] != wanted[path]:
            bound[path] = wanted[path]
            yield path, wanted[path]


def _links(paths: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """The symbolic links that one meets on the way to `paths`, each with its target."""
    for path in paths:
        here, rest, budget = "/", path.strip("/").split("/"), 40
        while rest and budget:
            here, name = os.path.normpath(os.path.join(here, rest[0])), rest.pop(0)
            if name not in ("", ".", "..") and os.path.islink(here):
                target = os.readlink(here)
                yield here, target
                budget -= 1
                rest = target.strip("/").split("/") + rest
                here = "/" if target.startswith("/") else os.path.dirname(here)


def _bind(source: str, target: str, *, read_only: bool) -> None:
    if os.path.isdir(source):
        os.makedirs(target, exist_ok=True)
    elif not os.path.exists(target):
        os.makedirs(os.path.dirname(target), exist_ok=True)
        os.close(os.open(target, os.O_CREAT | os.O_WRONLY, 0o444))
    syscalls.mount(source, target, flags=_BIND | _RECURSIVE)
    _restrict(target, _ATTR_NOSUID | _ATTR_NODEV | (_ATTR_RDONLY if read_only else 0), _AT_RECURSIVE)


def _restrict(target: str, attributes: int, flags: int = 0) -> None:
    """Add to what a mount forbids: unlike a remount, that works below a user namespace and on the mounts inside it."""
    attr = struct.pack("QQQQ", attributes, 0, 0, 0)
    syscalls.syscall(
        f"mount_setattr {target}", _MOUNT_SETATTR, _AT_FDCWD, os.fsencode(target) + b"\0", flags, attr, len(attr)
    )


def _make_system(root: str) -> None:
    for name in _DEVICES:
        Path(f"{root}/dev/{name}").touch()
        syscalls.mount(f"/dev/{name}", f"{root}/dev/{name}", flags=_BIND)
    for name, stream in _STREAMS.items():
        os.symlink(f"/proc/self/fd{stream}", f"{root}/dev/{name}")
    os.makedirs(f"{root}/proc", exist_ok=True)
    syscalls.mount("proc", f"{root}/proc", "proc", flags=_NOSUID | _NODEV)


def _write_accounts(root: str, owner: Owner | None) -> None:
    """The one account there is, unless the caller made the host's list readable."""
    uid, gid = owner or (os.geteuid(), os.getegid())
    os.makedirs(f"{root}/etc", exist_ok=True)
    accounts = {"passwd": f"student:x:{uid}:{gid}::/submission:/bin/sh\n", "group": f"student:x:{gid}:\n"}
    for name, text in accounts.items():
        if not os.path.exists(f"{root}/etc/{name}"):
            Path(f"{root}/etc/{name}").write_text(text)


def _hide(root: str, hidden: tuple[str, ...]) -> None:
    nothing = {True: f"{root}/.nothing/folder", False: f"{root}/.nothing/file"}
    os.makedirs(nothing[True])
    Path(nothing[False]).touch(0o444)
    for path in map(os.path.realpath, hidden):
        if os.path.exists(root + path):
            _bind(nothing[os.path.isdir(root + path)], root + path, read_only=True)


def _move_into(root: str) -> None:
    os.mkdir(f"{root}/.host")
    os.chdir(root)
    syscalls.pivot_root(".", ".host")
    os.chdir("/")
    syscalls.unmount("/.host", _DETACH)
    os.rmdir("/.host")
    _restrict("/", _ATTR_RDONLY)
