"""The tests' process, the line between it and the submission, and how values cross."""
