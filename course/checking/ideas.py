"""What a known wrong idea gives, for which an answer may be named."""

from collections.abc import Mapping
from typing import Any

from course.checking.values import Raised

# The message that names the idea, then what the idea gives, or several alternatives of it. Each is a value (for several
# calls a list), the type of an exception that each call raises, or a function of the same arguments.
Ideas = Mapping[str, tuple[Any, ...]]


class _NothingRefused:
    """What is given by who refuses none of several calls that should have been refused."""


NOTHING_REFUSED = _NothingRefused()


def is_let_through(answer: Any, error: Any) -> bool:
    """Whether what should have been refused was not. What went wrong on the way is no refusal; None is one, and so is
    an exception that somebody chose to raise, though not those that are asked."""
    if isinstance(answer, Raised):
        chosen = (
            isinstance(answer.error, (NotImplementedError, AssertionError, error)) or type(answer.error) is Exception
        )
        return not chosen and not hasattr(answer.error, "verdict")
    return answer is not None
