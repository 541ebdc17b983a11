"""Feedback pages in the folders in which Moodle takes them back, for “Upload multiple feedback files in a zip”."""

import re
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from course.build import Lab
from course.classroom.standings import Standing
from course.grading.book import durable_io


def place(lab: Lab, student: str) -> Path:
    """Where a student's page is: where nbgrader puts it."""
    return lab.course / "feedback" / student / lab.name / f"{lab.name}.html"


def write(lab: Lab, standings: Sequence[Standing], rows: Mapping[str, tuple[str, str]], path: Path) -> tuple[int, int]:
    """Write the zip; how many pages are in it, and how many graded students have none.

    `rows` are the worksheet's identifier ("Participant 301") and full name, by student. Raises DiskError if it cannot be
    written.
    """
    graded = [one.person.id for one in standings if one.result and one.person.id in rows]
    pages = {student: place(lab, student) for student in graded if place(lab, student).is_file()}
    with durable_io.reported(path), durable_io.new(path.parent) as part:
        with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as archive:
            for student, page in pages.items():
                identifier, name = rows[student]
                digits = re.sub(r"\D", "", identifier)
                archive.write(page, f"{name.replace('/', '-')}_{digits}_assignsubmission_file_/{lab.key}.html")
        durable_io.keep(part, path)
    return len(pages), len(graded) - len(pages)
