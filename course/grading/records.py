"""Keep a submission's measurement records from ClearOutput, which wipes the outputs that carry them."""

import itertools
from pathlib import Path

from nbconvert.exporters.exporter import ResourcesDict
from nbformat import NotebookNode
from nbgrader.preprocessors import NbGraderPreprocessor

from course.measure import record


class SaveRecords(NbGraderPreprocessor):
    """Write the records in the submitted outputs into `measurements.json` where the notebook will be executed.

    First of `c.Autograde.sanitize_preprocessors`. Records that came in a submitted `measurements.json` stay.
    """

    def preprocess(self, nb: NotebookNode, resources: ResourcesDict) -> tuple[NotebookNode, ResourcesDict]:
        """Save the records; the notebook is left as it is."""
        coursedir = self.parent.parent.coursedir  # the exporter's parent is the Autograde converter
        submission = resources["nbgrader"]
        folder = Path(
            coursedir.format_path(coursedir.autograded_directory, submission["student"], submission["assignment"])
        )
        save(nb, folder)
        return nb, resources


def save(nb: NotebookNode, folder: Path) -> list[record.Record]:
    """Merge the notebook's records into `folder`'s `measurements.json`, and return them all.

    A submitted file that is no list of records is put aside under another name, and the notebook's own are kept.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        lying = record.read(folder)
    except record.BadRecord:
        aside = (folder / f"unreadable-{number}-{record.FILE}" for number in itertools.count(1))
        (folder / record.FILE).rename(next(path for path in aside if not path.exists()))
        lying = []
    records = record.merge(lying, record.in_outputs(nb.cells))[: record.MOST]
    if records:
        record.write(folder, records)
    return records
