"""Due dates, extensions and penalties: through nbgrader's own gradebook, from the times that platforms write."""

import json
import zipfile
from datetime import UTC, datetime
from typing import Any

import nbformat
import pytest
from nbgrader.api import Gradebook
from typer.testing import CliRunner

from course import build
from course.build import Lab
from course.classroom import dates, people
from course.classroom.dates import DateError, Late
from course.classroom.people import Person
from course.cli import app
from course.grading import sandbox
from tests import tiny
from tests.labs import notebooks
from tests.tiny import RIGHT

DUE = 'c.TwoBills.due = {"lab01": "2026-10-01 12:00 Africa/Algiers"}'
LATE = 'c.TwoBills.late = {"per_day": 0.1, "grace_minutes": 30, "cut_off_days": 3}'


def test_a_moment_has_a_time_zone() -> None:
    noon = datetime(2026, 10, 1, 11, tzinfo=UTC)
    for text in ("2026-10-01 12:00 Africa/Algiers", "2026-10-01T12:00+01:00", "2026-10-01 11:00 UTC"):
        assert dates.moment(text) == noon


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("2026-10-01 12:00", "has no time zone: write 2026-10-01 12:00 Africa/Algiers"),
        ("1 October at noon", "is no date and time"),
        ("2026-10-01 12:00 Africa/Nowhere", "is no date and time"),
    ],
)
def test_what_is_no_moment_is_refused(text: str, said: str) -> None:
    with pytest.raises(DateError, match=said):
        dates.moment(text)


@pytest.mark.parametrize(
    ("seconds", "penalty"),
    [(0, 0), (1800, 0), (1801, 2), (86_400, 2), (86_401, 4), (3 * 86_400, 6), (3 * 86_400 + 1, 9)],
)
def test_a_day_that_has_begun_costs_its_share_until_nothing_is_left(seconds: float, penalty: float) -> None:
    policy = Late(per_day=0.1, grace_minutes=30, cut_off_days=3)
    assert policy.penalty(9, 20, seconds) == penalty
    assert Late().penalty(9, 20, seconds) == 0
    assert Late(per_day=0.5).penalty(9, 20, 86_401) == 9  # never more than there is


@pytest.mark.parametrize(
    ("given", "said"), [({"per_week": 1}, "has no 'per_week'"), ({"per_day": "10%"}, "per_day is '10%', and must be a")]
)
def test_a_policy_that_says_nothing_known_is_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(DateError, match=said):
        dates.late(given)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    """A class in Blackboard's zip, where three are in time, a day late, and later; times in the course's zone."""
    folder = tmp_path_factory.mktemp("late")
    lab = tiny.course(folder / "course")
    build.build(lab)
    configure(lab, 'c.TwoBills.zone = "Africa/Algiers"', DUE, LATE)
    people.write(lab.course, [Person("ada"), Person("bob"), Person("zoe", extra_days=1.0)])
    solved = nbformat.writes(notebooks.answered(nbformat.read(lab.release, as_version=4), RIGHT))
    times = {"ada": "2026-10-01-12-00-00", "bob": "2026-10-02-11-00-00", "zoe": "2026-10-03-11-00-00"}
    with zipfile.ZipFile(folder / "blackboard.zip", "w") as archive:
        for student, when in times.items():
            archive.writestr(f"Lab 1_{student}_attempt_{when}_mine.ipynb", solved)
    return lab


def configure(lab: Lab, *lines: str) -> None:
    path = lab.course / "nbgrader_config.py"
    kept = path.read_text().split("# ours")[0]
    path.write_text("\n".join([f"{kept}# ours", *lines]))


def course(lab: Lab, *arguments: str) -> Any:
    return CliRunner().invoke(app, [*arguments, "--course", str(lab.course)])


def penalties(lab: Lab) -> dict[str, float]:
    with Gradebook(f"sqlite:///{lab.course / 'gradebook.db'}", "two-bills") as gradebook:
        return {s.student.id: s.late_submission_penalty for s in gradebook.assignment_submissions(lab.name)}


@pytest.mark.skipif(not sandbox.is_supported(), reason="the engine runs on Linux")
def test_lateness_costs_what_the_policy_says_and_a_changed_date_holds_without_grading_anew(lab: Lab) -> None:
    ran = course(lab, "grade", "1", str(lab.course.parent / "blackboard.zip"), "--json")
    assert ran.exit_code == 0, ran.output
    rows = {row["student"]: row for row in json.loads(ran.stdout)}
    assert penalties(lab) == {"ada": 0, "bob": pytest.approx(0.7), "zoe": pytest.approx(0.7)}
    assert (rows["bob"]["points"], rows["bob"]["mark"]) == (5, pytest.approx(4.3))

    people.write(lab.course, [Person("ada"), Person("bob", extra_days=2.0), Person("zoe")])
    assert course(lab, "replay", "1").exit_code == 0
    assert penalties(lab) == {"ada": 0, "bob": 0, "zoe": pytest.approx(1.4)}

    configure(lab, DUE.replace("10-01", "10-09"), LATE)
    assert course(lab, "replay", "1").exit_code == 0
    assert penalties(lab) == {"ada": 0, "bob": 0, "zoe": 0}


def test_a_wrong_date_is_said_before_anything_is_graded(lab: Lab) -> None:
    configure(lab, DUE.replace(" Africa/Algiers", ""))
    for command in (["grade", "1"], ["replay", "1"], ["due"]):
        ran = course(lab, *command)
        assert ran.exit_code == 2 and "has no time zone" in ran.output


def test_dates_and_policy_are_shown(lab: Lab) -> None:
    configure(lab, DUE, LATE)
    told = " ".join(course(lab, "due").output.split())
    assert "lab01: Thu 2026-10-01 12:00 CET" in told
    assert "10% of a lab's points for each day that has begun, after 30 minutes of grace; after 3 days nothing" in told


@pytest.mark.skipif(not sandbox.is_supported(), reason="the engine runs on Linux")
def test_no_file_of_a_students_own_says_when_it_was_handed_in(lab: Lab) -> None:
    configure(lab, DUE, LATE)
    solved = nbformat.writes(notebooks.answered(nbformat.read(lab.release, as_version=4), RIGHT))
    with zipfile.ZipFile(lab.course.parent / "eve.zip", "w") as own:
        own.writestr(f"{lab.name}/{lab.name}.ipynb", solved)
        own.writestr(f"{lab.name}/timestamp.txt", "2026-09-01 10:00:00 UTC")
    folder = lab.course.parent / "class"
    folder.mkdir()
    (lab.course.parent / "eve.zip").rename(folder / "ada.zip")
    assert course(lab, "grade", "1", str(folder)).exit_code == 0
    with Gradebook(f"sqlite:///{lab.course / 'gradebook.db'}", "two-bills") as gradebook:
        assert gradebook.find_submission(lab.name, "ada").timestamp is None
