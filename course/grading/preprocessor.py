"""nbgrader's own commands, by the engine: the first of `c.Autograde.autograde_preprocessors`.

nbgrader reads a check's points off its outputs, as it always does: none for full points, an error for none.
"""

import atexit
from functools import cache
from pathlib import Path

import nbformat
from jupyter_core.utils import run_sync
from nbconvert.exporters.exporter import ResourcesDict
from nbformat import NotebookNode
from nbgrader.preprocessors import Execute

from course.grading import check, desk, hiding, sandbox, warm
from course.grading.execute import Executor
from course.grading.job import Job
from course.grading.provisioner import copy_files
from course.grading.referee import Times


class JudgedExecute(Execute):
    """Runs the submission confined and its checks before a judge, where nbgrader would run both in one kernel, as you.

    Where nothing can be confined (macOS, Windows) it is nbgrader's own.
    """

    def preprocess(
        self, nb: NotebookNode, resources: ResourcesDict, km: object = None
    ) -> tuple[NotebookNode, ResourcesDict]:
        """Execute the notebook; outputs land in it. Raises NoFork if the machine gives no confined process."""
        layers = sandbox.probe() if check.has_engine() else ()
        if not layers:
            return super().preprocess(nb, resources, km)
        if not sandbox.confine(layers):
            self.log.warning("nothing here keeps a submission's code from your files: see `course doctor`")
        source = self._source(resources)
        solution = nbformat.read(source, as_version=4)
        job = Job(layers, hidden=hiding.paths_of(hiding.hidden_packages(solution)))
        try:
            copy_files(resources.get("metadata", {}).get("path"), job.files)
            job.share_records()
            times = Times(cell_s=float(self.timeout or Times.cell_s))
            executor = Executor(nb, solution, job, _template(source), times)
            executed = run_sync(executor.run)()
        finally:
            job.close()
        return executed.notebook, resources

    def _source(self, resources: ResourcesDict) -> Path:
        """The instructor's notebook, of which the submission is a copy."""
        coursedir, submission = self.parent.parent.coursedir, resources["nbgrader"]  # the converter's
        folder = coursedir.format_path(coursedir.source_directory, ".", submission["assignment"])
        return Path(folder) / f"{submission['notebook']}.ipynb"


@cache
def _template(source: Path) -> warm.Template:
    """A warm process with an assignment's imports, for as long as this process lives."""
    solution = nbformat.read(source, as_version=4)
    hides = hiding.hidden_packages(solution)
    started = warm.start(desk.imports(solution, without=hides), hidden=hides)
    atexit.register(started.close)
    return started
