"""A submission's measurement records, saved before its outputs, which carry them, are wiped."""

import itertools
from pathlib import Path

from nbformat import NotebookNode

from course.measure import record


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
