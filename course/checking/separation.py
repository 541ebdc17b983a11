"""Inputs that tell ideas apart: an idea can be named only where no other gives the same."""

from collections.abc import Callable, Sequence
from itertools import combinations
from typing import Any

from course.checking.calling import answers_of
from course.checking.ideas import NOTHING_REFUSED, Ideas
from course.checking.values import same

TRIES = 1000

Calls = Sequence[Sequence[Any]]


def told_apart(draw: Callable[[], Calls], right: Callable[..., Any], wrong: Ideas, *, rel_tol: float = 1e-9) -> Calls:
    """Calls by `draw`, drawn anew until what is right and each of the ideas give different answers to them.

    Ideas are functions of the calls' arguments, as in `close_to`. Alternatives of one idea may coincide. Raises
    RuntimeError, naming two, if they never differ.
    """
    bodies = [("what is right", right)]
    bodies += [(idea, body) for idea, (_, *given) in wrong.items() for body in given if body is not NOTHING_REFUSED]
    alike = ("", "")
    for _ in range(TRIES):
        calls = draw()
        answers = [(name, answers_of(body, calls)) for name, body in bodies]
        pairs = ((a, b) for a, b in combinations(answers, 2) if a[0] != b[0])
        found = next(((a[0], b[0]) for a, b in pairs if _are_same(a[1], b[1], rel_tol)), None)
        if not found:
            return calls
        alike = found
    raise RuntimeError(f"{alike[0]} and {alike[1]} give the same on all of {TRIES} draws")


def _are_same(ones: Sequence[Any], others: Sequence[Any], rel_tol: float) -> bool:
    def alike(one: Any, other: Any) -> bool:
        return one is other if isinstance(one, type) or isinstance(other, type) else same(one, other, rel_tol=rel_tol)

    return all(alike(one, other) for one, other in zip(ones, others, strict=True))
