"""The page that `course report` writes, in a real browser: on a phone, in the dark, without script or request."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Page

from course.classroom import report
from course.grading.result import Exercise
from tests import tiny
from tests.browser.test_feedback_page import HOSTILE, LONG, brightness
from tests.classroom import imagined
from tests.classroom.imagined import Student


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("class")
    lab = tiny.course(folder / "course")
    given = Exercise("1.2", 0, 1, "fail", None, f"half(5) gave {LONG.replace(' ', '')}; {LONG}")
    lost = (Exercise("1.1", 0, 2, "fail", HOSTILE, HOSTILE), given)
    records = (imagined.measured("stack", [3.0]),)
    imagined.write(lab, [Student(f"s{n}", lost, records=records, repaired=(HOSTILE,)) for n in range(3)])
    made = report.of(lab)
    path = folder / "page.html"
    path.write_text(report.page([made], [report.drawn(made)], when=datetime.now(UTC), names=True), encoding="utf-8")
    return Path(path).as_uri()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_it_fits_runs_nothing_and_asks_for_nothing(page: Page, address: str, width: int, scheme: str) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    page.goto(address)
    assert [url for url in asked if not url.startswith("data:image/png;base64,")] == [address]
    assert page.title() == "lab01: what the class understood"
    assert page.evaluate("document.documentElement.scrollWidth") == width
    shown = page.evaluate("[...document.images].map(image => image.complete && image.naturalWidth)")
    assert shown == [880] * 5
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    ink = page.evaluate("getComputedStyle(document.body).color")
    assert (brightness(paper) > brightness(ink)) == (scheme == "light")
