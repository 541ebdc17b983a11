"""A real `course lab`, on loopback, and a real Chromium looking at it."""

import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psutil
import pytest
from playwright.sync_api import Page, expect, sync_playwright

from course import paths

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage"),
)
START_S = 120
PATIENCE_MS = 60_000  # a busy machine takes long

expect.set_options(timeout=PATIENCE_MS)  # its own, of 5 s, is not the page's


@dataclass(frozen=True)
class Server:
    """A running `course lab`: the address it printed, and the checkout it serves."""

    url: str
    course: Path

    @property
    def root(self) -> str:
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def token(self) -> str:
        return parse_qs(urlsplit(self.url).query)["token"][0]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """What `course lab` needs of a checkout, so that nobody's work/ is touched."""
    course = tmp_path / "checkout"
    ours = paths.PACKAGE.parent
    for folder in ("notebooks", "deploy"):
        shutil.copytree(ours / folder, course / folder)
    shutil.copytree(ours / "solutions", course / "solutions", ignore=shutil.ignore_patterns("*.ipynb"))
    shutil.copy(ours / "nbgrader_config.py", course)
    return course


@pytest.fixture
def server(checkout: Path, tmp_path: Path) -> Iterator[Server]:
    command = ["course", "lab", "lab01", "--no-browser", "--port", "18080", "--course", str(checkout)]
    with running(command, cwd=tmp_path, log=tmp_path / "server.log") as url:
        yield Server(url, checkout)


@contextmanager
def running(module: Sequence[str], *, cwd: Path, log: Path, env: Mapping[str, str] | None = None) -> Iterator[str]:
    """A Jupyter server, `python -m` what is given: the address that it prints. Stopped with all that it has started."""
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", *module], stdout=output, stderr=subprocess.STDOUT, cwd=cwd, env=env
        )
    try:
        yield _address(process, log)
    finally:
        kernels = psutil.Process(process.pid).children(recursive=True)
        process.terminate()
        process.wait(30)
        _, alive = psutil.wait_procs(kernels, timeout=10)
        assert not alive, f"the server left processes behind: {alive}"


def _address(process: subprocess.Popen[bytes], log: Path) -> str:
    for _ in range(START_S * 2):
        if found := re.search(r"http://127\.0\.0\.1:\S+", log.read_text()):
            return found[0]
        if process.poll() is not None:
            break
        time.sleep(0.5)
    raise AssertionError(f"the server did not start:\n{log.read_text()}")


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Page]:
    if CHROMIUM is None:
        pytest.fail("no Chromium here: install it (Debian: apt-get install chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        page = browser.new_page(viewport={"width": 1400, "height": 900})
        page.set_default_timeout(PATIENCE_MS)
        yield page
        page.screenshot(path=tmp_path / "last.png")
        browser.close()
