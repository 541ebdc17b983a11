"""The judge: a process that runs the hidden tests, and reaches the submission's functions by calling them.

The submission never sees a test, what it expects, or a reference. What an answer defines is asked of the submission;
all other names are the instructor's own, and are computed here (see `instructor_names`).

A test that does not pass is run once more with the instructor's own answers: if those do not pass either, the test is
broken, and nobody loses a point by it.
"""

import socket
import traceback
from typing import Any

from course.checking import verdict as verdicts
from course.grading.judge import codec
from course.grading.judge.instructor_names import InstructorNames, Missing, OwnAnswers
from course.grading.judge.peer import TEST, VERDICT, Line, LineClosed, Peer, Remote
from course.notebook.cells import Cell


def serve(channel: socket.socket) -> None:
    """Run tests as they are asked for, until the line closes."""
    line = Line(channel)
    peer = Peer(line, side="judge", lenient=False, find=_no_name)
    try:
        _, _, (secret, cells) = line.receive()
        known = InstructorNames([Cell(*cell) for cell in cells], _Submission(peer))
        while True:
            kind, number, content = line.receive()
            if kind != TEST:
                continue  # it comes too late
            if content["secret"] != secret:
                return  # a submission has written this frame: nothing on the line is to be trusted
            name, source = content["name"], content["source"]
            peer.begin()
            verdict = run(name, source, known)
            peer.end()
            if not verdict["passed"] and not content.get("is_sound") and "broken" not in verdict:
                verdict |= proved(name, source, known)
            line.send(VERDICT, number, verdict)
    except LineClosed:
        return


def run(name: str, source: str, known: InstructorNames) -> dict[str, Any]:
    """The verdict of a test: {"passed": True} only if it came to its end; "unanswered" if an answer is not there."""
    shown: list[dict[str, Any]] = []
    before, verdicts.show = verdicts.show, shown.append  # type: ignore[assignment]
    try:
        exec(compile(source, f"<{name}>", "exec"), known.names_for(name))
    except BaseException as error:
        unanswered = {"unanswered": True} if isinstance(error, NotImplementedError) else {}
        return {"passed": False, **(shown[0] if shown else _bare(error, name)), **unanswered}
    finally:
        verdicts.show = before
    return {"passed": True}


def proved(name: str, source: str, known: InstructorNames) -> dict[str, Any]:
    """{"is_sound": True} if the instructor's own answers pass the test; else {"broken": why}.

    A test of measurements that the reference machine has not made is taken for sound.
    """
    with OwnAnswers(known.cells) as own:
        verdict = run(name, source, known.answered_by(own))
    if verdict["passed"] or verdict["verdict"] in ("blank", "review"):
        return {"is_sound": True}
    return {"broken": verdict["message"]}


class _Submission:
    """Who answers for the names that the answers define: the submission."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer

    def name(self, name: str) -> Any:
        """The value of a name. Raises Missing if the submission does not define it."""
        try:
            value = self._peer.name(name)
        except NameError:
            raise Missing(name) from None
        if isinstance(value, Remote):
            value.__name__ = name  # whatever it calls itself: a lambda has no name
        return value


def _no_name(name: str) -> Any:
    raise NameError(f"a submission cannot read {name} of its judge")


def _bare(error: BaseException, test: str) -> dict[str, Any]:
    """The verdict of an exception that no expectation turned into one."""
    if isinstance(error, codec.Uncrossable):
        message = f"the test is at fault: {error}"
        return {"verdict": "error", "message": message, "broken": message}
    if isinstance(error, Missing):
        return {"verdict": "error", "message": str(error), "missing": error.name}
    if isinstance(error, NotImplementedError):
        blank = type(error) is not NotImplementedError  # a record is missing
        return {"verdict": "blank" if blank else "error", "message": _text(error)}
    verdict = getattr(error, "verdict", "fail" if isinstance(error, AssertionError) else "error")
    return {"verdict": verdict, "message": _text(error) + _where(error, test)}


def _text(error: BaseException) -> str:
    name = type(error).__name__
    return str(error) if name == "AssertionError" and str(error) else f"{name}: {error}".rstrip(": ")


def _where(error: BaseException, test: str) -> str:
    """The line of the check that raised, where the message does not tell all."""
    if isinstance(error, AssertionError) and str(error):
        return ""
    if isinstance(error, SyntaxError):
        return ""  # which says it itself
    line = next((f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == f"<{test}>"), None)
    return f" in line {line} of the check" if line else ""
