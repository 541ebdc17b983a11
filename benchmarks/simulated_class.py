"""An imaginary class, from its learning platform's zip to marks in the file that the platform takes back.

    python -m benchmarks.simulated_class [--students N] [--labs lab01 …] [--platforms Moodle Canvas]

Of each platform a course of its own: the roster is imported, every lab's zip is graded, marks are exported into the
teacher's own file, feedback and the report are made, all by the `course` command. Prints a table, and writes
results/simulated_class.json and ../RESULTS.md. Raises cost.Failed if a mark in that file is not the one that the
fixtures carry, or a student is missing.
"""

import argparse
import csv
import json
import shutil
import sys
import tempfile
import zipfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks import cost, imaginary, results
from benchmarks.imaginary import HandedIn, Member, Work
from course import build, paths
from course.build import Lab

SEED = 2026
LABS = ("lab01", "lab04", "lab08")
HEADERS = {  # of Moodle's worksheet, in a teacher's language: English is the third
    "lab01": "Identifiant|Nom complet|Adresse de courriel|Statut|Note|Note maximale|La note peut être modifiée|"
    "Dernière modification (travail remis)|Dernière modification (note)|Feedback par commentaires",
    "lab04": "المعرّف|الاسم الكامل|عنوان البريد الإلكتروني|الحالة|الدرجة|أعلى درجة|يمكن تغيير الدرجة|"
    "آخر تعديل (تسليم)|آخر تعديل (الدرجة)|تعليقات التقييم",
}
ENGLISH = (
    "Identifier|Full name|Email address|Status|Grade|Maximum grade|Grade can be changed|"
    "Last modified (submission)|Last modified (grade)|Feedback comments"
)
PARTICIPANT = {"lab01": "Participant ", "lab04": "مشارك"}

Handed = Mapping[Member, HandedIn]


@dataclass
class Bill:
    """What the commands of one platform's course cost."""

    seconds: Counter[str] = field(default_factory=Counter)
    peak_mib: float = 0.0
    kinds: Counter[str] = field(default_factory=Counter)
    n_marks: int = 0

    def run(self, what: str, *command: str, course: Path, allowed: Sequence[int] = (0,)) -> str:
        """Run a `course` command, and note what it costs."""
        whole = [sys.executable, "-m", "course", *command, "--course", str(course)]
        seconds, peak, output = cost.watched(whole, cwd=course, allowed=allowed)
        self.seconds[what] += seconds
        self.peak_mib = max(self.peak_mib, peak)
        return output


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--students", type=int, default=300, metavar="N", help="of the class (300)")
    parser.add_argument("--labs", nargs="+", default=LABS, metavar="LAB", help=f"which ({' '.join(LABS)})")
    parser.add_argument("--platforms", nargs="+", default=list(PLATFORMS), choices=list(PLATFORMS), help="which (all)")
    asked = parser.parse_args()
    report = measure(students=asked.students, labs=asked.labs, platforms=asked.platforms)
    print(results.table(report))
    results.write(report, "simulated_class")


def measure(*, students: int, labs: Sequence[str], platforms: Sequence[str]) -> dict[str, Any]:
    """The report. Raises cost.Failed for the first mark that is not right."""
    members, works = imaginary.people(students, seed=SEED), [Work(key) for key in labs]
    rows = []
    for name in platforms:
        with tempfile.TemporaryDirectory(prefix="simulated-class-") as folder:
            bill = _course(Path(folder), members, works, name)
        group = f"{name}: {students} students, {len(works)} labs"
        rows += [results.alone(group, f"{what}, all labs", seconds, "s") for what, seconds in bill.seconds.items()]
        n = sum(bill.kinds.values())
        rows += [
            results.alone(group, "from the zip to marks in the platform's file, a submission", _chain(bill) / n, "s"),
            results.alone(group, "most memory of any command with all it starts", bill.peak_mib, "MiB"),
            results.alone(group, "marks in the platform's file that are the fixtures'", bill.n_marks, ""),
            *(results.alone(group, f"handed in: {kind}", number, "") for kind, number in sorted(bill.kinds.items())),
        ]
    notes = [
        "Each mark in the file that goes back to the platform is compared with the fixture's own, and is equal to it",
        f"Labs {', '.join(work.lab.key for work in works)}, graded with two workers, in a box",
    ]
    return results.report(rows, packages=["nbgrader"], versions={}, machine=results.confined(), notes=notes)


def _chain(bill: Bill) -> float:
    return sum(bill.seconds[what] for what in ("course grade", "course export"))


def _course(root: Path, members: Sequence[Member], works: Sequence[Work], platform: str) -> Bill:
    """Take a class through a course of its own below `root`."""
    course, bill, download = root / "course", Bill(), PLATFORMS[platform]
    (course / "solutions").mkdir(parents=True)
    shutil.copy(paths.PACKAGE.parent / "nbgrader_config.py", course)
    for work in works:
        shutil.copy(work.lab.source, course / "solutions")
        build.build(Lab(work.lab.name, course))
    roster = root / "students.csv"
    _table(roster, [["id", "name", "email", "section", "canvas"],
                    *([m.id, m.name, m.email, m.section, str(m.number)] for m in members)])  # fmt: skip
    bill.run("course roster import", "roster", "import", str(roster), course=course)
    for work in works:
        handed_in = {member: work.of(member, seed=SEED) for member in members}
        bill.kinds.update(one.kind for one in handed_in.values() if one.attempts)
        file, read = download(root, work, handed_in)
        _grade(bill, course, work, file, handed_in)
        given, filled = root / f"{work.lab.key}.csv", root / f"{work.lab.key}-filled.csv"
        bill.run("course export", "export", work.lab.key, "--to", platform.lower(), "--into", str(given),
                 "-o", str(filled), course=course, allowed=(0, 1))  # fmt: skip
        bill.n_marks += _compare(read(filled), handed_in, work)
        bill.run("course feedback", "feedback", work.lab.key, course=course)
        bill.run("course report", "report", work.lab.key, "-o", str(root / f"{work.lab.key}.html"), course=course)
    return bill


def _grade(bill: Bill, course: Path, work: Work, file: Path, handed_in: Handed) -> None:
    """Grade a zip. Raises cost.Failed unless every student of the class is in what it gives, once."""
    output = bill.run("course grade", "grade", work.lab.key, str(file), "--workers", "2", "--json",
                      course=course, allowed=(0, 1))  # fmt: skip
    found = Counter(row["student"] for row in json.loads(output))
    if found != Counter(member.id for member in handed_in):
        odd = sorted((found - Counter(m.id for m in handed_in)) + (Counter(m.id for m in handed_in) - found))
        raise cost.Failed(f"{work.lab.key}: {len(odd)} students are lost, doubled or unknown: {odd[:5]}")


def _compare(marks: Mapping[str, str], handed_in: Handed, work: Work) -> int:
    """How many marks are right. Raises cost.Failed for the first that is not, or is missing."""
    for member, one in handed_in.items():
        written = marks.get(member.id, "no row")
        right = written == "" if one.mark is None else written not in ("", "no row") and _number(written) == one.mark
        if not right:
            raise cost.Failed(f"{work.lab.key}: {member.id} ({one.kind}) has {written!r}, and should have {one.mark}")
    return sum(one.mark is not None for one in handed_in.values())


def _number(text: str) -> float:
    return float(text.replace(",", "."))


Reader = Callable[[Path], dict[str, str]]


def _moodle(root: Path, work: Work, handed_in: Handed) -> tuple[Path, Reader]:
    """Moodle's zip and worksheet of a lab; and how marks are read from the worksheet."""
    key, file = work.lab.key, root / f"{work.lab.key}.zip"
    numbers = {member: 90_000 + 1000 * int(key[3:]) + place for place, member in enumerate(handed_in)}
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for place, (member, one) in enumerate(handed_in.items()):
            folder = f"{member.name}_{numbers[member]}_assignsubmission_file"
            for content in one.attempts[-1:]:  # Moodle keeps what was handed in last
                archive.writestr(f"{folder}/{_called(work, place)}{one.ending}", content)
    most = f"{sum(work.points.values()):.2f}".replace(".", "," if key == "lab01" else ".")
    rows = [
        [f"{PARTICIPANT.get(key, 'Participant ')}{numbers[member]}", member.name, member.email,
         "Remis pour évaluation" if one.attempts else "-", "", most, "Oui", "-", "-", ""]
        for member, one in handed_in.items()
    ]  # fmt: skip
    _table(root / f"{key}.csv", [HEADERS.get(key, ENGLISH).split("|"), *rows], encoding="utf-8-sig")
    by_email = {member.email: member.id for member in handed_in}

    def read(filled: Path) -> dict[str, str]:
        return {by_email[row[2]]: row[4] for row in _rows(filled)[1:]}

    return file, read


def _canvas(root: Path, work: Work, handed_in: Handed) -> tuple[Path, Reader]:
    """Canvas's zip and gradebook of a lab; and how marks are read from the gradebook."""
    key, file, number = work.lab.key, root / f"{work.lab.key}.zip", 100_000
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for place, (member, one) in enumerate(handed_in.items()):
            name = "".join(filter(str.isalnum, "".join(reversed(member.name.split())))).lower()
            late = "_LATE" if one.is_late else ""
            for again, content in enumerate(one.attempts):
                number += 1
                times = f"-{again}" if again else ""
                archive.writestr(
                    f"{name}{late}_{member.number}_{number}_{_called(work, place)}{times}{one.ending}", content
                )
    column = f"Lab {int(key[3:])} (88{key[3:]})"
    head = ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", column]
    rows = [[m.name, str(m.number), m.id, m.email, m.section, ""] for m in handed_in]
    most = ["    Points Possible", "", "", "", "", f"{sum(work.points.values()):.2f}"]
    _table(root / f"{key}.csv", [head, most, *rows, ["Student, Test", "1", "", "", "A", ""]])

    def read(filled: Path) -> dict[str, str]:
        return {row[2]: row[5] for row in _rows(filled)[2:] if row[2]}

    return file, read


def _called(work: Work, place: int) -> str:
    """What a student calls the file."""
    return (work.lab.name, f"{work.lab.name} (1)", "Untitled", "devoir final")[place % 4]


def _table(path: Path, rows: Sequence[Sequence[str]], *, encoding: str = "utf-8") -> None:
    with path.open("w", newline="", encoding=encoding) as file:
        csv.writer(file).writerows(rows)


def _rows(path: Path) -> list[list[str]]:
    with path.open(newline="", encoding="utf-8-sig") as file:
        return list(csv.reader(file))


PLATFORMS = {"Moodle": _moodle, "Canvas": _canvas}

if __name__ == "__main__":
    main()
