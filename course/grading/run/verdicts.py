"""From an executed notebook to a verdict on every exercise."""

import ast
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from difflib import get_close_matches
from typing import Any

from nbformat import NotebookNode

from course import checking
from course.grading.handin import repair
from course.grading.result import Exercise
from course.notebook import names
from course.notebook.cells import by_name

Judgement = dict[str, Any]  # {"passed": bool, and if not: "verdict", "misconception", "message", perhaps "missing"}
_PLACE = re.compile(r"Cell In\[\d+\], line (\d+)")
_COLOUR = re.compile(r"\x1b\[[\d;]*m")
_UNSAID: Judgement = {"passed": False, "verdict": "fail", "message": "no points, and no test said why"}


def exercises(submission: NotebookNode, release: NotebookNode, judged: Mapping[str, Judgement]) -> list[Exercise]:
    """The verdicts on a submission whose checks were judged: {"passed", "verdict", "misconception", "message"}."""
    submitted, released = by_name(submission), by_name(release)
    found, answers = [], {}
    for name, cell in released.items():
        if not cell.metadata.nbgrader.grade:
            continue
        if cell.metadata.nbgrader.solution:
            found.append(_by_hand(name, cell, submitted[name]))
            continue
        number = name.removeprefix("test-")
        exercise, answer = number.replace("-", "."), f"ex-{number}"
        max_points = float(cell.metadata.nbgrader.points)
        judgement = judged.get(name) or _UNSAID
        if answer in released:
            judgement = _in_its_words(judgement, submitted[answer])
        verdict = _exercise(exercise, max_points, judgement)
        if answer in released:
            answers[exercise] = submitted[answer].source
            if verdict.verdict != "pass" and same_code(answers[exercise], released[answer].source):
                verdict = Exercise(exercise, 0.0, max_points, "blank", None, "not answered yet")
        found.append(verdict)
    return [_blamed(exercise, found, answers) for exercise in found]


def of_outputs(outputs: list[NotebookNode], *, full: bool) -> Judgement:
    """What an executed check cell's outputs say, where nbgrader has run it and no judge has said anything."""
    if full:
        return {"passed": True}
    errors = [output for output in outputs if output.output_type == "error"]
    if any(error.ename in ("CellTimeoutError", "KeyboardInterrupt") for error in errors):
        return {"passed": False, "verdict": "timeout", "message": "it did not finish in time"}
    for output in outputs:
        bundle = output.get("data", {}).get(checking.MIME)
        if isinstance(bundle, dict):
            return {"passed": False, **bundle}
    for error in errors:
        if error.ename == "NoRecord":
            return {"passed": False, "verdict": "blank", "message": error.evalue}
        verdict = "fail" if error.ename == "AssertionError" else "error"
        return {"passed": False, "verdict": verdict, "message": f"{error.ename}: {error.evalue}".rstrip(": ")}
    return _UNSAID


def _by_hand(name: str, released: NotebookNode, submitted: NotebookNode) -> Exercise:
    """A text that a person grades."""
    max_points = float(released.metadata.nbgrader.points)
    if submitted.source.strip() in ("", released.source.strip()):
        return Exercise(name, 0.0, max_points, "blank", None, "not written yet")
    return Exercise(name, 0.0, max_points, "manual", None, "a person reads it")


def _exercise(exercise: str, max_points: float, judged: Judgement) -> Exercise:
    if judged["passed"]:
        return Exercise(exercise, max_points, max_points, "pass")
    points = max_points if judged["verdict"] == "review" else 0.0  # until a person has looked
    return Exercise(
        exercise, points, max_points, judged["verdict"], judged.get("misconception"), judged.get("message") or ""
    )


def same_code(one: str, other: str) -> bool:
    """Whether two cells are the same program, whatever their comments and blanks."""
    try:
        return ast.dump(ast.parse(one)) == ast.dump(ast.parse(other))
    except names.NO_PROGRAM:
        return one.strip() == other.strip()


def _in_its_words(judged: Judgement, cell: NotebookNode) -> Judgement:
    """The judgement; where the answer's cell does not define what is asked, with the reason why."""
    if not (missing := judged.get("missing")):
        return judged
    errors = [output for output in cell.get("outputs", []) if output.output_type == "error"]
    if errors:
        message = f"its cell ended in {_ending(errors[-1], cell.source)}, so that {missing} is not defined"
    elif cell.source == repair.ELSEWHERE:
        message = f"{missing} is defined below its check, in another cell: put it into its own"
    else:
        like = get_close_matches(missing, names.bound(cell.source), n=1)
        asked = f"; it defines {like[0]}: is it spelt as in the task?" if like else ""
        message = f"its cell does not define {missing}{asked}"
    return {**judged, "message": message}


def _ending(error: NotebookNode, source: str) -> str:
    """An error of a cell, with its line."""
    text = f"{error.ename}: {error.evalue.partition(' (')[0] if error.ename == 'SyntaxError' else error.evalue}"
    line = _line(error, source)
    return text.rstrip(": ")[:300] + (f" in line {line}" if line else "")


def _line(error: NotebookNode, source: str) -> int | None:
    try:
        ast.parse(source)
    except SyntaxError as fault:
        if error.ename == type(fault).__name__:
            return fault.lineno
    except names.NO_PROGRAM:
        return None
    found = _PLACE.search(_COLOUR.sub("", "\n".join(map(str, error.get("traceback", [])))))
    return int(found[1]) if found else None


def _blamed(exercise: Exercise, all_of_them: Iterable[Exercise], answers: dict[str, str]) -> Exercise:
    """A lost exercise whose answer calls another lost exercise's function is accused of no idea of its own."""
    if exercise.verdict in ("pass", "blank"):
        return exercise
    used = names.read(answers.get(exercise.id, ""))
    for other in all_of_them:
        called = used & names.functions(answers.get(other.id, ""))
        if called and other.id != exercise.id and other.verdict != "pass":
            fault = "not answered yet: answer" if other.verdict == "blank" else "not right: mend"
            reason = f"it calls {', '.join(sorted(called))} of {other.id}, which is {fault} that first"
            return replace(exercise, misconception=None, message=f"{reason}. {exercise.message}")
    return exercise
