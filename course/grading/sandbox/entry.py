"""How a process is confined: every layer in its turn, from the outside inwards."""

import errno
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from course.grading.sandbox import cgroup, identity, keeper, landlock, limits, namespaces, seccomp, usage, work
from course.grading.sandbox.policy import LAYERS, Policy
from course.grading.sandbox.work import Owner

_DEVICES = ("/dev/null", "/dev/full", "/dev/random", "/dev/urandom")
_ZERO = "/dev/zero"  # for reading: who may write it can have memory that no limit counts
_ABOUT_THE_MACHINE = tuple(
    f"/proc/{name}" for name in ("cpuinfo", "filesystems", "loadavg", "meminfo", "stat", "sys", "uptime", "version")
)


def enter(policy: Policy) -> list[str]:
    """Confine this process, a fork with a single thread; returns the layers that hold, in the confined process alone.

    The calling process stays behind as the keeper (see `keeper.split`) and never returns; it passes SIGINT and SIGTERM
    on to the confined one. Root becomes a user that owns nothing else, without groups. What the caller leaves open
    stays open inside. Raises OSError that names the layer and the call, in one process: the caller's code must end that
    one.
    """
    if unknown := set(policy.layers) - set(LAYERS):
        raise ValueError(f"no such layer: {', '.join(sorted(unknown))}; there are {', '.join(LAYERS)}")
    is_root = os.geteuid() == 0
    owner = identity.stranger() if is_root else None
    with suppress(PermissionError):  # it leads its session already
        os.setsid()
    group = cgroup.create(policy.limits) if "cgroup" in policy.layers else None
    with keeper.attention():
        lifeline = _split(policy, is_root, group)
    return _confine(policy, owner, group, lifeline)


def _split(policy: Policy, is_root: bool, group: cgroup.Group | None) -> int:
    """Leave the keeper behind; the lifeline to it."""
    remove = group.remove if group else _nothing
    try:
        if policy.has_namespaces:
            with _named("namespaces"):
                namespaces.divide(as_root=is_root)
            return keeper.split(has_own_processes=True, is_too_much=_holds_too_much(policy, group), cleanup=remove)
        # Without a process space nothing makes descendants end with the first of them but a keeper, and a keeper
        # can be killed, too: two watch over each other.
        lifeline = keeper.split(has_own_processes=False, is_too_much=_never, cleanup=remove)
        remove = _nothing
        keeper.die_with_keeper(lifeline, by=signal.SIGTERM)
        holds_too_much = _holds_too_much(policy, group)
        return keeper.split(
            has_own_processes=False,
            is_too_much=lambda: _fills_the_disk(policy) or holds_too_much(),
            cleanup=_nothing,
        )
    except OSError:
        remove()
        raise


def _confine(policy: Policy, owner: Owner | None, group: cgroup.Group | None, lifeline: int) -> list[str]:
    held = [layer for layer in LAYERS if layer in policy.layers and layer != "cgroup"]
    os.setsid()  # in the keeper's process group it could signal the keeper
    if group and group.join():
        held.append("cgroup")
    if policy.has_namespaces:
        has_users_of_its_own = owner is None
        elsewhere = 0 if has_users_of_its_own or "rlimits" not in held else _running(owner)
        with _named("namespaces"):
            namespaces.furnish(policy, owner)
    else:
        elsewhere = _running(owner) if "rlimits" in held else 0
        with _named("files"):
            work.prepare(policy, owner)
    if "rlimits" in held:
        with _named("rlimits"):
            limits.put_on(policy.limits, running=elsewhere)
    keep = _capability_to_read(policy) if owner else 0
    only_signals_to = _only_signals_to(policy)
    if "landlock" in held:
        with _named("landlock"):
            _restrict_paths(policy)
    with _named("identity"):
        if owner:
            identity.become(owner, keep=keep)
        else:
            identity.renounce()
    keeper.die_with_keeper(lifeline)
    if "seccomp" in held:
        with _named("seccomp"):
            seccomp.install(namespaces=policy.has_namespaces, only_signals_to=only_signals_to)
    return held


def _capability_to_read(policy: Policy) -> int:
    """What root keeps to read an interpreter that lies in a closed folder, such as /root.

    Namespaces bring it out of there, unless the folder itself is closed. Otherwise a capability does, which opens every
    other file, too: it is kept only where landlock says which paths may be read, and seccomp that files have no
    other names than paths.
    """
    if not {"landlock", "seccomp"} <= set(policy.layers):
        return 0
    folders = set(policy.readable)
    if not policy.has_namespaces:
        folders |= identity.on_the_way((policy.workplace, *policy.shared, *policy.readable))
    return identity.reading_capability() if identity.any_closed(folders) else 0


def _only_signals_to(policy: Policy) -> int | None:
    """The one process that may be sent signals, where nothing else keeps the host's from them."""
    if policy.has_namespaces or ("landlock" in policy.layers and landlock.scopes_signals()):
        return None
    return os.getpid()


def _restrict_paths(policy: Policy) -> None:
    writable = (policy.workplace, policy.temporary, *policy.shared, *_DEVICES)
    if policy.has_namespaces:
        readable = (*policy.readable, "/proc", "/etc", "/dev")
        landlock.restrict(readable, (*writable, "/dev/shm"), listed=("/",), tcp=True)
    else:
        # Of /proc, its own part: other processes' names and command lines are none of its business.
        own = f"/proc/{os.getpid()}"
        os.open(
            own, os.O_PATH | os.O_CLOEXEC
        )  # stays open: the kernel may forget an unused folder and with it the rule
        readable = (*policy.readable, own, _ZERO, *_ABOUT_THE_MACHINE)
        landlock.restrict(readable, writable, hidden=policy.hidden, tcp=False)


def _fills_the_disk(policy: Policy) -> bool:
    return work.disk_used((policy.workplace, policy.temporary)) > policy.limits.disk


def _holds_too_much(policy: Policy, group: cgroup.Group | None) -> Callable[[], bool]:
    """Whether the keeper's descendants hold too much together: each has a limit of its own, and may start others."""
    if group or "rlimits" not in policy.layers:
        return _never
    most = usage.own() + policy.limits.memory
    return lambda: usage.exceeds(keeper.descendants(), most)


def _running(owner: Owner | None) -> int:
    return limits.running(owner.uid if owner else os.geteuid())


def _never() -> bool:
    return False


def _nothing() -> None:
    pass


@contextmanager
def _named(layer: str) -> Iterator[None]:
    """Errors say in which layer they happened."""
    try:
        yield
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        raise OSError(error.errno or errno.EIO, f"{layer}: {error.strerror or error}{where}") from error
