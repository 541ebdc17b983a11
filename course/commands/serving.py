"""The command that serves a model."""

import json
from typing import TYPE_CHECKING, Annotated

import typer

from course.commands.terminal import fail, say

if TYPE_CHECKING:
    from course.llama.serving.sequences import Sequences

_QUESTION = {"messages": [{"role": "user", "content": "What is the capital of Algeria?"}]}
_BEGINNING = {"prompt": "def mean(", "temperature": 0}


def serve(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="A name of `course model list`, or a GGUF file.")
    ] = "smollm2-f16",
    slots: Annotated[int, typer.Option(help="Requests computed together; 1: one after the other.")] = 4,
    port: Annotated[int, typer.Option(help="0: a free one, which it names.")] = 8080,
    host: Annotated[str, typer.Option(help="0.0.0.0: whoever reaches this machine may use it.")] = "127.0.0.1",
    context: Annotated[
        int | None, typer.Option(help="Tokens of a request, with its answer. Default: 2048, or what the model allows.")
    ] = None,
    threads: Annotated[int | None, typer.Option(help="Default: physical cores. 1 is faster where others run.")] = None,
) -> None:
    """Serve a model to many clients at once, by OpenAI's interface.

    Paths: /v1/chat/completions, /v1/completions, /v1/models, /health, /metrics.

    Tokens of several clients are computed together: continuous batching, a loop
    to read in course/llama/serving/batching.py. Ctrl-C stops the server.
    """
    from course import models
    from course.llama import header, template
    from course.llama.errors import LlamaError
    from course.llama.serving import running

    def announce(url: str, sequences: "Sequences") -> None:
        title = models.MODELS[model].title if model in models.MODELS else path.name
        say(f"{url}/v1  serves {title}")
        say(f"slots: {slots} of {sequences.n_context:,} tokens, threads: {sequences.n_threads}; Ctrl-C stops it")
        chats = bool(template.of(header.read(path)))
        what, example = ("chat/completions", _QUESTION) if chats else ("completions", _BEGINNING)
        say(f"curl {url}/v1/{what} -d '{json.dumps(example)}'")

    try:
        path = models.located(model)
        name = model if model != str(path) else path.stem
        running.serve(
            path,
            name=name,
            n_slots=slots,
            host=host,
            port=port,
            n_context=context,
            n_threads=threads,
            ready=announce,
        )
    except (models.ModelError, LlamaError) as problem:
        fail(2, str(problem))
    say("stopped")
