"""`course compare`: copies that were put into a class are found, and what many write of themselves is not."""

import json
from importlib import import_module
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from course import build, paths
from course.build import Lab
from course.classroom import likeness, winnowing
from course.classroom.executed import Work
from course.classroom.people import Person
from course.cli import app
from course.grading.result import Exercise
from course.measure.record import Record
from tests import tiny
from tests.classroom import imagined
from tests.classroom.imagined import Student, measured
from tests.pages.test_feedback import Reader

PASSED = (Exercise("1.1", 2, 2, "pass"),)
TIMES = [0.0123456789, 0.0123999912, 0.0124567123]
LONG = '''
def height(n, each):
    """Metres of boxes."""
    total = 0.0
    for place in range(int(n)):
        if place % 2 == 0:
            total += each * 1.0
        else:
            total = total + each
    rest = n - int(n)
    while rest > 0 and total >= 0:
        total, rest = total + rest * each, 0
    return max(total, sum([0.0, total]) - 0)
'''
COPIED = '''
def height( count, metres ):  # all mine
    """My own words."""
    result = 0.0

    for i in range(int(count)):
        if i % 2 == 0:
            result += metres * 1.0
        else:
            result = result + metres
    left = count - int(count)
    while left > 0 and result >= 0:
        result, left = result + left * metres, 0
    return max(result, sum([0.0, result]) - 0)
'''
OTHER = """
def height(n, each):
    if not isinstance(n, (int, float)):
        raise TypeError(f"boxes are counted, got {n!r}")
    stack = [each for _ in range(int(n))]
    stack.append(each * (n % 1))
    return float(sum(stack, start=0)) if stack else {"none": 0.0}.get("none", each)
"""
HOSTILE = "<script>document.title = 'mine'</script>"


def work(student: str, answer: str = "", *records: Record) -> Work:
    return Work(Person(student), {"ex-1-1": answer}, list(records))


def found(*works: Work) -> list[tuple[str, ...]]:
    return [one.students for one in likeness.alike_answers(works, SOLUTION)]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    lab = tiny.course(tmp_path_factory.mktemp("class") / "course")
    students = [
        Student("ada", PASSED, {"1.1": LONG + f'\n"""{HOSTILE}"""'}, (measured("stack", TIMES),)),
        Student("bob", PASSED, {"1.1": COPIED}, (measured("stack", TIMES, date="2026-10-02T08:00:00+00:00"),)),
        Student("cem", PASSED, {"1.1": OTHER}, (measured("stack", [*TIMES[:2], 0.0124567124]),)),
        Student("dia", PASSED, {"1.1": tiny.RIGHT["1.1"]}),
        Student("eve", PASSED, {"1.1": tiny.RIGHT["1.1"]}),
    ]
    imagined.write(lab, students)
    return lab


SOLUTION = build.instructor_notebook(build.find(paths.PACKAGE.parent, "1"))


def run(lab: Lab, *arguments: str) -> Any:
    return CliRunner().invoke(app, ["compare", *arguments, "--course", str(lab.course)])


def test_the_same_times_and_a_renamed_copy_are_flagged_with_both_sides(lab: Lab) -> None:
    ran = run(lab, "lab01", "--json")
    assert ran.exit_code == 0, ran.output
    told = json.loads(ran.stdout)
    assert (told["lab"], told["students"]) == ("lab01", 5)
    (same,) = told["records"]
    assert same["what"] == "stack"
    assert {student: one["date"][:10] for student, one in same["held"].items()} == {
        "ada": "2026-10-01",
        "bob": "2026-10-02",
    }
    (pair,) = told["answers"]
    assert (pair["exercise"], list(pair["sides"])) == ("1.1", ["ada", "bob"])
    assert pair["score"] > 0.9
    assert pair["sides"]["bob"] == COPIED.strip("\n")


def test_the_table_has_records_first_and_no_verdict(lab: Lab, tmp_path: Path) -> None:
    ran = run(lab, "1", "--html", str(tmp_path / "sides.html"))
    assert ran.exit_code == 0, ran.output
    told = " ".join(ran.stdout.split())
    assert told.index("records that several of 5 students hold, 1 in all") < told.index("pairs of answers")
    assert "ada: 2026-10-01T10:00:00+00:00" in ran.stdout
    page = Reader((tmp_path / "sides.html").read_text())
    assert "script" not in page.tags
    assert HOSTILE in page.text and "0.0123456789" in page.text


def test_layout_comments_names_and_texts_leave_no_trace() -> None:
    assert winnowing.fingerprints(LONG) == winnowing.fingerprints(COPIED)
    assert len(winnowing.fingerprints(LONG)) > 10
    assert not winnowing.fingerprints(LONG) & winnowing.fingerprints(OTHER)


def test_what_is_alike_over_so_many_tokens_is_always_seen() -> None:
    shared = LONG.partition("rest =")[0].strip()
    assert len(winnowing.tokens(shared)) >= winnowing.LONG
    assert winnowing.fingerprints(f"{OTHER}\n{shared}") & winnowing.fingerprints(f"x = [1, 2]\n{shared}\ny = {{}}")


@pytest.mark.parametrize(
    "source", ["", "def f(:\n  '''", "\0", "%time f(1)", "  x\n y", "(" * 5000, "é" * 10, "\ud800"]
)
def test_what_is_no_program_is_read_as_far_as_it_goes(source: str) -> None:
    assert isinstance(winnowing.fingerprints(source), frozenset)


def test_short_answers_and_the_lab_s_own_say_nothing() -> None:
    short = "def height(n, each):\n    return sum(each for _ in range(n)) if n > 0 else 0"
    assert len(winnowing.tokens(short)) < likeness.SHORT
    own = next(cell.source for cell in SOLUTION.cells if cell.metadata.get("nbgrader", {}).get("grade_id") == "ex-1-7")
    assert len(winnowing.tokens(own)) >= likeness.SHORT
    for answer in (short, own):
        assert found(work("ada", answer), work("bob", answer)) == []
    assert found(work("ada", LONG), work("bob", LONG)) == [("ada", "bob")]


@pytest.mark.parametrize(("sharing", "size", "pairs"), [(3, 10, 3), (4, 10, 0), (4, 80, 6), (5, 80, 0)])
def test_what_many_of_a_class_have_is_common(sharing: int, size: int, pairs: int) -> None:
    works = [work(f"s{n:02d}", LONG if n < sharing else "") for n in range(size)]
    assert len(found(*works)) == pairs


def test_of_all_right_answers_only_edits_of_one_another_are_flagged() -> None:
    flagged, n = [], 0
    for lab in build.labs(paths.PACKAGE.parent):
        solution = build.instructor_notebook(lab)
        for exercise, answers in import_module(f"tests.labs.{lab.key}").RIGHT.items():
            cell = f"ex-{exercise.replace('.', '-')}"
            works = [Work(Person(str(place)), {cell: one}, []) for place, one in enumerate(answers)]
            flagged += [(one.exercise, *one.students) for one in likeness.alike_answers(works, solution)]
            n += sum(1 for _ in combinations([one for one in works if _is_long(one)], 2))
    # A line, some constants, and the half of an answer that another one keeps word for word.
    assert flagged == [("3.7", "0", "1"), ("3.8", "1", "2"), ("3.8", "0", "1")]
    assert n > 100


def _is_long(one: Work) -> bool:
    return len(winnowing.tokens(*one.answers.values())) >= likeness.SHORT


def test_records_are_the_same_by_their_values_or_as_a_whole() -> None:
    def held(*records: Record) -> list[str]:
        works = [work(f"s{n}", "", record) for n, record in enumerate(records)]
        return [one.what for one in likeness.same_records(works)]

    other_day = {"date": "2026-11-01T10:00:00+00:00"}
    labelled = {**measured("t", TIMES), "values": {"a": TIMES, "b": [1.0]}}
    assert held(measured("t", TIMES), measured("t", TIMES, **other_day)) == ["t"]
    assert held(labelled, {**labelled, **other_day}) == ["t"]
    assert held(measured("t", TIMES), measured("u", TIMES)) == []
    assert held(measured("t", [1.5]), measured("t", [1.5], **other_day)) == []  # a coarse clock
    exact = measured("kl", [0.0123456789], unit="nat")  # the same on every machine
    assert held(exact, {**exact, **other_day}) == []
    assert held(exact, exact) == ["kl"]
    endless = measured("t", [float("nan")])
    assert held(endless, endless) == []


def test_without_a_class_it_says_so(tmp_path: Path) -> None:
    ran = run(tiny.course(tmp_path / "course"), "1")
    assert (ran.exit_code, ran.stdout) == (2, "")
    assert ran.stderr == "nothing of lab01 has been graded: `course grade lab01` comes first\n"


def test_where_nothing_is_alike_there_is_a_line_and_no_empty_table(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(likeness, "of", lambda lab: likeness.Likeness(lab.key, 4, [], [], []))
    ran = run(lab, "lab01")
    assert ran.stdout.splitlines() == [
        "lab01: no records are alike among 4 students",
        "lab01: no pairs of answers are alike among 4 students",
    ]
