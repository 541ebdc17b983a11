"""A folder saved by transformers: its configuration, its weights one at a time, and whether the two agree.

What is of the model is what transformers loads of the folder, but for what it only warns of: weights that are missing,
left over or of another shape are an error here. Python files of the folder are never run.
"""

import json
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from course.llama.convert.architecture import ARCHITECTURES, EMBEDDING, HEAD, model_class
from course.llama.errors import LlamaError

if TYPE_CHECKING:
    import torch

_UNUSED = "rotary_emb.inv_freq"  # old checkpoints hold it; it is computed from the configuration


class NotACheckpoint(LlamaError):
    """A folder that transformers has not saved, or whose parts disagree: one line that says which and why."""


@dataclass(frozen=True)
class Weights:
    """The tensors of the opened files, by their names in those files."""

    shapes: dict[str, tuple[int, ...]]
    dtypes: dict[str, str]  # safetensors' own names: F32, F16, BF16, …
    _files: dict[str, Any]

    def __getitem__(self, name: str) -> "torch.Tensor":
        """The tensor, as it was saved."""
        return self._files[name].get_tensor(name)


@dataclass(frozen=True)
class Checkpoint:
    """A model whose configuration and weights agree."""

    folder: Path
    kind: str  # transformers' class, such as "LlamaForCausalLM"
    config: Any
    weights: Weights
    names: dict[str, str]  # by the name that the class has for a tensor: the file's

    def __getitem__(self, name: str) -> "torch.Tensor":
        """The tensor of this name in the class."""
        return self.weights[self.names[name]]

    def shape(self, name: str) -> tuple[int, ...]:
        return self.weights.shapes[self.names[name]]

    def dtype(self, name: str) -> str:
        return self.weights.dtypes[self.names[name]]


@contextmanager
def opened(folder: Path) -> Iterator[Checkpoint]:
    """The model in `folder`. Raises NotACheckpoint."""
    if str(folder).encode(errors="replace").decode() != str(folder):  # safetensors and tokenizers cannot open it
        raise NotACheckpoint(f"the name {str(folder)!r} is not UTF-8: rename the folder")
    kind = _kind(folder)
    config = _config(folder, kind)
    with _weights(folder) as weights:
        names = _names(folder, kind, config, weights)
        yield Checkpoint(folder, kind, config, weights, names)


def _kind(folder: Path) -> str:
    if os.path.exists(folder / "adapter_config.json"):  # of a folder that is closed, the next line says so
        raise NotACheckpoint(f"{folder} holds a LoRA adapter: merge it into its model first (peft's merge_and_unload)")
    known = _json(folder / "config.json")
    if "quantization_config" in known:
        raise NotACheckpoint(f"{folder} holds quantized weights: take the model's folder of full precision")
    match known.get("architectures"):
        case [str(kind), *_]:
            pass
        case _:
            raise NotACheckpoint(
                f"{folder / 'config.json'} names no architecture: save the model again with save_pretrained"
            )
    model_type = known.get("model_type")
    if kind in ARCHITECTURES and model_type == model_class(kind).config_class.model_type:
        return kind
    what = f"is a {kind} of type {model_type}" if kind in ARCHITECTURES else f"is a {kind}"
    own = ", computed by Python code of its own, which is never run" if "auto_map" in known else ""
    raise NotACheckpoint(f"{folder} {what}{own}: only {', '.join(ARCHITECTURES)} of transformers can be converted")


def _json(file: Path) -> dict[str, Any]:
    try:
        known = json.loads(file.read_text("utf-8"))
    except OSError as error:
        raise NotACheckpoint(
            f"{file.parent} is no folder saved by transformers: {file.name}: {error.strerror}"
        ) from error
    except ValueError as error:
        raise NotACheckpoint(f"{file} is broken ({error}): save or download it again") from error
    if not isinstance(known, dict):
        raise NotACheckpoint(f"{file} is broken (a {type(known).__name__}): save or download it again")
    return known


def _config(folder: Path, kind: str) -> Any:
    with quiet():
        try:
            config = model_class(kind).config_class.from_pretrained(folder, local_files_only=True)
        except Exception as error:  # its errors are other classes in each major version, without a base of their own
            raise NotACheckpoint(f"transformers cannot read {folder / 'config.json'}: {line(error)}") from error
    if config.hidden_act not in ("silu", "swish"):
        raise NotACheckpoint(f"{folder} computes with {config.hidden_act}: llama.cpp with silu in this architecture")
    if getattr(config, "use_sliding_window", False):
        raise NotACheckpoint(f"{folder} uses a sliding window in some layers: that cannot be converted")
    return config


@contextmanager
def _weights(folder: Path) -> Iterator[Weights]:
    from safetensors import SafetensorError, safe_open

    shapes, dtypes, files = {}, {}, {}
    with ExitStack() as stack:
        for file in _files(folder):
            try:
                file.open("rb").close()  # whose errors say more than those of safetensors
                opened = stack.enter_context(safe_open(file, framework="pt"))
                for name in opened.keys():  # noqa: SIM118, it is no dict
                    part = opened.get_slice(name)
                    shapes[name], dtypes[name], files[name] = tuple(part.get_shape()), part.get_dtype(), opened
            except (OSError, SafetensorError) as error:
                reason = getattr(error, "strerror", None) or error
                raise NotACheckpoint(f"{file} is missing or broken ({reason}): save or download it again") from error
        yield Weights(shapes, dtypes, files)


def _files(folder: Path) -> list[Path]:
    """The files of weights that transformers takes: one, before several."""
    whole, index = folder / "model.safetensors", folder / "model.safetensors.index.json"
    if whole.exists():
        return [whole]
    if not index.exists():
        raise NotACheckpoint(f"{folder} holds no model.safetensors: save the model with save_pretrained")
    try:
        return [folder / name for name in sorted(set(_json(index)["weight_map"].values()))]
    except (LookupError, AttributeError, TypeError) as error:
        raise NotACheckpoint(f"{index} is broken ({error}): save or download it again") from error


def _names(folder: Path, kind: str, config: Any, weights: Weights) -> dict[str, str]:
    """By the class's name: the file's. Unties the configuration where the file has a head of its own."""
    expected = _expected(folder, kind, config)
    prefix = f"{model_class(kind).base_model_prefix}."
    found = {}
    for name in weights.shapes:
        if not name.endswith(_UNUSED):
            whole = prefix + name  # a model saved without its head has no prefix
            found[whole if name not in expected and whole in expected else name] = name
    if config.tie_word_embeddings and HEAD in found and EMBEDDING in found:
        import torch

        if torch.equal(weights[found[HEAD]], weights[found[EMBEDDING]]):
            del found[HEAD]
        else:
            config.tie_word_embeddings = False
    missing = [name for name in expected if name not in found and not (name == HEAD and config.tie_word_embeddings)]
    if missing == [HEAD]:
        raise NotACheckpoint(
            f"{folder} holds no {HEAD}, and its config.json says that the embedding is not used as one "
            "(tie_word_embeddings): save the model again, or correct that"
        )
    if missing:
        raise NotACheckpoint(f"{folder} lacks weights that its config.json tells of: {_some(missing)}")
    if extra := [name for name in found if name not in expected]:
        raise NotACheckpoint(f"{folder} holds weights that its config.json tells nothing of: {_some(extra)}")
    for name, shape in expected.items():
        if name in found and weights.shapes[found[name]] != shape:
            raise NotACheckpoint(
                f"{folder}: {name} has the shape {weights.shapes[found[name]]}, and by config.json {shape}: "
                "correct config.json, or save the model again"
            )
        if name in found and not weights.dtypes[found[name]].startswith(("F", "BF")):
            raise NotACheckpoint(
                f"{folder}: {name} is of type {weights.dtypes[found[name]]}, which are no real weights"
            )
    return {name: found[name] for name in expected if name in found}


def _expected(folder: Path, kind: str, config: Any) -> dict[str, tuple[int, ...]]:
    """The names and shapes of a model of this configuration."""
    import torch

    with quiet(), torch.device("meta"):
        try:
            model = model_class(kind)(config)
        except Exception as error:  # whatever a configuration of nonsense leads to
            raise NotACheckpoint(f"{folder / 'config.json'} describes no model: {line(error)}") from error
    return {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}


def _some(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"


def line(error: Exception) -> str:
    """What an error of another package says, in one line of at most 200 characters."""
    return (" ".join(str(error).split()) or type(error).__name__)[:200]


@contextmanager
def quiet() -> Iterator[None]:
    """Without the warnings and progress bars of transformers."""
    from transformers.utils import logging

    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()
