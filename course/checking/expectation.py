"""Call a student's function, and hold what it gives to what is right."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from course.checking import verdict
from course.checking.calling import answers_of, answers_to, arguments_after, generator_of, outcome_of
from course.checking.ideas import NOTHING_REFUSED, Ideas, is_let_through
from course.checking.shown import apart, brief, name_of, outcome, typed
from course.checking.values import Difference, Raised, difference, is_sized, same


@dataclass(frozen=True, eq=False)  # arrays among the arguments cannot be compared
class Call:
    """A call and its answer; `label` is how a message speaks of it: "(2, 3)", or a name ("a block of halves")."""

    args: tuple[Any, ...]
    label: str
    answer: Any


@dataclass(frozen=True)
class Expectation:
    """Answers to one or several calls, waiting to be compared."""

    function: Callable[..., Any]
    calls: tuple[Call, ...]
    is_many: bool
    aspect: str = ""  # what is looked at of the answers, if it is not all of them

    def close_to(self, expected: Any, *, wrong: Ideas | None = None, rel_tol: float = 1e-9, **told: Any) -> None:
        """Hold numbers, and tuples, lists, dicts and arrays of them, to a relative tolerance; all else to equality.

        `expected` is a value (of several calls a list), or a function of the same arguments: what it raises, the
        answer must raise. `where` says in a sentence where a wrong answer is wrong ("" where it cannot): a function of
        the answer and the call's arguments. Its sentence stands in the place of the two values.
        """
        self._settle(expected, wrong or {}, rel_tol, **told)

    def equals(self, expected: Any, *, wrong: Ideas | None = None, **told: Any) -> None:
        """Hold the answer to equality; `True` is no 1, and 2.0 is 2. See `close_to`."""
        self._settle(expected, wrong or {}, 0.0, **told)

    def raises(self, error: type[Exception], *, wrong: Ideas | None = None, rel_tol: float = 1e-9) -> None:
        """Hold each call to raise `error` or a subclass of it. An idea may give NOTHING_REFUSED."""
        self._settle(error, wrong or {}, rel_tol)

    def look(self, aspect: str, read: Callable[[Any], Any]) -> "Expectation":
        """Look at one aspect of the answers, such as "the dtype of q": what `read` gives of each is compared."""
        calls = tuple(replace(call, answer=_read(read, call.answer)) for call in self.calls)
        return replace(self, calls=calls, aspect=aspect)

    def scores(
        self,
        score: Callable[[list[Any]], float],
        *,
        at_most: float,
        called: str,
        wrong: Mapping[str, tuple[str, Callable[[list[Any]], bool]]] | None = None,
        told: Callable[[list[Any]], str] = lambda answers: "",
    ) -> None:
        """Hold a score of all answers together ("the mean loss") to at most so much.

        `wrong` are the known ideas: a message, then whether answers are that idea's. `told` says more of any others.
        Look at the answers' form before.
        """
        if failed := [call for call in self.calls if isinstance(call.answer, Raised)]:
            call = failed[0]
            verdict.fail(self._seen(call, len(failed), outcome(call.answer)), raised=call.answer.error)
        answers = [call.answer for call in self.calls]
        if (found := score(answers)) <= at_most:
            return
        named = [idea for idea, (_, is_of) in (wrong or {}).items() if is_of(answers)]
        idea = named[0] if len(named) == 1 else None
        given, asked = apart(found, at_most)
        seen = f"{name_of(self.function)}: {called} is {given}, and at most {asked} is asked"
        more = (wrong or {})[idea][0] if idea else told(answers)
        verdict.fail(f"{seen}: {more}" if more else seen, idea=idea)

    # What follows is seen, not inferred: `idea` is the name of who does otherwise.

    def keeps_arguments(self, *, idea: str | None = None) -> None:
        """Hold each call to leave what it is given as it was."""
        for call in self.calls:
            if changed := difference(arguments_after(self.function, call.args), call.args):
                place = int(changed.place[1 : changed.place.index("]")])
                ordinal = ("first", "second", "third", "fourth", "fifth")[place]
                seen = f"{self._asked(call)} changed its {ordinal} argument"
                verdict.fail(f"{seen}: make a new one, and leave it as it is", idea=idea)

    def keeps_numpys_generator(self, *, idea: str | None = None) -> None:
        """Hold each call to draw nothing from NumPy's global generator, and to leave its seed alone."""
        for call in self.calls:
            before = generator_of(self.function, moved=True)
            outcome_of(self.function, call.args)
            if generator_of(self.function, moved=False) != before:
                seen = f"{self._asked(call)} used NumPy's global generator"
                verdict.fail(f"{seen}: make one by np.random.default_rng(seed)", idea=idea)

    def repeats(
        self,
        *,
        why: str = "the same seed gave two results: is the generator made from it?",
        idea: str | None = None,
    ) -> None:
        """Hold each call to give the same when it is made again."""
        for call in self.calls:
            again = outcome_of(self.function, call.args)
            if not isinstance(call.answer, Raised) and not _alike(call.answer, again):
                given, wanted = apart(call.answer, again)
                verdict.fail(f"{self._asked(call)} gave {given}, then {wanted}: {why}", idea=idea)

    def differs(self, *args: Any, why: str, idea: str | None = None) -> None:
        """Hold the (one) call to give something else with other arguments, such as another seed."""
        other = outcome_of(self.function, args)
        if _alike(self.calls[0].answer, other):
            text = ", ".join(_typed_anew(self.calls[0].args, args))
            seen = f"{self._asked(self.calls[0])} and ({text}) gave the same, {brief(other)}"
            verdict.fail(f"{seen}: {why}", idea=idea)

    def _settle(self, expected: Any, wrong: Ideas, rel_tol: float, *, where: Callable[..., str] | None = None) -> None:
        wanted = self._wanted(expected)
        answers = [call.answer for call in self.calls]
        off = [
            (call, right, found)
            for call, right in zip(self.calls, wanted, strict=True)
            if (found := difference(call.answer, right, rel_tol=rel_tol))
        ]
        if not off:
            return
        (call, right, found), raised = off[0], next((a.error for a in answers if isinstance(a, Raised)), None)
        named = [idea for idea, (_, *given) in wrong.items() if self._is_idea(answers, wanted, given, rel_tol)]
        idea = named[0] if len(named) == 1 and not isinstance(raised, NotImplementedError) else None
        if call.answer is None and any(value is None for value in wanted):
            found = replace(found, why="")  # None is an answer here, and not a forgotten return
        if where and not isinstance(call.answer, Raised) and (place := where(call.answer, *call.args)):
            seen, instead = f"{self._subject(call, len(off))}: {place}", ""
        else:
            given, instead = _told(call.answer, right, found)
            seen = self._seen(call, len(off), given)
        more = f": {wrong[idea][0]}" if idea else f"; {instead}" if instead else ""
        verdict.fail(seen + more, idea=idea, raised=raised)

    def _wanted(self, expected: Any) -> list[Any]:
        if _is_function(expected):
            return answers_of(expected, [call.args for call in self.calls])
        if self.is_many and not isinstance(expected, type):
            return list(expected)
        return [expected] * len(self.calls)

    def _is_idea(self, answers: list[Any], wanted: list[Any], givens: Sequence[Any], rel_tol: float) -> bool:
        """Whether the answers are what one of the alternatives gives, to all calls."""
        for given in givens:
            if given is NOTHING_REFUSED:
                if all(is_let_through(a, w) for a, w in zip(answers, wanted, strict=True)):
                    return True
            elif all(same(a, g, rel_tol=rel_tol) for a, g in zip(answers, self._wanted(given), strict=True)):
                return True
        return False

    @property
    def _is_group(self) -> bool:
        return self.is_many and len(self.calls) > 1

    def _seen(self, call: Call, n_off: int, given: str) -> str:
        subject = self._subject(call, n_off)
        return f"{subject}, which {given}" if self._is_group else f"{subject} {given}"

    def _subject(self, call: Call, n_off: int) -> str:
        if not self._is_group:
            return self._asked(call)
        aspect = f"{self.aspect} of " if self.aspect else ""
        off = f"{n_off} of {len(self.calls)} {'is' if n_off == 1 else 'are'} wrong"
        return f"{aspect}{name_of(self.function)}: {off}; the first is {call.label}"

    def _asked(self, call: Call) -> str:
        aspect = f"{self.aspect} of " if self.aspect else ""
        label = call.label if call.label.startswith("(") else f" of {call.label}"
        return f"{aspect}{name_of(self.function)}{label}"


def expect(function: Callable[..., Any], *args: Any) -> Expectation:
    """Call a student's function; what it returns or raises waits to be compared."""
    return Expectation(function, (Call(args, f"({_typed(args)})", outcome_of(function, args)),), is_many=False)


def expect_each(
    function: Callable[..., Any], calls: Mapping[str, Sequence[Any]] | Iterable[Sequence[Any]]
) -> Expectation:
    """Call a student's function once for each tuple of arguments; the answers are compared as one list.

    `calls` may be {label: arguments}: a message then speaks of the label, not of the arguments. A label in brackets
    reads as a call: "(*texts(60), seed=7)".
    """
    labelled = (
        [(str(label), tuple(args)) for label, args in calls.items()]
        if isinstance(calls, Mapping)
        else [(f"({_typed(args)})", tuple(args)) for args in calls]
    )
    answers = answers_to(function, [args for _, args in labelled])
    made = (Call(args, label, answer) for (label, args), answer in zip(labelled, answers, strict=True))
    return Expectation(function, tuple(made), is_many=True)


def _read(read: Callable[[Any], Any], answer: Any) -> Any:
    if isinstance(answer, Raised):
        return answer
    try:
        return read(answer)
    except Exception:  # not what was asked: the answer itself is shown, and is not what is expected of the aspect
        return answer


def _is_function(value: Any) -> bool:
    return callable(value) and not isinstance(value, type)


def _alike(one: Any, other: Any) -> bool:
    return not isinstance(one, Raised) and not isinstance(other, Raised) and same(one, other)


def _typed(args: Sequence[Any]) -> str:
    return ", ".join(typed(arg) for arg in args)


def _typed_anew(before: Sequence[Any], args: Sequence[Any]) -> Iterable[str]:
    """Arguments of a second call; a long one that is the same as before is three dots."""
    for place, arg in enumerate(args):
        is_same = place < len(before) and difference(arg, before[place]) is None
        yield "..." if is_same and is_sized(arg) else typed(arg)


def _told(answer: Any, right: Any, found: Difference) -> tuple[str, str]:
    """What the answer was, and what is expected instead."""
    if isinstance(right, type):
        return outcome(answer), f"expected a {right.__name__}"
    if isinstance(answer, Raised) and isinstance(right, str) and not right:  # an empty text tells nothing
        return outcome(answer), ""
    if found.why:
        place = f"at {found.place} " if found.place else ""
        return outcome(answer), f"{place}{found.why}"
    given, wanted = apart(found.given, found.wanted)
    if not found.place or not is_sized(right):
        return outcome(answer, given), f"expected {wanted}"
    many = f"{found.many} differ, the first " if found.many else ""
    return outcome(answer), f"expected {brief(right)}: {many}at {found.place}, {given} instead of {wanted}"
