"""A checkout that lies where a box shows the system's files, or Python's, is hidden there; what shows is refused."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from course import build
from course.build import Lab
from course.grading import sandbox
from course.grading.grader import Notebooks, Rules, open_grader
from course.grading.handin.submissions import Submission
from course.grading.kernels.job import Job
from course.grading.result import Ungradable
from course.grading.run import privacy
from tests import tiny
from tests.labs import notebooks
from tests.tiny import RIGHT

LOOK = """def height(n, each):
    return n * each
import os
from pathlib import Path
files = [Path(here, name) for place in {places!r} for here, _, names in os.walk(place) for name in names]
print(*files)
for file in files:
    try:
        print("content:", file.read_bytes()[:80])
    except OSError:
        pass"""


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that every box shows: below the system's own."""
    folder = Path("/usr/local/share/two-bills-tests")
    try:
        folder.mkdir()
    except OSError:
        pytest.skip("only root may put something there")
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def lab(place: Path) -> Lab:
    lab = tiny.course(place / "course")
    build.build(lab)
    return lab


@pytest.fixture(params=["namespaces", "landlock alone"])
def layers(request: pytest.FixtureRequest) -> tuple[str, ...]:
    held = sandbox.probe()
    return held if request.param == "namespaces" else tuple(layer for layer in held if layer != "namespaces")


def test_a_cell_sees_nothing_of_a_checkout_below_usr(lab: Lab, layers: tuple[str, ...], tmp_path: Path) -> None:
    (lab.course / "gradebook.db").write_text("marks")
    class_ = lab.course.parent / "class"
    class_.mkdir()
    (class_ / "bob.ipynb").write_text("another's")
    places = [str(lab.course), str(class_)]
    rules = Rules(layers, private=(class_,))
    with open_grader(Notebooks.of(lab), rules) as grader:
        answers = {**RIGHT, "1.1": LOOK.format(places=places)}
        path = notebooks.save(notebooks.answered(grader.release, answers), tmp_path, lab.name)
        graded = grader.grade(Submission("ada", path, tmp_path))
    shown = [output.text for cell in graded.notebook.cells for output in cell.get("outputs", []) if "text" in output]
    assert "content:" not in "".join(shown)
    if "namespaces" in layers:  # landlock cannot keep names back
        assert lab.name not in "".join(shown)
    assert graded.result.points == 5


def test_grading_is_refused_where_something_shows(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(privacy, "to_hide", lambda folders: ())
    with pytest.raises(Ungradable, match=r"a submission could read /usr/local/share/two-bills-tests/course"):
        open_grader(Notebooks.of(lab), Rules(sandbox.probe()))


def test_what_an_interpreter_needs_stays(lab: Lab) -> None:
    job = Job(sandbox.probe(), hidden=privacy.to_hide([lab.course]))
    try:
        assert privacy.exposed(job, [lab.course]) == []
        assert privacy.exposed(job, [Path("/usr/share/doc")]) == ["/usr/share/doc"]
    finally:
        job.close()
