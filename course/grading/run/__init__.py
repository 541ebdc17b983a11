"""Execute a submission, and say what its verdicts are."""
