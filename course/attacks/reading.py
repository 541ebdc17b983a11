"""Attacks that read what is hidden: files, memory and environment of others.

Their answers are right, and keep their points.
"""

from course.attacks.attack import Attack, right_besides
from course.attacks.snippets import CALL_C, TRY


def _reading(name: str, tries: str, cell: str) -> Attack:
    return right_besides(name, tries, TRY + cell)


ATTACKS = (
    _reading(
        "read-solutions",
        "reads the instructor's source and notebook where they lie, and by climbing up",
        """\
import glob
for path in [*glob.glob('@COURSE@/solutions/**', recursive=True), *glob.glob('../' * 3 + '**/*.py')]:
    attempt(read, path)
attempt(read, '@COURSE@/solutions/@LAB@.py')
""",
    ),
    _reading(
        "read-notebooks-around",
        "looks for the sanitised notebook with the hidden tests, in the working directory and above",
        """\
import glob, os
for root in {'.', '@TEMPORARY@', os.path.expanduser('~')}:
    for path in glob.glob(root + '/**/*', recursive=True, include_hidden=True)[:2000]:
        if os.path.isfile(path) and '/usr/' not in path:
            attempt(read, path)
""",
    ),
    _reading(
        "read-neighbours",
        "reads what another student handed in",
        """\
attempt(read, '@COURSE@/submitted/neighbour/notes.txt')
import os
attempt(os.symlink, '@COURSE@/submitted/neighbour/notes.txt', 'link')
attempt(read, 'link')
attempt(os.link, '@COURSE@/submitted/neighbour/notes.txt', 'hard')
attempt(read, 'hard')
""",
    ),
    _reading(
        "raise-marks",
        "changes everybody's marks in the gradebook",
        """\
def spoil():
    with open('@COURSE@/gradebook.db', 'ab') as file:
        return file.write(b'100')
attempt(read, '@COURSE@/gradebook.db')
attempt(spoil)
import sqlite3
def change():
    book = sqlite3.connect('@COURSE@/gradebook.db')
    book.execute('update grade set points = 100')
    book.commit()
    return book.execute('select * from grade').fetchall()
attempt(change)
""",
    ),
    _reading(
        "others-in-proc",
        "reads memory, environment, files and folders of other processes in /proc",
        """\
import os
for pid in {*(p for p in os.listdir('/proc') if p.isdigit()), '@GRADER@', str(os.getppid())}:
    if pid != str(os.getpid()):
        for what in ('environ', 'maps', 'cwd/gradebook.db', 'root@COURSE@/gradebook.db'):
            attempt(read, f'/proc/{pid}/{what}')
        attempt(lambda: os.listdir(f'/proc/{pid}/fd'))
        attempt(lambda: open(f'/proc/{pid}/mem', 'r+b').seek(4096))
""",
    ),
    _reading(
        "own-environment",
        "looks for what the grader's environment was, in its own and in what it inherited from the template",
        """\
import os
print(dict(os.environ))
attempt(read, '/proc/self/environ')
attempt(read, '/proc/thread-self/environ')
attempt(read, '/proc/self/cmdline')
""",
    ),
    _reading(
        "own-memory",
        "searches its own memory, a copy of the template's, for what was there before",
        """\
needle = b'TWO_BILLS_' + b'LURE='
def search():
    with open('/proc/self/mem', 'rb', 0) as memory:
        for line in open('/proc/self/maps'):
            where, rights, *rest = line.split()
            if rights.startswith('rw') and rest[-1] in ('0', '[heap]', '[stack]'):
                low, high = (int(end, 16) for end in where.split('-'))
                memory.seek(low)
                found = memory.read(min(high - low, 64 << 20))
                at = found.find(needle)
                if at >= 0:
                    print(found[at : at + 60])
attempt(search)
""",
    ),
    _reading(
        "shared-memory",
        "reads the host's shared memory and message queues, and leaves some of its own",
        """\
import os
for name in os.listdir('/dev/shm') if os.path.isdir('/dev/shm') else ():
    attempt(read, '/dev/shm/' + name)
attempt(read, '@SHM@')
from multiprocessing import shared_memory
attempt(lambda: shared_memory.SharedMemory('left-by-@MARK@', create=True, size=1 << 20))
"""
        + CALL_C
        + "attempt(call, 29, 0x7465, 4096, 0o1666)",
    ),
    _reading(
        "open-descriptors",
        "looks through every descriptor that it was left",
        """\
import os
for fd in range(3, 200):
    try:
        where = os.readlink(f'/proc/self/fd/{fd}')
    except OSError:
        continue
    print(fd, where)
    if where.startswith('/') and not where.startswith(('/dev', '/usr')):
        attempt(lambda: os.pread(fd, 1 << 20, 0))
        attempt(lambda: os.listdir(fd))
        attempt(lambda: os.open('../../course/gradebook.db', 0, dir_fd=fd))
        attempt(lambda: os.pread(os.open('../' * 9 + '@COURSE@/gradebook.db', 0, dir_fd=fd), 99, 0))
""",
    ),
)
