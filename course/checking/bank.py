"""Functions that a test hands to a student: somebody's implementations to be judged, oracles, probes.

Each takes its arguments by position and by name, as its task says, and tells nothing of its body: neither a name of its
own, nor a message of what it raises.
"""

import inspect
import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from course.checking import verdict
from course.checking.calling import answers_to, outcome_of
from course.checking.shown import outcome
from course.checking.values import Raised, asked, called, family, plain, same

ASKED_TWICE = 3  # implementations that are asked about once more
_random = secrets.SystemRandom()

Judge = Callable[[Callable[..., Any]], Any]  # an `accepts`: somebody's or an idea's


def handed(signature: str, function: Callable[..., Any], *, example: Sequence[Any] = ()) -> Callable[..., Any]:
    """`function` as a student is given it: with the task's signature ("energy_mwh(device_hours, watts, pue=1)").

    Arguments of another kind than the example's raise TypeError, as do missing ones, before `function` is called.
    """
    name = signature.partition("(")[0]
    scope: dict[str, Any] = {}
    exec(f"def {signature}: ...", scope)
    parameters = inspect.signature(scope[name])
    kinds = dict(zip(parameters.parameters, example, strict=False))

    def implementation(*args: Any, **named: Any) -> Any:
        try:
            bound = parameters.bind(*args, **named)
        except TypeError as error:
            raise TypeError(f"{name}: {error}") from None
        bound.apply_defaults()
        for parameter, value in bound.arguments.items():
            if parameter in kinds and family(plain(value)) != family(plain(kinds[parameter])):
                raise TypeError(f"{name} takes {asked(kinds[parameter])} as {parameter}, not {called(value)}")
        try:
            return function(*bound.args, **bound.kwargs)
        except Exception as error:
            raise _bare(error) from None

    implementation.__name__ = name
    return implementation


class Bank:
    """Somebody's implementations of an exercise, right and wrong, each by what it does ("one that forgets the PUE").

    `example` are arguments of the kinds that the exercise takes. `hints` tell more of an implementation that was judged
    wrongly, by its label: "sums in another order differ in the last digit: compare with isclose".
    """

    def __init__(
        self,
        signature: str,
        *,
        right: Mapping[str, Callable[..., Any]],
        wrong: Mapping[str, Callable[..., Any]],
        example: Sequence[Any] = (),
        hints: Mapping[str, str] | None = None,
    ) -> None:
        self._right = dict.fromkeys(right, True) | dict.fromkeys(wrong, False)
        self._implementations = {
            label: handed(signature, function, example=example) for label, function in {**right, **wrong}.items()
        }
        self._hints = dict(hints or {})

    def __len__(self) -> int:
        return len(self._implementations)

    def judged_by(self, accepts: Judge, *, wrong: Mapping[str, tuple[Any, ...]] | None = None) -> None:
        """Hold a student's `accepts` to accept those that are right, and no other.

        They are asked about in an order of chance, some of them twice. `wrong` are the known ideas: a message, then one
        or several functions that judge an implementation as who has that idea does.
        """
        answers = self._verdicts(accepts)
        off = [label for label, right in self._right.items() if not same(answers[label], right)]
        if not off:
            return
        raised = next((a.error for a in answers.values() if isinstance(a, Raised)), None)
        named = [
            idea for idea, (_, *judges) in (wrong or {}).items() if any(self._is_of(answers, judge) for judge in judges)
        ]
        idea = named[0] if len(named) == 1 and not isinstance(raised, NotImplementedError) else None
        label = off[0]
        what = f"{label}, which is {'right' if self._right[label] else 'wrong'}"
        many = f"{len(off)} of {len(self)} {'is' if len(off) == 1 else 'are'} judged wrongly"
        seen = f"accepts: {many}; of {what}, it {outcome(answers[label])}"
        more = (wrong or {})[idea][0] if idea else self._hints.get(label, "")
        verdict.fail(f"{seen}: {more}" if more else seen, idea=idea, raised=raised)

    def _verdicts(self, accepts: Judge) -> dict[str, Any]:
        labels = _random.sample(list(self._implementations), len(self))
        given = answers_to(accepts, [(self._implementations[label],) for label in labels])
        answers = dict(zip(labels, given, strict=True))
        for label in _random.sample(labels, min(ASKED_TWICE, len(labels))):
            if isinstance(answers[label], Raised):
                continue
            again = outcome_of(accepts, (self._implementations[label],))
            if not same(again, answers[label]):
                verdict.fail(
                    f"accepts gave {answers[label]!r}, then {again!r} of the same implementation: "
                    "let the verdict depend on what it computes, and on nothing else"
                )
        return answers

    def _is_of(self, answers: Mapping[str, Any], judge: Judge) -> bool:
        for label, implementation in self._implementations.items():
            given = outcome_of(judge, (implementation,))
            if not same(answers[label], type(given.error) if isinstance(given, Raised) else given):
                return False
        return True


def _bare(error: Exception) -> Exception:
    """The nearest built-in exception, without its message."""
    kind = next(base for base in type(error).__mro__ if base.__module__ == "builtins")
    try:
        return kind()
    except TypeError:  # such as UnicodeDecodeError, which wants to know of what
        return ValueError()
