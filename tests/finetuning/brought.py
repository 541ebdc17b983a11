"""What whoever trains brings: a file of its own, since a worker takes over all of it."""

import linecache
from typing import Any


def cell(source: str, *, name: str = "<cell>") -> dict[str, Any]:
    """The names that a notebook's cell defines; as IPython does, its source can be looked up."""
    linecache.cache[name] = len(source), None, source.splitlines(keepends=True), name
    scope: dict[str, Any] = {}
    exec(compile(source, name, "exec"), scope)
    return scope


def lora_forward(x, w, a, b, alpha):
    return x @ w.T + alpha / len(a) * (x @ a.T) @ b.T


def mask_prompt_labels(ids, prompt_len, pad_id):
    end = next((i for i in range(prompt_len, len(ids)) if ids[i] == pad_id), len(ids) - 1)
    return [ids[i + 1] if prompt_len <= i + 1 <= end else -100 for i in range(len(ids))]
