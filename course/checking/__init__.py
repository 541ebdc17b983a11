"""What a test cell imports: compare an answer with what is right and with what each known wrong idea would give.

    expect_each(device_hours, cases).close_to(hours, wrong={
        "1.4/seconds": ("that is in seconds; device-hours are asked", lambda flop, peak, mfu: flop / peak / mfu),
    })

What is right, and what an idea gives, is a value, an exception's type, or a function of the same arguments. An idea is
named only if the answers to all calls are that idea's, and no other's, within the test's tolerance. Any other wrong
answer is shown with its inputs and what was expected. A failed expectation shows a verdict bundle in the cell's output,
which `course check` reads, and raises. One that holds is silent.

    values       when two values are the same, whatever library they come from, and where they first differ
    shown        values in a message: as many digits as tell two apart
    calling      a student's function is called, here or in another process
    ideas        what a known wrong idea gives
    expectation  expect, expect_each, what they hold an answer to
    separation   inputs on which all ideas differ
    bank         somebody's implementations, for an exercise that judges them; functions that are handed to a student
    staging      files that are handed to a student
    verdict      a verdict is shown, and raised
"""

from course.checking.bank import Bank, handed
from course.checking.expectation import Expectation, expect, expect_each
from course.checking.ideas import NOTHING_REFUSED, Ideas
from course.checking.separation import told_apart
from course.checking.staging import LONGEST_STAGED, STAGING, stage
from course.checking.values import Raised, same
from course.checking.verdict import MIME, Implausible, WrongAnswer, plausible

__all__ = [
    "LONGEST_STAGED",
    "MIME",
    "NOTHING_REFUSED",
    "STAGING",
    "Bank",
    "Expectation",
    "Ideas",
    "Implausible",
    "Raised",
    "WrongAnswer",
    "expect",
    "expect_each",
    "handed",
    "plausible",
    "same",
    "stage",
    "told_apart",
]
