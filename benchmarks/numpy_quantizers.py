"""The reference answers of lab 6, in NumPy, against the gguf package: the same bytes as ggml's, and how fast."""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jupytext
import numpy as np
from gguf import GGMLQuantizationType, GGUFReader, quants

from benchmarks import results
from benchmarks.cost import Failed
from course import build, models, paths
from course.llama import quantize

TYPES = {"Q8_0": ("ex-6-3", "quantize_q8_0"), "Q4_0": ("ex-6-4", "quantize_q4_0")}
MODEL = "two-bills-code"
IDENTICAL = f"lab 6's quantizers write every block of {MODEL} as ggml does, byte for byte, and so does the gguf package"


def rows(place: Path, *, rounds: int, n_weights: int) -> Iterator[dict[str, Any]]:
    """Seconds for so many weights, drawn from a normal distribution. Raises Failed if a byte differs from ggml's."""
    matrices = np.random.default_rng(0).standard_normal((max(1, n_weights // 2**20), 1024, 1024), dtype=np.float32)
    for kind, (cell, name) in TYPES.items():
        ours, theirs = answer(cell, name), GGMLQuantizationType[kind]
        require_identical(ours, kind, place)
        spent: dict[str, list[float]] = {"ours": [], "peer": []}
        for _ in range(rounds):
            for who, function in (("ours", ours), ("peer", lambda w, t=theirs: quants.quantize(w, t))):
                began = time.perf_counter()
                for weights in matrices:
                    function(weights)
                spent[who].append(time.perf_counter() - began)
        group, what = "Quantize in NumPy", f"{kind}, {len(matrices)} matrices of 1,024 × 1,024"
        yield results.compared(group, f"lab 6, {what}", spent["ours"], "the gguf package", spent["peer"], unit="s")


def answer(cell: str, name: str) -> Callable[[np.ndarray], np.ndarray]:
    """A function as the solution of lab 6 defines it."""
    notebook = jupytext.read(build.find(paths.PACKAGE.parent, "lab06").source)
    (source,) = (one.source for one in notebook.cells if one.metadata.get("nbgrader", {}).get("grade_id") == cell)
    space: dict[str, Any] = {"np": np}
    exec(source, space)
    return space[name]


def require_identical(ours: Callable[[np.ndarray], np.ndarray], kind: str, place: Path) -> None:
    """Raise Failed unless every tensor of that type in a file of ggml's is what `ours` and gguf make of the source."""
    source = models.path(MODEL)
    target = quantize.quantize(source, place / f"pure-{kind}.gguf", to=kind, pure=True, overwrite=True)
    weights = {tensor.name: np.asarray(tensor.data, np.float32) for tensor in GGUFReader(os.fspath(source)).tensors}
    made = [tensor for tensor in GGUFReader(os.fspath(target)).tensors if tensor.tensor_type.name == kind]
    if not made:
        raise Failed(f"ggml made no tensor of type {kind}")
    for tensor in made:
        for who, blob in (
            ("lab 6", ours(weights[tensor.name])),
            ("gguf", quants.quantize(weights[tensor.name], tensor.tensor_type)),
        ):
            if np.asarray(blob).tobytes() != np.asarray(tensor.data).tobytes():
                raise Failed(f"{who} writes {tensor.name} as {kind} otherwise than ggml")
