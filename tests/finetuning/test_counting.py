"""FLOP by PyTorch's counter."""

import math

import pytest

from course.finetuning import counting, shapes
from tests.finetuning.brought import lora_forward


def test_lora_spares_a_third_of_a_step():
    n_params, n_trainable, n_tokens = sum(map(math.prod, shapes.of("smollm2-135m").values())), 2_442_240, 16
    full, lora = counting.step_flop(None, n_tokens=n_tokens), counting.step_flop(lora_forward, n_tokens=n_tokens)
    assert full == pytest.approx(6 * n_params * n_tokens, rel=0.02)
    assert lora == pytest.approx((4 * n_params + 6 * n_trainable) * n_tokens, rel=0.02)
