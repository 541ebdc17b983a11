"""Attacks that use up what they run on: time, memory, processes, disk, output. Right answers keep their points."""

from course.attacks.attack import right_besides

ATTACKS = (
    right_besides(
        "loop",
        "never ends",
        """\
while True:
    pass
""",
    ),
    right_besides(
        "deaf-loop",
        "never ends, and is deaf to interrupts",
        """\
import signal
signal.signal(signal.SIGINT, signal.SIG_IGN)
while True:
    pass
""",
    ),
    right_besides(
        "catch-interrupts",
        "catches every interrupt and goes on",
        """\
while True:
    try:
        while True:
            pass
    except KeyboardInterrupt:
        pass
""",
    ),
    right_besides(
        "fork-bomb",
        "forks for ever",
        """\
import os
while True:
    try:
        os.fork()
    except OSError:
        pass
""",
    ),
    right_besides(
        "thread-bomb",
        "starts ten thousand threads",
        """\
import threading, time
for _ in range(10_000):
    threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
""",
    ),
    right_besides(
        "memory-bit-by-bit",
        "takes memory until there is none",
        """\
kept = []
while True:
    kept.append(bytearray(b'x') * (64 << 20))
""",
    ),
    right_besides(
        "memory-of-nobody",
        "takes memory that belongs to no process: shared, without a file, in pieces",
        """\
import mmap, os
kept = []
for take in (lambda: mmap.mmap(-1, 256 << 20), lambda: os.memfd_create('x')):
    try:
        for _ in range(12):
            kept.append(take())
            for _ in range(256):
                (os.write if isinstance(kept[-1], int) else mmap.mmap.write)(kept[-1], b'x' * (1 << 20))
    except OSError as error:
        print(error)
""",
    ),
    right_besides(
        "memory-of-many",
        "takes memory in twenty processes, each below its limit",
        """\
import os, time
for _ in range(20):
    if not os.fork():
        kept = bytearray(b'x') * (400 << 20)
        time.sleep(60)
time.sleep(3)
""",
    ),
    right_besides("memory-at-once", "asks for 50 GB at once", "z = np.ones(50 * 2**30 // 8)"),
    right_besides(
        "fill-disk",
        "writes 1.5 GB to its folder",
        """\
with open('big', 'wb') as file:
    for _ in range(1500):
        file.write(b'1' * (1 << 20))
        file.flush()
""",
    ),
    right_besides(
        "fill-shared-memory",
        "writes 1.5 GB to /dev/shm, /tmp and /var/tmp",
        """\
for folder in ('/dev/shm', '/tmp', '/var/tmp'):
    try:
        with open(folder + '/big-@MARK@', 'wb') as file:
            for _ in range(1500):
                file.write(b'1' * (1 << 20))
    except OSError as error:
        print(error)
""",
    ),
    right_besides(
        "many-files",
        "makes empty files until no more can be made",
        """\
for n in range(100_000):
    open(f'f{n}', 'w').close()
""",
    ),
    right_besides(
        "fill-sockets",
        "fills the folder in which its kernel's sockets lie, and digs deep there",
        """\
import os
from ipykernel.connect import get_connection_file
here, folder = os.getcwd(), os.path.dirname(get_connection_file())
try:
    for n in range(8):
        with open(f'{folder}/big-{n}', 'wb') as file:
            file.write(b'1' * (48 << 20))
except OSError as error:
    print(error)
try:
    os.chdir(folder)
    for _ in range(20_000):
        os.mkdir('d')
        os.chdir('d')
except OSError as error:
    print(error)
os.chdir(here)
""",
    ),
    right_besides(
        "odd-names",
        "leaves files with names of control characters, deep folders, and one that nobody may open",
        """\
import os
for name in ('a\\nb', '-rf', '*', ' ', b'\\xff\\xfe', 'x' * 255):
    open(name, 'w').close()
here = os.getcwd()
for _ in range(300):
    os.mkdir('d')
    os.chdir('d')
os.chdir(here)
os.mkdir('closed')
open('closed/x', 'w').close()
try:
    os.chmod('closed', 0)
except OSError:
    pass
""",
    ),
    right_besides(
        "many-descriptors",
        "opens files until no more can be opened",
        "kept = [open('/dev/null') for _ in range(10**6)]",
    ),
    right_besides(
        "print-1-gb",
        "prints 1 GB",
        """\
s = 'x' * 1_000_000
for _ in range(1000):
    print(s)
""",
    ),
    right_besides(
        "many-outputs",
        "shows thousands of small outputs, and clears them",
        """\
from IPython.display import clear_output, display
for n in range(1_500):
    display({'text/plain': str(n)}, raw=True, display_id=str(n))
    clear_output()
""",
    ),
    right_besides(
        "endless-message",
        "sends the grader one message of ever more parts",
        """\
import zmq
socket = get_ipython().kernel.iopub_thread.socket
while True:
    socket.send(b'x' * (1 << 20), zmq.SNDMORE)
""",
    ),
    right_besides(
        "one-huge-output",
        "shows one output of 64 MB",
        """\
from IPython.display import display
display({'text/plain': 'x' * (64 << 20)}, raw=True)
""",
    ),
)
