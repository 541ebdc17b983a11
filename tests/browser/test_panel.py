"""Lab 10's sliders in a real browser: moving one draws the picture anew, by the student's own functions."""

import nbformat
from playwright.sync_api import Page, expect

from course import build, paths
from tests.browser.conftest import Server

OPENED = "lab01_training_cost/lab01_training_cost.ipynb"
RUN_S = 180


def test_a_slider_that_is_moved_draws_the_picture_anew(server: Server, page: Page) -> None:
    write_until_the_sliders(server)
    script_errors: list[str] = []
    page.on("pageerror", lambda error: script_errors.append(str(error)))
    page.goto(server.url)
    expect(page.get_by_text("Python 3 (ipykernel) | Idle")).to_be_visible()  # before that, cells are not run
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()

    sliders = page.locator(".widget-vbox")
    picture = sliders.locator("img")
    picture.wait_for(timeout=RUN_S * 1000)
    expect(sliders.locator(".widget-label")).to_have_text(["users", "usd_per_mtok", "max_load", "peak_factor", ""])
    before = picture.get_attribute("src")
    readout = sliders.locator(".widget-readout").nth(2)
    readout.click()
    page.keyboard.press("Control+a")
    page.keyboard.type("0.25")
    page.keyboard.press("Enter")
    expect(readout).to_have_text("0.250")
    expect(picture).not_to_have_attribute("src", before or "")
    assert picture.evaluate("picture => picture.naturalWidth") > 300
    assert script_errors == []


def write_until_the_sliders(server: Server) -> None:
    """Put lab 10, solved and up to its sliders, in the place of the notebook that is opened."""
    solved = build.instructor_notebook(build.find(paths.PACKAGE.parent, "lab10"))
    code = [cell for cell in solved.cells if cell.cell_type == "code"]
    last = next(place for place, cell in enumerate(code) if "panel.sliders(" in cell.source)
    solved.cells = [cell for cell in code[: last + 1] if not cell.source.startswith("### BEGIN HIDDEN")]
    nbformat.write(solved, server.course / "work" / OPENED)
