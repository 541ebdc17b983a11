"""The simulated class, small: from the platform's zip to marks in the platform's file, and a wrong mark ends it."""

from dataclasses import replace

import pytest

from benchmarks import cost, imaginary, simulated_class
from benchmarks.imaginary import Work
from course.grading import sandbox


@pytest.fixture(scope="module")
def work() -> Work:
    return Work("lab01")


@pytest.mark.skipif(not sandbox.is_supported(), reason="the engine runs on Linux")
def test_a_class_goes_from_the_zip_to_the_platforms_file() -> None:
    report = simulated_class.measure(students=5, labs=["lab01"], platforms=["Canvas"])
    found = {row["what"]: row["ours"] for row in report["rows"]}
    members, work = imaginary.people(5, seed=simulated_class.SEED), Work("lab01")
    marked = [one for one in members if work.of(one, seed=simulated_class.SEED).mark is not None]
    assert found["marks in the platform's file that are the fixtures'"] == len(marked) >= 3


def test_all_kinds_are_drawn_and_know_their_marks(work: Work) -> None:
    handed_in = [work.of(member, seed=simulated_class.SEED) for member in imaginary.people(300, seed=1)]
    kinds = {one.kind.split(":")[0] for one in handed_in}
    assert kinds == set(imaginary.SHARES)
    most = sum(work.points.values())
    for one in handed_in:
        assert (one.mark is None) == (one.kind == "absent" or one.kind.startswith("broken"))
        assert one.mark is None or 0 <= one.mark <= most
    assert {one.mark for one in handed_in if one.kind == "right"} == {most}
    assert all(one.mark < most for one in handed_in if one.kind in ("wrong ideas", "handed in again") and one.mark)


def test_a_wrong_or_missing_mark_ends_it(work: Work) -> None:
    ada, bob = imaginary.people(2, seed=1)
    right = replace(work.of(ada, seed=1), mark=3.5)
    absent = replace(right, mark=None, kind="absent")
    handed_in = {ada: right, bob: absent}
    assert simulated_class._compare({ada.id: "3,5", bob.id: ""}, handed_in, work) == 1
    for marks in ({ada.id: "3", bob.id: ""}, {ada.id: "", bob.id: ""}, {ada.id: "3.5", bob.id: "0"}, {ada.id: "3.5"}):
        with pytest.raises(cost.Failed, match=r"lab01: b202600\d"):
            simulated_class._compare(marks, handed_in, work)
