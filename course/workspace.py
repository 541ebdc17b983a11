"""A student's own copy of a lab in `work/`, and JupyterLab opened on it."""

import hashlib
import os
import shutil
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from course.build import Lab

_RELEASE = ".release.sha256"  # beside the copy: which release it was made from


@dataclass(frozen=True)
class Copy:
    """A private copy of a lab's notebook."""

    notebook: Path
    is_new: bool
    is_outdated: bool  # the lab's release has changed since the copy was made


def copy(lab: Lab) -> Copy:
    """The lab's private copy, made if there is none; one that is there is never touched.

    Raises FileNotFoundError if the lab has no student notebook yet.
    """
    if not lab.release.is_file():
        raise FileNotFoundError(f"{lab.release} is missing: `course build {lab.key}` makes it")
    notebook, folder = lab.copy, lab.copy.parent
    release = hashlib.sha256(lab.release.read_bytes()).hexdigest()
    if notebook.exists():
        made_from = folder / _RELEASE
        known = made_from.read_text().strip() if made_from.exists() else release
        return Copy(notebook, is_new=False, is_outdated=known != release)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / _RELEASE).write_text(release + "\n")
    half = folder / f".{notebook.name}.part"
    shutil.copy(lab.release, half)
    os.replace(half, notebook)  # an interrupted copy is none
    return Copy(notebook, is_new=True, is_outdated=False)


def jupyterlab(notebook: Path, *, course: Path, port: int | None = None, browser: bool = True) -> list[str]:
    """The command that serves `work/` and opens the notebook, with this Python's JupyterLab."""
    work = course / "work"
    opened = f"/lab/tree/{notebook.relative_to(work).as_posix()}"
    command = [sys.executable, "-m", "jupyterlab", f"--ServerApp.root_dir={work}", f"--LabApp.default_url={opened}"]
    if port is not None:
        command.append(f"--ServerApp.port={port}")
    if not browser:
        command.append("--no-browser")
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--allow-root")  # in a container one often is
    return command


def address(notebook: Path) -> str | None:
    """Where JupyterLab shows the notebook, if a server of this user's serves it now."""
    from jupyter_server.serverapp import list_running_servers

    for server in list_running_servers():
        root = Path(server["root_dir"]).resolve()
        if notebook.resolve().is_relative_to(root):
            return f"{server['url']}lab/tree/{quote(notebook.resolve().relative_to(root).as_posix())}"
    return None


def environment(course: Path) -> dict[str, str]:
    """The server's environment: the student's profile first among the configurations, `course` on the terminal's PATH.

    The user's own Jupyter settings stay in force where the profile says nothing. The open tabs are kept in `work/`:
    else JupyterLab would open those of the user's other projects, and write into the user's own folder.
    """
    profile = str(course / "deploy" / "laptop")
    return os.environ | {
        "JUPYTERLAB_WORKSPACES_DIR": str(course / "work" / ".jupyterlab"),
        "JUPYTER_CONFIG_PATH": _prepended(profile, "JUPYTER_CONFIG_PATH"),
        "PATH": _prepended(sysconfig.get_path("scripts"), "PATH"),
    }


def _prepended(first: str, variable: str) -> str:
    rest = os.environ.get(variable)
    return os.pathsep.join([first, rest] if rest else [first])
