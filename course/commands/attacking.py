"""The command that attacks the grader on an instructor's own machine."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from course.commands.terminal import as_json_text, console, errors, fail, say

if TYPE_CHECKING:
    from rich.table import Table

    from course.attacks import Outcome


def attack_suite(
    layers: Annotated[
        str | None, typer.Option(metavar="LAYER,…", help="What confines the attacks; all that holds here.")
    ] = None,
    only: Annotated[list[str] | None, typer.Option(metavar="NAME", help="One attack; may be repeated.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="A row for each attack, as JSON.")] = False,
) -> None:
    """Attack the grader on this machine: hostile and odd submissions, which must get what is fair and nothing else.

    Exit code 0: clean; 1: some attack got more or less than is fair, or left something; 2: it could not run.
    """
    from course import attacks
    from course.commands import classes
    from course.grading import sandbox

    if not sandbox.is_supported():
        fail(2, "strangers' code can be confined on Linux only, so only there can the box be attacked")
    wanted = tuple(layers.split(",")) if layers else sandbox.LAYERS
    if unknown := set(wanted) - set(sandbox.LAYERS):
        fail(2, f"there is no layer {', '.join(sorted(unknown))}; the layers are {', '.join(sandbox.LAYERS)}")
    held = sandbox.probe(wanted)
    if layers and (missing := set(wanted) - set(held)):
        fail(2, f"this machine has no {', '.join(sorted(missing))}; it has {', '.join(sandbox.probe()) or 'no layer'}")
    if not sandbox.confine(held):
        fail(2, "nothing would keep the attacks from your files: take namespaces, or landlock and seccomp, as layers")
    try:
        coming = attacks.run(held, only)
    except ValueError as error:
        fail(2, str(error))
    outcomes = []
    with classes.progress(errors) as bar:
        task = bar.add_task("attacking", total=len(only or attacks.ATTACKS))
        for outcome in coming:
            outcomes.append(outcome)
            bar.update(task, advance=1, description=outcome.attack.name)
    if as_json:
        print(as_json_text([outcome.to_json() for outcome in outcomes]))
    else:
        console.print(_table(outcomes, held))
        say(_sums(outcomes))
    raise typer.Exit(0 if all(outcome.is_clean for outcome in outcomes) else 1)


def _table(outcomes: "Sequence[Outcome]", layers: Sequence[str]) -> "Table":
    """A line for each attack."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    grid = Table(box=SIMPLE_HEAD, title=f"confined by {', '.join(layers)}", title_justify="left", title_style="bold")
    grid.add_column("attack", no_wrap=True)
    grid.add_column("tries", overflow="fold", min_width=30)
    for heading in ("fair", "got"):
        grid.add_column(heading, justify="right")
    for heading in ("leaks", "strays"):
        grid.add_column(heading, overflow="fold")
    for outcome in outcomes:
        trouble = ["lost"] * outcome.lost + outcome.wrong
        grid.add_row(
            Text(outcome.attack.name),
            Text("\n".join([outcome.attack.tries, *trouble])),
            Text("refused" if outcome.attack.refused else f"{outcome.fair:g}"),
            Text("refused" if outcome.attack.refused and not outcome.lost else f"{outcome.points:g}"),
            Text("; ".join(outcome.leaks)),
            Text("; ".join(outcome.strays)),
            style="" if outcome.is_clean else "bold red",
        )
    return grid


def _sums(outcomes: "Sequence[Outcome]") -> str:
    sums = {
        "undeserved points": sum(outcome.undeserved for outcome in outcomes),
        "withheld points": sum(outcome.withheld for outcome in outcomes),
        "lost submissions": sum(outcome.lost for outcome in outcomes),
        "leaks": sum(len(outcome.leaks) for outcome in outcomes),
        "stray processes": sum(len(outcome.strays) for outcome in outcomes),
    }
    return ", ".join([f"{len(outcomes)} attacks", *(f"{count:g} {what}" for what, count in sums.items())])
