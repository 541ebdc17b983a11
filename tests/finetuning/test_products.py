"""Which numbers are multiplied faster here."""

import time

import torch

from course.finetuning import products


def test_it_names_one_of_the_two_at_once():
    began = time.perf_counter()
    assert products.faster() in ("float32", "bfloat16")
    assert time.perf_counter() - began < 10


def test_a_kind_that_is_slow_is_not_taken(monkeypatch):
    multiply = torch.Tensor.__matmul__

    def slow(self, other):
        time.sleep(0.02 if self.dtype == torch.bfloat16 else 0.0)
        return multiply(self, other)

    monkeypatch.setattr(torch.Tensor, "__matmul__", slow)
    assert products.faster() == "float32"
