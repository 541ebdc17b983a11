"""The thread in which the model computes: it owns the batcher, and what others want of it comes through an inbox."""

import threading
from collections.abc import Callable
from functools import partial
from queue import Empty, SimpleQueue

from course.llama.serving.batching import Batcher, Piece, Request


class Engine:
    """Steps without a pause while there are requests, and sleeps while there are none.

    `deliver` is called in this thread with the pieces of every step, `fail` once if the loop itself breaks. While
    llama.cpp computes, Python's lock is free: the other threads write out the pieces of the step before.
    """

    def __init__(
        self, batcher: Batcher, deliver: Callable[[list[Piece]], None], fail: Callable[[Exception], None]
    ) -> None:
        self._batcher, self._deliver, self._fail = batcher, deliver, fail
        self._inbox: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def add(self, request: Request) -> None:
        """Let a request wait for a slot."""
        self._inbox.put(partial(self._batcher.add, request))

    def cancel(self, request: Request) -> None:
        """Forget a request, before the next step."""
        self._inbox.put(partial(self._batcher.cancel, request))

    def stop(self) -> None:
        """End after the step that is being computed, and wait for that."""
        self._inbox.put(self._stop)
        self._thread.join()

    def _stop(self) -> None:
        self._stopping = True

    def _run(self) -> None:
        try:
            while not self._stopping:
                self._read_inbox()
                if not self._stopping and not self._batcher.is_idle:
                    self._deliver(self._batcher.step())
        except Exception as error:
            self._fail(error)

    def _read_inbox(self) -> None:
        """Do what has been asked for; wait for something if there is nothing to compute."""
        if self._batcher.is_idle:
            self._inbox.get()()
        while True:
            try:
                self._inbox.get_nowait()()
            except Empty:
                return
