"""Every attack gets what is fair, sees nothing and leaves nothing: as root, as an ordinary user, by landlock alone."""

import ast
import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from IPython.core.inputtransformer2 import TransformerManager
from typer.testing import CliRunner

from course import attacks
from course.attacks import exercises, lures
from course.attacks.lures import Lures
from course.cli import app
from course.grading import sandbox
from tests import ordinary_user

NAMES = [attack.name for attack in attacks.ATTACKS]
MODES = ("root", "ordinary user", "landlock alone")
_rows: dict[str, dict[str, dict[str, Any]]] = {}


@pytest.fixture
def laid() -> Iterator[Lures]:
    with lures.laid_out() as laid:
        yield laid


def rows(mode: str) -> dict[str, dict[str, Any]]:
    """The suite's rows by attack; each mode is run once."""
    if mode not in _rows:
        argv = [sys.executable, "-m", "course", "attack-suite", "--json"]
        if mode == "landlock alone":
            argv += ["--layers", ",".join(layer for layer in sandbox.probe() if layer != "namespaces")]
        if mode == "ordinary user":
            argv = ordinary_user.command(argv)
        with tempfile.TemporaryDirectory() as home:
            os.chmod(home, 0o777)
            env = {"PYTHONPATH": str(ordinary_user.CHECKOUT), "PYTHONDONTWRITEBYTECODE": "1", "HOME": home}
            ran = subprocess.run(
                argv, cwd=ordinary_user.CHECKOUT, env={**os.environ, **env}, capture_output=True, text=True, check=False
            )
        assert ran.returncode in (0, 1), ran.stderr
        _rows[mode] = {row["attack"]: row for row in json.loads(ran.stdout)}
    return _rows[mode]


def cases() -> list[Any]:
    """Attacks in modes; those of a mode stay in one worker, so that it is run once."""
    return [
        pytest.param(mode, name, marks=pytest.mark.xdist_group(f"attacks as {mode}"), id=f"{mode}-{name}")
        for mode in MODES
        for name in NAMES
    ]


@pytest.mark.parametrize(("mode", "name"), cases())
def test_an_attack_gets_what_is_fair_and_leaves_nothing(mode: str, name: str) -> None:
    if mode == "root" and os.geteuid():
        pytest.skip("not run as root")
    row = rows(mode)[name]
    got = {key: row[key] for key in ("points", "wrong", "lost", "leaks", "strays")}
    assert got == {"points": row["fair"], "wrong": [], "lost": False, "leaks": [], "strays": []}


def test_there_are_many_attacks_of_different_names() -> None:
    assert len(set(NAMES)) == len(NAMES) >= 46
    assert sum(bool(attack.refused) for attack in attacks.ATTACKS) < len(NAMES) / 4


@pytest.mark.parametrize("attack", attacks.ATTACKS, ids=NAMES)
def test_an_attack_is_a_program(attack: attacks.Attack, laid: Lures) -> None:
    for source in (attack.cell, *attack.answers.values()):
        filled = laid.fill(source)
        ast.parse(TransformerManager().transform_cell(filled))
        assert "@" not in filled


def test_the_right_answers_are_right() -> None:
    fine = next(attacks.run(sandbox.probe(), ["zip-fine"]))
    assert (fine.points, fine.fair) == (10, sum(exercises.POINTS.values()))


def test_without_a_box_the_same_attacks_succeed() -> None:
    """The suite can fail: these do no harm outside of its own folder."""
    harmless = ("read-solutions", "read-neighbours", "raise-marks", "network", "shared-memory")
    seen = {outcome.attack.name: outcome for outcome in attacks.run((), harmless)}
    assert not any(outcome.is_clean for outcome in seen.values())
    assert {"saw an answer", "saw a hidden test"} <= {*seen["read-solutions"].leaks}
    assert "saw a neighbour" in seen["read-neighbours"].leaks
    assert any(leak.endswith("gradebook.db") for leak in seen["raise-marks"].leaks)
    assert [leak.split()[2] for leak in seen["network"].leaks] == ["TCP", "UDP", "abstract", "named"]
    assert "saw shared memory" in seen["shared-memory"].leaks


def test_lures_tell_what_was_touched(laid: Lures) -> None:
    before = laid.state()
    (laid.open_folder / "hello").touch()
    (laid.course / "gradebook.db").write_bytes(b"")
    assert [Path(line.removeprefix("changed ")).name for line in lures.changes(before, laid.state())] == [
        "gradebook.db",
        "hello",
    ]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.sendto(b"hello", laid.listeners["UDP"].getsockname())
    assert (laid.reached(), laid.reached()) == (["reached the UDP listener"], [])
    assert laid.seen_in(f"x{laid.tokens['an answer']}x") == ["saw an answer"]


def test_a_stray_is_seen_and_ended(laid: Lures) -> None:
    laid.remember_processes()
    assert laid.strays() == []
    daemon = "import os, time\nif os.fork() == 0:\n    os.setsid()\n    time.sleep(60)"
    subprocess.run([sys.executable, "-c", daemon], check=True)
    found = laid.strays()
    assert len(found) == 1 and "import os, time" in found[0]
    assert laid.strays() == []


def test_the_command_shows_a_table_and_refuses_in_a_line() -> None:
    ran = CliRunner().invoke(app, ["attack-suite", "--only", "zip-out", "--only", "hundred-points"])
    assert ran.exit_code == 0, ran.output
    assert ran.stdout.splitlines()[-1] == (
        "2 attacks, 0 undeserved points, 0 withheld points, 0 lost submissions, 0 leaks, 0 stray processes"
    )
    for arguments in (["--only", "no-such"], ["--layers", "walls"], ["--layers", "rlimits"]):
        refused = CliRunner().invoke(app, ["attack-suite", *arguments])
        assert (refused.exit_code, refused.stdout, len(refused.stderr.splitlines())) == (2, "", 1)
