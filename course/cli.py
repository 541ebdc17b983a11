"""The `course` command: which commands there are. They live in `course/commands/`, by who uses them."""

import typer

from course import fast_imports  # noqa: F401 (before all others)
from course.commands import (
    attacking,
    exporting,
    instructor,
    ledger,
    library,
    machine,
    marking,
    models,
    reporting,
    roster,
    serving,
    student,
    talking,
)

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="The Two Bills: a graded course on what a language model costs.",
)
app.command("lab", rich_help_panel="Learn")(student.open_lab)
app.command("check", rich_help_panel="Learn")(student.check)
app.command("chat", rich_help_panel="Learn")(talking.chat)
app.command("complete", rich_help_panel="Learn")(talking.complete)
app.command("serve", rich_help_panel="Learn")(serving.serve)

app.command("data", rich_help_panel="Look things up")(library.data)
model = typer.Typer(no_args_is_help=True, help="Small open models: get them, convert them, quantize them.")
model.command("list")(models.show_list)
model.command("path")(models.show_path)
model.command("fetch")(models.fetch)
model.command("convert")(models.convert)
model.command("quantize")(models.quantize)
app.add_typer(model, name="model", rich_help_panel="Look things up")

app.command("build", rich_help_panel="Teach")(instructor.build)
app.command("new-lab", rich_help_panel="Teach")(instructor.new_lab)
app.add_typer(roster.app, name="roster", rich_help_panel="Teach")
app.command("due", rich_help_panel="Teach")(roster.due)
app.command("grade", rich_help_panel="Teach")(instructor.grade)
app.command("history", rich_help_panel="Teach")(ledger.history)
app.command("replay", rich_help_panel="Teach")(ledger.replay)
app.command("mark", rich_help_panel="Teach")(marking.mark)
app.command("feedback", rich_help_panel="Teach")(exporting.feedback)
app.command("export", rich_help_panel="Teach")(exporting.export)
app.command("report", rich_help_panel="Teach")(reporting.report)
app.command("compare", rich_help_panel="Teach")(reporting.compare)
app.command("attack-suite", rich_help_panel="Teach")(attacking.attack_suite)

app.command("setup", rich_help_panel="Keep it running")(machine.setup)
app.command("doctor", rich_help_panel="Keep it running")(machine.doctor)
app.command("test", rich_help_panel="Keep it running", context_settings=machine.PASSED_ON)(machine.test)
app.command("lint", rich_help_panel="Keep it running")(machine.lint)
app.command("clean", rich_help_panel="Keep it running")(machine.clean)
