"""This year's numbers: hidden inputs are drawn anew for every cohort; a copied answer is worth nothing next year."""

import hashlib
import math

import numpy as np

_cohort: str | None = None


class Numbers(np.random.Generator):
    """NumPy's generator, which can also draw numbers that a student can read in a message and type in."""

    def number(self, low: float, high: float, *, digits: int = 4) -> float:
        """A number between `low` and `high` of so many digits; where they are a factor of 100 apart, log-uniform."""
        if low > 0 and high >= 100 * low:
            drawn = math.exp(self.uniform(math.log(low), math.log(high)))
        else:
            drawn = self.uniform(low, high)
        return min(max(float(f"{drawn:.{digits}g}"), low), high)

    def whole(self, low: int, high: int) -> int:
        """An integer from `low` to `high`, both included."""
        return int(self.integers(low, high, endpoint=True))


def enrol(cohort: str) -> None:
    """Set the cohort whose numbers `rng` draws; a lab's first cell does it."""
    if not cohort:
        raise ValueError('a cohort has a name, such as "2026"; got an empty one')
    global _cohort
    _cohort = cohort


def rng(exercise: str) -> Numbers:
    """The random numbers of one exercise ("1.4") in this cohort: the same on every machine and in every run.

    Raises RuntimeError before `enrol`.
    """
    if _cohort is None:
        raise RuntimeError("no cohort yet: run the lab's first cell, which calls lab.start")
    digest = hashlib.sha256(f"{_cohort}/{exercise}".encode()).digest()
    return Numbers(np.random.PCG64(int.from_bytes(digest[:16], "big")))
