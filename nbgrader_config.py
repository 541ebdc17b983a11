"""The course, for nbgrader and for `course`: cohort, sources, engine. One line each."""

from pathlib import Path

c = get_config()  # type: ignore[name-defined]  # noqa: F821  (traitlets defines it)

c.TwoBills.cohort = "2026"  # change it every year: every hidden number changes with it; then `course build`

c.CourseDirectory.course_id = "two-bills"
c.CourseDirectory.root = str(Path(__file__).resolve().parent)
c.CourseDirectory.source_directory = "solutions"
c.CourseDirectory.release_directory = "notebooks"
c.CourseDirectory.ignore = [".ipynb_checkpoints", "*.pyc", "__pycache__", "*.py"]
