"""The functions that whoever trains brings along, and how they come into a process of their own.

A notebook's functions live in its process. The worker gets the source of the cells that define them: what an answer
needs, its cell holds; of what stands elsewhere, only the modules below are there.
"""

import ast
import linecache
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FunctionType
from typing import TYPE_CHECKING, Any

from course.finetuning.folder import FUNCTIONS
from course.finetuning.recipe import FinetuningError

if TYPE_CHECKING:
    import torch

Forward = Callable[["torch.Tensor", "torch.Tensor", "torch.Tensor", "torch.Tensor", float], "torch.Tensor"]
Labels = Callable[[list[int], int, int], Sequence[int]]

_THERE = "import math\n\nimport numpy as np\nimport torch\n"


@dataclass(frozen=True)
class Functions:
    """What a layer computes of (x, w, a, b, alpha), and the labels of (ids, prompt_len, pad_id)."""

    lora_forward: Forward
    mask_prompt_labels: Labels


def source_of(function: Callable[..., Any]) -> str:
    """The source of the cell, or file, that defines the function. Raises FinetuningError where there is none."""
    place = function.__code__.co_filename if isinstance(function, FunctionType) else ""
    lines = linecache.getlines(place)
    if not lines:
        raise FinetuningError(f"{getattr(function, '__name__', function)} has no source: define it in a cell")
    return f"{_THERE}\n\n{''.join(lines)}"


def is_same(one: str, other: str) -> bool:
    """Whether two sources differ in no more than comments and layout."""
    return ast.dump(ast.parse(one)) == ast.dump(ast.parse(other))


def load(folder: Path) -> Functions:
    """The functions whose source lies in a run's folder. Raises FinetuningError, naming the line, where it cannot."""
    return Functions(**{name: told(_defined(name, folder / file)) for name, file in FUNCTIONS.items()})


def _defined(name: str, file: Path) -> Callable[..., Any]:
    scope: dict[str, Any] = {"__name__": name}
    try:
        exec(compile(file.read_text(encoding="utf-8"), str(file), "exec"), scope)
    except Exception as error:
        raise FinetuningError(f"the cell of {name} cannot run ({_reason(error)})") from None
    if name not in scope:
        raise FinetuningError(f"there is no function {name}: call yours that")
    return scope[name]


def told(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, whose errors say that they are its own."""

    def tells(*args: Any) -> Any:
        try:
            return function(*args)
        except Exception as error:
            raise FinetuningError(f"{function.__name__} raised {_reason(error)}") from error

    return tells


def _reason(error: Exception) -> str:
    """What was raised, and in which line of the source."""
    ours = tuple(FUNCTIONS.values())
    lines = [frame.line for frame in traceback.extract_tb(error.__traceback__) if frame.filename.endswith(ours)]
    at = f" at `{lines[-1]}`" if lines and lines[-1] else ""
    hint = ": define it in the same cell" if isinstance(error, NameError) else ""
    return f"{type(error).__name__}: {error}{at}{hint}"
