"""The course, for nbgrader and for `course`: cohort, sources, engine. One line each."""

from pathlib import Path

c = get_config()  # type: ignore[name-defined]  # noqa: F821  (traitlets defines it)

c.TwoBills.cohort = "2026"  # change it every year: every hidden number changes with it; then `course build`

c.TwoBills.zone = "UTC"  # of the times that your learning platform writes: "Africa/Algiers", say
c.TwoBills.due = {}  # {"lab01": "2026-10-15 23:59 Africa/Algiers"}; `course due` shows them
c.TwoBills.late = {}  # {"per_day": 0.1, "grace_minutes": 15, "cut_off_days": 7}: a share of the lab's points for a day

c.CourseDirectory.course_id = "two-bills"
c.CourseDirectory.root = str(Path(__file__).resolve().parent)
c.CourseDirectory.source_directory = "solutions"
c.CourseDirectory.release_directory = "notebooks"
c.CourseDirectory.ignore = [".ipynb_checkpoints", "*.pyc", "__pycache__", "*.py"]
c.OverwriteCells.add_missing_cells = True
c.Execute.timeout = 60
c.Execute.startup_timeout = 120  # a loaded machine needs more than the default minute
c.Execute.shutdown_kernel = "immediate"  # a polite shutdown waits two seconds for torch to leave
c.Autograde.sanitize_preprocessors = [
    "course.grading.preprocessors.Repair",  # ahead of all others, which a damaged notebook would stop
    "course.grading.preprocessors.SaveRecords",  # ahead of ClearOutput, which wipes the outputs that carry them
    *(f"nbgrader.preprocessors.{name}" for name in ("ClearOutput", "DeduplicateIds", "OverwriteKernelspec")),
    *(f"nbgrader.preprocessors.{name}" for name in ("OverwriteCells", "CheckCellMetadata")),
]
c.Autograde.autograde_preprocessors = [
    "course.grading.preprocessors.Grade",  # in a box, tests outside of it; nbgrader's own Execute does neither
    "nbgrader.preprocessors.IgnorePattern",
    "nbconvert.preprocessors.ClearMetadataPreprocessor",
    "nbgrader.preprocessors.LimitOutput",
    "course.grading.preprocessors.SaveMarks",  # the verdicts'; nbgrader's own SaveAutoGrades reads outputs
    *(f"nbgrader.preprocessors.{name}" for name in ("AssignLatePenalties", "CheckCellMetadata")),
]
c.AssignLatePenalties.plugin_class = "course.classroom.dates.LatePolicy"
c.Execute.extra_arguments = ["--HistoryManager.hist_file=:memory:", "--log-level=ERROR"]
c.IgnorePattern.enabled = True
c.IgnorePattern.pattern = "(?s).*"  # a warning on stderr costs no points
