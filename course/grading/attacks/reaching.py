"""Attacks that reach out of the box: files, memory, sockets and processes of others.

Their answers are right, and keep their points.
"""

from course.grading.attacks.attack import Attack

_TRY = """\
def attempt(do, *args):
    try:
        print(do(*args))
    except BaseException as error:
        print(type(error).__name__, error)

def read(path):
    with open(path, "rb") as file:
        return file.read(1 << 20)

"""
_C = """\
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
def call(*args):
    got = libc.syscall(*args)
    return got if got >= 0 else OSError(ctypes.get_errno(), "errno")

"""


def _reaching(name: str, tries: str, cell: str) -> Attack:
    return Attack(name, tries, cell=_TRY + cell, solved=True)


ATTACKS = (
    _reaching(
        "read-solutions",
        "reads the instructor's source and notebook where they lie, and by climbing up",
        "import glob\n"
        "for path in [*glob.glob('@COURSE@/solutions/**', recursive=True), *glob.glob('../' * 3 + '**/*.py')]:\n"
        "    attempt(read, path)\nattempt(read, '@COURSE@/solutions/@LAB@.py')",
    ),
    _reaching(
        "read-notebooks-around",
        "looks for the sanitised notebook with the hidden tests, in the working directory and above",
        "import glob, os\n"
        "for root in {'.', '@TEMPORARY@', os.path.expanduser('~')}:\n"
        "    for path in glob.glob(root + '/**/*', recursive=True, include_hidden=True)[:2000]:\n"
        "        if os.path.isfile(path) and '/usr/' not in path:\n            attempt(read, path)",
    ),
    _reaching(
        "read-neighbours",
        "reads what another student handed in",
        "attempt(read, '@COURSE@/submitted/neighbour/notes.txt')\n"
        "import os\nattempt(os.symlink, '@COURSE@/submitted/neighbour/notes.txt', 'link')\nattempt(read, 'link')\n"
        "attempt(os.link, '@COURSE@/submitted/neighbour/notes.txt', 'hard')\nattempt(read, 'hard')",
    ),
    _reaching(
        "raise-marks",
        "changes everybody's marks in the gradebook",
        "import sqlite3\ndef change():\n    book = sqlite3.connect('@COURSE@/gradebook.db')\n"
        "    book.execute('update grade set points = 100')\n    book.commit()\n"
        "    return book.execute('select * from grade').fetchall()\nattempt(change)\n"
        "attempt(read, '@COURSE@/gradebook.db')",
    ),
    _reaching(
        "network",
        "connects to the host's services over TCP, UDP and both kinds of local socket",
        "import socket\ndef reach(family, kind, where):\n    with socket.socket(family, kind) as s:\n"
        "        s.settimeout(1)\n        s.connect(where)\n        s.send(b'hello')\n        return 'sent'\n"
        "attempt(reach, socket.AF_INET, socket.SOCK_STREAM, ('127.0.0.1', @TCP@))\n"
        "attempt(reach, socket.AF_INET6, socket.SOCK_STREAM, ('::ffff:127.0.0.1', @TCP@))\n"
        "attempt(reach, socket.AF_INET, socket.SOCK_DGRAM, ('127.0.0.1', @UDP@))\n"
        "attempt(reach, socket.AF_UNIX, socket.SOCK_STREAM, '\\0@ABSTRACT@')\n"
        "attempt(reach, socket.AF_UNIX, socket.SOCK_STREAM, '@SOCKET@')\n"
        "attempt(socket.socket, socket.AF_PACKET, socket.SOCK_RAW)\n"
        "attempt(socket.socket, socket.AF_INET, socket.SOCK_RAW, 1)",
    ),
    _reaching(
        "network-through-another-program",
        "the same by other programs that it starts",
        "import subprocess\ndef shell(line):\n"
        "    return subprocess.run(line, shell=True, capture_output=True, timeout=5, executable='/bin/bash')\n"
        "attempt(shell, 'echo hello > /dev/tcp/127.0.0.1/@TCP@; echo hello > /dev/udp/127.0.0.1/@UDP@')\n"
        "attempt(shell, 'cat @COURSE@/solutions/*.py @COURSE@/gradebook.db; env')",
    ),
    _reaching(
        "another-interpreter",
        "reads and writes outside by a fresh interpreter, without what the template imported",
        "import subprocess\nsource = '''\nimport os\n"
        'for path in ("@COURSE@/solutions/@LAB@.py", "/proc/@GRADER@/environ", "@SHM@"):\n'
        '    try:\n        print(open(path, "rb").read())\n    except OSError as error:\n        print(error)\n'
        'open("@OPEN@/hello", "w")\n\'\'\'\n'
        "attempt(lambda: subprocess.run(['@PYTHON@', '-I', '-c', source], capture_output=True, timeout=7))",
    ),
    _reaching(
        "kill-parent",
        "kills the process above it, then all in its group and session",
        "import os, signal\nattempt(os.kill, os.getppid(), 9)\nattempt(os.kill, @GRADER@, 9)\n"
        "attempt(os.kill, @VICTIM@, 9)\nsignal.signal(signal.SIGUSR1, signal.SIG_IGN)\n"
        "attempt(os.killpg, 0, signal.SIGUSR1)\nattempt(os.kill, -1, signal.SIGUSR1)",
    ),
    _reaching(
        "kill-all",
        "kills every process that it finds, the judge's among them, by list and by number",
        "import os\nseen = {int(p) for p in os.listdir('/proc') if p.isdigit()} if os.access('/proc', os.R_OK) else set()\n"
        "near = range(max(2, os.getpid() - 40), os.getpid() + 40)\n"
        "for pid in (seen | {*near, @VICTIM@, @GRADER@}) - {os.getpid(), 1}:\n"
        "    try:\n        os.kill(pid, 9)\n        print('killed', pid)\n    except OSError:\n        pass",
    ),
    _reaching(
        "meddle-with-processes",
        "changes limits, priority and processors of another process",
        "import os, resource\nattempt(resource.prlimit, @VICTIM@, resource.RLIMIT_NOFILE, (7, 7))\n"
        "attempt(os.setpriority, os.PRIO_PROCESS, @VICTIM@, 19)\nattempt(os.sched_setaffinity, @VICTIM@, {0})\n"
        "attempt(os.sched_setscheduler, @VICTIM@, os.SCHED_IDLE, os.sched_param(0))",
    ),
    _reaching(
        "others-in-proc",
        "reads memory, environment, files and folders of other processes in /proc",
        "import os\nfor pid in {*(p for p in os.listdir('/proc') if p.isdigit()), '@GRADER@', str(os.getppid())}:\n"
        "    if pid != str(os.getpid()):\n"
        "        for what in ('environ', 'maps', 'cwd/gradebook.db', 'root@COURSE@/gradebook.db'):\n"
        "            attempt(read, f'/proc/{pid}/{what}')\n"
        "        attempt(lambda: os.listdir(f'/proc/{pid}/fd'))\n"
        "        attempt(lambda: open(f'/proc/{pid}/mem', 'r+b').seek(4096))",
    ),
    _reaching(
        "own-environment",
        "looks for what the grader's environment was, in its own and in what it inherited from the template",
        "import os\nprint(dict(os.environ))\nattempt(read, '/proc/self/environ')\nattempt(read, '/proc/thread-self/environ')\n"
        "attempt(read, '/proc/self/cmdline')",
    ),
    _reaching(
        "own-memory",
        "searches its own memory, a copy of the template's, for what was there before",
        "needle = b'TWO_BILLS_' + b'LURE='\ndef search():\n    with open('/proc/self/mem', 'rb', 0) as memory:\n"
        "        for line in open('/proc/self/maps'):\n"
        "            where, rights, *rest = line.split()\n"
        "            if rights.startswith('rw') and rest[-1] in ('0', '[heap]', '[stack]'):\n"
        "                low, high = (int(end, 16) for end in where.split('-'))\n"
        "                memory.seek(low)\n                found = memory.read(min(high - low, 64 << 20))\n"
        "                at = found.find(needle)\n                if at >= 0:\n"
        "                    print(found[at : at + 60])\nattempt(search)",
    ),
    _reaching(
        "debugger",
        "attaches to other processes by ptrace, process_vm_readv and stolen descriptors",
        _C + "for pid in (@GRADER@, @VICTIM@, 1):\n"
        "    attempt(call, 101, 0x4206, pid, 0, 0)\n    attempt(call, 310, pid, 0, 0, 0, 0, 0)\n"
        "    attempt(call, 438, call(434, pid, 0) if isinstance(call(434, pid, 0), int) else -1, 0, 0)",
    ),
    _reaching(
        "leave-the-box",
        "becomes root, mounts, changes root and namespaces, opens by handle",
        "import os\nattempt(os.setuid, 0)\nattempt(os.chroot, '/')\nattempt(os.listdir, '/proc/1/root/home')\n"
        + _C
        + "attempt(call, 165, b'@COURSE@', b'/tmp', b'', 4096, 0)\nattempt(call, 272, 0x10000000 | 0x20000)\n"
        "attempt(call, 303, -100, b'/', ctypes.create_string_buffer(128), ctypes.byref(ctypes.c_int()), 0)\n"
        "for kind in ('mnt', 'net', 'pid', 'user'):\n"
        "    attempt(lambda: call(308, os.open(f'/proc/@GRADER@/ns/{kind}', 0), 0))\n"
        "attempt(read, '@COURSE@/gradebook.db')",
    ),
    _reaching(
        "write-outside",
        "writes to folders that are open to all, to the interpreter's and to the grader's own code",
        "import os\ndef write(path):\n    with open(path, 'a') as file:\n        return file.write('# hello')\n"
        "attempt(write, '@OPEN@/hello')\nattempt(write, '@TEMPORARY@/hello')\nattempt(write, '@SHM@')\n"
        "attempt(write, '@JUDGE@')\nattempt(write, '@COURSE@/nbgrader_config.py')\n"
        "attempt(write, os.path.join(os.path.dirname(os.__file__), 'sitecustomize.py'))\n"
        "attempt(os.chmod, '@COURSE@/gradebook.db', 0)\nattempt(os.rename, '@COURSE@/gradebook.db', '@OPEN@/g.db')\n"
        "attempt(os.utime, '@COURSE@/gradebook.db', (1, 1))",
    ),
    _reaching(
        "shared-memory",
        "reads the host's shared memory and message queues, and leaves some of its own",
        "import os\nfrom multiprocessing import shared_memory\n"
        "for name in os.listdir('/dev/shm') if os.path.isdir('/dev/shm') else ():\n    attempt(read, '/dev/shm/' + name)\n"
        "attempt(read, '@SHM@')\n"
        "attempt(lambda: shared_memory.SharedMemory('left-by-@MARK@', create=True, size=1 << 20))\n"
        + _C
        + "attempt(call, 29, 0x7465, 4096, 0o1666)",
    ),
    _reaching(
        "open-descriptors",
        "looks through every descriptor that it was left",
        "import os\nfor fd in range(3, 200):\n    try:\n        where = os.readlink(f'/proc/self/fd/{fd}')\n"
        "    except OSError:\n        continue\n    print(fd, where)\n"
        "    if where.startswith('/') and not where.startswith(('/dev', '/usr')):\n"
        "        attempt(lambda: os.pread(fd, 1 << 20, 0))\n"
        "        attempt(lambda: os.listdir(fd))\n"
        "        attempt(lambda: os.open('../../course/gradebook.db', 0, dir_fd=fd))\n"
        "        attempt(lambda: os.pread(os.open('../' * 9 + '@COURSE@/gradebook.db', 0, dir_fd=fd), 99, 0))",
    ),
)
