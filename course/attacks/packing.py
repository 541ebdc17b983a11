"""Attacks by the way a submission is packed, and by what lies beside the notebook. Some are only odd."""

import json
import os
import shutil
import zipfile
from pathlib import Path

from course.attacks import exercises
from course.attacks.attack import Attack, HandIn
from course.measure import record

_NOTEBOOK = f"{exercises.NAME}.ipynb"
_BUT_THE_RECORD = tuple(exercise for exercise in exercises.POINTS if exercise != "1.6")


def _zip(folder: Path, submitted: Path, entries: dict[str, bytes], *, also: str = "") -> None:
    """Hand in a zip in the place of the folder."""
    student = folder.parent
    notebook = (folder / _NOTEBOOK).read_bytes()
    with zipfile.ZipFile(submitted / f"{student.name}.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(_NOTEBOOK, notebook)
        for name, content in entries.items():
            archive.writestr(name, content)
        if also:
            info = zipfile.ZipInfo("link")
            info.external_attr = 0o120777 << 16
            archive.writestr(info, also)
    shutil.rmtree(student)


def _zip_bomb(folder: Path, submitted: Path) -> None:
    _zip(folder, submitted, {f"zeros-{n}": bytes(40 << 20) for n in range(5)})


def _zip_out(folder: Path, submitted: Path) -> None:
    _zip(folder, submitted, {"../../../open/hello": b"hello"})


def _zip_link(folder: Path, submitted: Path) -> None:
    _zip(folder, submitted, {}, also=str(submitted.parent / "gradebook.db"))


def _zip_fine(folder: Path, submitted: Path) -> None:
    _zip(folder, submitted, {"deep/er/data.csv": b"1", "ä ö.txt": b"2", "__MACOSX/._x": b"3"})


def _link_beside(folder: Path, submitted: Path) -> None:
    (folder / "data.csv").symlink_to(submitted.parent / "gradebook.db")


def _link_as_notebook(folder: Path, submitted: Path) -> None:
    (folder / _NOTEBOOK).unlink()
    (folder / _NOTEBOOK).symlink_to(submitted.parent / "solutions" / f"{exercises.NAME}.py")


def _link_as_folder(folder: Path, submitted: Path) -> None:
    shutil.rmtree(folder)
    folder.symlink_to(submitted / "neighbour" / exercises.NAME)


def _pipe_beside(folder: Path, submitted: Path) -> None:
    os.mkfifo(folder / "pipe")


def _odd_file_name(folder: Path, submitted: Path) -> None:
    (
        folder
        / """\
a
b.csv
"""
    ).touch()


def _deep_json(folder: Path, submitted: Path) -> None:
    notebook = json.loads((folder / _NOTEBOOK).read_text())
    text = json.dumps({**notebook, "metadata": {"deep": "@"}}).replace('"@"', "[" * 50_000 + "]" * 50_000)
    (folder / _NOTEBOOK).write_text(text)


def _odd_numbers(folder: Path, submitted: Path) -> None:
    """NaN, numbers of 5000 digits, half characters."""
    notebook = json.loads((folder / _NOTEBOOK).read_text())
    notebook["metadata"]["odd"] = [float("nan"), float("inf"), 10**4000, "\ud800"]
    notebook["cells"][1]["outputs"] = [{"output_type": "stream", "name": "stdout", "text": "\udfff"}]
    (folder / _NOTEBOOK).write_text(json.dumps(notebook))


def _folder_as_records(folder: Path, submitted: Path) -> None:
    (folder / record.FILE).mkdir()
    (folder / f"unreadable-{record.FILE}").mkdir()
    (folder / record.FILE / "x").touch()


def _second_notebook(folder: Path, submitted: Path) -> None:
    shutil.copy(folder / _NOTEBOOK, folder / "copy of it.ipynb")
    (folder / ".ipynb_checkpoints").mkdir()
    (folder / ".ipynb_checkpoints" / "x.ipynb").write_text("{")


def _many_records(folder: Path, submitted: Path) -> None:
    one = record.new("other", [1.0], unit="s", predicted=(1, 2), threads=1)
    (folder / record.FILE).write_text(json.dumps([{**one, "number": number} for number in range(20_000)]))


def _large_records(folder: Path, submitted: Path) -> None:
    """A list of so many small parts that they fill the memory when they are parsed."""
    (folder / record.FILE).write_text(f"[{'{},' * 10_000_000}{{}}]")


def _odd_records(folder: Path, submitted: Path) -> None:
    """One that is valid and no good: infinite, of the far future, with half a character."""
    one = record.new("stack", [1.5], unit="s", predicted=(1, 2), threads=1)
    odd = {**one, "median": float("inf"), "date": "9999-12-31T00:00:00", "note": "\ud800"}
    (folder / record.FILE).write_text(json.dumps([odd]))


def _refused(name: str, tries: str, hand_in: HandIn, reason: str) -> Attack:
    return Attack(name, tries, hand_in=hand_in, solved=True, refused=reason)


_ALL_TRUE = """\
def __getattr__(name):
    return lambda *args, **kwargs: True
"""
_SHADOWS = ("numpy", "math", "json", "course", "random", "struct", "asyncio", "typing", "ast", "matplotlib", "zmq")
_START_UP = """\
import os
try:
    open('@OPEN@/hello', 'w')
except OSError:
    pass
import builtins
builtins.isinstance = lambda *a: True
"""

ATTACKS = (
    _refused("zip-bomb", "is a zip that swells to 200 MB", _zip_bomb, "swells"),
    _refused("zip-out", "is a zip that unpacks to elsewhere", _zip_out, "leads out of the zip"),
    _refused("zip-link", "is a zip with a link to the gradebook", _zip_link, "is a link"),
    _refused("link-beside", "has a link to the gradebook beside it", _link_beside, "is a link"),
    _refused("link-as-notebook", "is a link to the solutions", _link_as_notebook, "is a link"),
    _refused("link-as-folder", "is a link to another student's folder", _link_as_folder, "is a link"),
    _refused("pipe-beside", "has a pipe beside it, at which a reader waits for ever", _pipe_beside, "no ordinary file"),
    _refused("odd-file-name", "has a file with a line end in its name beside it", _odd_file_name, "rename it"),
    _refused("deep-json", "nests its metadata 50 000 deep", _deep_json, "nested more than"),
    Attack("odd-numbers", "has NaN, endless integers and half characters in it", hand_in=_odd_numbers, solved=True),
    Attack("zip-fine", "is a zip, with folders and accents in it", hand_in=_zip_fine, solved=True),
    Attack("second-notebook", "comes with a copy and checkpoints", hand_in=_second_notebook, solved=True),
    Attack("folder-as-records", "has a folder where the records should be", hand_in=_folder_as_records, solved=True),
    Attack("many-records", "has 20 000 records beside it", hand_in=_many_records, solved=True),
    Attack("large-records", "has 30 MB of records beside it", hand_in=_large_records, solved=True),
    Attack(
        "odd-records",
        "has an infinite record of the year 9999",
        hand_in=_odd_records,
        solved=True,
        fair=_BUT_THE_RECORD,
    ),
    Attack("deep-records", "nests its records 100 000 deep", files={record.FILE: "[" * 100_000}, solved=True),
    Attack(
        "shadow-modules",
        "brings modules of its own by the names of others, in which everything is true",
        files={f"{name}.py": _ALL_TRUE for name in _SHADOWS}
        | {"course/checking.py": _ALL_TRUE, "course/__init__.py": "", "course/grading/judge/agent.py": _ALL_TRUE},
    ),
    Attack(
        "start-up-files",
        "brings files that an interpreter or IPython runs when it starts",
        files={
            **{f"{name}.py": _START_UP for name in ("sitecustomize", "usercustomize", "ipython_config", "conftest")},
            "evil.pth": "import os; open('@OPEN@/hello', 'w')\n",
            ".ipython/profile_default/startup/00.py": _START_UP,
            ".config/matplotlib/matplotlibrc": "backend: module://sitecustomize",
            "pyvenv.cfg": "home = .",
        },
        solved=True,
    ),
    Attack(
        "environment",
        "changes the environment for all that starts after it, and starts a Python and a program",
        cell="""\
import os, subprocess
os.environ.update(PYTHONPATH='.', PYTHONSTARTUP='start.py', PYTHONINSPECT='1', LD_PRELOAD='./evil.so',
    LD_LIBRARY_PATH='.', PATH='.', HOME='.', IPYTHONDIR='.', TMPDIR='/nowhere', NBGRADER_EXECUTION='',
    TWO_BILLS_STAGING='.')
for program in (['@PYTHON@', '-c', 'print(1)'], ['ls']):
    try:
        print(subprocess.run(program, capture_output=True, timeout=5))
    except OSError as error:
        print(error)
""",
        files={
            "start.py": _START_UP,
            "evil.so": b"\x7fELF",
            "ls": """\
#!/bin/sh
touch @OPEN@/hello
""",
            "python3": "#!/bin/sh\n",
        },
        solved=True,
    ),
)
