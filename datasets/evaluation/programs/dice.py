"""Draws from a seed that are the same in every Python."""

import random
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Dice:
    """Draws from a seed, by random() alone."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed).random

    def below(self, n: int) -> int:
        return int(self.random() * n)

    def within(self, low: int, high: int) -> int:
        return low + self.below(high - low + 1)

    def pick(self, things: Sequence[T]) -> T:
        return things[self.below(len(things))]

    def draw(self, things: Sequence[T], n: int) -> list[T]:
        """`n` different ones, in the order drawn."""
        left = list(things)
        return [left.pop(self.below(len(left))) for _ in range(n)]

    def near(self, number: int) -> list[int]:
        """Three other numbers, at most four away and not negative."""
        return self.draw([x for x in range(max(0, number - 4), number + 5) if x != number], 3)
