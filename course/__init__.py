"""The Two Bills: what a language model costs to train, and what it costs to run."""

__version__ = "2026.1"
