"""Attacks that use up or break what they run on, and processes that will not go. Right answers keep their points."""

from course.grading.attacks.attack import Attack


def _draining(name: str, tries: str, cell: str) -> Attack:
    return Attack(name, tries, cell=cell, solved=True)


def _in_answer(name: str, tries: str, body: str) -> Attack:
    """It happens where the test calls the first answer."""
    return Attack(name, tries, answers={"1.1": f"def double(x):\n    {body}\n"}, solved=True)


ATTACKS = (
    _draining("loop", "never ends", "while True:\n    pass"),
    _draining(
        "deaf-loop",
        "never ends, and is deaf to interrupts",
        "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True:\n    pass",
    ),
    _draining(
        "catch-interrupts",
        "catches every interrupt and goes on",
        "while True:\n    try:\n        while True:\n            pass\n    except KeyboardInterrupt:\n        pass",
    ),
    _draining("stop-itself", "stops its own process", "import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)"),
    _draining(
        "fork-bomb",
        "forks for ever",
        "import os\nwhile True:\n    try:\n        os.fork()\n    except OSError:\n        pass",
    ),
    _draining(
        "thread-bomb",
        "starts ten thousand threads",
        "import threading, time\nfor _ in range(10_000):\n"
        "    threading.Thread(target=time.sleep, args=(60,), daemon=True).start()",
    ),
    _draining(
        "memory-bit-by-bit",
        "takes memory until there is none",
        "kept = []\nwhile True:\n    kept.append(bytearray(b'x') * (64 << 20))",
    ),
    _draining("memory-at-once", "asks for 50 GB at once", "z = np.ones(50 * 2**30 // 8)"),
    _draining(
        "fill-disk",
        "writes 1.5 GB to its folder",
        "with open('big', 'wb') as file:\n    for _ in range(1500):\n        file.write(b'1' * (1 << 20))\n        file.flush()",
    ),
    _draining(
        "fill-shared-memory",
        "writes 1.5 GB to /dev/shm, /tmp and /var/tmp",
        "for folder in ('/dev/shm', '/tmp', '/var/tmp'):\n    try:\n"
        "        with open(folder + '/big-@MARK@', 'wb') as file:\n            for _ in range(1500):\n"
        "                file.write(b'1' * (1 << 20))\n    except OSError as error:\n        print(error)",
    ),
    _draining(
        "many-files",
        "makes empty files until no more can be made",
        "for n in range(100_000):\n    open(f'f{n}', 'w').close()",
    ),
    _draining(
        "odd-names",
        "leaves files with names of control characters, deep folders, and one that nobody may open",
        "import os\nfor name in ('a\\nb', '-rf', '*', ' ', b'\\xff\\xfe', 'x' * 255):\n    open(name, 'w').close()\n"
        "here = os.getcwd()\nfor _ in range(300):\n    os.mkdir('d')\n    os.chdir('d')\nos.chdir(here)\n"
        "os.mkdir('closed')\nopen('closed/x', 'w').close()\ntry:\n    os.chmod('closed', 0)\nexcept OSError:\n    pass",
    ),
    _draining(
        "many-descriptors",
        "opens files until no more can be opened",
        "kept = [open('/dev/null') for _ in range(10**6)]",
    ),
    _draining("print-1-gb", "prints 1 GB", "s = 'x' * 1_000_000\nfor _ in range(1000):\n    print(s)"),
    _draining(
        "many-outputs",
        "shows thousands of small outputs, and clears them",
        "from IPython.display import clear_output, display\nfor n in range(3_000):\n"
        "    display({'text/plain': str(n)}, raw=True, display_id=str(n))\n    clear_output()",
    ),
    _draining(
        "one-huge-output",
        "shows one output of 200 MB",
        "from IPython.display import display\ndisplay({'text/plain': 'x' * (200 << 20)}, raw=True)",
    ),
    _draining("sys-exit", "ends by sys.exit", "import sys\nsys.exit(0)"),
    _draining("os-exit", "ends its process at once", "import os\nos._exit(0)"),
    _in_answer("os-exit-in-answer", "ends its process where it is tested", "import os\n    os._exit(0)"),
    _draining("segfault", "reads from address 0", "import ctypes\nctypes.string_at(0)"),
    _draining(
        "c-recursion",
        "overflows the stack",
        "import sys\nsys.setrecursionlimit(10**9)\ndef f(x):\n    return [f(x)].__repr__()\nf(1)",
    ),
    _draining("close-descriptors", "closes all its descriptors", "import os\nos.closerange(3, 1000)"),
    _draining("ask-for-input", "asks a question that nobody answers", "answer = input('well? ')"),
    _draining(
        "daemon",
        "leaves programs behind: in a session of their own, forked twice, at exit",
        "import atexit, os, subprocess\nsubprocess.Popen(['sleep', '@MARK@'], start_new_session=True)\n"
        "if os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n        os.execvp('sleep', ['sleep', '@MARK@'])\n"
        "    os._exit(0)\natexit.register(lambda: subprocess.Popen(['sleep', '@MARK@'], start_new_session=True))",
    ),
    _draining(
        "daemon-then-death",
        "leaves deaf children behind, then dies at once",
        "import os, signal, time\nfor _ in range(5):\n    if os.fork() == 0:\n        os.setsid()\n"
        "        for n in range(1, 32):\n            if n not in (9, 19):\n                signal.signal(n, signal.SIG_IGN)\n"
        "        if os.fork() == 0:\n            time.sleep(86000)\n        time.sleep(86000)\nos.kill(os.getpid(), 11)",
    ),
    _draining(
        "at-the-end",
        "runs code at exit, in destructors and in threads that go on printing after the cell",
        "import atexit, os, threading, time\nclass Last:\n    def __del__(self):\n        print('the end')\n"
        "        os.write(1, b'the end')\nkept = Last()\natexit.register(print, 'exit')\n"
        "def chatter():\n    while True:\n        print('still here', flush=True)\n        time.sleep(0.01)\n"
        "threading.Thread(target=chatter, daemon=True).start()\n"
        "import weakref\nweakref.finalize(kept, print, 'finalized')",
    ),
    _in_answer(
        "slow-answers",
        "takes nine tenths of the time that a call may take, each time",
        "import time\n    time.sleep(1.35)\n    return x + x",
    ),
    _in_answer(
        "endless-answer", "answers with an iterator that never ends", "import itertools\n    return itertools.count(x)"
    ),
    _in_answer("giant-integer", "answers with an integer of four million digits", "return 1 << (1 << 24)"),
    _in_answer("huge-answer", "answers with 200 MB", "return np.zeros(25 << 20)"),
    _in_answer(
        "deep-answer",
        "answers with 100 000 lists in each other",
        "y = x\n    for _ in range(100_000):\n        y = [y]\n    return y",
    ),
    _in_answer("recursive-answer", "calls itself for ever", "return double(x)"),
)
