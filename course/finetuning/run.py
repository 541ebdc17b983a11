"""A run of training in a process of its own: started, watched, and gone on with where an interrupted one stopped.

The folder of a run holds its recipe, the source of the functions, the last checkpoint and, once it is through, the
adapter for llama.cpp, what torch computes with it, and the losses.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from course import paths
from course.finetuning import handed
from course.finetuning.folder import ADAPTER, CHECKPOINT, FUNCTIONS, LOG, LOGITS, RESULT
from course.finetuning.handed import Forward, Labels
from course.finetuning.recipe import FinetuningError, Recipe

_PATIENCE_S = 10.0

Report = Callable[[int, int], None]  # steps done, steps in all


class NotTrained(NotImplementedError):
    """There is no finished run yet."""


@dataclass(frozen=True)
class Run:
    """What a run came to: of each step its loss (nats a label); its seconds, and those of all processors, of the steps
    that were done here, the last ones.
    """

    losses: list[float]
    step_s: list[float]
    cpu_s: list[float]
    n_trainable: int
    numbers: str  # in which products were computed
    threads: int
    bare_bytes: int  # of memory, before the model was read
    peak_bytes: int  # of memory, at the most


def train(
    folder: Path,
    recipe: Recipe,
    *,
    model: Path,
    lora_forward: Forward,
    mask_prompt_labels: Labels,
    until: int | None = None,
    n_threads: int | None = None,
    report: Report | None = None,
) -> Run:
    """Train to the recipe's last step, or to step `until`; a run that was interrupted goes on from its last checkpoint.

    `report` is told how far it is. Raises FinetuningError: the functions, the folder or the recipe do not do, the
    loss is no number, the process died.
    """
    brought: dict[str, Callable[..., Any]] = {"lora_forward": lora_forward, "mask_prompt_labels": mask_prompt_labels}
    _begin(folder, recipe, {FUNCTIONS[name]: handed.source_of(function) for name, function in brought.items()})
    options = [f"--{name}={n}" for name, n in (("until", until), ("threads", n_threads)) if n is not None]
    with _worker([str(folder), str(model), *options], log=folder / LOG) as lines:
        for told in lines:
            if "error" in told:
                raise FinetuningError(told["error"])
            if "result" in told:
                return Run(**told["result"])
            if report:
                report(told["done"], told["of"])
    raise AssertionError("a worker ends with a result, or raises")


def trial(recipe: Recipe, *, steps: int = 2, **options: Any) -> Run:
    """Train for so many steps, in a folder that is gone afterwards: the second step has the optimizer's means, too."""
    with tempfile.TemporaryDirectory(prefix="course-finetuning-") as folder:
        return train(Path(folder), recipe, until=steps, **options)


def finished(folder: Path) -> Run:
    """The run in a folder. Raises NotTrained unless it is through."""
    if not all((folder / name).exists() for name in (RESULT, ADAPTER, LOGITS)):
        raise NotTrained(f"there is no trained adapter in {folder.name}/ yet: train first, to the last step")
    return Run(**json.loads((folder / RESULT).read_text(encoding="utf-8")))


def _begin(folder: Path, recipe: Recipe, sources: dict[str, str]) -> None:
    """A folder for the run, or that of the one that was interrupted. Raises FinetuningError where it is another's."""
    folder.mkdir(parents=True, exist_ok=True)
    if (folder / CHECKPOINT).exists():
        if other := Recipe.read(folder).beside(recipe):
            raise _another(folder, other)
        for file, source in sources.items():
            kept = folder / file  # beside a checkpoint that was shipped there is none
            if kept.exists() and not handed.is_same(kept.read_text(encoding="utf-8"), source):
                raise _another(folder, f"another {kept.stem} than you have now")
    recipe.write(folder)
    for file, source in sources.items():
        (folder / file).write_text(source, encoding="utf-8")


def _another(folder: Path, what: str) -> FinetuningError:
    return FinetuningError(f"the run in {folder.name}/ was begun with {what}: name another folder, or delete this one")


@contextmanager
def _worker(arguments: list[str], *, log: Path) -> Iterator[Iterator[dict[str, Any]]]:
    """What a worker tells. It is ended, and waited for, whatever happens."""
    path = os.pathsep.join(filter(None, [str(paths.PACKAGE.parent), os.environ.get("PYTHONPATH")]))
    command = [sys.executable, "-m", "course.finetuning.worker", *arguments]
    pipe = subprocess.PIPE
    with log.open("w", encoding="utf-8") as errors:
        process = subprocess.Popen(
            command, stdin=pipe, stdout=pipe, stderr=errors, text=True, env=os.environ | {"PYTHONPATH": path}
        )
        assert process.stdin and process.stdout
        try:
            yield _told(process, process.stdout, log)
        finally:
            process.stdin.close()  # it ends with this
            try:
                process.wait(_PATIENCE_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            process.stdout.close()


def _told(process: subprocess.Popen[str], lines: IO[str], log: Path) -> Iterator[dict[str, Any]]:
    done = 0
    for line in lines:
        told = json.loads(line)
        done = told.get("done", done)
        yield told
    raise FinetuningError(f"{_death(process.wait(), log)} after step {done}: run it again, and it goes on from there")


def _death(status: int, log: Path) -> str:
    if status == -getattr(signal, "SIGKILL", 9):
        return "the training was killed, as happens where memory is short,"
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines() or ["no reason given"]
    return f"the training died ({lines[-1]})"
