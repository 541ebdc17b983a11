"""When labs are due, who has longer, and what lateness costs: by nbgrader's own due dates, extensions and penalties.

    c.TwoBills.due = {"lab01": "2026-10-15 23:59 Africa/Algiers"}   # or with an offset: 2026-10-15T23:59+01:00
    c.TwoBills.late = {"per_day": 0.1, "grace_minutes": 15, "cut_off_days": 7}

`per_day` is a share of the lab's maximum, for each day that has begun; after `cut_off_days` nothing is left. Points
stay as they are: the penalty stands beside them. A changed date holds from the next `course grade` or `course replay`.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from nbgrader.plugins import LateSubmissionPlugin

from course import nbgrader_api
from course.build import Lab
from course.classroom import extensions, people
from course.grading.book import lateness

DAY_S = 86400.0


class DateError(Exception):
    """A due date or a late policy that cannot be used; the message says what is wrong with it, and the way out."""


@dataclass(frozen=True)
class Late:
    """What lateness costs."""

    per_day: float = 0.0  # a share of the lab's maximum
    grace_minutes: float = 0.0
    cut_off_days: float = math.inf

    @property
    def told(self) -> str:
        """The policy in a sentence."""
        if not self.per_day and math.isinf(self.cut_off_days):
            return "lateness costs nothing"
        grace = f", after {self.grace_minutes:g} minutes of grace" if self.grace_minutes else ""
        end = "" if math.isinf(self.cut_off_days) else f"; after {self.cut_off_days:g} days nothing is left"
        return f"lateness costs {self.per_day:.0%} of a lab's points for each day that has begun{grace}{end}"

    def penalty(self, score: float, most: float, seconds_late: float) -> float:
        """The points that a lab of `most` points, with `score`, loses."""
        if seconds_late <= 60 * self.grace_minutes:
            return 0.0
        if seconds_late > self.cut_off_days * DAY_S:
            return score
        return min(score, self.per_day * most * math.ceil(seconds_late / DAY_S))


class LatePolicy(LateSubmissionPlugin):
    """The course's late policy, as nbgrader asks for it: `c.AssignLatePenalties.plugin_class` names it."""

    def late_submission_penalty(self, student_id: str, score: float, total_seconds_late: float) -> float | None:
        """The points that a late submission loses, None if it loses none; nbgrader's own method without a policy."""
        asked = self.parent
        if not asked.config.TwoBills.get("late"):
            return super().late_submission_penalty(student_id, score, total_seconds_late)
        most = float(asked.gradebook.find_assignment(asked.assignment_id).max_score)
        return late(asked.config.TwoBills.get("late", {})).penalty(score, most, total_seconds_late) or None


def late(given: Mapping[str, Any]) -> Late:
    """The policy that `c.TwoBills.late` says. Raises DateError for what it cannot say."""
    known = [field.name for field in fields(Late)]
    for name, value in given.items():
        if name not in known:
            raise DateError(f"c.TwoBills.late has no {name!r}: it takes {', '.join(known)}")
        if not isinstance(value, int | float) or value < 0:
            raise DateError(f"c.TwoBills.late: {name} is {value!r}, and must be a number, 0 or more")
    return Late(**given)


def due(course: Path) -> dict[str, datetime]:
    """When each lab is due, by `c.TwoBills.due` of nbgrader_config.py. Raises DateError for what is no moment."""
    return {lab: moment(text) for lab, text in nbgrader_api.config(course).TwoBills.get("due", {}).items()}


def moment(text: str) -> datetime:
    """The moment that a text says: a date, a time, and an offset or the name of a time zone. Raises DateError."""
    plain, _, zone = text.strip().rpartition(" ")
    try:
        if (zone and "/" in zone) or zone == "UTC":
            return datetime.fromisoformat(plain).replace(tzinfo=ZoneInfo(zone))
        found = datetime.fromisoformat(text.strip())
    except (ValueError, OSError, KeyError):
        raise DateError(f"{text!r} is no date and time: write 2026-10-15 23:59 Africa/Algiers") from None
    if found.tzinfo is None:
        raise DateError(f"{text!r} has no time zone: write {text.strip()} Africa/Algiers, or {text.strip()}+01:00")
    return found


def apply(lab: Lab) -> bool:
    """Have the gradebook know when the lab is due, and for whom later, and what lateness costs.

    Returns whether the lab has a due date. Raises DateError, RosterError or GradebookError.
    """
    late(nbgrader_api.config(lab.course).TwoBills.get("late", {}))
    until = due(lab.course).get(lab.key)
    granted = extensions.read(lab.course)
    longer = {
        one.id: timedelta(days=one.extra_days + granted.get((one.id, lab.key), 0)) or None
        for one in people.read(lab.course).values()
    }
    lateness.set_dates(lab, until.astimezone(UTC).replace(tzinfo=None) if until else None, longer)
    return until is not None
