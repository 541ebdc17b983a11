"""What answers the Validate button: a real Jupyter server, asked as the button asks, and real checks."""

import asyncio
import http.client
import json
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any
from urllib.parse import quote

import nbformat
import psutil
import pytest
from nbformat import NotebookNode

from course import build
from course.build import Lab
from course.button import Checker
from course.grading.result import Ungradable
from course.measure import record
from tests import tiny
from tests.labs import notebooks

TOKEN = "secret"
START_S = 60
RIGHT = {
    "1.1": "def height(n, each):\n    return each * n",
    "1.2": "def half(x):\n    return 0.5 * x",
    "1.3": "def boxes(height):\n    return int(height / BOX)",
    "1.4": "def seconds(record):\n    return record['median']",
}
SUM = {"1.1": "def height(n, each):\n    return n + each"}
ENDLESS = {"1.2": "import time\n\n\ndef half(x):\n    time.sleep(600)"}


@dataclass(frozen=True)
class Server:
    """A Jupyter server with the button's extension, on loopback; `work` is what it serves."""

    port: int
    work: Path
    lab: Lab
    process: subprocess.Popen[bytes]

    def write(self, name: str, answers: dict[str, str]) -> Path:
        (self.work / name).mkdir(exist_ok=True)
        return notebooks.save(notebooks.answered(released(self.lab), answers), self.work / name, "mine")

    def press(self, path: str, *, timeout: float = 100, **headers: str) -> Any:
        """The request of the button for the notebook at `path`, and the server's answer."""
        headers = headers or {"Authorization": f"token {TOKEN}"}
        url = f"http://127.0.0.1:{self.port}/assignments/validate?path={quote(path)}"
        request = urllib.request.Request(url, method="POST", headers=headers)
        with urllib.request.urlopen(request, timeout=timeout) as response:
            return json.load(response)

    def get(self, path: str) -> Any:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}", headers={"Authorization": f"token {TOKEN}"}
        )
        with urllib.request.urlopen(request, timeout=10) as response:
            return json.load(response)

    def checks(self) -> list[psutil.Process]:
        """The processes of running checks."""
        return psutil.Process(self.process.pid).children(recursive=True)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    lab = tiny.course(tmp_path_factory.mktemp("course") / "course")
    build.build(lab)
    lab.copy.parent.parent.mkdir()
    return lab


@pytest.fixture(scope="module")
def server(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(lab, tmp_path_factory.mktemp("server") / "log") as server:
        yield server


@contextmanager
def serving(lab: Lab, log: Path) -> Iterator[Server]:
    work = lab.course / "work"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    extensions = {"course.button": True, "nbgrader.server_extensions.validate_assignment": False}
    command = [
        *(sys.executable, "-m", "jupyter_server", "--no-browser", "--allow-root", "--ip=127.0.0.1", f"--port={port}"),
        *(f"--IdentityProvider.token={TOKEN}", f"--ServerApp.root_dir={work}", "--ServerApp.port_retries=0"),
        f"--ServerApp.jpserver_extensions={extensions}",
    ]
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
    server = Server(port, work, lab, process)
    try:
        wait(lambda: answers(server), START_S)
        yield server
    finally:
        process.terminate()
        process.wait(30)


def released(lab: Lab) -> NotebookNode:
    return nbformat.read(lab.release, as_version=4)


def wait(happens: Callable[[], bool], seconds: float) -> None:
    end = time.monotonic() + seconds
    while not happens():
        assert time.monotonic() < end, f"it did not happen within {seconds} s"
        time.sleep(0.2)


def answers(server: Server) -> bool:
    assert server.process.poll() is None, "the server has ended"
    try:
        return bool(server.get("/api/status"))
    except OSError:
        return False


def test_the_answer_is_the_verdicts_in_the_dialog_s_form(server: Server) -> None:
    notebook = server.write("half", SUM)
    (notebook.parent / "typer.py").write_text("raise SystemExit('a module of the student')")
    answer = server.press("half/mine.ipynb")
    assert answer["success"] is True
    [shown] = answer["value"]["failed"]
    assert shown["source"] == "lab01: 0 of 7 points"
    assert "1.1: wrong, 0 of 2" in shown["error"] and "boxes do not add to metres" in shown["error"]
    assert "1.2, 1.3, 1.4: blank" in shown["error"]


def test_full_marks_are_nbgrader_s_success(server: Server) -> None:
    notebook = server.write("full", RIGHT)
    record.write(notebook.parent, [record.new("stack", [1.5], unit="s", predicted=(1, 2), threads=1)])
    assert server.press("full/mine.ipynb") == {"success": True, "value": {}}


def test_a_notebook_of_no_lab_is_validated_by_nbgrader(server: Server) -> None:
    mark = {"grade": True, "locked": True, "solution": False, "schema_version": 3, "grade_id": "sum", "points": 1}
    cell = nbformat.v4.new_code_cell("assert 1 + 1 == 3", metadata={"nbgrader": {**mark, "cell_type": "code"}})
    notebooks.save(nbformat.v4.new_notebook(cells=[cell]), server.work, "other")
    answer = server.press("other.ipynb")
    assert [failed["source"] for failed in answer["value"]["failed"]] == ["assert 1 + 1 == 3"]
    assert "AssertionError" in answer["value"]["failed"][0]["error"]


def test_what_cannot_be_checked_is_a_sentence(server: Server) -> None:
    (server.work / "broken.ipynb").write_text("{")
    other = released(server.lab)
    other.cells[1].source = 'lab.start("lab12", cohort="2026")'
    notebooks.save(other, server.work, "other_lab")
    for name, why in (("broken", "is broken JSON"), ("other_lab", "a notebook of lab12"), ("none", "does not exist")):
        answer = server.press(f"{name}.ipynb")
        assert answer["success"] is False
        assert why in " ".join(answer["value"].split())
        assert all(len(line) <= 90 or " " not in line for line in answer["value"].splitlines())


def test_the_version_is_still_told(server: Server) -> None:
    from nbgrader import __version__

    assert server.get(f"/nbgrader_version?version={__version__}") == {"success": True}


def test_strangers_and_forged_requests_are_refused(server: Server) -> None:
    server.write("mine", {})
    cookies = CookieJar()
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(cookies))
    root = f"http://127.0.0.1:{server.port}"
    browser.open(f"{root}/api/status?token={TOKEN}", timeout=10)
    forged = urllib.request.Request(f"{root}/assignments/validate?path=mine/mine.ipynb", method="POST")
    for press in (
        lambda: server.press("mine/mine.ipynb", Authorization="token other"),
        lambda: browser.open(forged, timeout=10),  # with the cookie that says who, but without the XSRF token
        lambda: server.press("../solutions/lab01_stack.py"),
    ):
        with pytest.raises(urllib.error.HTTPError) as refused:
            press()
        assert refused.value.code == 403
    assert not server.checks()


def test_one_check_at_a_time_while_the_server_goes_on_and_none_once_nobody_waits(server: Server) -> None:
    server.write("endless", ENDLESS)
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    connection.request(
        "POST", "/assignments/validate?path=endless/mine.ipynb", headers={"Authorization": f"token {TOKEN}"}
    )
    wait(lambda: bool(server.checks()), 10)
    began = time.monotonic()
    assert server.get("/api/status")
    second = server.press("endless/mine.ipynb")
    assert time.monotonic() - began < 5
    assert second == {
        "success": False,
        "value": "a check is running already: wait for its answer, then press Validate again",
    }
    connection.close()
    wait(lambda: not server.checks(), 20)


def test_a_check_that_takes_too_long_is_stopped_with_all_that_it_started(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, scratch = set(psutil.Process().children(recursive=True)), tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setenv("TMPDIR", str(scratch))
    path = notebooks.save(notebooks.answered(released(lab), ENDLESS), tmp_path, "mine")
    with pytest.raises(Ungradable, match="was not done after 8 seconds, and its check was stopped"):
        asyncio.run(Checker(8).check(path))
    wait(lambda: set(psutil.Process().children(recursive=True)) <= before, 5)
    assert not list(scratch.iterdir())


def test_a_command_that_breaks_is_told_with_its_last_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    (tmp_path / "sitecustomize.py").write_text("import sys; sys.exit('no memory left')")
    with pytest.raises(Ungradable, match="the check itself failed: SystemExit: no memory left"):
        asyncio.run(Checker(30).check(tmp_path / "mine.ipynb"))


def test_a_server_that_is_stopped_takes_its_check_along(lab: Lab, tmp_path: Path) -> None:
    with serving(lab, tmp_path / "log") as server, ThreadPoolExecutor() as pool:
        server.write("endless", ENDLESS)
        pressed = pool.submit(server.press, "endless/mine.ipynb")
        wait(lambda: bool(server.checks()), 10)
        time.sleep(3)
        running = server.checks()
        server.process.terminate()
        server.process.wait(20)
        assert not psutil.wait_procs(running, timeout=10)[1]
        assert pressed.exception(timeout=10)
