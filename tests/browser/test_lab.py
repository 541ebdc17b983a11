"""Lab 1 in a real browser, as a student opens it."""

import json
import time
import urllib.request
from typing import Any

from playwright.sync_api import Page, expect

from course import lab
from tests.browser.conftest import Server

NOTEBOOK = "lab01_training_cost/lab01_training_cost.ipynb"
UNANSWERED = {"NotImplementedError", lab.NoPrediction.__name__, lab.NoRecord.__name__}
RUN_S = 180


def test_run_all_reaches_the_last_cell_and_meets_only_unanswered_exercises(server: Server, page: Page) -> None:
    script_errors: list[str] = []
    page.on("pageerror", lambda error: script_errors.append(str(error)))

    page.goto(server.url)
    expect(page.get_by_role("heading", name="What did GPT-4 cost?").first).to_be_visible()
    expect(page.get_by_role("button", name="Validate")).to_be_visible()
    page.locator(".jp-Notebook-ExecutionIndicator[data-status='idle']").first.wait_for(state="attached")
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    cells = _executed(server, page)

    raised = {o["ename"] for cell in cells for o in cell.get("outputs", []) if o["output_type"] == "error"}
    assert raised
    assert raised <= UNANSWERED
    assert [cell for cell in cells if any("image/png" in o.get("data", {}) for o in cell.get("outputs", []))]
    assert script_errors == []


def test_a_student_sees_no_news_and_nothing_of_the_instructors(server: Server, page: Page) -> None:
    page.goto(server.url)
    expect(page.get_by_role("heading", name="What did GPT-4 cost?").first).to_be_visible()
    menus = page.get_by_role("menubar").first.get_by_role("menuitem").all_inner_texts()
    assert "Run" in menus
    assert "Nbgrader" not in menus
    assert page.get_by_text("Create Assignment").count() == 0
    assert page.get_by_text("official Jupyter news").count() == 0


def _executed(server: Server, page: Page) -> list[dict[str, Any]]:
    """The notebook's code cells once the last one has run, as the server saves them.

    Read from the file: to ask the server while it saves makes it answer with an error, now and then.
    """
    cells: list[dict[str, Any]] = []
    for _ in range(RUN_S):
        time.sleep(1)
        page.keyboard.press("Control+s")
        try:
            saved = json.loads((server.course / "work" / NOTEBOOK).read_text())
        except json.JSONDecodeError:  # half written
            continue
        cells = [cell for cell in saved["cells"] if cell["cell_type"] == "code"]
        kernels = _get(server, "/api/kernels")
        if cells[-1]["execution_count"] and all(kernel["execution_state"] == "idle" for kernel in kernels):
            return cells
    raise AssertionError(f"the last cell has not run after {RUN_S} s: {cells[-1:]}")


def _get(server: Server, path: str) -> Any:
    request = urllib.request.Request(server.root + path, headers={"Authorization": f"token {server.token}"})
    with urllib.request.urlopen(request, timeout=30) as response:
        return json.load(response)
