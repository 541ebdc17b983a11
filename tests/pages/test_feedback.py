"""The page of verdicts, and the inside of the dialog: every word is there, and nothing of a student's is markup."""

from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from course import build, paths
from course.grading.result import Exercise, Result, Verdict
from course.notebook.cells import is_check, name_of
from course.pages import feedback
from course.pages.feedback import Outline

WHEN = datetime(2027, 3, 14, 10, 22, tzinfo=UTC)
OUTLINE = Outline("How tall is a stack?", {"1.1": "`height(n, each)` returns the height", "1.2": "`half(x)` halves"})
RESULT = Result(
    lab="lab01",
    exercises=[
        Exercise("1.1", 2, 2, "pass"),
        Exercise("1.2", 0, 1, "fail", "1.2/double", "half(3) gave 6; expected 1.5"),
    ],
    seconds=1.0,
    repaired=["the check of 1.2 was missing: it is put back"],
    flags=["cohort 1999: graded with the numbers of 2026"],
    sandbox=["landlock", "seccomp"],
)


class Reader(HTMLParser):
    """The words that a page shows, its elements and their attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self._shown: list[str] = []
        self._is_style = False
        self.feed(page)

    @property
    def text(self) -> str:
        return " ".join("".join(self._shown).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        self._is_style = tag == "style"

    def handle_endtag(self, tag: str) -> None:
        self._is_style = False

    def handle_data(self, data: str) -> None:
        if not self._is_style:
            self._shown.append(data)


def page(result: Result, **told: object) -> str:
    return feedback.page(result, outline=OUTLINE, when=WHEN, **told)  # type: ignore[arg-type]


def test_a_page_says_all_of_a_result() -> None:
    text = Reader(page(RESULT, who="Zoë N'Diaye")).text
    for said in (
        *("How tall is a stack?", "lab01 · Zoë N'Diaye · 2027-03-14 10:22 UTC", "2 of 3 points"),
        *("Exercise 1.1 ✓ right 2 of 2 height(n, each) returns the height", "Exercise 1.2 ✗ wrong 0 of 1"),
        *("half(3) gave 6; expected 1.5", "1.2/double", RESULT.repaired[0], RESULT.flags[0]),
        "Its code ran confined, by landlock, seccomp.",
    ):
        assert said in text, text


def test_what_is_not_there_is_not_mentioned() -> None:
    bare = page(replace(RESULT, repaired=[], flags=[], sandbox=[]))
    text = Reader(bare).text
    assert "lab01 · 2027-03-14" in text
    assert "Its code ran unconfined." in text
    assert not [said for said in ("repaired", "noticed", "hidden test", "the notebook") if said in text]


def test_a_page_leads_to_its_exercises_and_to_the_notebook() -> None:
    links = {
        value for name, value in Reader(page(RESULT, notebook="http://localhost/lab")).attributes if name == "href"
    }
    ids = {value for name, value in Reader(page(RESULT)).attributes if name == "id"}
    assert links == {"#exercise-1.1", "#exercise-1.2", "http://localhost/lab"}
    assert ids == {"exercise-1.1", "exercise-1.2"}


def test_hidden_tests_are_shown_only_as_far_as_they_are_given() -> None:
    shown = Reader(page(RESULT, tests={"1.2": "assert half(3) < 2"})).text
    assert shown.count("Its hidden test assert half(3) < 2") == 1
    assert "Its hidden test" not in Reader(page(RESULT)).text


@pytest.mark.parametrize("verdict", get_args(Verdict))
def test_every_verdict_has_words(verdict: Verdict) -> None:
    result = replace(RESULT, exercises=[Exercise("1.1", 0, 2, verdict, None, "so it is")])
    assert feedback.WORDS[verdict] in Reader(page(result)).text
    assert feedback.WORDS[verdict] in Reader(feedback.dialog(result)).text


def test_a_dialog_has_what_is_lost_first_then_blanks_notes_and_what_is_right() -> None:
    blank = [Exercise(name, 0, 2, "blank", None, "not answered yet") for name in ("1.3", "1.4")]
    text = Reader(feedback.dialog(replace(RESULT, exercises=[*RESULT.exercises, *blank]))).text
    assert text == (
        "1.2: wrong, 0 of 1 half(3) gave 6; expected 1.5 1.3, 1.4: blank not answered yet "
        f"Noticed {RESULT.repaired[0]} {RESULT.flags[0]} 1.1: right"
    )


HOSTILE = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="`"), min_size=1) | st.sampled_from(
    ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "</pre></style><b onclick='x'>", "{{ 7 * 7 }}"]
)


@given(HOSTILE)
def test_nothing_of_a_student_s_is_markup(words: str) -> None:
    for render in (everywhere, lambda words: feedback.dialog(saying(words))):
        harmless, hostile = Reader(render("harmless")), Reader(render(words))
        assert hostile.tags == harmless.tags
        assert hostile.attributes == harmless.attributes
        assert squeezed(hostile.text) == squeezed(harmless.text.replace("harmless", words))


def squeezed(text: str) -> str:
    return "".join(text.split())


def saying(words: str) -> Result:
    lost = Exercise("1.2", 0, 1, "fail", words, words)
    return Result("lab01", [lost], seconds=1, repaired=[words], flags=[words], sandbox=[words])


def everywhere(words: str) -> str:
    outline, tests = Outline(words, {"1.2": words}), {"1.2": words}
    return feedback.page(saying(words), outline=outline, when=WHEN, who=words, tests=tests)


@pytest.mark.parametrize("lab", build.labs(paths.PACKAGE.parent), ids=lambda lab: lab.key)
def test_each_exercise_of_a_lab_has_its_sentence(lab: build.Lab) -> None:
    notebook = build.instructor_notebook(lab)
    outline = feedback.outline(notebook)
    checks = [name_of(cell) or "" for cell in notebook.cells if is_check(cell)]
    assert outline.title.endswith("?")
    assert list(outline.tasks) == [check.removeprefix("test-").replace("-", ".") for check in checks]
    assert all(sentence.count("`") % 2 == 0 and 10 < len(sentence) < 200 for sentence in outline.tasks.values())
