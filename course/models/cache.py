"""Whether a model is here, where, and how to get it: once, under a scratch name until its checksum is right.

Whatever is interrupted or broken on the way leaves nothing behind.
"""

import errno
import json
import os
import stat
from functools import partial
from pathlib import Path
from typing import Literal

from course.models import added, store
from course.models.catalogue import MODELS, ON_HUB, SMOLLM2, find
from course.models.model import Model, ModelError, Progress
from course.models.sources import Expansion, Shipped

_DISK_FULL = (errno.ENOSPC, errno.EDQUOT)


def state(model: Model) -> Literal["ready", "missing", "corrupt"]:
    """Whether the model's file is here, byte for byte."""
    file = _place(model)
    if not file.is_file():
        return "missing"
    return "ready" if store.is_whole(model, file) else "corrupt"


def path(name: str = SMOLLM2.name) -> Path:
    """The model's file, checked. Raises ModelError if it is missing or corrupt: `course model fetch` gets it."""
    model = find(name)
    found, file = state(model), _place(model)
    if found == "ready":
        return file
    problem = f"the model {name} is not here yet" if found == "missing" else f"{file} is corrupt"
    raise ModelError(f"{problem}: {model.source.remedy(model)}")


def located(what: str) -> Path:
    """The file of a model that the course knows, of one that was added, or of a GGUF file named by its path.

    Raises ModelError.
    """
    if what in MODELS:
        return path(what)
    if kept := added.find(what):
        if kept.state != "ready":
            raise ModelError(f"{kept.file} is {kept.state}: run `course model fetch {kept.origin} --name {what}`")
        return kept.file
    if what in ON_HUB:
        raise ModelError(f"the model {what} is not here yet: run `course model fetch {what}`")
    try:
        found = Path(what).stat().st_mode
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.ENOTDIR):
            raise ModelError(f"{what}: {error.strerror}") from error
    else:
        if not stat.S_ISDIR(found):
            return Path(what)
        raise ModelError(f"{what} is a folder: `course model convert` makes a GGUF file of what transformers saved")
    known = ", ".join([*MODELS, *ON_HUB, *added.names()])
    raise ModelError(f"there is no model {what!r}, and no such file; the models are: {known}")


def folder_of(name: str) -> Path:
    """The folder of a model that came with the course: config.json, model.safetensors, tokenizer.json, held_out.jsonl,
    training_bill.json, and the GGUF file. Raises ModelError for a model that is one file."""
    source = find(name).source
    if not isinstance(source, Shipped):
        raise ModelError(f"{name} is a GGUF file and nothing else: `course model path {name}` names it")
    return source.folder


def held_out(name: str) -> list[str]:
    """The texts that the model has never been trained on, one for each file of its held-out data."""
    file = folder_of(name) / "held_out.jsonl"
    try:
        return [json.loads(line)["text"] for line in file.read_text("utf-8").splitlines()]
    except (OSError, ValueError, KeyError) as error:
        raise ModelError(f"{file} is missing or broken ({error}): {find(name).source.remedy(find(name))}") from error


def fetch(name: str, progress: Progress | None = None) -> Path:
    """Get the model, and what it is made from, unless it is there already; replaces a corrupt file.

    Raises ModelError: unknown name, no connection, no disk space, or a file that is not the one the course knows.
    """
    model = find(name)
    if state(model) == "ready" or isinstance(model.source, Shipped):
        return path(name)
    if isinstance(model.source, Expansion):
        fetch(model.source.of.name, progress)
    report = partial(progress or _say_nothing, name)
    report(0, 0)
    file = _place(model)
    file.unlink(missing_ok=True)
    needed_bytes = model.size_bytes + model.source.extra_bytes
    store.check_space(model.name, needed_bytes)
    with store.scratch() as scratch:
        part = scratch / model.file
        try:
            model.source.write(part, report)
            if not store.is_whole(model, part):
                raise ModelError(f"the {model.source.label} holds another file than the course knows (checksum)")
        except ModelError as error:
            raise ModelError(f"{error}; nothing was kept: run `course model fetch {name}` again") from error
        except OSError as error:
            raise store.no_space(name, needed_bytes) if error.errno in _DISK_FULL else ModelError(str(error)) from error
        os.replace(part, file)
    return file


def _place(model: Model) -> Path:
    parent = model.source.folder if isinstance(model.source, Shipped) else store.folder()
    return parent / model.file


def _say_nothing(name: str, done_bytes: int, total_bytes: int) -> None:
    pass
