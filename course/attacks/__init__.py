"""Attacks on the grader: hostile and odd submissions of a lab of its own, and what each of them gets.

    attack      what one is: answers, a cell, files, what it does to the notebook or the folder, and what is fair
    cheating, forging, reading, reaching, draining, dying, editing, packing: the attacks, by what they are after
    snippets    what the code of several attacks has in common
    exercises   the lab that they hand in
    lures       secrets, listeners and processes, laid out to be watched
    suite       hands each in, grades it, compares

An outcome is clean if every exercise got the mark that it deserves, nothing outside was seen, reached or changed, and
no process is left. Teachers see it as `course attack-suite`.
"""

from collections.abc import Iterator, Sequence

from course.attacks import cheating, draining, dying, editing, forging, packing, reaching, reading
from course.attacks.attack import Attack, Outcome
from course.attacks.suite import tried

__all__ = ["ATTACKS", "Attack", "Outcome", "run"]

ATTACKS: tuple[Attack, ...] = (
    *cheating.ATTACKS,
    *forging.ATTACKS,
    *reading.ATTACKS,
    *reaching.ATTACKS,
    *draining.ATTACKS,
    *dying.ATTACKS,
    *editing.ATTACKS,
    *packing.ATTACKS,
)


def run(layers: tuple[str, ...], only: Sequence[str] | None = None) -> Iterator[Outcome]:
    """What each attack gets from a grader confined by `layers`; of those named in `only`, if given.

    Raises ValueError for a name that no attack has.
    """
    if unknown := set(only or ()) - {attack.name for attack in ATTACKS}:
        raise ValueError(f"no attack is called {', '.join(sorted(unknown))}")
    return tried([attack for attack in ATTACKS if only is None or attack.name in only], layers)
