"""Small open models: what they are, where they come from, the checksum they are known by, and how to get them."""

from course.models.adding import add
from course.models.cache import fetch, folder_of, held_out, located, path, state
from course.models.catalogue import MODELS, ON_HUB, SMOLLM2, SMOLLM2_F16, TWO_BILLS_CODE, find
from course.models.model import Model, ModelError, Progress, Report, Source
from course.models.sources import Expansion, Shipped, Wheel
from course.models.store import folder

__all__ = [
    "MODELS",
    "ON_HUB",
    "SMOLLM2",
    "SMOLLM2_F16",
    "TWO_BILLS_CODE",
    "Expansion",
    "Model",
    "ModelError",
    "Progress",
    "Report",
    "Shipped",
    "Source",
    "Wheel",
    "add",
    "fetch",
    "find",
    "folder",
    "folder_of",
    "held_out",
    "located",
    "path",
    "state",
]
