"""The line that says how far a measurement is."""

from typing import Any

import pytest

from course import progress


@pytest.mark.parametrize(
    ("done", "seconds", "text"),
    [
        (0, 3.0, "0%"),
        (1, 1.0, "1%"),  # too early to tell
        (25, 10.0, "25%, 30 s left"),
        (10, 60.0, "10%, 9 min left"),
        (99, 99.4, "99%, 1 s left"),
        (100, 34.2, "done in 34 s"),
        (100, 890.0, "done in 15 min"),
    ],
)
def test_what_is_done_tells_what_is_left(done: int, seconds: float, text: str) -> None:
    assert progress.told(done, 100, seconds=seconds) == text


def test_one_line_changes_at_most_twice_a_second_and_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    now, lines = 0.0, []

    class Handle:
        def update(self, data: dict[str, Any], *, raw: bool) -> None:
            assert raw
            lines.append(data["text/plain"])

    def display(data: dict[str, Any], *, raw: bool, display_id: bool) -> Handle:
        assert raw and display_id
        lines.append(data["text/plain"])
        return Handle()

    monkeypatch.setattr("IPython.display.display", display)
    monkeypatch.setattr("course.progress.time.monotonic", lambda: now)
    report = progress.line("the ladder")
    for n in range(1, 11):
        now = n * 0.2
        report(n, 10)
    assert lines == [
        "the ladder: begun",
        "the ladder: 30%, 1 s left",
        "the ladder: 60%, 1 s left",
        "the ladder: 90%, 0 s left",
        "the ladder: done in 2 s",
    ]
