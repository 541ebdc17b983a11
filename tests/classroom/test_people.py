"""The roster: read, written, and who of it has handed in what."""

from pathlib import Path

import pytest

from course.classroom import people
from course.classroom.people import Person, RosterError
from course.grading.handin.submissions import Submission

ADA = Person("b1", "Ada Lovelace", "ada@example.org", "A", 2.0, ("5001", "lovelace"))
ROSTER = {
    one.id: one for one in (ADA, Person("b2", "José Núñez"), Person("b3", "Ada Lovelace"), Person("b4", "Zoé Kaci"))
}


def submission(student: str) -> Submission:
    return Submission(student, Path(f"{student}.ipynb"), None)


def test_a_roster_is_read_as_it_was_written(tmp_path: Path) -> None:
    people.write(tmp_path, ROSTER.values())
    assert people.read(tmp_path) == ROSTER
    assert people.read(tmp_path / "elsewhere") == {}


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("id,name\nb1,Ada\nb1,Bob", "row 3: b1 stands there a second time"),
        ("id,name\n,Ada", "row 2: it has no id"),
        ("id,extra_days\nb1,two", "row 2: extra_days is 'two', and must be a number"),
        ("id,extra_days\nb1,inf", "row 2: extra_days is 'inf', and must be a number of days from 0"),
        ("id,extra_days\nb1,nan", "row 2: extra_days is 'nan', and must be a number of days from 0"),
        ("id,extra_days\nb1,-1", "row 2: extra_days is '-1', and must be a number of days from 0"),
    ],
)
def test_a_row_that_is_wrong_is_named(tmp_path: Path, rows: str, said: str) -> None:
    people.path(tmp_path).parent.mkdir()
    people.path(tmp_path).write_text(rows)
    with pytest.raises(RosterError, match=f"roster.csv, {said}"):
        people.read(tmp_path)


def test_a_submission_gets_the_id_of_whom_any_name_names() -> None:
    found = [submission("5001"), submission("JOSE\u0301 NU\u0301N\u0303EZ".lower()), submission("zz")]
    by_id = {one.student: one for one in people.identified(found, {"zz": "Zoé  KACI"}, ROSTER)}
    assert set(by_id) == {"b1", "b2", "b4"}
    assert all(one.notebook and not one.notes for one in by_id.values())


def test_what_could_be_two_peoples_is_nobodys() -> None:
    (row,) = people.identified([submission("Ada Lovelace 301")], {"Ada Lovelace 301": "Ada Lovelace"}, ROSTER)
    assert row.student == "Ada Lovelace 301" and row.notebook is None
    assert row.reason.startswith("b1 and b3 of the roster are both called that")


def test_what_one_hands_in_under_two_names_is_not_chosen_from() -> None:
    (row,) = people.identified([submission("b2"), submission("José Núñez")], {}, ROSTER)
    assert (row.student, row.notebook) == ("b2", None)
    assert row.reason == "handed in 2 times, under several names (José Núñez.ipynb and b2.ipynb): keep one"


def test_who_is_not_in_the_roster_is_graded_and_noted_and_without_one_nobody_is() -> None:
    (row,) = people.identified([submission("eve")], {}, ROSTER)
    assert (row.student, row.notes) == ("eve", ("not in the roster",)) and row.notebook
    assert people.identified([submission("eve")], {}, {}) == [submission("eve")]
