"""Submissions in every wrapping are found; what would do harm is a row with a reason, and the others go on."""

import os
import socket
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path

import nbformat
import pytest

from course import build
from course.build import Lab
from course.grading.handin import files, submissions
from course.grading.handin.files import Limits
from course.grading.handin.submissions import Submission
from course.grading.result import Ungradable
from tests import tiny
from tests.labs import notebooks

LAB = Lab("lab01_stack", Path("nowhere"))
NAME = "lab01_stack.ipynb"


def notebook(key: str = "lab01") -> bytes:
    cell = nbformat.v4.new_code_cell(f'lab.start("{key}", cohort="2026")', id="start")
    return nbformat.writes(nbformat.v4.new_notebook(cells=[cell])).encode()


def lay(folder: Path, *paths: str) -> Path:
    """Write files, each of which is a notebook of the lab."""
    for path in paths:
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(notebook())
    return folder


def pack(path: Path, contents: Mapping[str | zipfile.ZipInfo, bytes]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    return path


def find(place: Path, limits: Limits = files.LIMITS) -> list[Submission]:
    found = submissions.find(place, LAB, unpack=place.parent / "unpacked", limits=limits).submissions
    assert [one.student for one in found] == sorted({one.student for one in found})
    for one in found:
        assert (one.notebook is None) == bool(one.reason)
        assert not files.is_odd(one.reason + one.student)
        assert one.notebook is None or one.notebook.read_bytes()
        assert one.files is None or (one.notebook is not None and one.notebook.is_relative_to(one.files))
    return found


def students(place: Path) -> list[str]:
    found = find(place)
    assert [one.reason for one in found] == [""] * len(found)
    return [one.student for one in found]


def only(place: Path, limits: Limits = files.LIMITS) -> Submission:
    (one,) = find(place, limits)
    return one


WRAPPINGS = {
    "nbgrader's": [
        "ada/lab01_stack/lab01_stack.ipynb",
        "ada/lab02_x/lab02_x.ipynb",
        "bob/lab01_stack/lab01_stack.ipynb",
    ],
    "a folder each": ["ada/final version.ipynb", "bob/lab01_stack.ipynb", "bob/.ipynb_checkpoints/x.ipynb"],
    "a folder in a folder each": ["ada/homework/one/mine.ipynb", "bob/lab01_stack/lab01_stack.ipynb"],
    "flat": ["ada.ipynb", "bob.IPYNB", ".DS_Store", "__MACOSX/ada.ipynb"],
}


@pytest.mark.parametrize("paths", WRAPPINGS.values(), ids=WRAPPINGS)
def test_every_wrapping_is_found_as_folder_and_as_zip(tmp_path: Path, paths: list[str]) -> None:
    folder = lay(tmp_path / "handed in", *paths)
    assert students(folder) == ["ada", "bob"]
    assert students(pack(tmp_path / "class.zip", {path: notebook() for path in paths})) == ["ada", "bob"]
    wrapped = {f"class of 2026/{path}": notebook() for path in paths}
    assert students(pack(tmp_path / "wrapped.zip", wrapped)) == ["ada", "bob"]


def test_zips_of_students_are_found_in_a_folder_and_in_a_zip(tmp_path: Path) -> None:
    folder = tmp_path / "handed in"
    pack(folder / "ada.zip", {"lab01_stack/lab01_stack.ipynb": notebook(), "lab01_stack/data.csv": b"1"})
    pack(folder / "bob.zip", {"mine.ipynb": notebook()})
    found = find(folder)
    assert [(one.student, one.reason) for one in found] == [("ada", ""), ("bob", "")]
    assert found[0].files and (found[0].files / "data.csv").read_bytes() == b"1"
    outer = pack(tmp_path / "class.zip", {path.name: path.read_bytes() for path in folder.iterdir()})
    assert students(outer) == ["ada", "bob"]


@pytest.mark.parametrize("paths", [[NAME, "notes.txt"], ["lab01_stack/lab01_stack.ipynb", "lab01_stack/notes.txt"]])
def test_one_students_own_folder_is_called_as_it_is(tmp_path: Path, paths: list[str]) -> None:
    assert students(lay(tmp_path / "ada", *paths)) == ["ada"]
    assert students(pack(tmp_path / "bob.zip", {path: notebook() for path in paths})) == ["bob"]
    assert students(pack(tmp_path / "x.zip", {f"eve/{path}": notebook() for path in paths})) == ["eve"]


def test_one_notebook_is_a_submission_without_files(tmp_path: Path) -> None:
    path = lay(tmp_path, "ada.ipynb") / "ada.ipynb"
    assert only(path) == Submission("ada", path, None)
    (tmp_path / "link.ipynb").symlink_to(path)  # the instructor's own
    assert only(tmp_path / "link.ipynb").notebook == path


def test_names_of_many_kinds_are_fine(tmp_path: Path) -> None:
    names = ["Ada", "ada", "Zoë Müller", "j.doe", "o'brien", "李", "Ada_1234_assignsubmission_file_", "-rf", "a\u202fb"]
    place = lay(tmp_path / "in", *(f"{name}.ipynb" for name in names[:5]), *(f"{name}/{NAME}" for name in names[5:]))
    assert students(place) == sorted(names)
    assert students(pack(tmp_path / "in.zip", {f"{name}/{NAME}": notebook() for name in names})) == sorted(names)


@pytest.mark.parametrize(
    "name", ["a\nb", "a\x1b[2J", "a\x7f", "a\x9b2J", "a\u202eb", "a\u200bb", "a\\b", "x" * 201, "a\u2028b", b"\xff\xfe"]
)
def test_names_that_cannot_be_folders_are_told(tmp_path: Path, name: str | bytes) -> None:
    place = lay(tmp_path / "in", "bob.ipynb", f"{os.fsdecode(name)}/{NAME}")
    reasons = {one.student: one.reason for one in find(place)}
    assert reasons.pop("bob") == ""
    assert "rename" in reasons.popitem()[1]


def test_the_labs_own_among_several_notebooks_is_taken(tmp_path: Path) -> None:
    place = lay(tmp_path / "in", f"ada/{NAME}", "ada/old/lab01_stack.ipynb", "bob/mine.ipynb", "bob/other.ipynb")
    (place / "bob/other.ipynb").write_bytes(notebook("lab02"))
    (place / "bob/broken.ipynb").write_bytes(b"{")
    ada, bob = find(place)
    assert ada.notebook == place / "ada" / NAME
    assert bob.notebook == place / "bob/mine.ipynb"


@pytest.mark.parametrize("other", ["bob.ipynb", "bob/mine.ipynb", "bob.zip", "lab01_stack (1).ipynb"])
@pytest.mark.parametrize("own", [NAME, f"lab01_stack/{NAME}"])
def test_a_class_in_which_one_student_took_the_labs_name_is_a_class(tmp_path: Path, own: str, other: str) -> None:
    contents = {own: notebook(), other: notebook()}
    if other.endswith(".zip"):
        contents[other] = pack(tmp_path / "inner.zip", {"mine.ipynb": notebook()}).read_bytes()
    expected = sorted(["lab01_stack", other.split("/")[0].removesuffix(".ipynb").removesuffix(".zip")])
    assert students(pack(tmp_path / "class.zip", contents)) == expected
    with zipfile.ZipFile(tmp_path / "class.zip") as archive:
        archive.extractall(tmp_path / "in")
    assert students(tmp_path / "in") == expected


def test_which_of_two_notebooks_counts_is_said_and_an_untouched_one_does_not(tmp_path: Path) -> None:
    lab = tiny.course(tmp_path / "course")
    build.build(lab)
    release = nbformat.read(lab.release, as_version=4)
    place = lay(tmp_path / "in", f"ada/{lab.name}.ipynb", "ada/mine.ipynb", f"bob/{lab.name}.ipynb", "bob/mine.ipynb")
    answered = notebooks.answered(release, {"1.1": "def height(n, each):\n    return n * each"})
    for path, content in (("ada/mine", answered), (f"bob/{lab.name}", answered), (f"ada/{lab.name}", release)):
        nbformat.write(content, place / f"{path}.ipynb")
    nbformat.write(answered, place / "bob/mine.ipynb")
    ada, bob = submissions.find(place, lab, unpack=tmp_path / "unpacked").submissions
    assert ada.notes == (f"2 notebooks of the lab: mine.ipynb counts, not {lab.name}.ipynb",)
    assert bob.notes == (f"2 notebooks of the lab: {lab.name}.ipynb counts, not mine.ipynb",)


def test_none_or_too_many_notebooks_are_told(tmp_path: Path) -> None:
    place = lay(tmp_path / "in", "ada/a.ipynb", "ada/b.ipynb", "bob/a.ipynb", "bob/b.ipynb", "eve/notes.txt", "max.pdf")
    for path in ("bob/a.ipynb", "bob/b.ipynb"):
        (place / path).write_bytes(notebook("lab02"))
    assert {one.student: one.reason for one in find(place)} == {
        "ada": "2 notebooks of lab01: hand in one, called lab01_stack.ipynb",
        "bob": "2 notebooks, none of lab01: hand in one, called lab01_stack.ipynb",
        "eve": "no notebook of lab01: hand in one, called lab01_stack.ipynb",
        "max": "max.pdf is no notebook, no zip and no folder: hand in the .ipynb file itself",
    }


def test_what_was_handed_in_twice_is_told_and_a_pdf_beside_is_not(tmp_path: Path) -> None:
    place = lay(tmp_path / "in", "ada.ipynb", f"ada/{NAME}", "bob.ipynb", "bob.pdf")
    ada, bob = find(place)
    assert ada.reason == "handed in as ada and ada.ipynb: keep one"
    assert bob.notebook == place / "bob.ipynb"


def test_links_are_refused_wherever_they_are_and_never_followed(tmp_path: Path) -> None:
    secret = lay(tmp_path / "secret", NAME)
    place = lay(tmp_path / "in", f"ada/{NAME}", f"bob/lab01_stack/{NAME}", "good.ipynb")
    (place / "ada/data").symlink_to(secret)
    (place / "bob/lab01_stack/gone").symlink_to(tmp_path / "nowhere")
    (place / "eve").symlink_to(secret)
    (place / "kim").mkdir()
    (place / "kim/lab01_stack").symlink_to(secret)
    (place / "max.ipynb").symlink_to(secret / NAME)
    (place / "ring").symlink_to(place / "ring")
    (place / "zip.zip").symlink_to(pack(tmp_path / "secret.zip", {NAME: notebook()}))
    reasons = {one.student: one.reason for one in find(place)}
    assert reasons.pop("good") == ""
    assert list(reasons) == ["ada", "bob", "eve", "kim", "max", "ring", "zip"]
    assert all("is a link" in reason for reason in reasons.values()), reasons


def test_a_hidden_folder_is_passed_over_whatever_is_in_it(tmp_path: Path) -> None:
    place = lay(tmp_path / "in", f"ada/{NAME}", "ada/.venv/lib/x.ipynb", "ada/__MACOSX/y.ipynb")
    (place / "ada/.venv/python").symlink_to("/usr/bin/python3")
    assert students(place) == ["ada"]


def test_special_files_are_refused_and_not_opened(tmp_path: Path) -> None:
    place = lay(tmp_path / "in", f"ada/{NAME}", f"bob/{NAME}")
    os.mkfifo(place / "ada/pipe")
    os.mkfifo(place / "eve.ipynb")
    os.mkfifo(place / "kim.zip")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(place / "bob/socket"))
        found = find(place)
    assert [one.student for one in found if "no ordinary file" in one.reason] == ["ada", "bob", "kim"]
    assert all(one.reason for one in found)


SMALL = Limits(notebook=2000, whole=5000, files=5, depth=3)


@pytest.mark.parametrize(
    ("paths", "told"),
    [
        ({"a.bin": 6000}, "larger than"),
        ({"a.bin": 3000, "b.bin": 3000}, "larger than"),
        ({str(n): 1 for n in range(5)}, "more than 5 files"),
        ({"1/2/3/4": 1}, "folders more than 3 deep"),
        ({NAME: 2001}, f"{NAME} is larger than"),
    ],
)
def test_what_is_too_much_is_told_as_folder_and_as_zip(tmp_path: Path, paths: dict[str, int], told: str) -> None:
    contents = {f"ada/{NAME}": notebook()} | {f"ada/{path}": b"x" * size for path, size in paths.items()}
    place = tmp_path / "in"
    for path, content in contents.items():
        (place / path).parent.mkdir(parents=True, exist_ok=True)
        (place / path).write_bytes(content)
    assert told in only(place, SMALL).reason
    assert told in only(pack(tmp_path / "class.zip", contents), SMALL).reason
    inner = {path.removeprefix("ada/"): content for path, content in contents.items()}
    assert told in only(pack(tmp_path / "zips/ada.zip", inner).parent, SMALL).reason


def test_the_limits_can_be_reached(tmp_path: Path) -> None:
    assert not only(
        pack(tmp_path / "in/ada.zip", {NAME: notebook(), "1/2": b"x", "3": b"", "4": b""}).parent, SMALL
    ).reason


def entry(name: str, mode: int = 0o100644) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr = mode << 16
    return info


HARMFUL: dict[str, tuple[dict[str | zipfile.ZipInfo, bytes], str]] = {
    "a way out": ({"../../evil.txt": b"x"}, "leads out of the zip"),
    "a way out for Windows": ({"..\\..\\evil.txt": b"x"}, "leads out of the zip"),
    "an absolute path": ({"/tmp/evil.txt": b"x"}, "leads out of the zip"),
    "a drive": ({"C:\\evil.txt": b"x"}, "cannot be a file's name everywhere"),
    "a device": ({"data/NUL.txt": b"x"}, "cannot be a file's name everywhere"),
    "a line end": ({"a\nb": b"x"}, "cannot be a file's name everywhere"),
    "too long a name": ({"x" * 300: b"x"}, "cannot be a file's name everywhere"),
    "a link": ({entry("data", 0o120777): b"/etc/passwd"}, "is a link"),
    "a pipe": ({entry("data", 0o010644): b""}, "is no ordinary file"),
    "a file that is a folder too": ({"a": b"x", "a/b": b"x"}, ""),
    "a bomb": ({"zeros": bytes(100 << 20)}, "swells to 100 MiB"),
    "many files": ({f"{n}.txt": b"" for n in range(2000)}, "more than 2000 files"),
}


@pytest.mark.parametrize("kind", HARMFUL)
def test_a_harmful_zip_is_its_students_row_and_writes_nothing_outside(tmp_path: Path, kind: str) -> None:
    contents, told = HARMFUL[kind]
    inside = tmp_path / "deep/er/in"
    pack(inside / "ada.zip", {NAME: notebook()} | contents)
    lay(inside, "bob.ipynb")
    ada, bob = find(inside)
    assert (ada.notebook, bob.reason) == (None, "")
    assert told in ada.reason and ada.reason
    assert not list(tmp_path.rglob("evil*")) and not Path("/tmp/evil.txt").exists()


def test_one_harmful_entry_of_a_classs_zip_costs_only_its_student(tmp_path: Path) -> None:
    contents: dict[str | zipfile.ZipInfo, bytes] = {
        f"{name}/{NAME}": notebook() for name in ("ada", "bob", "eve", "kim")
    }
    contents |= {
        entry("ada/data", 0o120777): b"/etc/passwd",
        "bob/../../evil.txt": b"x",
        "eve/zeros": bytes(100 << 20),
        "../evil.ipynb": notebook(),
    }
    found = find(pack(tmp_path / "a/b/class.zip", contents))
    assert [one.student for one in found] == ["..", "ada", "bob", "eve", "kim"]
    assert [bool(one.reason) for one in found] == [True, True, True, True, False]
    assert not list(tmp_path.rglob("evil*"))


def test_a_zip_that_lists_one_file_twice_is_told(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(tmp_path / "ada.zip", "w") as archive:
        archive.writestr(NAME, notebook())
        archive.writestr(NAME, notebook("lab02"))
    assert "two files of one name" in only(tmp_path / "ada.zip").reason


def test_a_zip_inside_a_students_zip_is_not_opened(tmp_path: Path) -> None:
    inner = pack(tmp_path / "inner.zip", {NAME: notebook()})
    pack(tmp_path / "in/ada.zip", {"inner.zip": inner.read_bytes()})
    assert only(tmp_path / "in").reason.startswith("no notebook of lab01")


def test_a_rare_packing_a_password_and_broken_zips_are_told(tmp_path: Path) -> None:
    place = tmp_path / "in"
    whole = pack(place / "cut.zip", {NAME: notebook() * 50}).read_bytes()
    (place / "cut.zip").write_bytes(whole[: len(whole) // 2])
    (place / "empty.zip").write_bytes(b"")
    spoilt = bytearray(whole)
    spoilt[len(NAME) + 40] ^= 0xFF
    (place / "spoilt.zip").write_bytes(spoilt)
    locked = bytearray(whole)
    central = locked.index(b"PK\1\2")
    for flags in (6, central + 8):  # of the file, and of the directory: encrypted
        struct.pack_into("<H", locked, flags, 1)
    (place / "locked.zip").write_bytes(locked)
    with zipfile.ZipFile(place / "rare.zip", "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr(NAME, notebook())
    reasons = {one.student: one.reason for one in find(place)}
    assert "is no whole zip" in reasons["cut"] and "is no whole zip" in reasons["empty"]
    assert "cannot be unpacked" in reasons["spoilt"]
    assert "encrypted" in reasons["locked"] and "without a password" in reasons["locked"]
    assert "packed in a rare way" in reasons["rare"]


def test_any_damage_to_a_zip_is_a_row(tmp_path: Path) -> None:
    whole = pack(tmp_path / "in/ada.zip", {NAME: notebook(), "data.csv": b"1,2"}).read_bytes()
    for at in range(len(whole)):
        damaged = bytearray(whole)
        damaged[at] ^= 0xFF
        (tmp_path / "in/ada.zip").write_bytes(damaged)
        assert only(tmp_path / "in").student == "ada"


def test_a_zip_that_lists_more_files_than_memory_should_hold_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "_ENTRIES", 50)
    pack(tmp_path / "in/ada.zip", {f".git/{n}": b"" for n in range(60)} | {NAME: notebook()})
    assert only(tmp_path / "in").reason.startswith("ada.zip lists more than 50 files")


def test_a_place_without_submissions_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty/.hidden").mkdir(parents=True)
    (tmp_path / "broken.zip").write_bytes(b"PK")
    (tmp_path / "ring").symlink_to(tmp_path / "ring")
    for place, told in (
        ("none", "No such file"),
        ("ring", "Too many levels"),
        ("empty", "holds no submissions"),
        ("broken.zip", "is no whole zip"),
    ):
        with pytest.raises(Ungradable, match=told) as refused:
            find(tmp_path / place)
        assert len(str(refused.value).splitlines()) == 1
    with pytest.raises(Ungradable, match="holds no submissions"):
        find(pack(tmp_path / "nothing.zip", {}))


def test_what_came_with_the_notebook_is_staged_and_nothing_else(tmp_path: Path) -> None:
    place = lay(tmp_path / "in", f"ada/{NAME}", *(f"ada/{path}" for path in ("data.csv", "deep/er/helper.py")))
    lay(
        place,
        *(f"ada/{path}" for path in ("other.IPYNB", "gradebook.db", ".git/x", ".ipynb_checkpoints/y", "a/z.ipynb")),
    )
    target = tmp_path / "work"
    submissions.stage(only(place), target)
    staged = sorted(str(path.relative_to(target)) for path in target.rglob("*") if path.is_file())
    assert staged == ["data.csv", "deep/er/helper.py"]
    assert (target / "data.csv").read_bytes() == notebook()
    submissions.stage(Submission("bob", tmp_path / "bob.ipynb", None), tmp_path / "nothing")
    assert not (tmp_path / "nothing").exists()


def test_staging_refuses_what_came_since_and_writes_through_no_link(tmp_path: Path) -> None:
    place = lay(tmp_path / "in", f"ada/{NAME}", "ada/data.csv")
    submission = only(place)
    outside = tmp_path / "outside"
    (tmp_path / "work").mkdir()
    (tmp_path / "work/data.csv").symlink_to(outside)
    with pytest.raises(Ungradable, match="cannot be copied"):
        submissions.stage(submission, tmp_path / "work")
    assert not outside.exists()
    with pytest.raises(Ungradable, match="more than 1 files"):
        submissions.stage(submission, tmp_path / "fresh", limits=Limits(files=1))
    (place / "ada/link").symlink_to("/etc/passwd")
    with pytest.raises(Ungradable, match="link is a link"):
        submissions.stage(submission, tmp_path / "fresh")


def test_a_link_put_there_meanwhile_is_not_opened(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(lay(tmp_path, "secret") / "secret")
    with pytest.raises(OSError, match="Too many levels"), open(tmp_path / "link", "rb", opener=files.no_link):
        pass
