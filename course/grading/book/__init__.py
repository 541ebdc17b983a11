"""A class's books: the ledger, which keeps everything, and nbgrader's gradebook, which is written from it."""
