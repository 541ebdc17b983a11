"""Which of some paths can be read from inside a box: `python -m course.grading.sandbox.exposure` is told on stdin."""

import itertools
import json
import os
import sys

from course.grading.sandbox import Policy, enter

_TRIED = 1000  # files of a folder


def main() -> None:
    """Go into the box of {"policy": …}, and print those of its {"paths": […]} that can be read there."""
    asked = json.load(sys.stdin)
    enter(Policy.from_json(asked["policy"]))
    print(json.dumps([path for path in asked["paths"] if can_be_read(path)]), flush=True)
    os._exit(0)


def can_be_read(path: str) -> bool:
    """Whether a file, or a file of a folder, shows a byte. Names alone are no harm: landlock cannot keep them back."""
    if not os.path.isdir(path):
        return _shows(path)
    files = (os.path.join(here, name) for here, _, names in os.walk(path) for name in names)
    return any(map(_shows, itertools.islice(files, _TRIED)))


def _shows(file: str) -> bool:
    try:
        with open(file, "rb") as content:
            return bool(content.read(1))
    except OSError:
        return False


if __name__ == "__main__":
    main()
