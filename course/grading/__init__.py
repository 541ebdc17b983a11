"""Grading: from what was handed in to a verdict on every exercise. Read downwards, each part uses those below it only.

    preprocessors  nbgrader's own commands, by this grader
    book/          a class's ledger and gradebook: stored before it is graded, marked when it is in the ledger
    scale/         many submissions at once: workers on this machine, on a cluster
    self_check     one's own notebook
    grader         one lab's grader: a submission in, its verdicts out
    run/           execute the notebook; what its verdicts are; what is hidden from it
    handin/        what came in: find it, read it, repair it, flag it          reads strangers' files
    kernels/       the submission's process, forked from a warm one            runs strangers' code
    judge/         the tests' process, and the line between the two            runs the hidden tests
    sandbox/       what confines both
    result         what a result is

`README.md` beside this file says how a submission goes through them, and who is trusted with what.
"""

from course import fast_imports  # noqa: F401 (before all others)
