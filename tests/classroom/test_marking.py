"""`course mark`: a pass over a class without names, each mark written at once; a spreadsheet; known comments."""

import csv
import io
import shutil
import sys
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from nbgrader.api import Gradebook
from typer.testing import CliRunner

from course import build, paths
from course.build import Lab
from course.classroom import comments, marking, people, standings
from course.classroom.marking import MarkError
from course.classroom.people import Person
from course.cli import app
from course.grading.book import by_hand
from course.grading.book.by_hand import Given
from course.grading.book.gradebook import GradebookError
from course.grading.result import Exercise
from course.notebook import rubric
from course.notebook.rubric import Part
from tests import tiny
from tests.classroom import imagined
from tests.classroom.imagined import Student

MEMO = """
# %% [markdown]
# ### The memo
#
# Write. A person gives up to 10 points: 4 for the **claim** (which), 3.5
# for the **evidence** (how sure) and 2.5 for a **risk**. No points without a number.

# %% [markdown] nbgrader={"grade_id": "memo-1-5", "points": 10}
# What the instructor would write.
"""
PARTS = (
    Part(4, "claim", "the claim (which)"),
    Part(3.5, "evidence", "the evidence (how sure)"),
    Part(2.5, "risk", "a risk"),
)
TEXTS = {"b1": "=HYPERLINK(1) \x1b[2Jbuy", "b2": "Acheter à l'API.", "b3": "نشتري"}
OPEN = Exercise("memo-1-5", 0, 10, "manual", None, "a person reads it")
DOUBTFUL = Exercise("1.1", 0, 2, "review", None, "it was stopped")


def student(id: str, text: str, *more: Exercise) -> Student:
    return Student(id, (*more, OPEN), answers={"memo-1-5": text, "1.1": "def height(n, each): ..."})


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    lab = tiny.course(tmp_path_factory.mktemp("marking") / "course", source=tiny.SOURCE + MEMO)
    roster = [Person("b1", "Ada Lovelace"), Person("b2", "José Núñez"), Person("b3", "محمد علي"), Person("b4", "Eve")]
    blank = Student("b4", (replace(OPEN, verdict="blank"),))
    imagined.write(lab, [*(student(id, text) for id, text in TEXTS.items()), blank], roster)
    return lab


@pytest.fixture
def lab(whole: Lab, tmp_path: Path) -> Lab:
    shutil.copytree(whole.course, tmp_path / "course")
    return Lab(whole.name, tmp_path / "course")


def run(lab: Lab, *arguments: str, typed: str = "") -> Any:
    return CliRunner().invoke(app, ["mark", "1", *arguments, "--course", str(lab.course)], input=typed)


def marks(lab: Lab) -> dict[str, tuple[float, str]]:
    found = {one.person.id: one.marks for one in standings.of(lab)}
    return {
        id: (one.by_hand["memo-1-5"], one.comments.get("memo-1-5", ""))
        for id, one in found.items()
        if "memo-1-5" in one.by_hand
    }


def order(lab: Lab) -> list[str]:
    return [one.person.id for one in marking.answers(lab, standings.of(lab), exercise="1.5", every=True)[0]]


def test_the_rubric_of_a_memo_is_read_off_the_cell_above_it(lab: Lab) -> None:
    solution = build.instructor_notebook(lab)
    assert rubric.of(solution, "memo-1-5").parts == PARTS
    assert rubric.of(solution, "1.1").text.startswith("**Exercise 1.1") and not rubric.of(solution, "1.1").parts


def test_the_capstones_memo_has_a_rubric() -> None:
    solution = build.instructor_notebook(build.find(paths.PACKAGE.parent, "10"))
    found = [(part.points, part.name) for part in rubric.of(solution, "memo-10-12").parts]
    assert found == [(2, "claim"), (3, "evidence"), (3, "reverse"), (2, "risk")]


def test_a_rubric_that_sums_to_something_else_is_none(lab: Lab) -> None:
    solution = build.instructor_notebook(lab)
    next(cell for cell in solution.cells if "The memo" in cell.source).source += " Or 5 for a joke."
    assert len(rubric.of(solution, "memo-1-5").parts) == 3
    solution.cells[-2].source = "2 for the **claim** and 3 for the **risk**."
    assert rubric.of(solution, "memo-1-5").parts == ()


def test_a_pass_writes_each_mark_at_once_and_goes_on_where_it_was(lab: Lab) -> None:
    first, second, third = order(lab)
    ran = run(lab, typed="4 3,5 0\nName a risk.\n")
    assert ran.exit_code == 0, ran.output
    assert marks(lab) == {first: (7.5, "claim 4/4, evidence 3.5/3.5, risk 0/2.5\nName a risk.")}
    assert "1 marks are in the gradebook; 2 of these answers have none yet" in ran.output
    assert "No points without a number" in ran.output and "3.5 for the evidence (how sure)" in ran.output
    ran = run(lab, "1.5", typed="\n6\n1\nq\n")  # the first later, the second with the comment again
    assert "answer 2 of 2" in ran.output and "  1  Name a risk." in ran.output
    assert marks(lab)[third] == (6, "Name a risk.") and second not in marks(lab)
    run(lab, "memo-1-5", typed="0\n\n")
    assert set(marks(lab)) == {"b1", "b2", "b3"} and marks(lab)[second] == (0, "")
    assert "no answer waits" in run(lab).output
    assert comments.read(lab.course) == [("memo-1-5", "Name a risk.")]


def test_all_shows_what_was_given_and_a_mark_takes_its_place(lab: Lab) -> None:
    by_hand.write(lab, [Given("b2", "memo-1-5", 3, "thin")])
    typed = "".join("9\n\nq\n" if one == "b2" else "\n" for one in order(lab))
    ran = run(lab, "1.5", "--all", typed=typed)
    assert "so far: 3 points. thin" in ran.output
    assert marks(lab) == {"b2": (9, "thin")}


def test_names_are_told_only_where_they_are_asked_for_and_no_answer_is_obeyed(lab: Lab) -> None:
    ran = run(lab, typed="\n\n\n")
    assert not any(told in ran.output for told in ("Ada", "José", "محمد", "b1", "b2", "b3"))
    assert all(text.replace("\x1b", "") in ran.output for text in TEXTS.values()) and "\x1b" not in ran.output
    assert all(name in run(lab, "--names", typed="\n\n\n").output for name in ("Ada Lovelace", "José Núñez", "محمد"))


@pytest.mark.parametrize("typed", ["11", "-1", "much", "nan", "4 3", "4 3.5 3", "1 2 3 4"])
def test_piped_points_that_are_none_end_the_pass(lab: Lab, typed: str) -> None:
    ran = run(lab, typed=f"{typed}\n7\n7\n7\n")
    assert ran.exit_code == 2 and marks(lab) == {}


def test_a_person_is_asked_again(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = iter(["11", "much", "8", "q", "q"])
    monkeypatch.setattr("builtins.input", lambda _: next(lines))
    monkeypatch.setattr(sys, "stdin", Terminal())
    with pytest.raises(SystemExit):
        app(["mark", "1", "--course", str(lab.course)])
    assert marks(lab) == {order(lab)[0]: (8, "q")}


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_mark_whose_comment_was_never_ended_is_none(lab: Lab) -> None:
    assert run(lab, typed="7\n").exit_code == 0
    assert marks(lab) == {}


def test_points_by_hand_of_a_late_student_change_the_penalty(lab: Lab) -> None:
    tiny.configure(lab, 'c.TwoBills.late = {"cut_off_days": 0.5}')
    with Gradebook(f"sqlite:///{lab.course / 'gradebook.db'}", "two-bills") as book:
        submission = book.find_submission(lab.name, "b1")
        submission.timestamp, submission.assignment.duedate = datetime(2026, 5, 2), datetime(2026, 5, 1)
        book.db.commit()
    by_hand.write(lab, [Given("b1", "memo-1-5", 8)])
    ada = next(one for one in standings.of(lab) if one.person.id == "b1")
    assert (ada.points, ada.marks.penalty, ada.mark) == (8, 8, 0)


@pytest.mark.parametrize("wrong", [Given("b9", "memo-1-5", 1), Given("b2", "1.9", 1)])
def test_what_the_gradebook_does_not_know_stops_all_of_it(lab: Lab, wrong: Given) -> None:
    with pytest.raises(GradebookError, match=f"no {wrong.exercise} of {wrong.student} in lab01"):
        by_hand.write(lab, [Given("b1", "memo-1-5", 8), wrong])
    assert marks(lab) == {}


def test_an_exercise_that_is_up_for_review_is_asked_with_what_the_grader_says(lab: Lab) -> None:
    imagined.write(lab, [student("b2", TEXTS["b2"], DOUBTFUL)])
    ran = run(lab, "1.1", typed="1.5\nnearly\n")
    assert "def height(n, each): ..." in ran.output and "the grader: review, 0 points. it was stopped" in ran.output
    found = next(one for one in standings.of(lab) if one.person.id == "b2")
    assert (found.marks.by_hand["1.1"], found.marks.comments["1.1"]) == (1.5, "nearly")
    assert "1.1" not in found.waiting and "memo-1-5" in found.waiting


def rows(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8-sig"))))


def filled(path: Path, **cells: dict[str, str]) -> Path:
    """The table with other cells, by the answer's beginning, as a spreadsheet of another country saves it."""
    changed = [
        {**row, **next((new for start, new in cells.items() if row["answer"].startswith(start)), {})}
        for row in rows(path)
    ]
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(changed[0]), delimiter=";", lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(changed)
    path.write_bytes(text.getvalue().encode("utf-8-sig"))
    return path


def test_a_table_is_filled_in_and_taken_in(lab: Lab, tmp_path: Path) -> None:
    path = tmp_path / "memo.csv"
    ran = run(lab, "1.5", "--csv", str(path))
    assert ran.exit_code == 0 and "3 answers" in ran.output
    assert not any(told in path.read_text(encoding="utf-8-sig") for told in ("Ada", "José", "b1", "b2"))
    assert {row["answer"] for row in rows(path)} == {"Acheter à l'API.", "نشتري", "'=HYPERLINK(1) \x1b[2Jbuy"}
    given = filled(path, Acheter={"points": "7,5", "comment": "'=see"}, نشتري={"points": "10"})
    ran = run(lab, "--from", str(given))
    assert ran.exit_code == 0 and "2 marks of" in ran.output, ran.output
    assert marks(lab) == {"b2": (7.5, "=see"), "b3": (10, "")}
    assert "0 marks of" in run(lab, "--from", str(given)).output
    assert run(lab, "1.5", "--csv", str(path)).exit_code == 2  # it is not overwritten
    named = tmp_path / "named.csv"
    run(lab, "1.5", "--all", "--names", "--csv", str(named))
    by_id = {row["student"]: row for row in rows(named)}
    assert by_id["b1"]["name"] == "Ada Lovelace"
    assert (by_id["b2"]["points"], by_id["b2"]["comment"]) == ("7.5", "'=see")


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        ({"points": "11"}, "11 points: it must be from 0 to 10"),
        ({"points": "1 2 3"}, "'1 2 3' is not a number of points"),
        ({"comment": "good"}, "it has a comment, and no points"),
        ({"points": "5", "code": "twice"}, "twice stands there a second time"),
    ],
)
def test_a_wrong_row_is_named_and_nothing_is_written(
    lab: Lab, tmp_path: Path, cells: dict[str, str], said: str
) -> None:
    path = tmp_path / "memo.csv"
    run(lab, "1.5", "--csv", str(path))
    others = {"code": "twice"} if "code" in cells else {"points": "5"}
    given = filled(path, Acheter=others, نشتري=cells)
    ran = run(lab, "--from", str(given))
    row = [row["answer"] for row in csv.DictReader(given.open(encoding="utf-8-sig"), delimiter=";")]
    assert ran.exit_code == 2 and said in ran.output and marks(lab) == {}
    assert "code" in cells or f"memo.csv, row {row.index('نشتري') + 2}: " in ran.output


def test_a_mark_of_what_was_handed_in_before_is_nobodys(lab: Lab, tmp_path: Path) -> None:
    path = tmp_path / "memo.csv"
    run(lab, "1.5", "--csv", str(path))
    imagined.write(lab, [student("b2", "Another text.")])
    given = filled(path, Acheter={"points": "7"}, نشتري={"points": "10"})
    ran = run(lab, "--from", str(given))
    assert ran.exit_code == 1 and "its answer is no longer what is handed in" in ran.output
    assert marks(lab) == {"b3": (10, "")}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["1.9"], "lab01 has no exercise '1.9'; it has memo-1-5"),
        (["--all"], "--all is of one exercise: name it"),
        (["--csv", "a.csv", "--from", "b.csv"], "give one of them"),
        (["--from", "nowhere.csv"], "nowhere.csv cannot be read"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_a_line(lab: Lab, arguments: list[str], said: str) -> None:
    ran = run(lab, *arguments)
    assert ran.exit_code == 2 and said in ran.output


def test_a_table_of_another_kind_is_refused(lab: Lab, tmp_path: Path) -> None:
    other = tmp_path / "other.csv"
    other.write_text("code,points,comment\nabc,1,\n")
    assert "holds no answer of this lab" in run(lab, "--from", str(other)).output
    other.write_text("name,mark\nAda,1\n")
    assert "has no column code" in run(lab, "--from", str(other)).output


def test_a_very_long_answer_fits_into_a_cell(lab: Lab, tmp_path: Path) -> None:
    imagined.write(lab, [student("b2", "x" * 200_000)])
    run(lab, "1.5", "--csv", str(tmp_path / "memo.csv"))
    assert run(lab, "--from", str(filled(tmp_path / "memo.csv", xxx={"points": "1"}))).exit_code == 0
    assert marks(lab) == {"b2": (1, "")}


@pytest.mark.parametrize(("typed", "given"), [
    ("7", (7, "")), ("2,5", (2.5, "")), ("1 2 0", (3, "claim 1/4, evidence 2/3.5, risk 0/2.5")),
])  # fmt: skip
def test_points_are_a_sum_or_one_number_for_each_part(typed: str, given: tuple[float, str]) -> None:
    assert marking.points_in(typed, 10, PARTS) == given


def test_parts_are_asked_only_where_there_are_some() -> None:
    with pytest.raises(MarkError, match=r"'1 2' is not a number of points$"):
        marking.points_in("1 2", 10)


@pytest.mark.parametrize(("typed", "chosen"), [
    ("", []), ("2", ["b"]), ("2, 1", ["b", "a"]), ("3", ["3"]), ("2 more", ["2 more"]),
])  # fmt: skip
def test_comments_are_chosen_by_number_or_written(typed: str, chosen: list[str]) -> None:
    assert comments.chosen(typed, ["a", "b"]) == chosen


def test_a_comment_that_a_spreadsheet_would_run_is_kept_harmless(tmp_path: Path) -> None:
    for comment in ("=see above", "thin, too", "thin, too"):
        comments.add(tmp_path, "memo-1-5", comment)
    assert comments.read(tmp_path) == [("memo-1-5", "=see above"), ("memo-1-5", "thin, too")]
    assert comments.path(tmp_path).read_text() == 'exercise,comment\nmemo-1-5,\'=see above\nmemo-1-5,"thin, too"\n'
    assert people.path(tmp_path).parent == comments.path(tmp_path).parent
