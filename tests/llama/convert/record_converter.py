"""What llama.cpp's own converter makes of the fixed adapter: written by hand into converter.json, where tests read it.

    pip download --no-deps --no-binary llama-cpp-python llama-cpp-python==VERSION, unpack it, then
    python -m tests.llama.convert.record_converter UNPACKED/vendor/llama.cpp

The converter is part of no package, and its source is 77 MB: too much for a test.
"""

import hashlib
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import gguf
from safetensors.torch import save_file

from course.llama.convert import Lora
from course.setting_up import wheel
from tests.llama import tiny_models
from tests.llama.convert import adapters

RECORD = Path(__file__).with_name("converter.json")
KINDS = {
    "Llama": ("Llama", {}),
    "Mistral, wide heads": ("Mistral", {"head_dim": 32}),
    "Qwen2": ("Qwen2", {}),
    "Qwen3": ("Qwen3", {"head_dim": 32}),
}


def save_as_peft(lora: Lora, folder: Path) -> None:
    """As peft's save_pretrained does."""
    folder.mkdir()
    rank = len(next(iter(lora.pairs.values()))[0])
    settings = {"peft_type": "LORA", "base_model_name_or_path": "tiny", "r": rank, "lora_alpha": lora.alpha}
    (folder / "adapter_config.json").write_text(json.dumps(settings))
    factors = {}
    for name, (a, b) in lora.pairs.items():
        factors[f"base_model.model.{name}.lora_A.weight"] = a.contiguous()
        factors[f"base_model.model.{name}.lora_B.weight"] = b.contiguous()
    save_file(factors, folder / "adapter_model.safetensors")


def told(file: Path) -> dict:
    """What matters of an adapter's file: its kind, its alpha, and each tensor by a checksum."""
    read = gguf.GGUFReader(file)
    keys = ("general.architecture", "general.type", "adapter.type", "adapter.lora.alpha")
    return {
        **{key: read.fields[key].contents() for key in keys},
        "tensors": {
            one.name: f"{one.tensor_type.name} {one.shape.tolist()} {hashlib.sha256(one.data.tobytes()).hexdigest()}"
            for one in sorted(read.tensors, key=lambda one: one.name)
        },
    }


def _record(source: Path) -> None:
    found = {}
    for kind, (name, options) in KINDS.items():
        with tempfile.TemporaryDirectory() as place:
            model, adapter, out = (Path(place) / one for one in ("model", "adapter", "adapter.gguf"))
            tiny_models.save(model, name, **options)
            save_as_peft(adapters.fixed(adapters.loaded(model)), adapter)
            converter = [sys.executable, source / "convert_lora_to_gguf.py", "--base", model, "--outfile", out, adapter]
            subprocess.run(converter, check=True)
            found[kind] = told(out)
    RECORD.write_text(json.dumps({"llama-cpp-python": wheel.LLAMA_CPP_PYTHON, **found}, indent=1) + "\n")


if __name__ == "__main__":
    _record(Path(sys.argv[1]))
