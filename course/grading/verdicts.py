"""From an executed notebook to a verdict on every exercise."""

import ast
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from nbformat import NotebookNode

from course import checking
from course.grading import intake
from course.grading.result import Exercise

Judgement = dict[str, Any]  # {"passed": bool, and if not: "verdict", "misconception", "message"}
_NO_PROGRAM = (SyntaxError, ValueError, RecursionError, MemoryError)  # what parsing a hostile text may raise
_UNHEARD: Judgement = {"passed": False, "verdict": "fail", "message": "no points, and no test said why"}


def exercises(submission: NotebookNode, release: NotebookNode, judged: Mapping[str, Judgement]) -> list[Exercise]:
    """The verdicts on a submission whose checks were judged: {"passed", "verdict", "misconception", "message"}."""
    submitted, released = intake.by_name(submission), intake.by_name(release)
    found, answers = [], {}
    for name, cell in released.items():
        if not cell.metadata.nbgrader.grade:
            continue
        number = name.removeprefix("test-")
        exercise, answer = number.replace("-", "."), f"ex-{number}"
        max_points = float(cell.metadata.nbgrader.points)
        verdict = _exercise(exercise, max_points, judged.get(name) or _UNHEARD)
        if answer in released:
            answers[exercise] = submitted[answer].source
            if verdict.verdict != "pass" and same_code(answers[exercise], released[answer].source):
                verdict = Exercise(exercise, 0.0, max_points, "blank", None, "not answered yet")
        found.append(verdict)
    return [_blamed(exercise, found, answers) for exercise in found]


def of_outputs(outputs: list[NotebookNode], *, full: bool) -> Judgement:
    """What an executed check cell's outputs say, where no judge has said anything: stock nbgrader's way."""
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
    return _UNHEARD


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
    except _NO_PROGRAM:
        return one.strip() == other.strip()


def _blamed(exercise: Exercise, all_of_them: Iterable[Exercise], answers: dict[str, str]) -> Exercise:
    """A lost exercise whose answer calls another lost exercise's function is accused of no idea of its own."""
    if exercise.verdict in ("pass", "blank"):
        return exercise
    used = _used(answers.get(exercise.id, ""))
    for other in all_of_them:
        called = used & _functions(answers.get(other.id, ""))
        if called and other.id != exercise.id and other.verdict != "pass":
            reason = f"it calls {', '.join(sorted(called))} of {other.id}, which is not right: mend that first"
            return replace(exercise, misconception=None, message=f"{reason}. {exercise.message}")
    return exercise


def _functions(source: str) -> set[str]:
    """The functions that a cell defines, by `def` or by giving a lambda a name."""
    try:
        body = ast.parse(source).body
    except _NO_PROGRAM:
        return set()
    named = {node.name for node in body if isinstance(node, ast.FunctionDef)}
    for node in body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Lambda):
            named |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return named


def _used(source: str) -> set[str]:
    """The names that a cell reads."""
    try:
        nodes = ast.walk(ast.parse(source))
    except _NO_PROGRAM:
        return set()
    return {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
