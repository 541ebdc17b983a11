"""Grading: from a submitted notebook to a verdict on every exercise."""
