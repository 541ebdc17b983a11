"""A folder saved by transformers: its configuration, and its weights one at a time."""

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from course.llama.errors import LlamaError


class NotACheckpoint(LlamaError):
    """A folder that transformers has not saved, or not wholly: one line that says which and why."""


@dataclass(frozen=True)
class Weights:
    """The tensors of the opened files, by their names in transformers."""

    shapes: dict[str, tuple[int, ...]]
    dtypes: dict[str, str]  # safetensors' own names: F32, F16, BF16, …
    _files: dict[str, Any]

    def __getitem__(self, name: str):
        """The tensor, of torch, in float32."""
        import torch

        return self._files[name].get_tensor(name).to(torch.float32)


def architecture(folder: Path) -> str:
    """The class of the model, such as "LlamaForCausalLM". Raises NotACheckpoint."""
    file = folder / "config.json"
    try:
        config = json.loads(file.read_text("utf-8"))
        if "quantization_config" in config:
            raise NotACheckpoint(f"{folder} holds quantized weights: take the model's folder of full precision")
        return config["architectures"][0]
    except OSError as error:
        raise NotACheckpoint(f"{folder} is no folder saved by transformers: {file.name}: {error.strerror}") from error
    except (ValueError, LookupError, TypeError) as error:
        if isinstance(error, NotACheckpoint):
            raise
        raise NotACheckpoint(f"{file} names no architecture: save the model again with save_pretrained") from error


@contextmanager
def weights(folder: Path) -> Iterator[Weights]:
    """The folder's tensors, opened. Raises NotACheckpoint."""
    from safetensors import SafetensorError, safe_open

    shapes, dtypes, files = {}, {}, {}
    with ExitStack() as stack:
        for file in _files(folder):
            try:
                opened = stack.enter_context(safe_open(file, framework="pt"))
                for name in opened.keys():  # noqa: SIM118, it is no dict
                    part = opened.get_slice(name)
                    shapes[name], dtypes[name], files[name] = tuple(part.get_shape()), part.get_dtype(), opened
            except (OSError, SafetensorError) as error:
                raise NotACheckpoint(f"{file} is missing or broken ({error}): save or download it again") from error
        yield Weights(shapes, dtypes, files)


def _files(folder: Path) -> list[Path]:
    index = folder / "model.safetensors.index.json"
    if index.exists():
        try:
            return [folder / name for name in sorted(set(json.loads(index.read_text("utf-8"))["weight_map"].values()))]
        except (ValueError, LookupError, AttributeError) as error:
            raise NotACheckpoint(f"{index} is broken ({error}): save or download it again") from error
    if not (folder / "model.safetensors").exists():
        raise NotACheckpoint(f"{folder} holds no model.safetensors: save the model with save_pretrained")
    return [folder / "model.safetensors"]
