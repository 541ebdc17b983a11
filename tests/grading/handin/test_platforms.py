"""A platform's download: one student is one row, whatever the attempts and the wrapping; nothing is dropped unsaid."""

import unicodedata
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from course.grading.handin import platforms, submissions
from course.grading.handin.submissions import HandedIn
from tests.grading.handin.test_submissions import LAB, NAME, lay, notebook, pack

DOWNLOADS: dict[str, tuple[str, list[str], dict[str, str]]] = {
    # name: (platform, its files, by student the file that counts)
    "Moodle": (
        "Moodle",
        [
            f"Jane Doe_301_assignsubmission_file/{NAME}",
            "José Ñandú_302_assignsubmission_file/lab01 (1).ipynb",
            "José Ñandú_302_assignsubmission_onlinetext/onlinetext.html",
            "محمد علي_303_assignsubmission_file/a/b.ipynb",
            "A_B O'Neil_304_assignsubmission_file/report.pdf",
        ],
        {"Jane Doe": NAME, "José Ñandú": "lab01 (1).ipynb", "محمد علي": "b.ipynb", "A_B O'Neil": ""},
    ),
    "Moodle before 4.1": (
        "Moodle",
        [f"Jane Doe_301_assignsubmission_file_/{NAME}", f"Participant_302_assignsubmission_file_/{NAME}"],
        {"Jane Doe": NAME, "302": NAME},
    ),
    "Moodle without folders": (
        "Moodle",
        [
            f"Jane Doe_301_assignsubmission_file_{NAME}",
            "Bob_302_assignsubmission_file_my_lab.ipynb",
            "Bob_302_assignsubmission_onlinetext_onlinetext.html",
        ],
        {"Jane Doe": NAME, "Bob": "my_lab.ipynb"},
    ),
    "Moodle, two of one name": (
        "Moodle",
        [f"Jane Doe_301_assignsubmission_file/{NAME}", f"Jane Doe_302_assignsubmission_file/{NAME}"],
        {"Jane Doe 301": NAME, "Jane Doe 302": NAME},
    ),
    "Canvas": (
        "Canvas",
        [
            f"doejane_1001_2001_{NAME}",
            "smithbob_LATE_1002_2002_lab01_stack-1.ipynb",
            "nguyenan_1003_2003_my_lab_1.ipynb",
            "nguyenan_1003_2004_report.pdf",
            "leebo_1004_2009_lab01_stack-10.ipynb",
            "leebo_1004_2008_lab01_stack-9.ipynb",
            "leebo_1004_2005_lab01_stack.ipynb",
        ],
        {"1001": NAME, "1002": NAME, "1003": "my_lab_1.ipynb", "1004": NAME},
    ),
    "Canvas without names": (
        "Canvas",
        [f"anon_x1y2z_2001_{NAME}", f"anon_abc12_LATE_2002_{NAME}"],
        {"x1y2z": NAME, "abc12": NAME},
    ),
    "Blackboard": (
        "Blackboard",
        [
            f"Lab 1_jdoe_attempt_2026-10-01-10-00-00_{NAME}",
            "Lab 1_jdoe_attempt_2026-10-01-10-00-00.txt",
            "Lab 1_bsmith_attempt_2026-10-10-10-00-00_new.ipynb",
            "Lab 1_bsmith_attempt_2026-10-09-10-00-00_old.ipynb",
        ],
        {"jdoe": NAME, "bsmith": "new.ipynb"},
    ),
    "Brightspace": (
        "Brightspace",
        [
            f"1234-5678 - Jane Doe - Oct 1, 2026 1000 AM/{NAME}",
            "1235-5678 - Bob Smith - Oct 9, 2026 1001 PM/old.ipynb",
            "1235-5678 - Bob Smith - Oct 10, 2026 901 AM/new.ipynb",
            "index.html",
        ],
        {"1234": NAME, "1235": "new.ipynb"},
    ),
    "Gradescope": (
        "Gradescope",
        [
            f"assignment_99_export/submission_1/{NAME}",
            "assignment_99_export/submission_2/mine.ipynb",
            "assignment_99_export/submission_metadata.yml",
        ],
        {"submission_1": NAME, "submission_2": "mine.ipynb"},
    ),
    "ILIAS": (
        "ILIAS",
        [f"Lab 1/Doe_Jane_jdoe_77/{NAME}", "Lab 1/Müller_Jörg_jm_78/mine.ipynb"],
        {"jdoe": NAME, "jm": "mine.ipynb"},
    ),
}


def contents(paths: list[str]) -> Mapping[str | zipfile.ZipInfo, bytes]:
    return {path: notebook() if path.endswith(".ipynb") else b"x" for path in paths}


def find(place: Path) -> HandedIn:
    return submissions.find(place, LAB, unpack=place.parent / "unpacked")


@pytest.mark.parametrize("kind", DOWNLOADS)
def test_a_download_is_a_row_for_each_student_as_zip_and_unpacked(tmp_path: Path, kind: str) -> None:
    platform, paths, counting = DOWNLOADS[kind]
    zipped = pack(tmp_path / "class.zip", contents(paths))
    with zipfile.ZipFile(zipped) as archive:
        archive.extractall(tmp_path / "class")
    for place in (zipped, tmp_path / "class"):
        found = find(place)
        assert found.platform == platform
        assert {one.student: one.notebook.name if one.notebook else "" for one in found.submissions} == counting
        assert [one.student for one in found.submissions] == sorted(counting)
        assert all(one.notebook or "no notebook" in one.reason for one in found.submissions)


def test_what_is_no_students_is_named() -> None:
    for kind, others in (("Brightspace", [("index.html",)]), ("Canvas", []), ("Moodle", [])):
        found = platforms.layout([tuple(path.split("/")) for path in DOWNLOADS[kind][1]])
        assert found is not None and list(found.others) == others


def test_the_newest_attempt_counts_and_those_before_are_kept(tmp_path: Path) -> None:
    for kind, student, n_before in (("Canvas", "1004", 2), ("Blackboard", "bsmith", 1), ("Brightspace", "1235", 1)):
        place = pack(tmp_path / f"{kind}.zip", contents(DOWNLOADS[kind][1]))
        one = next(one for one in find(place).submissions if one.student == student)
        assert len(one.earlier) == n_before and all(before.notebook for before in one.earlier)
        assert one.notes == (f"{n_before + 1} attempts: the newest counts",)


@pytest.mark.parametrize(
    "path", ["ada.ipynb", "ada/mine.ipynb", "x_1_2.ipynb", "a_b_c_d.ipynb", "ada_1_2_3/mine.ipynb"]
)
def test_a_class_that_is_no_platforms_is_found_as_ever(tmp_path: Path, path: str) -> None:
    found = find(lay(tmp_path / "in", path, "bob.ipynb"))
    assert found.platform == "" and len(found.submissions) == 2


def test_names_of_a_zip_from_macos_are_whole(tmp_path: Path) -> None:
    names = ["José Núñez", "Jane Doe", "محمد"]
    paths = [unicodedata.normalize("NFD", f"class/{name}.ipynb") for name in names]
    zipped = pack(tmp_path / "class.zip", contents([*paths, "__MACOSX/class/._x.ipynb"]))
    data = bytearray(zipped.read_bytes())
    for mark, flag in ((b"PK\3\4", 7), (b"PK\1\2", 9)):
        place = -1
        while (place := data.find(mark, place + 1)) >= 0:
            data[place + flag] &= ~8  # it does not say that its names are UTF-8
    zipped.write_bytes(data)
    assert [one.student for one in find(zipped).submissions] == sorted(names)


def test_a_link_in_a_download_is_its_students_row(tmp_path: Path) -> None:
    place = lay(tmp_path / "class", f"Ada_301_assignsubmission_file/{NAME}", f"Bob_302_assignsubmission_file/{NAME}")
    (place / "Ada_301_assignsubmission_file/data").symlink_to("/etc")
    ada, bob = find(place).submissions
    assert "is no ordinary file" in ada.reason and bob.notebook
