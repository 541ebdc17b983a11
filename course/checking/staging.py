"""Files that a test hands to a student's function."""

import os
import tempfile
from contextlib import suppress
from pathlib import Path

STAGING = "TWO_BILLS_STAGING"  # the folder that a grader's judge may write to and a submission may read
LONGEST_STAGED = 1 << 40  # bytes of a staged file with a hole


def stage(name: str, content: bytes, *, size: int | None = None) -> Path:
    """A small file that a test hands to a student's function by its path: the function can read it, and no more.

    `size` makes it as long as that, at most `LONGEST_STAGED`: what follows `content` is a hole, which takes no room on
    the disk. Where the file system has no holes (Windows' unless told so), the file stays as short as its content.
    """
    folder = Path(os.environ.get(STAGING) or tempfile.mkdtemp(prefix="course-staged-"))
    path = folder / Path(name).name
    path.write_bytes(content)
    if size is not None and os.name == "posix":
        with suppress(OSError):
            os.truncate(path, size)
    return path
