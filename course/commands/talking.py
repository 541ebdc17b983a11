"""Commands that have a model write."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from course.commands.terminal import console, fail

if TYPE_CHECKING:
    from collections.abc import Generator

    from course.llama.generate import Reply

_ANY_MODEL = "A name of `course model list`, or a GGUF file."
_ADAPTER = "A LoRA adapter of that model, a GGUF file."
_THREADS = "Default: physical cores. 1 is faster where other work runs."


def chat(
    question: Annotated[str | None, typer.Argument(help="Without one you are asked, until Ctrl-D.")] = None,
    model: Annotated[str, typer.Option(metavar="NAME|FILE", help=_ANY_MODEL)] = "smollm2-f16",
    adapter: Annotated[Path | None, typer.Option(metavar="FILE", help=_ADAPTER)] = None,
    threads: Annotated[int | None, typer.Option(help=_THREADS)] = None,
    max_tokens: Annotated[int, typer.Option(help="Where a long answer is cut off.")] = 256,
    bare: Annotated[bool, typer.Option("--bare", help="Without the two worked examples before your question.")] = False,
) -> None:
    """Ask a small open model, which runs on your own CPU, offline."""
    from course import models
    from course.llama import chat as talk
    from course.llama.errors import LlamaError

    try:
        path = models.located(model)
        for asked in _typed_questions() if question is None else [question]:
            primer = () if bare else talk.PRIMER
            answer = talk.stream(
                asked, model=path, adapter=adapter, primer=primer, n_threads=threads, max_tokens=max_tokens
            )
            _print_speed(_print_answer(answer), model, path)
    except (models.ModelError, LlamaError) as problem:
        fail(2, str(problem))


def complete(
    text: Annotated[str, typer.Argument(help='What to continue, as in "def mean(".')],
    model: Annotated[str, typer.Option(metavar="NAME|FILE", help=_ANY_MODEL)] = "two-bills-code",
    adapter: Annotated[Path | None, typer.Option(metavar="FILE", help=_ADAPTER)] = None,
    threads: Annotated[int | None, typer.Option(help=_THREADS)] = None,
    max_tokens: Annotated[int, typer.Option(help="How much to write at most.")] = 64,
    temperature: Annotated[float, typer.Option(help="0: the likeliest token; 1: drawn as likely as it is.")] = 0,
    seed: Annotated[int, typer.Option(help="Above temperature 0: another one, another continuation.")] = 0,
) -> None:
    """Let a model write on from a text: the text, and what it adds."""
    from course import models
    from course.llama import generate
    from course.llama.errors import LlamaError

    try:
        path = models.located(model)
        answer = generate.stream(
            text,
            model=path,
            adapter=adapter,
            max_tokens=max_tokens,
            temperature=temperature,
            seed=seed,
            n_threads=threads,
        )
        _print_speed(_print_answer(answer, begin=text), model, path)
    except (models.ModelError, LlamaError) as problem:
        fail(2, str(problem))


def _typed_questions() -> Iterator[str]:
    """What is typed at the prompt, line by line, until its end (Ctrl-D) or Ctrl-C."""
    while True:
        try:
            typed = console.input("[bold]ask > [/]")
        except (EOFError, KeyboardInterrupt):
            console.print()
            return
        if typed.strip():
            yield typed


def _print_answer(answer: "Generator[str, None, Reply]", begin: str = "") -> "Reply":
    """Print an answer as it comes, after what it begins with; the Reply that it ends with."""
    while True:
        try:
            piece = next(answer)
        except StopIteration as end:
            console.print()
            return end.value
        console.print(begin + piece, end="", markup=False, highlight=False, soft_wrap=True)
        begin = ""


def _print_speed(reply: "Reply", model: str, path: Path) -> None:
    from course import models

    title = models.MODELS[model].title if model in models.MODELS else path.name
    speed = f"{reply.n_tokens} tokens, {reply.tokens_per_s:.1f} token/s, threads: {reply.n_threads}"
    console.print(f"{speed}, {title}", style="dim", highlight=False, markup=False, soft_wrap=True)
