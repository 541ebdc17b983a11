"""Figures that a lab quotes, or a picture shows, and that its own functions compute: both have to say the same."""

import re
import statistics
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from PIL import Image

from course import paths
from course.measure import record
from tests.labs import picture, prose

REFERENCE = paths.datasets() / "measured" / "reference_machine"


@pytest.fixture(scope="module")
def capstone() -> Iterator[Callable[[str], Any]]:
    """What lab 10's instructor notebook gives a name to."""
    with picture.names_of("lab10") as named:
        yield named


def test_the_picture_of_the_readme_shows_what_lab_1_computes() -> None:
    with Image.open(picture.FILE) as file:
        told = {key: file.text[key] for key in ("Title", "Description")}  # type: ignore[attr-defined]
    assert told == picture.shown(picture.drawn()), "python -m tests.labs.picture draws it anew"


def test_published_runs_get_what_lab_1_sums_up() -> None:
    assert "Whole published runs get a fifth to a half of the dense peak." in prose.everywhere()["lab01"]
    with picture.names_of("lab01") as named:
        utilisation = named("whole_run_mfu")("")
    assert (utilisation.min(), utilisation.max()) == pytest.approx((1 / 5, 1 / 2), abs=0.02)


@pytest.mark.parametrize(
    ("option", "quoted"),
    [
        ("api", r"the API costs {} million USD"),
        ("deploy", r"and deploying {} million,"),
        ("train", r"Training costs {} million"),
    ],
)
def test_the_example_of_a_memo_has_the_costs_of_the_plan(
    capstone: Callable[[str], Any], option: str, quoted: str
) -> None:
    printed = re.search(quoted.replace("{}", r"([\d.]+)"), prose.everywhere()["lab10"])
    usd = capstone("cost")(option)(capstone("values")(capstone("ALGERIA")))
    assert printed and float(printed[1]) == round(usd / 1e6, len(printed[1].partition(".")[2]))


def test_the_example_of_a_memo_has_the_shares_of_the_draws(capstone: Callable[[str], Any]) -> None:
    options, algeria = capstone("OPTIONS"), capstone("ALGERIA")
    costs = {option: capstone("cost")(option) for option in options}
    said = prose.everywhere()["lab10"]
    assert "The API is the cheapest in about six of ten draws" in said
    assert capstone("decision")(costs, algeria, 1)["api"] == pytest.approx(0.6, abs=0.05)
    assert "deploying is the cheapest in nearly nine of ten draws" in said
    at_home = {option: costs[option] for option in options if option != "api"}
    assert capstone("decision")(at_home, algeria, 1)["deploy"] == pytest.approx(0.88, abs=0.05)


def test_lab_5_says_what_the_reference_machine_s_threads_get() -> None:
    records = {found["what"]: found for found in record.read(REFERENCE)}
    reading, decode = (records[what]["values"] for what in ("read_bandwidth", "decode"))
    n_bytes = records["decode"]["weight_bytes"]
    one, two = (
        n_bytes * statistics.median(decode[label]) / statistics.median(reading[f"{label}, read"])
        for label in ("1 thread", "2 threads")
    )
    assert "one thread gets all of its roof (and 3 % more:" in prose.everywhere()["lab05"]
    assert one == pytest.approx(1.03, abs=0.005)
    assert "its two get three fifths of theirs" in prose.everywhere()["lab05"]
    assert two == pytest.approx(3 / 5, abs=0.03)
