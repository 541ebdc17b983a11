"""The Validate button in a real browser: what `course check` says, in nbgrader's own dialog."""

import nbformat
from playwright.sync_api import Page, expect

from tests.browser.conftest import Server
from tests.labs import notebooks

NOTEBOOK = "lab01_training_cost/lab01_training_cost.ipynb"
CHECK_S = 180
RIGHT = "def layers_flop(n, widths):\n    return 2 * n * sum(a * b for a, b in zip(widths, widths[1:]))"
WRONG = {
    "1.2": "def train_flop(n_active_params, n_tokens):\n    return 2 * n_active_params * n_tokens",
    "1.6": "def energy_mwh(device_hours, watts, pue):\n    raise KeyError('<img src=x onerror=alert(1)>')",
}


def test_validate_says_what_is_right_and_wrong_in_the_editor(server: Server, page: Page) -> None:
    answer(server, WRONG)
    script_errors: list[str] = []
    page.on("pageerror", lambda error: script_errors.append(str(error)))
    page.on("dialog", lambda alert: script_errors.append(alert.message))
    page.goto(server.url)
    page.locator(".jp-Notebook-ExecutionIndicator[data-status='idle']").first.wait_for(state="attached")
    editor = page.locator(".jp-CodeCell", has_text="def layers_flop").first.locator(".cm-content")
    editor.click()
    page.keyboard.press("Control+a")
    page.keyboard.insert_text(RIGHT)  # and it is not saved
    page.get_by_role("button", name="Validate").click()

    dialog = page.locator(".jp-Dialog", has_text="Validation Results")
    dialog.wait_for(timeout=CHECK_S * 1000)
    told = dialog.inner_text()
    assert "lab01: 2 of 16 points" in told
    assert "1.1: right" in told
    assert "1.2: wrong, 0 of 2" in told and "that is the forward pass alone" in told
    assert "1.6: stopped by an error, 0 of 1" in told and "<img src=x onerror=alert(1)>" in told
    assert "1.3, 1.4, 1.5, 1.7, 1.8, 1.9, 1.10: blank" in told
    assert "The following cell failed" not in told
    assert script_errors == []
    dialog.get_by_role("button", name="Ok").click()
    expect(page.get_by_role("button", name="Validate")).to_be_enabled()


def test_validate_says_in_a_sentence_why_it_cannot(server: Server, page: Page) -> None:
    path = server.course / "work" / NOTEBOOK
    path.write_text(path.read_text().replace('lab.start(\\"lab01\\"', 'lab.start(\\"lab12\\"'))
    page.goto(server.url)
    page.locator(".jp-Notebook-ExecutionIndicator[data-status='idle']").first.wait_for(state="attached")
    page.get_by_role("button", name="Validate").click()
    dialog = page.locator(".jp-Dialog", has_text="Validation Results")
    dialog.wait_for(timeout=CHECK_S * 1000)
    assert "is a notebook of lab12, and in" in " ".join(dialog.inner_text().split())


def answer(server: Server, answers: dict[str, str]) -> None:
    path = server.course / "work" / NOTEBOOK
    nbformat.write(notebooks.answered(nbformat.read(path, as_version=4), answers), path)
