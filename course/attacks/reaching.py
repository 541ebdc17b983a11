"""Attacks that reach out of the box: files, memory, sockets and processes of others.

Their answers are right, and keep their points.
"""

from course.attacks.attack import Attack, right_besides
from course.attacks.snippets import CALL_C, TRY


def _reaching(name: str, tries: str, cell: str) -> Attack:
    return right_besides(name, tries, TRY + cell)


ATTACKS = (
    _reaching(
        "network",
        "connects to the host's services over TCP, UDP and both kinds of local socket",
        """\
import socket
def reach(family, kind, where):
    with socket.socket(family, kind) as s:
        s.settimeout(1)
        s.connect(where)
        s.send(b'hello')
        return 'sent'
attempt(reach, socket.AF_INET, socket.SOCK_STREAM, ('127.0.0.1', @TCP@))
attempt(reach, socket.AF_INET6, socket.SOCK_STREAM, ('::ffff:127.0.0.1', @TCP@))
attempt(reach, socket.AF_INET, socket.SOCK_DGRAM, ('127.0.0.1', @UDP@))
attempt(reach, socket.AF_UNIX, socket.SOCK_STREAM, '\\0@ABSTRACT@')
attempt(reach, socket.AF_UNIX, socket.SOCK_STREAM, '@SOCKET@')
attempt(socket.socket, socket.AF_PACKET, socket.SOCK_RAW)
attempt(socket.socket, socket.AF_INET, socket.SOCK_RAW, 1)
""",
    ),
    _reaching(
        "network-through-another-program",
        "the same by other programs that it starts",
        """\
import subprocess
def shell(line):
    return subprocess.run(line, shell=True, capture_output=True, timeout=5, executable='/bin/bash')
attempt(shell, 'echo hello > /dev/tcp/127.0.0.1/@TCP@; echo hello > /dev/udp/127.0.0.1/@UDP@')
attempt(shell, 'cat @COURSE@/solutions/*.py @COURSE@/gradebook.db; env')
""",
    ),
    _reaching(
        "another-interpreter",
        "reads and writes outside by a fresh interpreter, without what the template imported",
        """\
import subprocess
source = '''
import os
for path in ("@COURSE@/solutions/@LAB@.py", "/proc/@GRADER@/environ", "@SHM@"):
    try:
        print(open(path, "rb").read())
    except OSError as error:
        print(error)
open("@OPEN@/hello", "w")
'''
attempt(lambda: subprocess.run(['@PYTHON@', '-I', '-c', source], capture_output=True, timeout=7))
""",
    ),
    _reaching(
        "kill-parent",
        "kills the process above it, then all in its group and session",
        """\
import os, signal
attempt(os.kill, os.getppid(), 9)
attempt(os.kill, @GRADER@, 9)
attempt(os.kill, @VICTIM@, 9)
signal.signal(signal.SIGUSR1, signal.SIG_IGN)
attempt(os.killpg, 0, signal.SIGUSR1)
attempt(os.kill, -1, signal.SIGUSR1)
""",
    ),
    _reaching(
        "kill-all",
        "kills every process that it finds, the judge's among them, by list and by number",
        """\
import os
seen = {int(p) for p in os.listdir('/proc') if p.isdigit()} if os.access('/proc', os.R_OK) else set()
near = range(max(2, os.getpid() - 40), os.getpid() + 40)
for pid in (seen | {*near, @VICTIM@, @GRADER@}) - {os.getpid(), 1}:
    try:
        os.kill(pid, 9)
        print('killed', pid)
    except OSError:
        pass
""",
    ),
    _reaching(
        "meddle-with-processes",
        "changes limits, priority and processors of another process",
        """\
import os, resource
attempt(resource.prlimit, @VICTIM@, resource.RLIMIT_NOFILE, (7, 7))
attempt(os.setpriority, os.PRIO_PROCESS, @VICTIM@, 19)
attempt(os.sched_setaffinity, @VICTIM@, {0})
attempt(os.sched_setscheduler, @VICTIM@, os.SCHED_IDLE, os.sched_param(0))
""",
    ),
    _reaching(
        "debugger",
        "attaches to other processes by ptrace, process_vm_readv and stolen descriptors",
        CALL_C
        + """\
for pid in (@GRADER@, @VICTIM@, 1):
    attempt(call, 101, 0x4206, pid, 0, 0)
    attempt(call, 310, pid, 0, 0, 0, 0, 0)
    attempt(call, 438, call(434, pid, 0) if isinstance(call(434, pid, 0), int) else -1, 0, 0)
""",
    ),
    _reaching(
        "leave-the-box",
        "becomes root, mounts, changes root and namespaces, opens by handle",
        """\
import os
attempt(os.setuid, 0)
attempt(os.chroot, '/')
attempt(os.listdir, '/proc/1/root/home')
"""
        + CALL_C
        + """\
attempt(call, 165, b'@COURSE@', b'/tmp', b'', 4096, 0)
attempt(call, 272, 0x10000000 | 0x20000)
attempt(call, 303, -100, b'/', ctypes.create_string_buffer(128), ctypes.byref(ctypes.c_int()), 0)
for kind in ('mnt', 'net', 'pid', 'user'):
    attempt(lambda: call(308, os.open(f'/proc/@GRADER@/ns/{kind}', 0), 0))
attempt(read, '@COURSE@/gradebook.db')
""",
    ),
    _reaching(
        "write-outside",
        "writes to folders that are open to all, to the interpreter's and to the grader's own code",
        """\
import os
def write(path):
    with open(path, 'a') as file:
        return file.write('# hello')
attempt(write, '@OPEN@/hello')
attempt(write, '@TEMPORARY@/hello')
attempt(write, '@SHM@')
attempt(write, '@JUDGE@')
attempt(write, '@COURSE@/nbgrader_config.py')
attempt(write, os.path.join(os.path.dirname(os.__file__), 'sitecustomize.py'))
attempt(os.chmod, '@COURSE@/gradebook.db', 0)
attempt(os.rename, '@COURSE@/gradebook.db', '@OPEN@/g.db')
attempt(os.utime, '@COURSE@/gradebook.db', (1, 1))
""",
    ),
)
