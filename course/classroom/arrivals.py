"""When a class handed in, against each student's own due date."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from course.classroom.standings import Standing

DAY = timedelta(days=1)


@dataclass(frozen=True)
class Arrivals:
    """Days from the due date, below 0 before it, of those whose both times are known; in order."""

    days: tuple[float, ...]
    n_undated: int  # results of whom one of the two times is not known

    @property
    def n_late(self) -> int:
        return sum(day > 0 for day in self.days)


def of(standings: Iterable[Standing]) -> Arrivals:
    """When those who have a result handed in what counts."""
    days, n_undated = [], 0
    for one in standings:
        if one.entry:
            came, due = _utc(one.entry.handed_in), one.marks.due
            if came and due:
                days.append((came - _bare(due)) / DAY)
            else:
                n_undated += 1
    return Arrivals(tuple(sorted(days)), n_undated)


def _utc(noted: str) -> datetime | None:
    return _bare(datetime.fromisoformat(noted)) if noted else None


def _bare(time: datetime) -> datetime:
    """The time in UTC without saying so, as nbgrader keeps times."""
    return time.astimezone(UTC).replace(tzinfo=None) if time.tzinfo else time
