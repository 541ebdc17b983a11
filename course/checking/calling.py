"""Call a student's function, in this process or in another one; what it does on the way is not seen here."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from copy import deepcopy
from typing import Any

import numpy as np

from course.checking.values import Raised


def answers_of(function: Callable[..., Any], calls: Iterable[Sequence[Any]]) -> list[Any]:
    """What a function gives for each tuple of arguments, or the type of what it raises."""
    results = [outcome_of(function, args) for args in calls]
    return [type(result.error) if isinstance(result, Raised) else result for result in results]


def answers_to(function: Callable[..., Any], calls: Iterable[Sequence[Any]]) -> Iterator[Any]:
    """What a function gives to each call; after one that never came back it is not asked again."""
    lost: Raised | None = None
    for args in calls:
        answer = lost or outcome_of(function, args)
        if isinstance(answer, Raised) and getattr(answer.error, "verdict", "") == "timeout":
            lost = answer
        yield answer


def outcome_of(function: Callable[..., Any], args: Sequence[Any]) -> Any:
    """What a call gives, or what it raises; what it changes in place is not seen."""
    try:
        return function(*(args if hasattr(function, "watched") else deepcopy(args)))
    except (Exception, SystemExit) as error:
        if hasattr(error, "is_the_tests"):  # what it hands over cannot be handed over
            raise
        return Raised(error)


def arguments_after(function: Callable[..., Any], args: Sequence[Any]) -> Sequence[Any]:
    """The arguments as they are after a call."""
    if watched := getattr(function, "watched", None):  # it is in another process
        return watched(*args)
    after = deepcopy(args)
    with suppress(Exception):
        function(*after)
    return after


def generator_of(function: Callable[..., Any], *, moved: bool) -> str:
    """A digest of the state of NumPy's global generator where the function lives, perhaps moved on by a draw before."""
    return getattr(function, "global_generator", global_generator)(moved=moved)


def global_generator(*, moved: bool) -> str:
    """A digest of the state of NumPy's global generator in this process, perhaps moved on by a draw before."""
    if moved:
        np.random.random()
    state = np.random.get_state(legacy=False)
    key = np.asarray(state["state"]["key"])  # type: ignore[call-overload]
    return hashlib.sha256(key.tobytes() + repr(state).encode()).hexdigest()
