"""How far a long measurement is: one line of a cell's output, which changes."""

import time
from collections.abc import Callable

SHOWN_EVERY_S = 0.5
_FIRST_GUESS = 0.02  # the share after which what is left can be told


def line(what: str) -> Callable[[int, int], None]:
    """A line for `what` in this cell's output; returns who is to be told what is done, and of how much in all."""
    from IPython.display import display

    began = time.monotonic()
    shown_at = began
    handle = display({"text/plain": f"{what}: begun"}, raw=True, display_id=True)

    def report(done: int, total: int) -> None:
        nonlocal shown_at
        now = time.monotonic()
        if done < total and now - shown_at < SHOWN_EVERY_S:
            return
        shown_at = now
        if handle:
            handle.update({"text/plain": f"{what}: {told(done, total, seconds=now - began)}"}, raw=True)

    return report


def told(done: int, total: int, *, seconds: float) -> str:
    """What is done after so many seconds, and how long the rest takes if it goes on like that."""
    if done >= total:
        return f"done in {_rounded(seconds)}"
    share = done / total
    if share < _FIRST_GUESS:
        return f"{share:.0%}"
    return f"{share:.0%}, {_rounded(seconds / share - seconds)} left"


def _rounded(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"
