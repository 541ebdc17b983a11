"""GGUF files written anew with something changed: what a person would have to damage by hand."""

from collections.abc import Collection, Mapping
from pathlib import Path

import gguf


def rewritten(
    source: Path, target: Path, *, fields: Mapping[str, object] = {}, without: Collection[str] = (), arch: str = "llama"
) -> Path:
    """A copy of `source` without its tokenizer, and without some tensors; `fields` are added or replaced."""
    read, writer = gguf.GGUFReader(source), gguf.GGUFWriter(target, arch)
    known = {key: (field.contents(), field.types[0]) for key, field in read.fields.items() if key.startswith(arch)}
    for key, value in fields.items():
        known[key] = value, known[key][1] if key in known else gguf.GGUFValueType.get_type(value)
    for key, (value, kind) in known.items():
        writer.add_key_value(key, value, kind)
    for one in read.tensors:
        if one.name not in without:
            writer.add_tensor(one.name, one.data)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return target
