"""Everything that knows people: who is in the class, when they hand in, what each has, and what a teacher gets of it.

    report               a page about the class: misconceptions, items, arrivals, predictions, and pictures of them
    likeness             what two have alike: records, and answers by winnowing
    executed             the notebooks behind the results
    feedback             a page for each student
    marking              answers that a person marks, and comments that are used again
    export               marks in the files that learning platforms take (sheets: how they are read and written)
    standings            what each student has in a lab: ledger, gradebook and roster together
    dates                due dates and late penalties, by nbgrader's own means (extensions: who has longer for a lab)
    people               the roster (enrolment: lists that are taken into it)

The grading engine knows none of it: it grades submissions, and these read its ledger and gradebook.
"""
