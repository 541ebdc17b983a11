"""Grading: from what was handed in to a verdict on every exercise. The path of a submission:

    submissions   what was handed in: a folder, a zip, a notebook; one Submission per student       (files: its limits)
    ledger        stored by its hash before anything runs; what is known is not graded again        (bookkeeping, disk)
    intake        is it a notebook, and this lab's?                 ── no → a row with the reason
    repair        graded cells deleted, doubled, moved, retyped, edited: put back from the release, and listed
    records       the measurements in its outputs, saved before outputs are wiped
    job           a folder of its own on this machine; who may see what of it
    execute       cell by cell:
      kernel        a student's cell runs in a confined kernel          ┐ forked (fork) by template, the warm process,
      referee       a check goes to the judge; calls go to and fro      │ through warm (and provisioner, for Jupyter),
        judge         runs the test, in a second confined process       │ into a sandbox
        agent         answers for the student's names, in the kernel    ┘
        peer, codec, encoding   how calls and values cross between the two
    verdicts      what each check's judgement, and the answer's text, say about the exercise
    result        the verdicts, what was repaired, what looks odd (suspicion), which layers confined it
    ledger        the result is appended, and on the disk; only then are its marks in the gradebook

`desk` walks this path for one lab; `pool` has several workers do so; `gradebook` writes the marks into nbgrader's.
`preprocessor` puts `execute` under nbgrader's own commands. `check` is the student's own use of a desk, and
`unconfined` what it falls back to where nothing can be confined. `hiding` knows what holds an exercise's answer.

Nothing that runs a student's code is trusted: it sees no test, no other file of the machine, no network; it can answer
calls, and no more. Nothing that it says is unpickled. A pass is said by the judge, never taken from silence.
"""

from course import lean  # noqa: F401 (before all others)
