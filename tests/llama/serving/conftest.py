"""The course's own model, for several texts at once, with one thread."""

from collections.abc import Iterator

import pytest

from course import models
from course.llama.serving import sequences
from course.llama.serving.sequences import Sequences


@pytest.fixture(scope="session")
def four() -> Iterator[Sequences]:
    with sequences.opened(models.path("two-bills-code"), n=4, n_context=128, n_threads=1) as found:
        yield found
