"""What a test cell imports: compare an answer with what is right and with what each known wrong idea would give.

    expect(device_hours, flop, peak, mfu).close_to(flop / peak / mfu / 3600, wrong={
        "1.4/seconds": ("that is in seconds; device-hours are asked", flop / peak / mfu),
    })

An idea is named only if the answer is that idea's, and no other's, within the test's tolerance. Any other wrong answer
is shown with its inputs and what was expected. A failed expectation shows a verdict bundle in the cell's output, which
`course check` reads, and raises. One that holds is silent.
"""

import math
import os
import reprlib
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np

MIME = "application/vnd.two-bills.verdict+json"
STAGING = "TWO_BILLS_STAGING"  # the folder that a grader's judge may write to and a submission may read
LONGEST_STAGED = 1 << 40  # bytes of a staged file with a hole

# The message that names the idea, then what the idea gives: one value or exception type, or several alternatives.
Ideas = Mapping[str, tuple[Any, ...]]


class WrongAnswer(AssertionError):
    """An answer that is not what the exercise asks for."""


class Implausible(WrongAnswer):
    """A measurement that physics does not allow, or not easily: a person looks at it, and no points are lost."""

    verdict = "review"


@dataclass(frozen=True)
class Raised:
    """An exception in the place of an answer."""

    error: BaseException

    def __repr__(self) -> str:
        return f"{type(self.error).__name__}: {self.error}"


@dataclass(frozen=True)
class Expectation:
    """Answers to one or several calls, waiting to be compared."""

    question: str
    answers: list[Any]
    labels: list[str] | None = None  # of the calls, if there may be several

    def close_to(self, expected: Any, *, wrong: Ideas | None = None, rel_tol: float = 1e-9) -> None:
        """Hold numbers, and tuples, lists, dicts and arrays of them, to a relative tolerance; all else to equality."""
        self._settle(expected, wrong or {}, rel_tol)

    def equals(self, expected: Any, *, wrong: Ideas | None = None) -> None:
        """Hold the answer to equality; `True` is no 1, and 2.0 is 2."""
        self._settle(expected, wrong or {}, 0.0)

    def raises(self, error: type[Exception], *, wrong: Ideas | None = None, rel_tol: float = 1e-9) -> None:
        """Hold each call to raise `error` or a subclass of it."""
        self._settle([error] * len(self.answers) if self.labels else error, wrong or {}, rel_tol)

    def _settle(self, expected: Any, wrong: Ideas, rel_tol: float) -> None:
        answer: Any = self.answers if self.labels else self.answers[0]
        if same(answer, expected, rel_tol=rel_tol):
            return
        named = [idea for idea, (_, *givens) in wrong.items() if _is_idea(answer, givens, rel_tol)]
        idea = named[0] if len(named) == 1 else None
        given, wanted = self._shown(expected, rel_tol)
        raised = next((a for a in self.answers if isinstance(a, Raised)), None)
        _fail(idea, f"{given}: {wrong[idea][0]}" if idea else f"{given}; expected {wanted}", raised)

    def _shown(self, expected: Any, rel_tol: float) -> tuple[str, str]:
        """The answer with its inputs, and what was expected; of several calls the first that is wrong."""
        if not self.labels:
            return f"{self.question} {_outcome(self.answers[0])}", _wanted(expected)
        off = [i for i, answer in enumerate(self.answers) if not same(answer, expected[i], rel_tol=rel_tol)]
        first = off[0]
        given = (
            f"{self.question}: {len(off)} of {len(self.answers)} are wrong; the first is {self.labels[first]}, "
            f"which {_outcome(self.answers[first])}"
        )
        return given, _wanted(expected[first])


def expect(function: Callable[..., Any], *args: Any) -> Expectation:
    """Call a student's function; what it returns or raises waits to be compared."""
    inputs = ", ".join(_short(arg) for arg in args)
    return Expectation(f"{_name(function)}({inputs})", [_answer(function, args)])


def expect_each(
    function: Callable[..., Any], calls: Mapping[str, Sequence[Any]] | Iterable[Sequence[Any]]
) -> Expectation:
    """Call a student's function once for each tuple of arguments; the answers are compared as one list.

    `calls` may be {label: arguments}: a message then speaks of the label, not of the arguments.
    """
    if isinstance(calls, Mapping):
        labels, arguments = [str(label) for label in calls], list(calls.values())
    else:
        arguments = list(calls)
        labels = [f"({', '.join(_short(arg) for arg in args)})" for args in arguments]
    return Expectation(_name(function), [_answer(function, args) for args in arguments], labels)


def plausible(holds: bool, message: str) -> None:
    """Hold a measurement to physics. Where it does not hold, the verdict is "review", whose points are not lost."""
    if not holds:
        show({"exercise": None, "verdict": Implausible.verdict, "misconception": None, "message": message})
        raise Implausible(message)


def stage(name: str, content: bytes, *, size: int | None = None) -> Path:
    """A small file that a test hands to a student's function by its path: the function can read it, and no more.

    `size` makes it as long as that, at most `LONGEST_STAGED`: what follows `content` is a hole, which takes no room on
    the disk. Where the file system has no holes (Windows' unless told so), the file stays as short as its content.
    """
    folder = Path(os.environ.get(STAGING) or tempfile.mkdtemp(prefix="course-staged-"))
    path = folder / Path(name).name
    path.write_bytes(content)
    if size is not None and os.name == "posix":
        with suppress(OSError):
            os.truncate(path, size)
    return path


def same(answer: Any, expected: Any, *, rel_tol: float = 0.0) -> bool:
    """Whether an answer is what is expected: numbers within `rel_tol`, containers element by element.

    `int` and NumPy scalars pass for `float`, tuples, lists and arrays for one another; `bool` for nothing else. An
    exception type is matched by an answer that raised it.
    """
    if isinstance(answer, Raised) or isinstance(expected, type):
        return isinstance(expected, type) and isinstance(answer, Raised) and isinstance(answer.error, expected)
    if isinstance(expected, bool | np.bool_) or isinstance(answer, bool | np.bool_):
        return isinstance(expected, bool | np.bool_) and isinstance(answer, bool | np.bool_) and answer == expected
    if isinstance(expected, Mapping):
        return (
            isinstance(answer, Mapping)
            and answer.keys() == expected.keys()
            and all(same(answer[key], expected[key], rel_tol=rel_tol) for key in expected)
        )
    if isinstance(expected, np.ndarray):
        return _same_array(answer, expected, rel_tol)
    if isinstance(expected, list | tuple):
        answer = answer.tolist() if isinstance(answer, np.ndarray) else answer
        return (
            isinstance(answer, list | tuple)
            and len(answer) == len(expected)
            and all(same(a, e, rel_tol=rel_tol) for a, e in zip(answer, expected, strict=True))
        )
    if isinstance(expected, Real):
        return isinstance(answer, Real) and _same_number(answer, expected, rel_tol)
    return type(answer) is type(expected) and bool(answer == expected)


def _same_number(answer: Real, expected: Real, rel_tol: float) -> bool:
    if answer == expected:
        return True
    try:
        given, wanted = float(answer), float(expected)
    except OverflowError:  # an integer larger than any float
        return False
    return (math.isnan(given) and math.isnan(wanted)) or (rel_tol > 0 and math.isclose(given, wanted, rel_tol=rel_tol))


def _same_array(answer: Any, expected: np.ndarray, rel_tol: float) -> bool:
    try:
        array = np.asarray(answer)
    except ValueError:  # ragged
        return False
    if array.shape != expected.shape:
        return False
    if not {array.dtype.kind, expected.dtype.kind} <= set("iuf"):
        return same(array.tolist(), expected.tolist())
    return bool(np.allclose(array, expected, rtol=rel_tol, atol=0.0, equal_nan=True))


def _is_idea(answer: Any, givens: Sequence[Any], rel_tol: float) -> bool:
    return any(same(answer, given, rel_tol=rel_tol) for given in givens)


def _answer(function: Callable[..., Any], args: Sequence[Any]) -> Any:
    try:
        return function(*args)
    except (Exception, SystemExit) as error:
        return Raised(error)


def _fail(idea: str | None, message: str, raised: Raised | None) -> None:
    verdict = getattr(raised.error, "verdict", "error") if raised and not idea else "fail"
    exercise = idea.split("/")[0] if idea else None  # without an idea, the cell's name tells
    bundle = {"exercise": exercise, "verdict": verdict, "misconception": idea, "message": message}
    show(bundle)
    if raised and isinstance(raised.error, NotImplementedError):
        raise raised.error
    raise WrongAnswer(message) from (raised.error if raised else None)


def show(bundle: dict[str, Any]) -> None:
    """Show a verdict in the cell's output; a judge, which has none, puts its own function here."""
    from IPython.display import display

    display({MIME: bundle, "text/plain": bundle["message"]}, raw=True)


def _outcome(answer: Any) -> str:
    if isinstance(answer, BaseException):
        return f"returned {answer!r} where it should have raised it"
    return f"raised {answer!r}" if isinstance(answer, Raised) else f"gave {_short(answer)}"


def _wanted(expected: Any) -> str:
    return f"a {expected.__name__}" if isinstance(expected, type) else _short(expected)


def _name(function: Callable[..., Any]) -> str:
    return getattr(function, "__name__", type(function).__name__)


class _Repr(reprlib.Repr):
    """Numbers to seven digits, long containers cut, arrays by shape, functions by name: what fits into a message."""

    def __init__(self) -> None:
        super().__init__()
        self.maxdict, self.maxlist, self.maxtuple, self.maxstring, self.maxother = 16, 8, 8, 80, 80

    def repr_float(self, number: float, level: int) -> str:
        return f"{number:.7g}"

    repr_float64 = repr_float

    def repr_int(self, number: int, level: int) -> str:
        return (
            f"an integer of {number.bit_length()} bits"
            if number.bit_length() > 256
            else super().repr_int(number, level)
        )

    def repr_ndarray(self, array: Any, level: int) -> str:
        """A NumPy array or a torch tensor: its shape, and how it begins."""
        begins = array.reshape(-1)[:3].tolist()
        more = ", ..." if math.prod(array.shape) > len(begins) else ""
        return f"{type(array).__name__}{tuple(array.shape)} of {', '.join(map(self.repr, begins))}{more}"

    repr_Tensor = repr_ndarray

    def repr_function(self, function: Callable[..., Any], level: int) -> str:
        return function.__name__


_short = _Repr().repr
