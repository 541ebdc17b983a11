"""Marks in the files that Moodle and Canvas take back: in any language, for the right rows, all else as it was."""

import csv
import io
import zipfile
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from course.build import Lab
from course.classroom import export, feedback, people, sheets, standings
from course.classroom.people import Person
from course.classroom.sheets import SheetError
from course.classroom.standings import Standing
from course.cli import app
from course.grading.book.gradebook import Marks
from course.grading.book.ledger import Entry
from course.grading.result import Exercise, Result, Row
from tests import tiny

FRENCH = "Identifiant|Nom complet|Adresse de courriel|Statut|Note|Note maximale|La note peut être modifiée|Commentaires"
ARABIC = "المعرّف|الاسم الكامل|عنوان البريد الإلكتروني|الحالة|الدرجة|أعلى درجة|يمكن تغيير الدرجة|تعليقات"
UNKNOWN = "Tunniste|Koko nimi|Sähköposti|Tila|Arvosana|Suurin arvosana|Arvosanaa voi muuttaa|Palaute"
ENGLISH = "Identifier|Full name|Email address|Status|Grade|Maximum grade|Grade can be changed|Feedback comments"
CANVAS = "Student|ID|SIS User ID|SIS Login ID|Section|Lab 1 (8801)|Lab 10 (8810)"


def standing(person: Person, points: float | None, *, penalty: float = 0.0, reason: str = "") -> Standing:
    entry = None
    if points is not None:
        exercises = [Exercise("1.1", points, 10, "pass"), Exercise("1.2", 0, 6, "blank")]
        row = Row(person.id, Result("lab01", exercises, 1.0, flags=["=cmd()"]))
        entry = Entry("lab01", person.id, "s", "t", "", "2026-11-29", row.to_json())
    return Standing(person, True, entry, reason, Marks({}, None, penalty=penalty))


CLASS = [
    standing(Person("b1", "Ada Lovelace", "ada@example.org", "A", aliases=("5001",)), 9.5, penalty=1.0),
    standing(Person("b2", "José Núñez", "jose@example.org"), 10),
    standing(Person("b3", "محمد علي", "m@example.org"), None),
    standing(Person("b4", "=HYPERLINK(1)", "h@example.org"), None, reason="-1+1 is no notebook"),
]


def table(path: Path, header: str, *rows: str, encoding: str = "utf-8-sig", delimiter: str = ",") -> Path:
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter, lineterminator="\r\n").writerows(r.split("|") for r in (header, *rows))
    path.write_bytes(text.getvalue().encode(encoding))
    return path


@pytest.mark.parametrize("header", [FRENCH, ARABIC, UNKNOWN, ENGLISH])
@pytest.mark.parametrize(
    ("most", "marks"), [("16,00", ("8,5", "10")), ("16.00", ("8.5", "10")), ("32.00", ("17", "20"))]
)
def test_a_worksheet_gets_the_marks_and_is_otherwise_as_it_was(
    tmp_path: Path, header: str, most: str, marks: tuple[str, str]
) -> None:
    rows = [
        f"Participant 301|Ada Lovelace|ADA@example.org|-||{most}|Oui|",
        f"Participant 302|José Núñez|jose@example.org|-||{most}|Oui|déjà dit",
        f"Participant 303|محمد علي|m@example.org|-||{most}|Oui|",
    ]
    sheet = sheets.read(table(tmp_path / "given.csv", header, *rows))
    filled = export.moodle(sheet, CLASS, lab="lab01")
    assert (filled.n_marks, filled.unknown, filled.missing) == (2, (), ())
    assert filled.scale == (None if most.startswith("16") else (16, 32))
    sheets.write(filled.sheet, tmp_path / "filled.csv")
    wanted = [row.replace(f"|-||{most}", f"|-|{mark}|{most}") for row, mark in zip(rows, (*marks, ""), strict=True)]
    assert (tmp_path / "filled.csv").read_bytes() == table(tmp_path / "wanted.csv", header, *wanted).read_bytes()


@pytest.mark.parametrize(("encoding", "delimiter"), [("utf-8", ","), ("utf-16", "\t"), ("cp1252", ";")])
def test_a_gradebook_gets_one_column_in_its_own_encoding(tmp_path: Path, encoding: str, delimiter: str) -> None:
    def whole(*marks: str) -> list[str]:
        return [
            "    Points Possible|||||16.00|20.00",
            f"Lovelace, Ada|5001|x1|ada|A|{marks[0]}|3",
            f"José Núñez|5002|b2|jose|B|{marks[1]}|",
            f"Ali|5003|b3|m|B|{marks[2]}|",
            "Student, Test|1|||A||",
        ]

    given = table(tmp_path / "given.csv", CANVAS, *whole("", "", ""), encoding=encoding, delimiter=delimiter)
    filled = export.canvas(sheets.read(given), CLASS, lab="lab01")
    sheets.write(filled.sheet, tmp_path / "filled.csv")
    wanted = table(tmp_path / "wanted.csv", CANVAS, *whole("8.5", "10", ""), encoding=encoding, delimiter=delimiter)
    assert (tmp_path / "filled.csv").read_bytes() == wanted.read_bytes()


def test_who_cannot_be_told_apart_or_is_unknown_gets_nothing_and_is_listed(tmp_path: Path) -> None:
    twice = [*CLASS, standing(Person("b9", "Ada Lovelace"), 16)]
    given = table(tmp_path / "s.csv", "Identifier|Full name|Status|Grade|Maximum grade|More",
                  "Participant 1|Ada Lovelace|-||16.00|", "Participant 2|Eve|-||16.00|",
                  "Participant 3|José Núñez|-||16.00|")  # fmt: skip
    filled = export.moodle(sheets.read(given), twice, lab="lab01")
    assert (filled.n_marks, filled.missing) == (1, ("b1", "b9"))
    assert filled.unknown == ("Ada Lovelace", "Eve")
    assert [row[3] for row in filled.sheet.rows[1:]] == ["", "", "10"]


def test_of_two_rows_with_a_students_name_the_one_with_the_address_too_is_theirs(tmp_path: Path) -> None:
    jose = "Participant 3|José Núñez|jose@example.org|-||16.00|Yes|"
    other = "Participant 2|Ada Lovelace|other@example.org|-||16.00|Yes|"
    ada = "Participant 1|Ada Lovelace|ada@example.org|-||16.00|Yes|"
    filled = export.moodle(sheets.read(table(tmp_path / "s.csv", ENGLISH, other, ada, jose)), CLASS, lab="lab01")
    assert [row[4] for row in filled.sheet.rows[1:]] == ["", "8.5", "10"]
    assert (filled.unknown, filled.missing) == (("Ada Lovelace other@example.org",), ())
    alike = export.moodle(sheets.read(table(tmp_path / "s.csv", ENGLISH, ada, ada, jose)), CLASS, lab="lab01")
    assert [row[4] for row in alike.sheet.rows[1:]] == ["", "", "10"]
    assert (len(alike.unknown), alike.missing) == (2, ("b1",))


@pytest.mark.parametrize(
    ("header", "no", "yes"), [(ENGLISH, "No", "Yes"), (FRENCH, "Non", "Oui"), (ARABIC, "لا", "نعم")]
)
def test_a_grade_that_nobody_can_change_is_not_written(tmp_path: Path, header: str, no: str, yes: str) -> None:
    ada = f"Participant 1|Ada Lovelace|ada@example.org|-|3.00|16.00|{no}|"
    jose = f"Participant 3|José Núñez|jose@example.org|-||16.00|{yes}|"
    filled = export.moodle(sheets.read(table(tmp_path / "s.csv", header, ada, jose)), CLASS, lab="lab01")
    assert [row[4] for row in filled.sheet.rows[1:]] == ["3.00", "10"]
    assert (filled.closed, filled.n_marks) == (("Ada Lovelace ada@example.org",), 1)


def test_an_old_grade_of_who_has_no_mark_stays_and_is_said(tmp_path: Path) -> None:
    ada = "Participant 1|Ada Lovelace|ada@example.org|-|3.00|16.00|Yes|"
    absent = "Participant 4|محمد علي|m@example.org|-|12.00|16.00|Yes|"
    filled = export.moodle(sheets.read(table(tmp_path / "s.csv", ENGLISH, ada, absent)), CLASS, lab="lab01")
    assert [row[4] for row in filled.sheet.rows[1:]] == ["8.5", "12.00"]
    assert filled.kept == ("محمد علي m@example.org: 12.00",)


@pytest.mark.parametrize("name", ["Grades-LLM101-Lab 2 parameters-991.csv", "lab02.csv", "Notes_LAB-10.csv"])
def test_a_worksheet_of_another_lab_by_its_name_is_refused(tmp_path: Path, name: str) -> None:
    row = "Participant 1|Ada Lovelace|ada@example.org|-|3.00|16.00|Yes|"
    with pytest.raises(SheetError, match=r"is by its name the worksheet of lab (2|10), not of lab01"):
        export.moodle(sheets.read(table(tmp_path / name, ENGLISH, row)), CLASS, lab="lab01")
    own = table(tmp_path / "Grades-COLLAB 3-Lab 01 cost-991.csv", ENGLISH, row)
    assert export.moodle(sheets.read(own), CLASS, lab="lab01").n_marks == 1


def test_bytes_of_an_unknown_encoding_are_written_as_they_were(tmp_path: Path) -> None:
    row = "Participant 1|پچ|ada@example.org|-|{}|16.00|Yes|"
    given = table(tmp_path / "given.csv", ENGLISH, row.format(""), encoding="cp1256")
    filled = export.moodle(sheets.read(given), CLASS, lab="lab01")
    sheets.write(filled.sheet, tmp_path / "filled.csv")
    wanted = table(tmp_path / "wanted.csv", ENGLISH, row.format("8.5"), encoding="cp1256")
    assert (tmp_path / "filled.csv").read_bytes() == wanted.read_bytes()


def test_a_cell_that_no_table_holds_is_refused_whatever_limit_another_library_has_set(tmp_path: Path) -> None:
    others = csv.field_size_limit(10**9)
    try:
        with pytest.raises(SheetError, match=r"s\.csv, line 2 cannot be read \(field larger"):
            sheets.read(table(tmp_path / "s.csv", "Identifier|Full name", f"Participant 1|{'x' * 200_000}"))
        assert csv.field_size_limit() == 10**9
    finally:
        csv.field_size_limit(others)


def test_a_gradebook_with_decimal_commas_gets_marks_with_them(tmp_path: Path) -> None:
    rows = "Points Possible|||||16,00|20,00", "Ada Lovelace|5001||ada|A||"
    given = table(tmp_path / "s.csv", CANVAS, *rows, delimiter=";")
    assert export.canvas(sheets.read(given), CLASS, lab="lab01").sheet.rows[2][5] == "8,5"


@pytest.mark.parametrize(
    ("header", "row", "said"),
    [
        ("Name|Mark|Of", "Ada|1|16", "no grading worksheet of Moodle"),
        (ENGLISH, "Participant 1|Eve|eve@example.org|-||16.00|Yes|", "names nobody of this class"),
        (ENGLISH, "Participant 1|Ada Lovelace|a@b|-||none|Yes|", "row 2: 'none' is no maximum grade"),
        (ENGLISH, "Participant 1|Ada", "row 2 has 2 cells, and the header has 8"),
    ],
)
def test_what_is_no_worksheet_of_this_class_is_refused(tmp_path: Path, header: str, row: str, said: str) -> None:
    with pytest.raises(SheetError, match=said):
        export.moodle(sheets.read(table(tmp_path / "s.csv", header, row)), CLASS, lab="lab01")


def test_a_column_that_could_be_two_is_asked_for(tmp_path: Path) -> None:
    header = "Student|ID|Section|Lab 1 (1)|Lab 01 again (2)"
    sheet = sheets.read(table(tmp_path / "s.csv", header, "Points Possible|||16|16", "Ada Lovelace|5001|A||"))
    with pytest.raises(SheetError, match=r"2 columns of lab01: name one with --column \(Lab 1 \(1\), Lab 01 again"):
        export.canvas(sheet, CLASS, lab="lab01")
    filled = export.canvas(sheet, CLASS, lab="lab01", column="Lab 01 again (2)")
    assert filled.sheet.rows[2][3:] == ("", "8.5")


def test_a_table_of_everything_holds_nothing_that_a_spreadsheet_runs() -> None:
    header, *rows = export.everything(CLASS)
    by_id = {row[0]: dict(zip(header, row, strict=True)) for row in rows}
    assert (by_id["b1"]["points"], by_id["b1"]["penalty"], by_id["b1"]["mark"]) == ("9.5", "1", "8.5")
    assert (by_id["b1"]["1.1"], by_id["b1"]["flags"]) == ("9.5", "'=cmd()")
    assert (by_id["b3"]["status"], by_id["b3"]["mark"]) == ("absent", "")
    assert (by_id["b4"]["name"], by_id["b4"]["reason"]) == ("'=HYPERLINK(1)", "'-1+1 is no notebook")


def test_pages_lie_where_moodle_looks_for_them(tmp_path: Path) -> None:
    lab = Lab("lab01_stack", tmp_path)
    page = feedback.place(lab, "b1")
    page.parent.mkdir(parents=True)
    page.write_text("<p>well done")
    rows = {"b1": ("Participant 301", "Ada Lovelace"), "b2": ("Participant 302", "José Núñez")}
    assert feedback.pack(lab, CLASS, rows, tmp_path / "out.zip") == (1, 1)
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        assert archive.namelist() == ["Ada Lovelace_301_assignsubmission_file_/lab01.html"]


def test_the_command_overwrites_nothing_and_says_who_has_no_row(tmp_path: Path, monkeypatch: Any) -> None:
    lab = tiny.course(tmp_path / "course")
    people.write(lab.course, [one.person for one in CLASS])
    monkeypatch.setattr(standings, "of", lambda _: CLASS)
    given = table(tmp_path / "given.csv", ENGLISH, "Participant 301|Ada Lovelace|a@b|-||16.00|Yes|")

    def run(*more: str) -> Any:
        return CliRunner().invoke(
            app, ["export", "1", "--course", str(lab.course), "-o", str(tmp_path / "o.csv"), *more]
        )

    asked = run("--to", "moodle")
    assert asked.exit_code == 2 and "name it with --into FILE" in asked.output
    ran = run("--to", "moodle", "--into", str(given))
    assert ran.exit_code == 1 and "1 marks in 1 rows of students; no mark: 1 absent, 1 not graded" in ran.output
    assert "has a mark, but no row there: b2" in ran.output
    pages = run("--to", "canvas", "--into", str(given), "--feedback", str(tmp_path / "pages.zip"))
    assert pages.exit_code == 2 and "--feedback is a zip for Moodle, and canvas takes none" in pages.output
    again = run("--to", "csv")
    assert again.exit_code == 2 and "o.csv exists" in again.output
    table_of_all = run("--to", "csv", "--force")
    assert table_of_all.exit_code == 0 and "4 students; no mark: 1 absent, 1 not graded" in table_of_all.output
    assert (tmp_path / "o.csv").read_text(encoding="utf-8-sig").startswith("student,name,")
