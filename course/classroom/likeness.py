"""What two students have alike beyond what a class has: flags for a teacher to look at, and no verdicts.

The strongest sign is a measurement that is the same to the last digit: no two runs take the same time. Then answers
whose fingerprints are alike. What is given, what the lab's own answer has, and what many share says nothing; nor do
short answers, since right ones of three lines are all alike.
"""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from nbformat import NotebookNode

from course import build
from course.build import Lab
from course.classroom import executed, standings
from course.classroom.executed import Unreadable, Work
from course.classroom.misconceptions import number
from course.classroom.standings import Standing
from course.classroom.winnowing import fingerprints, tokens
from course.grading.book.ledger import Ledger
from course.measure import quantity
from course.measure.record import Record, kind_of
from course.measure.schema import MEASURED
from course.notebook.cells import exercise_of

SHORT = 60  # tokens of an answer, below which likeness says nothing
COMMON, FEW = 0.05, 3  # what more than this share of a class, and more than so many students, have is common
LEAST_SHARED, LEAST_SCORE = 4, 0.5
PREFIX, NAMED = "alike", 3
_PRECISE = re.compile(r"\d\.?\d{5}")  # digits enough for no two runs to have them by chance


@dataclass(frozen=True)
class SameRecord:
    """A record that several students hold: the whole of it, or a time or rate to the last digit. `held` is by id."""

    what: str
    held: Mapping[str, Record]

    def shown(self, student: str) -> str:
        """A student's record, to be read."""
        return json.dumps(self.held[student], indent=1, ensure_ascii=False)


@dataclass(frozen=True)
class Alike:
    """Two answers to an exercise. `score` is the share of the fingerprints that are one's own, of whom has fewer."""

    exercise: str
    students: tuple[str, str]
    sources: tuple[str, str]
    shared: int
    score: float

    @property
    def sides(self) -> dict[str, str]:
        """What each of the two wrote, by id."""
        return dict(zip(self.students, self.sources, strict=True))


@dataclass(frozen=True)
class Likeness:
    """What students of a class of `n` have alike, the strongest signs first."""

    lab: str
    n: int
    records: list[SameRecord]
    answers: list[Alike]
    unreadable: list[Unreadable]

    def to_json(self) -> dict[str, Any]:
        """All of it as plain data."""
        return {
            "lab": self.lab,
            "students": self.n,
            "records": [{"what": one.what, "held": dict(one.held)} for one in self.records],
            "answers": [
                {
                    "exercise": one.exercise,
                    "shared": one.shared,
                    "score": round(one.score, 3),
                    "sides": one.sides,
                }
                for one in self.answers
            ],
        }


def of(lab: Lab) -> Likeness:
    """What the students of a lab have alike.

    Raises NoClass if nothing is graded; BadSource, RosterError, DiskError or GradebookError for what cannot be read.
    """
    graded = standings.graded(lab, standings.of(lab))
    solution = build.instructor_notebook(lab)
    read = list(executed.each(Ledger(lab.course), graded))
    works = [one for one in read if isinstance(one, Work)]
    return Likeness(
        lab=lab.key,
        n=len(graded),
        records=same_records(works),
        answers=alike_answers(works, solution),
        unreadable=[one for one in read if isinstance(one, Unreadable)],
    )


def record_flags(lab: Lab, graded: Iterable[Standing]) -> dict[str, list[str]]:
    """By student, a flag for each record that others hold too. Raises DiskError if the ledger cannot be read."""
    works = (one for one in executed.each(Ledger(lab.course), graded) if isinstance(one, Work))
    flags: dict[str, list[str]] = defaultdict(list)
    for same in same_records(works):
        for student in same.held:
            others = sorted(same.held.keys() - {student})
            more = f" and {len(others) - NAMED} more" if len(others) > NAMED else ""
            flags[student].append(
                f"{PREFIX}: the record of {same.what} is also that of {', '.join(others[:NAMED])}{more}"
            )
    return flags


def same_records(works: Iterable[Work]) -> list[SameRecord]:
    """The records that several students hold, those of most students first."""
    held: dict[str, dict[str, Record]] = defaultdict(dict)
    for work in works:
        for record in work.records:
            if sign := _sign(record):
                held[sign][work.person.id] = record
    found = [SameRecord(next(iter(them.values()))["what"], them) for them in held.values() if len(them) > 1]
    return sorted(found, key=lambda one: (-len(one.held), one.what, *one.held))


def alike_answers(works: Sequence[Work], notebook: NotebookNode) -> list[Alike]:
    """The pairs of answers that are alike, those that share most first; `notebook` is the instructor's."""
    given = {one for cell in notebook.cells if cell.cell_type == "code" for one in fingerprints(cell.source)}
    names = sorted({name for work in works for name in work.answers if name.startswith("ex-")})
    found = [pair for name in names for pair in _alike(name, works, given)]
    return sorted(found, key=lambda one: (-one.shared, -one.score, number(one.exercise), one.students))


def _sign(record: Record) -> str:
    """What of a record is nobody else's by chance, as text; "" if it is no record of decent numbers."""
    try:
        values = json.dumps(record.get("values"), sort_keys=True, allow_nan=False)
        whole = json.dumps(record, sort_keys=True, allow_nan=False)
    except ValueError:
        return ""
    is_own = kind_of(record) == MEASURED and quantity.is_timed(record["unit"]) and _PRECISE.search(values)
    return f"{record['what']} {values}" if is_own else whole


def _alike(name: str, works: Sequence[Work], given: set[int]) -> list[Alike]:
    """The pairs of answers in the cells of a name that are alike."""
    sources = {w.person.id: source for w in works if len(tokens(source := w.answers.get(name, ""))) >= SHORT}
    marks = {student: fingerprints(source) - given for student, source in sources.items()}
    holders: dict[int, list[str]] = defaultdict(list)
    for student in sorted(marks):
        for mark in marks[student]:
            holders[mark].append(student)
    rare = {mark: them for mark, them in holders.items() if len(them) <= max(FEW, COMMON * len(works))}
    own = Counter(student for them in rare.values() for student in them)
    shared = Counter(pair for them in rare.values() for pair in combinations(them, 2))
    return [
        Alike(exercise_of(name), (one, other), (sources[one], sources[other]), n, n / min(own[one], own[other]))
        for (one, other), n in shared.items()
        if n >= LEAST_SHARED and n >= LEAST_SCORE * min(own[one], own[other])
    ]
