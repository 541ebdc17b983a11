"""The process that trains: python -m course.finetuning.worker FOLDER MODEL [--until STEP] [--threads N].

The folder holds a recipe and the source of the functions. What happens is told in lines of JSON on standard output, on
which nobody else writes. It ends as soon as standard input does: it never outlives who started it.
"""

import argparse
import json
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from course.finetuning import handed
from course.finetuning.facts import FACTS
from course.finetuning.folder import ADAPTER, LOGITS, RESULT
from course.finetuning.handed import Functions
from course.finetuning.recipe import FASTER, LORA, PEFT, FinetuningError, Recipe
from course.llama.errors import LlamaError

Tell = Callable[[dict[str, Any]], None]


def main() -> None:
    """Train; an error is told as a line, too."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("model", type=Path)
    parser.add_argument("--until", type=int)
    parser.add_argument("--threads", type=int)
    asked = parser.parse_args()
    tell = _line()
    threading.Thread(target=_end_with_owner, daemon=True).start()
    try:
        work(asked.folder, model=asked.model, until=asked.until, n_threads=asked.threads, tell=tell)
    except (FinetuningError, LlamaError) as error:
        tell({"error": str(error)})
    except MemoryError:
        tell({"error": "there is not enough memory: close other programs"})


def work(folder: Path, *, model: Path, until: int | None, n_threads: int | None, tell: Tell) -> None:
    """Train from the folder's last checkpoint to step `until`; write what is left of a run that is through."""
    recipe, functions = Recipe.read(folder), handed.load(folder)
    import torch

    from course.finetuning import examples, layers, products, training
    from course.llama import threads
    from course.llama.convert import torch_model
    from course.measure import memory

    torch.set_num_threads(threads.checked(n_threads))
    chosen = examples.made(FACTS, model=model, length=recipe.length, labels=functions.mask_prompt_labels)
    bare_bytes = memory.peak_bytes()
    numbers = products.faster() if recipe.numbers == FASTER else recipe.numbers
    network = torch_model(model)
    if recipe.trains == LORA:
        layers.attach(network, recipe, forward=functions.lora_forward, numbers=numbers)
    elif recipe.trains == PEFT:
        network = layers.attach_peft(network, recipe)
    run = training.Training(network, chosen, recipe, numbers=numbers)
    last = recipe.steps if until is None else min(until, recipe.steps)
    if recipe.trains == LORA:
        run.restore(folder)
    tell({"done": run.done, "of": last})
    for loss in run.steps(last):
        if recipe.trains == LORA and (run.done % recipe.save_every == 0 or run.done == last):
            run.save(folder)
        tell({"done": run.done, "of": last, "loss": loss})
    facts = {"n_trainable": run.n_trainable, "numbers": numbers, "threads": torch.get_num_threads()}
    result = {**vars(run.progress), **facts, "bare_bytes": bare_bytes, "peak_bytes": memory.peak_bytes()}
    if recipe.trains == LORA and last == recipe.steps:
        pairs = {name: (a.detach(), b.detach()) for name, (a, b) in layers.pairs(network).items()}
        del network, run  # else there would be two models in memory
        _keep(folder, pairs, recipe, functions, model)
        _write(folder / RESULT, result)
    tell({"result": result})


def _keep(folder: Path, pairs: dict[str, Any], recipe: Recipe, functions: Functions, model: Path) -> None:
    """What llama.cpp needs of the adapter; what torch computes with it for one example, all in 32 bits."""
    import numpy as np
    import torch

    from course.finetuning import examples, layers
    from course.llama.convert import Lora, torch_model, write_adapter

    write_adapter(Lora(pairs, recipe.alpha), folder / ADAPTER, base=model, overwrite=True)
    network = torch_model(model)
    layers.attach(network, recipe, forward=functions.lora_forward)
    layers.fill(network, pairs)
    [(ids, _)], _ = examples.tokens(FACTS[:1], model=model)
    with torch.no_grad():
        logits = network(torch.tensor([ids]), use_cache=False).logits[0].numpy()
    np.savez(folder / LOGITS, tokens=np.array(ids, np.int32), logits=logits)


def _write(file: Path, content: dict[str, Any]) -> None:
    part = file.with_name(f".{file.name}.tmp")
    part.write_text(json.dumps(content), encoding="utf-8")
    os.replace(part, file)


def _line() -> Tell:
    """Standard output as it is now, for lines of JSON; whatever else is printed from now on goes to standard error."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(2, 1)
    return lambda told: print(json.dumps(told), file=out)


def _end_with_owner() -> None:
    sys.stdin.buffer.read()
    os._exit(1)


if __name__ == "__main__":
    main()
