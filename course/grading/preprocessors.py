"""nbgrader's own commands, by this grader: what `nbgrader autograde` runs, and in which order, nbgrader_config.py says.

    Repair       ahead of all: damaged notebooks would stop nbgrader
    SaveRecords  ahead of nbgrader's ClearOutput, which wipes the outputs that carry them
    Grade        in the place of nbgrader's Execute, which runs tests in the submission's own process, as you
    SaveMarks    in the place of nbgrader's SaveAutoGrades, which reads points off outputs

Where nothing can be confined (macOS, Windows) the last two do what nbgrader's own do.
"""

import weakref
from functools import lru_cache
from pathlib import Path
from typing import Any

from nbconvert.exporters.exporter import ResourcesDict
from nbformat import NotebookNode
from nbgrader.preprocessors import Execute, NbGraderPreprocessor, SaveAutoGrades
from traitlets import Bool

from course import nbgrader_api
from course.build import Lab
from course.grading import grader, sandbox
from course.grading.book import gradebook
from course.grading.grader import Grader, Notebooks, Rules
from course.grading.handin import records, repair
from course.grading.handin.submissions import Submission
from course.grading.judge.referee import Times
from course.grading.result import Result
from course.notebook import cells

_Processed = tuple[NotebookNode, ResourcesDict]
_RESULT = "two_bills_result"


class Repair(NbGraderPreprocessor):
    """Puts back what grading needs, as it was released."""

    def preprocess(self, nb: NotebookNode, resources: ResourcesDict) -> _Processed:
        """Repair the notebook; one without a graded cell is left to nbgrader."""
        release = _notebooks(*_current(_lab(self, resources))).release
        if not set(cells.names(nb)) & set(cells.names(release)):
            return nb, resources
        repaired, done = repair.repair(nb, release)
        for line in done:
            self.log.warning("repaired: %s", line)
        return repaired, resources


class SaveRecords(NbGraderPreprocessor):
    """Writes the records in the submitted outputs into `measurements.json` where the notebook will be executed.

    Records that came in a submitted `measurements.json` stay.
    """

    def preprocess(self, nb: NotebookNode, resources: ResourcesDict) -> _Processed:
        """Save the records; the notebook is left as it is."""
        records.save(nb, _folder(self, resources, "autograded_directory"))
        return nb, resources


class Grade(Execute):
    """Grades the submission as `course grade` does; with `--Grade.all_cells=True` also cells that only show run."""

    all_cells = Bool(False, help="Run also the cells that only show, which no mark needs.").tag(config=True)

    def preprocess(self, nb: NotebookNode, resources: ResourcesDict, km: object = None) -> _Processed:
        """The executed notebook. Raises Ungradable, saying why there is none; NoFork if it gets no process."""
        layers = sandbox.probe()
        if not layers:
            return super().preprocess(nb, resources, km)
        if not sandbox.confine(layers):
            self.log.warning("nothing here keeps a submission's code from your files: see `course doctor`")
        folder, about = _folder(self, resources, "submitted_directory"), resources["nbgrader"]
        times = Times(cell_s=float(self.timeout or Times.cell_s))
        by = _grader(*_current(_lab(self, resources)), Rules(layers, times=times, all_cells=self.all_cells))
        graded = by.grade(Submission(about["student"], folder / f"{about['notebook']}.ipynb", folder))
        for flag in graded.result.flags:
            self.log.warning(flag)
        resources[_RESULT] = graded.result
        return graded.notebook, resources


class SaveMarks(SaveAutoGrades):
    """Saves the points that the verdicts give; what only a person can decide is up for a manual grade."""

    def preprocess(self, nb: NotebookNode, resources: ResourcesDict) -> _Processed:
        """Save them; the notebook is left as it is."""
        result: Result | None = resources.get(_RESULT)
        self._exercises = {exercise.id: exercise for exercise in (result.exercises if result else ())}
        return super().preprocess(nb, resources)

    def _add_score(self, cell: NotebookNode, resources: ResourcesDict) -> None:
        name = cell.metadata.nbgrader.grade_id
        if exercise := self._exercises.get(cells.exercise_of(name)):
            grade = self.gradebook.find_grade(name, self.notebook_id, self.assignment_id, self.student_id)
            gradebook.mark(grade, exercise, is_new=True)
            self.gradebook.db.commit()
        else:
            super()._add_score(cell, resources)


def _coursedir(preprocessor: NbGraderPreprocessor) -> Any:
    return preprocessor.parent.parent.coursedir  # the exporter's parent is nbgrader's converter


def _lab(preprocessor: NbGraderPreprocessor, resources: ResourcesDict) -> Lab:
    return Lab(resources["nbgrader"]["assignment"], Path(_coursedir(preprocessor).root))


def _folder(preprocessor: NbGraderPreprocessor, resources: ResourcesDict, kind: str) -> Path:
    """One of the submission's folders: where it was submitted, or where it is autograded."""
    coursedir, about = _coursedir(preprocessor), resources["nbgrader"]
    return Path(coursedir.format_path(getattr(coursedir, kind), about["student"], about["assignment"]))


def _current(lab: Lab) -> tuple[Lab, tuple[int, ...]]:
    """The lab, and what changes when its files do: formgrader's process lives long."""
    files = (lab.source, lab.solution, lab.release, lab.course / nbgrader_api.CONFIG)
    return lab, tuple(file.stat().st_mtime_ns for file in files if file.is_file())


@lru_cache(maxsize=4)
def _notebooks(lab: Lab, changed: tuple[int, ...]) -> Notebooks:
    return Notebooks.of(lab)


@lru_cache(maxsize=4)
def _grader(lab: Lab, changed: tuple[int, ...], rules: Rules) -> Grader:
    """The grader for a lab. When nobody has it any more, and when this process ends, its warm process ends."""
    opened = grader.open_grader(_notebooks(lab, changed), rules)
    weakref.finalize(opened, opened.template.close)
    return opened
