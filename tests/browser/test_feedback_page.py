"""A page of verdicts, and of what a person adds, in a real browser: on a phone, in the dark, no script or request."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Page

from course.grading.result import Exercise, Result
from course.pages import feedback

HOSTILE = "<script>document.title = 'mine'</script><img src=http://127.0.0.1:9/x onerror=\"document.title = 'mine'\">"
IDEA = "1.2/sum"
COMMENT = "boxes do not add to metres"
LONG = "expected " + "[1.4142135623730951, " * 30
EXERCISES = [
    Exercise("1.1", 2, 2, "pass"),
    Exercise("1.2", 0, 2, "fail", HOSTILE, HOSTILE),
    Exercise("1.3", 0, 1, "blank", None, LONG.replace(" ", "")),
    Exercise("1.4", 0, 1, "fail", IDEA, f"that is a sum {HOSTILE}"),
]


@pytest.fixture
def address(tmp_path: Path) -> str:
    result = Result("lab01", EXERCISES, seconds=1.0, repaired=[HOSTILE], flags=[LONG])
    outline = feedback.Outline(HOSTILE, {"1.1": "`a(b)` returns c", "1.2": HOSTILE})
    path = tmp_path / "page.html"
    given = feedback.ByHand({"1.2": 0}, {"1.2": f"{COMMENT} {HOSTILE}", "1.3": LONG.replace(" ", "")})
    told = {"who": HOSTILE, "tests": {"1.2": HOSTILE, "1.3": LONG}, "by_hand": given}
    html = feedback.page(result, outline=outline, when=datetime.now(UTC), **told)  # type: ignore[arg-type]
    path.write_text(html, encoding="utf-8")
    return path.as_uri()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_it_fits_runs_nothing_and_asks_for_nothing(page: Page, address: str, width: int, scheme: str) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    page.goto(address)
    assert asked == [address]
    assert page.title().endswith("2 of 6 points")
    assert page.evaluate("document.documentElement.scrollWidth") == width
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    ink = page.evaluate("getComputedStyle(document.body).color")
    assert (brightness(paper) > brightness(ink)) == (scheme == "light")
    page.get_by_role("link", name="1.2: wrong").click()
    assert page.url == f"{address}#exercise-1.2"
    for shown in (IDEA, "that is a sum", COMMENT):
        assert page.get_by_text(shown).is_visible()
    for test in page.get_by_text("Its hidden test").all():
        test.click()
    assert asked == [address] and page.title().endswith("2 of 6 points")
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert page.evaluate("document.scripts.length + document.images.length") == 0


def brightness(color: str) -> int:
    return sum(int(part) for part in color.strip("rgb()").split(","))
