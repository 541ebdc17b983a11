"""The models that are here."""

from tests.llama.conftest import code, smollm2_f16

__all__ = ["code", "smollm2_f16"]
