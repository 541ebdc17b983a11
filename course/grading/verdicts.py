"""From an executed notebook to a verdict on every exercise."""

import ast
from collections.abc import Iterable
from dataclasses import replace

from nbformat import NotebookNode

from course import checking
from course.grading import intake
from course.grading.result import Exercise, Verdict


def exercises(
    submission: NotebookNode, release: NotebookNode, executed: NotebookNode, points: dict[str, float]
) -> list[Exercise]:
    """The verdicts on a submission that was executed and given `points` by check cell."""
    submitted, released, ran = (intake.by_name(nb) for nb in (submission, release, executed))
    found, answers = [], {}
    for name, cell in released.items():
        if not cell.metadata.nbgrader.grade:
            continue
        number = name.removeprefix("test-")
        exercise, answer = number.replace("-", "."), f"ex-{number}"
        max_points = float(cell.metadata.nbgrader.points)
        verdict, misconception, message = _verdict(ran[name].outputs, points[name] >= max_points)
        if answer in released:
            answers[exercise] = submitted[answer].source
            if verdict != "pass" and same_code(answers[exercise], released[answer].source):
                verdict, misconception, message = "blank", None, "not answered yet"
        found.append(Exercise(exercise, points[name], max_points, verdict, misconception, message))
    return [_blamed(exercise, found, answers) for exercise in found]


def same_code(one: str, other: str) -> bool:
    """Whether two cells are the same program, whatever their comments and blanks."""
    try:
        return ast.dump(ast.parse(one)) == ast.dump(ast.parse(other))
    except SyntaxError:
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
    except SyntaxError:
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
    except SyntaxError:
        return set()
    return {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}


def _verdict(outputs: list[NotebookNode], full: bool) -> tuple[Verdict, str | None, str]:
    """(verdict, misconception, message) of an executed check cell."""
    if full:
        return "pass", None, ""
    errors = [output for output in outputs if output.output_type == "error"]
    if any(error.ename in ("CellTimeoutError", "KeyboardInterrupt") for error in errors):
        return "timeout", None, "it did not finish in time"
    for output in outputs:
        bundle = output.get("data", {}).get(checking.MIME)
        if isinstance(bundle, dict):
            return bundle["verdict"], bundle.get("misconception"), bundle.get("message", "")
    for error in errors:
        if error.ename == "NoRecord":
            return "blank", None, error.evalue
        verdict: Verdict = "fail" if error.ename == "AssertionError" else "error"
        return verdict, None, f"{error.ename}: {error.evalue}".rstrip(": ")
    return "fail", None, "no points, and no test said why"
