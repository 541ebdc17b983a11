"""The commands of `course`, by who uses them: parse, call, print. What is done lives in the other modules."""
