"""The line between a test and a submission within one process: what crosses, and how, is the same as between two."""

from collections.abc import Callable
from typing import Any

from course.checking.calling import global_generator
from course.grading.judge import codec
from course.grading.judge.encoding import Encoder

Function = Callable[..., Any]


class Over:
    """A function of the other side: what goes to it and what it gives are copies, as across the real line.

    `strict` is the test's side, whose arguments must be such as can cross: Uncrossable is raised for others.
    """

    def __init__(self, function: Function, *, strict: bool, name: str = "") -> None:
        self.function, self._strict = function, strict
        self.__name__ = name or getattr(function, "__name__", type(function).__name__)

    def __call__(self, *args: Any, **named: Any) -> Any:
        sent = self._sent(args, named)
        return copied(self._run(*sent), strict=False, back=self._strict)

    def watched(self, *args: Any) -> tuple[Any, ...]:
        """The arguments as a call leaves them."""
        sent, _ = self._sent(args, {})
        self._run(sent, {})
        return tuple(sent)

    def global_generator(self, *, moved: bool) -> str:
        """A digest of the state of NumPy's global generator, perhaps moved on by a draw before."""
        return global_generator(moved=moved)

    def _sent(self, args: tuple[Any, ...], named: dict[str, Any]) -> tuple[list[Any], dict[str, Any]]:
        strict = self._strict
        return (
            [copied(arg, strict=strict, back=not strict) for arg in args],
            {name: copied(value, strict=strict, back=not strict) for name, value in named.items()},
        )

    def _run(self, args: list[Any], named: dict[str, Any]) -> Any:
        try:
            return self.function(*args, **named)
        except BaseException as error:
            if isinstance(error, codec.Uncrossable):
                raise
            raise codec.restored(codec.describe(error)) from None


def copied(value: Any, *, strict: bool, back: bool) -> Any:
    """A value as it arrives on the other side; functions in it come `Over`, strict in their calls if `back` is."""
    handles = _Handles(strict=back)
    return codec.decode(Encoder(handles, lenient=not strict).encode(value), handles)


class _Handles:
    def __init__(self, *, strict: bool) -> None:
        self._strict, self._given = strict, list[Function]()

    def give(self, function: Function) -> list[Any]:
        self._given.append(function)
        return [len(self._given) - 1]

    def take(self, handle: list[Any]) -> Function:
        function = self._given[handle[0]]
        return function.function if isinstance(function, Over) else Over(function, strict=self._strict)
