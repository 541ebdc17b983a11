"""Run a command, and end it when the process that wanted it is gone: python guard.py COMMAND …

Whoever starts this holds the other end of its standard input, and closes it to have the command end. A process that
dies, of whatever, closes it too. Standard library only: it is run as a file, and takes little memory.
"""

import os
import signal
import subprocess
import sys
import threading

_PATIENCE_S = 5  # for the command to end when it is asked to


def main() -> int:
    """The command's exit code."""
    owner = os.getppid()
    over = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: over.set())
    child = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL)
    threading.Thread(target=_wait_for_the_end_of_input, args=[over], daemon=True).start()
    while child.poll() is None and os.getppid() == owner and not over.wait(0.2):
        pass
    child.terminate()
    try:
        return child.wait(_PATIENCE_S)
    except subprocess.TimeoutExpired:
        child.kill()
        return child.wait()


def _wait_for_the_end_of_input(over: threading.Event) -> None:
    while os.read(0, 1):  # sys.stdin has a lock, which Python's own end would wait for
        pass
    over.set()


if __name__ == "__main__":
    sys.exit(main())
