"""What a class did not understand: the known wrong ideas that answers hold, and wrong values that several share."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from course.classroom.people import Person
from course.classroom.standings import Standing
from course.grading.result import Exercise

_CALL = re.compile(r"(?P<asked>.+?),?(?: which)? (?P<given>(?:gave|raised) .+?)(?:; (?P<expected>expected .+))?", re.S)
_PARTS = re.compile(r"\w{3,}")  # of a name: shorter ones are words of any text
_HIDDEN = "…"

Found = tuple[Person, Exercise]


@dataclass(frozen=True)
class Idea:
    """A known wrong idea. `sentence` is the lab's own word on it; `seen` is what the answer of one who holds it did."""

    name: str
    exercise: str
    sentence: str
    seen: str
    holders: tuple[Person, ...]


@dataclass(frozen=True)
class Shared:
    """A wrong outcome without a name, which several students have: what was asked, what they gave, what is expected.

    `given` and `expected` are empty where the message is a sentence, all of which is in `asked`.
    """

    exercise: str
    asked: str
    given: str
    expected: str
    holders: tuple[Person, ...]


_Group = TypeVar("_Group", Idea, Shared)


def ideas(standings: Iterable[Standing], sentences: Mapping[str, str]) -> list[Idea]:
    """The known wrong ideas that answers hold, those of most students first."""
    groups: dict[str, list[Found]] = {}
    for person, exercise in _lost(standings):
        if exercise.misconception:
            groups.setdefault(exercise.misconception, []).append((person, exercise))
    return _most_first(_idea(name, found, sentences.get(name, "")) for name, found in groups.items())


def shared(standings: Sequence[Standing]) -> list[Shared]:
    """Wrong outcomes without a name that several students have, those of most students first.

    Several are two, or one in a hundred of those who have a result, if that is more.
    """
    groups: dict[tuple[str, str], list[Person]] = {}
    for person, exercise in _lost(standings):
        if not exercise.misconception and exercise.verdict in ("fail", "error") and exercise.message:
            groups.setdefault((exercise.id, nameless(exercise.message, person)), []).append(person)
    several = max(2, -(-sum(one.result is not None for one in standings) // 100))
    return _most_first(_shared(*key, holders) for key, holders in groups.items() if len(holders) >= several)


def nameless(text: str, person: Person) -> str:
    """A student's text without the student's own name, id and the like."""
    words = {part for name in person.known_as for part in (name, *_PARTS.findall(name))}
    if not words:
        return text
    longest_first = "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))
    return re.sub(rf"(?<!\w)(?:{longest_first})(?!\w)", _HIDDEN, text, flags=re.IGNORECASE)


def _lost(standings: Iterable[Standing]) -> list[Found]:
    return [(one.person, e) for one in standings for e in one.exercises if e.verdict != "pass"]


def _idea(name: str, found: Sequence[Found], sentence: str) -> Idea:
    person, exercise = found[0]
    seen = nameless(exercise.message, person).removesuffix(sentence).rstrip(": ")
    return Idea(name, exercise.id, sentence, seen, tuple(holder for holder, _ in found))


def _shared(exercise: str, message: str, holders: Sequence[Person]) -> Shared:
    told = _CALL.fullmatch(message)
    parts = told.groupdict(default="") if told else {"asked": message, "given": "", "expected": ""}
    return Shared(exercise, holders=tuple(holders), **parts)


def _most_first(groups: Iterable[_Group]) -> list[_Group]:
    return sorted(groups, key=lambda group: (-len(group.holders), *number(group.exercise)))


def number(exercise: str) -> tuple[int, ...]:
    """What an exercise is sorted by: 1.10 comes after 1.9."""
    return tuple(map(int, re.findall(r"\d+", exercise)))
