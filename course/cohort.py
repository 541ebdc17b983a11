"""This year's numbers: hidden inputs are drawn anew for every cohort; a copied answer is worth nothing next year."""

import hashlib

import numpy as np

_cohort: str | None = None


def enrol(cohort: str) -> None:
    """Set the cohort whose numbers `rng` draws; a lab's first cell does it."""
    if not cohort:
        raise ValueError('a cohort has a name, such as "2026"; got an empty one')
    global _cohort
    _cohort = cohort


def rng(exercise: str) -> np.random.Generator:
    """The random numbers of one exercise ("1.4") in this cohort: the same on every machine and in every run.

    Raises RuntimeError before `enrol`.
    """
    if _cohort is None:
        raise RuntimeError("no cohort yet: run the lab's first cell, which calls lab.start")
    digest = hashlib.sha256(f"{_cohort}/{exercise}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:16], "big"))
