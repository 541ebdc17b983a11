"""A new lab from a skeleton that builds, and passes the tests that every lab passes."""

import re
from pathlib import Path

from course.build import BadSource, Lab, labs

_FOLDER = Path(__file__).parent


def make(course: Path, number: int, name: str) -> list[Path]:
    """Write the source of lab `number` and, where the course has tests, its answers; returns the files.

    Raises BadSource if the lab is there already, or if `name` is no name such as "serving".
    """
    key = f"lab{number:02d}"
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or not 0 < number < 100:
        raise BadSource(
            f"a lab is a number from 1 to 99 and a name in small letters, such as 7 serving: not {number} {name}"
        )
    if known := next((lab for lab in labs(course) if lab.key == key), None):
        raise BadSource(f"{key} is there already: {known.source}")
    made = [(Lab(f"{key}_{name}", course).source, "lab.py.txt")]
    if (tests := course / "tests" / "labs").is_dir():
        made.append((tests / f"{key}.py", "answers.py.txt"))
    for path, _ in made:
        if path.exists():
            raise BadSource(f"{path} is there already")
    for path, skeleton in made:
        text = (_FOLDER / skeleton).read_text("utf-8")
        path.write_text(text.replace("NN.", f"{number}.").replace("-NN-", f"-{number}-").replace("LAB", key), "utf-8")
    return [path for path, _ in made]
