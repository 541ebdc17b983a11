"""A course of one small lab, for the tests that need a course of their own to change."""

import shutil
from pathlib import Path

from course import paths
from course.build import Lab

SOURCE = '''\
# %% [markdown]
# # How tall is a stack?

# %% nbgrader={"grade_id": "start"}
import sys
from math import isclose

from course import lab

lab.start("lab01", cohort="any")

# %% [markdown] nbgrader={"grade_id": "ex-1-1-task"}
# **Exercise 1.1 (2 points).** `height(n, each)` returns the height of n boxes.

# %% nbgrader={"grade_id": "ex-1-1"}
def height(n, each):
    """Metres of `n` boxes of `each` metres."""
    ### BEGIN SOLUTION
    total = n * each
    return total
    ### END SOLUTION


# %%
height(2, 3)  # try it

# %% nbgrader={"grade_id": "test-1-1", "points": 2}
### BEGIN HIDDEN TESTS
from course.checking import expect
from course.cohort import rng

n, each = rng("1.1").uniform(2, 9, 2)
expect(height, n, each).close_to(n * each, wrong={"1.1/sum": ("boxes do not add to metres", n + each)})
### END HIDDEN TESTS
assert isclose(height(2, 3), 6), "the worked example"

# %% [markdown] nbgrader={"grade_id": "ex-1-2-task"}
# **Exercise 1.2 (stretch, 1 point).** `half(x)` returns half of x.

# %% nbgrader={"grade_id": "ex-1-2"}
def half(x):
    ### BEGIN SOLUTION
    return x / 2
    ### END SOLUTION


# %%
half(3)  # try it

# %% nbgrader={"grade_id": "test-1-2", "points": 1}
### BEGIN HIDDEN TESTS
from course.checking import expect

expect(half, 5).close_to(2.5)
### END HIDDEN TESTS
assert half(3) == 1.5, "the worked example"

# %% nbgrader={"grade_id": "given-box"}
BOX = 3

# %% [markdown] nbgrader={"grade_id": "ex-1-3-task"}
# **Exercise 1.3 (2 points).** `boxes(height)` returns how many boxes that is.

# %% nbgrader={"grade_id": "ex-1-3"}
def boxes(height):
    ### BEGIN SOLUTION
    return height // BOX
    ### END SOLUTION


# %% nbgrader={"grade_id": "test-1-3", "points": 2}
### BEGIN HIDDEN TESTS
from course.checking import expect

expect(boxes, 10).equals(3)
### END HIDDEN TESTS
assert boxes(6) == 2, "the worked example"

# %% [markdown]
# Predict, then measure.

# %% nbgrader={"grade_id": "predict-stack"}
### BEGIN SOLUTION
lab.predict("stack", 1, 2, "s")
### END SOLUTION

# %% tags=["raises-exception"]
def timed():
    open("it-ran", "w").close()
    return [1.5]


lab.measure("stack", timed);

# %% [markdown] nbgrader={"grade_id": "ex-1-4-task"}
# **Exercise 1.4 (2 points).** `seconds(record)` returns the median of your record.

# %% nbgrader={"grade_id": "ex-1-4"}
def seconds(record):
    ### BEGIN SOLUTION
    return record["median"]
    ### END SOLUTION


# %% nbgrader={"grade_id": "test-1-4", "points": 2}
assert seconds(lab.measure("stack", timed)) == 1.5, "the median"
'''

RIGHT = {  # answers to it, each written otherwise than the instructor's
    "1.1": "def height(n, each):\n    return each * n",
    "1.2": "def half(x):\n    return 0.5 * x",
    "1.3": "def boxes(height):\n    return int(height / BOX)",
    "1.4": "def seconds(record):\n    return record['median']",
}


def course(folder: Path, source: str = SOURCE) -> Lab:
    """The small lab in a course folder of its own, configured as this course is."""
    (folder / "solutions").mkdir(parents=True)
    shutil.copy(paths.PACKAGE.parent / "nbgrader_config.py", folder)
    lab = Lab("lab01_stack", folder)
    lab.source.write_text(source)
    return lab


def configure(lab: Lab, line: str) -> None:
    """Add a line to the course's nbgrader_config.py."""
    with (lab.course / "nbgrader_config.py").open("a") as file:
        file.write(f"\n{line}\n")
