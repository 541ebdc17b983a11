"""`course report`: the counts that were put into a class, no names unless asked, nothing of a student's as markup."""

import io
import re
import shutil
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import matplotlib.image
import nbformat
import pytest
from nbgrader.api import Gradebook
from typer.testing import CliRunner

from course import build
from course.build import Lab
from course.classroom import arrivals, items, misconceptions, predictions, report
from course.classroom.executed import Work
from course.classroom.people import Person
from course.classroom.predictions import Prediction
from course.classroom.report import Report
from course.classroom.standings import Standing
from course.cli import app
from course.grading.book import gradebook
from course.grading.book.ledger import Ledger
from course.grading.result import Exercise
from course.measure import record
from tests import tiny
from tests.classroom import imagined
from tests.classroom.imagined import Student
from tests.labs import notebooks
from tests.pages.test_feedback import Reader

DUE = datetime(2026, 10, 10, 22)
RIGHT = Exercise("1.1", 2, 2, "pass")
SUM = Exercise("1.1", 0, 2, "fail", "1.1/sum", "height(3.5, 4.25) gave 7.75: boxes do not add to metres")
DOUBLE = Exercise("1.2", 0, 1, "fail", None, "half(5) gave 10; expected 2.5")
RAISED = Exercise("1.2", 0, 1, "error", None, "half(5) raised TypeError('no'); expected 2.5")
HALF = Exercise("1.2", 1, 1, "pass")
BLANK = Exercise("1.3", 0, 2, "blank", None, "not answered yet")
REVIEW = Exercise("1.4", 2, 2, "review", None, "that is fast")
RIGHT_ANSWERS = tiny.RIGHT
WRONG_ANSWERS = {**tiny.RIGHT, "1.1": "def height(n, each):\n    return n + each"}
HOSTILE = "<script>document.title = 'mine'</script>"


def revealed(low: float, high: float) -> record.Record:
    return record.revealed("stack", 10.0, unit="s", source="a book", predicted=(low, high), lab="lab01")


CLASS = [
    Student("ada", (SUM, DOUBLE, BLANK, REVIEW), records=(revealed(1, 5),), handed_in="2026-10-09T22:00:00"),
    Student("bob", (SUM, DOUBLE, BLANK), records=(revealed(5, 15),), handed_in="2026-10-11T22:00:00",
            repaired=("the check of 1.2 was missing: it is put back",)),
    Student("cem", (RIGHT, DOUBLE), records=(revealed(20, 50),), flags=("2 notebooks of the lab: cem/a.ipynb counts",)),
    Student("dia", (RIGHT, HALF), repaired=("the check of 1.2 was missing: it is put back",)),
    Student("eve", (RIGHT, RAISED)),
    Student("fay", reason="fay.ipynb is empty"),
]  # fmt: skip
ROSTER = [
    Person("ada", "Ada Lovelace", section="A"),
    Person("bob", "Bob Hopper", section="A"),
    *(Person(name, section="B") for name in ("cem", "dia", "eve", "fay", "gus")),
]


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    lab = tiny.course(tmp_path_factory.mktemp("class") / "course")
    gradebook.prepare(lab, build.instructor_notebook(lab))
    with Gradebook(f"sqlite:///{lab.course / 'gradebook.db'}", "two-bills") as opened:
        opened.find_assignment(lab.name).duedate = DUE
        opened.db.commit()
    imagined.write(lab, CLASS, ROSTER)
    return lab


@pytest.fixture(scope="module")
def found(original: Lab) -> Report:
    return report.of(original)


def run(course: Path, *arguments: str) -> Any:
    return CliRunner().invoke(app, ["report", *arguments, "--course", str(course)])


def refusal(ran: Any) -> str:
    assert (ran.exit_code, ran.stdout) == (2, ""), ran.output
    (line,) = ran.stderr.strip().splitlines()
    return line


def test_wrong_ideas_are_counted_with_their_sentence(found: Report) -> None:
    (idea,) = found.ideas
    assert (idea.name, idea.exercise, idea.sentence) == ("1.1/sum", "1.1", "boxes do not add to metres")
    assert idea.seen == "height(3.5, 4.25) gave 7.75"
    assert [person.id for person in idea.holders] == ["ada", "bob"]


def test_wrong_values_without_a_name_are_gathered_with_their_inputs(found: Report) -> None:
    (shared,) = found.shared  # eve's error is hers alone
    assert (shared.exercise, shared.asked, shared.given) == ("1.2", "half(5)", "gave 10")
    assert shared.expected == "expected 2.5"
    assert [person.id for person in shared.holders] == ["ada", "bob", "cem"]


def test_a_message_without_values_is_shown_whole() -> None:
    lost = Exercise("1.2", 0, 1, "fail", None, "f: 2 of 3 are wrong; the first is a block: row 2 is upside down")
    odd = standings_of([(lost,), (lost,)])
    (shared,) = misconceptions.shared(odd)
    assert (shared.asked, shared.given, shared.expected) == (lost.message, "", "")


@pytest.mark.parametrize(("size", "sharing", "shown"), [(150, 1, 0), (150, 2, 1), (250, 2, 0), (250, 3, 1)])
def test_several_are_more_in_a_large_class(size: int, sharing: int, shown: int) -> None:
    students = standings_of([(DOUBLE,)] * sharing + [(HALF,)] * (size - sharing))
    assert len(misconceptions.shared(students)) == shown


def test_items_sections_and_lists_are_those_of_the_class(found: Report) -> None:
    by_name = {item.exercise: item for item in found.items}
    assert by_name["1.1"].share == 0.6
    assert by_name["1.1"].outcomes == Counter({"right": 3, "a known wrong idea": 2})
    assert by_name["1.2"].outcomes == Counter({"another wrong answer": 3, "right": 1, "stopped": 1})
    assert (by_name["1.4"].n, by_name["1.4"].n_marked, by_name["1.4"].share) == (1, 0, None)  # a person has yet to look
    assert [(s.name, s.n, s.n_absent, s.n_not_graded, s.points) for s in found.sections] == [
        ("A", 2, 0, 0, (0, 2)),
        ("B", 5, 1, 1, (2, 2, 3)),
    ]
    assert found.repairs == Counter({"the check of 1.2 was missing: it is put back": 2})
    assert found.flags == Counter({"2 notebooks of the lab": 1})
    assert {name: [p.id for p in them] for name, them in found.waiting.items()} == {"1.4": ["ada"]}
    assert ([p.id for p in found.absent], [p.id for p in found.not_graded]) == (["gus"], ["fay"])


def test_arrivals_are_counted_from_the_due_date(found: Report) -> None:
    assert found.arrivals == arrivals.Arrivals((-1.0, 1.0), n_undated=3)
    assert found.arrivals.n_late == 1


def test_predictions_are_held_against_what_came(found: Report) -> None:
    (forecast,) = found.forecasts
    assert (forecast.what, forecast.sides) == ("stack", Counter({1: 1, 0: 1, -1: 1}))
    assert forecast.typical == ("5 to 15 s", "10 s")
    assert (found.n_predicted, found.share_inside) == (3, 1 / 3)
    assert found.factor_needed == pytest.approx(3.5)  # 1 to 5 must become -4 to 10


def test_the_last_record_of_what_was_asked_counts_and_strange_ones_do_not() -> None:
    first, last = revealed(1, 2), {**revealed(9, 11), "date": "2099-01-01T00:00:00+00:00"}
    other, endless = {**revealed(1, 2), "what": "other"}, {**revealed(1, 2), "predicted": [1.0, float("nan")]}
    large = {**revealed(1, 2), "value": 10**400}
    works = [
        Work(Person(str(n)), {}, list(records))
        for n, records in enumerate([(first, last, other), (endless,), (large,)])
    ]
    (forecast,) = predictions.of(works, ["stack"])
    assert forecast.predictions == (Prediction(9, 11, 10),)


def test_a_class_that_is_right_to_eighty_per_cent_lies_on_the_line() -> None:
    normal = predictions._NORMAL
    truths = [normal.inv_cdf((place + 0.5) / 1000) for place in range(1000)]
    low, high = normal.inv_cdf(0.1), normal.inv_cdf(0.9)
    made = [Prediction(low, high, truth) for truth in truths]
    for sure in (0.1, 0.5, 0.8, 0.95):
        assert predictions.inside(made, sure) == pytest.approx(sure, abs=0.002)
    assert predictions.factor_needed(made) == pytest.approx(1, abs=0.01)


def test_discrimination_is_the_correlation_with_the_rest_and_needs_ten() -> None:
    follows = [(replace(RIGHT, points=2.0 * (n % 2)), Exercise("1.2", n % 2, 1, "pass")) for n in range(10)]
    against = [(replace(RIGHT, points=2.0 * (n % 2)), Exercise("1.2", 1 - n % 2, 1, "pass")) for n in range(10)]
    assert [item.discrimination for item in items.of(standings_of(follows))] == pytest.approx([1, 1])
    assert [item.discrimination for item in items.of(standings_of(against))] == pytest.approx([-1, -1])
    assert [item.discrimination for item in items.of(standings_of(follows[:9]))] == [None, None]
    same = [(RIGHT, Exercise("1.2", n % 2, 1, "pass")) for n in range(10)]
    assert [item.discrimination for item in items.of(standings_of(same))] == [None, None]


def test_the_page_begins_with_the_ideas_and_names_nobody(original: Lab, tmp_path: Path) -> None:
    page = tmp_path / "class.html"
    ran = run(original.course, "lab01", "-o", str(page))
    assert ran.exit_code == 0, ran.output
    html = page.read_text()
    text = Reader(html).text
    assert text.index("2 of 5") < text.index("boxes do not add to metres") < text.index("half(5)")
    assert text.index("half(5)") < text.index("points, exercises, predictions")
    assert not re.search(r"\b(ada|bob|cem|dia|eve|fay|gus|lovelace|hopper)\b", html, re.IGNORECASE)
    pictures = sorted(path.name for path in (tmp_path / "class_pictures").iterdir())
    assert pictures == [f"lab01-{name}.png" for name in
                        ("arrivals", "calibration", "exercises", "ideas", "predictions", "scores")]  # fmt: skip
    assert html.count("data:image/png;base64,") == len(pictures)
    assert not re.search(r"(?:src|href)=.?(?!data:)(?:\w+:|/)", html)


def test_names_are_said_when_asked(original: Lab, tmp_path: Path) -> None:
    assert run(original.course, "1", "--names", "-o", str(tmp_path / "class.html")).exit_code == 0
    text = Reader((tmp_path / "class.html").read_text()).text
    assert "boxes do not add to metres For instance: height(3.5, 4.25) gave 7.75 Ada Lovelace, Bob Hopper" in text
    assert "gus, fay" in text


def test_a_student_s_own_name_is_taken_out_of_what_is_shown() -> None:
    person = Person("b17", "Ada Byron", "ada@example.org")
    said = "open('/home/ada/b17.txt') gave 'BYRON', not adaptive"
    assert misconceptions.nameless(said, person) == "open('/home/…/….txt') gave '…', not adaptive"


def test_nothing_of_a_student_s_is_markup(tmp_path: Path) -> None:
    lab = tiny.course(tmp_path / "course")

    def page(words: str) -> Reader:
        shutil.rmtree(lab.course / "ledger", ignore_errors=True)
        lost = (Exercise("1.1", 0, 2, "fail", words, words), Exercise("1.2", 0, 1, "fail", None, words))
        students = [Student(f"s{n}", lost, repaired=(words,), flags=("suspicious " + words,)) for n in range(2)]
        imagined.write(lab, students, [Person(f"s{n}", words, section=words) for n in range(2)])
        made = report.of(lab)
        return Reader(report.page([made], [report.drawn(made)], when=datetime.now(UTC), names=True))

    hostile, harmless = page(HOSTILE), page("harmless")
    assert hostile.tags == harmless.tags
    assert "script" not in hostile.tags and HOSTILE in hostile.text


@pytest.mark.parametrize("size", [1, 5, 500])
def test_pictures_are_drawn_of_a_class_of_any_size(found: Report, size: int) -> None:
    ideas = [replace(found.ideas[0], name=f"1.{n}/sum") for n in range(min(size, 40))]
    students = standings_of([(RIGHT, HALF)] * size)
    sections = [replace(found.sections[0], name=f"$\\section {n}$", points=(float(n % 4),)) for n in range(size)]
    large = replace(found, n=size, ideas=ideas, items=items.of(students), sections=sections)
    drawn = report.drawn(large)
    assert {one.name for one in drawn} >= {"ideas", "scores", "exercises"}
    for one in drawn:
        height, width, _ = matplotlib.image.imread(io.BytesIO(one.png)).shape
        assert width == 880 and 150 < height < 2000, one.name
        assert one.title and one.alt


def test_titles_name_all_that_come_first(found: Report) -> None:
    two = [found.ideas[0], replace(found.ideas[0], name="1.3/other")]
    titles = {one.name: one.title for one in report.drawn(replace(found, ideas=two))}
    assert titles["ideas"] == "The commonest wrong ideas are 1.1/sum and 1.3/other, each held by 2 of 5 students"
    assert titles["exercises"] == "The fewest points, 0%, are reached in 1.3"
    assert titles["scores"] == "The median of 5 students is 2 of 7 points"
    assert titles["arrivals"] == "1 of 2 students handed in after the due date"
    assert titles["calibration"] == "Intervals of 80% hold 33% of the truths"
    assert {one.name: one.title for one in report.drawn(found)}["ideas"].endswith(
        "idea is 1.1/sum, held by 2 of 5 students"
    )


def test_a_damaged_notebook_costs_its_predictions_and_is_told(original: Lab, tmp_path: Path) -> None:
    shutil.copytree(original.course, tmp_path / "course")
    (entry,) = (e for e in Ledger(tmp_path / "course").entries(original) if e.student == "bob")
    damaged = tmp_path / "course" / "ledger" / "executed" / f"{entry.executed}.ipynb.gz"
    damaged.write_bytes(b"no gzip")
    ran = run(tmp_path / "course", "1")
    assert ran.exit_code == 0
    assert str(damaged) in ran.stderr
    assert "The executed notebooks of 1 student cannot be read" in Reader(default(tmp_path, "lab01")).text


def default(folder: Path, name: str) -> str:
    return (folder / "course" / "class" / f"report-{name}.html").read_text()


def test_all_labs_are_one_page_and_those_without_a_class_are_left_out(original: Lab, tmp_path: Path) -> None:
    shutil.copytree(original.course, tmp_path / "course")
    shutil.copy(original.source, tmp_path / "course" / "solutions" / "lab02_other.py")
    assert run(tmp_path / "course", "--all").exit_code == 0
    assert "lab01: points, exercises, predictions" in default(tmp_path, "all")
    assert "lab02" not in default(tmp_path, "all")


def test_a_class_that_was_graded_is_reported(tmp_path: Path) -> None:
    lab = tiny.course(tmp_path / "course")
    build.build(lab)
    for student, answers in {"ada": RIGHT_ANSWERS, "bob": WRONG_ANSWERS}.items():
        folder = lab.course / "submitted" / student / lab.name
        folder.mkdir(parents=True)
        record.write(folder, [imagined.measured("stack", [1.5], predicted=[2.0, 3.0])])
        release = nbformat.read(lab.release, as_version=4)
        notebooks.save(notebooks.answered(release, answers), folder, lab.name)
    assert CliRunner().invoke(app, ["grade", "1", "--course", str(lab.course)]).exit_code == 0
    made = report.of(lab)
    assert [(idea.name, idea.sentence) for idea in made.ideas] == [("1.1/sum", "boxes do not add to metres")]
    assert re.fullmatch(r"height\(.+\) gave \d+\.\d+", made.ideas[0].seen)
    assert [(one.what, one.sides) for one in made.forecasts] == [("stack", Counter({-1: 2}))]


def test_without_a_class_it_says_so(tmp_path: Path) -> None:
    lab = tiny.course(tmp_path / "course")
    assert refusal(run(lab.course, "1")) == "nothing of lab01 has been graded: `course grade lab01` comes first"
    assert refusal(run(lab.course, "--all")) == "no lab has been graded yet: `course grade LAB` comes first"
    assert refusal(run(lab.course)) == "name a lab, or take --all of them"
    assert refusal(run(lab.course, "7")).startswith("there is no lab '7'")
    assert not (lab.course / "class").exists()


def test_what_cannot_be_written_is_told(original: Lab, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert "file" in refusal(run(original.course, "1", "-o", str(tmp_path / "file" / "page.html")))


def standings_of(results: list[tuple[Exercise, ...]]) -> list[Standing]:
    entries = [imagined.entry(Student(f"s{n}", exercises)) for n, exercises in enumerate(results)]
    return [Standing(Person(entry.student), True, entry) for entry in entries]
