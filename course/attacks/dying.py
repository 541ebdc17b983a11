"""Attacks by processes that die or will not go, and answers that never come. Right answers keep their points."""

from textwrap import indent

from course.attacks import exercises
from course.attacks.attack import Attack, right_besides


def _in_answer(name: str, tries: str, body: str) -> Attack:
    """It happens where the test calls the first answer."""
    return Attack(name, tries, answers={"1.1": "def double(x):\n" + indent(body, "    ")}, solved=True)


ATTACKS = (
    right_besides(
        "stop-itself",
        "stops its own process",
        """\
import os, signal
os.kill(os.getpid(), signal.SIGSTOP)
""",
    ),
    right_besides(
        "sys-exit",
        "ends by sys.exit",
        """\
import sys
sys.exit(0)
""",
    ),
    right_besides("exit", "asks its kernel to end", "exit()"),
    right_besides("quit", "asks its kernel to end, by its other name", "quit()"),
    right_besides(
        "no-streams",
        "takes the streams away, its own and the interpreter's",
        "import sys\nsys.stdout = sys.stderr = sys.stdin = sys.__stdout__ = sys.__stderr__ = None",
    ),
    right_besides("no-environment", "empties the environment", "import os\nos.environ.clear()"),
    right_besides(
        "delayed-death",
        "kills its process a moment later, while another cell runs",
        """\
import os, signal, threading
threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGKILL)).start()
""",
    ),
    Attack(
        "delayed-exit",
        "ends its process a moment later, while a right answer is tested",
        cell="import os, threading\nthreading.Timer(0.8, os._exit, (0,)).start()",
        answers={"1.1": "import time\ndef double(x):\n    time.sleep(0.3)\n    return x + x"},
        solved=True,
        fair=tuple(exercises.POINTS),
    ),
    right_besides(
        "os-exit",
        "ends its process at once",
        """\
import os
os._exit(0)
""",
    ),
    _in_answer(
        "os-exit-in-answer",
        "ends its process where it is tested",
        """\
import os
os._exit(0)
""",
    ),
    right_besides(
        "segfault",
        "reads from address 0",
        """\
import ctypes
ctypes.string_at(0)
""",
    ),
    right_besides(
        "c-recursion",
        "overflows the stack",
        """\
import sys
sys.setrecursionlimit(10**9)
def f(_):
    return sorted([1], key=f)
f(1)
""",
    ),
    right_besides(
        "close-descriptors",
        "closes all its descriptors",
        """\
import os
os.closerange(3, 1000)
""",
    ),
    right_besides("ask-for-input", "asks a question that nobody answers", "answer = input('well? ')"),
    right_besides(
        "daemon",
        "leaves programs behind: in a session of their own, forked twice, at exit",
        """\
import atexit, os, subprocess
subprocess.Popen(['sleep', '@MARK@'], start_new_session=True)
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.execvp('sleep', ['sleep', '@MARK@'])
    os._exit(0)
atexit.register(lambda: subprocess.Popen(['sleep', '@MARK@'], start_new_session=True))
""",
    ),
    right_besides(
        "daemon-then-death",
        "leaves deaf children behind, then dies at once",
        """\
import os, signal, time
for _ in range(5):
    if os.fork() == 0:
        os.setsid()
        for n in range(1, 32):
            if n not in (9, 19):
                signal.signal(n, signal.SIG_IGN)
        if os.fork() == 0:
            time.sleep(86000)
        time.sleep(86000)
os.kill(os.getpid(), 11)
""",
    ),
    right_besides(
        "at-the-end",
        "runs code at exit, in destructors and in threads that go on printing after the cell",
        """\
import atexit, os, threading, time
class Last:
    def __del__(self):
        print('the end')
        os.write(1, b'the end')
kept = Last()
atexit.register(print, 'exit')
def chatter():
    while True:
        print('still here', flush=True)
        time.sleep(0.01)
threading.Thread(target=chatter, daemon=True).start()
import weakref
weakref.finalize(kept, print, 'finalized')
""",
    ),
    _in_answer(
        "slow-answers",
        "takes nine tenths of the time that a call may take, each time",
        """\
import time
time.sleep(1.1)
return x + x
""",
    ),
    _in_answer(
        "endless-answer",
        "answers with an iterator that never ends",
        """\
import itertools
return itertools.count(x)
""",
    ),
    _in_answer("giant-integer", "answers with an integer of four million digits", "return 1 << (1 << 24)"),
    _in_answer("huge-answer", "answers with 200 MB", "return np.zeros(25 << 20)"),
    _in_answer(
        "deep-answer",
        "answers with 100 000 lists in each other",
        """\
y = x
for _ in range(100_000):
    y = [y]
return y
""",
    ),
    _in_answer("recursive-answer", "calls itself for ever", "return double(x)"),
)
