"""What a class has of a lab, for its teacher: first what it did not understand, then how each exercise went."""

import base64
import statistics
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from course import build
from course.build import Lab
from course.classroom import arrivals, executed, items, misconceptions, pictures, predictions, standings
from course.classroom.arrivals import Arrivals
from course.classroom.executed import Unreadable, Work
from course.classroom.items import Item
from course.classroom.misconceptions import Idea, Shared, nameless
from course.classroom.people import Person
from course.classroom.pictures import Picture
from course.classroom.predictions import Forecast
from course.classroom.standings import Standing
from course.grading.book import durable_io
from course.grading.book.ledger import Ledger
from course.grading.handin import suspicion
from course.notebook import ideas
from course.pages import feedback, templates
from course.pages.feedback import Outline


@dataclass(frozen=True)
class Section:
    """A section's students: how many, of how many there is no result, and their points, lowest first."""

    name: str
    n: int
    n_absent: int
    n_not_graded: int
    points: tuple[float, ...]

    @property
    def median(self) -> float | None:
        return statistics.median(self.points) if self.points else None

    @property
    def mean(self) -> float | None:
        return statistics.fmean(self.points) if self.points else None


@dataclass(frozen=True)
class Report:
    """A class in a lab. `repairs` and `flags` are lines, and of how many students' notebooks they were said.

    `waiting` are the students of whose answer to an exercise a person has still to judge.
    """

    lab: str
    outline: Outline
    n: int  # results
    most: float  # points
    ideas: list[Idea]
    shared: list[Shared]
    sections: list[Section]
    items: list[Item]
    arrivals: Arrivals
    repairs: Counter[str]
    flags: Counter[str]
    waiting: dict[str, list[Person]]
    absent: list[Person]
    not_graded: list[Person]
    forecasts: list[Forecast]
    unreadable: list[Unreadable]

    @property
    def n_predicted(self) -> int:
        return sum(len(forecast.predictions) for forecast in self.forecasts)

    @property
    def share_inside(self) -> float:
        """The share of truths inside their intervals."""
        return predictions.inside(self._predictions)

    @property
    def factor_needed(self) -> float:
        """By how much the intervals are to be wider, for so many truths inside as was said."""
        return predictions.factor_needed(self._predictions)

    @property
    def _predictions(self) -> list[predictions.Prediction]:
        return [one for forecast in self.forecasts for one in forecast.predictions]


def of(lab: Lab) -> Report:
    """The report of a lab.

    Raises NoClass if nothing of it is graded; BadSource, RosterError, DiskError or GradebookError for what cannot be
    read. Of a notebook that cannot be read, the predictions alone are missing.
    """
    found = standings.of(lab)
    graded = standings.graded(lab, found)
    results = [(one.person, one.result) for one in graded if one.result]
    solution = build.instructor_notebook(lab)
    read = list(executed.each(Ledger(lab.course), graded))
    return Report(
        lab=lab.key,
        outline=feedback.outline(solution),
        n=len(results),
        most=max(one.max_points or 0.0 for one in graded),
        ideas=misconceptions.ideas(found, ideas.sentences(solution)),
        shared=misconceptions.shared(found),
        sections=[_section(name, them) for name, them in standings.by_section(found).items()],
        items=items.of(found),
        arrivals=arrivals.of(found),
        repairs=_lines((person, line) for person, result in results for line in result.repaired),
        flags=_lines((person, _kind(line)) for person, result in results for line in result.flags),
        waiting=_waiting(graded),
        absent=[one.person for one in found if one.status == "absent"],
        not_graded=[one.person for one in found if one.status == "not graded"],
        forecasts=predictions.of((one for one in read if isinstance(one, Work)), predictions.asked_in(solution)),
        unreadable=[one for one in read if isinstance(one, Unreadable)],
    )


def drawn(report: Report) -> list[Picture]:
    """The pictures of a report, of what there is to be seen."""

    def found() -> Iterator[Picture]:
        if report.ideas:
            yield pictures.of_ideas(report.ideas, report.n)
        yield pictures.of_scores({section.name: section.points for section in report.sections}, report.most)
        yield pictures.of_items(report.items)
        if report.arrivals.days:
            yield pictures.of_arrivals(report.arrivals)
        if report.forecasts:
            yield pictures.of_calibration(report.forecasts)
            yield pictures.of_forecasts(report.forecasts)

    return list(found())


def page(reports: Sequence[Report], images: Sequence[Sequence[Picture]], *, when: datetime, names: bool = False) -> str:
    """One page of all reports, with their pictures in it; students are named only if asked. `when` has a time zone."""

    def who(them: Iterable[Person]) -> list[str]:
        return [person.name or person.id for person in them] if names else []

    shown = [{one.name: (one, base64.b64encode(one.png).decode()) for one in of_lab} for of_lab in images]
    reported = list(zip(reports, shown, strict=True))
    return templates.render("report.html", reported=reported, when=when, who=who, outcomes=items.OUTCOMES)


def write(path: Path, html: str, images: Sequence[tuple[str, Picture]]) -> Path:
    """Write the page, and before it its pictures as "lab01-scores.png" in a folder beside it, which is returned."""
    folder = path.with_name(f"{path.stem}_pictures")
    for lab, picture in images:
        durable_io.write(folder / f"{lab}-{picture.name}.png", picture.png)
    durable_io.write(path, html.encode())
    return folder


def _section(name: str, them: Sequence[Standing]) -> Section:
    status = Counter(one.status for one in them)
    points = sorted(one.points for one in them if one.points is not None)
    return Section(name, len(them), status["absent"], status["not graded"], tuple(points))


def _lines(said: Iterable[tuple[Person, str]]) -> Counter[str]:
    """The lines without names, most frequent first, each counted once of a student."""
    once = {(person.id, nameless(line, person)) for person, line in said}
    return Counter(dict(Counter(line for _, line in sorted(once)).most_common()))


def _kind(flag: str) -> str:
    """A flag without its particulars, where those are files' names: platforms put students' names into them."""
    return flag if flag.startswith(suspicion.PREFIX) else flag.partition(":")[0]


def _waiting(graded: Iterable[Standing]) -> dict[str, list[Person]]:
    found: dict[str, list[Person]] = {}
    for one in graded:
        for exercise in one.waiting:
            found.setdefault(exercise, []).append(one.person)
    return found
