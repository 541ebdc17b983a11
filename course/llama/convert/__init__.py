"""Models between torch and llama.cpp, whole or as a LoRA adapter; each way is checked before its result gets a name.

    convert         a folder saved by transformers → a GGUF file    (gguf_file; checkpoint, tokenizer, comparison)
    torch_model     a GGUF file → a model of transformers           (torch_model)
    write_adapter   a Lora: matrices of torch → a GGUF file         ┐
    read_adapter    and back                                        │ (lora)
    merge_adapter   a model and an adapter, GGUF files → a model    ┘

Llama, Mistral, Qwen2 and Qwen3, with byte-level BPE tokenizers. llama.cpp's own converters do many more, and are part
of none of its packages; names, types and the format are here those of its gguf package. What differs between the two
worlds is in `architecture`.
"""

from course.llama.convert.architecture import ARCHITECTURES, ConvertError
from course.llama.convert.gguf_file import convert
from course.llama.convert.lora import Lora, merge_adapter, read_adapter, write_adapter
from course.llama.convert.torch_model import torch_model

__all__ = [
    "ARCHITECTURES",
    "ConvertError",
    "Lora",
    "convert",
    "merge_adapter",
    "read_adapter",
    "torch_model",
    "write_adapter",
]
