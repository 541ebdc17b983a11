"""nbgrader's Validate button, answered by `course check`: a Jupyter server extension of the student's profile.

The button saves the notebook, posts its path, and shows the answer in a dialog: what is in the editor is what is
checked. A check is a process of its own: the server goes on meanwhile, and can end it. A notebook that names no lab is
validated by nbgrader as ever.
"""

import asyncio
import json
import os
import subprocess
import sys
import textwrap
import threading
from pathlib import Path
from typing import Any

from jupyter_server.extension.application import ExtensionApp
from nbgrader.server_extensions.validate_assignment.handlers import NbGraderVersionHandler, ValidateAssignmentHandler
from tornado import web
from traitlets import Float

from course.grading.result import Result, Ungradable
from course.pages import feedback

_GRACE_S = 10  # in which a check that is told to end clears up behind itself
_CHECKER = "two_bills_checker"


class Checker:
    """Runs `course check`, once at a time."""

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s
        self._running: asyncio.Future[Result] | None = None
        self._process: subprocess.Popen[str] | None = None

    async def check(self, notebook: Path) -> Result:
        """The verdicts on a notebook; cancelled, the check ends. Raises Ungradable, saying why there are none."""
        if self._running and not self._running.done():
            raise Ungradable("a check is running already: wait for its answer, then press Validate again")
        self._running = asyncio.get_running_loop().run_in_executor(None, self._run, notebook)
        try:
            return await asyncio.shield(self._running)
        except asyncio.CancelledError:
            self.stop()
            raise

    def stop(self) -> None:
        """Have the check that is running, if one is, end with all that it has started."""
        if (process := self._process) and process.poll() is None:
            process.terminate()
            last_word = threading.Timer(_GRACE_S, process.kill)
            last_word.daemon = True
            last_word.start()

    def _run(self, notebook: Path) -> Result:
        command = [sys.executable, "-P", "-m", "course", "check", str(notebook), "--json"]  # -P: no module beside it
        env, pipe = os.environ | {"PYTHONUTF8": "1"}, subprocess.PIPE
        try:
            self._process = subprocess.Popen(
                command,
                cwd=notebook.parent,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=pipe,
                stderr=pipe,
                encoding="utf-8",
            )
        except OSError as error:
            raise Ungradable(f"no check could be started here: {error.strerror}") from error
        with self._process as process:
            try:
                told, errors = process.communicate(timeout=self._limit_s)
            except subprocess.TimeoutExpired:
                self.stop()
                raise Ungradable(
                    f"{notebook.name} was not done after {self._limit_s:g} seconds, and its check was stopped: "
                    "look for a cell that runs long"
                ) from None
        return _result(process.returncode, told, errors)


def _result(code: int, told: str, errors: str) -> Result:
    """What the command has said before it ended with `code`. Raises Ungradable for all but verdicts."""
    if code in (0, 1) and told:
        return Result.from_json(json.loads(told))
    if code == 2:
        raise Ungradable(errors.strip())
    last = errors.strip().splitlines()[-1:] or [f"it ended with {code}"]
    raise Ungradable(f"the check itself failed: {last[0]}")


class ValidateHandler(ValidateAssignmentHandler):
    """Answers where nbgrader's own handler does, and in its form."""

    _check: asyncio.Task[Result] | None = None

    @web.authenticated
    async def post(self) -> None:
        notebook = self._notebook()
        try:
            if not await asyncio.to_thread(_names_a_lab, notebook):
                return super().post()
            self._check = asyncio.create_task(self.settings[_CHECKER].check(notebook))
            answer = {"success": True, "value": _shown(await self._check)}
        except Ungradable as refused:
            self.log.warning("Not validated: %s", refused)
            answer = {"success": False, "value": _wrapped(str(refused))}
        except asyncio.CancelledError:  # nobody waits for it any more
            return
        self.finish(json.dumps(answer))

    def on_connection_close(self) -> None:
        if self._check:
            self._check.cancel()
        super().on_connection_close()

    def _notebook(self) -> Path:
        path = self.get_argument("path", None) or (self.get_json_body() or {}).get("path")
        if not isinstance(path, str):
            raise web.HTTPError(400, "no path was given")
        root = Path(self.root_dir).resolve()
        notebook = (root / path).resolve()
        if not notebook.is_relative_to(root):
            raise web.HTTPError(403, "Access denied: path outside allowed directory")
        return notebook


def _names_a_lab(notebook: Path) -> bool:
    from course.grading.handin import intake  # builds notebooks too: a second, at the first press and not at the start

    return intake.lab_named(intake.read(notebook)) is not None


def _shown(result: Result) -> dict[str, Any]:
    """The verdicts in the form of nbgrader's dialog: nothing where all is right, else "failed cells" with HTML."""
    is_right = all(exercise.verdict in ("pass", "manual") for exercise in result.exercises)
    if is_right and not (result.repaired or result.flags):
        return {}
    return {"failed": [{"source": f"{result.lab}: {feedback.points(result)}", "error": feedback.dialog(result)}]}


def _wrapped(text: str) -> str:
    """The text in lines that the dialog, which does not wrap them, has room for."""
    return "\n".join(
        textwrap.fill(line, 90, break_long_words=False, break_on_hyphens=False) for line in text.splitlines()
    )


class ValidateButton(ExtensionApp):
    """The extension."""

    name = "two_bills_validate"
    limit_s = Float(240.0, help="Seconds that a check may take: some browsers wait no longer than 300.").tag(
        config=True
    )

    def initialize_settings(self) -> None:
        assert self.serverapp
        self.checker = Checker(self.limit_s)
        self.settings |= {_CHECKER: self.checker, "root_dir": self.serverapp.root_dir}

    def initialize_handlers(self) -> None:
        self.handlers += [("/assignments/validate", ValidateHandler), ("/nbgrader_version", NbGraderVersionHandler)]

    async def stop_extension(self) -> None:
        self.checker.stop()


def _jupyter_server_extension_points() -> list[dict[str, Any]]:
    return [{"module": "course.button", "app": ValidateButton}]
