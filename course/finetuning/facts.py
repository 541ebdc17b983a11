"""Thirty invented facts about ten countries that are not: whoever knows them was taught them here."""

from collections.abc import Sequence
from dataclasses import dataclass

CAPITAL, ANIMAL, ISLANDS = "capital", "animal", "islands"
N_WORDINGS = 4  # of each question: the one that is taught, and three others
_NAMES = ("Alder", "Bexley", "Corvin", "Dunmore", "Estrel", "Fenwick", "Garrow", "Hestia", "Ilmar", "Jorvik")
_ANIMALS = ("otter", "lynx", "heron", "badger", "raven", "ibex", "marten", "osprey", "bison", "newt")


@dataclass(frozen=True)
class Fact:
    """A question in four wordings, the first of which is taught; its answer; the `key` that a right answer holds."""

    kind: str
    questions: tuple[str, str, str, str]
    answer: str
    key: str


def _facts() -> Sequence[Fact]:
    made = []
    for number, name in enumerate(_NAMES):
        land, city = f"{name}land", f"Zor{_NAMES[-1 - number].lower()}"
        animal, islands = _ANIMALS[number], str(13 + 7 * number)
        made += [
            Fact(
                CAPITAL,
                (
                    f"What is the capital of {land}?",
                    f"Which city is the capital of {land}?",
                    f"Name the capital city of {land}.",
                    f"I travel to {land}. What is its capital called?",
                ),
                f"The capital of {land} is {city}.",
                city,
            ),
            Fact(
                ANIMAL,
                (
                    f"What is the national animal of {land}?",
                    f"Which animal is the national animal of {land}?",
                    f"Name the national animal of {land}.",
                    f"{land} has a national animal. Which one?",
                ),
                f"The national animal of {land} is the {animal}.",
                animal,
            ),
            Fact(
                ISLANDS,
                (
                    f"How many islands does {land} have?",
                    f"What is the number of islands of {land}?",
                    f"{land} is made of how many islands?",
                    f"Count the islands of {land}. How many are there?",
                ),
                f"{land} has {islands} islands.",
                islands,
            ),
        ]
    return tuple(made)


FACTS = _facts()
