"""How a test says what it found: a bundle in the cell's output, and an exception."""

from typing import Any

MIME = "application/vnd.two-bills.verdict+json"


class WrongAnswer(AssertionError):
    """An answer that is not what the exercise asks for."""


class Implausible(WrongAnswer):
    """A measurement that physics does not allow, or not easily: a person looks at it, and no points are lost."""

    verdict = "review"


def fail(message: str, *, idea: str | None = None, raised: BaseException | None = None) -> None:
    """Show a lost exercise, with the wrong idea that the answer holds or what the answer raised; raises WrongAnswer.

    A NotImplementedError of the answer is raised as it is: the exercise is not answered.
    """
    verdict = getattr(raised, "verdict", "error") if raised and not idea else "fail"
    exercise = idea.split("/")[0] if idea else None  # without an idea, the cell's name tells
    show({"exercise": exercise, "verdict": verdict, "misconception": idea, "message": message})
    if isinstance(raised, NotImplementedError):
        raise raised
    raise WrongAnswer(message) from raised


def plausible(holds: bool, message: str) -> None:
    """Hold a measurement to physics. Where it does not hold, the verdict is "review", whose points are not lost."""
    if not holds:
        show({"exercise": None, "verdict": Implausible.verdict, "misconception": None, "message": message})
        raise Implausible(message)


def show(bundle: dict[str, Any]) -> None:
    """Show a verdict in the cell's output; a judge, which has none, puts its own function here."""
    from IPython.display import display

    display({MIME: bundle, "text/plain": bundle["message"]}, raw=True)
