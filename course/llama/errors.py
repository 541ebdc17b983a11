"""What a function of this package raises."""


class LlamaError(ValueError):
    """Something that llama.cpp cannot do, or should not be asked to: one line that says what, why, and the way out."""
