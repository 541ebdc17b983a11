"""Lists as platforms export them, taken into the roster: any language, nothing lost, nothing half written."""

import json
from typing import Any

import pytest
from nbgrader.api import Gradebook
from typer.testing import CliRunner

from course import build
from course.build import Lab
from course.classroom import people
from course.classroom.people import Person
from course.cli import app
from tests import tiny

ADA = Person("b1", "Ada Lovelace", "ada@example.org", "A")
LISTS = {
    "Moodle": ("First name,Last name,ID number,Email address,Groups\nAda,Lovelace,b1,ada@example.org,A", ADA),
    "Moodle in French": (
        "Prénom;Nom;Numéro d’identification;Adresse de courriel;Groupes\nAda;Lovelace;b1;ada@example.org;A",
        ADA,
    ),
    "Moodle in Arabic": (
        "الاسم الأول,اللقب,رقم التعريف,عنوان البريد الإلكتروني,المجموعات\nAda,Lovelace,b1,ada@example.org,A",
        ADA,
    ),
    "Moodle's worksheet": (
        "Identifier,Full name,Email address,Status\nParticipant 7,Ada Lovelace,ada@example.org,-",
        Person("ada@example.org", "Ada Lovelace", "ada@example.org"),
    ),
    "Canvas": (
        'Student,ID,SIS User ID,SIS Login ID,Section,Lab 1 (7)\n    Points Possible,,,,,16\n'
        '"Lovelace, Ada",5001,x1,b1,A,\n"Student, Test",1,,,A,',
        Person("b1", "Ada Lovelace", "", "A", aliases=("5001", "x1")),
    ),
    "Blackboard": (
        "Last Name\tFirst Name\tUsername\tStudent ID\nLovelace\tAda\tb1\t77",
        Person("b1", "Ada Lovelace", aliases=("77",)),
    ),
    "Brightspace": (
        "OrgDefinedId,Username,Last Name,First Name,Email,End-of-Line Indicator\n"
        "#b1,#adal,Lovelace,Ada,ada@example.org,#",
        Person("adal", "Ada Lovelace", "ada@example.org", aliases=("b1",)),
    ),
    "Gradescope": ("First Name,Last Name,SID,Email,Section\nAda,Lovelace,b1,ada@example.org,A", ADA),
    "our own": ("id,name,email,section,extra_days\nb1,Ada Lovelace,ada@example.org,A,2",
                Person("b1", "Ada Lovelace", "ada@example.org", "A", 2.0)),
}  # fmt: skip


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    lab = tiny.course(tmp_path_factory.mktemp("enrolment") / "course")
    build.build(lab)
    return lab


@pytest.fixture(autouse=True)
def fresh(lab: Lab) -> None:
    for path in (lab.course / "class").glob("*"):
        path.unlink()


def take_in(lab: Lab, text: str, *more: str, encoding: str = "utf-8-sig") -> Any:
    path = lab.course.parent / "list.csv"
    path.write_bytes(text.encode(encoding))
    return CliRunner().invoke(app, ["roster", "import", str(path), *more, "--course", str(lab.course)])


@pytest.mark.parametrize("platform", LISTS)
def test_a_platforms_list_is_read(lab: Lab, platform: str) -> None:
    text, person = LISTS[platform]
    ran = take_in(lab, text, encoding="utf-16" if platform == "Blackboard" else "utf-8-sig")
    assert ran.exit_code == 0, ran.output
    assert "1 new, 0 changed" in ran.output
    assert people.read(lab.course) == {person.id: person}


def test_what_a_list_does_not_say_stays_and_so_does_who_is_not_in_it(lab: Lab) -> None:
    people.write(lab.course, [Person("b1", "Ada Byron", "old@example.org", "A", 3.0, ("5001",)), Person("b2", "Bob")])
    ran = take_in(lab, "id,name,email\nb1,Ada Lovelace,ada@example.org\nb3,Zoé")
    assert ran.exit_code == 2 and "row 3 has 2 cells" in ran.output
    ran = take_in(lab, "id,name,email\nb1,Ada Lovelace,ada@example.org\nb3,Zoé,z@example.org")
    assert "2 students in list.csv, by their id: 1 new, 1 changed, 1 not in the list stay" in ran.output
    assert people.read(lab.course)["b1"] == Person("b1", "Ada Lovelace", "ada@example.org", "A", 3.0, ("5001",))
    assert take_in(lab, "id,name\nb3,Zoé", "--replace").exit_code == 0
    assert list(people.read(lab.course)) == ["b3"]


def test_columns_of_other_names_are_named_once(lab: Lab) -> None:
    text = "Kennung,Wer\nb1,Ada Lovelace"
    asked = take_in(lab, text)
    assert asked.exit_code == 2 and "Say --id COLUMN: Kennung, Wer" in asked.output
    assert take_in(lab, text, "--id", "Kennung", "--name", "Wer").exit_code == 0
    assert take_in(lab, text.replace("Ada", "Ida")).exit_code == 0
    assert people.read(lab.course) == {"b1": Person("b1", "Ida Lovelace")}
    wrong = take_in(lab, text, "--id", "Nummer")
    assert wrong.exit_code == 2 and "has no column 'Nummer'; it has: Kennung, Wer" in wrong.output


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("id,name\nb1,Ada\nb2,Bob\nb1,Ida", "rows 2 and 4: b1 stands there twice"),
        ("id,name\n,Ada", "row 2: it has no id"),
        ("id,name\na/b,Ada", "row 2: 'a/b' cannot be a folder's name"),
        ("id,extra days\nb1,two", "row 2: extra_days is 'two', and must be a number of days"),
        ("nothing", "no table with a header and rows"),
    ],
)
def test_a_wrong_list_changes_nothing(lab: Lab, text: str, said: str) -> None:
    people.write(lab.course, [ADA])
    ran = take_in(lab, text)
    assert ran.exit_code == 2 and said in ran.output
    assert people.read(lab.course) == {"b1": ADA}


def test_formgrader_gets_the_names_and_namesakes_are_said(lab: Lab) -> None:
    ran = take_in(lab, "id,name,email\nb1,Ada Lovelace,ada@example.org\nb2,ada  LOVELACE,")
    assert "b1 and b2 are both called Ada Lovelace" in ran.output
    with Gradebook(f"sqlite:///{lab.course / 'gradebook.db'}", "two-bills") as gradebook:
        student = gradebook.find_student("b1")
        assert (student.first_name, student.last_name, student.email) == ("Ada", "Lovelace", "ada@example.org")


def test_the_roster_is_shown(lab: Lab) -> None:
    people.write(lab.course, [ADA])
    shown = CliRunner().invoke(app, ["roster", "--course", str(lab.course)])
    assert "1 students" in shown.output and "Ada Lovelace" in shown.output
    as_json = CliRunner().invoke(app, ["roster", "--json", "--course", str(lab.course)])
    assert json.loads(as_json.stdout)[0]["email"] == "ada@example.org"
