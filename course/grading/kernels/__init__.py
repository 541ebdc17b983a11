"""The submission's process: forked from a warm one, confined, and spoken to as a Jupyter kernel."""
